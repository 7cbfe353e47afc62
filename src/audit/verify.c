/* SPDX-License-Identifier: Apache-2.0
 * verify.c - stored hashes, rows and signed heads, side by side.
 *
 * The tree is rebuilt from the stored hashes of records, so that the root judges them; rows are
 * compared with these hashes one by one, so that a fault has its place. A record may be pruned
 * while we read: the head is read again at the end and what came meanwhile, among it the record of
 * the pruning, is looked at as well. */
#include "audit/verify.h"

#include "audit/rows.h"
#include "base/must.h"
#include "store/history.h"

#define ROUNDS_MAX 3

/* From before the history; and rows that came later and stand outside of it. */
static const struct statement count_older = {"SELECT count(*) FROM exchanges WHERE place IS NULL",
                                             0};
static const struct statement find_outside = {
    "SELECT key FROM exchanges WHERE place IS NULL AND key >"
    " (SELECT min(key) FROM exchanges WHERE place IS NOT NULL) LIMIT 20",
    0};

/* The stored tile of a level that was read last. */
struct tile {
    uint64_t number;
    bool there;
    struct buf hashes;
};

struct verifying {
    const struct audit_verify *with;
    struct audit_report *report;
    struct audit_check check;
    struct tree_source source;
    struct tile tiles[TREE_LEVELS];
    struct audit_rows rows;
    struct audit_row row; /* the next one */
    bool has_row;
};

/* ---- hashes ---- */

/* NOT_FOUND: it is not stored. */
static enum err stored_hash(struct verifying *v, unsigned level, uint64_t index,
                            struct digest *hash)
{
    struct tile *tile = &v->tiles[level];
    size_t at = (size_t)(index % TREE_TILE) * DIGEST_BYTES;
    bool known = tile->there && tile->number == index / TREE_TILE &&
                 tile->hashes.len >= at + DIGEST_BYTES;
    if (!known) {
        buf_clear(&tile->hashes);
        tile->there = true;
        tile->number = index / TREE_TILE;
        enum err code = v->source.read(v->source.of, level, tile->number, &tile->hashes);
        if (code == ERR_CORRUPT || code == ERR_LIMIT) {
            code = ERR_OK; /* what follows each other is there, the rest is missing */
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    if (tile->hashes.len < at + DIGEST_BYTES) {
        return ERR_NOT_FOUND;
    }
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hash->bytes[i] = (uint8_t)tile->hashes.at[at + i];
    }
    return ERR_OK;
}

/* Hashes of the levels above, which proofs are made of. */
static enum err check_upper(struct verifying *v, const struct tree_hash *stored, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct digest hash;
        enum err code = stored_hash(v, stored[i].level, stored[i].index, &hash);
        if (code != ERR_OK && code != ERR_NOT_FOUND) {
            return code;
        }
        if (code == ERR_NOT_FOUND || !digest_equal(&hash, &stored[i].hash)) {
            audit_fault(v->report, "hashes", AUDIT_NO_PLACE,
                        "hash %llu of level %u is not what the hashes below it give",
                        (unsigned long long)stored[i].index, stored[i].level);
        }
    }
    return ERR_OK;
}

/* ---- rows ---- */

