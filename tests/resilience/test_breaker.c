/* SPDX-License-Identifier: Apache-2.0
 * test_breaker.c - the breaker's steps one by one, and all of them at random against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "resilience/breaker.h"
#include "sys/thread.h"

#include <string.h>

static const struct breaker_options standard = {
    .failures = 5, .probes = 3, .close = 2, .open_ms = 60000};

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){(1000 + ms) * NS_PER_MS};
}

static enum breaker_state state_of(struct breaker *b, uint64_t ms)
{
    struct breaker_view view;
    breaker_look(b, at_ms(ms), &view);
    return view.state;
}

static struct breaker_move call(struct breaker *b, uint64_t ms, enum breaker_outcome outcome)
{
    struct breaker_ticket ticket;
    struct breaker_move move;
    assert_true(breaker_admit(b, at_ms(ms), &ticket, &move));
    breaker_settle(b, at_ms(ms), ticket, outcome, &move);
    return move;
}

static void fail_times(struct breaker *b, uint64_t ms, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        call(b, ms, BREAKER_FAILURE);
    }
}

/* Two failing probes end a round of three. */
static void fail_probing(struct breaker *b, uint64_t ms)
{
    fail_times(b, ms, 2);
    assert_int_equal(state_of(b, ms), BREAKER_OPEN);
}

static void opens_after_five_consecutive_failures(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    fail_times(b, 0, 4);
    call(b, 10, BREAKER_SUCCESS); /* breaks the row */
    fail_times(b, 20, 1);
    fail_times(b, 40, 3);
    call(b, 50, BREAKER_NEUTRAL); /* does not */
    assert_int_equal(state_of(b, 50), BREAKER_CLOSED);
    struct breaker_move move = call(b, 120, BREAKER_FAILURE);
    assert_int_equal(move.from, BREAKER_CLOSED);
    assert_int_equal(move.to, BREAKER_OPEN);
    assert_int_equal(move.failures, 5);
    assert_int_equal(move.detection_us, 100000);
    assert_int_equal(move.after_us, 120000);
    breaker_free(b);
}

static void backs_off_5_10_20_40_60_60(void **state)
{
    (void)state;
    static const uint64_t waits[] = {5000, 10000, 20000, 40000, 60000, 60000};
    struct breaker *b = breaker_new(&standard);
    uint64_t now = 0;
    fail_times(b, now, 5);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        struct breaker_view view;
        breaker_look(b, at_ms(now), &view);
        assert_int_equal(view.retry_in_ms, waits[i]);
        assert_false(breaker_would_admit(b, at_ms(now + waits[i] - 1)));
        assert_true(breaker_would_admit(b, at_ms(now + waits[i])));
        now += waits[i];
        fail_probing(b, now);
    }
    breaker_free(b);
}

static void a_short_open_caps_the_first_wait(void **state)
{
    (void)state;
    struct breaker_options options = standard;
    options.open_ms = 2000;
    struct breaker *b = breaker_new(&options);
    fail_times(b, 0, 5);
    assert_false(breaker_would_admit(b, at_ms(1999)));
    assert_true(breaker_would_admit(b, at_ms(2000)));
    breaker_free(b);
}

static void two_of_three_probes_close_it(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    fail_times(b, 100, 5);
    struct breaker_move move = call(b, 5200, BREAKER_SUCCESS);
    assert_int_equal(move.to, BREAKER_HALF_OPEN);
    call(b, 5300, BREAKER_FAILURE);
    move = call(b, 5400, BREAKER_SUCCESS);
    assert_int_equal(move.from, BREAKER_HALF_OPEN);
    assert_int_equal(move.to, BREAKER_CLOSED);
    assert_int_equal(move.outage_us, 5300000);
    struct breaker_view view;
    breaker_look(b, at_ms(9999), &view);
    assert_int_equal(view.openings, 1);
    assert_int_equal(view.open_us_total, 5300000);
    assert_int_equal(view.failures, 0);
    breaker_free(b);
}

static void back_off_begins_anew_after_closing(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    fail_times(b, 0, 5);
    fail_probing(b, 5000);
    call(b, 15000, BREAKER_SUCCESS);
    call(b, 15000, BREAKER_SUCCESS);
    fail_times(b, 15000, 5);
    assert_false(breaker_would_admit(b, at_ms(19999)));
    assert_true(breaker_would_admit(b, at_ms(20000)));
    breaker_free(b);
}

