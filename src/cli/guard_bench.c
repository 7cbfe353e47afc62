/* SPDX-License-Identifier: Apache-2.0
 * guard_bench.c - `aire guard bench`: what guardrails cost on this machine, against their targets.
 *
 * Every measure is taken once a round, rounds follow one another, so that a disturbance hits all of
 * them alike; a measure is the median of its rounds. A target is met or missed when the interval of
 * the median lies on one side of it.
 */
#include "base/must.h"
#include "cli/guard_texts.h"
#include "cli/read.h"
#include "security/guard_figures.h"
#include "security/guard_input.h"
#include "security/guard_output.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS        9
#define BLOCK_NS      UINT64_C(4000000) /* one measurement takes at least so long */
#define CHUNK         KIB(8)
#define SAMPLE        KIB(64)
#define FILE_MAX      ((size_t)64 << 20)
#define DELTAS        64 /* of one stream */
#define WORDS_A_DELTA 8
#define INPUT_TARGET  25  /* us a KiB */
#define DELTA_TARGET  1.5 /* us */
#define MEASURES_MAX  48
#define NAME_BYTES    64

static const enum guard_id parts[] = {GUARD_SANITIZE, GUARD_INJECTION, GUARD_HIERARCHY,
                                      GUARD_PII,      GUARD_SECRETS,   GUARD_PROFANITY};
#define PARTS     (sizeof parts / sizeof parts[0])
#define ALL_PARTS PARTS

struct bench;

/* One line of the result. `run` does the work `times` over. */
struct measure {
    char name[NAME_BYTES];
    const char *unit;
    double target; /* 0: none */
    void (*run)(struct bench *bench, const struct measure *measure, size_t times);
    const struct guard_set *set;
    struct str text;
    size_t size;    /* bytes judged at once */
    double units;   /* in one run */
    double ns_unit; /* nanoseconds that `unit` counts as one */
    double values[ROUNDS];
};

struct bench {
    const struct cli *cli;
    struct arena *arena; /* of sets and texts */
    const struct guard_set *sets[PARTS + 1];
    struct buf texts[TEXT_KINDS];
    size_t text_count;
    struct injection_model *model;
    struct seal_key key;
    struct measure *measures;
    size_t count;
};

/* ---- sets ---- */

/* A part alone, or ALL_PARTS: all of them, and the output side. */
static enum err compile(struct arena *arena, size_t part, struct guard_set **set,
                        struct fault *fault)
{
    char text[1024];
    size_t len = 0;
    const struct yaml *root = NULL;
    struct settings_load load = {.arena = arena, .fault = fault};
    const struct guard_sources sources = {.settings = &load};
    len += (size_t)snprintf(text, sizeof text, "input:\n");
    for (size_t i = 0; i < PARTS; i++) {
        const char *mode = part == i || part == ALL_PARTS ? "enforce" : "off";
        struct str name = guard_name(parts[i]);
        len += (size_t)snprintf(text + len, sizeof text - len, "  %.*s: {mode: %s}\n",
                                (int)name.len, name.at, mode);
    }
    static const char output[] = "output:\n  pii: {mode: enforce}\n  secrets: {mode: enforce}\n"
                                 "  hierarchy: {mode: enforce}\n  profanity: {mode: enforce}\n"
                                 "  length: {mode: enforce}\n  prompt_leak: {mode: enforce}\n";
    len += (size_t)snprintf(text + len, sizeof text - len, "%s", part == ALL_PARTS ? output : "");
    must(len < sizeof text);
    enum err code = yaml_parse((struct str){text, len}, arena, &root, fault);
    return code == ERR_OK ? guard_set_load(&sources, STR("bench"), root, set) : code;
}

/* ---- work ---- */

static void judge_chunks(struct bench *bench, const struct measure *measure, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        for (size_t at = 0; at + measure->size <= measure->text.len; at += measure->size) {
            struct arena *arena = arena_new(KIB(64));
            struct guard_text text = {str_cut(measure->text, at, at + measure->size),
                                      PROVENANCE_USER, GUARD_TEXT};
            struct guard_input input = {.side = &measure->set->input,
                                        .model = bench->model,
                                        .vault = vault_new(&bench->key),
                                        .arena = arena,
                                        .texts = &text,
                                        .count = 1};
            guard_input_judge(&input);
            vault_free(input.vault);
            arena_free(arena);
        }
    }
}

/* Bytes of the next delta: WORDS_A_DELTA words. */
static size_t delta_of(struct str text, size_t at)
{
    size_t end = at;
    for (size_t words = 0; end < text.len && words < WORDS_A_DELTA; end++) {
        words += text.at[end] == ' ';
    }
    return end - at;
}

