/* SPDX-License-Identifier: Apache-2.0
 * sanitize.c - first what cannot be seen, then tokens in what can.
 *
 * Sources: Unicode 15.0 (sections 23.2, 23.4, 23.9; UTS #51 for emoji sequences), the published
 * chat templates of the model families in sanitize.def. */
#include "security/sanitize.h"

#include "base/must.h"
#include "base/utf8.h"

#include <string.h>

const char *sanitize_kind_name(enum sanitize_kind kind)
{
    static const char *const names[] = {"ill_formed", "control", "bidi",
                                        "invisible",  "tag",     "token"};
    return names[kind];
}

static void found(struct sanitize_result *result, enum sanitize_kind kind, size_t start, size_t end)
{
    struct sanitize_finding *last = result->finding_count > 0
                                        ? &result->findings[result->finding_count - 1]
                                        : NULL;
    if (last != NULL && last->kind == kind && last->end == start) {
        last->end = end; /* a run is one finding */
        return;
    }
    result->counts[kind]++;
    if (result->finding_count < SANITIZE_FINDINGS_MAX) {
        result->findings[result->finding_count++] = (struct sanitize_finding){kind, start, end};
    }
}

/* ---- what cannot be seen ---- */

struct range {
    uint32_t from;
    uint32_t to;
};

static bool in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].from && code <= ranges[i].to) {
            return true;
        }
    }
    return false;
}
#define IN(code, ranges) in((code), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

static const struct range bidi[] = {{0x202A, 0x202E}, {0x2066, 0x2069}};
static const struct range directions[] = {{0x200E, 0x200F}, {0x061C, 0x061C}};
static const struct range invisible[] = {
    {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x115F, 0x1160}, {0x17B4, 0x17B5},  {0x180B, 0x180E},
    {0x200B, 0x200D}, {0x2060, 0x2064}, {0x206A, 0x206F}, {0x3164, 0x3164},  {0xFE00, 0xFE0F},
    {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF9, 0xFFFB}, {0x1D173, 0x1D17A}};
static const struct range tags[] = {{0xE0000, 0xE007F}, {0xE0100, 0xE01EF}};
/* Scripts whose letters are joined, or written from right to left. */
static const struct range joining[] = {
    {0x0590, 0x08FF}, {0x0900, 0x109F}, {0x1780, 0x18AF}, {0x1A20, 0x1AAF},   {0xA840, 0xA87F},
    {0xA8E0, 0xA8FF}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFC}, {0x10A00, 0x11FFF}, {0x1E800, 0x1EFFF}};
static const struct range emoji[] = {{0x00A9, 0x00AE}, {0x203C, 0x2049},   {0x2122, 0x2139},
                                     {0x2194, 0x21AA}, {0x231A, 0x23FF},   {0x24C2, 0x25FE},
                                     {0x2600, 0x27BF}, {0x2934, 0x2B55},   {0x3030, 0x303D},
                                     {0x3297, 0x3299}, {0x1F000, 0x1FAFF}, {0xFE0F, 0xFE0F}};
