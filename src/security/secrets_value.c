/* SPDX-License-Identifier: Apache-2.0
 * secrets_value.c - names, and what the values behind them look like. */
#include "security/secrets_value.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool has_ci(struct str text, struct str words)
{
    for (size_t at = 0; at + words.len <= text.len; at++) {
        size_t i = 0;
        while (i < words.len && lower(text.at[at + i]) == words.at[i]) {
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

/* Words of documentation: whoever writes them means no credential. */
static const struct str examples[] = {
    STR_CONST("example"),     STR_CONST("xxxx"),     STR_CONST("your"),   STR_CONST("changeme"),
    STR_CONST("placeholder"), STR_CONST("redacted"), STR_CONST("dummy"),  STR_CONST("sample"),
    STR_CONST("12345678"),    STR_CONST("abcdefgh"), STR_CONST("insert"), STR_CONST("replace"),
    STR_CONST("foobar"),      STR_CONST("****"),     STR_CONST("...")};

static bool is_example(struct str value)
{
    for (size_t i = 0; i < COUNT(examples); i++) {
        if (has_ci(value, examples[i])) {
            return true;
        }
    }
    return false;
}

bool secret_is_random(struct str part)
{
    unsigned run = 1;
    for (size_t i = 1; i < part.len; i++) {
        run = part.at[i] == part.at[i - 1] ? run + 1 : 1;
        if (run == 6) {
            return false;
        }
    }
    return secret_entropy(part) >= 2.6 && !is_example(part);
}

bool secret_has_crc32(struct str part)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (part.len < 7) {
        return false;
    }
    uint64_t told = 0;
    for (size_t i = part.len - 6; i < part.len; i++) {
        const char *digit = strchr(digits, part.at[i]);
        if (digit == NULL || part.at[i] == '\0') {
            return false;
        }
        told = told * 62 + (uint64_t)(digit - digits);
    }
    return told == crc32(0, (const unsigned char *)part.at, (unsigned)(part.len - 6));
}

/* ---- passwords ---- */

static const struct str weak[] = {STR_CONST("password"), STR_CONST("pass"),     STR_CONST("passwd"),
                                  STR_CONST("pwd"),      STR_CONST("secret"),   STR_CONST("user"),
                                  STR_CONST("test"),     STR_CONST("root"),     STR_CONST("admin"),
                                  STR_CONST("null"),     STR_CONST("none"),     STR_CONST("true"),
                                  STR_CONST("false"),    STR_CONST("postgres"), STR_CONST("guest"),
                                  STR_CONST("token"),    STR_CONST("undefined")};

static bool equal_ci(struct str a, struct str b)
{
    return a.len == b.len && has_ci(a, b);
}

/* Not a value but where one comes from: ${NAME}, {{ name }}, <name>, $(...), os.environ, a call. */
static bool is_lookup(struct str value)
{
    static const struct str lookups[] = {STR_CONST("process.env"), STR_CONST("os.environ"),
                                         STR_CONST("getenv"),      STR_CONST("secrets."),
                                         STR_CONST("env("),        STR_CONST("config."),
                                         STR_CONST("vault:"),      STR_CONST("arn:aws"),
                                         STR_CONST("data:image"),  STR_CONST("://")};
    static const struct {
        struct str open;
        struct str close;
    } brackets[] = {{STR_CONST("$"), STR_CONST("")},  {STR_CONST("<"), STR_CONST(">")},
                    {STR_CONST("{"), STR_CONST("")},  {STR_CONST("%"), STR_CONST("%")},
                    {STR_CONST("("), STR_CONST("")},  {STR_CONST("["), STR_CONST("")},
                    {STR_CONST("@"), STR_CONST(")")}, {STR_CONST("!"), STR_CONST("}")}};
    for (size_t i = 0; i < COUNT(brackets); i++) {
        if (str_starts(value, brackets[i].open) && str_ends(value, brackets[i].close)) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(lookups); i++) {
        if (has_ci(value, lookups[i])) {
            return true;
        }
    }
    return false;
}

bool secret_is_password(struct str password, struct str user)
{
    bool listed = password.len < 3 || is_lookup(password) || is_example(password) ||
                  str_equal(password, user);
    for (size_t i = 0; i < COUNT(weak) && !listed; i++) {
        listed = equal_ci(password, weak[i]);
    }
    return !listed;
}

/* ---- names ---- */

/* Parts of names, without separators. `password` in the second column. */
static const struct {
    struct str part;
    bool password;
} names[] = {{STR_CONST("password"), true},       {STR_CONST("passwd"), true},
             {STR_CONST("passphrase"), true},     {STR_CONST("pwd"), true},
             {STR_CONST("secret"), false},        {STR_CONST("apikey"), false},
             {STR_CONST("accesskey"), false},     {STR_CONST("authtoken"), false},
             {STR_CONST("accesstoken"), false},   {STR_CONST("refreshtoken"), false},
             {STR_CONST("authkey"), false},       {STR_CONST("privatekey"), false},
             {STR_CONST("accountkey"), false},    {STR_CONST("signingkey"), false},
             {STR_CONST("encryptionkey"), false}, {STR_CONST("masterkey"), false},
             {STR_CONST("credential"), false},    {STR_CONST("token"), false},
             {STR_CONST("clientkey"), false},     {STR_CONST("servicekey"), false},
             {STR_CONST("passcode"), true},       {STR_CONST("kennwort"), true},
             {STR_CONST("passwort"), true},       {STR_CONST("motdepasse"), true}};

#define NAME_BYTES 48

static bool is_name(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

/* The name that ends at `end`, lower case and without separators. */
static struct str plain_name(struct str text, size_t end, char to[NAME_BYTES])
{
    size_t from = end;
    size_t len = 0;
    while (from > 0 && end - from < NAME_BYTES && is_name(text.at[from - 1])) {
        from--;
    }
    for (size_t i = from; i < end; i++) {
        char c = lower(text.at[i]);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            to[len++] = c;
        }
    }
    return (struct str){to, len};
}

static size_t skip_back(struct str text, size_t at, const char *set, size_t most)
{
    for (size_t i = 0;
         i < most && at > 0 && text.at[at - 1] != '\0' && strchr(set, text.at[at - 1]) != NULL;
         i++) {
        at--;
    }
    return at;
}

/* Bearer and Basic (RFC 6750, RFC 7617), anywhere: logs leave the field's name out. */
static bool is_scheme(struct str behind, struct secret_name *name)
{
    static const struct str schemes[] = {STR_CONST("bearer "), STR_CONST("basic "),
                                         STR_CONST("token ")};
    for (size_t i = 0; i < COUNT(schemes); i++) {
        size_t len = schemes[i].len;
        if (behind.len >= len &&
            equal_ci(str_cut(behind, behind.len - len, behind.len), schemes[i])) {
            bool field = i < 2 ||
                         has_ci(str_cut(behind, behind.len > 24 ? behind.len - 24 : 0, behind.len),
                                STR("authorization: "));
            *name = (struct secret_name){.header = field};
            return field;
        }
    }
    return false;
}

bool secret_named(struct str behind, struct secret_name *name)
{
    char plain[NAME_BYTES];
    if (behind.len == 0) {
        return false;
    }
    char last = behind.at[behind.len - 1];
    if (last != ' ' && last != '=' && last != ':' && last != '"' && last != '\'' && last != '`') {
        return false;
    }
    if (last == ' ' && is_scheme(behind, name)) {
        return true;
    }
    *name = (struct secret_name){.quote = last == '"' || last == '\'' || last == '`' ? last : '\0'};
    size_t at = behind.len - (name->quote != '\0' ? 1 : 0);
    at = skip_back(behind, at, "\\", 1); /* JSON in a string */
    at = skip_back(behind, at, " \t", 4);
    size_t sign = skip_back(behind, at, "=:>", 2);
    if (sign == at) {
        return false;
    }
    at = skip_back(behind, sign, " \t", 4);
    at = skip_back(behind, at, "\"'\\]", 3);
    struct str known = plain_name(behind, at, plain);
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t len = names[i].part.len;
        if (known.len >= len && str_ends(known, names[i].part)) {
            name->password = names[i].password;
            return true;
        }
    }
    return known.len >= 9 && str_find(known, STR("secret")) != SIZE_MAX;
}

/* ---- values ---- */

size_t secret_value_bytes(struct str text, const struct secret_name *name)
{
    size_t len = 0;
    while (len < text.len && len < SECRET_VALUE_MAX) {
        char c = text.at[len];
        bool ends = name->quote != '\0' ? c == name->quote || c == '\n' || c == '\\'
                                        : c <= ' ' || c == '"' || c == '\'' || c == '`' ||
                                              c == ',' || c == ';' || c == '&' || c == '\\';
        if (ends) {
            break;
        }
        len++;
    }
    return len;
}

struct shape {
    bool digit;
    bool low;
    bool up;
    bool other;
    bool space;
    size_t hex;
    size_t digits;
    size_t dashes;
};

static struct shape shape_of(struct str value)
{
    struct shape shape = {0};
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        bool digit = c >= '0' && c <= '9';
        bool low = c >= 'a' && c <= 'z';
        bool up = c >= 'A' && c <= 'Z';
        shape.digit = shape.digit || digit;
        shape.low = shape.low || low;
        shape.up = shape.up || up;
        shape.other = shape.other || !(digit || low || up);
        shape.space = shape.space || c == ' ';
        shape.hex += digit || (lower(c) >= 'a' && lower(c) <= 'f') ? 1 : 0;
        shape.digits += digit ? 1 : 0;
        shape.dashes += c == '-' ? 1 : 0;
    }
    return shape;
}

