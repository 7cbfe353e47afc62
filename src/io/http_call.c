/* SPDX-License-Identifier: Apache-2.0
 * http_call.c - one request's memory and its response.
 *
 * Invariants: a call lives in its own arena and outlives its connection; `at` is NULL from the
 * moment that nothing can be written any more. A response is framed by exactly one of: its
 * announced length, chunks, the end of the connection, or no body at all (RFC 9112, section 6).
 */
#include "io/http_call.h"

#include "base/must.h"
#include "io/http_conn.h"

#include <stdint.h>

#define BODY_FIRST ((size_t)64 * 1024)   /* reserved at once; an announced length proves nothing */
#define GIVE_MIN   ((size_t)16 * 1024)   /* below it a copy costs less than keeping the buffer */
#define DROP_MAX   ((uint64_t)64 * 1024) /* of an unwanted body is read to keep the connection */

/* ---- life ---- */

struct http_call *http_call_new(struct http_conn *at)
{
    struct arena *arena = arena_new_in(at->server->arenas);
    struct http_call *call = arena_new_of(arena, struct http_call);
    call->at = at;
    call->arena = arena;
    call->loop = at->server->loop;
    call->memory = at->server->memory;
    call->began = loop_now(call->loop);
    call->peer = *conn_peer(at->conn);
    buf_init(&call->body, 0);
    return call;
}

static void end(struct http_call *call)
{
    if (call->memory != NULL && call->counted > 0) {
        cap_return(call->memory, call->counted);
    }
    buf_end(&call->body);
    arena_free(call->arena);
}

void http_call_detach(struct http_call *call)
{
    call->at = NULL;
    if (call->released || !call->handed) {
        end(call);
    }
}

void http_call_release(struct http_call *call)
{
    must(call->handed && !call->released);
    must(call->at == NULL || call->progress == HTTP_ENDED);
    call->released = true;
    if (call->at == NULL) {
        end(call);
    }
}

/* ---- the request ---- */

void http_call_set_head(struct http_call *call, const struct http_head *head)
{
    call->head = *head;
    call->has_head = true;
    struct str rest = head->target;
    if (rest.len > 0 && rest.at[0] != '/' && !str_equal(rest, STR("*"))) {
        /* absolute-form: the path begins at the first '/' or '?' behind the authority */
        size_t from = str_find(rest, STR("://")) + 3;
        while (from < rest.len && rest.at[from] != '/' && rest.at[from] != '?') {
            from++;
        }
        rest = str_cut(rest, from, SIZE_MAX);
    }
    size_t fragment = str_find_byte(rest, '#');
    rest = str_cut(rest, 0, fragment);
    size_t mark = str_find_byte(rest, '?');
    call->path = str_cut(rest, 0, mark);
    if (call->path.len == 0 && head->target.len > 0) {
        call->path = STR("/");
    }
    call->query = mark == SIZE_MAX ? STR("") : str_cut(rest, mark + 1, SIZE_MAX);
}

static enum err count_body(struct http_call *call)
{
    size_t more = call->body.cap - call->counted;
    if (call->memory != NULL && more > 0) {
        if (!cap_take(call->memory, more)) {
            return ERR_FULL;
        }
        call->counted += more;
    }
    return ERR_OK;
}

enum err http_call_add_body(struct http_call *call, struct str piece, uint64_t max)
{
    if (call->body.limit == 0) {
        uint64_t limit = call->head.has_length ? call->head.length : max;
        buf_init(&call->body, limit < SIZE_MAX ? (size_t)limit : SIZE_MAX);
        size_t first = call->head.has_length ? call->body.limit : 0;
        enum err err = buf_reserve(&call->body, first < BODY_FIRST ? first : BODY_FIRST);
        must(err == ERR_OK);
    }
    enum err err = buf_add(&call->body, piece);
    return err ? err : count_body(call);
}

const struct http_head *http_call_head(const struct http_call *call)
{
    return &call->head;
}

struct str http_call_path(const struct http_call *call)
{
    return call->path;
}

struct str http_call_query(const struct http_call *call)
{
    return call->query;
}

