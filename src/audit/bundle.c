/* SPDX-License-Identifier: Apache-2.0
 * bundle.c - out of the store. */
#include "audit/bundle.h"

#include "audit/rows.h"
#include "base/must.h"
#include "base/text.h"

#define CHUNK_BYTES ((size_t)64 * 1024)
#define ROWS_MAX    16 /* of one exchange */

static const struct statement read_rows = {
    "SELECT place, " AUDIT_LEAF_COLUMNS
    " FROM exchanges WHERE key BETWEEN ?1 AND ?2 AND place IS NOT NULL ORDER BY place",
    2};

/* ---- members ---- */

static void put_base64(struct json_writer *w, struct str bytes)
{
    struct buf text;
    buf_init(&text, bytes.len / 3 * 4 + 8);
    must(text_base64(&text, bytes) == ERR_OK);
    json_put_str(w, buf_str(&text));
    buf_end(&text);
}

static void member_hash(struct json_writer *w, const char *key, const struct digest *hash)
{
    json_key(w, key);
    put_base64(w, digest_str(hash));
}

static void member_record(struct json_writer *w, const struct leaf *leaf)
{
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    must(leaf_write(leaf, &bytes) == ERR_OK);
    json_key(w, "record");
    put_base64(w, buf_str(&bytes));
    buf_end(&bytes);
}

static void member_path(struct json_writer *w, const struct tree_proof *proof)
{
    json_key(w, "path");
    json_begin_array(w);
    for (size_t i = 0; i < proof->count; i++) {
        put_base64(w, digest_str(&proof->hashes[i]));
    }
    json_end_array(w);
}

static void begin(struct json_writer *w, const char *kind, const struct bundle_head *head)
{
    json_begin_object(w);
    json_member_cstr(w, "format", BUNDLE_FORMAT);
    json_member_cstr(w, "kind", kind);
    json_member_str(w, "verifier", head->stored.verifier);
}

enum err bundle_head(struct store *store, struct arena *arena, struct bundle_head *head,
                     struct fault *why)
{
    struct audit_report report;
    enum err code = history_read(store, arena, &head->stored);
    if (code != ERR_OK) {
        return fault_set(why, code, "the history cannot be read: %s", err_text(code));
    }
    if (head->stored.note.len == 0) {
        return fault_set(why, ERR_INVALID, "no head of this history was ever signed");
    }
    return audit_open(&report, head->stored.note, head->stored.verifier, NULL, &head->signed_head,
                      why);
}

/* ---- export ---- */

struct exporting {
    struct tree_source source;
    struct audit_rows rows;
    struct audit_row row;
    bool has_row;
    uint64_t tile; /* the one in `hashes`, plus one */
    struct buf hashes;
    struct buf lines;
    bool (*write)(void *object, struct str lines);
    void *object;
};

static enum err end_line(struct exporting *e, struct json_writer *w)
{
    enum err code = json_writer_end(w);
    code = code == ERR_OK ? buf_add_byte(&e->lines, '\n') : code;
    if (code == ERR_OK && e->lines.len >= CHUNK_BYTES) {
        code = e->write(e->object, buf_str(&e->lines)) ? ERR_OK : ERR_CANCELLED;
        buf_clear(&e->lines);
    }
    return code;
}

static enum err hash_at(struct exporting *e, uint64_t place, struct digest *hash)
{
    size_t at = (size_t)(place % TREE_TILE) * DIGEST_BYTES;
    enum err code = ERR_OK;
    if (e->tile != place / TREE_TILE + 1) {
        buf_clear(&e->hashes);
        e->tile = place / TREE_TILE + 1;
        code = e->source.read(e->source.of, 0, place / TREE_TILE, &e->hashes);
    }
    if (code != ERR_OK || e->hashes.len < at + DIGEST_BYTES) {
        return code == ERR_OK ? ERR_CORRUPT : code;
    }
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hash->bytes[i] = (uint8_t)e->hashes.at[at + i];
    }
    return ERR_OK;
}

