/* SPDX-License-Identifier: Apache-2.0
 * decode.c - one survey of a piece of text says which ways are worth trying.
 *
 * A piece ends at a line's end or a space; runs of one alphabet are pieces of their own. The survey
 * adds up, for every pair of letters, how usual it is as it stands, reversed and moved by 13
 * places: three sums in one word, a table look-up a byte.
 */
#include "text/decode.h"

#include "base/utf8.h"
#include "text/decode_ways.h"

#include <string.h>

#define LETTERS    27
#define PIECE_MIN  256   /* a line's end ends a piece of so many bytes */
#define PIECE_MAX  1024  /* a space ends one of so many; any byte ends twice as many */
#define RUN_MIN    16    /* of an alphabet */
#define RUN_MAX    65536 /* what lies beyond in one run is not decoded */
#define WRAP_MIN   40    /* bytes of a line that goes on in the next */
#define LIKE_MIN   2     /* a language's mean, in units of decode_likeness() */
#define LIKE_LEAST 1     /* ... of a text that was decoded */
#define TEXT_MIN   6
#define PAIRS_MIN  12

static const int8_t letters[LETTERS][LETTERS] = {
#include "text/decode_letters.def"
};

enum {
    BYTE_LETTER = 31, /* which, 1 to 26 */
    BYTE_RUN = 32,    /* of base64 and the like */
    BYTE_ESCAPE = 64,
    BYTE_DIGIT = 128, /* or a sign that stands for a letter */
    BYTE_SPACE = 256,
    BYTE_APART = 512, /* stands between letters that are spaced out */
    BYTE_HEX = 1024,
    BYTE_WIDE = 2048, /* beyond ASCII */
};
static const uint16_t bytes[256] = {
#include "text/decode_bytes.def"
};

static unsigned is(char c)
{
    return bytes[(unsigned char)c];
}

static unsigned letter_of(char c)
{
    return is(c) & BYTE_LETTER;
}

/* The letter 13 places on. */
static const uint8_t turned[LETTERS] = {0, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
                                        1, 2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13};

#define ODDS_BITS 21
#define ODDS_MASK ((UINT64_C(1) << ODDS_BITS) - 1)
#define ODDS_BIAS 128 /* keeps a number's parts positive */
_Static_assert(2 * PIECE_MAX * (ODDS_BIAS + 127) < 1 << ODDS_BITS, "a piece's sums fit");

static uint64_t biased(unsigned before, unsigned letter)
{
    return (uint64_t)(letters[before][letter] + ODDS_BIAS);
}

int decode_likeness(struct str text)
{
    int64_t sum = 0;
    int64_t pairs = 0;
    unsigned before = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned letter = letter_of(text.at[i]);
        if (letter != 0 || before != 0) {
            sum += letters[before][letter];
            pairs++;
        }
        before = letter;
    }
    return pairs < PAIRS_MIN ? -100 : (int)(sum / pairs);
}

/* What one pass over a piece found. */
struct survey {
    int64_t forward;
    int64_t backward;
    int64_t rotated;
    int64_t pairs;
    size_t escapes;
    size_t singles; /* letters with no letter beside them */
    size_t mixed;   /* words of letters with digits inside */
    size_t codes;   /* words that are two hex digits, or eight bits */
    size_t words;
};

/* What bytes of a word are, counted in the lanes of one number; see decode_odds. */
enum lane { LANE_ALPHAS, LANE_DIGITS, LANE_MARKS, LANE_HEX };
#define LANE_BITS  12
#define KIND_BITS  16
#define KIND_MASK  ((UINT64_C(1) << KIND_BITS) - 1)
#define LANE(name) (UINT64_C(1) << (LANE_##name * LANE_BITS))
_Static_assert(2 * PIECE_MAX < 1 << LANE_BITS, "a piece's counts fit");
_Static_assert(KIND_BITS + (LANE_HEX + 1) * LANE_BITS <= 64, "kind and lanes fit");

static uint64_t tallied(unsigned kind)
{
    uint64_t lanes = 0;
    lanes += (kind & (BYTE_LETTER | BYTE_WIDE)) != 0 ? LANE(ALPHAS) : 0;
    lanes += (kind & BYTE_DIGIT) != 0 ? LANE(DIGITS) : 0;
    lanes += (kind & BYTE_APART) != 0 ? LANE(MARKS) : 0;
    lanes += (kind & BYTE_HEX) != 0 ? LANE(HEX) : 0;
    return lanes << KIND_BITS | kind;
}

