/* SPDX-License-Identifier: Apache-2.0
 * ledger.c - the statements, and the unit that carries an exchange to the store.
 *
 * A unit outlives its exchange: it is one allocation of its own that holds copies of everything. */
#include "gateway/ledger.h"

#include "base/must.h"
#include "base/num.h"
#include "gateway/leaf.h"
#include "security/subjects.h"

#include <stdio.h>

static const struct migration migrations[] = {
    {1, "CREATE TABLE exchanges(key INTEGER PRIMARY KEY, facts BLOB NOT NULL);"
        "CREATE TABLE reviews(id TEXT PRIMARY KEY, at_us INTEGER NOT NULL, exchange TEXT NOT NULL,"
        " tenant TEXT NOT NULL, agent TEXT NOT NULL, route TEXT NOT NULL, state INTEGER NOT NULL,"
        " failure TEXT NOT NULL, question BLOB NOT NULL, answer BLOB, decided_by TEXT,"
        " decided_us INTEGER, reason TEXT);"
        "CREATE INDEX reviews_by_state ON reviews(state, at_us);"},
    {2, "ALTER TABLE exchanges ADD COLUMN data_key TEXT"}, /* null: nothing of it is sealed */
    {3, "ALTER TABLE exchanges ADD COLUMN personal BLOB;"  /* null: there is nothing personal */
        "ALTER TABLE exchanges ADD COLUMN salt BLOB;"
        "ALTER TABLE exchanges ADD COLUMN place BIGINT"}, /* null: older than the history */
    {4, "CREATE INDEX exchanges_by_place ON exchanges(place)"},
};
const struct schema ledger_schema = {"exchange", migrations, 4};

