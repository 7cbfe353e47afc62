/* SPDX-License-Identifier: Apache-2.0
 * retention.c - find, name, remove.
 *
 * Rows are named as they were read and removed by their keys' range: nothing comes into it
 * meanwhile, since keys hold the time. Two that prune at once name the same places twice, which is
 * harmless. */
#include "audit/retention.h"

#include "audit/places.h"
#include "base/must.h"
#include "gateway/events.h"
#include "gateway/ledger.h"

#include <stdlib.h>

static const struct statement find_rows = {
    "SELECT key, place FROM exchanges WHERE key >= ?2 AND key < ?3 AND key % 8 = ?1"
    " ORDER BY key LIMIT ?4",
    4};

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Rows that are older than the history have none. */
static struct str places_of(const struct store_query *rows, struct arena *arena)
{
    uint64_t places[RETENTION_ROWS];
    size_t count = 0;
    struct buf text;
    buf_init(&text, (size_t)RETENTION_ROWS * PLACES_BYTES_EACH);
    for (size_t i = 0; i < rows->row_count; i++) {
        const struct value *place = &rows->rows[i * rows->columns + 1];
        if (place->kind == VALUE_INTEGER) {
            places[count++] = (uint64_t)place->integer;
        }
    }
    qsort(places, count, sizeof places[0], compare);
    must(places_write(places, count, &text) == ERR_OK);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return copy;
}

static enum err remove_rows(struct commons *commons, enum event_class class,
                            const struct store_query *rows, struct arena *arena)
{
    struct value values[] = {value_of_i64(class), rows->rows[0],
                             rows->rows[(rows->row_count - 1) * rows->columns]};
    struct store_step steps[2] = {{&ledger_remove, values, false}};
    struct store_record record;
    const struct event_records_pruned event = {.class = str_of(event_classes[class].name),
                                               .count = rows->row_count,
                                               .places = places_of(rows, arena)};
    enum err code = ledger_event(commons, &event_type_records_pruned, &event, arena, &steps[1],
                                 &record);
    struct store_unit unit = {.steps = steps,
                              .count = 2,
                              .records = &record,
                              .record_count = 1,
                              .bytes = EVENT_BYTES_MAX};
    return code == ERR_OK ? store_write_now(commons->store, &unit) : code;
}

enum err retention_prune(struct commons *commons, enum event_class class, int64_t *from,
                         size_t *gone)
{
    const struct value values[] = {value_of_i64(class), value_of_i64(*from),
                                   value_of_i64(ledger_prune_below(class, env_wall(commons->env))),
                                   value_of_i64(RETENTION_ROWS)};
    struct store_query rows = {.rows_max = RETENTION_ROWS};
    struct arena *arena = arena_new(4096);
    enum err code = store_read_now(commons->store, &find_rows, values, &rows);
    *gone = code == ERR_OK ? rows.row_count : 0;
    if (*gone > 0) {
        code = remove_rows(commons, class, &rows, arena);
        *from = rows.rows[(rows.row_count - 1) * rows.columns].integer + 1;
    }
    store_query_end(&rows);
    arena_free(arena);
    return code;
}
