/* SPDX-License-Identifier: Apache-2.0
 * test_record.c - one emit reaches the record, the metrics and the log, each by its own rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/prometheus.h"
#include "telemetry/sample.h"

#include <string.h>

static char lines[8192];

static struct wall clock_at(void *object)
{
    (void)object;
    return (struct wall){INT64_C(1795573778000123)};
}

static void keep_line(void *object, struct str line)
{
    (void)object;
    size_t before = strlen(lines);
    assert_true(str_copy(line, lines + before, sizeof lines - before));
}

static const struct log sample_log = {LOG_DEBUG, LOG_PLAIN, clock_at, keep_line, NULL};
static struct telemetry telemetry;
static struct record record;
static const struct wall at = {1000};

static int set_up(void **state)
{
    (void)state;
    lines[0] = '\0';
    telemetry = (struct telemetry){&sample_events, metrics_new(&sample_metrics, &sample_events),
                                   &sample_log, LOG_WARN, false};
    record_init(&record, &telemetry);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    record_end(&record);
    metrics_free(telemetry.metrics);
    return 0;
}

static double total(const char *name)
{
    struct metrics_scrape scrape = {&telemetry.metrics, 1, NULL, NULL};
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(metrics_write(&scrape, &text), ERR_OK);
    double sum = prometheus_sum(buf_str(&text), name);
    buf_end(&text);
    return sum;
}

static void events_go_to_the_buffer_of_their_class(void **state)
{
    (void)state;
    RECORD(&record, at, sampled, .name = STR("a"), .count = 1);
    RECORD(&record, at, emptied, );
    RECORD(&record, at, sampled, .name = STR("b"));
    struct str encoded = buf_str(&record.classes[CLASS_INTERACTION]);
    struct event_view view;
    struct str name;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
        assert_true(event_get_str(&view, "name", &name));
        assert_int_equal(name.at[0], "ab"[i]);
        assert_int_equal(view.at_us, 1000);
    }
    assert_int_equal(encoded.len, 0);
    assert_true(record.classes[CLASS_TOOL].len > 0);
    assert_int_equal(record.classes[CLASS_SECURITY].len, 0);
}

static void every_event_is_counted_once(void **state)
{
    (void)state;
    RECORD(&record, at, sampled, .name = STR("a"));
    EMIT(&telemetry, sampled, .name = STR("a"));
    EMIT(&telemetry, emptied, );
    assert_true(total("aire_sampled_total") == 2);
    assert_true(total("aire_emptied_total") == 1);
}

static void levels_choose_what_is_logged(void **state)
{
    (void)state;
    RECORD(&record, at, sampled, .name = STR("quiet"));
    RECORD(&record, at, alarmed, .what = STR("loud"));
    assert_null(strstr(lines, "quiet"));
    assert_non_null(strstr(lines, "alarmed what=loud"));
    telemetry.event_level = LOG_INFO;
    RECORD(&record, at, sampled, .name = STR("x y"), .took = 12, .cost = 5, .done = true);
    assert_non_null(strstr(lines, "sampled name=\"x y\" took=12us cost=$0.000005 done=true\n"));
}

static void personal_fields_are_not_logged(void **state)
{
    (void)state;
    RECORD(&record, at, alarmed, .what = STR("x"), .user = STR("Ann"));
    assert_non_null(strstr(lines, "what=x"));
    assert_null(strstr(lines, "Ann"));
}

static void a_log_line_is_one_line(void **state)
{
    (void)state;
    RECORD(&record, at, alarmed, .what = STR("a\nb level=error \"c\""));
    const char *end = strchr(lines, '\n');
    assert_non_null(end);
    assert_int_equal(end[1], '\0');
    assert_non_null(strstr(lines, "what=\"a"));
}

static void beyond_the_limit_events_are_counted_and_not_kept(void **state)
{
    (void)state;
    static char text[1000];
    memset(text, 'x', sizeof text);
    size_t sent = 0;
    while (record.dropped == 0) {
        RECORD(&record, at, sampled, .name = {text, sizeof text});
        sent++;
    }
    assert_true(record.classes[CLASS_INTERACTION].len <= RECORD_BYTES_MAX);
    assert_true(record.classes[CLASS_INTERACTION].len > RECORD_BYTES_MAX - 1100);
    assert_true(total("aire_sampled_total") == (double)sent);
    struct str encoded = buf_str(&record.classes[CLASS_INTERACTION]);
    struct event_view view;
    for (size_t i = 1; i < sent; i++) {
        assert_int_equal(event_next(&sample_events, &encoded, &view), ERR_OK);
    }
    assert_int_equal(encoded.len, 0);
    RECORD(&record, at, alarmed, .what = STR("other classes have their own room"));
    assert_int_equal(record.dropped, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_go_to_the_buffer_of_their_class),
        TEST(every_event_is_counted_once),
        TEST(levels_choose_what_is_logged),
        TEST(personal_fields_are_not_logged),
        TEST(a_log_line_is_one_line),
        TEST(beyond_the_limit_events_are_counted_and_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
