/* SPDX-License-Identifier: Apache-2.0
 * test_metrics.c - counting, merging, limits; the text is read by a strict parser of its grammar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/prometheus.h"
#include "sys/thread.h"
#include "telemetry/sample.h"

#include <stdio.h>
#include <string.h>

static struct metrics *shards[2];
static struct metrics_scrape scrape;
static struct buf text;

static int set_up(void **state)
{
    (void)state;
    shards[0] = metrics_new(&sample_metrics, &sample_events);
    shards[1] = metrics_new(&sample_metrics, &sample_events);
    scrape = (struct metrics_scrape){shards, 2, NULL, NULL};
    buf_init(&text, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_free(shards[0]);
    metrics_free(shards[1]);
    buf_end(&text);
    return 0;
}

static void count(size_t shard, struct event_sampled event)
{
    metrics_count(shards[shard], &event_type_sampled, &event);
}

/* Writes and checks the whole text, then looks for one line. */
static void show(void)
{
    buf_clear(&text);
    assert_int_equal(metrics_write(&scrape, &text), ERR_OK);
    prometheus_check(buf_str(&text));
}

static void assert_line(const char *line)
{
    char whole[512];
    (void)snprintf(whole, sizeof whole, "\n%s\n", line);
    bool first = str_starts(buf_str(&text), str_of(whole + 1));
    if (!first && strstr(buf_cstr(&text), whole) == NULL) {
        fail_msg("missing: %s\n%s", line, buf_cstr(&text));
    }
}

static void assert_nothing(const char *part)
{
    if (strstr(buf_cstr(&text), part) != NULL) {
        fail_msg("unexpected: %s", part);
    }
}

static void a_counter_counts_events_by_label(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a")});
    count(0, (struct event_sampled){.name = STR("a")});
    count(0, (struct event_sampled){.name = STR("b")});
    show();
    assert_line("aire_sampled_total{name=\"a\"} 2");
    assert_line("aire_sampled_total{name=\"b\"} 1");
}

static void shards_are_added_up(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a"), .took = 5000000, .count = 3});
    count(1, (struct event_sampled){.name = STR("a"), .took = 1000, .count = 4});
    show();
    assert_line("aire_sampled_total{name=\"a\"} 2");
    assert_line("aire_sampled_seconds_sum{name=\"a\"} 5.001");
    assert_line("aire_sampled_seconds_count{name=\"a\"} 2");
    assert_line("aire_sampled_tokens_sum 7");
}

static void money_is_shown_in_dollars(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a"), .cost = 12345});
    count(0, (struct event_sampled){.name = STR("a"), .cost = 1000000});
    show();
    assert_line("# UNIT aire_sampled_usd_total usd");
    assert_line("aire_sampled_usd_total{name=\"a\"} 1.012345");
}

static void a_counter_takes_no_negative_values(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a"), .cost = 7});
    count(0, (struct event_sampled){.name = STR("a"), .cost = -5});
    show();
    assert_line("aire_sampled_usd_total{name=\"a\"} 7e-06");
}

static void real_fields_are_summed(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.score = 0.25});
    count(1, (struct event_sampled){.score = 0.5});
    show();
    assert_line("aire_scored_total 0.75");
}

/* A value on an edge belongs to the bucket of that edge: le means "at most". */
static void histogram_edges_are_inclusive(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a"), .took = 1000});
    count(0, (struct event_sampled){.name = STR("a"), .took = 1001});
    count(0, (struct event_sampled){.name = STR("a"), .took = 120000000});
    count(0, (struct event_sampled){.name = STR("a"), .took = 301000000});
    show();
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"0.0005\"} 0");
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"0.001\"} 1");
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"0.0025\"} 2");
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"60\"} 2");
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"120\"} 3");
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"300\"} 3");
    assert_line("aire_sampled_seconds_bucket{name=\"a\",le=\"+Inf\"} 4");
}

static void a_duration_of_zero_was_not_measured(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a")});
    show();
    assert_nothing("aire_sampled_seconds_count");
    assert_line("aire_sampled_tokens_count 1");
}

static void tokens_and_bytes_have_buckets_of_powers_of_four(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("a"), .who = STR("w"), .count = 65});
    show();
    assert_line("aire_sampled_tokens_bucket{le=\"64\"} 0");
    assert_line("aire_sampled_tokens_bucket{le=\"256\"} 1");
    assert_line("aire_sampled_bytes_bucket{name=\"a\",who=\"w\",le=\"64\"} 0");
    assert_line("aire_sampled_bytes_bucket{name=\"a\",who=\"w\",le=\"67108864\"} 1");
}

static void what_has_no_labels_is_shown_from_the_start(void **state)
{
    (void)state;
    show();
    assert_line("aire_emptied_total 0");
    assert_line("aire_sampled_tokens_bucket{le=\"+Inf\"} 0");
    assert_nothing("aire_alarms_total{");
}

static void labels_and_help_are_escaped(void **state)
{
    (void)state;
    metrics_count(shards[0], &event_type_alarmed,
                  &(const struct event_alarmed){.what = STR("a\"b\\c\nd\xFF")});
    show();
    assert_line("aire_alarms_total{what=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1");
    assert_line("# HELP aire_emptied_total Back\\\\slash and\\nline [Q1]");
    assert_line("# HELP aire_sampled_total Samples by name [M2: error rate < 0.5 %]");
}

