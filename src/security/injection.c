/* SPDX-License-Identifier: Apache-2.0
 * injection.c - windows over running sums: each token is weighed once, whatever the window.
 *
 * All weights are integers, so the sum of a window is exact and the same on every machine.
 */
#include "security/injection.h"

#include "base/must.h"
#include "security/injection_model.h"

#include <math.h>
#include <string.h>

/* A long text has many windows, and one of them looks odd by chance: beyond LENGTH_FREE tokens (the
 * texts that the scale was made with have fewer) each e-fold costs LENGTH_PRICE. */
#define LENGTH_FREE  1024
#define LENGTH_PRICE 0.5

#define KNOWN 256 /* tokens remembered, by their hash */

#define RING 64 /* a power of two beyond the window */
_Static_assert(RING > INJECTION_WINDOW, "running sums of a whole window");

/* The most suspicious window of one text. */
struct best {
    double raw;
    int64_t inside; /* sum of its weights */
    uint32_t from;  /* bytes */
    uint32_t to;
    bool any;
};

struct sums {
    int64_t before[RING]; /* sum of all tokens before this one */
    uint32_t starts[RING];
    int64_t sum;
    uint32_t index;
};

static void judge(const struct injection_model *model, const struct sums *sums, uint32_t end,
                  struct best *best)
{
    uint32_t count = sums->index < INJECTION_WINDOW ? sums->index : INJECTION_WINDOW;
    uint32_t first = (sums->index - count) & (RING - 1);
    int64_t inside = sums->sum - sums->before[first];
    if (inside <= best->inside && best->any) {
        return; /* all windows that are judged have one size */
    }
    double raw = (double)model->numbers.bias +
                 (double)inside * (double)model->numbers.unit * (double)model->norms[count];
    *best = (struct best){
        .raw = raw, .inside = inside, .from = sums->starts[first], .to = end, .any = true};
}

static int weigh(const struct injection_model *model, const uint32_t *features, size_t count)
{
    int weight = 0;
    for (size_t i = 0; i < count; i++) {
        weight += injection_weight(model, features[i]);
    }
    return weight;
}

/* What a token is by itself, wherever it stands: most words of a text were there before. */
struct known {
    uint32_t hash;
    uint32_t start; /* where it stood first */
    uint32_t len;   /* 0: nothing is known */
    int weight;
    struct lexeme_entry entry;
};

/* Equal bytes with equal hashes are equal tokens. */
static const struct known *recall(const struct injection_model *model, struct str text,
                                  const struct token *token, struct known known[KNOWN],
                                  uint32_t features[GRAMS_MAX])
{
    struct known *place = &known[token->hash % KNOWN];
    uint32_t len = token->end - token->start;
    if (place->hash != token->hash || place->len != len ||
        memcmp(text.at + place->start, text.at + token->start, len) != 0) {
        place->hash = token->hash;
        place->start = token->start;
        place->len = len;
        place->weight = weigh(model, features, grams_alone(token, features));
        place->entry = lexemes_enter(model->lexemes, token);
    }
    return place;
}

/* Windows that ended are told to `each`, when there is one. */
static struct best read_text(const struct injection_model *model, struct str text)
{
    struct tokens tokens;
    struct token token;
    struct grams grams;
    struct sums sums = {.index = 0};
    struct best best = {.any = false};
    struct known known[KNOWN] = {{0}};
    uint32_t features[GRAMS_MAX];
    uint32_t end = 0;
    tokens_begin(&tokens, model->fold, text);
    grams_begin(&grams, model->lexemes);
    while (tokens_next(&tokens, &token)) {
        const struct known *alone = recall(model, text, &token, known, features);
        size_t count = grams_there(&grams, &token, alone->entry, features);
        int weight = count > 0 ? alone->weight + weigh(model, features, count) : 0;
        sums.before[sums.index & (RING - 1)] = sums.sum;
        sums.starts[sums.index & (RING - 1)] = token.start;
        sums.sum += weight;
        sums.index++;
        end = token.end;
        if (sums.index >= INJECTION_WINDOW) {
            judge(model, &sums, end, &best);
        }
    }
    if (sums.index > 0 && sums.index < INJECTION_WINDOW) {
        judge(model, &sums, end, &best);
    }
    if (best.any && sums.index > LENGTH_FREE) {
        best.raw -= LENGTH_PRICE * log((double)sums.index / LENGTH_FREE);
    }
    return best;
}

/* Keeps the INJECTION_SPANS_MAX most suspicious, in order of place. */
static void add_span(struct injection_result *result, struct injection_span span)
{
    size_t count = result->span_count;
    if (count == INJECTION_SPANS_MAX) {
        size_t least = 0;
        for (size_t i = 1; i < count; i++) {
            least = result->spans[i].score < result->spans[least].score ? i : least;
        }
        if (result->spans[least].score >= span.score) {
            return;
        }
        count--;
        memmove(result->spans + least, result->spans + least + 1,
                (count - least) * sizeof *result->spans);
    }
    size_t at = count;
    while (at > 0 && result->spans[at - 1].start > span.start) {
        result->spans[at] = result->spans[at - 1];
        at--;
    }
    result->spans[at] = span;
    result->span_count = count + 1;
}

void injection_scan(const struct injection_model *model, struct str text,
                    enum provenance provenance, struct arena *arena,
                    struct injection_result *result)
{
    must(model != NULL && provenance < PROVENANCES);
    *result = (struct injection_result){.score = 0};
    struct decode decode;
    decode_all(&decode, &model->odds, text, arena);
    struct best best = read_text(model, text);
    double more = (double)model->numbers.provenance[provenance];
    if (!best.any) {
        return;
    }
    result->raw = best.raw + more;
    result->window = str_cut(text, best.from, best.to);
    add_span(result, (struct injection_span){
                         .start = best.from,
                         .end = best.to,
                         .score = injection_calibrated(&model->numbers, result->raw),
                         .view = "text",
                     });
    for (size_t i = 0; i < decode.count; i++) {
        const struct decoded *view = &decode.views[i];
        struct best inner = read_text(model, view->text);
        if (!inner.any) {
            continue;
        }
        double raw = inner.raw + more;
        if (raw > result->raw) {
            result->raw = raw;
            result->window = str_cut(view->text, inner.from, inner.to);
        }
        add_span(result, (struct injection_span){
                             .start = view->start,
                             .end = view->end,
                             .score = injection_calibrated(&model->numbers, raw),
                             .view = view->name,
                         });
    }
    result->caps = decode.caps;
    result->views = (unsigned)decode.count;
    result->score = injection_calibrated(&model->numbers, result->raw);
}
