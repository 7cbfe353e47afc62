/* SPDX-License-Identifier: Apache-2.0
 * pii_person.c - names of people: gazetteers of given and family names, titles and cues before
 * them ("Mr", "my name is", "patient":), and Chinese and Japanese names that stand alone.
 *
 * This is no entity recognition: an unknown name without a cue is not found, and a name that is
 * also a word needs a second one beside it. Precision goes before recall. */
#include "security/pii_scan.h"

#include <string.h>

enum { TOKENS_MAX = 4, WORDS_BEHIND = 3, TOKEN_BYTES = 40 };

/* A capitalised word of a name: "Mary", "O'Brien", "Lef\xC3\xA8vre-Smith", "J.". */
struct token {
    size_t end;
    uint32_t classes;
    bool initial;
    bool caps; /* all of it */
};

static bool small(unsigned c)
{
    return c - 'a' < 26U;
}

/* A capital inside a word is fine behind these only: McAllister, not JavaScript. */
static bool camel(const struct pii_scan *scan, size_t start, size_t end, bool *caps)
{
    *caps = end - start > 1;
    for (size_t i = start + 1; i < end; i++) {
        unsigned c = scan->text[i];
        *caps = *caps && !small(c) && c != '\'';
        if (pii_upper(c) && small(scan->text[i - 1])) {
            size_t len = i - start;
            const unsigned char *at = scan->text + start;
            bool mac = (len == 2 && memcmp(at, "Mc", 2) == 0) ||
                       (len == 3 && memcmp(at, "Mac", 3) == 0) ||
                       (len == 2 && (memcmp(at, "De", 2) == 0 || memcmp(at, "Di", 2) == 0 ||
                                     memcmp(at, "La", 2) == 0 || memcmp(at, "Le", 2) == 0));
            if (!mac) {
                return true;
            }
        }
    }
    return false;
}

/* An apostrophe or dash that a capital follows goes on with the word; its length, 0 for none. */
static size_t joint(struct pii_scan *scan, size_t at)
{
    unsigned c = pii_peek(scan, at);
    size_t len = c == '\'' || c == '-' ? 1 : 0;
    if (c == 0xE2 && pii_peek(scan, at + 1) == 0x80 && pii_peek(scan, at + 2) == 0x99) {
        len = 3;
    }
    return len > 0 && pii_capital(scan, at + len) ? len : 0;
}

static bool read_token(struct pii_scan *scan, size_t at, struct token *token)
{
    size_t first = 0; /* end of the first part of several */
    if (!pii_capital(scan, at)) {
        return false;
    }
    size_t end = pii_word_end(scan, at);
    for (size_t len = joint(scan, end); len > 0 && end - at < TOKEN_BYTES; len = joint(scan, end)) {
        first = first == 0 ? end : first;
        end = pii_word_end(scan, end + len);
    }
    if (end - at > TOKEN_BYTES || pii_digit(pii_peek(scan, end)) ||
        camel(scan, at, end, &token->caps)) {
        return false;
    }
    bool dotted = pii_peek(scan, end) == '.';
    token->initial = end - at == 1 && (dotted || at > scan->start);
    token->classes = at == scan->start && end == scan->run
                         ? scan->classes
                         : pii_classes(scan->pii, scan->text + at, end - at);
    if (token->classes == 0 && first > at + 1) {
        token->classes = pii_classes(scan->pii, scan->text + at, first - at);
    }
    token->end = token->initial && dotted ? end + 1 : end;
    return token->initial || end - at > 1;
}

/* The word behind a position, and what stands between the two. */
struct previous {
    size_t start;
    uint32_t classes;
    bool stopped; /* the end of a sentence */
    bool apart;   /* more than a dot and a blank */
};

static bool read_previous(const struct pii_scan *scan, size_t at, struct previous *previous)
{
    const unsigned char *text = scan->text;
    size_t limit = scan->start > PII_BEHIND ? scan->start - PII_BEHIND : 0;
    size_t end = at;
    while (end > limit && at - end < 8 && text[end - 1] < 0x80 && !pii_alnum(text[end - 1])) {
        unsigned c = text[--end];
        previous->stopped |= c == '.' || c == '!' || c == '?' || c == ';';
        previous->apart |= c != '.' && c != ' ';
    }
    size_t start = end;
    while (start > limit && (pii_letter(text[start - 1]) || text[start - 1] >= 0x80)) {
        start--;
    }
    previous->start = start;
    if (start == end || (start == limit && limit > 0)) {
        return false;
    }
    previous->classes = pii_classes(scan->pii, text + start, end - start);
    return true;
}

