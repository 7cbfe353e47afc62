/* SPDX-License-Identifier: Apache-2.0
 * attempt_request.h - what an attempt sends: where, fields, body; and whether an answer gives away
 * the credential among it.
 */
#ifndef AIRE_GATEWAY_ATTEMPT_REQUEST_H
#define AIRE_GATEWAY_ATTEMPT_REQUEST_H

#include "gateway/attempt.h"

/* All but handler and owner; lives in the exchange's arena. Chooses a->key. */
void attempt_request(struct attempt *a, struct fetch_options *options);
/* Does the text hold a credential that went upstream? Some providers, and most proxies in debug
 * mode, repeat the fields that they were sent. */
/* The credential of the provider that is used now; `index` gets its number. */
struct str attempt_credential(const struct provider *provider, uint32_t *index);
bool attempt_tells_credential(const struct attempt *a, struct str text);
/* Does a tool's answer hold ours? That never goes to a client. */
bool attempt_answer_tells(const struct attempt *a);

#endif