static void half_open_admits_only_its_probes(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    struct breaker_ticket tickets[4];
    fail_times(b, 0, 5);
    for (size_t i = 0; i < 3; i++) {
        assert_true(breaker_admit(b, at_ms(5000), &tickets[i], NULL));
        assert_true(tickets[i].probe);
    }
    assert_false(breaker_admit(b, at_ms(5000), &tickets[3], NULL));
    breaker_settle(b, at_ms(5001), tickets[0], BREAKER_NEUTRAL, NULL);
    assert_true(breaker_admit(b, at_ms(5001), &tickets[3], NULL)); /* the slot came back */
    breaker_settle(b, at_ms(5002), tickets[1], BREAKER_SUCCESS, NULL);
    assert_false(breaker_would_admit(b, at_ms(5002))); /* one told, two out */
    breaker_settle(b, at_ms(5003), tickets[2], BREAKER_NEUTRAL, NULL);
    breaker_settle(b, at_ms(5003), tickets[3], BREAKER_NEUTRAL, NULL);
    assert_int_equal(state_of(b, 5003), BREAKER_HALF_OPEN);
    call(b, 5004, BREAKER_SUCCESS);
    assert_int_equal(state_of(b, 5004), BREAKER_CLOSED);
    breaker_free(b);
}

static void late_settles_move_nothing(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    struct breaker_ticket early;
    struct breaker_ticket lost;
    assert_true(breaker_admit(b, at_ms(0), &early, NULL));
    fail_times(b, 0, 5);
    struct breaker_move move;
    breaker_settle(b, at_ms(1), early, BREAKER_SUCCESS, &move);
    assert_int_equal(move.to, BREAKER_OPEN);
    assert_true(breaker_admit(b, at_ms(5000), &lost, NULL));
    fail_probing(b, 5000); /* `lost` is still out */
    call(b, 15000, BREAKER_FAILURE);
    breaker_settle(b, at_ms(15001), lost, BREAKER_FAILURE, &move); /* would be the second */
    assert_int_equal(move.to, BREAKER_HALF_OPEN);
    struct breaker_view view;
    breaker_look(b, at_ms(15001), &view);
    assert_int_equal(view.calls_in_flight, 0);
    breaker_free(b);
}

static void lost_probes_delay_the_next_probing_but_do_not_stop_it(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    struct breaker_ticket out[3];
    fail_times(b, 0, 5);
    for (size_t i = 0; i < 3; i++) {
        assert_true(breaker_admit(b, at_ms(5000), &out[i], NULL));
    }
    breaker_pin(b, at_ms(5000), at_ms(6000), NULL);
    assert_false(breaker_would_admit(b, at_ms(7000))); /* never more than three at the target */
    breaker_settle(b, at_ms(8000), out[0], BREAKER_FAILURE, NULL);
    call(b, 8000, BREAKER_SUCCESS);
    call(b, 8000, BREAKER_SUCCESS);
    assert_int_equal(state_of(b, 8000), BREAKER_CLOSED);
    breaker_settle(b, at_ms(9000), out[1], BREAKER_FAILURE, NULL);
    breaker_settle(b, at_ms(9000), out[2], BREAKER_FAILURE, NULL);
    assert_int_equal(state_of(b, 9000), BREAKER_CLOSED);
    breaker_free(b);
}

static void the_later_pin_wins(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    struct breaker_move move;
    breaker_pin(b, at_ms(10), at_ms(10), &move);
    assert_int_equal(move.to, BREAKER_CLOSED); /* past: nothing */
    breaker_pin(b, at_ms(10), at_ms(90000), &move);
    assert_int_equal(move.to, BREAKER_OPEN);
    assert_int_equal(move.detection_us, 0);
    breaker_pin(b, at_ms(20), at_ms(50000), NULL); /* shorter: no effect */
    assert_false(breaker_would_admit(b, at_ms(89999)));
    assert_true(breaker_would_admit(b, at_ms(90000)));
    breaker_pin(b, at_ms(30), at_ms(95000), NULL);
    assert_false(breaker_would_admit(b, at_ms(94999)));
    breaker_free(b);
}

static void a_pin_never_shortens_a_back_off(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    fail_times(b, 0, 5);
    breaker_pin(b, at_ms(0), at_ms(1000), NULL);
    assert_false(breaker_would_admit(b, at_ms(4999)));
    breaker_free(b);
}

static void a_reload_leaves_no_undecidable_round(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    fail_times(b, 0, 5);
    call(b, 5000, BREAKER_SUCCESS);
    call(b, 5000, BREAKER_FAILURE); /* one each: two told */
    struct breaker_options one = {.failures = 5, .probes = 1, .close = 1, .open_ms = 60000};
    breaker_configure(b, &one);
    call(b, 5001, BREAKER_SUCCESS);
    assert_int_equal(state_of(b, 5001), BREAKER_CLOSED);
    breaker_free(b);
}

/* ---- the model: rounds and rows kept as lists, nothing counted but by looking at them ---- */

#define OUT_MAX 64

struct model_call {
    struct breaker_ticket ticket;
    unsigned period; /* the model's own epoch */
    bool probe;
};

