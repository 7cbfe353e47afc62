/* SPDX-License-Identifier: Apache-2.0
 * train.c - `aire train injection`: texts in, model.bin and manifest.json out.
 *
 * The manifest says what went in (files with their SHA-256), how (parameters) and what came out
 * (figures of sources that were left out). With --loso the figures and the calibration are
 * measured; without, they are those of the program's own model.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/train_data.h"
#include "security/injection_measure.h"
#include "stats/interval.h"
#include "sys/file.h"
#include "json/json_writer.h"

#include <stdio.h>

#define FILES_MAX  64
#define PATH_BYTES 1024

struct job {
    const struct cli *cli;
    struct corpus *corpus;
    struct train_file files[FILES_MAX];
    size_t file_count;
    struct measure measure;
    bool measured;
    struct injection_model *model;
};

static int refuse(const struct job *job, const char *path, const struct fault *fault)
{
    return fault->line > 0
               ? cli_fail(job->cli, CLI_USAGE, "%.200s:%u: %s", path, fault->line, fault->words)
               : cli_fail(job->cli, CLI_USAGE, "%.200s: %s", path, fault->words);
}

/* DIR/NAME.jsonl.gz or DIR/NAME.jsonl. */
static int read_texts(struct job *job, const char *folder, const char *name, bool needed)
{
    char path[PATH_BYTES];
    static const char *const endings[] = {"jsonl.gz", "jsonl"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s/%s.%s", folder, name, endings[i]);
        if (file_exists(path)) {
            struct fault fault = {.line = 0};
            enum err code = train_data_read(path, job->corpus, &job->files[job->file_count++],
                                            &fault);
            return code == ERR_OK ? CLI_OK : refuse(job, path, &fault);
        }
    }
    return needed ? cli_fail(job->cli, CLI_USAGE, "%.200s: no %s.jsonl.gz and no %s.jsonl", folder,
                             name, name)
                  : CLI_OK;
}

/* Every grammar that FOLDER/sources.txt names, a line each: "SOURCE FILE". */
static int read_grammars(struct job *job, const char *folder)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/sources.txt", folder);
    if (!file_exists(path)) {
        return CLI_OK;
    }
    struct buf list;
    buf_init(&list, KIB(64));
    enum err code = file_read(path, &list);
    int exit = code == ERR_OK ? CLI_OK
                              : cli_fail(job->cli, CLI_BROKEN, "%.200s: %s", path, err_text(code));
    struct str rest = buf_str(&list);
    struct str line;
    while (exit == CLI_OK && str_split(&rest, '\n', &line)) {
        struct str name;
        struct str file = str_trim(line);
        if (file.len == 0 || file.at[0] == '#' || !str_split(&file, ' ', &name)) {
            continue;
        }
        if (job->file_count == FILES_MAX) {
            exit = cli_fail(job->cli, CLI_USAGE, "%.200s: more than %d files", path, FILES_MAX);
            break;
        }
        char grammar[PATH_BYTES];
        snprintf(grammar, sizeof grammar, "%s/" STR_FMT, folder, STR_ARG(str_trim(file)));
        struct fault fault = {.line = 0};
        code = train_data_make(grammar, name, job->corpus, &job->files[job->file_count++], &fault);
        exit = code == ERR_OK ? CLI_OK : refuse(job, grammar, &fault);
    }
    buf_end(&list);
    return exit;
}

static void put_share(struct json_writer *writer, const char *name, size_t part, size_t whole)
{
    struct interval interval = interval_wilson(part, whole, INTERVAL_95);
    json_key(writer, name);
    json_begin_object(writer);
    json_member_u64(writer, "of", whole);
    json_member_double(writer, "share", whole == 0 ? 0 : (double)part / (double)whole);
    json_member_double(writer, "low", interval.low);
    json_member_double(writer, "high", interval.high);
    json_end_object(writer);
}

static void put_figures(struct json_writer *writer, const struct measure *measure)
{
    json_key(writer, "left_out");
    json_begin_object(writer);
    json_member_u64(writer, "attacks", measure->attacks);
    json_member_u64(writer, "benign", measure->benign);
    json_member_u64(writer, "hard_benign", measure->hard);
    json_member_double(writer, "recall_at_1_percent", measure->recall);
    json_member_double(writer, "macro_recall", measure->macro_recall);
    json_member_double(writer, "auc", measure->auc);
    json_member_double(writer, "f1_at_0.8", measure->f1);
    json_member_double(writer, "false_positives_at_0.8", measure->false_positives);
    json_member_double(writer, "hard_accuracy_at_0.8", measure->hard_accuracy);
    for (int attack = 1; attack >= 0; attack--) {
        json_key(writer, attack ? "recall" : "false_positives");
        json_begin_object(writer);
        for (size_t i = 0; i < measure->source_count; i++) {
            const struct measure_source *source = &measure->sources[i];
            if (source->attack == attack) {
                put_share(writer, source->name, source->above, source->rows);
            }
        }
        json_end_object(writer);
    }
    json_end_object(writer);
}

