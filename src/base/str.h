/* SPDX-License-Identifier: Apache-2.0
 * str.h - a borrowed run of bytes. It never owns, is never NUL-terminated by contract, and may hold
 * any byte. `at` may be NULL only when `len` is 0.
 */
#ifndef AIRE_BASE_STR_H
#define AIRE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

struct str {
    const char *at;
    size_t len;
};

/* From a string literal. */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* The same where the language wants a constant: initialisers of static tables. */
#define STR_CONST(literal)                                                                         \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
/* For printf("%.*s", STR_ARG(s)). */
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).len, (s).at ? (s).at : ""

struct str str_of(const char *c_string);                  /* NULL gives the empty str */
struct str str_cut(struct str s, size_t from, size_t to); /* [from, to), clamped to s */

bool str_equal(struct str a, struct str b);
bool str_equal_ci_all(struct str a, struct str b); /* of one length */
/* ASCII letters only. Names that differ mostly do so in length or first letter: no call for those.
 */
static inline bool str_equal_ci(struct str a, struct str b)
{
    return a.len == b.len &&
           (a.len == 0 || (((a.at[0] ^ b.at[0]) & ~0x20) == 0 && str_equal_ci_all(a, b)));
}

int str_compare(struct str a, struct str b); /* memcmp order, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Index of the first match, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
size_t str_find_byte(struct str s, char byte);

/* A space, a tab, CR or LF: white space of JSON. */
static inline bool str_is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct str str_trim(struct str s); /* without blanks at both ends */

/* Cuts off the part before the first `separator` into *head and advances *rest behind it; false
 * when *rest is empty. The last part has no separator after it. */
bool str_split(struct str *rest, char separator, struct str *head);

/* Copies into a C string of `room` bytes, always terminated; false when it was cut short. */
bool str_copy(struct str s, char *to, size_t room);

/* Edit distance, for "did you mean"; at most 64 bytes of each are looked at. */
size_t str_distance(struct str a, struct str b);

#endif
