/* SPDX-License-Identifier: Apache-2.0
 * words.c - the automaton.
 *
 * Invariants: a word that must begin where a word begins is kept with a space before it, so that
 * inside of other words the automaton rests in its root. `back[state]` is how many symbols lie
 * between the earliest word that may have begun and here; the start of each of the last symbols is
 * remembered, so that a state gives the exact byte at which that word would begin. */
#include "text/words.h"

#include "base/must.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define ROOT       0
#define SEPARATOR  1 /* class of any run of spaces and marks; 0 is every letter of no word */
#define RING       64
#define GAP_MAX    60 /* bytes that nobody sees within a word */
#define NO_WORD    UINT32_MAX
#define POINTS_LOW 0x600 /* classes of these are a table, of others a search */

struct kept_word {
    uint32_t id;
    uint32_t flags;
    uint32_t next; /* another one that ends in the same state */
    uint8_t symbols;
};

struct words {
    const struct fold *fold;
    uint16_t *moves; /* [state * classes + class] */
    uint32_t *ends;  /* first word that ends in the state */
    uint16_t *link;  /* the longest shorter state in which a word ends; ROOT: none */
    uint16_t *says;  /* the longest state in which a word ends here; ROOT: none */
    uint16_t *fails;
    uint8_t *back;
    struct kept_word *words;
    uint32_t classes;
    uint32_t states;
    bool leet;
    uint8_t plain[256]; /* class of ASCII letters and digits, SEPARATOR of all else */
    bool rests[256];    /* of these, those that stay in the root */
    uint8_t ascii_class[128];
    uint8_t ascii_kind[128];
    uint8_t low[POINTS_LOW]; /* class of a folded point */
    uint32_t *others;        /* folded points beyond, sorted; their classes follow those below */
    uint32_t other_count;
    uint32_t low_classes;
};

struct symbol {
    uint32_t point;
    enum fold_kind kind; /* of the character itself: what stands for a letter is still a mark */
    bool joins;          /* part of a word */
};

static uint32_t leet_letter(uint32_t code)
{
    static const char from[] = "013457@$";
    static const char to[] = "oieastas";
    const char *at = code < 128 && code > 0 ? strchr(from, (int)code) : NULL;
    return at == NULL ? 0 : (uint32_t)to[at - from];
}

static struct symbol symbol_of(const struct fold *fold, bool leet, uint32_t code)
{
    uint32_t entry = fold_of(fold, code);
    struct symbol symbol = {FOLD_POINT(entry), FOLD_KIND(entry), false};
    symbol.joins = symbol.kind == FOLD_LETTER || symbol.kind == FOLD_DIGIT ||
                   symbol.kind == FOLD_SIGN;
    uint32_t letter = leet ? leet_letter(code) : 0;
    if (letter != 0) {
        symbol.point = letter;
        symbol.joins = true;
    }
    return symbol;
}