static enum err write_manifest(const struct job *job, struct buf *to)
{
    struct json_writer writer;
    json_writer_init(&writer, to);
    json_begin_object(&writer);
    json_member_str(&writer, "model", injection_model_id(job->model));
    json_key(&writer, "data");
    json_begin_array(&writer);
    for (size_t i = 0; i < job->file_count; i++) {
        char hex[2 * DIGEST_BYTES + 1];
        for (size_t k = 0; k < DIGEST_BYTES; k++) {
            snprintf(hex + 2 * k, 3, "%02x", job->files[i].digest.bytes[k]);
        }
        json_begin_object(&writer);
        json_member_cstr(&writer, "file", job->files[i].name);
        json_member_cstr(&writer, "sha256", hex);
        json_member_u64(&writer, "texts", job->files[i].rows);
        json_end_object(&writer);
    }
    json_end_array(&writer);
    json_key(&writer, "parameters");
    json_begin_object(&writer);
    const struct train_options *options = &train_defaults;
    json_member_u64(&writer, "epochs", options->epochs);
    json_member_double(&writer, "rate", options->rate);
    json_member_double(&writer, "decay", options->decay);
    json_member_double(&writer, "attack_share", options->attack_share);
    json_member_double(&writer, "drop_words", options->drop_words);
    json_member_double(&writer, "drop_pieces", options->drop_pieces);
    json_member_double(&writer, "drop_feature", options->drop_feature);
    json_member_double(&writer, "class_gain", options->class_gain);
    json_member_u64(&writer, "sources_min", options->sources_min);
    json_member_u64(&writer, "rows_min", options->rows_min);
    json_member_u64(&writer, "seed", options->seed);
    json_member_u64(&writer, "window", INJECTION_WINDOW);
    json_member_u64(&writer, "weights", INJECTION_SLOTS);
    json_end_object(&writer);
    if (job->measured) {
        put_figures(&writer, &job->measure);
    }
    json_end_object(&writer);
    return json_writer_end(&writer);
}

static int write_file(const struct job *job, const char *name, struct str bytes)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", cli_option(job->cli, "--out", "."), name);
    enum err code = file_write_atomic(path, bytes, 0644);
    return code == ERR_OK ? CLI_OK
                          : cli_fail(job->cli, CLI_BROKEN, "%.200s: %s", path, err_text(code));
}

static int write_model(struct job *job)
{
    struct buf bytes;
    struct buf manifest;
    buf_init(&bytes, INJECTION_MODEL_BYTES_MAX);
    buf_init(&manifest, MIB(1));
    struct injection_model *read = NULL;
    struct fault fault;
    enum err code = injection_model_write(job->model, &bytes);
    if (code == ERR_OK) {
        code = injection_model_read(buf_str(&bytes), &read, &fault);
    }
    int exit = CLI_OK;
    if (code != ERR_OK) {
        exit = cli_fail(job->cli, CLI_FAILED, "what was learned is no model: %s", err_text(code));
    } else {
        injection_model_free(job->model);
        job->model = read;
        code = write_manifest(job, &manifest);
        exit = code == ERR_OK ? write_file(job, "model.bin", buf_str(&bytes)) : CLI_BROKEN;
        exit = exit == CLI_OK ? write_file(job, "manifest.json", buf_str(&manifest)) : exit;
    }
    buf_end(&bytes);
    buf_end(&manifest);
    return exit;
}

static int show(const struct job *job)
{
    const struct measure *measure = &job->measure;
    if (cli_flag(job->cli, "--json")) {
        struct buf text;
        buf_init(&text, MIB(1));
        enum err code = write_manifest(job, &text);
        int exit = code == ERR_OK ? cli_print(buf_str(&text)) : CLI_BROKEN;
        buf_end(&text);
        return exit;
    }
    int exit = cli_printf("| left-out source | kind | texts | above | 95 %% interval |\n"
                          "|---|---|---|---|---|\n");
    for (size_t i = 0; i < measure->source_count && exit == CLI_OK; i++) {
        const struct measure_source *source = &measure->sources[i];
        struct interval interval = interval_wilson(source->above, source->rows, INTERVAL_95);
        exit = cli_printf("| %s | %s | %zu | %.3f | %.3f-%.3f |\n", source->name,
                          source->attack ? "attack" : "benign", source->rows,
                          (double)source->above / (double)source->rows, interval.low,
                          interval.high);
    }
    return exit != CLI_OK
               ? exit
               : cli_printf("recall at 1 %% false positives %.3f (mean of sources %.3f), "
                            "AUC %.3f\nat 0.8: F1 %.3f, false positives %.4f, "
                            "accuracy on hard benign %.3f\n",
                            measure->recall, measure->macro_recall, measure->auc, measure->f1,
                            measure->false_positives, measure->hard_accuracy);
}

static void learn(struct job *job)
{
    struct injection_model *own = injection_model_default();
    job->model = injection_model_blank();
    job->model->numbers = own->numbers;
    injection_model_free(own);
    if (job->measured) {
        measure_scores(job->corpus, &train_defaults);
        measure_figures(job->corpus, &job->measure);
        job->model->numbers.slope = job->measure.numbers.slope;
        job->model->numbers.centre = job->measure.numbers.centre;
    }
}

int cmd_train_injection(const struct cli *cli)
{
    struct job job = {.cli = cli, .corpus = corpus_new(), .measured = cli_flag(cli, "--loso")};
    const char *folder = cli_data(cli);
    int exit = read_texts(&job, folder, "train", true);
    exit = exit == CLI_OK ? read_grammars(&job, cli_option(cli, "--grammars", "models/injection"))
                          : exit;
    if (exit == CLI_OK) {
        learn(&job); /* dev is never part of what is measured */
        exit = read_texts(&job, folder, "dev", false);
    }
    if (exit == CLI_OK && cli_option(cli, "--out", NULL) != NULL) {
        struct train_weights weights;
        train_fit(job.corpus, 0, &train_defaults, &weights);
        train_export(job.corpus, &weights, job.model);
        train_weights_end(&weights);
        exit = write_model(&job);
    }
    if (exit == CLI_OK && job.measured) {
        exit = show(&job);
    }
    injection_model_free(job.model);
    corpus_free(job.corpus);
    return exit;
}
