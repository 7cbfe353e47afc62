/* SPDX-License-Identifier: Apache-2.0
 * test_note_key.c - keys of notes as text: the published ones, and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/note.h"

#include <stdio.h>
#include <string.h>

/* golang.org/x/mod/sumdb/note. */
static const char peter[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char peter_private[] =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
/* Its base64 has a '+' in it. */
static const char enoch[] = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";

static struct str text_of(enum err (*write)(const void *, struct buf *), const void *object,
                          struct buf *to)
{
    buf_clear(to);
    assert_int_equal(write(object, to), ERR_OK);
    return buf_str(to);
}

static enum err write_key(const void *key, struct buf *to)
{
    return note_key_write(key, to);
}

static enum err write_signer(const void *signer, struct buf *to)
{
    return note_signer_write(signer, to);
}

static void published_keys_are_read_and_written(void **state)
{
    (void)state;
    struct note_key key;
    struct note_signer signer;
    struct buf text;
    buf_init(&text, NOTE_KEY_TEXT_MAX);
    assert_int_equal(note_key_parse(str_of(enoch), &key, NULL), ERR_OK);
    assert_string_equal(key.name, "EnochRoot");
    assert_int_equal(key.id, 0xaf0cfe78);
    assert_int_equal(key.type, NOTE_PLAIN);
    assert_true(str_equal(text_of(write_key, &key, &text), str_of(enoch)));
    assert_int_equal(note_signer_parse(str_of(peter_private), &signer, NULL), ERR_OK);
    assert_true(str_equal(text_of(write_signer, &signer, &text), str_of(peter_private)));
    assert_true(str_equal(text_of(write_key, &signer.key, &text), str_of(peter)));
    buf_end(&text);
}

static void no_piece_of_a_key_is_a_key(void **state)
{
    (void)state;
    struct note_key key;
    struct note_signer signer;
    struct str whole = str_of(peter);
    for (size_t from = 0; from <= whole.len; from++) {
        for (size_t to = from; to <= whole.len; to++) {
            bool all = to - from == whole.len;
            assert_true((note_key_parse(str_cut(whole, from, to), &key, NULL) == ERR_OK) == all);
        }
    }
    whole = str_of(peter_private);
    for (size_t from = 0; from <= whole.len; from++) {
        for (size_t to = from; to <= whole.len; to++) {
            bool all = to - from == whole.len;
            assert_true((note_signer_parse(str_cut(whole, from, to), &signer, NULL) == ERR_OK) ==
                        all);
        }
    }
}

static void no_byte_of_a_key_can_change(void **state)
{
    (void)state;
    char text[sizeof peter_private];
    struct note_key key;
    struct note_signer signer;
    for (size_t i = 0; i < sizeof peter - 1; i++) {
        for (int change = 1; change < 256; change++) {
            memcpy(text, peter, sizeof peter);
            text[i] = (char)(text[i] ^ change);
            struct str changed = {text, sizeof peter - 1};
            assert_int_not_equal(note_key_parse(changed, &key, NULL), ERR_OK);
        }
    }
    for (size_t i = 0; i < sizeof peter_private - 1; i++) {
        memcpy(text, peter_private, sizeof peter_private);
        text[i]++;
        struct str changed = {text, sizeof peter_private - 1};
        assert_int_not_equal(note_signer_parse(changed, &signer, NULL), ERR_OK);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err code;
        const char *words;
    } cases[] = {{"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID,
                  "the id of this name and key is c74f20a3"},
                 {"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_INVALID,
                  "the id of this name and key is c74f20a3"},
                 {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq_LDE4izWy10TW", ERR_SYNTAX,
                  "a key reads NAME+ID+BASE64, 33 bytes behind the base64"},
                 {"PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
                  ERR_SYNTAX, "a key reads NAME+ID+BASE64, 33 bytes behind the base64"},
                 {"PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                  ERR_UNSUPPORTED, "a key of signature type 101"},
                 {"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_SYNTAX,
                  "a key reads NAME+ID+BASE64, 33 bytes behind the base64"},
                 {"", ERR_SYNTAX, "a key reads NAME+ID+BASE64, 33 bytes behind the base64"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct note_key key;
        struct fault why;
        assert_int_equal(note_key_parse(str_of(cases[i].text), &key, &why), cases[i].code);
        assert_string_equal(why.words, cases[i].words);
    }
}

/* One key, two types, two ids: what one signs is never taken for what the other signs. */
static void the_type_is_part_of_the_id(void **state)
{
    (void)state;
    const uint8_t seed[SIGN_SEED_BYTES] = {3};
    struct note_signer plain;
    struct note_signer witness;
    struct buf text;
    buf_init(&text, NOTE_KEY_TEXT_MAX);
    assert_int_equal(note_signer_of(&plain, NOTE_PLAIN, STR("w"), seed), ERR_OK);
    assert_int_equal(note_signer_of(&witness, NOTE_COSIGNATURE, STR("w"), seed), ERR_OK);
    assert_memory_equal(&plain.key.public, &witness.key.public, sizeof plain.key.public);
    assert_int_not_equal(plain.key.id, witness.key.id);
    struct note_key read;
    assert_int_equal(note_key_parse(text_of(write_key, &witness.key, &text), &read, NULL), ERR_OK);
    assert_int_equal(read.type, NOTE_COSIGNATURE);
    assert_int_equal(read.id, witness.key.id);
    buf_end(&text);
}

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "a b",          "a+b",          "a\nb",
                                      "a\tb",      "a\x7f",        "\xff",         "a\xc2\xa0",
                                      "\xc2\x85z", "\xe2\x80\x89", "\xe3\x80\x80", "\xe1\x9a\x80"};
    const uint8_t seed[SIGN_SEED_BYTES] = {3};
    struct note_signer signer;
    char longest[NOTE_NAME_MAX + 1];
    memset(longest, 'n', sizeof longest);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(note_signer_of(&signer, NOTE_PLAIN, str_of(bad[i]), seed), ERR_INVALID);
    }
    assert_int_equal(note_signer_of(&signer, NOTE_PLAIN, STR("example.com/l\xc3\xb6g"), seed),
                     ERR_OK);
    struct str name = {longest, NOTE_NAME_MAX};
    assert_int_equal(note_signer_of(&signer, NOTE_PLAIN, name, seed), ERR_OK);
    name.len++;
    assert_int_equal(note_signer_of(&signer, NOTE_PLAIN, name, seed), ERR_INVALID);
}

