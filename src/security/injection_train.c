/* SPDX-License-Identifier: Apache-2.0
 * injection_train.c - see the header; nothing here depends on time, threads or addresses.
 */
#include "security/injection_train.h"

#include "base/must.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct train_options train_defaults = {
    .epochs = 2,
    .rate = 0.03,
    .decay = 1e-5,
    .attack_share = 0.5,
    .drop_words = 0.3,
    .drop_pieces = 0.3,
    .drop_feature = 0.2,
    .class_gain = 3,
    .sources_min = 2,
    .rows_min = 3,
    .seed = 1,
};

/* A part's window: tokens [first, first + count). */
struct window_of {
    size_t first;
    size_t count;
    double raw;
    bool any;
};

enum which { WINDOWS_ALL, WINDOWS_INSIDE, WINDOWS_OUTSIDE };

struct fit {
    const struct corpus *corpus;
    const struct train_options *options;
    float *weights;
    float *squares; /* of gradients */
    uint8_t *off;   /* features that are not learned */
    float bias;
    float bias_square;
    struct rng rng;
};

static double token_sum(const struct corpus *corpus, const float *weights, size_t token)
{
    double sum = 0;
    for (size_t i = corpus->tokens[token]; i < corpus->tokens[token + 1]; i++) {
        sum += (double)weights[corpus->stream[i]];
    }
    return sum;
}

static double norm_of(const struct corpus *corpus, size_t count)
{
    return (double)corpus->blank->norms[count < INJECTION_WINDOW ? count : INJECTION_WINDOW];
}

/* The most suspicious window of a part, among those that touch the attack, that do not, or all. */
static void best_of_part(const struct corpus *corpus, const float *weights, size_t part_at,
                         enum which which, struct window_of *best)
{
    const struct corpus_part *part = &corpus->parts[part_at];
    double ring[INJECTION_WINDOW + 1];
    size_t inside = 0;
    double sum = 0;
    for (size_t i = 0; i < part->count; i++) {
        size_t slot = i % INJECTION_WINDOW;
        if (i >= INJECTION_WINDOW) {
            sum -= ring[slot];
            inside -= corpus->inside[part->token + i - INJECTION_WINDOW];
        }
        ring[slot] = token_sum(corpus, weights, part->token + i);
        sum += ring[slot];
        inside += corpus->inside[part->token + i];
        if (i + 1 < INJECTION_WINDOW && i + 1 < part->count) {
            continue;
        }
        size_t count = i + 1 < INJECTION_WINDOW ? i + 1 : INJECTION_WINDOW;
        if ((which == WINDOWS_INSIDE && inside == 0) || (which == WINDOWS_OUTSIDE && inside > 0)) {
            continue;
        }
        double raw = sum * norm_of(corpus, count);
        if (!best->any || raw > best->raw) {
            *best = (struct window_of){
                .first = part->token + i + 1 - count, .count = count, .raw = raw, .any = true};
        }
    }
}

static struct window_of best_of_row(const struct corpus *corpus, const float *weights,
                                    const struct corpus_row *row, enum which which)
{
    struct window_of best = {.any = false};
    for (size_t i = 0; i < row->parts; i++) {
        best_of_part(corpus, weights, row->part + i, which, &best);
    }
    return best;
}

double train_score(const struct corpus *corpus, const struct corpus_row *row,
                   const struct train_weights *weights)
{
    struct window_of best = best_of_row(corpus, weights->weights, row, WINDOWS_ALL);
    return best.raw + (double)weights->bias;
}

/* One step on one window towards `attack`. Families and features drop out by chance, so that no
 * single one carries the answer. */
static void learn(struct fit *fit, const struct window_of *window, bool attack, double weight)
{
    const struct corpus *corpus = fit->corpus;
    const struct train_options *options = fit->options;
    double norm = norm_of(corpus, window->count);
    bool shown[4] = {true, true, true, true};
    uint64_t dice = rng_next(&fit->rng);
    shown[GRAM_WORD] = (double)(dice & 0xFFFF) >= options->drop_words * 65536;
    shown[GRAM_PIECE] = (double)(dice >> 16 & 0xFFFF) >= options->drop_pieces * 65536;
    uint32_t salt = (uint32_t)(dice >> 32);
    uint32_t cut = (uint32_t)(options->drop_feature * 4294967295.0);
    size_t first = corpus->tokens[window->first];
    size_t end = corpus->tokens[window->first + window->count];
    double raw = 0;
    for (size_t i = first; i < end; i++) {
        uint32_t number = corpus->stream[i];
        uint32_t hash = corpus->features[number].hash;
        if (!fit->off[number] && shown[GRAM_FAMILY(hash)] && token_mix(salt, hash) >= cut) {
            raw += (double)fit->weights[number];
        }
    }
    raw = raw * norm + (double)fit->bias;
    double slope = (1 / (1 + exp(-raw)) - (attack ? 1 : 0)) * weight;
    double step = slope * norm;
    for (size_t i = first; i < end; i++) {
        uint32_t number = corpus->stream[i];
        uint32_t hash = corpus->features[number].hash;
        if (fit->off[number] || !shown[GRAM_FAMILY(hash)] || token_mix(salt, hash) < cut) {
            continue;
        }
        double gain = GRAM_FAMILY(hash) == GRAM_CLASS ? options->class_gain : 1;
        double gradient = step * gain + options->decay * (double)fit->weights[number];
        fit->squares[number] += (float)(gradient * gradient);
        fit->weights[number] -= (float)(gain * options->rate * gradient /
                                        (1e-3 + sqrt((double)fit->squares[number])));
    }
    fit->bias_square += (float)(slope * slope);
    fit->bias -= (float)(options->rate * slope / (1e-3 + sqrt((double)fit->bias_square)));
}

