/* SPDX-License-Identifier: Apache-2.0
 * test_keyring.c - data keys: bound to what they seal, destroyed, wrapped anew, killed in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/keyring.h"
#include "support/store_kit.h"
#include "sys/file.h"
#include "sys/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS 1203 /* more than two pages of a rotation */

struct world {
    struct env env;
    char folder[KIT_PATH];
    struct master_place place;
    struct store *store;
    struct keyring *keyring;
    struct arena *arena;
};

static void open_all(struct world *w)
{
    struct masters masters;
    struct fault fault = {0};
    char location[KIT_PATH];
    kit_location(w->folder, location);
    const struct store_options options = {
        .location = str_of(location), .schemas = &keyring_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &w->store, &fault), ERR_OK);
    assert_int_equal(master_read(&w->place, &masters, &fault), ERR_OK);
    w->keyring = keyring_new(&w->env, &w->place, &masters);
}

static void close_all(struct world *w)
{
    store_close(w->store);
    keyring_free(w->keyring);
}

static int begin(void **state)
{
    static struct world w;
    struct masters masters;
    struct fault fault = {0};
    env_init_real(&w.env);
    kit_folder(w.folder);
    w.arena = arena_new(65536);
    assert_int_equal(unsetenv(MASTER_VARIABLE), 0);
    assert_int_equal(master_place(STR(""), NULL, w.folder, &w.place, &fault), ERR_OK);
    assert_int_equal(master_create(&w.place, &w.env, &masters, &fault), ERR_OK);
    open_all(&w);
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    close_all(w);
    arena_free(w->arena);
    kit_remove(w->folder);
    return 0;
}

static struct data_key make(struct world *w, const char *id, struct key_scope scope)
{
    struct store_step step;
    keyring_begin(w->keyring);
    struct data_key key = keyring_make(w->keyring, KEY_EXCHANGE, str_of(id), &scope, w->arena,
                                       &step);
    struct store_unit unit = {.steps = &step, .count = 1, .bytes = 100};
    assert_int_equal(store_write_now(w->store, &unit), ERR_OK);
    keyring_commit(w->keyring);
    return key;
}

static const struct statement read_key = {"SELECT id, wrapped FROM data_keys WHERE id = ?1", 1};

static enum err read_sealed(struct world *w, const char *id, const char *what, struct str sealed,
                            struct buf *to)
{
    const struct value values[] = {value_of_text(str_of(id))};
    struct store_query query = {.rows_max = 1};
    assert_int_equal(store_read_now(w->store, &read_key, values, &query), ERR_OK);
    const struct value *wrapped = query.row_count == 1 ? &query.rows[1] : NULL;
    enum err code = keyring_read(w->keyring, &values[0], wrapped, str_of(what), sealed, to);
    store_query_end(&query);
    return code;
}

static void what_was_sealed_opens_as_that_alone(void **state)
{
    struct world *w = *state;
    struct data_key key = make(w, "a", (struct key_scope){.session = STR("s")});
    (void)make(w, "b", (struct key_scope){.session = STR("s")});
    struct str sealed = keyring_seal(w->keyring, &key, STR("facts"), STR("words"), w->arena);
    struct buf plain;
    buf_init(&plain, 100);
    assert_int_equal(read_sealed(w, "a", "facts", sealed, &plain), ERR_OK);
    assert_true(str_equal(buf_str(&plain), STR("words")));
    assert_int_equal(read_sealed(w, "a", "other", sealed, &plain), ERR_INVALID);
    assert_int_equal(read_sealed(w, "b", "facts", sealed, &plain), ERR_INVALID);
    assert_int_equal(read_sealed(w, "c", "facts", sealed, &plain), ERR_NOT_FOUND);
    struct keyring *keyring = w->keyring;
    w->keyring = NULL;
    assert_int_equal(read_sealed(w, "a", "facts", sealed, &plain), ERR_DENIED);
    w->keyring = keyring;
    assert_int_equal(plain.len, 5);
    buf_end(&plain);
}

static bool file_holds(const char *folder, const char *name, struct str needle)
{
    char path[KIT_PATH + 32];
    struct buf text;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    buf_init(&text, (size_t)64 << 20);
    bool holds = file_exists(path) && file_read(path, &text) == ERR_OK &&
                 str_find(buf_str(&text), needle) != SIZE_MAX;
    buf_end(&text);
    return holds;
}