/* {"ab","c"} and {"a","bc"} are two series although their bytes run together alike. */
static void label_values_do_not_run_together(void **state)
{
    (void)state;
    count(0, (struct event_sampled){.name = STR("ab"), .who = STR("c"), .count = 1});
    count(0, (struct event_sampled){.name = STR("a"), .who = STR("bc"), .count = 1});
    show();
    assert_line("aire_sampled_bytes_count{name=\"ab\",who=\"c\"} 1");
    assert_line("aire_sampled_bytes_count{name=\"a\",who=\"bc\"} 1");
}

static void long_label_values_are_cut(void **state)
{
    (void)state;
    char value[METRIC_LABEL_BYTES_MAX + 1];
    memset(value, 'x', sizeof value);
    struct event_alarmed event = {.what = {value, sizeof value}};
    metrics_count(shards[0], &event_type_alarmed, &event);
    event.what.len--;
    metrics_count(shards[0], &event_type_alarmed, &event);
    show();
    char line[256];
    (void)snprintf(line, sizeof line, "aire_alarms_total{what=\"%.*s\"} 2", METRIC_LABEL_BYTES_MAX,
                   value);
    assert_line(line);
}

static void beyond_the_limit_other_takes_the_rest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < METRIC_SERIES_MAX + 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i);
        metrics_count(shards[0], &event_type_alarmed,
                      &(const struct event_alarmed){.what = str_of(name)});
    }
    show();
    char last[64];
    (void)snprintf(last, sizeof last, "aire_alarms_total{what=\"n%d\"} 1", METRIC_SERIES_MAX - 2);
    assert_line(last);
    assert_line("aire_alarms_total{what=\"other\"} 11");
}

static void merging_full_shards_keeps_the_limit_and_the_sum(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * METRIC_SERIES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i);
        metrics_count(shards[i % 2], &event_type_alarmed,
                      &(const struct event_alarmed){.what = str_of(name)});
    }
    show();
    assert_true(prometheus_sum(buf_str(&text), "aire_alarms_total") == 2 * METRIC_SERIES_MAX);
}

static void collect(struct metric_sink *sink, void *object)
{
    struct str targets[2] = {STR("big"), STR("small")};
    metric_gauge(sink, "open_ratio", &targets[1], 0.5);
    metric_gauge(sink, "heat_bytes", NULL, *(double *)object);
    metric_gauge(sink, "lost_total", NULL, 3);
    metric_gauge(sink, "open_ratio", &targets[0], -1);
}

static void gauges_are_collected_when_scraped(void **state)
{
    (void)state;
    double heat = 1e300;
    scrape.collect = collect;
    scrape.object = &heat;
    show();
    assert_line("# TYPE aire_heat_bytes gauge");
    assert_line("aire_heat_bytes 1e+300");
    assert_line("aire_open_ratio{target=\"big\"} -1");
    assert_line("aire_open_ratio{target=\"small\"} 0.5");
    assert_line("# TYPE aire_lost_total counter");
    assert_line("aire_lost_total 3");
    heat = 0;
    show();
    assert_line("aire_heat_bytes 0");
}

static void events_that_nothing_counts_are_fine(void **state)
{
    (void)state;
    struct event_type unknown = event_type_granted;
    unknown.number = 60000;
    struct event_granted event = {.yes = true};
    metrics_count(shards[0], &event_type_granted, &event);
    metrics_count(shards[0], &unknown, &event);
    show();
}

static void count_many(void *object)
{
    for (unsigned i = 0; i < 5000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i % 50);
        metrics_count(object, &event_type_sampled,
                      &(const struct event_sampled){.name = str_of(name), .took = i});
    }
}

/* Each scrape is whole in itself (see prometheus_check), and nothing is lost to it. */
static void a_scrape_may_run_beside_counting(void **state)
{
    (void)state;
    struct thread threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(thread_start(&threads[i], "count", count_many, shards[i]), ERR_OK);
    }
    for (size_t i = 0; i < 5; i++) {
        show();
    }
    for (size_t i = 0; i < 2; i++) {
        thread_join(&threads[i]);
    }
    show();
    assert_true(prometheus_sum(buf_str(&text), "aire_sampled_total") == 10000);
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    buf_end(&text);
    buf_init(&text, 1000);
    assert_int_equal(metrics_write(&scrape, &text), ERR_LIMIT);
}

static void the_page_has_a_row_for_each_metric(void **state)
{
    (void)state;
    assert_int_equal(metrics_document(&sample_metrics, &text), ERR_OK);
    assert_line("| `aire_sampled_seconds` | histogram | 2 | M2 | p95 < 5 s | `name` | "
                "sampled.took | How long samples took |");
    assert_line("| `aire_heat_bytes` | gauge | 3 | R2 |  |  | the process | A gauge |");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_counter_counts_events_by_label),
        TEST(shards_are_added_up),
        TEST(money_is_shown_in_dollars),
        TEST(a_counter_takes_no_negative_values),
        TEST(real_fields_are_summed),
        TEST(histogram_edges_are_inclusive),
        TEST(a_duration_of_zero_was_not_measured),
        TEST(tokens_and_bytes_have_buckets_of_powers_of_four),
        TEST(what_has_no_labels_is_shown_from_the_start),
        TEST(labels_and_help_are_escaped),
        TEST(label_values_do_not_run_together),
        TEST(long_label_values_are_cut),
        TEST(beyond_the_limit_other_takes_the_rest),
        TEST(merging_full_shards_keeps_the_limit_and_the_sum),
        TEST(gauges_are_collected_when_scraped),
        TEST(events_that_nothing_counts_are_fine),
        TEST(a_scrape_may_run_beside_counting),
        TEST(a_full_buffer_is_an_error),
        TEST(the_page_has_a_row_for_each_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
