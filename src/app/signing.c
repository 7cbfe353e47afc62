/* SPDX-License-Identifier: Apache-2.0
 * signing.c - the newest key of the kind is the one in use. */
#include "app/signing.h"

#include "base/must.h"
#include "store/history.h"

#include <sodium.h>
#include <string.h>

#define ORIGIN       "aire/"
#define RANDOM_BYTES 8

static const struct statement read_key = {
    "SELECT id, wrapped FROM data_keys WHERE kind = ?1 ORDER BY created_us DESC, id LIMIT 1", 1};

static enum err make_key(struct keyring *keyring, struct store *store, const struct env *env,
                         struct arena *arena, struct data_key *key)
{
    char id[sizeof ORIGIN + 2 * (size_t)RANDOM_BYTES] = ORIGIN;
    uint8_t random[RANDOM_BYTES];
    const struct key_scope nobody = {STR(""), STR(""), STR(""), STR("")};
    struct store_step step;
    env_entropy(env, random, sizeof random);
    (void)sodium_bin2hex(id + sizeof ORIGIN - 1, sizeof id - sizeof ORIGIN + 1, random,
                         sizeof random);
    keyring_begin(keyring);
    *key = keyring_make(keyring, KEY_HISTORY, str_of(id), &nobody, arena, &step);
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 512};
    enum err code = store_write_now(store, &unit);
    keyring_commit(keyring);
    return code;
}

static enum err find_key(struct keyring *keyring, struct store *store, struct arena *arena,
                         struct data_key *key, bool *found)
{
    const struct value kind = value_of_i64(KEY_HISTORY);
    struct store_query query = {.rows_max = 1};
    enum err code = store_read_now(store, &read_key, &kind, &query);
    *found = code == ERR_OK && query.row_count == 1;
    if (*found) {
        bool good = query.rows[0].kind == VALUE_TEXT && query.rows[1].kind == VALUE_BLOB;
        struct str id = good ? arena_str(arena, query.rows[0].bytes) : STR("");
        code = good ? keyring_unwrap(keyring, id, query.rows[1].bytes, key) : ERR_CORRUPT;
    }
    store_query_end(&query);
    return code;
}

enum err signing_open(struct keyring *keyring, struct store *store, const struct env *env,
                      struct fault *fault)
{
    struct arena *arena = arena_new(1024);
    struct data_key key = {.id = STR("")};
    struct note_signer signer;
    bool found;
    enum err code = find_key(keyring, store, arena, &key, &found);
    if (code == ERR_OK && !found) {
        code = make_key(keyring, store, env, arena, &key);
    }
    if (code == ERR_OK) {
        code = note_signer_of(&signer, NOTE_PLAIN, key.id, key.key.bytes);
    }
    if (code == ERR_OK) {
        store_sign(store, &signer);
        note_signer_wipe(&signer);
    }
    seal_key_wipe(&key.key);
    arena_free(arena);
    return code == ERR_OK
               ? ERR_OK
               : fault_set(fault, code, "the key that signs the history: %s",
                           code == ERR_NOT_FOUND ? "the master key is not here" : err_text(code));
}
