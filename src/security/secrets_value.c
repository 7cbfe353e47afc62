/* SPDX-License-Identifier: Apache-2.0
 * secrets_value.c - what values of credentials look like, and what people write instead of one. */
#include "security/secrets_value.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct str parts[] = {
#define PART(text) STR_CONST(text),
#define WHOLE(text)
#include "security/secrets_words.def"
#undef PART
#undef WHOLE
};
static const struct str wholes[] = {
#define PART(text)
#define WHOLE(text) STR_CONST(text),
#include "security/secrets_words.def"
#undef PART
#undef WHOLE
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_low(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_up(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool has_ci(struct str text, struct str words)
{
    for (size_t at = 0; at + words.len <= text.len; at++) {
        size_t i = 0;
        while (i < words.len && text_lower(text.at[at + i]) == words.at[i]) {
            i++;
        }
        if (i == words.len) {
            return true;
        }
    }
    return false;
}

double secret_entropy(struct str value)
{
    unsigned counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < value.len; i++) {
        counts[(unsigned char)value.at[i]]++;
    }
    for (int i = 0; i < 256; i++) {
        if (counts[i] > 0) {
            double p = counts[i] / (double)value.len;
            bits -= p * log2(p);
        }
    }
    return bits;
}

/* ---- shapes ---- */

struct shape {
    size_t digits;
    size_t lows;
    size_t ups;
    size_t signs; /* what is no letter and no digit */
    size_t hex;
    size_t dashes;
    size_t spaces;
    size_t vowels;
    size_t repeated; /* the longest run of one byte */
    size_t counted;  /* the longest run of neighbours: 12345, abcde */
};

/* The longest run of one byte, and of neighbours. */
static void find_runs(struct str value, struct shape *shape)
{
    size_t same = 1;
    size_t next = 1;
    for (size_t i = 1; i < value.len; i++) {
        same = value.at[i] == value.at[i - 1] ? same + 1 : 1;
        next = value.at[i] == value.at[i - 1] + 1 ? next + 1 : 1;
        shape->repeated = same > shape->repeated ? same : shape->repeated;
        shape->counted = next > shape->counted ? next : shape->counted;
    }
}

static void count_letter(struct shape *shape, char c)
{
    shape->lows += is_low(c) ? 1 : 0;
    shape->ups += is_up(c) ? 1 : 0;
    shape->hex += text_lower(c) <= 'f' ? 1 : 0;
    shape->vowels += strchr("aeiouy", text_lower(c)) != NULL ? 1 : 0;
}

static struct shape shape_of(struct str value)
{
    size_t one = value.len > 0 ? 1 : 0;
    struct shape shape = {.repeated = one, .counted = one};
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (is_low(c) || is_up(c)) {
            count_letter(&shape, c);
        } else if (is_digit(c)) {
            shape.digits++;
            shape.hex++;
        } else {
            shape.signs++;
            shape.dashes += c == '-' ? 1 : 0;
            shape.spaces += c == ' ' || c == '\t' ? 1 : 0;
        }
    }
    find_runs(value, &shape);
    return shape;
}

double secret_disorder(struct str value)
{
    struct shape shape = shape_of(value);
    size_t letters = shape.lows + shape.ups;
    size_t changes = 0;
    char before = '\0';
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        bool letter = is_low(c) || is_up(c);
        if (!letter && !is_digit(c)) {
            continue;
        }
        if (before != '\0') {
            bool numbers = is_digit(before) != is_digit(c);
            bool capitals = shape.lows > 0 && is_up(c) && !is_digit(before);
            changes += numbers || capitals ? 1 : 0;
        }
        before = c;
    }
    /* Letters of one case: random ones have few vowels. */
    bool plain = shape.digits == 0 && (shape.lows == 0 || shape.ups == 0);
    if (plain && letters >= 16 && shape.vowels * 10 <= letters * 3) {
        return 0.25;
    }
    return letters + shape.digits == 0 ? 0 : (double)changes / (double)(letters + shape.digits);
}

