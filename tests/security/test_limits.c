/* SPDX-License-Identifier: Apache-2.0
 * test_limits.c - rates to the nanosecond, reservations to the micro-dollar, periods, threads,
 * store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/limits.h"
#include "sys/thread.h"

#include <stdio.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define DAY_US    (INT64_C(86400) * SECOND_US)

/* 2026-11-25 12:00:00 UTC */
static const struct wall noon = {INT64_C(1795608000) * SECOND_US};
static const uint64_t seed[2] = {1, 2};
static const struct limit_rule no_limit = {.day_tokens = 0};

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){ms * NS_PER_MS};
}

static struct limit_claim claim_of(const char *subject, struct limit_rule rule)
{
    return (struct limit_claim){str_of(subject), rule, false};
}

static bool event(struct limits *limits, const struct limit_claim *claim, struct instant now,
                  struct limit_answer *answer)
{
    struct limit_reservation r = {.claims = claim, .count = 1};
    bool held = limits_reserve(limits, &r, now, noon, answer);
    limits_settle(limits, &r, 0, 0);
    return held;
}

static struct limit_view look(struct limits *limits, const char *subject, struct wall now)
{
    struct limit_view view;
    (void)limits_look(limits, str_of(subject), now, &view);
    return view;
}

/* ---- rates ---- */

static void a_burst_then_the_steady_rate(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claim = claim_of("t/p", (struct limit_rule){.rate = {10, 60000}});
    struct limit_answer answer;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(event(limits, &claim, at_ms(1000), &answer));
    }
    assert_false(event(limits, &claim, at_ms(1000), &answer));
    assert_int_equal(answer.hit, LIMIT_RATE);
    assert_int_equal(answer.retry_after_ms, 6000);
    assert_false(event(limits, &claim, at_ms(6999), &answer));
    assert_int_equal(answer.retry_after_ms, 1);
    for (unsigned i = 1; i <= 20; i++) { /* one every six seconds, no more */
        assert_true(event(limits, &claim, at_ms(1000 + 6000 * i), &answer));
        assert_false(event(limits, &claim, at_ms(1000 + 6000 * i), &answer));
    }
    for (unsigned i = 0; i < 10; i++) { /* a quiet minute gives the burst back */
        assert_true(event(limits, &claim, at_ms(200000), &answer));
    }
    assert_false(event(limits, &claim, at_ms(200000), &answer));
    limits_free(limits);
}

static void a_faster_rate_holds_at_once(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim slow = claim_of("t/p", (struct limit_rule){.rate = {1, 3600000}});
    struct limit_claim fast = claim_of("t/p", (struct limit_rule){.rate = {10, 1000}});
    struct limit_answer answer;
    assert_true(event(limits, &slow, at_ms(0), &answer));
    assert_false(event(limits, &fast, at_ms(0), &answer));
    assert_int_equal(answer.retry_after_ms, 100);
    assert_true(event(limits, &fast, at_ms(100), &answer));
    limits_free(limits);
}

#define EVENTS 4000

/* Between the i-th and the j-th granted event at least (j - i - count + 1) intervals pass, which
 * bounds every window: count at once plus one an interval. */
static void no_window_has_more_than_burst_and_rate(void **state)
{
    (void)state;
    static const struct rate rates[] = {{10, 60000}, {7, 1000}, {1, 1000}, {1000, 3600000}};
    static uint64_t granted[EVENTS];
    for (size_t k = 0; k < sizeof rates / sizeof rates[0]; k++) {
        struct limits *limits = limits_new(seed);
        struct limit_claim claim = claim_of("t/p", (struct limit_rule){.rate = rates[k]});
        struct rng rng;
        rng_seed(&rng, 5 + k);
        uint64_t period = rates[k].period_ms * NS_PER_MS;
        uint64_t now = 0;
        size_t count = 0;
        struct limit_answer answer;
        for (unsigned i = 0; i < EVENTS; i++) {
            now += rng_below(&rng, 20) == 0 ? rng_below(&rng, period) : rng_below(&rng, 1000000);
            if (event(limits, &claim, (struct instant){now}, &answer)) {
                granted[count++] = now;
            }
        }
        assert_true(count > rates[k].count);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = i + rates[k].count; j < count; j++) {
                double intervals = (double)(j - i - rates[k].count + 1);
                double least = intervals * (double)period / (double)rates[k].count;
                assert_true((double)(granted[j] - granted[i]) >= least - 1);
            }
        }
        limits_free(limits);
    }
}

