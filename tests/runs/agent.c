/* SPDX-License-Identifier: Apache-2.0
 * agent.c - agents and what supervises them. A life is one try: it asks for the calls of its script
 * in order, each over a connection of its own; what it asks tells what it was answered before.
 *
 * A lost connection ends a life, unless the call has a name: then it asks again at once. Without a
 * name nobody could tell it from a second equal call: the answer may have been lost on its last
 * way. An error is asked again a few times. Whoever is told that a later try has begun stops. */
#include "runs/parts.h"

#include "base/must.h"
#include "io/conn.h"
#include "io/http1.h"
#include "sys/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 20000
#define ERRORS_MAX  8

enum got { GOT_NOTHING, GOT_ANSWER, GOT_SKIPPED, GOT_ERROR, GOT_LOST, GOT_FENCED };

struct ask {
    struct life *life;
    struct ask *next; /* all that were ever made in a life */
    unsigned at;
    bool twin; /* its answer is compared and not waited for */
    bool over;
    struct conn *conn;
    struct http1_parser *parser;
    struct arena *arena;
    struct buf body;
    unsigned status;
    bool replayed;
    uint64_t sent_ms;
    struct timer patience;
};

struct life {
    struct life *next;
    struct actor *agent;
    uint32_t attempt;
    unsigned at; /* in the script */
    enum got got[CALLS_MAX];
    uint64_t restarts; /* of the Governor, when it began */
    bool over;
    bool zombie; /* another life has begun beside it */
    unsigned errors;
    unsigned waits; /* asks under way */
    struct ask *asks;
    struct timer again;
};

static void go_on(struct life *life);
static void ask_for(struct life *life, unsigned at, bool twin);

/* ---- the end of a life ---- */

static void close_ask(struct ask *ask)
{
    if (!ask->over) {
        ask->over = true;
        timer_disarm(&ask->patience);
        conn_abort(ask->conn);
        ask->conn = NULL;
    }
}

static void end_life(struct life *life)
{
    life->over = true;
    timer_disarm(&life->again);
    for (struct ask *ask = life->asks; ask != NULL; ask = ask->next) {
        close_ask(ask);
    }
}

static struct life *life_of(const struct actor *agent)
{
    struct life *life = agent->world->lives;
    while (life != NULL && (life->agent != agent || life->over)) {
        life = life->next;
    }
    return life;
}

/* A supervisor notices, and starts the next try. */
static void begin_next(struct actor *agent)
{
    struct world *world = agent->world;
    if (!agent->done && !timer_armed(&agent->next)) {
        timer_arm(world->loop, &agent->next,
                  world_below(world, world_chance(world, 300) ? 2000 : 50));
    }
}

static void die(struct life *life, const char *why)
{
    struct actor *agent = life->agent;
    world_says(agent->world, "%s/%u dies: %s", agent->run, life->attempt, why);
    end_life(life);
    if (!life->zombie) {
        begin_next(agent);
    }
}

/* ---- checks of what it is told ---- */

/* Everything that is told is durable, the fence of the try above all. */
static void check_told(struct ask *ask, struct deed *deed)
{
    struct actor *agent = ask->life->agent;
    struct world *world = agent->world;
    uint32_t attempt = ask->life->attempt;
    if (attempt < agent->told_try && ask->sent_ms > agent->told_ms) {
        world_broken(world, "try %u of %s got an answer behind the fence of try %u", attempt,
                     agent->run, agent->told_try);
    }
    if (attempt > agent->told_try) {
        agent->told_try = attempt;
        agent->told_ms = sim_env_ms(world->sim);
    }
    int64_t fence = disk_number(world->disk, "SELECT attempt FROM runs WHERE id = ?1 AND ?2 = 0",
                                agent->run, 0);
    if (fence < (int64_t)attempt) {
        world_broken(world, "try %u of %s was answered while the durable fence is %d", attempt,
                     agent->run, (int)fence);
    }
    unsigned told = 0;
    for (unsigned i = 0; i < agent->count; i++) {
        told += agent->deeds[i].told || &agent->deeds[i] == deed ? 1 : 0;
    }
    int64_t done = disk_number(world->disk,
                               "SELECT count(*) FROM steps WHERE run = (SELECT number FROM runs"
                               " WHERE id = ?1) AND state = ?2",
                               agent->run, STEP_DONE);
    if (done < (int64_t)told) {
        world_broken(world, "%s was told %u results, %d are durable", agent->run, told, (int)done);
    }
}

