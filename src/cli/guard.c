/* SPDX-License-Identifier: Apache-2.0
 * guard.c - `aire guard`: the guardrails of a configuration on texts from standard input, a JSON
 * line each. */
#include "base/must.h"
#include "cli/lines.h"
#include "cli/loaded.h"
#include "security/guard_input.h"
#include "security/sanitize.h"
#include "security/secrets.h"

/* One command's world. */
struct guarding {
    const struct cli *cli;
    struct loaded loaded;
    const struct guard_set *set;
    struct guard_side side; /* where the command asks for one of its own */
    struct pii pii;
    struct seal_key key;
};

static int open_set(const struct cli *cli, struct guarding *g)
{
    struct fault fault = {0};
    const char *config = cli_config(cli);
    struct str name = str_of(cli_option(cli, "--set", "default"));
    *g = (struct guarding){.cli = cli};
    env_entropy(cli->env, g->key.bytes, sizeof g->key.bytes);
    if (loaded_open(cli, config, &g->loaded, &fault) != ERR_OK) {
        return cli_fail(cli, CLI_USAGE, "%s:%u:%u: %s", config != NULL ? config : "defaults",
                        fault.line, fault.column, fault.words);
    }
    const struct generation *generation = g->loaded.generation;
    for (size_t i = 0; i < generation->guard_set_count; i++) {
        if (str_equal(generation->guard_sets[i]->name, name)) {
            g->set = generation->guard_sets[i];
        }
    }
    if (g->set == NULL) {
        loaded_close(&g->loaded);
        return cli_fail(cli, CLI_USAGE, "no set of guardrails is named '%.*s'", (int)name.len,
                        name.at);
    }
    return CLI_OK;
}

/* "from" of a line: where the text came from; a user's otherwise. */
static enum provenance provenance_of(const struct line *line)
{
    uint32_t source = json_get(line->json, JSON_ROOT, STR("from"));
    for (int i = 0; i < PROVENANCES; i++) {
        if (json_string_is(line->json, source, str_of(provenance_name((enum provenance)i)))) {
            return (enum provenance)i;
        }
    }
    return PROVENANCE_USER;
}

static void judge(struct guarding *g, const struct guard_side *side, const struct line *line,
                  struct guard_text *text, struct guard_input *input)
{
    *text = (struct guard_text){line->text, provenance_of(line), GUARD_TEXT};
    *input = (struct guard_input){.side = side,
                                  .model = g->loaded.generation->injection,
                                  .vault = vault_new(&g->key),
                                  .arena = line->arena,
                                  .texts = text,
                                  .count = 1};
    guard_input_judge(input);
}

static void put_findings(struct json_writer *w, const struct guard_report *report)
{
    json_key(w, "findings");
    json_begin_array(w);
    for (size_t i = 0; i < report->count; i++) {
        const struct guard_finding *finding = &report->findings[i];
        json_begin_object(w);
        json_member_str(w, "guardrail", guard_name(finding->guard));
        json_member_str(w, "rule", finding->rule);
        json_member_u64(w, "start", finding->start);
        json_member_u64(w, "end", finding->end);
        json_member_double(w, "score", finding->score);
        json_member_cstr(w, "verdict", verdict_name(finding->verdict));
        json_member_cstr(w, "mode", mode_name(finding->observed ? MODE_OBSERVE : MODE_ENFORCE));
        json_end_object(w);
    }
    json_end_array(w);
    if (report->total > report->count) {
        json_member_u64(w, "findings_more", report->total - report->count);
    }
}

static void scan_row(void *object, const struct line *line, struct json_writer *w)
{
    struct guarding *g = object;
    struct guard_input input;
    struct guard_text text;
    judge(g, &g->set->input, line, &text, &input);
    json_member_double(w, "score", input.report.scores[GUARD_INJECTION]);
    json_member_cstr(w, "verdict", verdict_name(input.report.verdict));
    json_member_str(w, "summary", guard_summary(&input.report, line->arena));
    put_findings(w, &input.report);
    vault_free(input.vault);
}

static int run(struct guarding *g,
               void (*row)(void *object, const struct line *line, struct json_writer *w))
{
    int exit_code = lines_each(g->cli, row, g);
    loaded_close(&g->loaded);
    return exit_code;
}

int cmd_guard_scan(const struct cli *cli)
{
    struct guarding g;
    int exit_code = open_set(cli, &g);
    return exit_code == CLI_OK ? run(&g, scan_row) : exit_code;
}

/* All of them, however many; a report tells but the first. */
static double put_spans(struct json_writer *w, const struct finder *finder, struct str text,
                        struct str (*type)(uint16_t kind))
{
    struct spans found = {0};
    double score = 0;
    finder_find(finder, text, &found);
    json_key(w, "spans");
    json_begin_array(w);
    for (size_t i = 0; i < found.count; i++) {
        const struct span *span = &found.items[i];
        score = (double)span->score > score ? (double)span->score : score;
        json_begin_object(w);
        json_member_u64(w, "start", span->start);
        json_member_u64(w, "end", span->end);
        json_member_str(w, "type", type(span->kind));
        json_end_object(w);
    }
    json_end_array(w);
    spans_end(&found);
    return score;
}

