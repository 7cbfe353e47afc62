/* SPDX-License-Identifier: Apache-2.0
 * test_pii.c - the names of entities, which of them are looked for, and what is found in the texts
 * of tests/data/pii: one text a line with the spans it has, near-misses with none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"
#include "security/pii.h"
#include "support/split.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pii *pii;

static int setup(void **state)
{
    (void)state;
    pii = must_have(malloc(sizeof *pii));
    pii_init(pii, pii_defaults());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(pii);
    return 0;
}

static void names_find_their_entities(void **state)
{
    (void)state;
    for (int i = 0; i < PII_ENTITIES; i++) {
        enum pii_entity entity = (enum pii_entity)i;
        assert_int_equal(pii_entity_of(pii_entity_name(entity)), entity);
        assert_true(pii_label(entity).len > 1);
    }
    assert_int_equal(pii_entity_of(STR("nobody")), PII_ENTITIES);
    assert_true(str_equal(pii_label(PII_CARD), STR("CREDIT_CARD")));
    assert_true(pii_structured(PII_EMAIL));
    assert_false(pii_structured(PII_PERSON));
}

/* "label: what it covers" of each span, as the test data has them. */
static bool as_expected(json_t *row, const struct spans *found)
{
    json_t *find = json_object_get(row, "find");
    const char *text = json_string_value(json_object_get(row, "text"));
    if (json_array_size(find) != found->count) {
        return false;
    }
    for (size_t i = 0; i < found->count; i++) {
        json_t *want = json_array_get(find, i);
        const struct span *span = &found->items[i];
        const struct str covered = {text + span->start, span->end - span->start};
        const char *label = json_string_value(json_array_get(want, 0));
        const char *value = json_string_value(json_array_get(want, 1));
        if (!str_equal(covered, str_of(value)) ||
            !str_equal(pii_label((enum pii_entity)span->kind), str_of(label))) {
            return false;
        }
    }
    return true;
}

static void print_found(const char *text, const struct spans *found)
{
    print_error("%s\n", text);
    for (size_t i = 0; i < found->count; i++) {
        const struct span *span = &found->items[i];
        print_error("  found %s: %.*s\n", pii_label((enum pii_entity)span->kind).at,
                    (int)(span->end - span->start), text + span->start);
    }
}

static void each_case_has_its_spans(void **state)
{
    (void)state;
    const struct finder finder = pii_finder(pii);
    FILE *file = fopen("tests/data/pii/cases.jsonl", "r");
    assert_non_null(file);
    char line[4096];
    size_t wrong = 0;
    size_t rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        const struct str text = str_of(json_string_value(json_object_get(row, "text")));
        struct spans found = {0};
        finder_find(&finder, text, &found);
        if (!as_expected(row, &found)) {
            print_found(text.at, &found);
            wrong++;
        }
        must_split_equally(&finder, text);
        spans_end(&found);
        json_decref(row);
        rows++;
    }
    (void)fclose(file);
    assert_true(rows > 200);
    assert_int_equal(wrong, 0);
}

static size_t count_found(uint64_t entities, const char *text)
{
    struct spans found = {0};
    pii_init(pii, entities);
    const struct finder finder = pii_finder(pii);
    finder_find(&finder, str_of(text), &found);
    size_t count = found.count;
    spans_end(&found);
    return count;
}

static void only_what_is_asked_for_is_found(void **state)
{
    (void)state;
    static const char text[] =
        "Mary Smith, mary@example.com, 4111 1111 1111 1111, +44 20 7946 0958";
    assert_int_equal(count_found(0, text), 0);
    assert_int_equal(count_found(PII_BIT(PII_EMAIL), text), 1);
    assert_int_equal(count_found(PII_BIT(PII_CARD) | PII_BIT(PII_PHONE), text), 2);
    assert_int_equal(count_found(pii_defaults(), text), 4);
}

static void words_count_whole_only(void **state)
{
    (void)state;
    assert_int_equal(count_found(pii_defaults(), "ssn 536904399"), 1);
    assert_int_equal(count_found(pii_defaults(), "ssnx 536904399"), 0);
    assert_int_equal(count_found(pii_defaults(), "classn 536904399"), 0);
    assert_int_equal(count_found(pii_defaults(), "userSsn 536904399"), 1);
    assert_int_equal(count_found(pii_defaults(), "user_ssn: 536904399"), 1);
}

/* A word too far behind says nothing, and one that the look-behind would cut in two neither. */
static void words_count_near_only(void **state)
{
    (void)state;
    char text[400];
    for (size_t gap = 1; gap < 300; gap++) {
        (void)snprintf(text, sizeof text, "ssn%*s536904399", (int)gap, "");
        assert_int_equal(count_found(pii_defaults(), text), gap < 118 ? 1 : 0);
    }
}

static void all_spans_of_a_long_text_are_found(void **state)
{
    (void)state;
    enum { ROWS = 2000 };
    static const char row[] = "mail a.b@example.com or call +1 415 555 2671.\n";
    char *text = must_have(malloc(ROWS * sizeof row));
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(text + i * (sizeof row - 1), row, sizeof row);
    }
    assert_int_equal(count_found(pii_defaults(), text), 2 * ROWS);
    const struct finder finder = pii_finder(pii);
    must_split_equally_by(&finder, (struct str){text, ROWS * (sizeof row - 1)}, 4096);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_find_their_entities, setup, teardown),
        cmocka_unit_test_setup_teardown(each_case_has_its_spans, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_asked_for_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(words_count_whole_only, setup, teardown),
        cmocka_unit_test_setup_teardown(words_count_near_only, setup, teardown),
        cmocka_unit_test_setup_teardown(all_spans_of_a_long_text_are_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
