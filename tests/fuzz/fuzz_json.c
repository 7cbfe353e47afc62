/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json.c - parser, check and reader (whole, and cut where the first byte says) agree; strings
 * survive decoding and escaping. */
#include "base/must.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

static void check_string(const struct json *json, uint32_t node, struct arena *arena)
{
    struct str decoded = json_string(json, node, arena);
    must(json_string_is(json, node, decoded));
    struct buf escaped;
    struct buf back;
    buf_init(&escaped, decoded.len * 6);
    buf_init(&back, decoded.len);
    must(json_escape(&escaped, decoded) == ERR_OK);
    must(json_unescape(&back, buf_str(&escaped)) == ERR_OK && str_equal(decoded, buf_str(&back)));
    buf_end(&escaped);
    buf_end(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_problem problem;
    bool valid = json_parse(&json, text, NULL, arena, &problem) == ERR_OK;
    must(json_valid(text, NULL) == valid);
    for (size_t cut = 0; cut <= size; cut += size > 0 && data[0] < size ? data[0] + 1U : size + 1) {
        struct json_reader reader;
        json_reader_init(&reader);
        bool fed = json_reader_feed(&reader, str_cut(text, 0, cut)) == ERR_OK;
        fed = json_reader_feed(&reader, str_cut(text, cut, size)) == ERR_OK && fed;
        must((fed && json_reader_complete(&reader)) == valid &&
             (valid || reader.offset == problem.offset));
    }
    for (uint32_t node = 0; node < json.count; node++) {
        if (json_is(&json, node, JSON_STRING)) {
            check_string(&json, node, arena);
        }
        (void)json_duplicate(&json, node);
    }
    arena_free(arena);
    return 0;
}
