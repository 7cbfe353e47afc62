/* SPDX-License-Identifier: Apache-2.0
 * client.c - writes requests, reads answers with the strict parser, tells checks.c what comes. */
#include "sim/client.h"

#include "base/must.h"
#include "gateway/ledger.h"
#include "sim/checks.h"
#include "sys/net.h"

#include <stdlib.h>

static void over(struct sim_client *client, enum err why)
{
    client->over = true;
    client->why = why;
    client->world->clients_over++;
    timer_disarm(&client->writer);
    timer_disarm(&client->pause);
    timer_disarm(&client->abort);
    timer_disarm(&client->start);
    conn_close(client->conn);
    client->conn = NULL;
}

void client_stop(struct sim_client *client)
{
    client->aborted = true;
    over(client, ERR_CANCELLED);
}

static void on_abort(struct timer *timer)
{
    client_stop(LIST_OBJECT(timer, struct sim_client, abort));
}

static void on_pause_over(struct timer *timer)
{
    conn_resume(LIST_OBJECT(timer, struct sim_client, pause)->conn);
}

/* ---- writing ---- */

static void on_write(struct timer *timer)
{
    struct sim_client *client = LIST_OBJECT(timer, struct sim_client, writer);
    struct rng *rng = &client->world->rng;
    while (client->writing < client->count &&
           (client->pipelines || client->writing <= client->at)) {
        struct str rest = client->requests[client->writing].plan.bytes;
        rest = str_cut(rest, client->written, rest.len);
        size_t size = 1 + (size_t)rng_below(rng, client->piece_max);
        struct str piece = str_cut(rest, 0, size);
        if (conn_write(client->conn, piece) != ERR_OK) {
            return; /* it has failed: on_end tells */
        }
        client->written += piece.len;
        if (piece.len == rest.len) {
            client->writing++;
            client->written = 0;
        }
        if (client->gap_ms > 0) {
            timer_arm(client->world->client_loop, timer, rng_below(rng, client->gap_ms));
            return;
        }
    }
}

static void on_open(void *owner)
{
    struct sim_client *client = owner;
    on_write(&client->writer);
}

/* ---- reading ---- */

static void begin_answer(struct sim_client *client, const struct http_head *head)
{
    struct sim_request *request = &client->requests[client->at];
    struct str id = http_head_get(head, STR("x-aire-id"));
    request->answered = true;
    request->status = head->status;
    request->closing = !head->keep_alive;
    request->number = ledger_number(id);
    request->streamed = str_equal(http_head_get(head, STR("content-type")),
                                  STR("text/event-stream"));
    struct str tier = http_head_get(head, STR("x-aire-tier"));
    request->stand_in = str_equal(tier, STR("rules")) || str_equal(tier, STR("human"));
    nothing_of_the_provider_reaches_a_client_uninvited(client->world, head);
}

static void take_events(struct sim_client *client, struct str piece)
{
    struct sim_request *request = &client->requests[client->at];
    struct sse_event event;
    enum err code;
    while ((code = sse_read(&request->sse, &piece, &event)) == ERR_OK) {
        every_event_is_well_formed(client->world, request, &event);
    }
    must(code == ERR_AGAIN);
}

static void take_body(struct sim_client *client, struct str piece)
{
    struct sim_request *request = &client->requests[client->at];
    if (request->streamed) {
        take_events(client, piece);
    } else {
        enum err code = buf_add(&request->body, piece);
        must(code == ERR_OK);
    }
}

static void end_answer(struct sim_client *client)
{
    struct sim_request *request = &client->requests[client->at++];
    request->complete = true;
    no_stream_ends_in_silence(client->world, request);
    every_released_byte_arrives(client->world, request);
    every_plain_answer_is_in_the_clients_dialect(client->world, request);
    if (client->at < client->count && !request->closing) {
        http1_parser_start(client->parser, client->heads, false);
        if (!timer_armed(&client->writer)) {
            timer_arm(client->world->client_loop, &client->writer, 0);
        }
    }
}

