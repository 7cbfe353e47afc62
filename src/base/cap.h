/* SPDX-License-Identifier: Apache-2.0
 * cap.h - one shared allowance (buffered bytes, connections) that many threads take from and return
 * to. Invariant: used <= max; what was taken is returned exactly once.
 */
#ifndef AIRE_BASE_CAP_H
#define AIRE_BASE_CAP_H

#include "base/must.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct cap {
    _Atomic size_t used;
    size_t max;
};

static inline bool cap_take(struct cap *cap, size_t amount)
{
    size_t before = atomic_fetch_add_explicit(&cap->used, amount, memory_order_relaxed);
    if (before + amount > cap->max || before + amount < before) {
        atomic_fetch_sub_explicit(&cap->used, amount, memory_order_relaxed);
        return false;
    }
    return true;
}

static inline void cap_return(struct cap *cap, size_t amount)
{
    size_t before = atomic_fetch_sub_explicit(&cap->used, amount, memory_order_relaxed);
    must(before >= amount);
}

static inline size_t cap_used(struct cap *cap)
{
    return atomic_load_explicit(&cap->used, memory_order_relaxed);
}

#endif
