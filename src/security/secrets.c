/* SPDX-License-Identifier: Apache-2.0
 * secrets.c - one pass; what begins at a byte is told from its first FINDER_HOLD_MAX bytes.
 *
 * A recogniser answers NO, YES or MORE: the window ends before it can tell. What was found is then
 * followed to its end, which may lie beyond the window: an open span. */
#include "security/secrets.h"

#include "base/must.h"
#include "security/secrets_value.h"

#include <string.h>

enum alphabet {
    ALNUM,
    WORD,   /* and _ */
    URL,    /* and _ - */
    DOTTED, /* and _ - . */
    UPPER,  /* capitals and digits */
    HEX,
    LOWHEX,
    BASE64,  /* and + / = */
    PERCENT, /* and + / = % */
    PATH     /* and _ - / . @ */
};

static bool belongs(enum alphabet alphabet, char c)
{
    bool digit = c >= '0' && c <= '9';
    bool low = c >= 'a' && c <= 'z';
    bool up = c >= 'A' && c <= 'Z';
    switch (alphabet) {
    case ALNUM:
        return digit || low || up;
    case WORD:
        return digit || low || up || c == '_';
    case URL:
        return digit || low || up || c == '_' || c == '-';
    case DOTTED:
        return digit || low || up || c == '_' || c == '-' || c == '.';
    case UPPER:
        return digit || up;
    case HEX:
        return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case LOWHEX:
        return digit || (c >= 'a' && c <= 'f');
    case BASE64:
        return digit || low || up || c == '+' || c == '/' || c == '=';
    case PERCENT:
        return digit || low || up || c == '+' || c == '/' || c == '=' || c == '%';
    case PATH:
        return digit || low || up || c == '_' || c == '-' || c == '/' || c == '.' || c == '@';
    }
    return false;
}

static const struct token {
    struct str name;
    struct str prefix;
    enum alphabet alphabet;
    uint16_t least;
    uint16_t most;
} tokens[] = {
#define SECRET(name, prefix, alphabet, least, most)                                                \
    {STR_CONST(name), STR_CONST(prefix), alphabet, least, most},
#include "security/secrets.def"
#undef SECRET
};
#define TOKENS (sizeof tokens / sizeof tokens[0])

/* Kinds behind the tokens. */
enum other { JWT = TOKENS, PRIVATE_KEY, CONNECTION, AUTHORIZATION, VALUE, KINDS };
static const struct str others[] = {STR_CONST("jwt"), STR_CONST("private_key"),
                                    STR_CONST("connection_string"), STR_CONST("authorization"),
                                    STR_CONST("named_value")};

struct str secrets_name(uint16_t kind)
{
    must(kind < KINDS);
    return kind < TOKENS ? tokens[kind].name : others[kind - TOKENS];
}

struct str secrets_label(uint16_t kind)
{
    return kind == PRIVATE_KEY ? STR("PRIVATE_KEY") : STR("SECRET");
}

size_t secrets_kinds(void)
{
    return KINDS;
}

enum match { MATCH_NO, MATCH_YES, MATCH_MORE };

struct here {
    const struct secrets *secrets;
    struct str text;
    size_t at;
    bool final;
};

/* Do the words stand here? MORE: as far as the text goes. */
static enum match starts(const struct here *h, size_t at, struct str words)
{
    size_t have = h->text.len - at;
    size_t len = words.len < have ? words.len : have;
    if (memcmp(h->text.at + at, words.at, len) != 0) {
        return MATCH_NO;
    }
    return len == words.len ? MATCH_YES : h->final ? MATCH_NO : MATCH_MORE;
}

/* Bytes of the alphabet from `at` on, at most `most`. */
static size_t run(const struct here *h, size_t at, enum alphabet alphabet, size_t most)
{
    size_t len = 0;
    while (len < most && at + len < h->text.len && belongs(alphabet, h->text.at[at + len])) {
        len++;
    }
    return len;
}

/* ---- tokens by prefix ---- */

