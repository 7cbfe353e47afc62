/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a script of faults: it is refused with words, or it can be matched.
 */
#include "provider/script.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script *script = NULL;
    struct fault fault = {0};
    struct http_head head = {0};
    struct str text = {(const char *)data, size};
    if (script_new(text, &script, &fault) != ERR_OK) {
        must(script == NULL && fault.words[0] != '\0');
        return 0;
    }
    struct script_facts facts = {.path = STR("/v1/chat/completions"),
                                 .endpoint = STR("chat"),
                                 .family = STR("openai"),
                                 .model = STR("m"),
                                 .body = text,
                                 .head = &head};
    for (uint64_t i = 0; i < 5; i++) {
        facts.age_ms = i * 700;
        must(script_match(script, &facts) != NULL);
    }
    script_drop(script);
    return 0;
}