static uint32_t class_of(const struct words *words, uint32_t point)
{
    if (point < POINTS_LOW) {
        return words->low[point];
    }
    uint32_t low = 0;
    uint32_t high = words->other_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (words->others[middle] < point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < words->other_count && words->others[low] == point ? words->low_classes + low : 0;
}

struct word word_written(struct str text, uint32_t id)
{
    bool stem = str_ends(text, STR("*"));
    return (struct word){stem ? str_cut(text, 0, text.len - 1) : text, id, stem ? WORD_STEM : 0};
}

/* ---- making ---- */

/* The symbols of a word: points, 0 for a space. Their number; 0: none, or too many. */
static size_t spell(const struct words *words, const struct word *word, uint32_t *points)
{
    size_t count = 0;
    bool space = false;
    bool leet = (word->flags & WORD_LEET) != 0;
    for (size_t at = 0; at < word->text.len;) {
        uint32_t code = 0;
        at += utf8_step(word->text, at, &code);
        struct symbol symbol = symbol_of(words->fold, leet, code);
        if (symbol.kind == FOLD_NONE) {
            continue;
        }
        if (!symbol.joins) {
            space = count > 0;
            continue;
        }
        if (count + 2 > WORD_SYMBOLS_MAX) {
            return 0;
        }
        if (space) {
            points[count++] = 0;
            space = false;
        }
        points[count++] = symbol.point;
    }
    return count;
}

/* Words of scripts without spaces have no edges to look for. */
static bool begins_anywhere(const struct words *words, const struct word *word, uint32_t point)
{
    return (word->flags & WORD_ANYWHERE) != 0 ||
           FOLD_KIND(fold_of(words->fold, point)) == FOLD_SIGN;
}

static int compare_points(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Gives each point that occurs its class. Returns how many symbols there are at most, 0: a word is
 * wrong. */
static size_t make_classes(struct words *words, const struct word *items, size_t count,
                           struct arena *arena, struct fault *fault)
{
    size_t total = 0;
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++) {
        bytes += items[i].text.len;
    }
    words->others = arena_array_of(arena, uint32_t, bytes);
    words->low_classes = SEPARATOR + 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t points[WORD_SYMBOLS_MAX];
        size_t symbols = spell(words, &items[i], points);
        if (symbols == 0) {
            (void)fault_set(fault, ERR_INVALID,
                            "'" STR_FMT "' must hold 1 to %d letters, digits and spaces",
                            STR_ARG(utf8_head(items[i].text, 64)), WORD_SYMBOLS_MAX - 2);
            fault->line = (unsigned)i + 1;
            return 0;
        }
        for (size_t n = 0; n < symbols; n++) {
            uint32_t point = points[n];
            if (point >= POINTS_LOW) {
                words->others[words->other_count++] = point;
            } else if (point != 0 && words->low[point] == 0) {
                words->low[point] = (uint8_t)words->low_classes++;
                if (words->low_classes > 255) {
                    (void)fault_set(fault, ERR_LIMIT, "more than 250 different letters");
                    return 0;
                }
            }
        }
        total += symbols + 1;
    }
    qsort(words->others, words->other_count, sizeof *words->others, compare_points);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < words->other_count; i++) {
        if (kept == 0 || words->others[kept - 1] != words->others[i]) {
            words->others[kept++] = words->others[i];
        }
    }
    words->other_count = kept;
    words->classes = words->low_classes + kept;
    return total;
}

static uint16_t extend(struct words *words, uint16_t state, uint32_t class, uint8_t back)
{
    uint16_t *move = &words->moves[(size_t)state * words->classes + class];
    if (*move == ROOT) {
        *move = (uint16_t)words->states++;
        words->ends[*move] = NO_WORD;
        words->back[*move] = back;
    }
    return *move;
}

static void add_word(struct words *words, const struct word *item, uint32_t index)
{
    uint32_t points[WORD_SYMBOLS_MAX] = {0};
    size_t symbols = spell(words, item, points);
    uint16_t state = ROOT;
    if (!begins_anywhere(words, item, points[0])) {
        state = extend(words, state, SEPARATOR, 0);
    }
    for (size_t i = 0; i < symbols; i++) {
        uint32_t class = points[i] == 0 ? SEPARATOR : class_of(words, points[i]);
        state = extend(words, state, class, (uint8_t)(i + 1));
    }
    words->words[index] = (struct kept_word){.id = item->id,
                                             .flags = item->flags,
                                             .next = words->ends[state],
                                             .symbols = (uint8_t)symbols};
    words->ends[state] = index;
}

