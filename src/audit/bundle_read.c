/* SPDX-License-Identifier: Apache-2.0
 * bundle_read.c - documents from outside: nothing in them is believed but what a signature holds.
 */
#include "audit/bundle.h"

#include "base/must.h"
#include "base/text.h"
#include "json/json.h"

#include <string.h>

struct reading {
    struct audit_report *report;
    const struct note_key *key;
    const struct tree_head *witness;
    struct fault *why;
    struct arena *arena;
    struct json head;
    struct tree_head signed_head;
};

static enum err malformed(struct reading *r, unsigned line, const char *words)
{
    enum err code = fault_set(r->why, ERR_SYNTAX, "line %u: %s", line, words);
    r->why->line = line;
    return code;
}

static struct str text_of(const struct json *json, const char *name, struct arena *arena)
{
    return json_string(json, json_get(json, JSON_ROOT, str_of(name)), arena);
}

/* ---- bytes ---- */

static bool read_base64(const struct json *json, uint32_t node, struct arena *arena,
                        struct str *bytes)
{
    struct buf plain;
    struct str text = json_string(json, node, arena);
    buf_init(&plain, text.len);
    bool good = json_is(json, node, JSON_STRING) && text_unbase64(&plain, text) == ERR_OK;
    *bytes = good ? arena_str(arena, buf_str(&plain)) : STR("");
    buf_end(&plain);
    return good;
}

static bool read_hash(const struct json *json, uint32_t node, struct arena *arena,
                      struct digest *hash)
{
    struct str bytes;
    if (!read_base64(json, node, arena, &bytes) || bytes.len != DIGEST_BYTES) {
        return false;
    }
    memcpy(hash->bytes, bytes.at, DIGEST_BYTES);
    return true;
}

static bool read_path(const struct json *json, uint32_t object, struct arena *arena,
                      struct tree_proof *proof)
{
    uint32_t path = json_get(json, object, STR("path"));
    bool good = json_is(json, path, JSON_ARRAY) && json_count(json, path) <= TREE_PROOF_MAX;
    proof->count = 0;
    for (uint32_t n = good ? json_first(json, path) : JSON_NONE; n != JSON_NONE && good;
         n = json_after(json, path, n)) {
        good = read_hash(json, n, arena, &proof->hashes[proof->count++]);
    }
    return good;
}

/* ---- heads ---- */

/* False: it is not signed well, which is a finding. */
static bool open_head(struct reading *r, const char *name, struct tree_head *head)
{
    struct fault why = {0};
    struct str note = text_of(&r->head, name, r->arena);
    struct str verifier = text_of(&r->head, "verifier", r->arena);
    if (audit_open(r->report, note, verifier, r->key, head, &why) == ERR_OK) {
        return true;
    }
    audit_fault(r->report, "signature", AUDIT_NO_PLACE, "the %s is not signed well: %.150s", name,
                why.words);
    return false;
}

/* ---- export ---- */

/* One line of it. */
static enum err read_place(struct reading *r, struct audit_check *check, struct str line,
                           unsigned number, struct arena *arena)
{
    struct json json;
    struct str record;
    struct leaf leaf;
    struct digest hash;
    struct tree_hash stored[TREE_LEVELS];
    uint64_t place;
    if (json_parse(&json, line, NULL, arena, NULL) != ERR_OK ||
        !json_u64(&json, json_get(&json, JSON_ROOT, STR("place")), &place)) {
        return malformed(r, number, "no object with a place");
    }
    if (place != check->tree.size) {
        return malformed(r, number, "places do not follow each other");
    }
    if (read_hash(&json, json_get(&json, JSON_ROOT, STR("hash")), arena, &hash)) {
        (void)audit_check_place(check, NULL, &hash, stored);
        return ERR_OK;
    }
    if (!read_base64(&json, json_get(&json, JSON_ROOT, STR("record")), arena, &record) ||
        leaf_read(record, &leaf) != ERR_OK) {
        return malformed(r, number, "neither a hash nor a record");
    }
    hash = tree_leaf(record);
    (void)audit_check_place(check, &leaf, &hash, stored);
    return ERR_OK;
}

static enum err read_places(struct reading *r, struct audit_check *check, struct str rest)
{
    struct arena *arena = arena_new((size_t)64 * 1024);
    struct str line;
    enum err code = ERR_OK;
    for (unsigned number = 2; code == ERR_OK && str_split(&rest, '\n', &line); number++) {
        code = line.len > 0 ? read_place(r, check, line, number, arena) : ERR_OK;
        arena_reset(arena);
    }
    arena_free(arena);
    return code;
}

