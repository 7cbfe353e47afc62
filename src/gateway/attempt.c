/* SPDX-License-Identifier: Apache-2.0
 * attempt.c - one try: request out, phases timed, answer judged.
 *
 * Invariants: `fetch` is NULL after on_done or a cancel; attempt_settle runs once; nothing of a
 * failed attempt has reached the client unless x->stream is open. */
#include "gateway/attempt.h"

#include "base/must.h"
#include "base/utf8.h"
#include "gateway/attempt_plain.h"
#include "gateway/attempt_request.h"
#include "gateway/pipeline.h"
#include "gateway/reply.h"
#include "gateway/texts.h"
#include "gateway/tool_answer.h"
#include "gateway/tool_call.h"
#include "gateway/upstream.h"

/* After the terminal marker a provider may still say usage and [DONE]; it is not waited for longer.
 */
#define TAIL_MS      2000
#define DONE_TAIL_MS 100

static struct loop *loop_of(const struct attempt *a)
{
    return a->x->gateway->loop;
}

static void arm(struct attempt *a, enum failure means, uint64_t ms)
{
    a->timer_means = means;
    timer_arm(loop_of(a), &a->timer, ms);
}

static uint64_t since_us(struct instant later, struct instant earlier)
{
    return earlier.ns == 0 ? 0 : instant_since_us(later, earlier);
}

/* ---- the end of an attempt ---- */

static void record_move(struct exchange *x, const struct target *target,
                        const struct breaker_move *move)
{
    if (move->from == move->to) {
        return;
    }
    RECORD(&x->record, loop_wall(x->gateway->loop), breaker_moved, .target = target->name,
           .from = str_of(breaker_state_name(move->from)),
           .to = str_of(breaker_state_name(move->to)), .failures = move->failures,
           .after = move->after_us, .detection = move->detection_us, .outage = move->outage_us);
}

static void settle_breaker(struct attempt *a, const struct failure_action *action, uint64_t pin_ms)
{
    struct exchange *x = a->x;
    struct instant now = loop_now(loop_of(a));
    struct breaker_move move;
    breaker_settle(a->target->state->breaker, now, a->ticket, action->breaker, &move);
    record_move(x, a->target, &move);
    bool own_key = a->target->provider->auth == AUTH_STORED;
    if (action->pins && own_key && pin_ms > 0) {
        breaker_pin(a->target->state->breaker, now, instant_after_ms(now, pin_ms), &move);
        record_move(x, a->target, &move);
    }
    if (action->breaker == BREAKER_FAILURE) {
        incident_failed(x->route->state->incident, now);
    }
}

/* What the provider did not tell. A client that leaves has had its prompt read: else it could spend
 * unseen by always leaving in time. */
static void estimate_usage(struct attempt *a, enum failure failure)
{
    struct usage *usage = &a->x->answer.usage;
    bool read = a->status == 200 || a->x->answer.text_bytes > 0 ||
                (failure == FAILURE_cancelled && a->connected.ns != 0);
    if (usage->known || !read) {
        return;
    }
    usage->estimated = true;
    usage->input = cost_tokens_of_bytes(http_call_body(a->x->call).len);
    usage->output = cost_tokens_of_bytes(a->x->answer.text_bytes);
}

/* After these nothing of the request has reached a tool, or it has not acted on it. */
static bool leaves_no_doubt(const struct attempt *a, enum failure failure)
{
    return failure == FAILURE_none || failure == FAILURE_credential || a->connected.ns == 0;
}

/* Books the attempt: breaker, cost, record. Pinning lasts as long as the provider said, else a
 * minute. */
