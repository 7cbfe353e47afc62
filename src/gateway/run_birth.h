/* SPDX-License-Identifier: Apache-2.0
 * run_birth.h - the rows with which a durable run begins: itself, and its data key.
 */
#ifndef AIRE_GATEWAY_RUN_BIRTH_H
#define AIRE_GATEWAY_RUN_BIRTH_H

#include "gateway/gateway.h"
#include "resilience/run_store.h"
#include "security/keyring.h"

struct run_birth {
    struct str id;
    struct str agent;
    struct key_scope scope; /* with its tenant and principal */
    struct wall now;
    /* what comes of it */
    int64_t number;
    struct data_key key; /* wiped by the caller */
};

/* Two steps, in the arena; EXISTS when the tenant has a run of this id. Between keyring_begin and
 * keyring_commit. */
#define RUN_BIRTH_STEPS 2
void run_birth(struct commons *commons, struct run_birth *birth, struct arena *arena,
               struct store_step steps[RUN_BIRTH_STEPS]);

#endif
