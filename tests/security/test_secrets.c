/* SPDX-License-Identifier: Apache-2.0
 * test_secrets.c - every format of the table, in many places, cut everywhere.
 *
 * Tokens are put together from a prefix and noise of a seeded generator: nothing in this file is a
 * live credential. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "security/secrets.h"
#include "security/secrets_scan.h"
#include "support/split.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { TOKEN_MAX = 2000, TEXT_MAX = 2400 };

static struct secrets secrets;

static int setup(void **state)
{
    (void)state;
    secrets_init(&secrets);
    return 0;
}

static const struct secret_row rows[] = {
#define SECRET(name, label, prefix, check, alphabet, least, most)                                  \
    {STR_CONST(name), STR_CONST(label), STR_CONST(prefix), check, alphabet, least, most},
#include "security/secrets.def"
#undef SECRET
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool has_prefix_only(const struct secret_row *row)
{
    return row->check == RUN || row->check == CHECKED;
}

/* Random bytes of the alphabet behind the prefix, letters and digits at the ends. */
static size_t make(char *to, const struct secret_row *row, size_t len, uint64_t seed)
{
    struct rng rng;
    size_t at = row->prefix.len;
    rng_seed(&rng, seed);
    memcpy(to, row->prefix.at, at);
    while (at < row->prefix.len + len) {
        char c = (char)('!' + (int)rng_below(&rng, 94));
        bool end = at + 1 == row->prefix.len + len || at == row->prefix.len;
        bool fits = row->alphabet == UPPER || !end ? secret_in(row->alphabet, c)
                                                   : secret_in(LOWHEX, c);
        if (fits && strchr("=:%", c) == NULL) {
            to[at++] = c;
        }
    }
    to[at] = '\0';
    return at;
}

static size_t length_of(const struct secret_row *row)
{
    return row->most != 0 && row->most < row->least + 20 ? row->most : row->least + 4U;
}

/* Exactly `token` is found in `text`, by whatever split. */
static struct span must_find(const char *text, const char *token, bool every_split)
{
    const struct finder finder = secrets_finder(&secrets);
    struct spans spans = {0};
    finder_find(&finder, str_of(text), &spans);
    const char *where = strstr(text, token);
    if (spans.count != 1 || text + spans.items[0].start != where ||
        spans.items[0].end - spans.items[0].start != strlen(token)) {
        for (size_t i = 0; i < spans.count; i++) {
            print_message("%s %zu-%zu\n", secrets_name(spans.items[i].kind).at,
                          spans.items[i].start, spans.items[i].end);
        }
        fail_msg("%zu spans, not '%s' of '%s'", spans.count, token, text);
    }
    struct span span = spans.items[0];
    spans_end(&spans);
    if (every_split) {
        must_split_equally(&finder, str_of(text));
    }
    return span;
}

static void must_find_none(const char *text)
{
    const struct finder finder = secrets_finder(&secrets);
    struct spans spans = {0};
    finder_find(&finder, str_of(text), &spans);
    if (spans.count != 0) {
        fail_msg("'%s': %s", text, secrets_name(spans.items[0].kind).at);
    }
    spans_end(&spans);
    must_split_equally(&finder, str_of(text));
}

static void every_format_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const carriers[] = {"@",
                                           "export X=@",
                                           "{\"some\": \"@\"}",
                                           "use @, please",
                                           "https://x/?k=@&b=1",
                                           "(@)",
                                           "\\n@\\n",
                                           "a %3D@ b",
                                           "{\\u0022@\\u0022}",
                                           "It is @.",
                                           "\xE5\xAF\x86@\xE3\x80\x82",
                                           "prefix_@ x"};
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < sizeof carriers / sizeof *carriers && has_prefix_only(&rows[i]);
             c++) {
            char token[TOKEN_MAX];
            char text[TEXT_MAX];
            (void)make(token, &rows[i], length_of(&rows[i]), i * 100 + c + 1);
            const char *gap = strchr(carriers[c], '@');
            (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(gap - carriers[c]), carriers[c],
                           token, gap + 1);
            if (!secret_in(rows[i].alphabet, (char)(gap[1] == '\0' ? ' ' : gap[1])) ||
                *(gap + 1) == '.') {
                struct span span = must_find(text, token, c == i % 12);
                assert_string_equal(secrets_name(span.kind).at, rows[i].name.at);
                assert_true(span.score >= 0.95F);
            }
        }
    }
}