/* Digests and UUIDs name things; 0x... are addresses. */
static bool is_digest(struct str value, const struct shape *shape)
{
    bool hex = shape->hex == value.len && value.len >= 16;
    bool uuid = value.len == 36 && shape->hex + shape->dashes == 36 && shape->dashes == 4;
    return hex || uuid || str_starts(value, STR("0x")) || str_starts(value, STR("sha"));
}

static int classes(const struct shape *shape)
{
    return (shape->digit ? 1 : 0) + (shape->low ? 1 : 0) + (shape->up ? 1 : 0) +
           (shape->other ? 1 : 0);
}

float secret_value_score(struct str value, const struct secret_name *name)
{
    struct shape shape = shape_of(value);
    bool unlikely = value.len < 8 || shape.digits == value.len || is_digest(value, &shape) ||
                    is_example(value) || !secret_is_password(value, STR(""));
    if (unlikely || (shape.space && !name->password)) {
        return 0;
    }
    double entropy = secret_entropy(value);
    if (name->header) {
        return value.len >= 12 && entropy >= 2.75 ? 0.85F : 0;
    }
    if (name->password) {
        bool mixed = classes(&shape) >= 3 || (classes(&shape) == 2 && value.len >= 12);
        return mixed && entropy >= 2.7 && !shape.space ? 0.75F : 0;
    }
    bool random = value.len >= 16 && shape.digit && (shape.low || shape.up) && entropy >= 3.2;
    return random ? 0.7F : 0;
}
