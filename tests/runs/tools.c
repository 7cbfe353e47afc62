/* SPDX-License-Identifier: Apache-2.0
 * tools.c - the other side: a model that never says the same twice, and a tool whose effects are
 * counted where they happen.
 *
 * What does something under a key does it once a key and answers the same again; refunds are done
 * as often as they arrive. A fault is chosen for each request: it is done or not, then answered,
 * failed, cut or left hanging. */
#include "runs/parts.h"

#include "base/must.h"
#include "io/conn.h"
#include "io/http1.h"
#include "sys/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DENIED_MAX 256

enum ending { ANSWERS, FAILS, RESETS, HANGS, CUTS };

struct guest {
    struct tools *tools;
    struct guest *next;
    struct conn *conn;
    struct http1_parser *parser;
    struct arena *arena;
    char path[128];
    char key[64];
    struct buf body;
    struct buf answer;
    enum ending ending;
    bool closes;
    struct timer timer;
};

struct tools {
    struct world *world;
    struct loop *loop;
    struct watch listener;
    struct guest *guests;
    unsigned serial;
    char denied[DENIED_MAX][64]; /* keys of probes that were told: it did not happen */
    unsigned denied_count;
};

/* ---- what was asked ---- */

static struct deed *deed_of(struct world *world, struct str body, unsigned *agent)
{
    size_t at = str_find(body, STR("deed "));
    unsigned place = 0;
    char text[16] = "";
    struct str words = str_cut(body, at == SIZE_MAX ? body.len : at + 5, body.len);
    memcpy(text, words.at, words.len < 15 ? words.len : 15);
    bool found = sscanf(text, "%u-%u", agent, &place) == 2 && *agent < world->agent_count &&
                 place < world->agents[*agent].count;
    if (!found) {
        world_broken(world, "the tool was asked for nothing that an agent asks for");
        return &world->agents[0].deeds[0];
    }
    return &world->agents[*agent].deeds[place];
}

static const char *const paths[CALL_KINDS] = {"/v1/chat/completions",
                                              "/v1/chat/completions",
                                              "/find",
                                              "/put",
                                              "/pay",
                                              "/refund",
                                              "/transfer"};

/* An effect arrives under a key of its own, and its intent is durable. */
static void check_arrival(struct guest *guest, struct deed *deed, const char *run)
{
    struct world *world = guest->tools->world;
    if (guest->key[0] == '\0') {
        world_broken(world, "an effect came without an idempotency key");
        return;
    }
    if (deed->key[0] == '\0') {
        for (unsigned i = 0; i < world->agent_count * CALLS_MAX; i++) {
            if (strcmp(world->agents[i / CALLS_MAX].deeds[i % CALLS_MAX].key, guest->key) == 0) {
                world_broken(world, "two steps have one idempotency key");
            }
        }
        memcpy(deed->key, guest->key, sizeof deed->key);
    } else {
        world_happened(world, HAPPENED_key_used_again);
    }
    if (strcmp(deed->key, guest->key) != 0) {
        world_broken(world, "a step of %s has a second idempotency key", run);
    }
    int64_t state = disk_number(world->disk, "SELECT state FROM steps WHERE idem = ?1 AND ?2 = 0",
                                guest->key, 0);
    bool begun = state >= 0 &&
                 (state == STEP_INTENT || state == STEP_DONE || state == STEP_IN_DOUBT ||
                  deed->sends > 0 || deed->kind != CALL_REFUND);
    if (!begun) {
        world_broken(world, "an effect of %s came whose durable state is %d", run, (int)state);
    }
    unsigned most = 1 + deed->sends;
    for (unsigned i = 0; i < guest->tools->denied_count; i++) {
        most += strcmp(guest->tools->denied[i], guest->key) == 0 ? 1 : 0;
    }
    if ((deed->kind == CALL_REFUND || deed->kind == CALL_TRANSFER) && deed->arrived > most) {
        world_broken(world, "an unsafe effect of %s was sent %u times, at most %u are right", run,
                     deed->arrived, most);
    }
}

