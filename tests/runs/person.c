/* SPDX-License-Identifier: Apache-2.0
 * person.c - looks now and then at what is in doubt, finds out what happened, and decides as the
 * console does: the step is held, the decision durable, and then it counts. */
#include "runs/parts.h"

#include "base/must.h"
#include "resilience/run_store.h"

#define EPOCH 1

struct decision {
    struct store_unit unit;
    struct arena *arena;
    struct run *run;
    bool loading; /* nobody had the run in memory: nobody gets it before this is durable */
    struct journal_claim claim;
    enum step_state state;
    struct store_step step;
};

static void let_go(struct decision *decision, bool durable)
{
    if (decision->claim.making) {
        journal_settle(&decision->claim, durable ? decision->state : STEP_IN_DOUBT,
                       decision->step.values[2].integer, 0, (struct wall){0});
    }
    if (decision->loading) {
        run_loaded(decision->run, ERR_AGAIN, NULL, NULL, 0);
    }
    run_unref(decision->run);
    arena_free(decision->arena);
}

static void decided(struct store_unit *unit)
{
    let_go(LIST_OBJECT(unit, struct decision, unit), unit->result == ERR_OK);
}

/* NULL: somebody is busy with it. */
static struct decision *hold(struct actor *agent, struct deed *deed)
{
    struct journal *journal = governor_commons(agent->world->governor)->journal;
    struct arena *arena = arena_new(1024);
    struct decision *decision = arena_new_of(arena, struct decision);
    decision->arena = arena;
    enum err code = journal_run(journal, STR("default"), str_of(agent->run), &decision->run);
    must(code == ERR_OK);
    code = run_load(decision->run, NULL);
    decision->loading = code == ERR_AGAIN;
    if (code == ERR_OK) {
        code = run_hold(decision->run, deed->seq, &decision->claim);
    }
    if (code != ERR_OK && !decision->loading) {
        run_unref(decision->run);
        arena_free(arena);
        return NULL;
    }
    return decision;
}

static void decide(struct actor *agent, struct deed *deed)
{
    static const char find_run[] = "SELECT number FROM runs WHERE id = ?1 AND ?2 = 0";
    static const char find_step[] = "SELECT number FROM steps WHERE run = (SELECT number FROM runs"
                                    " WHERE id = ?1) AND seq = ?2 AND state IN (0, 2)";
    struct world *world = agent->world;
    int64_t run = disk_number(world->disk, find_run, agent->run, 0);
    int64_t step = disk_number(world->disk, find_step, agent->run, deed->seq);
    struct decision *decision = run >= 0 && step >= 0 ? hold(agent, deed) : NULL;
    deed->doubted = false; /* else it is asked for again, and is in doubt again */
    if (decision == NULL) {
        return;
    }
    bool skips = deed->applied > 0;
    decision->state = skips ? STEP_SKIPPED : STEP_FAILED;
    decision->step = step_move(step, run, EPOCH, decision->state, decision->arena);
    decision->unit = (struct store_unit){.steps = &decision->step,
                                         .count = 1,
                                         .bytes = 100,
                                         .home = governor_loop(world->governor),
                                         .done = decided};
    world_says(world, "person: step %u of %s %s", deed->seq, agent->run,
               skips ? "happened: skip it" : "did not happen: send it again");
    world_happened(world, skips ? HAPPENED_skipped : HAPPENED_sent_again);
    deed->skipped = deed->skipped || skips;
    deed->sends += skips ? 0 : 1;
    if (store_submit(disk_store(world->disk), &decision->unit) != ERR_OK) {
        let_go(decision, false);
    }
}

static void on_look(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, person);
    for (unsigned i = 0; i < world->agent_count && world->governor != NULL; i++) {
        for (unsigned d = 0; d < world->agents[i].count; d++) {
            struct deed *deed = &world->agents[i].deeds[d];
            if (deed->doubted && world_chance(world, 400)) {
                decide(&world->agents[i], deed);
            }
        }
    }
    timer_arm(world->loop, &world->person, 50 + world_below(world, 300));
}

void person_start(struct world *world)
{
    timer_init(&world->person, on_look);
    timer_arm(world->loop, &world->person, 300);
}
