/* SPDX-License-Identifier: Apache-2.0
 * tables.h - the composition root's joins: the schemas of everything that is stored. */
#ifndef AIRE_APP_TABLES_H
#define AIRE_APP_TABLES_H

#include "store/store.h"

#define TABLES_SCHEMAS 9

void tables_schemas(struct schema schemas[TABLES_SCHEMAS]);

#endif
