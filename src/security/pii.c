/* SPDX-License-Identifier: Apache-2.0
 * pii.c - one pass over a window: which recognisers are asked where, and the safe point.
 *
 * Candidates begin where a run of letters and digits begins, at a wide (CJK) character, or at a
 * plus or parenthesis. Whether a position begins one depends on the bytes behind it alone, so a
 * window may begin anywhere. Nothing is remembered between windows. */
#include "security/pii.h"

#include "base/must.h"
#include "security/pii_scan.h"

#include <string.h>

/* JOIN: what may stand behind a word that is the beginning of something longer. */
enum { NONE = 0, DIGIT = 1, LOWER = 2, UPPER = 4, LATIN = 8, WIDE = 16, MARK = 32, SYMBOL = 64 };
enum { JOIN = 128 };
enum { WORD = DIGIT | LOWER | UPPER | LATIN };

#define D4 DIGIT, DIGIT, DIGIT, DIGIT
#define U8 UPPER, UPPER, UPPER, UPPER, UPPER, UPPER, UPPER, UPPER
#define L8 LOWER, LOWER, LOWER, LOWER, LOWER, LOWER, LOWER, LOWER
#define T8 LATIN, LATIN, LATIN, LATIN, LATIN, LATIN, LATIN, LATIN
#define W8 WIDE, WIDE, WIDE, WIDE, WIDE, WIDE, WIDE, WIDE

/* 0xC2 leads the symbols of Latin-1, 0x80 .. 0xBF continue a letter of two bytes. */
/* clang-format off */
static const uint8_t kinds[256] = {
    ['('] = MARK, ['+'] = MARK | JOIN, ['-'] = JOIN, ['.'] = JOIN, ['%'] = JOIN, [':'] = JOIN,
    ['@'] = JOIN, ['_'] = JOIN, ['0'] = D4, D4, DIGIT, DIGIT, ['A'] = U8, U8, U8, UPPER, UPPER,
    ['a'] = L8, L8, L8, LOWER, LOWER, [0x80] = T8, T8, T8, T8, T8, T8, T8, T8,
    [0xC2] = SYMBOL, LATIN, LATIN, LATIN, LATIN, LATIN, [0xC8] = T8, T8, T8,
    [0xE0] = W8, W8, WIDE, WIDE, WIDE, WIDE, WIDE};
/* clang-format on */

static const struct {
    struct str name;
    struct str label;
    bool structured;
    bool on;
} table[PII_ENTITIES] = {
#define STRUCTURED                         true
#define FREE                               false
#define ENTITY(id, name, label, group, on) {STR_CONST(name), STR_CONST(label), group, on},
#include "security/pii.def"
#undef ENTITY
#undef STRUCTURED
#undef FREE
};

struct str pii_entity_name(enum pii_entity entity)
{
    must(entity < PII_ENTITIES);
    return table[entity].name;
}

struct str pii_label(enum pii_entity entity)
{
    must(entity < PII_ENTITIES);
    return table[entity].label;
}

bool pii_structured(enum pii_entity entity)
{
    must(entity < PII_ENTITIES);
    return table[entity].structured;
}

enum pii_entity pii_entity_of(struct str name)
{
    int entity = 0;
    while (entity < PII_ENTITIES && !str_equal(table[entity].name, name)) {
        entity++;
    }
    return (enum pii_entity)entity;
}

uint64_t pii_defaults(void)
{
    uint64_t bits = 0;
    for (int i = 0; i < PII_ENTITIES; i++) {
        bits |= table[i].on ? PII_BIT(i) : 0;
    }
    return bits;
}

bool pii_wants(const struct pii_scan *scan, enum pii_entity entity)
{
    return (scan->pii->entities & PII_BIT(entity)) != 0;
}

void pii_offer(struct pii_scan *scan, size_t end, enum pii_entity entity, float score)
{
    bool better = end > scan->end || (end == scan->end && entity < scan->kind);
    if (better && end > scan->start && pii_wants(scan, entity)) {
        scan->end = end;
        scan->kind = entity;
        scan->score = score;
    }
}

