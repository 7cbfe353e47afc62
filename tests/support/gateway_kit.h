/* SPDX-License-Identifier: Apache-2.0
 * gateway_kit.h - one gateway behind its server in the simulated world, a provider that says what
 * the test wants, and a raw client.
 *
 * Providers of the configuration stand at http://127.0.0.1:9001 (with any path). Whatever comes
 * there gets `answer` and a closed connection; its head and body are kept as text.
 */
#ifndef AIRE_TESTS_SUPPORT_GATEWAY_KIT_H
#define AIRE_TESTS_SUPPORT_GATEWAY_KIT_H

#include "gateway/gateway.h"
#include "support/sim_env.h"

#define KIT_PROVIDER "http://127.0.0.1:9001"

struct gateway_kit;

/* Fails the test when the configuration is wrong. */
struct gateway_kit *gateway_kit_new(const char *configuration);
void gateway_kit_free(struct gateway_kit *kit);

struct commons *gateway_kit_commons(struct gateway_kit *kit);
struct arena *gateway_kit_arena(struct gateway_kit *kit);
struct sim_env *gateway_kit_sim(struct gateway_kit *kit);

/* Raw bytes of the provider's answers from now on; "": it never answers. */
void gateway_kit_answers(struct gateway_kit *kit, const char *answer);
/* For requests whose path begins with `path`, in front of the general answer; at most 8 paths. */
void gateway_kit_answers_at(struct gateway_kit *kit, const char *path, const char *answer);
/* The general answer as 200 with Content-Length and this body. */
void gateway_kit_answers_json(struct gateway_kit *kit, const char *body);

/* Sends raw bytes on a new connection and waits until it is closed: the whole answer. */
struct str gateway_kit_ask(struct gateway_kit *kit, const char *request);
/* POST with Connection: close; `fields` end with CRLF each. */
struct str gateway_kit_post(struct gateway_kit *kit, const char *path, const char *fields,
                            const char *body);

/* Of the last request at the provider, "" when none came; and how many came. */
struct str gateway_kit_sent_head(struct gateway_kit *kit);
struct str gateway_kit_sent_body(struct gateway_kit *kit);
size_t gateway_kit_sent_count(const struct gateway_kit *kit);

/* All events of all records, a JSON object a line, oldest exchange first. */
struct str gateway_kit_events(struct gateway_kit *kit);

bool gateway_kit_has(struct str text, const char *part);
unsigned gateway_kit_status(struct str answer);
#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        struct str text_ = (text);                                                                 \
        if (!gateway_kit_has(text_, (part))) {                                                     \
            fail_msg("no '%s' in:\n" STR_FMT, (part), STR_ARG(text_));                             \
        }                                                                                          \
    } while (0)
#define assert_has_not(text, part)                                                                 \
    do {                                                                                           \
        struct str text_ = (text);                                                                 \
        if (gateway_kit_has(text_, (part))) {                                                      \
            fail_msg("'%s' in:\n" STR_FMT, (part), STR_ARG(text_));                                \
        }                                                                                          \
    } while (0)

#endif
