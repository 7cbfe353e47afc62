/* SPDX-License-Identifier: Apache-2.0
 * pii_words.h - the lexicon: what single words say of the numbers and names beside them (inside of
 * pii*.c).
 */
#ifndef AIRE_SECURITY_PII_WORDS_H
#define AIRE_SECURITY_PII_WORDS_H

#include "security/pii.h"

/* Classes of words; those before PII_LAST_CONTEXT say what a number beside them is. */
enum pii_word_class {
#define CLASS(name) PII_PLACE_##name,
#include "security/pii_classes.def"
#undef CLASS
    PII_PLACES
};
enum {
#define CLASS(name) PII_W_##name = (int)(1U << PII_PLACE_##name),
#include "security/pii_classes.def"
#undef CLASS
};

/* Words behind a position, nearest first, up to eight. */
struct pii_context {
    uint32_t near;    /* classes of all of them */
    uint32_t close;   /* of the nearest five */
    uint32_t nearest; /* of the nearest that says what a number is */
    uint32_t glued;   /* of the nearest that is not filler (number, is, :), 0 an unknown word */
};

void pii_index_words(struct pii *pii);
/* PII_W_ classes of a word in any case, 0 when it is unknown. */
uint32_t pii_classes(const struct pii *pii, const unsigned char *word, size_t len);

#endif
