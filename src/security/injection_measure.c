/* SPDX-License-Identifier: Apache-2.0
 * injection_measure.c - figures of left-out scores.
 */
#include "security/injection_measure.h"

#include "base/must.h"
#include "stats/calibrate.h"

#include <math.h>
#include <stdlib.h>

#define FALSE_ALARMS 0.01

static const struct fold_of {
    unsigned fold;
    struct str source;
} fold_of_source[] = {
#define FOLD(number, name) {number, STR_CONST(name)},
#include "security/injection_folds.def"
#undef FOLD
};

uint64_t measure_fold(const struct corpus *corpus, unsigned fold)
{
    uint64_t mask = 0;
    for (size_t s = 0; s < corpus->source_count; s++) {
        for (size_t i = 0; i < sizeof fold_of_source / sizeof fold_of_source[0]; i++) {
            if (fold_of_source[i].fold == fold &&
                str_equal(fold_of_source[i].source, str_of(corpus->sources[s]))) {
                mask |= UINT64_C(1) << s;
            }
        }
    }
    return mask;
}

void measure_scores(struct corpus *corpus, const struct train_options *options)
{
    for (size_t i = 0; i < corpus->row_count; i++) {
        corpus->rows[i].raw = (double)NAN;
    }
    for (unsigned fold = 0; fold < MEASURE_FOLDS; fold++) {
        uint64_t held = measure_fold(corpus, fold);
        if (held == 0) {
            continue;
        }
        struct train_weights weights;
        train_fit(corpus, held, options, &weights);
        for (size_t i = 0; i < corpus->row_count; i++) {
            struct corpus_row *row = &corpus->rows[i];
            if (held >> row->source & 1) {
                row->raw = train_score(corpus, row, &weights);
            }
        }
        train_weights_end(&weights);
    }
}

/* The left-out rows that are attacks or benign, of these all or the hard ones. */
static size_t gather(const struct corpus *corpus, bool hard, struct scored *scored)
{
    size_t count = 0;
    for (size_t i = 0; i < corpus->row_count; i++) {
        const struct corpus_row *row = &corpus->rows[i];
        if (!isnan(row->raw) && (row->attack || !hard || row->hard)) {
            scored[count++] = (struct scored){.raw = row->raw, .positive = row->attack};
        }
    }
    calibrate_sort(scored, count);
    return count;
}

static void count_sources(const struct corpus *corpus, struct measure *measure)
{
    double sum = 0;
    size_t counted = 0;
    for (size_t k = 0; k < 2 * corpus->source_count; k++) {
        struct measure_source source = {.name = corpus->sources[k / 2], .attack = k % 2 == 0};
        for (size_t i = 0; i < corpus->row_count; i++) {
            const struct corpus_row *row = &corpus->rows[i];
            if (row->source == k / 2 && row->attack == source.attack && !isnan(row->raw)) {
                source.rows++;
                source.above += row->raw > measure->threshold;
            }
        }
        if (source.rows > 0) {
            measure->sources[measure->source_count++] = source;
        }
        if (source.attack && source.rows >= MEASURE_SOURCE_MIN) {
            sum += (double)source.above / (double)source.rows;
            counted++;
        }
    }
    measure->macro_recall = counted == 0 ? 0 : sum / (double)counted;
}

static double share(size_t part, size_t whole, double otherwise)
{
    return whole == 0 ? otherwise : (double)part / (double)whole;
}

/* What is above the calibrated 0.8. */
static void count_above(const struct corpus *corpus, double centre, struct measure *measure)
{
    size_t caught = 0;
    size_t found = 0;
    size_t wrong = 0;
    size_t hard_wrong = 0;
    for (size_t i = 0; i < corpus->row_count; i++) {
        const struct corpus_row *row = &corpus->rows[i];
        if (isnan(row->raw)) {
            continue;
        }
        measure->attacks += row->attack;
        measure->benign += !row->attack;
        measure->hard += row->hard;
        caught += row->attack && row->raw > measure->threshold;
        found += row->attack && row->raw > centre;
        wrong += !row->attack && row->raw > centre;
        hard_wrong += row->hard && row->raw > centre;
    }
    measure->recall = share(caught, measure->attacks, 0);
    measure->f1 = share(2 * found, found + wrong + measure->attacks, 0);
    measure->false_positives = share(wrong, measure->benign, 0);
    measure->hard_accuracy = 1 - share(hard_wrong, measure->hard, 0);
}

void measure_figures(const struct corpus *corpus, struct measure *measure)
{
    *measure = (struct measure){.threshold = 0};
    struct scored *scored = must_have(calloc(corpus->row_count + 1, sizeof *scored));
    size_t count = gather(corpus, true, scored);
    measure->hard_threshold = calibrate_threshold(scored, count, FALSE_ALARMS);
    count = gather(corpus, false, scored);
    measure->threshold = calibrate_threshold(scored, count, FALSE_ALARMS);
    measure->auc = calibrate_area(scored, count);
    /* 0.8 must be right for ordinary and for hard benign texts. */
    double centre = fmax(measure->threshold, measure->hard_threshold);
    measure->numbers.centre = (float)centre;
    measure->numbers.slope = (float)calibrate_slope(scored, count, centre, log(4));
    free(scored);
    count_above(corpus, centre, measure);
    count_sources(corpus, measure);
}