static enum err verify_export(struct reading *r, struct str rest)
{
    struct audit_check check;
    audit_check_init(&check, r->report);
    if (r->witness != NULL) {
        audit_check_expect(&check, r->witness, "witness");
    }
    if (open_head(r, "checkpoint", &r->signed_head)) {
        r->report->signed_size = r->signed_head.size;
        audit_check_expect(&check, &r->signed_head, "checkpoint");
    }
    enum err code = read_places(r, &check, rest);
    audit_check_close(&check);
    if (code == ERR_OK && check.tree.size > r->report->signed_size) {
        audit_fault(r->report, "outside", r->report->signed_size,
                    "there are more records than the checkpoint signed");
    }
    audit_check_end(&check);
    return code;
}

/* ---- proofs ---- */

static enum err verify_record(struct reading *r, uint32_t object)
{
    struct str record;
    struct tree_proof proof;
    struct fault why = {0};
    uint64_t place;
    if (!json_u64(&r->head, json_get(&r->head, object, STR("place")), &place) ||
        !read_base64(&r->head, json_get(&r->head, object, STR("record")), r->arena, &record) ||
        !read_path(&r->head, object, r->arena, &proof)) {
        return malformed(r, 1, "a record has a place, its bytes and a path");
    }
    struct digest leaf = tree_leaf(record);
    r->report->records++;
    if (tree_check_inclusion(&proof, place, &leaf, &r->signed_head, &why) != ERR_OK) {
        audit_fault(r->report, "proof", place, "%.150s", why.words);
    }
    return ERR_OK;
}

static enum err verify_proof(struct reading *r)
{
    uint32_t records = json_get(&r->head, JSON_ROOT, STR("records"));
    enum err code = ERR_OK;
    if (!json_is(&r->head, records, JSON_ARRAY) || json_count(&r->head, records) == 0) {
        return malformed(r, 1, "no records");
    }
    if (!open_head(r, "checkpoint", &r->signed_head)) {
        return ERR_OK;
    }
    r->report->signed_size = r->signed_head.size;
    for (uint32_t n = json_first(&r->head, records); n != JSON_NONE && code == ERR_OK;
         n = json_after(&r->head, records, n)) {
        code = verify_record(r, n);
    }
    return code;
}

static enum err verify_growth(struct reading *r)
{
    struct tree_head from;
    struct tree_proof proof;
    struct fault why = {0};
    if (!read_path(&r->head, JSON_ROOT, r->arena, &proof)) {
        return malformed(r, 1, "no path");
    }
    if (!open_head(r, "from", &from) || !open_head(r, "checkpoint", &r->signed_head)) {
        return ERR_OK;
    }
    r->report->signed_size = r->signed_head.size;
    if (tree_check_consistency(&proof, &from, &r->signed_head, &why) != ERR_OK) {
        audit_fault(r->report, "root", AUDIT_NO_PLACE, "%.150s", why.words);
    }
    return ERR_OK;
}

/* A proof or a growth is of one head: a witness that saw another one of this size disagrees. */
static void compare_witness(struct reading *r)
{
    if (r->witness != NULL && r->witness->size == r->signed_head.size &&
        !digest_equal(&r->witness->root, &r->signed_head.root)) {
        audit_fault(r->report, "root", AUDIT_NO_PLACE,
                    "the witness signed another root of the first %llu records",
                    (unsigned long long)r->witness->size);
    }
}

static enum err verify(struct reading *r, struct str document)
{
    struct str rest = document;
    struct str line;
    if (!str_split(&rest, '\n', &line) ||
        json_parse(&r->head, line, NULL, r->arena, NULL) != ERR_OK ||
        !str_equal(text_of(&r->head, "format", r->arena), STR(BUNDLE_FORMAT))) {
        return malformed(r, 1, "this is no " BUNDLE_FORMAT " document");
    }
    struct str kind = text_of(&r->head, "kind", r->arena);
    if (str_equal(kind, STR("export"))) {
        return verify_export(r, rest);
    }
    if (str_trim(rest).len > 0) {
        return malformed(r, 2, "something stands behind the document");
    }
    bool growth = str_equal(kind, STR("growth"));
    if (!growth && !str_equal(kind, STR("proof"))) {
        return malformed(r, 1, "an unknown kind of document");
    }
    enum err code = growth ? verify_growth(r) : verify_proof(r);
    compare_witness(r);
    return code;
}

enum err bundle_verify(struct str document, const struct note_key *key,
                       const struct tree_head *witness, struct audit_report *report,
                       struct fault *why)
{
    struct reading r = {.report = report,
                        .key = key,
                        .witness = witness,
                        .why = why,
                        .arena = arena_new((size_t)64 * 1024)};
    *report = (struct audit_report){0};
    enum err code = verify(&r, document);
    arena_free(r.arena);
    return code;
}
