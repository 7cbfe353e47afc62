/* SPDX-License-Identifier: Apache-2.0
 * test_pii_corpus.c - leak and precision over the shared corpus, by type; skipped without it.
 *
 * A byte leaks when it is in a labelled span and in none that was found. A found span is right when
 * it overlaps a labelled one of any type (a birthday labelled as a date is no false alarm). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"
#include "security/pii.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPES = 40 };

struct tally {
    char label[32];
    size_t spans;
    size_t bytes;
    size_t leaked;
    size_t found;
    size_t right;
};

struct score {
    struct tally types[TYPES];
    size_t rows;
    size_t plain;   /* rows without spans */
    size_t changed; /* of those, with something found */
};

static struct tally *tally_of(struct score *score, const char *label)
{
    size_t i = 0;
    while (score->types[i].label[0] != '\0' && strcmp(score->types[i].label, label) != 0) {
        i++;
        assert_true(i < TYPES);
    }
    (void)snprintf(score->types[i].label, sizeof score->types[i].label, "%s", label);
    return &score->types[i];
}

static size_t number_of(json_t *span, const char *name)
{
    return (size_t)json_integer_value(json_object_get(span, name));
}

static void judge_row(struct score *score, json_t *labelled, const struct spans *found)
{
    score->rows++;
    score->plain += json_array_size(labelled) == 0 ? 1 : 0;
    score->changed += json_array_size(labelled) == 0 && found->count > 0 ? 1 : 0;
    for (size_t i = 0; i < json_array_size(labelled); i++) {
        json_t *span = json_array_get(labelled, i);
        struct tally *tally = tally_of(score, json_string_value(json_object_get(span, "type")));
        tally->spans++;
        for (size_t at = number_of(span, "start"); at < number_of(span, "end"); at++) {
            bool covered = false;
            for (size_t n = 0; n < found->count; n++) {
                covered |= found->items[n].start <= at && at < found->items[n].end;
            }
            tally->bytes++;
            tally->leaked += covered ? 0 : 1;
        }
    }
    for (size_t n = 0; n < found->count; n++) {
        const struct span *one = &found->items[n];
        struct tally *tally = tally_of(score, pii_label((enum pii_entity)one->kind).at);
        bool right = false;
        for (size_t i = 0; i < json_array_size(labelled); i++) {
            json_t *span = json_array_get(labelled, i);
            right |= number_of(span, "start") < one->end && one->start < number_of(span, "end");
        }
        tally->found++;
        tally->right += right ? 1 : 0;
    }
}

static FILE *open_shared(const char *name)
{
    static const char *const roots[] = {"../shared", "../../shared"};
    char path[512];
    const char *shared = getenv("AIRE_SHARED");
    FILE *file = NULL;
    for (size_t i = 0; i < 2 && file == NULL; i++) {
        (void)snprintf(path, sizeof path, "%s/corpora/pii/%s", shared != NULL ? shared : roots[i],
                       name);
        file = fopen(path, "r");
    }
    return file;
}

static bool judge(struct score *score, const char *name)
{
    enum { LINE_MAX_BYTES = 1 << 16 };
    FILE *file = open_shared(name);
    if (file == NULL) {
        return false;
    }
    struct pii *pii = must_have(malloc(sizeof *pii));
    char *line = must_have(malloc(LINE_MAX_BYTES));
    pii_init(pii, pii_defaults());
    const struct finder finder = pii_finder(pii);
    while (fgets(line, LINE_MAX_BYTES, file) != NULL) {
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        json_t *text = json_object_get(row, "text");
        struct spans found = {0};
        finder_find(&finder, (struct str){json_string_value(text), json_string_length(text)},
                    &found);
        judge_row(score, json_object_get(row, "spans"), &found);
        spans_end(&found);
        json_decref(row);
    }
    free(line);
    free(pii);
    (void)fclose(file);
    return true;
}

/* Types of the corpus without a shape of their own. */
static bool is_free(const char *label)
{
    static const char *const free_ones[] = {"PERSON",    "ADDRESS", "LOCATION", "ORGANIZATION",
                                            "DATE_TIME", "TITLE",   "PREFIX"};
    for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++) {
        if (strcmp(free_ones[i], label) == 0) {
            return true;
        }
    }
    return false;
}

static double percent(size_t part, size_t whole)
{
    return whole == 0 ? 0 : 100 * (double)part / (double)whole;
}

static void must_score(const char *name)
{
    struct score score = {0};
    struct tally structured = {0};
    if (!judge(&score, name)) {
        skip();
    }
    print_message("%-18s %6s %8s %6s %8s\n", "type", "spans", "leak %", "found", "right %");
    for (size_t i = 0; i < TYPES && score.types[i].label[0] != '\0'; i++) {
        const struct tally *one = &score.types[i];
        print_message("%-18s %6zu %8.2f %6zu %8.2f\n", one->label, one->spans,
                      percent(one->leaked, one->bytes), one->found,
                      percent(one->right, one->found));
        if (!is_free(one->label)) {
            structured.bytes += one->bytes;
            structured.leaked += one->leaked;
            structured.found += one->found;
            structured.right += one->right;
        }
    }
    print_message("structured: %.3f %% leaked, %.2f %% right; %zu of %zu plain rows changed\n",
                  percent(structured.leaked, structured.bytes),
                  percent(structured.right, structured.found), score.changed, score.plain);
    const struct tally *person = tally_of(&score, "PERSON");
    assert_true(percent(structured.leaked, structured.bytes) <= 1.0);
    assert_true(percent(structured.right, structured.found) >= 98.0);
    assert_true(percent(person->right, person->found) >= 95.0);
    assert_true(percent(person->leaked, person->bytes) <= 25.0);
    assert_int_equal(score.changed, 0);
}

static void dev_rows_are_covered(void **state)
{
    (void)state;
    must_score("dev.jsonl");
}

static void training_rows_are_covered(void **state)
{
    (void)state;
    must_score("train.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dev_rows_are_covered),
        cmocka_unit_test(training_rows_are_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
