/* SPDX-License-Identifier: Apache-2.0
 * fleeting.c - small patterns, tried where a word begins. In a pattern, 9 is a digit, x a
 * hexadecimal digit; every other byte is itself. */
#include "text/fleeting.h"

#include "base/text.h"

#include <string.h>

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_word(char byte)
{
    return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || byte == '_' ||
           (unsigned char)byte >= 0x80;
}

static char at(struct str text, size_t i)
{
    if (i >= text.len) {
        return '\0';
    }
    return text.at[i];
}

/* Length of `pattern` at `from`, or 0. */
static size_t fits(struct str text, size_t from, const char *pattern)
{
    size_t len = 0;
    for (; pattern[len] != '\0'; len++) {
        char byte = at(text, from + len);
        bool fit = pattern[len] == '9'   ? is_digit(byte)
                   : pattern[len] == 'x' ? text_hex_digit(byte) >= 0
                                         : byte == pattern[len];
        if (!fit) {
            return 0;
        }
    }
    return len;
}

/* 08:30:00 with its fraction and zone. */
static size_t time_at(struct str text, size_t from)
{
    size_t len = fits(text, from, "99:99:99");
    if (len == 0) {
        return 0;
    }
    if (at(text, from + len) == '.' && is_digit(at(text, from + len + 1))) {
        len++;
        while (is_digit(at(text, from + len))) {
            len++;
        }
    }
    char sign = at(text, from + len);
    if (sign == 'Z') {
        return len + 1;
    }
    if (sign == '+' || sign == '-') {
        size_t zone = fits(text, from + len + 1, "99:99");
        zone = zone > 0 ? zone : fits(text, from + len + 1, "9999");
        len += zone > 0 ? zone + 1 : 0;
    }
    return len;
}

static size_t date_at(struct str text, size_t from)
{
    size_t len = fits(text, from, "9999-99-99");
    char between = at(text, from + len);
    if (len > 0 && (between == 'T' || between == ' ')) {
        size_t time = time_at(text, from + len + 1);
        time = time > 0 || between == ' ' ? time : fits(text, from + len + 1, "99:99");
        len += time > 0 ? time + 1 : 0;
    }
    return len;
}

/* Three letters of a month's name, then the rest of it. */
static size_t month_at(struct str text, size_t from)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    char first = (char)(at(text, from) | 0x20);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = 0;
        if (names[i][0] != first) {
            continue;
        }
        while (names[i][len] != '\0' && (at(text, from + len) | 0x20) == names[i][len]) {
            len++;
        }
        if ((len == 3 || names[i][len] == '\0') && !is_word(at(text, from + len))) {
            return len;
        }
    }
    return 0;
}

static size_t digits_at(struct str text, size_t from)
{
    size_t len = 0;
    while (is_digit(at(text, from + len))) {
        len++;
    }
    return len;
}

/* 25 Nov 2026; November 25, 2026 */
static size_t spelled_at(struct str text, size_t from)
{
    bool day_first = is_digit(at(text, from));
    size_t day = day_first ? digits_at(text, from) : 0;
    size_t month_from = from + day + (day_first ? 1 : 0);
    size_t month = month_at(text, month_from);
    if (month == 0 || (day_first && (day > 2 || at(text, from + day) != ' '))) {
        return 0;
    }
    size_t end = month_from + month;
    if (!day_first) {
        day = at(text, end) == ' ' ? digits_at(text, end + 1) : 0;
        end += day + 1;
        if (day == 0 || day > 2 || at(text, end) != ',') {
            return 0;
        }
        end++;
    }
    bool year = at(text, end) == ' ' && digits_at(text, end + 1) == 4;
    return year ? end + 5 - from : 0;
}

static size_t moment_at(struct str text, size_t from)
{
    size_t len = digits_at(text, from);
    return at(text, from) == '1' && (len == 10 || len == 13) ? len : 0;
}

static size_t address_at(struct str text, size_t from)
{
    size_t len = 2;
    if (at(text, from) != '0' || at(text, from + 1) != 'x') {
        return 0;
    }
    while (len < 18 && text_hex_digit(at(text, from + len)) >= 0) {
        len++;
    }
    return len >= 8 ? len : 0;
}

/* Length of the fleeting word that begins at `from`, or 0. */
static size_t fleeting_at(struct str text, size_t from)
{
    static size_t (*const of_digits[])(struct str text, size_t from) = {date_at, time_at, moment_at,
                                                                        address_at};
    size_t len = fits(text, from, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    len = len > 0 ? len : spelled_at(text, from);
    if (is_digit(text.at[from])) { /* most words do not */
        for (size_t i = 0; i < sizeof of_digits / sizeof of_digits[0] && len == 0; i++) {
            len = of_digits[i](text, from);
        }
    }
    return len > 0 && !is_word(at(text, from + len)) ? len : 0;
}

/* A digit begins all of them but the spelled dates; a UUID may begin with a letter, too. */
static bool may_begin(char byte)
{
    return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 's');
}

struct str fleeting_fold(struct str text, struct arena *arena)
{
    char *to = NULL;
    size_t len = 0;
    size_t kept = 0; /* text[..kept) is in `to` */
    for (size_t i = 0; i < text.len;) {
        bool begins = (i == 0 || !is_word(text.at[i - 1])) && may_begin(text.at[i]);
        size_t word = begins ? fleeting_at(text, i) : 0;
        if (word == 0) {
            i++;
            continue;
        }
        to = to != NULL ? to : arena_alloc(arena, text.len);
        memcpy(to + len, text.at + kept, i - kept);
        len += i - kept;
        to[len++] = FLEETING_MARK[0];
        i += word;
        kept = i;
    }
    if (to == NULL) {
        return text;
    }
    memcpy(to + len, text.at + kept, text.len - kept);
    return (struct str){to, len + text.len - kept};
}
