/* SPDX-License-Identifier: Apache-2.0
 * provider_embeddings.c - OpenAI embeddings, as numbers or as base64 of little-endian float32.
 *
 * A vector is the signed hash of the text's words and letter triples (feature hashing, Weinberger
 * et al. 2009), of length one: alike texts get alike vectors, the same text always the same one.
 */
#include "base/map.h"
#include "base/num.h"
#include "base/text.h"
#include "provider/provider_dialects.h"

#include <math.h>
#include <string.h>

#define DIMENSIONS_DEFAULT 1536
#define DIMENSIONS_MAX     4096
#define INPUTS_MAX         2048

static const uint64_t feature_seed[2] = {UINT64_C(0x61697265), UINT64_C(0x656d6264)};

static void add_feature(double *vector, size_t dimensions, struct str feature, double weight)
{
    uint64_t hash = siphash(feature_seed, feature);
    vector[(hash >> 1) % dimensions] += (hash & 1) != 0 ? weight : -weight;
}

static void embed_text(double *vector, size_t dimensions, struct str text)
{
    struct str rest = text;
    struct str word = STR("");
    add_feature(vector, dimensions, STR("\x01"), 0.5); /* the empty text has a direction, too */
    while (str_split(&rest, ' ', &word)) {
        if (word.len > 0) {
            add_feature(vector, dimensions, word, 1.0);
        }
    }
    for (size_t i = 0; i + 3 <= text.len; i++) {
        add_feature(vector, dimensions, str_cut(text, i, i + 3), 0.3);
    }
}

/* Token ids are features of their own, in their decimal form. */
static void embed_tokens(const struct ask *ask, double *vector, size_t dimensions, uint32_t tokens)
{
    add_feature(vector, dimensions, STR("\x01"), 0.5);
    for (uint32_t token = json_first(ask->json, tokens); token != JSON_NONE;
         token = json_after(ask->json, tokens, token)) {
        add_feature(vector, dimensions, json_raw(ask->json, token), 1.0);
    }
}

static void normalise(const double *vector, float *to, size_t dimensions)
{
    double sum = 0;
    for (size_t i = 0; i < dimensions; i++) {
        sum += vector[i] * vector[i];
    }
    double length = sum > 0 ? sqrt(sum) : 1;
    for (size_t i = 0; i < dimensions; i++) {
        to[i] = (float)(vector[i] / length);
    }
}

static void put_base64(struct json_writer *w, const float *vector, size_t dimensions,
                       struct arena *arena)
{
    unsigned char *bytes = arena_alloc(arena, dimensions * 4);
    for (size_t i = 0; i < dimensions; i++) {
        uint32_t bits;
        memcpy(&bits, &vector[i], sizeof bits);
        for (size_t k = 0; k < 4; k++) {
            bytes[4 * i + k] = (unsigned char)(bits >> (8 * k));
        }
    }
    struct buf text;
    buf_init(&text, dimensions * 6 + 16);
    enum err code = text_base64(&text, (struct str){(const char *)bytes, dimensions * 4});
    json_put_str(w, code == ERR_OK ? buf_str(&text) : STR(""));
    buf_end(&text);
}

struct embeddings {
    const struct ask *ask;
    struct json_writer *w;
    double *sums;
    float *vector;
    size_t dimensions;
    bool base64;
    uint64_t index;
    uint64_t tokens;
};

static void put_embedding(struct embeddings *e, uint32_t input)
{
    const struct json *json = e->ask->json;
    memset(e->sums, 0, e->dimensions * sizeof *e->sums);
    if (json_is(json, input, JSON_ARRAY)) {
        embed_tokens(e->ask, e->sums, e->dimensions, input);
        e->tokens += json_count(json, input);
    } else {
        struct str text = json_string(json, input, e->ask->arena);
        embed_text(e->sums, e->dimensions, text);
        e->tokens += (text.len + 3) / 4;
    }
    normalise(e->sums, e->vector, e->dimensions);
    json_begin_object(e->w);
    json_member_cstr(e->w, "object", "embedding");
    json_member_u64(e->w, "index", e->index++);
    json_key(e->w, "embedding");
    if (e->base64) {
        put_base64(e->w, e->vector, e->dimensions, e->ask->arena);
    } else {
        json_begin_array(e->w);
        for (size_t i = 0; i < e->dimensions; i++) {
            json_put_double(e->w, (double)e->vector[i]);
        }
        json_end_array(e->w);
    }
    json_end_object(e->w);
}

static bool refuse(struct ask_problem *problem, const char *message, const char *param)
{
    *problem = (struct ask_problem){str_of(message), str_of(param)};
    return false;
}

static bool read_shape(struct embeddings *e, uint32_t input, struct ask_problem *problem)
{
    const struct json *json = e->ask->json;
    uint64_t dimensions = DIMENSIONS_DEFAULT;
    uint32_t given = json_get(json, JSON_ROOT, STR("dimensions"));
    if (given != JSON_NONE &&
        (!json_u64(json, given, &dimensions) || dimensions == 0 || dimensions > DIMENSIONS_MAX)) {
        return refuse(problem, "Invalid value for 'dimensions'.", "dimensions");
    }
    e->dimensions = (size_t)dimensions;
    e->base64 = json_string_is(json, json_get(json, JSON_ROOT, STR("encoding_format")),
                               STR("base64"));
    bool list = json_is(json, input, JSON_ARRAY);
    if ((!list && !json_is(json, input, JSON_STRING)) ||
        (list && (json_count(json, input) == 0 || json_count(json, input) > INPUTS_MAX) &&
         !json_is(json, json_at(json, input, 0), JSON_NUMBER))) {
        return refuse(problem, "'input' must be a string or a list of 1 to 2048 of them.", "input");
    }
    return true;
}

bool provider_embeddings_answer(const struct ask *ask, struct ask_problem *problem,
                                struct answer *answer)
{
    const struct json *json = ask->json;
    struct embeddings e = {.ask = ask};
    uint32_t input = json_get(json, JSON_ROOT, STR("input"));
    struct str model = json_string(json, json_get(json, JSON_ROOT, STR("model")), ask->arena);
    if (model.len == 0) {
        return refuse(problem, "you must provide a model parameter", "model");
    }
    if (!read_shape(&e, input, problem)) {
        return false;
    }
    e.sums = arena_array_of(ask->arena, double, e.dimensions);
    e.vector = arena_array_of(ask->arena, float, e.dimensions);
    struct json_writer *w = answer_open(answer);
    e.w = w;
    json_begin_object(w);
    json_member_cstr(w, "object", "list");
    json_key(w, "data");
    json_begin_array(w);
    bool many = json_is(json, input, JSON_ARRAY) &&
                !json_is(json, json_at(json, input, 0), JSON_NUMBER);
    for (uint32_t item = many ? json_first(json, input) : input; item != JSON_NONE;
         item = many ? json_after(json, input, item) : JSON_NONE) {
        put_embedding(&e, item);
    }
    json_end_array(w);
    json_member_str(w, "model", model);
    json_key(w, "usage");
    json_begin_object(w);
    json_member_u64(w, "prompt_tokens", e.tokens);
    json_member_u64(w, "total_tokens", e.tokens);
    json_end_object(w);
    json_end_object(w);
    answer_close(answer, STR(""), PART_OTHER);
    return true;
}