struct model {
    struct breaker_options options;
    enum breaker_state state;
    unsigned period;
    uint64_t until_ms;
    unsigned doublings;
    char row[16];     /* outcomes in closed: 'f' after the last 's' */
    char probing[16]; /* outcomes of this half-open period */
    struct model_call out[OUT_MAX];
    size_t out_count;
};

static size_t times(const char *text, char c)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == c;
    }
    return n;
}

static void note(char *list, char c)
{
    size_t len = strlen(list);
    list[len] = c;
    list[len + 1] = '\0';
}

static void model_go(struct model *m, enum breaker_state state)
{
    m->state = state;
    m->period++;
    m->probing[0] = '\0';
}

static uint64_t model_wait(const struct model *m)
{
    static const uint64_t waits[] = {5000, 10000, 20000, 40000, 80000, 160000};
    uint64_t wait = waits[m->doublings < 5 ? m->doublings : 5];
    return wait < m->options.open_ms ? wait : m->options.open_ms;
}

static size_t model_probes_out(const struct model *m, bool this_period)
{
    size_t n = 0;
    for (size_t i = 0; i < m->out_count; i++) {
        n += m->out[i].probe && (!this_period || m->out[i].period == m->period);
    }
    return n;
}

static bool model_admits(const struct model *m, uint64_t ms)
{
    if (m->state == BREAKER_CLOSED) {
        return true;
    }
    if (m->state == BREAKER_OPEN && ms < m->until_ms) {
        return false;
    }
    return model_probes_out(m, false) < m->options.probes &&
           model_probes_out(m, true) + times(m->probing, 's') + times(m->probing, 'f') <
               m->options.probes;
}

static void model_settle(struct model *m, uint64_t ms, struct model_call call,
                         enum breaker_outcome outcome)
{
    if (call.period != m->period || outcome == BREAKER_NEUTRAL) {
        return;
    }
    char c = outcome == BREAKER_SUCCESS ? 's' : 'f';
    if (m->state == BREAKER_CLOSED) {
        if (c == 's') {
            m->row[0] = '\0';
            return;
        }
        note(m->row, c);
        if (strlen(m->row) == m->options.failures) {
            m->doublings = 0;
            m->row[0] = '\0';
            model_go(m, BREAKER_OPEN);
            m->until_ms = ms + model_wait(m);
        }
        return;
    }
    note(m->probing, c);
    if (times(m->probing, 's') == m->options.close) {
        model_go(m, BREAKER_CLOSED);
    } else if (times(m->probing, 'f') == m->options.probes - m->options.close + 1) {
        m->doublings++;
        model_go(m, BREAKER_OPEN);
        m->until_ms = ms + model_wait(m);
    }
}

static void model_pin(struct model *m, uint64_t ms, uint64_t until_ms)
{
    if (until_ms <= ms) {
        return;
    }
    if (m->state == BREAKER_OPEN) {
        m->until_ms = until_ms > m->until_ms ? until_ms : m->until_ms;
        return;
    }
    if (m->state == BREAKER_CLOSED) {
        m->doublings = 0;
        m->row[0] = '\0';
    }
    model_go(m, BREAKER_OPEN);
    m->until_ms = until_ms;
}

static void legal(const struct breaker_move *move, enum breaker_state before)
{
    assert_int_equal(move->from, before);
    bool fine = move->from == move->to ||
                (move->from == BREAKER_CLOSED && move->to == BREAKER_OPEN) ||
                (move->from == BREAKER_OPEN && move->to == BREAKER_HALF_OPEN) ||
                move->from == BREAKER_HALF_OPEN;
    assert_true(fine);
}

static void step_admit(struct breaker *b, struct model *m, uint64_t ms)
{
    if (m->out_count == OUT_MAX) {
        return;
    }
    struct breaker_move move;
    struct model_call *call = &m->out[m->out_count];
    bool expected = model_admits(m, ms);
    enum breaker_state before = m->state;
    assert_int_equal(breaker_would_admit(b, at_ms(ms)), expected);
    assert_int_equal(breaker_admit(b, at_ms(ms), &call->ticket, &move), expected);
    legal(&move, before);
    if (expected) {
        if (m->state == BREAKER_OPEN) {
            model_go(m, BREAKER_HALF_OPEN);
        }
        call->period = m->period;
        call->probe = m->state == BREAKER_HALF_OPEN;
        assert_int_equal(call->ticket.probe, call->probe);
        m->out_count++;
    }
    assert_int_equal(move.to, m->state);
    assert_true(model_probes_out(m, false) <= m->options.probes);
}

