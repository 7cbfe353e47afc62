/* SPDX-License-Identifier: Apache-2.0
 * tool.h - a tool behind /tools/NAME/: plain HTTP at a base URL, with what is known of its actions
 * (standard R3: what a call does to the world decides what may be repeated).
 *
 * A tool is one route with one target whose provider is the base URL: breaker, retries, limits and
 * record are those of models. Its route, target and provider are named "tool:NAME". Immutable;
 * lives in the arena of its configuration.
 */
#ifndef AIRE_GATEWAY_TOOL_H
#define AIRE_GATEWAY_TOOL_H

#include "gateway/route.h"
#include "resilience/step.h"
#include "security/limits.h"

#define TOOL_PREFIX      "tool:"
#define TOOL_PATH        "/tools/"
#define TOOL_ACTIONS_MAX 256 /* of one tool */
#define TOOL_FIELDS_MAX  16

/* "METHOD /path": segments in braces stand for any one segment. */
struct action_call {
    struct str method; /* "": none was declared */
    struct str path;
};

struct action {
    struct str name;
    enum step_effect effect;
    struct str key_field;   /* header field of the idempotency key, or "" */
    struct str key_pointer; /* its place in a JSON body, or "" */
    struct action_call match;
    struct action_call probe; /* asks whether the call with {key} happened */
    struct str amount;        /* pointers into the body, for guardrails of actions; */
    struct str resource;      /* nothing acts on them yet */
};

struct tool {
    struct str name;
    struct provider provider;
    struct target target;
    const struct target *targets[1];
    struct tier tier;
    struct route route;
    struct rate rate; /* per principal */
    const struct action *actions;
    size_t action_count;
};

/* What an exchange calls; all zero where it is a model. */
struct tool_call {
    const struct tool *tool;
    const struct action *action;
    struct str tail;    /* behind the base path, as it came: "" or "/..." */
    struct str decoded; /* the same without percent signs */
    struct str key;     /* idempotency key, sent where the action says; "" none (tool_call.h) */
    struct inspecting *inspecting; /* the inspect stage's own */
    bool reached;                  /* an attempt failed whose bytes may have reached the tool */
};

/* Where a path below /tools/ leads. False: it names no tool. `tail` begins with '/' or is "". */
bool tool_split(struct str path, struct str *name, struct str *tail);
/* The tail with its percent signs decoded. INVALID: bad encoding, or segments "." and "..", which
 * could leave the tool's base path. */
enum err tool_decode(struct str tail, struct arena *arena, struct str *decoded) MUST_USE;
/* By `match`, else by the first segment being its name; undeclared: GET, HEAD, OPTIONS read, all
 * else is unsafe. Never NULL. */
const struct action *tool_action(const struct tool *tool, struct str method, struct str decoded);

/* "GET /refunds/{key}"; false: it is none. */
bool action_call_read(struct str text, struct action_call *call);

#endif
