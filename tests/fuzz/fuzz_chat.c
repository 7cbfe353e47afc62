/* SPDX-License-Identifier: Apache-2.0
 * fuzz_chat.c - OpenAI chat completions: requests, answers and streams from arbitrary bytes (see
 * dialect.h). */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_dialect(&dialect_openai_chat, (struct str){(const char *)data, size},
                 STR("finish_reason"));
    return 0;
}
