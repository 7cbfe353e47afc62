/* SPDX-License-Identifier: Apache-2.0
 * test_subjects.c - whose key is whose, how long it stays at hand, and when its step is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/subjects.h"

#include <stdio.h>
#include <string.h>

static struct wall now = {INT64_C(20000) * SUBJECT_DAY_US};
static uint8_t entropy_byte;

static struct wall wall(void *object)
{
    (void)object;
    return now;
}

static void fill(void *object, void *to, size_t bytes)
{
    (void)object;
    memset(to, ++entropy_byte, bytes);
}

static const struct clock_ops clock_hand = {.wall = wall};
static const struct entropy_ops entropy = {fill};
static struct env env = {.clock = &clock_hand, .entropy = &entropy};
static struct keyring *keyring;
static struct subjects *subjects;

static int set_up(void **state)
{
    (void)state;
    const struct master_place place = {.name = "master.key"};
    const struct seal_key key = {{1}};
    const struct masters masters = {.items = {master_of(&key)}, .count = 1};
    keyring = keyring_new(&env, &place, &masters);
    subjects = subjects_new(keyring, &env);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    subjects_free(subjects);
    keyring_free(keyring);
    return 0;
}

/* The subject is dropped again; only what it is compared by stays. */
static struct str id_of(const char *user, const char *session, char room[SUBJECT_ID_BYTES])
{
    const struct key_scope scope = {STR("t"), STR("p"), str_of(user), str_of(session)};
    struct subject *subject = subjects_get(subjects, &scope);
    assert_true(str_copy(subject_key(subject)->id, room, SUBJECT_ID_BYTES));
    subject_release(subject);
    return str_of(room);
}

static bool same(const char *user, const char *session, const char *user2, const char *session2)
{
    char a[SUBJECT_ID_BYTES];
    char b[SUBJECT_ID_BYTES];
    return str_equal(id_of(user, session, a), id_of(user2, session2, b));
}

static void a_subject_is_a_user_or_else_a_session(void **state)
{
    (void)state;
    assert_true(same("ann", "s1", "ann", "s2"));
    assert_false(same("ann", "s1", "bob", "s1"));
    assert_true(same("", "s1", "", "s1"));
    assert_false(same("", "s1", "", "s2"));
    assert_false(same("s1", "", "", "s1"));
}

static void a_key_lasts_a_day_and_until_somebody_was_forgotten(void **state)
{
    (void)state;
    char first[SUBJECT_ID_BYTES];
    char later[SUBJECT_ID_BYTES];
    (void)id_of("ann", "", first);
    now.us += SUBJECT_DAY_US - 1;
    assert_true(str_equal(id_of("ann", "", later), str_of(first)));
    now.us += 1;
    assert_false(str_equal(id_of("ann", "", later), str_of(first)));
    keyring_forgotten(keyring);
    assert_false(str_equal(id_of("ann", "", first), str_of(later)));
}

static void a_step_is_needed_until_one_was_durable(void **state)
{
    (void)state;
    const struct key_scope scope = {STR("t"), STR("p"), STR("ann"), STR("")};
    struct arena *arena = arena_new(1024);
    struct subject *subject = subjects_get(subjects, &scope);
    struct store_step step;
    keyring_begin(keyring);
    assert_true(subject_step(subjects, subject, arena, &step));
    assert_true(subject_step(subjects, subject, arena, &step));
    subject_stored(subject);
    assert_false(subject_step(subjects, subject, arena, &step));
    keyring_commit(keyring);
    subject_release(subject);
    arena_free(arena);
}

static void at_the_limit_all_are_dropped(void **state)
{
    (void)state;
    char first[SUBJECT_ID_BYTES];
    char room[SUBJECT_ID_BYTES];
    char name[32];
    (void)id_of("user 0", "", first);
    for (int i = 1; i < SUBJECTS_MAX; i++) {
        (void)snprintf(name, sizeof name, "user %d", i);
        (void)id_of(name, "", room);
    }
    entropy_byte = 77; /* ids of this test repeat after 256 */
    assert_true(str_equal(id_of("user 0", "", room), str_of(first)));
    (void)id_of("one more", "", room);
    assert_false(str_equal(id_of("user 0", "", room), str_of(first)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_subject_is_a_user_or_else_a_session),
        TEST(a_key_lasts_a_day_and_until_somebody_was_forgotten),
        TEST(a_step_is_needed_until_one_was_durable),
        TEST(at_the_limit_all_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
