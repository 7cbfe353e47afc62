/* SPDX-License-Identifier: Apache-2.0
 * secrets_token.c - tokens by their prefix and by their shape, JSON web tokens, private keys. */
#include "security/secrets_scan.h"
#include "security/secrets_value.h"

#include <string.h>
#include <zlib.h>

bool secret_in(enum secret_alphabet alphabet, char c)
{
    static const char *const more[] = {
        [ALNUM] = "",     [WORD] = "_",     [URL] = "_-",   [DOTTED] = "_-.",
        [UPPER] = "",     [HEX] = "",       [LOWHEX] = "",  [DIGIT] = "",
        [BASE64] = "+/=", [PATH] = "_-/.@", [PRINTED] = "", [OPAQUE] = "+/=_-.~%:"};
    bool digit = c >= '0' && c <= '9';
    bool low = c >= 'a' && c <= 'z';
    bool up = c >= 'A' && c <= 'Z';
    switch (alphabet) {
    case UPPER:
        return digit || up;
    case HEX:
        return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case LOWHEX:
        return digit || (c >= 'a' && c <= 'f');
    case DIGIT:
        return digit;
    case PRINTED:
        return (unsigned char)c > ' ' && strchr("\"'`<>,;|\\", c) == NULL;
    default:
        return digit || low || up || (c != '\0' && strchr(more[alphabet], c) != NULL);
    }
}

size_t secret_run(struct str text, size_t from, enum secret_alphabet alphabet, size_t most)
{
    size_t len = 0;
    while (len < most && from + len < text.len && secret_in(alphabet, text.at[from + len])) {
        len++;
    }
    return len;
}

size_t secret_unbase64(struct str text, char *to, size_t room)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < room; i++) {
        char c = (char)(text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i]);
        const char *digit = c == '\0' ? NULL : strchr(digits, c);
        if (digit == NULL) {
            break;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[len++] = (char)(bits >> have & 0xFF);
        }
    }
    return len;
}

size_t secret_without_dots(struct str text, size_t from, size_t end)
{
    while (end > from && text.at[end - 1] == '.') {
        end--;
    }
    return end;
}

/* GitHub's tokens of 2021 and npm's end with the CRC-32 of the rest, six digits of base 62. */
static bool has_crc32(struct str part)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t told = 0;
    if (part.len < 7) {
        return false;
    }
    for (size_t i = part.len - 6; i < part.len; i++) {
        const char *digit = part.at[i] == '\0' ? NULL : strchr(digits, part.at[i]);
        if (digit == NULL) {
            return false;
        }
        told = told * 62 + (uint64_t)(digit - digits);
    }
    return told == crc32(0, (const unsigned char *)part.at, (unsigned)(part.len - 6));
}

enum secret_match secret_token_here(const struct secret_here *here, const struct secret_row *row,
                                    struct span *span)
{
    size_t from = here->at + row->prefix.len;
    size_t most = row->most == 0 ? here->text.len : (size_t)row->most + 1;
    size_t len = secret_run(here->text, from, row->alphabet, most);
    if (len < most && !secret_ends(here, from + len)) {
        return MORE;
    }
    bool goes_on = row->most == 0 && from + len == here->at + FINDER_HOLD_MAX;
    size_t end = goes_on ? from + len : secret_without_dots(here->text, from, from + len);
    struct str part = str_cut(here->text, from, end);
    if (part.len < row->least || (row->most != 0 && part.len > row->most) ||
        !secret_is_random(part)) {
        return NO;
    }
    bool sum = row->check == CHECKED && has_crc32(part);
    *span = (struct span){.start = here->at, .end = end, .score = sum ? 1.0F : 0.95F};
    return YES;
}

/* ---- JSON web tokens: RFC 7519, of which RFC 7515 gives three parts and RFC 7516 five ---- */

static bool is_header(struct str part)
{
    char plain[FINDER_HOLD_MAX];
    struct str header = {plain, secret_unbase64(part, plain, sizeof plain)};
    return header.len > 8 && header.at[0] == '{' && str_find(header, STR("\"alg\"")) != SIZE_MAX;
}

