/* SPDX-License-Identifier: Apache-2.0
 * world.c - a story from its seed: it begins, fate plays, it heals, it must end well. */
#include "runs/parts.h"

#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEAL_MS_MAX  6000
#define STORY_MS_MAX 300000

void world_broken(struct world *world, const char *format, ...)
{
    va_list values;
    if (world->broken[0] != '\0') {
        return; /* the first one counts */
    }
    va_start(values, format);
    (void)vsnprintf(world->broken, sizeof world->broken, format, values);
    va_end(values);
    world_says(world, "BROKEN: %s", world->broken);
}

void world_says(const struct world *world, const char *format, ...)
{
    va_list values;
    if (!world->story) {
        return;
    }
    va_start(values, format);
    printf("%6llu  ", (unsigned long long)sim_env_ms(world->sim));
    (void)vprintf(format, values);
    printf("\n");
    va_end(values);
}

bool world_chance(struct world *world, unsigned permille)
{
    return rng_below(&world->rng, 1000) < permille;
}

uint64_t world_below(struct world *world, uint64_t bound)
{
    return rng_below(&world->rng, bound);
}

/* ---- fate ---- */

void world_kill(struct world *world, const char *why)
{
    world_says(world, "the Governor is killed %s", why);
    world->steps_to_kill = 0;
}

static void plan_kill(struct world *world)
{
    if (world->swarm.governor_dies && world->kills_left > 0 && !world->healed) {
        world->kills_left--;
        timer_arm(world->loop, &world->fate, 1 + world_below(world, 1500));
    }
}

/* So many turns from now, which is finer than the clock. */
static void on_fate(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, fate);
    if (world->governor != NULL && !world->healed) {
        world->steps_to_kill = 1 + world_below(world, 60);
    }
}

static void on_start(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, start);
    world->governor = governor_new(world);
    world_says(world, "the Governor starts");
    plan_kill(world);
}

static void bury(struct world *world)
{
    governor_kill(world->governor);
    world->governor = NULL;
    world->steps_to_kill = UINT64_MAX;
    world->restarts++;
    timer_arm(world->loop, &world->start, world_below(world, 300));
}

static void on_heal(struct timer *timer)
{
    struct world *world = LIST_OBJECT(timer, struct world, heal);
    const struct sim_faults none = {0};
    world_says(world, "all is well from now on");
    world->healed = true;
    sim_env_faults(world->sim, &none);
}

static void choose_swarm(struct world *world)
{
    struct sim_faults faults = {0};
    bool *const switches[] = {
        &world->swarm.agents_die,      &world->swarm.zombies,      &world->swarm.governor_dies,
        &world->swarm.dies_at_commits, &world->swarm.commits_fail, &world->swarm.network_fails,
        &world->swarm.tools_fail,      &world->swarm.slow_disk,    &world->swarm.twins};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        *switches[i] = world_chance(world, 500);
    }
    world->kills_left = 1 + (unsigned)world_below(world, 4);
    if (world->swarm.network_fails) {
        faults = (struct sim_faults){
            .refuse_permille = 50, .reset_permille = 15, .stall_permille = 20, .stall_ms = 700};
    }
    sim_env_faults(world->sim, &faults);
}

/* ---- the story ---- */

static void begin(struct world *world, const struct world_options *options)
{
    memset(world, 0, sizeof *world);
    world->seed = options->seed;
    world->story = options->story;
    world->lying = options->lying;
    world->happened = options->happened;
    world->steps_to_kill = UINT64_MAX;
    rng_seed(&world->rng, options->seed);
    world->sim = sim_env_new(options->seed);
    world->loop = loop_new(sim_env_env(world->sim));
    sim_add_loop(world->sim, world->loop);
    choose_swarm(world);
    world->disk = disk_new(world);
    world->tools = tools_new(world);
    timer_init(&world->fate, on_fate);
    timer_init(&world->start, on_start);
    timer_init(&world->heal, on_heal);
    timer_arm(world->loop, &world->start, 0);
    timer_arm(world->loop, &world->heal, 500 + world_below(world, HEAL_MS_MAX));
    world->agent_count = 1 + (unsigned)world_below(world, AGENTS_MAX);
    for (unsigned i = 0; i < world->agent_count; i++) {
        world->agents[i] = (struct actor){.world = world, .number = i};
        agent_plan(&world->agents[i]);
        agent_start(&world->agents[i]);
    }
    person_start(world);
}