static enum match token_here(const struct here *h, const struct token *token, struct span *span)
{
    enum match match = starts(h, h->at, token->prefix);
    if (match != MATCH_YES) {
        return match;
    }
    size_t from = h->at + token->prefix.len;
    size_t len = run(h, from, token->alphabet, (size_t)token->most + 1);
    if (from + len == h->text.len && !h->final && len <= token->most) {
        return MATCH_MORE;
    }
    struct str part = str_cut(h->text, from, from + len);
    if (len < token->least || len > token->most || !secret_is_random(part)) {
        return MATCH_NO;
    }
    bool sum = str_starts(token->name, STR("github_")) && secret_has_crc32(part);
    *span = (struct span){h->at, from + len, (uint16_t)(token - tokens), 0, sum ? 1.0F : 0.95F};
    return MATCH_YES;
}

static unsigned pair_at(struct str text, size_t at)
{
    return (unsigned)(unsigned char)text.at[at] << 8 | (unsigned char)text.at[at + 1];
}

/* Two bytes tell almost always that no token begins here. */
static enum match any_token(const struct here *h, struct span *span)
{
    if (h->at + 1 == h->text.len) {
        return h->final ? MATCH_NO : MATCH_MORE;
    }
    unsigned pair = pair_at(h->text, h->at);
    if ((h->secrets->heads[pair / 64] >> (pair % 64) & 1) == 0) {
        return MATCH_NO;
    }
    enum match best = MATCH_NO;
    unsigned i = h->secrets->first[(unsigned char)h->text.at[h->at]];
    for (; i != 0; i = h->secrets->next[i - 1]) {
        enum match match = token_here(h, &tokens[i - 1], span);
        if (match == MATCH_YES && best == MATCH_NO) {
            return match;
        }
        best = match == MATCH_MORE ? match : best;
    }
    return best;
}

void secrets_init(struct secrets *secrets)
{
    *secrets = (struct secrets){0};
    for (int i = 0; i < 256; i++) {
        secrets->words[i] = belongs(WORD, (char)i) ? 1 : 0;
    }
    _Static_assert(TOKENS < 255, "chains count in bytes");
    for (size_t i = TOKENS; i > 0; i--) { /* chains keep the table's order */
        unsigned pair = pair_at(tokens[i - 1].prefix, 0);
        unsigned char byte = (unsigned char)tokens[i - 1].prefix.at[0];
        secrets->heads[pair / 64] |= UINT64_C(1) << (pair % 64);
        secrets->next[i - 1] = secrets->first[byte];
        secrets->first[byte] = (uint8_t)i;
    }
}

/* ---- JSON web tokens (RFC 7519): three parts of base64url, of which two are objects ---- */

#define JWT_LOOK 230 /* bytes that prove one; the rest is followed */

static enum match jwt_here(const struct here *h, struct span *span)
{
    enum match match = starts(h, h->at, STR("eyJ"));
    if (match != MATCH_YES) {
        return match;
    }
    size_t at = h->at;
    for (int part = 0; part < 2; part++) {
        size_t room = JWT_LOOK - (at - h->at);
        size_t len = run(h, at, URL, room);
        if (part == 1 && len == room) {
            break; /* a long body: enough was seen */
        }
        if (at + len == h->text.len) {
            return h->final ? MATCH_NO : MATCH_MORE;
        }
        if (len < 8 || h->text.at[at + len] != '.') {
            return MATCH_NO;
        }
        at += len + 1;
        match = part == 0 ? starts(h, at, STR("eyJ")) : MATCH_YES;
        if (match != MATCH_YES) {
            return match;
        }
    }
    size_t len = run(h, h->at, DOTTED, h->text.len);
    *span = (struct span){h->at, h->at + len, JWT, 0, 0.97F};
    return MATCH_YES;
}

/* ---- private keys (RFC 7468, OpenSSH, OpenPGP, PuTTY) ---- */

#define LABEL_MAX 40

static enum match key_here(const struct here *h, struct span *span)
{
    enum match match = starts(h, h->at, STR("-----BEGIN "));
    if (match != MATCH_YES) {
        return match;
    }
    size_t at = h->at + 11;
    size_t from = at;
    while (at < h->text.len && at - from < LABEL_MAX && h->text.at[at] != '-') {
        at++;
    }
    if (at == h->text.len && !h->final) {
        return MATCH_MORE;
    }
    if (str_find(str_cut(h->text, from, at), STR("PRIVATE KEY")) == SIZE_MAX) {
        return MATCH_NO;
    }
    match = starts(h, at, STR("-----"));
    *span = (struct span){h->at, at + 5, PRIVATE_KEY, 0, 1.0F};
    return match;
}

/* ---- scheme://user:password@host ---- */