enum secret_match secret_web_here(const struct secret_here *here, const struct secret_row *row,
                                  struct span *span)
{
    size_t at = here->at;
    for (int part = 0; part < 3; part++) {
        size_t len = secret_run(here->text, at, row->alphabet, here->text.len);
        size_t end = at + len;
        bool cut = end == here->text.len;
        if (cut && !here->final) {
            return MORE;
        }
        /* The rest of a long one is followed to its end. */
        bool enough = part > 0 && end - here->at >= FINDER_HOLD_MAX;
        bool fits = part == 2 ? len >= 10 : !cut && here->text.at[end] == '.';
        if (!fits && !enough) {
            return NO;
        }
        if (part == 0 && !is_header(str_cut(here->text, at, end))) {
            return NO;
        }
        if (cut || part == 2) {
            *span = (struct span){.start = here->at, .end = end, .score = 0.97F};
            return YES;
        }
        at = end + 1;
    }
    return NO;
}

/* ---- private keys: RFC 7468, OpenSSH, OpenPGP, SSH2, PuTTY ---- */

enum { KEY_LABEL_MAX = 40, KEY_LOOK = 120, KEY_BODY_LEAST = 20, KEY_LINE_LEAST = 40 };

/* Line ends, also escaped ones, and what quotes them. */
static size_t skip_gap(struct str text, size_t at)
{
    while (at < text.len && text.at[at] != '\0' &&
           strchr(" \t\r\n\\\"'+,>*#", text.at[at]) != NULL) {
        bool escape = text.at[at] == '\\' && at + 1 < text.len && text.at[at + 1] != '\0' &&
                      strchr("nrt", text.at[at + 1]) != NULL;
        at += escape ? 2 : 1;
    }
    return at;
}

/* Is there a key behind the heading, or only talk about one? Encrypted keys begin with fields; logs
 * write something of their own in front of each line. */
static enum secret_match key_body(const struct secret_here *here, size_t from)
{
    static const struct str fields[] = {STR_CONST("Proc-Type:"), STR_CONST("Version:"),
                                        STR_CONST("Comment:"),   STR_CONST("Charset:"),
                                        STR_CONST("Subject:"),   STR_CONST("Hash:")};
    struct str text = str_cut(here->text, 0, from + KEY_LOOK);
    if (text.len < from + KEY_LOOK && !here->final) {
        return MORE;
    }
    size_t at = skip_gap(text, from);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (str_starts(str_cut(text, at, text.len), fields[i])) {
            return YES;
        }
    }
    for (bool first = true; at < text.len; first = false) {
        size_t len = secret_run(text, at, BASE64, text.len);
        struct str body = str_cut(text, at, at + len);
        bool cut = str_starts(str_cut(text, at + len, text.len), STR("..."));
        if (len >= (first ? KEY_BODY_LEAST : KEY_LINE_LEAST) && !cut &&
            !secret_is_placeholder(body) && secret_entropy(body) > 2.9) {
            return YES;
        }
        at += len + 1;
    }
    return NO;
}

enum secret_match secret_key_here(const struct secret_here *here, const struct secret_row *row,
                                  struct span *span)
{
    struct str text = here->text;
    size_t at = here->at + row->prefix.len;
    if (row->check == PEM) {
        size_t from = at;
        while (at < text.len && at - from < KEY_LABEL_MAX && text.at[at] != '-') {
            at++;
        }
        if (at == text.len) {
            return here->final ? NO : MORE;
        }
        if (str_find(str_cut(text, from, at), STR("PRIVATE KEY")) == SIZE_MAX) {
            return NO;
        }
        while (at < text.len && text.at[at] == '-' && at - from < KEY_LABEL_MAX + 5) {
            at++;
        }
        enum secret_match body = key_body(here, at);
        if (body != YES) {
            return body;
        }
    } else if (text.len - at < 3 || text.at[at + 1] != ':') {
        return text.len - at < 3 && !here->final ? MORE : NO;
    }
    *span = (struct span){.start = here->at, .end = at, .score = 1.0F};
    return YES;
}

