/* SPDX-License-Identifier: Apache-2.0
 * train_data.c - see the header; the whole file is held, lines are parsed one after another.
 */
#include "cli/train_data.h"

#include "base/num.h"
#include "sys/file.h"
#include "text/grammar.h"
#include "json/json.h"

#include <string.h>
#include <zlib.h>

#define LABELS_HARMFUL 3

static enum err inflate_all(struct str packed, struct buf *to, struct fault *fault)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.at, .avail_in = (uInt)packed.len};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) {
        return fault_set(fault, ERR_CORRUPT, "gzip cannot be read");
    }
    int state = Z_OK;
    enum err code = ERR_OK;
    while (state == Z_OK && code == ERR_OK) {
        code = buf_reserve(to, MIB(1));
        if (code == ERR_OK) {
            stream.next_out = (Bytef *)(to->at + to->len);
            stream.avail_out = (uInt)MIB(1);
            state = inflate(&stream, Z_NO_FLUSH);
            to->len += MIB(1) - stream.avail_out;
        }
    }
    inflateEnd(&stream);
    if (code == ERR_OK && state != Z_STREAM_END) {
        return fault_set(fault, ERR_CORRUPT, "gzip is damaged or cut short");
    }
    return code == ERR_OK ? ERR_OK : fault_set(fault, code, "more than %zu bytes", to->limit);
}

static bool read_span(const struct json *json, uint32_t node, struct corpus_example *example)
{
    uint64_t start = 0;
    uint64_t end = 0;
    if (!json_is(json, node, JSON_ARRAY) || json_count(json, node) != 2 ||
        !json_u64(json, json_at(json, node, 0), &start) ||
        !json_u64(json, json_at(json, node, 1), &end) || start >= end || end > example->text.len) {
        return false;
    }
    example->spanned = start > 0 || end < example->text.len;
    example->start = (size_t)start;
    example->end = (size_t)end;
    return true;
}

/* NOT_FOUND: a row that is left out. */
static enum err read_row(struct str line, struct arena *arena, struct corpus_example *example,
                         struct fault *fault)
{
    struct json json;
    struct json_problem problem;
    enum err code = json_parse(&json, line, NULL, arena, &problem);
    if (code != ERR_OK) {
        return fault_set(fault, code, "byte %zu: %s", problem.offset, problem.what);
    }
    static const struct str keys[] = {STR_CONST("text"), STR_CONST("label"), STR_CONST("source"),
                                      STR_CONST("kind"), STR_CONST("attack_span")};
    uint32_t found[5];
    json_pick(&json, JSON_ROOT, keys, 5, found);
    struct str label = json_string(&json, found[1], arena);
    *example = (struct corpus_example){.text = json_string(&json, found[0], arena),
                                       .source = json_string(&json, found[2], arena)};
    if (example->text.len == 0 || example->source.len == 0 || label.len == 0) {
        return fault_set(fault, ERR_INVALID, "text, label and source are needed");
    }
    if (str_equal(label, STR("harmful"))) {
        return ERR_NOT_FOUND;
    }
    example->attack = str_equal(label, STR("injection")) || str_equal(label, STR("jailbreak"));
    if (!example->attack && !str_equal(label, STR("benign"))) {
        return fault_set(fault, ERR_INVALID,
                         "label is one of benign, injection, jailbreak, harmful");
    }
    struct str kind = json_string(&json, found[3], arena);
    example->hard = !example->attack &&
                    (str_equal(kind, STR("hard")) || str_equal(kind, STR("doc-on-attacks")));
    if (found[4] != JSON_NONE && !read_span(&json, found[4], example)) {
        return fault_set(fault, ERR_INVALID, "attack_span is [start, end) within the text");
    }
    return ERR_OK;
}

