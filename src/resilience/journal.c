/* SPDX-License-Identifier: Apache-2.0
 * journal.c - runs in memory, and what becomes of a call.
 *
 * Invariants: `journal->lock` guards the map of runs, their references and the idle list;
 * `run->lock` all else of a run. Locks are taken in that order or alone. A place is held in a try
 * when its step's `held` is that try; at most one claim makes a step. Steps are never removed, and
 * seq - 1 is a step's index: numbers that a restart left without a step are holes, in no shape. */
#include "resilience/journal.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/must.h"
#include "base/num.h"
#include "resilience/shape.h"
#include "sys/thread.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct step step; /* seq 0: a hole */
    uint32_t held;    /* the try that holds its place; 0: none */
    uint32_t out;     /* the try whose own code makes it; 0: none */
    bool making;
    bool lost; /* its maker died between intent and result */
    struct link waiters;
};

enum loading { UNLOADED, LOADING, LOADED };

struct run {
    struct journal *journal;
    struct link idle;
    size_t references; /* these two: journal->lock */
    struct str tenant;
    struct str id;
    struct str key; /* in journal->runs */
    void *object;
    void (*end)(void *object);

    struct mutex lock;
    struct arena *arena; /* keys of steps */
    enum loading loading;
    struct link loaders; /* who waits for the loading */
    struct run_facts facts;
    uint32_t fenced; /* the durable part of facts.attempt */
    struct entry *entries;
    uint32_t count;
    uint32_t room;
    struct map *places;  /* exact digest -> struct shape */
    struct map *sorts;   /* likewise */
    struct wall settled; /* the latest of the recorded results that this try was given */
};

struct journal {
    struct mutex lock;
    uint64_t seed[2];
    struct map *runs;
    struct link idle; /* used last in front */
    size_t idle_steps;
};

/* ---- life ---- */

struct journal *journal_new(const uint64_t seed[2])
{
    struct journal *journal = must_have(calloc(1, sizeof *journal));
    memcpy(journal->seed, seed, sizeof journal->seed);
    mutex_init(&journal->lock);
    journal->runs = map_new(seed, JOURNAL_RUNS_MAX);
    list_init(&journal->idle);
    return journal;
}

static void free_run(struct run *run)
{
    if (run->end != NULL) {
        run->end(run->object);
    }
    shapes_free(run->places);
    shapes_free(run->sorts);
    free(run->entries);
    mutex_end(&run->lock);
    arena_free(run->arena);
    free(run);
}

/* With the lock held. */
static void forget(struct journal *journal, struct run *run)
{
    void *was = map_remove(journal->runs, run->key);
    must(was == run);
    list_remove(&run->idle);
    must(journal->idle.prev != &run->idle);
    journal->idle_steps -= run->count;
    free_run(run);
}

void journal_drop_idle(struct journal *journal)
{
    mutex_lock(&journal->lock);
    while (!list_empty(&journal->idle)) {
        forget(journal, LIST_OBJECT(journal->idle.prev, struct run, idle));
    }
    mutex_unlock(&journal->lock);
}

void journal_free(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    journal_drop_idle(journal);
    must(map_count(journal->runs) == 0);
    map_free(journal->runs);
    mutex_end(&journal->lock);
    free(journal);
}

static struct run *new_run(struct journal *journal, struct str tenant, struct str id)
{
    struct run *run = must_have(calloc(1, sizeof *run));
    run->journal = journal;
    run->arena = arena_new(1024);
    run->tenant = arena_str(run->arena, tenant);
    run->id = arena_str(run->arena, id);
    run->key = arena_printf(run->arena, STR_FMT "\n" STR_FMT, STR_ARG(tenant), STR_ARG(id));
    mutex_init(&run->lock);
    list_init(&run->idle);
    list_init(&run->loaders);
    run->places = shapes_new(journal->seed);
    run->sorts = shapes_new(journal->seed);
    return run;
}

