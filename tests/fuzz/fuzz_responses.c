/* SPDX-License-Identifier: Apache-2.0
 * fuzz_responses.c - OpenAI responses: requests, answers and streams from arbitrary bytes (see
 * dialect.h). */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_dialect(&dialect_openai_responses, (struct str){(const char *)data, size},
                 STR("response."));
    return 0;
}
