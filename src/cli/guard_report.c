/* SPDX-License-Identifier: Apache-2.0
 * guard_report.c - `aire guard report`: what guardrails did, and would have done, by what the
 * record says; and the standard's security figures (S8), each with its n and interval. */
#include "base/must.h"
#include "cli/read.h"
#include "console/views.h"
#include "security/guard.h"
#include "security/guard_figures.h"

#define ROWS_MAX   100000 /* newest ones; older ones are left out, and that is said */
#define US_PER_DAY INT64_C(86400000000)

/* Facts of interaction and security, newest first. ?1 keys from it on, ?2 how many. */
static const struct statement rows_since = {
    "SELECT key, facts FROM exchanges WHERE key >= ?1 AND key % 8 IN (0, 4)"
    " ORDER BY key DESC LIMIT ?2",
    2};

enum side { SIDE_INPUT, SIDE_OUTPUT, SIDES };
static const char *const side_names[SIDES] = {"input", "output"};

struct tally {
    uint64_t evaluated;
    uint64_t found; /* requests or answers with at least one finding */
    uint64_t not_evaluated;
    uint64_t blocked;
    uint64_t redacted;
    uint64_t would_block;
    uint64_t would_redact;
};

struct report {
    struct tally tallies[SIDES][GUARDS];
    struct guard_counts counts;
};

/* ---- adding up ---- */

static enum side side_of(const struct event_view *event)
{
    struct str direction = STR("");
    (void)event_get_str(event, "direction", &direction);
    return str_equal(direction, STR("output")) ? SIDE_OUTPUT : SIDE_INPUT;
}

/* "pii=found:2": the state of one guardrail. */
static void add_state(struct tally *tallies, struct str word)
{
    size_t sign = str_find_byte(word, '=');
    enum guard_id guard = guard_of_name(str_cut(word, 0, sign));
    if (sign == SIZE_MAX || guard == GUARDS) {
        return;
    }
    struct str state = str_cut(word, sign + 1, word.len);
    struct tally *tally = &tallies[guard];
    if (str_starts(state, STR("not_evaluated"))) {
        tally->not_evaluated++;
        return;
    }
    tally->evaluated++;
    tally->found += str_starts(state, STR("found")) ? 1 : 0;
}

static void add_judged(struct report *report, const struct event_view *event)
{
    struct str summary = STR("");
    struct str word;
    (void)event_get_str(event, "summary", &summary);
    while (str_split(&summary, ' ', &word)) {
        add_state(report->tallies[side_of(event)], word);
    }
}

static void add_found(struct report *report, const struct event_view *event)
{
    struct str name = STR("");
    struct str verdict = STR("");
    struct str mode = STR("");
    (void)event_get_str(event, "guardrail", &name);
    (void)event_get_str(event, "verdict", &verdict);
    (void)event_get_str(event, "mode", &mode);
    enum guard_id guard = guard_of_name(name);
    enum side side = side_of(event);
    if (guard == GUARDS) {
        return;
    }
    struct tally *tally = &report->tallies[side][guard];
    bool enforced = str_equal(mode, STR("enforce"));
    bool blocks = str_equal(verdict, STR("block")) || str_equal(verdict, STR("escalate"));
    bool redacts = str_equal(verdict, STR("redact"));
    tally->blocked += enforced && blocks ? 1 : 0;
    tally->redacted += enforced && redacts ? 1 : 0;
    tally->would_block += !enforced && blocks ? 1 : 0;
    tally->would_redact += !enforced && redacts ? 1 : 0;
    report->counts.attempts += guard == GUARD_INJECTION ? 1 : 0;
    report->counts.attempts_blocked += guard == GUARD_INJECTION && enforced && blocks ? 1 : 0;
    report->counts.leaks += side == SIDE_OUTPUT && guard_is_private(guard) && !enforced &&
                                    (blocks || redacts)
                                ? 1
                                : 0;
}

static void add_rows(struct report *report, const struct store_query *query)
{
    for (size_t i = 0; i < query->row_count; i++) {
        struct str facts = query->rows[i * query->columns + 1].bytes;
        struct event_view event;
        while (facts.len > 0 && event_next(&gateway_events, &facts, &event) == ERR_OK) {
            if (event.type == &event_type_guards_judged) {
                add_judged(report, &event);
            } else if (event.type == &event_type_guard_found) {
                add_found(report, &event);
            }
        }
    }
    report->counts.rows = query->row_count;
    report->counts.capped = query->row_count == ROWS_MAX;
}

/* ---- showing ---- */

