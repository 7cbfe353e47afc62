/* SPDX-License-Identifier: Apache-2.0
 * reply.h - what the client sees: heads with x-aire-* fields, errors in its dialect; and which
 * header fields pass in either direction.
 */
#ifndef AIRE_GATEWAY_REPLY_H
#define AIRE_GATEWAY_REPLY_H

#include "gateway/exchange.h"

/* Fields for the provider: the client's, without credentials, cookies, hop-by-hop, framing and
 * x-aire-*; with our credential and traceparent. In the exchange's arena. */
size_t reply_request_fields(struct exchange *x, const struct provider *provider,
                            struct str credential, struct http_field **fields);
/* Those of them that are ours alone: for a request that the client did not make. */
size_t reply_own_fields(struct exchange *x, const struct provider *provider, struct str credential,
                        struct http_field **fields);
/* A copy, in the arena, of the response fields that may pass to the client. */
size_t reply_response_fields(struct arena *arena, const struct http_head *head,
                             struct http_field **fields);

/* Begins the answer: `passed` fields and ours; no content-type where it is "". */
void reply_begin(struct exchange *x, unsigned status, const struct http_field *passed, size_t count,
                 struct str content_type, uint64_t body_bytes);
/* An error in the client's dialect, as whole answer. */
void reply_error(struct exchange *x, unsigned status, const char *type, const char *code,
                 struct str message);
/* The answer must not end as it would: an error in its place, in the stream where it has begun. The
 * exchange ends as failed, for `code`. */
void reply_instead(struct exchange *x, unsigned status, const char *code, const char *words);
/* The same for a call that has no exchange; `allow` for 405, else "". */
void reply_call_error(struct http_call *call, enum provider_kind family, unsigned status,
                      const char *code, struct str allow, struct str message);

#endif
