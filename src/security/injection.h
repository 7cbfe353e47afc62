/* SPDX-License-Identifier: Apache-2.0
 * injection.h - does a text try to give orders to the model that reads it? (standard S3, S6)
 *
 * A model is a table of weights of text features (text/grams.h). A text's score is that of its most
 * suspicious window, in the text itself or in what is decoded from it (text/decode.h), mapped so
 * that 0.8 is one false alarm in a hundred hard benign texts. Scanning is a pure function of model,
 * text and provenance, linear in the text, and may be called from any thread; decoded views live in
 * the caller's arena. Models are immutable.
 */
#ifndef AIRE_SECURITY_INJECTION_H
#define AIRE_SECURITY_INJECTION_H

#include "base/arena.h"
#include "base/err.h"
#include "domain/provenance.h"

#include <stdint.h>

#define INJECTION_MODEL_BYTES_MAX ((size_t)512 << 10)
#define INJECTION_SPANS_MAX       8
#define INJECTION_THRESHOLD       0.8 /* what the scale is made for */

struct injection_model;

/* CORRUPT or UNSUPPORTED: `fault` names what is wrong with the bytes, which are not kept. */
enum err injection_model_read(struct str bytes, struct injection_model **model,
                              struct fault *fault) MUST_USE;
/* The one that this program was built with, and its bytes. */
struct injection_model *injection_model_default(void);
struct str injection_default_bytes(void);
void injection_model_free(struct injection_model *model);           /* NULL is fine */
struct str injection_model_id(const struct injection_model *model); /* hex, of its content */

struct injection_span {
    size_t start; /* bytes of the text */
    size_t end;
    double score;
    const char *view; /* what it was seen through: "text", "base64", ... */
};

enum injection_caps {
    INJECTION_DEPTH = 1,     /* encodings nested deeper than is decoded */
    INJECTION_EXPANSION = 2, /* more was encoded than is decoded */
};

struct injection_result {
    double score;                                     /* 0 .. 1 */
    double raw;                                       /* before calibration */
    struct injection_span spans[INJECTION_SPANS_MAX]; /* the most suspicious, in order of place */
    size_t span_count;
    struct str window; /* the most suspicious one, of the text or of a view in the arena */
    unsigned caps;     /* enum injection_caps, a finding of its own */
    unsigned views;    /* decoded ones that were read */
};

void injection_scan(const struct injection_model *model, struct str text,
                    enum provenance provenance, struct arena *arena,
                    struct injection_result *result);

/* One feature of the most suspicious window and what it adds to the score. */
struct injection_reason {
    struct str text;    /* the words it was found in */
    const char *family; /* "words", "pieces of words", "order of classes", "place" */
    const char *class;  /* of the lexeme that completes it, or "" */
    double weight;
};

/* Why a scan gave this result, the most telling features first; at most `room`. The scan's text and
 * arena must still be there. */
size_t injection_explain(const struct injection_model *model, const struct injection_result *result,
                         struct injection_reason *reasons, size_t room);

#endif
