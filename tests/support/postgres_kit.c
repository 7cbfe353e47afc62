/* SPDX-License-Identifier: Apache-2.0
 * postgres_kit.c - see postgres_kit.h; the work is postgres.sh's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/postgres_kit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char shared[128]; /* its folder */

/* From this file's place in the tree, wherever the program runs. */
static int script(const char *verb, const char *folder, const char *settings)
{
    char command[1024];
    char path[512];
    (void)snprintf(path, sizeof path, "%s", AIRE_TESTS);
    (void)snprintf(command, sizeof command, "'%s/support/postgres.sh' %s '%s' %s >/dev/null", path,
                   verb, folder, settings);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool postgres_kit_start_in(const char *folder, const char *settings)
{
    int code = script("start", folder, settings);
    if (code != 0 && code != 3) {
        fail_msg("the server in %s does not start", folder);
    }
    return code == 0;
}

void postgres_kit_stop_in(const char *folder)
{
    (void)script("stop", folder, "");
}

void postgres_kit_remove(const char *folder)
{
    (void)script("remove", folder, "");
}

static void remove_shared(void)
{
    postgres_kit_remove(shared);
}

bool postgres_kit_start(void)
{
    static bool asked;
    static bool present;
    const char *given = getenv("AIRE_TEST_POSTGRES");
    if (asked) {
        return present;
    }
    asked = true;
    if (given != NULL && given[0] != '\0') {
        (void)snprintf(shared, sizeof shared, "%s", given);
        present = true;
        return present;
    }
    const char *base = getenv("TMPDIR");
    (void)snprintf(shared, sizeof shared, "%.80s/aire-pg-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(shared));
    (void)atexit(remove_shared);
    present = postgres_kit_start_in(shared, "");
    return present;
}

static int port_of(const char *folder)
{
    char path[256];
    int port = 0;
    (void)snprintf(path, sizeof path, "%s/port", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &port), 1);
    (void)fclose(file);
    return port;
}

int postgres_kit_port(void)
{
    return port_of(shared);
}

void postgres_kit_url_in(const char *folder, const char *name, char *to, size_t room)
{
    (void)snprintf(to, room, "postgres://aire@/%s?host=%s&port=%d", name, folder, port_of(folder));
}

void postgres_kit_url(const char *name, char *to, size_t room)
{
    postgres_kit_url_in(shared, name, to, room);
}

long long postgres_kit_run(const char *name, const char *sql)
{
    char url[POSTGRES_KIT_URL];
    postgres_kit_url(name, url, sizeof url);
    PGconn *link = PQconnectdb(url);
    PGresult *result = PQexec(link, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(link));
    }
    long long number = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    PQfinish(link);
    return number;
}

void postgres_kit_make(const char *name)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE \"%.100s\"", name);
    (void)postgres_kit_run("postgres", sql);
}

void postgres_kit_drop(const char *name)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS \"%.100s\" WITH (FORCE)", name);
    (void)postgres_kit_run("postgres", sql);
}
