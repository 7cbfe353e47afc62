/* SPDX-License-Identifier: Apache-2.0
 * err.c - names and words of the error list.
 *
 * Invariant: both tables come from ERR_LIST, so a code cannot lack its text.
 */
#include "base/err.h"

#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[ERR_COUNT] = {
#define X(name, text) #name,
    ERR_LIST(X)
#undef X
};

static const char *const texts[ERR_COUNT] = {
#define X(name, text) text,
    ERR_LIST(X)
#undef X
};

const char *err_name(enum err code)
{
    return (unsigned)code < ERR_COUNT ? names[code] : "?";
}

const char *err_text(enum err code)
{
    return (unsigned)code < ERR_COUNT ? texts[code] : "unknown error code";
}

enum err fault_set(struct fault *fault, enum err code, const char *format, ...)
{
    must(code != ERR_OK);
    if (fault == NULL) {
        return code;
    }
    fault->code = code;
    va_list values;
    va_start(values, format);
    /* Cutting off overlong words is intended: they are for a person. */
    if (vsnprintf(fault->words, sizeof fault->words, format, values) < 0) {
        fault->words[0] = '\0';
    }
    va_end(values);
    /* Words quote what was found: a message is one line all the same. */
    for (char *at = fault->words; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
    return code;
}
