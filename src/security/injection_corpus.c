/* SPDX-License-Identifier: Apache-2.0
 * injection_corpus.c - extraction exactly as a scan does it.
 */
#include "security/injection_corpus.h"

#include "base/must.h"
#include "base/num.h"

#include <stdlib.h>
#include <string.h>

#define PLACES ((size_t)CORPUS_FEATURES_MAX * 2)

struct corpus *corpus_new(void)
{
    struct corpus *corpus = must_have(calloc(1, sizeof *corpus));
    corpus->blank = injection_model_blank();
    corpus->scratch = arena_new(KIB(256));
    corpus->names = arena_new(KIB(4));
    corpus->places = must_have(calloc(PLACES, sizeof *corpus->places));
    corpus->features = must_have(malloc(CORPUS_FEATURES_MAX * sizeof *corpus->features));
    return corpus;
}

void corpus_free(struct corpus *corpus)
{
    if (corpus != NULL) {
        injection_model_free(corpus->blank);
        arena_free(corpus->scratch);
        arena_free(corpus->names);
        free(corpus->rows);
        free(corpus->parts);
        free(corpus->tokens);
        free(corpus->inside);
        free(corpus->stream);
        free(corpus->features);
        free(corpus->places);
        free(corpus);
    }
}

/* Room for one more of `each` bytes. */
static void *grown(void *items, size_t count, size_t *room, size_t each)
{
    if (count < *room) {
        return items;
    }
    *room = *room == 0 ? 1024 : *room * 2;
    return must_have(realloc(items, *room * each));
}

static uint32_t number_of(struct corpus *corpus, uint32_t hash)
{
    size_t at = (size_t)token_mix(hash, 0) & (PLACES - 1);
    while (corpus->places[at] != 0) {
        uint32_t number = corpus->places[at] - 1;
        if (corpus->features[number].hash == hash) {
            return number;
        }
        at = (at + 1) & (PLACES - 1);
    }
    if (corpus->feature_count == CORPUS_FEATURES_MAX) {
        return UINT32_MAX;
    }
    uint32_t number = corpus->feature_count++;
    corpus->features[number] = (struct corpus_feature){.hash = hash, .last = UINT32_MAX};
    corpus->places[at] = number + 1;
    return number;
}

static void add_feature(struct corpus *corpus, uint32_t hash, uint8_t source)
{
    uint32_t number = number_of(corpus, hash);
    if (number == UINT32_MAX) {
        return;
    }
    struct corpus_feature *feature = &corpus->features[number];
    uint32_t row = (uint32_t)corpus->row_count;
    feature->rows += feature->last != row;
    feature->last = row;
    feature->sources |= UINT64_C(1) << source;
    corpus->stream = grown(corpus->stream, corpus->stream_count, &corpus->stream_room,
                           sizeof *corpus->stream);
    corpus->stream[corpus->stream_count++] = number;
}

static void add_token_mark(struct corpus *corpus, bool inside)
{
    if (corpus->token_count + 1 >= corpus->token_room) {
        size_t room = corpus->token_room == 0 ? 4096 : corpus->token_room * 2;
        corpus->tokens = must_have(realloc(corpus->tokens, room * sizeof *corpus->tokens));
        corpus->inside = must_have(realloc(corpus->inside, room));
        corpus->token_room = room;
    }
    corpus->tokens[corpus->token_count] = corpus->stream_count;
    corpus->inside[corpus->token_count] = inside;
}

/* One part; spans are of the text itself, all of a view counts when its piece meets the span. */
static void add_part(struct corpus *corpus, struct str text, uint8_t source, size_t from, size_t to)
{
    corpus->parts = grown(corpus->parts, corpus->part_count, &corpus->part_room,
                          sizeof *corpus->parts);
    struct corpus_part *part = &corpus->parts[corpus->part_count];
    *part = (struct corpus_part){.token = corpus->token_count};
    struct tokens tokens;
    struct token token;
    struct grams grams;
    uint32_t features[GRAMS_MAX];
    tokens_begin(&tokens, corpus->blank->fold, text);
    grams_begin(&grams, corpus->blank->lexemes);
    while (tokens_next(&tokens, &token)) {
        add_token_mark(corpus, token.start < to && token.end > from);
        corpus->token_count++;
        size_t count = grams_next(&grams, &token, features);
        for (size_t i = 0; i < count; i++) {
            add_feature(corpus, features[i], source);
        }
    }
    part->count = corpus->token_count - part->token;
    if (part->count > 0) {
        add_token_mark(corpus, false); /* where the last one's features end */
        corpus->part_count++;
    }
}

static enum err source_of(struct corpus *corpus, struct str name, uint8_t *source,
                          struct fault *fault)
{
    for (size_t i = 0; i < corpus->source_count; i++) {
        if (str_equal(str_of(corpus->sources[i]), name)) {
            *source = (uint8_t)i;
            return ERR_OK;
        }
    }
    if (corpus->source_count == CORPUS_SOURCES_MAX) {
        return fault_set(fault, ERR_LIMIT, "more than %d sources of texts", CORPUS_SOURCES_MAX);
    }
    *source = (uint8_t)corpus->source_count;
    corpus->sources[corpus->source_count++] = arena_cstr(corpus->names, name);
    return ERR_OK;
}

enum err corpus_add(struct corpus *corpus, const struct corpus_example *example,
                    struct fault *fault)
{
    if (corpus->row_count == CORPUS_ROWS_MAX) {
        return fault_set(fault, ERR_LIMIT, "more than %d texts", CORPUS_ROWS_MAX);
    }
    uint8_t source = 0;
    enum err code = source_of(corpus, example->source, &source, fault);
    if (code != ERR_OK) {
        return code;
    }
    corpus->rows = grown(corpus->rows, corpus->row_count, &corpus->row_room, sizeof *corpus->rows);
    struct corpus_row *row = &corpus->rows[corpus->row_count];
    *row = (struct corpus_row){.source = source,
                               .attack = example->attack,
                               .hard = example->hard,
                               .spanned = example->spanned,
                               .group = example->group,
                               .part = corpus->part_count};
    size_t from = example->spanned ? example->start : 0;
    size_t to = example->spanned ? example->end : SIZE_MAX;
    struct decode decode;
    decode_all(&decode, &corpus->blank->odds, example->text, corpus->scratch);
    add_part(corpus, example->text, source, from, to);
    for (size_t i = 0; i < decode.count; i++) {
        const struct decoded *view = &decode.views[i];
        bool meets = view->start < to && view->end > from;
        add_part(corpus, view->text, source, meets ? 0 : SIZE_MAX, meets ? SIZE_MAX : 0);
    }
    row->parts = corpus->part_count - row->part;
    corpus->row_count++;
    arena_reset(corpus->scratch);
    return ERR_OK;
}
