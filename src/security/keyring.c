/* SPDX-License-Identifier: Apache-2.0
 * keyring.c - the table of data keys, and who wraps them.
 *
 * Invariants: a data key in the store is wrapped under one of `masters`, or under one that was lost
 * before; new ones are wrapped under the first. `masters` change under `lock` only. */
#include "security/keyring.h"

#include "base/must.h"
#include "sys/notify.h"
#include "sys/thread.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROTATE_ROWS    500  /* a transaction */
#define SETTLE_MS_MAX  5000 /* for writers under way */
#define WRAPPED_BYTES  (SEAL_KEY_BYTES + SEAL_EXTRA_BYTES)
#define ASSOCIATED_MAX 512

struct keyring {
    const struct env *env;
    struct master_place place;
    struct mutex lock;
    struct masters masters;
    struct mutex rotating_lock;
    struct condition never; /* to wait a moment */
    bool rotating;
    _Atomic unsigned writing; /* between begin and commit */
    _Atomic uint64_t forgets;
};

struct keyring *keyring_new(const struct env *env, const struct master_place *place,
                            const struct masters *masters)
{
    must(masters->count > 0);
    struct keyring *keyring = must_have(calloc(1, sizeof *keyring));
    keyring->env = env;
    keyring->place = *place;
    keyring->masters = *masters;
    mutex_init(&keyring->lock);
    mutex_init(&keyring->rotating_lock);
    condition_init(&keyring->never);
    return keyring;
}

void keyring_free(struct keyring *keyring)
{
    if (keyring == NULL) {
        return;
    }
    masters_wipe(&keyring->masters);
    condition_end(&keyring->never);
    mutex_end(&keyring->rotating_lock);
    mutex_end(&keyring->lock);
    free(keyring);
}

const struct master_place *keyring_place(const struct keyring *keyring)
{
    return &keyring->place;
}

static struct masters masters_of(struct keyring *keyring)
{
    mutex_lock(&keyring->lock);
    struct masters masters = keyring->masters;
    mutex_unlock(&keyring->lock);
    return masters;
}

/* ---- the table ---- */

static const struct migration migrations[] = {
    {1, "CREATE TABLE data_keys(id TEXT NOT NULL PRIMARY KEY, kind INTEGER NOT NULL,"
        " tenant TEXT NOT NULL, principal TEXT NOT NULL, \"user\" TEXT NOT NULL,"
        " session TEXT NOT NULL, wrapped BLOB NOT NULL, master TEXT NOT NULL,"
        " created_us BIGINT NOT NULL);"
        "CREATE INDEX data_keys_by_session ON data_keys(session);"
        "CREATE INDEX data_keys_by_user ON data_keys(\"user\");"
        "CREATE INDEX data_keys_by_time ON data_keys(kind, created_us);"
        "CREATE TABLE vault_values(number INTEGER PRIMARY KEY, data_key TEXT NOT NULL,"
        " at_us BIGINT NOT NULL, sealed BLOB NOT NULL);"
        "CREATE INDEX vault_values_by_key ON vault_values(data_key, at_us);"},
};
const struct schema keyring_schema = {"keyring", migrations, 1};

