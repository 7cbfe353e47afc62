/* SPDX-License-Identifier: Apache-2.0
 * store_kit.h - what tests of the store share: a folder, a small schema, units that own their
 * values.
 */
#ifndef AIRE_TESTS_STORE_KIT_H
#define AIRE_TESTS_STORE_KIT_H

#include "store/store.h"
#include "sys/thread.h"

#define KIT_PATH 256

/* Table things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER CHECK (size >= 0)). */
extern const struct schema kit_schema;
extern const struct statement kit_insert; /* ?1 id, ?2 name, ?3 size */
extern const struct statement kit_grow;   /* size of thing ?1 by one */
extern const struct statement kit_all;    /* id, name, size by id */
extern const struct statement kit_count;  /* how many things */
extern const struct statement kit_has;    /* how many things with id ?1: 0 or 1 */

/* From now on a folder stands for a database of the tests' PostgreSQL server. False: none is here,
 * and the test should skip. */
bool kit_on_postgres(void);
void kit_on_sqlite(void);

/* Two entries of a list of tests, one for each database: the state begins as "sqlite" or
 * "postgres". */
#define KIT_BOTH(test, before, after)                                                              \
    {#test " (sqlite)", test, before, after, kit_sqlite},                                          \
    {                                                                                              \
#test " (postgres)", test, before, after, kit_postgres                                     \
    }
extern char kit_sqlite[];
extern char kit_postgres[];

void kit_folder(char path[KIT_PATH]); /* a new one under TMPDIR or /tmp */
void kit_remove(const char *path);    /* with all in it */
/* "sqlite:FOLDER/data.db", a database of FOLDER's last name, or "memory:" for folder NULL. Fails
 * the test when it cannot. */
struct store *kit_open(const char *folder);
enum err kit_try_open(const char *folder, struct store **store, struct fault *why);
void kit_location(const char *folder, char location[KIT_PATH]);

/* A unit with up to two steps and its own values; `done` counts in *finished under the mutex. */
struct kit_unit {
    struct store_unit unit;
    struct store_step steps[2];
    struct value values[2][3];
    char name[32];
    size_t turn; /* the how many-th to be told, from 1 */
    struct kit_done *told;
};
struct kit_done {
    struct mutex mutex;
    struct condition changed;
    size_t count;
};
void kit_done_init(struct kit_done *told);
void kit_done_end(struct kit_done *told);
void kit_wait(struct kit_done *told, size_t count);

/* Insert of thing `id`, named after the id. */
void kit_unit_init(struct kit_unit *unit, struct kit_done *told, int64_t id);
void kit_unit_also(struct kit_unit *unit, const struct statement *statement, int64_t id);
void kit_submit(struct store *store, struct kit_unit *unit);

int64_t kit_number(struct store *store, const struct statement *statement, int64_t id);

/* Keeps the writer's thread inside `done` until released: what is submitted meanwhile queues. */
struct kit_block {
    struct kit_unit unit;
    struct mutex mutex;
    struct condition changed;
    bool holding;
    bool released;
};
void kit_hold_writer(struct store *store, struct kit_block *block, int64_t id);
void kit_release_writer(struct kit_block *block);

#endif
