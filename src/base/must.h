/* SPDX-License-Identifier: Apache-2.0
 * must.h - assertions that stay on in release builds.
 *
 * must(condition) states what only a bug in this program can break; it ends the process with the
 * place and the condition. Anything that input, the network, the disk or an operator can cause is
 * an `enum err`, never a must().
 */
#ifndef AIRE_BASE_MUST_H
#define AIRE_BASE_MUST_H

#include <stddef.h>

#define must(condition)                                                                            \
    ((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__, __func__))

_Noreturn void must_fail(const char *condition, const char *file, int line, const char *function);

/* Ends the process because memory is exhausted; the journal recovers what was acknowledged. */
_Noreturn void must_have_memory(void);

/* What an allocation gave. */
static inline void *must_have(void *memory)
{
    if (memory == NULL) {
        must_have_memory();
    }
    return memory;
}

#endif
