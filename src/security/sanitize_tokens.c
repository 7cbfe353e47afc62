/* SPDX-License-Identifier: Apache-2.0
 * sanitize_tokens.c - the second step: special tokens, in what can be seen.
 *
 * Invariant: what is put in is a space inside a token, no token holds a space, and neither fences
 * nor back-quotes do; so breaking one token makes no other and changes nothing about what is code.
 * Code (CommonMark 0.30, 4.5 and 6.1) counts only when it is closed: an opened fence or quote alone
 * would be a way around. Sources of the tokens: the published templates of the model families.
 */
#include "security/sanitize_parts.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum where { ALWAYS, PROSE, LINE, TURN };

static const struct token {
    const char *family;
    struct str text;
    enum where where;
} tokens[] = {
#define TOKEN(family, text, where) {family, STR_CONST(text), where},
#include "security/sanitize.def"
#undef TOKEN
};
#define TOKENS (sizeof tokens / sizeof tokens[0])
_Static_assert(TOKENS < 255, "indices and 0 fit a byte");

#define FENCE_MIN 3
#define FENCE_MAX 16 /* longer fences and quotes are none: so failed searches are few */
#define QUOTE_MAX 8
#define NAME_MAX  64

struct breaking {
    struct str text;
    size_t at;
    size_t line;        /* where it begins */
    size_t line_to;     /* where it ends, once asked for */
    size_t code_to;     /* all before is code, or was passed */
    unsigned no_quote;  /* bit n: on this line no n back-quotes are left to close with */
    size_t no_fence[2]; /* of ` and ~: fences as long as this, or longer, are not closed */
    bool indexed;
    unsigned char heads[256]; /* by two bytes behind the first: number of a token + 1, 0 none */
    unsigned char next[TOKENS];
};

static struct str rest_of(const struct breaking *b, size_t from)
{
    return str_cut(b->text, from, b->text.len);
}

/* A NUL behind the end. */
static char byte_at(struct str text, size_t at)
{
    char byte = '\0';
    if (at < text.len) {
        byte = text.at[at];
    }
    return byte;
}

/* ---- tokens ---- */

static unsigned char slot_of(const char *at)
{
    return (unsigned char)((unsigned char)at[1] * 31U + (unsigned char)at[2]);
}

static void make_index(struct breaking *b)
{
    for (size_t i = TOKENS; i > 0; i--) {
        unsigned char *head = &b->heads[slot_of(tokens[i - 1].text.at)];
        b->next[i - 1] = *head;
        *head = (unsigned char)i;
    }
    b->indexed = true;
}

/* Bytes of a plain or full-width bar (U+FF5C), 0: none. */
static size_t bar_bytes(struct str text)
{
    return str_starts(text, STR("|")) ? 1 : str_starts(text, STR("\xEF\xBD\x9C")) ? 3 : 0;
}

static bool is_name(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte >= 0x80 || byte == '_' ||
           (byte >= '-' && byte <= '/') || byte == ':';
}

/* <|name|> of any name; its bytes, 0: none. */
static size_t bar_token(struct str text)
{
    size_t from = 1 + bar_bytes(str_cut(text, 1, text.len));
    for (size_t at = from; from > 1 && at < text.len && at - from <= NAME_MAX; at++) {
        struct str rest = str_cut(text, at, text.len);
        size_t bar = bar_bytes(rest);
        if (at > from && bar > 0 && bar < rest.len && rest.at[bar] == '>') {
            return at + bar + 1;
        }
        if (!is_name((unsigned char)text.at[at])) {
            break;
        }
    }
    return 0;
}

/* Bytes of `text` that are the token; a % of it stands for digits. */
static size_t match(struct str text, struct str token)
{
    size_t at = 0;
    for (size_t i = 0; i < token.len; i++) {
        size_t from = at;
        if (token.at[i] == '%') {
            while (at < text.len && at - from < NAME_MAX && text.at[at] >= '0' &&
                   text.at[at] <= '9') {
                at++;
            }
        } else if (at < text.len && text.at[at] == token.at[i]) {
            at++;
        }
        if (at == from) {
            return 0;
        }
    }
    return at;
}

