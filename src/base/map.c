/* SPDX-License-Identifier: Apache-2.0
 * map.c - open addressing with linear probing; a removed entry leaves a mark (tombstone).
 *
 * Invariants: capacity is 0 or a power of two; live entries and marks fill at most 3/4 of it, so a
 * probe always meets an empty slot; nothing moves while entries are removed, so a walk may remove.
 */
#include "base/map.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 16

struct slot {
    char *key; /* NULL: no entry */
    size_t len;
    uint64_t hash;
    void *value; /* of an empty slot: NULL; of a mark: the map */
};

struct map {
    uint64_t seed[2];
    struct slot *slots;
    size_t cap;
    size_t count;
    size_t marks;
    size_t count_max;
};

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static uint64_t load_le(const char *at, size_t bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < bytes; i++) {
        word |= (uint64_t)(unsigned char)at[i] << (8 * i);
    }
    return word;
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t siphash(const uint64_t seed[2], struct str bytes)
{
    uint64_t v[4] = {
        seed[0] ^ UINT64_C(0x736f6d6570736575),
        seed[1] ^ UINT64_C(0x646f72616e646f6d),
        seed[0] ^ UINT64_C(0x6c7967656e657261),
        seed[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = bytes.len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        sip_word(v, load_le(bytes.at + i, 8));
    }
    uint64_t rest = whole < bytes.len ? load_le(bytes.at + whole, bytes.len - whole) : 0;
    sip_word(v, rest | (uint64_t)bytes.len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(const uint64_t seed[2], size_t count_max)
{
    must(seed != NULL);
    struct map *map = must_have(calloc(1, sizeof *map));
    memcpy(map->seed, seed, sizeof map->seed);
    map->count_max = count_max;
    return map;
}

void map_free(struct map *map)
{
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i < map->cap; i++) {
        free(map->slots[i].key);
    }
    free(map->slots);
    free(map);
}

static bool is_empty(const struct slot *slot)
{
    return slot->key == NULL && slot->value == NULL;
}

static bool holds(const struct slot *slot, uint64_t hash, struct str key)
{
    return slot->hash == hash && slot->key != NULL &&
           str_equal((struct str){slot->key, slot->len}, key);
}

/* The slot that holds `key`, or NULL. */
static struct slot *find(const struct map *map, uint64_t hash, struct str key)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t mask = map->cap - 1;
    size_t i = (size_t)hash & mask;
    while (!is_empty(&map->slots[i])) {
        if (holds(&map->slots[i], hash, key)) {
            return &map->slots[i];
        }
        i = (i + 1) & mask;
    }
    return NULL;
}

/* The first slot on the way of `hash` that holds no entry. */
static struct slot *vacancy(const struct map *map, uint64_t hash)
{
    size_t mask = map->cap - 1;
    size_t i = (size_t)hash & mask;
    while (map->slots[i].key != NULL) {
        i = (i + 1) & mask;
    }
    return &map->slots[i];
}

/* Room for one more: doubles when entries fill the table, else only sweeps the marks out. */
static void make_room(struct map *map)
{
    if (map->cap > 0 && (map->count + map->marks + 1) <= map->cap / 4 * 3) {
        return;
    }
    struct map old = *map;
    if (map->cap == 0) {
        map->cap = CAP_FIRST;
    } else if (map->count >= map->cap / 2) {
        map->cap *= 2;
    }
    map->slots = must_have(calloc(map->cap, sizeof *map->slots));
    map->marks = 0;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].key != NULL) {
            *vacancy(map, old.slots[i].hash) = old.slots[i];
        }
    }
    free(old.slots);
}

void *map_get(const struct map *map, struct str key)
{
    const struct slot *slot = find(map, siphash(map->seed, key), key);
    return slot ? slot->value : NULL;
}

enum err map_put(struct map *map, struct str key, void *value)
{
    must(value != NULL);
    uint64_t hash = siphash(map->seed, key);
    struct slot *slot = find(map, hash, key);
    if (slot != NULL) {
        slot->value = value;
        return ERR_OK;
    }
    if (map->count >= map->count_max) {
        return ERR_LIMIT;
    }
    make_room(map);
    char *copy = must_have(malloc(key.len + 1));
    (void)str_copy(key, copy, key.len + 1);
    slot = vacancy(map, hash);
    map->marks -= !is_empty(slot);
    *slot = (struct slot){copy, key.len, hash, value};
    map->count++;
    return ERR_OK;
}

void *map_remove(struct map *map, struct str key)
{
    struct slot *slot = find(map, siphash(map->seed, key), key);
    if (slot == NULL) {
        return NULL;
    }
    void *value = slot->value;
    free(slot->key);
    map->count--;
    size_t next = ((size_t)(slot - map->slots) + 1) & (map->cap - 1);
    /* Where a probe would end anyway no mark is needed. */
    bool mark = !is_empty(&map->slots[next]);
    *slot = (struct slot){.value = mark ? map : NULL};
    map->marks += mark;
    return value;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

bool map_next(const struct map *map, size_t *at, struct str *key, void **value)
{
    while (*at < map->cap) {
        const struct slot *slot = &map->slots[(*at)++];
        if (slot->key != NULL) {
            *key = (struct str){slot->key, slot->len};
            *value = slot->value;
            return true;
        }
    }
    return false;
}
