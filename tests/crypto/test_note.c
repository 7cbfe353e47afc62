/* SPDX-License-Identifier: Apache-2.0
 * test_note.c - signed notes: published ones, every changed byte, limits, witnesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/note.h"

#include <stdio.h>
#include <string.h>

/* golang.org/x/mod/sumdb/note. */
#define PETER "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define PETER_PRIVATE                                                                              \
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define ENOCH "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
#define TEXT                                                                                       \
    "If you think cryptography is the answer to your problem,\n"                                   \
    "then you don't know what your problem is.\n"
#define DASH "\xe2\x80\x94 "
#define BY_PETER                                                                                   \
    DASH "PeterNeumann "                                                                           \
         "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBw" \
         "JnAM=\n"
#define BY_ENOCH                                                                                   \
    DASH "EnochRoot "                                                                              \
         "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvM" \
         "c+QQ=\n"
static const char note_of_both[] = TEXT "\n" BY_PETER BY_ENOCH;

static struct note_key key_of(const char *text)
{
    struct note_key key;
    assert_int_equal(note_key_parse(str_of(text), &key, NULL), ERR_OK);
    return key;
}

static struct note_signer signer_of(enum note_type type, const char *name, uint8_t seed)
{
    const uint8_t bytes[SIGN_SEED_BYTES] = {seed};
    struct note_signer signer;
    assert_int_equal(note_signer_of(&signer, type, str_of(name), bytes), ERR_OK);
    return signer;
}

static void the_published_note_is_written(void **state)
{
    (void)state;
    struct note_signer signer;
    struct buf note;
    buf_init(&note, NOTE_BYTES_MAX);
    assert_int_equal(note_signer_parse(STR(PETER_PRIVATE), &signer, NULL), ERR_OK);
    assert_int_equal(note_begin(STR(TEXT), &note), ERR_OK);
    assert_int_equal(note_sign(STR(TEXT), &signer, 0, &note), ERR_OK);
    assert_true(str_equal(buf_str(&note), STR(TEXT "\n" BY_PETER)));
    buf_end(&note);
}

static void known_keys_are_checked_others_ignored(void **state)
{
    (void)state;
    const struct note_key keys[] = {key_of(PETER), key_of(ENOCH)};
    struct note note;
    struct fault why;
    assert_int_equal(note_parse(str_of(note_of_both), &note, NULL), ERR_OK);
    assert_true(str_equal(note.text, STR(TEXT)));
    assert_int_equal(note.count, 2);
    assert_true(str_equal(note.lines[1].name, STR("EnochRoot")));
    assert_int_equal(note.lines[1].id, 0xaf0cfe78);
    assert_int_equal(note_check(&note, keys, 0, &why), ERR_NOT_FOUND);
    assert_string_equal(why.words, "no known key has signed this note");
    assert_int_equal(note_check(&note, keys, 1, NULL), ERR_OK);
    assert_ptr_equal(note.lines[0].by, &keys[0]);
    assert_null(note.lines[1].by);
    assert_int_equal(note_check(&note, keys, 2, NULL), ERR_OK);
    assert_ptr_equal(note.lines[1].by, &keys[1]);
}

/* The example of C2SP signed-note: empty lines in the text are the text's. */
static void a_text_may_have_empty_lines(void **state)
{
    (void)state;
    static const char text[] = "one\n\ntwo\n\n\nthree\n";
    struct note_signer signer = signer_of(NOTE_PLAIN, "a", 1);
    struct buf bytes;
    struct note note;
    buf_init(&bytes, NOTE_BYTES_MAX);
    assert_int_equal(note_begin(str_of(text), &bytes), ERR_OK);
    assert_int_equal(note_sign(str_of(text), &signer, 0, &bytes), ERR_OK);
    assert_int_equal(note_parse(buf_str(&bytes), &note, NULL), ERR_OK);
    assert_true(str_equal(note.text, str_of(text)));
    assert_int_equal(note_check(&note, &signer.key, 1, NULL), ERR_OK);
    buf_end(&bytes);
}

static void no_byte_of_a_note_can_change(void **state)
{
    (void)state;
    const struct note_key keys[] = {key_of(PETER), key_of(ENOCH)};
    char bytes[sizeof note_of_both];
    struct str changed = {bytes, sizeof bytes - 1};
    for (size_t i = 0; i < changed.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct note note;
            memcpy(bytes, note_of_both, sizeof bytes);
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            /* A changed name or id makes a key unknown: then its signature is missing. */
            bool good = note_parse(changed, &note, NULL) == ERR_OK &&
                        note_check(&note, keys, 2, NULL) == ERR_OK && note.count == 2 &&
                        note.lines[0].by != NULL && note.lines[1].by != NULL;
            assert_false(good);
        }
    }
}

