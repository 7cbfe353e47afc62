/* SPDX-License-Identifier: Apache-2.0
 * secrets.c - one pass over a text: what begins at a byte is asked of few recognisers.
 *
 * Three bytes at the beginning of a word tell almost always that no prefix of the table stands
 * there; signs (= : > , and the like) ask for the name in front of them. A recogniser sees
 * FINDER_HOLD_MAX bytes, whether more have arrived or not, and so decides the same for each split.
 * Open spans keep their last byte back, so that the end always has something to be the end of. */
#include "security/secrets.h"

#include "base/must.h"
#include "security/secrets_scan.h"

#include <string.h>

static const struct secret_row rows[] = {
#define SECRET(name, label, prefix, check, alphabet, least, most)                                  \
    {STR_CONST(name), STR_CONST(label), STR_CONST(prefix), check, alphabet, least, most},
#include "security/secrets.def"
#undef SECRET
};
enum { ROWS = sizeof rows / sizeof *rows, KINDS = ROWS + OTHERS };

static const struct {
    struct str name;
    struct str label;
} others[OTHERS] = {
    [OTHER_TELEGRAM] = {STR_CONST("telegram_bot"), STR_CONST("TELEGRAM_TOKEN")},
    [OTHER_DISCORD] = {STR_CONST("discord_bot"), STR_CONST("DISCORD_TOKEN")},
    [OTHER_AZURE] = {STR_CONST("azure_client_secret"), STR_CONST("AZURE_SECRET")},
    [OTHER_CONNECTION] = {STR_CONST("connection_string"), STR_CONST("CONNECTION")},
    [OTHER_PASSWORD] = {STR_CONST("password"), STR_CONST("PASSWORD")},
    [OTHER_TOKEN] = {STR_CONST("token"), STR_CONST("TOKEN")},
};

struct str secrets_name(uint16_t kind)
{
    must(kind < KINDS);
    return kind < ROWS ? rows[kind].name : others[kind - ROWS].name;
}

struct str secrets_label(uint16_t kind)
{
    must(kind < KINDS);
    return kind < ROWS ? rows[kind].label : others[kind - ROWS].label;
}

size_t secrets_kinds(void)
{
    return KINDS;
}

double secrets_score(const struct spans *spans)
{
    double best = 0;
    for (size_t i = 0; i < spans->count; i++) {
        best = (double)spans->items[i].score > best ? (double)spans->items[i].score : best;
    }
    return best;
}

/* ---- the index of prefixes ---- */

static size_t bucket_of(const char three[3])
{
    uint32_t key = (uint32_t)(unsigned char)three[0] << 16 |
                   (uint32_t)(unsigned char)three[1] << 8 | (unsigned char)three[2];
    return (key * UINT32_C(2654435761)) >> 20;
}

static void enter(struct secrets *secrets, uint16_t row, const char three[3])
{
    must(secrets->count < SECRETS_HEADS_MAX);
    size_t bucket = bucket_of(three);
    memcpy(secrets->heads[secrets->count].three, three, 3);
    secrets->heads[secrets->count].row = row;
    secrets->heads[secrets->count].next = secrets->buckets[bucket];
    secrets->buckets[bucket] = ++secrets->count;
}

static const struct {
    const char *bytes;
    enum secret_byte what;
} sets[] = {
    {"=:>(,", BYTE_SIGN},          {"\\%", BYTE_ESCAPE},
    {" \t=:!?+~>", BYTE_BETWEEN},  {"0123456789_-.[]\"'`\\", BYTE_TAIL},
    {"0123456789MNO", BYTE_SHAPE},
};

void secrets_init(struct secrets *secrets)
{
    *secrets = (struct secrets){0};
    for (int c = 0; c < 256; c++) {
        uint8_t what = secret_in(ALNUM, (char)c) ? BYTE_WORD | BYTE_START : 0;
        for (size_t i = 0; i < sizeof sets / sizeof *sets && c != 0; i++) {
            what |= (uint8_t)(strchr(sets[i].bytes, c) != NULL ? sets[i].what : 0);
        }
        secrets->bytes[c] = what;
    }
    secret_index_names(secrets->endings);
    for (uint16_t i = ROWS; i-- > 0;) { /* the first of a bucket is asked first */
        struct str prefix = rows[i].prefix;
        secrets->bytes[(unsigned char)prefix.at[0]] |= BYTE_START;
        if (prefix.len > 2) {
            enter(secrets, i, prefix.at);
            continue;
        }
        for (int c = 1; c < 128; c++) {
            char three[3] = {prefix.at[0], prefix.at[1], (char)c};
            if (secret_in(rows[i].alphabet, (char)c)) {
                enter(secrets, i, three);
            }
        }
    }
}

