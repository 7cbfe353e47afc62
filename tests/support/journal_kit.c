/* SPDX-License-Identifier: Apache-2.0
 * journal_kit.c - see journal_kit.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/journal_kit.h"

#include <stdlib.h>
#include <string.h>

#define ROW_OF(seq) (100 + (int64_t)(seq))

int journal_kit_start(void **state)
{
    const uint64_t seed[2] = {1, 2};
    struct journal_kit *kit = calloc(1, sizeof *kit);
    assert_non_null(kit);
    kit->sim = sim_env_new(1);
    kit->loop = loop_new(sim_env_env(kit->sim));
    kit->journal = journal_new(seed);
    kit->policy = (struct journal_policy){DIVERGENCE_RELAXED, DIVERGENCE_LIVE, DIVERGENCE_STOP, 3};
    kit->run = loaded_run(kit, "r1", &(const struct run_facts){.row = 7, .epoch = 1}, NULL, 0);
    *state = kit;
    return 0;
}

int journal_kit_stop(void **state)
{
    struct journal_kit *kit = *state;
    if (kit->run != NULL) {
        run_unref(kit->run);
    }
    journal_free(kit->journal);
    loop_free(kit->loop);
    sim_env_free(kit->sim);
    free(kit);
    return 0;
}

struct run_digest journal_kit_digest(const char *what)
{
    struct run_digest digest = {{0}};
    assert_true(strlen(what) <= sizeof digest.bytes);
    memcpy(digest.bytes, what, strlen(what));
    return digest;
}

struct step_call model_call(const char *what)
{
    return (struct step_call){.kind = STEP_MODEL,
                              .effect = EFFECT_READ,
                              .exact = journal_kit_digest(what),
                              .loose = journal_kit_digest(what),
                              .sort = journal_kit_digest("model")};
}

struct step_call tool_call(const char *what, enum step_effect effect)
{
    struct step_call call = model_call(what);
    call.kind = STEP_TOOL;
    call.effect = effect;
    call.sort = journal_kit_digest("tool");
    return call;
}

struct step_call named_call(const char *key, const char *what, enum step_effect effect)
{
    struct step_call call = tool_call(what, effect);
    call.exact = journal_kit_digest(key);
    call.key = str_of(key);
    return call;
}

static void posted(struct message *message)
{
    struct journal_waiter *waiter = LIST_OBJECT(message, struct journal_waiter, message);
    LIST_OBJECT(waiter, struct asked, waiter)->posted = true;
}

void waiter_ready(struct journal_kit *kit, struct asked *asked)
{
    asked->posted = false;
    asked->waiter = (struct journal_waiter){.message.run = posted, .home = kit->loop};
    list_init(&asked->waiter.link);
}

bool was_posted(struct journal_kit *kit, const struct asked *asked)
{
    while (loop_turn(kit->loop, false)) {
        /* all messages */
    }
    return asked->posted;
}

enum journal_answer ask(struct journal_kit *kit, uint32_t attempt, struct step_call call,
                        struct asked *asked)
{
    kit->now.us += 1000;
    waiter_ready(kit, asked);
    const struct journal_asking asking = {.run = kit->run,
                                          .attempt = attempt,
                                          .call = &call,
                                          .policy = &kit->policy,
                                          .now = kit->now,
                                          .waiter = &asked->waiter};
    asked->answer = journal_claim(&asking, &asked->claim, &asked->step);
    return asked->answer;
}

void expect(struct journal_kit *kit, uint32_t attempt, struct step_call call, struct asked *asked,
            enum journal_answer answer)
{
    assert_int_equal(ask(kit, attempt, call, asked), answer);
}

void settle(struct journal_kit *kit, struct asked *asked, enum step_state state)
{
    kit->now.us += 1000;
    journal_settle(&asked->claim, state, ROW_OF(asked->claim.seq), 0, kit->now);
}

void make_done(struct journal_kit *kit, uint32_t attempt, struct step_call call)
{
    struct asked asked = {0};
    expect(kit, attempt, call, &asked, JOURNAL_MAKE);
    settle(kit, &asked, STEP_DONE);
}

uint32_t count_of(const struct journal_kit *kit, uint32_t divergences)
{
    struct run_facts facts;
    run_facts(kit->run, &facts);
    assert_int_equal(facts.divergences, divergences);
    return facts.steps;
}

struct run *loaded_run(struct journal_kit *kit, const char *id, const struct run_facts *facts,
                       const struct step *steps, size_t count)
{
    struct run *run;
    struct asked asked = {0};
    waiter_ready(kit, &asked);
    assert_int_equal(journal_run(kit->journal, STR("shop"), str_of(id), &run), ERR_OK);
    assert_int_equal(run_load(run, &asked.waiter), ERR_AGAIN);
    run_loaded(run, ERR_OK, facts, steps, count);
    return run;
}

struct step stored(struct step_call call, uint32_t seq, uint32_t occurrence, enum step_state state)
{
    return (struct step){.call = call,
                         .state = state,
                         .seq = seq,
                         .occurrence = occurrence,
                         .number = ROW_OF(seq),
                         .intent_at = {(int64_t)seq * 1000},
                         .done_at = {(int64_t)seq * 1000 + 500}};
}