static bool all_done(const struct world *world)
{
    unsigned done = 0;
    for (unsigned i = 0; i < world->agent_count; i++) {
        done += world->agents[i].done ? 1 : 0;
    }
    return done == world->agent_count;
}

static void play(struct world *world)
{
    while (world->broken[0] == '\0' && !(world->healed && all_done(world)) &&
           sim_env_ms(world->sim) < STORY_MS_MAX && sim_step(world->sim)) {
        if (world->governor == NULL || world->steps_to_kill == UINT64_MAX) {
            /* it is down, or lives */
        } else if (world->steps_to_kill > 0) {
            world->steps_to_kill--;
        } else {
            bury(world);
        }
        if (world->governor != NULL && disk_closed(world->disk) &&
            world->steps_to_kill == UINT64_MAX) {
            world->steps_to_kill = 200 + world_below(world, 2000);
        }
    }
}

/* Where nothing but agents fails, nothing is asked for twice: their calls outlive them. */
static void check_calm(struct world *world)
{
    const struct swarm *swarm = &world->swarm;
    bool calm = !swarm->governor_dies && !swarm->dies_at_commits && !swarm->commits_fail &&
                !swarm->network_fails && !swarm->tools_fail;
    for (unsigned i = 0; calm && i < world->agent_count; i++) {
        for (unsigned d = 0; d < world->agents[i].count; d++) {
            const struct deed *deed = &world->agents[i].deeds[d];
            world_happened(world, HAPPENED_calm);
            if (deed->arrived != (deed->poll ? 0 : 1 + deed->polled)) {
                world_broken(world, "step %u of %s was made %u times", d, world->agents[i].run,
                             deed->arrived);
            }
        }
    }
}

/* What the journal holds at the end is the script, each step of it once. */
static void check_end(struct world *world)
{
    for (unsigned i = 0; i < world->agent_count && world->broken[0] == '\0'; i++) {
        const struct actor *agent = &world->agents[i];
        int64_t ended = disk_number(world->disk,
                                    "SELECT count(*) FROM steps WHERE run = (SELECT number FROM"
                                    " runs WHERE id = ?1) AND state IN (1, 3) AND ?2 = 0",
                                    agent->run, 0);
        if (!agent->done) {
            world_broken(world, "%s does not end", agent->run);
        } else if (ended != (int64_t)agent->count) {
            world_broken(world, "%s has %u steps, its journal %d results", agent->run, agent->count,
                         (int)ended);
        }
        for (unsigned d = 0; d < agent->count; d++) {
            const struct deed *deed = &agent->deeds[d];
            bool once = deed->applied <= 1 + (deed->kind == CALL_REFUND ? deed->sends : 0);
            if (kind_is_effect(deed->kind) && (!once || deed->applied == 0)) {
                world_broken(world, "step %u of %s happened %u times", d, agent->run,
                             deed->applied);
            }
        }
    }
}

static void end(struct world *world)
{
    world->healed = true;
    timer_disarm(&world->fate);
    timer_disarm(&world->start);
    timer_disarm(&world->heal);
    timer_disarm(&world->person);
    if (world->governor != NULL) {
        governor_kill(world->governor); /* nobody holds a run: journal_free looks */
    }
    agents_free(world);
    tools_free(world->tools);
    disk_free(world->disk);
    sim_remove_loop(world->sim, world->loop);
    loop_free(world->loop);
    sim_env_free(world->sim);
}

const char *world_run(const struct world_options *options)
{
    static struct world world;
    begin(&world, options);
    play(&world);
    check_end(&world);
    if (world.broken[0] == '\0') {
        check_calm(&world);
    }
    end(&world);
    return world.broken;
}
