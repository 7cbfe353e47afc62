/* SPDX-License-Identifier: Apache-2.0
 * test_dialects.c - what each dialect reads in requests, answers and streams.
 *
 * Cases are files of tests/data/dialects/DIALECT/: request-*.json, answer-*.json, stream-*.sse.
 * Lines at their top that begin with "# " are the expected observations, one a line, in the form
 * that the functions observe_* below write; "#! usage choices=2" before them says what the client
 * of a stream asked for. The rest of the file is read as it stands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/dialect.h"
#include "json/json_path.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/data/dialects/"

static const struct dialect *const dialects[] = {
    &dialect_openai_chat, &dialect_openai_responses, &dialect_openai_embeddings,
    &dialect_anthropic_messages, &dialect_anthropic_count_tokens};

#define DIALECTS (sizeof dialects / sizeof dialects[0])

/* ---- observations ---- */

static void say(struct buf *to, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct buf *to, const char *format, ...)
{
    char line[2048];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(line, sizeof line, format, values);
    va_end(values);
    for (const char *c = line; *c != '\0'; c++) {
        /* An observation is one line. */
        enum err code = *c == '\n' ? buf_add(to, STR("\\n")) : buf_add_byte(to, *c);
        assert_int_equal(code, ERR_OK);
    }
    assert_int_equal(buf_add_byte(to, '\n'), ERR_OK);
}

static void observe_request(const struct dialect *dialect, struct str text, struct arena *arena,
                            struct buf *to)
{
    struct json json;
    struct request_view view = {0};
    struct fault fault = {0};
    assert_int_equal(json_parse(&json, text, NULL, arena, NULL), ERR_OK);
    if (dialect->read_request(&json, &view, &fault) != ERR_OK) {
        say(to, "refused: %s", fault.words);
        return;
    }
    say(to, "model " STR_FMT "%s%s%s%s", STR_ARG(json_string(&json, view.model, arena)),
        view.streams ? ", streams" : "", view.usage_asked ? ", usage asked" : "",
        view.structured ? ", structured" : "", view.tool_forced ? ", tool forced" : "");
    say(to, "choices %u, messages %u, tools %u, output tokens %llu", view.choices, view.messages,
        view.tools, (unsigned long long)view.output_tokens_max);
    if (dialect->last_message != NULL) {
        say(to, "last message: " STR_FMT, STR_ARG(dialect->last_message(&json, arena)));
    }
    uint32_t tools = json_get(&json, JSON_ROOT, STR("tools"));
    for (uint32_t i = json_first(&json, tools); i != JSON_NONE && dialect->tool_name != NULL;
         i = json_after(&json, tools, i)) {
        say(to, "tool: " STR_FMT, STR_ARG(dialect->tool_name(&json, i, arena)));
    }
}

static void observe_usage(const struct usage *usage, struct buf *to)
{
    if (usage->known) {
        say(to, "usage: input %llu, cached %llu, written %llu, output %llu, reasoning %llu",
            (unsigned long long)usage->input, (unsigned long long)usage->input_cached,
            (unsigned long long)usage->input_cache_written, (unsigned long long)usage->output,
            (unsigned long long)usage->output_reasoning);
    }
}

static void observe_end(const struct answer_view *answer, struct buf *to)
{
    say(to, "end: finish '" STR_FMT "'%s%s%s%s, tool calls %u", STR_ARG(answer->finish),
        answer->terminal ? ", terminal" : "", answer->done ? ", done" : "",
        answer->has_content ? ", content" : "", answer->refused ? ", refused" : "",
        answer->tool_calls);
    observe_usage(&answer->usage, to);
}

static void observe_answer(const struct dialect *dialect, struct str text, struct arena *arena,
                           struct buf *to)
{
    struct json json;
    struct answer_view answer = {0};
    assert_int_equal(json_parse(&json, text, NULL, arena, NULL), ERR_OK);
    enum failure failure = dialect->read_answer(&json, &answer, arena);
    say(to, "failure %s", failure_action(failure)->name);
    if (failure == FAILURE_none || failure == FAILURE_refused) {
        observe_end(&answer, to);
    }
}

