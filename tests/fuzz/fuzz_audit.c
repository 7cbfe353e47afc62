/* SPDX-License-Identifier: Apache-2.0
 * fuzz_audit.c - exports, proofs and records from outside: none breaks the checks, and without a
 * signature of this key none passes. */
#include "audit/bundle.h"
#include "audit/places.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_document(struct str bytes)
{
    static const uint8_t seed[SIGN_SEED_BYTES] = {7};
    static struct audit_report report;
    struct note_signer stranger;
    struct fault why;
    must(note_signer_of(&stranger, NOTE_PLAIN, STR("stranger"), seed) == ERR_OK);
    if (bundle_verify(bytes, NULL, NULL, &report, &why) != ERR_OK) {
        must(why.words[0] != '\0');
    }
    if (bundle_verify(bytes, &stranger.key, NULL, &report, &why) == ERR_OK) {
        must(report.fault_count > 0);
    }
}

static void as_leaf(struct str bytes)
{
    struct leaf leaf;
    struct buf again;
    buf_init(&again, bytes.len);
    if (leaf_read(bytes, &leaf) == ERR_OK) {
        must(leaf_write(&leaf, &again) == ERR_OK);
        must(str_equal(buf_str(&again), bytes));
    }
    buf_end(&again);
}

static void as_places(struct str bytes)
{
    struct places_run run;
    while (places_next(&bytes, &run) == ERR_OK) {
        must(run.from <= run.to && run.step > 0 && (run.to - run.from) % run.step == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    as_document(bytes);
    as_leaf(bytes);
    as_places(bytes);
    return 0;
}