static const struct str schemes[] = {
    STR_CONST("postgres"), STR_CONST("postgresql"),  STR_CONST("mysql"),     STR_CONST("mariadb"),
    STR_CONST("mongodb"),  STR_CONST("mongodb+srv"), STR_CONST("redis"),     STR_CONST("rediss"),
    STR_CONST("amqp"),     STR_CONST("amqps"),       STR_CONST("mssql"),     STR_CONST("sqlserver"),
    STR_CONST("ftp"),      STR_CONST("ftps"),        STR_CONST("sftp"),      STR_CONST("smtp"),
    STR_CONST("smtps"),    STR_CONST("ldap"),        STR_CONST("ldaps"),     STR_CONST("http"),
    STR_CONST("https"),    STR_CONST("clickhouse"),  STR_CONST("cassandra"), STR_CONST("ssh"),
    STR_CONST("git"),      STR_CONST("nats"),        STR_CONST("kafka"),     STR_CONST("snowflake"),
    STR_CONST("oracle")};

static bool ends_url(char c)
{
    return c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == ')';
}

#define USERINFO_MAX 200

static enum match userinfo_here(const struct here *h, size_t from, struct span *span)
{
    size_t colon = 0;
    size_t sign = 0;
    size_t at = from;
    for (; at < h->text.len && at - from < USERINFO_MAX; at++) {
        char c = h->text.at[at];
        if (ends_url(c) || (c == '/' && sign == 0 && colon == 0)) {
            break;
        }
        colon = c == ':' && colon == 0 ? at : colon;
        if (c == '@') {
            sign = at;
            break;
        }
    }
    if (sign == 0) {
        bool open = at == h->text.len && !h->final && at - from < USERINFO_MAX;
        return open ? MATCH_MORE : MATCH_NO;
    }
    if (colon == 0 ||
        !secret_is_password(str_cut(h->text, colon + 1, sign), str_cut(h->text, from, colon))) {
        return MATCH_NO;
    }
    *span = (struct span){h->at, sign + 1, CONNECTION, 0, 0.9F};
    return MATCH_YES;
}

static enum match connection_here(const struct here *h, struct span *span)
{
    size_t at = h->at;
    while (at < h->text.len && at - h->at < 16 &&
           ((h->text.at[at] >= 'a' && h->text.at[at] <= 'z') || h->text.at[at] == '+')) {
        at++;
    }
    if (at < h->text.len && h->text.at[at] != ':') {
        return MATCH_NO;
    }
    struct str word = str_cut(h->text, h->at, at);
    enum match sign = at < h->text.len || h->final ? starts(h, at, STR("://")) : MATCH_MORE;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && sign != MATCH_NO; i++) {
        bool whole = str_equal(schemes[i], word);
        if (whole && sign == MATCH_YES) {
            return userinfo_here(h, at + 3, span);
        }
        if (sign == MATCH_MORE && (whole || (at == h->text.len && str_starts(schemes[i], word)))) {
            return MATCH_MORE;
        }
    }
    return MATCH_NO;
}

/* ---- values whose name says that they are secret ---- */

static enum match value_here(const struct here *h, struct span *span)
{
    struct str behind = str_cut(h->text, h->at > FINDER_BEHIND_MAX ? h->at - FINDER_BEHIND_MAX : 0,
                                h->at);
    struct secret_name name;
    if (!secret_named(behind, &name)) {
        return MATCH_NO;
    }
    size_t len = secret_value_bytes(str_cut(h->text, h->at, h->text.len), &name);
    if (h->at + len == h->text.len && !h->final && len < SECRET_VALUE_MAX) {
        return MATCH_MORE;
    }
    struct str value = str_cut(h->text, h->at, h->at + len);
    float score = secret_value_score(value, &name);
    *span = (struct span){h->at, h->at + len, name.header ? AUTHORIZATION : VALUE, 0, score};
    return score > 0 ? MATCH_YES : MATCH_NO;
}

/* ---- the pass ---- */

static bool is_word(const struct here *h, size_t at)
{
    return h->secrets->words[(unsigned char)h->text.at[at]] != 0;
}

/* Is it worth asking whether a name stands in front? Prose is full of spaces: one counts behind a
 * sign, or a word of a header. */
