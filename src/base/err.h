/* SPDX-License-Identifier: Apache-2.0
 * err.h - why an operation did not succeed, and the words for a person.
 *
 * One list gives the enum, the name and the text. Programmer errors are must(), not an err.
 */
#ifndef AIRE_BASE_ERR_H
#define AIRE_BASE_ERR_H

#define ERR_LIST(X)                                                                                \
    X(OK, "success")                                                                               \
    X(AGAIN, "not now; try again when told")                                                       \
    X(CLOSED, "the other side closed")                                                             \
    X(RESET, "the other side reset the connection")                                                \
    X(REFUSED, "connection refused")                                                               \
    X(UNREACHABLE, "host unreachable")                                                             \
    X(DNS, "name not resolved")                                                                    \
    X(TLS, "secure connection failed")                                                             \
    X(TIMEOUT, "deadline passed")                                                                  \
    X(CANCELLED, "cancelled")                                                                      \
    X(LIMIT, "over a declared limit")                                                              \
    X(SYNTAX, "malformed")                                                                         \
    X(RANGE, "out of range")                                                                       \
    X(INVALID, "not valid here")                                                                   \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(DENIED, "not permitted")                                                                     \
    X(BUSY, "in use")                                                                              \
    X(FULL, "no space left")                                                                       \
    X(CORRUPT, "damaged data")                                                                     \
    X(IO, "input or output failed")                                                                \
    X(UNKNOWN, "outcome unknown")                                                                  \
    X(UNSUPPORTED, "not supported")

enum err {
#define X(name, text) ERR_##name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
};

/* Results that carry an err must be looked at. */
#define MUST_USE                          __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, values_at) __attribute__((format(printf, format_at, values_at)))

/* "TIMEOUT" and "deadline passed"; never NULL. */
const char *err_name(enum err code);
const char *err_text(enum err code);

/* Says in words that an outcome does not matter here. */
static inline void err_ignore(enum err code)
{
    (void)code;
}

/* An error that a person will read: what, and where in a file (line 0: no place). */
struct fault {
    enum err code;
    unsigned line;
    unsigned column;
    char words[256];
};

/* Fills `fault` (may be NULL) and returns `code`, so that `return fault_set(...)` reads well. */
enum err fault_set(struct fault *fault, enum err code, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
