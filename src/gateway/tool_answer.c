/* SPDX-License-Identifier: Apache-2.0
 * tool_answer.c - lines out, lines in; fields hold no line break, the parser saw to it. */
#include "gateway/tool_answer.h"

#include "base/num.h"

#define TYPE "content-type"

enum err tool_answer_write(const struct tool_answer *answer, struct buf *to)
{
    enum err code = buf_printf(to, "HTTP/1.1 %u\r\n" TYPE ": " STR_FMT "\r\n", answer->status,
                               STR_ARG(answer->content_type));
    for (size_t i = 0; i < answer->count && code == ERR_OK; i++) {
        code = buf_printf(to, STR_FMT ": " STR_FMT "\r\n", STR_ARG(answer->fields[i].name),
                          STR_ARG(answer->fields[i].value));
    }
    code = code == ERR_OK ? buf_add(to, STR("\r\n")) : code;
    return code == ERR_OK ? buf_add(to, answer->body) : code;
}

static bool take_line(struct str *rest, struct str *line)
{
    size_t end = str_find(*rest, STR("\r\n"));
    if (end == SIZE_MAX) {
        return false;
    }
    *line = str_cut(*rest, 0, end);
    *rest = str_cut(*rest, end + 2, rest->len);
    return true;
}

enum err tool_answer_read(struct str bytes, struct arena *arena, struct tool_answer *answer)
{
    struct str line;
    uint64_t status;
    *answer = (struct tool_answer){
        .fields = arena_array_of(arena, struct http_field, HTTP_FIELDS_MAX)};
    if (!take_line(&bytes, &line) || !str_starts(line, STR("HTTP/1.1 ")) ||
        num_u64(str_cut(line, 9, line.len), &status) != ERR_OK || status < 200 || status > 599) {
        return ERR_CORRUPT;
    }
    while (take_line(&bytes, &line)) {
        size_t colon = str_find(line, STR(": "));
        if (line.len == 0) {
            answer->status = (unsigned)status;
            answer->body = bytes;
            return ERR_OK;
        }
        if (colon == SIZE_MAX || answer->count == HTTP_FIELDS_MAX) {
            return ERR_CORRUPT;
        }
        struct str name = str_cut(line, 0, colon);
        struct str value = str_cut(line, colon + 2, line.len);
        if (str_equal(name, STR(TYPE))) {
            answer->content_type = value;
        } else {
            answer->fields[answer->count++] = (struct http_field){name, value};
        }
    }
    return ERR_CORRUPT;
}
