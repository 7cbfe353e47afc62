/* SPDX-License-Identifier: Apache-2.0
 * review.h - a human decision asked for (HITL) and its answer.
 */
#ifndef AIRE_DOMAIN_REVIEW_H
#define AIRE_DOMAIN_REVIEW_H

#include <stdint.h>

enum review_state { REVIEW_PENDING, REVIEW_APPROVED, REVIEW_REJECTED, REVIEW_EDITED };

static inline const char *review_state_name(enum review_state state)
{
    static const char *const names[] = {"pending", "approved", "rejected", "edited"};
    return names[state];
}

#endif
