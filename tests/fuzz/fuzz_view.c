/* SPDX-License-Identifier: Apache-2.0
 * fuzz_view.c - the inside of a JSON string as a view: the bytes that json decodes, each with its
 * way back. */
#include "base/must.h"
#include "text/view.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096);
    const struct str raw = {(const char *)data, size};
    const struct str parts[] = {STR("\""), raw, STR("\"")};
    struct json json;
    struct str quoted = arena_join(arena, parts, 3);
    if (json_parse(&json, quoted, NULL, arena, NULL) == ERR_OK &&
        json_is(&json, JSON_ROOT, JSON_STRING) && json_inner(&json, JSON_ROOT).len == size) {
        struct view view = view_unescape(raw, arena);
        must(str_equal(view.text, json_string(&json, JSON_ROOT, arena)));
        size_t last = 0;
        for (size_t i = 0; i < view.text.len; i++) {
            size_t from;
            size_t to;
            view_span(&view, i, i + 1, &from, &to);
            must(from >= last && from < to && to <= size);
            must(raw.at[from] == '\\' || raw.at[from] == view.text.at[i]);
            last = from;
        }
    }
    arena_free(arena);
    return 0;
}
