/* SPDX-License-Identifier: Apache-2.0
 * witness.c - read, compare, cosign, replace. */
#include "audit/witness.h"

#include "base/must.h"
#include "store/history.h"
#include "sys/file.h"
#include "json/json.h"
#include "json/json_writer.h"

#include <sodium.h>
#include <stdio.h>

#define KEY_SUFFIX ".key"
#define PATH_BYTES 4200

/* ---- the file ---- */

static struct str text_of(const struct json *json, const char *name, struct arena *arena)
{
    return json_string(json, json_get(json, JSON_ROOT, str_of(name)), arena);
}

static enum err open_seen(struct witness *witness, struct fault *why)
{
    struct note note;
    struct checkpoint checkpoint;
    enum err code = checkpoint_open(witness->note, &witness->log, &note, &checkpoint, why);
    code = code == ERR_OK ? note_check(&note, &witness->key, 1, why) : code;
    if (code != ERR_OK) {
        return ERR_INVALID;
    }
    witness->head = checkpoint.head;
    for (size_t i = 0; i < note.count; i++) {
        if (note.lines[i].by == &witness->key) {
            witness->time_s = note.lines[i].time_s;
        }
    }
    return ERR_OK;
}

enum err witness_read(const char *path, struct arena *arena, struct witness *witness,
                      struct fault *why)
{
    struct buf bytes;
    struct json json;
    *witness = (struct witness){.note = STR("")};
    if (!file_exists(path)) {
        return fault_set(why, ERR_NOT_FOUND, "%.200s is not there", path);
    }
    buf_init(&bytes, WITNESS_BYTES_MAX);
    enum err code = file_read(path, &bytes);
    if (code != ERR_OK) {
        code = fault_set(why, code, "%.180s: %s", path, err_text(code));
    } else if (json_parse(&json, arena_str(arena, buf_str(&bytes)), NULL, arena, NULL) != ERR_OK ||
               note_key_parse(text_of(&json, "verifier", arena), &witness->log, NULL) != ERR_OK ||
               note_key_parse(text_of(&json, "witness", arena), &witness->key, NULL) != ERR_OK) {
        code = fault_set(why, ERR_SYNTAX, "%.180s is not the file of a witness", path);
    }
    buf_end(&bytes);
    if (code == ERR_OK) {
        witness->note = text_of(&json, "checkpoint", arena);
        code = open_seen(witness, why);
    }
    return code;
}

static void member_key(struct json_writer *w, const char *name, const struct note_key *key)
{
    struct buf text;
    buf_init(&text, NOTE_KEY_TEXT_MAX);
    must(note_key_write(key, &text) == ERR_OK);
    json_member_str(w, name, buf_str(&text));
    buf_end(&text);
}

static enum err write_file(const char *path, const struct witness *witness)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, WITNESS_BYTES_MAX);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    member_key(&w, "verifier", &witness->log);
    member_key(&w, "witness", &witness->key);
    json_member_str(&w, "checkpoint", witness->note);
    json_end_object(&w);
    enum err code = json_writer_end(&w);
    code = code == ERR_OK ? buf_add_byte(&text, '\n') : code;
    code = code == ERR_OK ? file_write_atomic(path, buf_str(&text), 0644) : code;
    buf_end(&text);
    return code;
}

/* ---- its key ---- */

static enum err make_signer(const char *path, const struct env *env, struct note_signer *signer)
{
    uint8_t random[SIGN_SEED_BYTES + 8];
    char name[32] = "witness/";
    struct buf text;
    env_entropy(env, random, sizeof random);
    (void)sodium_bin2hex(name + 8, sizeof name - 8, random + SIGN_SEED_BYTES, 8);
    enum err code = note_signer_of(signer, NOTE_COSIGNATURE, str_of(name), random);
    sodium_memzero(random, sizeof random);
    must(code == ERR_OK);
    buf_init(&text, NOTE_KEY_TEXT_MAX);
    code = note_signer_write(signer, &text);
    code = code == ERR_OK ? buf_add_byte(&text, '\n') : code;
    code = code == ERR_OK ? file_write_atomic(path, buf_str(&text), 0600) : code;
    sodium_memzero(text.at, text.cap);
    buf_end(&text);
    return code;
}

static enum err read_signer(const char *path, struct note_signer *signer, struct fault *why)
{
    struct buf text;
    buf_init(&text, NOTE_KEY_TEXT_MAX + 1);
    enum err code = file_is_secret(path) ? file_read(path, &text) : ERR_DENIED;
    if (code != ERR_OK) {
        code = fault_set(why, code, "%.180s: %s", path,
                         code == ERR_DENIED ? "others may read it (chmod 600)" : err_text(code));
    } else {
        code = note_signer_parse(str_trim(buf_str(&text)), signer, why);
    }
    if (text.cap > 0) {
        sodium_memzero(text.at, text.cap);
    }
    buf_end(&text);
    return code;
}