static void a_wrong_signature_of_a_known_key_spoils_the_note(void **state)
{
    (void)state;
    const struct note_key keys[] = {key_of(PETER), key_of(ENOCH)};
    char bytes[sizeof note_of_both];
    struct note note;
    struct fault why;
    memcpy(bytes, note_of_both, sizeof bytes);
    bytes[sizeof bytes - 12] ^= 1; /* within Enoch's */
    assert_int_equal(note_parse(str_of(bytes), &note, NULL), ERR_OK);
    assert_int_equal(note_check(&note, keys, 1, NULL), ERR_OK);
    assert_int_equal(note_check(&note, keys, 2, &why), ERR_INVALID);
    assert_string_equal(why.words, "the signature of EnochRoot+af0cfe78 is wrong");
}

static void what_is_no_note_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        unsigned line;
    } cases[] = {{"", 0},
                 {"\n", 0},
                 {TEXT, 0},
                 {TEXT "\n", 0},
                 {TEXT BY_PETER, 0},
                 {"\x01" TEXT "\n" BY_PETER, 0},
                 {"a\r\n\n" BY_PETER, 0},
                 {"a\tb\n\n" BY_PETER, 0},
                 {"\xff\n\n" BY_PETER, 0},
                 {TEXT "\n" BY_PETER "Unexpected line.\n", 5},
                 {TEXT "\n" DASH "Peter\n", 4},
                 {TEXT "\n" DASH "Peter \n", 4},
                 {TEXT "\n" DASH " QUJDREU=\n", 4},
                 {TEXT "\n" DASH "Bad Name QUJDREU=\n", 4},
                 {TEXT "\n" DASH "a+b QUJDREU=\n", 4},
                 {TEXT "\n" DASH "a QUJDRA==\n", 4},  /* an id alone */
                 {TEXT "\n" DASH "a QUJDREU\n", 4},   /* padding is missing */
                 {TEXT "\n" DASH "a QUJDREV=\n", 4},  /* spare bits are set */
                 {TEXT "\n" DASH "a QUJDR_U=\n", 4},  /* the other alphabet */
                 {TEXT "\n" DASH "a QUJDREU= \n", 4}, /* something behind it */
                 {TEXT "\n- a QUJDREU=\n", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct note note;
        struct fault why;
        assert_int_equal(note_parse(str_of(cases[i].bytes), &note, &why), ERR_SYNTAX);
        assert_int_equal(why.line, cases[i].line);
    }
    struct note note;
    assert_int_equal(note_parse(STR("\n\n" DASH "a QUJDREU=\n"), &note, NULL), ERR_OK);
    assert_true(str_equal(note.text, STR("\n")));
    struct str cut = str_of(note_of_both);
    cut.len--;
    assert_int_equal(note_parse(cut, &note, NULL), ERR_SYNTAX);
}

static void limits_hold_at_the_limit(void **state)
{
    (void)state;
    static char large[NOTE_BYTES_MAX + 1];
    static const char end[] = "\n\n" DASH "a QUJDREU=\n";
    struct note note;
    struct buf many;
    buf_init(&many, NOTE_BYTES_MAX);
    assert_int_equal(note_begin(STR("x\n"), &many), ERR_OK);
    for (size_t i = 0; i < NOTE_SIGNATURES_MAX; i++) {
        assert_int_equal(buf_add(&many, STR(DASH "a QUJDREU=\n")), ERR_OK);
    }
    assert_int_equal(note_parse(buf_str(&many), &note, NULL), ERR_OK);
    assert_int_equal(note.count, NOTE_SIGNATURES_MAX);
    assert_int_equal(buf_add(&many, STR(DASH "a QUJDREU=\n")), ERR_OK);
    assert_int_equal(note_parse(buf_str(&many), &note, NULL), ERR_LIMIT);
    buf_end(&many);
    memset(large, 'x', sizeof large);
    memcpy(large + NOTE_BYTES_MAX - strlen(end), end, strlen(end));
    assert_int_equal(note_parse((struct str){large, NOTE_BYTES_MAX}, &note, NULL), ERR_OK);
    memcpy(large + NOTE_BYTES_MAX + 1 - strlen(end), end, strlen(end));
    assert_int_equal(note_parse((struct str){large, NOTE_BYTES_MAX + 1}, &note, NULL), ERR_LIMIT);
}

