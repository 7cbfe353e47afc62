/* SPDX-License-Identifier: Apache-2.0
 * json_scan.h - what the parser and the writer have in common: the words of errors and the
 * questions about bytes inside a string. Private to src/json.
 */
#ifndef AIRE_JSON_JSON_SCAN_H
#define AIRE_JSON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_SAYS_VALUE     "expected a value"
#define JSON_SAYS_WORD      "expected true, false or null"
#define JSON_SAYS_KEY       "expected a key in quotes"
#define JSON_SAYS_COLON     "expected ':'"
#define JSON_SAYS_IN_OBJECT "expected ',' or '}'"
#define JSON_SAYS_IN_ARRAY  "expected ',' or ']'"
#define JSON_SAYS_AFTER     "expected nothing behind the value"
#define JSON_SAYS_DIGIT     "expected a digit"
#define JSON_SAYS_ZERO      "a number must not begin with a needless zero"
#define JSON_SAYS_UNENDED   "a string without its closing quote"
#define JSON_SAYS_CONTROL   "a control character in a string must be escaped"
#define JSON_SAYS_ESCAPE    "an escape that JSON does not know"
#define JSON_SAYS_HEX       "expected four hexadecimal digits behind \\u"
#define JSON_SAYS_UTF8      "not UTF-8"
#define JSON_SAYS_DEPTH     "nested too deep"
#define JSON_SAYS_NODES     "too many values"
#define JSON_SAYS_LONG      "a text over 1 GiB"

static inline bool json_byte_is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static inline bool json_byte_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool json_byte_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline bool json_byte_is_hex(uint8_t byte)
{
    uint8_t letter = byte | 0x20;
    return json_byte_is_digit(byte) || (letter >= 'a' && letter <= 'f');
}

/* Behind a backslash, \u apart. */
static inline bool json_byte_is_escape(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    default:
        return false;
    }
}

/* First byte that is not plain: a quote, a backslash, a control character or not ASCII. */
static inline const uint8_t *json_plain_run(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    /* With bit 1 flipped the quote (0x22) is 0x20 and stands next to the control characters, and a
     * signed comparison also catches bytes from 0x80 on: two tests find all four kinds. */
    const __m128i flip = _mm_set1_epi8(0x02);
    const __m128i floor = _mm_set1_epi8(0x21);
    const __m128i backslash = _mm_set1_epi8('\\');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i low = _mm_cmplt_epi8(_mm_xor_si128(bytes, flip), floor);
        __m128i stops = _mm_or_si128(low, _mm_cmpeq_epi8(bytes, backslash));
        unsigned mask = (unsigned)_mm_movemask_epi8(stops);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
        at += 16;
    }
#endif
    while (at < end && json_byte_is_plain(*at)) {
        at++;
    }
    return at;
}

/* Continuation bytes that `lead` announces and the range of the first of them (RFC 3629, section
 * 4); 0 when it leads nothing. The others are 0x80..0xBF. */
static inline unsigned json_utf8_lead(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    return lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
}

#endif
