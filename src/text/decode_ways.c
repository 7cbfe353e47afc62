/* SPDX-License-Identifier: Apache-2.0
 * decode_ways.c - RFC 4648 alphabets, escapes of URLs, HTML and source code, and what people do to
 * letters.
 */
#include "text/decode_ways.h"

#include "base/utf8.h"

#include <string.h>

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static int base64_of(char c)
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
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int base32_of(char c)
{
    char low = (char)(c | 0x20);
    if (low >= 'a' && low <= 'z') {
        return low - 'a';
    }
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* Bits of one symbol after another; spaces are passed, padding ends it. */
static size_t unpack(struct str text, char *to, int (*value_of)(char c), unsigned width)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.at[i]);
        if (value < 0) {
            if (str_is_blank(text.at[i])) {
                continue;
            }
            break;
        }
        held = held << width | (uint32_t)value;
        bits += width;
        if (bits >= 8) {
            bits -= 8;
            to[count++] = (char)(held >> bits & 255);
        }
    }
    return count;
}

size_t decode_base64(struct str text, char *to)
{
    return unpack(text, to, base64_of, 6);
}

size_t decode_base32(struct str text, char *to)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] >= 'a' && text.at[i] <= 'z') {
            return 0; /* the alphabet is of one case; lower case is hardly used */
        }
    }
    return unpack(text, to, base32_of, 5);
}

size_t decode_hex(struct str text, char *to)
{
    size_t count = 0;
    size_t i = str_starts(text, STR("0x")) ? 2 : 0;
    while (i + 1 < text.len) {
        int high = hex_of(text.at[i]);
        if (high < 0) {
            i++;
            continue;
        }
        int low = hex_of(text.at[i + 1]);
        if (low < 0) {
            return 0;
        }
        to[count++] = (char)(high << 4 | low);
        i += 2;
    }
    return count;
}

size_t decode_bits(struct str text, char *to)
{
    size_t count = 0;
    unsigned bits = 0;
    unsigned byte = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c != '0' && c != '1') {
            if (!str_is_blank(c)) {
                return 0;
            }
            continue;
        }
        byte = byte << 1 | (c == '1');
        if (++bits == 8) {
            to[count++] = (char)byte;
            bits = 0;
            byte = 0;
        }
    }
    return bits == 0 ? count : 0;
}

/* ---- escapes ---- */

static const struct entity {
    struct str name;
    char is;
} entities[] = {
    {STR_CONST("amp;"), '&'},    {STR_CONST("lt;"), '<'},    {STR_CONST("gt;"), '>'},
    {STR_CONST("quot;"), '"'},   {STR_CONST("apos;"), '\''}, {STR_CONST("nbsp;"), ' '},
    {STR_CONST("sol;"), '/'},    {STR_CONST("colon;"), ':'}, {STR_CONST("period;"), '.'},
    {STR_CONST("lpar;"), '('},   {STR_CONST("rpar;"), ')'},  {STR_CONST("comma;"), ','},
    {STR_CONST("num;"), '#'},    {STR_CONST("Tab;"), ' '},   {STR_CONST("NewLine;"), '\n'},
    {STR_CONST("excl;"), '!'},   {STR_CONST("quest;"), '?'}, {STR_CONST("lbrack;"), '['},
    {STR_CONST("rbrack;"), ']'},
};

/* `digits` hex digits at `at`; -1 when there are fewer. */
static int64_t hex_number(struct str text, size_t at, size_t digits)
{
    int64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = at + i < text.len ? hex_of(text.at[at + i]) : -1;
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* "&#65;" or "&#x41;" or "&name;" at `at`: bytes taken, 0 when it is none. */
static size_t entity_at(struct str text, size_t at, uint32_t *code)
{
    struct str rest = str_cut(text, at + 1, text.len);
    if (!str_starts(rest, STR("#"))) {
        for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
            if (str_starts(rest, entities[i].name)) {
                *code = (uint8_t)entities[i].is;
                return entities[i].name.len + 1;
            }
        }
        return 0;
    }
    bool hex = rest.len > 1 && (rest.at[1] | 0x20) == 'x';
    uint32_t value = 0;
    size_t i = hex ? 2 : 1;
    size_t first = i;
    for (; i < rest.len && i < first + 8; i++) {
        int digit = hex_of(rest.at[i]);
        if (digit < 0 || (!hex && digit > 9)) {
            break;
        }
        value = value * (hex ? 16U : 10U) + (uint32_t)digit;
    }
    if (i == first || value > 0x10FFFF) {
        return 0;
    }
    *code = value;
    return i + 1 + (i < rest.len && rest.at[i] == ';' ? 1 : 0);
}

/* An escape at `at`: bytes taken, 0 when there is none. `raw`: it stands for a byte, not a point.
 */