static void put_tally(struct json_writer *w, enum side side, enum guard_id guard,
                      const struct tally *tally)
{
    struct interval share = interval_wilson((size_t)tally->found, (size_t)tally->evaluated,
                                            INTERVAL_95);
    json_begin_object(w);
    json_member_cstr(w, "side", side_names[side]);
    json_member_str(w, "guardrail", guard_name(guard));
    json_member_u64(w, "evaluated", tally->evaluated);
    json_member_u64(w, "found", tally->found);
    json_member_double(w, "found_low", share.low);
    json_member_double(w, "found_high", share.high);
    json_member_u64(w, "blocked", tally->blocked);
    json_member_u64(w, "redacted", tally->redacted);
    json_member_u64(w, "would_block", tally->would_block);
    json_member_u64(w, "would_redact", tally->would_redact);
    json_member_u64(w, "not_evaluated", tally->not_evaluated);
    json_end_object(w);
}

static int show_figures(const struct figure figures[GUARD_FIGURES], bool capped)
{
    int exit_code = CLI_OK;
    for (int i = 0; i < GUARD_FIGURES && exit_code == CLI_OK; i++) {
        const struct figure *f = &figures[i];
        exit_code = cli_printf("%-28s %10.4g  [%.4g, %.4g]  n=%llu  target %s: %s\n", f->name,
                               f->value, f->interval.low, f->interval.high,
                               (unsigned long long)f->n, f->target, gate_names[f->gate]);
    }
    if (capped && exit_code == CLI_OK) {
        exit_code = cli_printf("only the newest %d rows were read\n", ROWS_MAX);
    }
    return exit_code;
}

static int show(const struct cli *cli, const struct report *report, const struct figure *figures)
{
    static const struct column columns[] = {{"SIDE", "/side", COLUMN_TEXT, 0},
                                            {"GUARDRAIL", "/guardrail", COLUMN_TEXT, 0},
                                            {"EVALUATED", "/evaluated", COLUMN_TEXT, 0},
                                            {"FOUND", "/found", COLUMN_TEXT, 0},
                                            {"BLOCKED", "/blocked", COLUMN_TEXT, 0},
                                            {"REDACTED", "/redacted", COLUMN_TEXT, 0},
                                            {"WOULD BLOCK", "/would_block", COLUMN_TEXT, 0},
                                            {"WOULD REDACT", "/would_redact", COLUMN_TEXT, 0},
                                            {"NOT EVALUATED", "/not_evaluated", COLUMN_TEXT, 0},
                                            {NULL, NULL, COLUMN_TEXT, 0}};
    struct shown shown;
    shown_init(&shown);
    json_begin_array(&shown.w);
    for (int side = 0; side < SIDES; side++) {
        for (int guard = 0; guard < GUARDS; guard++) {
            const struct tally *tally = &report->tallies[side][guard];
            if (tally->evaluated + tally->not_evaluated > 0) {
                put_tally(&shown.w, (enum side)side, (enum guard_id)guard, tally);
            }
        }
    }
    json_end_array(&shown.w);
    int exit_code = shown_list(cli, &shown, "", columns, "no guardrail has judged anything");
    shown_end(&shown);
    return exit_code == CLI_OK && !cli_flag(cli, "--json")
               ? show_figures(figures, report->counts.capped)
               : exit_code;
}

static int gate_exit(const struct figure figures[GUARD_FIGURES])
{
    int exit_code = CLI_OK;
    for (int i = 0; i < GUARD_FIGURES; i++) {
        if (figures[i].gate == GATE_FAIL) {
            return CLI_FAILED;
        }
        exit_code = figures[i].gate == GATE_INCONCLUSIVE ? CLI_INCONCLUSIVE : exit_code;
    }
    return exit_code;
}

int cmd_guard_report(const struct cli *cli)
{
    uint64_t days = 7;
    struct report report = {0};
    struct figure figures[GUARD_FIGURES];
    struct store_query query;
    if (!cli_number(cli, "--since", 1, 3650, &days)) {
        return CLI_USAGE;
    }
    int64_t from_us = env_wall(cli->env).us - (int64_t)days * US_PER_DAY;
    int64_t from = from_us > 0 ? ((from_us / 1000) << 16) * EVENT_CLASS_SLOTS : 0;
    const struct value values[] = {value_of_i64(from), value_of_i64(ROWS_MAX)};
    int exit_code = read_rows(cli, &rows_since, values, ROWS_MAX, &query);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    add_rows(&report, &query);
    store_query_end(&query);
    report.counts.days = (double)days;
    guard_figures(&report.counts, figures);
    exit_code = show(cli, &report, figures);
    return exit_code == CLI_OK ? gate_exit(figures) : exit_code;
}