/* The answer of what was done under that key before; "": nothing was. */
static void do_it(struct guest *guest, struct deed *deed, unsigned agent, bool again)
{
    struct tools *tools = guest->tools;
    enum err code;
    unsigned serial = again ? 0 : ++tools->serial; /* the same thing is the same answer */
    if (deed->kind == CALL_MODEL) {
        code = buf_printf(&guest->answer,
                          "{\"id\":\"c%u\",\"object\":\"chat.completion\",\"created\":1,"
                          "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                          "\"assistant\",\"content\":\"thought %u\"},\"finish_reason\":\"stop\"}],"
                          "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,"
                          "\"total_tokens\":2}}",
                          serial, serial);
    } else if (deed->kind == CALL_STREAM) {
        code = buf_printf(
            &guest->answer,
            "data: {\"id\":\"c%u\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
            "\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
            "\"thought %u\"},\"finish_reason\":null}]}\n\n"
            "data: {\"id\":\"c%u\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
            "\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
            "data: [DONE]\n\n",
            serial, serial, serial);
    } else if (deed->kind == CALL_FIND || deed->kind == CALL_REFUND) {
        code = buf_printf(&guest->answer, "{\"serial\":%u}", serial);
    } else {
        code = buf_printf(&guest->answer, "{\"done\":\"%u-%d\",\"under\":\"%s\"}", agent,
                          (int)(deed - tools->world->agents[agent].deeds), guest->key);
    }
    must(code == ERR_OK);
}

static void choose_ending(struct guest *guest, bool *does)
{
    struct world *world = guest->tools->world;
    bool faulty = world->swarm.tools_fail && !world->healed;
    *does = true;
    guest->ending = ANSWERS;
    guest->closes = world_chance(world, 300);
    if (faulty && world_chance(world, 300)) {
        guest->ending = (enum ending)world_below(world, 5);
        *does = guest->ending == ANSWERS || world_chance(world, 600);
    }
}

static void take_call(struct guest *guest)
{
    struct world *world = guest->tools->world;
    unsigned agent = 0;
    bool does;
    struct deed *deed = deed_of(world, buf_str(&guest->body), &agent);
    deed->arrived++;
    if (strcmp(paths[deed->kind], guest->path) != 0) {
        world_broken(world, "a call came to %s instead of %s", guest->path, paths[deed->kind]);
    }
    if (kind_is_effect(deed->kind)) {
        check_arrival(guest, deed, world->agents[agent].run);
    }
    choose_ending(guest, &does);
    bool again = kind_is_effect(deed->kind) && deed->kind != CALL_REFUND && deed->applied > 0;
    deed->applied += does && !again ? 1 : 0;
    world_says(world, "tool: %s deed %u-%d, arrived %u, applied %u, ends %d", guest->path, agent,
               (int)(deed - world->agents[agent].deeds), deed->arrived, deed->applied,
               guest->ending);
    do_it(guest, deed, agent, again);
}

/* "GET /probe/KEY". */
static void take_probe(struct guest *guest)
{
    struct world *world = guest->tools->world;
    const char *key = guest->path + strlen("/probe/");
    bool does;
    choose_ending(guest, &does);
    for (unsigned i = 0; i < world->agent_count * CALLS_MAX; i++) {
        struct deed *deed = &world->agents[i / CALLS_MAX].deeds[i % CALLS_MAX];
        if (strcmp(deed->key, key) == 0 && deed->applied > 0) {
            memcpy(guest->key, deed->key, sizeof guest->key);
            world_happened(world, HAPPENED_probe_found);
            do_it(guest, deed, i / CALLS_MAX, true);
            return;
        }
    }
    /* Its key is known to the store alone where the call never came. */
    int64_t seq = disk_number(world->disk, "SELECT seq FROM steps WHERE idem = ?1 AND ?2 = 0", key,
                              0);
    if (seq < 0) {
        world_broken(world, "a probe asks for a key that no step has");
    }
    struct tools *tools = guest->tools;
    if (guest->ending == ANSWERS) {
        must(tools->denied_count < DENIED_MAX && strlen(key) < sizeof tools->denied[0]);
        (void)strcpy(tools->denied[tools->denied_count++], key);
        world_happened(world, HAPPENED_probe_denied);
    }
}

/* ---- connections ---- */

static void hang_up(struct guest *guest, bool abort)
{
    struct conn *conn = guest->conn;
    guest->conn = NULL;
    timer_disarm(&guest->timer);
    if (abort && conn != NULL) {
        conn_abort(conn);
    } else {
        conn_close(conn);
    }
}

static void next_request(struct guest *guest)
{
    arena_reset(guest->arena);
    buf_clear(&guest->body);
    buf_clear(&guest->answer);
    guest->path[0] = '\0';
    guest->key[0] = '\0';
    http1_parser_start(guest->parser, guest->arena, false);
}

static void write_answer(struct guest *guest)
{
    struct buf out;
    bool failed = guest->ending == FAILS;
    struct str body = failed ? STR("{\"error\":\"no\"}") : buf_str(&guest->answer);
    bool stream = !failed && str_starts(body, STR("data:"));
    unsigned status = failed ? 500 : body.len == 0 ? 404 : 200;
    buf_init(&out, 65536);
    enum err code = buf_printf(&out,
                               "HTTP/1.1 %u X\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n",
                               status, stream ? "text/event-stream" : "application/json",
                               guest->closes ? "Connection: close\r\n" : "", body.len);
    code = code == ERR_OK ? buf_add(&out, body) : code;
    must(code == ERR_OK);
    struct str bytes = buf_str(&out);
    bool cuts = guest->ending == CUTS;
    bytes.len -= cuts ? 1 + (size_t)world_below(guest->tools->world, body.len + 1) : 0;
    if (conn_write(guest->conn, bytes) == ERR_OK && (cuts || guest->closes)) {
        conn_close_after_drain(guest->conn, 1000, 1000);
        guest->conn = NULL;
    }
    buf_end(&out);
}

