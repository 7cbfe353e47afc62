/* SPDX-License-Identifier: Apache-2.0
 * secrets_name.c - a sign (= : > , and the like), the name in front of it, the value behind it. */
#include "security/secrets_scan.h"

#include "base/text.h"
#include "security/secrets_value.h"

#include <string.h>

/* All that is looked at behind the sign; FINDER_BEHIND_MAX bytes are there. */
enum { LOOK_BACK_MAX = 120, NAME_MAX = 64, VALUE_MAX = 200, GAP_MAX = 24 };

static const struct {
    struct str ending;
    enum secret_sense sense;
} names[] = {
#define NAME(ending, sense) {STR_CONST(ending), SENSE_##sense},
#include "security/secrets_names.def"
#undef NAME
};

/* Names of nothing in particular: what stands there may be a digest as well as a credential. */
static const struct str generic[] = {
    STR_CONST("apikey"), STR_CONST("xapikey"), STR_CONST("token"),   STR_CONST("key"),
    STR_CONST("mykey"),  STR_CONST("cookie"),  STR_CONST("mytoken"), STR_CONST("sig")};

/* Behind what may a name go on: which one of them it is. */
static const struct str tails[] = {
    STR_CONST("value"), STR_CONST("prod"),       STR_CONST("dev"),     STR_CONST("test"),
    STR_CONST("live"),  STR_CONST("production"), STR_CONST("staging"), STR_CONST("string"),
    STR_CONST("b64"),   STR_CONST("base64"),     STR_CONST("hex"),     STR_CONST("default")};

static bool is_name(char c)
{
    char low = (char)(c | 0x20);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static size_t back_over(struct str text, size_t at, size_t low, const char *set, size_t most)
{
    size_t from = at;
    while (at > low && from - at < most && one_of(text.at[at - 1], set)) {
        at--;
    }
    return at;
}

static size_t name_start(struct str text, size_t end, size_t low)
{
    size_t at = end;
    while (at > low && end - at < NAME_MAX && is_name(text.at[at - 1])) {
        at--;
    }
    return at;
}

/* Lower case and without separators; digits at the end go. */
static struct str plain_name(struct str name, char to[NAME_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (c != '_' && c != '-' && c != '.' && c != ' ') {
            to[len++] = text_lower(c);
        }
    }
    while (len > 0 && to[len - 1] >= '0' && to[len - 1] <= '9') {
        len--;
    }
    return (struct str){to, len};
}

static enum secret_sense sense_of_plain(struct str plain)
{
    enum secret_sense sense = SENSE_NONE;
    size_t longest = 0;
    const char *end = plain.at + plain.len;
    for (size_t i = 0; i < sizeof names / sizeof *names && plain.len > 1; i++) {
        struct str ending = names[i].ending;
        /* Two letters tell almost always. */
        if (ending.len > longest && ending.at[ending.len - 1] == end[-1] &&
            ending.at[ending.len - 2] == end[-2] && str_ends(plain, ending)) {
            longest = ending.len;
            sense = names[i].sense;
        }
    }
    for (size_t i = 0; i < sizeof generic / sizeof *generic && sense == SENSE_SECRET; i++) {
        sense = str_equal(plain, generic[i]) ? SENSE_GENERIC : sense;
    }
    return str_equal(plain, STR("key")) ? SENSE_NONE : sense;
}

/* "pass" and "pw" are words of their own: db_pass, dbPass, PASS; no bypass. */
static bool is_pass(struct str name)
{
    while (name.len > 0 && name.at[name.len - 1] >= '0' && name.at[name.len - 1] <= '9') {
        name.len--;
    }
    for (size_t len = 2; len <= 4; len += 2) {
        struct str word = len == 2 ? STR("pw") : STR("pass");
        if (name.len < len || !str_equal_ci(str_cut(name, name.len - len, name.len), word)) {
            continue;
        }
        char before = (char)(name.len == len ? '_' : name.at[name.len - len - 1]);
        bool camel = name.at[name.len - len] == 'P' && before >= 'a' && before <= 'z';
        if (camel || one_of(before, "_-.")) {
            return true;
        }
    }
    return false;
}

static enum secret_sense sense_of_name(struct str name)
{
    char to[NAME_MAX];
    struct str plain = plain_name(name, to);
    enum secret_sense sense = is_pass(name) ? SENSE_PASSWORD : sense_of_plain(plain);
    for (size_t i = 0; i < sizeof tails / sizeof *tails && sense == SENSE_NONE; i++) {
        if (plain.len > tails[i].len && str_ends(plain, tails[i])) {
            sense = sense_of_plain(str_cut(plain, 0, plain.len - tails[i].len));
        }
    }
    return sense;
}

/* Words that stand between a name and its value. */
static const struct str between[] = {STR_CONST("value"), STR_CONST("string"),
                                     STR_CONST("str"),   STR_CONST("String"),
                                     STR_CONST("bytes"), STR_CONST("SecretStr")};

static void index_ending(uint32_t endings[32], struct str word)
{
    endings[word.at[word.len - 1] & 31] |= UINT32_C(1) << (word.at[word.len - 2] & 31);
}

void secret_index_names(uint32_t endings[32])
{
    memset(endings, 0, 32 * sizeof *endings);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        index_ending(endings, names[i].ending);
    }
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        index_ending(endings, tails[i]);
    }
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        index_ending(endings, between[i]);
    }
    index_ending(endings, STR("pass"));
    index_ending(endings, STR("pw"));
}

