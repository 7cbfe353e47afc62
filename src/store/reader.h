/* SPDX-License-Identifier: Apache-2.0
 * reader.h - queries in order, on one thread with its own connection.
 *
 * Inside the store only.
 */
#ifndef AIRE_STORE_READER_H
#define AIRE_STORE_READER_H

#include "store/store.h"
#include "sys/thread.h"

struct database;
struct reader;

/* `serial` not NULL: no thread, queries run inside reader_submit with that mutex held. */
enum err reader_new(struct database *database, struct mutex *serial,
                    struct reader **reader) MUST_USE;
void reader_free(struct reader *reader); /* answers what is queued; NULL is fine */
enum err reader_submit(struct reader *reader, struct store_query *query) MUST_USE;

#endif