enum err journal_run(struct journal *journal, struct str tenant, struct str id, struct run **run)
{
    if (!run_id_is_valid(id) || tenant.len > 256) {
        return ERR_INVALID;
    }
    struct arena *arena = arena_new(512);
    const struct str parts[] = {tenant, STR("\n"), id};
    struct str key = arena_join(arena, parts, 3);
    enum err code = ERR_OK;
    mutex_lock(&journal->lock);
    struct run *found = map_get(journal->runs, key);
    if (found == NULL) {
        if (map_count(journal->runs) == JOURNAL_RUNS_MAX && !list_empty(&journal->idle)) {
            forget(journal, LIST_OBJECT(journal->idle.prev, struct run, idle));
        }
        found = new_run(journal, tenant, id);
        code = map_put(journal->runs, key, found);
    } else if (found->references == 0) {
        list_remove(&found->idle);
        journal->idle_steps -= found->count;
    }
    if (code == ERR_OK) {
        found->references++;
    } else {
        free_run(found);
        found = NULL;
    }
    mutex_unlock(&journal->lock);
    arena_free(arena);
    *run = found;
    return code;
}

void run_ref(struct run *run)
{
    mutex_lock(&run->journal->lock);
    must(run->references > 0);
    run->references++;
    mutex_unlock(&run->journal->lock);
}

void run_unref(struct run *run)
{
    struct journal *journal = run->journal;
    mutex_lock(&journal->lock);
    must(run->references > 0);
    if (--run->references == 0) {
        list_push_front(&journal->idle, &run->idle);
        journal->idle_steps += run->count;
        while (journal->idle_steps > JOURNAL_STEPS_IDLE && journal->idle.prev != &run->idle) {
            forget(journal, LIST_OBJECT(journal->idle.prev, struct run, idle));
        }
        if (run->loading != LOADED) {
            forget(journal, run);
        }
    }
    mutex_unlock(&journal->lock);
}

void run_attach(struct run *run, void *object, void (*end)(void *object))
{
    must(run->loading == LOADING);
    if (run->end != NULL) {
        run->end(run->object);
    }
    run->object = object;
    run->end = end;
}

void *run_attached(const struct run *run)
{
    return run->object;
}

struct str run_tenant(const struct run *run)
{
    return run->tenant;
}

struct str run_id(const struct run *run)
{
    return run->id;
}

/* ---- entries ---- */

static struct entry *entry_of(const struct run *run, uint32_t seq)
{
    must(seq > 0 && seq <= run->count);
    return &run->entries[seq - 1];
}

/* NULL: the run has no step of that number. */
static struct entry *step_entry(const struct run *run, uint32_t seq)
{
    struct entry *entry = seq > 0 && seq <= run->count ? &run->entries[seq - 1] : NULL;
    return entry != NULL && entry->step.seq > 0 ? entry : NULL;
}

/* Lists move with the array of entries: heads are made anew. */
static void grow(struct run *run)
{
    uint32_t room = run->room == 0 ? 16 : run->room * 2;
    struct entry *entries = must_have(calloc(room, sizeof *entries));
    must(run->count == 0 || run->entries != NULL);
    for (uint32_t i = 0; i < run->count; i++) {
        entries[i] = run->entries[i];
        list_init(&entries[i].waiters);
        list_splice_back(&entries[i].waiters, &run->entries[i].waiters);
    }
    free(run->entries);
    run->entries = entries;
    run->room = room;
}

static struct entry *next_entry(struct run *run)
{
    if (run->count == run->room) {
        grow(run);
    }
    must(run->entries != NULL);
    struct entry *entry = &run->entries[run->count++];
    *entry = (struct entry){0};
    list_init(&entry->waiters);
    return entry;
}

/* Of the next number, or of the step's own above it. */
static struct entry *add(struct run *run, const struct step *step)
{
    while (run->count + 1 < step->seq) {
        (void)next_entry(run);
    }
    struct entry *entry = next_entry(run);
    entry->step = *step;
    entry->step.call.key = arena_str(run->arena, step->call.key);
    entry->step.seq = run->count;
    shape_add(shape_of(run->places, &step->call.exact, true), run->count);
    shape_add(shape_of(run->sorts, &step->call.sort, true), run->count);
    return entry;
}

/* The next place among its equals. */
static uint32_t next_occurrence(struct run *run, const struct run_digest *exact)
{
    const struct shape *shape = shape_of(run->places, exact, false);
    return shape == NULL ? 0 : entry_of(run, shape->seqs[shape->count - 1])->step.occurrence + 1;
}

/* The agent's own code makes it in this try. */
static bool is_out(const struct entry *entry, uint32_t attempt)
{
    return entry->out == attempt && entry->step.state == STEP_INTENT;
}

/* Is an equal call of this try another step? Code of the agent's own stops here until it is
 * reported: a try that asks twice may have lost the answer. */
static bool is_passed(const struct entry *entry, uint32_t attempt)
{
    bool open = entry->step.call.kind == STEP_CODE && (entry->making || is_out(entry, attempt));
    return entry->held == attempt && !open;
}