static bool may_be_named(const struct here *h)
{
    if (h->at < 2) {
        return false;
    }
    char last = h->text.at[h->at - 1];
    if (last != ' ') {
        return last == '=' || last == ':' || last == '"' || last == '\'' || last == '`';
    }
    char before = h->text.at[h->at - 2];
    return before == '=' || before == ':' || before == '>' || before == ' ' || before == 'r' ||
           before == 'c' || before == 'n' || before == 'R' || before == 'C' || before == 'N';
}

/* At the beginning of words, at the dashes of a key, behind a name. */
static inline bool may_begin(const struct here *h)
{
    if (is_word(h, h->at)) {
        return h->at == 0 || !is_word(h, h->at - 1);
    }
    return h->text.at[h->at] == '-' || (h->text.at[h->at] != ' ' && may_be_named(h));
}

/* The first that knows what begins here; what no one knows yet waits. */
static enum match begins(const struct here *h, struct span *span)
{
    char first = h->text.at[h->at];
    enum match match = is_word(h, h->at) ? any_token(h, span) : MATCH_NO;
    if (match == MATCH_NO && first == 'e') {
        match = jwt_here(h, span);
    }
    if (match == MATCH_NO && first == '-') {
        match = key_here(h, span);
    }
    if (match == MATCH_NO && first >= 'a' && first <= 'z') {
        match = connection_here(h, span);
    }
    if (match == MATCH_NO && may_be_named(h)) {
        match = value_here(h, span);
    }
    return match;
}

/* Where an open span ends in this window; SIZE_MAX: not in it, and `safe` is where its end may
 * begin. At least one byte stays undecided, so that the end has one to be told with. */
static size_t end_of(uint16_t kind, const struct here *h, size_t *safe)
{
    size_t left = h->text.len - h->at;
    *safe = h->text.len - (left > 0 ? 1 : 0);
    if (kind == JWT) {
        size_t len = run(h, h->at, DOTTED, left);
        return len < left || h->final ? h->at + len : SIZE_MAX;
    }
    static const struct str end_mark = STR_CONST("-----END ");
    size_t end = str_find(str_cut(h->text, h->at, h->text.len), end_mark);
    if (end == SIZE_MAX) {
        *safe = h->text.len - (left < end_mark.len ? left : end_mark.len);
        return h->final ? h->text.len : SIZE_MAX;
    }
    size_t behind = h->at + end + end_mark.len;
    size_t most = behind + LABEL_MAX + 5;
    size_t close = str_find(str_cut(h->text, behind, most), STR("-----"));
    *safe = h->at + end;
    if (close == SIZE_MAX && most > h->text.len && !h->final) {
        return SIZE_MAX;
    }
    return close != SIZE_MAX ? behind + close + 5 : behind;
}

/* Goes on with an open span from `start`; where the text behind it begins, or the safe point. */
static size_t follow(const struct here *h, struct span span, struct finder_state *state,
                     struct spans *found)
{
    size_t safe;
    size_t end = end_of(span.kind, h, &safe);
    bool waits = end == SIZE_MAX;
    state->open = waits ? span.kind + 1U : 0;
    span.end = waits ? safe : end;
    span.flags |= waits ? SPAN_OPEN : 0;
    if (span.end <= span.start) {
        return span.start;
    }
    spans_add(found, span);
    return span.end;
}

static size_t secrets_find(const void *self, const struct window *window,
                           struct finder_state *state, struct spans *found)
{
    struct here h = {self, window->text, window->from, window->final};
    while (h.at < h.text.len) {
        if (state->open == 0 && !may_begin(&h)) {
            h.at++;
            continue;
        }
        struct span span = {h.at, h.at, (uint16_t)(state->open - 1), SPAN_GOES_ON, 1.0F};
        enum match match = state->open != 0 ? MATCH_YES : begins(&h, &span);
        if (match == MATCH_MORE) {
            return h.at;
        }
        if (match == MATCH_NO) {
            h.at++;
        } else if (state->open != 0 || span.kind == JWT || span.kind == PRIVATE_KEY) {
            h.at = span.kind == PRIVATE_KEY && state->open == 0 ? span.end : h.at;
            h.at = follow(&h, span, state, found);
            if (state->open != 0) {
                return h.at;
            }
        } else {
            spans_add(found, span);
            h.at = span.end;
        }
    }
    return h.text.len;
}

struct finder secrets_finder(const struct secrets *secrets)
{
    return (struct finder){"secrets", secrets_find, secrets};
}
