/* SPDX-License-Identifier: Apache-2.0
 * table.c - two passes over the rows: widths, then lines. Columns end with one without heading.
 *
 * Invariant: a cell is one line of at most CELL_BYTES, cut on a code point. */
#include "cli/table.h"

#include "base/must.h"
#include "base/num.h"
#include "base/utf8.h"
#include "json/json_path.h"

#include <stdio.h>

#define CELL_BYTES  4096
#define WIDTH_USUAL 40
#define NUMBER_ROOM 32

struct cell {
    char text[CELL_BYTES];
    size_t len;
    size_t width; /* in code points */
    bool number;
};

/* ---- cells ---- */

/* Appends printable text; stops at `width_max` characters with an ellipsis. */
static void cell_add(struct cell *cell, struct str text, size_t width_max)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        size_t used = utf8_step(text, at, &code);
        bool last = at + used >= text.len;
        bool cut = cell->width + 1 >= width_max && !last;
        bool control = code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 ||
                       code == 0x2029 || (code >= 0x202A && code <= 0x202E) ||
                       (code >= 0x2066 && code <= 0x2069);
        if (cell->len + 4 > sizeof cell->text) {
            return;
        }
        char *end = cell->text + cell->len;
        cell->len += utf8_encode(cut ? 0x2026 : control ? ' ' : code, end);
        cell->width++;
        if (cut) {
            return;
        }
        at += used;
    }
}

static void cell_list(struct cell *cell, const struct json *json, uint32_t array, size_t width_max,
                      struct arena *arena)
{
    for (uint32_t n = json_first(json, array); n != JSON_NONE; n = json_after(json, array, n)) {
        if (cell->len > 0) {
            cell_add(cell, STR(", "), width_max);
        }
        cell_add(cell, json_string(json, n, arena), width_max);
    }
}

/* A number in its column's unit; nothing for zero, which says nothing in a table of costs. */
static void cell_number(struct cell *cell, enum column_kind kind, double number)
{
    char text[NUMBER_ROOM];
    uint64_t whole = number > 0 ? (uint64_t)number : 0;
    cell->number = true;
    if (whole == 0) {
        cell_add(cell, STR("-"), WIDTH_USUAL);
    } else if (kind == COLUMN_US) {
        cell_add(cell, str_of(num_show_us(whole, text, sizeof text)), WIDTH_USUAL);
    } else if (kind == COLUMN_MICROUSD) {
        cell_add(cell, str_of(num_show_microusd((int64_t)whole, text, sizeof text)), WIDTH_USUAL);
    } else {
        cell_add(cell, str_of(num_show_bytes(whole, text, sizeof text)), WIDTH_USUAL);
    }
}

static void cell_fill(struct cell *cell, const struct json *json, uint32_t row,
                      const struct column *column, struct arena *arena)
{
    size_t width_max = column->width_max > 0 ? column->width_max : WIDTH_USUAL;
    uint32_t node = row;
    struct json part = *json;
    *cell = (struct cell){.len = 0};
    /* The pointer leads into the row: the row's own text is a document of its own. */
    struct str raw = json_raw(json, row);
    if (json_parse(&part, raw, NULL, arena, NULL) != ERR_OK) {
        return;
    }
    node = json_path(&part, str_of(column->pointer));
    double number;
    switch (json_kind(&part, node)) {
    case JSON_STRING: {
        struct str text = json_string(&part, node, arena);
        bool time = column->kind == COLUMN_TIME && text.len > 19;
        cell_add(cell, time ? str_cut(text, 0, 19) : text, width_max);
        break;
    }
    case JSON_NUMBER:
        if (column->kind != COLUMN_TEXT && json_double(&part, node, &number)) {
            cell_number(cell, column->kind, number);
        } else {
            cell_add(cell, json_raw(&part, node), width_max);
            cell->number = true;
        }
        break;
    case JSON_TRUE:
        cell_add(cell, STR("yes"), width_max);
        break;
    case JSON_FALSE:
        if (column->kind == COLUMN_FLAG) {
            cell_add(cell, STR("no"), width_max);
        }
        break;
    case JSON_ARRAY:
        cell_list(cell, &part, node, width_max, arena);
        break;
    default:
        break;
    }
}

/* ---- lines ---- */

static enum err add_padding(struct buf *to, size_t count)
{
    enum err code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = buf_add_byte(to, ' ');
    }
    return code;
}

static enum err add_cell(struct buf *to, const struct cell *cell, size_t width, bool last)
{
    size_t gap = width > cell->width ? width - cell->width : 0;
    struct str text = {cell->text, cell->len};
    enum err code = cell->number ? add_padding(to, gap) : ERR_OK;
    code = code == ERR_OK ? buf_add(to, text) : code;
    if (code == ERR_OK && !cell->number && !last) {
        code = add_padding(to, gap);
    }
    if (code != ERR_OK || !last) {
        return code == ERR_OK ? buf_add(to, STR("  ")) : code;
    }
    while (to->len > 0 && to->at[to->len - 1] == ' ') {
        to->len--; /* empty cells at the end of a line */
    }
    return buf_add_byte(to, '\n');
}