static enum err next_row(struct exporting *e)
{
    enum err code = audit_rows_next(&e->rows, &e->row);
    e->has_row = code == ERR_OK;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* What does not fit is exported as it is: whoever verifies it shall see that. */
static enum err export_place(struct exporting *e, uint64_t place)
{
    struct json_writer w;
    enum err code = ERR_OK;
    bool is_there = e->has_row && e->row.place == place && e->row.well_formed;
    json_writer_init(&w, &e->lines);
    json_begin_object(&w);
    json_member_u64(&w, "place", place);
    if (is_there) {
        member_record(&w, &e->row.leaf);
    } else {
        struct digest hash = {{0}};
        code = hash_at(e, place, &hash);
        member_hash(&w, "hash", &hash);
    }
    json_end_object(&w);
    code = code == ERR_OK ? end_line(e, &w) : code;
    while (code == ERR_OK && e->has_row && e->row.place <= place) {
        code = next_row(e);
    }
    return code;
}

static enum err export_all(struct exporting *e, const struct bundle_head *head)
{
    struct json_writer w;
    json_writer_init(&w, &e->lines);
    begin(&w, "export", head);
    json_member_str(&w, "checkpoint", head->stored.note);
    json_end_object(&w);
    enum err code = end_line(e, &w);
    code = code == ERR_OK ? next_row(e) : code;
    for (uint64_t place = 0; place < head->signed_head.size && code == ERR_OK; place++) {
        code = export_place(e, place);
    }
    if (code == ERR_OK && !e->write(e->object, buf_str(&e->lines))) {
        code = ERR_CANCELLED;
    }
    return code;
}

enum err bundle_export(struct store *store, bool (*write)(void *object, struct str lines),
                       void *object, struct fault *why)
{
    struct exporting e = {.source = history_source(store), .write = write, .object = object};
    struct arena *arena = arena_new(4096);
    struct bundle_head head;
    enum err code = bundle_head(store, arena, &head, why);
    if (code == ERR_OK) {
        audit_rows_init(&e.rows, store, 0);
        buf_init(&e.hashes, (size_t)TREE_TILE * DIGEST_BYTES);
        buf_init(&e.lines, SIZE_MAX / 2);
        code = export_all(&e, &head);
        audit_rows_end(&e.rows);
        buf_end(&e.hashes);
        buf_end(&e.lines);
        code = code == ERR_OK || code == ERR_CANCELLED
                   ? code
                   : fault_set(why, code, "the history cannot be read: %s", err_text(code));
    }
    arena_free(arena);
    return code;
}

/* ---- proofs ---- */

static enum err prove_row(struct store *store, const struct value *row, uint64_t size,
                          struct json_writer *w)
{
    struct leaf leaf;
    struct tree_proof proof;
    struct tree_source source = history_source(store);
    uint64_t place = (uint64_t)row[0].integer;
    if (!audit_leaf_of(row + 1, &leaf)) {
        return ERR_CORRUPT;
    }
    enum err code = tree_prove_inclusion(place, size, &source, &proof);
    if (code == ERR_OK) {
        json_begin_object(w);
        json_member_u64(w, "place", place);
        member_record(w, &leaf);
        member_path(w, &proof);
        json_end_object(w);
    }
    return code;
}

enum err bundle_prove(struct store *store, int64_t first, int64_t last, struct json_writer *w,
                      struct fault *why)
{
    const struct value keys[] = {value_of_i64(first), value_of_i64(last)};
    struct arena *arena = arena_new(4096);
    struct store_query rows = {.rows_max = ROWS_MAX};
    struct bundle_head head;
    enum err code = bundle_head(store, arena, &head, why);
    if (code == ERR_OK) {
        code = store_read_now(store, &read_rows, keys, &rows);
        bool is_signed = code == ERR_OK && rows.row_count > 0 &&
                         (uint64_t)rows.rows[(rows.row_count - 1) * rows.columns].integer <
                             head.signed_head.size;
        code = code == ERR_OK && !is_signed ? ERR_NOT_FOUND : code;
        begin(w, "proof", &head);
        json_member_str(w, "checkpoint", head.stored.note);
        json_key(w, "records");
        json_begin_array(w);
        for (size_t i = 0; i < rows.row_count && code == ERR_OK; i++) {
            code = prove_row(store, &rows.rows[i * rows.columns], head.signed_head.size, w);
        }
        json_end_array(w);
        json_end_object(w);
        store_query_end(&rows);
        if (code != ERR_OK) {
            code = fault_set(why, code, "%s",
                             code == ERR_NOT_FOUND
                                 ? "it is not in the history: not recorded, gone, or older than it"
                                 : err_text(code));
        }
    }
    arena_free(arena);
    return code;
}

enum err bundle_growth(struct store *store, struct str from, struct json_writer *w,
                       struct fault *why)
{
    struct arena *arena = arena_new(4096);
    struct audit_report report;
    struct bundle_head head;
    struct tree_head old;
    struct tree_proof proof = {.count = 0};
    struct tree_source source = history_source(store);
    enum err code = bundle_head(store, arena, &head, why);
    code = code == ERR_OK ? audit_open(&report, from, head.stored.verifier, NULL, &old, why) : code;
    if (code == ERR_OK && old.size > head.signed_head.size) {
        code = fault_set(why, ERR_DENIED, "it had %llu records and has only %llu now",
                         (unsigned long long)old.size, (unsigned long long)head.signed_head.size);
    } else if (code == ERR_OK) {
        code = tree_prove_consistency(old.size, head.signed_head.size, &source, &proof);
        if (code != ERR_OK) {
            code = fault_set(why, code, "the history cannot be read: %s", err_text(code));
        } else if (tree_check_consistency(&proof, &old, &head.signed_head, why) != ERR_OK) {
            code = ERR_DENIED;
        }
    }
    if (code == ERR_OK) {
        begin(w, "growth", &head);
        json_member_str(w, "from", from);
        json_member_str(w, "checkpoint", head.stored.note);
        member_path(w, &proof);
        json_end_object(w);
    }
    arena_free(arena);
    return code;
}
