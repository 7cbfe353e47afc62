/* SPDX-License-Identifier: Apache-2.0
 * metrics_write.c - shards merged and shown in the Prometheus text exposition format, version
 * 0.0.4.
 *
 * Invariants: a family is written in one piece, its series sorted by their labels; le buckets are
 * cumulative and end with +Inf, which equals _count. Each shard is locked while it is added up,
 * never while text is written.
 */
#include "base/must.h"
#include "base/utf8.h"
#include "telemetry/metrics.h"
#include "telemetry/metrics_shard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metric_sink {
    struct metrics *sum;
};

static void add_cells(const struct metrics *sum, const struct group *group, struct series *into,
                      struct series *from)
{
    for (size_t f = group->families; f != METRIC_NONE; f = sum->families[f].next) {
        const struct family *family = &sum->families[f];
        struct cell *to = metrics_cell(into, family);
        const struct cell *add = metrics_cell(from, family);
        to->sum += add->sum;
        to->count += add->count;
        for (size_t i = 0; family->buckets != NULL && i <= family->buckets->count; i++) {
            to->buckets[i] += add->buckets[i];
        }
    }
}

static void merge(struct metrics *sum, struct metrics *shard)
{
    mutex_lock(&shard->mutex);
    for (size_t g = 0; g < sum->group_count; g++) {
        size_t at = 0;
        struct str key;
        void *series = NULL;
        while (map_next(shard->groups[g].series, &at, &key, &series)) {
            struct series *from = series;
            struct series *into = metrics_series(sum, &sum->groups[g], from->labels);
            add_cells(sum, &sum->groups[g], into, from);
        }
    }
    mutex_unlock(&shard->mutex);
}

static const struct family *find_family(const struct metrics *metrics, const char *name)
{
    size_t i = 0;
    while (i < metrics->table->count && strcmp(metrics->families[i].type->name, name) != 0) {
        i++;
    }
    must(i < metrics->table->count); /* the name of a declared metric */
    return &metrics->families[i];
}

void metric_gauge(struct metric_sink *sink, const char *name, const struct str *label_values,
                  double value)
{
    const struct family *family = find_family(sink->sum, name);
    must(family->type->kind == METRIC_GAUGE);
    struct group *group = &sink->sum->groups[family->group];
    struct cell *cell = metrics_cell(metrics_series(sink->sum, group, label_values), family);
    cell->sum = value;
    cell->count = 1;
}

static enum err put_number(struct buf *to, double value)
{
    if (!isfinite(value)) {
        return buf_add(to, isnan(value) ? STR("NaN") : value > 0 ? STR("+Inf") : STR("-Inf"));
    }
    bool whole = value == floor(value) && fabs(value) < 1e15;
    return whole ? buf_printf(to, "%.0f", value) : buf_printf(to, "%.15g", value);
}

/* Backslash and line feed are escaped everywhere, the quote in label values only. */
static enum err put_escaped(struct buf *to, struct str text, bool quoted)
{
    enum err err = ERR_OK;
    for (size_t at = 0; at < text.len && err == ERR_OK;) {
        uint32_t code = 0;
        char bytes[4];
        at += utf8_step(text, at, &code);
        if (code == '\n') {
            err = buf_add(to, STR("\\n"));
        } else if (code == '\\' || (code == '"' && quoted)) {
            err = buf_printf(to, "\\%c", (char)code);
        } else {
            err = buf_add(to, (struct str){bytes, utf8_encode(code, bytes)});
        }
    }
    return err;
}

/* {a="x",le="1"}: the series' labels and, for a bucket, its bound (NULL: none). */
static enum err put_labels(struct buf *to, const struct metric_type *type,
                           const struct series *series, const double *bound)
{
    if (type->label_count == 0 && bound == NULL) {
        return ERR_OK;
    }
    enum err err = buf_add_byte(to, '{');
    for (size_t i = 0; i < type->label_count && err == ERR_OK; i++) {
        err = buf_printf(to, "%s%s=\"", i > 0 ? "," : "", type->labels[i]);
        err = err != ERR_OK ? err : put_escaped(to, series->labels[i], true);
        err = err != ERR_OK ? err : buf_add_byte(to, '"');
    }
    if (bound != NULL) {
        err = err != ERR_OK ? err : buf_printf(to, "%sle=\"", type->label_count > 0 ? "," : "");
        err = err != ERR_OK ? err : put_number(to, *bound);
        err = err != ERR_OK ? err : buf_add_byte(to, '"');
    }
    return err != ERR_OK ? err : buf_add_byte(to, '}');
}

struct sample {
    const struct family *family;
    const struct series *series;
    const char *suffix;
    const double *bound;
};

static enum err put_sample(struct buf *to, const struct sample *sample, double value)
{
    const struct metric_type *type = sample->family->type;
    enum err err = buf_printf(to, "aire_%s%s", type->name, sample->suffix);
    err = err != ERR_OK ? err : put_labels(to, type, sample->series, sample->bound);
    err = err != ERR_OK ? err : buf_add_byte(to, ' ');
    err = err != ERR_OK ? err : put_number(to, value);
    return err != ERR_OK ? err : buf_add_byte(to, '\n');
}

