/* SPDX-License-Identifier: Apache-2.0
 * http1.c - reads messages. A head is first scanned for its end, which costs one look at each byte
 * and refuses what is ambiguous line by line; then the whole head is copied once into the message's
 * arena and tokenized there by llhttp, so that every span lies in that copy. Bodies with a length
 * are counted here, chunked ones are decoded by the same llhttp.
 *
 * Invariants: llhttp only ever sees whole heads, so a callback gives a whole span; it starts afresh
 * for each message, so nothing of one message reaches the next; what a body piece aliases is the
 * caller's input.
 */
#include "io/http1.h"

#include "base/must.h"
#include "io/http1_check.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LINE_EXTRA    64   /* of a request line, beside the target */
#define KEPT_IDLE_MAX 4096 /* memory for split heads that survives a message */

enum stage {
    STAGE_NONE,        /* between messages */
    STAGE_HEAD,        /* started */
    STAGE_LENGTH,      /* `left` bytes of body follow */
    STAGE_CHUNKED,     /* llhttp reads chunks and trailers */
    STAGE_UNTIL_CLOSE, /* a response that ends with the connection */
    STAGE_COMPLETE,    /* all is read, DONE is still to be told */
    STAGE_BAD
};

/* Where the search for the end of a head stands; survives any cut of the input. */
struct scan {
    size_t bytes;
    size_t line;  /* bytes of the current line */
    size_t first; /* bytes of the first line, once it ended */
    size_t lines;
    bool blank; /* one empty line before the message was skipped (RFC 9112, section 2.2) */
    bool cr;
};

struct http1_parser {
    llhttp_t tokens;
    enum http1_kind kind;
    struct http1_limits limits;
    enum stage stage;
    bool bodyless;
    struct arena *arena;
    struct scan scan;
    struct buf kept; /* the beginning of a head that came in several pieces */
    struct http_head head;
    struct http_field *fields;
    uint64_t left;
    size_t framing; /* bytes of chunk framing since the last byte of body */
    struct str piece;
    bool complete;
    struct http1_problem problem;
};

/* ---- llhttp's callbacks ---- */

static int take_method(llhttp_t *tokens, const char *at, size_t len)
{
    struct http1_parser *parser = tokens->data;
    parser->head.method = (struct str){at, len};
    return 0;
}

static int take_target(llhttp_t *tokens, const char *at, size_t len)
{
    struct http1_parser *parser = tokens->data;
    parser->head.target = (struct str){at, len};
    return 0;
}

/* Trailers come here too and are dropped: RFC 9110, section 6.5.1, forbids to merge them unasked.
 */
static int take_name(llhttp_t *tokens, const char *at, size_t len)
{
    struct http1_parser *parser = tokens->data;
    if (parser->stage == STAGE_HEAD) {
        must(parser->head.count < parser->scan.lines);
        parser->fields[parser->head.count++] = (struct http_field){.name = {at, len},
                                                                   .value = {at + len, 0}};
    }
    return 0;
}

static int take_value(llhttp_t *tokens, const char *at, size_t len)
{
    struct http1_parser *parser = tokens->data;
    if (parser->stage == STAGE_HEAD) {
        must(parser->head.count > 0);
        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t')) {
            len--;
        }
        parser->fields[parser->head.count - 1].value = (struct str){at, len};
    }
    return 0;
}

static int stop_after_head(llhttp_t *tokens)
{
    (void)tokens;
    return HPE_PAUSED;
}

static int take_body(llhttp_t *tokens, const char *at, size_t len)
{
    struct http1_parser *parser = tokens->data;
    parser->piece = (struct str){at, len};
    return HPE_PAUSED;
}

static int take_end(llhttp_t *tokens)
{
    struct http1_parser *parser = tokens->data;
    parser->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_method = take_method,
    .on_url = take_target,
    .on_header_field = take_name,
    .on_header_value = take_value,
    .on_headers_complete = stop_after_head,
    .on_body = take_body,
    .on_message_complete = take_end,
};