/* Breadth first: a state's shorter states are complete before it. */
static void close_moves(struct words *words, uint16_t *queue)
{
    size_t head = 0;
    size_t tail = 0;
    queue[tail++] = ROOT;
    while (head < tail) {
        uint16_t state = queue[head++];
        const uint16_t *shorter = &words->moves[(size_t)words->fails[state] * words->classes];
        uint16_t *moves = &words->moves[(size_t)state * words->classes];
        for (uint32_t class = 0; class < words->classes; class ++) {
            uint16_t to = moves[class];
            if (to == ROOT) {
                moves[class] = state == ROOT ? ROOT : shorter[class];
                continue;
            }
            uint16_t fail = state == ROOT ? ROOT : shorter[class];
            words->fails[to] = fail;
            words->link[to] = words->says[fail];
            words->says[to] = words->ends[to] != NO_WORD ? to : words->link[to];
            queue[tail++] = to;
        }
    }
}

/* What ASCII does, looked up once. */
static void make_ascii(struct words *words)
{
    memset(words->plain, SEPARATOR, sizeof words->plain);
    for (uint32_t code = 0; code < 128; code++) {
        struct symbol symbol = symbol_of(words->fold, words->leet, code);
        uint32_t class = symbol.joins ? class_of(words, symbol.point) : SEPARATOR;
        words->ascii_kind[code] = (uint8_t)symbol.kind;
        words->ascii_class[code] = (uint8_t) class;
        if (symbol.kind == FOLD_LETTER || symbol.kind == FOLD_DIGIT) {
            words->plain[code] = (uint8_t) class;
            words->rests[code] = words->moves[class] == ROOT;
        }
    }
}

enum err words_new(const struct fold *fold, const struct word *items, size_t count,
                   struct arena *arena, const struct words **made, struct fault *fault)
{
    struct words *words = arena_new_of(arena, struct words);
    words->fold = fold;
    words->leet = count > 0 && (items[0].flags & WORD_LEET) != 0;
    size_t states = make_classes(words, items, count, arena, fault) + 2;
    if (states == 2 && count > 0) {
        return fault->code;
    }
    if (states > WORDS_STATES_MAX ||
        states * words->classes * sizeof *words->moves > WORDS_TABLE_MAX) {
        return fault_set(fault, ERR_LIMIT, "words of more than %d letters together",
                         WORDS_STATES_MAX - 2);
    }
    words->moves = arena_array_of(arena, uint16_t, states * words->classes);
    words->ends = arena_array_of(arena, uint32_t, states);
    words->link = arena_array_of(arena, uint16_t, states);
    words->says = arena_array_of(arena, uint16_t, states);
    words->fails = arena_array_of(arena, uint16_t, states);
    words->back = arena_array_of(arena, uint8_t, states);
    words->words = arena_array_of(arena, struct kept_word, count + 1);
    words->states = 1;
    words->ends[ROOT] = NO_WORD;
    for (size_t i = 0; i < count; i++) {
        must(((items[i].flags & WORD_LEET) != 0) == words->leet);
        add_word(words, &items[i], (uint32_t)i);
    }
    uint16_t *queue = must_have(calloc(states, sizeof *queue));
    close_moves(words, queue);
    free(queue);
    make_ascii(words);
    *made = words;
    return ERR_OK;
}

/* ---- finding ---- */

struct walk {
    const struct words *words;
    const struct block *block;
    struct hits *hits;
    size_t len;  /* up to the last whole character */
    size_t live; /* the earliest start that is undecided */
    size_t starts[RING];
    size_t count; /* symbols taken */
    uint16_t state;
    enum fold_kind last; /* NONE: at the beginning, or after a separator */
    size_t last_end;     /* of the character it is the kind of */
};

/* What stands before `at`: nothing that is further than GAP_MAX away. */
static void look_back(struct walk *walk, size_t at)
{
    struct str text = walk->block->text;
    size_t stop = at > GAP_MAX + 4 ? at - GAP_MAX - 4 : 0;
    while (at > stop) {
        size_t start = at - 1;
        while (start > stop && ((uint8_t)text.at[start] & 0xC0) == 0x80 && at - start < 4) {
            start--;
        }
        uint32_t code = 0;
        (void)utf8_step(text, start, &code);
        struct symbol symbol = symbol_of(walk->words->fold, walk->words->leet, code);
        if (symbol.kind != FOLD_NONE) {
            walk->last = symbol.joins ? symbol.kind : FOLD_NONE;
            walk->last_end = at;
            return;
        }
        at = start;
    }
}

