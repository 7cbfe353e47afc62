/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pii.c - any bytes, cut anywhere: the parts give the spans of the whole. */
#include "base/must.h"
#include "security/pii.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pii *pii; /* made once: 100 KiB of lexicon */
    if (size == 0) {
        return 0;
    }
    if (pii == NULL) {
        pii = must_have(malloc(sizeof *pii));
        pii_init(pii, pii_defaults());
    }
    const struct finder finder = pii_finder(pii);
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
    must(whole.count == parts.count);
    for (size_t i = 0; i < whole.count; i++) {
        must(whole.items[i].start == parts.items[i].start);
        must(whole.items[i].end == parts.items[i].end);
        must(whole.items[i].kind == parts.items[i].kind);
    }
    spans_end(&whole);
    spans_end(&parts);
    return 0;
}