static void take_answer(struct ask *ask)
{
    struct actor *agent = ask->life->agent;
    struct world *world = agent->world;
    struct deed *deed = &agent->deeds[ask->at];
    struct str body = buf_str(&ask->body);
    check_told(ask, deed);
    if (body.len > sizeof deed->answer) {
        world_broken(world, "an answer of %zu bytes", body.len);
    } else if (!deed->told) {
        deed->told = true;
        memcpy(deed->answer, body.at, body.len);
        deed->answer_len = body.len;
    } else if (!str_equal(body, (struct str){deed->answer, deed->answer_len})) {
        world_broken(world, "step %u of %s was answered '" STR_FMT "' once, and then '" STR_FMT "'",
                     ask->at, agent->run, STR_ARG(((struct str){deed->answer, deed->answer_len})),
                     STR_ARG(body));
    }
    if (kind_is_effect(deed->kind) && deed->applied == 0) {
        world_broken(world, "%s was told that step %u happened", agent->run, ask->at);
    }
    bool restarted = ask->life->restarts != world->restarts;
    if (ask->replayed) {
        world_happened(world, HAPPENED_replayed);
        world->happened[HAPPENED_replayed_after_restart] += world->restarts > 0 ? 1 : 0;
    }
    world->happened[HAPPENED_same_try_after_restart] += restarted ? 1 : 0;
    world->happened[HAPPENED_twin] += ask->twin ? 1 : 0;
}

static enum got take_error(struct ask *ask)
{
    struct actor *agent = ask->life->agent;
    struct world *world = agent->world;
    struct deed *deed = &agent->deeds[ask->at];
    struct str body = buf_str(&ask->body);
    if (str_find(body, STR("try_fenced")) != SIZE_MAX) {
        world_happened(world, HAPPENED_fenced);
        if (ask->life->attempt >= agent->lives) {
            world_broken(world, "the last try of %s was fenced", agent->run);
        }
        return GOT_FENCED;
    }
    if (str_find(body, STR("run_taken_over")) != SIZE_MAX && ask->life->attempt < agent->lives) {
        return GOT_FENCED; /* its fence was raised behind a higher one */
    }
    if (str_find(body, STR("step_skipped")) != SIZE_MAX && deed->skipped) {
        return GOT_SKIPPED;
    }
    if (str_find(body, STR("step_in_doubt")) != SIZE_MAX) {
        world_happened(world, HAPPENED_in_doubt);
        size_t at = str_find(body, STR("whether step "));
        deed->doubted = true;
        deed->seq = at == SIZE_MAX ? 0 : (unsigned)strtoul(body.at + at + 13, NULL, 10);
        return GOT_ERROR;
    }
    if (ask->status < 500) {
        world_broken(world, "%s, try %u, step %u was told %u " STR_FMT, agent->run,
                     ask->life->attempt, ask->at, ask->status, STR_ARG(body));
    }
    bool refused = str_find(body, STR("journal_unavailable")) != SIZE_MAX;
    world->happened[HAPPENED_refused_by_journal] += refused ? 1 : 0;
    return GOT_ERROR;
}

/* ---- answers ---- */