static enum err read_lines(struct str rest, struct corpus *corpus, size_t *rows,
                           struct fault *fault)
{
    struct arena *arena = arena_new(KIB(64));
    struct str line;
    enum err code = ERR_OK;
    for (unsigned number = 1; code == ERR_OK && str_split(&rest, '\n', &line); number++) {
        struct corpus_example example;
        if (str_trim(line).len == 0) {
            continue;
        }
        code = read_row(line, arena, &example, fault);
        if (code == ERR_OK) {
            code = corpus_add(corpus, &example, fault);
            *rows += code == ERR_OK;
        } else if (code == ERR_NOT_FOUND) {
            code = ERR_OK;
        }
        if (code != ERR_OK && fault != NULL) {
            fault->line = number;
        }
        arena_reset(arena);
    }
    arena_free(arena);
    return code;
}

static void note_file(struct train_file *file, const char *path, struct str bytes)
{
    const char *slash = strrchr(path, '/');
    str_copy(str_of(slash == NULL ? path : slash + 1), file->name, sizeof file->name);
    file->digest = digest_of(bytes);
}

enum err train_data_read(const char *path, struct corpus *corpus, struct train_file *file,
                         struct fault *fault)
{
    struct buf bytes;
    struct buf plain;
    buf_init(&bytes, TRAIN_FILE_BYTES_MAX);
    buf_init(&plain, TRAIN_FILE_BYTES_MAX * 4);
    enum err code = file_read(path, &bytes);
    if (code != ERR_OK) {
        fault_set(fault, code, "%s", err_text(code));
    } else {
        note_file(file, path, buf_str(&bytes));
        if (str_ends(str_of(path), STR(".gz"))) {
            code = inflate_all(buf_str(&bytes), &plain, fault);
        } else {
            buf_take(&bytes, &plain);
        }
    }
    if (code == ERR_OK) {
        code = read_lines(buf_str(&plain), corpus, &file->rows, fault);
    }
    buf_end(&bytes);
    buf_end(&plain);
    return code;
}

static enum err make_texts(const struct grammar *grammar, const struct grammar_make *make,
                           struct str source, struct corpus *corpus, struct fault *fault)
{
    struct rng rng;
    struct buf text;
    enum err code = ERR_OK;
    rng_seed(&rng, make->count + make->rule.len * UINT64_C(1000003));
    buf_init(&text, MIB(1));
    for (uint32_t i = 0; i < make->count && code == ERR_OK; i++) {
        struct grammar_span span;
        buf_clear(&text);
        code = grammar_expand(grammar, make->rule, &rng, &text, &span);
        if (code != ERR_OK || text.len == 0) {
            code = fault_set(fault, code == ERR_OK ? ERR_INVALID : code, "rule " STR_FMT ": %s",
                             STR_ARG(make->rule), err_text(code));
            break;
        }
        bool attack = !str_equal(make->label, STR("benign"));
        struct corpus_example example = {
            .text = buf_str(&text),
            .source = source,
            .attack = attack,
            .spanned = attack && (span.start > 0 || span.end < text.len),
            .start = span.start,
            .end = span.end,
        };
        code = corpus_add(corpus, &example, fault);
    }
    buf_end(&text);
    return code;
}

enum err train_data_make(const char *path, struct str source, struct corpus *corpus,
                         struct train_file *file, struct fault *fault)
{
    struct buf bytes;
    struct arena *arena = arena_new(KIB(64));
    struct grammar *grammar = arena_new_of(arena, struct grammar);
    buf_init(&bytes, GRAMMAR_BYTES_MAX);
    enum err code = file_read(path, &bytes);
    if (code != ERR_OK) {
        fault_set(fault, code, "%s", err_text(code));
    } else {
        note_file(file, path, buf_str(&bytes));
        code = grammar_parse(buf_str(&bytes), arena, grammar, fault);
    }
    for (size_t i = 0; i < grammar->make_count && code == ERR_OK; i++) {
        code = make_texts(grammar, &grammar->makes[i], source, corpus, fault);
        file->rows += grammar->makes[i].count;
    }
    buf_end(&bytes);
    arena_free(arena);
    return code;
}