struct str http_call_body(const struct http_call *call)
{
    return buf_str(&call->body);
}

struct arena *http_call_arena(struct http_call *call)
{
    return call->arena;
}

const struct address *http_call_peer(const struct http_call *call)
{
    return &call->peer;
}

int http_call_sock(const struct http_call *call)
{
    return call->at ? conn_sock(call->at->conn) : -1;
}

struct instant http_call_began(const struct http_call *call)
{
    return call->began;
}

void http_call_set_data(struct http_call *call, void *data)
{
    call->data = data;
}

void *http_call_data(const struct http_call *call)
{
    return call->data;
}

/* ---- the response's head ---- */

/* RFC 9110, sections 6.4.1, 15.3.5 and 15.4.5. */
static bool has_no_body(const struct http_call *call, unsigned status)
{
    return status < 200 || status == 204 || status == 304 ||
           (call->has_head && str_equal(call->head.method, STR("HEAD")));
}

/* Must the connection end because of what is still unread? A little is read and dropped, so that an
 * early refusal does not cost the connection; after "100-continue" the body may or may not come. */
static bool unread_body_closes(const struct http_call *call)
{
    const struct http_head *head = &call->head;
    return !call->whole && (head->chunked || head->length > DROP_MAX || head->expects_continue);
}

/* How the response's end is told; decides `close`. */
static void choose_framing(struct http_call *call, unsigned status, uint64_t body_bytes)
{
    bool old = call->has_head && call->head.minor == 0;
    call->bodyless = has_no_body(call, status);
    call->left = body_bytes;
    call->chunked = !call->bodyless && body_bytes == HTTP_LENGTH_UNKNOWN && !old;
    call->until_close = !call->bodyless && body_bytes == HTTP_LENGTH_UNKNOWN && old;
    call->close = call->close || call->until_close || !call->has_head || !call->head.keep_alive ||
                  call->at->server->draining || unread_body_closes(call);
}

static void put(struct http_call *call, struct str bytes)
{
    if (call->at != NULL && !call->at->failed && bytes.len > 0) {
        enum err err = conn_write(call->at->conn, bytes);
        if (err != ERR_OK) {
            http_conn_wrote(call->at, err);
        }
    }
}

static size_t own_fields(struct http_call *call, unsigned status, struct http_field *fields,
                         struct buf *digits)
{
    size_t count = 0;
    fields[count++] = (struct http_field){STR("date"), str_of(http_server_date(call->at->server))};
    if (call->chunked) {
        fields[count++] = (struct http_field){STR("transfer-encoding"), STR("chunked")};
    } else if (call->left != HTTP_LENGTH_UNKNOWN && status >= 200 && status != 204) {
        enum err err = buf_add_u64(digits, call->left);
        must(err == ERR_OK);
        fields[count++] = (struct http_field){STR("content-length"), buf_str(digits)};
    }
    if (call->close) {
        fields[count++] = (struct http_field){STR("connection"), STR("close")};
    } else if (call->head.minor == 0) {
        fields[count++] = (struct http_field){STR("connection"), STR("keep-alive")};
    }
    return count;
}

void http_call_begin(struct http_call *call, unsigned status, const struct http_field *fields,
                     size_t count, uint64_t body_bytes)
{
    must(call->at == NULL || call->progress == HTTP_OPEN);
    call->progress = HTTP_BEGUN;
    if (call->at == NULL) {
        return;
    }
    struct http_field all[HTTP_FIELDS_MAX + 4];
    char room[24];
    struct buf digits = {.at = room, .cap = sizeof room, .limit = sizeof room - 1};
    choose_framing(call, status, body_bytes);
    size_t used = own_fields(call, status, all, &digits);
    must(count <= HTTP_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!http_field_is_hop(fields[i].name) && !str_equal_ci(fields[i].name, STR("date"))) {
            all[used++] = fields[i];
        }
    }
    struct buf *head = &call->at->server->head;
    buf_clear(head);
    enum err err = http1_write_response(head, status, all, used);
    if (err != ERR_OK) {
        /* A field that would split the response: nothing of it may leave. */
        http_conn_wrote(call->at, err);
        return;
    }
    put(call, buf_str(head));
    call->at->unanswered = call->at->failed;
}

