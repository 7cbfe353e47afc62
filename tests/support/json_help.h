/* SPDX-License-Identifier: Apache-2.0
 * json_help.h - texts, mutations and a rewriter that several JSON tests share.
 */
#ifndef AIRE_TESTS_JSON_HELP_H
#define AIRE_TESTS_JSON_HELP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "json/json.h"

/* Valid texts that together use every rule of the grammar. */
extern const struct str json_samples[];
extern const size_t json_samples_count;

/* 1 to 4 random changes to `text`, biased to bytes that mean something in JSON; in the arena. */
struct str json_mutate(struct rng *rng, struct str text, struct arena *arena);

/* Writes a parsed document anew: decoded keys and strings, raw numbers. */
enum err json_rewrite(const struct json *json, struct arena *arena, struct buf *to) MUST_USE;

#endif