/* What the words behind say: PII_W_TITLE or PII_W_CUE. Fillers are passed, sentences are not. */
static uint32_t cue_behind(const struct pii_scan *scan)
{
    struct previous previous = {.start = scan->start};
    for (int words = 0; words < WORDS_BEHIND; words++) {
        if (!read_previous(scan, previous.start, &previous)) {
            return 0;
        }
        const unsigned char *word = scan->text + previous.start;
        bool title = (previous.classes & PII_W_TITLE) != 0 && pii_upper(word[0]) &&
                     !pii_upper(word[1]);
        if (title && words == 0 && !previous.apart) {
            return PII_W_TITLE;
        }
        if (previous.stopped) {
            return 0;
        }
        if ((previous.classes & PII_W_CUE) != 0) {
            return PII_W_CUE;
        }
        if ((previous.classes & PII_W_GLUE) == 0) {
            return 0;
        }
    }
    return 0;
}

/* Most of capitals in prose: a word that is no name, with small letters around it. */
static bool unknown_alone(struct pii_scan *scan)
{
    size_t limit = scan->start > PII_BEHIND ? scan->start - PII_BEHIND : 0;
    size_t at = scan->start;
    if (scan->classes != 0 || pii_peek(scan, scan->run) != ' ' ||
        pii_capital(scan, scan->run + 1)) {
        return false;
    }
    while (at > limit && (scan->text[at - 1] == ' ' || scan->text[at - 1] == '.')) {
        at--;
    }
    while (at > limit && (pii_letter(scan->text[at - 1]) || scan->text[at - 1] >= 0x80)) {
        at--;
    }
    return at == scan->start || !pii_upper(scan->text[at]); /* no title */
}

/* The word behind a name part in small letters (van, de), 0 when it is none. */
static size_t particle_end(struct pii_scan *scan, size_t at)
{
    size_t end = pii_word_end(scan, at);
    bool part = end > at && end - at <= 3 && small(pii_peek(scan, at)) &&
                (pii_classes(scan->pii, scan->text + at, end - at) & PII_W_PART) != 0;
    return part && pii_peek(scan, end) == ' ' ? end + 1 : 0;
}

/* The next words of the name, behind `tokens[0]`. *street: a street is called like that. */
static size_t read_tokens(struct pii_scan *scan, struct token *tokens, bool *street)
{
    size_t count = 1;
    while (count < TOKENS_MAX && pii_peek(scan, tokens[count - 1].end) == ' ') {
        size_t at = tokens[count - 1].end + 1;
        for (int parts = 0; parts < 2; parts++) {
            size_t behind = particle_end(scan, at);
            at = behind > 0 ? behind : at;
        }
        struct token *token = &tokens[count];
        if (!read_token(scan, at, token)) {
            break;
        }
        bool name = (token->classes & (PII_W_GIVEN | PII_W_FAMILY)) != 0;
        if ((token->classes & PII_W_STREET) != 0 && !name) {
            *street = true;
            break;
        }
        if ((token->classes & (PII_W_COMMON | PII_W_TITLE)) != 0 && !name) {
            break;
        }
        count++;
    }
    return count;
}

static bool is_name(const struct token *token)
{
    return (token->classes & (PII_W_GIVEN | PII_W_FAMILY)) != 0;
}

static bool sure(const struct token *token, uint32_t class)
{
    return (token->classes & class) != 0 && (token->classes & PII_W_COMMON) == 0;
}

/* How many of the words are the name when nothing before them says so. */
static size_t names_alone(const struct token *tokens, size_t count, float *score)
{
    size_t used = 0;
    bool caps = tokens[0].caps;
    *score = 0.85F;
    if (sure(&tokens[0], PII_W_GIVEN)) {
        used = count > 1 && (is_name(&tokens[1]) || (!caps && !tokens[1].caps)) ? 2 : 1;
        *score = used == 1 ? 0.6F : 0.85F;
    } else if ((tokens[0].classes & PII_W_GIVEN) != 0 && count > 1) {
        used = sure(&tokens[1], PII_W_FAMILY) ? 2 : 0;
        used = tokens[1].initial && count > 2 && is_name(&tokens[2]) ? 2 : used;
    } else if (count > 1 && !caps && (tokens[0].classes & PII_W_COMMON) == 0) {
        bool family = sure(&tokens[1], PII_W_FAMILY) && (tokens[1].classes & PII_W_GIVEN) == 0;
        used = family ? 2 : 0;
        *score = 0.6F;
    }
    while (used > 1 && used < count &&
           (is_name(&tokens[used]) || tokens[used].initial || tokens[used - 1].initial ||
            (sure(&tokens[used - 1], PII_W_GIVEN) && !caps && !tokens[used].caps))) {
        used++;
    }
    return used;
}

static size_t names_said(const struct token *tokens, size_t count, uint32_t cue)
{
    bool known = false;
    bool common = false;
    for (size_t i = 0; i < count; i++) {
        known |= is_name(&tokens[i]);
        common |= !is_name(&tokens[i]) && (tokens[i].classes != 0 || tokens[i].caps);
    }
    size_t used = count;
    if (cue == PII_W_TITLE) {
        return !common || known ? used : 0;
    }
    return known || (count > 1 && !common) ? used : 0;
}

