/* SPDX-License-Identifier: Apache-2.0
 * test_secrets.c - credentials, what only looks like one, and every cut of both.
 *
 * Tokens are put together here from prefix and noise: nothing in this file is a live credential. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/secrets.h"
#include "support/split.h"
#include "sys/file.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct secrets secrets;

static int setup(void **state)
{
    (void)state;
    secrets_init(&secrets);
    return 0;
}

static struct finder finder(void)
{
    return secrets_finder(&secrets);
}

/* The first thing found; "" when there is none. */
static struct str found_in(struct str text, const char **name)
{
    struct finder f = finder();
    struct spans spans = {0};
    struct str found = STR("");
    finder_find(&f, text, &spans);
    if (spans.count > 0) {
        found = str_cut(text, spans.items[0].start, spans.items[spans.count - 1].end);
        *name = secrets_name(spans.items[0].kind).at;
    }
    spans_end(&spans);
    return found;
}

static void assert_found(const char *text, const char *expected, const char *kind)
{
    const char *name = "nothing";
    struct finder f = finder();
    struct str found = found_in(str_of(text), &name);
    if (!str_equal(found, str_of(expected)) || (expected[0] != '\0' && strcmp(name, kind) != 0)) {
        fail_msg("'%s': '" STR_FMT "' (%s)", text, STR_ARG(found), name);
    }
    must_split_equally(&f, str_of(text));
}

static const struct {
    const char *prefix;
    const char *letters;
    size_t len;
    const char *name;
} formats[] = {
    {"AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, "aws_access_key"},
    {"ghp_", "abcdefghijklmnopqrstuvwxyzABCDEFGHJK0123456789", 36, "github_token"},
    {"github_pat_", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 82, "github_fine_grained"},
    {"glpat-", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 20, "gitlab_token"},
    {"sk-ant-", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 95, "anthropic"},
    {"sk-proj-", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 48, "openai_project"},
    {"sk-", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 48, "openai"},
    {"AIza", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 35, "google_api_key"},
    {"xoxb-", "abcdefghijkmnpqrstuvwxyz0123456789", 50, "slack_bot"},
    {"sk_live_", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 24, "stripe_live"},
    {"npm_", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 36, "npm"},
    {"hf_", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK", 34, "huggingface"},
    {"shpat_", "0123456789abcdef", 32, "shopify_access"},
    {"dop_v1_", "0123456789abcdef", 64, "digitalocean"},
    {"hvs.", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 95, "vault_service"},
    {"dckr_pat_", "abcdefghijkmnpqrstuvwxyzABCDEFGHJK0123456789", 27, "docker"},
};

static void make_token(char *to, size_t i, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    size_t at = strlen(formats[i].prefix);
    memcpy(to, formats[i].prefix, at);
    for (size_t n = 0; n < formats[i].len; n++) {
        to[at++] = formats[i].letters[rng_below(&rng, strlen(formats[i].letters))];
    }
    to[at] = '\0';
}

static void tokens_are_known_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const carriers[] = {
        "@", "export TOKEN=@", "{\"key\": \"@\"}", "use @, please", "https://x/?k=@&b=1", "(@)"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        for (size_t c = 0; c < sizeof carriers / sizeof carriers[0]; c++) {
            char token[300];
            char text[400];
            make_token(token, i, i * 100 + c + 1);
            const char *gap = strchr(carriers[c], '@');
            (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(gap - carriers[c]), carriers[c],
                           token, gap + 1);
            assert_found(text, token, formats[i].name);
        }
    }
}

static void what_only_looks_like_a_token_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-short",
        "AKIAIOSFODNN7EXAMPLE",
        "commit 58911b81f59562315310f9a04ae4877396a69a17",
        "X-Api-Key: 83c9e90d908d4612fa30d2e070b7f7bc81f4d9d8",
        "id = \"6945efde-6fa9-0cdc-5932-52ac0279829a\"",
        "token count: 9367",
        "password = \"changeme\"",
        "api_key = process.env.OPENAI_API_KEY",
        "password: ${DB_PASSWORD}",
        "token = <your token here>",
        "the secret of a good soup: time and patience",
        "password: must have 12 characters",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "postgres://user:password@localhost:5432/test",
        "https://example.com/a:b@c",
        "see http://host/path?x=1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_found(texts[i], "", "");
    }
}

static void a_private_key_is_taken_whole(void **state)
{
    (void)state;
    char text[3000];
    char key[2600];
    struct rng rng;
    rng_seed(&rng, 7);
    size_t at = (size_t)snprintf(key, sizeof key, "-----BEGIN RSA PRIVATE %s-----\n", "KEY");
    for (int i = 0; i < 1600; i++) {
        key[at++] = i % 65 == 64 ? '\n' : (char)('A' + (int)rng_below(&rng, 26));
    }
    at += (size_t)snprintf(key + at, sizeof key - at, "\n-----END RSA PRIVATE %s-----", "KEY");
    (void)snprintf(text, sizeof text, "here: %s and more", key);
    assert_found(text, key, "private_key");
    /* One that never ends goes to the end of the text. */
    text[1000] = '\0';
    assert_found(text, text + 6, "private_key");
}

