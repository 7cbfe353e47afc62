/* SPDX-License-Identifier: Apache-2.0
 * postgres_kit.h - a PostgreSQL server for tests, and a database for each.
 *
 * The server that AIRE_TEST_POSTGRES names (a folder of postgres.sh), else one of this program's
 * own, removed when it ends.
 */
#ifndef AIRE_TESTS_POSTGRES_KIT_H
#define AIRE_TESTS_POSTGRES_KIT_H

#include <stdbool.h>
#include <stddef.h>

#define POSTGRES_KIT_URL 512

/* False: there is no PostgreSQL here, and the test should skip. */
bool postgres_kit_start(void);
/* Of another server than the shared one: FOLDER is made by the caller. */
bool postgres_kit_start_in(const char *folder, const char *settings);
void postgres_kit_stop_in(const char *folder); /* as a crash would */
void postgres_kit_remove(const char *folder);

void postgres_kit_make(const char *name); /* an empty database */
void postgres_kit_drop(const char *name);
/* postgres://aire@/NAME?host=... of the shared server, or of FOLDER's. */
void postgres_kit_url(const char *name, char *to, size_t room);
void postgres_kit_url_in(const char *folder, const char *name, char *to, size_t room);
int postgres_kit_port(void);
/* Runs SQL in a database of the shared server; the first column of the first row as a number. Fails
 * the test when it cannot. */
long long postgres_kit_run(const char *name, const char *sql);

#endif
