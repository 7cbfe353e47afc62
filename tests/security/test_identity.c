/* SPDX-License-Identifier: Apache-2.0
 * test_identity.c - which keys open, which do not, and what survives a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/identity.h"
#include "sys/thread.h"

#include <stdio.h>
#include <string.h>

static const uint64_t seed[2] = {3, 4};
static const struct wall today = {INT64_C(1795608000000000)};

/* A world with a known clock and seeded "entropy". */

static struct wall known_wall(void *object)
{
    (void)object;
    return today;
}

static void seeded_fill(void *object, void *to, size_t bytes)
{
    uint8_t *at = to;
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)rng_next(object);
    }
}

static const struct clock_ops known_clock = {.wall = known_wall};
static const struct entropy_ops seeded_entropy = {.fill = seeded_fill};

struct world {
    struct rng rng;
    struct env env;
    struct arena *arena;
    struct store *store;
    struct identity *identity;
};

static void world_init(struct world *world)
{
    *world = (struct world){.env = {.clock = &known_clock, .entropy = &seeded_entropy}};
    rng_seed(&world->rng, 11);
    world->env.object = &world->rng;
    world->arena = arena_new(4096);
    world->identity = identity_new(seed);
    struct store_options options = {
        .location = STR("memory:"), .schemas = &identity_schema, .schema_count = 1};
    assert_int_equal(store_open(&options, &world->store, NULL), ERR_OK);
}

static void world_end(struct world *world)
{
    identity_free(world->identity);
    store_close(world->store);
    arena_free(world->arena);
}

static struct key_entry wanted_key(void)
{
    return (struct key_entry){.principal = {.tenant = STR("default"),
                                            .name = STR("support-bot"),
                                            .agent = STR("refund-agent"),
                                            .may_vouch = true},
                              .limits = {.rate = {10, 60000},
                                         .day_microusd = 5000000,
                                         .month_microusd = 90000000,
                                         .day_tokens = 1000,
                                         .month_tokens = UINT64_MAX},
                              .admin = true};
}

static void make(struct world *world, const struct key_entry *wanted, char text[KEY_TEXT_BYTES],
                 struct key_entry *made)
{
    struct store_unit unit;
    assert_int_equal(identity_make(&world->env, wanted, world->arena, text, made, &unit), ERR_OK);
    assert_int_equal(store_write_now(world->store, &unit), ERR_OK);
    assert_int_equal(identity_add(world->identity, made), ERR_OK);
}

static const struct key_entry *check(struct world *world, const char *text)
{
    return identity_check(world->identity, str_of(text), today);
}

static void a_made_key_opens(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, text, &made);
    assert_int_equal(strlen(text), 50);
    const struct key_entry *entry = check(&world, text);
    assert_non_null(entry);
    assert_true(str_equal(entry->principal.name, STR("support-bot")));
    assert_true(str_equal(entry->principal.agent, STR("refund-agent")));
    assert_int_equal(entry->created_us, today.us);
    assert_int_equal(identity_count(world.identity), 1);
    world_end(&world);
}

static void keys_are_never_alike(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char one[KEY_TEXT_BYTES];
    char two[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, one, &made);
    make(&world, &wanted, two, &made);
    assert_string_not_equal(one, two);
    assert_non_null(check(&world, one));
    assert_non_null(check(&world, two));
    world_end(&world);
}

static void every_other_text_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, text, &made);
    for (size_t i = 0; i < strlen(text); i++) { /* one character changed, anywhere */
        char wrong[KEY_TEXT_BYTES];
        memcpy(wrong, text, sizeof wrong);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_null(check(&world, wrong));
        wrong[i] = '\xff';
        assert_null(check(&world, wrong));
    }
    for (size_t i = 0; i < strlen(text); i++) { /* cut short */
        struct str head = {text, i};
        assert_null(identity_check(world.identity, head, today));
    }
    char longer[KEY_TEXT_BYTES + 1];
    (void)snprintf(longer, sizeof longer, "%sA", text);
    assert_null(check(&world, longer));
    assert_null(check(&world, ""));
    assert_null(check(&world, "sk-something"));
    world_end(&world);
}

