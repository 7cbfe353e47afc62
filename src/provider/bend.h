/* SPDX-License-Identifier: Apache-2.0
 * bend.h - applies to an answer those faults that change what is said: events left out, added,
 * broken. How it is sent is play.h's.
 */
#ifndef AIRE_PROVIDER_BEND_H
#define AIRE_PROVIDER_BEND_H

#include "provider/answer.h"
#include "provider/script.h"

void bend_answer(struct answer *answer, const struct script_do *act);

/* Writes `data` as at most `lines_max` lines, each begun by `data: `, broken where JSON allows a
 * line end; `line_end` follows each. */
void bend_data_lines(struct buf *to, struct str data, uint64_t lines_max, struct str line_end);

#endif
