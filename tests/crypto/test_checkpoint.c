/* SPDX-License-Identifier: Apache-2.0
 * test_checkpoint.c - checkpoints: the published form, what is not one, witnesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/checkpoint.h"

#include <string.h>

/* C2SP tlog-checkpoint. */
#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
#define TEXT "example.com/behind-the-sofa\n20852163\n" ROOT "\n"

static struct note_signer signer_of(enum note_type type, const char *name, uint8_t seed)
{
    const uint8_t bytes[SIGN_SEED_BYTES] = {seed};
    struct note_signer signer;
    assert_int_equal(note_signer_of(&signer, type, str_of(name), bytes), ERR_OK);
    return signer;
}

static void the_published_form_is_read_and_written(void **state)
{
    (void)state;
    struct checkpoint checkpoint;
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(checkpoint_parse(STR(TEXT), &checkpoint, NULL), ERR_OK);
    assert_true(str_equal(checkpoint.origin, STR("example.com/behind-the-sofa")));
    assert_int_equal(checkpoint.head.size, 20852163);
    assert_int_equal(checkpoint.head.root.bytes[0], 0x0a);
    assert_int_equal(checkpoint.extensions.len, 0);
    assert_int_equal(checkpoint_write(&checkpoint, &text), ERR_OK);
    assert_true(str_equal(buf_str(&text), STR(TEXT)));
    assert_int_equal(checkpoint_parse(STR(TEXT "one\ntwo\n"), &checkpoint, NULL), ERR_OK);
    assert_true(str_equal(checkpoint.extensions, STR("one\ntwo\n")));
    buf_clear(&text);
    assert_int_equal(checkpoint_write(&checkpoint, &text), ERR_OK);
    assert_true(str_equal(buf_str(&text), STR(TEXT "one\ntwo\n")));
    buf_end(&text);
}

static void what_is_wrong_is_named_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err code;
        unsigned line;
    } cases[] = {{"", ERR_SYNTAX, 0},
                 {"o\n1\n", ERR_SYNTAX, 0},
                 {"o\n1\n" ROOT, ERR_SYNTAX, 0},
                 {"\n1\n" ROOT "\n", ERR_SYNTAX, 1},
                 {"a b\n1\n" ROOT "\n", ERR_SYNTAX, 1},
                 {"o\n\n" ROOT "\n", ERR_SYNTAX, 2},
                 {"o\n01\n" ROOT "\n", ERR_SYNTAX, 2},
                 {"o\n+1\n" ROOT "\n", ERR_SYNTAX, 2},
                 {"o\n1 \n" ROOT "\n", ERR_SYNTAX, 2},
                 {"o\n0x1\n" ROOT "\n", ERR_SYNTAX, 2},
                 {"o\n4611686018427387905\n" ROOT "\n", ERR_RANGE, 2}, /* TREE_SIZE_MAX + 1 */
                 {"o\n99999999999999999999\n" ROOT "\n", ERR_RANGE, 2},
                 {"o\n1\nAAAA\n", ERR_SYNTAX, 3},
                 {"o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", ERR_SYNTAX, 3},
                 {"o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", ERR_SYNTAX, 3},
                 {"o\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n", ERR_SYNTAX, 3},
                 {"o\n1\n" ROOT "AAAA\n", ERR_SYNTAX, 3},
                 {"o\n1\n" ROOT "\n\n", ERR_SYNTAX, 4},
                 {"o\n1\n" ROOT "\nx\n\ny\n", ERR_SYNTAX, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct checkpoint checkpoint;
        struct fault why;
        assert_int_equal(checkpoint_parse(str_of(cases[i].text), &checkpoint, &why), cases[i].code);
        assert_int_equal(why.line, cases[i].line);
    }
}

static void limits_hold_at_the_limit(void **state)
{
    (void)state;
    struct checkpoint checkpoint;
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(buf_add(&text, STR("o\n4611686018427387904\n" ROOT "\n")), ERR_OK);
    for (size_t i = 0; i < CHECKPOINT_EXTENSIONS_MAX; i++) {
        assert_int_equal(buf_add(&text, STR("x\n")), ERR_OK);
    }
    assert_int_equal(checkpoint_parse(buf_str(&text), &checkpoint, NULL), ERR_OK);
    assert_int_equal(checkpoint.head.size, TREE_SIZE_MAX);
    assert_int_equal(buf_add(&text, STR("x\n")), ERR_OK);
    assert_int_equal(checkpoint_parse(buf_str(&text), &checkpoint, NULL), ERR_LIMIT);
    buf_end(&text);
}