static void a_revoked_key_stops_at_once_and_its_entry_stays(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, text, &made);
    const struct key_entry *held = check(&world, text);
    assert_int_equal(identity_revoke(world.identity, made.id), ERR_OK);
    assert_null(check(&world, text));
    assert_true(str_equal(held->principal.name, STR("support-bot"))); /* a running exchange's */
    assert_int_equal(identity_revoke(world.identity, made.id), ERR_NOT_FOUND);
    assert_int_equal(identity_count(world.identity), 0);
    world_end(&world);
}

static void a_key_ends_at_its_expiry(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    wanted.expires_us = today.us + 1000;
    make(&world, &wanted, text, &made);
    struct wall last = {wanted.expires_us - 1};
    struct wall over = {wanted.expires_us};
    assert_non_null(identity_check(world.identity, str_of(text), last));
    assert_null(identity_check(world.identity, str_of(text), over));
    world_end(&world);
}

static void senseless_names_are_refused(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct store_unit unit;
    struct key_entry wanted = wanted_key();
    wanted.principal.name = STR("");
    assert_int_equal(identity_make(&world.env, &wanted, world.arena, text, &made, &unit),
                     ERR_INVALID);
    wanted = wanted_key();
    wanted.principal.tenant = STR("a b");
    assert_int_equal(identity_make(&world.env, &wanted, world.arena, text, &made, &unit),
                     ERR_INVALID);
    wanted = wanted_key();
    wanted.limits.day_microusd = -1;
    assert_int_equal(identity_make(&world.env, &wanted, world.arena, text, &made, &unit),
                     ERR_INVALID);
    world_end(&world);
}

static void an_id_is_added_once(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, text, &made);
    assert_int_equal(identity_add(world.identity, &made), ERR_EXISTS);
    made.id = STR("short");
    assert_int_equal(identity_add(world.identity, &made), ERR_INVALID);
    world_end(&world);
}

