/* SPDX-License-Identifier: Apache-2.0
 * metrics.c - a shard: built from the table once, then counting under one lock an event.
 *
 * Invariants: see metrics_shard.h; after metrics_new the only thing that allocates is a label set
 * that was never seen before, and there are at most METRIC_SERIES_MAX of those in a group.
 */
#include "telemetry/metrics.h"

#include "base/must.h"
#include "base/utf8.h"
#include "telemetry/events_wire.h"
#include "telemetry/metrics_shard.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_NUMBERS_MAX 65536
#define ARENA_BLOCK       16384

/* Edges lie on the standard's targets (150 us added; 2, 5, 10 s; 5 min to recover; $0.10, $0.15).
 */
static const double seconds[] = {0.0001, 0.00015, 0.0003, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                 0.025,  0.05,    0.1,    0.25,   0.5,   1,      2,     5,
                                 10,     20,      30,     60,     120,   300};
static const double dollars[] = {0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.15, 0.5, 1, 5, 10, 100};
static const double powers[] = {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576};
static const double sizes[] = {64,     256,     1024,    4096,     16384,   65536,
                               262144, 1048576, 4194304, 16777216, 67108864};

#define BUCKETS(bounds)                                                                            \
    {                                                                                              \
        bounds, sizeof(bounds) / sizeof(bounds)[0]                                                 \
    }
static const struct unit {
    const char *name;
    struct metric_buckets buckets;
} units[] = {
    {"seconds", BUCKETS(seconds)}, {"usd", BUCKETS(dollars)}, {"tokens", BUCKETS(powers)},
    {"total", BUCKETS(powers)},    {"bytes", BUCKETS(sizes)},
};

static const struct unit *unit_of(const struct metric_type *type)
{
    size_t i = 0;
    while (i < sizeof units / sizeof units[0] && strcmp(units[i].name, type->unit) != 0) {
        i++;
    }
    must(i < sizeof units / sizeof units[0]);
    return &units[i];
}

static bool same_labels(const struct metric_type *a, const struct metric_type *b)
{
    bool same = a->label_count == b->label_count;
    for (size_t i = 0; same && i < a->label_count; i++) {
        same = strcmp(a->labels[i], b->labels[i]) == 0;
    }
    return same;
}

/* The group of an earlier metric that fits, or METRIC_NONE. */
static size_t find_group(const struct metrics *metrics, size_t before)
{
    const struct metric_type *type = metrics->families[before].type;
    for (size_t i = 0; type->event != NULL && i < before; i++) {
        const struct family *other = &metrics->families[i];
        if (other->type->event == type->event && same_labels(other->type, type)) {
            return other->group;
        }
    }
    return METRIC_NONE;
}

static size_t add_group(struct metrics *metrics, const struct metric_type *type)
{
    static const uint64_t seed[2] = {0x61697265,
                                     0x6D657472}; /* entries are few: no secret needed */
    struct group *group = &metrics->groups[metrics->group_count];
    must(type->label_count <= METRIC_LABELS_MAX);
    *group = (struct group){.event = type->event,
                            .label_count = type->label_count,
                            .families = METRIC_NONE,
                            .next = METRIC_NONE,
                            .series_bytes = sizeof(struct series),
                            .series = map_new(seed, METRIC_SERIES_MAX)};
    if (type->event != NULL) {
        for (size_t i = 0; i < type->label_count; i++) {
            enum field_kind kind = FIELD_flag;
            group->labels[i] = event_member(type->event, type->labels[i], &kind);
            must(kind == FIELD_str); /* a label names a str field of the event */
        }
        must(type->event->number < metrics->by_event_count);
        group->next = metrics->by_event[type->event->number];
        metrics->by_event[type->event->number] = metrics->group_count;
    }
    return metrics->group_count++;
}

static void add_family(struct metrics *metrics, size_t index)
{
    struct family *family = &metrics->families[index];
    const struct metric_type *type = family->type;
    must((type->event == NULL) == (type->kind == METRIC_GAUGE));
    family->member = METRIC_NONE;
    family->kind = FIELD_u64;
    if (type->event != NULL && strcmp(type->field, "one") != 0) {
        family->member = event_member(type->event, type->field, &family->kind);
        must(family->member != SIZE_MAX && family->kind != FIELD_str);
    }
    bool micro = family->kind == FIELD_us || family->kind == FIELD_microusd;
    family->divisor = micro ? 1e6 : 1;
    const struct unit *unit = unit_of(type);
    family->buckets = type->kind == METRIC_HISTOGRAM ? &unit->buckets : NULL;
    size_t found = find_group(metrics, index);
    family->group = found != METRIC_NONE ? found : add_group(metrics, type);
    struct group *group = &metrics->groups[family->group];
    family->next = group->families;
    group->families = index;
    family->cell = group->series_bytes;
    size_t buckets = family->buckets ? family->buckets->count + 1 : 0;
    group->series_bytes += sizeof(struct cell) + buckets * sizeof(uint64_t);
}

