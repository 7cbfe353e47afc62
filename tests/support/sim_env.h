/* SPDX-License-Identifier: Apache-2.0
 * sim_env.h - a simulated world for real loops: one virtual clock, one virtual network, one thread.
 *
 * Everything random comes from the seed: order of loops and events, sizes and delays of pieces,
 * faults. A run can be repeated exactly. Time moves only when no loop has anything to do: it then
 * jumps to the next timer or delivery. Bytes arrive in order, in pieces of any size; a reader gets
 * all that has arrived, a writer may be taken less from than it offers. TLS and names need the real
 * world.
 */
#ifndef AIRE_TESTS_SIM_ENV_H
#define AIRE_TESTS_SIM_ENV_H

#include "io/loop.h"

struct sim_env;

struct sim_faults {
    unsigned refuse_permille; /* of connections: refused */
    unsigned reset_permille;  /* of writes: both ends are reset soon after */
    unsigned stall_permille;  /* of writes: their bytes take stall_ms longer */
    uint64_t stall_ms;
    uint64_t delay_us_max; /* of a piece; 0: 2,000 */
};

struct sim_env *sim_env_new(uint64_t seed);
void sim_env_free(struct sim_env *sim); /* after its loops */
const struct env *sim_env_env(struct sim_env *sim);
struct rng *sim_env_rng(struct sim_env *sim); /* for the test's own choices */
void sim_env_faults(struct sim_env *sim, const struct sim_faults *faults);
uint64_t sim_env_ms(const struct sim_env *sim);    /* virtual milliseconds since the beginning */
size_t sim_env_sockets(const struct sim_env *sim); /* open ones */

#define SIM_LOOPS_MAX 64
void sim_add_loop(struct sim_env *sim, struct loop *loop);
void sim_remove_loop(struct sim_env *sim, struct loop *loop);
/* While it lasts, what is written goes nowhere: a process that was killed is taken apart. */
void sim_env_mute(struct sim_env *sim, bool muted);
/* Lets each loop turn once; if none had anything to do, moves the clock to what comes next. False
 * when nothing ever will. */
bool sim_step(struct sim_env *sim);
/* Steps until `done`; false when max_virtual_ms have passed or nothing will happen any more. */
bool sim_run_until(struct sim_env *sim, bool (*done)(void *object), void *object,
                   uint64_t max_virtual_ms);

#endif