/* Where the word ends that goes on at `at`, looking no further than `stop`; *open: the text ended
 * before that was known. A word that is no stem only needs to know whether it goes on. */
static size_t word_end(const struct walk *walk, size_t at, size_t stop, bool stem, bool *open)
{
    size_t end = at;
    while (at < stop && at < walk->len) {
        uint32_t code = 0;
        size_t bytes = utf8_step(walk->block->text, at, &code);
        enum fold_kind kind = symbol_of(walk->words->fold, false, code).kind;
        if (kind != FOLD_LETTER && kind != FOLD_DIGIT && kind != FOLD_NONE) {
            return end;
        }
        at += bytes;
        end = kind == FOLD_NONE ? end : at;
        if (!stem && end == at) {
            return end;
        }
    }
    *open = *open || (at >= walk->len && at < stop && !walk->block->final);
    return end;
}

/* Digits that stand for letters must not be more than the letters: 455 is a number. */
static bool is_spelled(const struct walk *walk, size_t start, size_t end)
{
    size_t letters = 0;
    size_t digits = 0;
    while (start < end) {
        uint32_t code = 0;
        start += utf8_step(walk->block->text, start, &code);
        enum fold_kind kind = symbol_of(walk->words->fold, false, code).kind;
        letters += kind == FOLD_LETTER || kind == FOLD_SIGN;
        digits += kind == FOLD_DIGIT;
    }
    return letters > 0 && digits <= letters;
}

/* A word's last symbol ended before `end`. */
static void word_ended(struct walk *walk, const struct kept_word *word, size_t end)
{
    size_t start = walk->starts[(walk->count - word->symbols) % RING];
    if (start >= walk->block->to || end > start + HIT_REACH) {
        return;
    }
    size_t found = end;
    if ((word->flags & WORD_ANYWHERE) == 0 && walk->last != FOLD_SIGN) {
        size_t stop = start + HIT_REACH;
        bool stem = (word->flags & WORD_STEM) != 0;
        if (stem && end + WORD_TAIL_MAX < stop) {
            stop = end + WORD_TAIL_MAX;
        }
        bool open = false;
        size_t rest = word_end(walk, end, stop, stem, &open);
        if (open) {
            walk->live = start < walk->live ? start : walk->live;
            return;
        }
        if (!stem && rest != end) {
            return;
        }
        found = rest;
    }
    if (walk->words->leet && !is_spelled(walk, start, end)) {
        return;
    }
    hits_add(walk->hits, (struct hit){start, found, word->id, 0});
}

/* All words that the last symbol, which ended before `end`, completes. */
static void say(struct walk *walk, uint16_t state, size_t end)
{
    const struct words *words = walk->words;
    for (; state != ROOT; state = words->link[state]) {
        for (uint32_t i = words->ends[state]; i != NO_WORD; i = words->words[i].next) {
            word_ended(walk, &words->words[i], end);
        }
    }
}

static inline void take_symbol(struct walk *walk, size_t start, uint32_t class)
{
    const struct words *words = walk->words;
    walk->starts[walk->count++ % RING] = start;
    walk->state = words->moves[(size_t)walk->state * words->classes + class];
}

/* One character of `bytes` bytes at `at`. */
static inline void take(struct walk *walk, size_t at, size_t bytes, uint32_t class,
                        enum fold_kind kind)
{
    if (kind == FOLD_NONE) {
        return;
    }
    if (class == SEPARATOR) {
        if (walk->last != FOLD_NONE) { /* a run is one symbol */
            take_symbol(walk, at, SEPARATOR);
            walk->last = FOLD_NONE;
        }
        return;
    }
    /* Signs and letters need no space between them; what nobody sees is one if it is long. */
    bool apart = (walk->last == FOLD_SIGN) != (kind == FOLD_SIGN) || at > walk->last_end + GAP_MAX;
    if (apart && walk->last != FOLD_NONE) {
        take_symbol(walk, at, SEPARATOR);
    }
    walk->last = kind;
    walk->last_end = at + bytes;
    take_symbol(walk, at, class);
    uint16_t said = walk->words->says[walk->state];
    if (said != ROOT) {
        say(walk, said, at + bytes);
    }
}