bool secret_may_name(const uint8_t bytes[256], const uint32_t endings[32], struct str text,
                     size_t at)
{
    size_t low = at > LOOK_BACK_MAX ? at - LOOK_BACK_MAX : 0;
    bool list = text.at[at] == ',' || text.at[at] == '(';
    if (list && at + 2 < text.len) { /* only quoted values follow */
        char next = text.at[text.at[at + 1] == ' ' ? at + 2 : at + 1];
        if (!one_of(next, "\"'` \\buBU@\t")) {
            return false;
        }
    }
    while (at > low && (bytes[(unsigned char)text.at[at - 1]] & BYTE_BETWEEN)) {
        at--;
    }
    while (at > low && (bytes[(unsigned char)text.at[at - 1]] & BYTE_TAIL)) {
        at--;
    }
    return at > low + 1 && (endings[text.at[at - 1] & 31] >> (text.at[at - 2] & 31) & 1) != 0;
}

/* name: "DB_PASSWORD", value: "..." of manifests, key="ApiKey" value="..." of XML. */
static enum secret_sense sense_of_pair(struct str text, size_t name, size_t low)
{
    size_t at = back_over(text, name, low, " \t\r\n\"',\\-", GAP_MAX);
    return at < name ? sense_of_name(str_cut(text, name_start(text, at, low), at)) : SENSE_NONE;
}

enum secret_sense secret_sense_of(struct str text, size_t end, size_t behind)
{
    size_t low = end > behind ? end - behind : 0;
    size_t at = back_over(text, end, low, " \t", GAP_MAX);
    if (at > low && text.at[at - 1] == ']') { /* password[32], config["password"] */
        at = back_over(text, at - 1, low, "0123456789", 4);
        at = back_over(text, at, low, "[", 1);
    }
    at = back_over(text, at, low, "\"'`", 1);
    at = back_over(text, at, low, "\\", 2);
    size_t start = name_start(text, at, low);
    struct str name = str_cut(text, start, at);
    bool word = str_equal_ci(name, STR("key"));
    if (word && start > low + 1 && text.at[start - 1] == ' ' && is_name(text.at[start - 2])) {
        start = name_start(text, start - 1, at > NAME_MAX ? at - NAME_MAX : low); /* API key: */
        name = str_cut(text, start > low ? start : low, at);
    }
    if (name.len == 0) {
        return SENSE_NONE;
    }
    if (str_equal_ci(name, between[0])) {
        return sense_of_pair(text, start, low);
    }
    for (size_t i = 1; i < sizeof between / sizeof *between; i++) {
        if (str_equal(name, between[i])) { /* password: str = "...", password string = "..." */
            at = back_over(text, start, low, " :*&", 4);
            return at < start ? sense_of_name(str_cut(text, name_start(text, at, low), at))
                              : SENSE_NONE;
        }
    }
    return sense_of_name(name);
}

/* ---- values ---- */

struct value {
    size_t from;
    size_t end;
    char quote; /* what it stands in; 0: nothing */
};

