/* SPDX-License-Identifier: Apache-2.0
 * dialect.h - what the fuzz targets of the dialects share.
 *
 * The first line of the input is "request", "answer" or "stream N" (N: 1 to 9 choices asked for);
 * the rest is read as that.
 */
#ifndef AIRE_TESTS_FUZZ_DIALECT_H
#define AIRE_TESTS_FUZZ_DIALECT_H

#include "hear.h"

static inline bool fuzz_holds(struct str text, struct str word)
{
    return str_find(text, word) != SIZE_MAX || str_find_byte(text, '\\') != SIZE_MAX;
}

/* `marker`: without it in the text (or an escape that may hide it) nothing is terminal. */
static inline void fuzz_stream(const struct dialect *dialect, uint32_t choices, struct str text,
                               struct str marker)
{
    const struct request_view asked = {.choices = choices, .streams = true, .model_name = STR("m")};
    struct heard whole = fuzz_hear(dialect, &asked, text, text.len);
    for (size_t piece = 1; piece < 64; piece = piece * 3 + 1) {
        struct heard split = fuzz_hear(dialect, &asked, text, piece);
        must(split.events == whole.events && split.deltas == whole.deltas);
        must(split.delta_bytes == whole.delta_bytes && split.failure == whole.failure);
        must(split.answer.terminal == whole.answer.terminal &&
             split.answer.text_bytes == whole.answer.text_bytes &&
             split.answer.usage.output == whole.answer.usage.output);
    }
    must(whole.answer.text_bytes <= text.len && whole.delta_bytes <= whole.answer.text_bytes);
    must(!whole.answer.terminal || fuzz_holds(text, marker));
}

static inline void fuzz_answer(const struct dialect *dialect, struct str text, struct arena *arena)
{
    struct json json;
    struct answer_view answer = {0};
    if (json_parse(&json, text, NULL, arena, NULL) == ERR_OK) {
        enum failure failure = dialect->read_answer(&json, &answer, arena);
        must(answer.text_bytes <= text.len);
        must(answer.terminal || (failure != FAILURE_none && failure != FAILURE_refused));
    }
}

/* The edits leave valid JSON; what we answer in place of a model is complete to its own readers. */
static inline void fuzz_request(const struct dialect *dialect, struct str text, struct arena *arena)
{
    const struct target target = {.inject_usage = true};
    struct json json;
    struct json after;
    struct request_view view = {0};
    struct json_edit edit;
    struct buf to;
    if (json_parse(&json, text, NULL, arena, NULL) != ERR_OK ||
        dialect->read_request(&json, &view, NULL) != ERR_OK) {
        return;
    }
    view.model_name = json_string(&json, view.model, arena);
    (void)dialect->last_message(&json, arena);
    uint32_t tools = json_get(&json, JSON_ROOT, STR("tools"));
    for (uint32_t n = json_first(&json, tools); n != JSON_NONE; n = json_after(&json, tools, n)) {
        (void)dialect->tool_name(&json, n, arena);
    }
    json_edit_init(&edit, text, arena);
    if (dialect->edit != NULL) {
        must(dialect->edit(&json, &view, &target, &edit) == ERR_OK);
    }
    buf_init(&to, (size_t)64 << 20);
    must(json_edit_apply(&edit, &to) == ERR_OK);
    must(json_parse(&after, buf_str(&to), NULL, arena, NULL) == ERR_OK);
    must(dialect->read_request(&after, &view, NULL) == ERR_OK);
    buf_clear(&to);
    view.model_name = STR("m");
    must(dialect->write_answer(&to, &view, STR("ex0"), STR("words"), 1) == ERR_OK);
    if (view.streams) {
        must(fuzz_hear(dialect, &view, buf_str(&to), to.len).answer.terminal);
    } else {
        fuzz_answer(dialect, buf_str(&to), arena);
    }
    buf_end(&to);
}

static inline void fuzz_dialect(const struct dialect *dialect, struct str input, struct str marker)
{
    struct str first = {0};
    struct arena *arena = arena_new(4096);
    (void)str_split(&input, '\n', &first);
    if (str_equal(first, STR("request"))) {
        fuzz_request(dialect, input, arena);
    } else if (str_equal(first, STR("answer"))) {
        fuzz_answer(dialect, input, arena);
    } else if (str_starts(first, STR("stream ")) && first.len == 8 && first.at[7] >= '1' &&
               first.at[7] <= '9') {
        fuzz_stream(dialect, (uint32_t)(first.at[7] - '0'), input, marker);
    }
    arena_free(arena);
}

#endif