static enum err open_signer(const char *path, bool first, const struct env *env,
                            struct note_signer *signer, struct fault *why)
{
    char beside[PATH_BYTES];
    int length = snprintf(beside, sizeof beside, "%s" KEY_SUFFIX, path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        return fault_set(why, ERR_LIMIT, "the path is too long");
    }
    if (first && !file_exists(beside)) {
        enum err code = make_signer(beside, env, signer);
        return code == ERR_OK ? code : fault_set(why, code, "%.180s: %s", beside, err_text(code));
    }
    return read_signer(beside, signer, why);
}

/* ---- watching ---- */

/* The store's head under the key that counts; sets seen->log. */
static enum err open_store(const struct history_head *head, const struct note_key *log, bool first,
                           struct witness *seen, struct tree_head *now, struct fault *why)
{
    struct note note;
    struct checkpoint checkpoint;
    enum err code = ERR_OK;
    if (log != NULL) {
        seen->log = *log;
    } else if (first) {
        code = note_key_parse(head->verifier, &seen->log, why);
    }
    code = code == ERR_OK ? checkpoint_open(head->note, &seen->log, &note, &checkpoint, why) : code;
    if (code != ERR_OK) {
        struct fault inner = *why;
        return fault_set(why, ERR_DENIED, "the head of the history is not signed well: %.150s",
                         inner.words);
    }
    *now = checkpoint.head;
    return ERR_OK;
}

static enum err compare(struct store *store, const struct tree_head *seen,
                        const struct tree_head *now, struct fault *why)
{
    struct tree_proof proof;
    struct tree_source source = history_source(store);
    if (seen->size > now->size) {
        return fault_set(why, ERR_DENIED,
                         "the history went back: %llu records were seen, %llu are there",
                         (unsigned long long)seen->size, (unsigned long long)now->size);
    }
    enum err code = tree_prove_consistency(seen->size, now->size, &source, &proof);
    if (code != ERR_OK) {
        return fault_set(why, code, "the history cannot be read: %s", err_text(code));
    }
    return tree_check_consistency(&proof, seen, now, why) == ERR_OK ? ERR_OK : ERR_DENIED;
}

/* Its signature stands behind the log's. */
static enum err cosign(const struct note_signer *signer, const struct env *env,
                       const struct history_head *head, struct arena *arena, struct witness *seen)
{
    struct note note;
    struct buf bytes;
    struct wall now = env_wall(env);
    uint64_t time_s = now.us > 0 ? (uint64_t)(now.us / 1000000) : 0;
    enum err code = note_parse(head->note, &note, NULL);
    must(code == ERR_OK); /* it was opened */
    buf_init(&bytes, NOTE_BYTES_MAX);
    code = buf_add(&bytes, head->note);
    code = code == ERR_OK ? note_sign(note.text, signer, time_s, &bytes) : code;
    seen->key = signer->key;
    seen->note = arena_str(arena, buf_str(&bytes));
    buf_end(&bytes);
    return code;
}

static enum err read_head(struct store *store, struct arena *arena, struct history_head *head,
                          struct fault *why)
{
    enum err code = history_read(store, arena, head);
    if (code != ERR_OK) {
        return fault_set(why, code, "the history cannot be read: %s", err_text(code));
    }
    return head->note.len > 0
               ? ERR_OK
               : fault_set(why, ERR_NOT_FOUND, "no head of this history was ever signed");
}

struct watching {
    const char *path;
    struct store *store;
    const struct env *env;
    const struct note_key *log;
    struct arena *arena;
};

static enum err keep(const struct watching *watching, bool first, const struct history_head *head,
                     struct witness *seen, struct fault *why)
{
    struct note_signer signer;
    enum err code = open_signer(watching->path, first, watching->env, &signer, why);
    if (code != ERR_OK) {
        return code;
    }
    code = cosign(&signer, watching->env, head, watching->arena, seen);
    note_signer_wipe(&signer);
    code = code == ERR_OK ? write_file(watching->path, seen) : code;
    return code == ERR_OK ? code
                          : fault_set(why, code, "%.180s: %s", watching->path, err_text(code));
}

static enum err watch(const struct watching *watching, struct witness_step *step, struct fault *why)
{
    struct witness seen = {.note = STR("")};
    struct history_head head = {.note = STR("")};
    struct tree_head now = {0};
    enum err code = witness_read(watching->path, watching->arena, &seen, why);
    step->first = code == ERR_NOT_FOUND;
    if (code == ERR_OK || step->first) {
        code = read_head(watching->store, watching->arena, &head, why);
    }
    if (code == ERR_OK) {
        code = open_store(&head, watching->log, step->first, &seen, &now, why);
    }
    if (code == ERR_OK && !step->first) {
        code = compare(watching->store, &seen.head, &now, why);
    }
    step->before = seen.head.size;
    step->size = now.size;
    return code == ERR_OK ? keep(watching, step->first, &head, &seen, why) : code;
}

enum err witness_watch(const char *path, struct store *store, const struct env *env,
                       const struct note_key *log, struct witness_step *step, struct fault *why)
{
    struct arena *arena = arena_new(4096);
    *step = (struct witness_step){0};
    const struct watching watching = {path, store, env, log, arena};
    enum err code = watch(&watching, step, why);
    arena_free(arena);
    return code;
}
