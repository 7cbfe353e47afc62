/* SPDX-License-Identifier: Apache-2.0
 * fuzz_note.c - notes, checkpoints and keys from outside: what is taken is what would be written.
 */
#include "base/must.h"
#include "crypto/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether it is taken depends on the bytes alone, and a known key's name is never enough. */
static void as_note(struct str bytes)
{
    static const uint8_t seed[SIGN_SEED_BYTES] = {7};
    struct note_signer signer;
    struct note note;
    struct fault why;
    if (note_parse(bytes, &note, &why) != ERR_OK) {
        must(why.words[0] != '\0');
        return;
    }
    must(note.count <= NOTE_SIGNATURES_MAX && str_ends(note.text, STR("\n")));
    for (size_t i = 0; i < note.count && note.lines[i].name.len <= NOTE_NAME_MAX; i++) {
        must(note_signer_of(&signer, NOTE_COSIGNATURE, note.lines[i].name, seed) == ERR_OK);
        signer.key.id = note.lines[i].id; /* as if ids collided */
        must(note_check(&note, &signer.key, 1, &why) == ERR_INVALID);
    }
}

static void as_checkpoint(struct str bytes)
{
    struct checkpoint checkpoint;
    struct fault why;
    struct buf again;
    buf_init(&again, bytes.len);
    if (checkpoint_parse(bytes, &checkpoint, &why) == ERR_OK) {
        must(checkpoint_write(&checkpoint, &again) == ERR_OK);
        must(str_equal(buf_str(&again), bytes));
    }
    buf_end(&again);
}

static void as_key(struct str bytes)
{
    struct note_key key;
    struct note_signer signer;
    struct fault why;
    struct buf again;
    buf_init(&again, NOTE_KEY_TEXT_MAX);
    if (note_key_parse(bytes, &key, &why) == ERR_OK) {
        must(note_key_write(&key, &again) == ERR_OK);
        must(str_equal(buf_str(&again), bytes));
    } else if (note_signer_parse(bytes, &signer, &why) == ERR_OK) {
        must(note_signer_write(&signer, &again) == ERR_OK);
        must(str_equal(buf_str(&again), bytes));
    }
    buf_end(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    as_note(bytes);
    as_checkpoint(bytes);
    as_key(bytes);
    return 0;
}
