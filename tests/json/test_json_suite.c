/* SPDX-License-Identifier: Apache-2.0
 * test_json_suite.c - the public JSON parsing test suite: y_ is accepted, n_ refused, i_ is free.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/json_reader.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1 << 20)

static DIR *open_suite(char *path, size_t room)
{
    const char *shared = getenv("AIRE_SHARED");
    const char *places[] = {shared != NULL ? shared : "../shared", "../shared", "../../shared"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(path, room, "%s/json-test-suite/test_parsing", places[i]);
        DIR *dir = opendir(path);
        if (dir != NULL) {
            return dir;
        }
    }
    return NULL;
}

static struct str slurp(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(FILE_MAX);
    size_t len = fread(bytes, 1, FILE_MAX, file);
    (void)fclose(file);
    struct str text = arena_str(arena, (struct str){bytes, len});
    free(bytes);
    return text;
}

static bool reader_accepts(struct str text)
{
    struct json_reader reader;
    json_reader_init(&reader);
    return json_reader_feed(&reader, text) == ERR_OK && json_reader_complete(&reader);
}

static void suite_is_decided_right(void **state)
{
    (void)state;
    char path[512];
    DIR *dir = open_suite(path, sizeof path);
    if (dir == NULL) {
        skip();
    }
    unsigned yes = 0;
    unsigned no = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (!str_ends(str_of(entry->d_name), STR(".json"))) {
            continue;
        }
        char name[1024];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        struct arena *arena = arena_new(4096);
        struct str text = slurp(name, arena);
        struct json json;
        bool accepted = json_parse(&json, text, NULL, arena, NULL) == ERR_OK;
        bool wrong = (entry->d_name[0] == 'y' && !accepted) ||
                     (entry->d_name[0] == 'n' && accepted) || json_valid(text, NULL) != accepted ||
                     reader_accepts(text) != accepted;
        if (wrong) {
            fail_msg("%s is decided wrong", entry->d_name);
        }
        yes += entry->d_name[0] == 'y';
        no += entry->d_name[0] == 'n';
        arena_free(arena);
    }
    (void)closedir(dir);
    assert_int_equal(yes, 95);
    assert_int_equal(no, 188);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(suite_is_decided_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
