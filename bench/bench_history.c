/* SPDX-License-Identifier: Apache-2.0
 * bench_history.c - what it costs that a row is a record of the history: its hash, its place in the
 * tree, its part of the signed head; and what one signature costs a commit.
 *
 * Usage: bench_history [FOLDER]   (default: a new folder under TMPDIR or /tmp). The same rows are
 * written with and without records, turn by turn, in two stores side by side; the figures are
 * medians of the rounds. Then all that was written is verified. Budget: 1.5 us a record beside the
 * commit; 200,000 records a second verified. `make bench-runs` runs it again and again.
 */
#include "audit/verify.h"
#include "gateway/leaf.h"
#include "gateway/ledger.h"
#include "store/history.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 15, ROWS = 20000, COMMITS = 400, FACTS_BYTES = 400 };

/* As in gateway/ledger.c. */
static const struct statement insert = {
    "INSERT INTO exchanges(key, facts, salt, place) VALUES(?1, ?2, ?3, ?4)", 4};
static const struct statement no_index = {"DROP INDEX exchanges_by_place", 0};

static struct env env;
static char facts[FACTS_BYTES];

struct row {
    struct store_unit unit;
    struct store_step step;
    struct store_record record;
    struct value values[4];
    uint8_t salt[LEAF_SALT_BYTES];
};

static double now_s(void)
{
    return (double)env_instant(&env).ns / 1e9;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, order);
    return values[count / 2];
}

static void free_row(struct store_unit *unit)
{
    free(LIST_OBJECT(unit, struct row, unit));
}

/* As the gateway does it for a row of its own (ledger.c); without the record everything else. */
static struct row *new_row(int64_t key, bool recorded)
{
    struct row *row = calloc(1, sizeof *row);
    if (row == NULL) {
        abort();
    }
    row->values[0] = value_of_i64(key);
    row->values[1] = value_of_blob((struct str){facts, sizeof facts});
    row->step = (struct store_step){&insert, row->values, false};
    row->unit = (struct store_unit){
        .steps = &row->step, .count = 1, .bytes = sizeof *row, .fact = true, .done = free_row};
    if (recorded) {
        struct leaf leaf = {.key = key,
                            .salt = {(const char *)row->salt, sizeof row->salt},
                            .data_key = STR(""),
                            .personal = STR(""),
                            .facts = row->values[1].bytes};
        env_entropy(&env, row->salt, sizeof row->salt);
        row->values[2] = value_of_blob(leaf.salt);
        row->record = (struct store_record){leaf_hash(&leaf), &row->values[3]};
        row->unit.records = &row->record;
        row->unit.record_count = 1;
    }
    return row;
}

static void settle(struct store *store)
{
    struct store_health health;
    do {
        usleep(200);
        store_health(store, &health);
    } while (health.queued_bytes > 0);
}

/* CPU of all threads in us a row. */
static double write_rows(struct store *store, int64_t from, bool recorded)
{
    double cpu = file_cpu_s();
    for (int64_t i = 0; i < ROWS; i++) {
        struct row *row = new_row((from + i) * 8, recorded);
        while (store_submit(store, &row->unit) != ERR_OK) {
            usleep(200);
        }
    }
    settle(store);
    return (file_cpu_s() - cpu) / ROWS * 1e6;
}

/* Median latency of one commit of one row, us. */
static double commit_rows(struct store *store, int64_t from, bool recorded)
{
    static double times[COMMITS];
    for (int i = 0; i < COMMITS; i++) {
        struct row *row = new_row((from + i) * 8, recorded);
        double before = now_s();
        row->unit.fact = false;
        if (store_write_now(store, &row->unit) != ERR_OK) {
            abort();
        }
        times[i] = (now_s() - before) * 1e6;
        free(row);
    }
    return median(times, COMMITS);
}

static struct store *open_store(const char *folder, const char *name)
{
    char location[512];
    struct store *store;
    struct fault why;
    struct note_signer signer;
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    const struct schema schemas[] = {history_schema, ledger_schema};
    (void)snprintf(location, sizeof location, "sqlite:%s/%s.db", folder, name);
    const struct store_options options = {
        .location = str_of(location), .schemas = schemas, .schema_count = 2};
    if (store_open(&options, &store, &why) != ERR_OK ||
        note_signer_of(&signer, NOTE_PLAIN, STR("bench"), seed) != ERR_OK) {
        fprintf(stderr, "%s\n", why.words);
        exit(1);
    }
    store_sign(store, &signer);
    return store;
}

static void compare(const char *what, struct store *const stores[2],
                    double (*measure)(struct store *, int64_t, bool))
{
    double without[ROUNDS];
    double with[ROUNDS];
    double more[ROUNDS];
    static int64_t key;
    for (int round = 0; round < ROUNDS; round++) {
        without[round] = measure(stores[0], key, false);
        with[round] = measure(stores[1], key, true);
        more[round] = with[round] - without[round];
        key += ROWS;
    }
    double typical = median(more, ROUNDS);
    printf("%-34s without %7.2f  with %7.2f  difference %6.2f us  (middle half %.2f to %.2f)\n",
           what, median(without, ROUNDS), median(with, ROUNDS), typical, more[ROUNDS / 4],
           more[ROUNDS * 3 / 4]);
}

/* The table as it would be without a history. */
static void drop_index(struct store *store)
{
    struct store_step step = {&no_index, NULL, false};
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 1};
    if (store_write_now(store, &unit) != ERR_OK) {
        abort();
    }
}

static void verify(struct store *store)
{
    struct audit_report report;
    const struct audit_verify how = {.store = store};
    double before = now_s();
    if (audit_verify(&how, &report) != ERR_OK || report.fault_count > 0) {
        fprintf(stderr, "not whole: %s\n", report.faults[0].words);
        exit(1);
    }
    double took = now_s() - before;
    printf("verified %llu records in %.2f s: %.0f a second\n", (unsigned long long)report.records,
           took, (double)report.records / took);
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/bench-history-XXXXXX";
    const char *folder = argc > 1 ? argv[1] : mkdtemp(made);
    env_init_real(&env);
    if (folder == NULL) {
        return 1;
    }
    memset(facts, 'f', sizeof facts);
    struct store *stores[] = {open_store(folder, "without"), open_store(folder, "with")};
    drop_index(stores[0]);
    compare("a row of 400 bytes, many a commit", stores, write_rows);
    compare("a commit of one row, latency", stores, commit_rows);
    verify(stores[1]);
    verify(stores[1]);
    store_close(stores[0]);
    store_close(stores[1]);
    printf("left in %s\n", folder);
    return 0;
}
