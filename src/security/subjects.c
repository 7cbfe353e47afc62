/* SPDX-License-Identifier: Apache-2.0
 * subjects.c - a map by scope; entries are replaced when they are a day old, and all of them when
 * anybody was forgotten. */
#include "security/subjects.h"

#include "base/map.h"
#include "base/must.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 4096

struct subject {
    _Atomic unsigned holders;
    _Atomic bool stored;
    struct arena *arena; /* of itself */
    struct key_scope scope;
    struct data_key key;
    char id[SUBJECT_ID_BYTES];
};

struct subjects {
    struct keyring *keyring;
    const struct env *env;
    struct map *by_scope; /* each holds its subject */
    uint64_t forgets;     /* as the keyring counted them */
};

struct subjects *subjects_new(struct keyring *keyring, const struct env *env)
{
    uint64_t seed[2];
    struct subjects *subjects = must_have(calloc(1, sizeof *subjects));
    env_entropy(env, seed, sizeof seed);
    subjects->keyring = keyring;
    subjects->env = env;
    subjects->by_scope = map_new(seed, SUBJECTS_MAX);
    subjects->forgets = keyring_forgets(keyring);
    return subjects;
}

void subject_release(struct subject *subject)
{
    if (subject != NULL && atomic_fetch_sub(&subject->holders, 1) == 1) {
        seal_key_wipe(&subject->key.key);
        arena_free(subject->arena);
    }
}

static void drop_all(struct subjects *subjects)
{
    size_t at = 0;
    struct str name;
    void *subject;
    while (map_next(subjects->by_scope, &at, &name, &subject)) {
        (void)map_remove(subjects->by_scope, name);
        subject_release(subject);
    }
}

void subjects_free(struct subjects *subjects)
{
    if (subjects != NULL) {
        drop_all(subjects);
        map_free(subjects->by_scope);
        free(subjects);
    }
}

/* Every field with its length, so that no two scopes read the same. */
static bool name_of(const struct key_scope *scope, struct buf *name)
{
    const struct str fields[] = {scope->tenant, scope->principal, scope->user, scope->session};
    enum err code = ERR_OK;
    for (size_t i = 0; i < 4 && code == ERR_OK; i++) {
        code = buf_printf(name, "%zu:" STR_FMT, fields[i].len, STR_ARG(fields[i]));
    }
    return code == ERR_OK;
}

static struct subject *make(const struct subjects *subjects, const struct key_scope *scope)
{
    uint8_t random[16];
    struct arena *arena = arena_new(512);
    struct subject *subject = arena_new_of(arena, struct subject);
    subject->arena = arena;
    subject->scope = (struct key_scope){
        arena_str(arena, scope->tenant), arena_str(arena, scope->principal),
        arena_str(arena, scope->user), arena_str(arena, scope->session)};
    env_entropy(subjects->env, random, sizeof random);
    memcpy(subject->id, "su", 2);
    (void)sodium_bin2hex(subject->id + 2, sizeof subject->id - 2, random, sizeof random);
    env_entropy(subjects->env, subject->key.key.bytes, sizeof subject->key.key.bytes);
    subject->key.id = str_of(subject->id);
    subject->key.created_us = env_wall(subjects->env).us;
    atomic_init(&subject->holders, 1);
    return subject;
}

static void put(struct subjects *subjects, struct str name, struct subject *subject)
{
    if (map_put(subjects->by_scope, name, subject) != ERR_OK) {
        drop_all(subjects);
        enum err code = map_put(subjects->by_scope, name, subject);
        must(code == ERR_OK);
    }
    atomic_fetch_add(&subject->holders, 1);
}

/* A session of a named user is not a subject of its own. */
static struct key_scope subject_of(const struct key_scope *scope)
{
    struct key_scope of = *scope;
    of.session = scope->user.len > 0 ? STR("") : scope->session;
    return of;
}

struct subject *subjects_get(struct subjects *subjects, const struct key_scope *scope)
{
    struct key_scope of = subject_of(scope);
    uint64_t forgets = keyring_forgets(subjects->keyring);
    if (subjects->forgets != forgets) {
        subjects->forgets = forgets;
        drop_all(subjects);
    }
    struct buf name;
    buf_init(&name, NAME_BYTES_MAX);
    bool named = name_of(&of, &name);
    struct subject *subject = named ? map_get(subjects->by_scope, buf_str(&name)) : NULL;
    int64_t now_us = env_wall(subjects->env).us;
    if (subject != NULL && now_us - subject->key.created_us >= SUBJECT_DAY_US) {
        (void)map_remove(subjects->by_scope, buf_str(&name));
        subject_release(subject);
        subject = NULL;
    }
    if (subject != NULL) {
        atomic_fetch_add(&subject->holders, 1);
    } else {
        subject = make(subjects, &of);
        if (named) {
            put(subjects, buf_str(&name), subject);
        }
    }
    buf_end(&name);
    return subject;
}

const struct data_key *subject_key(const struct subject *subject)
{
    return &subject->key;
}

bool subject_step(struct subjects *subjects, struct subject *subject, struct arena *arena,
                  struct store_step *step)
{
    if (atomic_load(&subject->stored)) {
        return false;
    }
    keyring_put(subjects->keyring, KEY_SUBJECT, &subject->key, &subject->scope, arena, step);
    return true;
}

void subject_stored(struct subject *subject)
{
    atomic_store(&subject->stored, true);
}
