/* SPDX-License-Identifier: Apache-2.0
 * test_schema.c - opening: migrations, copies, and one clear line for whatever is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/postgres_kit.h"
#include "support/store_kit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct migration steps[] = {
    {1, "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"},
    {2, "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1; INSERT INTO a VALUES (5, 6);"},
    {3, "CREATE TABLE b (x INTEGER); this is no SQL;"},
};
static const struct schema first_version = {"area", steps, 1};
static const struct schema second_version = {"area", steps, 2};
static const struct schema broken_version = {"area", steps, 3};
static const struct statement sum_y = {"SELECT coalesce(sum(y), 0) FROM a WHERE ?1 IS NOT NULL", 1};
static const struct statement count_a = {"SELECT count(*) FROM a WHERE ?1 IS NOT NULL", 1};

struct world {
    char folder[KIT_PATH];
    char path[2 * KIT_PATH];
    struct fault why;
    struct store *store;
    bool on_postgres;
    bool absent; /* no PostgreSQL here */
};

static int set_up(void **state)
{
    static struct world world; /* one test at a time */
    bool on_postgres = *state != NULL && strcmp(*state, "postgres") == 0;
    memset(&world, 0, sizeof world);
    kit_on_sqlite();
    world.on_postgres = on_postgres;
    world.absent = on_postgres && !kit_on_postgres();
    if (!world.absent) {
        kit_folder(world.folder);
    }
    (void)snprintf(world.path, sizeof world.path, "%s/data.db", world.folder);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    if (!world->absent) {
        kit_remove(world->folder);
    }
    return 0;
}

static struct world *ready(void **state)
{
    struct world *world = *state;
    if (world->absent) {
        skip();
    }
    return world;
}

static enum err open_with(struct world *world, const struct schema *schema)
{
    char location[KIT_PATH];
    kit_location(world->folder, location);
    struct store_options options = {
        .location = str_of(location), .schemas = schema, .schema_count = 1};
    store_close(world->store);
    return store_open(&options, &world->store, &world->why);
}

static void shut(struct world *world)
{
    store_close(world->store);
    world->store = NULL;
}

static void overwrite(const char *path, long at, const char *bytes, size_t count)
{
    FILE *file = fopen(path, access(path, F_OK) == 0 ? "r+b" : "wb");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(fputc(bytes[i % strlen(bytes)], file) != EOF);
    }
    assert_int_equal(fclose(file), 0);
}