static void settle(struct attempt *a, enum failure failure)
{
    struct exchange *x = a->x;
    must(!a->settled);
    a->settled = true;
    const struct failure_action *action = failure_action(failure);
    struct target_state *state = a->target->state;
    struct instant now = env_instant(loop_env(loop_of(a)));
    uint64_t pin_ms = x->failed.retry_after_ms > 0 ? x->failed.retry_after_ms : 60000;
    bool last_key = x->keys_tried + 1 >= a->target->provider->keys.count;
    settle_breaker(a, action, last_key ? pin_ms : 0);
    x->tool.reached = x->tool.reached || !leaves_no_doubt(a, failure);
    estimate_usage(a, failure);
    int64_t cost = cost_of(&a->target->price, &x->answer.usage);
    x->cost_microusd += cost;
    x->tokens_spent += x->answer.usage.input + x->answer.usage.output;
    x->upstream_us += instant_since_us(now, a->began);
    atomic_fetch_sub_explicit(&state->in_flight, 1, memory_order_relaxed);
    if (failure != FAILURE_none && failure != FAILURE_refused) {
        atomic_fetch_add_explicit(&state->failures, 1, memory_order_relaxed);
    }
    RECORD(&x->record, loop_wall(loop_of(a)), attempt_ended, .target = a->target->name,
           .provider = a->target->provider->name, .number = x->attempts,
           .failure = str_of(action->name), .status = a->status,
           .connected = since_us(a->connected, a->began), .head = since_us(a->head, a->began),
           .first_token = since_us(a->first, a->began), .total = instant_since_us(now, a->began),
           .why = x->failed.words, .cost = cost);
}

void attempt_end(struct attempt *a)
{
    must(a->settled && a->fetch == NULL);
    timer_disarm(&a->timer);
    buf_end(&a->body);
    sse_reader_end(&a->sse);
    cap_return(&a->x->gateway->commons->memory, a->counted);
    a->counted = 0;
}

void attempt_abandon(struct attempt *a, enum failure failure)
{
    timer_disarm(&a->timer);
    if (a->fetch != NULL) {
        http_fetch_cancel(a->fetch);
        a->fetch = NULL;
    }
    if (!a->settled) {
        settle(a, failure);
    }
}

void attempt_fail(struct attempt *a, enum failure failure, struct str words)
{
    struct exchange *x = a->x;
    if (attempt_tells_credential(a, words)) {
        words = STR("(not shown: the provider's words hold the credential)");
    }
    x->failed.kind = failure;
    x->failed.status = a->status;
    x->failed.words = arena_str(x->arena, utf8_head(words, 512));
    struct str said = words.len > 0 ? x->failed.words : str_of(failure_action(failure)->help);
    if (a->target != NULL) {
        target_state_failed(a->target->state, loop_wall(loop_of(a)), said);
    }
    attempt_abandon(a, failure);
    upstream_failed(x);
}

void attempt_succeed(struct attempt *a)
{
    timer_disarm(&a->timer);
    if (!a->settled) {
        settle(a, a->x->answer.refused ? FAILURE_refused : FAILURE_none);
    }
    upstream_answered(a->x);
}

/* ---- streams ---- */

bool attempt_send(struct attempt *a)
{
    struct exchange *x = a->x;
    size_t events;
    struct str bytes = stream_releasable(&x->stream, &events);
    if (events > 0) {
        if (!http_call_begun(x->call)) {
            x->state = EXCHANGE_STREAM;
            reply_begin(x, 200, a->fields, a->field_count, STR("text/event-stream"),
                        HTTP_LENGTH_UNKNOWN);
        }
        if (x->judgement.holding != 0) {
            exchange_leaves(x, bytes);
        }
        http_call_write(x->call, bytes);
        stream_sent(&x->stream, events);
    }
    return !http_call_full(x->call);
}

static bool send_directly(struct attempt *a, struct str raw, bool last)
{
    struct stream *stream = &a->x->stream;
    if (!stream->open || stream->judges > 0 || stream->count > 0 || (last && stream->locked)) {
        return false;
    }
    http_call_write(a->x->call, raw);
    return true;
}

static void note_content(struct attempt *a, const struct stream_view *view)
{
    struct exchange *x = a->x;
    struct instant now = loop_now(loop_of(a));
    if (view->content) {
        a->content = now;
        a->quiet = view->reasoning;
        if (a->first.ns == 0) {
            a->first = now;
            if (x->first_content.ns == 0) {
                x->first_content = now;
            }
        }
    }
    a->quiet = a->quiet || view->ping;
    if (a->first.ns == 0) {
        return; /* the first-token timer runs on: pings are not content */
    }
    const struct route_timeouts *t = &x->route->timeouts;
    uint64_t idle = a->quiet ? t->idle_reasoning_ms : t->idle_ms;
    uint64_t passed = instant_since_us(now, a->content) / 1000;
    if (x->answer.terminal) {
        arm(a, FAILURE_none, TAIL_MS);
    } else {
        arm(a, FAILURE_timeout_idle, passed < idle ? idle - passed : 1);
    }
}

