/* SPDX-License-Identifier: Apache-2.0
 * test_session.c - sessions found, made, loaded, saved and forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/session.h"
#include "support/sim_env.h"

#include <string.h>

struct world {
    struct sim_env *sim;
    struct loop *loop;
    struct store *store;
    struct keyring *keyring;
    struct sessions *sessions;
};

static int begin(void **state)
{
    static struct world w;
    struct schema schemas[1] = {keyring_schema};
    struct fault fault;
    struct masters masters = {.count = 1};
    const struct master_place place = {.name = "/nowhere"};
    w.sim = sim_env_new(7);
    w.loop = loop_new(sim_env_env(w.sim));
    sim_add_loop(w.sim, w.loop);
    const struct store_options options = {.location = STR("memory:"),
                                          .schemas = schemas,
                                          .schema_count = 1,
                                          .env = sim_env_env(w.sim)};
    assert_int_equal(store_open(&options, &w.store, &fault), ERR_OK);
    masters.items[0] = master_of(&(const struct seal_key){{9}});
    w.keyring = keyring_new(sim_env_env(w.sim), &place, &masters);
    w.sessions = sessions_new(w.keyring, w.store, sim_env_env(w.sim));
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    sessions_free(w->sessions);
    keyring_free(w->keyring);
    store_close(w->store);
    loop_free(w->loop);
    sim_env_free(w->sim);
    return 0;
}

/* As after a restart: what is in memory has gone. */
static void restart(struct world *w)
{
    sessions_free(w->sessions);
    w->sessions = sessions_new(w->keyring, w->store, sim_env_env(w->sim));
}

struct told {
    size_t times;
    enum err result;
    struct session *session;
};

static void on_done(void *object, enum err result, struct session *session)
{
    struct told *told = object;
    told->times++;
    told->result = result;
    told->session = session;
}

static bool was_told(void *object)
{
    return ((struct told *)object)->times > 0;
}

static struct session *opened(struct world *w, struct key_scope scope)
{
    struct told told = {0};
    struct session *session;
    struct session_wait *wait;
    const struct session_ask ask = {w->loop, on_done, &told};
    assert_int_equal(session_open(w->sessions, &scope, &ask, &session, &wait), ERR_OK);
    if (session != NULL) {
        return session;
    }
    assert_true(sim_run_until(w->sim, was_told, &told, 60000));
    assert_int_equal(told.result, ERR_OK);
    return told.session;
}

static enum err save(struct world *w, struct session *session)
{
    struct told told = {0};
    struct session_wait *wait;
    const struct session_ask ask = {w->loop, on_done, &told};
    enum err code = session_save(session, &ask, &wait);
    if (code != ERR_OK || wait == NULL) {
        return code;
    }
    assert_true(sim_run_until(w->sim, was_told, &told, 60000));
    return told.result;
}

static struct str hide(struct session *session, const char *value)
{
    struct str placeholder;
    assert_int_equal(
        vault_placeholder(session_vault(session), STR("EMAIL"), str_of(value), &placeholder),
        ERR_OK);
    return placeholder;
}

static const struct key_scope ann = {STR_CONST("t"), STR_CONST("p"), STR_CONST("ann"),
                                     STR_CONST("s1")};

static void a_saved_value_is_there_after_a_restart(void **state)
{
    struct world *w = *state;
    struct session *session = opened(w, ann);
    char first[VAULT_PLACEHOLDER_MAX];
    assert_true(str_copy(hide(session, "ann@example.com"), first, sizeof first));
    assert_int_equal(save(w, session), ERR_OK);
    (void)hide(session, "lost@example.com"); /* never saved */
    session_release(session);
    restart(w);
    session = opened(w, ann);
    assert_int_equal(vault_count(session_vault(session)), 1);
    assert_true(str_equal(vault_value(session_vault(session), 0), STR("ann@example.com")));
    assert_true(str_equal(hide(session, "ann@example.com"), str_of(first)));
    session_release(session);
}

static void one_session_is_one_object_for_all(void **state)
{
    struct world *w = *state;
    struct session *a = opened(w, ann);
    struct session *b = opened(w, ann);
    assert_ptr_equal(a, b);
    session_release(a);
    session_release(b);
    assert_ptr_equal(opened(w, ann), a);
    session_release(a);
}

static void two_that_open_it_at_once_get_the_same(void **state)
{
    struct world *w = *state;
    struct told told[2] = {{0}, {0}};
    struct session *session;
    struct session_wait *wait;
    for (size_t i = 0; i < 2; i++) {
        const struct session_ask ask = {w->loop, on_done, &told[i]};
        assert_int_equal(session_open(w->sessions, &ann, &ask, &session, &wait), ERR_OK);
        assert_non_null(wait);
    }
    assert_true(sim_run_until(w->sim, was_told, &told[0], 60000));
    assert_true(sim_run_until(w->sim, was_told, &told[1], 60000));
    assert_int_equal(told[0].result, ERR_OK);
    assert_int_equal(told[1].result, ERR_OK);
    assert_ptr_equal(told[0].session, told[1].session);
    session_release(told[0].session);
    session_release(told[1].session);
}

