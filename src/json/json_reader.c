/* SPDX-License-Identifier: Apache-2.0
 * json_reader.c - one state per byte: the JSON grammar without the bytes.
 *
 * Invariants: bit d of object_bits belongs to the container opened at depth d; a state is left only
 * in step(), so a text may be cut anywhere. It is a second implementation of the grammar on
 * purpose: tests hold it against json_parse byte for byte.
 * It agrees in the verdict, the offset and the words.
 *
 * A byte that ends a number is looked at twice, once by the number and once by what follows it; all
 * other bytes are looked at once. No state depends on how far a piece reaches.
 */
#include "json/json_reader.h"

#include "base/must.h"
#include "json/json_scan.h"

/* What the next byte will be read as. */
enum state {
    /* Numbers come first: the rows of `number_next`. */
    MINUS,
    ZERO,
    WHOLE,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS,
    NUMBER_STATES,

    VALUE = NUMBER_STATES,
    FIRST_VALUE, /* or ']' */
    KEY,
    FIRST_KEY, /* or '}' */
    COLON,
    AFTER, /* behind a value */
    STRING,
    UTF8, /* `sub` continuation bytes to come */
    ESCAPE,
    HEX, /* `sub` digits to come */
    WORD_TRUE,
    WORD_FALSE,
    WORD_NULL, /* `sub` letters to come */
    FAILED
};

enum number_class { DIGIT_0, DIGIT, DOT, LETTER_E, SIGN_PLUS, SIGN_MINUS, OTHER, NUMBER_CLASSES };

#define X   FAILED
#define EXP EXPONENT_DIGITS
/* AFTER: the number is over and the byte belongs to what follows; FAILED: it cannot stand here. */
/* clang-format off */
static const uint8_t number_next[NUMBER_STATES][NUMBER_CLASSES] = {
    /*                   0         1-9       .      e E       +              -              other */
    [MINUS]           = {ZERO,     WHOLE,    X,     X,        X,             X,             X},
    [ZERO]            = {X,        X,        POINT, EXPONENT, AFTER,         AFTER,         AFTER},
    [WHOLE]           = {WHOLE,    WHOLE,    POINT, EXPONENT, AFTER,         AFTER,         AFTER},
    [POINT]           = {FRACTION, FRACTION, X,     X,        X,             X,             X},
    [FRACTION]        = {FRACTION, FRACTION, AFTER, EXPONENT, AFTER,         AFTER,         AFTER},
    [EXPONENT]        = {EXP,      EXP,      X,     X,        EXPONENT_SIGN, EXPONENT_SIGN, X},
    [EXPONENT_SIGN]   = {EXP,      EXP,      X,     X,        X,             X,             X},
    [EXPONENT_DIGITS] = {EXP,      EXP,      AFTER, AFTER,    AFTER,         AFTER,         AFTER},
};
/* clang-format on */
#undef X
#undef EXP

void json_reader_init(struct json_reader *reader)
{
    *reader = (struct json_reader){.state = VALUE, .code = ERR_OK};
}

/* The steps return whether the byte is accepted. */
static void enter(struct json_reader *r, enum state state)
{
    r->state = (uint8_t)state;
}

static bool fail(struct json_reader *r, enum err code, const char *what)
{
    enter(r, FAILED);
    r->code = code;
    r->what = what;
    return false;
}

static bool malformed(struct json_reader *r, const char *what)
{
    return fail(r, ERR_SYNTAX, what);
}

/* Of the innermost container; there must be one. */
static bool in_object(const struct json_reader *r)
{
    uint32_t top = r->depth - 1;
    return (r->object_bits[top / 64] >> (top % 64) & 1) != 0;
}

/* The bit is set or cleared: an earlier container of this depth may have left it. */
static bool open_container(struct json_reader *r, bool object)
{
    if (r->depth == JSON_DEPTH_MAX) {
        return fail(r, ERR_LIMIT, JSON_SAYS_DEPTH);
    }
    uint64_t bit = UINT64_C(1) << (r->depth % 64);
    uint64_t *bits = &r->object_bits[r->depth / 64];
    *bits = object ? *bits | bit : *bits & ~bit;
    r->depth++;
    enter(r, object ? FIRST_KEY : FIRST_VALUE);
    return true;
}

