/* SPDX-License-Identifier: Apache-2.0
 * patterns.c - candidates by Hyperscan, matches by PCRE2.
 *
 * Invariants: Hyperscan may only rule a pattern out. It sees all that a match in the block could
 * consist of, but not where PCRE2's view of it is cut: so a pattern that may be longer than the
 * view and asks what stands at its edges (\b, look-ahead) is never ruled out. */
#include "text/patterns.h"

#include "base/must.h"
#include "base/utf8.h"

#include <hs.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MAX        16
#define COMPILE_TRIES   32  /* each leaves out the pattern that was refused */
#define FILTERED_BYTES  256 /* for less, asking PCRE2 at once costs less */
#define VIEW_BEHIND     124 /* less than HIT_BEHIND: a cut is always seen as one */
#define COSTLY_IN_BLOCK 16

enum filter { FILTER_NONE, FILTER_EXACT, FILTER_SUPERSET };

struct item {
    const struct regex *regex;
    uint32_t id;
    enum filter filter;
    bool text_start;
};

struct scratch {
    struct regex_scratch *regex;
    hs_scratch_t *hs;
    uint8_t *awake;      /* by item */
    uint8_t *awake_here; /* the same for one place */
};

struct patterns {
    struct item *items;
    size_t count;
    size_t unfiltered;
    uint32_t starts[257]; /* of each byte's part of `by_byte` */
    uint32_t *by_byte;    /* items that may begin with it */
    hs_database_t *database;
    hs_scratch_t *scratch; /* the one that others are copies of */
    _Atomic(struct scratch *) idle[IDLE_MAX];
};

/* ---- scratch ---- */

static void scratch_free(struct scratch *scratch)
{
    if (scratch != NULL) {
        regex_scratch_free(scratch->regex);
        (void)hs_free_scratch(scratch->hs);
        free(scratch->awake);
        free(scratch->awake_here);
        free(scratch);
    }
}

static struct scratch *scratch_new(const struct patterns *patterns)
{
    struct scratch *scratch = must_have(calloc(1, sizeof *scratch));
    scratch->regex = regex_scratch_new(0);
    scratch->awake = must_have(malloc(patterns->count + 1));
    scratch->awake_here = must_have(malloc(patterns->count + 1));
    if (patterns->scratch != NULL &&
        hs_clone_scratch(patterns->scratch, &scratch->hs) != HS_SUCCESS) {
        must_have_memory();
    }
    return scratch;
}

/* The idle ones are the only part that changes. */
static struct scratch *borrow(const struct patterns *patterns)
{
    struct patterns *shared = (struct patterns *)(uintptr_t)patterns;
    for (size_t i = 0; i < IDLE_MAX; i++) {
        struct scratch *scratch = atomic_exchange(&shared->idle[i], NULL);
        if (scratch != NULL) {
            return scratch;
        }
    }
    return scratch_new(patterns);
}

static void give_back(const struct patterns *patterns, struct scratch *scratch)
{
    struct patterns *shared = (struct patterns *)(uintptr_t)patterns;
    for (size_t i = 0; i < IDLE_MAX; i++) {
        struct scratch *none = NULL;
        if (atomic_compare_exchange_strong(&shared->idle[i], &none, scratch)) {
            return;
        }
    }
    scratch_free(scratch);
}

/* ---- making ---- */

static void patterns_end(void *object)
{
    struct patterns *patterns = object;
    for (size_t i = 0; i < IDLE_MAX; i++) {
        scratch_free(atomic_load(&patterns->idle[i]));
    }
    (void)hs_free_scratch(patterns->scratch);
    (void)hs_free_database(patterns->database);
}

static bool asks_for_edges(struct str pattern)
{
    static const char *const marks[] = {"\\b", "\\B", "\\z", "\\Z", "\\G",
                                        "$",   "(?=", "(?!", "(?<="};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (str_find(pattern, str_of(marks[i])) != SIZE_MAX) {
            return true;
        }
    }
    return str_find(pattern, STR("(?<!")) != SIZE_MAX;
}

/* The flags Hyperscan takes the pattern with; 0: not at all. */
static unsigned flags_for(struct str text, const char *expression, enum regex_use use,
                          enum filter *filter)
{
    static const unsigned tried[] = {HS_FLAG_UTF8, HS_FLAG_UTF8 | HS_FLAG_PREFILTER};
    *filter = FILTER_NONE;
    if (memchr(text.at, '\0', text.len) != NULL) {
        return 0;
    }
    for (size_t i = 0; i < 2; i++) {
        hs_expr_info_t *info = NULL;
        hs_compile_error_t *error = NULL;
        if (hs_expression_info(expression, tried[i], &info, &error) != HS_SUCCESS) {
            (void)hs_free_compile_error(error);
            continue;
        }
        bool fits = info->max_width <= HIT_REACH - 4;
        free(info);
        if (use == REGEX_AT && !fits && asks_for_edges(text)) {
            return 0;
        }
        *filter = i == 0 ? FILTER_EXACT : FILTER_SUPERSET;
        return tried[i];
    }
    return 0;
}

