/* SPDX-License-Identifier: Apache-2.0
 * demo_agent.c - the refund agent: an ordinary HTTP client with two tools and one plain retry.
 *
 * It retries what it can see failing, once, at once, unless the answer says `x-should-retry:
 * false`; what looks whole to it, it takes. The rules are the same with the Governor and without.
 * Invariant: between two turns of the loop at most one call is under way.
 */
#include "cli/demo.h"

#include "base/must.h"
#include "base/num.h"
#include "io/http_client.h"
#include "sys/net.h"
#include "sys/notify.h"

#include <stdio.h>
#include <stdlib.h>

struct demo_agent {
    struct loop *loop;
    struct http_client *client;
    struct http_origin *origin;
    bool stopped;
};

enum look { LOOKS_GOOD, LOOKS_BAD, LOOKS_CUT };

/* One HTTP call. */
struct call {
    struct demo_agent *agent;
    struct arena *arena;
    struct http_fetch *fetch;
    struct timer silence;
    struct sse_reader sse;
    struct buf body;
    struct demo_answer answer;
    enum demo_api api;
    enum err why;
    bool reads_events;
    bool done;
    bool may_retry;
    bool degraded;
    unsigned status;
    uint64_t attempts;
    char tier[64];
    char review[64];
};

const char *demo_outcome_name(enum demo_outcome outcome)
{
    static const char *const names[] = {"answered", "degraded", "retried", "cut", "failed"};
    must((unsigned)outcome < sizeof names / sizeof names[0]);
    return names[outcome];
}

/* ---- the client ---- */

struct demo_agent *demo_agent_new(const struct env *env)
{
    struct demo_agent *agent = must_have(calloc(1, sizeof *agent));
    agent->loop = loop_new(env);
    const struct http_client_options options = {.loop = agent->loop};
    agent->client = http_client_new(&options);
    return agent;
}

void demo_agent_free(struct demo_agent *agent)
{
    if (agent != NULL) {
        http_client_free(agent->client);
        loop_free(agent->loop);
        free(agent);
    }
}

void demo_agent_point(struct demo_agent *agent, const char *authority)
{
    struct http_origin_options options = {.host = STR("")};
    enum err code = address_split(str_of(authority), &options.host, &options.port);
    must(code == ERR_OK); /* it came from address_show */
    agent->origin = http_origin_get(agent->client, &options);
}

bool demo_agent_stopped(const struct demo_agent *agent)
{
    return agent->stopped;
}

/* Signals are blocked, so that somebody has to look for them. */
static void turn_until(struct demo_agent *agent, const bool *done)
{
    while (!*done && !agent->stopped) {
        (void)loop_turn(agent->loop, true);
        agent->stopped = notify_wait(0) == SIGNAL_STOP;
    }
}

struct rest {
    struct timer timer;
    bool over;
};

static void on_rested(struct timer *timer)
{
    LIST_OBJECT(timer, struct rest, timer)->over = true;
}

void demo_agent_rest(struct demo_agent *agent, uint64_t ms)
{
    struct rest rest = {.over = false};
    timer_init(&rest.timer, on_rested);
    timer_arm(agent->loop, &rest.timer, ms);
    turn_until(agent, &rest.over);
    timer_disarm(&rest.timer);
}

/* ---- one call ---- */

static void on_silence(struct timer *timer)
{
    struct call *call = LIST_OBJECT(timer, struct call, silence);
    http_fetch_cancel(call->fetch);
    call->fetch = NULL;
    call->why = ERR_TIMEOUT;
    call->done = true;
}

static void on_head(void *owner, const struct http_head *head)
{
    struct call *call = owner;
    call->status = head->status;
    call->reads_events = call->reads_events && head->status == 200 &&
                         str_starts(http_head_get(head, STR("content-type")),
                                    STR("text/event-stream"));
    call->may_retry = !str_equal(http_head_get(head, STR("x-should-retry")), STR("false"));
    call->degraded = http_head_has(head, STR("x-aire-degraded"));
    (void)str_copy(http_head_get(head, STR("x-aire-tier")), call->tier, sizeof call->tier);
    (void)str_copy(http_head_get(head, STR("x-aire-review")), call->review, sizeof call->review);
    if (num_u64(http_head_get(head, STR("x-aire-attempts")), &call->attempts) != ERR_OK) {
        call->attempts = 1; /* no Governor: what was sent once was tried once */
    }
}