static const struct range ideographs[] = {{0x3400, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};

#define BLACK_FLAG UINT32_C(0x1F3F4)
#define TAG_CANCEL UINT32_C(0xE007F)

struct seeing {
    struct str text;
    size_t at;
    uint32_t before; /* the last point that was kept */
    bool flag;       /* in a valid flag of tags */
    struct view_writer writer;
    struct sanitize_result *result;
    struct buf hidden;
};

static uint32_t peek(const struct seeing *s, size_t at)
{
    uint32_t code = 0;
    if (at < s->text.len) {
        (void)utf8_step(s->text, at, &code);
    }
    return code;
}

static bool is_digit_key(uint32_t code)
{
    return (code >= '0' && code <= '9') || code == '#' || code == '*';
}

/* Joiners, selectors and marks of direction have their place; anywhere else nobody sees them. */
static bool has_its_place(const struct seeing *s, uint32_t code, size_t behind)
{
    uint32_t next = peek(s, behind);
    bool joins = IN(s->before, joining) && IN(next, joining);
    if (code == 0x200D) {
        return joins || (IN(s->before, emoji) && IN(next, emoji));
    }
    if (code == 0x200C) {
        return joins;
    }
    if (IN(code, directions)) {
        return IN(s->before, joining) || IN(next, joining);
    }
    if (code >= 0xFE00 && code <= 0xFE0F) {
        return IN(s->before, ideographs) || is_digit_key(s->before) ||
               (IN(s->before, emoji) && s->before != 0xFE0F);
    }
    return code >= 0x180B && code <= 0x180D && s->before >= 0x1820 && s->before <= 0x18AA;
}

/* A flag of a region: a black flag, tags of letters and digits, the cancelling tag (UTS #51). */
static bool begins_flag(const struct seeing *s)
{
    size_t at = s->at;
    for (int i = 0; i < 8 && at < s->text.len; i++) {
        uint32_t code;
        at += utf8_step(s->text, at, &code);
        if (code == TAG_CANCEL) {
            return i > 0;
        }
        bool letter = (code >= 0xE0061 && code <= 0xE007A) || (code >= 0xE0030 && code <= 0xE0039);
        if (!letter) {
            return false;
        }
    }
    return false;
}

static void surface(struct seeing *s, uint32_t code)
{
    uint32_t byte = code < 0xE0100 ? code - 0xE0000 : code - 0xE0100 + 16;
    if (byte >= ' ' && byte < 0x7F) {
        err_ignore(
            buf_add_byte(&s->hidden, (char)byte)); /* beyond its limit nothing more is told */
    }
}

/* Does the point stay? If not, `kind` says as what it goes. */
static bool stays(struct seeing *s, uint32_t code, size_t bytes, enum sanitize_kind *kind)
{
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
        *kind = SANITIZE_CONTROL;
        return code == '\t' || code == '\n' || code == '\r';
    }
    if (code < 0xAD) {
        return true;
    }
    if (IN(code, tags)) {
        *kind = SANITIZE_TAG;
        s->flag = s->flag || (s->before == BLACK_FLAG && begins_flag(s));
        bool kept = s->flag || (code >= 0xE0100 && IN(s->before, ideographs));
        s->flag = s->flag && code != TAG_CANCEL;
        return kept;
    }
    s->flag = false;
    *kind = IN(code, bidi) ? SANITIZE_BIDI : SANITIZE_INVISIBLE;
    bool suspect = *kind == SANITIZE_BIDI || IN(code, directions) || IN(code, invisible);
    return !suspect || has_its_place(s, code, s->at + bytes);
}

/* Bytes from here on that are plain ASCII and stay. */
static size_t plain_run(struct str text, size_t at)
{
    size_t from = at;
    while (at < text.len) {
        unsigned char byte = (unsigned char)text.at[at];
        if (byte >= 0x7F || (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r')) {
            break;
        }
        at++;
    }
    return at - from;
}

static void see_point(struct seeing *s)
{
    uint32_t code;
    enum sanitize_kind kind = SANITIZE_CONTROL;
    size_t bytes = utf8_step(s->text, s->at, &code);
    bool formed = code != UTF8_REPLACEMENT || (bytes == 3 && s->text.at[s->at] == '\xEF');
    if (!formed) {
        view_replace(&s->writer, bytes, STR("\xEF\xBF\xBD"));
        found(s->result, SANITIZE_ILL_FORMED, s->at, s->at + bytes);
        s->before = code;
    } else if (stays(s, code, bytes, &kind)) {
        view_copy(&s->writer, bytes);
        s->before = code;
    } else {
        view_replace(&s->writer, bytes, STR(""));
        found(s->result, kind, s->at, s->at + bytes);
        if (kind == SANITIZE_TAG) {
            surface(s, code);
        }
    }
    s->at += bytes;
}

#define HIDDEN_MAX ((size_t)64 << 10)

static void drop_unseen(struct str text, struct arena *arena, struct sanitize_result *result)
{
    struct seeing s = {.text = text, .result = result};
    size_t plain = plain_run(text, 0);
    result->seen = view_of(text);
    if (plain == text.len) {
        return;
    }
    buf_init(&s.hidden, HIDDEN_MAX);
    view_begin(&s.writer, text, arena);
    while (s.at < text.len) {
        if (plain > 0) {
            view_copy(&s.writer, plain);
            s.at += plain;
            s.before = (unsigned char)text.at[s.at - 1];
            s.flag = false;
        } else {
            see_point(&s);
        }
        plain = plain_run(text, s.at);
    }
    result->seen = view_done(&s.writer);
    result->hidden = arena_str(arena, buf_str(&s.hidden));
    buf_end(&s.hidden);
}

/* ---- tokens ---- */

enum where { ALWAYS, PROSE, LINE, TURN };

static const struct token {
    struct str text;
    enum where where;
} tokens[] = {
#define TOKEN(text, where) {STR_CONST(text), where},
#include "security/sanitize.def"
#undef TOKEN
};

struct breaking {
    struct str text;
    size_t at;
    size_t line; /* where the line begins */
    bool fenced; /* in a block of code */
    bool quoted; /* in `code` of this line */
};

#define BAR      "\xEF\xBD\x9C" /* U+FF5C */
#define NAME_MAX 64

/* <|name|> of any name, with plain or full-width bars; its bytes, 0: none. */
static size_t bar_token(struct str text)
{
    struct str bar = str_starts(str_cut(text, 1, text.len), STR(BAR)) ? STR(BAR) : STR("|");
    if (!str_starts(str_cut(text, 1, text.len), bar)) {
        return 0;
    }
    size_t at = 1 + bar.len;
    size_t from = at;
    while (at < text.len && at - from <= NAME_MAX) {
        struct str rest = str_cut(text, at, text.len);
        if (at > from && str_starts(rest, bar) &&
            str_starts(str_cut(rest, bar.len, rest.len), STR(">"))) {
            return at + bar.len + 1;
        }
        unsigned char byte = (unsigned char)text.at[at];
        bool name = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.' ||
                    byte >= 0x80;
        if (!name) {
            return 0;
        }
        at++;
    }
    return 0;
}

static bool applies(const struct breaking *b, enum where where)
{
    switch (where) {
    case ALWAYS:
        return true;
    case PROSE:
        return !b->fenced && !b->quoted;
    case LINE:
        return b->at == b->line && !b->fenced;
    case TURN:
        return b->at == b->line && b->line >= 2 && b->text.at[b->line - 2] == '\n';
    }
    return false;
}

/* The token that begins here; its bytes, and the place of the space that breaks it. */
static size_t token_at(const struct breaking *b, size_t *cut)
{
    struct str rest = str_cut(b->text, b->at, b->text.len);
    size_t bars = rest.at[0] == '<' ? bar_token(rest) : 0;
    *cut = 1;
    if (bars > 0) {
        return bars;
    }
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        const struct token *token = &tokens[i];
        if (token->text.at[0] == rest.at[0] && str_starts(rest, token->text) &&
            applies(b, token->where)) {
            bool turn = token->text.at[token->text.len - 1] == ':';
            *cut = turn ? token->text.len - 1 : 1;
            return token->text.len;
        }
    }
    return 0;
}