struct metrics *metrics_new(const struct metric_table *table, const struct event_table *events)
{
    struct arena *arena = arena_new(ARENA_BLOCK);
    struct metrics *metrics = arena_new_of(arena, struct metrics);
    mutex_init(&metrics->mutex);
    metrics->arena = arena;
    metrics->table = table;
    metrics->events = events;
    for (size_t i = 0; i < events->count; i++) {
        must(events->types[i]->number < EVENT_NUMBERS_MAX);
        must(i == 0 || events->types[i - 1]->number < events->types[i]->number);
        metrics->by_event_count = events->types[i]->number >= metrics->by_event_count
                                      ? (size_t)events->types[i]->number + 1
                                      : metrics->by_event_count;
    }
    metrics->by_event = arena_array_of(arena, size_t, metrics->by_event_count);
    for (size_t i = 0; i < metrics->by_event_count; i++) {
        metrics->by_event[i] = METRIC_NONE;
    }
    metrics->families = arena_array_of(arena, struct family, table->count);
    metrics->groups = arena_array_of(arena, struct group, table->count);
    for (size_t i = 0; i < table->count; i++) {
        metrics->families[i].type = table->types[i];
        add_family(metrics, i);
    }
    /* What has no labels is shown from the start, with 0. */
    for (size_t i = 0; i < metrics->group_count; i++) {
        struct group *group = &metrics->groups[i];
        if (group->event != NULL && group->label_count == 0) {
            (void)metrics_series(metrics, group, NULL);
        }
    }
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < metrics->group_count; i++) {
        map_free(metrics->groups[i].series);
    }
    mutex_end(&metrics->mutex);
    arena_free(metrics->arena);
}

/* Two lists of labels have one key only if they are equal: each value is behind its length. */
static struct str make_key(const struct group *group, const struct str *labels,
                           char to[METRIC_KEY_BYTES_MAX])
{
    _Static_assert(METRIC_LABEL_BYTES_MAX <= 255, "a length is one byte");
    char *at = to;
    for (size_t i = 0; i < group->label_count; i++) {
        struct str value = labels[i];
        if (value.len > METRIC_LABEL_BYTES_MAX) {
            value = utf8_head(value, METRIC_LABEL_BYTES_MAX);
        }
        *at++ = (char)value.len;
        if (value.len > 0) {
            memcpy(at, value.at, value.len);
        }
        at += value.len;
    }
    return (struct str){to, (size_t)(at - to)};
}

static struct series *add_series(struct metrics *metrics, struct group *group,
                                 const struct str *labels, struct str key)
{
    struct series *series = arena_zero(metrics->arena, group->series_bytes);
    for (size_t i = 0; i < group->label_count; i++) {
        struct str value = utf8_head(labels[i], METRIC_LABEL_BYTES_MAX);
        series->labels[i] = arena_str(metrics->arena, value);
    }
    must(map_put(group->series, key, series) == ERR_OK);
    return series;
}

struct series *metrics_series(struct metrics *metrics, struct group *group,
                              const struct str *labels)
{
    char bytes[METRIC_KEY_BYTES_MAX];
    struct str key = make_key(group, labels, bytes);
    struct series *series = map_get(group->series, key);
    if (series != NULL) {
        return series;
    }
    static const struct str other[METRIC_LABELS_MAX] = {
        {"other", 5}, {"other", 5}, {"other", 5}, {"other", 5}};
    char other_bytes[METRIC_KEY_BYTES_MAX];
    struct str other_key = make_key(group, other, other_bytes);
    if (group->label_count > 0 && str_equal(key, other_key)) {
        return group->other = add_series(metrics, group, other, other_key);
    }
    /* One place is kept for "other", whether it is taken yet or not. */
    if (map_count(group->series) - (group->other != NULL) < METRIC_SERIES_MAX - 1) {
        return add_series(metrics, group, labels, key);
    }
    if (group->other == NULL) {
        group->other = add_series(metrics, group, other, other_key);
    }
    return group->other;
}

static double member_value(const char *event, const struct family *family)
{
    if (family->member == METRIC_NONE) {
        return 1;
    }
    const void *member = event + family->member;
    switch (family->kind) {
    case FIELD_i64:
    case FIELD_microusd:
        return (double)*(const int64_t *)member;
    case FIELD_real:
        return *(const double *)member;
    case FIELD_flag:
        return *(const bool *)member;
    default:
        return (double)*(const uint64_t *)member;
    }
}

static void count_in(const struct family *family, struct cell *cell, double value)
{
    /* A counter never falls, so neither negative values nor NaN are taken. */
    if (!(value >= 0)) {
        return;
    }
    if (family->buckets != NULL) {
        if (value == 0 && family->kind == FIELD_us) {
            return; /* not measured */
        }
        double shown = value / family->divisor;
        size_t i = 0;
        while (i < family->buckets->count && shown > family->buckets->bounds[i]) {
            i++;
        }
        cell->buckets[i]++;
    }
    cell->sum += value;
    cell->count++;
}

void metrics_count(struct metrics *metrics, const struct event_type *type, const void *event)
{
    if (type->number >= metrics->by_event_count || metrics->by_event[type->number] == METRIC_NONE) {
        return;
    }
    mutex_lock(&metrics->mutex);
    for (size_t g = metrics->by_event[type->number]; g != METRIC_NONE;) {
        struct group *group = &metrics->groups[g];
        struct str labels[METRIC_LABELS_MAX] = {{NULL, 0}};
        for (size_t i = 0; i < group->label_count; i++) {
            labels[i] = *(const struct str *)(const void *)((const char *)event + group->labels[i]);
        }
        struct series *series = metrics_series(metrics, group, labels);
        for (size_t f = group->families; f != METRIC_NONE; f = metrics->families[f].next) {
            const struct family *family = &metrics->families[f];
            count_in(family, metrics_cell(series, family), member_value(event, family));
        }
        g = group->next;
    }
    mutex_unlock(&metrics->mutex);
}