static void on_body(void *owner, struct str piece)
{
    struct call *call = owner;
    struct sse_event event;
    timer_arm(call->agent->loop, &call->silence, DEMO_PATIENCE_MS);
    if (!call->reads_events) {
        err_ignore(buf_add(&call->body, piece)); /* cut, it will not be read as JSON */
        return;
    }
    while (sse_read(&call->sse, &piece, &event) == ERR_OK) {
        demo_wire_event(call->api, &event, call->arena, &call->answer);
    }
}

static void on_done(void *owner, enum err why)
{
    struct call *call = owner;
    timer_disarm(&call->silence);
    call->fetch = NULL;
    call->why = why;
    call->done = true;
}

static const struct fetch_handler handler = {NULL, on_head, on_body, on_done};

static void call_init(struct call *call, struct demo_agent *agent, struct arena *arena)
{
    *call = (struct call){.agent = agent, .arena = arena, .may_retry = true};
    buf_init(&call->body, (size_t)4 << 20);
    demo_answer_init(&call->answer);
    sse_reader_init(&call->sse, 0);
    timer_init(&call->silence, on_silence);
}

static void call_end(struct call *call)
{
    buf_end(&call->body);
    demo_answer_end(&call->answer);
    sse_reader_end(&call->sse);
}

static void call_send(struct call *call, struct str method, struct str target, struct str body)
{
    static const struct http_field fields[] = {
        {STR_CONST("content-type"), STR_CONST("application/json")},
        {STR_CONST("anthropic-version"), STR_CONST("2023-06-01")},
        {STR_CONST("x-aire-agent"), STR_CONST("refund-agent")},
    };
    const struct fetch_options options = {.origin = call->agent->origin,
                                          .method = method,
                                          .target = target,
                                          .fields = fields,
                                          .count = sizeof fields / sizeof fields[0],
                                          .body = &body,
                                          .body_count = body.len > 0 ? 1 : 0,
                                          .connect_ms = DEMO_PATIENCE_MS,
                                          .handler = &handler,
                                          .owner = call};
    call->fetch = http_fetch_start(call->agent->client, &options);
    timer_arm(call->agent->loop, &call->silence, DEMO_PATIENCE_MS);
    turn_until(call->agent, &call->done);
    if (call->fetch != NULL) { /* stopped by a signal */
        timer_disarm(&call->silence);
        http_fetch_cancel(call->fetch);
        call->fetch = NULL;
        call->why = ERR_CANCELLED;
    }
}

enum err demo_agent_ask(struct demo_agent *agent, struct str method, struct str target,
                        struct str body, struct buf *to)
{
    struct call call;
    struct arena *arena = arena_new(4096);
    call_init(&call, agent, arena);
    call_send(&call, method, target, body);
    enum err code = call.why;
    if (code == ERR_OK && call.status != 200) {
        code = ERR_INVALID;
    }
    buf_clear(to);
    if (code == ERR_OK) {
        code = buf_add(to, buf_str(&call.body));
    }
    call_end(&call);
    arena_free(arena);
    return code;
}

/* ---- what the agent makes of an answer ---- */

static enum look bad(struct call *call, const char *words)
{
    if (call->answer.problem[0] == '\0') {
        (void)snprintf(call->answer.problem, sizeof call->answer.problem, "%s", words);
    }
    return LOOKS_BAD;
}

static const char *why_words(const struct call *call)
{
    switch (call->why) {
    case ERR_TIMEOUT:
        return call->answer.text.len + call->answer.name.len == 0 ? "no answer in time"
                                                                  : "answer stopped half-way";
    case ERR_REFUSED:
        return "connection refused";
    case ERR_RESET:
    case ERR_CLOSED:
        return "connection broke";
    default:
        return err_text(call->why);
    }
}

static enum look judge(struct call *call)
{
    struct demo_answer *answer = &call->answer;
    if (call->why == ERR_OK && !call->reads_events) {
        demo_wire_read(call->api, buf_str(&call->body), call->arena, answer);
    }
    if (call->why != ERR_OK) {
        return bad(call, why_words(call));
    }
    if (call->status != 200 || answer->problem[0] != '\0') {
        char words[16];
        (void)snprintf(words, sizeof words, "status %u", call->status);
        return bad(call, words);
    }
    if (answer->text.len == 0 && answer->name.len == 0) {
        return bad(call, "empty answer");
    }
    return answer->finished ? LOOKS_GOOD : LOOKS_CUT;
}