static void judge_stream(struct guard_output *output, struct str text)
{
    struct guard_channel channel;
    struct guard_edit edit;
    size_t at = 0;
    guard_channel_init(&channel, output, 0);
    for (size_t i = 0; i < DELTAS && at < text.len; i++) {
        size_t bytes = delta_of(text, at);
        must(guard_channel_feed(&channel, str_cut(text, at, at + bytes), false) == ERR_OK);
        while (guard_channel_next(&channel, &edit)) {
        }
        at += bytes;
    }
    must(guard_channel_feed(&channel, STR(""), true) == ERR_OK);
    while (guard_channel_next(&channel, &edit)) {
    }
    guard_channel_end(&channel);
}

static void judge_deltas(struct bench *bench, const struct measure *measure, size_t times)
{
    static const struct str prompt = STR_CONST(
        "You are a helpful clerk of a museum. Answer questions about opening hours, tickets and "
        "exhibitions in short sentences, and never promise a refund to anybody.");
    struct arena *arena = arena_new(KIB(64));
    struct vault *vault = vault_new(&bench->key);
    const struct leak_asked asked = {.prompts = &prompt, .prompt_count = 1};
    struct leak *leak = leak_new(&asked, arena);
    for (size_t i = 0; i < times; i++) {
        struct guard_output output;
        guard_output_init(&output, &measure->set->output, vault, leak, arena);
        judge_stream(&output, measure->text);
    }
    vault_free(vault);
    arena_free(arena);
}

static void compile_set(struct bench *bench, const struct measure *measure, size_t times)
{
    (void)bench;
    (void)measure;
    for (size_t i = 0; i < times; i++) {
        struct arena *arena = arena_new(KIB(64));
        struct fault fault = {.line = 0};
        struct guard_set *set = NULL;
        must(compile(arena, ALL_PARTS, &set, &fault) == ERR_OK);
        arena_free(arena);
    }
}

/* ---- what is measured ---- */

static struct measure *add(struct bench *bench, const struct measure *measure)
{
    must(bench->count < MEASURES_MAX);
    bench->measures[bench->count] = *measure;
    return &bench->measures[bench->count++];
}

static void add_input(struct bench *bench, const char *kind, struct str text)
{
    size_t size = text.len < CHUNK ? text.len : CHUNK;
    size_t chunks = text.len / size;
    for (size_t i = 0; i <= PARTS; i++) {
        struct str part = i == ALL_PARTS ? STR("all") : guard_name(parts[i]);
        struct measure *m = add(bench,
                                &(struct measure){.unit = "us/KiB",
                                                  .target = i == ALL_PARTS ? INPUT_TARGET : 0,
                                                  .run = judge_chunks,
                                                  .set = bench->sets[i],
                                                  .text = text,
                                                  .size = size,
                                                  .units = (double)(chunks * size) / KIB(1),
                                                  .ns_unit = NS_PER_US});
        snprintf(m->name, sizeof m->name, "%.*s, %s", (int)part.len, part.at, kind);
    }
}

static void add_rest(struct bench *bench)
{
    struct str text = buf_str(&bench->texts[0]);
    const struct guard_set *all = bench->sets[ALL_PARTS];
    for (size_t size = KIB(2); size <= KIB(8) && size <= text.len; size *= 4) {
        size_t chunks = text.len / size;
        struct measure *m = add(bench, &(struct measure){.unit = "us",
                                                         .run = judge_chunks,
                                                         .set = all,
                                                         .text = text,
                                                         .size = size,
                                                         .units = (double)chunks,
                                                         .ns_unit = NS_PER_US});
        snprintf(m->name, sizeof m->name, "a request of %zu KiB", size / KIB(1));
    }
    size_t deltas = 0;
    for (size_t at = 0; at < text.len && deltas < DELTAS; deltas++) {
        at += delta_of(text, at);
    }
    add(bench, &(struct measure){.name = "a streamed delta",
                                 .unit = "us",
                                 .target = DELTA_TARGET,
                                 .run = judge_deltas,
                                 .set = all,
                                 .text = text,
                                 .units = (double)deltas,
                                 .ns_unit = NS_PER_US});
    add(bench, &(struct measure){.name = "a set is compiled",
                                 .unit = "ms",
                                 .run = compile_set,
                                 .set = all,
                                 .units = 1,
                                 .ns_unit = NS_PER_MS});
}

static double timed(struct bench *bench, const struct measure *measure, size_t times)
{
    struct instant begin = env_instant(bench->cli->env);
    measure->run(bench, measure, times);
    return (double)(env_instant(bench->cli->env).ns - begin.ns);
}

static void measure_all(struct bench *bench)
{
    size_t times[MEASURES_MAX] = {0};
    for (size_t i = 0; i < bench->count; i++) {
        timed(bench, &bench->measures[i], 1); /* fills caches */
        double once = timed(bench, &bench->measures[i], 1);
        times[i] = 1 + (size_t)((double)BLOCK_NS / (once + 1));
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < bench->count; i++) {
            struct measure *m = &bench->measures[i];
            m->values[round] = timed(bench, m, times[i]) / (double)times[i] / m->units / m->ns_unit;
        }
    }
}

