/* SPDX-License-Identifier: Apache-2.0
 * identity.c - the registry of keys and its table.
 *
 * Invariants: `keys` maps the id of every key that is not revoked to its entry; `all` owns every
 * entry ever added and frees nothing before identity_free. Nothing that is not shaped as a key is
 * hashed.
 */
#include "security/identity.h"

#include "base/map.h"
#include "base/must.h"
#include "sys/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX       "aire_"
#define PREFIX_BYTES (sizeof PREFIX - 1)
#define ID_BYTES     12
#define SECRET_BYTES 32
#define KEY_BYTES    (PREFIX_BYTES + ID_BYTES + 1 + SECRET_BYTES)

_Static_assert(KEY_BYTES < KEY_TEXT_BYTES, "a key and its NUL fit the room that callers give");

struct node {
    struct node *next;
    struct key_entry entry; /* its texts follow the node in the same block */
};

struct identity {
    _Atomic bool ever; /* a key was made, now or before */
    struct mutex mutex;
    struct map *keys;
    struct node *all;
    size_t all_count;
};

struct identity *identity_new(const uint64_t seed[2])
{
    struct identity *identity = must_have(calloc(1, sizeof *identity));
    mutex_init(&identity->mutex);
    identity->keys = map_new(seed, IDENTITY_KEYS_MAX);
    return identity;
}

void identity_free(struct identity *identity)
{
    if (identity == NULL) {
        return;
    }
    while (identity->all != NULL) {
        struct node *node = identity->all;
        identity->all = node->next;
        free(node);
    }
    map_free(identity->keys);
    mutex_end(&identity->mutex);
    free(identity);
}

