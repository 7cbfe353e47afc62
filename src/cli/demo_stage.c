/* SPDX-License-Identifier: Apache-2.0
 * demo_stage.c - two simulated providers and a Governor as children, and the files they read.
 *
 * Invariant: every child is in `parts` from its start to its end, so demo_stage_free leaves none
 * behind; the kernel ends them should this process be killed.
 */
#include "cli/demo.h"

#include "base/must.h"
#include "sys/child.h"
#include "sys/file.h"
#include "sys/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES   1024
#define FILE_BYTES   ((size_t)1 << 20)
#define START_MS     20000
#define STOP_MS      3000
#define ANNOUNCEMENT "listening on http://"

struct part {
    struct child *child;
    char authority[64];
    char script[PATH_BYTES]; /* its file: a provider's script, the Governor's configuration */
    struct buf text;         /* what is in it */
};

struct demo_stage {
    char self[PATH_BYTES];
    char story[PATH_BYTES]; /* folder of the story's files */
    char config[PATH_BYTES];
    char temporary[PATH_BYTES];
    char data[PATH_BYTES];
    struct part parts[DEMO_PARTS];
};

static const char *const names[DEMO_PARTS] = {"primary", "backup", "the Governor"};

/* The addresses that the example's aire.yaml names; the real ones take their place. */
static const char *const placeholders[] = {"127.0.0.1:9101", "127.0.0.1:9102"};

/* "FOLDER/NAME"; false when it does not fit. */
static bool join(char to[PATH_BYTES], const char *folder, const char *name)
{
    int length = snprintf(to, PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < PATH_BYTES;
}

/* ---- where the story is ---- */

static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

/* Beside --config; else in the source tree; else where an installed program has its examples. */
static enum err find_story(struct demo_stage *stage, const char *config, struct fault *fault)
{
    static const char *const below[] = {"../examples/refund-agent",
                                        "../share/aire/examples/refund-agent"};
    if (config != NULL) {
        (void)snprintf(stage->config, PATH_BYTES, "%s", config);
        (void)snprintf(stage->story, PATH_BYTES, "%s", config);
        if (strchr(stage->story, '/') == NULL) {
            (void)snprintf(stage->story, PATH_BYTES, ".");
        }
        cut_last(stage->story);
        return file_exists(config) ? ERR_OK
                                   : fault_set(fault, ERR_NOT_FOUND, "%.180s: not found", config);
    }
    char home[PATH_BYTES];
    (void)snprintf(home, PATH_BYTES, "%s", stage->self);
    cut_last(home);
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        if (join(stage->story, home, below[i]) && join(stage->config, stage->story, "aire.yaml") &&
            file_exists(stage->config)) {
            return ERR_OK;
        }
    }
    return fault_set(fault, ERR_NOT_FOUND,
                     "examples/refund-agent is not near the program; name its aire.yaml with "
                     "--config");
}

static enum err read_file(const char *path, struct buf *to, struct fault *fault)
{
    enum err code = file_read(path, to);
    return code == ERR_OK ? code : fault_set(fault, code, "%.180s: %s", path, err_text(code));
}

/* ---- children ---- */

static enum err start(struct demo_stage *stage, enum demo_part which, const char *const *arguments,
                      struct fault *fault)
{
    struct part *part = &stage->parts[which];
    char line[256];
    enum err code = child_start(arguments, true, &part->child);
    if (code != ERR_OK) {
        part->child = NULL;
        return fault_set(fault, code, "cannot start %s: %s", names[which], err_text(code));
    }
    do {
        code = child_line(part->child, line, sizeof line, START_MS);
    } while (code == ERR_OK && strstr(line, ANNOUNCEMENT) == NULL);
    if (code != ERR_OK) {
        return fault_set(fault, code, "%s did not come up: %s", names[which], err_text(code));
    }
    const char *at = strstr(line, ANNOUNCEMENT) + strlen(ANNOUNCEMENT);
    struct str rest = str_of(at);
    struct str authority = STR("");
    (void)str_split(&rest, ' ', &authority);
    bool fits = str_copy(str_trim(authority), part->authority, sizeof part->authority);
    return fits ? ERR_OK : fault_set(fault, ERR_LIMIT, "%s has a strange address", names[which]);
}

static enum err start_provider(struct demo_stage *stage, enum demo_part which, struct fault *fault)
{
    const struct part *part = &stage->parts[which];
    const char *address = part->authority[0] != '\0' ? part->authority : "127.0.0.1:0";
    const char *const arguments[] = {stage->self, "sim",        "--listen", address,
                                     "--script",  part->script, NULL};
    return start(stage, which, arguments, fault);
}

static enum err start_governor(struct demo_stage *stage, struct fault *fault)
{
    const char *const arguments[] = {
        stage->self, "serve",     "--config", stage->parts[DEMO_GOVERNOR].script,
        "--data",    stage->data, "--listen", "127.0.0.1:0",
        NULL};
    return start(stage, DEMO_GOVERNOR, arguments, fault);
}

/* ---- the Governor's files ---- */