static void observe_event(const struct stream_view *view, struct buf *to)
{
    static const char *const kinds[] = {"text", "reasoning", "tool"};
    char line[1024] = "event:";
    size_t at = strlen(line);
    at += (size_t)snprintf(line + at, sizeof line - at, "%s%s%s%s%s",
                           view->content ? " content" : "", view->reasoning ? " reasoning" : "",
                           view->ping ? " ping" : "", view->hide ? " hidden" : "",
                           view->last ? " last" : "");
    for (size_t i = 0; i < view->delta_count; i++) {
        const struct delta *delta = &view->deltas[i];
        at += (size_t)snprintf(line + at, sizeof line - at, " [%s %u '" STR_FMT "']",
                               kinds[delta->kind], delta->index, STR_ARG(delta->text));
    }
    if (view->failure != FAILURE_none) {
        (void)snprintf(line + at, sizeof line - at, " %s: " STR_FMT,
                       failure_action(view->failure)->name, STR_ARG(view->message));
    }
    say(to, "%s", line);
}

static void observe_stream(const struct dialect *dialect, const struct request_view *asked,
                           struct str text, struct buf *to)
{
    struct sse_reader reader;
    struct sse_event event;
    struct answer_view answer = {0};
    sse_reader_init(&reader, 0);
    while (sse_read(&reader, &text, &event) == ERR_OK) {
        struct arena *scratch = arena_new(4096);
        struct stream_view view = {0};
        if (event.comment) {
            say(to, "comment");
        } else {
            dialect->read_event(asked, &event, &answer, scratch, &view);
            observe_event(&view, to);
        }
        arena_free(scratch); /* as the gateway does: nothing may be kept of an event */
        answer.finish = answer.terminal || answer.finished > 0 ? answer.finish : STR("");
    }
    say(to, "%s", sse_unfinished(&reader) ? "cut" : "whole");
    sse_reader_end(&reader);
    observe_end(&answer, to);
}

/* ---- files ---- */

struct scene {
    char bytes[65536];
    struct str expected; /* without "# " */
    struct str asked;
    struct str text;
};

static void read_scene(const char *path, struct scene *scene, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(scene->bytes, 1, sizeof scene->bytes, file);
    (void)fclose(file);
    assert_true(length < sizeof scene->bytes);
    struct str rest = {scene->bytes, length};
    struct buf expected;
    buf_init(&expected, sizeof scene->bytes);
    scene->asked = STR("");
    while (str_starts(rest, STR("#"))) {
        struct str line;
        assert_true(str_split(&rest, '\n', &line));
        if (str_starts(line, STR("#! "))) {
            scene->asked = str_cut(line, 3, line.len);
        } else {
            say(&expected, STR_FMT, STR_ARG(str_cut(line, 2, line.len)));
        }
    }
    scene->expected = arena_str(arena, buf_str(&expected));
    scene->text = rest;
    buf_end(&expected);
}

static struct request_view asked_of(struct str words)
{
    struct request_view view = {.choices = 1, .streams = true};
    size_t at = str_find(words, STR("choices="));
    view.usage_asked = str_find(words, STR("usage")) != SIZE_MAX;
    view.choices = at != SIZE_MAX ? (uint32_t)(words.at[at + 8] - '0') : 1;
    return view;
}

static void check_scene(const struct dialect *dialect, const char *name)
{
    static struct scene scene;
    char path[512];
    struct arena *arena = arena_new(65536);
    struct buf got;
    buf_init(&got, 1 << 20);
    (void)snprintf(path, sizeof path, FOLDER "%s/%s", dialect->name, name);
    read_scene(path, &scene, arena);
    if (strncmp(name, "request-", 8) == 0) {
        observe_request(dialect, scene.text, arena, &got);
    } else if (strncmp(name, "answer-", 7) == 0) {
        observe_answer(dialect, scene.text, arena, &got);
    } else {
        struct request_view asked = asked_of(scene.asked);
        observe_stream(dialect, &asked, scene.text, &got);
    }
    if (!str_equal(buf_str(&got), scene.expected)) {
        fail_msg("%s\n-- expected:\n" STR_FMT "-- got:\n" STR_FMT, path, STR_ARG(scene.expected),
                 STR_ARG(buf_str(&got)));
    }
    buf_end(&got);
    arena_free(arena);
}