static void retry_after_is_enough_and_not_too_much(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claim = claim_of("t/p", (struct limit_rule){.rate = {7, 1000}});
    struct limit_answer answer;
    uint64_t now = 50;
    for (unsigned i = 0; i < 500; i++) {
        while (event(limits, &claim, at_ms(now), &answer)) {
        }
        uint64_t wait = answer.retry_after_ms;
        assert_true(wait >= 1 && wait <= 143);
        assert_false(event(limits, &claim, at_ms(now + wait - 1), &answer));
        now += wait;
        assert_true(event(limits, &claim, at_ms(now), &answer));
    }
    limits_free(limits);
}

static void extreme_rates_do_not_overflow(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_answer answer;
    struct limit_claim fast = claim_of("f", (struct limit_rule){.rate = {UINT64_MAX, 1}});
    struct limit_claim slow = claim_of("s", (struct limit_rule){.rate = {1, UINT64_MAX}});
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(event(limits, &fast, at_ms(1), &answer));
    }
    assert_true(event(limits, &slow, at_ms(1), &answer));
    assert_false(event(limits, &slow, at_ms(2), &answer));
    limits_free(limits);
}

/* ---- several claims ---- */

static void all_claims_or_none(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    const struct limit_claim claims[2] = {
        claim_of("t/p", (struct limit_rule){.rate = {2, 60000}, .day_tokens = 1000}),
        claim_of("t/p/user:u", (struct limit_rule){.rate = {1, 60000}})};
    struct limit_answer answer;
    struct limit_reservation r = {.claims = claims, .count = 2, .tokens = 10};
    assert_true(limits_reserve(limits, &r, at_ms(0), noon, &answer));
    struct limit_reservation refused = {.claims = claims, .count = 2, .tokens = 10};
    for (unsigned i = 0; i < 5; i++) {
        assert_false(limits_reserve(limits, &refused, at_ms(0), noon, &answer));
        assert_int_equal(answer.hit, LIMIT_RATE);
        assert_int_equal(answer.claim, 1);
    }
    assert_int_equal(look(limits, "t/p", noon).held_tokens, 10); /* the refused took nothing */
    assert_true(event(limits, &claims[0], at_ms(0), &answer));   /* nor from the first rate */
    assert_false(event(limits, &claims[0], at_ms(0), &answer));
    limits_settle(limits, &r, 3, 0);
    limits_settle(limits, &refused, 3, 0); /* not held: nothing */
    assert_int_equal(look(limits, "t/p", noon).held_tokens, 0);
    assert_int_equal(look(limits, "t/p", noon).day_tokens, 3);
    assert_int_equal(look(limits, "t/p/user:u", noon).day_tokens, 3);
    limits_free(limits);
}

/* ---- money and tokens ---- */

static void bounds_are_held_until_settled(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claim = claim_of("t/p", (struct limit_rule){.day_microusd = 1000});
    struct limit_answer answer;
    struct limit_reservation a = {.claims = &claim, .count = 1, .microusd = 600};
    struct limit_reservation b = {.claims = &claim, .count = 1, .microusd = 401};
    assert_true(limits_reserve(limits, &a, at_ms(0), noon, &answer));
    assert_false(limits_reserve(limits, &b, at_ms(0), noon, &answer));
    assert_int_equal(answer.hit, LIMIT_DAY_MONEY);
    assert_int_equal(answer.retry_after_ms, 12 * 3600 * 1000);
    b.microusd = 400; /* exactly the rest */
    assert_true(limits_reserve(limits, &b, at_ms(0), noon, &answer));
    limits_settle(limits, &a, 0, 100);
    limits_settle(limits, &a, 0, 100); /* a second time does nothing */
    struct limit_view view = look(limits, "t/p", noon);
    assert_int_equal(view.day_microusd, 100);
    assert_int_equal(view.month_microusd, 100);
    assert_int_equal(view.held_microusd, 400);
    limits_settle(limits, &b, 0, 900); /* dearer than its bound: counted as it was */
    assert_int_equal(look(limits, "t/p", noon).day_microusd, 1000);
    struct limit_reservation c = {.claims = &claim, .count = 1, .microusd = 1};
    assert_false(limits_reserve(limits, &c, at_ms(0), noon, &answer));
    limits_free(limits);
}