/* Nothing around the name makes it a part of code, of a path or of another word. */
static bool stands_alone(struct pii_scan *scan, size_t end)
{
    unsigned before = pii_behind(scan, scan->start, 1);
    unsigned after = pii_peek(scan, end);
    unsigned next = pii_peek(scan, end + 1);
    bool joined = before == '_' || before == '-' || before == '/' || before == '.' ||
                  before == '@' || before == '#' || before == '$' || before == '\\' ||
                  (before == ':' && pii_behind(scan, scan->start, 2) == ':') ||
                  (before == '\'' && pii_alnum(pii_behind(scan, scan->start, 2)));
    bool goes_on = after == '@' || after == '_' || after == '(' || after == '\\' ||
                   pii_alnum(after) || (after >= 0xC3 && after < 0xE0) ||
                   ((after == '.' || after == '-' || after == '/' || after == '=') &&
                    (pii_alnum(next) || next == '_')) ||
                   (after == ':' && next == ':');
    return !joined && !goes_on;
}

void pii_try_person(struct pii_scan *scan)
{
    uint32_t classes = scan->classes;
    struct token tokens[TOKENS_MAX];
    bool street = false;
    bool name = (classes & (PII_W_GIVEN | PII_W_FAMILY)) != 0;
    if (!pii_wants(scan, PII_PERSON) || ((classes & (PII_W_COMMON | PII_W_TITLE)) != 0 && !name) ||
        unknown_alone(scan) || !read_token(scan, scan->start, &tokens[0])) {
        return;
    }
    uint32_t cue = cue_behind(scan);
    bool lone = pii_peek(scan, tokens[0].end) != ' ';
    if (cue == 0 && lone && (classes & PII_W_GIVEN) == 0) {
        return;
    }
    size_t count = read_tokens(scan, tokens, &street);
    float score = 0.9F;
    size_t used = cue != 0 ? names_said(tokens, count, cue) : 0;
    if (used == 0) {
        used = names_alone(tokens, count, &score);
    }
    while (used > 0 && tokens[used - 1].initial) {
        used--;
    }
    if (used > 0 && !street && stands_alone(scan, tokens[used - 1].end)) {
        pii_offer(scan, tokens[used - 1].end, PII_PERSON, score);
    }
}

/* The wide character at a position is an ideograph, kana or syllable rather than punctuation. */
static bool ideograph(struct pii_scan *scan, size_t at)
{
    unsigned lead = pii_peek(scan, at);
    unsigned second = pii_peek(scan, at + 1);
    (void)pii_peek(scan, at + 2);
    return (lead >= 0xE4 && lead <= 0xED) || (lead == 0xE3 && second >= 0x81 && second <= 0x83);
}

/* Mr and Ms behind a name. */
static bool honorific(struct pii_scan *scan, size_t at)
{
    static const char *const words[] = {"先生", "女士", "小姐", "さん", "様", "氏"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = 0;
        while (words[i][n] != '\0' && pii_peek(scan, at + n) == (unsigned char)words[i][n]) {
            n++;
        }
        if (words[i][n] == '\0') {
            return true;
        }
    }
    return false;
}

/* How many characters the family name that begins a run has, 0 for none. */
static size_t family_size(const struct pii_scan *scan, size_t run)
{
    for (size_t size = 3; size > 0; size--) {
        if (run > size &&
            (pii_classes(scan->pii, scan->text + scan->start, 3 * size) & PII_W_FAMILY) != 0) {
            return size;
        }
    }
    return 0;
}

/* A family name of one to three characters and a given name of one to three: alone between other
 * text, behind a cue, or before an honorific. */
void pii_try_wide_person(struct pii_scan *scan)
{
    const unsigned char *text = scan->text;
    size_t at = scan->start;
    size_t run = 0;
    if (!pii_wants(scan, PII_PERSON)) {
        return;
    }
    while (run < 7 && ideograph(scan, at + 3 * run)) {
        run++;
    }
    size_t family = scan->more ? 0 : family_size(scan, run);
    if (family == 0) {
        return;
    }
    size_t longest = family == 1 ? 3 : family + 3;
    for (size_t len = family + 1; len <= longest && len <= run; len++) {
        if (honorific(scan, at + 3 * len)) {
            pii_offer(scan, at + 3 * len, PII_PERSON, 0.85F);
            return;
        }
    }
    bool begins = at < 3 || text[at - 1] < 0x80 || text[at - 3] < 0xE3;
    if (begins && run <= longest) {
        pii_offer(scan, at + 3 * run, PII_PERSON, 0.7F);
    } else if ((pii_context(scan)->glued & PII_W_CUE) != 0 && !begins) {
        size_t len = run < longest ? run : longest;
        pii_offer(scan, at + 3 * len, PII_PERSON, 0.6F);
    }
}