/* An event as one run of bytes in which its data stands: as it came, or, where the data came in
 * several lines, with these joined (a line break between JSON tokens is white space). */
static struct str one_line(const struct attempt *a, const struct sse_event *event, size_t *data_at)
{
    const char *end = event->raw.at + event->raw.len;
    if (event->data.len == 0 || (event->data.at >= event->raw.at && event->data.at < end)) {
        *data_at = event->data.len > 0 ? (size_t)(event->data.at - event->raw.at) : 0;
        return event->raw;
    }
    struct arena *arena = a->x->gateway->scratch;
    const struct str parts[] = {event->has_event ? STR("event: ") : STR(""), event->event,
                                event->has_event ? STR("\ndata: ") : STR("data: "), event->data,
                                STR("\n\n")};
    char *bytes = arena_alloc(arena, event->event.len + event->data.len + 32);
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *data_at = i == 3 ? at : *data_at;
        for (size_t n = 0; n < parts[i].len; n++) {
            bytes[at] = parts[i].at[n];
            if (i == 3 && bytes[at] == '\n') {
                bytes[at] = ' ';
            }
            at++;
        }
    }
    return (struct str){bytes, at};
}

/* Deltas are judged as what they are, wherever else in their event texts stand: those have no bytes
 * in this copy of its tape. */
static struct json without_deltas(const struct json *json, const struct sse_event *event,
                                  const struct stream_view *view, struct arena *arena)
{
    struct json_node *nodes = arena_array_of(arena, struct json_node, json->count);
    for (uint32_t i = 0; i < json->count; i++) {
        nodes[i] = json->nodes[i];
        for (size_t d = 0; d < view->delta_count; d++) {
            bool is = nodes[i].kind == JSON_STRING && nodes[i].len > 0 &&
                      event->data.at + nodes[i].at == view->deltas[d].text.at;
            nodes[i].len = is ? 0 : nodes[i].len;
        }
    }
    return (struct json){json->text, nodes, json->count};
}

/* Where the edits of an event's other texts move what stands at `at`. */
static size_t moved(const struct json_edit *edit, size_t at)
{
    size_t to = at;
    for (size_t i = 0; i < edit->count && edit->splices[i].at < at; i++) {
        to = to - edit->splices[i].len + edit->splices[i].with.len;
    }
    return to;
}

/* All that an event says beside its deltas is judged at once: it becomes splice(event, edits). */
static bool judge_beside(struct attempt *a, struct str data, const struct sse_event *event,
                         const struct stream_view *view, struct json_edit *edit)
{
    struct exchange *x = a->x;
    struct arena *arena = x->gateway->scratch;
    struct json json;
    struct texts texts;
    json_edit_init(edit, data, x->arena);
    if (json_parse(&json, data, NULL, arena, NULL) != ERR_OK) {
        return true; /* [DONE] */
    }
    json = without_deltas(&json, event, view, arena);
    texts_of_answer(&json, arena, &texts);
    return (!view->whole && texts.count == 0 && str_find(data, STR("logprobs")) == SIZE_MAX) ||
           attempt_judge_document(x, &json, edit);
}

/* Queues an event with the texts it carries. */
static bool hold(struct attempt *a, const struct sse_event *event, const struct stream_view *view)
{
    struct stream *stream = &a->x->stream;
    struct arena *arena = a->x->gateway->scratch;
    struct stream_text texts[STREAM_TEXTS_MAX];
    struct json_edit edit;
    size_t data_at = 0;
    size_t count = 0;
    struct str raw = event->raw;
    if (stream->judges > 0) {
        if (view->delta_overflow) {
            return false; /* what cannot be judged is not let through */
        }
        raw = one_line(a, event, &data_at);
        struct str data = str_cut(raw, data_at, data_at + event->data.len);
        if (!judge_beside(a, data, event, view, &edit)) {
            return true; /* the caller sees the verdict */
        }
        for (; count < view->delta_count; count++) {
            const struct delta *delta = &view->deltas[count];
            size_t at = delta->text.len > 0 ? (size_t)(delta->text.at - event->data.at) : 0;
            texts[count] = (struct stream_text){delta_channel(delta), data_at + moved(&edit, at),
                                                delta->text.len};
        }
        if (edit.count > 0) {
            struct str *slices;
            size_t slice_count = json_edit_slices(&edit, &slices);
            const struct str parts[] = {str_cut(raw, 0, data_at),
                                        arena_join(arena, slices, slice_count),
                                        str_cut(raw, data_at + event->data.len, raw.len)};
            raw = arena_join(arena, parts, 3);
        }
    }
    return stream_add(stream, raw, view->content, view->last, texts, count) == ERR_OK;
}

