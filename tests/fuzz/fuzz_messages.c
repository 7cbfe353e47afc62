/* SPDX-License-Identifier: Apache-2.0
 * fuzz_messages.c - Anthropic messages: requests, answers and streams from arbitrary bytes (see
 * dialect.h). */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_dialect(&dialect_anthropic_messages, (struct str){(const char *)data, size},
                 STR("message_stop"));
    return 0;
}
