/* SPDX-License-Identifier: Apache-2.0
 * runs_replay.c - `aire runs replay`: what was recorded, asked again under today's guardrails.
 *
 * Each step is a rehearsal (x-aire-rehearse): the running server judges the request as it judges
 * any, and gives the recorded answer through its output guardrails. It makes no call, and the run
 * stays as it is. Compared is with the answer as it was recorded, before any guardrail: what is
 * restored for the user differs from it, too. */
#include "base/must.h"
#include "cli/control.h"
#include "cli/run_bodies.h"
#include "cli/unseal.h"
#include "console/run_views.h"
#include "console/views.h"
#include "gateway/events.h"
#include "gateway/tool_answer.h"
#include "json/json_path.h"

#define ANSWER_BYTES_MAX ((size_t)1 << 30)

static const struct column columns[] = {
    {"SEQ", "/seq", COLUMN_TEXT, 0},       {"KIND", "/kind", COLUMN_TEXT, 0},
    {"NAME", "/name", COLUMN_TEXT, 40},    {"RESULT", "/result", COLUMN_TEXT, 0},
    {"STATUS", "/status", COLUMN_TEXT, 0}, {"WHY", "/why", COLUMN_TEXT, 80},
    {NULL, NULL, COLUMN_TEXT, 0},
};

struct rehearsing {
    const struct cli *cli;
    struct run_bodies bodies;
    struct str run;
    struct shown shown;
    struct arena *arena; /* for one step */
    struct buf request;
    struct buf recorded;
    struct buf answer;
    size_t different;
    int exit_code;
};

/* What the record of the exchange that made the step knows; "" what it does not. */
struct made_as {
    struct str path;
    struct str agent;
    struct str user;
    struct str session;
};

/* ---- how it was asked ---- */

static struct str path_of(struct str endpoint)
{
    static const struct {
        const char *name;
        const char *path;
    } paths[] = {
#define ENDPOINT(name, method, path, dialect) {#name, path},
#include "gateway/endpoints.def"
#undef ENDPOINT
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (str_equal(endpoint, str_of(paths[i].name))) {
            return str_of(paths[i].path);
        }
    }
    return STR("");
}

static struct str member(const struct json *json, const char *pointer, struct arena *arena)
{
    uint32_t node = json_path(json, str_of(pointer));
    return json_is(json, node, JSON_STRING) ? json_string(json, node, arena) : STR("");
}

static void read_made_as(struct rehearsing *r, const struct step_row *step, struct made_as *made)
{
    struct store_query query = {.rows_max = EVENT_CLASSES};
    const struct value values[] = {value_of_i64(ledger_number(step->exchange))};
    struct buf text;
    struct json_writer w;
    struct json json;
    *made = (struct made_as){.path = STR("")};
    buf_init(&text, (size_t)1 << 20);
    json_writer_init(&w, &text);
    enum err code = store_read_now(r->bodies.store, &ledger_show, values, &query);
    const struct view_rows rows = {query.rows, query.row_count, query.columns};
    struct keyring *keyring = unseal_keyring(r->cli); /* who asked is sealed */
    if (code == ERR_OK && view_exchange_summary(&gateway_events, &rows, true, keyring, &w) &&
        json_writer_end(&w) == ERR_OK) {
        struct str copy = arena_str(r->arena, buf_str(&text));
        code = json_parse(&json, copy, NULL, r->arena, NULL);
        must(code == ERR_OK);
        *made = (struct made_as){.path = path_of(member(&json, "/endpoint", r->arena)),
                                 .agent = member(&json, "/agent", r->arena),
                                 .user = member(&json, "/user", r->arena),
                                 .session = member(&json, "/session", r->arena)};
    }
    keyring_free(keyring);
    store_query_end(&query);
    buf_end(&text);
    if (step->step.call.kind == STEP_TOOL) { /* a named action's path is its name */
        bool whole = str_starts(step->name, STR("/"));
        made->path = whole ? step->name
                           : arena_printf(r->arena, "/tools/" STR_FMT, STR_ARG(step->name));
    }
}

static size_t add_field(struct http_field *fields, size_t count, const char *name, struct str value)
{
    if (value.len > 0) {
        fields[count++] = (struct http_field){str_of(name), value};
    }
    return count;
}

static unsigned ask(struct rehearsing *r, const struct step_row *step, const struct made_as *made)
{
    struct http_field fields[CONTROL_FIELDS_MAX];
    size_t count = 0;
    unsigned status = 0;
    struct str seq = arena_printf(r->arena, "%u", step->step.seq);
    count = add_field(fields, count, "x-aire-rehearse", seq);
    count = add_field(fields, count, "x-aire-step", step->step.call.key);
    count = add_field(fields, count, "x-aire-agent", made->agent);
    count = add_field(fields, count, "x-aire-user", made->user);
    count = add_field(fields, count, "x-aire-session", made->session);
    count = add_field(fields, count, "x-aire-key", str_of(cli_option(r->cli, "--key", "")));
    const struct control_raw raw = {.method = r->request.len > 0 ? "POST" : "GET",
                                    .target = arena_printf(r->arena, "/run/" STR_FMT "/1" STR_FMT,
                                                           STR_ARG(r->run), STR_ARG(made->path)),
                                    .body = buf_str(&r->request),
                                    .fields = fields,
                                    .count = count};
    r->exit_code = control_raw(r->cli, &raw, &status, &r->answer);
    return status;
}

/* ---- comparing ---- */

