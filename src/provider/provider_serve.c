/* SPDX-License-Identifier: Apache-2.0
 * provider_serve.c - from a whole request to its answer: route, script, key, dialect.
 *
 * Invariant: a rule of the script sees every request that is not /sim/..., also invalid ones; its
 * error comes before any check of ours.
 */
#include "base/map.h"
#include "provider/bend.h"
#include "provider/provider_dialects.h"
#include "provider/provider_impl.h"

struct serving {
    struct client *client;
    const struct http_head *head;
    const struct script_do *act;
    struct json json;
    bool has_json;
    struct str path;
    struct str model;
    uint64_t hash;
    struct str request_id;
};

enum endpoint_form {
    FORM_ASK,
    FORM_EMBEDDINGS,
    FORM_COUNT,
    FORM_MODELS,
    FORM_MODEL,
    FORM_MCP,
    FORM_OTHER
};

struct route {
    const char *tail; /* of the path, behind /v1 */
    const char *name;
    enum shape shape;
    enum endpoint_form form;
    bool (*read)(struct ask *ask, struct ask_problem *problem);
    void (*answer)(const struct ask *ask, const struct reply *reply, const struct script_do *act,
                   struct answer *answer);
};

static const struct route routes[] = {
    {"/chat/completions", "chat", SHAPE_OPENAI, FORM_ASK, ask_chat, provider_chat_answer},
    {"/responses", "responses", SHAPE_RESPONSES, FORM_ASK, ask_responses,
     provider_responses_answer},
    {"/messages", "messages", SHAPE_ANTHROPIC, FORM_ASK, ask_messages, provider_messages_answer},
    {"/messages/count_tokens", "count_tokens", SHAPE_ANTHROPIC, FORM_COUNT, ask_messages, NULL},
    {"/embeddings", "embeddings", SHAPE_OPENAI, FORM_EMBEDDINGS, NULL, NULL},
    {"/models", "models", SHAPE_OPENAI, FORM_MODELS, NULL, NULL},
};
static const struct route route_model = {"/models/", "models", SHAPE_OPENAI,
                                         FORM_MODEL, NULL,     NULL};
static const struct route route_mcp = {"/mcp", "mcp", SHAPE_OPENAI, FORM_MCP, NULL, NULL};
static const struct route route_other = {"", "other", SHAPE_OPENAI, FORM_OTHER, NULL, NULL};

static const struct route *find_route(struct str path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        struct str tail = str_of(routes[i].tail);
        if (str_ends(path, tail) && str_ends(str_cut(path, 0, path.len - tail.len), STR("/v1"))) {
            return &routes[i];
        }
    }
    if (str_ends(path, str_of(route_mcp.tail))) {
        return &route_mcp;
    }
    if (str_find(path, STR("/v1/models/")) != SIZE_MAX) {
        return &route_model;
    }
    return &route_other;
}

static const uint64_t hash_seed[2] = {UINT64_C(0x6169726570726f76), UINT64_C(0x73696d756c617465)};

/* ---- models ---- */

static const char *const model_names[] = {"gpt-big", "gpt-small", "claude-x",
                                          "text-embedding-3-small"};
#define MODEL_COUNT (sizeof model_names / sizeof model_names[0])

static void put_model(struct json_writer *w, struct str name, bool anthropic)
{
    json_begin_object(w);
    if (anthropic) {
        json_member_cstr(w, "type", "model");
        json_member_str(w, "id", name);
        json_member_str(w, "display_name", name);
        json_member_cstr(w, "created_at", "2026-01-01T00:00:00Z");
    } else {
        json_member_str(w, "id", name);
        json_member_cstr(w, "object", "model");
        json_member_u64(w, "created", PROVIDER_CREATED);
        json_member_cstr(w, "owned_by", "aire");
    }
    json_end_object(w);
}

static void answer_models(struct answer *answer)
{
    bool anthropic = answer->shape == SHAPE_ANTHROPIC;
    struct json_writer *w = answer_open(answer);
    json_begin_object(w);
    if (!anthropic) {
        json_member_cstr(w, "object", "list");
    }
    json_key(w, "data");
    json_begin_array(w);
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        put_model(w, str_of(model_names[i]), anthropic);
    }
    json_end_array(w);
    if (anthropic) {
        json_member_bool(w, "has_more", false);
        json_member_cstr(w, "first_id", model_names[0]);
        json_member_cstr(w, "last_id", model_names[MODEL_COUNT - 1]);
    }
    json_end_object(w);
    answer_close(answer, STR(""), PART_OTHER);
}

static void answer_count(const struct ask *ask, struct answer *answer)
{
    struct json_writer *w = answer_open(answer);
    json_begin_object(w);
    json_member_u64(w, "input_tokens", ask->input_tokens);
    json_end_object(w);
    answer_close(answer, STR(""), PART_OTHER);
}