static void any_other_field_is_another_session(void **state)
{
    struct world *w = *state;
    const struct key_scope others[] = {{STR("t"), STR("p"), STR("ann"), STR("s2")},
                                       {STR("t"), STR("p"), STR("bob"), STR("s1")},
                                       {STR("t"), STR("q"), STR("ann"), STR("s1")},
                                       {STR("u"), STR("p"), STR("ann"), STR("s1")},
                                       {STR("t"), STR("pa"), STR("nn"), STR("s1")}};
    struct session *session = opened(w, ann);
    char mine[VAULT_PLACEHOLDER_MAX];
    assert_true(str_copy(hide(session, "x"), mine, sizeof mine));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct session *other = opened(w, others[i]);
        assert_int_equal(vault_count(session_vault(other)), 0);
        assert_false(str_equal(hide(other, "x"), str_of(mine)));
        session_release(other);
    }
    session_release(session);
}

static void without_a_name_nothing_is_kept(void **state)
{
    struct world *w = *state;
    struct keyring_status status;
    const struct key_scope nameless = {STR("t"), STR("p"), STR(""), STR("")};
    struct session *session = opened(w, nameless);
    (void)hide(session, "x");
    assert_int_equal(save(w, session), ERR_OK);
    session_release(session);
    assert_int_equal(keyring_status(w->keyring, w->store, &status), ERR_OK);
    assert_int_equal(status.sessions + status.values, 0);
    session = opened(w, nameless);
    assert_int_equal(vault_count(session_vault(session)), 0);
    session_release(session);
}

static void forget(struct world *w, const struct key_scope *scope, enum err expected)
{
    struct arena *arena = arena_new(1024);
    struct store_unit unit;
    keyring_forget_unit(scope, arena, &unit);
    assert_int_equal(store_write_now(w->store, &unit), expected);
    sessions_forget(w->sessions, scope);
    arena_free(arena);
}

static void a_forgotten_session_is_empty_and_takes_nothing_more(void **state)
{
    struct world *w = *state;
    const struct key_scope by_name = {.session = STR("s1")};
    const struct key_scope nobody = {.session = STR("s1"), .user = STR("bob")};
    struct keyring_status status;
    struct session *held = opened(w, ann);
    (void)hide(held, "x");
    assert_int_equal(save(w, held), ERR_OK);
    forget(w, &nobody, ERR_NOT_FOUND);
    struct session *same = opened(w, ann);
    assert_ptr_equal(same, held);
    session_release(same);
    forget(w, &by_name, ERR_OK);
    (void)hide(held, "y");
    assert_int_equal(save(w, held), ERR_NOT_FOUND);
    struct session *fresh = opened(w, ann);
    assert_ptr_not_equal(fresh, held);
    assert_int_equal(vault_count(session_vault(fresh)), 0);
    session_release(fresh);
    session_release(held);
    assert_int_equal(keyring_status(w->keyring, w->store, &status), ERR_OK);
    assert_int_equal(status.sessions, 1);
    assert_int_equal(status.values, 0);
}

static void who_no_longer_waits_is_not_told(void **state)
{
    struct world *w = *state;
    struct told told = {0};
    struct session *session;
    struct session_wait *wait;
    const struct session_ask ask = {w->loop, on_done, &told};
    assert_int_equal(session_open(w->sessions, &ann, &ask, &session, &wait), ERR_OK);
    assert_non_null(wait);
    session_cancel(wait);
    assert_false(sim_run_until(w->sim, was_told, &told, 60000));
    assert_int_equal(told.times, 0);
}

static void another_master_key_does_not_open_it(void **state)
{
    struct world *w = *state;
    struct masters masters = {.count = 1};
    const struct master_place place = {.name = "/nowhere"};
    session_release(opened(w, ann));
    sessions_free(w->sessions);
    masters.items[0] = master_of(&(const struct seal_key){{10}});
    struct keyring *other = keyring_new(sim_env_env(w->sim), &place, &masters);
    w->sessions = sessions_new(other, w->store, sim_env_env(w->sim));
    struct told told = {0};
    struct session *session;
    struct session_wait *wait;
    const struct session_ask ask = {w->loop, on_done, &told};
    assert_int_equal(session_open(w->sessions, &ann, &ask, &session, &wait), ERR_OK);
    assert_true(sim_run_until(w->sim, was_told, &told, 60000));
    assert_int_equal(told.result, ERR_DENIED);
    assert_null(told.session);
    restart(w);
    keyring_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_saved_value_is_there_after_a_restart),
        TEST(one_session_is_one_object_for_all),
        TEST(two_that_open_it_at_once_get_the_same),
        TEST(any_other_field_is_another_session),
        TEST(without_a_name_nothing_is_kept),
        TEST(a_forgotten_session_is_empty_and_takes_nothing_more),
        TEST(who_no_longer_waits_is_not_told),
        TEST(another_master_key_does_not_open_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