/* False when a judge stopped the answer. */
static bool judge(struct attempt *a, const struct stream_view *view)
{
    struct exchange *x = a->x;
    bool allowed = x->judgement.verdict < VERDICT_ESCALATE;
    for (size_t i = 0; i < view->delta_count && allowed; i++) {
        allowed = pipeline_delta(x, &view->deltas[i]);
    }
    if (allowed && (view->ends || x->answer.terminal)) {
        allowed = pipeline_close(x, x->answer.terminal ? GROUPS_ALL : view->ended);
    }
    if (!allowed) {
        attempt_fail(a, FAILURE_blocked, str_of(x->judgement.reason));
    }
    return allowed;
}

/* One event: judged, queued, sent. False when the attempt is over. */
static bool take_event(struct attempt *a, const struct sse_event *event)
{
    struct exchange *x = a->x;
    struct stream_view view = {0};
    if (x->heard != NULL && buf_add(x->heard, event->raw) != ERR_OK) {
        attempt_fail(a, FAILURE_too_large, STR("the answer is over the limit of a run's step"));
        return false;
    }
    view.ping = event->comment;
    if (!event->comment) {
        x->dialect->read_event(&x->view, event, &x->answer, x->gateway->scratch, &view);
    }
    bool refused = x->answer.refused && x->route->refusals_fall_back && !x->stream.open;
    if (view.failure != FAILURE_none || refused) {
        attempt_fail(a, refused ? FAILURE_refused : view.failure, view.message);
        return false;
    }
    note_content(a, &view);
    if (!view.hide) {
        if (x->judgement.holding == 0) {
            exchange_leaves(x, event->raw);
        }
        if (!send_directly(a, event->raw, view.last) && !hold(a, event, &view)) {
            attempt_fail(a, FAILURE_too_large, STR("too much of the answer is held back"));
            return false;
        }
    }
    return x->judgement.watching == 0 || judge(a, &view);
}

static void end_stream(struct attempt *a)
{
    struct exchange *x = a->x;
    if (!x->answer.terminal) {
        attempt_fail(a, FAILURE_truncated, STR("the stream ended without its terminal marker"));
        return;
    }
    struct str tail = x->dialect->stream_tail;
    if (!x->answer.done && tail.len > 0) {
        if (x->judgement.holding == 0) {
            exchange_leaves(x, tail);
        }
        if (stream_add(&x->stream, tail, false, true, NULL, 0) != ERR_OK) {
            attempt_fail(a, FAILURE_too_large, STR("too much of the answer is held back"));
            return;
        }
    }
    attempt_succeed(a);
}

/* What is held of the answer counts as buffered; what it shrinks by is returned at the end. */
static bool count(struct attempt *a)
{
    const struct stream *stream = &a->x->stream;
    size_t held = a->body.cap + a->sse.kept.cap + a->sse.joined.cap + stream_bytes(stream);
    if (held <= a->counted) {
        return true;
    }
    bool granted = cap_take(&a->x->gateway->commons->memory, held - a->counted);
    a->counted = granted ? held : a->counted;
    return granted;
}

/* False when the attempt is over. */
static bool read_stream(struct attempt *a, struct str piece)
{
    struct exchange *x = a->x;
    struct gateway *gateway = x->gateway;
    struct sse_event event;
    enum err code = ERR_AGAIN;
    if (!x->answer.terminal && exchange_stopped(x)) {
        attempt_fail(a, FAILURE_stopped, STR(""));
        return false;
    }
    while (!x->answer.done && (code = sse_read(&a->sse, &piece, &event)) == ERR_OK) {
        bool alive = take_event(a, &event); /* else the exchange may be gone */
        arena_reset(gateway->scratch);
        if (!alive) {
            return false;
        }
    }
    if (x->answer.done) {
        /* The connection can be used again once its framing, too, has ended. */
        arm(a, FAILURE_none, DONE_TAIL_MS);
    } else if (code != ERR_AGAIN) {
        attempt_fail(a, FAILURE_too_large, STR("an event of the stream is too large"));
        return false;
    }
    if (!count(a)) {
        attempt_fail(a, FAILURE_too_large, STR("out of buffer memory"));
        return false;
    }
    if (!attempt_send(a) && a->fetch != NULL) {
        a->paused = true;
        timer_disarm(&a->timer); /* the client's slowness is not the provider's */
        http_fetch_pause(a->fetch);
    }
    return true;
}