/* The next event of a stream, with the empty line that ends it. */
static struct str take_event(struct str *rest)
{
    size_t end = str_find(*rest, STR("\n\n"));
    end = end == SIZE_MAX ? rest->len : end + 2;
    struct str event = str_cut(*rest, 0, end);
    *rest = str_cut(*rest, end, rest->len);
    return event;
}

/* The count of tokens that we ask providers for is not told to clients that did not. */
static bool same_stream(struct str recorded, struct str answer)
{
    while (recorded.len > 0) {
        struct str event = take_event(&recorded);
        struct str rest = answer;
        if (str_equal(event, take_event(&rest))) {
            answer = rest;
        } else if (str_find(event, STR("\"choices\":[]")) == SIZE_MAX) {
            return false;
        }
    }
    return answer.len == 0;
}

static bool is_same(struct rehearsing *r, const struct step_row *step, unsigned status)
{
    struct str recorded = buf_str(&r->recorded);
    struct tool_answer tool;
    if (status != step->status) {
        return false;
    }
    if (step->streamed) {
        return same_stream(recorded, buf_str(&r->answer));
    }
    if (step->step.call.kind == STEP_TOOL &&
        tool_answer_read(recorded, r->arena, &tool) == ERR_OK) {
        recorded = tool.body;
    }
    return str_equal(recorded, buf_str(&r->answer));
}

/* ---- one step ---- */

static void report(struct rehearsing *r, const struct step_row *step, const char *result,
                   unsigned status, struct str why)
{
    struct json_writer *w = &r->shown.w;
    json_begin_object(w);
    json_member_str(w, "run", r->run);
    json_member_u64(w, "seq", step->step.seq);
    json_member_cstr(w, "kind", step_kind_name(step->step.call.kind));
    json_member_str(w, "name", step->name);
    json_member_cstr(w, "result", result);
    json_member_u64(w, "status", status);
    json_member_str(w, "why", why);
    json_end_object(w);
}

/* The code of an error, where the answer is one of ours. */
static struct str error_code(struct rehearsing *r)
{
    struct json json;
    if (json_parse(&json, buf_str(&r->answer), NULL, r->arena, NULL) != ERR_OK) {
        return STR("");
    }
    struct str code = member(&json, "/error/code", r->arena);
    return code.len > 0 ? code : member(&json, "/error/type", r->arena);
}

static void rehearse(struct rehearsing *r, const struct step_row *step)
{
    struct made_as made;
    buf_clear(&r->request);
    buf_clear(&r->recorded);
    buf_clear(&r->answer);
    if (step->step.state != STEP_DONE || step->step.call.kind > STEP_TOOL) {
        report(r, step, "left out", 0, STR("nothing was asked, or nothing is recorded"));
        return;
    }
    if (run_bodies_request(&r->bodies, step, &r->request) != ERR_OK ||
        run_bodies_answer(&r->bodies, step, &r->recorded) != ERR_OK) {
        report(r, step, "left out", 0, STR("its request or answer has gone by its retention"));
        return;
    }
    read_made_as(r, step, &made);
    if (made.path.len == 0) {
        report(r, step, "left out", 0, STR("the record of its exchange has gone"));
        return;
    }
    unsigned status = ask(r, step, &made);
    if (r->exit_code != CLI_OK) {
        return;
    }
    struct str code = status >= 400 && status != step->status ? error_code(r) : STR("");
    if (is_same(r, step, status)) {
        report(r, step, "same", status, STR(""));
    } else if (str_equal(code, STR("asked_otherwise"))) {
        report(r, step, "left out", status, STR("its path or what is masked is another one now"));
    } else {
        r->different++;
        report(r, step, code.len > 0 ? "refused" : "differs", status, code);
    }
}

static void rehearse_step(void *object, const struct value *row, size_t columns_count)
{
    struct rehearsing *r = object;
    struct step_row step;
    if (step_read(row, columns_count, &step) == ERR_OK) {
        rehearse(r, &step);
    }
    arena_reset(r->arena);
}

static int show(struct rehearsing *r)
{
    json_end_array(&r->shown.w);
    int exit_code = shown_list(r->cli, &r->shown, "", columns, "no steps");
    return exit_code == CLI_OK && r->different > 0 ? CLI_FAILED : exit_code;
}

static int run_all(struct rehearsing *r)
{
    struct buf *const bufs[] = {&r->request, &r->recorded, &r->answer};
    for (size_t i = 0; i < 3; i++) {
        buf_init(bufs[i], ANSWER_BYTES_MAX);
    }
    r->arena = arena_new((size_t)64 * 1024);
    shown_init(&r->shown);
    json_begin_array(&r->shown.w);
    int exit_code = run_bodies_each(r->cli, &r->bodies, rehearse_step, r, &r->exit_code);
    exit_code = exit_code == CLI_OK ? show(r) : exit_code;
    shown_end(&r->shown);
    arena_free(r->arena);
    for (size_t i = 0; i < 3; i++) {
        buf_end(bufs[i]);
    }
    return exit_code;
}

int cmd_runs_replay(const struct cli *cli)
{
    struct rehearsing r = {.cli = cli, .run = str_of(cli_word(cli, 0))};
    struct store_query run = {0};
    int exit_code = run_bodies_find(cli, &run);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    exit_code = run_bodies_tell(cli);
    exit_code = exit_code == CLI_OK ? run_bodies_open(cli, run.rows, &r.bodies) : exit_code;
    if (exit_code == CLI_OK) {
        exit_code = run_all(&r);
        run_bodies_close(&r.bodies);
    }
    store_query_end(&run);
    return exit_code;
}
