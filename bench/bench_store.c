/* SPDX-License-Identifier: Apache-2.0
 * bench_store.c - what a fact costs, what a commitment waits for, and what the disk itself takes.
 *
 * Usage: bench_store [FOLDER]   (default: a new folder under TMPDIR or /tmp; it is left behind only
 * when FOLDER was given). Prints one line a measurement. Everything runs once and in one process,
 * so the disk's own fdatasync stands beside the figures that depend on it.
 */
#include "store/store.h"
#include "sys/file.h"
#include "sys/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FACTS = 200000, FACT_BYTES = 500, COMMITS = 20000, PRODUCERS_MAX = 64, SYNCS = 500 };

static const struct migration migrations[] = {
    {1, "CREATE TABLE facts (at INTEGER, kind INTEGER, body BLOB);"
        "CREATE TABLE steps (run INTEGER, seq INTEGER, body BLOB);"
        "CREATE UNIQUE INDEX steps_by_run ON steps (run, seq);"},
};
static const struct schema schema = {"bench", migrations, 1};
static const struct statement insert_fact = {"INSERT INTO facts VALUES (?1, ?2, ?3)", 3};
static const struct statement insert_step = {"INSERT INTO steps VALUES (?1, ?2, ?3)", 3};

static struct env env;

static double now_s(void)
{
    return (double)env_instant(&env).ns / 1e9;
}

/* ---- facts ---- */

struct fact {
    struct store_unit unit;
    struct store_step step;
    struct value values[3];
    char body[FACT_BYTES];
};

static void free_fact(struct store_unit *unit)
{
    free(LIST_OBJECT(unit, struct fact, unit));
}

static struct fact *new_fact(int64_t i)
{
    struct fact *fact = malloc(sizeof *fact);
    if (fact == NULL) {
        abort();
    }
    memset(fact->body, (int)(i & 0x7f), sizeof fact->body);
    fact->values[0] = value_of_i64(i);
    fact->values[1] = value_of_i64(i % 7);
    fact->values[2] = value_of_blob((struct str){fact->body, sizeof fact->body});
    fact->step = (struct store_step){&insert_fact, fact->values, false};
    fact->unit = (struct store_unit){
        .steps = &fact->step, .count = 1, .bytes = sizeof *fact, .fact = true, .done = free_fact};
    return fact;
}

/* `rate` per second, in ticks of a millisecond. */
static void pace(int i, unsigned rate)
{
    if (rate > 0 && i % ((int)rate / 1000) == 0) {
        usleep(1000);
    }
}

/* What the pacing alone costs, so that it is not charged to the facts. */
static double pacing_cpu_s(int count, unsigned rate)
{
    double cpu = file_cpu_s();
    for (int i = 0; i < count; i++) {
        pace(i, rate);
    }
    return file_cpu_s() - cpu;
}

/* `rate` 0: as fast as the queue takes them. */
static void bench_facts(struct store *store, unsigned rate)
{
    struct store_health health;
    int count = rate == 0 ? FACTS : (int)rate * 3;
    double idle = pacing_cpu_s(count, rate);
    double start = now_s();
    double cpu = file_cpu_s();
    for (int i = 0; i < count; i++) {
        pace(i, rate);
        struct fact *fact = new_fact(i);
        while (store_submit(store, &fact->unit) != ERR_OK) {
            usleep(1000);
        }
    }
    do {
        usleep(1000);
        store_health(store, &health);
    } while (health.queued_bytes > 0);
    double wall = now_s() - start;
    cpu = file_cpu_s() - cpu - idle;
    printf("facts %-8s %8.0f /s  CPU %.2f us a fact, all threads\n",
           rate == 0 ? "flat out" : "paced", count / wall, cpu / count * 1e6);
}

/* ---- commitments ---- */

struct producer {
    struct thread thread;
    struct store *store;
    int64_t run;
    int count;
    double *latencies;
};