static uint32_t lane_of(uint64_t lanes, enum lane lane)
{
    return (uint32_t)(lanes >> lane * LANE_BITS) & ((1U << LANE_BITS) - 1);
}

static inline void end_word(struct survey *survey, uint64_t lanes, size_t len)
{
    uint32_t alphas = lane_of(lanes, LANE_ALPHAS);
    uint32_t digits = lane_of(lanes, LANE_DIGITS);
    uint32_t marks = lane_of(lanes, LANE_MARKS);
    survey->words++;
    survey->mixed += alphas > 0 && digits > 0 && digits <= 2 * alphas && len <= 24;
    survey->singles += alphas == 1 && len <= 2;
    /* a.b.c.d and a-b-c-d are letters apart, too */
    if (marks >= 2 && alphas + 2 >= marks && alphas <= marks + 2) {
        survey->singles += alphas;
    }
    survey->codes += (len == 2 || len == 8) && lane_of(lanes, LANE_HEX) == len;
}

/* Cheaply: a sign that begins escapes, and the byte that must follow it. */
static bool begins_escape(struct str piece, size_t at)
{
    unsigned next = at + 1 < piece.len ? is(piece.at[at + 1]) : 0;
    switch (piece.at[at]) {
    case '%':
    case '=':
        return (next & BYTE_HEX) != 0;
    case '&':
        return (next & BYTE_LETTER) != 0 || (at + 1 < piece.len && piece.at[at + 1] == '#');
    case '\\':
        return next != 0 && (piece.at[at + 1] == 'u' || piece.at[at + 1] == 'x');
    default: /* + between words */
        return at > 0 && (next & BYTE_LETTER) != 0 && (is(piece.at[at - 1]) & BYTE_LETTER) != 0;
    }
}

void decode_odds_init(struct decode_odds *odds)
{
    for (unsigned a = 0; a < LETTERS; a++) {
        for (unsigned b = 0; b < LETTERS; b++) {
            odds->pairs[a * DECODE_LETTERS + b] = biased(a, b) | biased(b, a) << ODDS_BITS |
                                                  biased(turned[a], turned[b]) << 2 * ODDS_BITS;
        }
    }
    for (size_t byte = 0; byte < 256; byte++) {
        odds->bytes[byte] = tallied(bytes[byte]);
    }
}

static struct survey survey_of(const struct decode_odds *odds, struct str piece)
{
    struct survey survey = {.pairs = 0};
    uint64_t sums = 0;
    uint64_t lanes = 0;
    size_t begin = 0;  /* of the word */
    uint64_t pair = 0; /* the last letter and this one */
    for (size_t i = 0; i < piece.len; i++) {
        uint64_t byte = odds->bytes[(uint8_t)piece.at[i]];
        pair = (pair * DECODE_LETTERS | (byte & BYTE_LETTER)) % DECODE_PAIRS;
        sums += odds->pairs[pair];
        survey.pairs += pair != 0;
        if ((byte & (BYTE_SPACE | BYTE_ESCAPE)) != 0) {
            if ((byte & BYTE_SPACE) != 0) {
                if (i > begin) {
                    end_word(&survey, lanes, i - begin);
                }
                begin = i + 1;
                lanes = 0;
                continue;
            }
            survey.escapes += begins_escape(piece, i);
        }
        lanes += byte >> KIND_BITS;
    }
    if (piece.len > begin) {
        end_word(&survey, lanes, piece.len - begin);
    }
    size_t all = piece.len * ODDS_BIAS;
    survey.forward = (int64_t)(sums & ODDS_MASK) - (int64_t)all;
    survey.backward = (int64_t)(sums >> ODDS_BITS & ODDS_MASK) - (int64_t)all;
    survey.rotated = (int64_t)(sums >> 2 * ODDS_BITS) - (int64_t)all;
    return survey;
}

/* ---- ways ---- */

static bool tries_always(const struct survey *survey)
{
    (void)survey;
    return true;
}

static bool tries_codes(const struct survey *survey)
{
    return survey->codes >= 6 && survey->codes * 2 > survey->words;
}

static bool tries_escapes(const struct survey *survey)
{
    return survey->escapes >= 3;
}