/* ---- refusals ---- */

static void refuse(struct serving *s, unsigned status, struct str message, struct str param)
{
    struct answer_problem problem = {STR(""), status, message, param};
    answer_error(&s->client->answer, &problem, s->request_id);
}

static bool has_key(const struct serving *s)
{
    const char *required = s->client->provider->required_key;
    if (required == NULL) {
        return true;
    }
    struct str key = str_of(required);
    struct str bearer = http_head_get(s->head, STR("authorization"));
    if (str_equal_ci(str_cut(bearer, 0, 7), STR("bearer ")) &&
        str_equal(str_trim(str_cut(bearer, 7, bearer.len)), key)) {
        return true;
    }
    return str_equal(http_head_get(s->head, STR("x-api-key")), key) ||
           str_equal(http_head_get(s->head, STR("api-key")), key);
}

/* Everything that is wrong with a request before its content matters. */
static bool admitted(struct serving *s, const struct route *route)
{
    bool get = route->form == FORM_MODELS || route->form == FORM_MODEL;
    struct arena *arena = s->client->arena;
    if (!has_key(s)) {
        refuse(s, 401, STR(""), STR(""));
    } else if (route->form == FORM_OTHER) {
        refuse(s, 404,
               arena_printf(arena, "Invalid URL (" STR_FMT " " STR_FMT ")",
                            STR_ARG(s->head->method), STR_ARG(str_cut(s->path, 0, 200))),
               STR(""));
    } else if (!str_equal(s->head->method, get ? STR("GET") : STR("POST")) &&
               !(get && str_equal(s->head->method, STR("HEAD")))) {
        refuse(s, 405, STR(""), STR(""));
    } else if (s->client->body_too_large) {
        refuse(s, 413, STR(""), STR(""));
    } else if (!get && !s->has_json) {
        refuse(s, 400, STR("We could not parse the JSON body of your request."), STR(""));
    } else {
        return true;
    }
    return false;
}

/* ---- answers ---- */

static void answer_ask(struct serving *s, const struct route *route)
{
    struct answer *answer = &s->client->answer;
    struct ask ask = {.json = &s->json, .arena = s->client->arena, .hash = s->hash};
    struct ask_problem problem = {STR(""), STR("")};
    struct reply reply;
    if (route->form == FORM_EMBEDDINGS) {
        if (!provider_embeddings_answer(&ask, &problem, answer)) {
            refuse(s, 400, problem.message, problem.param);
        }
        return;
    }
    if (!route->read(&ask, &problem)) {
        refuse(s, 400, problem.message, problem.param);
        return;
    }
    if (route->form == FORM_COUNT) {
        answer_count(&ask, answer);
        return;
    }
    if (ask.tokens_max == UINT64_MAX && route->shape == SHAPE_ANTHROPIC) {
        refuse(s, 400, STR("max_tokens: Field required"), STR(""));
        return;
    }
    brain_answer(&ask, s->act, answer->scratch, &reply);
    route->answer(&ask, &reply, s->act, answer);
}

static void answer_scripted_error(struct serving *s)
{
    struct answer *answer = &s->client->answer;
    struct answer_problem problem = {s->act->error, (unsigned)s->act->status, s->act->message,
                                     STR("")};
    if (problem.status >= 200 && problem.status < 300 && problem.error.len == 0) {
        answer_part(answer, STR(""), STR(""), PART_OTHER);
    } else {
        answer_error(answer, &problem, s->request_id);
    }
}

static void answer_body(struct serving *s)
{
    struct answer *answer = &s->client->answer;
    answer->status = s->act->status != 0 ? (unsigned)s->act->status : 200;
    answer_part(answer, STR(""), s->act->body, PART_OTHER);
}

static void make_answer(struct serving *s, const struct route *route)
{
    struct answer *answer = &s->client->answer;
    bool in_stream = s->act->error_event > 0;
    if (s->act->body.len > 0) {
        answer_body(s);
    } else if ((s->act->status != 0 || s->act->error.len > 0) && !in_stream) {
        answer_scripted_error(s);
    } else if (route->form == FORM_MCP && has_key(s)) {
        provider_mcp_answer(s->head, s->has_json ? &s->json : NULL, answer);
    } else if (!admitted(s, route)) {
        return;
    } else if (route->form == FORM_MODELS) {
        answer_models(answer);
    } else if (route->form == FORM_MODEL) {
        size_t at = str_find(s->path, STR("/v1/models/"));
        put_model(answer_open(answer), str_cut(s->path, at + 11, s->path.len),
                  answer->shape == SHAPE_ANTHROPIC);
        answer_close(answer, STR(""), PART_OTHER);
    } else {
        answer_ask(s, route);
    }
}