/* ---- the form of a key ---- */

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool is_base62(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* The id of what is shaped as a key; empty otherwise. */
static struct str id_of(struct str key)
{
    struct str id = str_cut(key, PREFIX_BYTES, PREFIX_BYTES + ID_BYTES);
    struct str secret = str_cut(key, PREFIX_BYTES + ID_BYTES + 1, key.len);
    bool shaped = key.len == KEY_BYTES && str_starts(key, STR(PREFIX)) &&
                  key.at[PREFIX_BYTES + ID_BYTES] == '_' && is_base62(id) && is_base62(secret);
    return shaped ? id : STR("");
}

/* Bytes of 248 and above are thrown away: 248 = 4 * 62, so every character is equally likely. */
static void random_base62(const struct env *env, char *to, size_t count)
{
    size_t made = 0;
    while (made < count) {
        uint8_t bytes[64];
        env_entropy(env, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes && made < count; i++) {
            if (bytes[i] < 248) {
                to[made++] = base62[bytes[i] % 62];
            }
        }
        explicit_bzero(bytes, sizeof bytes);
    }
}

/* ---- the registry ---- */

static struct str move_in(char **room, struct str text)
{
    char *at = *room;
    if (text.len > 0) {
        memcpy(at, text.at, text.len);
    }
    *room += text.len;
    return (struct str){at, text.len};
}

/* One block a key, so that freeing needs no list of texts. */
static struct node *node_of(const struct key_entry *entry)
{
    const struct principal *from = &entry->principal;
    size_t texts = entry->id.len + from->tenant.len + from->name.len + from->agent.len;
    struct node *node = must_have(calloc(1, sizeof *node + texts));
    char *room = (char *)(node + 1);
    node->entry = *entry;
    node->entry.id = move_in(&room, entry->id);
    node->entry.principal.tenant = move_in(&room, from->tenant);
    node->entry.principal.name = move_in(&room, from->name);
    node->entry.principal.agent = move_in(&room, from->agent);
    return node;
}

enum err identity_add(struct identity *identity, const struct key_entry *entry)
{
    must(!entry->revoked);
    if (entry->id.len != ID_BYTES || !is_base62(entry->id)) {
        return ERR_INVALID;
    }
    struct node *node = node_of(entry); /* before the lock: no allocation of ours under it */
    enum err err = ERR_OK;
    mutex_lock(&identity->mutex);
    if (map_get(identity->keys, entry->id) != NULL) {
        err = ERR_EXISTS;
    } else if (identity->all_count >= IDENTITY_KEYS_MAX) {
        err = ERR_LIMIT;
    } else {
        err = map_put(identity->keys, node->entry.id, node);
    }
    identity->ever = true;
    if (err == ERR_OK) {
        node->next = identity->all;
        identity->all = node;
        identity->all_count++;
    }
    mutex_unlock(&identity->mutex);
    if (err != ERR_OK) {
        free(node);
    }
    return err;
}

enum err identity_revoke(struct identity *identity, struct str id)
{
    mutex_lock(&identity->mutex);
    bool known = map_remove(identity->keys, id) != NULL;
    mutex_unlock(&identity->mutex);
    return known ? ERR_OK : ERR_NOT_FOUND;
}

/* The id is public and finds the entry; only the hash of the whole key is compared in constant
 * time. The entry may be revoked while we look at it, which is the same as having asked a moment
 * earlier. */
const struct key_entry *identity_check(struct identity *identity, struct str key, struct wall now)
{
    struct str id = id_of(key);
    if (id.len == 0) {
        return NULL;
    }
    struct digest hash = digest_of(key);
    mutex_lock(&identity->mutex);
    const struct node *node = map_get(identity->keys, id);
    mutex_unlock(&identity->mutex);
    if (node == NULL || !digest_equal(&node->entry.hash, &hash)) {
        return NULL;
    }
    int64_t expires_us = node->entry.expires_us;
    return expires_us == 0 || now.us < expires_us ? &node->entry : NULL;
}

bool identity_ever(struct identity *identity)
{
    return atomic_load_explicit(&identity->ever, memory_order_relaxed);
}

size_t identity_count(struct identity *identity)
{
    mutex_lock(&identity->mutex);
    size_t count = map_count(identity->keys);
    mutex_unlock(&identity->mutex);
    return count;
}

/* ---- durable ---- */

static const struct migration migrations[] = {
    {1, "CREATE TABLE keys (id TEXT NOT NULL PRIMARY KEY, hash BLOB NOT NULL,"
        " tenant TEXT NOT NULL, name TEXT NOT NULL, agent TEXT NOT NULL,"
        " may_vouch INTEGER NOT NULL, admin INTEGER NOT NULL,"
        " rate_count BIGINT NOT NULL, rate_period_ms BIGINT NOT NULL,"
        " day_microusd BIGINT NOT NULL, month_microusd BIGINT NOT NULL,"
        " day_tokens BIGINT NOT NULL, month_tokens BIGINT NOT NULL,"
        " created_us BIGINT NOT NULL, expires_us BIGINT NOT NULL,"
        " revoked_us BIGINT NOT NULL);"
        "CREATE INDEX keys_created ON keys (created_us, id);"},
};
const struct schema identity_schema = {"identity", migrations, 1};

/* Order of the columns, in all statements. */
enum column {
    KEY_ID,
    KEY_HASH,
    KEY_TENANT,
    KEY_NAME,
    KEY_AGENT,
    KEY_MAY_VOUCH,
    KEY_ADMIN,
    KEY_RATE_COUNT,
    KEY_RATE_PERIOD_MS,
    KEY_DAY_MICROUSD,
    KEY_MONTH_MICROUSD,
    KEY_DAY_TOKENS,
    KEY_MONTH_TOKENS,
    KEY_CREATED_US,
    KEY_EXPIRES_US,
    KEY_REVOKED_US,
    KEY_COLUMNS
};
#define COLUMNS                                                                                    \
    "id, hash, tenant, name, agent, may_vouch, admin, rate_count, rate_period_ms,"                 \
    " day_microusd, month_microusd, day_tokens, month_tokens, created_us, expires_us, revoked_us"

static const struct statement insert_key = {
    "INSERT INTO keys (" COLUMNS ") VALUES"
    " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    KEY_COLUMNS};
/* One page behind the last key seen: a whole table may be larger than one query may return. */
#define PAGE_ROWS 1000
static const struct statement read_page = {"SELECT " COLUMNS
                                           " FROM keys WHERE (created_us, id) > (?1, ?2)"
                                           " ORDER BY created_us, id LIMIT ?3",
                                           3};
static const struct statement revoke_key = {
    "UPDATE keys SET revoked_us = ?2 WHERE id = ?1 AND revoked_us = 0", 2};

static struct value of_u64(uint64_t number)
{
    return value_of_i64((int64_t)num_min(number, INT64_MAX));
}

static struct value *values_of(const struct key_entry *entry, struct arena *arena)
{
    const struct limit_rule *limits = &entry->limits;
    struct value *values = arena_array_of(arena, struct value, KEY_COLUMNS);
    values[KEY_ID] = value_of_text(entry->id);
    values[KEY_HASH] = value_of_blob(arena_str(arena, digest_str(&entry->hash)));
    values[KEY_TENANT] = value_of_text(entry->principal.tenant);
    values[KEY_NAME] = value_of_text(entry->principal.name);
    values[KEY_AGENT] = value_of_text(entry->principal.agent);
    values[KEY_MAY_VOUCH] = value_of_i64(entry->principal.may_vouch);
    values[KEY_ADMIN] = value_of_i64(entry->admin);
    values[KEY_RATE_COUNT] = of_u64(limits->rate.count);
    values[KEY_RATE_PERIOD_MS] = of_u64(limits->rate.period_ms);
    values[KEY_DAY_MICROUSD] = value_of_i64(limits->day_microusd);
    values[KEY_MONTH_MICROUSD] = value_of_i64(limits->month_microusd);
    values[KEY_DAY_TOKENS] = of_u64(limits->day_tokens);
    values[KEY_MONTH_TOKENS] = of_u64(limits->month_tokens);
    values[KEY_CREATED_US] = value_of_i64(entry->created_us);
    values[KEY_EXPIRES_US] = value_of_i64(entry->expires_us);
    values[KEY_REVOKED_US] = value_of_i64(0);
    return values;
}

/* Anything else in the table was not written by us. */
static bool row_is_sound(const struct value *row)
{
    bool sound = row[KEY_ID].kind == VALUE_TEXT && row[KEY_HASH].kind == VALUE_BLOB &&
                 row[KEY_HASH].bytes.len == DIGEST_BYTES;
    for (size_t i = KEY_TENANT; i <= KEY_AGENT; i++) {
        sound = sound && row[i].kind == VALUE_TEXT;
    }
    for (size_t i = KEY_MAY_VOUCH; i < KEY_COLUMNS; i++) {
        sound = sound && row[i].kind == VALUE_INTEGER && row[i].integer >= 0;
    }
    return sound;
}

/* Borrows from the row. */
static enum err entry_of(const struct value *row, struct key_entry *entry)
{
    if (!row_is_sound(row)) {
        return ERR_CORRUPT;
    }
    *entry = (struct key_entry){
        .id = row[KEY_ID].bytes,
        .principal = {.tenant = row[KEY_TENANT].bytes,
                      .name = row[KEY_NAME].bytes,
                      .agent = row[KEY_AGENT].bytes,
                      .may_vouch = row[KEY_MAY_VOUCH].integer != 0},
        .limits = {.rate = {(uint64_t)row[KEY_RATE_COUNT].integer,
                            (uint64_t)row[KEY_RATE_PERIOD_MS].integer},
                   .day_microusd = row[KEY_DAY_MICROUSD].integer,
                   .month_microusd = row[KEY_MONTH_MICROUSD].integer,
                   .day_tokens = (uint64_t)row[KEY_DAY_TOKENS].integer,
                   .month_tokens = (uint64_t)row[KEY_MONTH_TOKENS].integer},
        .created_us = row[KEY_CREATED_US].integer,
        .expires_us = row[KEY_EXPIRES_US].integer,
        .revoked = row[KEY_REVOKED_US].integer != 0,
        .admin = row[KEY_ADMIN].integer != 0,
    };
    memcpy(entry->hash.bytes, row[KEY_HASH].bytes.at, DIGEST_BYTES);
    return ERR_OK;
}

/* Calls `each` for every key of the store, oldest first; entries are borrowed for the call. */
static enum err each_key(struct store *store,
                         enum err (*each)(void *object, const struct key_entry *entry),
                         void *object)
{
    struct arena *arena = arena_new(1024); /* holds the last key of each page */
    struct value last[3] = {value_of_i64(-1), value_of_text(STR("")), value_of_i64(PAGE_ROWS)};
    enum err err = ERR_OK;
    size_t rows = PAGE_ROWS;
    while (err == ERR_OK && rows == PAGE_ROWS) {
        struct store_query query = {.rows_max = PAGE_ROWS};
        err = store_read_now(store, &read_page, last, &query);
        rows = query.row_count;
        struct key_entry entry = {0};
        for (size_t i = 0; i < rows && err == ERR_OK; i++) {
            err = entry_of(&query.rows[i * query.columns], &entry);
            if (err == ERR_OK) {
                err = each(object, &entry);
            }
        }
        last[0] = value_of_i64(entry.created_us);
        last[1] = value_of_text(arena_str(arena, entry.id));
        store_query_end(&query);
    }
    arena_free(arena);
    return err;
}

static enum err load_one(void *object, const struct key_entry *entry)
{
    struct identity *identity = object;
    identity->ever = true;
    return entry->revoked ? ERR_OK : identity_add(identity, entry);
}

enum err identity_load(struct identity *identity, struct store *store)
{
    return each_key(store, load_one, identity);
}

static struct principal copy_principal(const struct principal *from, struct arena *arena)
{
    struct principal copy = *from;
    copy.tenant = arena_str(arena, from->tenant);
    copy.name = arena_str(arena, from->name);
    copy.agent = arena_str(arena, from->agent);
    return copy;
}

/* Grows by doubling; the arena keeps the outgrown arrays, which is at most as much again. */
struct listing {
    struct arena *arena;
    struct key_entry *entries;
    size_t count;
    size_t room;
};

static enum err list_one(void *object, const struct key_entry *entry)
{
    struct listing *listing = object;
    if (listing->count == listing->room) {
        size_t room = listing->room * 2 + 64;
        struct key_entry *entries = arena_array_of(listing->arena, struct key_entry, room);
        if (listing->count > 0) {
            memcpy(entries, listing->entries, listing->count * sizeof *entries);
        }
        listing->entries = entries;
        listing->room = room;
    }
    struct key_entry *copy = &listing->entries[listing->count++];
    *copy = *entry;
    copy->id = arena_str(listing->arena, entry->id);
    copy->principal = copy_principal(&entry->principal, listing->arena);
    return ERR_OK;
}

enum err identity_list(struct store *store, struct arena *arena, struct key_entry **entries,
                       size_t *count)
{
    struct listing listing = {.arena = arena};
    enum err err = each_key(store, list_one, &listing);
    *entries = listing.entries;
    *count = listing.count;
    return err;
}

static bool wanted_is_valid(const struct key_entry *wanted)
{
    const struct principal *principal = &wanted->principal;
    const struct limit_rule *limits = &wanted->limits;
    return domain_name_valid(principal->tenant) && domain_name_valid(principal->name) &&
           (principal->agent.len == 0 || domain_name_valid(principal->agent)) &&
           wanted->expires_us >= 0 && limits->day_microusd >= 0 && limits->month_microusd >= 0;
}

enum err identity_make(const struct env *env, const struct key_entry *wanted, struct arena *arena,
                       char text[KEY_TEXT_BYTES], struct key_entry *made, struct store_unit *unit)
{
    if (!wanted_is_valid(wanted)) {
        return ERR_INVALID;
    }
    memcpy(text, PREFIX, PREFIX_BYTES);
    random_base62(env, text + PREFIX_BYTES, ID_BYTES);
    text[PREFIX_BYTES + ID_BYTES] = '_';
    random_base62(env, text + PREFIX_BYTES + ID_BYTES + 1, SECRET_BYTES);
    text[KEY_BYTES] = '\0';
    struct str key = {text, KEY_BYTES};
    *made = *wanted;
    made->principal = copy_principal(&wanted->principal, arena);
    made->id = arena_str(arena, id_of(key));
    made->hash = digest_of(key);
    made->created_us = env_wall(env).us;
    made->revoked = false;
    struct store_step *step = arena_new_of(arena, struct store_step);
    step->statement = &insert_key;
    step->values = values_of(made, arena);
    *unit = (struct store_unit){.steps = step, .count = 1, .bytes = sizeof(struct key_entry)};
    return ERR_OK;
}

void identity_revoke_unit(struct str id, struct wall now, struct arena *arena,
                          struct store_unit *unit)
{
    struct value *values = arena_array_of(arena, struct value, 2);
    values[0] = value_of_text(arena_str(arena, id));
    values[1] = value_of_i64(now.us);
    struct store_step *step = arena_new_of(arena, struct store_step);
    *step = (struct store_step){.statement = &revoke_key, .values = values, .must_change = true};
    *unit = (struct store_unit){.steps = step, .count = 1, .bytes = id.len};
}
