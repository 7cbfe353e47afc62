/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json_edit.c - the first line says what to do with the members of the object behind it:
 * capital letter X sets "x", small letter x removes it. The result is valid and has "x" as last
 * asked. */
#include "base/must.h"
#include "json/json_edit.h"

static char name_of(char step)
{
    return (char)(0x60 | (step & 0x1f));
}

static bool sets(char step)
{
    return (step & 0x20) == 0;
}

static void check_result(const struct json_edit *edit, struct str steps, struct arena *arena)
{
    struct buf to;
    struct json after;
    buf_init(&to, json_edit_length(edit));
    must(json_edit_apply(edit, &to) == ERR_OK && to.len == json_edit_length(edit));
    must(json_parse(&after, buf_str(&to), NULL, arena, NULL) == ERR_OK);
    for (size_t i = steps.len; i > 0; i--) {
        char key[1] = {name_of(steps.at[i - 1])};
        size_t last = i;
        while (last < steps.len && name_of(steps.at[last]) != key[0]) {
            last++;
        }
        bool is_set = sets(steps.at[i - 1]);
        uint32_t found = json_get(&after, JSON_ROOT, (struct str){key, 1});
        must(last < steps.len || (found != JSON_NONE) == is_set);
    }
    buf_end(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str steps = {NULL, 0};
    (void)str_split(&rest, '\n', &steps);
    steps = str_cut(steps, 0, 64);
    struct arena *arena = arena_new(4096);
    struct json json;
    struct json_edit edit;
    bool usable = json_parse(&json, rest, NULL, arena, NULL) == ERR_OK &&
                  json_is(&json, 0, JSON_OBJECT);
    json_edit_init(&edit, rest, arena);
    enum err code = ERR_OK;
    for (size_t i = 0; usable && code == ERR_OK && i < steps.len; i++) {
        char key[1] = {name_of(steps.at[i])};
        struct str name = {key, 1};
        code = sets(steps.at[i]) ? json_edit_set(&edit, &json, 0, name, STR("[1]"))
                                 : json_edit_remove(&edit, &json, 0, name);
    }
    if (usable && code == ERR_OK) {
        check_result(&edit, steps, arena);
    }
    arena_free(arena);
    return 0;
}
