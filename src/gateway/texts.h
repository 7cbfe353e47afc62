/* SPDX-License-Identifier: Apache-2.0
 * texts.h - every text in a request or an answer, with where it came from: one walk over the tape,
 * the same for all dialects.
 *
 * What is structure (types, roles, ids, names of tools, signatures, binary data) is left out by its
 * key and its form together: a word under `id`, base64 under `data`; prose there is text. All else
 * is text, the prose and the values of schemas too, so that a field nobody has thought of is judged
 * and not missed. In objects of free form (a tool's input, metadata) everything is text, keys and
 * long numbers too. Keys are compared decoded.
 *
 * Rank comes from where a provider reads it: `system`, `instructions`, `tools` at the root, `role`
 * of an element of `messages` or `input`. Anywhere else a role or type may only lower it, and an
 * object that says either twice has the lowest.
 */
#ifndef AIRE_GATEWAY_TEXTS_H
#define AIRE_GATEWAY_TEXTS_H

#include "domain/provenance.h"
#include "text/view.h"
#include "json/json_edit.h"

#define TEXTS_MAX 100000 /* of one document; beyond it `overflow` */

enum text_form {
    TEXT_PLAIN,
    TEXT_JSON,  /* the string is JSON itself: arguments of a tool */
    TEXT_KEY,   /* a member's name in an object of free form */
    TEXT_NUMBER /* a number in one */
};

struct text {
    uint32_t node;
    enum provenance provenance;
    enum text_form form;
    bool echo; /* the answer repeats what the request said */
    bool tool; /* describes a tool */
};

struct texts {
    struct text *items; /* in the arena */
    size_t count;
    size_t bytes; /* of all of them, as they stand */
    bool overflow;
    bool late; /* a system or developer message follows on one of a lower rank */
};

void texts_of_request(const struct json *json, struct arena *arena, struct texts *texts);
/* Arguments or an answer of a tool: an object of free form; provenance is the caller's to know. */
void texts_of_tool(const struct json *json, struct arena *arena, struct texts *texts);
void texts_of_answer(const struct json *json, struct arena *arena, struct texts *texts);

/* A text decoded, with the way back to its bytes. */
struct view text_view(const struct json *json, const struct text *text, struct arena *arena);

/* [from, to) of the decoded text becomes `with`. */
struct text_edit {
    const struct text *text;
    const struct view *view;
    size_t from;
    size_t to;
    struct str with;
};

/* The same as a splice of the document: escaped, and a number as a whole becomes a string. */
struct splice text_splice(const struct json *json, const struct text_edit *edit,
                          struct arena *arena);

/* Token probabilities of an answer spell its words a second time, in pieces that no guardrail
 * judges: edits that empty them. LIMIT: too many. */
enum err texts_drop_logprobs(const struct json *json, struct arena *arena,
                             struct json_edit *edit) MUST_USE;

#endif