static void add_fields(struct serving *s)
{
    struct answer *answer = &s->client->answer;
    if (answer->shape == SHAPE_ANTHROPIC) {
        answer_field(answer, STR("request-id"), s->request_id);
        answer_field(answer, STR("anthropic-organization-id"), STR("aire-sim"));
        answer_field(answer, STR("anthropic-ratelimit-requests-limit"), STR("10000"));
        answer_field(answer, STR("anthropic-ratelimit-requests-remaining"), STR("9999"));
        answer_field(answer, STR("anthropic-ratelimit-requests-reset"),
                     STR("2026-01-01T00:00:00Z"));
    } else {
        answer_field(answer, STR("x-request-id"), s->request_id);
        answer_field(answer, STR("openai-version"), STR("2020-10-01"));
        answer_field(answer, STR("openai-processing-ms"), STR("5"));
        answer_field(answer, STR("x-ratelimit-limit-requests"), STR("10000"));
        answer_field(answer, STR("x-ratelimit-remaining-requests"), STR("9999"));
        answer_field(answer, STR("x-ratelimit-reset-requests"), STR("6ms"));
    }
}

static enum play_outcome play(struct client *client, const struct http_head *head,
                              const struct script_do *act)
{
    struct play_options options = {.conn = client->conn,
                                   .script = client->provider->script,
                                   .act = act,
                                   .answer = &client->answer,
                                   .wire = &client->wire,
                                   .http10 = head != NULL && head->minor == 0,
                                   .bodyless = head != NULL && str_equal(head->method, STR("HEAD")),
                                   .keep_alive = head != NULL && head->keep_alive &&
                                                 !client->body_too_large,
                                   .done = client->play.done};
    return play_start(&client->play, &options);
}

static const struct script_do *match(struct serving *s, const struct route *route)
{
    struct provider *provider = s->client->provider;
    bool anthropic = s->client->answer.shape == SHAPE_ANTHROPIC;
    uint64_t age_us = instant_since_us(loop_now(provider->loop), provider->script_set);
    struct script_facts facts = {
        .path = s->path,
        .endpoint = str_of(route->name),
        .family = anthropic ? STR("anthropic") : STR("openai"),
        .model = s->model,
        .stream = s->has_json &&
                  json_bool(&s->json, json_get(&s->json, JSON_ROOT, STR("stream")), false),
        .body = buf_str(&s->client->body),
        .head = s->head,
        .age_ms = age_us / 1000};
    return script_match(provider->script, &facts);
}

static void read_request(struct serving *s)
{
    struct client *client = s->client;
    struct str body = buf_str(&client->body);
    struct str target = s->head->target;
    s->path = str_cut(target, 0, str_find_byte(target, '?'));
    s->has_json = body.len > 0 && json_parse(&s->json, body, NULL, client->arena, NULL) == ERR_OK;
    if (s->has_json) {
        s->model = json_string(&s->json, json_get(&s->json, JSON_ROOT, STR("model")),
                               client->arena);
    }
    s->hash = siphash(hash_seed, body) ^ siphash(hash_seed, s->path);
    s->request_id = brain_id(client->arena, "req_", s->hash, 9);
    struct state_request request = {
        s->head, s->path, s->model, body, s->hash, loop_now(client->provider->loop).ns / NS_PER_MS};
    state_note(&client->provider->state, &request);
}

enum play_outcome provider_serve(struct client *client)
{
    struct serving s = {.client = client, .head = http1_head(client->parser)};
    struct str target = s.head->target;
    const struct route *route = &route_other;
    if (str_starts(target, STR("/sim/"))) {
        answer_init(&client->answer, client->arena, &client->provider->scratch, SHAPE_OPENAI);
        provider_control(client->provider, s.head, str_cut(target, 0, str_find_byte(target, '?')),
                         buf_str(&client->body), &client->answer);
        return play(client, s.head, &script_do_nothing);
    }
    read_request(&s);
    route = find_route(s.path);
    bool anthropic = route->shape == SHAPE_ANTHROPIC ||
                     http_head_has(s.head, STR("anthropic-version"));
    answer_init(&client->answer, client->arena, &client->provider->scratch,
                anthropic ? SHAPE_ANTHROPIC : route->shape);
    s.act = match(&s, route);
    add_fields(&s);
    make_answer(&s, route);
    client->answer.content_type = client->answer.stream ? STR("text/event-stream; charset=utf-8")
                                                        : STR("application/json");
    bend_answer(&client->answer, s.act);
    return play(client, s.head, s.act);
}

enum play_outcome provider_serve_bad(struct client *client, const struct http1_problem *problem)
{
    struct answer_problem words = {STR(""), problem->status, str_of(problem->what), STR("")};
    answer_init(&client->answer, client->arena, &client->provider->scratch, SHAPE_OPENAI);
    answer_error(&client->answer, &words, STR("req_bad"));
    return play(client, NULL, &script_do_nothing);
}
