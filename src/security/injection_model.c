/* SPDX-License-Identifier: Apache-2.0
 * injection_model.c - the file of a model, checked to the last byte before it is believed.
 */
#include "security/injection_model.h"

#include "base/must.h"
#include "base/num.h"
#include "crypto/digest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "AIREINJ1"
#define MAGIC_BYTES 8
#define HEAD_BYTES  (MAGIC_BYTES + 8)
#define NUMBERS     (sizeof(struct injection_numbers) / sizeof(float))
#define BODY_BYTES  (NUMBERS * 4 + INJECTION_SLOTS * 2)
#define FILE_BYTES  (HEAD_BYTES + BODY_BYTES + DIGEST_BYTES)

_Static_assert(FILE_BYTES <= INJECTION_MODEL_BYTES_MAX, "a model is small");

enum class_of {
#define LEXEME_CLASS(name, words) CLASS_##name,
#include "security/injection_classes.def"
#undef LEXEME_CLASS
    CLASSES
};
_Static_assert(CLASSES <= LEXEME_CLASSES_MAX, "a bit a class");

const char *const injection_classes[] = {
#define LEXEME_CLASS(name, words) #name,
#include "security/injection_classes.def"
#undef LEXEME_CLASS
};
const size_t injection_class_count = CLASSES;

static const struct words_of {
    enum class_of class;
    struct str words; /* with '|' between them */
} words_of[] = {
#define WORDS(class, language, words) {CLASS_##class, STR_CONST(words)},
#include "security/injection_words.def"
#undef WORDS
};

const struct lexeme *injection_lexemes(size_t *count, struct arena *arena)
{
    size_t room = 0;
    for (size_t i = 0; i < sizeof words_of / sizeof words_of[0]; i++) {
        room += words_of[i].words.len / 2 + 1;
    }
    struct lexeme *items = arena_array_of(arena, struct lexeme, room);
    *count = 0;
    for (size_t i = 0; i < sizeof words_of / sizeof words_of[0]; i++) {
        struct str rest = words_of[i].words;
        struct str word;
        while (str_split(&rest, '|', &word)) {
            must(*count < room);
            items[(*count)++] = (struct lexeme){.classes = UINT64_C(1) << words_of[i].class,
                                                .text = word};
        }
    }
    return items;
}

struct injection_model *injection_model_blank(void)
{
    struct injection_model *model = must_have(calloc(1, sizeof *model));
    struct arena *arena = arena_new(KIB(64));
    size_t count = 0;
    const struct lexeme *items = injection_lexemes(&count, arena);
    model->fold = fold_new();
    decode_odds_init(&model->odds);
    model->lexemes = lexemes_new(model->fold, items, count);
    arena_free(arena);
    for (size_t n = 0; n <= INJECTION_WINDOW; n++) {
        size_t tokens = n < INJECTION_NARROW ? INJECTION_NARROW : n;
        model->norms[n] = (float)(1 / sqrt((double)tokens));
    }
    return model;
}

void injection_model_free(struct injection_model *model)
{
    if (model != NULL) {
        lexemes_free(model->lexemes);
        fold_free(model->fold);
        free(model);
    }
}

struct str injection_model_id(const struct injection_model *model)
{
    return str_of(model->id);
}

double injection_calibrated(const struct injection_numbers *numbers, double raw)
{
    double logit = (double)numbers->slope * (raw - (double)numbers->centre) + log(4);
    return 1 / (1 + exp(-logit));
}

/* ---- the file ---- */

static void put_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void name(struct injection_model *model, const struct digest *digest)
{
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        model->id[2 * i] = "0123456789abcdef"[digest->bytes[i] >> 4];
        model->id[2 * i + 1] = "0123456789abcdef"[digest->bytes[i] & 15];
    }
}