/* ---- life ---- */

struct http1_parser *http1_parser_new(enum http1_kind kind, const struct http1_limits *limits)
{
    struct http1_parser *parser = must_have(calloc(1, sizeof *parser));
    parser->kind = kind;
    if (limits != NULL) {
        parser->limits = *limits;
    }
    struct http1_limits *l = &parser->limits;
    l->head_bytes_max = l->head_bytes_max ? l->head_bytes_max : HTTP_HEAD_BYTES_MAX;
    l->fields_max = l->fields_max ? l->fields_max : HTTP_FIELDS_MAX;
    l->target_max = l->target_max ? l->target_max : HTTP_TARGET_MAX;
    buf_init(&parser->kept, l->head_bytes_max);
    return parser;
}

void http1_parser_free(struct http1_parser *parser)
{
    if (parser != NULL) {
        buf_end(&parser->kept);
        free(parser);
    }
}

void http1_parser_start(struct http1_parser *parser, struct arena *arena, bool bodyless)
{
    must(arena != NULL);
    llhttp_init(&parser->tokens, parser->kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE,
                &callbacks);
    parser->tokens.data = parser;
    parser->stage = STAGE_HEAD;
    parser->bodyless = bodyless;
    parser->arena = arena;
    parser->scan = (struct scan){0};
    parser->head = (struct http_head){0};
    parser->left = 0;
    parser->framing = 0;
    parser->complete = false;
    parser->problem = (struct http1_problem){0};
    if (parser->kept.cap > KEPT_IDLE_MAX) {
        buf_end(&parser->kept);
    }
    buf_clear(&parser->kept);
}

static enum http1_event bad(struct http1_parser *parser, unsigned status, const char *what)
{
    parser->stage = STAGE_BAD;
    parser->problem = (struct http1_problem){status, what};
    return HTTP1_BAD;
}

/* ---- the end of a head ---- */

/* How far the line may go on before a limit is reached. */
static size_t room(const struct http1_parser *parser)
{
    const struct scan *scan = &parser->scan;
    size_t total = parser->limits.head_bytes_max - scan->bytes;
    if (parser->kind == HTTP1_REQUEST && scan->lines == 0) {
        size_t line = (size_t)parser->limits.target_max + LINE_EXTRA - scan->line;
        return line < total ? line : total;
    }
    return total;
}

static enum http1_event too_long(struct http1_parser *parser)
{
    if (parser->kind == HTTP1_REQUEST && parser->scan.lines == 0) {
        return bad(parser, 414, "request line too long");
    }
    return bad(parser, 431, "head too large");
}

/* A line end was seen. HEAD when it ended the head, MORE when the head goes on. */
static enum http1_event end_line(struct http1_parser *parser)
{
    struct scan *scan = &parser->scan;
    if (scan->line > 0) {
        scan->first = scan->lines == 0 ? scan->line : scan->first;
        scan->lines++;
        scan->line = 0;
        return scan->lines <= (size_t)parser->limits.fields_max + 1
                   ? HTTP1_MORE
                   : bad(parser, 431, "too many fields");
    }
    if (scan->lines > 0) {
        return HTTP1_HEAD;
    }
    if (parser->kind == HTTP1_RESPONSE || scan->blank) {
        return bad(parser, 400, "empty line in place of a message");
    }
    scan->blank = true;
    return HTTP1_MORE;
}

/* One byte that is not plain text, or the first one of a line. */
static enum http1_event special(struct http1_parser *parser, unsigned char c)
{
    struct scan *scan = &parser->scan;
    if (scan->cr) {
        scan->cr = false;
        return c == '\n' ? end_line(parser) : bad(parser, 400, "CR without LF in a head");
    }
    if (c == '\r') {
        scan->cr = true;
        return HTTP1_MORE;
    }
    if (scan->line == 0 && (c == ' ' || c == '\t')) {
        /* RFC 9112, section 5.2: folding is refused; before the first field it hides one. */
        return bad(parser, 400, "line that begins with a space");
    }
    if (c == '\n') {
        return bad(parser, 400, "LF without CR in a head");
    }
    if ((c < ' ' && c != '\t') || c == 0x7f) {
        return bad(parser, 400, "control character in a head");
    }
    scan->line++;
    return HTTP1_MORE;
}

