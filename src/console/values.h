/* SPDX-License-Identifier: Apache-2.0
 * values.h - the parameters of a call, read and checked against its route's table.
 */
#ifndef AIRE_CONSOLE_VALUES_H
#define AIRE_CONSOLE_VALUES_H

#include "console/asked.h"

/* Fills asked->values from path, query and body. False: it has answered why not (400 malformed,
 * 413, 422 not as declared). */
bool values_take(struct asked *asked);

#endif
