/* SPDX-License-Identifier: Apache-2.0
 * bench_record.c - what recording one exchange costs: two events of the gateway, encoded and
 * counted.
 *
 * Prints the median and the fastest of REPEATS rounds in ns. Budget: 1,000 ns for the whole record
 * of an exchange, 300 ns for one event of 15 fields. Build: gcc -std=c17 -D_GNU_SOURCE -O2 -Isrc -o
 * /tmp/bench_record bench/bench_record.c build/libcore.a -lsodium -lcrypto -lpthread -lm
 */
#include "base/map.h"
#include "telemetry/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS "gateway/events.def"
#include "telemetry/declare_events.h"
#define METRICS "gateway/metrics.def"
#include "telemetry/declare_metrics.h"
/* Descriptors of our own, under the owner's names: the bench links without the gateway. */
extern const struct event_table bench_events;
extern const struct metric_table bench_metrics;
#define EVENTS      "gateway/events.def"
#define EVENT_TABLE bench_events
#include "telemetry/define_events.h"
#define METRICS      "gateway/metrics.def"
#define METRIC_TABLE bench_metrics
#include "telemetry/define_metrics.h"

#define ROUNDS  20000
#define REPEATS 31

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int order(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void attempt(struct record *record, struct wall at, uint64_t i)
{
    RECORD(record, at, attempt_ended, .target = STR("big"), .provider = STR("openai"), .number = 1,
           .failure = STR("none"), .status = 200, .connected = 850, .head = 210000 + i,
           .first_token = 310000, .total = 1900000 + i, .cost = 12345);
}

static void exchange(struct record *record, struct wall at, uint64_t i)
{
    RECORD(record, at, exchange_ended, .id = STR("01JDR7T2M3N4P5Q6R7S8T9V0W1"),
           .tenant = STR("default"), .principal = STR("refund-agent"), .user = STR("u-18273"),
           .agent = STR("refund-agent"), .session = STR("s-99812"), .route = STR("support"),
           .endpoint = STR("chat"), .model = STR("support"), .target = STR("big"),
           .tier = STR("big"), .outcome = STR("ok"), .status = 200, .attempts = 1, .streamed = true,
           .total = 1900300 + i, .upstream = 1900000, .added = 121, .first_token = 310121,
           .tokens_input = 1532, .tokens_cached = 1024, .tokens_output = 288, .cost = 12345,
           .request_bytes = 8123, .response_bytes = 40211, .generation = 3,
           .trace = STR("4bf92f3577b34da6a3ce929d0e0e4736"));
}

static void both(struct record *record, struct wall at, uint64_t i)
{
    attempt(record, at, i);
    exchange(record, at, i);
}

static void measure(const char *name, void (*emit)(struct record *, struct wall, uint64_t),
                    struct telemetry *telemetry)
{
    static double times[REPEATS];
    for (size_t r = 0; r < REPEATS; r++) {
        double from = now_ns();
        for (uint64_t i = 0; i < ROUNDS; i++) {
            struct record record;
            record_init(&record, telemetry);
            emit(&record, (struct wall){1764037778000123 + (int64_t)i}, i);
            record_end(&record);
        }
        times[r] = (now_ns() - from) / ROUNDS;
    }
    qsort(times, REPEATS, sizeof times[0], order);
    printf("%-44s median %6.0f ns, fastest %6.0f ns\n", name, times[REPEATS / 2], times[0]);
}

int main(void)
{
    struct metrics *metrics = metrics_new(&bench_metrics, &bench_events);
    struct telemetry with = {&bench_events, metrics, NULL, LOG_WARN};
    struct telemetry without = {&bench_events, NULL, NULL, LOG_WARN};
    measure("attempt (11 fields), encoded", attempt, &without);
    measure("exchange (31 fields), encoded", exchange, &without);
    measure("attempt, encoded and counted", attempt, &with);
    measure("exchange, encoded and counted", exchange, &with);
    measure("whole record: both, encoded and counted", both, &with);
    metrics_free(metrics);
    return 0;
}