/* A container is a value: what follows it is judged like behind any other. */
static bool close_container(struct json_reader *r)
{
    r->depth--;
    enter(r, AFTER);
    return true;
}

/* Keys and values differ only in what may follow them. */
static bool begin_string(struct json_reader *r, bool is_key)
{
    r->is_key = is_key;
    enter(r, STRING);
    return true;
}

/* The first letter has been read and tells which word it must be. */
static bool begin_word(struct json_reader *r, enum state word, uint8_t letters_to_come)
{
    r->sub = letters_to_come;
    enter(r, word);
    return true;
}

/* VALUE and FIRST_VALUE. */
static bool step_value(struct json_reader *r, uint8_t byte)
{
    switch (byte) {
    case '{':
    case '[':
        return open_container(r, byte == '{');
    case '"':
        return begin_string(r, false);
    case 't':
        return begin_word(r, WORD_TRUE, 3);
    case 'f':
        return begin_word(r, WORD_FALSE, 4);
    case 'n':
        return begin_word(r, WORD_NULL, 3);
    case '-':
        enter(r, MINUS);
        return true;
    default:
        break;
    }
    if (byte == ']' && r->state == FIRST_VALUE) {
        return close_container(r);
    }
    if (!json_byte_is_digit(byte)) {
        return malformed(r, JSON_SAYS_VALUE);
    }
    enter(r, byte == '0' ? ZERO : WHOLE);
    return true;
}

/* KEY and FIRST_KEY: "{}" is an object, "{\"a\":1,}" is none. */
static bool step_key(struct json_reader *r, uint8_t byte)
{
    if (byte == '}' && r->state == FIRST_KEY) {
        return close_container(r);
    }
    return byte == '"' ? begin_string(r, true) : malformed(r, JSON_SAYS_KEY);
}

static bool step_colon(struct json_reader *r, uint8_t byte)
{
    enter(r, VALUE);
    return byte == ':' || malformed(r, JSON_SAYS_COLON);
}

/* Only here commas and closing brackets behind items are accepted. */
static bool step_after(struct json_reader *r, uint8_t byte)
{
    if (r->depth == 0) {
        return malformed(r, JSON_SAYS_AFTER);
    }
    bool object = in_object(r);
    if (byte == ',') {
        enter(r, object ? KEY : VALUE);
        return true;
    }
    if (byte == (object ? '}' : ']')) {
        return close_container(r);
    }
    return malformed(r, object ? JSON_SAYS_IN_OBJECT : JSON_SAYS_IN_ARRAY);
}

/* Between values white space may stand anywhere (RFC 8259, section 2). */
static bool step_structure(struct json_reader *r, uint8_t byte)
{
    if (json_byte_is_space(byte)) {
        return true;
    }
    switch (r->state) {
    case KEY:
    case FIRST_KEY:
        return step_key(r, byte);
    case COLON:
        return step_colon(r, byte);
    case AFTER:
        return step_after(r, byte);
    default:
        return step_value(r, byte);
    }
}

static enum number_class number_class(uint8_t byte)
{
    switch (byte) {
    case '0':
        return DIGIT_0;
    case '.':
        return DOT;
    case 'e':
    case 'E':
        return LETTER_E;
    case '+':
        return SIGN_PLUS;
    case '-':
        return SIGN_MINUS;
    default:
        return json_byte_is_digit(byte) ? DIGIT : OTHER;
    }
}

/* A number has no end of its own: the first byte that is not part of it belongs to what follows. */
static bool step_number(struct json_reader *r, uint8_t byte)
{
    uint8_t next = number_next[r->state][number_class(byte)];
    if (next == FAILED) {
        return malformed(r, r->state == ZERO ? JSON_SAYS_ZERO : JSON_SAYS_DIGIT);
    }
    r->state = next;
    return next != AFTER || step_structure(r, byte);
}