static void step_settle(struct breaker *b, struct model *m, uint64_t ms, struct rng *rng)
{
    if (m->out_count == 0) {
        return;
    }
    size_t i = (size_t)rng_below(rng, m->out_count);
    struct model_call call = m->out[i];
    m->out[i] = m->out[--m->out_count];
    enum breaker_outcome outcome = (enum breaker_outcome)(rng_below(rng, 10) % 3);
    enum breaker_state before = m->state;
    struct breaker_move move;
    model_settle(m, ms, call, outcome);
    breaker_settle(b, at_ms(ms), call.ticket, outcome, &move);
    legal(&move, before);
    assert_int_equal(move.to, m->state);
}

static void random_walk(uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    struct model m = {.options = {.failures = 1 + (uint32_t)rng_below(&rng, 6),
                                  .probes = 1 + (uint32_t)rng_below(&rng, 4),
                                  .open_ms = 3000 + (uint32_t)rng_below(&rng, 80000)}};
    m.options.close = 1 + (uint32_t)rng_below(&rng, m.options.probes);
    struct breaker *b = breaker_new(&m.options);
    uint64_t ms = 0;
    for (unsigned step = 0; step < 2000; step++) {
        ms += rng_below(&rng, 4) == 0 ? rng_below(&rng, 9000) : 0;
        uint64_t what = rng_below(&rng, 100);
        if (what < 48) {
            step_admit(b, &m, ms);
        } else if (what < 98) {
            step_settle(b, &m, ms, &rng);
        } else {
            uint64_t until = ms + rng_below(&rng, 30000);
            struct breaker_move move;
            breaker_pin(b, at_ms(ms), at_ms(until), &move);
            legal(&move, m.state);
            model_pin(&m, ms, until);
            assert_int_equal(move.to, m.state);
        }
        struct breaker_view view;
        breaker_look(b, at_ms(ms), &view);
        assert_int_equal(view.state, m.state);
        assert_int_equal(view.calls_in_flight, m.out_count);
        if (m.state == BREAKER_OPEN) {
            assert_int_equal(view.retry_in_ms, m.until_ms > ms ? m.until_ms - ms : 0);
        }
    }
    while (m.out_count > 0) {
        step_settle(b, &m, ms, &rng);
    }
    assert_true(breaker_would_admit(b, at_ms(ms + 100000))); /* never stuck */
    breaker_free(b);
}

static uint64_t current_seed; /* printed when the walk did not come back */

static int print_seed(void **state)
{
    (void)state;
    if (current_seed != 0) {
        print_message("failing seed: %llu\n", (unsigned long long)current_seed);
    }
    return 0;
}

static void behaves_as_the_model_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        current_seed = seed;
        random_walk(seed);
    }
    current_seed = 0;
}

struct crowd {
    struct breaker *breaker;
    uint64_t seed;
};

static void hammer(void *object)
{
    struct crowd *crowd = object;
    struct rng rng;
    rng_seed(&rng, crowd->seed);
    for (uint64_t ms = 0; ms < 20000; ms++) {
        struct breaker_ticket ticket;
        if (breaker_admit(crowd->breaker, at_ms(ms * 10), &ticket, NULL)) {
            breaker_settle(crowd->breaker, at_ms(ms * 10), ticket,
                           (enum breaker_outcome)rng_below(&rng, 3), NULL);
        }
    }
}

static void serves_four_threads(void **state)
{
    (void)state;
    struct breaker *b = breaker_new(&standard);
    struct thread threads[4] = {0};
    struct crowd crowds[4];
    for (size_t i = 0; i < 4; i++) {
        crowds[i] = (struct crowd){b, i + 1};
        assert_int_equal(thread_start(&threads[i], "hammer", hammer, &crowds[i]), ERR_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        thread_join(&threads[i]);
    }
    struct breaker_view view;
    breaker_look(b, at_ms(200000), &view);
    assert_int_equal(view.calls_in_flight, 0);
    assert_true(breaker_would_admit(b, at_ms(400000)));
    breaker_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_five_consecutive_failures),
        cmocka_unit_test(backs_off_5_10_20_40_60_60),
        cmocka_unit_test(a_short_open_caps_the_first_wait),
        cmocka_unit_test(two_of_three_probes_close_it),
        cmocka_unit_test(back_off_begins_anew_after_closing),
        cmocka_unit_test(half_open_admits_only_its_probes),
        cmocka_unit_test(late_settles_move_nothing),
        cmocka_unit_test(lost_probes_delay_the_next_probing_but_do_not_stop_it),
        cmocka_unit_test(the_later_pin_wins),
        cmocka_unit_test(a_pin_never_shortens_a_back_off),
        cmocka_unit_test(a_reload_leaves_no_undecidable_round),
        cmocka_unit_test_teardown(behaves_as_the_model_whatever_happens, print_seed),
        cmocka_unit_test(serves_four_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