/* Where the value begins: behind spaces, b, u, r or f of Python, a quote that may be escaped. */
static enum secret_match value_start(const struct secret_here *here, struct value *value)
{
    struct str text = here->text;
    size_t at = here->at + 1;
    size_t from = at;
    while (at < text.len && at - from < GAP_MAX && one_of(text.at[at], " \t")) {
        at++;
    }
    if (at + 3 > text.len && !here->final) {
        return MORE;
    }
    if (at + 1 < text.len && one_of(text.at[at], "buBU@") && one_of(text.at[at + 1], "\"'")) {
        at++;
    }
    while (at < text.len && text.at[at] == '\\' && at - from < GAP_MAX) {
        at++;
    }
    value->quote = (char)(at < text.len && one_of(text.at[at], "\"'`") ? text.at[at] : '\0');
    value->from = at + (value->quote != '\0' ? 1 : 0);
    return YES;
}

static bool ends_value(struct str text, size_t at, char quote)
{
    char c = text.at[at];
    if (quote != '\0') {
        bool escaped = c == '\\' && at + 1 < text.len && one_of(text.at[at + 1], "\"'`nr");
        return c == quote || c == '\n' || c == '\r' || escaped;
    }
    return (unsigned char)c <= ' ' || one_of(c, "\"'`<>,;|\\&");
}

static enum secret_match value_end(const struct secret_here *here, struct value *value)
{
    struct str text = here->text;
    size_t at = value->from;
    while (at < text.len && at - value->from < VALUE_MAX && !ends_value(text, at, value->quote)) {
        at++;
    }
    /* An escape at the end is not yet one. */
    bool pending = at == text.len || (at + 1 == text.len && text.at[at] == '\\');
    if (at - value->from < VALUE_MAX && pending && !here->final) {
        return MORE;
    }
    if (at - value->from == VALUE_MAX) { /* long ones go on while they look like one token */
        size_t len = secret_run(text, value->from, OPAQUE, text.len);
        at = len > VALUE_MAX ? value->from + len : at;
        if (!secret_ends(here, at)) {
            return MORE;
        }
    }
    while (value->quote == '\0' && at > value->from && at < here->at + FINDER_HOLD_MAX &&
           one_of(text.at[at - 1], ".:)]}")) {
        at--;
    }
    value->end = at;
    return YES;
}

/* A sign that goes on (=> :=) is looked at where it ends; calls and lists want a quoted name or
 * value. */
static enum secret_sense sense_here(const struct secret_here *here)
{
    struct str text = here->text;
    size_t low = here->at > LOOK_BACK_MAX ? here->at - LOOK_BACK_MAX : 0;
    char sign = text.at[here->at];
    char next = (char)(here->at + 1 < text.len ? text.at[here->at + 1] : ' ');
    size_t at = here->at;
    if (at == low || one_of(next, "=>") || (sign == ':' && next == '/')) {
        return SENSE_NONE;
    }
    char before = text.at[at - 1];
    bool call = sign == '(' && is_name(before);
    bool list = sign == ',' && (one_of(before, "\"'") || is_name(before));
    if ((sign == '(' && !call) || (sign == ',' && !list)) {
        return SENSE_NONE;
    }
    if (sign == '>' && before != '=' && before != '-') { /* <password>...</password> */
        size_t start = name_start(text, at, low);
        bool tag = start > low && text.at[start - 1] == '<';
        return tag ? sense_of_name(str_cut(text, start, at)) : SENSE_NONE;
    }
    at = sign == '(' || sign == ',' ? at : back_over(text, at, low, "=:!?+~-", 2);
    return secret_sense_of(text, at, at - low);
}

enum secret_match secret_value_here(const struct secret_here *here, struct span *span)
{
    enum secret_sense sense = sense_here(here);
    char sign = here->text.at[here->at];
    struct value value = {0};
    if (sense == SENSE_NONE) {
        return NO;
    }
    enum secret_match match = value_start(here, &value);
    if (match != YES) {
        return match;
    }
    if ((sign == '(' || sign == ',') && value.quote == '\0') {
        return NO;
    }
    match = value_end(here, &value);
    if (match != YES) {
        return match;
    }
    bool arrow = sign != '>' || here->text.at[here->at - 1] == '=' ||
                 here->text.at[here->at - 1] == '-';
    if (!arrow && (value.end == here->text.len || here->text.at[value.end] != '<')) {
        return NO; /* an element ends with a tag */
    }
    struct str text = str_cut(here->text, value.from, value.end);
    float score = secret_value_score(text, sense, value.quote != '\0' || sign == '>');
    uint16_t kind = sense == SENSE_PASSWORD ? OTHER_PASSWORD : OTHER_TOKEN;
    *span = (struct span){.start = value.from, .end = value.end, .kind = kind, .score = score};
    return score > 0 ? YES : NO;
}
