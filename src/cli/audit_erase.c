/* SPDX-License-Identifier: Apache-2.0
 * audit_erase.c - `aire audit erase`: done through the API; that it was done is then looked up in
 * the database and proved, not believed. */
#include "audit/bundle.h"
#include "base/must.h"
#include "cli/control.h"
#include "gateway/ledger.h"
#include "json/json_path.h"

static const struct statement count_keys = {
    "SELECT count(*) FROM data_keys WHERE \"user\" = ?1 AND (?2 = '' OR tenant = ?2)", 2};
/* Sealed under keys that are gone, this subject's among them; and from before there was a history,
 * when names stood in clear. */
static const struct statement count_records = {
    "SELECT (SELECT count(*) FROM exchanges e WHERE e.data_key IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM data_keys k WHERE k.id = e.data_key)),"
    " (SELECT count(*) FROM exchanges WHERE place IS NULL)",
    0};

struct looked {
    int64_t keys_left;
    int64_t unreadable;
    int64_t older;
    bool proved; /* the record of it stands in the signed history */
};

static enum err count(struct store *store, const struct statement *statement,
                      const struct value *values, int64_t *numbers, size_t columns)
{
    struct store_query query = {.rows_max = 1};
    enum err code = store_read_now(store, statement, values, &query);
    for (size_t i = 0; i < columns && code == ERR_OK; i++) {
        code = query.row_count == 1 && query.rows[i].kind == VALUE_INTEGER ? ERR_OK : ERR_CORRUPT;
        numbers[i] = code == ERR_OK ? query.rows[i].integer : 0;
    }
    store_query_end(&query);
    return code;
}

/* As somebody else would: the proof is written, and checked as a document. */
static bool is_proved(struct store *store, struct str id)
{
    int64_t first = ledger_number(id) * LEDGER_SLOTS;
    struct audit_report report;
    struct fault why = {0};
    struct buf document;
    struct json_writer w;
    buf_init(&document, (size_t)1 << 20);
    json_writer_init(&w, &document);
    bool proved = first >= 0 &&
                  bundle_prove(store, first, first + LEDGER_SLOTS - 1, &w, &why) == ERR_OK &&
                  json_writer_end(&w) == ERR_OK &&
                  bundle_verify(buf_str(&document), NULL, NULL, &report, &why) == ERR_OK &&
                  report.fault_count == 0;
    buf_end(&document);
    return proved;
}

static int look(const struct cli *cli, const struct shown *shown, struct looked *looked)
{
    const struct value whom[] = {value_of_text(str_of(cli_option(cli, "--subject", ""))),
                                 value_of_text(str_of(cli_option(cli, "--tenant", "")))};
    int64_t numbers[2] = {0};
    struct store *store;
    int exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    enum err code = count(store, &count_keys, whom, &looked->keys_left, 1);
    code = code == ERR_OK ? count(store, &count_records, NULL, numbers, 2) : code;
    looked->unreadable = numbers[0];
    looked->older = numbers[1];
    looked->proved = is_proved(
        store, json_string(&shown->json, json_path(&shown->json, STR("/record")), shown->arena));
    store_close(store);
    return code == ERR_OK
               ? CLI_OK
               : cli_fail(cli, CLI_BROKEN, "the database cannot be read: %s", err_text(code));
}

static int show(const struct cli *cli, const struct shown *done, const struct looked *looked)
{
    static const struct column lines[] = {
        {"keys destroyed", "/keys", COLUMN_TEXT, 0},
        {"keys left", "/keys_left", COLUMN_TEXT, 0},
        {"records sealed under destroyed keys", "/unreadable", COLUMN_TEXT, 0},
        {"record of this erasure", "/record", COLUMN_TEXT, 0},
        {"its place in the history", "/place", COLUMN_TEXT, 0},
        {"proved", "/proved", COLUMN_FLAG, 0},
        {"to do", "/to_do", COLUMN_TEXT, 200},
        {NULL, NULL, COLUMN_TEXT, 0}};
    static const char *const copied[] = {"keys", "record", "place"};
    struct shown shown;
    shown_init(&shown);
    json_begin_object(&shown.w);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        json_key(&shown.w, copied[i]);
        json_put_raw(&shown.w,
                     json_raw(&done->json, json_get(&done->json, JSON_ROOT, str_of(copied[i]))));
    }
    json_member_i64(&shown.w, "keys_left", looked->keys_left);
    json_member_i64(&shown.w, "unreadable", looked->unreadable);
    json_member_i64(&shown.w, "older", looked->older);
    json_member_bool(&shown.w, "proved", looked->proved);
    json_member_cstr(
        &shown.w, "to_do",
        looked->older > 0
            ? "rows older than the history hold names in clear, until they are over age"
            : NULL);
    json_end_object(&shown.w);
    int exit_code = shown_record(cli, &shown, lines);
    shown_end(&shown);
    bool is_done = looked->keys_left == 0 && looked->proved;
    return exit_code == CLI_OK && !is_done ? CLI_FAILED : exit_code;
}

int cmd_audit_erase(const struct cli *cli)
{
    const struct control_member members[] = {
        {"subject", CONTROL_TEXT, cli_option(cli, "--subject", NULL)},
        {"tenant", CONTROL_TEXT, cli_option(cli, "--tenant", NULL)},
        {"reason", CONTROL_TEXT, cli_option(cli, "--reason", NULL)}};
    const struct control_call call = {.path = "/api/audit/erase", .members = members, .count = 3};
    struct looked looked = {0};
    struct shown done;
    shown_init(&done);
    int exit_code = control_post(cli, &call, &done);
    if (exit_code == CLI_OK && !shown_parse(cli, &done)) {
        exit_code = CLI_BROKEN;
    }
    exit_code = exit_code == CLI_OK ? look(cli, &done, &looked) : exit_code;
    exit_code = exit_code == CLI_OK ? show(cli, &done, &looked) : exit_code;
    shown_end(&done);
    return exit_code;
}