bool secret_key_end(const struct secret_row *row, struct str text, size_t at, bool final,
                    size_t *end)
{
    bool pem = row->check == PEM;
    struct str sign = !pem                       ? STR("Private-MAC: ")
                      : row->prefix.at[4] == ' ' ? STR("---- END ")
                                                 : STR("-----END ");
    size_t found = str_find(str_cut(text, at, text.len), sign);
    if (found == SIZE_MAX) {
        size_t held = text.len - at < sign.len ? text.len - at : sign.len;
        *end = final ? text.len : text.len - held;
        return final;
    }
    size_t close = at + found + sign.len;
    size_t label = close;
    while (close < text.len && close - label < KEY_LABEL_MAX &&
           (secret_in(ALNUM, text.at[close]) || (pem && text.at[close] == ' '))) {
        close++;
    }
    size_t dashes = close;
    while (pem && close < text.len && close - dashes < 5 && text.at[close] == '-') {
        close++;
    }
    bool whole = final || close < text.len || close - dashes == 5;
    *end = whole ? close : at + found;
    return whole;
}

/* ---- tokens known by their shape ---- */

/* 123456789:AA and 33 bytes of base64url. */
static enum secret_match telegram_here(const struct secret_here *here, struct span *span)
{
    size_t digits = secret_run(here->text, here->at, DIGIT, 11);
    size_t at = here->at + digits;
    if (digits > 10 || (at < here->text.len && (digits < 8 || here->text.at[at] != ':'))) {
        return NO;
    }
    size_t len = at < here->text.len ? secret_run(here->text, at + 1, URL, 36) : 0;
    bool ends = at < here->text.len && (len == 36 || secret_ends(here, at + 1 + len));
    if (!ends) {
        return here->final ? NO : MORE;
    }
    struct str part = str_cut(here->text, at + 1, at + 1 + len);
    *span = (struct span){
        .start = here->at, .end = at + 1 + len, .kind = OTHER_TELEGRAM, .score = 0.95F};
    return len == 35 && str_starts(part, STR("AA")) && secret_is_random(part) ? YES : NO;
}

/* A user's number in base64, a time, a signature. */
static enum secret_match discord_here(const struct secret_here *here, struct span *span)
{
    static const struct {
        size_t least;
        size_t most;
    } parts[] = {{23, 28}, {6, 6}, {25, 38}};
    size_t at = here->at;
    for (size_t i = 0; i < 3; i++) {
        size_t len = secret_run(here->text, at, URL, parts[i].most + 1);
        if (len <= parts[i].most && !secret_ends(here, at + len)) {
            return MORE;
        }
        at += len;
        bool dot = i == 2 || (at < here->text.len && here->text.at[at] == '.');
        if (len < parts[i].least || len > parts[i].most || !dot) {
            return NO;
        }
        at += i == 2 ? 0 : 1;
    }
    *span = (struct span){.start = here->at, .end = at, .kind = OTHER_DISCORD, .score = 0.95F};
    return secret_is_random(str_cut(here->text, here->at, at)) ? YES : NO;
}

/* Three bytes, a digit, Q~, 31 to 34 more. */
static enum secret_match azure_here(const struct secret_here *here, struct span *span)
{
    struct str text = here->text;
    size_t len = secret_run(text, here->at, OPAQUE, 41);
    struct str part = str_cut(text, here->at, here->at + len);
    bool dead = (len > 3 && !secret_in(DIGIT, part.at[3])) || (len > 4 && part.at[4] != 'Q') ||
                (len > 5 && part.at[5] != '~');
    if (dead) {
        return NO;
    }
    if (len < 41 && !secret_ends(here, here->at + len)) {
        return MORE;
    }
    size_t end = secret_without_dots(text, here->at, here->at + len);
    *span = (struct span){.start = here->at, .end = end, .kind = OTHER_AZURE, .score = 0.95F};
    return end - here->at >= 37 && end - here->at <= 40 && secret_is_random(part) ? YES : NO;
}

enum secret_match secret_shape_here(const struct secret_here *here, struct span *span)
{
    char first = here->text.at[here->at];
    char second = (char)(here->at + 1 < here->text.len ? here->text.at[here->at + 1] : 'D');
    bool number = (first >= 'M' && first <= 'O') && strchr("DTjz", second) != NULL &&
                  second != '\0';
    enum secret_match match = secret_in(DIGIT, first) ? telegram_here(here, span) : NO;
    match = match == NO && number ? discord_here(here, span) : match;
    return match == NO ? azure_here(here, span) : match;
}
