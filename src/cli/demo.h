/* SPDX-License-Identifier: Apache-2.0
 * demo.h - the parts of `aire demo`: the story, the agent that lives it, the stage it is played on.
 *
 * The story is played three times: at a healthy provider (for what a conversation takes), through
 * the Governor while things break, and past the Governor while the same things break.
 */
#ifndef AIRE_CLI_DEMO_H
#define AIRE_CLI_DEMO_H

#include "cli/cli.h"
#include "cli/demo_wire.h"
#include "io/loop.h"

#define DEMO_SCENES      20
#define DEMO_PATIENCE_MS 2500 /* how long the agent waits for the next byte */

/* What happens on stage before a conversation. */
enum demo_cue { CUE_NONE, CUE_KILL_PRIMARY, CUE_REVIVE_PRIMARY };

struct demo_scene {
    enum demo_api api;
    bool stream;
    const char *asks;
    const char *broken; /* for people; the script plays it */
    enum demo_cue cue;
};
extern const struct demo_scene demo_scenes[DEMO_SCENES];

/* ---- demo_agent.c ---- */

enum demo_outcome {
    DEMO_ANSWERED,
    DEMO_DEGRADED, /* answered, and marked as coming from below the first tier */
    DEMO_RETRIED,  /* a stream broke visibly after it had begun; one plain retry was answered */
    DEMO_CUT,      /* half an answer that looked whole: the agent noticed nothing */
    DEMO_FAILED,
    DEMO_OUTCOMES
};
const char *demo_outcome_name(enum demo_outcome outcome);

/* How one conversation went. */
struct demo_result {
    enum demo_outcome outcome;
    unsigned calls;    /* model calls that the agent made, retries included */
    unsigned retries;  /* of these */
    unsigned degraded; /* of these */
    unsigned attempts; /* upstream, as x-aire-attempts told */
    uint64_t us;
    char tier[64]; /* the lowest that answered; "" without the Governor */
    char review[64];
    char words[256]; /* what was said at last, or why not */
};

static inline bool demo_usable(const struct demo_result *result)
{
    return result->outcome < DEMO_CUT;
}

struct demo_agent;
struct demo_agent *demo_agent_new(const struct env *env);
void demo_agent_free(struct demo_agent *agent);
/* Whom it talks to from now on: "127.0.0.1:8080". */
void demo_agent_point(struct demo_agent *agent, const char *authority);
void demo_agent_play(struct demo_agent *agent, const struct demo_scene *scene,
                     struct demo_result *result);
/* Any other request; the answer's body in `to`. */
enum err demo_agent_ask(struct demo_agent *agent, struct str method, struct str target,
                        struct str body, struct buf *to) MUST_USE;
void demo_agent_rest(struct demo_agent *agent, uint64_t ms);
bool demo_agent_stopped(const struct demo_agent *agent); /* by a signal: all calls fail at once */

/* ---- demo_stage.c ---- */

enum demo_part { DEMO_PRIMARY, DEMO_BACKUP, DEMO_GOVERNOR, DEMO_PARTS };

struct demo_stage;
/* The story's files lie beside `config` (NULL: where the examples are); state goes to `data` (NULL:
 * a temporary folder). Everything runs when it comes back; NULL: `fault` says why. */
struct demo_stage *demo_stage_new(const char *config, const char *data, struct fault *fault);
void demo_stage_free(struct demo_stage *stage); /* ends the children; NULL is fine */
const char *demo_stage_authority(const struct demo_stage *stage, enum demo_part part);
struct str demo_stage_script(const struct demo_stage *stage, enum demo_part part);
void demo_stage_kill(struct demo_stage *stage, enum demo_part part);
/* On the address it had. */
enum err demo_stage_revive(struct demo_stage *stage, enum demo_part part,
                           struct fault *fault) MUST_USE;

/* ---- demo_print.c ---- */

struct demo_summary {
    struct demo_result with[DEMO_SCENES];
    struct demo_result without[DEMO_SCENES];
    uint64_t plain_us[DEMO_SCENES]; /* at a healthy provider, without the Governor */
    double breaker_openings;
    double incidents;
    double recovery_s; /* of all incidents together */
    double own_s;      /* the Governor's part of a median exchange is at most this */
    double exchanges;  /* that it was measured on */
    uint64_t us;       /* the whole demonstration */
};

void demo_summary_read(struct demo_summary *summary, struct str metrics);
size_t demo_usable_count(const struct demo_result *results);

void demo_print_title(void);
void demo_print_scene(size_t index, const struct demo_summary *summary);
void demo_print_summary(const struct demo_summary *summary);
void demo_print_without_title(void);
void demo_print_without(size_t index, const struct demo_summary *summary);
void demo_print_end(const struct demo_summary *summary);
void demo_print_json(const struct demo_summary *summary);

#endif
