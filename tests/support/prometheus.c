/* SPDX-License-Identifier: Apache-2.0
 * prometheus.c - line by line, with the state of the family that is open. */
#include "support/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES_MAX 256
#define SERIES_MAX   65536

struct check {
    struct str line;
    struct str family; /* name of the last HELP */
    struct str type;   /* empty until TYPE */
    struct str seen[FAMILIES_MAX];
    size_t seen_count;
    struct str series[SERIES_MAX]; /* name and labels of all samples */
    size_t series_count;
    double bucket; /* of the open histogram series: last value and bound */
    double bound;
};

#define RULE(check, condition, words)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("%s: " STR_FMT, words, STR_ARG((check)->line));                               \
        }                                                                                          \
    } while (0)

static bool is_name_byte(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    return letter || (!first && c >= '0' && c <= '9');
}

static struct str take_name(struct str *rest)
{
    size_t i = 0;
    while (i < rest->len && is_name_byte(rest->at[i], i == 0)) {
        i++;
    }
    struct str name = str_cut(*rest, 0, i);
    *rest = str_cut(*rest, i, SIZE_MAX);
    return name;
}

static bool take(struct str *rest, const char *expected)
{
    bool there = str_starts(*rest, str_of(expected));
    *rest = str_cut(*rest, there ? strlen(expected) : 0, SIZE_MAX);
    return there;
}

static double number(struct check *check, struct str text)
{
    char copy[64];
    char *end = NULL;
    RULE(check, text.len > 0 && str_copy(text, copy, sizeof copy), "no number");
    double value = strtod(copy, &end);
    RULE(check, *end == '\0', "no number");
    return value;
}

/* Takes {a="b",...}; the value of le goes to *bound. */
static void take_labels(struct check *check, struct str *rest, struct str *le)
{
    if (!take(rest, "{")) {
        return;
    }
    do {
        struct str name = take_name(rest);
        RULE(check, name.len > 0 && take(rest, "=\""), "bad label");
        size_t i = 0;
        while (i < rest->len && rest->at[i] != '"') {
            if (rest->at[i] == '\\') {
                i++;
                RULE(check, i < rest->len && strchr("\\\"n", rest->at[i]), "bad escape");
            }
            i++;
        }
        if (str_equal(name, STR("le"))) {
            *le = str_cut(*rest, 0, i);
        }
        *rest = str_cut(*rest, i, SIZE_MAX);
        RULE(check, take(rest, "\""), "open label value");
    } while (take(rest, ","));
    RULE(check, take(rest, "}"), "open labels");
}

static void check_bucket(struct check *check, struct str suffix, struct str le, double value)
{
    if (str_equal(suffix, STR("_bucket"))) {
        RULE(check, le.len > 0, "a bucket without le");
        double bound = number(check, le);
        RULE(check, bound > check->bound && value >= check->bucket, "buckets must rise");
        check->bound = bound;
        check->bucket = value;
        return;
    }
    RULE(check, isinf(check->bound), "the last bucket must be +Inf");
    if (str_equal(suffix, STR("_count"))) {
        RULE(check, value == check->bucket, "count is not that of +Inf");
        check->bound = -INFINITY;
        check->bucket = 0;
    } else {
        RULE(check, str_equal(suffix, STR("_sum")), "unknown suffix");
    }
}

static void check_sample(struct check *check)
{
    struct str rest = check->line;
    struct str le = STR("");
    struct str name = take_name(&rest);
    RULE(check, check->type.len > 0 && str_starts(name, check->family), "not of this family");
    struct str suffix = str_cut(name, check->family.len, SIZE_MAX);
    take_labels(check, &rest, &le);
    struct str series = {check->line.at, check->line.len - rest.len};
    for (size_t i = 0; i < check->series_count; i++) {
        RULE(check, !str_equal(check->series[i], series), "a series twice");
    }
    assert_true(check->series_count < SERIES_MAX);
    check->series[check->series_count++] = series;
    RULE(check, take(&rest, " "), "no blank before the value");
    double value = number(check, rest);
    if (str_equal(check->type, STR("histogram"))) {
        check_bucket(check, suffix, le, value);
    } else {
        RULE(check, suffix.len == 0 && le.len == 0, "not of this family");
    }
    RULE(check, !str_equal(check->type, STR("counter")) || value >= 0, "a negative counter");
}

static void check_comment(struct check *check)
{
    struct str rest = check->line;
    if (take(&rest, "# HELP ")) {
        check->family = take_name(&rest);
        check->type = STR("");
        check->bound = -INFINITY;
        check->bucket = 0;
        RULE(check, check->family.len > 0 && take(&rest, " "), "bad HELP");
        for (size_t i = 0; i < check->seen_count; i++) {
            RULE(check, !str_equal(check->seen[i], check->family), "a family twice");
        }
        assert_true(check->seen_count < FAMILIES_MAX);
        check->seen[check->seen_count++] = check->family;
    } else if (take(&rest, "# TYPE ")) {
        struct str name = take_name(&rest);
        RULE(check, check->type.len == 0 && str_equal(name, check->family), "TYPE without HELP");
        RULE(check, take(&rest, " "), "bad TYPE");
        check->type = rest;
        bool known = str_equal(rest, STR("counter")) || str_equal(rest, STR("gauge")) ||
                     str_equal(rest, STR("histogram"));
        RULE(check, known, "unknown TYPE");
        bool total = str_ends(name, STR("_total"));
        RULE(check, total == str_equal(rest, STR("counter")), "_total is for counters");
    } else {
        RULE(check, take(&rest, "# UNIT ") && str_equal(take_name(&rest), check->family),
             "unknown comment");
    }
}

void prometheus_check(struct str text)
{
    struct check *check = calloc(1, sizeof *check);
    assert_non_null(check);
    assert_true(str_ends(text, STR("\n")));
    while (str_split(&text, '\n', &check->line)) {
        RULE(check, check->line.len > 0, "an empty line");
        if (check->line.at[0] == '#') {
            check_comment(check);
        } else {
            check_sample(check);
        }
    }
    free(check);
}

double prometheus_sum(struct str text, const char *name)
{
    double sum = 0;
    struct str line;
    while (str_split(&text, '\n', &line)) {
        struct str rest = line;
        if (str_equal(take_name(&rest), str_of(name))) {
            char copy[64];
            size_t blank = line.len;
            while (line.at[blank - 1] != ' ') {
                blank--;
            }
            assert_true(str_copy(str_cut(line, blank, SIZE_MAX), copy, sizeof copy));
            sum += strtod(copy, NULL);
        }
    }
    return sum;
}
