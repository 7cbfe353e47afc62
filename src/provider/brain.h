/* SPDX-License-Identifier: Apache-2.0
 * brain.h - what the built-in provider says: a refund agent that needs no model.
 *
 * It finds order numbers and amounts in the user's words, calls the tool that fits among those
 * offered, tells what the tool answered, states a confidence, and fills a JSON schema when one is
 * asked for. Invariant: the reply depends on the request and the script alone, so the same request
 * gets the same bytes.
 */
#ifndef AIRE_PROVIDER_BRAIN_H
#define AIRE_PROVIDER_BRAIN_H

#include "provider/ask.h"
#include "provider/script.h"
#include "json/json_writer.h"

#define BRAIN_ORDERS_MAX 4

enum finish {
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_TOOLS,
    FINISH_FILTER,
    FINISH_REFUSAL,
    FINISH_SEQUENCE /* one of the stop sequences came */
};

struct reply_call {
    struct str name;
    struct str arguments; /* JSON */
};

struct reply {
    struct str text; /* "" with calls */
    struct reply_call calls[BRAIN_ORDERS_MAX];
    size_t call_count;
    enum finish finish;
    struct str sequence; /* with FINISH_SEQUENCE */
    double confidence;
    size_t pad_bytes; /* the last so many bytes of `text` go into one event */
    uint64_t output_tokens;
    uint64_t cached_tokens;
};

/* `scratch` is only used during the call. */
void brain_answer(const struct ask *ask, const struct script_do *act, struct buf *scratch,
                  struct reply *reply);

/* Cuts the next token (a word with the space before it) off *rest; false at the end. */
bool brain_token(struct str *rest, struct str *token);
/* The same for tool arguments, as a provider streams them. */
bool brain_fragment(struct str *rest, struct str *fragment);

/* An identifier that only depends on the request: `prefix` and 24 hex digits. */
struct str brain_id(struct arena *arena, const char *prefix, uint64_t hash, uint64_t salt);

/* ---- what brain_words.c reads out of text ---- */

struct facts {
    struct str orders[BRAIN_ORDERS_MAX];
    size_t order_count;
    struct str amount; /* "20.00" or "" */
    struct str reason;
    struct str place;  /* the capitalised word behind "in" */
    bool refund;       /* wants money back */
    bool unsure;       /* hedges */
    double confidence; /* asked for in so many words, or -1 */
};
void facts_read(struct str text, struct facts *facts);
bool facts_word(struct str text, struct str word);           /* a whole word, case-insensitive */
bool facts_one_of(struct str word, const char *const *list); /* the same; NULL ends the list */

/* ---- sample.c: the smallest instance of a schema ---- */

struct sample_hints {
    const struct facts *facts;
    struct str sentence; /* for strings that hold an answer */
    double confidence;
};
/* Writes one value that satisfies the schema (types, required, enum, const, bounds, local
 * references; patterns are not solved). Hinted names are filled from the facts. */
void sample_write(struct json_writer *w, const struct json *json, uint32_t schema,
                  const struct sample_hints *hints);

#endif