static unsigned check_kind(const char *kind)
{
    unsigned count = 0;
    for (size_t d = 0; d < DIALECTS; d++) {
        char folder[256];
        struct dirent **names = NULL;
        (void)snprintf(folder, sizeof folder, FOLDER "%s", dialects[d]->name);
        int found = scandir(folder, &names, NULL, alphasort);
        assert_true(found > 0);
        for (int i = 0; i < found; i++) {
            if (strncmp(names[i]->d_name, kind, strlen(kind)) == 0) {
                check_scene(dialects[d], names[i]->d_name);
                count++;
            }
            free(names[i]);
        }
        free(names);
    }
    return count;
}

static void test_requests_are_read_as_the_files_say(void **state)
{
    (void)state;
    assert_true(check_kind("request-") >= 15);
}

static void test_answers_are_read_as_the_files_say(void **state)
{
    (void)state;
    assert_true(check_kind("answer-") >= 15);
}

static void test_streams_are_read_as_the_files_say(void **state)
{
    (void)state;
    assert_true(check_kind("stream-") >= 15);
}

/* ---- what we write ---- */

static const struct str words = STR_CONST(
    "Two\nlines, \"quotes\", \\ and \xC3\xA9 \xF0\x9F\x98\x80");

static void write_answer(const struct dialect *dialect, const struct request_view *view,
                         struct buf *to)
{
    buf_init(to, 1 << 20);
    assert_int_equal(dialect->write_answer(to, view, STR("ex0123"), words, 1767225600), ERR_OK);
}

static void test_a_plain_answer_of_ours_is_read_back_as_complete(void **state)
{
    (void)state;
    for (size_t d = 0; d < DIALECTS; d++) {
        for (uint32_t choices = 1; choices <= 3 && dialects[d]->generates; choices++) {
            const struct request_view view = {.model_name = STR("m\"x"), .choices = choices};
            struct arena *arena = arena_new(4096);
            struct answer_view answer = {0};
            struct json json;
            struct buf text;
            write_answer(dialects[d], &view, &text);
            assert_int_equal(json_parse(&json, buf_str(&text), NULL, arena, NULL), ERR_OK);
            assert_int_equal(dialects[d]->read_answer(&json, &answer, arena), FAILURE_none);
            assert_true(answer.terminal && answer.has_content && !answer.refused);
            assert_true(answer.finish.len > 0);
            assert_true(answer.usage.known && answer.usage.input == 0 && answer.usage.output == 0);
            struct str model = json_string(&json, json_get(&json, JSON_ROOT, STR("model")), arena);
            assert_true(str_equal(model, STR("m\"x")));
            buf_end(&text);
            arena_free(arena);
        }
    }
}

/* Reads a whole stream; the decoded text of channel 0. */
static struct answer_view read_back(const struct dialect *dialect, const struct request_view *view,
                                    struct str text, struct buf *decoded)
{
    struct sse_reader reader;
    struct sse_event event;
    struct answer_view answer = {0};
    sse_reader_init(&reader, 0);
    while (sse_read(&reader, &text, &event) == ERR_OK) {
        struct arena *scratch = arena_new(4096);
        struct stream_view out = {0};
        dialect->read_event(view, &event, &answer, scratch, &out);
        assert_int_equal(out.failure, FAILURE_none);
        assert_false(out.hide);
        for (size_t i = 0; i < out.delta_count; i++) {
            if (out.deltas[i].index == 0) {
                assert_int_equal(json_unescape(decoded, out.deltas[i].text), ERR_OK);
            }
        }
        arena_free(scratch);
    }
    assert_false(sse_unfinished(&reader));
    sse_reader_end(&reader);
    return answer;
}

