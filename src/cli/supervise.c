/* SPDX-License-Identifier: Apache-2.0
 * supervise.c - `aire supervise -- COMMAND`: an agent as the tries of one run, until one ends well.
 *
 * An agent that ends with a status other than 0, or by a signal, has crashed: it starts again with
 * the next try in its base URLs, so that what it asked for before is answered from the journal. */
#include "base/arena.h"
#include "base/num.h"
#include "cli/read.h"
#include "cli/where.h"
#include "resilience/run_store.h"
#include "sys/child.h"
#include "sys/file.h"
#include "sys/notify.h"

#include <stdio.h>

#define TRIES_USUAL  5
#define DELAY_MIN_MS 50 /* doubled by each crash in a row, */
#define DELAY_MAX_MS 30000
#define HEALTHY_MS   10000 /* until a try has lived that long */
#define SETTINGS     5

struct supervised {
    const struct cli *cli;
    struct str url; /* without a slash at its end */
    const char *tenant;
    char run[RUN_ID_BYTES_MAX + 1];
    uint32_t attempt;     /* of the last start */
    enum run_state state; /* as it was when last looked at */
};

static void name_run(struct supervised *s)
{
    uint64_t random;
    env_entropy(s->cli->env, &random, sizeof random);
    (void)snprintf(s->run, sizeof s->run, "run-%016llx", (unsigned long long)random);
}

/* What the journal knows of the run, where it can be read from here; else the tries are counted
 * from 1, and the server's fence has the last word. */
static int look(struct supervised *s)
{
    struct where_store where;
    struct store_query query = {0};
    struct run_row row;
    const struct value values[] = {value_of_text(str_of(s->tenant)), value_of_text(str_of(s->run))};
    if (!where_store(s->cli, &where)) {
        return CLI_USAGE;
    }
    if (str_starts(str_of(where.location), STR("sqlite:")) && !file_exists(where.location + 7)) {
        return CLI_OK;
    }
    int exit_code = read_rows(s->cli, &run_find, values, 1, &query);
    if (exit_code == CLI_OK && query.rows != NULL && query.row_count > 0) {
        run_read(query.rows, &row);
        s->attempt = (uint32_t)num_max(s->attempt, row.attempt);
        s->state = row.state;
    }
    store_query_end(&query);
    return exit_code;
}

/* The agent's own exit status; 127 where it cannot be started. */
static int start_once(struct supervised *s, bool *stopped)
{
    struct arena *arena = arena_new(4096);
    struct child *child;
    int status = 127;
    struct str base = arena_printf(arena, STR_FMT "/run/%s/%u", STR_ARG(s->url), s->run,
                                   s->attempt);
    const struct str settings[SETTINGS] = {
        arena_printf(arena, "AIRE_RUN=%s", s->run), arena_printf(arena, "AIRE_TRY=%u", s->attempt),
        arena_printf(arena, "AIRE_BASE_URL=" STR_FMT, STR_ARG(base)),
        arena_printf(arena, "OPENAI_BASE_URL=" STR_FMT "/v1", STR_ARG(base)),
        arena_printf(arena, "ANTHROPIC_BASE_URL=" STR_FMT, STR_ARG(base))};
    const char *list[SETTINGS + 1] = {NULL};
    for (size_t i = 0; i < SETTINGS; i++) {
        list[i] = arena_cstr(arena, settings[i]);
    }
    enum err code = child_start_foreground(s->cli->rest, list, &child);
    if (code == ERR_OK) {
        status = child_attend(child, stopped);
    } else {
        *stopped = true; /* another try would not find it either */
        (void)cli_fail(s->cli, status, "%.200s cannot be started: %s", s->cli->rest[0],
                       err_text(code));
    }
    arena_free(arena);
    return status;
}

static bool is_over(const struct supervised *s)
{
    if (s->attempt == RUN_TRY_MAX) {
        (void)cli_fail(s->cli, CLI_FAILED, "the run %s has had all its tries", s->run);
        return true;
    }
    if (s->state == RUN_OPEN) {
        return false;
    }
    (void)cli_fail(s->cli, CLI_FAILED, "the run %s is %s (see aire runs show %s)", s->run,
                   run_state_name(s->state), s->run);
    return true;
}

static int run_tries(struct supervised *s, uint64_t tries)
{
    uint64_t delay_ms = DELAY_MIN_MS;
    int status = CLI_FAILED;
    bool stopped = false;
    for (uint64_t i = 1; i <= tries && !stopped; i++) {
        int exit_code = look(s);
        if (exit_code != CLI_OK || is_over(s)) {
            return exit_code != CLI_OK ? exit_code : status;
        }
        struct instant begun = env_instant(s->cli->env);
        s->attempt++;
        status = start_once(s, &stopped);
        if (status == 0 || stopped || i == tries) {
            break;
        }
        bool healthy = instant_after_ms(begun, HEALTHY_MS).ns <= env_instant(s->cli->env).ns;
        delay_ms = healthy ? DELAY_MIN_MS : delay_ms;
        (void)cli_fail(s->cli, status, "try %u of run %s ended with %d; the next one follows",
                       s->attempt, s->run, status);
        stopped = notify_wait((unsigned)delay_ms) == SIGNAL_STOP;
        delay_ms = num_min(delay_ms * 2, DELAY_MAX_MS);
    }
    return status;
}

int cmd_supervise(const struct cli *cli)
{
    struct supervised s = {.cli = cli,
                           .url = str_of(cli_option(cli, "--url", "http://127.0.0.1:8080")),
                           .tenant = cli_option(cli, "--tenant", "default")};
    const char *run = cli_option(cli, "--run", NULL);
    uint64_t tries = TRIES_USUAL;
    if (!cli_number(cli, "--tries", 1, 1000, &tries)) {
        return CLI_USAGE;
    }
    if (run != NULL &&
        !(run_id_is_valid(str_of(run)) && str_copy(str_of(run), s.run, sizeof s.run))) {
        return cli_fail(cli, CLI_USAGE, "--run: '%.70s' is no name of a run", run);
    }
    if (!str_starts(s.url, STR("http://")) && !str_starts(s.url, STR("https://"))) {
        return cli_fail(cli, CLI_USAGE, "--url: '%.200s' does not begin with http:// or https://",
                        cli_option(cli, "--url", ""));
    }
    s.url = str_cut(s.url, 0, s.url.len - (str_ends(s.url, STR("/")) ? 1 : 0));
    if (run == NULL) {
        name_run(&s);
        (void)cli_fail(cli, CLI_OK, "this is run %s", s.run);
    }
    notify_init();
    return run_tries(&s, tries);
}
