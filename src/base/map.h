/* SPDX-License-Identifier: Apache-2.0
 * map.h - hash map from byte strings to pointers, safe against chosen keys (SipHash-2-4, Aumasson
 * and Bernstein 2012, keyed per map). The map copies keys and never owns values.
 */
#ifndef AIRE_BASE_MAP_H
#define AIRE_BASE_MAP_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct map;

/* `seed` is secret per process where keys come from outside; `count_max` bounds the entries. */
struct map *map_new(const uint64_t seed[2], size_t count_max);
void map_free(struct map *map); /* NULL is fine; values are the caller's */

void *map_get(const struct map *map, struct str key); /* NULL: absent */
/* Replaces an earlier value; `value` is not NULL; ERR_LIMIT at count_max entries. */
enum err map_put(struct map *map, struct str key, void *value) MUST_USE;
void *map_remove(struct map *map, struct str key); /* the value or NULL */
size_t map_count(const struct map *map);

/* Walks all entries in no particular order: start with *at = 0, ends with false. Removing the entry
 * just returned is allowed, other changes are not. */
bool map_next(const struct map *map, size_t *at, struct str *key, void **value);

uint64_t siphash(const uint64_t seed[2], struct str bytes);

#endif
