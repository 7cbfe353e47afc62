/* SPDX-License-Identifier: Apache-2.0
 * writer.c - one queue in order of submission, handed to the writer whole.
 *
 * The writer takes everything that waits by swapping the list, so a producer's critical section is
 * a pointer and three counters. No timer delays a commitment: while one batch is being committed
 * the next one gathers, and that alone makes groups. Facts alone wait FACT_LINGER_MS so that many
 * share a commit; a commitment ends the wait and takes them along.
 *
 * A database may be away (its server is not reached): facts wait, commitments are refused where
 * they are submitted, and the thread tries to reach it each WRITER_REACH_MS.
 *
 * Invariants: bytes and counts cover what is queued and what is being written, until the results
 * are known; `failed` never goes back to false; facts that wait for a database that is closed or
 * away are in `spooled`, which the writer's thread alone touches.
 */
#include "store/writer.h"

#include "base/log.h"
#include "base/must.h"
#include "base/num.h"
#include "store/batch.h"
#include "store/database.h"
#include "store/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_REACH_MS 250

enum rest { AWAKE, IDLE, LINGERING }; /* IDLE: nothing queued; LINGERING: facts only */

struct unit_list {
    struct store_unit *first;
    struct store_unit **end;
};

struct load {
    size_t count;
    size_t bytes;
};

struct writer {
    struct database *database; /* the thread's alone; without a thread, under the mutex */
    const struct log *log;
    const struct env *env;
    struct history history; /* likewise; its signer is set before the first record */
    bool threaded;
    struct thread thread;
    struct unit_list spooled;

    struct mutex mutex; /* guards the rest */
    struct condition work;
    enum rest rest;
    bool stopping;
    bool failed;
    struct unit_list queue;
    size_t queued; /* units in `queue` */
    struct load facts;
    struct load commitments;
    struct store_health health;
};

static void list_clear(struct unit_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct unit_list *list, struct store_unit *unit)
{
    unit->next = NULL;
    *list->end = unit;
    list->end = &unit->next;
}

/* ---- results ---- */

static void told(struct message *message)
{
    struct store_unit *unit = LIST_OBJECT(message, struct store_unit, message);
    unit->done(unit);
}

/* The unit may be gone when this returns. */
static void tell(struct store_unit *unit)
{
    if (unit->home == NULL) {
        unit->done(unit);
        return;
    }
    unit->message.run = told;
    loop_post(unit->home, &unit->message);
}

static void tell_all(struct store_unit *first)
{
    while (first != NULL) {
        struct store_unit *next = first->next;
        tell(first);
        first = next;
    }
}

/* Under the mutex: the units leave the account. Facts that were refused count as lost. True when a
 * unit was INVALID, which is a mistake of its owner. */
static bool account(struct writer *writer, const struct store_unit *first)
{
    bool mistaken = false;
    for (const struct store_unit *unit = first; unit != NULL; unit = unit->next) {
        struct load *load = unit->fact ? &writer->facts : &writer->commitments;
        must(load->count > 0 && load->bytes >= unit->bytes);
        load->count--;
        load->bytes -= unit->bytes;
        if (unit->fact && unit->result == ERR_OK) {
            writer->health.facts_written++;
        } else if (unit->fact) {
            writer->health.facts_lost++;
        }
        mistaken = mistaken || unit->result == ERR_INVALID;
    }
    return mistaken;
}

/* ---- writing ---- */

static struct instant clock_now(const struct writer *writer)
{
    return writer->env != NULL ? env_instant(writer->env) : (struct instant){0};
}

/* Under the mutex. */
static void close_store(struct writer *writer)
{
    if (writer->failed) {
        return;
    }
    writer->failed = true;
    (void)snprintf(writer->health.why, sizeof writer->health.why, "%s", writer->database->why);
}

static void say_closed(const struct writer *writer)
{
    if (writer->log != NULL) {
        log_say(writer->log, LOG_ERROR, "store",
                "%s: the store is closed until the process restarts; commitments are refused",
                writer->database->why);
    }
}

static void say_mistaken(const struct writer *writer)
{
    if (writer->log != NULL) {
        log_say(writer->log, LOG_ERROR, "store", "a unit was refused as invalid; last error: %s",
                writer->database->why);
    }
}

/* Under the mutex. True as from account(). */
static bool note_batch(struct writer *writer, const struct store_unit *first, uint64_t us,
                       enum err err)
{
    bool mistaken = account(writer, first);
    if (err != ERR_OK) {
        close_store(writer);
        return false;
    }
    writer->health.commits++;
    writer->health.commit_us_last = us;
    writer->health.commit_us_max = num_max(writer->health.commit_us_max, us);
    return mistaken;
}

static void refuse(struct writer *writer, struct store_unit *first);

static bool is_away(const struct writer *writer)
{
    return atomic_load(&writer->database->away);
}