static size_t escape_at(struct str text, size_t at, uint32_t *code, bool *raw)
{
    static const struct {
        struct str sign;
        size_t digits;
        bool raw;
    } escapes[] = {
        {STR_CONST("%"), 2, true},    {STR_CONST("="), 2, true},   {STR_CONST("\\x"), 2, true},
        {STR_CONST("\\u"), 4, false}, {STR_CONST("U+"), 4, false},
    };
    if (text.at[at] == '&') {
        *raw = false;
        return entity_at(text, at, code);
    }
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        if (!str_starts(str_cut(text, at, text.len), escapes[i].sign)) {
            continue;
        }
        size_t len = escapes[i].sign.len;
        int64_t value = hex_number(text, at + len, escapes[i].digits);
        if (value >= 0) {
            *code = (uint32_t)value;
            *raw = escapes[i].raw;
            return len + escapes[i].digits;
        }
    }
    return 0;
}

size_t decode_escapes(struct str text, char *to)
{
    size_t count = 0;
    size_t at = 0;
    while (at < text.len) {
        uint32_t code = 0;
        bool raw = false;
        size_t taken = escape_at(text, at, &code, &raw);
        if (taken == 0) {
            /* Forms write a space as a plus, between words. */
            bool plus = text.at[at] == '+' && at > 0 && !str_is_blank(text.at[at - 1]) &&
                        at + 1 < text.len && !str_is_blank(text.at[at + 1]);
            to[count] = text.at[at];
            if (plus) {
                to[count] = ' ';
            }
            count++;
            at++;
        } else if (raw) {
            to[count++] = (char)code;
            at += taken;
        } else {
            char bytes[4];
            size_t len = utf8_encode(code, bytes);
            len = len <= taken ? len : taken;
            memcpy(to + count, bytes, len);
            count += len;
            at += taken;
        }
    }
    return count;
}

/* ---- letters moved about ---- */

size_t decode_rot13(struct str text, char *to)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        char low = (char)(c | 0x20);
        bool moves = low >= 'a' && low <= 'z';
        int moved = (int)c + (low < 'n' ? 13 : -13);
        to[i] = c;
        if (moves) {
            to[i] = (char)moved;
        }
    }
    return text.len;
}

size_t decode_reversed(struct str text, char *to)
{
    size_t at = 0;
    while (at < text.len) {
        uint32_t code = 0;
        size_t bytes = utf8_step(text, at, &code);
        memcpy(to + text.len - at - bytes, text.at + at, bytes);
        at += bytes;
    }
    return text.len;
}

size_t decode_reversed_words(struct str text, char *to)
{
    size_t at = 0;
    while (at < text.len) {
        size_t end = at;
        while (end < text.len && !str_is_blank(text.at[end])) {
            end++;
        }
        decode_reversed(str_cut(text, at, end), to + at);
        if (end < text.len) {
            to[end] = text.at[end];
            end++;
        }
        at = end;
    }
    return text.len;
}

static size_t leet(struct str text, char *to, char one)
{
    static const struct {
        char from;
        char to;
    } map[] = {{'0', 'o'}, {'3', 'e'}, {'4', 'a'}, {'5', 's'}, {'7', 't'}, {'@', 'a'}, {'$', 's'},
               {'8', 'b'}, {'6', 'g'}, {'9', 'g'}, {'2', 'z'}, {'|', 'l'}, {'+', 't'}};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool ends = i + 1 == text.len || str_is_blank(text.at[i + 1]);
        to[i] = c;
        if (c == '1' || (c == '!' && !ends)) {
            to[i] = one;
        }
        for (size_t k = 0; k < sizeof map / sizeof map[0]; k++) {
            if (c == map[k].from) {
                to[i] = map[k].to;
            }
        }
    }
    return text.len;
}

size_t decode_leet(struct str text, char *to)
{
    return leet(text, to, 'i');
}

size_t decode_leet_l(struct str text, char *to)
{
    return memchr(text.at, '1', text.len) == NULL ? 0 : leet(text, to, 'l');
}

static bool is_apart(char c)
{
    return str_is_blank(c) || (c != '\0' && strchr("-._*|,~/", c) != NULL);
}

/* Letters that stand alone: what is between them most often is inside of words. Where that is a
 * mark, a space ends a word; where it is spaces, more of them do. */
size_t decode_spaced(struct str text, char *to)
{
    size_t gaps[8] = {0};
    size_t gap = 0;
    size_t marks = 0;
    size_t spaces = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool apart = is_apart(text.at[i]);
        if (!apart && gap > 0 && gap < 8) {
            gaps[gap]++;
        }
        marks += apart && !str_is_blank(text.at[i]);
        spaces += str_is_blank(text.at[i]);
        gap = apart ? gap + 1 : 0;
    }
    size_t usual = 1;
    for (size_t i = 1; i < 8; i++) {
        usual = gaps[i] > gaps[usual] ? i : usual;
    }
    bool marked = marks > spaces;
    size_t count = 0;
    bool spaced = false;
    gap = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (is_apart(text.at[i])) {
            gap++;
            spaced |= str_is_blank(text.at[i]);
            continue;
        }
        if (count > 0 && (marked ? spaced : gap > usual)) {
            to[count++] = ' ';
        }
        gap = 0;
        spaced = false;
        to[count++] = text.at[i];
    }
    return count;
}
