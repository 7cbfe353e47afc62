/* SPDX-License-Identifier: Apache-2.0
 * probe.h - asks a tool whether a call happened, under its idempotency key (standard R3).
 *
 * The action declares it: "GET /refunds/{key}" below the tool's base URL. A 2xx says that the call
 * happened, and its answer stands for the call's; 404 and 410 say that it did not; anything else,
 * and no answer in time, says nothing.
 */
#ifndef AIRE_GATEWAY_PROBE_H
#define AIRE_GATEWAY_PROBE_H

#include "gateway/exchange.h"

enum probe_says { PROBE_NOTHING, PROBE_HAPPENED, PROBE_NOT };

struct probe;

/* `done` runs once, never before this returns; `answer` (of PROBE_HAPPENED, tool_answer.h) lasts
 * until it returns. x->tool.key is the key. */
struct probe *probe_ask(struct exchange *x,
                        void (*done)(struct exchange *x, enum probe_says says, struct str answer));
void probe_cancel(struct probe *probe); /* `done` will not run */

#endif
