/* SPDX-License-Identifier: Apache-2.0
 * pii_number.c - identifiers made of digits: cards, national numbers, routing numbers, IPv4.
 *
 * A number is read as groups of digits with single separators. Each entity has the groups it comes
 * in, the separators it takes, its check, and the word it needs beside it when the check is too
 * weak to stand alone. */
#include "security/pii_number.h"

#include <string.h>

bool pii_read_number(struct pii_scan *scan, size_t at, struct pii_number *number)
{
    number->digits = 0;
    number->groups = 0;
    while (number->groups < PII_GROUPS) {
        struct pii_group *group = &number->group[number->groups];
        group->len = 0;
        while (pii_digit(pii_peek(scan, at))) {
            if (number->digits == PII_DIGITS) {
                return false;
            }
            number->value[number->digits++] = (uint8_t)(scan->text[at++] - '0');
            group->len++;
        }
        if (group->len == 0) {
            return false;
        }
        group->end = at;
        group->total = number->digits;
        number->groups++;
        size_t len = pii_separator(scan, at, &group->mark);
        if (len == 0 || !pii_digit(pii_peek(scan, at + len))) {
            group->mark = 0;
            return true;
        }
        at += len;
    }
    return true;
}

bool pii_number_begins(const struct pii_scan *scan)
{
    unsigned before = pii_behind(scan, scan->start, 1);
    unsigned second = pii_behind(scan, scan->start, 2);
    switch (before) {
    case '.':
        return pii_letter(second) || second == '.';
    case ':':
        return !pii_digit(second);
    case '-':
    case '/':
        return !pii_alnum(second);
    case ',':
        return true;
    case '_':
    case '@':
    case '$':
    case '%':
    case '^':
        return false;
    default:
        return !pii_alnum(before);
    }
}

bool pii_number_ends(struct pii_scan *scan, const struct pii_number *number, size_t last)
{
    const struct pii_group *group = &number->group[last];
    if (last + 1 < number->groups) {
        /* A blank ends it, unless blanks join its own groups: then it is a part of more. */
        return group->mark == ' ' && (last == 0 || number->group[0].mark != ' ');
    }
    unsigned after = pii_peek(scan, group->end);
    unsigned second = pii_peek(scan, group->end + 1);
    if (after == ':' || after == ',') {
        return after == ',' || !pii_digit(second);
    }
    if (after == '-' || after == '/' || after == '.') {
        return !pii_alnum(second) || (after == '.' && !pii_digit(second));
    }
    return !pii_alnum(after) && after != '_' && after != '%' && !(after >= 0xC3 && after < 0xE0);
}

bool pii_number_continues(const struct pii_scan *scan, bool blanks)
{
    return blanks && pii_behind(scan, scan->start, 1) == ' ' &&
           pii_digit(pii_behind(scan, scan->start, 2));
}

/* Groups 0 .. last are joined by one kind of separator, one of `marks`. */
static bool joined_by(const struct pii_number *number, size_t last, const char *marks)
{
    for (size_t i = 0; i < last; i++) {
        char mark = number->group[i].mark;
        if (mark != number->group[0].mark || strchr(marks, mark) == NULL) {
            return false;
        }
    }
    return true;
}

/* "324": the lengths of groups 0 .. last; ten and more digits as ':' and ';'. */
static bool shaped(const struct pii_number *number, size_t last, const char *shape)
{
    for (size_t i = 0; i <= last; i++) {
        if (shape[i] != (char)('0' + number->group[i].len)) {
            return false;
        }
    }
    return shape[last + 1] == '\0';
}