/* A lead byte announces how many follow and what the first of them may be. */
static bool step_string(struct json_reader *r, uint8_t byte)
{
    if (byte == '"') {
        enter(r, r->is_key ? COLON : AFTER);
    } else if (byte == '\\') {
        enter(r, ESCAPE);
    } else if (byte < 0x20) {
        return malformed(r, JSON_SAYS_CONTROL);
    } else if (byte >= 0x80) {
        r->sub = (uint8_t)json_utf8_lead(byte, &r->utf8_low, &r->utf8_high);
        enter(r, UTF8);
        return r->sub > 0 || malformed(r, JSON_SAYS_UTF8);
    }
    return true;
}

/* Only the second byte of a code point has a narrower range (RFC 3629, section 4). */
static bool step_utf8(struct json_reader *r, uint8_t byte)
{
    if (byte < r->utf8_low || byte > r->utf8_high) {
        return malformed(r, JSON_SAYS_UTF8);
    }
    r->utf8_low = 0x80;
    r->utf8_high = 0xBF;
    r->sub--;
    enter(r, r->sub > 0 ? UTF8 : STRING);
    return true;
}

/* The byte behind a backslash. */
static bool step_escape(struct json_reader *r, uint8_t byte)
{
    if (byte == 'u') {
        r->sub = 4;
        enter(r, HEX);
        return true;
    }
    enter(r, STRING);
    return json_byte_is_escape(byte) || malformed(r, JSON_SAYS_ESCAPE);
}

static bool step_hex(struct json_reader *r, uint8_t byte)
{
    if (!json_byte_is_hex(byte)) {
        return malformed(r, JSON_SAYS_HEX);
    }
    r->sub--;
    enter(r, r->sub > 0 ? HEX : STRING);
    return true;
}

static bool step_word(struct json_reader *r, uint8_t byte)
{
    /* Read from the end, because `sub` counts down. */
    const char *reversed = r->state == WORD_TRUE ? "eur" : r->state == WORD_FALSE ? "esla" : "llu";
    r->sub--;
    if (byte != (uint8_t)reversed[r->sub]) {
        return malformed(r, JSON_SAYS_WORD);
    }
    if (r->sub == 0) {
        enter(r, AFTER);
    }
    return true;
}

/* One byte: the only place where states are told apart by kind. */
static bool step(struct json_reader *r, uint8_t byte)
{
    switch (r->state) {
    case STRING:
        return step_string(r, byte);
    case UTF8:
        return step_utf8(r, byte);
    case ESCAPE:
        return step_escape(r, byte);
    case HEX:
        return step_hex(r, byte);
    case WORD_TRUE:
    case WORD_FALSE:
    case WORD_NULL:
        return step_word(r, byte);
    default:
        return r->state < NUMBER_STATES ? step_number(r, byte) : step_structure(r, byte);
    }
}

/* Runs of plain bytes in a string are skipped as fast as the parser skips them. */
enum err json_reader_feed(struct json_reader *reader, struct str piece)
{
    if (reader->code != ERR_OK || piece.len == 0) {
        return reader->code;
    }
    const uint8_t *first = (const uint8_t *)piece.at;
    const uint8_t *end = first + piece.len;
    const uint8_t *at = first;
    while (at < end) {
        if (reader->state == STRING) {
            at = json_plain_run(at, end);
        }
        if (at < end && !step(reader, *at)) {
            break;
        }
        at += at < end;
    }
    reader->offset += (uint64_t)(at - first);
    return reader->code;
}

/* At the end of a text, these states are those that need no further byte. */
bool json_reader_complete(const struct json_reader *reader)
{
    must(reader->depth <= JSON_DEPTH_MAX);
    switch (reader->state) {
    case ZERO:
    case WHOLE:
    case FRACTION:
    case EXPONENT_DIGITS:
    case AFTER:
        return reader->depth == 0;
    default:
        return false;
    }
}