/* ---- redact ---- */

static struct str label_of(uint16_t kind)
{
    return pii_label((enum pii_entity)kind);
}

static void redact_row(void *object, const struct line *line, struct json_writer *w)
{
    struct guarding *g = object;
    struct guard_input input;
    struct guard_text text;
    struct buf redacted;
    size_t at = 0;
    enum err code = ERR_OK;
    judge(g, &g->side, line, &text, &input);
    buf_init(&redacted, 64 * line->text.len + 4096);
    for (size_t i = 0; i < input.edit_count && code == ERR_OK; i++) {
        code = buf_add(&redacted, str_cut(line->text, at, input.edits[i].from));
        code = code == ERR_OK ? buf_add(&redacted, input.edits[i].with) : code;
        at = input.edits[i].to;
    }
    code = code == ERR_OK ? buf_add(&redacted, str_cut(line->text, at, line->text.len)) : code;
    must(code == ERR_OK);
    json_member_str(w, "text", buf_str(&redacted));
    put_spans(w, &g->side.acting.finders[0], line->text, label_of);
    buf_end(&redacted);
    vault_free(input.vault);
}

/* Personal data of every kind, whatever the set does with it; nothing else. */
int cmd_guard_redact(const struct cli *cli)
{
    struct guarding g;
    int exit_code = open_set(cli, &g);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    pii_init(&g.pii, (UINT64_C(1) << PII_ENTITIES) - 1);
    g.side.modes[GUARD_PII] = MODE_ENFORCE;
    g.side.restores = true;
    g.side.acting.items[0] = (struct guard_probe){.finder = pii_finder(&g.pii),
                                                  .guard = GUARD_PII,
                                                  .mode = MODE_ENFORCE,
                                                  .verdict = VERDICT_REDACT,
                                                  .rule = label_of,
                                                  .label = label_of};
    g.side.acting.finders[0] = g.side.acting.items[0].finder;
    g.side.acting.count = 1;
    return run(&g, redact_row);
}

/* ---- secrets ---- */

static void secrets_row(void *object, const struct line *line, struct json_writer *w)
{
    const struct secrets *secrets = object;
    struct finder finder = secrets_finder(secrets);
    json_member_double(w, "score", put_spans(w, &finder, line->text, secrets_name));
}

int cmd_guard_secrets(const struct cli *cli)
{
    struct secrets secrets;
    secrets_init(&secrets);
    return lines_each(cli, secrets_row, &secrets);
}

/* ---- sanitize ---- */

static void sanitize_row(void *object, const struct line *line, struct json_writer *w)
{
    struct sanitize_result result;
    (void)object;
    sanitize(line->text, SANITIZE_PROMPT, line->arena, &result);
    json_member_str(w, "text", result.view.text);
    json_member_str(w, "hidden", result.hidden);
    json_key(w, "findings");
    json_begin_object(w);
    for (int i = 0; i < SANITIZE_KINDS; i++) {
        if (result.counts[i] > 0) {
            json_member_u64(w, sanitize_kind_name((enum sanitize_kind)i), result.counts[i]);
        }
    }
    json_end_object(w);
}

int cmd_guard_sanitize(const struct cli *cli)
{
    return lines_each(cli, sanitize_row, NULL);
}

/* ---- explain ---- */

#define REASONS_MAX 12

static void put_reasons(struct json_writer *w, const struct injection_reason *reasons, size_t count)
{
    json_key(w, "reasons");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(w);
        json_member_str(w, "text", reasons[i].text);
        json_member_cstr(w, "family", reasons[i].family);
        json_member_cstr(w, "class", reasons[i].class);
        json_member_double(w, "weight", reasons[i].weight);
        json_end_object(w);
    }
    json_end_array(w);
}

static void explain_row(void *object, const struct line *line, struct json_writer *w)
{
    struct guarding *g = object;
    struct injection_result result;
    struct injection_reason reasons[REASONS_MAX];
    const struct injection_model *model = g->loaded.generation->injection;
    injection_scan(model, line->text, provenance_of(line), line->arena, &result);
    size_t count = injection_explain(model, &result, reasons, REASONS_MAX);
    json_member_double(w, "score", result.score);
    json_key(w, "spans");
    json_begin_array(w);
    for (size_t i = 0; i < result.span_count; i++) {
        json_begin_object(w);
        json_member_u64(w, "start", result.spans[i].start);
        json_member_u64(w, "end", result.spans[i].end);
        json_member_double(w, "score", result.spans[i].score);
        json_member_cstr(w, "view", result.spans[i].view);
        json_end_object(w);
    }
    json_end_array(w);
    put_reasons(w, reasons, count);
}

int cmd_guard_explain(const struct cli *cli)
{
    struct guarding g;
    int exit_code = open_set(cli, &g);
    return exit_code == CLI_OK ? run(&g, explain_row) : exit_code;
}