static void one_byte_too_few_or_too_many_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        char token[TOKEN_MAX];
        if (!has_prefix_only(&rows[i]) || rows[i].prefix.len < 5) {
            continue;
        }
        (void)make(token, &rows[i], rows[i].least - 1U, i + 1);
        must_find_none(token);
        if (rows[i].most != 0) {
            (void)make(token, &rows[i], rows[i].most + 1U, i + 1);
            must_find_none(token);
        }
    }
}

static void formats_without_a_limit_are_followed_to_their_end(void **state)
{
    (void)state;
    static const size_t lengths[] = {200, 254, 255, 256, 257, 258, 300, 1000, 1900};
    const struct finder finder = secrets_finder(&secrets);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t n = 0; n < 9 && has_prefix_only(&rows[i]) && rows[i].most == 0; n++) {
            char token[TOKEN_MAX];
            char text[TEXT_MAX];
            (void)make(token, &rows[i], lengths[n], i + n);
            (void)snprintf(text, sizeof text, "at %s and on", token);
            (void)must_find(text, token, lengths[n] < 260 && i % 7 == n % 7);
            must_split_equally_by(&finder, str_of(text), 1);
            must_split_equally_by(&finder, str_of(text), 100 + n);
            (void)must_find(token, token, false);
            must_split_equally_by(&finder, str_of(token), 33);
        }
    }
}

static void a_correct_checksum_makes_it_certain(void **state)
{
    (void)state;
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < ROWS; i++) {
        char token[TOKEN_MAX];
        if (rows[i].check != CHECKED) {
            continue;
        }
        size_t len = make(token, &rows[i], 36, i + 5);
        assert_true(must_find(token, token, false).score < 1.0F);
        unsigned long sum = crc32(0, (unsigned char *)token + rows[i].prefix.len, 30);
        for (size_t n = 0; n < 6; n++) {
            token[len - 1 - n] = digits[sum % 62];
            sum /= 62;
        }
        assert_true(must_find(token, token, true).score >= 1.0F);
    }
}

static void a_private_key_is_taken_whole(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "RSA PRIVATE KEY",       "PRIVATE KEY",           "EC PRIVATE KEY", "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "DSA PRIVATE KEY"};
    static const char *const lines[] = {"\n", "\r\n", "\\n", "\\\\n", " ", "\n> "};
    for (size_t k = 0; k < 7; k++) {
        for (size_t l = 0; l < 5; l++) {
            char body[70];
            char key[TOKEN_MAX];
            char text[TEXT_MAX];
            const struct secret_row row = {.prefix = STR_CONST(""), .alphabet = ALNUM};
            size_t at = (size_t)snprintf(key, sizeof key, "-----%s %s-----%s", "BEGIN", kinds[k],
                                         lines[l]);
            for (size_t n = 0; n < k + 1; n++) {
                (void)make(body, &row, 64, k * 10 + n);
                at += (size_t)snprintf(key + at, sizeof key - at, "%s%s", body, lines[l]);
            }
            (void)snprintf(key + at, sizeof key - at, "-----%s %s-----", "END", kinds[k]);
            (void)snprintf(text, sizeof text, "key = \"%s\" # and more", key);
            struct span span = must_find(text, key, k < 2);
            assert_string_equal(secrets_label(span.kind).at, "PRIVATE_KEY");
            /* One that never ends goes to the end of the text. */
            *strstr(text, "-----END") = '\0';
            (void)must_find(text, text + strlen("key = \""), k < 2);
        }
    }
}

