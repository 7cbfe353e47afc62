/* SPDX-License-Identifier: Apache-2.0
 * session.c - sessions in memory, and the way to the store and back.
 *
 * Invariants (under `lock`): `by_id` has every session that is kept and not forgotten; `idle` has
 * those of them that nobody holds, the one used last in front; `bytes` is the sum of theirs.
 * Rows are opened on the store's reader thread: a loop never pays for a large vault. */
#include "security/session.h"

#include "base/list.h"
#include "base/map.h"
#include "base/must.h"
#include "crypto/digest.h"
#include "sys/thread.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_BYTES     67 /* "ss", 64 digits, NUL */
#define TRIES_MAX    4
#define VAULT        STR("vault")
#define SEALED_BYTES (2 * VAULT_BYTES_MAX + (size_t)VAULT_ENTRIES_MAX * 64)

struct sessions {
    struct keyring *keyring;
    struct store *store;
    const struct env *env;
    struct mutex lock;
    struct map *by_id;
    struct link idle;
    size_t bytes;
    uint64_t forgets; /* how often sessions were forgotten */
};

struct session {
    struct sessions *sessions;
    struct link idle;
    size_t holders;
    size_t bytes; /* as counted while idle */
    bool kept;
    bool forgotten;
    struct arena *arena; /* its scope */
    struct key_scope scope;
    char id[ID_BYTES];
    struct data_key key;
    struct vault *vault;
    size_t durable;   /* entries of the vault that the store has */
    uint64_t forgets; /* as it was when its loading began */
};

struct session_wait {
    struct message message;
    struct store_query query;
    struct store_unit unit;
    struct store_step steps[1];
    struct sessions *sessions;
    struct session *session; /* the one that is loaded or made, or that saves */
    struct session_ask ask;
    struct arena *arena;
    size_t upto; /* entries that are being saved */
    unsigned tries;
    enum err result;
    bool making;
};

/* ---- life ---- */

struct sessions *sessions_new(struct keyring *keyring, struct store *store, const struct env *env)
{
    uint64_t seed[2];
    struct sessions *sessions = must_have(calloc(1, sizeof *sessions));
    env_entropy(env, seed, sizeof seed);
    sessions->keyring = keyring;
    sessions->store = store;
    sessions->env = env;
    sessions->by_id = map_new(seed, SESSIONS_MAX);
    list_init(&sessions->idle);
    mutex_init(&sessions->lock);
    return sessions;
}

static void free_session(struct session *session)
{
    vault_free(session->vault);
    seal_key_wipe(&session->key.key);
    arena_free(session->arena);
    free(session);
}

void sessions_free(struct sessions *sessions)
{
    if (sessions == NULL) {
        return;
    }
    struct link *next;
    for (struct link *link = sessions->idle.next; link != &sessions->idle; link = next) {
        next = link->next;
        free_session(LIST_OBJECT(link, struct session, idle));
    }
    map_free(sessions->by_id);
    mutex_end(&sessions->lock);
    free(sessions);
}

/* Every field with its length, so that no two scopes read the same. */
static void id_of(const struct key_scope *scope, char id[ID_BYTES])
{
    const struct str fields[] = {scope->tenant, scope->principal, scope->user, scope->session};
    struct buf text;
    enum err code = ERR_OK;
    buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && code == ERR_OK; i++) {
        code = buf_printf(&text, "%zu:", fields[i].len);
        code = code == ERR_OK ? buf_add(&text, fields[i]) : code;
    }
    must(code == ERR_OK);
    struct digest digest = digest_of(buf_str(&text));
    buf_end(&text);
    id[0] = 's';
    id[1] = 's';
    (void)sodium_bin2hex(id + 2, ID_BYTES - 2, digest.bytes, DIGEST_BYTES);
}

static struct session *new_session(struct sessions *sessions, const struct key_scope *scope)
{
    struct session *session = must_have(calloc(1, sizeof *session));
    session->sessions = sessions;
    session->arena = arena_new(512);
    session->scope = (struct key_scope){
        arena_str(session->arena, scope->tenant), arena_str(session->arena, scope->principal),
        arena_str(session->arena, scope->user), arena_str(session->arena, scope->session)};
    session->holders = 1;
    list_init(&session->idle);
    return session;
}

struct vault *session_vault(const struct session *session)
{
    return session->vault;
}

/* ---- those in memory; all with `lock` held ---- */