/* ---- the result ---- */

static int in_order(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void put_number(struct json_writer *w, const char *key, double value)
{
    json_member_double(w, key, (double)(uint64_t)(value * 1000 + 0.5) / 1000);
}

/* What the measure says of its target, and the row. */
static int put_measure(struct json_writer *w, struct measure *m)
{
    qsort(m->values, ROUNDS, sizeof m->values[0], in_order);
    struct interval interval = interval_median(m->values, ROUNDS);
    enum gate gate = interval.high <= m->target ? GATE_PASS
                     : interval.low > m->target ? GATE_FAIL
                                                : GATE_INCONCLUSIVE;
    char target[32] = "-";
    json_begin_object(w);
    json_member_cstr(w, "measure", m->name);
    put_number(w, "value", m->values[ROUNDS / 2]);
    put_number(w, "low", interval.low);
    put_number(w, "high", interval.high);
    json_member_cstr(w, "unit", m->unit);
    if (m->target > 0) {
        snprintf(target, sizeof target, "<= %g", m->target);
    }
    json_member_cstr(w, "target", target);
    json_member_cstr(w, "verdict", m->target > 0 ? gate_names[gate] : "-");
    json_end_object(w);
    if (m->target <= 0 || gate == GATE_PASS) {
        return CLI_OK;
    }
    return gate == GATE_FAIL ? CLI_FAILED : CLI_INCONCLUSIVE;
}

static int show(struct bench *bench)
{
    static const struct column columns[] = {
        {"MEASURE", "/measure", COLUMN_TEXT, 0}, {"MEDIAN", "/value", COLUMN_TEXT, 0},
        {"LOW", "/low", COLUMN_TEXT, 0},         {"HIGH", "/high", COLUMN_TEXT, 0},
        {"UNIT", "/unit", COLUMN_TEXT, 0},       {"TARGET", "/target", COLUMN_TEXT, 0},
        {"VERDICT", "/verdict", COLUMN_TEXT, 0}, {NULL, NULL, COLUMN_TEXT, 0}};
    struct shown shown;
    int gate = CLI_OK;
    shown_init(&shown);
    json_begin_array(&shown.w);
    for (size_t i = 0; i < bench->count; i++) {
        int said = put_measure(&shown.w, &bench->measures[i]);
        gate = said == CLI_FAILED || gate == CLI_OK ? said : gate;
    }
    json_end_array(&shown.w);
    int exit_code = shown_list(bench->cli, &shown, "", columns, "nothing was measured");
    shown_end(&shown);
    return exit_code == CLI_OK ? gate : exit_code;
}

/* ---- the command ---- */

static int read_texts(struct bench *bench)
{
    const char *path = cli_option(bench->cli, "--file", NULL);
    for (size_t i = 0; i < TEXT_KINDS; i++) {
        buf_init(&bench->texts[i], path != NULL ? FILE_MAX : 2 * SAMPLE);
    }
    if (path == NULL) {
        for (size_t i = 0; i < TEXT_KINDS; i++) {
            must(guard_text_make((enum guard_text_kind)i, SAMPLE, &bench->texts[i]) == ERR_OK);
        }
        bench->text_count = TEXT_KINDS;
        return CLI_OK;
    }
    enum err code = file_read(path, &bench->texts[0]);
    if (code != ERR_OK) {
        return cli_fail(bench->cli, CLI_USAGE, "%.200s: %s", path, err_text(code));
    }
    bench->text_count = 1;
    return bench->texts[0].len > 0 ? CLI_OK
                                   : cli_fail(bench->cli, CLI_USAGE, "%.200s is empty", path);
}

static int measured(struct bench *bench)
{
    int exit_code = read_texts(bench);
    for (size_t i = 0; i <= PARTS && exit_code == CLI_OK; i++) {
        struct fault fault = {.line = 0};
        struct guard_set *set = NULL;
        must(compile(bench->arena, i, &set, &fault) == ERR_OK);
        bench->sets[i] = set;
    }
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    for (size_t i = 0; i < bench->text_count; i++) {
        const char *kind = bench->text_count == 1 ? "the file" : guard_text_names[i];
        add_input(bench, kind, buf_str(&bench->texts[i]));
    }
    add_rest(bench);
    measure_all(bench);
    return show(bench);
}

int cmd_guard_bench(const struct cli *cli)
{
    struct bench bench = {.cli = cli, .arena = arena_new(KIB(64))};
    bench.model = injection_model_default();
    bench.measures = must_have(calloc(MEASURES_MAX, sizeof *bench.measures));
    env_entropy(cli->env, bench.key.bytes, sizeof bench.key.bytes);
    int exit_code = measured(&bench);
    for (size_t i = 0; i < TEXT_KINDS; i++) {
        buf_end(&bench.texts[i]);
    }
    free(bench.measures);
    injection_model_free(bench.model);
    arena_free(bench.arena);
    return exit_code;
}