static const struct rule {
    enum pii_entity entity;
    const char *shape;
    const char *marks;
    bool (*check)(const uint8_t *digits);
    uint32_t needs;   /* a word of these classes beside it */
    uint32_t refuses; /* none of these */
    float score;
} rules[] = {
    {PII_SSN, "324", "-", pii_is_ssn, 0, PII_W_NOT | PII_W_TAX, 0.95F},
    {PII_SSN, "324", " .", pii_is_ssn, PII_W_SSN, 0, 0.95F},
    {PII_SSN, "9", "", pii_is_ssn, PII_W_SSN, 0, 0.9F},
    {PII_ITIN, "324", "- ", pii_is_itin, PII_W_TAX, 0, 0.95F},
    {PII_ITIN, "9", "", pii_is_itin, PII_W_TAX, 0, 0.9F},
    {PII_ABA, "9", "", pii_is_aba, PII_W_ABA, 0, 0.95F},
    {PII_NHS, "334", " ", pii_is_nhs, 0, PII_W_NOT | PII_W_PHONE, 0.7F},
    {PII_NHS, "334", "-", pii_is_nhs, PII_W_NHS, 0, 0.95F},
    {PII_NHS, ":", "", pii_is_nhs, PII_W_NHS, 0, 0.95F},
    {PII_AADHAAR, "444", " -", pii_is_aadhaar, 0, PII_W_NOT | PII_W_PHONE, 0.85F},
    {PII_AADHAAR, "<", "", pii_is_aadhaar, PII_W_AADHAAR, 0, 0.95F},
    {PII_CPF, "3332", "", pii_is_cpf, 0, PII_W_NOT, 0.95F},
    {PII_CPF, ";", "", pii_is_cpf, PII_W_CPF, 0, 0.95F},
    {PII_SIN, "333", " -", pii_is_sin, 0, PII_W_NOT | PII_W_PHONE | PII_W_DNI, 0.7F},
    {PII_SIN, "9", "", pii_is_sin, PII_W_SIN, 0, 0.9F},
};

/* 529.982.247-25 */
static bool cpf_marks(const struct pii_number *number)
{
    return number->groups >= 4 && number->group[0].mark == '.' && number->group[1].mark == '.' &&
           number->group[2].mark == '-';
}

static bool allowed(struct pii_scan *scan, const struct rule *rule, bool far)
{
    const struct pii_context *context = pii_context(scan);
    if (rule->needs == 0) {
        return (context->nearest & rule->refuses) == 0;
    }
    return ((far ? context->near : context->nearest) & rule->needs) != 0 &&
           (context->nearest & PII_W_NOT) == 0;
}

/* 100 million of a currency are no Canadian. */
static bool counted(struct pii_scan *scan, const struct pii_number *number, size_t last)
{
    size_t at = number->group[last].end;
    if (pii_peek(scan, at) != ' ') {
        return false;
    }
    static const char *const units[] = {"eur",  "usd",  "gbp", "euro",  "dollar", "people", "inhab",
                                        "byte", "user", "row", "token", "km",     "years",  "mill"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = 0;
        while (units[i][n] != '\0' &&
               (pii_peek(scan, at + 1 + n) | 0x20) == (unsigned)units[i][n]) {
            n++;
        }
        if (units[i][n] == '\0') {
            return true;
        }
    }
    return false;
}

/* `far`: the word that is needed need not be the nearest that says something. */
static void try_rules(struct pii_scan *scan, const struct pii_number *number, size_t last, bool far)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *rule = &rules[i];
        if (!shaped(number, last, rule->shape) || !rule->check(number->value)) {
            continue;
        }
        bool marks = rule->marks[0] == '\0' && last > 0 ? cpf_marks(number)
                                                        : joined_by(number, last, rule->marks);
        if (marks && !(rule->score < 0.8F && counted(scan, number, last)) &&
            allowed(scan, rule, far)) {
            pii_offer(scan, number->group[last].end, rule->entity, rule->score);
        }
    }
}

