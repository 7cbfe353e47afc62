/* SPDX-License-Identifier: Apache-2.0
 * wipe.c - the switch of wipe.h. */
#include "base/wipe.h"

_Atomic bool wipe_is_on;

void wipe_begin(void)
{
    atomic_store_explicit(&wipe_is_on, true, memory_order_relaxed);
}
