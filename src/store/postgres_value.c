/* SPDX-License-Identifier: Apache-2.0
 * postgres_value.c - see postgres_value.h.
 */
#include "store/postgres_value.h"

#include "base/must.h"

#include <string.h>

/* src/include/catalog/pg_type.dat; these numbers are part of the protocol. */
enum type {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_OID = 26,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_VARCHAR = 1043,
    TYPE_NUMERIC = 1700
};

/* ---- out ---- */

static void put_u64(uint64_t number, char to[8])
{
    for (int i = 7; i >= 0; i--) {
        to[i] = (char)(number & 0xff);
        number >>= 8;
    }
}

static void put_value(const struct value *value, int i, struct postgres_parameters *to)
{
    uint64_t bits = (uint64_t)value->integer;
    to->formats[i] = 1;
    to->lengths[i] = 8;
    to->values[i] = to->numbers[i];
    switch (value->kind) {
    case VALUE_REAL:
        memcpy(&bits, &value->real, sizeof bits);
        /* fallthrough */
    case VALUE_INTEGER:
        to->types[i] = value->kind == VALUE_REAL ? TYPE_FLOAT8 : TYPE_INT8;
        put_u64(bits, to->numbers[i]);
        return;
    case VALUE_TEXT:
    case VALUE_BLOB:
        must(value->bytes.len <= INT32_MAX);
        to->types[i] = value->kind == VALUE_TEXT ? TYPE_TEXT : TYPE_BYTEA;
        to->values[i] = value->bytes.at != NULL ? value->bytes.at : "";
        to->lengths[i] = (int)value->bytes.len;
        return;
    case VALUE_NULL:
    default:
        to->types[i] = 0;
        to->values[i] = NULL;
        to->lengths[i] = 0;
    }
}

void postgres_encode(const struct value *values, unsigned count, struct postgres_parameters *to)
{
    must(count <= POSTGRES_PARAMETERS_MAX);
    to->count = (int)count;
    for (unsigned i = 0; i < count; i++) {
        put_value(&values[i], (int)i, to);
    }
}

/* ---- in ---- */

static uint64_t get_unsigned(struct str bytes)
{
    must(bytes.len > 0 && bytes.len <= 8); /* the types decide; the server is trusted with them */
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        number = (number << 8) | (unsigned char)bytes.at[i];
    }
    return number;
}

static int64_t get_signed(struct str bytes)
{
    uint64_t number = get_unsigned(bytes);
    unsigned unused = 64 - 8 * (unsigned)bytes.len;
    return (int64_t)(number << unused) >> unused;
}

static struct value get_float(struct str bytes)
{
    uint64_t bits = get_unsigned(bytes);
    double real = 0;
    if (bytes.len == sizeof(float)) {
        uint32_t half = (uint32_t)bits;
        float single = 0;
        memcpy(&single, &half, sizeof single);
        return value_of_real((double)single);
    }
    memcpy(&real, &bits, sizeof real);
    return value_of_real(real);
}

/* Four 16-bit numbers, then digits to the base 10,000: how many, the weight of the first, the sign,
 * how many decimals are shown. Trailing zeros are left out. */
static struct value get_numeric(struct str bytes)
{
    enum { HEAD = 8, NEGATIVE = 0x4000, SPECIAL = 0xc000 };
    int64_t count = get_signed(str_cut(bytes, 0, 2));
    int64_t weight = get_signed(str_cut(bytes, 2, 4));
    uint64_t sign = get_unsigned(str_cut(bytes, 4, 6));
    int64_t integer = 0;
    double real = 0;
    double unit = 1;
    bool whole = count <= weight + 1;
    if ((sign & SPECIAL) == SPECIAL) {
        return value_null(); /* no number, or an infinite one */
    }
    for (int64_t i = 0; i <= weight || i < count; i++) {
        size_t at = HEAD + 2 * (size_t)i;
        int64_t digit = i < count ? get_signed(str_cut(bytes, at, at + 2)) : 0;
        whole = whole && !__builtin_mul_overflow(integer, 10000, &integer) &&
                !__builtin_add_overflow(integer, digit, &integer);
        real = real * 10000 + (double)digit;
        unit = i > weight ? unit * 10000 : unit;
    }
    if (whole) {
        return value_of_i64(sign == NEGATIVE ? -integer : integer);
    }
    return value_of_real((sign == NEGATIVE ? -real : real) / unit);
}

bool postgres_decode(const PGresult *result, int row, int column, struct arena *arena,
                     struct value *to)
{
    if (PQgetisnull(result, row, column) != 0) {
        *to = value_null();
        return true;
    }
    struct str bytes = {PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
    switch (PQftype(result, column)) {
    case TYPE_INT8:
    case TYPE_INT4:
    case TYPE_INT2:
        *to = value_of_i64(get_signed(bytes));
        return true;
    case TYPE_BOOL:
    case TYPE_OID:
        *to = value_of_i64((int64_t)get_unsigned(bytes));
        return true;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        *to = get_float(bytes);
        return true;
    case TYPE_NUMERIC:
        *to = get_numeric(bytes);
        return true;
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_NAME:
        *to = value_of_text(arena_str(arena, bytes));
        return true;
    case TYPE_BYTEA:
        *to = value_of_blob(arena_str(arena, bytes));
        return true;
    default:
        return false;
    }
}