struct kind_row {
    struct limit_rule rule;
    enum limit_kind hit;
    uint64_t retry_after_ms;
};

static void each_limit_is_told_by_its_kind(void **state)
{
    (void)state;
    uint64_t day = UINT64_C(12) * 3600 * 1000;
    uint64_t month = day + UINT64_C(5) * 86400 * 1000; /* November has 30 days */
    const struct kind_row rows[] = {
        {{.day_microusd = 99}, LIMIT_DAY_MONEY, day},
        {{.month_microusd = 99}, LIMIT_MONTH_MONEY, month},
        {{.day_tokens = 9}, LIMIT_DAY_TOKENS, day},
        {{.month_tokens = 9}, LIMIT_MONTH_TOKENS, month},
        {{.day_tokens = 10, .month_tokens = 10, .day_microusd = 100, .month_microusd = 100},
         LIMIT_NONE,
         0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct limits *limits = limits_new(seed);
        struct limit_claim claim = claim_of("t/p", rows[i].rule);
        struct limit_answer answer;
        struct limit_reservation r = {.claims = &claim, .count = 1, .tokens = 10, .microusd = 100};
        bool held = limits_reserve(limits, &r, at_ms(0), noon, &answer);
        assert_int_equal(held, rows[i].hit == LIMIT_NONE);
        assert_int_equal(answer.hit, rows[i].hit);
        assert_int_equal(answer.retry_after_ms, rows[i].retry_after_ms);
        limits_free(limits);
    }
}

static void december_ends_with_the_year(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claim = claim_of("t/p", (struct limit_rule){.month_tokens = 1});
    struct limit_answer answer;
    struct limit_reservation r = {.claims = &claim, .count = 1, .tokens = 2};
    struct wall new_years_eve = {INT64_C(1798761599) * SECOND_US}; /* 2026-12-31 23:59:59 */
    assert_false(limits_reserve(limits, &r, at_ms(0), new_years_eve, &answer));
    assert_int_equal(answer.retry_after_ms, 1000);
    limits_free(limits);
}

static void a_reservation_belongs_to_the_day_it_began(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_rule rule = {.day_microusd = 1000, .month_microusd = 5000};
    struct limit_claim claim = claim_of("t/p", rule);
    struct limit_answer answer;
    struct limit_reservation late = {.claims = &claim, .count = 1, .microusd = 900};
    struct wall tomorrow = {noon.us + DAY_US};
    assert_true(limits_reserve(limits, &late, at_ms(0), noon, &answer));
    struct limit_reservation early = {.claims = &claim, .count = 1, .microusd = 1000};
    assert_true(limits_reserve(limits, &early, at_ms(0), tomorrow, &answer)); /* a fresh day */
    limits_settle(limits, &late, 5, 800);
    struct limit_view view = look(limits, "t/p", tomorrow);
    assert_int_equal(view.day_microusd, 0);
    assert_int_equal(view.month_microusd, 800); /* the same month */
    assert_int_equal(view.month_tokens, 5);
    assert_int_equal(view.held_microusd, 1000);
    limits_settle(limits, &early, 0, 1);
    assert_int_equal(look(limits, "t/p", tomorrow).held_microusd, 0);
    assert_int_equal(look(limits, "t/p", tomorrow).day_microusd, 1);
    limits_free(limits);
}

static void a_new_month_begins_at_zero(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claim = claim_of("t/p", (struct limit_rule){.month_microusd = 1000});
    struct limit_answer answer;
    struct limit_reservation old = {.claims = &claim, .count = 1, .microusd = 1000};
    assert_true(limits_reserve(limits, &old, at_ms(0), noon, &answer));
    struct wall december = {noon.us + 6 * DAY_US};
    struct limit_reservation fresh = {.claims = &claim, .count = 1, .microusd = 1000};
    assert_true(limits_reserve(limits, &fresh, at_ms(0), december, &answer));
    limits_settle(limits, &old, 0, 1000);
    assert_int_equal(look(limits, "t/p", december).month_microusd, 0);
    assert_int_equal(look(limits, "t/p", december).held_microusd, 1000);
    limits_settle(limits, &fresh, 0, 0);
    limits_free(limits);
}

static void a_clock_that_goes_back_opens_nothing(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claim = claim_of("t/p", (struct limit_rule){.day_tokens = 10});
    struct limit_answer answer;
    struct limit_reservation r = {.claims = &claim, .count = 1, .tokens = 10};
    assert_true(limits_reserve(limits, &r, at_ms(0), noon, &answer));
    limits_settle(limits, &r, 10, 0);
    struct wall yesterday = {noon.us - DAY_US};
    assert_false(limits_reserve(limits, &r, at_ms(0), yesterday, &answer));
    limits_free(limits);
}

/* ---- observing ---- */

static void observing_holds_and_tells(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_rule rule = {.rate = {1, 60000}, .day_tokens = 15};
    struct limit_claim claim = claim_of("t/p", rule);
    struct limit_answer answer;
    struct limit_reservation r[3];
    for (size_t i = 0; i < 3; i++) {
        r[i] = (struct limit_reservation){
            .claims = &claim, .count = 1, .tokens = 10, .observe = true};
        assert_true(limits_reserve(limits, &r[i], at_ms(i), noon, &answer));
        assert_int_equal(answer.hit, i == 0 ? LIMIT_NONE : LIMIT_RATE);
    }
    assert_int_equal(look(limits, "t/p", noon).held_tokens, 30);
    for (size_t i = 0; i < 3; i++) {
        limits_settle(limits, &r[i], 7, 0);
    }
    assert_int_equal(look(limits, "t/p", noon).held_tokens, 0);
    assert_int_equal(look(limits, "t/p", noon).day_tokens, 21);
    /* "would have" of the rate counts granted events only, as enforcing does */
    assert_true(limits_reserve(limits, &r[0], at_ms(60000), noon, &answer));
    assert_int_equal(answer.hit, LIMIT_DAY_TOKENS);
    limits_settle(limits, &r[0], 0, 0);
    limits_free(limits);
}

/* The agent's claim is observed, the key's is not: the one cannot soften the other. */
static void an_observed_claim_beside_an_enforced_one(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_claim claims[] = {claim_of("agent", (struct limit_rule){.rate = {1, 60000}}),
                                   claim_of("key", (struct limit_rule){.rate = {2, 60000}})};
    claims[0].observe = true;
    static const enum limit_kind hits[] = {LIMIT_NONE, LIMIT_RATE, LIMIT_RATE};
    static const size_t where[] = {0, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        struct limit_reservation r = {.claims = claims, .count = 2};
        struct limit_answer answer;
        assert_int_equal(limits_reserve(limits, &r, at_ms(i), noon, &answer), i < 2);
        assert_int_equal(answer.hit, hits[i]);
        assert_int_equal(answer.claim, where[i]);
        limits_settle(limits, &r, 0, 0);
    }
    limits_free(limits);
}

/* ---- properties ---- */

#define SUBJECTS 4
#define OUT_MAX  40

struct walk {
    struct limits *limits;
    struct rng rng;
    struct limit_claim claims[OUT_MAX][2];
    struct limit_reservation out[OUT_MAX];
    size_t count;
    struct wall now;
};

static const char *const walk_subjects[SUBJECTS] = {"a", "b", "c", "d"};

static void walk_reserve(struct walk *w)
{
    if (w->count == OUT_MAX) {
        return;
    }
    size_t first = (size_t)rng_below(&w->rng, SUBJECTS);
    size_t other = (first + 1 + (size_t)rng_below(&w->rng, SUBJECTS - 1)) % SUBJECTS;
    struct limit_rule rule = {.rate = {50, 1000}, .day_tokens = 900, .month_microusd = 5000};
    struct limit_claim *claims = w->claims[w->count];
    claims[0] = claim_of(walk_subjects[first], rule);
    claims[1] = claim_of(walk_subjects[other], rule);
    struct limit_reservation *r = &w->out[w->count];
    *r = (struct limit_reservation){.claims = claims,
                                    .count = 1 + (size_t)rng_below(&w->rng, 2),
                                    .tokens = rng_below(&w->rng, 300),
                                    .microusd = (int64_t)rng_below(&w->rng, 300),
                                    .observe = rng_below(&w->rng, 3) == 0};
    struct limit_answer answer;
    struct instant now = {(uint64_t)w->now.us * NS_PER_US};
    bool held = limits_reserve(w->limits, r, now, w->now, &answer);
    assert_int_equal(held, r->observe || answer.hit == LIMIT_NONE);
    w->count += held;
}

static void walk_settle(struct walk *w)
{
    if (w->count == 0) {
        return;
    }
    size_t i = (size_t)rng_below(&w->rng, w->count);
    limits_settle(w->limits, &w->out[i], rng_below(&w->rng, 200), (int64_t)rng_below(&w->rng, 200));
    size_t last = --w->count;
    memcpy(w->claims[i], w->claims[last], sizeof w->claims[i]);
    w->out[i] = w->out[last];
    w->out[i].claims = w->claims[i];
}

static void walk_check(struct walk *w)
{
    for (size_t s = 0; s < SUBJECTS; s++) {
        uint64_t held = 0;
        for (size_t i = 0; i < w->count; i++) {
            for (size_t c = 0; c < w->out[i].count; c++) {
                if (w->out[i].month == wall_month(w->now) &&
                    str_equal(w->claims[i][c].subject, str_of(walk_subjects[s]))) {
                    held += w->out[i].tokens;
                }
            }
        }
        assert_int_equal(look(w->limits, walk_subjects[s], w->now).held_tokens, held);
    }
}

static void what_is_held_is_what_is_out(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 40; s++) {
        struct walk w = {.limits = limits_new(seed), .now = noon};
        rng_seed(&w.rng, s);
        for (unsigned step = 0; step < 600; step++) {
            uint64_t what = rng_below(&w.rng, 100);
            if (what < 50) {
                walk_reserve(&w);
            } else if (what < 97) {
                walk_settle(&w);
            } else {
                w.now.us += (int64_t)rng_below(&w.rng, 3) * DAY_US;
            }
            walk_check(&w);
        }
        while (w.count > 0) {
            walk_settle(&w);
        }
        walk_check(&w);
        limits_free(w.limits);
    }
}