static void finish(struct ask *ask, enum got got)
{
    struct life *life = ask->life;
    struct world *world = life->agent->world;
    close_ask(ask);
    world_says(world, "%s/%u step %u%s: %u%s, %s", life->agent->run, life->attempt, ask->at,
               ask->twin ? " (twin)" : "", ask->status, ask->replayed ? " replayed" : "",
               got == GOT_ANSWER ? "answer"
               : got == GOT_LOST ? "lost"
                                 : "error");
    if (ask->twin) {
        return;
    }
    life->got[ask->at] = got;
    life->waits--;
    if (got == GOT_FENCED) {
        life->zombie = true;
        die(life, "fenced");
    } else if (got == GOT_LOST && !life->agent->deeds[ask->at].named) {
        die(life, "its connection was lost");
    } else if (life->waits == 0) {
        go_on(life);
    }
}

static void end_answer(struct ask *ask)
{
    struct str body = buf_str(&ask->body);
    bool stream = ask->life->agent->deeds[ask->at].kind == CALL_STREAM;
    if (ask->status == 200 && stream && str_find(body, STR("data: [DONE]")) == SIZE_MAX) {
        finish(ask, GOT_ERROR);
    } else if (ask->status == 200) {
        take_answer(ask);
        finish(ask, GOT_ANSWER);
    } else {
        finish(ask, take_error(ask));
    }
}

static size_t on_data(void *owner, struct str data)
{
    struct ask *ask = owner;
    struct str rest = data;
    struct str body;
    enum http1_event event;
    while ((event = http1_parse(ask->parser, &rest, &body)) != HTTP1_MORE) {
        must(event != HTTP1_BAD);
        if (event == HTTP1_HEAD) {
            const struct http_head *head = http1_head(ask->parser);
            ask->status = head->status;
            ask->replayed = http_head_has(head, STR("x-aire-replayed"));
        } else if (event == HTTP1_BODY) {
            enum err code = buf_add(&ask->body, body);
            must(code == ERR_OK);
        } else {
            end_answer(ask);
            return data.len;
        }
    }
    return data.len;
}

static void on_end(void *owner, enum err why)
{
    (void)why;
    finish(owner, GOT_LOST);
}

/* Nothing that the Governor waits for takes so long. */
static void on_patience(struct timer *timer)
{
    struct ask *ask = LIST_OBJECT(timer, struct ask, patience);
    struct actor *agent = ask->life->agent;
    world_broken(agent->world, "%s, try %u, never got an answer for step %u", agent->run,
                 ask->life->attempt, ask->at);
}

static const struct conn_handler handler = {.on_data = on_data, .on_end = on_end};

/* ---- asking ---- */

static const char *const paths[CALL_KINDS] = {
    "v1/chat/completions", "v1/chat/completions", "tools/shop/find",    "tools/shop/put",
    "tools/shop/pay",      "tools/shop/refund",   "tools/shop/transfer"};

/* What was answered before decides what is asked: a wrong answer leads to another question. */
static uint64_t memory_of(const struct life *life, unsigned at)
{
    uint64_t memory = 7;
    unsigned seen = life->agent->deeds[at].beside ? at - 1 : at;
    for (unsigned i = 0; i < seen; i++) {
        const struct deed *deed = &life->agent->deeds[i];
        memory = memory * 31 + (uint64_t)life->got[i];
        for (size_t b = 0; life->got[i] == GOT_ANSWER && b < deed->answer_len; b++) {
            memory = memory * 131 + (unsigned char)deed->answer[b];
        }
    }
    return memory;
}

