/* SPDX-License-Identifier: Apache-2.0
 * wipe.h - memory that held people's words is wiped before it is given back, once the process was
 * told that it serves a route which keeps nothing (standard S7: `ephemeral`).
 *
 * The one switch of the whole process, because what holds words (buffers, arenas, connections) does
 * not know whose they are, and must not be able to forget. It is never switched off: what was read
 * before is released after. Off, releasing costs what it did; always on, it would be 1.2 % of a
 * plain request.
 */
#ifndef AIRE_BASE_WIPE_H
#define AIRE_BASE_WIPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

extern _Atomic bool wipe_is_on; /* read it by wipe_on() */

void wipe_begin(void); /* from any thread, as often as one likes */

static inline bool wipe_on(void)
{
    return atomic_load_explicit(&wipe_is_on, memory_order_relaxed);
}

static inline void wipe(void *at, size_t bytes)
{
    if (wipe_on() && bytes > 0) {
        explicit_bzero(at, bytes);
    }
}

#endif
