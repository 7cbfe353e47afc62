/* SPDX-License-Identifier: Apache-2.0
 * regex.c - patterns compiled by PCRE2, run by its JIT where it can.
 *
 * PCRE2's own support of invalid UTF-8 is used by searches alone, without the JIT: that of 10.42
 * misses matches of \S, \D and \W then, and anchored patterns match behind what is invalid. AT cuts
 * the text there itself.
 *
 * Invariants: PCRE2's own match limit counts anew at each starting position, so the steps of a
 * search are counted by callouts; an attempt AT one place has a single starting position, and the
 * limit itself is exact. */
#include "text/regex.h"

#include "base/must.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define DEPTH_MAX      20000
#define MATCH_HEAP_KIB 16384

struct regex {
    pcre2_code *code;
    pcre2_code *careful; /* SEARCH in texts that are not UTF-8 */
    enum regex_use use;
    struct regex_shape shape;
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *counted; /* SEARCH */
    pcre2_match_context *quick;   /* AT */
    pcre2_match_context *full;
    uint32_t steps;
};

/* ---- making ---- */

static void free_codes(void *object)
{
    struct regex *regex = object;
    pcre2_code_free(regex->code);
    pcre2_code_free(regex->careful);
}

/* NULL, with the reason in *fault. */
static pcre2_code *compile(struct str pattern, uint32_t options, struct fault *fault)
{
    int error = 0;
    PCRE2_SIZE where = 0;
    /* \C would split characters. */
    options |= PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.at == NULL ? "" : pattern.at),
                                     pattern.len, options, &error, &where, NULL);
    if (code == NULL) {
        char words[128] = "";
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)words, sizeof words);
        (void)fault_set(fault, ERR_SYNTAX, "pattern, at byte %zu: %s", (size_t)where, words);
    }
    return code;
}

static uint32_t info_of(const pcre2_code *code, uint32_t what)
{
    uint32_t value = 0;
    must(pcre2_pattern_info(code, what, &value) == 0);
    return value;
}

/* Of a code that is not anchored by its options: only then does PCRE2 study how matches begin. */
static void read_shape(const pcre2_code *code, struct regex_shape *shape)
{
    *shape = (struct regex_shape){0};
    shape->empty = info_of(code, PCRE2_INFO_MATCHEMPTY) != 0;
    shape->text_start = (info_of(code, PCRE2_INFO_ALLOPTIONS) & PCRE2_ANCHORED) != 0;
    const uint8_t *bits = NULL;
    must(pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &bits) == 0);
    if (info_of(code, PCRE2_INFO_FIRSTCODETYPE) == 1) {
        /* It does not say whether case counts: both forms. */
        uint32_t first = info_of(code, PCRE2_INFO_FIRSTCODEUNIT);
        shape->first[(first & 255) / 8] |= (uint8_t)(1U << (first % 8));
        if (((first | 32) >= 'a') && ((first | 32) <= 'z')) {
            first ^= 32;
            shape->first[(first & 255) / 8] |= (uint8_t)(1U << (first % 8));
        }
    } else if (bits != NULL) {
        memcpy(shape->first, bits, sizeof shape->first);
    } else {
        memset(shape->first, 0xFF, sizeof shape->first);
    }
}

enum err regex_new(struct str pattern, enum regex_use use, struct arena *arena,
                   const struct regex **regex, struct fault *fault)
{
    if (pattern.len > REGEX_PATTERN_MAX) {
        return fault_set(fault, ERR_LIMIT, "pattern over %d bytes", REGEX_PATTERN_MAX);
    }
    uint32_t options = use == REGEX_SEARCH ? PCRE2_AUTO_CALLOUT : 0;
    /* 10.42 looks for the byte that a look-ahead asks for twice: (?=b)b is not found in "b". */
    if (str_find(pattern, STR("(?=")) != SIZE_MAX || str_find(pattern, STR("(*")) != SIZE_MAX) {
        options |= PCRE2_NO_START_OPTIMIZE;
    }
    pcre2_code *code = compile(pattern, PCRE2_UTF, fault);
    if (code == NULL) {
        return ERR_SYNTAX;
    }
    struct regex *made = arena_new_of(arena, struct regex);
    made->use = use;
    read_shape(code, &made->shape);
    pcre2_code_free(code);
    /* The JIT takes ANCHORED only when compiling. That ^ in lines does not hold behind the last
     * newline would be decided before more text can come. */
    options |= use == REGEX_AT ? PCRE2_ANCHORED | PCRE2_ALT_CIRCUMFLEX : 0;
    code = compile(pattern, options | PCRE2_UTF, fault);
    made->code = code;
    if (use == REGEX_SEARCH) {
        made->careful = compile(pattern, options | PCRE2_MATCH_INVALID_UTF, fault);
    }
    arena_cleanup(arena, free_codes, made);
    if (made->code == NULL || (use == REGEX_SEARCH && made->careful == NULL)) {
        return ERR_SYNTAX;
    }
    /* Where there is no JIT the interpreter does the same, slower. */
    uint32_t partial = use == REGEX_AT ? PCRE2_JIT_PARTIAL_HARD : 0;
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | partial);
    *regex = made;
    return ERR_OK;
}

uint32_t regex_groups(const struct regex *regex)
{
    return info_of(regex->code, PCRE2_INFO_CAPTURECOUNT);
}

uint32_t regex_group(const struct regex *regex, struct str name)
{
    char c_name[128];
    if (!str_copy(name, c_name, sizeof c_name)) {
        return 0;
    }
    int number = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)c_name);
    return number > 0 ? (uint32_t)number : 0;
}

