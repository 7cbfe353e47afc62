/* SPDX-License-Identifier: Apache-2.0
 * lines.c - standard input cut into lines. */
#include "cli/lines.h"

#include "base/must.h"
#include "base/num.h"
#include "sys/file.h"

struct reading {
    const struct cli *cli;
    void (*row)(void *object, const struct line *line, struct json_writer *w);
    void *object;
    struct arena *arena;
    struct buf input;
    size_t searched; /* bytes of the input that hold no line's end */
    struct buf output;
    uint64_t number;
};

static int take_line(struct reading *r, struct str text)
{
    struct json json;
    struct json_problem problem;
    r->number++;
    if (str_trim(text).len == 0) {
        return CLI_OK;
    }
    if (json_parse(&json, text, NULL, r->arena, &problem) != ERR_OK) {
        return cli_fail(r->cli, CLI_USAGE, "line %llu is not JSON: %s at byte %zu",
                        (unsigned long long)r->number, problem.what, problem.offset);
    }
    uint32_t words = json_get(&json, JSON_ROOT, STR("text"));
    uint32_t id = json_get(&json, JSON_ROOT, STR("id"));
    if (!json_is(&json, words, JSON_STRING)) {
        return cli_fail(r->cli, CLI_USAGE, "line %llu has no member 'text' that is a string",
                        (unsigned long long)r->number);
    }
    const struct line line = {&json, json_string(&json, words, r->arena), r->arena};
    struct json_writer w;
    json_writer_init(&w, &r->output);
    json_begin_object(&w);
    if (id != JSON_NONE) {
        json_key(&w, "id");
        json_put_raw(&w, json_raw(&json, id));
    }
    r->row(r->object, &line, &w);
    json_end_object(&w);
    enum err code = json_writer_end(&w);
    code = code == ERR_OK ? buf_add_byte(&r->output, '\n') : code;
    arena_reset(r->arena);
    return code == ERR_OK ? CLI_OK
                          : cli_fail(r->cli, CLI_LIMIT, "line %llu: the answer is too large",
                                     (unsigned long long)r->number);
}

/* All whole lines of the input; at its end what is left is one, too. */
static int take_lines(struct reading *r, bool last)
{
    size_t done = 0;
    int exit_code = CLI_OK;
    while (exit_code == CLI_OK && done < r->input.len) {
        struct str all = buf_str(&r->input);
        size_t from = num_max(done, r->searched);
        size_t found = str_find_byte(str_cut(all, from, all.len), '\n');
        if (found == SIZE_MAX && !last) {
            break;
        }
        size_t end = found == SIZE_MAX ? all.len : from + found;
        exit_code = take_line(r, str_cut(all, done, end));
        done = end < all.len ? end + 1 : all.len;
    }
    buf_drop_front(&r->input, done);
    r->searched = r->input.len;
    int printed = r->output.len > 0 ? cli_print(buf_str(&r->output)) : CLI_OK;
    buf_clear(&r->output);
    return exit_code == CLI_OK ? printed : exit_code;
}

int lines_each(const struct cli *cli,
               void (*row)(void *object, const struct line *line, struct json_writer *w),
               void *object)
{
    struct reading r = {.cli = cli, .row = row, .object = object, .arena = arena_new(65536)};
    int exit_code = CLI_OK;
    bool last = false;
    buf_init(&r.input, LINE_BYTES_MAX);
    buf_init(&r.output, 8 * LINE_BYTES_MAX);
    while (exit_code == CLI_OK && !last) {
        size_t before = r.input.len;
        enum err code = file_input(&r.input);
        if (code != ERR_OK) {
            exit_code = code == ERR_LIMIT
                            ? cli_fail(cli, CLI_LIMIT, "line %llu is longer than 64 MiB",
                                       (unsigned long long)r.number + 1)
                            : cli_fail(cli, CLI_BROKEN, "standard input: %s", err_text(code));
            break;
        }
        last = r.input.len == before;
        exit_code = take_lines(&r, last);
    }
    buf_end(&r.input);
    buf_end(&r.output);
    arena_free(r.arena);
    return exit_code;
}
