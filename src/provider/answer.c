/* SPDX-License-Identifier: Apache-2.0
 * answer.c - building of answers, and the errors of both families in one table.
 *
 * Invariant: the table's first row of a status is the one that a bare status means.
 */
#include "provider/answer.h"

#include "base/must.h"

#include <string.h>

struct error_words {
    struct str name;
    unsigned openai_status;
    unsigned anthropic_status;
    const char *openai_type;
    const char *openai_code; /* NULL: null */
    const char *anthropic_type;
    const char *words;
};

/* STR() is no constant expression. */
#define WORD(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define REQUEST "invalid_request_error"

static const struct error_words error_table[] = {
    {WORD("bad_request"), 400, 400, REQUEST, NULL, REQUEST, "The request is not valid."},
    {WORD("context_length"), 400, 400, REQUEST, "context_length_exceeded", REQUEST,
     "prompt is too long: this model's maximum context length is 8192 tokens. Please reduce the "
     "length of the messages."},
    {WORD("content_filter"), 400, 400, REQUEST, "content_filter", REQUEST,
     "The response was filtered due to the prompt triggering the content management policy."},
    {WORD("auth"), 401, 401, REQUEST, "invalid_api_key", "authentication_error",
     "Incorrect API key provided."},
    {WORD("billing"), 402, 402, "billing_error", "billing_hard_limit_reached", "billing_error",
     "Your credit balance is too low to access the API."},
    {WORD("permission"), 403, 403, REQUEST, "permission_denied", "permission_error",
     "Your key does not have permission to use this resource."},
    {WORD("not_found"), 404, 404, REQUEST, "model_not_found", "not_found_error",
     "The model does not exist or you do not have access to it."},
    {WORD("method"), 405, 405, REQUEST, "method_not_supported", REQUEST,
     "Not allowed to use this method on this URL."},
    {WORD("request_timeout"), 408, 408, "timeout", NULL, "timeout_error", "Request timed out."},
    {WORD("conflict"), 409, 409, REQUEST, "conflict", REQUEST,
     "The resource was changed meanwhile."},
    {WORD("too_large"), 413, 413, REQUEST, "request_too_large", "request_too_large",
     "Request exceeds the maximum size."},
    {WORD("unprocessable"), 422, 422, REQUEST, NULL, REQUEST, "The request cannot be processed."},
    {WORD("rate_limit"), 429, 429, "requests", "rate_limit_exceeded", "rate_limit_error",
     "Rate limit reached for requests. Please try again later."},
    {WORD("quota"), 429, 400, "insufficient_quota", "insufficient_quota", REQUEST,
     "You exceeded your current quota; your credit balance is too low."},
    {WORD("server"), 500, 500, "server_error", NULL, "api_error",
     "The server had an error while processing your request. Sorry about that!"},
    {WORD("bad_gateway"), 502, 502, "server_error", NULL, "api_error", "Bad gateway."},
    {WORD("overloaded"), 503, 529, "server_error", "overloaded", "overloaded_error",
     "The engine is currently overloaded, please try again later."},
    {WORD("timeout"), 504, 504, "server_error", "timeout", "timeout_error", "Gateway timeout."},
};

#define ERROR_COUNT (sizeof error_table / sizeof error_table[0])

static const struct error_words *words_of_name(struct str name)
{
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        if (str_equal(error_table[i].name, name)) {
            return &error_table[i];
        }
    }
    return NULL;
}

static const struct error_words *words_of_status(unsigned status, bool anthropic)
{
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        const struct error_words *row = &error_table[i];
        if (status == (anthropic ? row->anthropic_status : row->openai_status)) {
            return row;
        }
    }
    return words_of_name(status >= 500 ? STR("server") : STR("bad_request"));
}

bool answer_error_known(struct str name)
{
    return words_of_name(name) != NULL;
}

void answer_init(struct answer *answer, struct arena *arena, struct buf *scratch, enum shape shape)
{
    *answer = (struct answer){.arena = arena,
                              .scratch = scratch,
                              .shape = shape,
                              .status = 200,
                              .content_type = STR("application/json")};
}

