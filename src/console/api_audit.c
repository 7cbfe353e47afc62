/* SPDX-License-Identifier: Apache-2.0
 * api_audit.c - a person is erased from all that is kept, and the history says that it was done.
 *
 * Invariant: the keys are destroyed and the record of it is written in one unit, durable before it
 * is acknowledged. What the record names are random ids of keys: it tells whose records became
 * unreadable to nobody who did not know before. */
#include "console/routes.h"
#include "gateway/ledger.h"
#include "security/limits.h"

#define KEYS_MAX   200 /* ids that fit into one event */
#define ERASE_MORE 1   /* steps beside those of the keyring */

struct erasing {
    struct key_scope scope;
    uint64_t keys;
};

/* ?1 tenant or "", ?2 user. Ids of the keys that records are sealed with; the others are counted.
 */
static const struct statement find_keys = {"SELECT id, kind FROM data_keys WHERE \"user\" = ?2 AND "
                                           "(?1 = '' OR tenant = ?1) ORDER BY kind DESC",
                                           2};

static void erased(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    const struct erasing *erasing = asked->state;
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 404, "nothing_to_erase", "nothing is stored of this subject");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    keyring_forgotten(commons->keyring);
    if (commons->sessions != NULL) {
        sessions_forget(commons->sessions, &erasing->scope);
    }
    if (commons->journal != NULL) {
        journal_drop_idle(commons->journal);
    }
    /* The last step wrote the record. */
    const struct store_step *record = &asked->unit.steps[asked->unit.count - 1];
    char id[EXCHANGE_ID_BYTES];
    ledger_id(record->values[0].integer / LEDGER_SLOTS, id);
    json_begin_object(&asked->w);
    json_member_bool(&asked->w, "erased", true);
    json_member_u64(&asked->w, "keys", erasing->keys);
    json_member_cstr(&asked->w, "record", id);
    json_member_i64(&asked->w, "place", asked->unit.records[0].place->integer);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static struct str record_keys(const struct store_query *query, struct arena *arena)
{
    struct buf ids;
    size_t count = 0;
    buf_init(&ids, EVENT_BYTES_MAX);
    for (size_t i = 0; i < query->row_count && count < KEYS_MAX; i++) {
        const struct value *row = &query->rows[i * query->columns];
        if (row[0].kind == VALUE_TEXT && row[1].integer == KEY_SUBJECT) {
            enum err code = buf_printf(&ids, "%s" STR_FMT, count > 0 ? " " : "",
                                       STR_ARG(row[0].bytes));
            count += code == ERR_OK ? 1 : 0;
        }
    }
    struct str copy = arena_str(arena, buf_str(&ids));
    buf_end(&ids);
    return copy;
}

static void keys_are_known(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    struct erasing *erasing = asked->state;
    struct store_unit *unit = &asked->unit;
    erasing->keys = asked->query.row_count;
    keyring_forgotten(commons->keyring);
    keyring_forget_unit(&erasing->scope, asked->arena, unit);
    struct store_step *steps = arena_array_of(asked->arena, struct store_step,
                                              unit->count + ERASE_MORE);
    limits_forget_step(erasing->scope.tenant, erasing->scope.user, asked->arena, &steps[0]);
    for (size_t i = 0; i < unit->count; i++) {
        steps[i + ERASE_MORE] = unit->steps[i];
    }
    unit->steps = steps;
    unit->count += ERASE_MORE;
    ASKED_TELL(asked, subject_erased, .keys = erasing->keys,
               .record_keys = record_keys(&asked->query, asked->arena), .by = asked->by,
               .reason = asked_text(asked, "reason"));
    asked_write(asked, erased);
}

void api_audit_erase(struct asked *asked)
{
    struct erasing *erasing = arena_new_of(asked->arena, struct erasing);
    erasing->scope = (struct key_scope){.tenant = asked_text(asked, "tenant"),
                                        .user = asked_text(asked, "subject")};
    if (erasing->scope.user.len == 0) {
        asked_refuse(asked, 422, "whom", "'subject' is the end user to erase");
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 2);
    values[0] = value_of_text(erasing->scope.tenant);
    values[1] = value_of_text(erasing->scope.user);
    asked->state = erasing;
    asked_read(asked, &find_keys, values, 100000, keys_are_known);
}
