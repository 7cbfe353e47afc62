/* SPDX-License-Identifier: Apache-2.0
 * injection_train.h - weights from a corpus, by the rule that a scan scores by.
 *
 * Logistic loss on each text's most suspicious window (multiple-instance learning: a long text is
 * an attack when one window of it is), AdaGrad (Duchi, Hazan, Singer 2011), a fixed order, one
 * thread: the same rows give the same bytes. Sources weigh by the square root of their size.
 */
#ifndef AIRE_SECURITY_INJECTION_TRAIN_H
#define AIRE_SECURITY_INJECTION_TRAIN_H

#include "security/injection_corpus.h"

struct train_options {
    unsigned epochs;
    double rate;
    double decay;         /* L2 */
    double attack_share;  /* of all weight */
    double drop_words;    /* chance that a text is shown without its words */
    double drop_pieces;   /* ... without pieces of words */
    double drop_feature;  /* ... that a feature is left out of one text */
    double class_gain;    /* how much louder the order of classes speaks */
    unsigned sources_min; /* a feature must occur in so many */
    unsigned rows_min;
    uint64_t seed;
};
extern const struct train_options train_defaults;

/* Weights of features by their number, and the bias behind the last. */
struct train_weights {
    float *weights;
    float bias;
};

/* Learns from the rows of sources whose bit in `held` is not set. */
void train_fit(const struct corpus *corpus, uint64_t held, const struct train_options *options,
               struct train_weights *to);
void train_weights_end(struct train_weights *weights);
double train_score(const struct corpus *corpus, const struct corpus_row *row,
                   const struct train_weights *weights);
/* Rounds to the model's integers; the numbers for calibration stay as they are. */
void train_export(const struct corpus *corpus, const struct train_weights *weights,
                  struct injection_model *model);

#endif