void answer_field(struct answer *answer, struct str name, struct str value)
{
    must(answer->field_count < ANSWER_FIELDS_MAX);
    answer->fields[answer->field_count++] = (struct http_field){name, value};
}

void answer_part(struct answer *answer, struct str event, struct str data, enum part_kind kind)
{
    if (answer->part_count == answer->part_room) {
        size_t room = answer->part_room == 0 ? 8 : answer->part_room * 2;
        struct part *parts = arena_array_of(answer->arena, struct part, room);
        if (answer->part_count > 0) {
            memcpy(parts, answer->parts, answer->part_count * sizeof *parts);
        }
        answer->parts = parts;
        answer->part_room = room;
    }
    answer->parts[answer->part_count++] = (struct part){event, data, kind};
}

struct json_writer *answer_open(struct answer *answer)
{
    buf_clear(answer->scratch);
    json_writer_init(&answer->writer, answer->scratch);
    return &answer->writer;
}

static struct str finish_json(struct answer *answer)
{
    if (json_writer_end(&answer->writer) != ERR_OK) {
        return STR("null"); /* over ANSWER_BYTES_MAX */
    }
    return arena_str(answer->arena, buf_str(answer->scratch));
}

void answer_close(struct answer *answer, struct str event, enum part_kind kind)
{
    answer_part(answer, event, finish_json(answer), kind);
}

static void write_error(struct json_writer *w, enum shape shape, const struct error_words *words,
                        const struct answer_problem *problem)
{
    struct str message = problem->message.len > 0 ? problem->message : str_of(words->words);
    json_begin_object(w);
    if (shape == SHAPE_ANTHROPIC) {
        json_member_cstr(w, "type", words->anthropic_type);
        json_member_str(w, "message", message);
    } else {
        json_member_str(w, "message", message);
        json_member_cstr(w, "type", words->openai_type);
        if (problem->param.len > 0) {
            json_member_str(w, "param", problem->param);
        } else {
            json_member_cstr(w, "param", NULL);
        }
        json_member_cstr(w, "code", words->openai_code);
    }
    json_end_object(w);
}

static const struct error_words *words_of(const struct answer_problem *problem, bool anthropic)
{
    const struct error_words *words = words_of_name(problem->error);
    return words != NULL ? words : words_of_status(problem->status, anthropic);
}

void answer_error(struct answer *answer, const struct answer_problem *problem,
                  struct str request_id)
{
    bool anthropic = answer->shape == SHAPE_ANTHROPIC;
    const struct error_words *words = words_of(problem, anthropic);
    answer->status = anthropic ? words->anthropic_status : words->openai_status;
    if (problem->status != 0) {
        answer->status = problem->status;
    }
    answer->stream = false;
    answer->content_type = STR("application/json");
    answer->part_count = 0;
    struct json_writer *w = answer_open(answer);
    json_begin_object(w);
    if (anthropic) {
        json_member_cstr(w, "type", "error");
    }
    json_key(w, "error");
    write_error(w, answer->shape, words, problem);
    if (anthropic) {
        json_member_str(w, "request_id", request_id);
    }
    json_end_object(w);
    answer_close(answer, STR(""), PART_OTHER);
}

struct part answer_error_event(struct answer *answer, const struct answer_problem *problem,
                               uint64_t sequence_number)
{
    const struct error_words *words = words_of(problem, answer->shape == SHAPE_ANTHROPIC);
    struct json_writer *w = answer_open(answer);
    json_begin_object(w);
    if (answer->shape == SHAPE_RESPONSES) {
        json_member_cstr(w, "type", "error");
        json_member_cstr(w, "code",
                         words->openai_code != NULL ? words->openai_code : "server_error");
        json_member_str(w, "message",
                        problem->message.len > 0 ? problem->message : str_of(words->words));
        json_member_cstr(w, "param", NULL);
        json_member_u64(w, "sequence_number", sequence_number);
    } else {
        if (answer->shape == SHAPE_ANTHROPIC) {
            json_member_cstr(w, "type", "error");
        }
        json_key(w, "error");
        write_error(w, answer->shape, words, problem);
    }
    json_end_object(w);
    struct str event = answer->shape == SHAPE_OPENAI ? STR("") : STR("error");
    return (struct part){event, finish_json(answer), PART_OTHER};
}