bool pii_wordish(const struct pii_scan *scan, size_t at)
{
    return at < scan->len && (kinds[scan->text[at]] & WORD) != 0;
}

bool pii_word_before(const struct pii_scan *scan, size_t at)
{
    unsigned c = pii_behind(scan, at, 1);
    if (c < 0x80) {
        return pii_alnum(c);
    }
    /* Bytes that continue nothing are taken for letters, as runs take them. */
    size_t back = 1;
    while (back < 5 && c >= 0x80 && c < 0xC0) {
        c = pii_behind(scan, at, ++back);
    }
    size_t whole = c >= 0xF5 ? 0 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c == 0xC2 ? 2 : 0;
    return !(back > 1 && back <= whole) && (kinds[pii_behind(scan, at, 1)] & WORD) != 0;
}

bool pii_capital(struct pii_scan *scan, size_t at)
{
    unsigned c = pii_peek(scan, at);
    if (c < 0x80) {
        return pii_upper(c);
    }
    unsigned second = pii_peek(scan, at + 1);
    return (c == 0xC3 && second >= 0x80 && second <= 0x9E) || c == 0xC4 || c == 0xC5 ||
           (c == 0xCE && second >= 0x86 && second <= 0xAB) ||
           (c == 0xD0 && second >= 0x80 && second <= 0xAF);
}

size_t pii_separator(struct pii_scan *scan, size_t at, char *mark)
{
    unsigned c = pii_peek(scan, at);
    *mark = (char)c;
    if (c == ' ' || c == '-' || c == '.' || c == '/') {
        return 1;
    }
    if (c == 0xC2 && pii_peek(scan, at + 1) == 0xA0) {
        *mark = ' ';
        return 2;
    }
    if (c == 0xE2 && pii_peek(scan, at + 1) == 0x80) {
        unsigned last = pii_peek(scan, at + 2);
        *mark = last == 0xAF ? ' ' : '-';
        return last == 0xAF || (last >= 0x90 && last <= 0x93) ? 3 : 0;
    }
    return 0;
}

size_t pii_word_end(struct pii_scan *scan, size_t at)
{
    size_t end = at;
    while ((kinds[pii_peek(scan, end)] & (LOWER | UPPER | LATIN)) != 0 && end - at < PII_RUN_MAX) {
        end++;
    }
    return end;
}

/* Behind the run of letters and digits that `at` is in. */
static size_t run_end(const struct pii_scan *scan, size_t at)
{
    while (pii_wordish(scan, at)) {
        at++;
    }
    return at;
}

/* A few capitals that more of a code follows: AB 12 34 56 C, B-MW 1234. */
static bool parted(struct pii_scan *scan, unsigned next)
{
    unsigned after = next == ' ' || next == '-' ? pii_peek(scan, scan->run + 1) : 0;
    return scan->run - scan->start <= 3 && (pii_digit(after) || pii_upper(after));
}

static void try_word(struct pii_scan *scan, unsigned mixed)
{
    unsigned first = kinds[scan->text[scan->start]];
    unsigned next = pii_peek(scan, scan->run);
    if ((kinds[next] & JOIN) != 0) {
        pii_try_email(scan);
        pii_try_site(scan);
        pii_try_ipv6(scan);
    }
    if (next == ':' || next == '-' || next == '.') {
        pii_try_mac(scan);
    }
    if ((mixed & DIGIT) != 0 || (first == UPPER && parted(scan, next))) {
        pii_try_iban(scan);
        pii_try_nino(scan);
        pii_try_code(scan);
    }
    if (first == DIGIT) {
        pii_try_number(scan);
        pii_try_phone(scan);
        pii_try_address_number(scan);
    } else if (first != LOWER) {
        scan->classes = pii_classes(scan->pii, scan->text + scan->start, scan->run - scan->start);
        pii_try_birth_month(scan);
        pii_try_address_word(scan);
        pii_try_person(scan);
    }
}

