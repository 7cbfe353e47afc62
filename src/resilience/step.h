/* SPDX-License-Identifier: Apache-2.0
 * step.h - the words of durable runs: what a step is, what it does to the world, how far it is
 * (standard R3, R6).
 *
 * A run is one durable execution of an agent; a try is one start of it; a step is one recorded
 * call. The numbers of these enums stand in the store: they may grow, never change.
 */
#ifndef AIRE_RESILIENCE_STEP_H
#define AIRE_RESILIENCE_STEP_H

#include "base/err.h"
#include "base/str.h"
#include "base/when.h"

#include <stdint.h>

#define RUN_ID_BYTES_MAX   64 /* A-Z a-z 0-9 . _ : - ; the first a letter or digit */
#define RUN_TRY_MAX        1000000u
#define STEP_KEY_BYTES_MAX 128 /* printable ASCII without spaces */

#define RUN_STEPS_MAX      10000                 /* further steps are refused: FULL */
#define RUN_BYTES_MAX      ((uint64_t)256 << 20) /* of bodies, as asked and answered */
#define JOURNAL_RUNS_MAX   20000                 /* in memory */
#define JOURNAL_STEPS_IDLE 500000 /* of runs nobody uses; beyond it the oldest are forgotten */

enum step_kind {
    STEP_MODEL,
    STEP_TOOL,
    STEP_TIMER,
    STEP_SIGNAL,
    STEP_APPROVAL,
    STEP_CODE, /* the agent's own */
    STEP_CHILD,
    STEP_JOIN
};

/* Nothing; the same when repeated; the same when repeated under its key; something each time. */
enum step_effect { EFFECT_READ, EFFECT_IDEMPOTENT, EFFECT_KEYED, EFFECT_UNSAFE };

enum step_state {
    STEP_INTENT,   /* durable before the call was made */
    STEP_DONE,     /* its result is durable */
    STEP_IN_DOUBT, /* whether it happened is not known */
    STEP_SKIPPED,  /* a person decided that it does not happen */
    STEP_FAILED    /* it did not happen, for sure: it may be made */
};

enum run_state { RUN_OPEN, RUN_DONE, RUN_FAILED, RUN_CANCELLED, RUN_DIVERGED, RUN_DEAD };

struct run_digest {
    uint8_t bytes[16];
};

/* A call as the journal sees it. */
struct step_call {
    enum step_kind kind;
    enum step_effect effect;
    struct run_digest exact; /* of the masked, canonical request */
    struct run_digest loose; /* of what decides the answer, fleeting words folded */
    struct run_digest sort;  /* of endpoint and model, or of the tool's action */
    struct str key;          /* the agent's own name of the step; "" none */
};

/* A step as it is stored and loaded. */
struct step {
    struct step_call call;
    enum step_state state;
    uint32_t seq;        /* 1, 2, ... in order of claims */
    uint32_t occurrence; /* its place among equal digests: 0, 1, ... */
    uint32_t attempt;    /* the try that made it, or makes it */
    int64_t number;      /* the store's row; 0: it has none yet */
    struct wall intent_at;
    struct wall done_at;
};

/* What to do with a call that fits no recorded step while one of its sort waits to be asked for
 * again: its answer is used if what decides it is the same; the call is made; the run stops. */
enum divergence { DIVERGENCE_RELAXED, DIVERGENCE_LIVE, DIVERGENCE_STOP };
struct journal_policy {
    enum divergence model;  /* relaxed */
    enum divergence read;   /* live */
    enum divergence effect; /* stop */
    uint32_t budget; /* calls made although they diverged, of one run; beyond it it stops: 3 */
};

/* What becomes of a call. */
enum journal_answer {
    JOURNAL_MAKE,     /* a new step, or one whose maker failed: make the call */
    JOURNAL_REPLAY,   /* the step answers */
    JOURNAL_JOIN,     /* another call is making it; when the waiter was posted, claim again */
    JOURNAL_AGAIN,    /* its maker died between intent and result: make it again, same key */
    JOURNAL_DOUBT,    /* likewise, but making it again may do it twice */
    JOURNAL_FENCED,   /* a higher try has begun */
    JOURNAL_DIVERGED, /* the run stands still until a person decides */
    JOURNAL_CONFLICT, /* this key, or number, is another request's */
    JOURNAL_OUT,      /* this very try has been given it, and has not reported */
    JOURNAL_FULL,     /* RUN_STEPS_MAX or RUN_BYTES_MAX */
    JOURNAL_CLOSED    /* done, failed, cancelled */
};

static inline struct str run_digest_str(const struct run_digest *digest)
{
    return (struct str){(const char *)digest->bytes, sizeof digest->bytes};
}

const char *step_kind_name(enum step_kind kind);
const char *step_effect_name(enum step_effect effect);
const char *step_state_name(enum step_state state);
const char *run_state_name(enum run_state state);
#define RUN_STATES (RUN_DEAD + 1)

bool run_id_is_valid(struct str id);
bool step_key_is_valid(struct str key);

#endif
