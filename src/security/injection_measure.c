/* SPDX-License-Identifier: Apache-2.0
 * injection_measure.c - figures of left-out scores; ties of scores count half in the AUC.
 */
#include "security/injection_measure.h"

#include "base/must.h"

#include <math.h>
#include <stdlib.h>

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

struct scored {
    double raw;
    bool attack;
    bool hard;
    uint8_t source;
};

static int by_raw(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->raw;
    double y = ((const struct scored *)b)->raw;
    return (x > y) - (x < y);
}

/* The score above which at most one in a hundred of these lies. */
static double one_in_hundred(const struct scored *scored, size_t count, bool hard)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all += !scored[i].attack && (!hard || scored[i].hard);
    }
    size_t may = all / 100;
    size_t seen = 0;
    for (size_t i = count; i > 0; i--) {
        const struct scored *one = &scored[i - 1];
        if (!one->attack && (!hard || one->hard) && ++seen > may) {
            return one->raw;
        }
    }
    return 0;
}

static double area(const struct scored *scored, size_t count, size_t attacks, size_t benign)
{
    double below = 0;
    double sum = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i;
        double positive = 0;
        double negative = 0;
        for (; end < count && scored[end].raw <= scored[i].raw; end++) {
            positive += scored[end].attack;
            negative += !scored[end].attack;
        }
        sum += positive * (below + negative / 2);
        below += negative;
        i = end;
    }
    return attacks == 0 || benign == 0 ? 0 : sum / ((double)attacks * (double)benign);
}

/* The slope by Newton steps on the logistic loss, the centre being given. */
static double slope_of(const struct scored *scored, size_t count, double centre)
{
    double slope = 1;
    for (int step = 0; step < 50; step++) {
        double gradient = 0;
        double curve = 1e-9;
        for (size_t i = 0; i < count; i++) {
            double x = scored[i].raw - centre;
            double p = 1 / (1 + exp(-(slope * x + log(4))));
            gradient += (p - (scored[i].attack ? 1 : 0)) * x;
            curve += p * (1 - p) * x * x;
        }
        double next = slope - gradient / curve;
        slope = next < 0.05 ? 0.05 : next > 20 ? 20 : next;
    }
    return slope;
}

static void count_sources(const struct corpus *corpus, const struct scored *scored, size_t count,
                          struct measure *measure)
{
    double sum = 0;
    size_t counted = 0;
    for (size_t k = 0; k < 2 * corpus->source_count; k++) {
        struct measure_source source = {.name = corpus->sources[k / 2], .attack = k % 2 == 0};
        for (size_t i = 0; i < count; i++) {
            if (scored[i].source == k / 2 && scored[i].attack == source.attack) {
                source.rows++;
                source.above += scored[i].raw > measure->threshold;
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

void measure_figures(const struct corpus *corpus, struct measure *measure)
{
    *measure = (struct measure){.threshold = 0};
    struct scored *scored = must_have(calloc(corpus->row_count + 1, sizeof *scored));
    size_t count = 0;
    for (size_t i = 0; i < corpus->row_count; i++) {
        const struct corpus_row *row = &corpus->rows[i];
        if (!isnan(row->raw)) {
            scored[count++] = (struct scored){row->raw, row->attack, row->hard, row->source};
            measure->attacks += row->attack;
            measure->benign += !row->attack;
            measure->hard += row->hard;
        }
    }
    qsort(scored, count, sizeof *scored, by_raw);
    measure->threshold = one_in_hundred(scored, count, false);
    measure->hard_threshold = one_in_hundred(scored, count, true);
    measure->auc = area(scored, count, measure->attacks, measure->benign);
    /* 0.8 must be right for ordinary and for hard benign texts. */
    double centre = measure->threshold > measure->hard_threshold ? measure->threshold
                                                                 : measure->hard_threshold;
    measure->numbers.centre = (float)centre;
    measure->numbers.slope = (float)slope_of(scored, count, centre);
    size_t caught = 0;
    size_t found = 0;
    size_t wrong = 0;
    size_t hard_wrong = 0;
    for (size_t i = 0; i < count; i++) {
        caught += scored[i].attack && scored[i].raw > measure->threshold;
        bool above = scored[i].raw > centre;
        found += scored[i].attack && above;
        wrong += !scored[i].attack && above;
        hard_wrong += scored[i].hard && above;
    }
    double missed = (double)(measure->attacks - found);
    measure->recall = measure->attacks == 0 ? 0 : (double)caught / (double)measure->attacks;
    measure->f1 = found == 0 ? 0 : 2 * (double)found / (2 * (double)found + (double)wrong + missed);
    measure->false_positives = measure->benign == 0 ? 0 : (double)wrong / (double)measure->benign;
    measure->hard_accuracy = measure->hard == 0 ? 1
                                                : 1 - (double)hard_wrong / (double)measure->hard;
    count_sources(corpus, scored, count, measure);
    free(scored);
}