enum err injection_model_write(const struct injection_model *model, struct buf *to)
{
    enum err code = buf_reserve(to, FILE_BYTES);
    if (code != ERR_OK) {
        return code;
    }
    uint8_t *base = (uint8_t *)to->at + to->len;
    uint8_t *at = base;
    for (size_t i = 0; i < MAGIC_BYTES; i++) {
        at[i] = (uint8_t)MAGIC[i];
    }
    put_u32(at + MAGIC_BYTES, INJECTION_SLOTS);
    put_u32(at + MAGIC_BYTES + 4, INJECTION_WINDOW);
    at += HEAD_BYTES;
    uint32_t numbers[NUMBERS];
    memcpy(numbers, &model->numbers, sizeof numbers);
    for (size_t i = 0; i < NUMBERS; i++, at += 4) {
        put_u32(at, numbers[i]);
    }
    for (size_t i = 0; i < INJECTION_SLOTS; i++, at += 2) {
        at[0] = model->slots[i].mark;
        at[1] = (uint8_t)model->slots[i].weight;
    }
    struct digest digest = digest_of((struct str){(const char *)base, (size_t)(at - base)});
    memcpy(at, digest.bytes, DIGEST_BYTES);
    to->len += FILE_BYTES;
    return ERR_OK;
}

/* What the file says about itself; the fault says what is wrong. */
static enum err check(struct str bytes, struct digest *digest, struct fault *fault)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    if (bytes.len < HEAD_BYTES || memcmp(at, MAGIC, MAGIC_BYTES - 1) != 0) {
        return fault_set(fault, ERR_CORRUPT, "not a model of injections (no %s at its start)",
                         MAGIC);
    }
    if (at[MAGIC_BYTES - 1] != (uint8_t)MAGIC[MAGIC_BYTES - 1]) {
        return fault_set(
            fault, ERR_UNSUPPORTED, "model version '%c'; this program reads '%c'",
            at[MAGIC_BYTES - 1] >= ' ' && at[MAGIC_BYTES - 1] < 127 ? at[MAGIC_BYTES - 1] : '?',
            MAGIC[MAGIC_BYTES - 1]);
    }
    if (get_u32(at + MAGIC_BYTES) != INJECTION_SLOTS ||
        get_u32(at + MAGIC_BYTES + 4) != INJECTION_WINDOW) {
        return fault_set(fault, ERR_UNSUPPORTED, "model of %u weights and windows of %u words",
                         get_u32(at + MAGIC_BYTES), get_u32(at + MAGIC_BYTES + 4));
    }
    if (bytes.len != FILE_BYTES) {
        return fault_set(fault, ERR_CORRUPT, "model has %zu bytes instead of %zu", bytes.len,
                         FILE_BYTES);
    }
    *digest = digest_of(str_cut(bytes, 0, FILE_BYTES - DIGEST_BYTES));
    if (memcmp(digest->bytes, at + FILE_BYTES - DIGEST_BYTES, DIGEST_BYTES) != 0) {
        return fault_set(fault, ERR_CORRUPT, "model's checksum is wrong: damaged bytes");
    }
    return ERR_OK;
}

static bool sane(const struct injection_numbers *numbers)
{
    float all[NUMBERS];
    memcpy(all, numbers, sizeof all);
    for (size_t i = 0; i < NUMBERS; i++) {
        if (!(fabsf(all[i]) < 1e6F)) {
            return false;
        }
    }
    return numbers->unit > 0 && numbers->slope > 0;
}

enum err injection_model_read(struct str bytes, struct injection_model **model, struct fault *fault)
{
    struct digest digest;
    enum err code = check(bytes, &digest, fault);
    if (code != ERR_OK) {
        return code;
    }
    struct injection_model *made = injection_model_blank();
    const uint8_t *at = (const uint8_t *)bytes.at + HEAD_BYTES;
    uint32_t numbers[NUMBERS];
    for (size_t i = 0; i < NUMBERS; i++, at += 4) {
        numbers[i] = get_u32(at);
    }
    memcpy(&made->numbers, numbers, sizeof numbers);
    for (size_t i = 0; i < INJECTION_SLOTS; i++, at += 2) {
        made->slots[i] = (struct injection_slot){.mark = at[0], .weight = (int8_t)at[1]};
    }
    if (!sane(&made->numbers)) {
        injection_model_free(made);
        return fault_set(fault, ERR_CORRUPT, "model holds a number that cannot be");
    }
    name(made, &digest);
    *model = made;
    return ERR_OK;
}