/* Is the line before this one empty? */
static bool after_empty_line(const struct breaking *b)
{
    struct str before = str_cut(b->text, 0, b->line);
    return str_ends(before, STR("\n\n")) || str_ends(before, STR("\n\r\n"));
}

static bool applies(const struct breaking *b, enum where where)
{
    switch (where) {
    case ALWAYS:
        return true;
    case PROSE:
        return b->at >= b->code_to;
    case LINE:
        return b->at == b->line && b->at >= b->code_to;
    case TURN:
        return b->at == b->line && after_empty_line(b);
    }
    return false;
}

/* The token that begins here; its bytes, 0: none. */
static size_t token_at(struct breaking *b, const struct token **token)
{
    static const struct token any = {"generic", STR_CONST("<|%|>"), ALWAYS};
    struct str rest = rest_of(b, b->at);
    size_t bytes = rest.at[0] == '<' ? bar_token(rest) : 0;
    *token = &any;
    if (bytes > 0 || rest.len < 3) {
        return bytes;
    }
    if (!b->indexed) {
        make_index(b);
    }
    for (size_t i = b->heads[slot_of(rest.at)]; i > 0; i = b->next[i - 1]) {
        *token = &tokens[i - 1];
        bytes = match(rest, (*token)->text);
        if (bytes > 0 && applies(b, (*token)->where)) {
            return bytes;
        }
    }
    return 0;
}

/* ---- code ---- */

static size_t run_of(struct str text, size_t at, char byte)
{
    size_t from = at;
    while (at < text.len && text.at[at] == byte) {
        at++;
    }
    return at - from;
}

/* Where the line ends: its line break, or the end of the text. */
static size_t line_end(struct str text, size_t from)
{
    const char *found = from < text.len ? memchr(text.at + from, '\n', text.len - from) : NULL;
    return found != NULL ? (size_t)(found - text.at) : text.len;
}

/* Where the fence of the line at `from` begins: behind three blanks at most. */
static size_t fence_start(struct str text, size_t from)
{
    size_t blanks = run_of(text, from, ' ');
    return from + (blanks <= 3 ? blanks : 0);
}

/* The end of the line that closes a fence; SIZE_MAX: none does. */
static size_t fence_end(struct str text, size_t from, char byte, size_t length)
{
    while (from < text.len) {
        size_t end = line_end(text, from);
        size_t at = fence_start(text, from);
        size_t run = run_of(text, at, byte);
        if (run >= length && str_trim(str_cut(text, at + run, end)).len == 0) {
            return end;
        }
        from = end + 1;
    }
    return SIZE_MAX;
}

/* A fence at the beginning of the line, outside of code. Each length fails at most once: then the
 * longer ones would, too. */
static void follow_fence(struct breaking *b)
{
    size_t at = fence_start(b->text, b->line);
    char byte = byte_at(b->text, at);
    size_t run = byte == '`' || byte == '~' ? run_of(b->text, at, byte) : 0;
    size_t *hopeless = &b->no_fence[byte == '~'];
    if (run < FENCE_MIN || run > FENCE_MAX || run >= *hopeless) {
        return;
    }
    size_t end = line_end(b->text, at);
    struct str info = str_cut(b->text, at + run, end);
    if (byte == '`' && str_find_byte(info, '`') != SIZE_MAX) {
        return;
    }
    size_t close = fence_end(b->text, end + 1, byte, run);
    if (close == SIZE_MAX) {
        *hopeless = run;
    } else {
        b->code_to = close;
    }
}

