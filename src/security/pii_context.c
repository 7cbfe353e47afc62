/* SPDX-License-Identifier: Apache-2.0
 * pii_context.c - which words stand behind a position, and what they say.
 *
 * One lexicon for all recognisers, in pii_words.def and pii_names.def, indexed once by an open hash
 * table. Words are compared in lower case; identifiers are taken apart (phone_number, dateOfBirth).
 * A word that the look-behind would cut in two is not looked at, so that what is found does not
 * depend on where a window began. */
#include "base/must.h"
#include "security/pii_scan.h"

#include <string.h>

enum {
    WORD_MAX = 24,
    WORDS_BEHIND = 8,
    WORDS_CLOSE = 5,
    WORDS_ABOVE = 2,
    CONTEXT_CLASSES = (PII_W_NOT << 1) - 1
};

static const struct {
    const char *words;
    uint32_t classes;
} groups[] = {
#define WORDS(class, list) {list, PII_W_##class},
#include "security/pii_names.def"
#include "security/pii_words.def"
#undef WORDS
};

/* Upper case of Latin-1 and Latin Extended-A in UTF-8, by the second byte. */
static unsigned lower_second(unsigned lead, unsigned c)
{
    if (lead == 0xC3) {
        return c >= 0x80 && c <= 0x9E && c != 0x97 ? c + 0x20 : c;
    }
    bool odd_is_upper = (lead == 0xC4 && c >= 0xB9) || (lead == 0xC5 && c <= 0x88) ||
                        (lead == 0xC5 && c >= 0xB9 && c <= 0xBE);
    if (lead == 0xC4 || lead == 0xC5) {
        return (c & 1) == (odd_is_upper ? 1U : 0U) && c < 0xBF ? c + 1 : c;
    }
    return c;
}

/* Lower case and hash (FNV-1a, folded) of a word; false when it is too long for the lexicon. */
static bool fold(const unsigned char *word, size_t len, char *folded, uint32_t *hash)
{
    uint32_t h = 2166136261U;
    unsigned before = 0;
    if (len > WORD_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned c = word[i];
        if (c < 0x80) {
            c |= c - 'A' < 26 ? 0x20U : 0U;
        } else if (before >= 0xC3 && before <= 0xC5) {
            c = lower_second(before, c);
        }
        before = c;
        folded[i] = (char)c;
        h = (h ^ c) * 16777619U;
    }
    *hash = h ^ (h >> 15);
    return true;
}

static size_t slot_of(const struct pii *pii, const char *word, size_t len, uint32_t hash)
{
    size_t slot = hash % PII_INDEX_SLOTS;
    uint32_t tag = hash >> 16;
    while (pii->index[slot] != 0) {
        const struct pii_word *known = &pii->words[(pii->index[slot] & 0xFFFF) - 1];
        if (pii->index[slot] >> 16 == tag && known->len == len &&
            memcmp(known->at, word, len) == 0) {
            break;
        }
        slot = (slot + 1) % PII_INDEX_SLOTS;
    }
    return slot;
}

static void learn(struct pii *pii, const char *word, size_t len, uint32_t classes)
{
    char folded[WORD_MAX];
    uint32_t hash = 0;
    must(fold((const unsigned char *)word, len, folded, &hash));
    size_t slot = slot_of(pii, word, len, hash);
    if (pii->index[slot] == 0) {
        must(pii->count < PII_WORDS_MAX);
        pii->words[pii->count++] = (struct pii_word){word, 0, (uint8_t)len};
        pii->index[slot] = (hash & 0xFFFF0000U) | pii->count;
    }
    pii->words[(pii->index[slot] & 0xFFFF) - 1].classes |= classes;
}

void pii_index_words(struct pii *pii)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        struct str rest = str_of(groups[i].words);
        struct str word;
        while (str_split(&rest, ' ', &word)) {
            if (word.len > 0) {
                learn(pii, word.at, word.len, groups[i].classes);
            }
        }
    }
}

uint32_t pii_classes(const struct pii *pii, const unsigned char *word, size_t len)
{
    char folded[WORD_MAX];
    uint32_t hash = 0;
    if (!fold(word, len, folded, &hash)) {
        return 0;
    }
    uint32_t found = pii->index[slot_of(pii, folded, len, hash)];
    return found == 0 ? 0 : pii->words[(found & 0xFFFF) - 1].classes;
}

/* Words of scripts without spaces: any two to four characters of the run that ends at `end`. */
static uint32_t wide_classes(const struct pii_scan *scan, size_t start, size_t end)
{
    uint32_t classes = 0;
    for (size_t at = start; at + 6 <= end; at += 3) {
        for (size_t len = 6; len <= 12 && at + len <= end; len += 3) {
            classes |= pii_classes(scan->pii, scan->text + at, len);
        }
    }
    return classes;
}

/* Where the word whose last byte is at end - 1 begins; `limit` when it goes on behind that. */
static size_t word_start(const struct pii_scan *scan, size_t end, size_t limit, bool *wide)
{
    const unsigned char *text = scan->text;
    size_t at = end;
    *wide = false;
    while (at > limit && (pii_letter(text[at - 1]) || text[at - 1] >= 0x80)) {
        at--;
        if (text[at] >= 0xE0) {
            *wide = true;
            if (end - at >= 30) {
                break;
            }
        } else if (at > limit && pii_upper(text[at]) && text[at - 1] >= 'a' &&
                   text[at - 1] <= 'z') {
            break;
        }
    }
    return at;
}

static void take(struct pii_context *context, uint32_t classes, size_t words, bool digits)
{
    context->near |= classes;
    context->close |= words < WORDS_CLOSE ? classes : 0;
    if (context->nearest == 0) {
        context->nearest = classes & CONTEXT_CLASSES;
    }
    bool open = words == 0 || (context->glued & PII_W_GLUE) != 0;
    if (open && !digits) {
        context->glued = classes;
    }
}

const struct pii_context *pii_context(struct pii_scan *scan)
{
    struct pii_context *context = &scan->context;
    size_t limit = scan->start > PII_BEHIND ? scan->start - PII_BEHIND : 0;
    size_t at = scan->start;
    size_t words = 0;
    size_t most = WORDS_BEHIND;
    bool digits = false;
    if (scan->context_known) {
        return context;
    }
    *context = (struct pii_context){0};
    scan->context_known = true;
    while (at > limit && words < most) {
        unsigned c = scan->text[at - 1];
        if (!pii_letter(c) && c < 0x80) {
            if (c == '\n' && words > 0) {
                break; /* the line before says nothing, unless it ends in the word itself */
            }
            most = c == '\n' ? WORDS_ABOVE : most;
            digits |= pii_digit(c);
            at--;
            continue;
        }
        bool wide = false;
        size_t start = word_start(scan, at, limit, &wide);
        if (start == limit && limit > 0) {
            break;
        }
        uint32_t classes = wide ? wide_classes(scan, start, at)
                                : pii_classes(scan->pii, scan->text + start, at - start);
        take(context, classes, words, digits);
        words++;
        at = start;
    }
    return context;
}