static bool tries_spaced(const struct survey *survey)
{
    return survey->singles >= 6 && survey->singles * 2 > survey->words;
}

static bool tries_leet(const struct survey *survey)
{
    return survey->mixed >= 2 && survey->mixed * 5 >= survey->words;
}

static bool tries_rot13(const struct survey *survey)
{
    return survey->pairs >= PAIRS_MIN && survey->rotated > survey->forward &&
           survey->rotated > LIKE_MIN * survey->pairs;
}

static bool tries_reversed(const struct survey *survey)
{
    return survey->pairs >= PAIRS_MIN && survey->backward > survey->forward &&
           survey->backward > LIKE_MIN * survey->pairs;
}

struct way {
    const char *name;
    bool (*tries)(const struct survey *survey);
    size_t (*decode)(struct str text, char *to);
};

static const struct way run_ways[] = {
    {"base64", tries_always, decode_base64},
    {"hex", tries_always, decode_hex},
    {"base32", tries_always, decode_base32},
    {"bits", tries_always, decode_bits},
};

static const struct way piece_ways[] = {
    {"hex", tries_codes, decode_hex},
    {"bits", tries_codes, decode_bits},
    {"escapes", tries_escapes, decode_escapes},
    {"spaced", tries_spaced, decode_spaced},
    {"leet", tries_leet, decode_leet},
    {"leet", tries_leet, decode_leet_l},
    {"rot13", tries_rot13, decode_rot13},
    {"reversed", tries_reversed, decode_reversed},
    {"reversed", tries_reversed, decode_reversed_words},
};

/* Where pieces are looked for: the text itself or one of its views. */
struct place {
    struct str text;
    const char *name; /* NULL: the text itself */
    size_t start;     /* a view's piece of the whole text */
    size_t end;
    unsigned depth;
};

/* Mostly printable, and in no encoding that is still to be undone: letters and spaces as in a
 * language of the Latin alphabet, or text of another one. */
static bool reads(struct str text)
{
    size_t letter_count = 0;
    size_t wide = 0;
    size_t odd = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        letter_count += letter_of((char)c) != 0 || c == ' ';
        wide += c >= 0x80;
        odd += (c < ' ' && (is((char)c) & BYTE_SPACE) == 0) || c == 127;
    }
    if (text.len < TEXT_MIN || odd * 20 > text.len || (wide > 0 && !utf8_valid(text))) {
        return false;
    }
    return (letter_count + wide) * 3 >= text.len * 2 &&
           (wide * 4 > text.len || decode_likeness(text) >= LIKE_LEAST);
}

/* What is still encoded after one decoding. */
static bool is_run(struct str text)
{
    size_t i = 0;
    while (i < text.len && (is(text.at[i]) & BYTE_RUN) != 0) {
        i++;
    }
    return text.len >= RUN_MIN && i + 3 > text.len;
}

static bool same(struct str a, const char *at, size_t len)
{
    return a.len == len && memcmp(a.at, at, len) == 0;
}

static void keep(struct decode *decode, const struct place *place, const char *name,
                 struct str piece, struct str text)
{
    if (decode->count == decode->room) {
        size_t room = decode->room == 0 ? 16 : decode->room * 2;
        struct decoded *views = arena_array_of(decode->arena, struct decoded, room);
        if (decode->count > 0) {
            memcpy(views, decode->views, decode->count * sizeof *views);
        }
        decode->views = views;
        decode->room = room;
    }
    bool whole = place->name == NULL;
    size_t from = (size_t)(piece.at - place->text.at);
    decode->views[decode->count++] = (struct decoded){
        .name = whole ? name : place->name,
        .text = text,
        .start = whole ? from : place->start,
        .end = whole ? from + piece.len : place->end,
        .depth = place->depth + 1,
    };
}