/* ---- what is none ---- */

static bool has_part(struct str value)
{
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (has_ci(value, parts[i])) {
            return true;
        }
    }
    return false;
}

static bool is_whole(struct str value)
{
    while (value.len > 0 &&
           (is_digit(value.at[value.len - 1]) || strchr("!_-.", value.at[value.len - 1]) != NULL)) {
        value.len--;
    }
    for (size_t i = 0; i < COUNT(wholes); i++) {
        if (value.len == wholes[i].len && has_ci(value, wholes[i])) {
            return true;
        }
    }
    return value.len == 0;
}

/* Not a value but where one comes from: ${NAME}, $NAME, $(...), {{ name }}, <name>, %NAME%, @name@,
 * #{name}, [name]. */
static bool is_lookup(struct str value)
{
    if (value.len < 2) {
        return true;
    }
    char first = value.at[0];
    char second = value.at[1];
    char last = value.at[value.len - 1];
    bool name = true;
    for (size_t i = 1; i + 1 < value.len; i++) {
        char c = value.at[i];
        name = name && (is_up(c) || is_low(c) || c == '_' || (c >= '0' && c <= '9'));
    }
    switch (first) {
    case '$':
        return strchr("{([$", second) != NULL ||
               (name && (is_up(second) || second == '_') && secret_disorder(value) < 0.2);
    case '%':
        return strchr("({s", second) != NULL || (last == '%' && name);
    case '{':
    case '(':
        return true;
    case '<':
        return last == '>' || name;
    case '[':
        return last == ']';
    case '@':
        return last == '@' && name;
    case '#':
        return second == '{';
    default:
        return str_find(value, STR("${")) != SIZE_MAX || str_find(value, STR("{{")) != SIZE_MAX ||
               str_find(value, STR("#{")) != SIZE_MAX;
    }
}

bool secret_is_placeholder(struct str value)
{
    struct shape shape = shape_of(value);
    return (shape.repeated >= 6 && shape.repeated * 10 > value.len) ||
           (shape.repeated >= 4 && shape.repeated * 2 > value.len) || has_part(value);
}

bool secret_is_random(struct str part)
{
    struct shape shape = shape_of(part);
    double bits = part.len >= 24 ? 2.9 : 2.4;
    double disorder = shape.lows == 0 ? 0 : shape.digits == 0 ? 0.2 : 0.1;
    return shape.counted < 7 && !secret_is_placeholder(part) && secret_entropy(part) >= bits &&
           secret_disorder(part) >= disorder;
}

bool secret_is_password(struct str password, struct str user)
{
    return password.len >= 4 && !is_lookup(password) && !is_whole(password) &&
           !secret_is_placeholder(password) && !str_equal_ci(password, user) &&
           shape_of(password).counted < 8;
}

/* ---- scores ---- */

static bool is_uuid(struct str value, const struct shape *shape)
{
    return value.len == 36 && shape->hex == 32 && shape->dashes == 4;
}

/* Digests say what they are; sha512-... is an integrity of the web. */
static bool is_digest(struct str value)
{
    return str_starts(value, STR("sha1-")) || str_starts(value, STR("sha256")) ||
           str_starts(value, STR("sha384")) || str_starts(value, STR("sha512")) ||
           str_starts(value, STR("md5"));
}

/* camelCase, snake_case and dotted.names of programs, also called: where a value comes from. */
static bool is_expression(struct str value)
{
    size_t names = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        names += is_low(c) || is_up(c) || c == '_' || (c == '.' && i > 0) || is_digit(c) ? 1 : 0;
        if (strchr("()[]{}", c) != NULL) {
            return true;
        }
    }
    static const struct str hints[] = {STR_CONST("pass"),   STR_CONST("pwd"), STR_CONST("token"),
                                       STR_CONST("secret"), STR_CONST("key"), STR_CONST("self."),
                                       STR_CONST("this."),  STR_CONST("->")};
    for (size_t i = 0; i < COUNT(hints) && names == value.len; i++) {
        if (has_ci(value, hints[i])) {
            return true;
        }
    }
    return str_find(value, STR("->")) != SIZE_MAX;
}

