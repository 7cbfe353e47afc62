/* SPDX-License-Identifier: Apache-2.0
 * limits.h - rates (GCRA), tokens and money per day and month, per principal and end user (S3, S5).
 *
 * GCRA (ATM Forum TM 4.0; the "virtual scheduling" form): one theoretical arrival time per subject,
 * burst = the whole count of the rate. Tokens and money are reserved (an upper bound) before the
 * call and settled (what it really was) after it, exactly once, in the day and month (UTC) in which
 * they were reserved. One mutex covers all subjects, so that several claims are taken together;
 * beyond LIMIT_SUBJECTS_MAX those without traffic in this month are dropped, then new ones refused
 * (fail closed).
 */
#ifndef AIRE_SECURITY_LIMITS_H
#define AIRE_SECURITY_LIMITS_H

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "store/store.h"

#define LIMIT_SUBJECTS_MAX 100000
#define LIMIT_CLAIMS_MAX   4 /* principal, tool, agent, end user */

struct limit_rule {
    struct rate rate;     /* count 0: none */
    int64_t day_microusd; /* 0: none */
    int64_t month_microusd;
    uint64_t day_tokens;
    uint64_t month_tokens;
};

enum limit_kind {
    LIMIT_NONE,
    LIMIT_RATE,
    LIMIT_DAY_MONEY,
    LIMIT_MONTH_MONEY,
    LIMIT_DAY_TOKENS,
    LIMIT_MONTH_TOKENS,
    LIMIT_SUBJECTS
};
const char *limit_kind_name(enum limit_kind kind); /* "none" "rate" "day_money" ... */

struct limits;
struct limits *limits_new(const uint64_t seed[2]);
void limits_free(struct limits *limits); /* NULL is fine */

/* A subject by its full name, e.g. "tenant principal" or "tenant agent:NAME user:NAME", and the
 * rule that holds for it now. An empty rule only counts. */
struct limit_claim {
    struct str subject;
    struct limit_rule rule;
    bool observe; /* this one refuses nothing; the answer tells what it would have */
};

struct limit_answer {
    enum limit_kind hit;     /* LIMIT_NONE: granted */
    size_t claim;            /* which claim was hit */
    uint64_t retry_after_ms; /* rate: until one more is allowed; money, tokens: until the period
                              * ends; 0: waiting does not help */
};

/* The first five members are the caller's, claims unchanged until settled. */
struct limit_reservation {
    const struct limit_claim *claims;
    size_t count;    /* <= LIMIT_CLAIMS_MAX */
    uint64_t tokens; /* upper bounds */
    int64_t microusd;
    bool observe; /* always held, as if every claim had `observe` */
    int64_t day;  /* filled: periods in which it is held */
    int64_t month;
    bool held;
    unsigned taken; /* internal: claims that hold, a bit each */
};
/* Takes from all claims or from none; true when held. */
bool limits_reserve(struct limits *limits, struct limit_reservation *reservation,
                    struct instant now, struct wall wall, struct limit_answer *answer);
/* Gives the reservation back and counts what it really was; of one that is not held: nothing. */
void limits_settle(struct limits *limits, struct limit_reservation *reservation, uint64_t tokens,
                   int64_t microusd);

/* Spend is durable with the exchange's record: one upsert per subject and period, in the same unit.
 */
extern const struct schema limits_schema;      /* table spend(subject, period, tokens, microusd) */
#define LIMIT_STEPS_MAX (2 * LIMIT_CLAIMS_MAX) /* day and month each */
/* What an end user has spent is no longer known to the store; tenant "": of any. */
void limits_forget_step(struct str tenant, struct str user, struct arena *arena,
                        struct store_step *step);
/* Of a granted reservation; 0 steps when nothing was spent. */
size_t limits_steps(const struct limit_reservation *reservation, uint64_t tokens, int64_t microusd,
                    struct arena *arena, struct store_step steps[LIMIT_STEPS_MAX]);
/* What was spent in the current day and month, before serving. */
enum err limits_load(struct limits *limits, struct store *store, struct wall now) MUST_USE;

struct limit_view {
    int64_t day_microusd;
    int64_t month_microusd;
    uint64_t day_tokens;
    uint64_t month_tokens;
    int64_t held_microusd; /* reserved in this month and not settled */
    uint64_t held_tokens;
};
bool limits_look(struct limits *limits, struct str subject, struct wall now,
                 struct limit_view *view);
size_t limits_count(struct limits *limits);

#endif
