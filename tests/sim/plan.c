/* SPDX-License-Identifier: Apache-2.0
 * plan.c - configurations and faults, from lists of what is worth combining. */
#include "sim/plan.h"

#include "base/buf.h"
#include "base/must.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool plan_chance(struct rng *rng, unsigned permille)
{
    return rng_below(rng, 1000) < permille;
}

static uint64_t between(struct rng *rng, uint64_t low, uint64_t high)
{
    return low + rng_below(rng, high - low + 1);
}

static const char *one_of(struct rng *rng, const char *const *list, size_t count)
{
    return list[rng_below(rng, count)];
}

const char plan_rules[] = "version: 1\n"
                          "rules:\n"
                          "  - name: order\n"
                          "    when: {message: 'order (?<n>\\d+)', error: [timeout, open, error]}\n"
                          "    answer: \"Noted: order ${n}, \\\"\\u00e9\\\".\"\n"
                          "    confidence: 0.5\n"
                          "  - name: rest\n"
                          "    when: {message: 'refund'}\n"
                          "    answer: Please try again later.\n";

/* ---- configuration ---- */

static const char *const paths[] = {
    "[t0]",
    "[t0, t1, t2]",
    "[[t0, t1, t2], rules]",
    "[t3, t0]",
    "[t3, t2, t0]",
    "[t0, t2, rules, human]",
    "[t3, human]",
    "[[t0, t1], t2, human]",
    "[t2, t0, rules]",
    "[[t0, t1, t2, t3]]",
    "[t1, t2]",
};

static const char head[] =
    "version: 1\n"
    "limits: {answer_max: 256KiB}\n"
    "providers:\n"
    "  p0: {dialect: openai, base_url: \"http://" PLAN_PROVIDER "/t0/v1\", keys: [ka, kb]}\n"
    "  p1: {dialect: openai, base_url: \"http://" PLAN_PROVIDER "/t1/v1\", auth: client}\n"
    "  p2: {dialect: anthropic, base_url: \"http://" PLAN_PROVIDER "/t2\", keys: [kc]}\n"
    "  p3: {dialect: openai, base_url: \"http://127.0.0.1:9/t3/v1\"}\n"
    "targets:\n"
    "  t0: {provider: p0, model: gpt-big, price: {input: $2.50, output: $10}, weight: 3}\n"
    "  t1: {provider: p1, inject_usage: false}\n"
    "  t2: {provider: p2, model: claude-x, price: {input: $3, output: $15}}\n"
    "  t3: {provider: p3, model: \"dead \\\"one\\\"\"}\n"
    "agents:\n"
    "  a0: {rate: 600/min, user_rate: 5/min, spend: {day: $50, user_day: $2}}\n"
    "  a1: {rate: 3/min, spend: {day: $0.10, day_tokens: 20000}}\n"
    "routes:\n";

static void add_route(struct rng *rng, struct buf *to, unsigned number, const char *breaker)
{
    static const char *const modes[] = {"enforce", "enforce", "enforce", "observe", "off"};
    static const char *const captures[] = {"none", "none", "meta", "full"};
    const char *path = one_of(rng, paths, COUNT(paths));
    enum err code = buf_printf(
        to,
        "  r%u:\n    path: %s\n    rules: rules.yaml\n"
        "    timeouts: {connect: %ums, head: %ums, first_token: %ums, idle: %ums, "
        "idle_reasoning: 4s, total: %ums}\n"
        "    retries: {attempts: %u, backoff: %ums, backoff_max: 1s, budget: %u%%}\n"
        "    breaker: %s\n    modes: {limits: %s, rules: %s, human: %s}\n"
        "    refusals: %s\n    record: %s\n    capture: %s\n",
        number, path, (unsigned)between(rng, 50, 2000), (unsigned)between(rng, 500, 4000),
        (unsigned)between(rng, 500, 4000), (unsigned)between(rng, 300, 3000),
        (unsigned)between(rng, 1000, 20000), (unsigned)between(rng, 1, 3),
        (unsigned)between(rng, 0, 200), (unsigned)between(rng, 0, 50), breaker,
        one_of(rng, modes, COUNT(modes)), one_of(rng, modes, COUNT(modes)),
        one_of(rng, modes, COUNT(modes)), plan_chance(rng, 700) ? "answer" : "fallback",
        plan_chance(rng, 700) ? "fact" : "before_release", one_of(rng, captures, COUNT(captures)));
    must(code == ERR_OK);
}

struct str plan_configuration(struct rng *rng, struct arena *arena)
{
    struct buf text;
    buf_init(&text, 16384);
    uint64_t probes = between(rng, 1, 3);
    /* One target has one breaker, so all routes ask for the same. */
    struct str breaker = arena_printf(arena, "{failures: %u, open: %us, probes: %u, close: %u}",
                                      (unsigned)between(rng, 1, 5), (unsigned)between(rng, 1, 20),
                                      (unsigned)probes, (unsigned)between(rng, 1, probes));
    enum err code = buf_add(&text, str_of(head));
    for (unsigned i = 0; i < PLAN_ROUTES; i++) {
        add_route(rng, &text, i, breaker.at);
    }
    must(code == ERR_OK);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return copy;
}

/* ---- faults ---- */

