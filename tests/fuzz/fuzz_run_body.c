/* SPDX-License-Identifier: Apache-2.0
 * fuzz_run_body.c - a body in parts is the body again, and any bytes may be given for a rest. */
#include "base/must.h"
#include "base/num.h"
#include "resilience/run_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_whole(struct str body, struct arena *arena)
{
    static const struct seal_key key = {{1}};
    struct json json;
    struct run_body split;
    struct buf joined;
    bool is_json = json_parse(&json, body, NULL, arena, NULL) == ERR_OK;
    run_body_split(&key, body, is_json ? &json : NULL, arena, &split);
    struct str *turns = arena_array_of(arena, struct str, split.turn_count + 1);
    for (size_t i = 0; i < split.turn_count; i++) {
        turns[i] = split.turns[i].bytes;
    }
    buf_init(&joined, body.len);
    must(run_body_join(split.rest.bytes, turns, split.turn_count, &joined) == ERR_OK);
    must(str_equal(buf_str(&joined), body));
    buf_end(&joined);
}

static void check_rest(struct str rest)
{
    const struct str turns[] = {STR_CONST("1"), STR_CONST(",2")};
    struct buf joined;
    buf_init(&joined, KIB(1));
    enum err code = run_body_join(rest, turns, 2, &joined);
    must(code != ERR_OK || joined.len + 8 == rest.len + 3);
    buf_end(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    struct arena *arena = arena_new(4096);
    check_whole(bytes, arena);
    check_rest(bytes);
    arena_free(arena);
    return 0;
}
