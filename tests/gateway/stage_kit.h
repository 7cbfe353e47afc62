/* SPDX-License-Identifier: Apache-2.0
 * stage_kit.h - what the tests of the stages share: a configuration, bodies, answers. */
#ifndef AIRE_TESTS_GATEWAY_STAGE_KIT_H
#define AIRE_TESTS_GATEWAY_STAGE_KIT_H

#include "support/gateway_kit.h"

#include <stdio.h>
#include <string.h>

#define STAGE_PROVIDERS                                                                            \
    "version: 1\n"                                                                                 \
    "providers:\n"                                                                                 \
    "  p: {dialect: openai, base_url: " KIT_PROVIDER "/v1}\n"                                      \
    "targets:\n  t: {provider: p, price: {input: $10, output: $10}}\n"

#define CHAT(model, rest)                                                                          \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" rest "}"
#define ANSWER                                                                                     \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},"         \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":70,\"completion_tokens\":30}}"
#define STREAM                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"              \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yes\"}}]}\n\n"                      \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"              \
    "data: [DONE]\n\n"

#define PATH "/v1/chat/completions"

/* Status and a part of the body at once. */
#define assert_refused(answer, status, part)                                                       \
    do {                                                                                           \
        struct str answer_ = (answer);                                                             \
        assert_int_equal(gateway_kit_status(answer_), (status));                                   \
        assert_has(answer_, (part));                                                               \
    } while (0)

static inline int stage_open(void **state, const char *configuration)
{
    *state = gateway_kit_new(configuration);
    gateway_kit_answers_json(*state, ANSWER);
    return 0;
}

static inline int stage_close(void **state)
{
    gateway_kit_free(*state);
    return 0;
}

#endif