#define ROUNDS 20000

struct crowd {
    struct limits *limits;
    struct limit_claim claims[2];
    uint64_t granted;
};

static void hammer(void *object)
{
    struct crowd *crowd = object;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct limit_reservation r = {
            .claims = crowd->claims, .count = 2, .tokens = 2, .microusd = 3};
        struct limit_answer answer;
        if (limits_reserve(crowd->limits, &r, at_ms(0), noon, &answer)) {
            crowd->granted++;
            limits_settle(crowd->limits, &r, 1, 1);
        }
    }
}

static void four_threads_never_grant_too_much(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_rule shared = {.rate = {30000, 60000}, .day_tokens = 1000000};
    struct limit_rule own = {.rate = {10000, 60000}};
    static const char *const users[4] = {"t/p/user:0", "t/p/user:1", "t/p/user:2", "t/p/user:3"};
    struct thread threads[4] = {0};
    struct crowd crowds[4];
    for (size_t i = 0; i < 4; i++) {
        crowds[i] = (struct crowd){limits, {claim_of("t/p", shared), claim_of(users[i], own)}, 0};
        assert_int_equal(thread_start(&threads[i], "hammer", hammer, &crowds[i]), ERR_OK);
    }
    uint64_t granted = 0;
    for (size_t i = 0; i < 4; i++) {
        thread_join(&threads[i]);
        assert_true(crowds[i].granted <= 10000);
        granted += crowds[i].granted;
    }
    assert_int_equal(granted, 30000);
    struct limit_view view = look(limits, "t/p", noon);
    assert_int_equal(view.day_tokens, granted);
    assert_int_equal(view.day_microusd, (int64_t)granted);
    assert_int_equal(view.held_microusd, 0);
    limits_free(limits);
}

