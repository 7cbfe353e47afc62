/* SPDX-License-Identifier: Apache-2.0
 * reader.c - a queue of queries and the thread that answers them.
 *
 * Invariant: `count` is what is queued or being answered, and never above QUERY_QUEUE_MAX.
 */
#include "store/reader.h"

#include "base/must.h"
#include "store/database.h"

#include <stdlib.h>

struct reader {
    struct database *database;
    struct mutex *serial;
    struct thread thread;

    struct mutex mutex; /* guards the rest */
    struct condition work;
    struct store_query *first;
    struct store_query **end;
    size_t count;
    bool stopping;
};

static void told(struct message *message)
{
    struct store_query *query = LIST_OBJECT(message, struct store_query, message);
    query->done(query);
}

static void tell(struct store_query *query)
{
    if (query->home == NULL) {
        query->done(query);
        return;
    }
    query->message.run = told;
    loop_post(query->home, &query->message);
}

/* NULL when the reader stops and nothing is left. */
static struct store_query *take(struct reader *reader)
{
    mutex_lock(&reader->mutex);
    while (reader->first == NULL && !reader->stopping) {
        (void)condition_wait(&reader->work, &reader->mutex, UINT64_MAX);
    }
    struct store_query *query = reader->first;
    if (query != NULL) {
        reader->first = query->next;
        if (reader->first == NULL) {
            reader->end = &reader->first;
        }
    }
    mutex_unlock(&reader->mutex);
    return query;
}

static void run(void *object)
{
    struct reader *reader = object;
    for (struct store_query *query = take(reader); query != NULL; query = take(reader)) {
        reader->database->kind->query(reader->database, query);
        mutex_lock(&reader->mutex);
        reader->count--;
        mutex_unlock(&reader->mutex);
        tell(query);
    }
}

enum err reader_submit(struct reader *reader, struct store_query *query)
{
    must(query->done != NULL && query->statement != NULL);
    if (reader->serial != NULL) {
        mutex_lock(reader->serial);
        reader->database->kind->query(reader->database, query);
        mutex_unlock(reader->serial);
        tell(query);
        return ERR_OK;
    }
    mutex_lock(&reader->mutex);
    bool full = reader->count == QUERY_QUEUE_MAX;
    if (!full) {
        query->next = NULL;
        *reader->end = query;
        reader->end = &query->next;
        reader->count++;
    }
    mutex_unlock(&reader->mutex);
    if (full) {
        return ERR_LIMIT;
    }
    condition_wake(&reader->work);
    return ERR_OK;
}

enum err reader_new(struct database *database, struct mutex *serial, struct reader **reader)
{
    struct reader *made = must_have(calloc(1, sizeof *made));
    made->database = database;
    made->serial = serial;
    made->end = &made->first;
    mutex_init(&made->mutex);
    condition_init(&made->work);
    enum err err = serial == NULL ? thread_start(&made->thread, "store-reader", run, made) : ERR_OK;
    if (err != ERR_OK) {
        reader_free(made);
        return err;
    }
    *reader = made;
    return ERR_OK;
}

void reader_free(struct reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->thread.running) {
        mutex_lock(&reader->mutex);
        reader->stopping = true;
        mutex_unlock(&reader->mutex);
        condition_wake(&reader->work);
        thread_join(&reader->thread);
    }
    condition_end(&reader->work);
    mutex_end(&reader->mutex);
    free(reader);
}