/* False when nothing more is expected. */
static bool take_bytes(struct sim_client *client, struct str input)
{
    struct str body;
    for (;;) {
        bool done = client->at == client->count ||
                    (client->at > 0 && client->requests[client->at - 1].closing);
        if (done) {
            if (input.len > 0) {
                world_broken(client->world, "every_request_gets_one_whole_answer_or_a_cut",
                             "behind the last answer came " STR_FMT,
                             STR_ARG(str_cut(input, 0, 100)));
            }
            return false;
        }
        enum http1_event event = http1_parse(client->parser, &input, &body);
        if (event == HTTP1_MORE) {
            return true;
        }
        if (event == HTTP1_HEAD) {
            begin_answer(client, http1_head(client->parser));
        } else if (event == HTTP1_BODY) {
            take_body(client, body);
        } else if (event == HTTP1_DONE) {
            end_answer(client);
        } else {
            world_broken(client->world, "every_request_gets_one_whole_answer_or_a_cut",
                         "an answer is malformed: %s", http1_problem(client->parser)->what);
            return false;
        }
    }
}

static size_t on_data(void *owner, struct str data)
{
    struct sim_client *client = owner;
    client->got += data.len;
    if (client->got >= client->aborts_at) {
        client_stop(client);
        return data.len;
    }
    if (!take_bytes(client, data)) {
        over(client, ERR_OK);
        return data.len;
    }
    if (client->got >= client->pauses_at) {
        client->pauses_at = UINT64_MAX;
        conn_pause(client->conn);
        timer_arm(client->world->client_loop, &client->pause, client->pause_ms);
    }
    return data.len;
}

static void on_end(void *owner, enum err why)
{
    struct sim_client *client = owner;
    bool reading = client->at < client->count && client->requests[client->at].answered;
    if (why == ERR_CLOSED && reading && http1_parse_end(client->parser) == HTTP1_DONE) {
        end_answer(client);
    }
    over(client, why);
}

static const struct conn_handler handler = {
    .on_open = on_open, .on_data = on_data, .on_end = on_end};

/* ---- life ---- */

static void on_start(struct timer *timer)
{
    struct sim_client *client = LIST_OBJECT(timer, struct sim_client, start);
    struct address at;
    const struct conn_options options = {.handler = &handler, .owner = client, .pending_max = 1024};
    enum err code = address_parse(STR(PLAN_GATEWAY), &at);
    must(code == ERR_OK);
    if (client->aborts_ms > 0) {
        timer_arm(client->world->client_loop, &client->abort, client->aborts_ms);
    }
    code = conn_dial(client->world->client_loop, &at, &options, &client->conn);
    must(code == ERR_OK);
}

static void decide(struct sim_client *client)
{
    static const size_t pieces[] = {1000000, 1000000, 700, 30, 3};
    struct rng *rng = &client->world->rng;
    client->count = 1 + (size_t)rng_below(rng, WORLD_REQUESTS_MAX);
    client->pipelines = plan_chance(rng, 300);
    client->piece_max = pieces[rng_below(rng, 5)];
    client->gap_ms = client->piece_max < 1000000 ? 1 + rng_below(rng, 3) : 0;
    client->aborts_at = plan_chance(rng, 150) ? rng_below(rng, 4000) : UINT64_MAX;
    client->aborts_ms = plan_chance(rng, 150) ? 1 + rng_below(rng, 4000) : 0;
    client->pauses_at = plan_chance(rng, 250) ? rng_below(rng, 3000) : UINT64_MAX;
    client->pause_ms = 1 + rng_below(rng, 8000);
}

struct sim_client *client_new(struct world *world, uint64_t number)
{
    struct sim_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        must_have_memory();
    }
    client->world = world;
    decide(client);
    for (size_t i = 0; i < client->count; i++) {
        struct sim_request *request = &client->requests[i];
        plan_request(&world->rng, world->arena, number * 100 + i + 1, str_of(world->key),
                     &request->plan);
        request->number = -1;
        buf_init(&request->body, (size_t)64 << 20);
        sse_reader_init(&request->sse, 0);
        client->count = request->plan.closes ? i + 1 : client->count;
    }
    client->heads = arena_new(4096);
    client->parser = http1_parser_new(HTTP1_RESPONSE, NULL);
    http1_parser_start(client->parser, client->heads, false);
    timer_init(&client->writer, on_write);
    timer_init(&client->pause, on_pause_over);
    timer_init(&client->abort, on_abort);
    timer_init(&client->start, on_start);
    timer_arm(world->client_loop, &client->start, rng_below(&world->rng, 3000));
    return client;
}

void client_free(struct sim_client *client)
{
    if (client == NULL) {
        return;
    }
    if (!client->over) {
        client_stop(client);
    }
    for (size_t i = 0; i < client->count; i++) {
        buf_end(&client->requests[i].body);
        sse_reader_end(&client->requests[i].sse);
    }
    http1_parser_free(client->parser);
    arena_free(client->heads);
    free(client);
}