static void a_long_json_web_token_is_taken_whole(void **state)
{
    (void)state;
    char token[1200] = "eyJhbGciOiJIUzI1NiJ9.eyJ";
    struct rng rng;
    char text[1400];
    rng_seed(&rng, 9);
    size_t at = strlen(token);
    for (int i = 0; i < 900; i++) {
        token[at++] = i == 700 ? '.' : (char)('a' + (int)rng_below(&rng, 26));
    }
    token[at] = '\0';
    (void)snprintf(text, sizeof text, "Cookie %s; next", token);
    assert_found(text, token, "jwt");
    token[60] = '\0';
    assert_found(token, "", "");
    token[59] = '.';
    (void)snprintf(text, sizeof text, "%.60s%s x", token, "s0meS1gnature");
    (void)snprintf(token, sizeof token, "%.100s", text);
    token[strlen(token) - 2] = '\0';
    assert_found(text, token, "jwt");
}

static void names_say_what_their_values_are(void **state)
{
    (void)state;
    assert_found("password = \"gwEhpo9w!yr8h%qs\"", "gwEhpo9w!yr8h%qs", "named_value");
    assert_found("{\"db_password\": \"Tr0ub4dor&3x\"}", "Tr0ub4dor&3x", "named_value");
    assert_found("aws_secret_access_key=R6WelvtlJzFVfLoAgaBKOvCBBlSX3FcCdQMmyCrj",
                 "R6WelvtlJzFVfLoAgaBKOvCBBlSX3FcCdQMmyCrj", "named_value");
    assert_found("client-secret: q8Q~abc123DEF456ghi789JKL.x_0", "q8Q~abc123DEF456ghi789JKL.x_0",
                 "named_value");
    assert_found("Authorization: Bearer oLHaIm8mQwQ_In_AgddoYpPFVxXkKqHf",
                 "oLHaIm8mQwQ_In_AgddoYpPFVxXkKqHf", "authorization");
    assert_found("Server=db;User Id=sa;Password=aB3$xY9!kk;", "aB3$xY9!kk", "named_value");
    assert_found("postgres://app:D618vU8PYI9fe%@db3.internal:5432/prod",
                 "postgres://app:D618vU8PYI9fe%@", "connection_string");
}

static void the_sum_of_a_github_token_is_sure(void **state)
{
    (void)state;
    /* Thirty zeros-and-ones, and their CRC-32 in base 62: computed, nobody's. */
    struct finder f = finder();
    struct spans spans = {0};
    char token[64];
    make_token(token, 1, 3);
    finder_find(&f, str_of(token), &spans);
    assert_int_equal(spans.count, 1);
    assert_true(spans.items[0].score < 1.0F);
    spans_end(&spans);
}

static bool read_corpus(const char *name, struct buf *to)
{
    const char *shared = getenv("AIRE_SHARED");
    const char *folders[] = {shared != NULL ? shared : "../shared", "../shared", "../../shared"};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/corpora/secrets/%s", folders[i], name);
        if (file_read(path, to) == ERR_OK) {
            return true;
        }
    }
    return false;
}

static void the_corpus_is_met(void **state)
{
    (void)state;
    struct buf file;
    struct str line;
    size_t counts[2][2] = {{0}}; /* secret, found */
    buf_init(&file, 8 << 20);
    if (!read_corpus("dev.jsonl", &file)) {
        buf_end(&file);
        skip();
    }
    struct arena *arena = arena_new(1 << 16);
    struct str rest = buf_str(&file);
    while (str_split(&rest, '\n', &line)) {
        struct json json;
        const char *name = NULL;
        if (line.len == 0) {
            continue;
        }
        assert_int_equal(json_parse(&json, line, NULL, arena, NULL), ERR_OK);
        struct str text = json_string(&json, json_get(&json, JSON_ROOT, STR("text")), arena);
        bool is = json_string_is(&json, json_get(&json, JSON_ROOT, STR("label")), STR("secret"));
        counts[is][found_in(text, &name).len > 0]++;
        arena_reset(arena);
    }
    print_message("recall %zu of %zu, false %zu of %zu\n", counts[1][1],
                  counts[1][0] + counts[1][1], counts[0][1], counts[0][0] + counts[0][1]);
    assert_true(counts[1][1] * 100 >= 97 * (counts[1][0] + counts[1][1]));
    assert_true(counts[0][1] * 100 <= 2 * (counts[0][0] + counts[0][1]));
    arena_free(arena);
    buf_end(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_known_wherever_they_stand),
        cmocka_unit_test(what_only_looks_like_a_token_is_none),
        cmocka_unit_test(a_private_key_is_taken_whole),
        cmocka_unit_test(a_long_json_web_token_is_taken_whole),
        cmocka_unit_test(names_say_what_their_values_are),
        cmocka_unit_test(the_sum_of_a_github_token_is_sure),
        cmocka_unit_test(the_corpus_is_met),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
