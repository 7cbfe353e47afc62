/* SPDX-License-Identifier: Apache-2.0
 * num.c - numbers from text and back.
 *
 * Invariants: a parser writes its result only when it returns ERR_OK; ERR_SYNTAX is decided before
 * ERR_RANGE, so "99999999999999999999x" is malformed, not large. No locale is consulted but that of
 * strtod, and the process never calls setlocale().
 */
#include "base/num.h"

#include "base/must.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DOUBLE_TEXT_MAX 1024 /* 767 significant digits decide every double */
#define SHOW_ROOM_MIN   32

bool num_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

bool num_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product = 0;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err digits_u64(struct str text, unsigned base, uint64_t *value)
{
    uint64_t sum = 0;
    bool fits = true;
    for (size_t i = 0; i < text.len; i++) {
        int digit = text_hex_digit(text.at[i]);
        if (digit < 0 || (unsigned)digit >= base) {
            return ERR_SYNTAX;
        }
        fits = fits && num_mul_u64(sum, base, &sum) && num_add_u64(sum, (uint64_t)digit, &sum);
    }
    if (text.len == 0) {
        return ERR_SYNTAX;
    }
    if (!fits) {
        return ERR_RANGE;
    }
    *value = sum;
    return ERR_OK;
}

enum err num_u64(struct str text, uint64_t *value)
{
    return digits_u64(text, 10, value);
}

enum err num_hex_u64(struct str text, uint64_t *value)
{
    return digits_u64(text, 16, value);
}

/* What the grammar walk collects: digits as an integer and the power of ten it stands for. */
struct decimal {
    uint64_t mantissa;
    size_t digits; /* in the mantissa, leading zeros aside */
    int64_t power;
};

/* Takes digits from `at` on; returns the index behind them. */
static size_t take_digits(struct str text, size_t at, bool fraction, struct decimal *decimal)
{
    while (at < text.len && is_digit(text.at[at])) {
        uint64_t digit = (uint64_t)(text.at[at++] - '0');
        if (decimal->digits < 19) {
            decimal->mantissa = decimal->mantissa * 10 + digit;
        }
        decimal->digits += decimal->mantissa > 0;
        decimal->power -= fraction;
    }
    return at;
}

/* Exponent behind 'e', clamped: beyond +-9999 the text is bounded and the result the same. */
static size_t take_exponent(struct str text, size_t at, struct decimal *decimal)
{
    bool negative = at < text.len && text.at[at] == '-';
    at += at < text.len && (text.at[at] == '-' || text.at[at] == '+');
    int64_t power = 0;
    while (at < text.len && is_digit(text.at[at])) {
        power = power > 9999 ? power : power * 10 + (text.at[at] - '0');
        at++;
    }
    decimal->power += negative ? -power : power;
    return at;
}

/* RFC 8259 section 6: number = [ minus ] int [ frac ] [ exp ]. */
static enum err walk_number(struct str text, struct decimal *decimal)
{
    size_t at = str_starts(text, STR("-"));
    size_t start = at;
    at = take_digits(text, at, false, decimal);
    if (at == start || (text.at[start] == '0' && at > start + 1)) {
        return ERR_SYNTAX;
    }
    if (at < text.len && text.at[at] == '.') {
        start = ++at;
        at = take_digits(text, at, true, decimal);
        if (at == start) {
            return ERR_SYNTAX;
        }
    }
    if (at < text.len && (text.at[at] == 'e' || text.at[at] == 'E')) {
        at = take_exponent(text, at + 1, decimal);
        if (!is_digit(text.at[at - 1])) {
            return ERR_SYNTAX;
        }
    }
    return at == text.len ? ERR_OK : ERR_SYNTAX;
}

/* Clinger 1990: when mantissa and power of ten are both exact doubles, one IEEE operation rounds
 * correctly. */