/* The first place that no call of this try has passed, from where the last look ended. */
static uint32_t first_free(const struct run *run, struct shape *shape, uint32_t attempt)
{
    if (shape->attempt != attempt) {
        shape->attempt = attempt;
        shape->low = 0;
    }
    while (shape->low < shape->count &&
           is_passed(entry_of(run, shape->seqs[shape->low]), attempt)) {
        shape->low++;
    }
    return shape->low;
}

/* ---- loading ---- */

static void post_all(struct link *waiters)
{
    struct link *link;
    while ((link = list_pop_front(waiters)) != NULL) {
        struct journal_waiter *waiter = LIST_OBJECT(link, struct journal_waiter, link);
        loop_post(waiter->home, &waiter->message);
    }
}

enum err run_load(struct run *run, struct journal_waiter *waiter)
{
    mutex_lock(&run->lock);
    enum err code = run->loading == LOADED ? ERR_OK : ERR_BUSY;
    code = run->loading == UNLOADED ? ERR_AGAIN : code;
    if (code == ERR_AGAIN) {
        run->loading = LOADING;
    } else if (code == ERR_BUSY && waiter != NULL) {
        list_push_back(&run->loaders, &waiter->link);
    }
    mutex_unlock(&run->lock);
    return code;
}

/* The try of the fence may go on behind a restart of this process. It has been told the answer of a
 * step before it asked for the next one that is equal; of the last of them nobody knows, nor which
 * steps of earlier tries it asked for: none waits. */
static void recall(struct run *run)
{
    size_t at = 0;
    struct str key;
    void *value;
    run->settled.us = INT64_MAX;
    while (map_next(run->places, &at, &key, &value)) {
        const struct shape *shape = value;
        const struct step *last = &entry_of(run, shape->seqs[shape->count - 1])->step;
        for (uint32_t i = 0; i + 1 < shape->count; i++) {
            struct entry *entry = entry_of(run, shape->seqs[i]);
            bool told = entry->step.state == STEP_DONE && last->attempt == run->fenced &&
                        entry->step.attempt == run->fenced &&
                        entry->step.done_at.us < last->intent_at.us;
            entry->held = told ? run->fenced : 0;
        }
    }
}

void run_loaded(struct run *run, enum err result, const struct run_facts *facts,
                const struct step *steps, size_t count)
{
    mutex_lock(&run->lock);
    must(run->loading == LOADING);
    run->loading = result == ERR_OK ? LOADED : UNLOADED;
    if (result == ERR_OK) {
        run->facts = *facts;
        run->fenced = facts->attempt;
        for (size_t i = 0; i < count; i++) {
            struct entry *entry = add(run, &steps[i]);
            entry->lost = steps[i].state == STEP_INTENT;
        }
        recall(run);
    }
    post_all(&run->loaders);
    mutex_unlock(&run->lock);
}

void run_facts(struct run *run, struct run_facts *facts)
{
    mutex_lock(&run->lock);
    *facts = run->facts;
    facts->steps = run->count;
    mutex_unlock(&run->lock);
}

void run_fenced(struct run *run, uint32_t attempt)
{
    mutex_lock(&run->lock);
    bool begins = attempt > run->facts.attempt;
    run->facts.attempt = begins ? attempt : run->facts.attempt;
    run->settled.us = begins ? 0 : run->settled.us;
    run->fenced = (uint32_t)num_max(run->fenced, attempt);
    mutex_unlock(&run->lock);
}

/* ---- claims ---- */

static enum journal_answer make(struct entry *entry, struct journal_claim *claim,
                                enum journal_answer answer)
{
    entry->making = true;
    entry->out = 0;
    entry->step.attempt = claim->attempt;
    claim->making = true;
    claim->relaxed = false; /* it is made as it is asked for */
    return answer;
}