static void drop_idle(struct session *session)
{
    struct sessions *sessions = session->sessions;
    sessions->bytes -= session->bytes;
    list_remove(&session->idle);
    if (!session->forgotten) {
        void *was = map_remove(sessions->by_id, str_of(session->id));
        must(was == session);
    }
    free_session(session);
}

static void make_room(struct sessions *sessions, size_t count_max)
{
    struct link *before;
    for (struct link *link = sessions->idle.prev; link != &sessions->idle; link = before) {
        if (map_count(sessions->by_id) <= count_max && sessions->bytes <= SESSIONS_BYTES_MAX) {
            return;
        }
        before = link->prev;
        drop_idle(LIST_OBJECT(link, struct session, idle));
    }
}

static struct session *find(struct sessions *sessions, const char *id)
{
    struct session *session = map_get(sessions->by_id, str_of(id));
    if (session == NULL) {
        return NULL;
    }
    if (session->holders++ == 0) {
        list_remove(&session->idle);
        sessions->bytes -= session->bytes;
    }
    return session;
}

void session_release(struct session *session)
{
    struct sessions *sessions = session->sessions;
    mutex_lock(&sessions->lock);
    must(session->holders > 0);
    session->holders--;
    bool gone = session->holders == 0 && (!session->kept || session->forgotten);
    if (session->holders == 0 && !gone) {
        session->bytes = sizeof *session + 1024 + vault_bytes(session->vault);
        sessions->bytes += session->bytes;
        list_push_front(&sessions->idle, &session->idle);
        make_room(sessions, SESSIONS_MAX);
    }
    mutex_unlock(&sessions->lock);
    if (gone) {
        free_session(session);
    }
}

/* The one that was just loaded becomes the one that all find, unless another loop was faster. Where
 * any were forgotten meanwhile it may be one of them: it serves its exchange, and nobody else. */
static enum err publish(struct sessions *sessions, struct session **session)
{
    enum err code = ERR_OK;
    struct session *ours = *session;
    mutex_lock(&sessions->lock);
    struct session *other = find(sessions, ours->id);
    if (other == NULL && ours->forgets != sessions->forgets) {
        ours->forgotten = true;
        ours = NULL;
    } else if (other != NULL) {
        *session = other;
    } else {
        make_room(sessions, SESSIONS_MAX - 1);
        ours->kept = true;
        code = map_put(sessions->by_id, str_of(ours->id), ours);
        ours = code == ERR_OK ? NULL : ours;
    }
    mutex_unlock(&sessions->lock);
    if (ours != NULL) {
        free_session(ours);
    }
    return code;
}

static bool in_scope(const struct key_scope *scope, const struct key_scope *wanted)
{
    const struct str have[] = {scope->session, scope->user, scope->tenant, scope->principal};
    const struct str want[] = {wanted->session, wanted->user, wanted->tenant, wanted->principal};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        if (want[i].len > 0 && !str_equal(have[i], want[i])) {
            return false;
        }
    }
    return true;
}

void sessions_forget(struct sessions *sessions, const struct key_scope *scope)
{
    size_t at = 0;
    struct str key;
    void *value;
    mutex_lock(&sessions->lock);
    sessions->forgets++;
    while (map_next(sessions->by_id, &at, &key, &value)) {
        struct session *session = value;
        if (!in_scope(&session->scope, scope)) {
            continue;
        }
        void *was = map_remove(sessions->by_id, str_of(session->id));
        must(was == session);
        session->forgotten = true;
        if (session->holders == 0) {
            drop_idle(session);
        }
    }
    mutex_unlock(&sessions->lock);
}

/* ---- waiting ---- */

static struct session_wait *wait_new(struct sessions *sessions, const struct session_ask *ask)
{
    struct arena *arena = arena_new(1024);
    struct session_wait *wait = arena_new_of(arena, struct session_wait);
    wait->arena = arena;
    wait->sessions = sessions;
    wait->ask = *ask;
    return wait;
}

void session_cancel(struct session_wait *wait)
{
    must(wait->ask.done != NULL);
    wait->ask.done = NULL;
}

/* Hands the session over, or lets go of it when nobody waits any longer. */
static void wait_over(struct session_wait *wait, struct session *session)
{
    struct session_ask ask = wait->ask;
    enum err result = wait->result;
    arena_free(wait->arena);
    if (ask.done != NULL) {
        ask.done(ask.object, result, session);
    } else if (session != NULL) {
        session_release(session);
    }
}

/* ---- loading ---- */

static const struct statement read_session = {
    "SELECT k.wrapped, k.created_us, v.sealed FROM data_keys k LEFT JOIN vault_values v"
    " ON v.data_key = k.id WHERE k.id = ?1 ORDER BY v.number",
    1};

