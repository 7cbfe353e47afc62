/* SPDX-License-Identifier: Apache-2.0
 * injection_model.h - the model's inside, for those who scan with it and those who train it.
 *
 * File: magic, sizes and numbers (little-endian), weights, SHA-256 of all before.
 * A weight sits at the place its feature's hash names, beside a byte of the hash that tells other
 * features apart: one wrong guess in 256.
 */
#ifndef AIRE_SECURITY_INJECTION_MODEL_H
#define AIRE_SECURITY_INJECTION_MODEL_H

#include "base/buf.h"
#include "security/injection.h"
#include "text/decode.h"
#include "text/grams.h"

#define INJECTION_SLOT_BITS 17
#define INJECTION_SLOTS     ((size_t)1 << INJECTION_SLOT_BITS)
#ifndef INJECTION_WINDOW
#define INJECTION_WINDOW 48 /* tokens */
#endif
#ifndef INJECTION_NARROW
#define INJECTION_NARROW 8 /* windows are normed as if they had at least so many tokens */
#endif

struct injection_slot {
    uint8_t mark;
    int8_t weight;
};

/* What training finds; all that a file holds. */
struct injection_numbers {
    float unit; /* of a weight */
    float bias;
    float slope; /* calibrated = logistic(slope * (raw - centre) + ln 4) */
    float centre;
    float provenance[PROVENANCES]; /* added to raw: a prior, set by hand */
};

struct injection_model {
    struct injection_numbers numbers;
    char id[65];
    struct fold *fold;
    struct decode_odds odds;
    struct lexemes *lexemes;
    float norms[INJECTION_WINDOW + 1];
    struct injection_slot slots[INJECTION_SLOTS];
};

/* Fold and lexemes alone, without weights: for extracting features. */
struct injection_model *injection_model_blank(void);
/* What injection_model_read reads. */
enum err injection_model_write(const struct injection_model *model, struct buf *to) MUST_USE;

static inline size_t injection_slot_of(uint32_t feature)
{
    return feature >> 2 & (INJECTION_SLOTS - 1);
}

static inline uint8_t injection_mark_of(uint32_t feature)
{
    return (uint8_t)(feature >> 24);
}

static inline int injection_weight(const struct injection_model *model, uint32_t feature)
{
    struct injection_slot slot = model->slots[injection_slot_of(feature)];
    /* No branch: nobody can guess which features are known. */
    return slot.weight & -(int)(slot.mark == injection_mark_of(feature));
}

/* Names of the classes of lexemes, and the lexemes themselves. */
extern const char *const injection_classes[];
extern const size_t injection_class_count;
const struct lexeme *injection_lexemes(size_t *count, struct arena *arena);

double injection_calibrated(const struct injection_numbers *numbers, double raw);

#endif
