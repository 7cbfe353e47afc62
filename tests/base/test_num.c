/* SPDX-License-Identifier: Apache-2.0
 * test_num.c - numbers: the grammar, both ends of every range, and exactness against the C library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unsigned_integers_cover_their_range(void **state)
{
    (void)state;
    uint64_t value = 77;
    assert_int_equal(num_u64(STR("0"), &value), ERR_OK);
    assert_true(value == 0);
    assert_int_equal(num_u64(STR("18446744073709551615"), &value), ERR_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(num_u64(STR("18446744073709551616"), &value), ERR_RANGE);
    assert_int_equal(num_u64(STR("99999999999999999999999"), &value), ERR_RANGE);
    assert_true(value == UINT64_MAX);
    assert_int_equal(num_u64(STR("000000000000000000000000007"), &value), ERR_OK);
    assert_true(value == 7);
}

static void malformed_integers_are_refused_and_leave_the_value(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   " 1", "1 ",  "+1",  "-1",
                                      "1x", "x",  "0x1", "1e3", "99999999999999999999x"};
    uint64_t value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(num_u64(str_of(bad[i]), &value), ERR_SYNTAX);
    }
    assert_int_equal(num_u64((struct str){NULL, 0}, &value), ERR_SYNTAX);
    assert_int_equal(num_u64(STR("1\0"), &value), ERR_SYNTAX);
    assert_true(value == 77);
}

static void hexadecimal_has_no_prefix_and_any_case(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_int_equal(num_hex_u64(STR("DEADbeef"), &value), ERR_OK);
    assert_true(value == UINT64_C(0xdeadbeef));
    assert_int_equal(num_hex_u64(STR("ffffffffffffffff"), &value), ERR_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(num_hex_u64(STR("10000000000000000"), &value), ERR_RANGE);
    assert_int_equal(num_hex_u64(STR("0x1"), &value), ERR_SYNTAX);
    assert_int_equal(num_hex_u64(STR(""), &value), ERR_SYNTAX);
}

static void doubles_follow_the_json_grammar(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "-",   ".5",    "1.",    "01",   "+1",  "1e", "1e+",
                                      "1e-", "nan", "inf",   "0x1",   "1.e5", " 1",  "1 ", "1,5",
                                      "--1", "-01", "1e5.5", "1.5.5", "e5",   "-.5", "1_0"};
    static const char *const good[] = {"0", "-0", "0.0", "1e5", "1E+5", "1e-05", "-1.5e10", "10"};
    double value = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(num_double(str_of(bad[i]), &value), ERR_SYNTAX);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(num_double(str_of(good[i]), &value), ERR_OK);
        assert_true(value == strtod(good[i], NULL));
    }
    assert_int_equal(num_double(STR("-0"), &value), ERR_OK);
    assert_true(signbit(value));
}

static void doubles_at_the_ends_of_their_range(void **state)
{
    (void)state;
    double value = 0;
    assert_int_equal(num_double(STR("1.7976931348623157e308"), &value), ERR_OK);
    assert_true(value == 1.7976931348623157e308);
    assert_int_equal(num_double(STR("1e309"), &value), ERR_RANGE);
    assert_int_equal(num_double(STR("-1e999999999999999999999"), &value), ERR_RANGE);
    assert_int_equal(num_double(STR("5e-324"), &value), ERR_OK);
    assert_true(value == 5e-324);
    assert_int_equal(num_double(STR("1e-999999999999999999999"), &value), ERR_OK);
    assert_true(value == 0);
    assert_int_equal(num_double(STR("0e999999999999999999999"), &value), ERR_OK);
    assert_true(value == 0);
    assert_int_equal(num_double(STR("9007199254740993"), &value), ERR_OK);
    assert_true(value == 9007199254740992.0);
    assert_int_equal(num_double(STR("9007199254740993.00000000000000000001"), &value), ERR_OK);
    assert_true(value == 9007199254740994.0);
}

static void a_double_of_1024_bytes_is_read_and_no_longer_one(void **state)
{
    (void)state;
    char text[1025];
    memset(text, '9', sizeof text);
    text[1] = '.';
    double value = 0;
    assert_int_equal(num_double((struct str){text, 1024}, &value), ERR_OK);
    assert_true(value == 10.0);
    assert_int_equal(num_double((struct str){text, 1025}, &value), ERR_LIMIT);
    text[1024] = 'x';
    assert_int_equal(num_double((struct str){text, 1025}, &value), ERR_SYNTAX);
}

static void every_double_survives_its_text(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 6);
    for (int round = 0; round < 50000; round++) {
        uint64_t bits = rng_next(&rng);
        double expected = 0;
        memcpy(&expected, &bits, sizeof expected);
        if (!isfinite(expected)) {
            continue;
        }
        char text[40];
        (void)snprintf(text, sizeof text, "%.17g", expected);
        double value = 0;
        assert_int_equal(num_double(str_of(text), &value), ERR_OK);
        assert_memory_equal(&value, &expected, sizeof value);
    }
}

static void short_decimals_round_as_the_c_library_does(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 50000; round++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s%llu.%0*llue%d", round % 2 ? "-" : "",
                       (unsigned long long)(rng_next(&rng) >> rng_below(&rng, 64)),
                       1 + (int)rng_below(&rng, 12), (unsigned long long)rng_below(&rng, 10000),
                       (int)rng_below(&rng, 60) - 30);
        double value = 0;
        double expected = strtod(text, NULL);
        assert_int_equal(num_double(str_of(text), &value), ERR_OK);
        assert_memory_equal(&value, &expected, sizeof value);
    }
}

static void durations_need_a_unit_but_zero(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0", 0},       {"0ms", 0},        {"250ms", 250},         {"5s", 5000},
                {"2m", 120000}, {"24h", 86400000}, {"7d", 7 * 86400000ULL}};
    static const char *const bad[] = {"",    "5",    "s",    "5 s",   "5S",
                                      "-5s", "1.5s", "5min", "1h30m", "ms"};
    uint64_t ms = 77;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(num_duration_ms(str_of(good[i].text), &ms), ERR_OK);
        assert_true(ms == good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(num_duration_ms(str_of(bad[i]), &ms), ERR_SYNTAX);
    }
    assert_int_equal(num_duration_ms(STR("18446744073709551615ms"), &ms), ERR_OK);
    assert_int_equal(num_duration_ms(STR("18446744073709551615s"), &ms), ERR_RANGE);
    assert_int_equal(num_duration_ms(STR("99999999999999999999s"), &ms), ERR_RANGE);
}

static void sizes_are_binary(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},         {"1000", 1000},         {"512B", 512},
                {"64KiB", 65536}, {"32MiB", 32ULL << 20}, {"1GiB", 1ULL << 30}};
    static const char *const bad[] = {"", "KiB", "1KB", "1kib", "1 KiB", "1.5MiB", "-1", "1TB"};
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(num_size_bytes(str_of(good[i].text), &bytes), ERR_OK);
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(num_size_bytes(str_of(bad[i]), &bytes), ERR_SYNTAX);
    }
    assert_int_equal(num_size_bytes(STR("17179869184GiB"), &bytes), ERR_RANGE);
    assert_int_equal(num_size_bytes(STR("17179869183GiB"), &bytes), ERR_OK);
}

static void money_is_exact_to_the_micro_dollar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micro;
    } good[] = {{"$0", 0},         {"$0.10", 100000}, {"$0.000001", 1},
                {"$10", 10000000}, {"$1.5", 1500000}, {"$9223372036854.775807", INT64_MAX}};
    static const char *const bad[] = {"",       "$",   "0.10",       "$.5",  "$1.",
                                      "$-1",    "-$1", "$0.0000001", "$1,5", "$1.x",
                                      "$1.2.3", "$ 1", "$1.0000000", "$1e3"};
    int64_t micro = 77;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(num_money_microusd(str_of(good[i].text), &micro), ERR_OK);
        assert_true(micro == good[i].micro);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(num_money_microusd(str_of(bad[i]), &micro), ERR_SYNTAX);
    }
    assert_int_equal(num_money_microusd(STR("$9223372036854.775808"), &micro), ERR_RANGE);
    assert_int_equal(num_money_microusd(STR("$99999999999999999999"), &micro), ERR_RANGE);
}

static void percentages_are_shares_of_one(void **state)
{
    (void)state;
    double share = 0;
    assert_int_equal(num_percent(STR("20%"), &share), ERR_OK);
    assert_true(share == 0.2);
    assert_int_equal(num_percent(STR("0%"), &share), ERR_OK);
    assert_true(share == 0);
    assert_int_equal(num_percent(STR("100%"), &share), ERR_OK);
    assert_true(share == 1);
    assert_int_equal(num_percent(STR("12.5%"), &share), ERR_OK);
    assert_true(share == 0.125);
    assert_int_equal(num_percent(STR("100.0001%"), &share), ERR_RANGE);
    assert_int_equal(num_percent(STR("-1%"), &share), ERR_RANGE);
    assert_int_equal(num_percent(STR("20"), &share), ERR_SYNTAX);
    assert_int_equal(num_percent(STR("%"), &share), ERR_SYNTAX);
}

static void rates_are_counts_per_period(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct rate rate;
    } good[] = {{"5/s", {5, 1000}},
                {"10/min", {10, 60000}},
                {"100/h", {100, 3600000}},
                {"1000/d", {1000, 86400000}}};
    static const char *const bad[] = {"", "5", "/s", "5/", "5/m", "5/sec", "5 /s", "-5/s", "5/s/s"};
    struct rate rate = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(num_rate(str_of(good[i].text), &rate), ERR_OK);
        assert_true(rate.count == good[i].rate.count);
        assert_true(rate.period_ms == good[i].rate.period_ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(num_rate(str_of(bad[i]), &rate), ERR_SYNTAX);
    }
    assert_int_equal(num_rate(STR("99999999999999999999/s"), &rate), ERR_RANGE);
}

static void checked_arithmetic_refuses_to_wrap(void **state)
{
    (void)state;
    uint64_t out = 77;
    assert_false(num_add_u64(UINT64_MAX, 1, &out));
    assert_false(num_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
    assert_true(out == 77);
    assert_true(num_add_u64(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
    assert_true(num_mul_u64(UINT32_MAX, UINT32_MAX, &out) && out == UINT64_C(0xfffffffe00000001));
}

static void people_read_times_money_and_sizes(void **state)
{
    (void)state;
    char to[32];
    assert_string_equal(num_show_us(999, to, sizeof to), "999 us");
    assert_string_equal(num_show_us(1234, to, sizeof to), "1.234 ms");
    assert_string_equal(num_show_us(1005000, to, sizeof to), "1.005 s");
    assert_string_equal(num_show_us(123000000, to, sizeof to), "2m 3s");
    assert_string_equal(num_show_us(UINT64_C(7380000000), to, sizeof to), "2h 3m");
    assert_string_equal(num_show_us(UINT64_MAX, to, sizeof to), "213503982d 8h");
    assert_string_equal(num_show_microusd(12300, to, sizeof to), "$0.012300");
    assert_string_equal(num_show_microusd(-1, to, sizeof to), "-$0.000001");
    assert_string_equal(num_show_microusd(INT64_MIN, to, sizeof to), "-$9223372036854.775808");
    assert_string_equal(num_show_bytes(0, to, sizeof to), "0 B");
    assert_string_equal(num_show_bytes(1023, to, sizeof to), "1023 B");
    assert_string_equal(num_show_bytes(1024, to, sizeof to), "1.0 KiB");
    assert_string_equal(num_show_bytes(3 << 19, to, sizeof to), "1.5 MiB");
    assert_string_equal(num_show_bytes(1048575, to, sizeof to), "1023.9 KiB");
    assert_string_equal(num_show_bytes(UINT64_MAX, to, sizeof to), "15.9 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_integers_cover_their_range),
        cmocka_unit_test(malformed_integers_are_refused_and_leave_the_value),
        cmocka_unit_test(hexadecimal_has_no_prefix_and_any_case),
        cmocka_unit_test(doubles_follow_the_json_grammar),
        cmocka_unit_test(doubles_at_the_ends_of_their_range),
        cmocka_unit_test(a_double_of_1024_bytes_is_read_and_no_longer_one),
        cmocka_unit_test(every_double_survives_its_text),
        cmocka_unit_test(short_decimals_round_as_the_c_library_does),
        cmocka_unit_test(durations_need_a_unit_but_zero),
        cmocka_unit_test(sizes_are_binary),
        cmocka_unit_test(money_is_exact_to_the_micro_dollar),
        cmocka_unit_test(percentages_are_shares_of_one),
        cmocka_unit_test(rates_are_counts_per_period),
        cmocka_unit_test(checked_arithmetic_refuses_to_wrap),
        cmocka_unit_test(people_read_times_money_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