static void write_batch(struct writer *writer, struct store_unit *first)
{
    struct instant start = clock_now(writer);
    enum err err = batch_write(writer->database, &writer->history, first);
    if (err == ERR_REFUSED) {
        refuse(writer, first);
        return;
    }
    uint64_t us = instant_since_us(clock_now(writer), start);
    mutex_lock(&writer->mutex);
    bool mistaken = note_batch(writer, first, us, err);
    mutex_unlock(&writer->mutex);
    if (mistaken) {
        say_mistaken(writer);
    }
    tell_all(first);
    /* After the telling: nobody waits for a checkpoint. What it fails to copy stays in the log. */
    bool open = err == ERR_OK;
    if (open && writer->database->kind->tidy(writer->database) != ERR_OK) {
        open = false;
        writer->database->kind->abandon(writer->database);
        mutex_lock(&writer->mutex);
        close_store(writer);
        mutex_unlock(&writer->mutex);
    }
    if (!open) {
        say_closed(writer);
    }
}

/* The store is closed or its database away: facts stay, commitments are answered. */
static void refuse(struct writer *writer, struct store_unit *first)
{
    struct unit_list refused;
    list_clear(&refused);
    while (first != NULL) {
        struct store_unit *next = first->next;
        if (first->fact) {
            list_add(&writer->spooled, first);
        } else {
            first->result = ERR_IO;
            list_add(&refused, first);
        }
        first = next;
    }
    mutex_lock(&writer->mutex);
    (void)account(writer, refused.first);
    mutex_unlock(&writer->mutex);
    tell_all(refused.first);
}

/* Cuts the first STORE_BATCH_MAX units off. */
static struct store_unit *cut_batch(struct store_unit **rest)
{
    struct store_unit *first = *rest;
    struct store_unit *last = first;
    for (size_t n = 1; n < STORE_BATCH_MAX && last->next != NULL; n++) {
        last = last->next;
    }
    *rest = last->next;
    last->next = NULL;
    return first;
}

/* `failed` is written by this thread only. */
static void write_all(struct writer *writer, struct store_unit *waiting)
{
    while (waiting != NULL && !writer->failed && !is_away(writer)) {
        struct store_unit *batch = cut_batch(&waiting);
        write_batch(writer, batch);
    }
    if (waiting != NULL) {
        refuse(writer, waiting);
    }
}

/* ---- the thread ---- */

/* Under the mutex, nothing being written: is there anything that must not wait? The facts of a
 * closed store never are. */
static bool urgent(const struct writer *writer)
{
    if (writer->stopping || writer->commitments.count > 0) {
        return true;
    }
    return !writer->failed &&
           (writer->queued >= STORE_BATCH_MAX || writer->facts.bytes >= FACT_QUEUE_BYTES / 2);
}

/* Under the mutex. */
static struct store_unit *detach(struct writer *writer)
{
    struct store_unit *first = writer->queue.first;
    list_clear(&writer->queue);
    writer->queued = 0;
    return first;
}

/* Sleeps until there is work; NULL when the store is closing and nothing is left. */
static struct store_unit *take(struct writer *writer)
{
    mutex_lock(&writer->mutex);
    while (writer->queue.first == NULL && !writer->stopping) {
        writer->rest = IDLE;
        (void)condition_wait(&writer->work, &writer->mutex, UINT64_MAX);
    }
    bool in_time = true;
    while (in_time && !urgent(writer)) {
        writer->rest = LINGERING;
        in_time = condition_wait(&writer->work, &writer->mutex, FACT_LINGER_MS);
    }
    writer->rest = AWAKE;
    struct store_unit *first = detach(writer);
    mutex_unlock(&writer->mutex);
    return first;
}

static void lose_spooled(struct writer *writer)
{
    for (struct store_unit *unit = writer->spooled.first; unit != NULL; unit = unit->next) {
        unit->result = ERR_IO;
    }
    mutex_lock(&writer->mutex);
    (void)account(writer, writer->spooled.first);
    mutex_unlock(&writer->mutex);
    tell_all(writer->spooled.first);
}

static struct store_unit *take_spooled(struct writer *writer)
{
    struct store_unit *first = writer->spooled.first;
    list_clear(&writer->spooled);
    return first;
}

/* Answers commitments that were submitted before anyone knew; true when the writer stops. */
static bool sit_out(struct writer *writer)
{
    mutex_lock(&writer->mutex);
    (void)snprintf(writer->health.why, sizeof writer->health.why, "%s", writer->database->why);
    struct store_unit *late = detach(writer);
    mutex_unlock(&writer->mutex);
    refuse(writer, late);
    mutex_lock(&writer->mutex);
    if (!writer->stopping) {
        (void)condition_wait(&writer->work, &writer->mutex, WRITER_REACH_MS);
    }
    bool stopping = writer->stopping;
    mutex_unlock(&writer->mutex);
    return stopping;
}

