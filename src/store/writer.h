/* SPDX-License-Identifier: Apache-2.0
 * writer.h - the queue of units and the one thread that writes them.
 *
 * Inside the store only. Producers hold the mutex for a few instructions; they wake the writer only
 * when it sleeps and the unit is not one that may wait (see store.h, FACT_LINGER_MS).
 */
#ifndef AIRE_STORE_WRITER_H
#define AIRE_STORE_WRITER_H

#include "store/store.h"
#include "sys/thread.h"

struct database;
struct note_signer;
struct writer;

/* `threaded` false: units are written inside writer_submit, under the mutex. */
enum err writer_new(struct database *database, const struct store_options *options, bool threaded,
                    struct writer **writer) MUST_USE;
/* Writes what is queued; the store is still open when it returns true. NULL is fine (false). */
bool writer_free(struct writer *writer);

enum err writer_submit(struct writer *writer, struct store_unit *unit) MUST_USE;
void writer_sign(struct writer *writer, const struct note_signer *signer);
void writer_health(struct writer *writer, struct store_health *health);
/* What guards the database when nothing is threaded. */
struct mutex *writer_mutex(struct writer *writer);

#endif