static bool fast_double(const struct decimal *decimal, double *value)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool exact = decimal->digits <= 19 && decimal->mantissa <= UINT64_C(1) << 53 &&
                 decimal->power >= -22 && decimal->power <= 22;
    if (exact) {
        double mantissa = (double)decimal->mantissa;
        *value = decimal->power < 0 ? mantissa / tens[-decimal->power]
                                    : mantissa * tens[decimal->power];
    }
    return exact;
}

enum err num_double(struct str text, double *value)
{
    struct decimal decimal = {0};
    enum err err = walk_number(text, &decimal);
    if (err != ERR_OK) {
        return err;
    }
    double size = 0;
    if (fast_double(&decimal, &size)) {
        *value = text.at[0] == '-' ? -size : size;
        return ERR_OK;
    }
    char copy[DOUBLE_TEXT_MAX + 1];
    if (!str_copy(text, copy, sizeof copy)) {
        return ERR_LIMIT;
    }
    size = strtod(copy, NULL);
    if (isinf(size)) {
        return ERR_RANGE;
    }
    *value = size;
    return ERR_OK;
}

struct unit {
    struct str name;
    uint64_t factor;
};

/* "<digits><unit>" with the longest fitting unit of a table that ends with an empty name. */
static enum err with_unit(struct str text, const struct unit *units, uint64_t *value)
{
    size_t digits = 0;
    while (digits < text.len && is_digit(text.at[digits])) {
        digits++;
    }
    struct str name = str_cut(text, digits, SIZE_MAX);
    while (units->name.len > 0 && !str_equal(units->name, name)) {
        units++;
    }
    if (units->name.len == 0) {
        return ERR_SYNTAX;
    }
    uint64_t count = 0;
    enum err err = num_u64(str_cut(text, 0, digits), &count);
    if (err != ERR_OK) {
        return err;
    }
    return num_mul_u64(count, units->factor, value) ? ERR_OK : ERR_RANGE;
}

#define MS_PER_S   UINT64_C(1000)
#define MS_PER_MIN (60 * MS_PER_S)
#define MS_PER_H   (60 * MS_PER_MIN)
#define MS_PER_D   (24 * MS_PER_H)
/* Like STR(), but a constant that a static table can hold. */
#define UNIT(name, factor)                                                                         \
    {                                                                                              \
        {name, sizeof(name) - 1}, factor                                                           \
    }

enum err num_duration_ms(struct str text, uint64_t *ms)
{
    static const struct unit units[] = {UNIT("ms", 1),         UNIT("s", MS_PER_S),
                                        UNIT("m", MS_PER_MIN), UNIT("h", MS_PER_H),
                                        UNIT("d", MS_PER_D),   UNIT("", 0)};
    if (str_equal(text, STR("0"))) {
        *ms = 0;
        return ERR_OK;
    }
    return with_unit(text, units, ms);
}

enum err num_size_bytes(struct str text, uint64_t *bytes)
{
    static const struct unit units[] = {UNIT("B", 1), UNIT("KiB", UINT64_C(1) << 10),
                                        UNIT("MiB", UINT64_C(1) << 20),
                                        UNIT("GiB", UINT64_C(1) << 30), UNIT("", 0)};
    bool plain = text.len > 0 && is_digit(text.at[text.len - 1]);
    return plain ? num_u64(text, bytes) : with_unit(text, units, bytes);
}

enum err num_money_microusd(struct str text, int64_t *microusd)
{
    if (!str_starts(text, STR("$"))) {
        return ERR_SYNTAX;
    }
    struct str amount = str_cut(text, 1, SIZE_MAX);
    size_t point = str_find_byte(amount, '.');
    struct str fraction = point == SIZE_MAX ? STR("0") : str_cut(amount, point + 1, SIZE_MAX);
    uint64_t dollars = 0;
    uint64_t micros = 0;
    enum err bad = num_u64(fraction, &micros);
    enum err err = num_u64(str_cut(amount, 0, point), &dollars);
    if (bad == ERR_SYNTAX || err == ERR_SYNTAX || fraction.len > 6) {
        return ERR_SYNTAX;
    }
    for (size_t i = fraction.len; i < 6; i++) {
        micros *= 10;
    }
    uint64_t total = 0;
    if (err != ERR_OK || !num_mul_u64(dollars, 1000000, &total) ||
        !num_add_u64(total, micros, &total) || total > INT64_MAX) {
        return ERR_RANGE;
    }
    *microusd = (int64_t)total;
    return ERR_OK;
}

