/* SPDX-License-Identifier: Apache-2.0
 * config_files.c - finds example files, and compares a fault with the words of their first line. */
#include "support/config_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_file(const char *path, char *to, size_t room, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    *bytes = fread(to, 1, room, file);
    (void)fclose(file);
    return true;
}

bool config_files_next(const char *folder, const char *prefix, size_t *at, struct config_file *file)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    if (count < 0) {
        fail_msg("%s: run tests from the root of the repository", folder);
    }
    bool found = false;
    for (size_t i = 0; i < (size_t)count; i++) {
        if (!found && i >= *at && strncmp(names[i]->d_name, prefix, strlen(prefix)) == 0) {
            (void)snprintf(file->path, sizeof file->path, "%s/%s", folder, names[i]->d_name);
            *at = i + 1;
            found = true;
        }
        free(names[i]);
    }
    free(names);
    if (found) {
        file->text.at = file->bytes;
        assert_true(read_file(file->path, file->bytes, sizeof file->bytes, &file->text.len));
        struct str rest = file->text;
        assert_true(str_split(&rest, '\n', &file->expect));
        assert_true(str_starts(file->expect, STR("# expect: ")));
        file->expect = str_cut(file->expect, STR("# expect: ").len, SIZE_MAX);
    }
    return found;
}

void config_files_check(const struct config_file *file, enum err err, const struct fault *fault)
{
    char got[512];
    (void)snprintf(got, sizeof got, "%u:%u %s", fault->line, fault->column, fault->words);
    if (err == ERR_OK) {
        fail_msg("%s: accepted, expected: " STR_FMT, file->path, STR_ARG(file->expect));
    }
    assert_int_equal(err, fault->code);
    if (!str_equal(str_of(got), file->expect)) {
        fail_msg("%s:\n  expected " STR_FMT "\n  got      %s", file->path, STR_ARG(file->expect),
                 got);
    }
}

bool config_files_shared(const char *name, struct buf *text)
{
    const char *folders[] = {getenv("AIRE_SHARED"), "../shared", "../../shared"};
    static char bytes[1 << 20];
    buf_init(text, sizeof bytes);
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        size_t count = 0;
        (void)snprintf(path, sizeof path, "%s/%s", folders[i] ? folders[i] : "", name);
        if (folders[i] != NULL && read_file(path, bytes, sizeof bytes, &count)) {
            return buf_add(text, (struct str){bytes, count}) == ERR_OK;
        }
    }
    return false;
}
