/* SPDX-License-Identifier: Apache-2.0
 * provider.h - the built-in provider: a model provider on a socket that needs no model and no key.
 *
 * It speaks OpenAI chat completions, responses, embeddings and models, Anthropic messages and
 * count_tokens, plain and streamed, with deterministic answers (brain.h) and scripted faults
 * (script.h). `GET /sim/state`, `GET /sim/last` and `POST /sim/script` watch and steer it while it
 * runs. It may be mounted below any prefix: /east/v1/chat/completions is served like
 * /v1/chat/completions.
 */
#ifndef AIRE_PROVIDER_PROVIDER_H
#define AIRE_PROVIDER_PROVIDER_H

#include "io/loop.h"

struct provider;

struct provider_options {
    struct loop *loop;
    struct address listen;   /* port 0: any free one */
    struct str script;       /* YAML, or "" for no faults; copied */
    struct str required_key; /* "" admits everybody; else 401 without it; copied */
};

#define PROVIDER_CONNECTIONS_MAX 20000
#define PROVIDER_BODY_BYTES_MAX  ((size_t)64 << 20)

/* NULL: `fault` (may be NULL) says why: the address or the script, with its line. */
struct provider *provider_new(const struct provider_options *options, struct fault *fault);
void provider_free(struct provider *provider); /* closes everything; NULL is fine */

const struct address *provider_address(const struct provider *provider);

/* Replaces the script and resets its counters and time; answers under way go on as they began. */
enum err provider_set_script(struct provider *provider, struct str text,
                             struct fault *fault) MUST_USE;

#endif
