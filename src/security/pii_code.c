/* SPDX-License-Identifier: Apache-2.0
 * pii_code.c - identifiers of letters and digits: IBAN, DNI and NIE, NINO, and those that only a
 * word beside them tells from any other code (passport, driving licence, plate, medical record). */
#include "security/pii_scan.h"

#include <string.h>

enum { IBAN_MAX = 34 };

static unsigned upper(unsigned c)
{
    return c - 'a' < 26 ? c - 32 : c;
}

/* Not in the middle of a longer code. */
static bool code_begins(const struct pii_scan *scan)
{
    unsigned before = pii_behind(scan, scan->start, 1);
    bool joined = before == '-' || before == '/' || before == '.' || before == '+';
    return before != '_' && before != '@' && before != '\\' &&
           !(joined && pii_alnum(pii_behind(scan, scan->start, 2)));
}

static bool code_ends(struct pii_scan *scan, size_t at)
{
    unsigned after = pii_peek(scan, at);
    bool joined = after == '-' || after == '/' || after == '_' || after == '+' || after == '@' ||
                  after == '=';
    return !pii_alnum(after) && !(after >= 0xC3 && after < 0xE0) &&
           !(joined && pii_alnum(pii_peek(scan, at + 1)));
}

void pii_try_iban(struct pii_scan *scan)
{
    size_t at = scan->start;
    char letters[IBAN_MAX + 1];
    size_t count = 0;
    if (scan->run - at < 4 || !pii_letter(scan->text[at + 1]) || !pii_digit(scan->text[at + 2]) ||
        !pii_digit(scan->text[at + 3])) {
        return;
    }
    size_t length = pii_iban_length((char)upper(scan->text[at]), (char)upper(scan->text[at + 1]));
    bool low = !pii_upper(scan->text[at]);
    if (length == 0 || !code_begins(scan)) {
        return;
    }
    while (count < length) {
        unsigned c = pii_peek(scan, at);
        bool mark = (c == ' ' || c == '-') && count >= 4;
        if (mark && pii_alnum(pii_peek(scan, at + 1))) {
            c = pii_peek(scan, ++at);
        }
        if (!pii_digit(c) && !(pii_letter(c) && pii_upper(c) != low)) {
            return;
        }
        letters[count++] = (char)upper(c);
        at++;
    }
    if (!pii_alnum(pii_peek(scan, at)) && pii_is_iban(letters, length)) {
        pii_offer(scan, at, PII_IBAN, 0.99F);
    }
}

/* AB 12 34 56 C */
void pii_try_nino(struct pii_scan *scan)
{
    const unsigned char *text = scan->text;
    size_t at = scan->start;
    if (scan->run - at < 2 || !code_begins(scan) ||
        !pii_is_nino_prefix((char)text[at], (char)text[at + 1])) {
        return;
    }
    at += 2;
    for (int pair = 0; pair < 3; pair++) {
        unsigned c = pii_peek(scan, at);
        at += c == ' ' || c == '-' ? 1 : 0;
        for (int i = 0; i < 2; i++) {
            if (!pii_digit(pii_peek(scan, at))) {
                return;
            }
            at++;
        }
    }
    unsigned c = pii_peek(scan, at);
    at += c == ' ' || c == '-' ? 1 : 0;
    c = pii_peek(scan, at);
    if (c >= 'A' && c <= 'D' && code_ends(scan, at + 1) &&
        (pii_context(scan)->nearest & PII_W_NOT) == 0) {
        pii_offer(scan, at + 1, PII_NINO, 0.9F);
    }
}

/* 12345678Z, X1234567L */
static void try_dni(struct pii_scan *scan)
{
    const unsigned char *text = scan->text + scan->start;
    uint8_t digits[8];
    size_t at = 0;
    if (text[0] >= 'X' && text[0] <= 'Z') {
        digits[at++] = (uint8_t)(text[0] - 'X');
    }
    size_t end = scan->run - scan->start;
    size_t len = end;
    while (at < 8 && at < len && pii_digit(text[at])) {
        digits[at] = (uint8_t)(text[at] - '0');
        at++;
    }
    unsigned letter = len == 9 ? text[8] : 0;
    if (len == 8 && pii_peek(scan, scan->run) == '-') {
        letter = pii_peek(scan, scan->run + 1);
        end = 10;
    }
    bool said = (pii_context(scan)->nearest & PII_W_DNI) != 0;
    if (at != 8 || !(pii_upper(letter) || (said && pii_letter(letter))) ||
        (char)upper(letter) != pii_dni_letter(digits) || !code_ends(scan, scan->start + end) ||
        (pii_context(scan)->nearest & PII_W_NOT) != 0) {
        return;
    }
    pii_offer(scan, scan->start + end, PII_DNI, 0.9F);
}