static bool folder_holds(const char *folder, struct str needle)
{
    return file_holds(folder, "data.db", needle) || file_holds(folder, "data.db-wal", needle);
}

static void a_forgotten_key_leaves_no_byte_in_the_folder(void **state)
{
    struct world *w = *state;
    struct data_key key = make(w, "a", (struct key_scope){.session = STR("s"), .user = STR("ann")});
    (void)make(w, "b", (struct key_scope){.session = STR("t"), .user = STR("bob")});
    struct str sealed = keyring_seal(w->keyring, &key, STR("facts"), STR("words"), w->arena);
    const struct value values[] = {value_of_text(STR("a"))};
    struct store_query query = {.rows_max = 1};
    assert_int_equal(store_read_now(w->store, &read_key, values, &query), ERR_OK);
    struct str wrapped = arena_str(w->arena, query.rows[1].bytes);
    store_query_end(&query);
    close_all(w);
    assert_true(folder_holds(w->folder, wrapped)); /* the search can fail */
    open_all(w);
    struct store_unit unit;
    const struct key_scope nobody = {.session = STR("s"), .tenant = STR("x")};
    keyring_forget_unit(&nobody, w->arena, &unit);
    assert_int_equal(store_write_now(w->store, &unit), ERR_NOT_FOUND);
    const struct key_scope ann = {.user = STR("ann")};
    keyring_forget_unit(&ann, w->arena, &unit);
    assert_int_equal(store_write_now(w->store, &unit), ERR_OK);
    close_all(w);
    assert_false(folder_holds(w->folder, wrapped));
    open_all(w);
    struct buf plain;
    buf_init(&plain, 100);
    assert_int_equal(read_sealed(w, "a", "facts", sealed, &plain), ERR_NOT_FOUND);
    buf_end(&plain);
    struct keyring_status status;
    assert_int_equal(keyring_status(w->keyring, w->store, &status), ERR_OK);
    assert_int_equal(status.exchanges, 1);
}

static struct str *make_many(struct world *w)
{
    struct str *sealed = arena_array_of(w->arena, struct str, KEYS);
    struct store_step *steps = arena_array_of(w->arena, struct store_step, KEYS);
    const struct key_scope scope = {.session = STR("s")};
    keyring_begin(w->keyring);
    for (size_t i = 0; i < KEYS; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "k%zu", i);
        struct data_key key = keyring_make(w->keyring, KEY_EXCHANGE, str_of(id), &scope, w->arena,
                                           &steps[i]);
        sealed[i] = keyring_seal(w->keyring, &key, STR("facts"), str_of(id), w->arena);
    }
    struct store_unit unit = {.steps = steps, .count = KEYS, .bytes = 100};
    assert_int_equal(store_write_now(w->store, &unit), ERR_OK);
    keyring_commit(w->keyring);
    return sealed;
}

static void assert_all_open(struct world *w, const struct str *sealed)
{
    for (size_t i = 0; i < KEYS; i++) {
        char id[16];
        struct buf plain;
        (void)snprintf(id, sizeof id, "k%zu", i);
        buf_init(&plain, 100);
        assert_int_equal(read_sealed(w, id, "facts", sealed[i], &plain), ERR_OK);
        assert_true(str_equal(buf_str(&plain), str_of(id)));
        buf_end(&plain);
    }
}

static void a_rotation_leaves_one_new_master_and_all_is_readable(void **state)
{
    struct world *w = *state;
    struct rotation rotation;
    struct keyring_status before;
    struct keyring_status after;
    struct fault fault = {0};
    const struct str *sealed = make_many(w);
    assert_int_equal(keyring_status(w->keyring, w->store, &before), ERR_OK);
    assert_int_equal(keyring_rotate(w->keyring, w->store, &rotation, &fault), ERR_OK);
    assert_int_equal(rotation.wrapped, KEYS);
    assert_int_equal(rotation.unreadable, 0);
    close_all(w);
    open_all(w);
    assert_int_equal(keyring_status(w->keyring, w->store, &after), ERR_OK);
    assert_string_not_equal(before.master, after.master);
    assert_string_equal(rotation.master, after.master);
    assert_int_equal(after.masters, 1);
    assert_int_equal(after.foreign, 0);
    assert_all_open(w, sealed);
}