/* The longest key fits; a buf that is too small is left as it was. */
static void keys_fit_their_limit(void **state)
{
    (void)state;
    const uint8_t seed[SIGN_SEED_BYTES] = {3};
    char longest[NOTE_NAME_MAX];
    struct note_signer signer;
    struct note_signer read;
    struct buf text;
    memset(longest, 'n', sizeof longest);
    struct str name = {longest, sizeof longest};
    assert_int_equal(note_signer_of(&signer, NOTE_PLAIN, name, seed), ERR_OK);
    buf_init(&text, NOTE_KEY_TEXT_MAX);
    struct str whole = text_of(write_signer, &signer, &text);
    assert_int_equal(note_signer_parse(whole, &read, NULL), ERR_OK);
    struct buf small;
    buf_init(&small, whole.len - 1);
    assert_int_equal(note_signer_write(&signer, &small), ERR_LIMIT);
    assert_int_equal(small.len, 0);
    buf_end(&small);
    buf_end(&text);
}

static void a_refused_private_key_leaves_nothing(void **state)
{
    (void)state;
    const struct note_signer nothing = {.key = {.id = 0}};
    struct note_signer signer;
    char wrong[sizeof peter_private];
    struct fault why;
    memcpy(wrong, peter_private, sizeof wrong);
    wrong[strlen("PRIVATE+KEY+PeterNeumann+")] = 'd';
    assert_int_equal(note_signer_parse(str_of(wrong), &signer, &why), ERR_INVALID);
    assert_memory_equal(&signer, &nothing, sizeof signer);
    assert_null(strstr(why.words, "AYEK"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_keys_are_read_and_written),
        cmocka_unit_test(no_piece_of_a_key_is_a_key),
        cmocka_unit_test(no_byte_of_a_key_can_change),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_type_is_part_of_the_id),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(keys_fit_their_limit),
        cmocka_unit_test(a_refused_private_key_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
