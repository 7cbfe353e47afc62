/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tool_path.c - no path below /tools/ leaves a tool's base, however it is written; its action
 * is the same when its percent signs are decoded and slashes are doubled; declared calls name both.
 */
#include "base/must.h"
#include "gateway/tool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct action actions[] = {
    {.name = STR_CONST("hold"),
     .effect = EFFECT_IDEMPOTENT,
     .match = {STR_CONST("PUT"), STR_CONST("/orders/{id}/hold")}},
    {.name = STR_CONST("refund"), .effect = EFFECT_KEYED},
};
static const struct tool shop = {.name = STR_CONST("shop"), .actions = actions, .action_count = 2};

/* As the laxest of servers walks it: the depth below the base. */
static void must_stay_below(struct str path)
{
    struct str rest = path;
    struct str segment;
    while (str_split(&rest, '/', &segment)) {
        must(!str_equal(segment, STR("..")) && !str_equal(segment, STR(".")));
        must(str_find(segment, STR("\\..\\")) == SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new(4096);
    struct str name;
    struct str tail;
    struct str decoded;
    struct action_call call;
    if (tool_split(text, &name, &tail)) {
        must(name.len > 0 && str_find_byte(name, '/') == SIZE_MAX);
        must(tail.len == 0 || tail.at[0] == '/');
        text = tail;
    }
    if (tool_decode(text, arena, &decoded) == ERR_OK) {
        must_stay_below(decoded);
        const struct action *action = tool_action(&shop, STR("PUT"), decoded);
        const struct str doubled[] = {STR("//"), decoded, STR("/")};
        must(action == tool_action(&shop, STR("PUT"), arena_join(arena, doubled, 3)));
        must(action->effect != EFFECT_READ); /* PUT is never taken for a read */
    }
    if (action_call_read(text, &call)) {
        must(call.method.len > 0 && call.path.at[0] == '/');
    }
    arena_free(arena);
    return 0;
}