/* Blocks and quotes of code, as far as they matter here: a fence at a line's beginning, back-quotes
 * in pairs within a line. */
static void follow_code(struct breaking *b)
{
    char byte = b->text.at[b->at];
    if (byte == '\n') {
        b->line = b->at + 1;
        b->quoted = false;
        b->fenced = b->fenced != str_starts(str_cut(b->text, b->line, b->text.len), STR("```"));
    } else if (byte == '`' && b->at >= b->line + 3) {
        b->quoted = !b->quoted;
    } else if (byte == '`' && !str_starts(str_cut(b->text, b->line, b->text.len), STR("```"))) {
        b->quoted = !b->quoted;
    }
}

static bool may_begin(const struct breaking *b)
{
    char byte = b->text.at[b->at];
    bool marks = byte == '<' || byte == '[';
    return marks ||
           (b->at == b->line && (byte == '#' || byte == 'S' || byte == 'H' || byte == 'A'));
}

static void break_tokens(struct arena *arena, struct sanitize_result *result)
{
    struct breaking b = {.text = result->seen.text};
    struct view_writer writer;
    bool any = false;
    b.fenced = str_starts(b.text, STR("```"));
    for (; b.at < b.text.len; b.at++) {
        size_t cut = 0;
        size_t bytes = may_begin(&b) ? token_at(&b, &cut) : 0;
        if (bytes > 0) {
            if (!any) {
                view_begin(&writer, b.text, arena);
                any = true;
            }
            view_copy(&writer, b.at + cut - writer.taken);
            view_replace(&writer, 0, STR(" "));
            found(result, SANITIZE_TOKEN, b.at, b.at + bytes);
            b.at += cut - 1; /* what follows may begin another one */
        } else {
            follow_code(&b);
        }
    }
    result->view = view_of(b.text);
    if (any) {
        view_copy(&writer, b.text.len - writer.taken);
        result->view = view_done(&writer);
    }
}

void sanitize(struct str text, enum sanitize_slot slot, struct arena *arena,
              struct sanitize_result *result)
{
    *result = (struct sanitize_result){0};
    drop_unseen(text, arena, result);
    result->view = view_of(result->seen.text);
    if (slot == SANITIZE_PROMPT) {
        break_tokens(arena, result);
    }
    result->changed = result->seen.count > 0 || result->view.count > 0;
}