enum err num_percent(struct str text, double *share)
{
    if (!str_ends(text, STR("%"))) {
        return ERR_SYNTAX;
    }
    double percent = 0;
    enum err err = num_double(str_cut(text, 0, text.len - 1), &percent);
    if (err != ERR_OK) {
        return err;
    }
    if (!(percent >= 0 && percent <= 100)) {
        return ERR_RANGE;
    }
    *share = percent / 100;
    return ERR_OK;
}

enum err num_rate(struct str text, struct rate *rate)
{
    static const struct unit periods[] = {UNIT("s", MS_PER_S), UNIT("min", MS_PER_MIN),
                                          UNIT("h", MS_PER_H), UNIT("d", MS_PER_D), UNIT("", 0)};
    size_t slash = str_find_byte(text, '/');
    struct str name = str_cut(text, slash == SIZE_MAX ? slash : slash + 1, SIZE_MAX);
    const struct unit *period = periods;
    while (period->name.len > 0 && !str_equal(period->name, name)) {
        period++;
    }
    if (period->name.len == 0) {
        return ERR_SYNTAX;
    }
    uint64_t count = 0;
    enum err err = num_u64(str_cut(text, 0, slash), &count);
    if (err == ERR_OK) {
        *rate = (struct rate){count, period->factor};
    }
    return err;
}

typedef unsigned long long ull;

const char *num_show_us(uint64_t us, char *to, size_t room)
{
    must(room >= SHOW_ROOM_MIN);
    uint64_t s = us / 1000000;
    if (us < 1000) {
        (void)snprintf(to, room, "%llu us", (ull)us);
    } else if (s == 0) {
        (void)snprintf(to, room, "%llu.%03llu ms", (ull)(us / 1000), (ull)(us % 1000));
    } else if (s < 60) {
        (void)snprintf(to, room, "%llu.%03llu s", (ull)s, (ull)(us / 1000 % 1000));
    } else if (s < 3600) {
        (void)snprintf(to, room, "%llum %llus", (ull)(s / 60), (ull)(s % 60));
    } else if (s < 86400) {
        (void)snprintf(to, room, "%lluh %llum", (ull)(s / 3600), (ull)(s / 60 % 60));
    } else {
        (void)snprintf(to, room, "%llud %lluh", (ull)(s / 86400), (ull)(s / 3600 % 24));
    }
    return to;
}

const char *num_show_microusd(int64_t microusd, char *to, size_t room)
{
    must(room >= SHOW_ROOM_MIN);
    uint64_t size = microusd < 0 ? 0 - (uint64_t)microusd : (uint64_t)microusd;
    (void)snprintf(to, room, "%s$%llu.%06llu", microusd < 0 ? "-" : "", (ull)(size / 1000000),
                   (ull)(size % 1000000));
    return to;
}

const char *num_show_bytes(uint64_t bytes, char *to, size_t room)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    must(room >= SHOW_ROOM_MIN);
    if (bytes < 1024) {
        (void)snprintf(to, room, "%llu B", (ull)bytes);
        return to;
    }
    unsigned power = (63 - (unsigned)__builtin_clzll(bytes)) / 10;
    uint64_t one = UINT64_C(1) << (10 * power);
    /* Tenths of the remainder through its upper bits: times ten of it may not fit in EiB. */
    uint64_t tenth = (bytes % one >> (10 * power - 10)) * 10 >> 10;
    (void)snprintf(to, room, "%llu.%llu %s", (ull)(bytes / one), (ull)tenth, names[power - 1]);
    return to;
}
