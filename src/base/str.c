/* SPDX-License-Identifier: Apache-2.0
 * str.c - operations on borrowed bytes.
 *
 * Invariant: no function reads at[len] or beyond, and none passes a NULL `at` to the C library,
 * where even a length of zero would be undefined.
 */
#include "base/str.h"

#include "base/must.h"

#include <stdint.h>
#include <string.h>

#define DISTANCE_MAX 64

struct str str_of(const char *c_string)
{
    return c_string ? (struct str){c_string, strlen(c_string)} : (struct str){"", 0};
}

struct str str_cut(struct str s, size_t from, size_t to)
{
    to = to < s.len ? to : s.len;
    from = from < to ? from : to;
    /* NULL + 0 is undefined in C, hence the test. */
    return (struct str){s.at ? s.at + from : "", to - from};
}

bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Eight bytes at a time while they are equal or differ in the case bit alone; most names that
 * differ do so in their first bytes. */
bool str_equal_ci_all(struct str a, struct str b)
{
    must(a.len == b.len);
    size_t i = 0;
    for (; i + 8 <= a.len; i += 8) {
        uint64_t x;
        uint64_t y;
        memcpy(&x, a.at + i, 8);
        memcpy(&y, b.at + i, 8);
        if (((x ^ y) & ~UINT64_C(0x2020202020202020)) != 0) {
            return false;
        }
        for (size_t k = i; x != y && k < i + 8; k++) {
            if (lower(a.at[k]) != lower(b.at[k])) {
                return false;
            }
        }
    }
    for (; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) {
            return false;
        }
    }
    return true;
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_equal(str_cut(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_equal(str_cut(s, s.len - suffix.len, s.len), suffix);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    if (needle.len > s.len) {
        return SIZE_MAX;
    }
    const char *hit = memmem(s.at, s.len, needle.at, needle.len);
    return hit ? (size_t)(hit - s.at) : SIZE_MAX;
}

size_t str_find_byte(struct str s, char byte)
{
    const char *hit = s.len ? memchr(s.at, byte, s.len) : NULL;
    return hit ? (size_t)(hit - s.at) : SIZE_MAX;
}

struct str str_trim(struct str s)
{
    size_t from = 0;
    size_t to = s.len;
    while (from < to && str_is_blank(s.at[from])) {
        from++;
    }
    while (to > from && str_is_blank(s.at[to - 1])) {
        to--;
    }
    return str_cut(s, from, to);
}

bool str_split(struct str *rest, char separator, struct str *head)
{
    if (rest->len == 0) {
        return false;
    }
    size_t at = str_find_byte(*rest, separator);
    *head = str_cut(*rest, 0, at);
    *rest = str_cut(*rest, at == SIZE_MAX ? at : at + 1, SIZE_MAX);
    return true;
}

bool str_copy(struct str s, char *to, size_t room)
{
    must(to != NULL && room > 0);
    size_t bytes = s.len < room ? s.len : room - 1;
    if (bytes > 0) {
        memcpy(to, s.at, bytes);
    }
    to[bytes] = '\0';
    return bytes == s.len;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein 1966, with one row of the matrix kept (Wagner and Fischer 1974). */
size_t str_distance(struct str a, struct str b)
{
    a = str_cut(a, 0, DISTANCE_MAX);
    b = str_cut(b, 0, DISTANCE_MAX);
    size_t row[DISTANCE_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replaced = diagonal + (a.at[i - 1] != b.at[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[b.len];
}
