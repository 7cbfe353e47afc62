/* SPDX-License-Identifier: Apache-2.0
 * injection_explain.c - which features of the most suspicious window decided, and in which words
 * they stand. Reads that window once more; nothing here is needed to scan.
 */
#include "security/injection_model.h"

#include <math.h>

static const char *family_name(uint32_t feature)
{
    static const char *const names[] = {[GRAM_WORD] = "words",
                                        [GRAM_PIECE] = "pieces of words",
                                        [GRAM_CLASS] = "order of classes",
                                        [GRAM_SHAPE] = "place"};
    return names[GRAM_FAMILY(feature)];
}

/* Keeps the `room` heaviest, heaviest first. */
static size_t add_reason(struct injection_reason *reasons, size_t count, size_t room,
                         struct injection_reason reason)
{
    size_t at = count < room ? count : room - 1;
    if (count == room && fabs(reasons[at].weight) >= fabs(reason.weight)) {
        return count;
    }
    while (at > 0 && fabs(reasons[at - 1].weight) < fabs(reason.weight)) {
        reasons[at] = reasons[at - 1];
        at--;
    }
    reasons[at] = reason;
    return count < room ? count + 1 : count;
}

/* A feature reaches back over the tokens it is made of: classes far, words two, pieces none. */
static size_t reach_of(uint32_t feature, const uint32_t *starts, uint32_t index)
{
    uint32_t back = GRAM_FAMILY(feature) == GRAM_CLASS  ? GRAM_REACH
                    : GRAM_FAMILY(feature) == GRAM_WORD ? 2
                                                        : 0;
    return starts[(back < index ? index - back : 0) & 63];
}

static size_t read_window(const struct injection_model *model, struct str window,
                          struct injection_reason *reasons, size_t room)
{
    struct tokens tokens;
    struct token token;
    struct grams grams;
    uint32_t features[GRAMS_MAX];
    uint32_t starts[64];
    uint32_t index = 0;
    size_t found = 0;
    tokens_begin(&tokens, model->fold, window);
    grams_begin(&grams, model->lexemes);
    while (room > 0 && tokens_next(&tokens, &token)) {
        size_t count = grams_next(&grams, &token, features);
        starts[index & 63] = token.start;
        for (size_t i = 0; i < count; i++) {
            int weight = injection_weight(model, features[i]);
            if (weight == 0) {
                continue;
            }
            const char *class = "";
            if (GRAM_FAMILY(features[i]) == GRAM_CLASS && grams.classes != 0) {
                class = injection_classes[__builtin_ctzll(grams.classes)];
            }
            size_t from = reach_of(features[i], starts, index);
            struct injection_reason reason = {
                .text = str_cut(window, from, token.end),
                .family = family_name(features[i]),
                .class = class,
                .weight = (double)weight * (double)model->numbers.unit,
            };
            found = add_reason(reasons, found, room, reason);
        }
        index++;
    }
    size_t counted = index < INJECTION_WINDOW ? index : INJECTION_WINDOW;
    for (size_t i = 0; i < found; i++) {
        reasons[i].weight *= (double)model->norms[counted];
    }
    return found;
}

size_t injection_explain(const struct injection_model *model, const struct injection_result *result,
                         struct injection_reason *reasons, size_t room)
{
    return result->window.len == 0 ? 0 : read_window(model, result->window, reasons, room);
}