static enum err put_histogram(struct buf *to, const struct family *family,
                              const struct series *series, const struct cell *cell)
{
    static const double infinity = INFINITY;
    struct sample sample = {family, series, "_bucket", NULL};
    uint64_t sum = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i <= family->buckets->count && err == ERR_OK; i++) {
        sum += cell->buckets[i];
        sample.bound = i < family->buckets->count ? &family->buckets->bounds[i] : &infinity;
        err = put_sample(to, &sample, (double)sum);
    }
    must(sum == cell->count);
    sample = (struct sample){family, series, "_sum", NULL};
    err = err != ERR_OK ? err : put_sample(to, &sample, cell->sum / family->divisor);
    sample.suffix = "_count";
    return err != ERR_OK ? err : put_sample(to, &sample, (double)cell->count);
}

static const char *type_word(const struct metric_type *type)
{
    bool total = str_ends(str_of(type->name), STR("_total"));
    bool counts = type->kind == METRIC_COUNTER || (type->kind == METRIC_GAUGE && total);
    return type->kind == METRIC_HISTOGRAM ? "histogram" : counts ? "counter" : "gauge";
}

static enum err put_head(struct buf *to, const struct metric_type *type)
{
    enum err err = buf_printf(to, "# HELP aire_%s ", type->name);
    err = err != ERR_OK ? err : put_escaped(to, str_of(type->help), false);
    err = err != ERR_OK ? err : buf_printf(to, " [%s", type->standard);
    if (type->target[0] != '\0') {
        err = err != ERR_OK ? err : buf_add(to, STR(": "));
        err = err != ERR_OK ? err : put_escaped(to, str_of(type->target), false);
    }
    err = err != ERR_OK ? err
                        : buf_printf(to, "]\n# TYPE aire_%s %s\n", type->name, type_word(type));
    /* A line of OpenMetrics; to readers of 0.0.4 it is a comment. */
    if (strcmp(type->unit, "total") != 0) {
        err = err != ERR_OK ? err : buf_printf(to, "# UNIT aire_%s %s\n", type->name, type->unit);
    }
    return err;
}

static int order_by_labels(const void *left, const void *right)
{
    const struct series *a = *(struct series *const *)left;
    const struct series *b = *(struct series *const *)right;
    int order = 0;
    for (size_t i = 0; i < METRIC_LABELS_MAX && order == 0; i++) {
        order = str_compare(a->labels[i], b->labels[i]);
    }
    return order;
}

static enum err put_family(struct buf *to, const struct metrics *sum, const struct family *family)
{
    struct series *sorted[METRIC_SERIES_MAX];
    size_t count = 0;
    size_t at = 0;
    struct str key;
    void *series = NULL;
    while (map_next(sum->groups[family->group].series, &at, &key, &series)) {
        must(count < METRIC_SERIES_MAX);
        sorted[count++] = series;
    }
    qsort(sorted, count, sizeof(struct series *), order_by_labels);
    enum err err = put_head(to, family->type);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        const struct cell *cell = metrics_cell(sorted[i], family);
        struct sample sample = {family, sorted[i], "", NULL};
        if (family->buckets == NULL) {
            err = put_sample(to, &sample, cell->sum / family->divisor);
        } else if (cell->count > 0 || family->type->label_count == 0) {
            err = put_histogram(to, family, sorted[i], cell);
        }
    }
    return err;
}

enum err metrics_write(const struct metrics_scrape *scrape, struct buf *to)
{
    must(scrape->shard_count > 0);
    struct metrics *sum = metrics_new(scrape->shards[0]->table, scrape->shards[0]->events);
    for (size_t i = 0; i < scrape->shard_count; i++) {
        must(scrape->shards[i]->table == sum->table);
        merge(sum, scrape->shards[i]);
    }
    if (scrape->collect != NULL) {
        struct metric_sink sink = {sum};
        scrape->collect(&sink, scrape->object);
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < sum->table->count && err == ERR_OK; i++) {
        err = put_family(to, sum, &sum->families[i]);
    }
    metrics_free(sum);
    return err;
}

enum err metrics_document(const struct metric_table *table, struct buf *to)
{
    enum err err = buf_add(to, STR("| Metric | Kind | Tier | Standard | Target | Labels | Counted "
                                   "from | Meaning |\n|---|---|---|---|---|---|---|---|\n"));
    for (size_t i = 0; i < table->count && err == ERR_OK; i++) {
        const struct metric_type *type = table->types[i];
        err = buf_printf(to, "| `aire_%s` | %s | %d | %s | %s | ", type->name, type_word(type),
                         (int)type->tier, type->standard, type->target);
        for (size_t j = 0; j < type->label_count && err == ERR_OK; j++) {
            err = buf_printf(to, "%s`%s`", j > 0 ? ", " : "", type->labels[j]);
        }
        bool one = type->event == NULL || strcmp(type->field, "one") == 0;
        err = err != ERR_OK ? err
                            : buf_printf(to, " | %s%s%s | %s |\n",
                                         type->event ? type->event->name : "the process",
                                         one ? "" : ".", one ? "" : type->field, type->help);
    }
    return err;
}
