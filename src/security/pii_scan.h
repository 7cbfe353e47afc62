/* SPDX-License-Identifier: Apache-2.0
 * pii_scan.h - what the recognisers of personal data share (inside of pii*.c).
 *
 * A recogniser is asked about one position and offers matches that begin there. It reads ahead
 * through pii_peek only: looking past the end of a window that is not final marks the scan as
 * undecided, and the position becomes the safe point. It reads behind at most PII_BEHIND bytes.
 */
#ifndef AIRE_SECURITY_PII_SCAN_H
#define AIRE_SECURITY_PII_SCAN_H

#include "security/pii.h"
#include "security/pii_checks.h"
#include "security/pii_words.h"

enum {
    PII_BEHIND = 120, /* less than FINDER_BEHIND_MAX: a cut word is never taken for a whole one */
    PII_RUN_MAX = 64, /* longer runs of letters and digits are nothing personal */
    PII_AHEAD = 240,  /* less than FINDER_HOLD_MAX: where peeking ends */
};

struct pii_scan {
    const unsigned char *text;
    size_t len;
    size_t start;     /* the position asked about */
    size_t run;       /* end of the letters and digits that begin there */
    uint32_t classes; /* of that run, when it begins with a capital */
    const struct pii *pii;
    size_t end; /* of the best match so far, start when there is none */
    enum pii_entity kind;
    float score;
    bool final;
    bool more;
    bool context_known;
    struct pii_context context;
};

/* The byte at a position, 0 behind the end. */
static inline unsigned pii_peek(struct pii_scan *scan, size_t at)
{
    if (at >= scan->start + PII_AHEAD) {
        return 0;
    }
    if (at < scan->len) {
        return scan->text[at];
    }
    scan->more |= !scan->final;
    return 0;
}

/* The byte `back` before a position, 0 at the beginning. */
static inline unsigned pii_behind(const struct pii_scan *scan, size_t at, size_t back)
{
    return at >= back ? scan->text[at - back] : 0;
}

static inline bool pii_digit(unsigned c)
{
    return c - '0' < 10;
}

static inline bool pii_upper(unsigned c)
{
    return c - 'A' < 26;
}

static inline bool pii_letter(unsigned c)
{
    return (c | 0x20) - 'a' < 26;
}

static inline bool pii_alnum(unsigned c)
{
    return pii_letter(c) || pii_digit(c);
}

/* Upper case of ASCII, Latin, Greek or Cyrillic; Latin Extended-A counts as either. */
bool pii_capital(struct pii_scan *scan, size_t at);
/* Reads one separator of digits; its length, 0 when there is none. Blanks and dashes of Unicode
 * count as the plain ones. */
size_t pii_separator(struct pii_scan *scan, size_t at, char *mark);
/* A letter or digit, or a byte of a letter of two bytes (Latin, Greek, Cyrillic, Arabic ...). */
bool pii_wordish(const struct pii_scan *scan, size_t at);
/* The same of the byte before a position, without those of wide characters. */
bool pii_word_before(const struct pii_scan *scan, size_t at);
/* The end of a word that begins at a position: letters only, at most PII_RUN_MAX bytes. */
size_t pii_word_end(struct pii_scan *scan, size_t at);

bool pii_wants(const struct pii_scan *scan, enum pii_entity entity);
/* The longest match wins, then the order of pii.def. */
void pii_offer(struct pii_scan *scan, size_t end, enum pii_entity entity, float score);

/* Worked out once a position. */
const struct pii_context *pii_context(struct pii_scan *scan);

/* Recognisers, each for the scan's start. */
void pii_try_email(struct pii_scan *scan);
void pii_try_site(struct pii_scan *scan);
void pii_try_mac(struct pii_scan *scan);
void pii_try_ipv6(struct pii_scan *scan);
void pii_try_number(struct pii_scan *scan);
void pii_try_birth_month(struct pii_scan *scan);
void pii_try_phone(struct pii_scan *scan);
void pii_try_iban(struct pii_scan *scan);
void pii_try_code(struct pii_scan *scan);
void pii_try_nino(struct pii_scan *scan);
void pii_try_person(struct pii_scan *scan);
void pii_try_wide_person(struct pii_scan *scan);
void pii_try_address_number(struct pii_scan *scan);
void pii_try_address_word(struct pii_scan *scan);

#endif