static void the_store_remembers_all_but_the_secret(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char live[KEY_TEXT_BYTES];
    char dead[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, dead, &made);
    struct store_unit unit;
    identity_revoke_unit(made.id, today, world.arena, &unit);
    assert_int_equal(store_write_now(world.store, &unit), ERR_OK);
    identity_revoke_unit(made.id, today, world.arena, &unit);
    assert_int_equal(store_write_now(world.store, &unit), ERR_NOT_FOUND);
    make(&world, &wanted, live, &made);

    identity_free(world.identity); /* the restart */
    world.identity = identity_new(seed);
    assert_int_equal(identity_load(world.identity, world.store), ERR_OK);
    assert_int_equal(identity_count(world.identity), 1);
    assert_null(check(&world, dead));
    const struct key_entry *entry = check(&world, live);
    assert_non_null(entry);
    assert_true(entry->admin && entry->principal.may_vouch);
    assert_true(str_equal(entry->principal.tenant, STR("default")));
    assert_int_equal(entry->limits.rate.count, 10);
    assert_int_equal(entry->limits.rate.period_ms, 60000);
    assert_int_equal(entry->limits.day_microusd, 5000000);
    assert_int_equal(entry->limits.month_microusd, 90000000);
    assert_int_equal(entry->limits.day_tokens, 1000);
    assert_true(entry->limits.month_tokens == INT64_MAX);

    struct key_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(identity_list(world.store, world.arena, &entries, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(entries[0].revoked + entries[1].revoked, 1);
    world_end(&world);
}

static void thousands_of_keys_are_loaded(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    for (unsigned i = 0; i < 2000; i++) { /* two whole pages, all of one moment */
        make(&world, &wanted, text, &made);
    }
    struct identity *other = identity_new(seed);
    assert_int_equal(identity_load(other, world.store), ERR_OK);
    assert_int_equal(identity_count(other), 2000);
    assert_non_null(identity_check(other, str_of(text), today));
    struct key_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(identity_list(world.store, world.arena, &entries, &count), ERR_OK);
    assert_int_equal(count, 2000);
    assert_true(str_compare(entries[998].id, entries[1001].id) < 0);
    identity_free(other);
    world_end(&world);
}

static void a_damaged_row_is_told(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    static const struct statement damage = {"UPDATE keys SET hash = x'00'", 0};
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, text, &made);
    struct store_step step = {.statement = &damage};
    struct store_unit unit = {.steps = &step, .count = 1};
    assert_int_equal(store_write_now(world.store, &unit), ERR_OK);
    struct identity *other = identity_new(seed);
    assert_int_equal(identity_load(other, world.store), ERR_CORRUPT);
    identity_free(other);
    world_end(&world);
}

static struct key_entry numbered(char room[16], unsigned i)
{
    (void)snprintf(room, 16, "%012u", i);
    struct key_entry entry = wanted_key();
    entry.id = str_of(room);
    return entry;
}

static void there_is_a_most(void **state)
{
    (void)state;
    struct identity *identity = identity_new(seed);
    char room[16];
    struct key_entry entry;
    for (unsigned i = 0; i < IDENTITY_KEYS_MAX; i++) {
        entry = numbered(room, i);
        assert_int_equal(identity_add(identity, &entry), ERR_OK);
    }
    entry = numbered(room, IDENTITY_KEYS_MAX);
    assert_int_equal(identity_add(identity, &entry), ERR_LIMIT);
    assert_int_equal(identity_revoke(identity, STR("000000000000")), ERR_OK);
    assert_int_equal(identity_add(identity, &entry), ERR_LIMIT); /* its entry is still held */
    identity_free(identity);
}

struct reader {
    struct world *world;
    const char *text;
    unsigned seen;
};

static void read_often(void *object)
{
    struct reader *reader = object;
    for (unsigned i = 0; i < 5000; i++) {
        const struct key_entry *entry = check(reader->world, reader->text);
        reader->seen += entry != NULL && entry->principal.name.len == 11;
    }
}

static void loops_read_while_keys_come_and_go(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char text[KEY_TEXT_BYTES];
    struct key_entry made;
    struct key_entry wanted = wanted_key();
    make(&world, &wanted, text, &made);
    struct thread threads[3] = {0};
    struct reader readers[3];
    for (size_t i = 0; i < 3; i++) {
        readers[i] = (struct reader){&world, text, 0};
        assert_int_equal(thread_start(&threads[i], "reader", read_often, &readers[i]), ERR_OK);
    }
    for (unsigned i = 0; i < 3000; i++) {
        char room[16];
        struct key_entry entry = numbered(room, i);
        assert_int_equal(identity_add(world.identity, &entry), ERR_OK);
        assert_int_equal(identity_revoke(world.identity, entry.id), ERR_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        thread_join(&threads[i]);
        assert_int_equal(readers[i].seen, 5000);
    }
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_key_opens),
        cmocka_unit_test(keys_are_never_alike),
        cmocka_unit_test(every_other_text_is_refused),
        cmocka_unit_test(a_revoked_key_stops_at_once_and_its_entry_stays),
        cmocka_unit_test(a_key_ends_at_its_expiry),
        cmocka_unit_test(senseless_names_are_refused),
        cmocka_unit_test(an_id_is_added_once),
        cmocka_unit_test(the_store_remembers_all_but_the_secret),
        cmocka_unit_test(thousands_of_keys_are_loaded),
        cmocka_unit_test(a_damaged_row_is_told),
        cmocka_unit_test(there_is_a_most),
        cmocka_unit_test(loops_read_while_keys_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