static void write_request(struct ask *ask)
{
    struct life *life = ask->life;
    const struct actor *agent = life->agent;
    const struct deed *deed = &agent->deeds[ask->at];
    char body[512];
    char words[200];
    unsigned like = deed->poll ? deed->like : ask->at;
    unsigned long long memory = memory_of(life, like);
    struct str name = STR("");
    (void)snprintf(words, sizeof words, "deed %u-%u of %016llx", agent->number, like, memory);
    if (deed->kind <= CALL_STREAM && agent->volatile_words) {
        size_t len = strlen(words);
        (void)snprintf(words + len, sizeof words - len, " at 2026-01-01T10:00:%02uZ",
                       life->attempt % 60);
    }
    int len = deed->kind <= CALL_STREAM
                  ? snprintf(body, sizeof body,
                             "{\"model\":\"m\",\"stream\":%s,\"messages\":[{\"role\":\"user\","
                             "\"content\":\"%s\"}]}",
                             deed->kind == CALL_STREAM ? "true" : "false", words)
                  : snprintf(body, sizeof body, "{\"what\":\"%s\"}", words);
    if (deed->named) {
        name = arena_printf(ask->arena, "X-Aire-Step: step-%u\r\n", ask->at);
    }
    struct str request = arena_printf(
        ask->arena,
        "POST /run/%s/%u/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Connection: close\r\n" STR_FMT "Content-Length: %d\r\n\r\n%s",
        agent->run, life->attempt, paths[deed->kind], STR_ARG(name), len, body);
    err_ignore(conn_write(ask->conn, request)); /* a failure is told by on_end */
}

static void ask_for(struct life *life, unsigned at, bool twin)
{
    struct world *world = life->agent->world;
    struct ask *ask = must_have(calloc(1, sizeof *ask));
    struct address to;
    *ask = (struct ask){.life = life, .next = life->asks, .at = at, .twin = twin};
    life->asks = ask;
    ask->sent_ms = sim_env_ms(world->sim);
    ask->arena = arena_new(4096);
    ask->parser = http1_parser_new(HTTP1_RESPONSE, NULL);
    http1_parser_start(ask->parser, ask->arena, false);
    buf_init(&ask->body, 65536);
    timer_init(&ask->patience, on_patience);
    timer_arm(world->loop, &ask->patience, PATIENCE_MS);
    const struct conn_options options = {.handler = &handler, .owner = ask, .pending_max = 65536};
    enum err code = address_parse(STR(GOVERNOR_AT), &to);
    code = code == ERR_OK ? conn_dial(world->loop, &to, &options, &ask->conn) : code;
    must(code == ERR_OK);
    write_request(ask);
    life->waits += twin ? 0 : 1;
    world_says(world, "%s/%u asks for step %u%s", life->agent->run, life->attempt, at,
               life->agent->deeds[at].named ? " by name" : "");
}

static bool has(const struct life *life, unsigned at)
{
    return life->got[at] == GOT_ANSWER || life->got[at] == GOT_SKIPPED;
}

static void finish_script(struct life *life)
{
    struct actor *agent = life->agent;
    world_says(agent->world, "%s/%u has done all", agent->run, life->attempt);
    agent->done = true;
    timer_disarm(&agent->next);
    timer_disarm(&agent->doom);
    end_life(life);
}

/* The calls of this place in the script that have no answer yet. */
static void go_on(struct life *life)
{
    struct actor *agent = life->agent;
    struct world *world = agent->world;
    unsigned end = life->at + 1;
    bool all = true;
    while (end < agent->count && agent->deeds[end].beside) {
        end++;
    }
    for (unsigned i = life->at; i < end; i++) {
        all = all && has(life, i);
    }
    bool failed = !all && (life->got[life->at] != GOT_NOTHING || life->got[end - 1] != GOT_NOTHING);
    if (failed && ++life->errors > ERRORS_MAX) {
        die(life, "too many errors");
        return;
    }
    if (failed && !timer_armed(&life->again)) {
        timer_arm(world->loop, &life->again, world_below(world, 400));
        return;
    }
    if (all) {
        life->at = end;
        if (end == agent->count) {
            finish_script(life);
            return;
        }
        timer_arm(world->loop, &life->again, world_below(world, 30));
    }
}

static void on_again(struct timer *timer)
{
    struct life *life = LIST_OBJECT(timer, struct life, again);
    struct actor *agent = life->agent;
    for (unsigned i = life->at; i < agent->count && (i == life->at || agent->deeds[i].beside);
         i++) {
        if (!has(life, i)) {
            ask_for(life, i, false);
            if (agent->deeds[i].named && agent->world->swarm.twins &&
                world_chance(agent->world, 300)) {
                ask_for(life, i, true);
            }
        }
    }
}