/* The earliest start that is alive in this state. */
static size_t alive(const struct walk *walk, size_t at)
{
    const struct words *words = walk->words;
    for (uint16_t state = walk->state; state != ROOT; state = words->fails[state]) {
        size_t back = words->back[state];
        size_t start = back == 0 ? at : walk->starts[(walk->count - back) % RING];
        if (back == 0 || at - start < HIT_REACH) {
            return start;
        }
    }
    return at;
}

/* Does an ASCII letter or digit at `at` go on with what was read, or begin a word, without a symbol
 * between? */
static bool is_close(const struct walk *walk, size_t at)
{
    return walk->last == FOLD_NONE || (walk->last != FOLD_SIGN && at <= walk->last_end + GAP_MAX);
}

/* ASCII letters and digits, up to what is none: take() without its questions. In the root the rest
 * of a word is passed over. */
static size_t take_plain(struct walk *walk, size_t at, size_t stop)
{
    const struct words *words = walk->words;
    const uint8_t *plain = words->plain;
    const uint8_t *bytes = (const uint8_t *)walk->block->text.at;
    uint16_t state = walk->state;
    size_t count = walk->count;
    walk->last = FOLD_LETTER;
    while (at < stop && plain[bytes[at]] != SEPARATOR) {
        if (state == ROOT && words->rests[bytes[at]]) {
            at++;
            continue;
        }
        walk->starts[count++ % RING] = at;
        state = words->moves[(size_t)state * words->classes + plain[bytes[at]]];
        at++;
        if (words->says[state] != ROOT) {
            walk->count = count;
            say(walk, words->says[state], at);
        }
    }
    walk->last_end = at;
    walk->state = state;
    walk->count = count;
    return at;
}

/* Up to the end of the block, and on while something that began in it is alive. */
static size_t run(struct walk *walk, size_t at)
{
    const struct words *words = walk->words;
    const struct block *block = walk->block;
    const uint8_t *bytes = (const uint8_t *)block->text.at;
    size_t stop = walk->len < block->to ? walk->len : block->to;
    while (at < walk->len) {
        if (at >= block->to && alive(walk, at) >= block->to) {
            break;
        }
        uint8_t byte = bytes[at];
        if (words->plain[byte] != SEPARATOR && at < stop && is_close(walk, at)) {
            at = take_plain(walk, at, stop);
            continue;
        }
        if (byte < 128) {
            take(walk, at, 1, words->ascii_class[byte], (enum fold_kind)words->ascii_kind[byte]);
            at++;
            continue;
        }
        uint32_t code = 0;
        size_t width = utf8_step(block->text, at, &code);
        struct symbol symbol = symbol_of(words->fold, words->leet, code);
        take(walk, at, width, symbol.joins ? class_of(words, symbol.point) : SEPARATOR,
             symbol.kind);
        at += width;
    }
    return at;
}

size_t words_find(const struct words *words, const struct block *block, struct hits *hits)
{
    struct walk walk = {.words = words, .block = block, .hits = hits, .live = block->to};
    walk.len = block->final ? block->text.len : text_whole(block->text);
    look_back(&walk, block->from);
    if (walk.last == FOLD_NONE || walk.last == FOLD_SIGN) {
        walk.state = words->moves[SEPARATOR];
    }
    size_t at = run(&walk, block->from);
    if (!block->final && at == walk.len) {
        size_t live = alive(&walk, at);
        walk.live = live < walk.live ? live : walk.live;
    }
    return walk.live;
}
