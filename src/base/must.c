/* SPDX-License-Identifier: Apache-2.0
 * must.c - the last words of a process that found a bug in itself or has no memory left.
 *
 * The one exception to "base does no input or output": there is nobody left to return an error to.
 */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_fail(const char *condition, const char *file, int line, const char *function)
{
    (void)fprintf(stderr, "bug: %s:%d: %s: must(%s)\n", file, line, function, condition);
    abort();
}

_Noreturn void must_have_memory(void)
{
    /* Literal text only: formatting may itself want memory. */
    (void)fputs("out of memory\n", stderr);
    abort();
}