/* The configuration with the providers' real addresses, at most one of each a line. */
static enum err put_addresses(struct buf *to, struct str text, const struct demo_stage *stage)
{
    struct str line;
    enum err code = ERR_OK;
    while (code == ERR_OK && str_split(&text, '\n', &line)) {
        for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++) {
            struct str mark = str_of(placeholders[i]);
            size_t at = str_find(line, mark);
            if (at != SIZE_MAX && code == ERR_OK) {
                code = buf_printf(to, STR_FMT "%s", STR_ARG(str_cut(line, 0, at)),
                                  stage->parts[i].authority);
                line = str_cut(line, at + mark.len, line.len);
            }
        }
        code = code == ERR_OK ? buf_add(to, line) : code;
        code = code == ERR_OK ? buf_add_byte(to, '\n') : code;
    }
    return code;
}

static enum err write_config(struct demo_stage *stage, struct fault *fault)
{
    char rules[PATH_BYTES];
    char copy[PATH_BYTES];
    struct part *governor = &stage->parts[DEMO_GOVERNOR];
    struct buf text;
    buf_init(&text, FILE_BYTES);
    enum err code = read_file(stage->config, &text, fault);
    if (code == ERR_OK) {
        code = put_addresses(&governor->text, buf_str(&text), stage);
    }
    buf_clear(&text);
    bool fits = join(rules, stage->story, "rules.yaml") &&
                join(copy, stage->temporary, "rules.yaml") &&
                join(governor->script, stage->temporary, "aire.yaml");
    code = code == ERR_OK && !fits ? ERR_LIMIT : code;
    if (code == ERR_OK) {
        code = read_file(rules, &text, fault);
    }
    if (code == ERR_OK) {
        code = file_write_atomic(copy, buf_str(&text), 0600);
    }
    if (code == ERR_OK) {
        code = file_write_atomic(governor->script, buf_str(&governor->text), 0600);
    }
    buf_end(&text);
    if (code != ERR_OK && fault->code == ERR_OK) {
        return fault_set(fault, code, "cannot write %.180s: %s", stage->temporary, err_text(code));
    }
    return code;
}

/* ---- the stage ---- */

static enum err set_up(struct demo_stage *stage, const char *config, const char *data,
                       struct fault *fault)
{
    static const char *const scripts[] = {"primary.yaml", "backup.yaml"};
    enum err code = child_self(stage->self, sizeof stage->self);
    if (code != ERR_OK) {
        return fault_set(fault, code, "where is this program? %s", err_text(code));
    }
    code = find_story(stage, config, fault);
    for (size_t i = 0; i < 2 && code == ERR_OK; i++) {
        struct part *part = &stage->parts[i];
        code = join(part->script, stage->story, scripts[i])
                   ? read_file(part->script, &part->text, fault)
                   : fault_set(fault, ERR_LIMIT, "the path of the story is too long");
    }
    if (code != ERR_OK) {
        return code;
    }
    code = folder_make_temporary("aire-demo", stage->temporary, sizeof stage->temporary);
    if (code != ERR_OK) {
        stage->temporary[0] = '\0';
        return fault_set(fault, code, "no temporary folder: %s", err_text(code));
    }
    if (data != NULL) {
        (void)snprintf(stage->data, PATH_BYTES, "%s", data);
    } else if (!join(stage->data, stage->temporary, "data")) {
        return fault_set(fault, ERR_LIMIT, "the path of the temporary folder is too long");
    }
    code = start_provider(stage, DEMO_PRIMARY, fault);
    code = code == ERR_OK ? start_provider(stage, DEMO_BACKUP, fault) : code;
    code = code == ERR_OK ? write_config(stage, fault) : code;
    return code == ERR_OK ? start_governor(stage, fault) : code;
}

struct demo_stage *demo_stage_new(const char *config, const char *data, struct fault *fault)
{
    struct demo_stage *stage = must_have(calloc(1, sizeof *stage));
    *fault = (struct fault){0};
    for (size_t i = 0; i < DEMO_PARTS; i++) {
        buf_init(&stage->parts[i].text, FILE_BYTES);
    }
    if (set_up(stage, config, data, fault) != ERR_OK) {
        demo_stage_free(stage);
        return NULL;
    }
    return stage;
}

void demo_stage_free(struct demo_stage *stage)
{
    if (stage == NULL) {
        return;
    }
    if (stage->parts[DEMO_GOVERNOR].child != NULL) {
        (void)child_stop(stage->parts[DEMO_GOVERNOR].child, STOP_MS);
        stage->parts[DEMO_GOVERNOR].child = NULL;
    }
    for (size_t i = 0; i < DEMO_PARTS; i++) {
        demo_stage_kill(stage, (enum demo_part)i);
        buf_end(&stage->parts[i].text);
    }
    if (stage->temporary[0] != '\0') {
        err_ignore(folder_remove(stage->temporary));
    }
    free(stage);
}

const char *demo_stage_authority(const struct demo_stage *stage, enum demo_part part)
{
    return stage->parts[part].authority;
}

struct str demo_stage_script(const struct demo_stage *stage, enum demo_part part)
{
    return buf_str(&stage->parts[part].text);
}

void demo_stage_kill(struct demo_stage *stage, enum demo_part part)
{
    if (stage->parts[part].child != NULL) {
        child_kill(stage->parts[part].child);
        stage->parts[part].child = NULL;
    }
}

enum err demo_stage_revive(struct demo_stage *stage, enum demo_part part, struct fault *fault)
{
    must(part != DEMO_GOVERNOR);
    demo_stage_kill(stage, part);
    return start_provider(stage, part, fault);
}
