/* SPDX-License-Identifier: Apache-2.0
 * test_pii_checks.c - checksums against published examples: each passes, and no neighbour does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/pii_checks.h"

#include <string.h>

static size_t digits_of(const char *text, uint8_t digits[20])
{
    size_t count = strlen(text);
    for (size_t i = 0; i < count; i++) {
        digits[i] = (uint8_t)(text[i] - '0');
    }
    return count;
}

/* The check passes, and fails for every change of one digit. */
static void must_notice(bool (*check)(const uint8_t *), const char *text)
{
    uint8_t digits[20];
    size_t count = digits_of(text, digits);
    assert_true(check(digits));
    for (size_t i = 0; i < count; i++) {
        uint8_t right = digits[i];
        for (uint8_t wrong = 0; wrong < 10; wrong++) {
            digits[i] = wrong;
            assert_true(check(digits) == (wrong == right));
        }
        digits[i] = right;
    }
}

static void checksums_notice_each_wrong_digit(void **state)
{
    (void)state;
    must_notice(pii_is_aba, "021000021");
    must_notice(pii_is_nhs, "9434765919");
    must_notice(pii_is_aadhaar, "234567890124");
    must_notice(pii_is_cpf, "52998224725");
    must_notice(pii_is_sin, "130692544");
}

static bool card(const char *text)
{
    uint8_t digits[20];
    return pii_is_card(digits, digits_of(text, digits));
}

static void cards_have_issuers_lengths_and_luhn(void **state)
{
    (void)state;
    assert_true(card("4242424242424242"));
    assert_true(card("5555555555554444"));
    assert_true(card("2223003122003222"));
    assert_true(card("378282246310005"));
    assert_true(card("30569309025904"));
    assert_true(card("3530111333300000"));
    assert_true(card("6304000000000000"));
    assert_false(card("4242424242424241")); /* Luhn */
    assert_false(card("1234567812345670")); /* no issuer */
    assert_false(card("55555555555544"));   /* length */
    assert_false(card("0000000000000000"));
}

static bool nine(bool (*check)(const uint8_t *), const char *text)
{
    uint8_t digits[20];
    return digits_of(text, digits) == 9 && check(digits);
}

static void social_security_numbers_have_ranges(void **state)
{
    (void)state;
    assert_true(nine(pii_is_ssn, "536904399"));
    assert_true(nine(pii_is_ssn, "899990001"));
    assert_false(nine(pii_is_ssn, "000123456"));
    assert_false(nine(pii_is_ssn, "666123456"));
    assert_false(nine(pii_is_ssn, "900123456"));
    assert_false(nine(pii_is_ssn, "536004399"));
    assert_false(nine(pii_is_ssn, "536900000"));
    assert_true(nine(pii_is_itin, "900501234"));
    assert_true(nine(pii_is_itin, "999991234"));
    assert_false(nine(pii_is_itin, "900491234"));
    assert_false(nine(pii_is_itin, "900661234"));
    assert_false(nine(pii_is_itin, "900891234"));
    assert_false(nine(pii_is_itin, "900931234"));
    assert_false(nine(pii_is_itin, "800501234"));
}

static void letters_of_identity_cards_and_prefixes(void **state)
{
    (void)state;
    uint8_t digits[20];
    (void)digits_of("12345678", digits);
    assert_int_equal(pii_dni_letter(digits), 'Z');
    (void)digits_of("01234567", digits);
    assert_int_equal(pii_dni_letter(digits), 'L');
    assert_true(pii_is_nino_prefix('A', 'B'));
    assert_false(pii_is_nino_prefix('B', 'G'));
    assert_false(pii_is_nino_prefix('D', 'A'));
    assert_false(pii_is_nino_prefix('A', 'O'));
    assert_false(pii_is_nino_prefix('A', '1'));
}

static void accounts_have_lengths_and_remainders(void **state)
{
    (void)state;
    static const char *const good[] = {"DE89370400440532013000", "GB82WEST12345698765432",
                                       "FR1420041010050500013M02606", "NO9386011117947",
                                       "MT84MALT011000012345MTLCAST001S"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(pii_iban_length(good[i][0], good[i][1]), strlen(good[i]));
        assert_true(pii_is_iban(good[i], strlen(good[i])));
    }
    assert_false(pii_is_iban("DE88370400440532013000", 22));
    assert_false(pii_is_iban("DE8937040044053201300a", 22));
    assert_int_equal(pii_iban_length('U', 'S'), 0);
    assert_int_equal(pii_iban_length('X', 'X'), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_notice_each_wrong_digit),
        cmocka_unit_test(cards_have_issuers_lengths_and_luhn),
        cmocka_unit_test(social_security_numbers_have_ranges),
        cmocka_unit_test(letters_of_identity_cards_and_prefixes),
        cmocka_unit_test(accounts_have_lengths_and_remainders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
