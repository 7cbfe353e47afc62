/* SPDX-License-Identifier: Apache-2.0
 * keeper.h - a thread that gives back runs whose worker is lost: their lease ran out. For ever, not
 * only at start-up. What is given back waits its back-off for another try; without tries left the
 * run is dead until a person lets it go on.
 */
#ifndef AIRE_APP_KEEPER_H
#define AIRE_APP_KEEPER_H

#include "gateway/gateway.h"

#define KEEPER_TICK_MS 500

struct keeper;

struct keeper *keeper_start(struct commons *commons);
void keeper_stop(struct keeper *keeper); /* NULL is fine */

#endif