struct expressions {
    const char **texts;
    unsigned *flags;
    unsigned *ids;
    unsigned count;
};

static void leave_out(struct patterns *patterns, struct expressions *set, unsigned index)
{
    patterns->items[set->ids[index]].filter = FILTER_NONE;
    set->count--;
    set->texts[index] = set->texts[set->count];
    set->flags[index] = set->flags[set->count];
    set->ids[index] = set->ids[set->count];
}

/* Without a database all patterns are PCRE2's alone. */
static void compile_filter(struct patterns *patterns, struct expressions *set)
{
    for (int tries = 0; tries < COMPILE_TRIES && set->count > 0; tries++) {
        hs_compile_error_t *error = NULL;
        if (hs_compile_multi(set->texts, set->flags, set->ids, set->count, HS_MODE_BLOCK, NULL,
                             &patterns->database, &error) == HS_SUCCESS) {
            if (hs_alloc_scratch(patterns->database, &patterns->scratch) != HS_SUCCESS) {
                must_have_memory();
            }
            return;
        }
        int wrong = error->expression;
        (void)hs_free_compile_error(error);
        if (wrong < 0 || (unsigned)wrong >= set->count) {
            break;
        }
        leave_out(patterns, set, (unsigned)wrong);
    }
    while (set->count > 0) {
        leave_out(patterns, set, 0);
    }
}

static int seen(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                void *object)
{
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    *(bool *)object = true;
    return 1;
}

/* Vectorscan, which has the same interface and library name, loses matches on x86 up to 5.4.11 (its
 * issue 317): a class behind a letter, from the 64th byte on. What loses one is not asked. */
static bool filter_works(void)
{
    static const char expression[] = "z[^a]";
    hs_database_t *database = NULL;
    hs_scratch_t *scratch = NULL;
    hs_compile_error_t *error = NULL;
    if (hs_valid_platform() != HS_SUCCESS || hs_compile(expression, HS_FLAG_UTF8, HS_MODE_BLOCK,
                                                        NULL, &database, &error) != HS_SUCCESS) {
        (void)hs_free_compile_error(error);
        return false;
    }
    bool works = hs_alloc_scratch(database, &scratch) == HS_SUCCESS;
    char text[256];
    for (unsigned at = 0; at + 4 < sizeof text && works; at++) {
        memset(text, ' ', sizeof text);
        text[at] = 'z';
        text[at + 1] = '!';
        bool found = false;
        (void)hs_scan(database, text, at + 4, 0, scratch, seen, &found);
        works = found;
    }
    (void)hs_free_scratch(scratch);
    (void)hs_free_database(database);
    return works;
}

static void make_filter(struct patterns *patterns, const struct pattern *items, enum regex_use use,
                        struct arena *arena)
{
    size_t room = patterns->count + 1;
    struct expressions set = {arena_array_of(arena, const char *, room),
                              arena_array_of(arena, unsigned, room),
                              arena_array_of(arena, unsigned, room), 0};
    bool usable = patterns->count > 0 && filter_works();
    for (size_t i = 0; i < patterns->count && usable; i++) {
        const char *text = arena_cstr(arena, items[i].text);
        unsigned flags = flags_for(items[i].text, text, use, &patterns->items[i].filter);
        if (flags != 0) {
            set.texts[set.count] = text;
            set.flags[set.count] = flags;
            set.ids[set.count++] = (unsigned)i;
        }
    }
    compile_filter(patterns, &set);
    for (size_t i = 0; i < patterns->count; i++) {
        patterns->unfiltered += patterns->items[i].filter == FILTER_NONE;
    }
}

static void make_lists(struct patterns *patterns, struct arena *arena)
{
    struct regex_shape shape;
    for (size_t i = 0; i < patterns->count; i++) {
        regex_shape(patterns->items[i].regex, &shape);
        for (unsigned byte = 0; byte < 256; byte++) {
            patterns->starts[byte + 1] += shape.first[byte / 8] >> (byte % 8) & 1;
        }
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        patterns->starts[byte + 1] += patterns->starts[byte];
    }
    patterns->by_byte = arena_array_of(arena, uint32_t, patterns->starts[256] + 1U);
    uint32_t filled[256] = {0};
    for (size_t i = 0; i < patterns->count; i++) {
        regex_shape(patterns->items[i].regex, &shape);
        for (unsigned byte = 0; byte < 256; byte++) {
            if ((shape.first[byte / 8] >> (byte % 8) & 1) != 0) {
                patterns->by_byte[patterns->starts[byte] + filled[byte]++] = (uint32_t)i;
            }
        }
    }
}

