/* SPDX-License-Identifier: Apache-2.0
 * utf8.c - the table of well-formed byte sequences (RFC 3629 section 4), and ASCII in strides.
 *
 * Invariant: a damaged sequence is consumed up to its first wrong byte (its "maximal subpart",
 * Unicode 15 section 3.9), so a decoder resynchronises at the next lead byte and always advances.
 */
#include "base/utf8.h"

#include "base/must.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Bytes a lead byte announces, and the range its second byte must be in; 0 for no lead byte. */
struct lead {
    unsigned char bytes;
    unsigned char low;
    unsigned char high;
};

static struct lead lead_of(unsigned char byte)
{
    if (byte < 0xC2 || byte > 0xF4) {
        return (struct lead){byte < 0x80, 0, 0};
    }
    if (byte < 0xE0) {
        return (struct lead){2, 0x80, 0xBF};
    }
    if (byte < 0xF0) {
        /* E0: no overlong form; ED: no surrogate. */
        return (struct lead){3, byte == 0xE0 ? 0xA0 : 0x80, byte == 0xED ? 0x9F : 0xBF};
    }
    /* F0: no overlong form; F4: nothing above U+10FFFF. */
    return (struct lead){4, byte == 0xF0 ? 0x90 : 0x80, byte == 0xF4 ? 0x8F : 0xBF};
}

/* Length of the well-formed sequence at `at`, or 0; then *bad is how many bytes to pass over. */
static size_t sequence(const unsigned char *at, size_t left, size_t *bad)
{
    struct lead lead = lead_of(at[0]);
    *bad = 1;
    if (lead.bytes < 2) {
        return lead.bytes;
    }
    if (left < 2 || at[1] < lead.low || at[1] > lead.high) {
        return 0;
    }
    for (size_t i = 2; i < lead.bytes; i++) {
        if (i >= left || (at[i] & 0xC0) != 0x80) {
            *bad = i;
            return 0;
        }
    }
    return lead.bytes;
}

/* Index of the first byte at or after `from` that may not be ASCII; may stop early near the end. */
static size_t skip_ascii(struct str s, size_t from)
{
#ifdef __SSE2__
    while (s.len - from >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.at + from));
        int high = _mm_movemask_epi8(bytes);
        if (high != 0) {
            return from + (size_t)__builtin_ctz((unsigned)high);
        }
        from += 16;
    }
#else
    uint64_t word = 0;
    while (s.len - from >= sizeof word) {
        memcpy(&word, s.at + from, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        from += sizeof word;
    }
#endif
    return from;
}

size_t utf8_valid_prefix(struct str s)
{
    size_t at = 0;
    while (at < s.len) {
        unsigned char byte = (unsigned char)s.at[at];
        if (byte < 0x80) {
            size_t next = skip_ascii(s, at);
            at = next > at ? next : at + 1;
            continue;
        }
        size_t bad = 0;
        size_t bytes = sequence((const unsigned char *)s.at + at, s.len - at, &bad);
        if (bytes == 0) {
            break;
        }
        at += bytes;
    }
    return at;
}

bool utf8_valid(struct str s)
{
    return utf8_valid_prefix(s) == s.len;
}

size_t utf8_step(struct str s, size_t at, uint32_t *code)
{
    must(at < s.len);
    const unsigned char *byte = (const unsigned char *)s.at + at;
    size_t bad = 0;
    size_t bytes = sequence(byte, s.len - at, &bad);
    if (bytes == 0) {
        *code = UTF8_REPLACEMENT;
        return bad;
    }
    static const unsigned char payload[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = byte[0] & payload[bytes];
    for (size_t i = 1; i < bytes; i++) {
        point = point << 6 | (byte[i] & 0x3F);
    }
    *code = point;
    return bytes;
}

static char tail_byte(uint32_t code, unsigned shift)
{
    return (char)(unsigned char)(0x80 | (code >> shift & 0x3F));
}

size_t utf8_encode(uint32_t code, char to[4])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        code = UTF8_REPLACEMENT;
    }
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(unsigned char)(0xC0 | code >> 6);
        to[1] = tail_byte(code, 0);
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(unsigned char)(0xE0 | code >> 12);
        to[1] = tail_byte(code, 6);
        to[2] = tail_byte(code, 0);
        return 3;
    }
    to[0] = (char)(unsigned char)(0xF0 | code >> 18);
    to[1] = tail_byte(code, 12);
    to[2] = tail_byte(code, 6);
    to[3] = tail_byte(code, 0);
    return 4;
}

struct str utf8_head(struct str s, size_t bytes_max)
{
    if (s.len <= bytes_max) {
        return s;
    }
    /* A code point has at most three bytes behind its lead: in other bytes any place is as good. */
    size_t cut = bytes_max;
    for (unsigned back = 0; back < 3 && cut > 0 && ((unsigned char)s.at[cut] & 0xC0) == 0x80;
         back++) {
        cut--;
    }
    bool boundary = ((unsigned char)s.at[cut] & 0xC0) != 0x80;
    return str_cut(s, 0, boundary ? cut : bytes_max);
}
