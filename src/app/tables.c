/* SPDX-License-Identifier: Apache-2.0
 * tables.c - who owns tables in the store. */
#include "app/tables.h"

#include "gateway/ledger.h"
#include "operations/stops.h"
#include "resilience/queue_store.h"
#include "resilience/run_store.h"
#include "resilience/workflow_store.h"
#include "security/identity.h"
#include "security/keyring.h"
#include "security/limits.h"
#include "store/history.h"

void tables_schemas(struct schema schemas[TABLES_SCHEMAS])
{
    const struct schema *const owners[TABLES_SCHEMAS] = {
        &ledger_schema, &identity_schema, &limits_schema, &stops_schema,  &keyring_schema,
        &run_schema,    &workflow_schema, &queue_schema,  &history_schema};
    for (size_t i = 0; i < TABLES_SCHEMAS; i++) {
        schemas[i] = *owners[i];
    }
}