void attempt_resume(struct attempt *a)
{
    if (!a->paused || a->fetch == NULL) {
        return;
    }
    if (attempt_send(a)) {
        a->paused = false;
        arm(a, FAILURE_timeout_idle, a->x->route->timeouts.idle_ms);
        http_fetch_resume(a->fetch);
    }
}

/* ---- the fetch's callbacks ---- */

static void on_connected(void *owner)
{
    struct attempt *a = owner;
    a->connected = loop_now(loop_of(a));
    arm(a, FAILURE_timeout_head, a->x->route->timeouts.head_ms);
}

static bool mime_is(struct str type, struct str wanted)
{
    struct str bare = str_trim(str_cut(type, 0, str_find_byte(type, ';')));
    return str_equal_ci(bare, wanted);
}

/* Any type, any status below 500; 204, 304 and answers to HEAD have no body. */
static void take_tool_head(struct attempt *a, const struct http_head *head)
{
    struct exchange *x = a->x;
    a->field_count = reply_response_fields(x->arena, head, &a->fields);
    a->content_type = arena_str(x->arena, http_head_get(head, STR("content-type")));
    bool bodyless = str_equal(http_call_head(x->call)->method, STR("HEAD"));
    a->announced = bodyless && head->has_length ? head->length : 0;
}

static void on_head(void *owner, const struct http_head *head)
{
    struct attempt *a = owner;
    struct exchange *x = a->x;
    a->head = loop_now(loop_of(a));
    a->status = head->status;
    a->retry_after = arena_str(x->arena, http_head_get(head, STR("retry-after")));
    a->retry_after_ms = arena_str(x->arena, http_head_get(head, STR("retry-after-ms")));
    struct str coding = http_head_get(head, STR("content-encoding"));
    struct str type = http_head_get(head, STR("content-type"));
    if (coding.len > 0 && !str_equal_ci(coding, STR("identity"))) {
        attempt_fail(a, FAILURE_malformed,
                     STR("the answer is encoded though identity was asked for"));
        return;
    }
    if (x->tool.tool != NULL) {
        take_tool_head(a, head);
    } else if (head->status == 200) {
        a->field_count = reply_response_fields(x->arena, head, &a->fields);
        a->streaming = x->view.streams;
        bool right = a->streaming ? mime_is(type, STR("text/event-stream"))
                                  : str_find(type, STR("json")) != SIZE_MAX;
        if (!right) {
            attempt_fail(a, FAILURE_malformed,
                         arena_printf(x->arena, "unexpected content type '" STR_FMT "'",
                                      STR_ARG(str_cut(type, 0, 100))));
            return;
        }
    }
    const struct route_timeouts *t = &x->route->timeouts;
    arm(a, a->streaming ? FAILURE_timeout_first : FAILURE_timeout_idle,
        a->streaming ? t->first_token_ms : t->idle_ms);
    buf_init(&a->body, attempt_is_answer(a) ? x->generation->answer_bytes_max : ERROR_BODY_MAX);
    if (!a->streaming && head->has_length && head->length <= 65536 &&
        buf_reserve(&a->body, head->length) != ERR_OK) {
        attempt_fail(a, FAILURE_too_large, STR("the answer is over the limit"));
    }
}

static void on_body(void *owner, struct str piece)
{
    struct attempt *a = owner;
    if (a->streaming) {
        (void)read_stream(a, piece);
        return;
    }
    arm(a, FAILURE_timeout_idle, a->x->route->timeouts.idle_ms);
    if (buf_add(&a->body, piece) != ERR_OK) {
        if (!attempt_is_answer(a)) {
            http_fetch_cancel(a->fetch); /* enough of an error's words */
            a->fetch = NULL;
            attempt_finish_plain(a);
            return;
        }
        attempt_fail(a, FAILURE_too_large, STR("the answer is over the limit"));
    } else if (!count(a)) {
        attempt_fail(a, FAILURE_too_large, STR("out of buffer memory"));
    }
}