static const struct statement insert_key = {
    "INSERT INTO data_keys(id, kind, tenant, principal, \"user\", session, wrapped, master,"
    " created_us)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    9};
static const struct statement put_key = {
    "INSERT INTO data_keys(id, kind, tenant, principal, \"user\", session, wrapped, master,"
    " created_us)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT(id) DO NOTHING",
    9};

/* ---- sealing and opening ---- */

/* What a sealed text belongs to: its purpose, the data key's id. */
static struct str associate(struct str what, struct str id, char room[ASSOCIATED_MAX])
{
    struct buf text;
    buf_init(&text, ASSOCIATED_MAX - 1);
    enum err code = buf_printf(&text, STR_FMT "\n" STR_FMT, STR_ARG(what), STR_ARG(id));
    must(code == ERR_OK && str_copy(buf_str(&text), room, ASSOCIATED_MAX));
    size_t len = text.len;
    buf_end(&text);
    return (struct str){room, len};
}

static enum err seal_new(const struct env *env, const struct seal_key *key, struct str associated,
                         struct str plain, struct buf *to)
{
    uint8_t nonce[SEAL_NONCE_BYTES];
    env_entropy(env, nonce, sizeof nonce);
    return seal(key, nonce, associated, plain, to);
}

static struct str sealed_in(const struct env *env, const struct seal_key *key,
                            struct str associated, struct str plain, struct arena *arena)
{
    struct buf sealed;
    buf_init(&sealed, plain.len + SEAL_EXTRA_BYTES);
    enum err code = seal_new(env, key, associated, plain, &sealed);
    must(code == ERR_OK);
    struct str copy = arena_str(arena, buf_str(&sealed));
    buf_end(&sealed);
    return copy;
}

static struct str wrap(const struct env *env, const struct master *master, struct str id,
                       const struct seal_key *key, struct arena *arena)
{
    char room[ASSOCIATED_MAX];
    struct str plain = {(const char *)key->bytes, SEAL_KEY_BYTES};
    return sealed_in(env, &master->key, associate(STR("data key"), id, room), plain, arena);
}

void keyring_begin(struct keyring *keyring)
{
    if (keyring != NULL) {
        atomic_fetch_add(&keyring->writing, 1);
    }
}

void keyring_commit(struct keyring *keyring)
{
    if (keyring != NULL) {
        unsigned before = atomic_fetch_sub(&keyring->writing, 1);
        must(before > 0);
    }
}

static void store_key(struct keyring *keyring, enum key_kind kind, const struct data_key *key,
                      const struct key_scope *scope, struct arena *arena, struct store_step *step)
{
    must(atomic_load(&keyring->writing) > 0);
    struct masters masters = masters_of(keyring);
    struct value *values = arena_array_of(arena, struct value, 9);
    values[0] = value_of_text(arena_str(arena, key->id));
    values[1] = value_of_i64(kind);
    values[2] = value_of_text(arena_str(arena, scope->tenant));
    values[3] = value_of_text(arena_str(arena, scope->principal));
    values[4] = value_of_text(arena_str(arena, scope->user));
    values[5] = value_of_text(arena_str(arena, scope->session));
    values[6] = value_of_blob(wrap(keyring->env, &masters.items[0], key->id, &key->key, arena));
    values[7] = value_of_text(arena_str(arena, str_of(masters.items[0].id)));
    values[8] = value_of_i64(key->created_us);
    masters_wipe(&masters);
    *step = (struct store_step){&insert_key, values, false};
}

struct data_key keyring_make(struct keyring *keyring, enum key_kind kind, struct str id,
                             const struct key_scope *scope, struct arena *arena,
                             struct store_step *step)
{
    struct data_key made = {.id = arena_str(arena, id), .created_us = env_wall(keyring->env).us};
    env_entropy(keyring->env, made.key.bytes, sizeof made.key.bytes);
    store_key(keyring, kind, &made, scope, arena, step);
    return made;
}

void keyring_put(struct keyring *keyring, enum key_kind kind, const struct data_key *key,
                 const struct key_scope *scope, struct arena *arena, struct store_step *step)
{
    store_key(keyring, kind, key, scope, arena, step);
    step->statement = &put_key;
}

struct str keyring_seal(struct keyring *keyring, const struct data_key *key, struct str what,
                        struct str plain, struct arena *arena)
{
    char room[ASSOCIATED_MAX];
    return sealed_in(keyring->env, &key->key, associate(what, key->id, room), plain, arena);
}

enum err keyring_unwrap(struct keyring *keyring, struct str id, struct str wrapped,
                        struct data_key *key)
{
    char room[ASSOCIATED_MAX];
    struct str associated = associate(STR("data key"), id, room);
    struct masters masters = {0};
    struct buf plain;
    enum err code = ERR_NOT_FOUND;
    if (keyring == NULL || wrapped.len != WRAPPED_BYTES) {
        return ERR_NOT_FOUND;
    }
    masters = masters_of(keyring);
    buf_init(&plain, WRAPPED_BYTES);
    *key = (struct data_key){.id = id};
    for (size_t i = 0; i < masters.count && code != ERR_OK; i++) {
        code = seal_open(&masters.items[i].key, associated, wrapped, &plain);
    }
    masters_wipe(&masters);
    if (code == ERR_OK) {
        for (size_t i = 0; i < SEAL_KEY_BYTES; i++) {
            key->key.bytes[i] = (uint8_t)plain.at[i];
        }
        sodium_memzero(plain.at, plain.len);
    }
    buf_end(&plain);
    return code == ERR_OK ? ERR_OK : ERR_NOT_FOUND;
}

enum err keyring_open(const struct data_key *key, struct str what, struct str sealed,
                      struct buf *to)
{
    char room[ASSOCIATED_MAX];
    return seal_open(&key->key, associate(what, key->id, room), sealed, to);
}

enum err keyring_read(struct keyring *keyring, const struct value *id, const struct value *wrapped,
                      struct str what, struct str sealed, struct buf *to)
{
    struct data_key key;
    if (id->kind != VALUE_TEXT || id->bytes.len > ASSOCIATED_MAX / 2) {
        return ERR_INVALID;
    }
    if (wrapped == NULL || wrapped->kind != VALUE_BLOB) {
        return ERR_NOT_FOUND;
    }
    if (keyring_unwrap(keyring, id->bytes, wrapped->bytes, &key) != ERR_OK) {
        return ERR_DENIED;
    }
    enum err code = keyring_open(&key, what, sealed, to);
    seal_key_wipe(&key.key);
    return code;
}

const char *keyring_why(enum err code)
{
    switch (code) {
    case ERR_NOT_FOUND:
        return "erased: its key was destroyed";
    case ERR_DENIED:
        return "sealed: the master key is not here";
    default:
        return "damaged: it does not open";
    }
}

/* ---- forgetting ---- */

#define NARROWED                                                                                   \
    " AND (?2 = '' OR \"user\" = ?2) AND (?3 = '' OR tenant = ?3) AND (?4 = '' OR principal = ?4)"
#define BY_SESSION "session = ?1" NARROWED
#define BY_USER    "\"user\" = ?2 AND ?1 = ''" NARROWED
#define FORGET(match)                                                                              \
    {                                                                                              \
        {"DELETE FROM vault_values WHERE data_key IN (SELECT id FROM data_keys WHERE " match ")",  \
         4},                                                                                       \
            {"UPDATE data_keys SET wrapped = ?5 WHERE " match, 5},                                 \
            {"DELETE FROM data_keys WHERE " match, 4},                                             \
    }

#define WRAPPED_BYTES (SEAL_KEY_BYTES + SEAL_EXTRA_BYTES)

/* The key's bytes are overwritten where they stand before the row goes. */
static const struct statement forget[2][3] = {FORGET(BY_SESSION), FORGET(BY_USER)};

void keyring_forget_unit(const struct key_scope *scope, struct arena *arena,
                         struct store_unit *unit)
{
    must(scope->session.len > 0 || scope->user.len > 0);
    const struct statement *statements = forget[scope->session.len > 0 ? 0 : 1];
    static const char zeros[WRAPPED_BYTES];
    struct value *values = arena_array_of(arena, struct value, 5);
    struct store_step *steps = arena_array_of(arena, struct store_step, 3);
    values[0] = value_of_text(arena_str(arena, scope->session));
    values[1] = value_of_text(arena_str(arena, scope->user));
    values[2] = value_of_text(arena_str(arena, scope->tenant));
    values[3] = value_of_text(arena_str(arena, scope->principal));
    values[4] = value_of_blob((struct str){zeros, sizeof zeros});
    for (size_t i = 0; i < 3; i++) {
        steps[i] = (struct store_step){&statements[i], values, i == 2};
    }
    *unit = (struct store_unit){.steps = steps, .count = 3, .bytes = 512};
}

uint64_t keyring_forgets(struct keyring *keyring)
{
    return atomic_load(&keyring->forgets);
}

void keyring_forgotten(struct keyring *keyring)
{
    if (keyring != NULL) {
        atomic_fetch_add(&keyring->forgets, 1);
    }
}

const struct statement keyring_prune_exchanges = {
    "DELETE FROM data_keys WHERE id IN (SELECT id FROM data_keys WHERE kind = 1 AND created_us < ?1"
    " LIMIT 1000)",
    1};
const struct statement keyring_prune_subjects = {
    "DELETE FROM data_keys WHERE id IN (SELECT id FROM data_keys WHERE kind = 5 AND created_us < ?1"
    " LIMIT 1000)",
    1};
const struct statement keyring_prune_sessions = {
    "DELETE FROM data_keys WHERE id IN (SELECT id FROM data_keys WHERE kind = 0 AND created_us < ?1"
    " AND NOT EXISTS (SELECT 1 FROM vault_values WHERE data_key = data_keys.id AND at_us >= ?1)"
    " LIMIT 1000)",
    1};
const struct statement keyring_prune_values = {
    "DELETE FROM vault_values WHERE number IN (SELECT number FROM vault_values WHERE at_us < ?1"
    " AND NOT EXISTS (SELECT 1 FROM data_keys WHERE id = data_key) LIMIT 1000)",
    1};

/* ---- rotation ---- */

static const struct statement foreign_page = {
    "SELECT id, wrapped FROM data_keys WHERE master <> ?1 AND id > ?2 ORDER BY id LIMIT ?3", 3};
static const struct statement rewrap_key = {
    "UPDATE data_keys SET wrapped = ?2, master = ?3 WHERE id = ?1", 3};
static const struct statement barrier = {"UPDATE data_keys SET master = master WHERE id = ''", 0};

static enum err rewrap_rows(struct keyring *keyring, struct store *store,
                            const struct store_query *page, struct rotation *rotation)
{
    struct arena *arena = arena_new((size_t)64 * 1024);
    struct masters masters = masters_of(keyring);
    struct store_unit unit = {.steps = arena_array_of(arena, struct store_step, page->row_count)};
    for (size_t i = 0; i < page->row_count; i++) {
        const struct value *row = &page->rows[i * page->columns];
        struct data_key key;
        if (row[1].kind != VALUE_BLOB ||
            keyring_unwrap(keyring, row[0].bytes, row[1].bytes, &key) != ERR_OK) {
            rotation->unreadable++;
            continue;
        }
        struct value *values = arena_array_of(arena, struct value, 3);
        values[0] = row[0];
        values[1] = value_of_blob(
            wrap(keyring->env, &masters.items[0], row[0].bytes, &key.key, arena));
        values[2] = value_of_text(str_of(masters.items[0].id));
        seal_key_wipe(&key.key);
        unit.steps[unit.count++] = (struct store_step){&rewrap_key, values, false};
        unit.bytes += 256;
    }
    enum err code = unit.count > 0 ? store_write_now(store, &unit) : ERR_OK;
    rotation->wrapped += code == ERR_OK ? unit.count : 0;
    masters_wipe(&masters);
    arena_free(arena);
    return code;
}

static enum err rewrap_all(struct keyring *keyring, struct store *store, struct rotation *rotation)
{
    struct arena *arena = arena_new(4096); /* holds the last id of each page */
    struct value values[3] = {value_of_text(str_of(rotation->master)), value_of_text(STR("")),
                              value_of_i64(ROTATE_ROWS)};
    size_t rows = ROTATE_ROWS;
    rotation->unreadable = 0;
    struct store_unit flush = {.steps = &(struct store_step){&barrier, NULL, false}, .count = 1};
    enum err code = store_write_now(store, &flush); /* what was queued before is there now */
    while (code == ERR_OK && rows == ROTATE_ROWS) {
        struct store_query page = {.rows_max = ROTATE_ROWS};
        code = store_read_now(store, &foreign_page, values, &page);
        rows = code == ERR_OK ? page.row_count : 0;
        if (rows > 0) {
            values[1] = value_of_text(arena_str(arena, page.rows[(rows - 1) * page.columns].bytes));
            code = rewrap_rows(keyring, store, &page, rotation);
        }
        store_query_end(&page);
    }
    arena_free(arena);
    return code;
}

/* Has everybody who might have wrapped under the old master submitted? */
static bool settle(struct keyring *keyring)
{
    for (unsigned ms = 0; ms < SETTLE_MS_MAX; ms++) {
        if (atomic_load(&keyring->writing) == 0) {
            return true;
        }
        mutex_lock(&keyring->rotating_lock);
        (void)condition_wait(&keyring->never, &keyring->rotating_lock, 1);
        mutex_unlock(&keyring->rotating_lock);
    }
    return false;
}

static enum err adopt(struct keyring *keyring, const struct masters *masters, struct fault *fault)
{
    enum err code = master_write(&keyring->place, masters, fault);
    if (code == ERR_OK) {
        mutex_lock(&keyring->lock);
        keyring->masters = *masters;
        mutex_unlock(&keyring->lock);
    }
    return code;
}

/* Both masters open from here on, the new one wraps. A rotation that was interrupted goes on. */
static enum err begin_rotation(struct keyring *keyring, struct fault *fault)
{
    struct masters now = masters_of(keyring);
    struct masters next = {.count = 2};
    enum err code = ERR_OK;
    if (keyring->place.variable || now.count == 1) {
        next.items[1] = now.items[0];
        code = master_next(&keyring->place, keyring->env, &next.items[0], fault);
        if (code == ERR_OK && str_equal(str_of(next.items[0].id), str_of(now.items[0].id))) {
            code = fault_set(fault, ERR_INVALID, "the new master key is the one in use");
        }
        code = code == ERR_OK ? adopt(keyring, &next, fault) : code;
    }
    masters_wipe(&now);
    masters_wipe(&next);
    return code;
}

static enum err end_rotation(struct keyring *keyring, struct fault *fault)
{
    struct masters masters = masters_of(keyring);
    masters.count = 1;
    seal_key_wipe(&masters.items[1].key);
    enum err code = adopt(keyring, &masters, fault);
    masters_wipe(&masters);
    return code;
}

static enum err rotate(struct keyring *keyring, struct store *store, struct rotation *rotation,
                       struct fault *fault)
{
    enum err code = begin_rotation(keyring, fault);
    if (code != ERR_OK) {
        return code;
    }
    struct masters masters = masters_of(keyring);
    must(str_copy(str_of(masters.items[0].id), rotation->master, sizeof rotation->master));
    masters_wipe(&masters);
    crash_at(CRASH_POINT(rotation_begun));
    code = rewrap_all(keyring, store, rotation);
    rotation->old_kept = !settle(keyring);
    code = code == ERR_OK ? rewrap_all(keyring, store, rotation) : code;
    if (code != ERR_OK) {
        return fault_set(fault, code,
                         "the data keys could not all be wrapped anew (%s); both master keys stay "
                         "in place, rotate again",
                         err_text(code));
    }
    crash_at(CRASH_POINT(rotation_wrapped));
    return rotation->old_kept ? ERR_OK : end_rotation(keyring, fault);
}

enum err keyring_rotate(struct keyring *keyring, struct store *store, struct rotation *rotation,
                        struct fault *fault)
{
    *rotation = (struct rotation){0};
    mutex_lock(&keyring->rotating_lock);
    bool busy = keyring->rotating;
    keyring->rotating = true;
    mutex_unlock(&keyring->rotating_lock);
    if (busy) {
        return fault_set(fault, ERR_BUSY, "a rotation is under way");
    }
    enum err code = rotate(keyring, store, rotation, fault);
    mutex_lock(&keyring->rotating_lock);
    keyring->rotating = false;
    mutex_unlock(&keyring->rotating_lock);
    return code;
}

/* ---- status ---- */

static const struct statement count_all = {
    "SELECT (SELECT count(*) FROM data_keys WHERE kind = 0),"
    " (SELECT count(*) FROM data_keys WHERE kind = 1),"
    " (SELECT count(*) FROM data_keys WHERE kind = 2),"
    " (SELECT count(*) FROM data_keys WHERE kind = 5), (SELECT count(*) FROM vault_values),"
    " (SELECT count(*) FROM data_keys WHERE master <> ?1 AND master <> ?2)",
    2};

enum err keyring_status(struct keyring *keyring, struct store *store, struct keyring_status *status)
{
    *status = (struct keyring_status){0};
    struct masters masters = {0};
    if (keyring != NULL) {
        masters = masters_of(keyring);
        must(str_copy(str_of(masters.items[0].id), status->master, sizeof status->master));
        status->masters = masters.count;
    }
    const struct value ids[] = {value_of_text(str_of(masters.items[0].id)),
                                value_of_text(str_of(masters.items[1].id))};
    struct store_query query = {.rows_max = 1};
    enum err code = store_read_now(store, &count_all, ids, &query);
    masters_wipe(&masters);
    if (code == ERR_OK && query.row_count == 1) {
        uint64_t *const counts[] = {&status->sessions, &status->exchanges, &status->reviews,
                                    &status->subjects, &status->values,    &status->foreign};
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            *counts[i] = query.rows[i].kind == VALUE_INTEGER ? (uint64_t)query.rows[i].integer : 0;
        }
    }
    store_query_end(&query);
    return code;
}