static void keys_of_putty_and_of_ssh2_are_taken_whole(void **state)
{
    (void)state;
    char body[70];
    char key[TOKEN_MAX];
    char text[TEXT_MAX];
    const struct secret_row row = {.prefix = STR_CONST(""), .alphabet = ALNUM};
    (void)make(body, &row, 64, 1);
    (void)snprintf(
        key, sizeof key,
        "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 1\n"
        "%s\nPrivate-Lines: 1\n%s\nPrivate-MAC: 0123456789abcdef0123456789abcdef01234567",
        body, body);
    (void)snprintf(text, sizeof text, "it: %s\nmore", key);
    (void)must_find(text, key, true);
    (void)snprintf(key, sizeof key,
                   "---- %s SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x\"\n%s\n"
                   "---- END SSH2 ENCRYPTED PRIVATE KEY ----",
                   "BEGIN", body);
    (void)snprintf(text, sizeof text, "it: %s\nmore", key);
    (void)must_find(text, key, true);
}

static void keys_in_logs_and_in_pieces_are_keys(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "\"-----%s RSA PRIVATE KEY-----\\n\"\n    + \"%s\\n\"\n",
        "-----%s RSA PRIVATE KEY-----\n#6 0.245 %s\n",
        "-----%s PRIVATE KEY-----\n * Version: 1\n * %s\n",
        "-----%s RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n%s\n"};
    const struct secret_row row = {.prefix = STR_CONST(""), .alphabet = ALNUM};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char body[70];
        char text[TEXT_MAX];
        (void)make(body, &row, 64, i);
        const char *rest = strstr(heads[i], "%s") + 2; /* the heading is never whole in this file */
        size_t at = (size_t)snprintf(text, sizeof text, "%.*sBEGIN", (int)(rest - 2 - heads[i]),
                                     heads[i]);
        const char *gap = strstr(rest, "%s");
        (void)snprintf(text + at, sizeof text - at, "%.*s%s%s", (int)(gap - rest), rest, body,
                       gap + 2);
        (void)must_find(text, strstr(text, "-----"), true);
    }
}

static void talk_about_keys_is_no_key(void **state)
{
    (void)state;
    must_find_none("It begins with -----BEGIN RSA PRIVATE KEY----- and then a body follows.");
    must_find_none("if key.startswith('-----BEGIN PRIVATE KEY-----'):\n    return load(key)\n");
    must_find_none("-----BEGIN PRIVATE KEY-----\n<your key here>\n-----END PRIVATE KEY-----");
    must_find_none("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----");
    must_find_none("-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7\n"
                   "-----END PUBLIC KEY-----");
    must_find_none("-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0\n"
                   "-----END CERTIFICATE-----");
    must_find_none("| a | b |\n|-----|-----|\n-------------------------------------------\n");
}

/* A token of three parts; the middle one `len` bytes long. */
static void make_web(char *to, size_t room, size_t len, uint64_t seed)
{
    const struct secret_row row = {.prefix = STR_CONST(""), .alphabet = URL};
    char middle[1400];
    char signature[50];
    (void)make(middle, &row, len, seed);
    (void)make(signature, &row, 43, seed + 1);
    (void)snprintf(to, room, "%sJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ%s.%s", "ey", middle,
                   signature);
}

static void a_json_web_token_is_taken_whole(void **state)
{
    (void)state;
    const struct finder finder = secrets_finder(&secrets);
    for (size_t len = 20; len < 1200; len += len < 300 ? 13 : 211) {
        char token[TOKEN_MAX];
        char text[TEXT_MAX];
        make_web(token, sizeof token, len, len);
        (void)snprintf(text, sizeof text, "Cookie: a=%s; next", token);
        assert_string_equal(secrets_name(must_find(text, token, len % 2 == 0).kind).at, "jwt");
        (void)snprintf(text, sizeof text, "It is %s. Keep it", token);
        (void)must_find(text, token, len % 2 == 1);
        must_split_equally_by(&finder, str_of(text), 1);
        must_split_equally_by(&finder, str_of(text), 63);
    }
    must_find_none("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0");
    must_find_none("eyJuYW1lIjoiZm9vIiwibm90IjoiYSJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlMQ");
}