/* A run of letters and digits with at least so many digits. */
static bool is_code(const struct pii_scan *scan, size_t shortest, size_t longest, size_t digits)
{
    size_t len = scan->run - scan->start;
    for (size_t i = scan->start; i < scan->run; i++) {
        if (!pii_alnum(scan->text[i])) {
            return false;
        }
        digits -= pii_digit(scan->text[i]) && digits > 0 ? 1 : 0;
    }
    return len >= shortest && len <= longest && digits == 0;
}

/* B-MW 1234, AB12 CDE: letters and digits in up to three parts. */
static size_t plate_end(struct pii_scan *scan)
{
    size_t at = scan->start;
    size_t letters = 0;
    size_t digits = 0;
    size_t end = 0;
    for (int part = 0; part < 3; part++) {
        size_t begin = at;
        size_t before = letters + digits;
        while (pii_digit(pii_peek(scan, at)) || pii_upper(pii_peek(scan, at))) {
            letters += pii_upper(scan->text[at]) ? 1 : 0;
            digits += pii_digit(scan->text[at]) ? 1 : 0;
            at++;
        }
        unsigned after = pii_peek(scan, at);
        if (at == begin || letters + digits > 8 || pii_letter(after)) {
            return end;
        }
        if (letters > 0 && digits > 0 && letters + digits > 4 && letters + digits > before) {
            end = at;
        }
        if (after != ' ' && after != '-') {
            return end;
        }
        at++;
    }
    return end;
}

/* Capitals and digits, eight or nine of them: what most passports have. */
static bool like_passport(const struct pii_scan *scan)
{
    size_t len = scan->run - scan->start;
    bool letter = false;
    for (size_t i = scan->start; i < scan->run; i++) {
        letter |= pii_upper(scan->text[i]);
        if (!pii_digit(scan->text[i]) && !pii_upper(scan->text[i])) {
            return false;
        }
    }
    return (len == 8 || len == 9) && is_code(scan, 8, 9, 3) && (letter || len == 9);
}

/* MRN-2660804: the label is written into the number. */
static void try_labelled(struct pii_scan *scan)
{
    static const char label[] = "MRN";
    size_t at = scan->start;
    for (size_t i = 0; i < 3; i++, at++) {
        if (upper(pii_peek(scan, at)) != (unsigned)label[i]) {
            return;
        }
    }
    at += pii_peek(scan, at) == '-' ? 1 : 0;
    size_t digits = at;
    while (pii_alnum(pii_peek(scan, at)) && at - digits < 16) {
        at++;
    }
    if (at - digits >= 4 && pii_digit(scan->text[digits]) && code_ends(scan, at)) {
        pii_offer(scan, at, PII_MRN, 0.95F);
    }
}

void pii_try_code(struct pii_scan *scan)
{
    if (!code_begins(scan)) {
        return;
    }
    try_labelled(scan);
    size_t plate = pii_wants(scan, PII_PLATE) ? plate_end(scan) : 0;
    if (plate > 0 && (pii_context(scan)->glued & PII_W_PLATE) != 0) {
        pii_offer(scan, plate, PII_PLATE, 0.8F);
    }
    if (!is_code(scan, 5, 20, 1)) {
        return;
    }
    const struct pii_context *context = pii_context(scan);
    if (!code_ends(scan, scan->run) && pii_peek(scan, scan->run) != '-') {
        return;
    }
    try_dni(scan);
    if (!code_ends(scan, scan->run)) {
        return;
    }
    if ((context->glued & PII_W_PASSPORT) != 0 && is_code(scan, 6, 12, 1)) {
        pii_offer(scan, scan->run, PII_PASSPORT, 0.95F);
    }
    if ((context->nearest & PII_W_PASSPORT) != 0 && like_passport(scan)) {
        pii_offer(scan, scan->run, PII_PASSPORT, 0.7F);
    }
    bool licence = (context->glued & PII_W_LICENCE) != 0 && (context->near & PII_W_DRIVER) != 0;
    if ((licence || (context->glued & PII_W_DRIVER) != 0) && is_code(scan, 5, 18, 4)) {
        pii_offer(scan, scan->run, PII_LICENCE, 0.9F);
    }
    if ((context->glued & PII_W_MEDICAL) != 0 && is_code(scan, 5, 14, 4)) {
        pii_offer(scan, scan->run, PII_MRN, 0.9F);
    }
}