static void what_could_not_be_read_is_not_written(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4096);
    const struct checkpoint bad[] = {{STR_CONST("a b"), {1, {{0}}}, STR_CONST("")},
                                     {STR_CONST(""), {1, {{0}}}, STR_CONST("")},
                                     {STR_CONST("o"), {TREE_SIZE_MAX + 1, {{0}}}, STR_CONST("")},
                                     {STR_CONST("o"), {1, {{0}}}, STR_CONST("x")},
                                     {STR_CONST("o"), {1, {{0}}}, STR_CONST("\n")}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(checkpoint_write(&bad[i], &text), ERR_INVALID);
        assert_int_equal(text.len, 0);
    }
    buf_end(&text);
}

static void a_log_signs_for_itself_alone(void **state)
{
    (void)state;
    struct note_signer log = signer_of(NOTE_PLAIN, "o", 1);
    struct note_signer other = signer_of(NOTE_PLAIN, "p", 1);
    struct tree_head head = {0, digest_of(STR(""))};
    struct buf bytes;
    struct note note;
    struct checkpoint checkpoint;
    struct fault why;
    buf_init(&bytes, NOTE_BYTES_MAX);
    assert_int_equal(checkpoint_sign(&head, &log, &bytes), ERR_OK);
    assert_int_equal(checkpoint_open(buf_str(&bytes), &log.key, &note, &checkpoint, NULL), ERR_OK);
    assert_int_equal(checkpoint.head.size, 0);
    assert_int_equal(checkpoint_open(buf_str(&bytes), &other.key, &note, &checkpoint, &why),
                     ERR_NOT_FOUND);
    buf_clear(&bytes);
    assert_int_equal(note_begin(STR(TEXT), &bytes), ERR_OK);
    assert_int_equal(note_sign(STR(TEXT), &other, 0, &bytes), ERR_OK);
    assert_int_equal(checkpoint_open(buf_str(&bytes), &other.key, &note, &checkpoint, &why),
                     ERR_DENIED);
    assert_int_equal(why.line, 1);
    buf_end(&bytes);
}

static void witnesses_add_their_lines(void **state)
{
    (void)state;
    struct note_signer log = signer_of(NOTE_PLAIN, "o", 1);
    struct note_signer witness = signer_of(NOTE_COSIGNATURE, "w", 2);
    struct tree_head head = {7, tree_leaf(STR("x"))};
    struct buf bytes;
    struct note note;
    struct checkpoint checkpoint;
    buf_init(&bytes, NOTE_BYTES_MAX);
    assert_int_equal(checkpoint_sign(&head, &log, &bytes), ERR_OK);
    assert_int_equal(note_parse(buf_str(&bytes), &note, NULL), ERR_OK);
    struct buf text; /* the note's bytes move when the buf grows */
    buf_init(&text, NOTE_BYTES_MAX);
    assert_int_equal(buf_add(&text, note.text), ERR_OK);
    assert_int_equal(note_sign(buf_str(&text), &witness, 1700000000, &bytes), ERR_OK);
    assert_int_equal(checkpoint_open(buf_str(&bytes), &log.key, &note, &checkpoint, NULL), ERR_OK);
    assert_int_equal(note_check(&note, &witness.key, 1, NULL), ERR_OK);
    assert_ptr_equal(note.lines[0].by, &log.key);
    assert_ptr_equal(note.lines[1].by, &witness.key);
    assert_int_equal(note.lines[1].time_s, 1700000000);
    assert_true(digest_equal(&checkpoint.head.root, &head.root));
    buf_end(&text);
    buf_end(&bytes);
}

static void no_byte_of_a_checkpoint_can_change(void **state)
{
    (void)state;
    struct note_signer log = signer_of(NOTE_PLAIN, "example.com/log", 1);
    struct tree_head head = {7, tree_leaf(STR("x"))};
    struct buf bytes;
    buf_init(&bytes, NOTE_BYTES_MAX);
    assert_int_equal(checkpoint_sign(&head, &log, &bytes), ERR_OK);
    for (size_t i = 0; i < bytes.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct note note;
            struct checkpoint checkpoint;
            bytes.at[i] = (char)(bytes.at[i] ^ (1 << bit));
            assert_int_not_equal(
                checkpoint_open(buf_str(&bytes), &log.key, &note, &checkpoint, NULL), ERR_OK);
            bytes.at[i] = (char)(bytes.at[i] ^ (1 << bit));
        }
    }
    buf_end(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_form_is_read_and_written),
        cmocka_unit_test(what_is_wrong_is_named_by_line),
        cmocka_unit_test(limits_hold_at_the_limit),
        cmocka_unit_test(what_could_not_be_read_is_not_written),
        cmocka_unit_test(a_log_signs_for_itself_alone),
        cmocka_unit_test(witnesses_add_their_lines),
        cmocka_unit_test(no_byte_of_a_checkpoint_can_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
