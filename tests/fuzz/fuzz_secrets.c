/* SPDX-License-Identifier: Apache-2.0
 * fuzz_secrets.c - any bytes, cut anywhere: the parts give the spans of the whole. */
#include "base/must.h"
#include "security/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secrets secrets;
    if (size == 0) {
        return 0;
    }
    secrets_init(&secrets);
    const struct finder finder = secrets_finder(&secrets);
    const struct str text = {(const char *)data + 1, size - 1};
    struct spans whole = {0};
    struct spans parts = {0};
    struct finder_state state = {0};
    finder_find(&finder, text, &whole);
    const struct window first = {{text.at, text.len * data[0] / 255}, 0, false};
    size_t safe = finder.find(finder.self, &first, &state, &parts);
    must(safe <= first.text.len && first.text.len - safe <= FINDER_HOLD_MAX);
    const struct window rest = {text, safe, true};
    must(finder.find(finder.self, &rest, &state, &parts) == text.len);
    for (size_t i = 0, at = 0; i < whole.count; i++, at++) {
        must(at < parts.count && whole.items[i].start == parts.items[at].start);
        must(whole.items[i].kind == parts.items[at].kind);
        for (; at + 1 < parts.count && (parts.items[at + 1].flags & SPAN_GOES_ON); at++) {
            must(parts.items[at].end == parts.items[at + 1].start);
        }
        must(whole.items[i].end == parts.items[at].end);
        must(i + 1 < whole.count || at + 1 == parts.count);
    }
    must(whole.count > 0 || parts.count == 0);
    spans_end(&whole);
    spans_end(&parts);
    return 0;
}
