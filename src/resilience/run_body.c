/* SPDX-License-Identifier: Apache-2.0
 * run_body.c - where the conversation stands in a body, and the chain of its turns. */
#include "resilience/run_body.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define CUT_BYTES 8 /* position of the cut, little endian, in front of the rest's bytes */

static struct part_id identify(const struct seal_key *key, const struct part_id *parent,
                               struct str bytes, struct arena *arena)
{
    uint8_t mac[32];
    struct part_id id;
    const struct str parts[] = {part_id_str(parent), bytes};
    seal_mac(key, arena_join(arena, parts, 2), mac);
    memcpy(id.bytes, mac, sizeof id.bytes);
    return id;
}

static uint32_t conversation_of(const struct json *json)
{
    static const struct str names[] = {STR_CONST("messages"), STR_CONST("input")};
    for (size_t i = 0; json != NULL && i < sizeof names / sizeof names[0]; i++) {
        uint32_t node = json_get(json, JSON_ROOT, names[i]);
        if (json_is(json, node, JSON_ARRAY) && json_count(json, node) > 0) {
            return node;
        }
    }
    return JSON_NONE;
}

/* Returns where the last turn ends. */
static size_t cut_turns(const struct seal_key *key, const struct json *json, uint32_t list,
                        struct arena *arena, struct run_body *split)
{
    struct part_id parent = {{0}};
    size_t end = (size_t)(json_raw(json, list).at - json->text.at) + 1;
    split->turns = arena_array_of(arena, struct body_part, json_count(json, list));
    for (uint32_t n = json_first(json, list); n != JSON_NONE; n = json_after(json, list, n)) {
        struct str raw = json_raw(json, n);
        size_t next = (size_t)(raw.at - json->text.at) + raw.len;
        struct body_part *turn = &split->turns[split->turn_count++];
        turn->bytes = str_cut(json->text, end, next);
        turn->parent = parent;
        turn->id = parent = identify(key, &parent, turn->bytes, arena);
        end = next;
    }
    return end;
}

void run_body_split(const struct seal_key *key, struct str body, const struct json *json,
                    struct arena *arena, struct run_body *split)
{
    *split = (struct run_body){0};
    uint32_t list = conversation_of(json);
    size_t cut = body.len;
    size_t end = body.len;
    if (list != JSON_NONE) {
        must(json->text.at == body.at && json->text.len == body.len);
        cut = (size_t)(json_raw(json, list).at - body.at) + 1;
        end = cut_turns(key, json, list, arena, split);
    }
    char place[CUT_BYTES];
    for (size_t i = 0; i < CUT_BYTES; i++) {
        place[i] = (char)((uint64_t)cut >> (8 * i) & 0xff);
    }
    const struct str parts[] = {
        {place, CUT_BYTES}, str_cut(body, 0, cut), str_cut(body, end, body.len)};
    static const struct part_id none = {{0}};
    split->rest.bytes = arena_join(arena, parts, 3);
    split->rest.id = identify(key, &none, split->rest.bytes, arena);
}

enum err run_body_join(struct str rest, const struct str *turns, size_t count, struct buf *to)
{
    uint64_t cut = 0;
    if (rest.len < CUT_BYTES) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < CUT_BYTES; i++) {
        cut |= (uint64_t)(uint8_t)rest.at[i] << (8 * i);
    }
    struct str body = str_cut(rest, CUT_BYTES, rest.len);
    if (cut > body.len) {
        return ERR_CORRUPT;
    }
    enum err code = buf_add(to, str_cut(body, 0, (size_t)cut));
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = buf_add(to, turns[i]);
    }
    return code == ERR_OK ? buf_add(to, str_cut(body, (size_t)cut, body.len)) : code;
}

/* ---- what the store has ---- */

static struct part_id *slot_of(const struct parts_known *known, const struct part_id *id)
{
    uint64_t at; /* ids are keyed digests: any bytes of them are spread evenly */
    memcpy(&at, id->bytes, sizeof at);
    return &known->ids[at % PARTS_KNOWN_MAX];
}

void parts_known_end(struct parts_known *known)
{
    free(known->ids);
    known->ids = NULL;
}

bool parts_known_has(const struct parts_known *known, const struct part_id *id)
{
    return known->ids != NULL && memcmp(slot_of(known, id), id, sizeof *id) == 0;
}

void parts_known_add(struct parts_known *known, const struct part_id *id)
{
    if (known->ids == NULL) {
        known->ids = must_have(calloc(PARTS_KNOWN_MAX, sizeof *known->ids));
    }
    *slot_of(known, id) = *id;
}