static void test_a_streamed_answer_of_ours_is_read_back_as_complete(void **state)
{
    (void)state;
    for (size_t d = 0; d < DIALECTS; d++) {
        for (uint32_t choices = 1; choices <= 3 && dialects[d]->generates; choices++) {
            const struct request_view view = {
                .model_name = STR("m"), .choices = choices, .streams = true, .usage_asked = true};
            struct buf text;
            struct buf decoded;
            buf_init(&decoded, 4096);
            write_answer(dialects[d], &view, &text);
            struct answer_view answer = read_back(dialects[d], &view, buf_str(&text), &decoded);
            assert_true(answer.terminal && answer.done && answer.usage.known);
            assert_true(str_equal(buf_str(&decoded), words));
            buf_end(&text);
            buf_end(&decoded);
        }
    }
}

static void test_usage_is_streamed_only_to_clients_that_asked(void **state)
{
    const struct request_view view = {.model_name = STR("m"), .choices = 1, .streams = true};
    struct buf text;
    (void)state;
    write_answer(&dialect_openai_chat, &view, &text);
    assert_true(str_find(buf_str(&text), STR("usage")) == SIZE_MAX);
    buf_end(&text);
}

static const unsigned statuses[] = {400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 529};

static void check_error(const struct dialect *dialect, unsigned status)
{
    const struct error_text error = {status, NULL, "the_code", words, STR("ex0123")};
    bool anthropic = dialect->provider == PROVIDER_ANTHROPIC;
    struct arena *arena = arena_new(4096);
    struct error_fields fields;
    struct json json;
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(dialect->write_error(&text, &error), ERR_OK);
    assert_int_equal(json_parse(&json, buf_str(&text), NULL, arena, NULL), ERR_OK);
    dialect_error_fields(&json, arena, &fields);
    assert_true(str_equal(fields.message, words));
    assert_true(fields.type.len > 0);
    assert_true(str_equal(fields.code, anthropic ? STR("") : STR("the_code")));
    const char *id = anthropic ? "/request_id" : "/error/aire_id";
    assert_true(json_string_is(&json, json_path(&json, str_of(id)), STR("ex0123")));
    if (anthropic) {
        assert_true(json_string_is(&json, json_get(&json, JSON_ROOT, STR("type")), STR("error")));
    }
    buf_end(&text);
    arena_free(arena);
}

static void test_errors_have_the_shape_of_the_family(void **state)
{
    (void)state;
    for (size_t d = 0; d < DIALECTS; d++) {
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            check_error(dialects[d], statuses[i]);
        }
    }
}

static void test_error_types_follow_the_status(void **state)
{
    static const struct {
        unsigned status;
        const char *openai;
        const char *anthropic;
    } types[] = {{400, "invalid_request_error", "invalid_request_error"},
                 {401, "authentication_error", "authentication_error"},
                 {403, "permission_error", "permission_error"},
                 {404, "invalid_request_error", "not_found_error"},
                 {413, "invalid_request_error", "request_too_large"},
                 {429, "rate_limit_error", "rate_limit_error"},
                 {503, "server_error", "api_error"},
                 {504, "server_error", "timeout_error"},
                 {529, "server_error", "overloaded_error"}};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct error_text error = {types[i].status, NULL, NULL, STR("m"), STR("")};
        char wanted[64];
        struct buf text;
        buf_init(&text, 4096);
        assert_int_equal(dialect_write_openai_error(&text, &error), ERR_OK);
        (void)snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", types[i].openai);
        assert_true(str_find(buf_str(&text), str_of(wanted)) != SIZE_MAX);
        buf_clear(&text);
        assert_int_equal(dialect_write_anthropic_error(&text, &error), ERR_OK);
        (void)snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", types[i].anthropic);
        assert_true(str_find(buf_str(&text), str_of(wanted)) != SIZE_MAX);
        buf_end(&text);
    }
}

