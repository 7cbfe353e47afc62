/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json_canon.c - a canonical form is JSON and its own canonical form, also with something left
 * out. The first line is a mask, the rest the text. */
#include "base/must.h"
#include "json/json_canon.h"

#define GROWTH 6 /* what callers give it room for */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: the text is no JSON. */
static bool canon(struct str text, const struct json_masks *masks, struct arena *arena,
                  struct str *to)
{
    struct json json;
    struct json_canon how = {.masks = masks, .arena = arena};
    struct buf out;
    if (json_parse(&json, text, NULL, arena, NULL) != ERR_OK) {
        return false;
    }
    buf_init(&out, GROWTH * text.len);
    must(json_canon(&how, &json, JSON_ROOT, &out) == ERR_OK);
    *to = arena_str(arena, buf_str(&out));
    buf_end(&out);
    return true;
}

static void check(struct str text, const struct json_masks *masks, struct arena *arena)
{
    struct str once;
    struct str twice;
    if (canon(text, masks, arena, &once)) {
        must(canon(once, NULL, arena, &twice));
        must(str_equal(once, twice));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(4096);
    struct json_masks masks = {.count = 0};
    struct str all = {(const char *)data, size};
    size_t line = str_find_byte(all, '\n');
    if (line != SIZE_MAX) {
        struct str text = str_cut(all, line + 1, size);
        check(text, NULL, arena);
        if (json_masks_add(&masks, str_cut(all, 0, line), arena) == ERR_OK) {
            check(text, &masks, arena);
        }
    }
    arena_free(arena);
    return 0;
}
