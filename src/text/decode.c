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

#define LETTERS   27
#define PIECE_MIN 256   /* a line's end ends a piece of so many bytes */
#define PIECE_MAX 1024  /* a space ends one of so many; any byte ends twice as many */
#define RUN_MIN   16    /* of an alphabet */
#define RUN_MAX   65536 /* what lies beyond in one run is not decoded */
#define LIKE_MIN  4     /* a language's mean, in units of decode_likeness() */
#define PAIRS_MIN 12

static const int8_t letters[LETTERS][LETTERS] = {
#include "text/decode_letters.def"
};

static unsigned letter_of(char c)
{
    unsigned low = ((unsigned char)c | 0x20U) - 'a';
    return low < 26 && ((unsigned char)c & 0x40) != 0 ? low + 1 : 0;
}

static unsigned turned(unsigned letter)
{
    return letter == 0 ? 0 : (letter + 12) % 26 + 1;
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
    size_t words;
};

static void survey_word(struct survey *survey, struct str word)
{
    size_t alphas = 0;
    size_t digits = 0;
    size_t marks = 0;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        alphas += letter_of(c) != 0 || (c & 0x80) != 0;
        digits += (c >= '0' && c <= '9') || c == '@' || c == '$';
        marks += c == '-' || c == '.' || c == '_' || c == '*' || c == '|';
    }
    survey->words += alphas > 0;
    survey->mixed += alphas > 0 && digits > 0 && digits <= 2 * alphas && word.len <= 24;
    /* a.b.c.d and a-b-c-d are letters apart, too */
    survey->singles += alphas == 1 && word.len <= 2 ? 1 : 0;
    survey->singles += marks >= 4 && alphas >= marks && alphas <= marks + 2 ? alphas : 0;
}

static struct survey survey_of(struct str piece)
{
    struct survey survey = {.pairs = 0};
    unsigned before = 0;
    size_t word = 0;
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.at[i];
        unsigned letter = letter_of(c);
        if ((letter | before) != 0) {
            survey.forward += letters[before][letter];
            survey.backward += letters[letter][before];
            survey.rotated += letters[turned(before)][turned(letter)];
            survey.pairs++;
        }
        before = letter;
        survey.escapes += c == '%' || c == '&' || c == '\\' || c == '=';
        if (c == ' ' || c == '\n' || c == '\t') {
            survey_word(&survey, str_cut(piece, word, i));
            word = i + 1;
        }
    }
    survey_word(&survey, str_cut(piece, word, piece.len));
    return survey;
}

/* ---- ways ---- */

static bool tries_always(const struct survey *survey)
{
    (void)survey;
    return true;
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
        odd += (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 127;
    }
    if (text.len < 6 || odd * 20 > text.len || (wide > 0 && !utf8_valid(text))) {
        return false;
    }
    return (letter_count + wide) * 3 >= text.len * 2 || letter_count * 10 >= text.len * 9;
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
        if (len < 6 || same(piece, to, len) || !reads(text) ||
            (run && decode_likeness(text) < 0 && !utf8_valid(text))) {
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

static bool of_run(char c)
{
    return letter_of(c) != 0 || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '_' ||
           c == '-';
}

static bool is_hex_pair(struct str text, size_t at)
{
    return at + 2 <= text.len && strchr("0123456789abcdefABCDEF", text.at[at]) != NULL &&
           text.at[at] != '\0' && strchr("0123456789abcdefABCDEF", text.at[at + 1]) != NULL &&
           text.at[at + 1] != '\0';
}

/* The end of the run that begins at `at`: one alphabet, lines may be wrapped, groups of digits may
 * be apart. */
static size_t run_end(struct str text, size_t at)
{
    size_t end = at;
    while (end < text.len && end - at < RUN_MAX) {
        if (of_run(text.at[end])) {
            end++;
            continue;
        }
        bool wrapped = text.at[end] == '\n' && end - at >= 40;
        bool apart = (text.at[end] == ' ' || text.at[end] == ':') && end >= at + 2 &&
                     is_hex_pair(text, end - 2) && is_hex_pair(text, end + 1) &&
                     (end - at == 2 || !of_run(text.at[end - 3]) || end - at == 8 ||
                      (end >= 9 && !of_run(text.at[end - 9])));
        if (!(wrapped || apart) || end + 1 >= text.len || !of_run(text.at[end + 1])) {
            break;
        }
        end++;
    }
    return end;
}

static void find_runs(struct decode *decode, const struct place *place)
{
    struct str text = place->text;
    static const struct survey none;
    size_t at = 0;
    while (at < text.len) {
        if (!of_run(text.at[at])) {
            at++;
            continue;
        }
        size_t end = run_end(text, at);
        if (end - at >= RUN_MIN) {
            try_ways(decode, place, str_cut(text, at, end), &none, run_ways,
                     sizeof run_ways / sizeof run_ways[0]);
        }
        at = end;
    }
}

static size_t piece_end(struct str text, size_t at)
{
    size_t last = at + 2 * PIECE_MAX < text.len ? at + 2 * PIECE_MAX : text.len;
    for (size_t end = at; end < last; end++) {
        char c = text.at[end];
        if ((c == '\n' && end - at >= PIECE_MIN) || (c == ' ' && end - at >= PIECE_MAX)) {
            return end + 1;
        }
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
        struct survey survey = survey_of(piece);
        try_ways(decode, place, piece, &survey, piece_ways,
                 sizeof piece_ways / sizeof piece_ways[0]);
        at = end;
    }
}

void decode_all(struct decode *decode, const struct fold *fold, struct str text,
                struct arena *arena)
{
    *decode = (struct decode){
        .fold = fold, .arena = arena, .budget = text.len * DECODE_EXPANSION + DECODE_FREE};
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