/* Every byte of every head passes here, hence SSE2; what is above 0x7f counts as plain, as below.
 */
static size_t plain_run(const char *at, size_t len)
{
    size_t run = 0;
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(' ');
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; run + 16 <= len; run += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + run));
        /* The unsigned minimum with ' ' is ' ' for what is not below it. */
        __m128i plain = _mm_cmpeq_epi8(_mm_min_epu8(bytes, space), space);
        plain = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, del), plain);
        unsigned odd = (unsigned)_mm_movemask_epi8(plain) ^ 0xffffu;
        if (odd != 0) {
            return run + (size_t)__builtin_ctz(odd);
        }
    }
#endif
    while (run < len && (unsigned char)at[run] >= ' ' && at[run] != 0x7f) {
        run++;
    }
    return run;
}

/* *used bytes of `input` belong to the head. HEAD: it is whole; MORE: all of the input belongs to
 * it. */
static enum http1_event find_end(struct http1_parser *parser, struct str input, size_t *used)
{
    struct scan *scan = &parser->scan;
    enum http1_event event = HTTP1_MORE;
    size_t i = 0;
    while (i < input.len && event == HTTP1_MORE) {
        size_t may = room(parser);
        if (may == 0) {
            event = too_long(parser);
        } else if (scan->cr || scan->line == 0) {
            event = special(parser, (unsigned char)input.at[i++]);
            scan->bytes++;
        } else {
            size_t run = plain_run(input.at + i, may < input.len - i ? may : input.len - i);
            i += run;
            scan->line += run;
            scan->bytes += run;
            if (i < input.len && run < may) {
                event = special(parser, (unsigned char)input.at[i++]);
                scan->bytes++;
            }
        }
    }
    *used = i;
    return event;
}

/* ---- a whole head ---- */

/* llhttp's reasons are string constants. */
static enum http1_event tokens_bad(struct http1_parser *parser, llhttp_errno_t code,
                                   struct str text)
{
    const char *reason = llhttp_get_error_reason(&parser->tokens);
    /* 1.0 and 1.1 come here when something stands between the version and the line end. */
    bool known = parser->tokens.http_major == 1 && parser->tokens.http_minor <= 1;
    if ((code == HPE_INVALID_VERSION && !known) || parser->tokens.http_major > 1) {
        return bad(parser, 505, "HTTP version not supported");
    }
    /* RFC 9110, section 9.1: a method that is a token but unknown is 501. */
    if (code == HPE_INVALID_METHOD && http1_is_token(str_cut(text, 0, str_find_byte(text, ' ')))) {
        return bad(parser, 501, "method not implemented");
    }
    return bad(parser, 400, reason && *reason ? reason : "malformed head");
}

/* Exactly one space on each side of the target: llhttp takes several. */
static bool line_is_exact(const struct http1_parser *parser)
{
    const struct http_head *head = &parser->head;
    return head->method.len + 1 + head->target.len + sizeof " HTTP/1.1" - 1 == parser->scan.first;
}

