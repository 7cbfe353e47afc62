/* SPDX-License-Identifier: Apache-2.0
 * ask.h - what a request of any dialect asks for, in one shape.
 *
 * Invariant: `called` and `results` are those since the last user message; `results` only those
 * that no later tool call follows. Strings live in the request's bytes or in `arena`.
 */
#ifndef AIRE_PROVIDER_ASK_H
#define AIRE_PROVIDER_ASK_H

#include "json/json.h"

#define ASK_STOPS_MAX   8
#define ASK_CALLED_MAX  16
#define ASK_RESULTS_MAX 8
#define ASK_CHOICES_MAX 8

struct ask_tool {
    struct str name;
    uint32_t schema; /* of its arguments; JSON_NONE */
};

enum ask_choice { ASK_AUTO, ASK_NO_TOOL, ASK_SOME_TOOL, ASK_THIS_TOOL };

struct ask {
    const struct json *json;
    struct arena *arena;
    uint64_t hash; /* of the request: every id derives from it */
    struct str model;
    struct str said; /* text of the last user message */
    const struct ask_tool *tools;
    size_t tool_count;
    struct str called[ASK_CALLED_MAX];
    size_t called_count;
    struct str results[ASK_RESULTS_MAX];
    size_t result_count;
    enum ask_choice choice;
    struct str chosen; /* with ASK_THIS_TOOL */
    bool parallel;
    bool stream;
    bool include_usage;
    bool json_only; /* JSON without a schema */
    bool thinking;
    uint32_t schema; /* of the answer, or JSON_NONE */
    uint64_t tokens_max;
    struct str stops[ASK_STOPS_MAX];
    size_t stop_count;
    uint64_t choices;
    uint64_t input_tokens;
};

/* Why a request is refused with 400. */
struct ask_problem {
    struct str message;
    struct str param;
};

/* `ask` has json, arena and hash set. False: the request is not valid, see `problem`. */
bool ask_chat(struct ask *ask, struct ask_problem *problem);
bool ask_responses(struct ask *ask, struct ask_problem *problem);
bool ask_messages(struct ask *ask, struct ask_problem *problem);

#endif