void regex_shape(const struct regex *regex, struct regex_shape *shape)
{
    *shape = regex->shape;
}

/* ---- matching ---- */

/* Called before each item of a pattern is tried; a non-zero answer ends the search with that error.
 */
static int count_step(pcre2_callout_block *block, void *object)
{
    (void)block;
    struct regex_scratch *scratch = object;
    return ++scratch->steps > REGEX_STEPS_MAX ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static pcre2_match_context *limited(uint32_t steps)
{
    pcre2_match_context *context = must_have(pcre2_match_context_create(NULL));
    (void)pcre2_set_match_limit(context, steps);
    (void)pcre2_set_depth_limit(context, DEPTH_MAX);
    (void)pcre2_set_heap_limit(context, MATCH_HEAP_KIB);
    return context;
}

struct regex_scratch *regex_scratch_new(uint32_t groups_max)
{
    struct regex_scratch *scratch = must_have(calloc(1, sizeof *scratch));
    scratch->data = must_have(pcre2_match_data_create(groups_max + 1, NULL));
    scratch->counted = limited(REGEX_STEPS_MAX);
    scratch->quick = limited(REGEX_QUICK_STEPS);
    scratch->full = limited(REGEX_FULL_STEPS);
    (void)pcre2_set_callout(scratch->counted, count_step, scratch);
    return scratch;
}

void regex_scratch_free(struct regex_scratch *scratch)
{
    if (scratch != NULL) {
        pcre2_match_data_free(scratch->data);
        pcre2_match_context_free(scratch->counted);
        pcre2_match_context_free(scratch->quick);
        pcre2_match_context_free(scratch->full);
        free(scratch);
    }
}

static enum regex_result result_of(int code)
{
    if (code >= 0) {
        return REGEX_FOUND;
    }
    switch (code) {
    case PCRE2_ERROR_NOMATCH:
        return REGEX_NONE;
    case PCRE2_ERROR_PARTIAL:
        return REGEX_PARTIAL;
    default:
        return REGEX_OVER;
    }
}

/* `text` is UTF-8. The JIT's stack is small: what does not fit runs on the interpreter's heap. */
static int match(const struct regex *regex, struct str text, size_t at, uint32_t options,
                 pcre2_match_data *data, pcre2_match_context *context)
{
    PCRE2_SPTR bytes = (PCRE2_SPTR)(text.at == NULL ? "" : text.at);
    options |= PCRE2_NO_UTF_CHECK;
    int code = pcre2_match(regex->code, bytes, text.len, at, options, data, context);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT) {
        options |= PCRE2_NO_JIT;
        code = pcre2_match(regex->code, bytes, text.len, at, options, data, context);
    }
    return code;
}

enum regex_result regex_search(const struct regex *regex, struct regex_scratch *scratch,
                               struct str text)
{
    must(regex->use == REGEX_SEARCH);
    scratch->steps = 0;
    if (utf8_valid(text)) {
        return result_of(match(regex, text, 0, 0, scratch->data, scratch->counted));
    }
    return result_of(pcre2_match(regex->careful, (PCRE2_SPTR)text.at, text.len, 0, 0, scratch->data,
                                 scratch->counted));
}

struct str regex_captured(const struct regex_scratch *scratch, uint32_t group, struct str text)
{
    const PCRE2_SIZE *spans = pcre2_get_ovector_pointer(scratch->data);
    must(group < pcre2_get_ovector_count(scratch->data));
    PCRE2_SIZE from = spans[(size_t)group * 2];
    PCRE2_SIZE to = spans[(size_t)group * 2 + 1];
    /* \K may put the start behind the end */
    return from == PCRE2_UNSET || from > to ? STR("") : str_cut(text, from, to);
}

/* The part of the text around the place that is UTF-8, as a place of its own; returns where it
 * begins. */
static size_t cut_invalid(const struct regex_place *place, struct regex_place *valid)
{
    *valid = *place;
    size_t from = 0;
    size_t to = utf8_valid_prefix(place->text);
    while (to < place->text.len && to <= place->at) {
        from = to + 1;
        to = from + utf8_valid_prefix(str_cut(place->text, from, place->text.len));
    }
    valid->text = str_cut(place->text, from, to);
    valid->at = place->at < from ? 0 : place->at - from;
    valid->cut_before = place->cut_before || from > 0;
    if (to < place->text.len) {
        valid->cut_behind = true;
        valid->goes_on = false;
    }
    return from;
}

enum regex_result regex_at(const struct regex *regex, struct regex_scratch *scratch,
                           const struct regex_place *place, size_t *end)
{
    must(regex->use == REGEX_AT && place->at <= place->text.len);
    struct regex_place valid;
    size_t from = cut_invalid(place, &valid);
    uint32_t options = PCRE2_NOTEMPTY;
    options |= valid.cut_before ? PCRE2_NOTBOL : 0;
    options |= valid.cut_behind ? PCRE2_NOTEOL : 0;
    options |= valid.goes_on ? PCRE2_PARTIAL_HARD : 0;
    int code = match(regex, valid.text, valid.at, options, scratch->data,
                     place->quick ? scratch->quick : scratch->full);
    const PCRE2_SIZE *spans = pcre2_get_ovector_pointer(scratch->data);
    if (code >= 0) {
        *end = from + (spans[1] > valid.at ? spans[1] : valid.at + 1);
    }
    return result_of(code);
}