/* ---- the response's body ---- */

/* What of `bytes` belongs to the body. */
static struct str admit(struct http_call *call, struct str bytes)
{
    must(call->at == NULL || call->progress == HTTP_BEGUN);
    if (call->at == NULL || call->bodyless) {
        return STR("");
    }
    if (call->left != HTTP_LENGTH_UNKNOWN) {
        bytes = str_cut(bytes, 0, call->left < bytes.len ? (size_t)call->left : bytes.len);
        call->left -= bytes.len;
    }
    return bytes;
}

/* RFC 9112, section 7.1: the size in hexadecimal and a line end. */
static void put_chunk_size(struct http_call *call, size_t size)
{
    char line[2 * sizeof size + 2];
    size_t from = sizeof line;
    line[--from] = '\n';
    line[--from] = '\r';
    do {
        line[--from] = "0123456789abcdef"[size % 16];
        size /= 16;
    } while (size > 0);
    put(call, (struct str){line + from, sizeof line - from});
}

static void after_write(struct http_call *call)
{
    if (call->at != NULL) {
        call->full = call->full || conn_queued(call->at->conn) > HTTP_QUEUE_HIGH;
        http_conn_wrote(call->at, ERR_OK);
    }
}

void http_call_write(struct http_call *call, struct str bytes)
{
    bytes = admit(call, bytes);
    if (bytes.len == 0) {
        return; /* an empty chunk would end the body */
    }
    if (call->chunked) {
        put_chunk_size(call, bytes.len);
    }
    put(call, bytes);
    if (call->chunked) {
        put(call, STR("\r\n"));
    }
    after_write(call);
}

static struct buf *free_lent(struct http_call *call)
{
    for (size_t i = 0; call->at != NULL && i < HTTP_LENT_MAX; i++) {
        if (call->at->lent[i].at == NULL) {
            return &call->at->lent[i];
        }
    }
    return NULL;
}

void http_call_give(struct http_call *call, struct buf *bytes)
{
    struct buf *slot = bytes->len >= GIVE_MIN ? free_lent(call) : NULL;
    if (slot == NULL) {
        http_call_write(call, buf_str(bytes));
        buf_end(bytes);
        return;
    }
    struct str body = admit(call, buf_str(bytes));
    struct cap *memory = call->at->server->memory;
    bool counted = body.len > 0 && (memory == NULL || cap_take(memory, bytes->cap));
    if (!counted) {
        buf_end(bytes);
        if (body.len > 0) {
            http_conn_wrote(call->at, ERR_LIMIT);
        }
        return;
    }
    *slot = (struct buf){0};
    buf_take(bytes, slot);
    if (call->chunked) {
        put_chunk_size(call, body.len);
    }
    if (call->at != NULL && !call->at->failed) {
        enum err err = conn_lend(call->at->conn, body);
        if (err != ERR_OK) {
            http_conn_wrote(call->at, err);
        }
    }
    if (call->chunked) {
        put(call, STR("\r\n"));
    }
    after_write(call);
}

void http_call_end(struct http_call *call)
{
    must(call->at == NULL || call->progress == HTTP_BEGUN);
    call->progress = HTTP_ENDED;
    if (call->at == NULL) {
        return;
    }
    if (!call->bodyless && call->left != HTTP_LENGTH_UNKNOWN && call->left > 0) {
        http_conn_lose(call->at);
        return;
    }
    if (call->chunked) {
        put(call, STR("0\r\n\r\n"));
    }
    if (call->at != NULL) {
        http_conn_ended(call->at);
    }
}

void http_call_reply(struct http_call *call, unsigned status, const struct http_field *fields,
                     size_t count, struct str body)
{
    http_call_begin(call, status, fields, count, body.len);
    http_call_write(call, body);
    http_call_end(call);
}

bool http_call_begun(const struct http_call *call)
{
    return call->progress != HTTP_OPEN;
}

bool http_call_full(const struct http_call *call)
{
    return call->at != NULL && conn_queued(call->at->conn) > HTTP_QUEUE_HIGH;
}