static void learn_row(struct fit *fit, const struct corpus_row *row, double weight)
{
    enum which which = row->attack && row->spanned ? WINDOWS_INSIDE : WINDOWS_ALL;
    struct window_of best = best_of_row(fit->corpus, fit->weights, row, which);
    if (best.any) {
        learn(fit, &best, row->attack, weight);
    }
    if (row->attack && row->spanned) {
        best = best_of_row(fit->corpus, fit->weights, row, WINDOWS_OUTSIDE);
        if (best.any) {
            learn(fit, &best, false, weight * 0.5);
        }
    }
}

static void choose_features(struct fit *fit, uint64_t held)
{
    const struct corpus *corpus = fit->corpus;
    for (uint32_t i = 0; i < corpus->feature_count; i++) {
        const struct corpus_feature *feature = &corpus->features[i];
        unsigned sources = (unsigned)__builtin_popcountll(feature->sources & ~held);
        fit->off[i] = sources < fit->options->sources_min || feature->rows < fit->options->rows_min;
    }
}

/* What one row of each source weighs: square roots of sizes, benign and attack in their shares. */
static void weigh(const struct corpus *corpus, uint64_t held, const struct train_options *options,
                  double weights[2][CORPUS_SOURCES_MAX])
{
    double counts[2][CORPUS_SOURCES_MAX] = {{0}};
    double total[2] = {0};
    double all = 0;
    for (size_t i = 0; i < corpus->row_count; i++) {
        const struct corpus_row *row = &corpus->rows[i];
        if ((held >> row->source & 1) == 0) {
            counts[row->attack][row->source] += 1;
            all += 1;
        }
    }
    for (size_t k = 0; k < 2; k++) {
        for (size_t s = 0; s < corpus->source_count; s++) {
            total[k] += sqrt(counts[k][s]);
        }
        double share = k == 1 ? options->attack_share : 1 - options->attack_share;
        for (size_t s = 0; s < corpus->source_count; s++) {
            weights[k][s] = counts[k][s] > 0
                                ? share * all * sqrt(counts[k][s]) / total[k] / counts[k][s]
                                : 0;
            weights[k][s] = weights[k][s] < 5 ? weights[k][s] : 5;
        }
    }
}

void train_fit(const struct corpus *corpus, uint64_t held, const struct train_options *options,
               struct train_weights *to)
{
    size_t count = corpus->feature_count + 1;
    struct fit fit = {.corpus = corpus, .options = options};
    fit.weights = must_have(calloc(count, sizeof *fit.weights));
    fit.squares = must_have(calloc(count, sizeof *fit.squares));
    fit.off = must_have(calloc(count, 1));
    rng_seed(&fit.rng, options->seed);
    choose_features(&fit, held);
    double weights[2][CORPUS_SOURCES_MAX];
    weigh(corpus, held, options, weights);
    size_t rows = 0;
    size_t *order = must_have(calloc(corpus->row_count + 1, sizeof *order));
    for (size_t i = 0; i < corpus->row_count; i++) {
        if ((held >> corpus->rows[i].source & 1) == 0) {
            order[rows++] = i;
        }
    }
    for (unsigned epoch = 0; epoch < options->epochs; epoch++) {
        for (size_t i = rows; i > 1; i--) {
            size_t other = (size_t)rng_below(&fit.rng, i);
            size_t kept = order[i - 1];
            order[i - 1] = order[other];
            order[other] = kept;
        }
        for (size_t i = 0; i < rows; i++) {
            const struct corpus_row *row = &corpus->rows[order[i]];
            learn_row(&fit, row, weights[row->attack][row->source]);
        }
    }
    free(order);
    free(fit.squares);
    free(fit.off);
    *to = (struct train_weights){.weights = fit.weights, .bias = fit.bias};
}

void train_weights_end(struct train_weights *weights)
{
    free(weights->weights);
    weights->weights = NULL;
}

void train_export(const struct corpus *corpus, const struct train_weights *weights,
                  struct injection_model *model)
{
    double most = 1e-6;
    for (uint32_t i = 0; i < corpus->feature_count; i++) {
        double size = fabs((double)weights->weights[i]);
        most = size > most ? size : most;
    }
    float unit = (float)(most / 127);
    float *sizes = must_have(calloc(INJECTION_SLOTS, sizeof *sizes));
    memset(model->slots, 0, sizeof model->slots);
    for (uint32_t i = 0; i < corpus->feature_count; i++) {
        uint32_t hash = corpus->features[i].hash;
        size_t slot = injection_slot_of(hash);
        /* Of two that want one place, the one that matters in more texts stays. */
        float size = fabsf(weights->weights[i]) * (float)sqrt((double)corpus->features[i].rows);
        if (size > sizes[slot]) {
            sizes[slot] = size;
            model->slots[slot] = (struct injection_slot){
                .mark = injection_mark_of(hash),
                .weight = (int8_t)lrint((double)(weights->weights[i] / unit))};
        }
    }
    free(sizes);
    model->numbers.unit = unit;
    model->numbers.bias = weights->bias;
    /* Who runs the agent may give orders to its model. */
    model->numbers.provenance[PROVENANCE_SYSTEM] = -1.5F;
    model->numbers.provenance[PROVENANCE_DEVELOPER] = -1.0F;
    model->numbers.provenance[PROVENANCE_ASSISTANT] = -0.5F;
}
