/* SPDX-License-Identifier: Apache-2.0
 * audit.c - `aire audit verify | prove | export | witness`: the history of all records, checked and
 * handed out. All of them read the database themselves, beside a server or without one. */
#include "audit/bundle.h"
#include "audit/verify.h"
#include "audit/witness.h"
#include "base/must.h"
#include "cli/read.h"
#include "console/views.h"
#include "sys/file.h"

#define DOCUMENT_BYTES_MAX ((size_t)2 << 30)

/* ---- what to check against ---- */

struct against {
    struct note_key key;
    bool has_key;
    struct witness witness;
    bool has_witness;
};

/* False: it has said why, an exit code is in *exit_code. */
static bool read_key(const struct cli *cli, struct against *against, int *exit_code)
{
    const char *text = cli_option(cli, "--verifier", NULL);
    struct fault why = {0};
    against->has_key = text != NULL;
    if (text != NULL && note_key_parse(str_of(text), &against->key, &why) != ERR_OK) {
        *exit_code = cli_fail(cli, CLI_USAGE, "--verifier: %s", why.words);
        return false;
    }
    return true;
}

static bool same_key(const struct note_key *a, const struct note_key *b)
{
    return a->id == b->id && str_equal(str_of(a->name), str_of(b->name));
}

static bool read_witness(const struct cli *cli, struct against *against, struct arena *arena,
                         int *exit_code)
{
    const char *path = cli_option(cli, "--witness", NULL);
    struct fault why = {0};
    against->has_witness = path != NULL;
    if (path == NULL) {
        return true;
    }
    if (witness_read(path, arena, &against->witness, &why) != ERR_OK) {
        *exit_code = cli_fail(cli, CLI_USAGE, "--witness: %s", why.words);
        return false;
    }
    if (against->has_key && !same_key(&against->key, &against->witness.log)) {
        *exit_code = cli_fail(cli, CLI_USAGE, "the witness watches another log: %s",
                              against->witness.log.name);
        return false;
    }
    against->key = against->witness.log; /* the key that it met first */
    against->has_key = true;
    return true;
}

/* ---- verify ---- */

