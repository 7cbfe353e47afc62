/* SPDX-License-Identifier: Apache-2.0
 * test_secrets_corpus.c - recall and false alarms over the shared corpus, by type; skipped without
 * it. A row is found when its score is 0.5 or more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"
#include "security/secrets.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPES = 40, LINE_MAX_BYTES = 1 << 16 };

struct tally {
    char kind[32];
    size_t rows;
    size_t found;
    size_t bytes;   /* in labelled spans */
    size_t covered; /* of those, in spans that were found */
};

static struct tally *tally_of(struct tally *tallies, const char *kind)
{
    size_t i = 0;
    while (tallies[i].kind[0] != '\0' && strcmp(tallies[i].kind, kind) != 0) {
        i++;
        assert_true(i < TYPES);
    }
    (void)snprintf(tallies[i].kind, sizeof tallies[i].kind, "%s", kind);
    return &tallies[i];
}

static void judge_row(struct tally *tally, json_t *labelled, const struct spans *found)
{
    tally->rows++;
    tally->found += secrets_score(found) >= 0.5 ? 1 : 0;
    for (size_t i = 0; i < json_array_size(labelled); i++) {
        json_t *span = json_array_get(labelled, i);
        size_t start = (size_t)json_integer_value(json_object_get(span, "start"));
        size_t end = (size_t)json_integer_value(json_object_get(span, "end"));
        tally->bytes += end - start;
        for (size_t n = 0; n < found->count; n++) {
            size_t from = found->items[n].start > start ? found->items[n].start : start;
            size_t to = found->items[n].end < end ? found->items[n].end : end;
            tally->covered += to > from ? to - from : 0;
        }
    }
}

static FILE *open_shared(const char *name)
{
    static const char *const roots[] = {"../shared", "../../shared"};
    char path[512];
    const char *shared = getenv("AIRE_SHARED");
    FILE *file = NULL;
    for (size_t i = 0; i < 2 && file == NULL; i++) {
        (void)snprintf(path, sizeof path, "%s/corpora/secrets/%s",
                       shared != NULL ? shared : roots[i], name);
        file = fopen(path, "r");
    }
    return file;
}

static bool judge(struct tally *tallies, const char *name)
{
    FILE *file = open_shared(name);
    if (file == NULL) {
        return false;
    }
    struct secrets *secrets = must_have(malloc(sizeof *secrets));
    char *line = must_have(malloc(LINE_MAX_BYTES));
    secrets_init(secrets);
    const struct finder finder = secrets_finder(secrets);
    while (fgets(line, LINE_MAX_BYTES, file) != NULL) {
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        json_t *text = json_object_get(row, "text");
        struct spans found = {0};
        finder_find(&finder, (struct str){json_string_value(text), json_string_length(text)},
                    &found);
        const char *kind = json_string_value(json_object_get(row, "kind"));
        judge_row(tally_of(tallies, kind), json_object_get(row, "spans"), &found);
        spans_end(&found);
        json_decref(row);
    }
    free(line);
    free(secrets);
    (void)fclose(file);
    return true;
}

static void must_score(const char *name)
{
    struct tally tallies[TYPES] = {0};
    struct tally secret = {0};
    struct tally benign = {0};
    if (!judge(tallies, name)) {
        skip();
    }
    print_message("%-12s %6s %6s %10s\n", "kind", "rows", "found", "% covered");
    for (size_t i = 0; i < TYPES && tallies[i].kind[0] != '\0'; i++) {
        struct tally *sum = strcmp(tallies[i].kind, "near-miss") == 0 ? &benign : &secret;
        sum->rows += tallies[i].rows;
        sum->found += tallies[i].found;
        print_message(
            "%-12s %6zu %6zu %10.1f\n", tallies[i].kind, tallies[i].rows, tallies[i].found,
            tallies[i].bytes == 0 ? 0.0
                                  : 100.0 * (double)tallies[i].covered / (double)tallies[i].bytes);
    }
    print_message("recall %zu of %zu, false %zu of %zu\n", secret.found, secret.rows, benign.found,
                  benign.rows);
    assert_true(secret.found * 100 >= secret.rows * 97);
    assert_true(benign.found * 100 <= benign.rows * 2);
}

static void dev_rows_are_told_apart(void **state)
{
    (void)state;
    must_score("dev.jsonl");
}

static void training_rows_are_told_apart(void **state)
{
    (void)state;
    must_score("train.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dev_rows_are_told_apart),
        cmocka_unit_test(training_rows_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