static void on_done(void *owner, enum err why)
{
    struct attempt *a = owner;
    struct str words = str_of(http_fetch_why(a->fetch));
    enum fetch_phase phase = http_fetch_phase(a->fetch);
    a->fetch = NULL;
    if (why == ERR_OK && a->status != 0) {
        if (a->streaming) {
            end_stream(a);
        } else {
            attempt_finish_plain(a);
        }
        return;
    }
    if (a->streaming && a->x->answer.terminal) {
        end_stream(a); /* everything that matters has come */
        return;
    }
    enum failure failure = phase <= FETCH_TLS && why == ERR_TIMEOUT ? FAILURE_timeout_connect
                           : phase <= FETCH_TLS                     ? FAILURE_connect
                                                                    : failure_of_transport(why);
    if (words.len == 0) {
        words = str_of(err_text(why));
    }
    attempt_fail(a, failure, words);
}

static const struct fetch_handler handler = {on_connected, on_head, on_body, on_done};

static void on_timer(struct timer *timer)
{
    struct attempt *a = LIST_OBJECT(timer, struct attempt, timer);
    if (a->timer_means == FAILURE_none || (a->streaming && a->x->answer.terminal)) {
        http_fetch_cancel(a->fetch);
        a->fetch = NULL;
        end_stream(a);
        return;
    }
    attempt_fail(a, a->timer_means, STR(""));
}

/* ---- the beginning ---- */

/* Nothing of an earlier attempt is left. */
static struct attempt *begin(struct exchange *x, const struct target *target)
{
    struct attempt *a = arena_new_of(x->arena, struct attempt);
    x->attempt = a;
    x->answer = (struct answer_view){.usage.known = x->tool.tool != NULL}; /* tools cost nothing */
    x->judgement.verdict = VERDICT_ALLOW;
    x->failed.retry_after_ms = 0;
    x->failed.body = STR("");
    x->failed.words = STR("");
    x->response_bytes = 0;
    buf_clear(&x->captured);
    if (x->heard != NULL) {
        buf_clear(x->heard);
    }
    a->x = x;
    a->target = target;
    a->began = loop_now(x->gateway->loop);
    timer_init(&a->timer, on_timer);
    buf_init(&a->body, ERROR_BODY_MAX);
    sse_reader_init(&a->sse, 0);
    stream_drop(&x->stream);
    return a;
}

void attempt_replay(struct exchange *x, struct str bytes)
{
    struct attempt *a = begin(x, NULL);
    struct json_edit edit; /* what would be sent; nothing is */
    json_edit_init(&edit, http_call_body(x->call), x->arena);
    pipeline_attempt(x, &edit);
    a->settled = true;
    a->streaming = x->view.streams;
    struct tool_answer answer = {.status = 200, .body = bytes};
    bool whole = x->tool.tool == NULL || tool_answer_read(bytes, x->arena, &answer) == ERR_OK;
    a->status = answer.status;
    a->content_type = answer.content_type;
    a->fields = answer.fields;
    a->field_count = answer.count;
    if (x->judgement.verdict >= VERDICT_ESCALATE) {
        attempt_fail(a, FAILURE_blocked, str_of(x->judgement.reason));
    } else if (!whole) {
        attempt_fail(a, FAILURE_malformed, STR("what was recorded is no answer of a tool"));
    } else if (!a->streaming) {
        buf_init(&a->body, x->generation->answer_bytes_max);
        if (buf_add(&a->body, answer.body) != ERR_OK) {
            attempt_fail(a, FAILURE_too_large, STR("the answer is over the limit"));
            return;
        }
        attempt_finish_plain(a);
    } else if (read_stream(a, bytes)) {
        timer_disarm(&a->timer);
        end_stream(a);
    }
}

void attempt_start(struct exchange *x, const struct target *target, struct breaker_ticket ticket)
{
    struct attempt *a = begin(x, target);
    x->target = target;
    x->attempts++;
    a->ticket = ticket;
    atomic_fetch_add_explicit(&target->state->attempts, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&target->state->in_flight, 1, memory_order_relaxed);

    struct fetch_options options;
    attempt_request(a, &options);
    if (x->judgement.verdict >= VERDICT_ESCALATE) {
        arm(a, FAILURE_blocked, 0); /* never from inside the call that started it */
        return;
    }
    options.handler = &handler;
    options.owner = a;
    a->fetch = http_fetch_start(x->gateway->client, &options);
}
