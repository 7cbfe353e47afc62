/* SPDX-License-Identifier: Apache-2.0
 * test_master.c - where master keys come from, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/master.h"
#include "support/store_kit.h"
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEX    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER  "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct master_place placed(const char *setting, const char *config, const char *data)
{
    struct master_place place;
    struct fault fault = {0};
    assert_int_equal(master_place(str_of(setting), config, data, &place, &fault), ERR_OK);
    return place;
}

static void the_place_is_what_the_setting_says(void **state)
{
    (void)state;
    assert_int_equal(unsetenv(MASTER_VARIABLE), 0);
    assert_string_equal(placed("", NULL, "d").name, "d/master.key");
    assert_string_equal(placed("file:k", "c/aire.yaml", "d").name, "c/k");
    assert_string_equal(placed("file:k", "aire.yaml", "d").name, "k");
    assert_string_equal(placed("file:/k", "c/aire.yaml", "d").name, "/k");
    assert_string_equal(placed("${MY_KEY}", NULL, "d").name, "MY_KEY");
    assert_true(placed("${MY_KEY}", NULL, "d").variable);
    assert_int_equal(setenv(MASTER_VARIABLE, HEX, 1), 0);
    assert_true(placed("", NULL, "d").variable);
    assert_false(placed("file:k", NULL, "d").variable);
    assert_int_equal(unsetenv(MASTER_VARIABLE), 0);
}

static void a_key_in_the_configuration_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const wrong[] = {HEX, "file:", "${}", "${1A}", "${A", "x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct master_place place;
        struct fault fault = {0};
        assert_int_equal(master_place(str_of(wrong[i]), NULL, "d", &place, &fault), ERR_INVALID);
        assert_null(strstr(fault.words, "000102"));
    }
}

static void both_forms_give_the_same_key(void **state)
{
    (void)state;
    struct master_place place = placed("${MASTER_TEST}", NULL, "d");
    struct masters masters;
    struct fault fault = {0};
    char id[MASTER_ID_BYTES];
    assert_int_equal(unsetenv("MASTER_TEST"), 0);
    assert_int_equal(master_read(&place, &masters, &fault), ERR_NOT_FOUND);
    assert_int_equal(setenv("MASTER_TEST", HEX, 1), 0);
    assert_int_equal(master_read(&place, &masters, &fault), ERR_OK);
    assert_int_equal(masters.items[0].key.bytes[31], 31);
    assert_true(str_copy(str_of(masters.items[0].id), id, sizeof id));
    assert_int_equal(setenv("MASTER_TEST", BASE64, 1), 0);
    assert_int_equal(master_read(&place, &masters, &fault), ERR_OK);
    assert_string_equal(masters.items[0].id, id);
    assert_int_equal(masters.count, 1);
    assert_int_equal(setenv("MASTER_TEST_NEXT", OTHER, 1), 0);
    assert_int_equal(master_read(&place, &masters, &fault), ERR_OK);
    assert_int_equal(masters.count, 2);
    assert_int_equal(unsetenv("MASTER_TEST_NEXT"), 0);
}

static void what_is_no_key_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const wrong[] = {"secretsecret", HEX "00", HEX HEX, "AAECAwQFBgcICQoLDA0O",
                                        "g" HEX};
    struct master_place place = placed("${MASTER_TEST}", NULL, "d");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct masters masters;
        struct fault fault = {0};
        assert_int_equal(setenv("MASTER_TEST", wrong[i], 1), 0);
        assert_int_equal(master_read(&place, &masters, &fault), ERR_INVALID);
        assert_null(strstr(fault.words, wrong[i]));
        assert_int_equal(masters.count, 0);
    }
}

static void a_made_file_is_ours_alone_and_reads_back(void **state)
{
    (void)state;
    struct env env;
    char folder[KIT_PATH];
    struct masters made;
    struct masters read;
    struct fault fault = {0};
    struct stat there;
    env_init_real(&env);
    kit_folder(folder);
    struct master_place place = placed("", NULL, folder);
    assert_int_equal(master_read(&place, &read, &fault), ERR_NOT_FOUND);
    assert_int_equal(master_create(&place, &env, &made, &fault), ERR_OK);
    assert_int_equal(stat(place.name, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    assert_int_equal(master_read(&place, &read, &fault), ERR_OK);
    assert_memory_equal(&read.items[0], &made.items[0], sizeof(struct master));
    assert_int_equal(chmod(place.name, 0640), 0);
    assert_int_equal(master_read(&place, &read, &fault), ERR_DENIED);
    kit_remove(folder);
}

static void a_file_has_one_key_or_two(void **state)
{
    (void)state;
    char folder[KIT_PATH];
    struct masters masters;
    struct fault fault = {0};
    kit_folder(folder);
    struct master_place place = placed("", NULL, folder);
    assert_int_equal(file_write_atomic(place.name, STR(HEX "\n\n" OTHER "\n"), 0600), ERR_OK);
    assert_int_equal(master_read(&place, &masters, &fault), ERR_OK);
    assert_int_equal(masters.count, 2);
    assert_int_equal(masters.items[1].key.bytes[0], 255);
    static const char *const wrong[] = {"", "\n", HEX "\n" HEX "\n" HEX, HEX "\nx"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(file_write_atomic(place.name, str_of(wrong[i]), 0600), ERR_OK);
        assert_int_equal(master_read(&place, &masters, &fault), ERR_INVALID);
    }
    kit_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_is_what_the_setting_says),
        cmocka_unit_test(a_key_in_the_configuration_is_refused_and_not_repeated),
        cmocka_unit_test(both_forms_give_the_same_key),
        cmocka_unit_test(what_is_no_key_is_refused_and_not_repeated),
        cmocka_unit_test(a_made_file_is_ours_alone_and_reads_back),
        cmocka_unit_test(a_file_has_one_key_or_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
