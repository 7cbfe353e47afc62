/* SPDX-License-Identifier: Apache-2.0
 * pii_date.c - dates of birth: a date is personal only beside a word of birth. */
#include "security/pii_number.h"

#include <string.h>

static bool born(struct pii_scan *scan)
{
    return pii_wants(scan, PII_BIRTH) && (pii_context(scan)->close & PII_W_BIRTH) != 0;
}

static uint32_t value_of(const struct pii_number *number, size_t group)
{
    uint32_t value = 0;
    size_t from = group == 0 ? 0 : number->group[group - 1].total;
    for (size_t i = from; i < number->group[group].total; i++) {
        value = value * 10 + number->value[i];
    }
    return value;
}

static bool is_year(uint32_t year, size_t digits)
{
    return digits == 2 || (digits == 4 && year >= 1900 && year < 2100);
}

/* Day and month in either order, the year first or last. */
static bool is_date(const struct pii_number *number)
{
    size_t first = number->group[0].len;
    size_t last = number->group[2].len;
    uint32_t a = value_of(number, 0);
    uint32_t b = value_of(number, 1);
    uint32_t c = value_of(number, 2);
    bool year_first = first == 4;
    uint32_t x = year_first ? b : a;
    uint32_t y = year_first ? c : b;
    bool sizes = number->group[1].len <= 2 && (year_first ? last <= 2 : first <= 2);
    bool year = year_first ? is_year(a, first) : is_year(c, last);
    return sizes && year && x > 0 && y > 0 && x <= 31 && y <= 31 && (x <= 12 || y <= 12);
}

/* " August 1985", " de agosto de 1985" behind a day: the end, 0 when it is none. */
static size_t month_and_year(struct pii_scan *scan, size_t at)
{
    for (int filler = 0; filler < 2; filler++) {
        at += pii_peek(scan, at) == '.' ? 1 : 0; /* 3. Mai */
        at += pii_peek(scan, at) == ' ' || pii_peek(scan, at) == '-' ? 1 : 0;
        size_t end = pii_word_end(scan, at);
        size_t len = end - at;
        if (len >= 3 && (pii_classes(scan->pii, scan->text + at, len) & PII_W_MONTH) != 0) {
            at = end;
            break;
        }
        if (len != 2 || filler == 1) { /* 1st, 2nd; de */
            return 0;
        }
        at = end;
    }
    at += pii_peek(scan, at) == '.' || pii_peek(scan, at) == ',' ? 1 : 0;
    at += pii_peek(scan, at) == ' ' || pii_peek(scan, at) == '-' ? 1 : 0;
    if (pii_peek(scan, at) == 'd' && pii_peek(scan, at + 1) == 'e') {
        at += pii_peek(scan, at + 2) == ' ' ? 3 : 0;
    }
    struct pii_number year;
    if (!pii_digit(pii_peek(scan, at)) || !pii_read_number(scan, at, &year) ||
        !is_year(value_of(&year, 0), year.group[0].len) || year.group[0].len != 4) {
        return 0;
    }
    return year.group[0].end;
}

/* 1985 年 8 月 17 日 */
static size_t wide_date(struct pii_scan *scan)
{
    static const char marks[3][4] = {"年", "月", "日"};
    size_t at = scan->start;
    for (size_t i = 0; i < 3; i++) {
        size_t digits = 0;
        while (pii_digit(pii_peek(scan, at)) && digits < 5) {
            at++;
            digits++;
        }
        if (digits == 0 || digits > (i == 0 ? 4U : 2U)) {
            return 0;
        }
        for (size_t n = 0; n < 3; n++) {
            if (pii_peek(scan, at + n) != (unsigned char)marks[i][n]) {
                return 0;
            }
        }
        at += 3;
    }
    return at;
}

void pii_try_birth_number(struct pii_scan *scan, const struct pii_number *number)
{
    char mark = number->group[0].mark;
    size_t first = number->group[0].len;
    size_t end = 0;
    if (number->groups >= 3 && mark != ' ' && mark == number->group[1].mark && is_date(number)) {
        end = number->group[2].end;
    } else if (first <= 2) {
        end = month_and_year(scan, number->group[0].end);
    } else if (first == 8 && born(scan) && (pii_context(scan)->nearest & PII_W_BIRTH) != 0) {
        end = number->group[0].end;
    } else if (first == 4) {
        end = wide_date(scan);
    }
    if (end > 0 && born(scan) && !pii_digit(pii_peek(scan, end))) {
        pii_offer(scan, end, PII_BIRTH, 0.95F);
    }
}

/* August 17, 1985 */
void pii_try_birth_month(struct pii_scan *scan)
{
    size_t at = scan->run;
    if ((scan->classes & PII_W_MONTH) == 0 || !born(scan)) {
        return;
    }
    at += pii_peek(scan, at) == '.' ? 1 : 0;
    at += pii_peek(scan, at) == ' ' ? 1 : 0;
    size_t day = at;
    while (pii_digit(pii_peek(scan, at)) && at - day < 3) {
        at++;
    }
    if (at == day || at - day > 2) {
        return;
    }
    size_t suffix = pii_word_end(scan, at);
    at = suffix - at == 2 ? suffix : at;
    at += pii_peek(scan, at) == ',' ? 1 : 0;
    at += pii_peek(scan, at) == ' ' ? 1 : 0;
    size_t year = at;
    while (pii_digit(pii_peek(scan, at)) && at - year < 5) {
        at++;
    }
    if (at - year == 4) {
        pii_offer(scan, at, PII_BIRTH, 0.95F);
    }
}
