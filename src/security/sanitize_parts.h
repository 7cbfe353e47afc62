/* SPDX-License-Identifier: Apache-2.0
 * sanitize_parts.h - what the two steps of sanitize share; of no use to others.
 */
#ifndef AIRE_SECURITY_SANITIZE_PARTS_H
#define AIRE_SECURITY_SANITIZE_PARTS_H

#include "security/sanitize.h"

/* Counts one finding, and tells its place while there is room: NULL when there is none. */
struct sanitize_finding *sanitize_found(struct sanitize_result *result,
                                        struct sanitize_finding finding);

/* The second step: result->view from result->seen. */
void sanitize_tokens(struct arena *arena, struct sanitize_result *result);

#endif