static size_t count_columns(const struct column *columns)
{
    size_t count = 0;
    while (columns[count].heading != NULL) {
        count++;
    }
    must(count > 0 && count <= TABLE_COLUMNS_MAX);
    return count;
}

static void heading_cell(struct cell *cell, const struct column *column)
{
    *cell = (struct cell){.len = 0};
    cell_add(cell, str_of(column->heading), CELL_BYTES);
}

enum err table_write(const struct json *json, uint32_t rows, const struct column *columns,
                     const char *none, struct buf *to)
{
    size_t count = count_columns(columns);
    size_t widths[TABLE_COLUMNS_MAX];
    bool numbers[TABLE_COLUMNS_MAX] = {false};
    struct cell cell;
    enum err code = ERR_OK;
    if (json_count(json, rows) == 0) {
        return buf_printf(to, "%s\n", none);
    }
    struct arena *arena = arena_new((size_t)16 * 1024);
    for (size_t c = 0; c < count; c++) {
        heading_cell(&cell, &columns[c]);
        widths[c] = cell.width;
    }
    for (uint32_t r = json_first(json, rows); r != JSON_NONE; r = json_after(json, rows, r)) {
        for (size_t c = 0; c < count; c++) {
            cell_fill(&cell, json, r, &columns[c], arena);
            widths[c] = cell.width > widths[c] ? cell.width : widths[c];
            numbers[c] = numbers[c] || cell.number;
        }
        arena_reset(arena);
    }
    for (size_t c = 0; c < count && code == ERR_OK; c++) {
        heading_cell(&cell, &columns[c]);
        cell.number = numbers[c]; /* over its numbers */
        code = add_cell(to, &cell, widths[c], c + 1 == count);
    }
    for (uint32_t r = json_first(json, rows); r != JSON_NONE && code == ERR_OK;
         r = json_after(json, rows, r)) {
        for (size_t c = 0; c < count && code == ERR_OK; c++) {
            cell_fill(&cell, json, r, &columns[c], arena);
            code = add_cell(to, &cell, widths[c], c + 1 == count);
        }
        arena_reset(arena);
    }
    arena_free(arena);
    return code;
}

enum err table_write_record(const struct json *json, uint32_t object, const struct column *columns,
                            struct buf *to)
{
    size_t count = count_columns(columns);
    struct cell cell;
    size_t width = 0;
    enum err code = ERR_OK;
    struct arena *arena = arena_new((size_t)16 * 1024);
    for (size_t c = 0; c < count; c++) {
        heading_cell(&cell, &columns[c]);
        width = cell.width > width ? cell.width : width;
    }
    for (size_t c = 0; c < count && code == ERR_OK; c++) {
        cell_fill(&cell, json, object, &columns[c], arena);
        struct cell value = cell;
        value.number = false;
        if (value.len > 0) {
            heading_cell(&cell, &columns[c]);
            code = add_cell(to, &cell, width, false);
            code = code == ERR_OK ? add_cell(to, &value, 0, true) : code;
        }
    }
    arena_free(arena);
    return code;
}

enum err table_write_lines(const struct json *json, uint32_t rows, struct buf *to)
{
    enum err code = ERR_OK;
    for (uint32_t r = json_first(json, rows); r != JSON_NONE && code == ERR_OK;
         r = json_after(json, rows, r)) {
        code = buf_add(to, json_raw(json, r));
        code = code == ERR_OK ? buf_add_byte(to, '\n') : code;
    }
    return code;
}

/* ---- members ---- */

static bool is_in(const char *const *names, struct str name)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (str_equal(str_of(names[i]), name)) {
            return true;
        }
    }
    return false;
}

static bool says_nothing(const struct json *json, uint32_t node)
{
    struct str raw = json_raw(json, node);
    return str_equal(raw, STR("0")) || str_equal(raw, STR("\"\"")) ||
           str_equal(raw, STR("false")) || str_equal(raw, STR("null"));
}

enum err table_write_members(const struct json *json, uint32_t object, const char *const *but,
                             struct buf *to)
{
    struct arena *arena = arena_new(4096);
    enum err code = ERR_OK;
    for (uint32_t key = json_first(json, object); key != JSON_NONE && code == ERR_OK;
         key = json_after(json, object, key)) {
        struct str name = json_string(json, key, arena);
        if (is_in(but, name) || says_nothing(json, key + 1)) {
            continue;
        }
        struct cell cell = {.len = 0};
        bool text = json_is(json, key + 1, JSON_STRING);
        cell_add(&cell, text ? json_string(json, key + 1, arena) : json_raw(json, key + 1), 400);
        code = buf_printf(to, " " STR_FMT "=" STR_FMT, STR_ARG(name), (int)cell.len, cell.text);
        arena_reset(arena);
    }
    arena_free(arena);
    return code;
}
