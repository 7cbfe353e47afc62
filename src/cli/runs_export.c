/* SPDX-License-Identifier: Apache-2.0
 * runs_export.c - `aire runs export`: a run's steps with what was asked and answered.
 *
 * That it was done is durable before the first byte is read. It belongs to whoever may read the
 * file and its master key; answers are as the provider gave them, placeholders in place. */
#include "base/must.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/run_bodies.h"
#include "console/run_views.h"
#include "gateway/tool_answer.h"
#include "resilience/journal.h"

#include <string.h>

#define LINE_BYTES_MAX ((size_t)1 << 30)

struct exporting {
    const struct cli *cli;
    struct run_bodies bodies;
    struct str run;
    struct arena *arena; /* for one line */
    struct buf line;
    int exit_code;
};

/* JSON as it is but for its line breaks, which stand between tokens; other text as a string; other
 * bytes as base64. */
static void put_body(struct exporting *e, struct json_writer *w, const char *key, struct str body)
{
    struct json json;
    if (body.len > 0 && json_parse(&json, body, NULL, e->arena, NULL) == ERR_OK) {
        char *one_line = arena_alloc(e->arena, body.len);
        memcpy(one_line, body.at, body.len);
        for (size_t i = 0; i < body.len; i++) {
            if (one_line[i] == '\n' || one_line[i] == '\r') {
                one_line[i] = ' ';
            }
        }
        json_key(w, key);
        json_put_raw(w, (struct str){one_line, body.len});
    } else if (utf8_valid(body)) {
        json_member_str(w, key, body);
    } else {
        struct buf encoded;
        buf_init(&encoded, body.len * 2 + 4);
        must(text_base64(&encoded, body) == ERR_OK);
        json_key(w, key);
        json_begin_object(w);
        json_member_str(w, "base64", buf_str(&encoded));
        json_end_object(w);
        buf_end(&encoded);
    }
}

static void put_missing(struct json_writer *w, const char *key, enum err code)
{
    json_key(w, key);
    json_begin_object(w);
    json_member_cstr(w, "missing", code == ERR_NOT_FOUND ? "expired" : err_text(code));
    json_end_object(w);
}

static void put_request(struct exporting *e, const struct step_row *step, struct json_writer *w)
{
    struct buf body;
    buf_init(&body, LINE_BYTES_MAX);
    enum err code = run_bodies_request(&e->bodies, step, &body);
    if (code == ERR_OK) {
        put_body(e, w, "request", buf_str(&body));
    } else {
        put_missing(w, "request", code);
    }
    buf_end(&body);
}

static void put_answer(struct exporting *e, const struct step_row *step, struct json_writer *w)
{
    struct buf body;
    struct tool_answer tool;
    buf_init(&body, LINE_BYTES_MAX);
    enum err code = run_bodies_answer(&e->bodies, step, &body);
    if (code != ERR_OK) {
        put_missing(w, "answer", code);
    } else if (step->step.call.kind == STEP_TOOL &&
               tool_answer_read(buf_str(&body), e->arena, &tool) == ERR_OK) {
        json_member_str(w, "content_type", tool.content_type);
        put_body(e, w, "answer", tool.body);
    } else {
        put_body(e, w, "answer", buf_str(&body));
    }
    buf_end(&body);
}

static int export_step(struct exporting *e, const struct value *row, size_t columns)
{
    struct step_row step;
    struct json_writer w;
    buf_clear(&e->line);
    json_writer_init(&w, &e->line);
    json_begin_object(&w);
    json_member_str(&w, "run", e->run);
    view_step_members(row, columns, &w);
    if (step_read(row, columns, &step) == ERR_OK) {
        put_request(e, &step, &w);
        if (step.step.state == STEP_DONE) {
            put_answer(e, &step, &w);
        }
    }
    json_end_object(&w);
    bool written = json_writer_end(&w) == ERR_OK && buf_add_byte(&e->line, '\n') == ERR_OK;
    arena_reset(e->arena);
    return written ? cli_print(buf_str(&e->line))
                   : cli_fail(e->cli, CLI_BROKEN, "step %u is too large", step.step.seq);
}

static void export_row(void *object, const struct value *row, size_t columns)
{
    struct exporting *e = object;
    e->exit_code = export_step(e, row, columns);
}

int cmd_runs_export(const struct cli *cli)
{
    struct exporting e = {.cli = cli, .run = str_of(cli_word(cli, 0))};
    struct store_query run = {0};
    int exit_code = run_bodies_find(cli, &run);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    exit_code = run_bodies_tell(cli);
    exit_code = exit_code == CLI_OK ? run_bodies_open(cli, run.rows, &e.bodies) : exit_code;
    if (exit_code == CLI_OK) {
        e.arena = arena_new((size_t)64 * 1024);
        buf_init(&e.line, LINE_BYTES_MAX);
        exit_code = run_bodies_each(cli, &e.bodies, export_row, &e, &e.exit_code);
        buf_end(&e.line);
        arena_free(e.arena);
        run_bodies_close(&e.bodies);
    }
    store_query_end(&run);
    return exit_code;
}
