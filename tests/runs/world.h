/* SPDX-License-Identifier: Apache-2.0
 * world.h - one simulated story of durable runs: agents in several tries, a Governor that is
 * killed, a disk, a tool that does things, a person who decides. README.md has the picture.
 */
#ifndef AIRE_TESTS_RUNS_WORLD_H
#define AIRE_TESTS_RUNS_WORLD_H

#include "base/arena.h"
#include "base/rng.h"
#include "runs/actor.h"
#include "runs/happenings.h"
#include "support/sim_env.h"

#define AGENTS_MAX 3

/* What a seed turns on. */
struct swarm {
    bool agents_die;
    bool zombies; /* an agent that was taken for dead goes on */
    bool governor_dies;
    bool dies_at_commits;
    bool commits_fail;
    bool network_fails;
    bool tools_fail;
    bool slow_disk;
    bool twins; /* named calls are made twice at once */
};

struct disk;
struct governor;
struct tools;
struct life;

struct world {
    uint64_t seed;
    struct rng rng;
    struct sim_env *sim;
    struct swarm swarm;
    bool story;
    bool lying;  /* the disk tells what it has not written */
    bool healed; /* no more faults */
    uint64_t restarts;
    struct loop *loop; /* of agents, supervisors, the person, fate */
    struct disk *disk;
    struct governor *governor; /* NULL: down */
    struct tools *tools;
    struct actor agents[AGENTS_MAX];
    unsigned agent_count;
    struct life *lives; /* all that ever began, newest first */
    struct timer fate;  /* kills the Governor */
    struct timer start; /* starts it again */
    struct timer heal;
    struct timer person;
    unsigned kills_left;
    uint64_t steps_to_kill; /* UINT64_MAX: none is planned */
    uint64_t *happened;     /* [HAPPENINGS_COUNT] */
    char broken[400];
};

struct world_options {
    uint64_t seed;
    bool story;
    bool lying;
    uint64_t *happened;
};
/* What broke, or "". The text lasts until the next run. */
const char *world_run(const struct world_options *options);
void world_broken(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
void world_says(const struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
bool world_chance(struct world *world, unsigned permille);
uint64_t world_below(struct world *world, uint64_t bound);
/* From the next turn on it is dead; it starts again after a while. */
void world_kill(struct world *world, const char *why);

static inline void world_happened(struct world *world, enum happening what)
{
    world->happened[what]++;
}

#endif
