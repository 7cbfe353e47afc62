/* SPDX-License-Identifier: Apache-2.0
 * bend.c - see bend.h. Event numbers count from 1 over the events that are left after `omit`.
 */
#include "provider/bend.h"

#include <string.h>

static bool is_omitted(const struct part *part, unsigned omitted)
{
    static const unsigned bits[] = {
        [PART_OTHER] = 0,          [PART_TOKEN] = OMIT_TOKENS,      [PART_FINISH] = OMIT_FINISH,
        [PART_USAGE] = OMIT_USAGE, [PART_TERMINAL] = OMIT_TERMINAL,
    };
    return (omitted & bits[part->kind]) != 0;
}

/* An event that no reader knows but every reader must survive. */
static struct part unknown_event(const struct answer *answer)
{
    static const char *const data[] = {
        [SHAPE_OPENAI] = "{\"object\":\"chat.completion.trace\",\"choices\":[],\"depth\":[1,2,3]}",
        [SHAPE_RESPONSES] = "{\"type\":\"response.x_trace\",\"depth\":[1,2,3]}",
        [SHAPE_ANTHROPIC] = "{\"type\":\"x_trace\",\"depth\":[1,2,3]}",
    };
    static const char *const names[] = {
        [SHAPE_OPENAI] = "", [SHAPE_RESPONSES] = "response.x_trace", [SHAPE_ANTHROPIC] = "x_trace"};
    return (struct part){str_of(names[answer->shape]), str_of(data[answer->shape]), PART_OTHER};
}

static void bend_stream(struct answer *answer, const struct script_do *act)
{
    const struct part *parts = answer->parts;
    size_t count = answer->part_count;
    answer->parts = NULL;
    answer->part_count = 0;
    answer->part_room = 0;
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_omitted(&parts[i], act->omitted)) {
            continue;
        }
        number++;
        if (number == act->error_event) {
            struct answer_problem problem = {act->error, (unsigned)act->status, act->message,
                                             STR("")};
            if (problem.error.len == 0 && problem.status == 0) {
                problem.status = 500;
            }
            struct part error = answer_error_event(answer, &problem, i);
            answer_part(answer, error.event, error.data, error.kind);
            return;
        }
        if (act->extra_events > 0 && number % act->extra_events == 0) {
            struct part extra = unknown_event(answer);
            answer_part(answer, extra.event, extra.data, extra.kind);
        }
        answer_part(answer, parts[i].event, parts[i].data, parts[i].kind);
    }
}

static void cut_json(struct answer *answer, uint64_t number)
{
    if (number > 0 && number <= answer->part_count) {
        struct str *data = &answer->parts[number - 1].data;
        *data = str_cut(*data, 0, data->len - data->len / 3 - 1);
    }
}

static void add_fields(struct answer *answer)
{
    for (size_t i = 0; i < answer->part_count; i++) {
        struct str data = answer->parts[i].data;
        if (data.len < 3 || data.at[0] != '{') {
            continue;
        }
        struct str extra = STR("{\"x_unknown\":{\"list\":[1,null,\"\\u00e9\"],\"big\":"
                               "12345678901234567890},");
        char *joined = arena_alloc(answer->arena, extra.len + data.len);
        memcpy(joined, extra.at, extra.len);
        memcpy(joined + extra.len, data.at + 1, data.len - 1);
        answer->parts[i].data = (struct str){joined, extra.len + data.len - 1};
    }
}

void bend_answer(struct answer *answer, const struct script_do *act)
{
    if (answer->stream) {
        bend_stream(answer, act);
    }
    if (act->extra_fields) {
        add_fields(answer);
    }
    cut_json(answer, act->bad_event);
    for (size_t i = 0; (act->omitted & OMIT_EVENT_LINES) != 0 && i < answer->part_count; i++) {
        answer->parts[i].event = STR("");
    }
    if (act->content_type.len > 0) {
        answer->content_type = act->content_type;
    }
}

static void add_line(struct buf *to, struct str data, struct str line_end)
{
    err_ignore(buf_add(to, STR("data: "))); /* the scratch's limit is far above any event */
    err_ignore(buf_add(to, data));
    err_ignore(buf_add(to, line_end));
}

void bend_data_lines(struct buf *to, struct str data, uint64_t lines_max, struct str line_end)
{
    bool in_string = false;
    size_t from = 0;
    for (size_t i = 0; i < data.len && lines_max > 1; i++) {
        if (in_string && data.at[i] == '\\') {
            i++;
        } else if (data.at[i] == '"') {
            in_string = !in_string;
        } else if (data.at[i] == ',' && !in_string) {
            add_line(to, str_cut(data, from, i + 1), line_end);
            from = i + 1;
            lines_max--;
        }
    }
    add_line(to, str_cut(data, from, data.len), line_end);
}