/* ---- the table of subjects ---- */

static struct str numbered(char room[32], unsigned i)
{
    (void)snprintf(room, 32, "t/user:%u", i);
    return str_of(room);
}

static void there_is_a_most_of_subjects(void **state)
{
    (void)state;
    struct limits *limits = limits_new(seed);
    struct limit_answer answer;
    char room[32];
    struct limit_rule rule = {.day_tokens = 100};
    for (unsigned i = 0; i < LIMIT_SUBJECTS_MAX; i++) {
        struct limit_claim claim = {numbered(room, i), rule, false};
        assert_true(event(limits, &claim, at_ms(0), &answer));
    }
    struct limit_claim one_more = claim_of("t/new", rule);
    assert_false(event(limits, &one_more, at_ms(0), &answer));
    assert_int_equal(answer.hit, LIMIT_SUBJECTS);
    struct limit_claim unlimited = claim_of("t/free", no_limit);
    assert_true(event(limits, &unlimited, at_ms(0), &answer)); /* nothing to refuse it by */
    struct limit_claim known = {.subject = numbered(room, 7), .rule = rule};
    assert_true(event(limits, &known, at_ms(0), &answer));
    assert_int_equal(limits_count(limits), LIMIT_SUBJECTS_MAX);

    struct limit_reservation r = {.claims = &one_more, .count = 1, .tokens = 1};
    struct wall december = {noon.us + 6 * DAY_US};
    assert_true(limits_reserve(limits, &r, at_ms(0), december, &answer)); /* idle ones made room */
    assert_int_equal(limits_count(limits), 1);
    limits_settle(limits, &r, 1, 0);
    limits_free(limits);
}