/* The place is taken; what of its step? */
static enum journal_answer answer_with(const struct journal_asking *asking,
                                       struct journal_claim *claim, struct entry *entry)
{
    if (is_out(entry, claim->attempt)) {
        return JOURNAL_OUT;
    }
    claim->seq = entry->step.seq;
    claim->holds = true;
    entry->held = claim->attempt;
    if (entry->step.state == STEP_DONE || entry->step.state == STEP_SKIPPED) {
        struct wall done = entry->step.done_at;
        asking->run->settled = done.us > asking->run->settled.us ? done : asking->run->settled;
        return JOURNAL_REPLAY;
    }
    if (entry->making) {
        list_push_back(&entry->waiters, &asking->waiter->link);
        return JOURNAL_JOIN;
    }
    if (entry->step.state == STEP_IN_DOUBT) {
        return make(entry, claim, JOURNAL_DOUBT);
    }
    if (!entry->lost && entry->out == 0) {
        return make(entry, claim, JOURNAL_MAKE);
    }
    bool twice = entry->step.call.effect == EFFECT_UNSAFE;
    return make(entry, claim, twice ? JOURNAL_DOUBT : JOURNAL_AGAIN);
}

static struct entry *free_place(struct run *run, const struct run_digest *exact, uint32_t attempt)
{
    struct shape *shape = shape_of(run->places, exact, false);
    uint32_t at = shape != NULL ? first_free(run, shape, attempt) : 0;
    return shape != NULL && at < shape->count ? entry_of(run, shape->seqs[at]) : NULL;
}

/* A step of an earlier try that has a result, or will have, or does something and may have done it:
 * in other words it would be made twice. */
static bool is_recorded(const struct entry *entry, uint32_t attempt)
{
    bool begun = entry->step.state == STEP_INTENT || entry->step.state == STEP_IN_DOUBT;
    bool matters = entry->making || (begun && entry->step.call.effect != EFFECT_READ);
    return entry->step.attempt < attempt && (entry->step.state == STEP_DONE || matters);
}

static enum divergence rule_for(const struct step_call *call, const struct journal_policy *policy)
{
    if (call->kind == STEP_MODEL) {
        return policy->model;
    }
    return call->effect == EFFECT_READ ? policy->read : policy->effect;
}