static const char *const acts[] = {
    "{status: 500}",
    "{status: 503, headers: {retry-after: \"1\"}}",
    "{error: rate_limit, headers: {retry-after-ms: \"250\"}}",
    "{error: rate_limit, headers: {retry-after: \"30\"}}",
    "{error: overloaded}",
    "{error: context_length}",
    "{error: content_filter}",
    "{error: auth}",
    "{error: quota}",
    "{error: bad_request}",
    "{error: conflict}",
    "{delay: 3s}",
    "{delay: 30s}",
    "{first_token: 6s}",
    "{between: 60ms}",
    "{between: 900ms}",
    "{end: stall, headless: true}",
    "{end: stall}",
    "{end: stall, after: 3}",
    "{end: reset, headless: true}",
    "{end: reset, after: 4}",
    "{end: cut, after: 2}",
    "{end: cut, after: 60}",
    "{end: tidy}",
    "{end: tidy, after: 3}",
    "{omit: [finish, terminal]}",
    "{omit: terminal}",
    "{omit: finish}",
    "{omit: usage}",
    "{omit: event_lines}",
    "{error_event: 1, error: overloaded}",
    "{error_event: 4, error: rate_limit}",
    "{error_event: 5, error: server}",
    "{bad_event: 1}",
    "{bad_event: 4}",
    "{bad_chunk: 2}",
    "{framing: close}",
    "{framing: http10}",
    "{framing: both}",
    "{framing: short}",
    "{framing: long}",
    "{headers: {content-encoding: gzip}}",
    "{headers: {x-aire-id: forged, set-cookie: a=b, x-request-id: r1}}",
    "{status: 502, body: \"<html>\", content_type: text/html}",
    "{content_type: text/plain}",
    "{split_utf8: true, text: \"\\u00fc\\u00fc\\u00fc \\u20ac \\U0001F600 done\"}",
    "{pad: 40KiB}",
    "{pad: 300KiB}",
    "{pad: 1200KiB}",
    "{connection: drop}",
    "{connection: close}",
    "{line_end: crlf, comments: 2, data_lines: 4, bom: true, extra_events: 3, extra_fields: true}",
    "{line_end: cr, comments: 1}",
    "{finish: content_filter}",
    "{finish: refusal}",
    "{finish: length}",
    "{usage_choices: \"null\"}",
    "{usage_choices: absent}",
    "{interim: 103}",
    "{chunk: 7B}",
    "{write: 11B, write_gap: 3ms}",
    "{content_type: text/event-stream, body: \"data: {\\\"choices\\\":[{\\\"index\\\":0,"
    "\\\"delta\\\":{\\\"content\\\":\\\"abc\\\",\\\"tool_calls\\\":[{\\\"index\\\":0,\\\"id\\\":"
    "\\\"c1\\\","
    "\\\"function\\\":{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":\\\"{\\\"}}]}}]}\\n\\ndata: "
    "{\\\"choices\\\":[{"
    "\\\"index\\\":1,\\\"delta\\\":{\\\"content\\\":\\\"abcd\\\"}},{\\\"index\\\":0,\\\"delta\\\":{"
    "\\\"tool_calls\\\":[{\\\"index\\\":0,\\\"function\\\":{\\\"arguments\\\":\\\"}\\\"}}]}}]}"
    "\\n\\ndata: {"
    "\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{},\\\"finish_reason\\\":\\\"stop\\\"},{"
    "\\\"index\\\":1,"
    "\\\"delta\\\":{\\\"content\\\":\\\"e\\\"},\\\"finish_reason\\\":\\\"stop\\\"}]}\\n\\n\"}",
    "{body: \"{}\"}",
    "{body: \"\"}",
    "{tool: refund_order, arguments: '{\"order_id\":\"1\",\"amount\":20}'}",
    "{header_pad: 70KiB}",
    "{text: LONG}",
    "{text: LONG, between: 1ms}",
};

/* So many words, each an event of its own: more than a client that does not read may hold. */
#define LONG_WORDS 2500

static struct str lengthened(struct str act, struct arena *arena)
{
    size_t at = str_find(act, STR("LONG"));
    if (at == SIZE_MAX) {
        return act;
    }
    char *words = arena_alloc(arena, LONG_WORDS * 2 + 1);
    for (size_t i = 0; i < LONG_WORDS; i++) {
        words[i * 2] = 'w';
        words[i * 2 + 1] = ' ';
    }
    words[LONG_WORDS * 2] = '\0';
    return arena_printf(arena, STR_FMT "\"%s\"" STR_FMT, STR_ARG(str_cut(act, 0, at)), words,
                        STR_ARG(str_cut(act, at + 4, act.len)));
}

struct str plan_script(struct rng *rng, struct arena *arena)
{
    static const char *const streams[] = {"any", "any", "true", "false"};
    static const char *const whens[] = {
        "", "", ", every: 2", ", every: 3", ", nth: \"2-4\"", ", up: 2s, down: 1s"};
    uint64_t rules = rng_below(rng, 8);
    struct buf text;
    buf_init(&text, 65536);
    enum err code = buf_add(&text, STR("rules:\n"));
    for (uint64_t i = 0; i < rules && code == ERR_OK; i++) {
        const char *stream = one_of(rng, streams, COUNT(streams));
        const char *when = one_of(rng, whens, COUNT(whens));
        struct str act = lengthened(str_of(one_of(rng, acts, COUNT(acts))), arena);
        code = buf_printf(
            &text,
            "  - match: {path: \"/t%s*\", stream: \"%s\"%s}\n    times: %u\n    do: " STR_FMT "\n",
            plan_chance(rng, 500)   ? ""
            : plan_chance(rng, 500) ? "0/"
                                    : "2/",
            stream, when, plan_chance(rng, 500) ? 0u : (unsigned)between(rng, 1, 6), STR_ARG(act));
    }
    must(code == ERR_OK);
    struct str copy = rules > 0 ? arena_str(arena, buf_str(&text)) : STR("");
    buf_end(&text);
    return copy;
}