/* Until the database is back, or the writer stops: what is spooled is lost then. */
static void await_database(struct writer *writer)
{
    bool stopping = false;
    while (is_away(writer) && !writer->failed && !stopping) {
        if (writer->database->kind->reach(writer->database) == ERR_OK) {
            write_all(writer, take_spooled(writer));
        } else {
            stopping = sit_out(writer);
        }
    }
}

static void run(void *object)
{
    struct writer *writer = object;
    for (struct store_unit *first = take(writer); first != NULL; first = take(writer)) {
        write_all(writer, first);
        await_database(writer);
    }
    lose_spooled(writer);
}

/* ---- producers ---- */

/* Under the mutex. */
static bool has_room(const struct writer *writer, const struct store_unit *unit)
{
    if (unit->fact) {
        return unit->bytes <= FACT_QUEUE_BYTES - writer->facts.bytes;
    }
    return writer->commitments.count < COMMIT_QUEUE_MAX &&
           unit->bytes <= COMMIT_QUEUE_BYTES - writer->commitments.bytes;
}

/* Under the mutex. The thread may be waiting for a server, so these do not wait for the thread. */
static bool refused_at_once(const struct writer *writer, struct store_unit *unit)
{
    unit->result = ERR_IO;
    return writer->threaded && !unit->fact && is_away(writer);
}

static void write_inline(struct writer *writer, struct store_unit *unit)
{
    if (writer->failed) {
        unit->result = ERR_IO;
        (void)account(writer, unit);
        return;
    }
    struct instant start = clock_now(writer);
    enum err err = batch_write(writer->database, &writer->history, unit);
    (void)note_batch(writer, unit, instant_since_us(clock_now(writer), start), err);
}

/* Under the mutex: true when the writer sleeps and should not. */
static bool enqueue(struct writer *writer, struct store_unit *unit)
{
    list_add(&writer->queue, unit);
    writer->queued++;
    bool wake = writer->rest == IDLE || (writer->rest == LINGERING && urgent(writer));
    if (wake) {
        writer->rest = AWAKE; /* one signal is enough */
    }
    return wake;
}

enum err writer_submit(struct writer *writer, struct store_unit *unit)
{
    must(unit->done != NULL);
    must(unit->count == 0 || unit->steps != NULL);
    bool wake = false;
    unit->next = NULL;
    mutex_lock(&writer->mutex);
    if (refused_at_once(writer, unit)) {
        mutex_unlock(&writer->mutex);
        tell(unit);
        return ERR_OK;
    }
    if (!has_room(writer, unit)) {
        writer->health.facts_lost += unit->fact ? 1 : 0;
        mutex_unlock(&writer->mutex);
        return ERR_LIMIT;
    }
    struct load *load = unit->fact ? &writer->facts : &writer->commitments;
    load->count++;
    load->bytes += unit->bytes;
    if (writer->threaded) {
        wake = enqueue(writer, unit);
    } else {
        write_inline(writer, unit);
    }
    mutex_unlock(&writer->mutex);
    if (!writer->threaded) {
        tell(unit);
    } else if (wake) {
        condition_wake(&writer->work);
    }
    return ERR_OK;
}

/* ---- life ---- */

enum err writer_new(struct database *database, const struct store_options *options, bool threaded,
                    struct writer **writer)
{
    struct writer *made = must_have(calloc(1, sizeof *made));
    made->database = database;
    made->log = options->log;
    made->env = options->env;
    made->threaded = threaded;
    list_clear(&made->spooled);
    list_clear(&made->queue);
    mutex_init(&made->mutex);
    condition_init(&made->work);
    enum err err = threaded ? thread_start(&made->thread, "store-writer", run, made) : ERR_OK;
    if (err != ERR_OK) {
        (void)writer_free(made);
        return err;
    }
    *writer = made;
    return ERR_OK;
}

bool writer_free(struct writer *writer)
{
    if (writer == NULL) {
        return false;
    }
    if (writer->thread.running) {
        mutex_lock(&writer->mutex);
        writer->stopping = true;
        mutex_unlock(&writer->mutex);
        condition_wake(&writer->work);
        thread_join(&writer->thread);
    }
    bool open = !writer->failed;
    condition_end(&writer->work);
    mutex_end(&writer->mutex);
    history_end(&writer->history);
    free(writer);
    return open;
}

void writer_sign(struct writer *writer, const struct note_signer *signer)
{
    mutex_lock(&writer->mutex);
    history_sign(&writer->history, signer);
    mutex_unlock(&writer->mutex);
}

void writer_health(struct writer *writer, struct store_health *health)
{
    mutex_lock(&writer->mutex);
    *health = writer->health;
    health->away = is_away(writer) && !writer->failed;
    health->open = !writer->failed && !health->away;
    if (health->away && health->why[0] == '\0') {
        (void)snprintf(health->why, sizeof health->why, "the server is not reached");
    }
    health->queued_bytes = writer->facts.bytes + writer->commitments.bytes;
    mutex_unlock(&writer->mutex);
}

struct mutex *writer_mutex(struct writer *writer)
{
    return &writer->mutex;
}
