/* SPDX-License-Identifier: Apache-2.0
 * exchanges.c - `aire exchanges`: what the database remembers. It belongs to whoever may read the
 * file, so personal fields are shown. */
#include "base/must.h"
#include "cli/read.h"
#include "cli/unseal.h"
#include "cli/where.h"
#include "console/views.h"
#include "sys/file.h"
#include "sys/notify.h"
#include "json/json_path.h"

/* Time for the linger and its commit. */
#define SETTLE_MS (2 * FACT_LINGER_MS + 10)

static const struct column columns[] = {
    {"TIME", "/at", COLUMN_TIME, 0},
    {"ID", "/id", COLUMN_TEXT, 0},
    {"ROUTE", "/route", COLUMN_TEXT, 16},
    {"OUTCOME", "/outcome", COLUMN_TEXT, 0},
    {"STATUS", "/status", COLUMN_TEXT, 0},
    {"TIER", "/tier", COLUMN_TEXT, 16},
    {"TRIES", "/attempts", COLUMN_TEXT, 0},
    {"TOTAL", "/total_us", COLUMN_US, 0},
    {"IN", "/tokens_input", COLUMN_TEXT, 0},
    {"OUT", "/tokens_output", COLUMN_TEXT, 0},
    {"COST", "/cost_microusd", COLUMN_MICROUSD, 0},
    {"WHY", "/reason", COLUMN_TEXT, 24},
    {NULL, NULL, COLUMN_TEXT, 0},
};

/* A running server writes what it has answered a moment later: whoever just saw an answer shall
 * find it here. */
static int read_settled(const struct cli *cli, const struct statement *statement,
                        const struct value *values, size_t rows_max, struct store_query *query)
{
    char socket[WHERE_BYTES];
    if (where_file(cli, "aire.sock", socket) && file_exists(socket)) {
        (void)notify_wait(SETTLE_MS);
    }
    return read_rows(cli, statement, values, rows_max, query);
}

static int list(const struct cli *cli, const struct store_query *query, uint64_t limit)
{
    struct view_rows rows = {query->rows, query->row_count, query->columns};
    struct view_rows one;
    struct shown shown;
    shown_init(&shown);
    struct keyring *keyring = unseal_keyring(cli);
    json_begin_array(&shown.w);
    for (; limit > 0 && view_next_exchange(&rows, &one); limit--) {
        char id[EXCHANGE_ID_BYTES];
        if (!view_exchange_summary(&gateway_events, &one, true, keyring, &shown.w)) {
            json_begin_object(&shown.w);
            json_member_cstr(&shown.w, "id", view_exchange_id(&one, id));
            json_end_object(&shown.w);
        }
    }
    json_end_array(&shown.w);
    keyring_free(keyring);
    int exit_code = shown_list(cli, &shown, "", columns, "no exchanges");
    shown_end(&shown);
    return exit_code;
}

int cmd_exchanges(const struct cli *cli)
{
    uint64_t limit = 50;
    const char *before = cli_option(cli, "--before", NULL);
    int64_t number = before != NULL ? ledger_number(str_of(before)) : INT64_MAX / EVENT_CLASS_SLOTS;
    if (!cli_number(cli, "--limit", 1, VIEW_LIST_MAX, &limit)) {
        return CLI_USAGE;
    }
    if (number < 0) {
        return cli_fail(cli, CLI_USAGE, "--before: '%.40s' is not the id of an exchange", before);
    }
    const struct value values[] = {value_of_i64(number * EVENT_CLASS_SLOTS),
                                   value_of_i64((int64_t)(limit * EVENT_CLASSES))};
    struct store_query query;
    int exit_code = read_settled(cli, &ledger_list, values, (size_t)limit * EVENT_CLASSES, &query);
    if (exit_code == CLI_OK) {
        exit_code = list(cli, &query, limit);
        store_query_end(&query);
    }
    return exit_code;
}

/* ---- one ---- */

static enum err write_events(struct shown *shown)
{
    static const char *const shown_apart[] = {"event", "at", NULL};
    uint32_t events = json_path(&shown->json, STR("/events"));
    enum err code = buf_printf(
        &shown->out, STR_FMT "\n",
        STR_ARG(json_inner(&shown->json, json_path(&shown->json, STR("/id")))));
    for (uint32_t e = json_first(&shown->json, events); e != JSON_NONE && code == ERR_OK;
         e = json_after(&shown->json, events, e)) {
        struct str at = json_inner(&shown->json, json_get(&shown->json, e, STR("at")));
        struct str name = json_inner(&shown->json, json_get(&shown->json, e, STR("event")));
        code = buf_printf(&shown->out, "  " STR_FMT "  " STR_FMT, STR_ARG(at), STR_ARG(name));
        code = code == ERR_OK ? table_write_members(&shown->json, e, shown_apart, &shown->out)
                              : code;
        code = code == ERR_OK ? buf_add_byte(&shown->out, '\n') : code;
    }
    uint32_t sealed = json_path(&shown->json, STR("/sealed"));
    if (code == ERR_OK && sealed != JSON_NONE) {
        code = buf_printf(&shown->out, "  what was said is " STR_FMT "\n",
                          STR_ARG(json_inner(&shown->json, sealed)));
    }
    return code;
}

static int show(const struct cli *cli, const struct store_query *query)
{
    const struct view_rows one = {query->rows, query->row_count, query->columns};
    struct shown shown;
    shown_init(&shown);
    struct keyring *keyring = unseal_keyring(cli);
    view_exchange(&gateway_events, &one, true, keyring, &shown.w);
    keyring_free(keyring);
    int exit_code = CLI_BROKEN;
    if (cli_flag(cli, "--json")) {
        exit_code = shown_record(cli, &shown, columns);
    } else if (shown_parse(cli, &shown)) {
        exit_code = shown_print(cli, &shown, write_events(&shown));
    }
    shown_end(&shown);
    return exit_code;
}

int cmd_exchanges_show(const struct cli *cli)
{
    int64_t number = ledger_number(str_of(cli_word(cli, 0)));
    if (number < 0) {
        return cli_fail(cli, CLI_USAGE, "'%.40s' is not the id of an exchange (ex and 16 digits)",
                        cli_word(cli, 0));
    }
    const struct value values[] = {value_of_i64(number)};
    struct store_query query;
    int exit_code = read_settled(cli, &ledger_show, values, EVENT_CLASSES, &query);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    exit_code = query.row_count > 0
                    ? show(cli, &query)
                    : cli_fail(cli, CLI_FAILED, "%.40s is not recorded", cli_word(cli, 0));
    store_query_end(&query);
    return exit_code;
}