static void on_answer(struct timer *timer)
{
    struct guest *guest = LIST_OBJECT(timer, struct guest, timer);
    if (guest->ending == HANGS) {
        return;
    }
    if (guest->ending == RESETS) {
        hang_up(guest, true);
        return;
    }
    write_answer(guest);
    if (guest->conn != NULL) {
        next_request(guest);
        conn_resume(guest->conn);
    }
}

static void take_head(struct guest *guest)
{
    const struct http_head *head = http1_head(guest->parser);
    struct str key = http_head_get(head, STR("idempotency-key"));
    must(head->target.len < sizeof guest->path && key.len < sizeof guest->key);
    memset(guest->key, 0, sizeof guest->key);
    memcpy(guest->path, head->target.at, head->target.len);
    guest->path[head->target.len] = '\0';
    if (key.len > 0) {
        memcpy(guest->key, key.at, key.len);
    }
}

static size_t on_data(void *owner, struct str data)
{
    struct guest *guest = owner;
    struct str rest = data;
    struct str body;
    enum http1_event event;
    if (timer_armed(&guest->timer)) {
        return 0; /* one after the other */
    }
    while ((event = http1_parse(guest->parser, &rest, &body)) != HTTP1_MORE) {
        must(event != HTTP1_BAD);
        if (event == HTTP1_HEAD) {
            take_head(guest);
        } else if (event == HTTP1_BODY) {
            enum err code = buf_add(&guest->body, body);
            must(code == ERR_OK);
        } else {
            if (strncmp(guest->path, "/probe/", 7) == 0) {
                take_probe(guest);
            } else {
                take_call(guest);
            }
            uint64_t ms = world_chance(guest->tools->world, 200) ? 400 : 20;
            timer_arm(guest->tools->loop, &guest->timer, world_below(guest->tools->world, ms));
            break;
        }
    }
    return data.len - rest.len;
}

static void on_end(void *owner, enum err why)
{
    (void)why;
    hang_up(owner, false);
}

static const struct conn_handler handler = {.on_data = on_data, .on_end = on_end};

static void on_knock(struct watch *watch, unsigned ready)
{
    struct tools *tools = LIST_OBJECT(watch, struct tools, listener);
    const struct env *env = sim_env_env(tools->world->sim);
    int sock;
    struct address peer;
    (void)ready;
    while (env->net->accept(env->object, watch->sock, &sock, &peer) == ERR_OK) {
        struct guest *guest = must_have(calloc(1, sizeof *guest));
        guest->tools = tools;
        guest->next = tools->guests;
        tools->guests = guest;
        guest->parser = http1_parser_new(HTTP1_REQUEST, NULL);
        guest->arena = arena_new(2048);
        buf_init(&guest->body, 65536);
        buf_init(&guest->answer, 65536);
        timer_init(&guest->timer, on_answer);
        next_request(guest);
        const struct conn_options options = {
            .handler = &handler, .owner = guest, .pending_max = 65536, .peer = &peer};
        enum err code = conn_accept(tools->loop, sock, &options, &guest->conn);
        must(code == ERR_OK);
    }
}

struct tools *tools_new(struct world *world)
{
    const struct env *env = sim_env_env(world->sim);
    struct tools *tools = must_have(calloc(1, sizeof *tools));
    struct address at;
    tools->world = world;
    tools->loop = world->loop;
    tools->listener = (struct watch){.run = on_knock};
    enum err code = address_parse(STR(TOOLS_AT), &at);
    code = code == ERR_OK ? env->net->listen(env->object, &at, false, &tools->listener.sock) : code;
    code = code == ERR_OK ? loop_watch(tools->loop, &tools->listener) : code;
    must(code == ERR_OK);
    return tools;
}

void tools_free(struct tools *tools)
{
    const struct env *env = sim_env_env(tools->world->sim);
    loop_forget(tools->loop, &tools->listener);
    env->net->close(env->object, tools->listener.sock);
    while (tools->guests != NULL) {
        struct guest *guest = tools->guests;
        tools->guests = guest->next;
        hang_up(guest, true);
        buf_end(&guest->body);
        buf_end(&guest->answer);
        http1_parser_free(guest->parser);
        arena_free(guest->arena);
        free(guest);
    }
    free(tools);
}
