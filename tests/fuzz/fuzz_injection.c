/* SPDX-License-Identifier: Apache-2.0
 * fuzz_injection.c - any bytes are scanned, decoded and explained; scores and spans stay in bounds.
 */
#include "base/must.h"
#include "security/injection.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct injection_model *model;
    if (model == NULL) {
        model = injection_model_default();
    }
    struct arena *arena = arena_new(4096);
    struct injection_result result;
    struct injection_reason reasons[8];
    struct str text = {(const char *)bytes, len};
    injection_scan(model, text, PROVENANCE_UNKNOWN, arena, &result);
    size_t count = injection_explain(model, &result, reasons, 8);
    must(count <= 8 && result.score >= 0 && result.score <= 1);
    must(result.span_count <= INJECTION_SPANS_MAX);
    for (size_t i = 0; i < result.span_count; i++) {
        must(result.spans[i].start < result.spans[i].end && result.spans[i].end <= len);
    }
    arena_free(arena);
    return 0;
}
