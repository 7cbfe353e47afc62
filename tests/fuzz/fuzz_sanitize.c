/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sanitize.c - any bytes become UTF-8 that stays as it is; every place leads back. */
#include "base/must.h"
#include "base/utf8.h"
#include "security/sanitize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct arena *arena = arena_new(4096);
    enum sanitize_slot slot = data[0] % 2 == 0 ? SANITIZE_PROMPT : SANITIZE_TRUSTED;
    struct sanitize_result once;
    struct sanitize_result twice;
    sanitize((struct str){(const char *)data + 1, size - 1}, slot, arena, &once);
    must(utf8_valid(once.view.text) && utf8_valid(once.hidden));
    sanitize(once.view.text, slot, arena, &twice);
    must(!twice.changed && str_equal(once.view.text, twice.view.text));
    must(twice.finding_count == 0);
    must((once.finding_count > 0) == once.changed);
    for (size_t i = 0; i < once.finding_count; i++) {
        const struct sanitize_finding *finding = &once.findings[i];
        must(finding->start < finding->end && finding->end <= size - 1);
    }
    size_t last = 0;
    for (size_t i = 0; i < once.view.text.len; i++) {
        size_t from;
        size_t to;
        view_span(&once.view, i, i + 1, &from, &to);
        must(from >= last && from <= to && to <= once.seen.text.len);
        last = from;
    }
    arena_free(arena);
    return 0;
}
