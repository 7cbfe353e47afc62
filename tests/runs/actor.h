/* SPDX-License-Identifier: Apache-2.0
 * actor.h - an agent's script, and all that is known from outside of each of its calls.
 */
#ifndef AIRE_TESTS_RUNS_ACTOR_H
#define AIRE_TESTS_RUNS_ACTOR_H

#include "io/loop.h"

#define CALLS_MAX  8 /* of an agent's script */
#define LIVES_MAX  40
#define ANSWER_MAX 400

struct world;

enum call_kind {
    CALL_MODEL,
    CALL_STREAM,
    CALL_FIND,     /* read */
    CALL_PUT,      /* idempotent */
    CALL_PAY,      /* keyed */
    CALL_REFUND,   /* unsafe */
    CALL_TRANSFER, /* unsafe, with a probe */
    CALL_KINDS
};

/* One call of a script, and all that is known of it from outside. */
struct deed {
    enum call_kind kind;
    bool named;  /* has a key of its own: x-aire-step */
    bool beside; /* is asked for together with the one before it */
    bool poll;   /* its request is the same as that of step `like` */
    unsigned like;
    unsigned polled;  /* so many later steps have its request */
    unsigned arrived; /* requests that the tool read */
    unsigned applied; /* effects: a tool that takes keys does a thing once a key */
    unsigned sends;   /* a person decided: send it again */
    bool skipped;     /* a person decided: it happened, go on */
    bool doubted;     /* an agent was told that it is in doubt: step `seq` of its run */
    unsigned seq;
    char key[64]; /* the idempotency key that came with it */
    bool told;    /* an agent got the whole answer */
    char answer[ANSWER_MAX];
    size_t answer_len;
};

struct actor {
    struct world *world;
    unsigned number;
    char run[16];
    bool volatile_words; /* its prompts tell the time */
    struct deed deeds[CALLS_MAX];
    unsigned count;
    unsigned lives;   /* so many tries have begun */
    uint64_t told_ms; /* when `told_try`, the highest that was told anything, first was */
    uint32_t told_try;
    unsigned deaths_left;
    bool done;
    struct timer next; /* a supervisor starts the next try */
    struct timer doom; /* the agent dies, or something takes it for dead */
};

static inline bool kind_is_effect(enum call_kind kind)
{
    return kind >= CALL_PUT;
}

#endif