/* C2SP tlog-cosignature: what is signed are two lines and the text. */
static void a_witness_signs_the_text_and_the_time(void **state)
{
    (void)state;
    static const char text[] = "log\n1\nroot\n";
    struct note_signer witness = signer_of(NOTE_COSIGNATURE, "witness.example/w1", 9);
    struct buf bytes;
    struct note note;
    buf_init(&bytes, NOTE_BYTES_MAX);
    assert_int_equal(note_begin(str_of(text), &bytes), ERR_OK);
    assert_int_equal(note_sign(str_of(text), &witness, 1679315147, &bytes), ERR_OK);
    assert_int_equal(note_parse(buf_str(&bytes), &note, NULL), ERR_OK);
    assert_int_equal(note_check(&note, &witness.key, 1, NULL), ERR_OK);
    assert_int_equal(note.lines[0].time_s, 1679315147);
    /* The same by hand: id, time, signature. */
    struct signature expected = sign(&witness.secret,
                                     STR("cosignature/v1\ntime 1679315147\nlog\n1\nroot\n"));
    struct buf raw;
    buf_init(&raw, 256);
    assert_int_equal(text_unbase64(&raw, note.lines[0].base64), ERR_OK);
    assert_int_equal(raw.len, 4 + 8 + SIGN_BYTES);
    assert_memory_equal(raw.at + 4, "\0\0\0\0\x64\x18\x50\xcb", 8);
    assert_memory_equal(raw.at + 12, expected.bytes, SIGN_BYTES);
    buf_end(&raw);
    buf_end(&bytes);
}

/* The same key as a plain one does not sign for a witness, and a witness's not for a plain one. */
static void types_do_not_stand_for_each_other(void **state)
{
    (void)state;
    struct note_signer plain = signer_of(NOTE_PLAIN, "w", 9);
    struct note_signer witness = signer_of(NOTE_COSIGNATURE, "w", 9);
    struct buf bytes;
    struct note note;
    buf_init(&bytes, NOTE_BYTES_MAX);
    assert_int_equal(note_begin(STR("x\n"), &bytes), ERR_OK);
    assert_int_equal(note_sign(STR("x\n"), &plain, 0, &bytes), ERR_OK);
    assert_int_equal(note_parse(buf_str(&bytes), &note, NULL), ERR_OK);
    assert_int_equal(note_check(&note, &witness.key, 1, NULL), ERR_NOT_FOUND);
    witness.key.id = plain.key.id; /* as if ids collided */
    assert_int_equal(note_check(&note, &witness.key, 1, NULL), ERR_INVALID);
    buf_end(&bytes);
}

static void texts_are_checked_before_they_are_signed(void **state)
{
    (void)state;
    struct buf note;
    buf_init(&note, 8);
    assert_int_equal(note_begin(STR("no end"), &note), ERR_INVALID);
    assert_int_equal(note_begin(STR(""), &note), ERR_INVALID);
    assert_int_equal(note_begin(STR("a\tb\n"), &note), ERR_INVALID);
    assert_int_equal(note_begin(STR("\xff\n"), &note), ERR_INVALID);
    assert_int_equal(note_begin(STR("1234567\n"), &note), ERR_LIMIT);
    assert_int_equal(note.len, 0);
    assert_int_equal(note_begin(STR("123456\n"), &note), ERR_OK);
    struct note_signer signer = signer_of(NOTE_PLAIN, "a", 1);
    assert_int_equal(note_sign(STR("123456\n"), &signer, 0, &note), ERR_LIMIT);
    assert_int_equal(note.len, 8);
    buf_end(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_note_is_written),
        cmocka_unit_test(known_keys_are_checked_others_ignored),
        cmocka_unit_test(a_text_may_have_empty_lines),
        cmocka_unit_test(no_byte_of_a_note_can_change),
        cmocka_unit_test(a_wrong_signature_of_a_known_key_spoils_the_note),
        cmocka_unit_test(what_is_no_note_is_refused),
        cmocka_unit_test(limits_hold_at_the_limit),
        cmocka_unit_test(a_witness_signs_the_text_and_the_time),
        cmocka_unit_test(types_do_not_stand_for_each_other),
        cmocka_unit_test(texts_are_checked_before_they_are_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