static enum err open_rows(struct session *session, const struct store_query *query)
{
    const struct value *row = query->rows;
    if (row[0].kind != VALUE_BLOB || row[1].kind != VALUE_INTEGER) {
        return ERR_CORRUPT;
    }
    if (keyring_unwrap(session->sessions->keyring, str_of(session->id), row[0].bytes,
                       &session->key) != ERR_OK) {
        return ERR_DENIED;
    }
    session->key.created_us = row[1].integer;
    struct seal_key key = seal_derive(&session->key.key, STR("placeholders"));
    session->vault = vault_new(&key);
    seal_key_wipe(&key);
    struct buf plain;
    enum err code = ERR_OK;
    buf_init(&plain, SEALED_BYTES);
    for (size_t i = 0; i < query->row_count && code == ERR_OK; i++) {
        const struct value *sealed = &query->rows[i * query->columns + 2];
        if (sealed->kind != VALUE_BLOB) {
            continue; /* a session without values */
        }
        buf_clear(&plain);
        code = keyring_open(&session->key, VAULT, sealed->bytes, &plain);
        code = code == ERR_OK ? vault_load(session->vault, buf_str(&plain)) : code;
    }
    if (plain.len > 0) {
        sodium_memzero(plain.at, plain.cap);
    }
    buf_end(&plain);
    session->durable = vault_count(session->vault);
    return code == ERR_INVALID ? ERR_CORRUPT : code;
}

static void make(struct session_wait *wait);

/* On the home loop. */
static void loaded(struct message *message)
{
    struct session_wait *wait = LIST_OBJECT(message, struct session_wait, message);
    store_query_end(&wait->query);
    if (wait->result == ERR_NOT_FOUND) {
        make(wait);
        return;
    }
    if (wait->result == ERR_OK) {
        wait->result = publish(wait->sessions, &wait->session);
    } else {
        free_session(wait->session);
    }
    wait_over(wait, wait->result == ERR_OK ? wait->session : NULL);
}

/* On the store's reader thread. */
static void has_read(struct store_query *query)
{
    struct session_wait *wait = LIST_OBJECT(query, struct session_wait, query);
    wait->result = query->result;
    if (query->result == ERR_OK) {
        wait->result = query->row_count == 0 ? ERR_NOT_FOUND : open_rows(wait->session, query);
    }
    loop_post(wait->ask.home, &wait->message);
}

static enum err load(struct session_wait *wait)
{
    struct value *id = arena_new_of(wait->arena, struct value);
    *id = value_of_text(str_of(wait->session->id));
    wait->message = (struct message){.run = loaded};
    wait->query = (struct store_query){
        .statement = &read_session, .values = id, .rows_max = SESSION_ROWS_MAX, .done = has_read};
    return store_submit_query(wait->sessions->store, &wait->query);
}

/* ---- making ---- */

/* Whoever lost the race for the row reads the winner's. */
static void made(struct store_unit *unit)
{
    struct session_wait *wait = LIST_OBJECT(unit, struct session_wait, unit);
    wait->result = unit->result;
    if (unit->result == ERR_EXISTS && ++wait->tries < TRIES_MAX) {
        wait->result = load(wait);
        if (wait->result == ERR_OK) {
            return;
        }
    }
    struct session *session = wait->session;
    if (wait->result == ERR_OK) {
        struct seal_key key = seal_derive(&session->key.key, STR("placeholders"));
        session->vault = vault_new(&key);
        seal_key_wipe(&key);
        wait->result = publish(wait->sessions, &wait->session);
    } else {
        free_session(session);
    }
    wait_over(wait, wait->result == ERR_OK ? wait->session : NULL);
}

static void make(struct session_wait *wait)
{
    struct session *session = wait->session;
    struct keyring *keyring = wait->sessions->keyring;
    keyring_begin(keyring);
    session->key = keyring_make(keyring, KEY_SESSION, str_of(session->id), &session->scope,
                                wait->arena, &wait->steps[0]);
    session->key.id = str_of(session->id);
    wait->unit = (struct store_unit){
        .steps = wait->steps, .count = 1, .bytes = 512, .home = wait->ask.home, .done = made};
    enum err code = store_submit(wait->sessions->store, &wait->unit);
    keyring_commit(keyring);
    if (code != ERR_OK) {
        wait->result = code;
        free_session(session);
        wait_over(wait, NULL);
    }
}

/* ---- what stages call ---- */