/* ---- tries ---- */

static void on_next(struct timer *timer)
{
    struct actor *agent = LIST_OBJECT(timer, struct actor, next);
    struct world *world = agent->world;
    if (agent->lives >= LIVES_MAX) {
        world_broken(world, "%s does not end", agent->run);
        return;
    }
    struct life *life = must_have(calloc(1, sizeof *life));
    *life = (struct life){.next = world->lives,
                          .agent = agent,
                          .attempt = ++agent->lives,
                          .restarts = world->restarts};
    world->lives = life;
    timer_init(&life->again, on_again);
    timer_arm(world->loop, &life->again, 0);
}

static void on_doom(struct timer *timer)
{
    struct actor *agent = LIST_OBJECT(timer, struct actor, doom);
    struct world *world = agent->world;
    struct life *life = life_of(agent);
    if (world->healed || agent->deaths_left == 0) {
        return;
    }
    agent->deaths_left--;
    timer_arm(world->loop, &agent->doom, 1 + world_below(world, 2000));
    if (life == NULL || life->zombie) {
        return;
    }
    if (world->swarm.zombies && world_chance(world, 500)) {
        world_happened(world, HAPPENED_zombie);
        world_says(world, "%s/%u is taken for dead", agent->run, life->attempt);
        life->zombie = true;
        begin_next(agent);
    } else {
        world_happened(world, HAPPENED_agent_died);
        die(life, "killed");
    }
}

void agent_plan(struct actor *agent)
{
    struct world *world = agent->world;
    agent->count = 2 + (unsigned)world_below(world, CALLS_MAX - 1);
    agent->volatile_words = world_chance(world, 200);
    /* An equal call behind a restart may be answered what the last one was. */
    bool polls = !world->swarm.governor_dies && !world->swarm.dies_at_commits &&
                 !world->swarm.commits_fail;
    for (unsigned i = 0; i < agent->count; i++) {
        struct deed *deed = &agent->deeds[i];
        deed->kind = (enum call_kind)world_below(world, CALL_KINDS);
        deed->named = world_chance(world, 250);
        unsigned like = (unsigned)world_below(world, i + 1);
        deed->poll = polls && like < i && world_chance(world, 400) &&
                     agent->deeds[like].kind == CALL_FIND && !agent->deeds[like].named &&
                     !agent->deeds[like].poll;
        if (deed->poll) {
            deed->kind = CALL_FIND;
            deed->named = false;
            deed->like = like;
            agent->deeds[like].polled++;
        }
        bool apart = i > 0 && !deed->poll && !agent->deeds[i - 1].beside &&
                     !agent->volatile_words && agent->deeds[i - 1].kind != deed->kind;
        deed->beside = apart && world_chance(world, 250);
    }
    agent->deaths_left = world->swarm.agents_die ? (unsigned)world_below(world, 5) : 0;
    (void)snprintf(agent->run, sizeof agent->run, "run-%u", agent->number);
    timer_init(&agent->next, on_next);
    timer_init(&agent->doom, on_doom);
}

void agent_start(struct actor *agent)
{
    struct world *world = agent->world;
    timer_arm(world->loop, &agent->next, world_below(world, 200));
    if (agent->deaths_left > 0) {
        timer_arm(world->loop, &agent->doom, world_below(world, 1500));
    }
}

void agents_free(struct world *world)
{
    while (world->lives != NULL) {
        struct life *life = world->lives;
        world->lives = life->next;
        end_life(life);
        while (life->asks != NULL) {
            struct ask *ask = life->asks;
            life->asks = ask->next;
            buf_end(&ask->body);
            http1_parser_free(ask->parser);
            arena_free(ask->arena);
            free(ask);
        }
        free(life);
    }
    for (unsigned i = 0; i < world->agent_count; i++) {
        timer_disarm(&world->agents[i].next);
        timer_disarm(&world->agents[i].doom);
    }
}
