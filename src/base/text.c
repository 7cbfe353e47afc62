/* SPDX-License-Identifier: Apache-2.0
 * text.c - bytes as text and back.
 *
 * Invariant: room is reserved once, before the first byte is written, and a decoder that meets bad
 * input leaves the buf as it was.
 */
#include "base/text.h"

#include <stdint.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Room is reserved by the caller. */
static void put(struct buf *to, unsigned byte)
{
    to->at[to->len++] = (char)(unsigned char)byte;
}

/* RFC 4648 section 4: three bytes are four digits of six bits; a last group of 1 or 2 bytes gives
 * 2 or 3 digits and is padded. */
enum err text_base64(struct buf *to, struct str bytes)
{
    enum err err = bytes.len > SIZE_MAX / 2 ? ERR_LIMIT : buf_reserve(to, (bytes.len + 2) / 3 * 4);
    for (size_t i = 0; err == ERR_OK && i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (k < have ? (unsigned char)bytes.at[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            put(to, k <= have ? (unsigned char)base64_digits[group >> (18 - 6 * k) & 63] : '=');
        }
    }
    return err;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

/* Unused bits of the last digit are ignored (RFC 4648 section 3.5 allows it): what a model would
 * decode, an inspection must decode too. */
enum err text_unbase64(struct buf *to, struct str text)
{
    struct str data = text;
    while (data.len > 0 && text.len - data.len < 2 && data.at[data.len - 1] == '=') {
        data.len--;
    }
    /* One digit alone holds no byte; padding, where present, must fill the group. */
    if (data.len % 4 == 1 || (data.len < text.len && text.len % 4 != 0)) {
        return ERR_SYNTAX;
    }
    size_t before = to->len;
    enum err err = buf_reserve(to, data.len / 4 * 3 + data.len % 4 * 3 / 4);
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; err == ERR_OK && i < data.len; i++) {
        int value = base64_value(data.at[i]);
        if (value < 0) {
            to->len = before;
            return ERR_SYNTAX;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            put(to, bits >> have & 255);
        }
    }
    return err;
}

enum err text_unpercent(struct buf *to, struct str text)
{
    size_t before = to->len;
    for (size_t i = 0; i < text.len; i++) {
        enum err err = ERR_OK;
        if (text.at[i] != '%') {
            err = buf_add_byte(to, text.at[i]);
        } else {
            int high = i + 2 < text.len ? text_hex_digit(text.at[i + 1]) : -1;
            int low = i + 2 < text.len ? text_hex_digit(text.at[i + 2]) : -1;
            bool digits = high >= 0 && low >= 0;
            err = digits ? buf_add_byte(to, (char)(high << 4 | low)) : ERR_SYNTAX;
            i += 2;
        }
        if (err != ERR_OK) {
            to->len = before;
            return err;
        }
    }
    return ERR_OK;
}