static void produce(void *object)
{
    struct producer *producer = object;
    static const char body[1024];
    for (int i = 0; i < producer->count; i++) {
        struct value values[3] = {value_of_i64(producer->run), value_of_i64(i),
                                  value_of_blob((struct str){body, sizeof body})};
        struct store_step step = {&insert_step, values, true};
        struct store_unit unit = {.steps = &step, .count = 1, .bytes = sizeof body};
        double before = now_s();
        if (store_write_now(producer->store, &unit) != ERR_OK) {
            abort();
        }
        producer->latencies[i] = now_s() - before;
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_commitments(struct store *store, int producers)
{
    static struct producer all[PRODUCERS_MAX];
    static double latencies[COMMITS];
    static int64_t run;
    struct store_health before;
    struct store_health after;
    int total = producers == 1 ? COMMITS / 10 : COMMITS;
    int each = total / producers;
    store_health(store, &before);
    double start = now_s();
    double cpu = file_cpu_s();
    for (int p = 0; p < producers; p++) {
        all[p] = (struct producer){
            .store = store, .run = ++run, .count = each, .latencies = latencies + p * each};
        if (thread_start(&all[p].thread, "producer", produce, &all[p]) != ERR_OK) {
            abort();
        }
    }
    for (int p = 0; p < producers; p++) {
        thread_join(&all[p].thread);
    }
    double wall = now_s() - start;
    cpu = file_cpu_s() - cpu;
    store_health(store, &after);
    int n = each * producers;
    qsort(latencies, (size_t)n, sizeof *latencies, by_size);
    printf("commitments, %2d producers %7.0f /s  %5.1f a commit  p50 %.2f ms  p95 %.2f ms  p99 %.2f"
           " ms  CPU %.1f us each\n",
           producers, n / wall, n / (double)(after.commits - before.commits),
           latencies[n / 2] * 1e3, latencies[n * 95 / 100] * 1e3, latencies[n * 99 / 100] * 1e3,
           cpu / n * 1e6);
}

/* ---- the disk ---- */

static void bench_disk(const char *folder)
{
    static double times[SYNCS];
    char path[512];
    static const char block[8192];
    (void)snprintf(path, sizeof path, "%s/sync.probe", folder);
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (file < 0) {
        abort();
    }
    for (int i = 0; i < SYNCS; i++) {
        double before = now_s();
        if (write(file, block, sizeof block) != (ssize_t)sizeof block || fdatasync(file) != 0) {
            abort();
        }
        times[i] = now_s() - before;
    }
    close(file);
    unlink(path);
    qsort(times, SYNCS, sizeof *times, by_size);
    printf("disk: write 8 KiB + fdatasync  p50 %.2f ms  p99 %.2f ms\n", times[SYNCS / 2] * 1e3,
           times[SYNCS * 99 / 100] * 1e3);
}

int main(int count, char **arguments)
{
    char made[] = "/tmp/aire-bench-XXXXXX";
    char location[600];
    const char *folder = count > 1 ? arguments[1] : mkdtemp(made);
    if (folder == NULL) {
        perror("folder");
        return 1;
    }
    env_init_real(&env);
    (void)snprintf(location, sizeof location, "sqlite:%s/bench.db", folder);
    struct store_options options = {
        .location = str_of(location), .schemas = &schema, .schema_count = 1, .env = &env};
    struct store *store = NULL;
    struct fault why = {0};
    if (store_open(&options, &store, &why) != ERR_OK) {
        fprintf(stderr, "%s\n", why.words);
        return 1;
    }
    bench_disk(folder);
    bench_facts(store, 0);
    bench_facts(store, 5000);
    bench_facts(store, 20000);
    static const int producers[] = {1, 16, 64};
    for (size_t i = 0; i < sizeof producers / sizeof *producers; i++) {
        bench_commitments(store, producers[i]);
    }
    bench_disk(folder);
    store_close(store);
    if (count == 1) {
        (void)unlink(location + sizeof "sqlite:" - 1);
        (void)rmdir(folder);
    }
    return 0;
}