/* One run of digits, or groups of which the first has four. */
static void try_card(struct pii_scan *scan, const struct pii_number *number, size_t last)
{
    size_t total = number->group[last].total;
    if (total < 12 || total > 19 || !joined_by(number, last, " -") ||
        (last > 0 && number->group[0].len != 4) || !pii_is_card(number->value, total)) {
        return;
    }
    const struct pii_context *context = pii_context(scan);
    bool said = (context->near & PII_W_CARD) != 0;
    bool refused = (context->nearest & ~(uint32_t)PII_W_CARD) != 0 && last == 0;
    if (said || !(refused || (last == 0 && total < 15))) {
        pii_offer(scan, number->group[last].end, PII_CARD, said ? 0.99F : 0.9F);
    }
}

/* A code of three digits or a month may follow a card after a blank. */
static bool card_ends(struct pii_scan *scan, const struct pii_number *number, size_t last)
{
    return pii_number_ends(scan, number, last) ||
           (last + 1 < number->groups && number->group[last].mark == ' ' &&
            number->group[last + 1].len <= 3 && number->group[last].total >= 15);
}

/* Versions (four small numbers), loopback, unset, masks, multicast, documentation (RFC 5737) and
 * public resolvers. */
static bool impersonal(const uint32_t octet[4])
{
    uint32_t first = octet[0];
    uint32_t three = first << 16 | octet[1] << 8 | octet[2];
    bool resolver = (first == 8 || first == 1 || first == 9) && octet[1] == octet[0] &&
                    octet[2] == octet[0] && octet[3] == octet[0];
    bool small = octet[0] < 32 && octet[1] < 32 && octet[2] < 32 && octet[3] < 32 && first != 10;
    return small || first == 0 || first == 127 || first >= 224 || three == 0xC00002 ||
           three == 0xC63364 || three == 0xCB0071 || resolver ||
           (three == 0x080804 && octet[3] == 4) || (three == 0x010000 && octet[3] == 1);
}

static void try_ipv4(struct pii_scan *scan, const struct pii_number *number)
{
    uint32_t octet[4] = {0};
    size_t digit = 0;
    if (number->groups < 4 || !joined_by(number, 3, ".")) {
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        size_t len = number->group[i].len;
        if (len > 3 || (len > 1 && number->value[digit] == 0)) {
            return;
        }
        for (size_t n = 0; n < len; n++) {
            octet[i] = octet[i] * 10 + number->value[digit++];
        }
        if (octet[i] > 255) {
            return;
        }
    }
    char mark = number->group[3].mark;
    unsigned after = pii_peek(scan, number->group[3].end);
    bool named = after == '.' && pii_letter(pii_peek(scan, number->group[3].end + 1));
    bool network = mark == '/' && octet[3] == 0;
    if (mark == '.' || mark == '-' || pii_alnum(after) || after == '_' || network || named ||
        impersonal(octet) || (pii_context(scan)->glued & PII_W_VERSION) != 0) {
        return;
    }
    pii_offer(scan, number->group[3].end, PII_IP, 0.95F);
}

void pii_try_number(struct pii_scan *scan)
{
    unsigned before = pii_behind(scan, scan->start, 1);
    bool host = before == '@' || (before == '/' && pii_behind(scan, scan->start, 2) == '/');
    if (!pii_number_begins(scan) && !host) {
        return;
    }
    struct pii_number number;
    if (!pii_read_number(scan, scan->start, &number)) {
        return;
    }
    pii_try_birth_number(scan, &number);
    try_ipv4(scan, &number);
    if (number.digits < 9 || pii_number_continues(scan, number.group[0].mark == ' ')) {
        return;
    }
    for (size_t last = 0; last < number.groups; last++) {
        if (number.group[last].total < 9) {
            continue;
        }
        if (pii_number_ends(scan, &number, last)) {
            size_t end = scan->end;
            try_rules(scan, &number, last, false);
            if (scan->end == end) {
                try_rules(scan, &number, last, true);
            }
        }
        if (card_ends(scan, &number, last)) {
            try_card(scan, &number, last);
        }
    }
}