static struct http1_problem check(struct http1_parser *parser)
{
    struct http_head *head = &parser->head;
    head->minor = llhttp_get_http_minor(&parser->tokens);
    head->status = (unsigned)llhttp_get_status_code(&parser->tokens);
    if (llhttp_get_http_major(&parser->tokens) != 1 || head->minor > 1) {
        return (struct http1_problem){505, "HTTP version not supported"};
    }
    /* RFC 9112, section 9.3: close wins; HTTP/1.0 must ask to be kept. */
    unsigned flags = parser->tokens.flags;
    head->keep_alive = !(flags & F_CONNECTION_CLOSE) &&
                       (head->minor == 1 || (flags & F_CONNECTION_KEEP_ALIVE));
    if (parser->kind == HTTP1_RESPONSE) {
        return head->status < 100 ? (struct http1_problem){400, "malformed status"}
                                  : http1_check_response(head);
    }
    if (!line_is_exact(parser)) {
        return (struct http1_problem){400, "malformed request line"};
    }
    if (head->target.len > parser->limits.target_max) {
        return (struct http1_problem){414, "request target too long"};
    }
    return http1_check_request(head);
}

/* RFC 9112, section 6.3. */
static enum stage body_stage(struct http1_parser *parser)
{
    struct http_head *head = &parser->head;
    unsigned status = head->status;
    bool response = parser->kind == HTTP1_RESPONSE;
    if (response && (parser->bodyless || status < 200 || status == 204 || status == 304)) {
        return STAGE_COMPLETE;
    }
    if (head->chunked) {
        return STAGE_CHUNKED;
    }
    if (head->has_length || !response) {
        parser->left = head->length;
        return head->length > 0 ? STAGE_LENGTH : STAGE_COMPLETE;
    }
    head->keep_alive = false;
    return STAGE_UNTIL_CLOSE;
}

static enum http1_event tokenize(struct http1_parser *parser, struct str text)
{
    text = arena_str(parser->arena, text);
    parser->fields = arena_alloc(parser->arena, sizeof(struct http_field) * parser->scan.lines);
    parser->head.fields = parser->fields;
    llhttp_errno_t code = llhttp_execute(&parser->tokens, text.at, text.len);
    if (code != HPE_PAUSED) {
        return tokens_bad(parser, code, text);
    }
    must(llhttp_get_error_pos(&parser->tokens) == text.at + text.len);
    struct http1_problem problem = check(parser);
    if (problem.status != 0) {
        return bad(parser, problem.status, problem.what);
    }
    parser->stage = body_stage(parser);
    return HTTP1_HEAD;
}

/* Of a head that is refused before it is read: whom to answer in which form. Not validated. */
static void keep_target(struct http1_parser *parser, struct str head)
{
    size_t from = str_find_byte(head, ' ');
    struct str rest = from < head.len ? str_cut(head, from + 1, head.len) : STR("");
    size_t to = str_find_byte(rest, ' ');
    if (parser->kind == HTTP1_REQUEST && parser->scan.lines > 0 && to < rest.len) {
        parser->head.target = arena_str(parser->arena, str_cut(rest, 0, to));
    }
}

static enum http1_event parse_head(struct http1_parser *parser, struct str *input)
{
    size_t used = 0;
    enum http1_event event = find_end(parser, *input, &used);
    if (event == HTTP1_BAD) {
        keep_target(parser, parser->kept.len > 0 ? buf_str(&parser->kept) : *input);
        return event;
    }
    struct str part = str_cut(*input, 0, used);
    *input = str_cut(*input, used, SIZE_MAX);
    if (event == HTTP1_HEAD && parser->kept.len == 0) {
        return tokenize(parser, part);
    }
    must(buf_add(&parser->kept, part) == ERR_OK); /* the scan keeps to the same limit */
    return event == HTTP1_HEAD ? tokenize(parser, buf_str(&parser->kept)) : HTTP1_MORE;
}

/* ---- bodies ---- */

static enum http1_event parse_length(struct http1_parser *parser, struct str *input,
                                     struct str *body)
{
    if (input->len == 0) {
        return HTTP1_MORE;
    }
    size_t take = parser->left < input->len ? (size_t)parser->left : input->len;
    *body = str_cut(*input, 0, take);
    *input = str_cut(*input, take, SIZE_MAX);
    parser->left -= take;
    if (parser->left == 0) {
        parser->stage = STAGE_COMPLETE;
    }
    return HTTP1_BODY;
}

