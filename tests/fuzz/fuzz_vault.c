/* SPDX-License-Identifier: Apache-2.0
 * fuzz_vault.c - what looks like a placeholder in any text, in two windows as in one; any bytes as
 * a saved vault. */
#include "base/must.h"
#include "security/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct finder *finder, struct str text, size_t half)
{
    struct spans whole = {0};
    struct spans split = {0};
    struct finder_state state = {0};
    finder_find(finder, text, &whole);
    const struct window first = {str_cut(text, 0, half), 0, false};
    size_t safe = finder->find(finder->self, &first, &state, &split);
    must(safe <= half && half - safe <= FINDER_HOLD_MAX);
    const struct window second = {text, safe, true};
    must(finder->find(finder->self, &second, &state, &split) == text.len);
    must(whole.count == split.count);
    for (size_t i = 0; i < whole.count; i++) {
        must(whole.items[i].start == split.items[i].start);
        must(whole.items[i].end == split.items[i].end);
    }
    spans_end(&whole);
    spans_end(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct seal_key key = {{1}};
    struct str text = {(const char *)data, size};
    struct vault *vault = vault_new(&key);
    err_ignore(vault_load(vault, text));
    struct finder finder = vault_finder(vault);
    check(&placeholder_finder, text, size / 2);
    struct finder forged = vault_forgery_finder(vault);
    check(&finder, text, size / 3);
    check(&forged, text, size / 2);
    vault_free(vault);
    return 0;
}