static float password_score(struct str value, bool quoted)
{
    struct shape shape = shape_of(value);
    unsigned classes = (shape.digits > 0 ? 1U : 0U) + (shape.lows > 0 ? 1U : 0U) +
                       (shape.ups > 0 ? 1U : 0U) + (shape.signs > 0 ? 1U : 0U);
    bool none = value.len < 6 || value.len > 128 || shape.spaces > 0 || shape.digits == value.len ||
                secret_entropy(value) < 2.2 || (!quoted && is_expression(value));
    if (none || !secret_is_password(value, STR(""))) {
        return 0;
    }
    size_t joints = 0;
    for (size_t i = 0; i < value.len; i++) {
        joints += value.at[i] != '\0' && strchr("_-./:", value.at[i]) != NULL ? 1 : 0;
    }
    bool letters = shape.digits == 0 && shape.signs == joints;
    if (letters) { /* words, names of fields, CamelCase */
        bool odd = secret_disorder(value) >= 0.25 && value.len >= 8;
        return odd ? 0.65F : 0;
    }
    bool path = value.at[0] == '/' || value.at[0] == '.' || joints >= 3;
    if (path && secret_disorder(value) < 0.2) {
        return 0;
    }
    return classes >= 3 ? 0.8F : 0.65F;
}

static float token_score(struct str value, enum secret_sense sense)
{
    struct shape shape = shape_of(value);
    bool hex = shape.hex + shape.dashes == value.len;
    if (hex) {
        bool key = value.len >= 24 && sense == SENSE_SECRET && shape.repeated < 6 &&
                   shape.counted < 8 && shape.digits > 0 && shape.digits + shape.dashes < value.len;
        return key ? 0.6F : 0;
    }
    if (sense == SENSE_KEY) {
        bool noise = value.len >= 16 && shape.signs <= 2 && shape.digits > 0 && shape.lows > 0 &&
                     shape.ups > 0 && secret_disorder(value) >= 0.3 && secret_entropy(value) >= 3.3;
        return noise ? 0.6F : 0;
    }
    bool marked = shape.signs > 0 && shape.digits > 0 && shape.lows > 0 && shape.ups > 0;
    double disorder = secret_disorder(value);
    double least = shape.digits > 0 ? 0.18 : 0.35; /* NSURLCredentialStorage */
    bool random = value.len >= 16 && disorder >= least && secret_entropy(value) >= 3.0;
    bool brief = value.len >= 10 && disorder >= 0.25 && (marked || shape.ups > 0) &&
                 shape.digits > 0 && secret_entropy(value) >= 2.9;
    bool odd = value.len >= 20 && marked && secret_entropy(value) >= 3.7;
    return random && shape.digits > 0 ? 0.8F : random || odd ? 0.7F : brief ? 0.6F : 0;
}

float secret_value_score(struct str value, enum secret_sense sense, bool quoted)
{
    struct shape shape = shape_of(value);
    if (sense == SENSE_PASSWORD) {
        return is_digest(value) || is_uuid(value, &shape) ? 0 : password_score(value, quoted);
    }
    bool address = str_starts(value, STR("0x")) || str_starts(value, STR("0X"));
    bool none = sense == SENSE_NONE || value.len < 10 || shape.digits == value.len ||
                shape.spaces > 0 || address || is_digest(value) || shape.counted >= 8 ||
                is_lookup(value) || secret_is_placeholder(value) || is_whole(value) ||
                ((value.at[0] == '/' || value.at[0] == '.') && secret_disorder(value) < 0.3);
    bool call = str_find_byte(value, '(') != SIZE_MAX || str_find_byte(value, '[') != SIZE_MAX;
    return none || (call && !quoted) ? 0 : token_score(value, sense);
}
