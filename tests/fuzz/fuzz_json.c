/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json.c - parser and check agree; strings survive decoding and escaping. */
#include "base/must.h"
#include "json/json.h"
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
    bool valid = json_parse(&json, text, NULL, arena, NULL) == ERR_OK;
    must(json_valid(text, NULL) == valid);
    for (uint32_t node = 0; node < json.count; node++) {
        if (json_is(&json, node, JSON_STRING)) {
            check_string(&json, node, arena);
        }
        (void)json_duplicate(&json, node);
    }
    arena_free(arena);
    return 0;
}