/* ---- what begins at a byte ---- */

static enum secret_match check_row(const struct secret_here *here, const struct secret_row *row,
                                   struct span *span)
{
    switch (row->check) {
    case RUN:
    case CHECKED:
        return secret_token_here(here, row, span);
    case WEB:
        return secret_web_here(here, row, span);
    case PEM:
    case PUTTY:
        return secret_key_here(here, row, span);
    default:
        return secret_login_here(here, row, span);
    }
}

/* Too few bytes for the index: might a prefix come of them? */
static enum secret_match short_here(const struct secret_here *here)
{
    struct str rest = str_cut(here->text, here->at, here->text.len);
    for (size_t i = 0; i < ROWS && !here->final; i++) {
        if (str_starts(rows[i].prefix, rest) ||
            (rest.len == 2 && rows[i].prefix.len == 2 && str_equal(rows[i].prefix, rest))) {
            return MORE;
        }
    }
    return NO;
}

static enum secret_match prefix_here(const struct secrets *secrets, const struct secret_here *here,
                                     struct span *span)
{
    struct str rest = str_cut(here->text, here->at, here->text.len);
    if (rest.len < 3) {
        return short_here(here);
    }
    uint16_t place = secrets->buckets[bucket_of(rest.at)];
    while (place != 0) {
        uint16_t kind = secrets->heads[place - 1].row;
        bool same = memcmp(secrets->heads[place - 1].three, rest.at, 3) == 0;
        place = secrets->heads[place - 1].next;
        if (!same) {
            continue;
        }
        const struct secret_row *row = &rows[kind];
        size_t len = rest.len < row->prefix.len ? rest.len : row->prefix.len;
        enum secret_match match = NO;
        if (memcmp(rest.at, row->prefix.at, len) == 0) {
            bool whole = len == row->prefix.len;
            match = whole ? check_row(here, row, span) : here->final ? NO : MORE;
        }
        if (match != NO) {
            span->kind = kind;
            return match;
        }
    }
    return NO;
}

/* A value that says by itself what it is is left to its own recogniser. */
static enum secret_match sign_here(const struct secrets *secrets, const struct secret_here *here,
                                   struct span *span)
{
    struct str rest = str_cut(here->text, here->at, here->text.len);
    if (rest.at[0] == ':' && (rest.len < 3 ? !here->final && str_starts(STR("://"), rest)
                                           : str_starts(rest, STR("://")))) {
        return rest.len < 3 ? MORE : secret_userinfo_here(here, span);
    }
    enum secret_match match = secret_value_here(here, span);
    if (match != YES) {
        return match;
    }
    struct secret_here inner = *here;
    enum secret_match own = NO;
    /* At the end of what may be looked at, what is alive is left to its own place. */
    inner.final = here->final && here->text.len - here->at < FINDER_HOLD_MAX;
    for (inner.at = span->start; inner.at < span->end && own == NO; inner.at++) {
        struct span known = {0};
        bool inside = secret_in(ALNUM, here->text.at[inner.at - 1]);
        own = inside ? NO : prefix_here(secrets, &inner, &known);
    }
    return own == NO ? YES : own == MORE && !here->final ? MORE : NO;
}

static enum secret_match begins(const struct secrets *secrets, const struct secret_here *here,
                                uint8_t what, struct span *span)
{
    if (what & BYTE_SIGN) {
        enum secret_match match = sign_here(secrets, here, span);
        span->kind = (uint16_t)(span->kind + ROWS);
        return match;
    }
    enum secret_match match = prefix_here(secrets, here, span);
    size_t left = here->text.len - here->at;
    const char *at = here->text.at + here->at;
    bool digit = *at >= '0' && *at <= '9';
    bool marked = left < 6 || (at[4] == 'Q' && at[5] == '~') || (*at >= 'M' && *at <= 'O');
    if (match == NO && (what & BYTE_WORD) && (digit || marked)) {
        match = secret_shape_here(here, span);
        span->kind = (uint16_t)(span->kind + ROWS);
    }
    return match;
}