/* ---- durable ---- */

static void spend(struct store *store, struct limits *limits, struct wall when, uint64_t tokens)
{
    const struct limit_claim claims[2] = {claim_of("t/p", no_limit),
                                          claim_of("t/p/user:u", no_limit)};
    struct limit_answer answer;
    struct limit_reservation r = {.claims = claims, .count = 2};
    struct store_step steps[LIMIT_STEPS_MAX];
    struct arena *arena = arena_new(1024);
    assert_true(limits_reserve(limits, &r, at_ms(0), when, &answer));
    size_t count = limits_steps(&r, tokens, (int64_t)tokens * 10, arena, steps);
    assert_int_equal(count, tokens > 0 ? 4 : 0);
    if (count > 0) {
        struct store_unit unit = {.steps = steps, .count = count};
        assert_int_equal(store_write_now(store, &unit), ERR_OK);
    }
    limits_settle(limits, &r, tokens, (int64_t)tokens * 10);
    arena_free(arena);
}

static void the_store_remembers_day_and_month(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct store_options options = {
        .location = STR("memory:"), .schemas = &limits_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    struct limits *before = limits_new(seed);
    spend(store, before, (struct wall){noon.us - 30 * DAY_US}, 1000); /* October */
    spend(store, before, (struct wall){noon.us - DAY_US}, 100);       /* yesterday */
    spend(store, before, noon, 10);
    spend(store, before, noon, 5);
    spend(store, before, noon, 0);
    struct limits *after = limits_new(seed);
    assert_int_equal(limits_load(after, store, noon), ERR_OK);
    assert_int_equal(limits_count(after), 2);
    for (unsigned i = 0; i < 2; i++) {
        const char *subject = i == 0 ? "t/p" : "t/p/user:u";
        struct limit_view view = look(after, subject, noon);
        assert_int_equal(view.day_tokens, 15);
        assert_int_equal(view.day_microusd, 150);
        assert_int_equal(view.month_tokens, 115);
        assert_int_equal(view.month_microusd, 1150);
        struct limit_view live = look(before, subject, noon);
        assert_memory_equal(&view, &live, sizeof view);
    }
    limits_free(before);
    limits_free(after);
    store_close(store);
}

static void thousands_of_subjects_are_loaded(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct store_options options = {
        .location = STR("memory:"), .schemas = &limits_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    struct arena *arena = arena_new(4096);
    for (unsigned i = 0; i < 2500; i++) {
        char room[32];
        struct limit_claim claim = {.subject = numbered(room, i), .rule = no_limit};
        struct limit_reservation r = {
            .claims = &claim, .count = 1, .day = wall_day(noon), .month = wall_month(noon)};
        struct store_step steps[LIMIT_STEPS_MAX];
        struct store_unit unit = {.steps = steps};
        unit.count = limits_steps(&r, i + 1, 0, arena, steps);
        assert_int_equal(store_write_now(store, &unit), ERR_OK);
    }
    struct limits *limits = limits_new(seed);
    assert_int_equal(limits_load(limits, store, noon), ERR_OK);
    assert_int_equal(limits_count(limits), 2500);
    for (unsigned i = 0; i < 2500; i++) {
        char room[32];
        (void)numbered(room, i);
        assert_int_equal(look(limits, room, noon).day_tokens, i + 1);
        assert_int_equal(look(limits, room, noon).month_tokens, i + 1);
    }
    limits_free(limits);
    arena_free(arena);
    store_close(store);
}

/* Subjects without a limit go on being recorded beyond the most: that must not keep a server down.
 */
static void more_subjects_than_fit_can_be_loaded(void **state)
{
    (void)state;
    static const struct statement fill = {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
        " INSERT INTO spend SELECT 'u' || i, '2026-11', 1, 1 FROM n",
        1};
    struct store *store = NULL;
    struct store_options options = {
        .location = STR("memory:"), .schemas = &limits_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    struct value most = value_of_i64(LIMIT_SUBJECTS_MAX + 1);
    struct store_step step = {.statement = &fill, .values = &most};
    struct store_unit unit = {.steps = &step, .count = 1};
    assert_int_equal(store_write_now(store, &unit), ERR_OK);
    struct limits *limits = limits_new(seed);
    assert_int_equal(limits_load(limits, store, noon), ERR_OK);
    assert_int_equal(limits_count(limits), LIMIT_SUBJECTS_MAX);
    limits_free(limits);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_the_steady_rate),
        cmocka_unit_test(a_faster_rate_holds_at_once),
        cmocka_unit_test(no_window_has_more_than_burst_and_rate),
        cmocka_unit_test(retry_after_is_enough_and_not_too_much),
        cmocka_unit_test(extreme_rates_do_not_overflow),
        cmocka_unit_test(all_claims_or_none),
        cmocka_unit_test(bounds_are_held_until_settled),
        cmocka_unit_test(each_limit_is_told_by_its_kind),
        cmocka_unit_test(december_ends_with_the_year),
        cmocka_unit_test(a_reservation_belongs_to_the_day_it_began),
        cmocka_unit_test(a_new_month_begins_at_zero),
        cmocka_unit_test(a_clock_that_goes_back_opens_nothing),
        cmocka_unit_test(observing_holds_and_tells),
        cmocka_unit_test(an_observed_claim_beside_an_enforced_one),
        cmocka_unit_test(what_is_held_is_what_is_out),
        cmocka_unit_test(four_threads_never_grant_too_much),
        cmocka_unit_test(there_is_a_most_of_subjects),
        cmocka_unit_test(the_store_remembers_day_and_month),
        cmocka_unit_test(thousands_of_subjects_are_loaded),
        cmocka_unit_test(more_subjects_than_fit_can_be_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