/* Tries the ways that the survey speaks for; true when one of them gave a view. */
static bool try_ways(struct decode *decode, const struct place *place, struct str piece,
                     const struct survey *survey, const struct way *ways, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!ways[i].tries(survey)) {
            continue;
        }
        if (piece.len > decode->budget || decode->count == DECODE_VIEWS_MAX) {
            decode->caps |= DECODE_CAP_EXPANSION;
            return any;
        }
        char *to = arena_alloc(decode->arena, piece.len + 1);
        size_t len = ways[i].decode(piece, to);
        struct str text = {to, len};
        bool run = ways == run_ways;
        if (len < TEXT_MIN || same(piece, to, len) || !(reads(text) || (run && is_run(text)))) {
            continue;
        }
        decode->budget -= piece.len;
        if (place->depth == DECODE_DEPTH) {
            decode->caps |= run ? DECODE_CAP_DEPTH : 0U;
            return true;
        }
        keep(decode, place, ways[i].name, piece, text);
        any = true;
        if (run) {
            return true; /* a run has one alphabet */
        }
    }
    return any;
}

/* The end of the run that begins at `at`; its lines may be wrapped. */
static size_t run_end(struct str text, size_t at)
{
    size_t end = at;
    while (end < text.len && end - at < RUN_MAX) {
        bool wrapped = text.at[end] == '\n' && end - at >= WRAP_MIN && end + 1 < text.len &&
                       (is(text.at[end + 1]) & BYTE_RUN) != 0;
        if ((is(text.at[end]) & BYTE_RUN) == 0 && !wrapped) {
            break;
        }
        end++;
    }
    return end;
}

/* Whether a run of RUN_MIN bytes begins at `from`. Bytes to `at` are known to be of one; the
 * farthest are looked at first, a space is rarely far. */
static bool is_long(struct str text, size_t from, size_t at)
{
    size_t last = from + RUN_MIN - 1;
    while (last > at && last < text.len && (is(text.at[last]) & BYTE_RUN) != 0) {
        last--;
    }
    return last <= at;
}

/* A run of RUN_MIN bytes covers every RUN_MIN-th byte: only those are looked at. */
static void find_runs(struct decode *decode, const struct place *place)
{
    struct str text = place->text;
    static const struct survey none;
    size_t done = 0;
    for (size_t at = RUN_MIN - 1; at < text.len; at += RUN_MIN) {
        if ((is(text.at[at]) & BYTE_RUN) == 0) {
            continue;
        }
        size_t from = at;
        while (from > done && (is(text.at[from - 1]) & BYTE_RUN) != 0) {
            from--;
        }
        if (is_long(text, from, at)) {
            size_t end = run_end(text, from);
            try_ways(decode, place, str_cut(text, from, end), &none, run_ways,
                     sizeof run_ways / sizeof run_ways[0]);
            done = end;
            at = end > at ? end - 1 : at;
        }
    }
}

/* Where `c` is first in text[from .. end), or `end`. */
static size_t find_within(struct str text, size_t from, size_t end, char c)
{
    const char *found = from < end ? memchr(text.at + from, c, end - from) : NULL;
    return found != NULL ? (size_t)(found - text.at) : end;
}

static size_t piece_end(struct str text, size_t at)
{
    size_t longest = (size_t)PIECE_MAX * 2;
    size_t last = at + longest < text.len ? at + longest : text.len;
    size_t end = find_within(text, at + PIECE_MIN, last, '\n');
    end = find_within(text, at + PIECE_MAX, end, ' ');
    if (end < last) {
        return end + 1;
    }
    while (last < text.len && last > at + 1 && ((uint8_t)text.at[last] & 0xC0) == 0x80) {
        last--;
    }
    return last;
}

static void find_pieces(struct decode *decode, const struct place *place)
{
    size_t at = 0;
    while (at < place->text.len) {
        size_t end = piece_end(place->text, at);
        struct str piece = str_cut(place->text, at, end);
        struct survey survey = survey_of(decode->odds, piece);
        try_ways(decode, place, piece, &survey, piece_ways,
                 sizeof piece_ways / sizeof piece_ways[0]);
        at = end;
    }
}

void decode_all(struct decode *decode, const struct decode_odds *odds, struct str text,
                struct arena *arena)
{
    *decode = (struct decode){
        .odds = odds, .arena = arena, .budget = text.len * DECODE_EXPANSION + DECODE_FREE};
    struct place place = {.text = text};
    find_runs(decode, &place);
    find_pieces(decode, &place);
    for (size_t i = 0; i < decode->count; i++) {
        const struct decoded *view = &decode->views[i];
        place = (struct place){.text = view->text,
                               .name = view->name,
                               .start = view->start,
                               .end = view->end,
                               .depth = view->depth};
        find_runs(decode, &place);
        find_pieces(decode, &place);
    }
}
