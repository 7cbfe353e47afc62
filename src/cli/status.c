/* SPDX-License-Identifier: Apache-2.0
 * status.c - `aire status`: what the running server says of itself. */
#include "cli/control.h"
#include "json/json_path.h"

static const struct column process[] = {
    {"version", "/version", COLUMN_TEXT, 0},
    {"running since", "/started", COLUMN_TIME, 0},
    {"configuration", "/generation", COLUMN_TEXT, 0},
    {"in flight", "/in_flight", COLUMN_TEXT, 0},
    {"connections", "/connections", COLUMN_TEXT, 0},
    {"buffered", "/buffered_bytes", COLUMN_BYTES, 0},
    {"memory", "/resident_bytes", COLUMN_BYTES, 0},
    {"keys", "/keys", COLUMN_TEXT, 0},
    {"store", "/store/name", COLUMN_TEXT, 128},
    {"store open", "/store/open", COLUMN_FLAG, 0},
    {"store closed", "/store/why", COLUMN_TEXT, 128},
    {"durability", "/store/durability", COLUMN_TEXT, 96},
    {"facts written", "/store/facts_written", COLUMN_TEXT, 0},
    {"facts lost", "/store/facts_lost", COLUMN_TEXT, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column targets[] = {
    {"TARGET", "/name", COLUMN_TEXT, 24},      {"PROVIDER", "/provider", COLUMN_TEXT, 16},
    {"BREAKER", "/breaker", COLUMN_TEXT, 0},   {"OPENINGS", "/openings", COLUMN_TEXT, 0},
    {"ATTEMPTS", "/attempts", COLUMN_TEXT, 0}, {"FAILURES", "/failures", COLUMN_TEXT, 0},
    {"RUNNING", "/in_flight", COLUMN_TEXT, 0}, {"LAST ERROR", "/last_error", COLUMN_TEXT, 48},
    {"AT", "/last_error_at", COLUMN_TIME, 0},  {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column routes[] = {
    {"ROUTE", "/name", COLUMN_TEXT, 24},
    {"TIERS", "/tiers", COLUMN_TEXT, 48},
    {"STOPPED", "/stopped", COLUMN_TEXT, 0},
    {"EXCHANGES", "/exchanges", COLUMN_TEXT, 0},
    {"FALLBACKS", "/fallbacks", COLUMN_TEXT, 0},
    {"FAILURES", "/failures", COLUMN_TEXT, 0},
    {"INCIDENTS", "/incidents/count", COLUMN_TEXT, 0},
    {"MTTR", "/incidents/mttr_us_mean", COLUMN_US, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column agents[] = {
    {"AGENT", "/name", COLUMN_TEXT, 24},
    {"OWNER", "/owner", COLUMN_TEXT, 16},
    {"STOPPED", "/stopped", COLUMN_TEXT, 0},
    {"TODAY", "/day_microusd", COLUMN_MICROUSD, 0},
    {"OF", "/day_microusd_max", COLUMN_MICROUSD, 0},
    {"THIS MONTH", "/month_microusd", COLUMN_MICROUSD, 0},
    {"OF", "/month_microusd_max", COLUMN_MICROUSD, 0},
    {NULL, NULL, COLUMN_TEXT, 0},
};

static const struct column stops[] = {{"STOPPED", "/kind", COLUMN_TEXT, 0},
                                      {"NAME", "/name", COLUMN_TEXT, 64},
                                      {NULL, NULL, COLUMN_TEXT, 0}};

static enum err write_status(struct shown *shown)
{
    static const struct {
        const char *pointer;
        const struct column *columns;
        const char *none;
    } parts[] = {{"/targets", targets, "no targets"},
                 {"/routes", routes, "no routes"},
                 {"/agents", agents, "no agents"},
                 {"/stops", stops, "nothing is stopped"}};
    enum err code = table_write_record(&shown->json, JSON_ROOT, process, &shown->out);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && code == ERR_OK; i++) {
        code = buf_add_byte(&shown->out, '\n');
        code = code == ERR_OK
                   ? table_write(&shown->json, json_path(&shown->json, str_of(parts[i].pointer)),
                                 parts[i].columns, parts[i].none, &shown->out)
                   : code;
    }
    return code;
}

int cmd_status(const struct cli *cli)
{
    struct shown shown;
    shown_init(&shown);
    int exit_code = control_get(cli, "/api/status", &shown);
    if (exit_code == CLI_OK && cli_flag(cli, "--json")) {
        exit_code = shown_record(cli, &shown, process);
    } else if (exit_code == CLI_OK) {
        exit_code = shown_parse(cli, &shown) ? shown_print(cli, &shown, write_status(&shown))
                                             : CLI_BROKEN;
    }
    shown_end(&shown);
    return exit_code;
}