/* Back-quotes, outside of code: code if as many close them on the same line. */
static void follow_quote(struct breaking *b)
{
    size_t run = run_of(b->text, b->at, '`');
    size_t from = b->at + run;
    b->at = from;
    if (run > QUOTE_MAX || (b->no_quote >> run & 1) != 0) {
        return;
    }
    if (b->line_to < from) {
        b->line_to = line_end(b->text, from);
    }
    struct str line = str_cut(b->text, 0, b->line_to);
    while (from < line.len) {
        const char *found = memchr(line.at + from, '`', line.len - from);
        if (found == NULL) {
            break;
        }
        from = (size_t)(found - line.at);
        size_t other = run_of(line, from, '`');
        from += other;
        if (other == run) {
            b->code_to = from;
            return;
        }
    }
    b->no_quote |= 1U << run;
}

/* ---- the whole text ---- */

/* The next byte that something can begin with, or end a line. */
static size_t skip_plain(struct str text, size_t at)
{
#ifdef __SSE2__
    while (text.len - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.at + at));
        __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('<')),
                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('[')));
        __m128i lines = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('`')));
        unsigned any = (unsigned)_mm_movemask_epi8(_mm_or_si128(marks, lines));
        if (any != 0) {
            return at + (size_t)__builtin_ctz(any);
        }
        at += 16;
    }
#endif
    for (; at < text.len; at++) {
        char byte = text.at[at];
        if (byte == '<' || byte == '[' || byte == '\n' || byte == '`') {
            break;
        }
    }
    return at;
}

struct breaker {
    struct breaking b;
    struct view_writer writer;
    bool writing;
    struct arena *arena;
    struct sanitize_result *result;
};

/* Marks are broken before their last byte, a colon, or behind their first. */
static bool break_token(struct breaker *breaker)
{
    struct breaking *b = &breaker->b;
    const struct token *token;
    size_t bytes = token_at(b, &token);
    if (bytes == 0) {
        return false;
    }
    if (!breaker->writing) {
        view_begin(&breaker->writer, b->text, breaker->arena);
        breaker->writing = true;
    }
    size_t cut = b->at + (b->text.at[b->at + bytes - 1] == ':' ? bytes - 1 : 1);
    view_copy(&breaker->writer, cut - breaker->writer.taken);
    view_replace(&breaker->writer, 0, STR(" "));
    struct sanitize_finding *told = sanitize_found(
        breaker->result,
        (struct sanitize_finding){token->where == LINE ? SANITIZE_MARK : SANITIZE_TOKEN,
                                  token->family, b->at, b->at + bytes});
    if (told != NULL) {
        view_span(&breaker->result->seen, b->at, b->at + bytes, &told->start, &told->end);
    }
    b->at = cut; /* what follows may begin another one */
    return true;
}

static void begin_line(struct breaker *breaker)
{
    struct breaking *b = &breaker->b;
    b->line = b->at;
    b->no_quote = 0;
    char byte = byte_at(b->text, b->at);
    if (byte == '#' || byte == 'S' || byte == 'H' || byte == 'A') {
        (void)break_token(breaker);
    } else if ((byte == '`' || byte == '~' || byte == ' ') && b->at >= b->code_to) {
        follow_fence(b);
    }
}

void sanitize_tokens(struct arena *arena, struct sanitize_result *result)
{
    struct breaker breaker = {.arena = arena, .result = result};
    struct breaking *b = &breaker.b;
    b->text = result->seen.text;
    b->no_fence[0] = SIZE_MAX;
    b->no_fence[1] = SIZE_MAX;
    begin_line(&breaker);
    while ((b->at = skip_plain(b->text, b->at)) < b->text.len) {
        char byte = b->text.at[b->at];
        if (byte == '\n') {
            b->at++;
            begin_line(&breaker);
        } else if (byte == '`' && b->at >= b->code_to) {
            follow_quote(b);
        } else if (byte == '`' || !break_token(&breaker)) {
            b->at++;
        }
    }
    result->view = view_of(b->text);
    if (breaker.writing) {
        view_copy(&breaker.writer, b->text.len - breaker.writer.taken);
        result->view = view_done(&breaker.writer);
    }
}
