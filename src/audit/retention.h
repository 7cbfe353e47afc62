/* SPDX-License-Identifier: Apache-2.0
 * retention.h - records over age go, class by class (standard S2), and the history says so: in the
 * unit that removes them a record names their places, and is itself kept for ever.
 */
#ifndef AIRE_AUDIT_RETENTION_H
#define AIRE_AUDIT_RETENTION_H

#include "gateway/gateway.h"
#include "telemetry/events.h"

#define RETENTION_ROWS 256 /* at once: their places fit into one event, however they lie */

/* One batch of the oldest ones; from[class] is where to go on, 0 at first. *gone: how many went;
 * when fewer than RETENTION_ROWS there are no more. Blocks: never on a loop. */
enum err retention_prune(struct commons *commons, enum event_class class, int64_t *from,
                         size_t *gone) MUST_USE;

#endif
