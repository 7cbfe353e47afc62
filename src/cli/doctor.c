/* SPDX-License-Identifier: Apache-2.0
 * doctor.c - `aire doctor`: what a server would trip over, one line a check, before it does. */
#include "cli/loaded.h"
#include "cli/read.h"
#include "cli/where.h"
#include "sys/file.h"
#include "sys/net.h"
#include "sys/notify.h"

#include <stdarg.h>
#include <stdio.h>

#define FILES_WANTED UINT64_C(4096)

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_FAIL };

struct finding {
    enum health health;
    char words[512];
};

static void say(struct finding *finding, enum health health, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void say(struct finding *finding, enum health health, const char *format, ...)
{
    va_list values;
    finding->health = health;
    va_start(values, format);
    (void)vsnprintf(finding->words, sizeof finding->words, format, values);
    va_end(values);
}

/* ---- the checks ---- */

static void check_folder(const struct cli *cli, struct finding *finding)
{
    char path[WHERE_BYTES];
    const char *data = cli_data(cli);
    if (!file_exists(data)) {
        say(finding, HEALTH_WARN, "%.200s is not there yet; serve makes it", data);
        return;
    }
    enum err code = where_file(cli, "doctor.tmp", path)
                        ? file_write_atomic(path, STR("can this be written and synced?\n"), 0600)
                        : ERR_LIMIT;
    if (code != ERR_OK) {
        say(finding, HEALTH_FAIL, "%.200s cannot be written: %s", data, err_text(code));
        return;
    }
    err_ignore(file_remove(path));
    say(finding, HEALTH_OK, "%.200s can be written and synced", data);
}

static void check_lock(const struct cli *cli, struct finding *finding)
{
    char path[WHERE_BYTES];
    struct file_lock *lock;
    struct buf holder;
    if (!where_file(cli, "lock", path) || !file_exists(path)) {
        say(finding, HEALTH_OK, "no server runs here");
        return;
    }
    enum err code = file_lock_take(path, &lock);
    if (code == ERR_OK) {
        file_lock_release(lock);
        say(finding, HEALTH_OK, "no server runs here");
        return;
    }
    buf_init(&holder, 64);
    bool told = code == ERR_BUSY && file_read(path, &holder) == ERR_OK;
    struct str number = str_trim(buf_str(&holder));
    if (told) {
        say(finding, HEALTH_OK, "a server runs here (process " STR_FMT ")", STR_ARG(number));
    } else {
        say(finding, HEALTH_FAIL, "%.200s: %s", path, err_text(code));
    }
    buf_end(&holder);
}

static void check_store(const struct cli *cli, struct finding *finding)
{
    struct where_store where;
    struct store *store;
    struct fault fault = {0};
    if (!where_store(cli, &where)) {
        say(finding, HEALTH_FAIL, "its location cannot be told");
    } else if (str_starts(str_of(where.location), STR("sqlite:")) &&
               !file_exists(where.location + 7)) {
        say(finding, HEALTH_OK, "none yet; serve makes %.200s", where.location);
    } else if (store_open_read(str_of(where.location), &store, &fault) != ERR_OK) {
        say(finding, HEALTH_FAIL, "%s", fault.words);
    } else {
        struct store_health health;
        store_health(store, &health);
        say(finding, HEALTH_OK, "%.200s opens (%s)", health.name, health.durability);
        store_close(store);
    }
}

static void check_socket(const struct cli *cli, struct finding *finding)
{
    char path[WHERE_BYTES];
    struct address address;
    bool fits = where_file(cli, "aire.sock", path) &&
                address_unix(str_of(path), &address) == ERR_OK;
    if (fits) {
        say(finding, HEALTH_OK, "the path of the control socket fits");
    } else {
        say(finding, HEALTH_WARN,
            "the data folder's path is too long for a control socket: "
            "commands cannot reach a server");
    }
}

static void check_files(const struct cli *cli, struct finding *finding)
{
    (void)cli;
    uint64_t files = net_files_max();
    if (files < FILES_WANTED) {
        say(finding, HEALTH_WARN, "%llu open files are allowed; each connection takes one or two",
            (unsigned long long)files);
    } else {
        say(finding, HEALTH_OK, "%llu open files are allowed", (unsigned long long)files);
    }
}

static void check_config(const struct cli *cli, struct finding *finding)
{
    struct fault fault = {0};
    struct loaded loaded;
    const char *path = cli_config(cli);
    if (loaded_open(cli, path, &loaded, &fault) == ERR_OK) {
        say(finding, HEALTH_OK, "%.200s loads", path != NULL ? path : "the built-in default");
        loaded_close(&loaded);
    } else {
        say(finding, HEALTH_FAIL, "%s", fault.words);
    }
}

static const struct check {
    const char *name;
    void (*run)(const struct cli *cli, struct finding *finding);
} checks[] = {
    {"data folder", check_folder}, {"server", check_lock},      {"database", check_store},
    {"socket", check_socket},      {"open files", check_files}, {"configuration", check_config},
};

/* ---- the command ---- */

static int list_crash_points(void)
{
    int exit_code = CLI_OK;
    for (int i = 0; i < CRASH_POINTS && exit_code == CLI_OK; i++) {
        exit_code = cli_printf("%-26s %s\n", crash_name((enum crash_point)i),
                               crash_help((enum crash_point)i));
    }
    return exit_code;
}

static int print_finding(const struct cli *cli, const struct check *check,
                         const struct finding *finding)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    if (!cli_flag(cli, "--json")) {
        return cli_printf("%-5s %-14s %s\n", words[finding->health], check->name, finding->words);
    }
    struct shown shown;
    shown_init(&shown);
    json_begin_object(&shown.w);
    json_member_cstr(&shown.w, "check", check->name);
    json_member_cstr(&shown.w, "result", words[finding->health]);
    json_member_cstr(&shown.w, "words", finding->words);
    json_end_object(&shown.w);
    static const struct column whole[] = {{"check", "/check", COLUMN_TEXT, 0},
                                          {NULL, NULL, COLUMN_TEXT, 0}};
    int exit_code = shown_record(cli, &shown, whole);
    shown_end(&shown);
    return exit_code;
}

int cmd_doctor(const struct cli *cli)
{
    int exit_code = CLI_OK;
    if (cli_flag(cli, "--crash-points")) {
        return list_crash_points();
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        struct finding finding = {HEALTH_FAIL, "did not run"};
        checks[i].run(cli, &finding);
        exit_code = finding.health == HEALTH_FAIL ? CLI_FAILED : exit_code;
        int printed = print_finding(cli, &checks[i], &finding);
        if (printed != CLI_OK) {
            return printed;
        }
    }
    return exit_code;
}