static enum http1_event parse_chunked(struct http1_parser *parser, struct str *input,
                                      struct str *body)
{
    if (input->len == 0) {
        return HTTP1_MORE;
    }
    llhttp_resume(&parser->tokens);
    parser->piece = (struct str){NULL, 0};
    llhttp_errno_t code = llhttp_execute(&parser->tokens, input->at, input->len);
    if (code != HPE_OK && code != HPE_PAUSED) {
        const char *reason = llhttp_get_error_reason(&parser->tokens);
        return bad(parser, 400, reason && *reason ? reason : "malformed chunk");
    }
    const char *to = code == HPE_PAUSED ? llhttp_get_error_pos(&parser->tokens)
                                        : input->at + input->len;
    size_t used = (size_t)(to - input->at);
    *input = str_cut(*input, used, SIZE_MAX);
    /* Extensions, leading zeros and trailers carry nothing: they may not go on for ever. */
    parser->framing += used - parser->piece.len;
    if (parser->framing > parser->limits.head_bytes_max) {
        return bad(parser, 431, "too much chunk framing");
    }
    if (parser->complete) {
        parser->stage = STAGE_NONE;
        return HTTP1_DONE;
    }
    if (parser->piece.len == 0) {
        return HTTP1_MORE;
    }
    parser->framing = 0;
    *body = parser->piece;
    return HTTP1_BODY;
}

enum http1_event http1_parse(struct http1_parser *parser, struct str *input, struct str *body)
{
    switch (parser->stage) {
    case STAGE_HEAD:
        return parse_head(parser, input);
    case STAGE_LENGTH:
        return parse_length(parser, input, body);
    case STAGE_CHUNKED:
        return parse_chunked(parser, input, body);
    case STAGE_UNTIL_CLOSE:
        *body = *input;
        *input = str_cut(*input, input->len, SIZE_MAX);
        return body->len > 0 ? HTTP1_BODY : HTTP1_MORE;
    case STAGE_COMPLETE:
        parser->stage = STAGE_NONE;
        return HTTP1_DONE;
    case STAGE_NONE:
        must(!"http1_parser_start comes before the next message");
    case STAGE_BAD:
        break;
    }
    return HTTP1_BAD;
}

enum http1_event http1_parse_end(struct http1_parser *parser)
{
    switch (parser->stage) {
    case STAGE_COMPLETE:
    case STAGE_UNTIL_CLOSE:
        parser->stage = STAGE_NONE;
        return HTTP1_DONE;
    case STAGE_NONE:
        return HTTP1_MORE;
    case STAGE_HEAD:
        return parser->scan.bytes == 0 ? HTTP1_MORE : bad(parser, 400, "head cut short");
    case STAGE_LENGTH:
    case STAGE_CHUNKED:
        return bad(parser, 400, "body cut short");
    case STAGE_BAD:
        break;
    }
    return HTTP1_BAD;
}

/* ---- what was read ---- */

const struct http_head *http1_head(const struct http1_parser *parser)
{
    return &parser->head;
}

const struct http1_problem *http1_problem(const struct http1_parser *parser)
{
    return &parser->problem;
}

struct str http_head_get(const struct http_head *head, struct str name)
{
    for (size_t i = 0; i < head->count; i++) {
        if (head->fields[i].name.len == name.len && str_equal_ci(head->fields[i].name, name)) {
            return head->fields[i].value;
        }
    }
    return (struct str){NULL, 0};
}

bool http_head_has(const struct http_head *head, struct str name)
{
    return http_head_get(head, name).at != NULL;
}

bool http_head_lists(const struct http_head *head, struct str name, struct str token)
{
    for (size_t i = 0; i < head->count; i++) {
        struct str rest = head->fields[i].value;
        struct str item;
        if (!str_equal_ci(head->fields[i].name, name)) {
            continue;
        }
        while (str_split(&rest, ',', &item)) {
            if (str_equal_ci(str_trim(item), token)) {
                return true;
            }
        }
    }
    return false;
}