static void a_variable_needs_its_next_key_to_rotate(void **state)
{
    struct world *w = *state;
    struct rotation rotation;
    struct masters masters;
    struct fault fault = {0};
    const struct master_place place = {.variable = true, .name = "KEYRING_TEST"};
    assert_int_equal(setenv("KEYRING_TEST", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1), 0);
    assert_int_equal(unsetenv("KEYRING_TEST_NEXT"), 0);
    assert_int_equal(master_read(&place, &masters, &fault), ERR_OK);
    keyring_free(w->keyring);
    w->keyring = keyring_new(&w->env, &place, &masters);
    const struct str *sealed = make_many(w);
    assert_int_equal(keyring_rotate(w->keyring, w->store, &rotation, &fault), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.words, "KEYRING_TEST_NEXT"));
    assert_int_equal(setenv("KEYRING_TEST_NEXT", "//ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1),
                     0);
    assert_int_equal(keyring_rotate(w->keyring, w->store, &rotation, &fault), ERR_OK);
    assert_int_equal(rotation.wrapped, KEYS);
    assert_all_open(w, sealed);
    assert_int_equal(keyring_rotate(w->keyring, w->store, &rotation, &fault), ERR_INVALID);
    assert_int_equal(unsetenv("KEYRING_TEST_NEXT"), 0);
}

/* The child is killed at the point, in the middle of a rotation. */
static void killed_at(struct world *w, enum crash_point point)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rotation rotation;
        struct fault fault = {0};
        open_all(w);
        if (setenv("AIRE_CRASH_AT", crash_name(point), 1) != 0 || crash_init() != ERR_OK) {
            _exit(4);
        }
        err_ignore(keyring_rotate(w->keyring, w->store, &rotation, &fault));
        _exit(6); /* the point was not reached */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_kill_at_any_point_leaves_all_readable(void **state)
{
    struct world *w = *state;
    static const enum crash_point points[] = {
        CRASH_POINT(rotation_begun), CRASH_POINT(store_before_commit),
        CRASH_POINT(store_after_commit), CRASH_POINT(rotation_wrapped)};
    const struct str *sealed = make_many(w);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        struct keyring_status status;
        close_all(w);
        killed_at(w, points[i]);
        open_all(w);
        assert_int_equal(keyring_status(w->keyring, w->store, &status), ERR_OK);
        assert_int_equal(status.masters, 2);
        assert_int_equal(status.foreign, 0);
        assert_all_open(w, sealed);
    }
    struct rotation rotation;
    struct keyring_status status;
    struct fault fault = {0};
    assert_int_equal(keyring_rotate(w->keyring, w->store, &rotation, &fault), ERR_OK);
    assert_int_equal(keyring_status(w->keyring, w->store, &status), ERR_OK);
    assert_int_equal(status.masters, 1);
    assert_all_open(w, sealed);
}

static const struct statement count_keys = {"SELECT count(*) FROM data_keys WHERE ?1 = ?1", 1};

static void keys_go_with_the_last_of_what_they_open(void **state)
{
    struct world *w = *state;
    struct data_key key = make(w, "a", (struct key_scope){.session = STR("s")});
    struct value before[] = {value_of_i64(key.created_us)};
    struct store_step step = {&keyring_prune_exchanges, before, false};
    struct store_unit unit = {.steps = &step, .count = 1};
    assert_int_equal(store_write_now(w->store, &unit), ERR_OK);
    assert_int_equal(kit_number(w->store, &count_keys, 0), 1);
    before[0] = value_of_i64(key.created_us + 1);
    assert_int_equal(store_write_now(w->store, &unit), ERR_OK);
    assert_int_equal(kit_number(w->store, &count_keys, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_sealed_opens_as_that_alone),
        TEST(a_forgotten_key_leaves_no_byte_in_the_folder),
        TEST(a_rotation_leaves_one_new_master_and_all_is_readable),
        TEST(a_variable_needs_its_next_key_to_rotate),
        TEST(a_kill_at_any_point_leaves_all_readable),
        TEST(keys_go_with_the_last_of_what_they_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