static void bots_and_applications_are_known_by_their_shape(void **state)
{
    (void)state;
    const struct secret_row row = {.prefix = STR_CONST(""), .alphabet = ALNUM};
    char noise[80];
    char token[TOKEN_MAX];
    char text[TEXT_MAX];
    (void)make(noise, &row, 33, 3);
    (void)snprintf(token, sizeof token, "123456789:AA%s", noise);
    (void)snprintf(text, sizeof text, "bot %s runs", token);
    assert_string_equal(secrets_name(must_find(text, token, true).kind).at, "telegram_bot");
    (void)make(noise, &row, 60, 4);
    (void)snprintf(token, sizeof token, "MT%.22s.%.6s.%.27s", noise, noise + 22, noise + 28);
    (void)snprintf(text, sizeof text, "login('%s')", token);
    assert_string_equal(secrets_name(must_find(text, token, true).kind).at, "discord_bot");
    (void)snprintf(token, sizeof token, "a1b8Q~%.34s", noise);
    (void)snprintf(text, sizeof text, "value %s.", token);
    assert_string_equal(secrets_name(must_find(text, token, true).kind).at, "azure_client_secret");
}

static void placeholders_of_formats_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-short",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-1234567890abcdefghijklmnop",
        "sk-ant-api03-your-key-goes-in-here-please",
        "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",
        "glpat-00000000000000000000",
        "xoxb-your-token-here-1234",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX",
        "task-management and risk-assessment of the disk-drive",
        "sk_test_your_key_here_please_now",
        "npm_config_registry, npm_lifecycle_event",
        "MTIzNDU2 and 12345678:90 and 2024-05-06 07:08:09"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        must_find_none(texts[i]);
    }
}

static void any_bytes_are_split_equally(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "sk-",         "ghp_",        "eyJ",   "hbGciOi",    ".",         "password",
        " = ",         "\"",          "\\",    "://",        "a:b",       "@h",
        "-----BEGIN ", "PRIVATE KEY", "-----", "\n",         "Bearer ",   "A1b2C3d4E5f6G7h8",
        "%3D",         "=",           ":",     "1234567890", ":AA",       "Q~",
        "token",       "xoxb-",       "> ",    "<",          "-----END ", "value",
        ",",           "(",           "is ",   "curl -u ",   "\\u0022"};
    const struct finder finder = secrets_finder(&secrets);
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < 300; round++) {
        char text[TEXT_MAX] = "";
        size_t at = 0;
        while (at < 300) {
            const char *piece = pieces[rng_below(&rng, sizeof pieces / sizeof *pieces)];
            at += (size_t)snprintf(text + at, sizeof text - at, "%s", piece);
        }
        must_split_equally(&finder, str_of(text));
    }
}

static void kinds_have_names_and_labels(void **state)
{
    (void)state;
    assert_true(secrets_kinds() > 80);
    for (size_t i = 0; i < secrets_kinds(); i++) {
        assert_true(secrets_name((uint16_t)i).len > 0);
        assert_true(secrets_label((uint16_t)i).len > 0);
    }
}

static void the_score_is_the_best_of_the_spans(void **state)
{
    (void)state;
    struct spans spans = {0};
    assert_true(secrets_score(&spans) < 0.5);
    spans_add(&spans, (struct span){0, 1, 0, 0, 0.6F});
    spans_add(&spans, (struct span){2, 3, 0, 0, 0.95F});
    assert_float_equal(secrets_score(&spans), 0.95, 1e-6);
    spans_end(&spans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_found_wherever_it_stands),
        cmocka_unit_test(one_byte_too_few_or_too_many_is_none),
        cmocka_unit_test(formats_without_a_limit_are_followed_to_their_end),
        cmocka_unit_test(a_correct_checksum_makes_it_certain),
        cmocka_unit_test(a_private_key_is_taken_whole),
        cmocka_unit_test(keys_of_putty_and_of_ssh2_are_taken_whole),
        cmocka_unit_test(keys_in_logs_and_in_pieces_are_keys),
        cmocka_unit_test(talk_about_keys_is_no_key),
        cmocka_unit_test(a_json_web_token_is_taken_whole),
        cmocka_unit_test(bots_and_applications_are_known_by_their_shape),
        cmocka_unit_test(placeholders_of_formats_are_none),
        cmocka_unit_test(any_bytes_are_split_equally),
        cmocka_unit_test(kinds_have_names_and_labels),
        cmocka_unit_test(the_score_is_the_best_of_the_spans),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