static bool is_same(const struct run_digest *a, const struct run_digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* From *at on, the next recorded step of this sort that the try has not asked for. */
static struct entry *unasked(struct run *run, const struct run_digest *sort, uint32_t attempt,
                             uint32_t *at)
{
    struct shape *shape = shape_of(run->sorts, sort, false);
    uint32_t i = shape != NULL ? (uint32_t)num_max(*at, first_free(run, shape, attempt)) : 0;
    for (; shape != NULL && i < shape->count; i++) {
        struct entry *entry = entry_of(run, shape->seqs[i]);
        if (entry->held != attempt && is_recorded(entry, attempt)) {
            *at = i + 1;
            return entry;
        }
    }
    return NULL;
}

/* Asks the same in other words. */
static struct entry *reworded(struct run *run, const struct step_call *call, uint32_t attempt)
{
    uint32_t at = 0;
    struct entry *entry = unasked(run, &call->sort, attempt, &at);
    while (entry != NULL && !is_same(&entry->step.call.loose, &call->loose)) {
        entry = unasked(run, &call->sort, attempt, &at);
    }
    return entry;
}

/* One that was made beside the last result seen did not depend on it, and may still be on its way.
 */
static struct entry *waiting_step(struct run *run, const struct run_digest *sort, uint32_t attempt)
{
    uint32_t at = 0;
    struct entry *entry = unasked(run, sort, attempt, &at);
    return entry != NULL && entry->step.intent_at.us >= run->settled.us ? entry : NULL;
}

/* MAKE: go on as a new step. */
static enum journal_answer diverge(const struct journal_asking *asking, struct journal_claim *claim,
                                   struct entry *passed)
{
    struct run *run = asking->run;
    enum divergence rule = rule_for(asking->call, asking->policy);
    claim->passed = passed->step.seq;
    if (rule == DIVERGENCE_STOP || run->facts.divergences >= asking->policy->budget) {
        run->facts.state = RUN_DIVERGED;
        return JOURNAL_DIVERGED;
    }
    run->facts.divergences++;
    return JOURNAL_MAKE;
}

static enum journal_answer new_step(const struct journal_asking *asking,
                                    struct journal_claim *claim, struct step *step)
{
    struct run *run = asking->run;
    if (run->count >= RUN_STEPS_MAX || run->facts.bytes >= RUN_BYTES_MAX) {
        return JOURNAL_FULL;
    }
    bool named = asking->call->key.len > 0;
    struct entry *passed = named ? NULL : waiting_step(run, &asking->call->sort, claim->attempt);
    if (passed != NULL) {
        enum journal_answer answer = diverge(asking, claim, passed);
        if (answer != JOURNAL_MAKE) {
            *step = passed->step;
            return answer;
        }
    }
    const struct step made = {.call = *asking->call,
                              .state = STEP_INTENT,
                              .occurrence = next_occurrence(run, &asking->call->exact),
                              .intent_at = asking->now};
    struct entry *entry = add(run, &made);
    entry->held = claim->attempt;
    claim->holds = true;
    claim->seq = entry->step.seq;
    *step = entry->step;
    return make(entry, claim, JOURNAL_MAKE);
}

/* A key names a step; another request under it is taken for the same only where nothing happens. */
static enum journal_answer known_step(const struct journal_asking *asking,
                                      struct journal_claim *claim, struct entry *entry)
{
    if (asking->call->key.len > 0 && !is_same(&asking->call->loose, &entry->step.call.loose)) {
        if (asking->call->kind != STEP_MODEL && asking->call->effect != EFFECT_READ) {
            return JOURNAL_CONFLICT;
        }
        claim->relaxed = true;
    }
    return answer_with(asking, claim, entry);
}

/* May this try act at all? MAKE: it may. */
static enum journal_answer enter(struct run *run, struct journal_claim *claim)
{
    must(run->loading == LOADED);
    if (claim->attempt < run->facts.attempt) {
        return JOURNAL_FENCED;
    }
    if (run->facts.state != RUN_OPEN) {
        return run->facts.state == RUN_DIVERGED ? JOURNAL_DIVERGED : JOURNAL_CLOSED;
    }
    if (claim->attempt > run->facts.attempt) {
        run->facts.attempt = claim->attempt;
        run->settled = (struct wall){0};
    }
    claim->raised = claim->attempt > run->fenced;
    return JOURNAL_MAKE;
}

/* The step that is asked for by its number; NULL: that one is another. */
static struct entry *numbered(struct run *run, const struct step_call *call, uint32_t seq)
{
    struct entry *entry = step_entry(run, seq);
    return entry != NULL && is_same(&call->exact, &entry->step.call.exact) ? entry : NULL;
}

/* The step of this call; NULL: it is new. */
static struct entry *find(const struct journal_asking *asking, struct journal_claim *claim)
{
    struct run *run = asking->run;
    const struct step_call *call = asking->call;
    struct entry *entry = free_place(run, &call->exact, claim->attempt);
    if (entry == NULL && call->key.len > 0) {
        struct shape *shape = shape_of(run->places, &call->exact, false);
        entry = shape != NULL ? entry_of(run, shape->seqs[0]) : NULL; /* a key is one step */
    } else if (entry == NULL && rule_for(call, asking->policy) == DIVERGENCE_RELAXED) {
        entry = reworded(run, call, claim->attempt);
        claim->relaxed = entry != NULL;
    }
    return entry;
}

static enum journal_answer decide(const struct journal_asking *asking, struct journal_claim *claim,
                                  struct step *step)
{
    struct run *run = asking->run;
    enum journal_answer answer = enter(run, claim);
    if (answer != JOURNAL_MAKE) {
        return answer;
    }
    struct entry *entry = claim->seq > 0    ? entry_of(run, claim->seq) /* it was waited for */
                          : asking->seq > 0 ? numbered(run, asking->call, asking->seq)
                                            : find(asking, claim);
    if (entry == NULL) {
        return asking->seq > 0 ? JOURNAL_CONFLICT : new_step(asking, claim, step);
    }
    *step = entry->step;
    return known_step(asking, claim, entry);
}

enum journal_answer journal_claim(const struct journal_asking *asking, struct journal_claim *claim,
                                  struct step *step)
{
    must(!claim->making);
    claim->run = asking->run;
    claim->attempt = asking->attempt;
    mutex_lock(&asking->run->lock);
    enum journal_answer answer = decide(asking, claim, step);
    mutex_unlock(&asking->run->lock);
    return answer;
}

/* With the lock held: the place may be taken again in this try, unless another call has it. */
static void let_go(struct run *run, struct journal_claim *claim)
{
    struct entry *entry = entry_of(run, claim->seq);
    bool ours = claim->holds && entry->held == claim->attempt;
    claim->holds = false;
    if (ours) {
        entry->held = 0;
        shape_look_from(shape_of(run->places, &entry->step.call.exact, false), claim->seq);
        shape_look_from(shape_of(run->sorts, &entry->step.call.sort, false), claim->seq);
    }
}

bool journal_leave(struct run *run, struct journal_claim *claim, struct journal_waiter *waiter)
{
    mutex_lock(&run->lock);
    bool queued = !list_empty(&waiter->link);
    list_remove(&waiter->link);
    if (claim->seq > 0) {
        let_go(run, claim);
        claim->seq = 0;
    }
    mutex_unlock(&run->lock);
    return queued;
}

void journal_orphan(struct journal_claim *claim)
{
    mutex_lock(&claim->run->lock);
    if (claim->seq > 0) {
        let_go(claim->run, claim);
    }
    mutex_unlock(&claim->run->lock);
}

static struct entry *end_making(struct journal_claim *claim, enum step_state state, int64_t number,
                                uint64_t bytes)
{
    struct entry *entry = entry_of(claim->run, claim->seq);
    must(claim->making && entry->making);
    claim->making = false;
    entry->making = false;
    entry->lost = false;
    entry->step.state = state;
    entry->step.number = number;
    claim->run->facts.bytes += bytes;
    post_all(&entry->waiters);
    return entry;
}

void journal_settle(struct journal_claim *claim, enum step_state state, int64_t number,
                    uint64_t bytes, struct wall now)
{
    mutex_lock(&claim->run->lock);
    struct entry *entry = end_making(claim, state, number, bytes);
    entry->out = 0;
    if (state == STEP_DONE) {
        entry->step.done_at = now;
    } else {
        let_go(claim->run, claim);
    }
    mutex_unlock(&claim->run->lock);
}

void journal_part(struct journal_claim *claim, int64_t number, uint64_t bytes, bool lent)
{
    mutex_lock(&claim->run->lock);
    must(number > 0);
    struct entry *entry = end_making(claim, STEP_INTENT, number, bytes);
    if (lent) {
        entry->out = claim->attempt;
        claim->seq = 0;
    }
    mutex_unlock(&claim->run->lock);
}

/* An intent read from the store is out at the try that made it. */
enum journal_answer journal_recall(struct run *run, uint32_t attempt, uint32_t seq,
                                   struct journal_claim *claim, struct step *step)
{
    enum journal_answer answer = JOURNAL_OUT;
    *claim = (struct journal_claim){.run = run, .attempt = attempt};
    mutex_lock(&run->lock);
    struct entry *entry = step_entry(run, seq);
    bool code = entry != NULL && entry->step.call.kind == STEP_CODE && !entry->making;
    *step = code ? entry->step : (struct step){0};
    if (attempt < run->facts.attempt) {
        answer = JOURNAL_FENCED;
    } else if (code && entry->step.state == STEP_DONE) {
        answer = JOURNAL_REPLAY;
    } else if (code && (is_out(entry, attempt) || (entry->lost && attempt == run->facts.attempt))) {
        claim->seq = seq;
        claim->holds = true;
        entry->held = attempt;
        answer = make(entry, claim, JOURNAL_MAKE);
    }
    mutex_unlock(&run->lock);
    return answer;
}

enum journal_answer journal_enter(struct run *run, uint32_t attempt, struct journal_claim *claim)
{
    *claim = (struct journal_claim){.run = run, .attempt = attempt};
    mutex_lock(&run->lock);
    enum journal_answer answer = enter(run, claim);
    mutex_unlock(&run->lock);
    return answer;
}

void run_set_state(struct run *run, enum run_state state)
{
    mutex_lock(&run->lock);
    run->facts.state = state;
    run->facts.divergences = state == RUN_OPEN ? 0 : run->facts.divergences;
    mutex_unlock(&run->lock);
}

enum err run_step(struct run *run, uint32_t seq, struct step *step)
{
    mutex_lock(&run->lock);
    const struct entry *entry = step_entry(run, seq);
    *step = entry != NULL ? entry->step : (struct step){0};
    mutex_unlock(&run->lock);
    return entry != NULL ? ERR_OK : ERR_NOT_FOUND;
}

enum err run_hold(struct run *run, uint32_t seq, struct journal_claim *claim)
{
    mutex_lock(&run->lock);
    struct entry *entry = step_entry(run, seq);
    enum err code = entry == NULL ? ERR_NOT_FOUND : entry->making ? ERR_BUSY : ERR_OK;
    if (code == ERR_OK && (entry->step.state == STEP_DONE || entry->step.state == STEP_SKIPPED)) {
        code = ERR_EXISTS;
    } else if (code == ERR_OK) {
        *claim = (struct journal_claim){.run = run, .seq = seq, .making = true};
        entry->making = true;
    }
    mutex_unlock(&run->lock);
    return code;
}