static void test_an_error_event_of_ours_is_read_back_as_a_failure(void **state)
{
    (void)state;
    for (size_t d = 0; d < DIALECTS; d++) {
        if (dialects[d]->write_stream_error == NULL) {
            continue;
        }
        const struct error_text error = {502, NULL, "stream_truncated", words, STR("ex0123")};
        const struct request_view view = {.choices = 1, .streams = true};
        struct answer_view answer = {.sequence = 7};
        struct stream_view out = {0};
        struct arena *scratch = arena_new(4096);
        struct sse_reader reader;
        struct sse_event event;
        struct buf text;
        buf_init(&text, 4096);
        assert_int_equal(dialects[d]->write_stream_error(&text, &error, &answer), ERR_OK);
        struct str rest = buf_str(&text);
        sse_reader_init(&reader, 0);
        assert_int_equal(sse_read(&reader, &rest, &event), ERR_OK);
        assert_int_equal(rest.len, 0);
        dialects[d]->read_event(&view, &event, &answer, scratch, &out);
        assert_int_not_equal(out.failure, FAILURE_none);
        assert_int_not_equal(out.failure, FAILURE_malformed);
        assert_true(str_equal(out.message, words));
        sse_reader_end(&reader);
        arena_free(scratch);
        buf_end(&text);
    }
}

/* ---- edits ---- */

static struct str edited(const char *body, bool inject, struct arena *arena)
{
    const struct target target = {.inject_usage = inject};
    struct request_view view;
    struct json_edit edit;
    struct json json;
    struct buf text;
    assert_int_equal(json_parse(&json, str_of(body), NULL, arena, NULL), ERR_OK);
    assert_int_equal(dialect_openai_chat.read_request(&json, &view, NULL), ERR_OK);
    json_edit_init(&edit, str_of(body), arena);
    assert_int_equal(dialect_openai_chat.edit(&json, &view, &target, &edit), ERR_OK);
    buf_init(&text, 4096);
    assert_int_equal(json_edit_apply(&edit, &text), ERR_OK);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return copy;
}

static void test_usage_is_asked_for_where_the_client_did_not(void **state)
{
    static const struct {
        const char *body;
        bool inject;
        const char *wanted; /* NULL: untouched */
    } cases[] = {
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true}", true,
         "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"messages\":[],"
         "\"stream\":true}"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":{\"x\":1}}", true,
         "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
         "{\"include_usage\":true,\"x\":1}}"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
         "{\"include_usage\":false}}",
         true,
         "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
         "{\"include_usage\":true}}"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":null}", true,
         "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
         "{\"include_usage\":true}}"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true}", false, NULL},
        {"{\"model\":\"m\",\"messages\":[]}", true, NULL},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
         "{\"include_usage\":true}}",
         true, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new(4096);
        const char *wanted = cases[i].wanted != NULL ? cases[i].wanted : cases[i].body;
        struct str got = edited(cases[i].body, cases[i].inject, arena);
        if (!str_equal(got, str_of(wanted))) {
            fail_msg("%s became " STR_FMT, cases[i].body, STR_ARG(got));
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_read_as_the_files_say),
        cmocka_unit_test(test_answers_are_read_as_the_files_say),
        cmocka_unit_test(test_streams_are_read_as_the_files_say),
        cmocka_unit_test(test_a_plain_answer_of_ours_is_read_back_as_complete),
        cmocka_unit_test(test_a_streamed_answer_of_ours_is_read_back_as_complete),
        cmocka_unit_test(test_usage_is_streamed_only_to_clients_that_asked),
        cmocka_unit_test(test_errors_have_the_shape_of_the_family),
        cmocka_unit_test(test_error_types_follow_the_status),
        cmocka_unit_test(test_an_error_event_of_ours_is_read_back_as_a_failure),
        cmocka_unit_test(test_usage_is_asked_for_where_the_client_did_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
