/* SPDX-License-Identifier: Apache-2.0
 * recorded.c - row by row, event by event. */
#include "gateway/recorded.h"

void recorded_init(struct recorded *recorded, const struct event_table *events,
                   struct keyring *keyring, const struct value *rows, size_t count)
{
    *recorded = (struct recorded){.events = events,
                                  .keyring = keyring,
                                  .rows = rows,
                                  .left = count,
                                  .arena = arena_new(4096),
                                  .facts = STR(""),
                                  .texts = STR("")};
}

void recorded_end(struct recorded *recorded)
{
    arena_free(recorded->arena);
}

static bool open_sealed(struct recorded *recorded, const struct value *row, struct str what,
                        struct str sealed, struct str *opened)
{
    struct buf plain;
    buf_init(&plain, RECORDED_BYTES_MAX);
    enum err code = keyring_read(recorded->keyring, &row[2], &row[3], what, sealed, &plain);
    *opened = code == ERR_OK ? arena_str(recorded->arena, buf_str(&plain)) : STR("");
    buf_end(&plain);
    if (code != ERR_OK) {
        recorded->why = keyring_why(code);
    }
    return code == ERR_OK;
}

static void open_row(struct recorded *recorded, const struct value *row)
{
    recorded->facts = STR("");
    recorded->texts = STR("");
    recorded->has_texts = false;
    if (row[0].kind != VALUE_INTEGER || row[1].kind != VALUE_BLOB) {
        recorded->damaged++;
        return;
    }
    recorded->key = row[0].integer;
    recorded->facts = row[1].bytes;
    if (row[4].kind == VALUE_BLOB) {
        recorded->has_texts = open_sealed(recorded, row, LEDGER_PERSONAL, row[4].bytes,
                                          &recorded->texts);
    } else if (row[2].kind != VALUE_NULL) {
        struct str class = ledger_sealed_as(row[0].integer % LEDGER_SLOTS);
        (void)open_sealed(recorded, row, class, row[1].bytes, &recorded->facts);
    }
}

bool recorded_next(struct recorded *recorded, struct recorded_event *event)
{
    while (true) {
        while (recorded->facts.len == 0) {
            if (recorded->left == 0) {
                return false;
            }
            open_row(recorded, recorded->rows);
            recorded->rows += LEDGER_COLUMNS;
            recorded->left--;
        }
        event->key = recorded->key;
        event->encoded = recorded->facts;
        if (event_next(recorded->events, &recorded->facts, &event->view) == ERR_OK) {
            break;
        }
        recorded->damaged++;
        recorded->facts = STR("");
    }
    event->texts = recorded->texts;
    /* What does not fit is as if it did not open. */
    recorded->has_texts = recorded->has_texts &&
                          event_skip_personal(&event->view, &recorded->texts) == ERR_OK;
    event->has_texts = recorded->has_texts;
    return true;
}

bool recorded_write(const struct recorded *recorded, const struct recorded_event *event,
                    bool with_personal, struct json_writer *w)
{
    struct str encoded = event->encoded;
    struct str texts = event->texts;
    return event_decode(recorded->events, &encoded, event->has_texts ? &texts : NULL, with_personal,
                        w) == ERR_OK;
}

bool recorded_str(const struct recorded_event *event, const char *field, struct str *value)
{
    return event_get_str(&event->view, field, value) ||
           (event->has_texts && event_get_apart(&event->view, event->texts, field, value));
}