/* ---- a conversation ---- */

static void note_call(struct demo_result *result, const struct call *call)
{
    result->calls++;
    result->attempts += (unsigned)call->attempts;
    result->degraded += call->degraded;
    /* Below the first tier stays in view when a later call is answered by the first again. */
    if (call->tier[0] != '\0' && (call->degraded || result->degraded == 0)) {
        (void)str_copy(str_of(call->tier), result->tier, sizeof result->tier);
    }
    if (call->review[0] != '\0') {
        (void)str_copy(str_of(call->review), result->review, sizeof result->review);
    }
}

/* Sends the talk as it stands; once more when that visibly failed. The caller ends the call. */
static enum look try_call(struct demo_agent *agent, const struct demo_scene *scene,
                          const struct demo_talk *talk, struct demo_result *result,
                          struct call *call)
{
    struct arena *arena = call->arena;
    struct buf body;
    buf_init(&body, DEMO_TEXT_MAX);
    enum err code = demo_wire_write(scene->api, talk, &body);
    must(code == ERR_OK); /* our own few words */
    enum look look = LOOKS_BAD;
    for (unsigned tries = 0; tries < 2; tries++) {
        if (tries > 0) {
            call_end(call);
            call_init(call, agent, arena);
            result->retries++;
        }
        call->api = scene->api;
        call->reads_events = scene->stream;
        call_send(call, STR("POST"), str_of(demo_api_path(scene->api)), buf_str(&body));
        look = judge(call);
        note_call(result, call);
        if (look != LOOKS_BAD || !call->may_retry || agent->stopped) {
            break;
        }
    }
    buf_end(&body);
    return look;
}

static void conclude(struct demo_result *result, enum look look, struct str words)
{
    if (look != LOOKS_GOOD) {
        result->outcome = look == LOOKS_CUT ? DEMO_CUT : DEMO_FAILED;
    } else if (result->retries > 0) {
        result->outcome = DEMO_RETRIED;
    } else {
        result->outcome = result->degraded > 0 ? DEMO_DEGRADED : DEMO_ANSWERED;
    }
    (void)str_copy(words, result->words, sizeof result->words);
}

/* True: a tool was asked for, has run, and the talk goes on. */
static bool take_step(struct demo_talk *talk, const struct call *call)
{
    const struct demo_answer *answer = &call->answer;
    if (answer->name.len == 0 || talk->step_count == DEMO_STEPS_MAX) {
        return false;
    }
    struct demo_step *step = &talk->steps[talk->step_count++];
    step->id = arena_str(call->arena, buf_str(&answer->id));
    step->name = arena_str(call->arena, buf_str(&answer->name));
    step->arguments = arena_str(call->arena, buf_str(&answer->arguments));
    step->result = demo_tool_run(step, call->arena);
    return true;
}

void demo_agent_play(struct demo_agent *agent, const struct demo_scene *scene,
                     struct demo_result *result)
{
    struct arena *arena = arena_new(16384);
    struct demo_talk talk = {
        "support", scene->stream, str_of(scene->asks), {{{0}, {0}, {0}, {0}}}, 0};
    struct instant began = env_instant(loop_env(agent->loop));
    *result = (struct demo_result){.outcome = DEMO_FAILED};
    bool goes_on = true;
    while (goes_on) {
        struct call call;
        call_init(&call, agent, arena);
        enum look look = try_call(agent, scene, &talk, result, &call);
        goes_on = look == LOOKS_GOOD && take_step(&talk, &call);
        if (look == LOOKS_GOOD && !goes_on && call.answer.text.len == 0) {
            look = bad(&call, "asks for tools without end");
        }
        if (!goes_on) {
            struct str words = look == LOOKS_BAD ? str_of(call.answer.problem)
                                                 : buf_str(&call.answer.text);
            conclude(result, look, words);
        }
        call_end(&call);
    }
    result->us = instant_since_us(env_instant(loop_env(agent->loop)), began);
    arena_free(arena);
}