enum column { KEY, FACTS, DATA_KEY, PERSONAL, SALT, PLACE, COLUMNS };
static const struct statement insert = {
    "INSERT INTO exchanges(key, facts, data_key, personal, salt, place)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    COLUMNS};

const struct statement ledger_list = {
    "SELECT e.key, e.facts, e.data_key, k.wrapped, e.personal FROM exchanges e"
    " LEFT JOIN data_keys k ON k.id = e.data_key WHERE e.key < ?1 AND e.key % 8 = 0"
    " ORDER BY e.key DESC LIMIT ?2",
    2};
const struct statement ledger_show = {
    "SELECT e.key, e.facts, e.data_key, k.wrapped, e.personal FROM exchanges e LEFT JOIN data_keys "
    "k"
    " ON k.id = e.data_key WHERE e.key BETWEEN ?1 * 8 AND ?1 * 8 + 7 ORDER BY e.key",
    1};
const struct statement ledger_remove = {
    "DELETE FROM exchanges WHERE key BETWEEN ?2 AND ?3 AND key % 8 = ?1", 3};

const struct statement review_insert = {
    "INSERT INTO reviews(id, at_us, exchange, tenant, agent, route, state, failure, question)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    9};
#define REVIEW_COLUMNS                                                                             \
    "SELECT r.id, r.at_us, r.exchange, r.tenant, r.agent, r.route, r.state, r.failure,"            \
    " r.question, r.answer, r.decided_by, r.decided_us, r.reason, k.wrapped FROM reviews r"        \
    " LEFT JOIN data_keys k ON k.id = r.id "
const struct statement review_list = {
    REVIEW_COLUMNS "WHERE ?1 < 0 OR r.state = ?1 ORDER BY r.at_us DESC LIMIT ?2", 2};
const struct statement review_show = {REVIEW_COLUMNS "WHERE r.id = ?1", 1};
const struct statement review_decide = {
    "UPDATE reviews SET state = ?2, answer = ?3, decided_by = ?4, decided_us = ?5, reason = ?6"
    " WHERE id = ?1 AND state = 0",
    6};

int64_t ledger_number(struct str id)
{
    uint64_t number;
    if (id.len != EXCHANGE_ID_BYTES - 2 || !str_starts(id, STR("ex")) ||
        num_hex_u64(str_cut(id, 2, id.len), &number) != ERR_OK || number > (UINT64_C(1) << 60)) {
        return -1;
    }
    return (int64_t)number;
}

const char *ledger_id(int64_t number, char id[EXCHANGE_ID_BYTES])
{
    (void)snprintf(id, EXCHANGE_ID_BYTES, "ex%016llx", (unsigned long long)number);
    return id;
}

int64_t ledger_prune_below(enum event_class class, struct wall now)
{
    int64_t age_ms = (int64_t)event_classes[class].retention_days * 24 * 3600 * 1000;
    int64_t cutoff_ms = now.us / 1000 - age_ms;
    return age_ms > 0 && cutoff_ms > 0 ? (cutoff_ms << 16) * 8 : 0;
}

struct entry {
    struct store_unit unit;
    struct pending pending;
    struct arena *arena;
    struct subject *subject; /* whom it tells of; NULL: nobody */
    void (*done)(struct exchange *x, enum err result);
};

static void entry_free(struct entry *entry)
{
    subject_release(entry->subject);
    arena_free(entry->arena);
}

static void entry_done(struct store_unit *unit)
{
    struct entry *entry = LIST_OBJECT(unit, struct entry, unit);
    struct exchange *x = entry->pending.x;
    if (entry->subject != NULL && unit->result == ERR_OK) {
        subject_stored(entry->subject);
    }
    if (x != NULL) {
        x->pending = NULL;
        entry->done(x, unit->result);
    }
    entry_free(entry);
}

struct str ledger_sealed_as(int64_t class)
{
    return class >= 0 && class < EVENT_CLASSES ? str_of(event_classes[class].name) : STR("");
}

/* The step that writes a row, and its record in the history. Borrows the leaf's bytes. */
static void write_row(const struct env *env, struct leaf *leaf, struct arena *arena,
                      struct store_step *step, struct store_record *record)
{
    struct value *values = arena_array_of(arena, struct value, COLUMNS);
    uint8_t *salt = arena_alloc(arena, LEAF_SALT_BYTES);
    env_entropy(env, salt, LEAF_SALT_BYTES);
    leaf->salt = (struct str){(const char *)salt, LEAF_SALT_BYTES};
    values[KEY] = value_of_i64(leaf->key);
    values[FACTS] = value_of_blob(leaf->facts);
    values[DATA_KEY] = leaf->data_key.len > 0 ? value_of_text(leaf->data_key) : value_null();
    values[PERSONAL] = leaf->personal.len > 0 ? value_of_blob(leaf->personal) : value_null();
    values[SALT] = value_of_blob(leaf->salt);
    *step = (struct store_step){&insert, values, false};
    *record = (struct store_record){leaf_hash(leaf), &values[PLACE]};
}

static void add_row(const struct exchange *x, struct leaf *leaf, struct entry *entry)
{
    struct store_unit *unit = &entry->unit;
    write_row(x->gateway->commons->env, leaf, entry->arena, &unit->steps[unit->count++],
              &unit->records[unit->record_count++]);
    unit->bytes += leaf->facts.len + leaf->personal.len + 128;
}

static struct key_scope scope_of(const struct exchange *x)
{
    return (struct key_scope){x->principal.tenant, x->principal.name, x->user, x->session};
}

/* What stands apart, under the key of whom it tells of. Without a keyring it is not stored: never
 * in clear. */
static void seal_personal(const struct exchange *x, struct str personal, struct leaf *leaf,
                          struct entry *entry)
{
    struct subjects *subjects = x->gateway->subjects;
    if (personal.len == 0 || subjects == NULL) {
        return;
    }
    struct store_unit *unit = &entry->unit;
    if (entry->subject == NULL) {
        const struct key_scope scope = scope_of(x);
        entry->subject = subjects_get(subjects, &scope);
        unit->count += subject_step(subjects, entry->subject, entry->arena,
                                    &unit->steps[unit->count])
                           ? 1
                           : 0;
    }
    const struct data_key *key = subject_key(entry->subject);
    leaf->data_key = arena_str(entry->arena, key->id);
    leaf->personal = keyring_seal(x->gateway->commons->keyring, key, LEDGER_PERSONAL, personal,
                                  entry->arena);
}

static void add_rows(const struct exchange *x, struct entry *entry)
{
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        const struct buf *facts = &x->record.classes[class];
        if (facts->len > 0 && !event_classes[class].words) {
            struct leaf leaf = {.key = x->number * 8 + class,
                                .facts = arena_str(entry->arena, buf_str(facts))};
            seal_personal(x, buf_str(&x->record.personal[class]), &leaf, entry);
            add_row(x, &leaf, entry);
        }
    }
}

/* One data key for all of them. Without a keyring they are not stored: never in clear. */
static void add_sealed_rows(const struct exchange *x, struct keyring *keyring, struct entry *entry)
{
    const struct key_scope scope = scope_of(x);
    struct data_key key = {.id = STR("")};
    for (int class = 0; class < EVENT_CLASSES; class ++) {
        struct str facts = buf_str(&x->record.classes[class]);
        if (facts.len == 0 || !event_classes[class].words) {
            continue;
        }
        if (key.id.len == 0) {
            key = keyring_make(keyring, KEY_EXCHANGE, str_of(x->id), &scope, entry->arena,
                               &entry->unit.steps[entry->unit.count++]);
        }
        struct leaf leaf = {
            .key = x->number * 8 + class,
            .data_key = key.id,
            .facts = keyring_seal(keyring, &key, ledger_sealed_as(class), facts, entry->arena)};
        add_row(x, &leaf, entry);
    }
    seal_key_wipe(&key.key);
}

enum err ledger_event(struct commons *commons, const struct event_type *type, const void *event,
                      struct arena *arena, struct store_step *step, struct store_record *record)
{
    struct wall now = env_wall(commons->env);
    struct buf facts;
    struct buf personal; /* of nobody whose key we have: it is not stored */
    buf_init(&facts, EVENT_BYTES_MAX);
    buf_init(&personal, EVENT_BYTES_MAX);
    enum err code = event_encode(type, event, now.us, &facts, &personal);
    must(!event_classes[type->class].words);
    struct leaf leaf = {.key = commons_number(commons, now) * 8 + (int64_t)type->class,
                        .facts = arena_str(arena, buf_str(&facts))};
    write_row(commons->env, &leaf, arena, step, record);
    buf_end(&facts);
    buf_end(&personal);
    return code;
}

#define KEY_STEPS_MAX 2 /* the exchange's and the subject's */

static void fill(struct exchange *x, struct entry *entry)
{
    struct store_unit *unit = &entry->unit;
    add_rows(x, entry);
    unit->count += limits_steps(&x->reservation, x->tokens_spent, x->cost_microusd, entry->arena,
                                &unit->steps[unit->count]);
    if (x->gateway->commons->keyring != NULL) {
        add_sealed_rows(x, x->gateway->commons->keyring, entry);
    }
}

enum err ledger_write(struct exchange *x, bool durable,
                      void (*done)(struct exchange *x, enum err result))
{
    must(!durable || done != NULL);
    struct arena *arena = arena_new(2048);
    struct entry *entry = arena_new_of(arena, struct entry);
    entry->arena = arena;
    entry->done = done;
    entry->unit.steps = arena_array_of(arena, struct store_step,
                                       EVENT_CLASSES + KEY_STEPS_MAX + LIMIT_STEPS_MAX);
    entry->unit.records = arena_array_of(arena, struct store_record, EVENT_CLASSES);
    entry->unit.fact = !durable;
    entry->unit.home = durable ? x->gateway->loop : NULL;
    entry->unit.done = entry_done;
    entry->unit.bytes = sizeof *entry;
    struct commons *commons = x->gateway->commons;
    keyring_begin(commons->keyring);
    fill(x, entry);
    bool empty = entry->unit.count == 0;
    enum err code = empty ? ERR_OK : store_submit(commons->store, &entry->unit);
    keyring_commit(commons->keyring);
    if (empty || code != ERR_OK) {
        entry_free(entry);
        return code;
    }
    if (durable) {
        entry->pending.x = x;
        x->pending = &entry->pending;
    }
    return ERR_OK;
}