/* What another program does to the file. */
static void meddle(const char *path, const char *sql)
{
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

static void assert_says(const struct world *world, const char *words)
{
    if (strstr(world->why.words, words) == NULL) {
        fail_msg("expected \"%s\" in \"%s\"", words, world->why.words);
    }
    assert_null(strchr(world->why.words, '\n'));
}

static void migrations_go_up_and_keep_data(void **state)
{
    struct world *world = ready(state);
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    assert_int_equal(kit_number(world->store, &count_a, 0), 1);
    assert_int_equal(open_with(world, &second_version), ERR_OK);
    assert_int_equal(kit_number(world->store, &sum_y, 0), 8);
    assert_int_equal(open_with(world, &second_version), ERR_OK); /* and only once */
    assert_int_equal(kit_number(world->store, &sum_y, 0), 8);
}

static void an_existing_database_is_copied_first(void **state)
{
    struct world *world = *state;
    char copy[3 * KIT_PATH];
    struct stat status;
    (void)snprintf(copy, sizeof copy, "%s.before-migration", world->path);
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    assert_int_equal(stat(copy, &status), -1); /* nothing to lose yet */
    assert_int_equal(open_with(world, &second_version), ERR_OK);
    assert_int_equal(stat(copy, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    shut(world);
    assert_int_equal(rename(copy, world->path), 0);
    assert_int_equal(open_with(world, &first_version), ERR_OK); /* the copy is the old one, whole */
    assert_int_equal(kit_number(world->store, &count_a, 0), 1);
}

static void a_newer_schema_is_refused_untouched(void **state)
{
    struct world *world = ready(state);
    assert_int_equal(open_with(world, &second_version), ERR_OK);
    assert_int_equal(open_with(world, &first_version), ERR_UNSUPPORTED);
    assert_says(world, "newer version of this program");
    assert_says(world, "'area' is at 2, this program knows up to 1");
    assert_int_equal(open_with(world, &second_version), ERR_OK);
}

static void a_failing_migration_changes_nothing(void **state)
{
    struct world *world = ready(state);
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    assert_int_equal(open_with(world, &broken_version), ERR_INVALID);
    assert_says(world, "migration of schema 'area' failed");
    assert_int_equal(open_with(world, &first_version), ERR_OK); /* still at version 1 */
    assert_int_equal(kit_number(world->store, &count_a, 0), 1);
}

static void folder_and_files_are_private(void **state)
{
    struct world *world = *state;
    struct stat status;
    char location[2 * KIT_PATH];
    (void)snprintf(location, sizeof location, "sqlite:%s/new/deep/data.db", world->folder);
    struct store_options options = {.location = str_of(location)};
    assert_int_equal(store_open(&options, &world->store, &world->why), ERR_OK);
    static const char *const names[] = {"data.db", "data.db-wal", "data.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[2 * KIT_PATH];
        (void)snprintf(path, sizeof path, "%s/new/deep/%s", world->folder, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    char folder[2 * KIT_PATH];
    (void)snprintf(folder, sizeof folder, "%s/new/deep", world->folder);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void what_is_no_database_is_refused(void **state)
{
    struct world *world = *state;
    overwrite(world->path, 0, "Dear diary. ", 5000);
    assert_int_equal(open_with(world, &first_version), ERR_CORRUPT);
    assert_says(world, "is not a database");
}

static void a_database_of_another_program_is_refused(void **state)
{
    struct world *world = ready(state);
    static const char table[] = "CREATE TABLE bookmarks (url TEXT)";
    if (world->on_postgres) {
        (void)postgres_kit_run(strrchr(world->folder, '/') + 1, table);
    } else {
        meddle(world->path, table);
    }
    assert_int_equal(open_with(world, &first_version), ERR_INVALID);
    assert_says(world, "another program");
}

static void fill(struct world *world)
{
    static const struct statement many = {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO a (x) SELECT i FROM n",
        0};
    struct store_step step = {&many, NULL, true};
    struct store_unit unit = {.steps = &step, .count = 1};
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    assert_int_equal(store_write_now(world->store, &unit), ERR_OK);
    shut(world);
}

static void damage_is_found_after_an_unclean_close(void **state)
{
    struct world *world = *state;
    fill(world);
    meddle(world->path, "PRAGMA user_version=1");               /* as a killed process leaves it */
    assert_int_equal(open_with(world, &first_version), ERR_OK); /* unclean, but whole */
    shut(world);
    meddle(world->path, "PRAGMA user_version=1");
    overwrite(world->path, 4L * 4096, "garbage ", 3 * 4096);
    assert_int_equal(open_with(world, &first_version), ERR_CORRUPT);
    assert_says(world, "is damaged");
    assert_says(world, world->path);
}

static void a_clean_close_leaves_the_mark_clean(void **state)
{
    struct world *world = *state;
    char byte = 9;
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    shut(world);
    FILE *file = fopen(world->path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 63, SEEK_SET), 0); /* last byte of user_version */
    assert_int_equal(fread(&byte, 1, 1, file), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(fclose(file), 0);
}

static void a_locked_database_says_so(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    shut(world);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(world->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE;"
                                  "UPDATE a SET x = 2",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(open_with(world, &first_version), ERR_BUSY);
    assert_says(world, "is locked by another process");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(open_with(world, &first_version), ERR_OK);
}

static void a_write_locked_database_says_so(void **state)
{
    struct world *world = *state;
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    shut(world);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(world->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(open_with(world, &first_version), ERR_BUSY);
    assert_says(world, "is locked by another process");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void no_permission_says_so(void **state)
{
    struct world *world = *state;
    if (geteuid() == 0) {
        skip(); /* the superuser has them all */
    }
    assert_int_equal(open_with(world, &first_version), ERR_OK);
    shut(world);
    assert_int_equal(chmod(world->path, 0400), 0);
    assert_int_equal(open_with(world, &first_version), ERR_DENIED);
    assert_says(world, "no permission");
}

static void what_is_no_file_says_so(void **state)
{
    struct world *world = *state;
    assert_int_equal(mkdir(world->path, 0700), 0);
    assert_int_equal(open_with(world, &first_version), ERR_DENIED);
    assert_says(world, "not a file");
}

static void a_folder_that_cannot_be_made_says_so(void **state)
{
    struct world *world = *state;
    char location[3 * KIT_PATH];
    overwrite(world->path, 0, "a file", 6);
    (void)snprintf(location, sizeof location, "sqlite:%s/below/data.db", world->path);
    struct store_options options = {.location = str_of(location)};
    assert_int_not_equal(store_open(&options, &world->store, &world->why), ERR_OK);
    assert_says(world, "cannot create the folder");
}

static void an_unknown_location_says_so(void **state)
{
    static const char *const wrong[] = {"", "sqlite:", "mysql://u:secret@localhost/x", "data.db"};
    struct world *world = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct store_options options = {.location = str_of(wrong[i])};
        assert_int_equal(store_open(&options, &world->store, &world->why), ERR_UNSUPPORTED);
        assert_says(world, "is neither sqlite:PATH, postgres://... nor memory:");
        assert_null(strstr(world->why.words, "secret"));
    }
}

static void a_reading_view_sees_commits_and_cannot_write(void **state)
{
    struct world *world = *state;
    char location[KIT_PATH];
    struct store *view = NULL;
    struct kit_unit unit;
    kit_location(world->folder, location);
    assert_int_equal(store_open_read(str_of(location), &view, &world->why), ERR_NOT_FOUND);
    assert_says(world, "does not exist");
    world->store = kit_open(world->folder);
    assert_int_equal(store_open_read(str_of(location), &view, &world->why), ERR_OK);
    kit_unit_init(&unit, NULL, 1);
    assert_int_equal(store_write_now(view, &unit.unit), ERR_DENIED);
    assert_int_equal(store_write_now(world->store, &unit.unit), ERR_OK);
    assert_int_equal(kit_number(view, &kit_has, 1), 1);
    store_close(view);
    shut(world);
    assert_int_equal(store_open_read(str_of(location), &view, &world->why), ERR_OK); /* no server */
    assert_int_equal(kit_number(view, &kit_has, 1), 1);
    store_close(view);
    assert_int_equal(store_open_read(STR("memory:"), &view, &world->why), ERR_UNSUPPORTED);
}

#define ONE(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BOTH(test) KIT_BOTH(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(migrations_go_up_and_keep_data),
        ONE(an_existing_database_is_copied_first),
        BOTH(a_newer_schema_is_refused_untouched),
        BOTH(a_failing_migration_changes_nothing),
        ONE(folder_and_files_are_private),
        ONE(what_is_no_database_is_refused),
        BOTH(a_database_of_another_program_is_refused),
        ONE(damage_is_found_after_an_unclean_close),
        ONE(a_clean_close_leaves_the_mark_clean),
        ONE(a_locked_database_says_so),
        ONE(a_write_locked_database_says_so),
        ONE(no_permission_says_so),
        ONE(what_is_no_file_says_so),
        ONE(a_folder_that_cannot_be_made_says_so),
        ONE(an_unknown_location_says_so),
        ONE(a_reading_view_sees_commits_and_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
