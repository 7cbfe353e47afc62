/* SPDX-License-Identifier: Apache-2.0
 * parts.h - who plays in a story.
 */
#ifndef AIRE_TESTS_RUNS_PARTS_H
#define AIRE_TESTS_RUNS_PARTS_H

#include "gateway/gateway.h"
#include "runs/world.h"

#define GOVERNOR_AT "127.0.0.1:8080"
#define TOOLS_AT    "127.0.0.1:9001"

/* ---- disk.c: the store, in virtual time; what is committed outlives the Governor ---- */

struct disk *disk_new(struct world *world);
void disk_free(struct disk *disk);
struct store *disk_store(struct disk *disk);
void disk_start(struct disk *disk); /* of a new process: open, nothing queued */
void disk_kill(struct disk *disk);  /* takes nothing more; what is queued never happens */
bool disk_closed(const struct disk *disk);
/* Of what is committed: the first column of the first row, or -1. Texts are run, key. */
int64_t disk_number(struct disk *disk, const char *sql, const char *text, int64_t number);

/* ---- governor.c ---- */

struct governor *governor_new(struct world *world);
void governor_kill(struct governor *governor);
struct commons *governor_commons(struct governor *governor);
struct loop *governor_loop(struct governor *governor);

/* ---- tools.c: a model and a tool ---- */

struct tools *tools_new(struct world *world);
void tools_free(struct tools *tools);

/* ---- agent.c ---- */

void agent_plan(struct actor *agent);
void agent_start(struct actor *agent); /* its first try is on its way */
void agents_free(struct world *world);

/* ---- person.c ---- */

void person_start(struct world *world);

#endif