static enum err next_row(struct verifying *v)
{
    enum err code = audit_rows_next(&v->rows, &v->row);
    v->has_row = code == ERR_OK;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* Rows that have the place of another one. */
static enum err skip_twice(struct verifying *v, uint64_t place)
{
    enum err code = ERR_OK;
    while (code == ERR_OK && v->has_row && v->row.place < place) {
        audit_fault(v->report, "twice", v->row.place, "a second row has place %llu",
                    (unsigned long long)v->row.place);
        code = next_row(v);
    }
    return code;
}

static const struct leaf *row_at(struct verifying *v, uint64_t place, const struct digest *hash)
{
    if (!v->has_row || v->row.place != place) {
        return NULL;
    }
    struct digest own = v->row.well_formed ? leaf_hash(&v->row.leaf) : *hash;
    if (!v->row.well_formed || !digest_equal(&own, hash)) {
        audit_fault(v->report, "changed", place, "record %llu is not what was written",
                    (unsigned long long)place);
    }
    static const struct leaf unreadable = {.salt = STR_CONST(""), .facts = STR_CONST("")};
    return v->row.well_formed ? &v->row.leaf : &unreadable;
}

static enum err check_place(struct verifying *v, uint64_t place)
{
    struct digest hash;
    struct tree_hash stored[TREE_LEVELS];
    enum err code = stored_hash(v, 0, place, &hash);
    code = code == ERR_OK ? skip_twice(v, place) : code;
    if (code != ERR_OK) {
        return code;
    }
    const struct leaf *leaf = row_at(v, place, &hash);
    size_t count = audit_check_place(&v->check, leaf, &hash, stored);
    code = check_upper(v, stored, count);
    if (code == ERR_OK && leaf != NULL) {
        code = next_row(v);
    }
    return code;
}

/* ---- heads ---- */

/* A store without records may have no signature yet. */
static void expect_signed(struct verifying *v, const struct history_head *head)
{
    struct tree_head signed_head;
    struct fault why = {0};
    if (head->note.len == 0) {
        audit_fault(v->report, "unsigned", AUDIT_NO_PLACE,
                    "%llu records are there, and no head was ever signed",
                    (unsigned long long)head->size);
        return;
    }
    if (audit_open(v->report, head->note, head->verifier, v->with->key, &signed_head, &why) !=
        ERR_OK) {
        audit_fault(v->report, "signature", AUDIT_NO_PLACE, "the head is not signed well: %.150s",
                    why.words);
        return;
    }
    v->report->signed_size = signed_head.size;
    if (signed_head.size < v->check.tree.size) {
        audit_fault(v->report, "cut", AUDIT_NO_PLACE, "the signed head went back to %llu records",
                    (unsigned long long)signed_head.size);
        return;
    }
    audit_check_expect(&v->check, &signed_head, "checkpoint");
}

static enum err check_upto(struct verifying *v, uint64_t size)
{
    enum err code = ERR_OK;
    while (code == ERR_OK && v->check.tree.size < size) {
        code = check_place(v, v->check.tree.size);
    }
    return code;
}

/* NOT_FOUND: hashes end before the head says. */
static enum err check_all(struct verifying *v, struct arena *arena)
{
    struct history_head head;
    enum err code = history_read(v->with->store, arena, &head);
    if (code == ERR_OK && v->with->witness != NULL) {
        audit_check_expect(&v->check, v->with->witness, "witness");
    }
    code = code == ERR_OK ? next_row(v) : code;
    for (int round = 0; round < ROUNDS_MAX && code == ERR_OK && head.size > v->check.tree.size;
         round++) {
        expect_signed(v, &head);
        code = v->has_row ? ERR_OK : next_row(v); /* rows that came with this head */
        code = code == ERR_OK ? check_upto(v, head.size) : code;
        code = code == ERR_OK ? history_read(v->with->store, arena, &head) : code;
    }
    if (code == ERR_NOT_FOUND) {
        audit_fault(v->report, "cut", AUDIT_NO_PLACE, "hashes of %llu records are missing",
                    (unsigned long long)(head.size - v->check.tree.size));
        code = ERR_OK;
    }
    code = code == ERR_OK ? skip_twice(v, v->check.tree.size) : code;
    if (code == ERR_OK && v->has_row && v->row.place >= head.size) {
        audit_fault(v->report, "outside", v->row.place, "a row has place %llu, behind the head",
                    (unsigned long long)v->row.place);
    }
    return code;
}

/* ---- rows without a place ---- */

static enum err check_outside(struct verifying *v)
{
    struct store_query query = {.rows_max = AUDIT_FAULTS_MAX};
    enum err code = store_read_now(v->with->store, &find_outside, NULL, &query);
    for (size_t i = 0; i < query.row_count; i++) {
        audit_fault(v->report, "outside", AUDIT_NO_PLACE, "row %lld stands outside of the history",
                    query.rows[i].kind == VALUE_INTEGER ? (long long)query.rows[i].integer : -1LL);
    }
    store_query_end(&query);
    if (code == ERR_OK) {
        query = (struct store_query){.rows_max = 1};
        code = store_read_now(v->with->store, &count_older, NULL, &query);
        v->report->older = code == ERR_OK ? (uint64_t)query.rows[0].integer : 0;
        store_query_end(&query);
    }
    return code;
}

enum err audit_verify(const struct audit_verify *verify, struct audit_report *report)
{
    struct verifying v = {
        .with = verify, .report = report, .source = history_source(verify->store)};
    struct arena *arena = arena_new(4096);
    *report = (struct audit_report){0};
    audit_check_init(&v.check, report);
    audit_rows_init(&v.rows, verify->store, 0);
    for (size_t i = 0; i < TREE_LEVELS; i++) {
        buf_init(&v.tiles[i].hashes, (size_t)TREE_TILE * DIGEST_BYTES);
    }
    enum err code = check_all(&v, arena);
    audit_check_close(&v.check);
    code = code == ERR_OK ? check_outside(&v) : code;
    for (size_t i = 0; i < TREE_LEVELS; i++) {
        buf_end(&v.tiles[i].hashes);
    }
    audit_rows_end(&v.rows);
    audit_check_end(&v.check);
    arena_free(arena);
    return code;
}
