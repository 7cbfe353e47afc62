/* SPDX-License-Identifier: Apache-2.0
 * test_file.c - whole files, folders, locks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/aire-file-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/aire-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/a", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails when anything was left behind */
}

static void test_what_was_written_is_read(void **state)
{
    struct buf buf;
    struct stat status;
    (void)state;
    buf_init(&buf, 100);
    assert_int_equal(file_write_atomic(path, STR("first"), 0640), ERR_OK);
    assert_int_equal(file_write_atomic(path, STR("second"), 0600), ERR_OK);
    assert_int_equal(file_read(path, &buf), ERR_OK);
    assert_true(str_equal(buf_str(&buf), STR("second")));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    buf_end(&buf);
}

static void test_a_file_of_exactly_the_limit_fits(void **state)
{
    struct buf fits;
    struct buf small;
    (void)state;
    buf_init(&fits, 6);
    buf_init(&small, 5);
    assert_int_equal(file_write_atomic(path, STR("123456"), 0600), ERR_OK);
    assert_int_equal(file_read(path, &fits), ERR_OK);
    assert_int_equal(file_read(path, &small), ERR_LIMIT);
    buf_end(&fits);
    buf_end(&small);
}

static void test_a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
    char inside[80];
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(inside, sizeof inside, "%s/x", path);
    assert_int_equal(file_write_atomic(inside, STR("x"), 0600), ERR_OK);
    assert_int_not_equal(file_write_atomic(path, STR("y"), 0600), ERR_OK); /* a folder is there */
    assert_true(file_exists(inside));
    assert_int_equal(file_remove(inside), ERR_OK);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(file_write_atomic(inside, STR("x"), 0600), ERR_NOT_FOUND);
}

static void test_absent_files_are_told(void **state)
{
    struct buf buf;
    (void)state;
    buf_init(&buf, 10);
    assert_false(file_exists(path));
    assert_int_equal(file_read(path, &buf), ERR_NOT_FOUND);
    assert_int_equal(file_remove(path), ERR_OK);
    buf_end(&buf);
}

static void test_folders_are_made_with_their_parents(void **state)
{
    char deep[100];
    (void)state;
    (void)snprintf(deep, sizeof deep, "%s/b/c", folder);
    assert_int_equal(file_make_folder(deep, 0700), ERR_OK);
    assert_int_equal(file_make_folder(deep, 0700), ERR_OK);
    assert_int_equal(rmdir(deep), 0);
    deep[strlen(deep) - 2] = '\0';
    assert_int_equal(file_write_atomic(path, STR(""), 0600), ERR_OK);
    assert_int_equal(rmdir(deep), 0);
    assert_int_not_equal(file_make_folder(path, 0700), ERR_OK); /* a file is there */
}

static void test_a_lock_has_one_holder(void **state)
{
    struct file_lock *first = NULL;
    struct file_lock *second = NULL;
    struct buf buf;
    char expected[32];
    (void)state;
    buf_init(&buf, 100);
    assert_int_equal(file_lock_take(path, &first), ERR_OK);
    assert_int_equal(file_lock_take(path, &second), ERR_BUSY);
    assert_int_equal(file_read(path, &buf), ERR_OK);
    (void)snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    assert_string_equal(buf_cstr(&buf), expected);
    file_lock_release(first);
    assert_int_equal(file_lock_take(path, &second), ERR_OK);
    file_lock_release(second);
    file_lock_release(NULL);
    buf_end(&buf);
}

static void test_the_process_knows_its_size_and_time(void **state)
{
    (void)state;
    assert_true(file_memory_bytes() > 100000);
    assert_true(file_cpu_s() > 0);
    assert_null(file_env("AIRE_NO_SUCH_VARIABLE"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_written_is_read),
        TEST(test_a_file_of_exactly_the_limit_fits),
        TEST(test_a_failed_write_leaves_the_old_file_and_no_other),
        TEST(test_absent_files_are_told),
        TEST(test_folders_are_made_with_their_parents),
        TEST(test_a_lock_has_one_holder),
        TEST(test_the_process_knows_its_size_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