static void write_report(const struct audit_report *report, struct json_writer *w)
{
    json_begin_object(w);
    json_member_bool(w, "whole", report->fault_count == 0);
    json_member_u64(w, "size", report->size);
    json_member_u64(w, "records", report->records);
    json_member_u64(w, "gone", report->gone);
    json_member_u64(w, "signed", report->signed_size);
    json_member_u64(w, "older", report->older);
    json_member_cstr(w, "verifier", report->verifier[0] != '\0' ? report->verifier : NULL);
    json_member_bool(w, "pinned", report->pinned);
    json_member_u64(w, "fault_count", report->fault_count);
    json_key(w, "faults");
    json_begin_array(w);
    for (size_t i = 0; i < report->fault_count && i < AUDIT_FAULTS_MAX; i++) {
        const struct audit_fault *fault = &report->faults[i];
        json_begin_object(w);
        json_member_cstr(w, "kind", fault->kind);
        if (fault->place != AUDIT_NO_PLACE) {
            json_member_u64(w, "place", fault->place);
        }
        json_member_cstr(w, "words", fault->words);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static enum err print_report(const struct audit_report *report, struct buf *to)
{
    enum err code = ERR_OK;
    for (size_t i = 0; i < report->fault_count && i < AUDIT_FAULTS_MAX && code == ERR_OK; i++) {
        code = buf_printf(to, "%-10s %s\n", report->faults[i].kind, report->faults[i].words);
    }
    if (code == ERR_OK && report->fault_count > AUDIT_FAULTS_MAX) {
        code = buf_printf(to, "and %llu more\n",
                          (unsigned long long)report->fault_count - AUDIT_FAULTS_MAX);
    }
    if (code == ERR_OK) {
        code = buf_printf(
            to,
            "%s: %llu records are there, %llu gone by retention, %llu signed\n"
            "signed by %s%s\n",
            report->fault_count == 0 ? "whole" : "NOT WHOLE", (unsigned long long)report->records,
            (unsigned long long)report->gone, (unsigned long long)report->signed_size,
            report->verifier[0] != '\0' ? report->verifier : "nobody",
            report->pinned ? "" : " (taken on trust: compare it, or give --verifier)");
    }
    if (code == ERR_OK && report->older > 0) {
        code = buf_printf(to, "%llu rows are older than the history and not part of it\n",
                          (unsigned long long)report->older);
    }
    return code;
}

static int show_report(const struct cli *cli, const struct audit_report *report)
{
    struct shown shown;
    shown_init(&shown);
    enum err code = ERR_OK;
    if (cli_flag(cli, "--json")) {
        struct json_writer w;
        json_writer_init(&w, &shown.out);
        write_report(report, &w);
        code = json_writer_end(&w);
        code = code == ERR_OK ? buf_add_byte(&shown.out, '\n') : code;
    } else {
        code = print_report(report, &shown.out);
    }
    int exit_code = shown_print(cli, &shown, code);
    shown_end(&shown);
    return exit_code == CLI_OK && report->fault_count > 0 ? CLI_FAILED : exit_code;
}

static int verify_file(const struct cli *cli, const char *path, const struct against *against)
{
    struct audit_report report;
    struct fault why = {0};
    struct buf document;
    buf_init(&document, DOCUMENT_BYTES_MAX);
    enum err code = file_read(path, &document);
    if (code != ERR_OK) {
        buf_end(&document);
        return cli_fail(cli, CLI_BROKEN, "%.200s: %s", path, err_text(code));
    }
    code = bundle_verify(buf_str(&document), against->has_key ? &against->key : NULL,
                         against->has_witness ? &against->witness.head : NULL, &report, &why);
    buf_end(&document);
    return code == ERR_OK ? show_report(cli, &report)
                          : cli_fail(cli, CLI_USAGE, "%.180s: %s", path, why.words);
}

static int verify_store(const struct cli *cli, const struct against *against)
{
    struct audit_report report;
    struct store *store;
    int exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    const struct audit_verify verify = {.store = store,
                                        .key = against->has_key ? &against->key : NULL,
                                        .witness = against->has_witness ? &against->witness.head
                                                                        : NULL};
    enum err code = audit_verify(&verify, &report);
    store_close(store);
    return code == ERR_OK
               ? show_report(cli, &report)
               : cli_fail(cli, CLI_BROKEN, "the database cannot be read: %s", err_text(code));
}

int cmd_audit_verify(const struct cli *cli)
{
    const char *path = cli_option(cli, "--file", NULL);
    struct against against = {.has_key = false};
    struct arena *arena = arena_new(4096);
    int exit_code = CLI_OK;
    if (read_key(cli, &against, &exit_code) && read_witness(cli, &against, arena, &exit_code)) {
        exit_code = path != NULL ? verify_file(cli, path, &against) : verify_store(cli, &against);
    }
    arena_free(arena);
    return exit_code;
}

/* ---- export, prove ---- */

static bool print_lines(void *object, struct str lines)
{
    (void)object;
    return file_print(lines) == ERR_OK;
}

int cmd_audit_export(const struct cli *cli)
{
    struct store *store;
    struct fault why = {0};
    int exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    enum err code = bundle_export(store, print_lines, NULL, &why);
    store_close(store);
    if (code == ERR_CANCELLED) {
        return CLI_BROKEN; /* nobody reads on */
    }
    return code == ERR_OK ? CLI_OK : cli_fail(cli, CLI_BROKEN, "%s", why.words);
}

static int print_document(const struct cli *cli, struct shown *shown, enum err code,
                          const struct fault *why)
{
    if (code != ERR_OK) {
        return cli_fail(cli, code == ERR_NOT_FOUND || code == ERR_DENIED ? CLI_FAILED : CLI_BROKEN,
                        "%s", why->words);
    }
    code = json_writer_end(&shown->w);
    code = code == ERR_OK ? buf_add_byte(&shown->text, '\n') : code;
    return code == ERR_OK ? cli_print(buf_str(&shown->text))
                          : cli_fail(cli, CLI_BROKEN, "the proof is too large");
}

/* Exactly one of them. */
static bool what_to_prove(const struct cli *cli, int64_t *number, struct witness *from,
                          struct arena *arena, int *exit_code)
{
    const char *id = cli_word(cli, 0);
    const char *path = cli_option(cli, "--from", NULL);
    struct fault why = {0};
    if ((id == NULL) == (path == NULL)) {
        *exit_code = cli_fail(cli, CLI_USAGE, "either the id of an exchange or --from FILE");
        return false;
    }
    if (path != NULL && witness_read(path, arena, from, &why) != ERR_OK) {
        *exit_code = cli_fail(cli, CLI_USAGE, "--from: %s", why.words);
        return false;
    }
    *number = id != NULL ? ledger_number(str_of(id)) : -1;
    if (id != NULL && *number < 0) {
        *exit_code = cli_fail(cli, CLI_USAGE,
                              "'%.40s' is not the id of an exchange (ex and 16 digits)", id);
        return false;
    }
    return true;
}

int cmd_audit_prove(const struct cli *cli)
{
    struct arena *arena = arena_new(4096);
    struct store *store = NULL;
    struct witness from;
    struct fault why = {0};
    struct shown shown;
    int64_t number = -1;
    int exit_code = CLI_OK;
    shown_init(&shown);
    if (what_to_prove(cli, &number, &from, arena, &exit_code)) {
        exit_code = read_open(cli, &store);
    }
    if (store != NULL) {
        enum err code = number >= 0
                            ? bundle_prove(store, number * EVENT_CLASS_SLOTS,
                                           number * EVENT_CLASS_SLOTS + (EVENT_CLASS_SLOTS - 1),
                                           &shown.w, &why)
                            : bundle_growth(store, from.note, &shown.w, &why);
        store_close(store);
        exit_code = print_document(cli, &shown, code, &why);
    }
    shown_end(&shown);
    arena_free(arena);
    return exit_code;
}

/* ---- witness ---- */

int cmd_audit_witness(const struct cli *cli)
{
    static const struct column lines[] = {{"records before", "/before", COLUMN_TEXT, 0},
                                          {"records now", "/size", COLUMN_TEXT, 0},
                                          {"to do", "/to_do", COLUMN_TEXT, 200},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    struct against against = {.has_key = false};
    struct witness_step step;
    struct store *store;
    struct fault why = {0};
    int exit_code = CLI_OK;
    if (!read_key(cli, &against, &exit_code)) {
        return exit_code;
    }
    exit_code = read_open(cli, &store);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    enum err code = witness_watch(cli_word(cli, 0), store, cli->env,
                                  against.has_key ? &against.key : NULL, &step, &why);
    store_close(store);
    if (code != ERR_OK) {
        return cli_fail(cli, code == ERR_DENIED ? CLI_FAILED : CLI_BROKEN, "%s", why.words);
    }
    struct shown shown;
    shown_init(&shown);
    json_begin_object(&shown.w);
    json_member_u64(&shown.w, "before", step.before);
    json_member_u64(&shown.w, "size", step.size);
    json_member_cstr(&shown.w, "to_do",
                     step.first && !against.has_key
                         ? "the log's key was taken on trust: compare 'verifier' in the file"
                         : NULL);
    json_end_object(&shown.w);
    exit_code = shown_record(cli, &shown, lines);
    shown_end(&shown);
    return exit_code;
}
