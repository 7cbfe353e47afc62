/* SPDX-License-Identifier: Apache-2.0
 * pii_number.h - groups of digits with single separators between them (inside of pii*.c).
 */
#ifndef AIRE_SECURITY_PII_NUMBER_H
#define AIRE_SECURITY_PII_NUMBER_H

#include "security/pii_scan.h"

enum { PII_GROUPS = 8, PII_DIGITS = 40 };

struct pii_group {
    size_t end;    /* position behind its last digit */
    uint8_t len;   /* digits */
    uint8_t total; /* of it and those before it */
    char mark;     /* the separator to the next group, 0 none */
};

struct pii_number {
    uint8_t value[PII_DIGITS]; /* as many as `digits` */
    uint8_t digits;
    uint8_t groups; /* those beyond say nothing */
    struct pii_group group[PII_GROUPS];
};

/* False when a run of digits is too long to be of interest. */
bool pii_read_number(struct pii_scan *scan, size_t at, struct pii_number *number);
/* What stands behind the start leaves it a number of its own: not a part of a longer number, a
 * version, a part code, an amount of money. */
bool pii_number_begins(const struct pii_scan *scan);
/* Blanks join its groups, and the text behind ends in more of them: "DE00 [1234 5678 9012]". */
bool pii_number_continues(const struct pii_scan *scan, bool blanks);
/* The same of what follows group `last`. */
bool pii_number_ends(struct pii_scan *scan, const struct pii_number *number, size_t last);

/* A date of birth that begins with the number (pii_date.c). */
void pii_try_birth_number(struct pii_scan *scan, const struct pii_number *number);

#endif
