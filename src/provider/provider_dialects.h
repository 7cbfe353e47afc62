/* SPDX-License-Identifier: Apache-2.0
 * provider_dialects.h - one function an endpoint: a reply in the words and events of its dialect.
 *
 * Invariant: whether the answer is a stream is the request's choice (ask->stream); the last event
 * of a stream is of kind PART_TERMINAL.
 */
#ifndef AIRE_PROVIDER_PROVIDER_DIALECTS_H
#define AIRE_PROVIDER_PROVIDER_DIALECTS_H

#include "provider/answer.h"
#include "provider/brain.h"

/* Answers carry a time; a fixed one, so that the same request gets the same bytes. */
#define PROVIDER_CREATED UINT64_C(1767225600) /* 2026-01-01T00:00:00Z */

void provider_chat_answer(const struct ask *ask, const struct reply *reply,
                          const struct script_do *act, struct answer *answer);
void provider_responses_answer(const struct ask *ask, const struct reply *reply,
                               const struct script_do *act, struct answer *answer);
void provider_messages_answer(const struct ask *ask, const struct reply *reply,
                              const struct script_do *act, struct answer *answer);

/* False: the request is not valid. */
bool provider_embeddings_answer(const struct ask *ask, struct ask_problem *problem,
                                struct answer *answer);

/* One JSON-RPC message to .../mcp; `json` is NULL when the body is none. */
void provider_mcp_answer(const struct http_head *head, const struct json *json,
                         struct answer *answer);

static inline void provider_member_raw(struct json_writer *w, const char *key, struct str json_text)
{
    json_key(w, key);
    json_put_raw(w, json_text);
}

/* The next part of a text to stream: a token, or at the end the padding whole. */
static inline bool provider_next_text(const struct reply *reply, struct str *rest,
                                      struct str *piece)
{
    if (reply->pad_bytes == 0 || rest->len > reply->pad_bytes) {
        struct str words = str_cut(*rest, 0, rest->len - reply->pad_bytes);
        bool more = brain_token(&words, piece);
        *rest = str_cut(*rest, piece->len, rest->len);
        return more;
    }
    *piece = *rest;
    *rest = str_cut(*rest, rest->len, rest->len);
    return piece->len > 0;
}

#endif
