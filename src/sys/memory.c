/* SPDX-License-Identifier: Apache-2.0
 * memory.c - glibc's allocator, tuned. Elsewhere these do nothing. */
#include "sys/memory.h"

#include <malloc.h>

void memory_tune(unsigned threads)
{
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, (int)threads + 2);
    (void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
#else
    (void)threads;
#endif
}

void memory_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}
