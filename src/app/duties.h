/* SPDX-License-Identifier: Apache-2.0
 * duties.h - timed work that belongs to no exchange: retention, memory.
 */
#ifndef AIRE_APP_DUTIES_H
#define AIRE_APP_DUTIES_H

#include "gateway/gateway.h"

struct duties;

struct duties *duties_start(const struct env *env, struct commons *commons);
void duties_stop(struct duties *duties); /* NULL is fine */

#define DUTIES_TICK_MS  2000
#define DUTIES_PRUNE_MS UINT64_C(600000)
#define DUTIES_ROUNDS   1000 /* of a thousand rows of runs, each time */

#endif