/* ---- open spans ---- */

struct pass {
    const struct secrets *secrets;
    struct str text;
    bool final;
    struct finder_state *state;
    struct spans *found;
};

/* Where an open span that is certain up to `at` ends. False: beyond the text, *end is certain. */
static bool open_end(const struct pass *pass, uint16_t kind, size_t start, size_t at, size_t *end)
{
    const struct secret_row *row = kind < ROWS ? &rows[kind] : NULL;
    if (row != NULL && (row->check == PEM || row->check == PUTTY)) {
        return secret_key_end(row, pass->text, at, pass->final, end);
    }
    enum secret_alphabet alphabet = row == NULL         ? OPAQUE
                                    : row->check == WEB ? DOTTED
                                                        : row->alphabet;
    size_t run = at + secret_run(pass->text, at, alphabet, pass->text.len);
    bool whole = run < pass->text.len || pass->final;
    *end = secret_without_dots(pass->text, start, run);
    *end -= whole || *end == start ? 0 : 1;
    return whole;
}

/* Appends what is certain of an open span; where the text is undecided from then on. */
static size_t follow(struct pass *pass, struct span span, size_t at)
{
    bool whole = open_end(pass, span.kind, span.start, at, &span.end);
    pass->state->open = whole ? 0 : span.kind + 1U;
    span.flags |= whole ? 0 : SPAN_OPEN;
    if (span.end > span.start) {
        spans_add(pass->found, span);
    }
    return span.end;
}

static bool is_open(const struct span *span, size_t at)
{
    if (span->kind >= ROWS) {
        return span->kind == ROWS + OTHER_TOKEN && span->end == at + FINDER_HOLD_MAX;
    }
    const struct secret_row *row = &rows[span->kind];
    return row->check == PEM || row->check == PUTTY ||
           (row->most == 0 && span->end == at + FINDER_HOLD_MAX);
}

/* ---- the pass ---- */

/* Does an escape end in front of `at`: \n, \u0022, %3D? */
static bool behind_escape(struct str text, size_t at)
{
    return (at >= 2 && text.at[at - 2] == '\\') || (at >= 3 && text.at[at - 3] == '%') ||
           (at >= 6 && text.at[at - 6] == '\\' && text.at[at - 5] == 'u');
}

enum { BLOCK = 128, ESCAPE_MAX = 6, QUICK_LOOK = 8 };

/* Two, three and six bytes behind an escape's first. */
#define ESCAPED                                                                                    \
    ((unsigned)BYTE_ESCAPE << 1 | (unsigned)BYTE_ESCAPE << 2 | (unsigned)BYTE_ESCAPE << 5)

/* The bytes of [from, to) at which something may begin: signs, and what may begin a token where no
 * word goes on. Without branches: where words end is not to be foreseen. */
static inline size_t collect(const struct pass *pass, size_t from, size_t to, uint8_t starts[BLOCK],
                             const bool escapes)
{
    const uint8_t *bytes = pass->secrets->bytes;
    const char *text = pass->text.at;
    unsigned before = from > 0 ? bytes[(unsigned char)text[from - 1]] : 0;
    unsigned last = 0; /* escapes: a bit for each of the last bytes */
    size_t count = 0;
    for (size_t i = from < ESCAPE_MAX ? from : ESCAPE_MAX; escapes && i > 0; i--) {
        last = last << 1 | (bytes[(unsigned char)text[from - i]] & BYTE_ESCAPE);
    }
    for (size_t i = from; i < to; i++) {
        unsigned what = bytes[(unsigned char)text[i]];
        unsigned inside = before & what & BYTE_WORD;
        if (escapes) {
            inside &= (last & ESCAPED) == 0;
            last = last << 1 | (what & BYTE_ESCAPE);
        }
        starts[count] = (uint8_t)(i - from);
        count += (what & (BYTE_START | BYTE_SIGN) & ~(inside * BYTE_START)) != 0;
        before = what;
    }
    return count;
}

