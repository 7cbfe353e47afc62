/* SPDX-License-Identifier: Apache-2.0
 * injection_corpus.h - labelled texts as numbers, once for all trainings.
 *
 * A row is one text: its own tokens and those of its decoded views, as parts. Features are numbered
 * in the order in which they are first seen, so that the same rows give the same numbers. A feature
 * remembers which sources it occurs in: what one source alone says is its habit, not a sign of
 * attack.
 */
#ifndef AIRE_SECURITY_INJECTION_CORPUS_H
#define AIRE_SECURITY_INJECTION_CORPUS_H

#include "security/injection_model.h"

#define CORPUS_SOURCES_MAX  64
#define CORPUS_ROWS_MAX     1000000
#define CORPUS_FEATURES_MAX (UINT32_C(1) << 24)

struct corpus_example {
    struct str text;
    struct str source;
    bool attack;
    bool hard;    /* benign and full of an attack's words */
    bool spanned; /* only [start, end) attacks */
    size_t start;
    size_t end;
    const char *group; /* what it is counted under in reports: a language, a transform */
};

struct corpus_part {
    size_t token; /* first */
    size_t count;
    bool view;
};

struct corpus_row {
    uint8_t source;
    bool attack;
    bool hard;
    bool spanned;
    const char *group;
    size_t part; /* first */
    size_t parts;
    double raw; /* its score, once it was measured */
};

struct corpus_feature {
    uint32_t hash;
    uint32_t rows; /* that it was seen in, consecutive repeats once */
    uint32_t last;
    uint64_t sources; /* a bit each */
};

struct corpus {
    struct injection_model *blank;
    struct arena *scratch;
    const char *sources[CORPUS_SOURCES_MAX];
    struct arena *names;
    size_t source_count;
    struct corpus_row *rows;
    size_t row_count;
    size_t row_room;
    struct corpus_part *parts;
    size_t part_count;
    size_t part_room;
    size_t *tokens;  /* where each token's features begin; one more than there are */
    uint8_t *inside; /* of an attack span */
    size_t token_count;
    size_t token_room;
    uint32_t *stream; /* numbers of features */
    size_t stream_count;
    size_t stream_room;
    struct corpus_feature *features;
    uint32_t feature_count;
    uint32_t *places; /* open hash table of numbers + 1 */
};

struct corpus *corpus_new(void);
void corpus_free(struct corpus *corpus); /* NULL is fine */
/* LIMIT: more rows, sources or features than can be. */
enum err corpus_add(struct corpus *corpus, const struct corpus_example *example,
                    struct fault *fault) MUST_USE;

#endif
