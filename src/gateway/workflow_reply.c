/* SPDX-License-Identifier: Apache-2.0
 * workflow_reply.c - small objects of JSON. */
#include "gateway/workflow_reply.h"

#include "base/must.h"
#include "gateway/reply.h"
#include "gateway/tool_answer.h"
#include "json/json_writer.h"

#define HEAD_BYTES 512 /* beside result and error */

static void put_raw(struct json_writer *w, const char *name, struct str json)
{
    if (json.len > 0) {
        json_key(w, name);
        json_put_raw(w, json);
    }
}

static void put_text(struct json_writer *w, const char *name, struct str text)
{
    if (text.len > 0) {
        json_member_str(w, name, text);
    }
}

static void write(const struct workflow_told *told, struct buf *to)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    put_text(&w, "run", told->run);
    if (told->step > 0) {
        json_member_u64(&w, "step", told->step);
    }
    json_member_cstr(&w, "state", told->state);
    put_text(&w, "key", told->key);
    put_raw(&w, "result", told->result);
    put_raw(&w, "error", told->error);
    if (told->due_us > 0) {
        json_member_i64(&w, "due_ms", told->due_us / 1000);
    }
    json_end_object(&w);
    enum err code = json_writer_end(&w);
    must(code == ERR_OK);
}

void workflow_tell(struct exchange *x, unsigned status, const struct workflow_told *told)
{
    struct buf body;
    if (!x->gone) {
        buf_init(&body, HEAD_BYTES + told->result.len + told->error.len);
        write(told, &body);
        reply_begin(x, status, NULL, 0, STR("application/json"), body.len);
        exchange_leaves(x, buf_str(&body));
        http_call_give(x->call, &body);
        http_call_end(x->call);
        buf_end(&body);
    }
    exchange_finish(x, OUTCOME_ANSWERED);
}

const char *workflow_state(unsigned status)
{
    return status == WORKFLOW_LATE ? "timeout" : status < 300 ? "done" : "failed";
}

void workflow_record(unsigned status, struct str json, struct buf *to)
{
    const struct tool_answer answer = {
        .status = status, .content_type = STR("application/json"), .body = json};
    enum err code = tool_answer_write(&answer, to);
    must(code == ERR_OK);
}

/* A person may have answered in words. */
static struct str as_json(struct str body, struct arena *arena)
{
    if (json_valid(body, NULL)) {
        return body;
    }
    struct buf text;
    struct json_writer w;
    buf_init(&text, 6 * body.len + 2);
    json_writer_init(&w, &text);
    json_put_str(&w, body);
    enum err code = json_writer_end(&w);
    must(code == ERR_OK);
    struct str json = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return json;
}

enum err workflow_recorded(struct str recorded, struct arena *arena, struct workflow_told *told)
{
    struct tool_answer answer;
    enum err code = tool_answer_read(recorded, arena, &answer);
    if (code == ERR_OK) {
        struct str json = as_json(arena_str(arena, answer.body), arena);
        bool done = answer.status < 300;
        told->state = workflow_state(answer.status);
        told->result = done ? json : STR("");
        told->error = done || answer.status == WORKFLOW_LATE ? STR("") : json;
    }
    return code;
}
