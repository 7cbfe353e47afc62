/* SPDX-License-Identifier: Apache-2.0
 * injection_measure.h - how well a training does on sources that it never saw.
 *
 * Sources are left out in folds (injection_folds.def); each is scored by weights that were learned
 * without it. All left-out scores are judged by one threshold: that above which one in a hundred
 * left-out benign texts lies.
 */
#ifndef AIRE_SECURITY_INJECTION_MEASURE_H
#define AIRE_SECURITY_INJECTION_MEASURE_H

#include "security/injection_train.h"

#define MEASURE_FOLDS 8

struct measure_source {
    const char *name;
    bool attack;
    size_t rows;
    size_t above; /* the threshold */
};

struct measure {
    double threshold;      /* raw: one in a hundred left-out benign texts is above */
    double hard_threshold; /* the same of hard benign texts alone */
    double recall;
    double macro_recall; /* mean over sources of at least MEASURE_SOURCE_MIN attacks */
    double auc;
    struct injection_numbers numbers; /* slope and centre of the calibration */
    double f1;                        /* at the calibrated threshold */
    double false_positives;
    double hard_accuracy;
    size_t attacks;
    size_t benign;
    size_t hard;
    struct measure_source sources[2 * CORPUS_SOURCES_MAX];
    size_t source_count;
};
#define MEASURE_SOURCE_MIN 10

/* The sources of a fold, a bit each. */
uint64_t measure_fold(const struct corpus *corpus, unsigned fold);
/* Fills `raw` of every row that is left out in some fold (NAN elsewhere). */
void measure_scores(struct corpus *corpus, const struct train_options *options);
/* Figures of the rows whose raw is a number. */
void measure_figures(const struct corpus *corpus, struct measure *measure);

#endif