enum err patterns_new(const struct pattern *items, size_t count, enum regex_use use,
                      struct arena *arena, const struct patterns **made, struct fault *fault)
{
    if (count > PATTERNS_MAX) {
        return fault_set(fault, ERR_LIMIT, "more than %d patterns", PATTERNS_MAX);
    }
    struct patterns *patterns = arena_new_of(arena, struct patterns);
    patterns->items = arena_array_of(arena, struct item, count + 1);
    patterns->count = count;
    for (size_t i = 0; i < count; i++) {
        struct item *item = &patterns->items[i];
        item->id = items[i].id;
        enum err code = regex_new(items[i].text, use, arena, &item->regex, fault);
        struct regex_shape shape = {0};
        if (code == ERR_OK) {
            regex_shape(item->regex, &shape);
            item->text_start = shape.text_start;
        }
        if (code == ERR_OK && use == REGEX_AT && shape.empty) {
            code = fault_set(fault, ERR_INVALID, "pattern matches the empty text: everywhere");
        }
        if (code != ERR_OK) {
            if (fault != NULL) {
                fault->line = (unsigned)i + 1;
            }
            return code;
        }
    }
    arena_cleanup(arena, patterns_end, patterns);
    make_filter(patterns, items, use, arena);
    make_lists(patterns, arena);
    *made = patterns;
    return ERR_OK;
}

size_t patterns_filtered(const struct patterns *patterns)
{
    return patterns->count - patterns->unfiltered;
}

/* ---- finding ---- */

struct hunt {
    const struct patterns *patterns;
    struct scratch *scratch;
    struct block *block;
    struct hits *hits;
    size_t len;      /* up to the last whole character */
    size_t filtered; /* starts below it are those of patterns awake */
    unsigned costly;
};

static int wake(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                void *object)
{
    (void)from;
    (void)to;
    (void)flags;
    struct hunt *hunt = object;
    hunt->scratch->awake[id] = 1;
    return 0;
}

static size_t next_character(struct str text, size_t at)
{
    while (at < text.len && ((uint8_t)text.at[at] & 0xC0) == 0x80) {
        at++;
    }
    return at;
}

/* Wakes what may occur in a piece of text; false: unknown. */
static bool scan(struct hunt *hunt, struct str text)
{
    const struct patterns *patterns = hunt->patterns;
    for (size_t i = 0; i < patterns->count; i++) {
        hunt->scratch->awake[i] = patterns->items[i].filter == FILTER_NONE;
    }
    return patterns->database != NULL && utf8_valid(text) &&
           hs_scan(patterns->database, text.at, (unsigned)text.len, 0, hunt->scratch->hs, wake,
                   hunt) == HS_SUCCESS;
}

/* Which patterns may begin below `filtered`; false: unknown. */
static bool ask_filter(struct hunt *hunt)
{
    const struct block *block = hunt->block;
    if (hunt->patterns->database == NULL || hunt->filtered < block->from + FILTERED_BYTES) {
        return false;
    }
    struct str text = str_cut(block->text, 0, hunt->len);
    size_t before = block->from > VIEW_BEHIND ? block->from - VIEW_BEHIND : 0;
    before = next_character(text, before);
    size_t behind = hunt->filtered + HIT_REACH < text.len ? hunt->filtered + HIT_REACH : text.len;
    return scan(hunt, str_cut(text, before, next_character(text, behind)));
}

/* The same for one pattern in the little that it can see from one place: what is costly there is
 * not tried in vain, and no matter what else was asked before. */
static bool is_ruled_out(struct hunt *hunt, const struct item *item, struct str view)
{
    if (item->filter == FILTER_NONE) {
        return false;
    }
    uint8_t *awake = hunt->scratch->awake;
    hunt->scratch->awake = hunt->scratch->awake_here;
    bool known = scan(hunt, view);
    bool wakes = hunt->scratch->awake[item - hunt->patterns->items] != 0;
    hunt->scratch->awake = awake;
    return known && !wakes;
}