/* Asks about the candidate at scan->start; the position to go on from when there is none. */
static size_t try_at(struct pii_scan *scan)
{
    const unsigned char *text = scan->text;
    unsigned first = kinds[text[scan->start]];
    scan->run = scan->start;
    if ((first & MARK) != 0) {
        scan->run = scan->start + 1;
        pii_try_phone(scan);
        return scan->start + 1;
    }
    if (first == WIDE || first == SYMBOL) {
        size_t len = first == SYMBOL ? 2 : text[scan->start] >= 0xF0 ? 4 : 3;
        (void)pii_peek(scan, scan->start + len - 1);
        scan->run = scan->start + len;
        if (first == WIDE && !scan->more) {
            pii_try_wide_person(scan);
            pii_try_email(scan);
        }
        return scan->start + len;
    }
    size_t longest = scan->start + PII_RUN_MAX + 1;
    size_t stop = longest < scan->len ? longest : scan->len;
    size_t run = scan->start;
    unsigned mixed = 0;
    while (run < stop && (kinds[text[run]] & WORD) != 0) {
        mixed |= kinds[text[run++]];
    }
    if (run == longest) {
        return run_end(scan, run);
    }
    scan->run = run;
    if (scan->run == scan->len && !scan->final) {
        scan->more = true;
        return scan->start;
    }
    try_word(scan, mixed);
    return scan->run;
}

/* Goes over what is surely nothing: punctuation, and words of small letters that nothing joins to
 * what follows. Nine bytes of ten in prose end here. What lies between two words that need a look
 * is passed at a byte a step; the word itself is stepped back over. */
static size_t pass_prose(const unsigned char *text, size_t at, size_t len)
{
    size_t end = at;
    while (end < len) {
        unsigned kind = kinds[text[end]];
        if ((kind & ~(unsigned)LOWER) == NONE) {
            end++;
            continue;
        }
        bool lone = kind == JOIN && end + 1 < len && text[end + 1] != '/' &&
                    (kinds[text[end + 1]] & (WORD | WIDE | JOIN)) == 0;
        bool first = kind == JOIN && (end == at || kinds[text[end - 1]] != LOWER);
        if (!lone && !first) {
            break;
        }
        end++;
        at = end;
    }
    if (end == len || (kinds[text[end]] & (WORD | JOIN)) != 0) {
        while (end > at && kinds[text[end - 1]] == LOWER) {
            end--;
        }
    }
    return end;
}

static size_t find(const void *self, const struct window *window, struct finder_state *state,
                   struct spans *found)
{
    const unsigned char *text = (const unsigned char *)window->text.at;
    size_t len = window->text.len;
    size_t at = window->from;
    struct pii_scan scan = {.text = text, .len = len, .pii = self, .final = window->final};
    (void)state;
    must(at <= len);
    if (pii_word_before(&scan, at)) {
        at = run_end(&scan, at);
    }
    while (at < len) {
        at = pass_prose(text, at, len);
        if (at == len) {
            break;
        }
        scan.start = at;
        scan.end = at;
        scan.kind = PII_ENTITIES;
        scan.context_known = false;
        size_t next = try_at(&scan);
        if (scan.more) {
            return at;
        }
        if (scan.end > at) {
            spans_add(found, (struct span){at, scan.end, (uint16_t)scan.kind, 0, scan.score});
            next = scan.end;
        }
        /* Malformed UTF-8 may leave the next position inside of what a later window takes for a
         * word: it is passed over here as it would be there. */
        if (pii_wordish(&scan, next) && pii_word_before(&scan, next)) {
            next = run_end(&scan, next);
        }
        at = next < len ? next : len;
    }
    return len;
}

void pii_init(struct pii *pii, uint64_t entities)
{
    must((entities >> PII_ENTITIES) == 0);
    memset(pii, 0, sizeof *pii);
    pii->entities = entities;
    pii_index_words(pii);
}

struct finder pii_finder(const struct pii *pii)
{
    return (struct finder){"pii", find, pii};
}
