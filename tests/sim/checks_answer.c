/* SPDX-License-Identifier: Apache-2.0
 * checks_answer.c - what one client sees. */
#include "sim/checks.h"

#include "base/must.h"
#include "gateway/ledger.h"
#include "gateway/stage.h"

void nothing_of_the_provider_reaches_a_client_uninvited(struct world *world,
                                                        const struct http_head *head)
{
    struct str id = http_head_get(head, STR("x-aire-id"));
    if (id.at != NULL && ledger_number(id) < 0) {
        world_broken(world, __func__, "x-aire-id is " STR_FMT, STR_ARG(id));
    }
    if (http_head_has(head, STR("set-cookie"))) {
        world_broken(world, __func__, "a cookie came");
    }
}

static struct channel *received(struct sim_request *request, uint64_t key)
{
    for (size_t i = 0; i < request->channel_count; i++) {
        if (request->channels[i].key == key) {
            return &request->channels[i];
        }
    }
    must(request->channel_count < WORLD_CHANNELS_MAX);
    struct channel *channel = &request->channels[request->channel_count++];
    *channel = (struct channel){.key = key};
    return channel;
}

static bool is_error(struct arena *arena, struct str data)
{
    struct json json;
    return json_parse(&json, data, NULL, arena, NULL) == ERR_OK &&
           (json_is(&json, json_get(&json, JSON_ROOT, STR("error")), JSON_OBJECT) ||
            json_string_is(&json, json_get(&json, JSON_ROOT, STR("type")), STR("error")));
}

void every_event_is_well_formed(struct world *world, struct sim_request *request,
                                const struct sse_event *event)
{
    struct stream_view view = {0};
    if (event->comment) {
        return;
    }
    if (request->told.done || request->error_told) {
        world_broken(world, __func__, "%s: behind the end came " STR_FMT, request->plan.trace,
                     STR_ARG(str_cut(event->raw, 0, 100)));
    }
    struct arena *scratch = arena_new(4096);
    request->plan.endpoint->dialect->read_event(&request->plan.view, event, &request->told, scratch,
                                                &view);
    request->told.finish = STR("");
    request->error_told = request->error_told || view.failure != FAILURE_none;
    if (view.failure != FAILURE_none && !is_error(scratch, event->data)) {
        world_broken(world, __func__, "%s: " STR_FMT ": " STR_FMT, request->plan.trace,
                     STR_ARG(view.message), STR_ARG(str_cut(event->raw, 0, 100)));
    }
    for (size_t i = 0; i < view.delta_count; i++) {
        received(request, delta_channel(&view.deltas[i]))->seen += view.deltas[i].text.len;
    }
    arena_free(scratch);
    no_byte_leaves_past_a_release_mark(world, request);
}

/* Rules and people are not judged: their words are ours. */
static const struct proof *judged_proof(const struct world *world,
                                        const struct sim_request *request)
{
    const struct proof *proof = world_find(world, request->number);
    return proof != NULL && proof->judged && !request->stand_in ? proof : NULL;
}

static uint64_t cleared_of(const struct proof *proof, uint64_t key)
{
    for (size_t i = 0; i < proof->channel_count; i++) {
        if (proof->channels[i].key == key) {
            return proof->channels[i].cleared;
        }
    }
    return 0;
}

void no_byte_leaves_past_a_release_mark(struct world *world, const struct sim_request *request)
{
    const struct proof *proof = judged_proof(world, request);
    for (size_t i = 0; i < request->channel_count && proof != NULL; i++) {
        uint64_t cleared = cleared_of(proof, request->channels[i].key);
        if (request->channels[i].seen > cleared) {
            world_broken(world, __func__, "%s: %llu bytes came, %llu were cleared",
                         request->plan.trace, (unsigned long long)request->channels[i].seen,
                         (unsigned long long)cleared);
        }
    }
}

void every_released_byte_arrives(struct world *world, const struct sim_request *request)
{
    const struct proof *proof = judged_proof(world, request);
    if (proof == NULL || !request->streamed || !request->told.terminal || request->error_told) {
        return;
    }
    uint64_t let_go = 0;
    uint64_t came = 0;
    for (size_t i = 0; i < proof->channel_count; i++) {
        let_go += proof->channels[i].cleared;
    }
    for (size_t i = 0; i < request->channel_count; i++) {
        came += request->channels[i].seen;
    }
    if (came != let_go) {
        world_broken(world, __func__, "%s: %llu of %llu", request->plan.trace,
                     (unsigned long long)came, (unsigned long long)let_go);
    }
}

void no_stream_ends_in_silence(struct world *world, const struct sim_request *request)
{
    if (request->streamed && request->status == 200 && !request->told.terminal &&
        !request->error_told) {
        world_broken(world, __func__, "%s has neither a terminal marker nor an error",
                     request->plan.trace);
    }
    if (request->streamed && sse_unfinished(&request->sse)) {
        world_broken(world, __func__, "%s ends within an event", request->plan.trace);
    }
}

void every_plain_answer_is_in_the_clients_dialect(struct world *world,
                                                  const struct sim_request *request)
{
    struct json json;
    struct arena *scratch = arena_new(4096);
    struct str body = buf_str(&request->body);
    bool readable = json_parse(&json, body, NULL, scratch, NULL) == ERR_OK &&
                    json_is(&json, JSON_ROOT, JSON_OBJECT);
    if (request->streamed) {
        readable = true;
    } else if (!readable || request->plan.endpoint == NULL) {
        readable = readable && request->status >= 400;
    } else if (request->status != 200) {
        readable = json_is(&json, json_get(&json, JSON_ROOT, STR("error")), JSON_OBJECT);
    } else if (request->plan.endpoint->dialect != NULL) {
        struct answer_view answer = {0};
        enum failure failure = request->plan.endpoint->dialect->read_answer(&json, &answer,
                                                                            scratch);
        readable = failure == FAILURE_none || failure == FAILURE_refused;
    }
    if (!readable) {
        world_broken(world, __func__, "%s: %u " STR_FMT, request->plan.trace, request->status,
                     STR_ARG(str_cut(body, 0, 100)));
    }
    arena_free(scratch);
}