static struct session *memory_only(struct sessions *sessions, const struct key_scope *scope)
{
    struct session *session = new_session(sessions, scope);
    env_entropy(sessions->env, session->key.key.bytes, SEAL_KEY_BYTES);
    session->vault = vault_new(&session->key.key);
    return session;
}

enum err session_open(struct sessions *sessions, const struct key_scope *scope,
                      const struct session_ask *ask, struct session **session,
                      struct session_wait **wait)
{
    char id[ID_BYTES];
    *session = NULL;
    *wait = NULL;
    if (scope->session.len == 0 || sessions->store == NULL) {
        *session = memory_only(sessions, scope);
        return ERR_OK;
    }
    id_of(scope, id);
    mutex_lock(&sessions->lock);
    *session = find(sessions, id);
    uint64_t forgets = sessions->forgets;
    mutex_unlock(&sessions->lock);
    if (*session != NULL) {
        return ERR_OK;
    }
    struct session_wait *w = wait_new(sessions, ask);
    w->session = new_session(sessions, scope);
    must(str_copy(str_of(id), w->session->id, ID_BYTES));
    w->session->forgets = forgets;
    w->session->key.id = str_of(w->session->id);
    enum err code = load(w);
    if (code != ERR_OK) {
        free_session(w->session);
        arena_free(w->arena);
        return code;
    }
    *wait = w;
    return ERR_OK;
}

/* ---- saving ---- */

/* Only into the key it was sealed under: not into one made after the session was forgotten. */
static const struct statement insert_values = {
    "INSERT INTO vault_values(data_key, at_us, sealed) SELECT ?1, ?2, ?3 WHERE EXISTS"
    " (SELECT 1 FROM data_keys WHERE id = ?1 AND created_us = ?4)",
    4};

static void saved(struct store_unit *unit)
{
    struct session_wait *wait = LIST_OBJECT(unit, struct session_wait, unit);
    struct session *session = wait->session;
    struct sessions *sessions = wait->sessions;
    wait->result = unit->result;
    mutex_lock(&sessions->lock);
    if (unit->result == ERR_OK && wait->upto > session->durable) {
        session->durable = wait->upto;
    }
    mutex_unlock(&sessions->lock);
    struct session_ask ask = wait->ask;
    enum err result = wait->result;
    arena_free(wait->arena);
    if (ask.done != NULL) {
        ask.done(ask.object, result, session);
    }
    session_release(session); /* the wait's own hold */
}

static enum err seal_values(struct session *session, size_t from, struct session_wait *wait)
{
    struct keyring *keyring = session->sessions->keyring;
    struct buf plain;
    buf_init(&plain, SEALED_BYTES);
    enum err code = vault_save(session->vault, from, &plain, &wait->upto);
    if (code == ERR_OK && wait->upto > from) {
        struct value *values = arena_array_of(wait->arena, struct value, 4);
        values[0] = value_of_text(str_of(session->id));
        values[1] = value_of_i64(env_wall(session->sessions->env).us);
        values[2] = value_of_blob(
            keyring_seal(keyring, &session->key, VAULT, buf_str(&plain), wait->arena));
        values[3] = value_of_i64(session->key.created_us);
        wait->steps[0] = (struct store_step){&insert_values, values, true};
    }
    if (plain.len > 0) {
        sodium_memzero(plain.at, plain.cap);
    }
    wait->unit = (struct store_unit){.steps = wait->steps,
                                     .count = 1,
                                     .bytes = plain.len + 256,
                                     .home = wait->ask.home,
                                     .done = saved};
    buf_end(&plain);
    return code;
}

enum err session_save(struct session *session, const struct session_ask *ask,
                      struct session_wait **wait)
{
    struct sessions *sessions = session->sessions;
    *wait = NULL;
    if (!session->kept) {
        return ERR_OK;
    }
    mutex_lock(&sessions->lock);
    size_t from = session->durable;
    bool forgotten = session->forgotten;
    mutex_unlock(&sessions->lock);
    if (forgotten) {
        return ERR_NOT_FOUND;
    }
    struct session_wait *w = wait_new(sessions, ask);
    w->session = session;
    enum err code = seal_values(session, from, w);
    if (code == ERR_OK && w->upto > from) {
        mutex_lock(&sessions->lock);
        session->holders++;
        mutex_unlock(&sessions->lock);
        code = store_submit(sessions->store, &w->unit);
        if (code == ERR_OK) {
            *wait = w;
            return ERR_OK;
        }
        session_release(session);
    }
    arena_free(w->arena);
    return code;
}