/* The same up to BLOCK bytes from `from` on. */
static size_t starts_of(const struct pass *pass, size_t from, uint8_t starts[BLOCK])
{
    size_t to = pass->text.len - from < BLOCK ? pass->text.len : from + BLOCK;
    size_t behind = from < ESCAPE_MAX ? 0 : from - ESCAPE_MAX;
    struct str seen = str_cut(pass->text, behind, to);
    bool escapes = str_find_byte(seen, '\\') != SIZE_MAX || str_find_byte(seen, '%') != SIZE_MAX;
    return escapes ? collect(pass, from, to, starts, true) : collect(pass, from, to, starts, false);
}

/* Most words and signs begin nothing, and a few bytes tell. */
static bool is_plain(const struct pass *pass, size_t at)
{
    const struct secrets *secrets = pass->secrets;
    const char *text = pass->text.at + at;
    uint8_t what = secrets->bytes[(unsigned char)*text];
    if (what & BYTE_SIGN) {
        bool url = text[0] == ':' && (at + 1 == pass->text.len || text[1] == '/');
        return !url && !secret_may_name(secrets->bytes, secrets->endings, pass->text, at);
    }
    if (pass->text.len - at < QUICK_LOOK) {
        return false;
    }
    for (uint16_t place = secrets->buckets[bucket_of(text)]; place != 0;
         place = secrets->heads[place - 1].next) {
        if (memcmp(secrets->heads[place - 1].three, text, 3) == 0) {
            return false;
        }
    }
    bool marked = text[4] == 'Q' && text[5] == '~';
    bool digit = text[7] >= '0' && text[7] <= '9';
    bool bot = text[1] == 'D' || text[1] == 'T' || text[1] == 'j' || text[1] == 'z';
    bool shape = (what & BYTE_SHAPE) && (text[0] >= 'M' ? bot : digit);
    return !(marked || shape);
}

/* Decides what begins at `at`; true when it was something, or waits for more of the text. `*next`
 * is where the pass goes on. */
static bool decide(struct pass *pass, size_t at, size_t *next, bool *waits)
{
    const uint8_t what = pass->secrets->bytes[(unsigned char)pass->text.at[at]];
    bool inside = at > 0 && (what & BYTE_WORD) &&
                  (pass->secrets->bytes[(unsigned char)pass->text.at[at - 1]] & BYTE_WORD);
    if (inside && !behind_escape(pass->text, at)) {
        return false;
    }
    bool whole = pass->text.len - at >= FINDER_HOLD_MAX;
    struct secret_here here = {str_cut(pass->text, 0, at + FINDER_HOLD_MAX), at,
                               whole || pass->final};
    struct span span = {0};
    enum secret_match match = begins(pass->secrets, &here, what, &span);
    if (match == YES && is_open(&span, at)) {
        *next = follow(pass, span, span.end);
        *waits = pass->state->open != 0;
    } else if (match == YES) {
        spans_add(pass->found, span);
        *next = span.end;
    } else if (match == MORE) {
        *next = at;
        *waits = true;
    }
    return match != NO;
}

static size_t secrets_find(const void *self, const struct window *window,
                           struct finder_state *state, struct spans *found)
{
    struct pass pass = {self, window->text, window->final, state, found};
    uint8_t starts[BLOCK] = {0};
    size_t at = window->from;
    bool waits = false;
    if (state->open != 0) {
        struct span part = {.start = at,
                            .kind = (uint16_t)(state->open - 1),
                            .flags = SPAN_GOES_ON,
                            .score = 0.95F};
        at = follow(&pass, part, at);
        waits = state->open != 0;
    }
    while (at < window->text.len && !waits) {
        size_t count = starts_of(&pass, at, starts);
        size_t next = window->text.len - at < BLOCK ? window->text.len : at + BLOCK;
        for (size_t i = 0; i < count; i++) {
            size_t start = at + starts[i];
            if (!is_plain(&pass, start) && decide(&pass, start, &next, &waits)) {
                break;
            }
        }
        at = next;
    }
    return at;
}

struct finder secrets_finder(const struct secrets *secrets)
{
    return (struct finder){"secrets", secrets_find, secrets};
}