/* One pattern at one place; true: it may still grow. */
static bool try_at(struct hunt *hunt, const struct item *item, size_t at)
{
    if (item->text_start && at != 0) {
        return false;
    }
    const struct block *block = hunt->block;
    size_t before = at > VIEW_BEHIND ? next_character(block->text, at - VIEW_BEHIND) : 0;
    bool cut = at + HIT_REACH < hunt->len;
    struct str view = str_cut(block->text, before, cut ? at + HIT_REACH : hunt->len);
    if (cut) {
        view.len = text_whole(view);
    }
    struct regex_place place = {.text = view,
                                .at = at - before,
                                .cut_before = before > 0,
                                .cut_behind = cut,
                                .goes_on = !cut && !block->final,
                                .quick = true};
    size_t end = 0;
    enum regex_result result = regex_at(item->regex, hunt->scratch->regex, &place, &end);
    if (result == REGEX_PARTIAL || (result == REGEX_OVER && place.goes_on)) {
        return true; /* what is costly is decided once, when all of it is there */
    }
    if (result == REGEX_OVER && is_ruled_out(hunt, item, view)) {
        return false;
    }
    if (result == REGEX_OVER) {
        hunt->costly++;
        hits_add(hunt->hits, (struct hit){at, at, item->id, HIT_COSTLY});
        place.quick = false;
        result = regex_at(item->regex, hunt->scratch->regex, &place, &end);
    }
    if (result == REGEX_FOUND) {
        hits_add(hunt->hits, (struct hit){at, before + end, item->id, 0});
    } else if (result == REGEX_OVER) {
        hits_add(hunt->hits, (struct hit){at, before + view.len, item->id, HIT_UNJUDGED});
    }
    return false;
}

/* All patterns that may begin at `at`; true: one may still grow. */
static bool try_all(struct hunt *hunt, size_t at)
{
    const struct patterns *patterns = hunt->patterns;
    uint8_t byte = (uint8_t)hunt->block->text.at[at];
    for (uint32_t i = patterns->starts[byte]; i < patterns->starts[byte + 1]; i++) {
        uint32_t index = patterns->by_byte[i];
        if ((at >= hunt->filtered || hunt->scratch->awake[index] != 0) &&
            try_at(hunt, &patterns->items[index], at)) {
            return true;
        }
    }
    return false;
}

static bool is_character(struct str text, size_t at)
{
    uint32_t code = 0;
    return (uint8_t)text.at[at] < 0x80 || utf8_step(text, at, &code) > 1;
}

static bool all_asleep(const struct hunt *hunt)
{
    return hunt->patterns->unfiltered == 0 &&
           memchr(hunt->scratch->awake, 1, hunt->patterns->count) == NULL;
}

static size_t hunt_in(struct hunt *hunt)
{
    struct block *block = hunt->block;
    size_t to = block->to < hunt->len ? block->to : hunt->len;
    size_t at = block->from;
    hunt->filtered = to;
    if (!block->final && to + HIT_REACH > hunt->len) {
        hunt->filtered = hunt->len > HIT_REACH + at ? hunt->len - HIT_REACH : at;
        hunt->filtered = hunt->filtered < to ? hunt->filtered : to;
    }
    if (!ask_filter(hunt)) {
        hunt->filtered = at;
    } else if (all_asleep(hunt)) {
        at = hunt->filtered;
    }
    for (; at < to; at++) {
        if (!is_character(block->text, at)) {
            continue;
        }
        if (try_all(hunt, at)) {
            return at;
        }
        if (hunt->costly > COSTLY_IN_BLOCK) {
            block->to = at + 1;
            return at + 1;
        }
    }
    return to;
}

size_t patterns_find(const struct patterns *patterns, struct block *block, struct hits *hits)
{
    if (patterns->count == 0) {
        return block->to;
    }
    struct hunt hunt = {.patterns = patterns, .block = block, .hits = hits};
    hunt.len = block->final ? block->text.len : text_whole(block->text);
    hunt.scratch = borrow(patterns);
    size_t live = hunt_in(&hunt);
    give_back(patterns, hunt.scratch);
    return live;
}

/* ---- whole texts ---- */

struct whole {
    const struct patterns *patterns;
    enum regex_result *results;
};

static int occurs(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                  void *object)
{
    (void)from;
    (void)to;
    (void)flags;
    struct whole *whole = object;
    bool sure = whole->patterns->items[id].filter == FILTER_EXACT;
    whole->results[id] = sure ? REGEX_FOUND : REGEX_PARTIAL;
    return 0;
}

void patterns_match(const struct patterns *patterns, struct str text, enum regex_result *results)
{
    struct scratch *scratch = borrow(patterns);
    struct whole whole = {patterns, results};
    bool helps = patterns->database != NULL && text.len > 0 && text.len < UINT_MAX &&
                 utf8_valid(text);
    for (size_t i = 0; i < patterns->count; i++) {
        bool asks = helps && patterns->items[i].filter != FILTER_NONE;
        results[i] = asks ? REGEX_NONE : REGEX_PARTIAL; /* to be confirmed */
    }
    if (helps && hs_scan(patterns->database, text.at, (unsigned)text.len, 0, scratch->hs, occurs,
                         &whole) != HS_SUCCESS) {
        for (size_t i = 0; i < patterns->count; i++) {
            results[i] = REGEX_PARTIAL;
        }
    }
    for (size_t i = 0; i < patterns->count; i++) {
        if (results[i] == REGEX_PARTIAL) {
            results[i] = regex_search(patterns->items[i].regex, scratch->regex, text);
        }
    }
    give_back(patterns, scratch);
}
