/* SPDX-License-Identifier: Apache-2.0
 * secrets_login.c - users with their passwords: in URLs, in headers, in commands, in prose. */
#include "security/secrets_scan.h"
#include "security/secrets_value.h"

#include <string.h>

enum { USERINFO_MAX = 200, LOOK_BACK_MAX = 100 };

/* RFC 3986 3.2.1; passwords are often not escaped, so the last @ before the path counts. */
enum secret_match secret_userinfo_here(const struct secret_here *here, struct span *span)
{
    struct str text = here->text;
    size_t from = here->at + 3;
    size_t colon = SIZE_MAX;
    size_t at = from;
    while (at < text.len && at - from < USERINFO_MAX && text.at[at] != '@' &&
           (unsigned char)text.at[at] > ' ' && strchr("\"'`<>()|\\", text.at[at]) == NULL &&
           (colon != SIZE_MAX || strchr("/?#,;", text.at[at]) == NULL)) {
        colon = text.at[at] == ':' && colon == SIZE_MAX ? at : colon;
        at++;
    }
    if (at == text.len || at - from == USERINFO_MAX) {
        return at == text.len && !here->final ? MORE : NO;
    }
    if (text.at[at] != '@' || at == from) {
        return NO;
    }
    struct str user = str_cut(text, from, colon == SIZE_MAX ? at : colon);
    bool secret = colon == SIZE_MAX
                      ? user.len >= 20 && secret_disorder(user) >= 0.2 && secret_is_random(user)
                      : secret_is_password(str_cut(text, colon + 1, at), user);
    if (!secret) {
        return NO;
    }
    size_t end = at + 1;
    while (end < text.len && secret_in(PRINTED, text.at[end]) &&
           strchr(")]}", text.at[end]) == NULL) {
        end++;
    }
    if (!secret_ends(here, end)) {
        return MORE;
    }
    while (text.at[end - 1] == '.' || text.at[end - 1] == ':') {
        end--;
    }
    *span = (struct span){.start = from, .end = end, .kind = OTHER_CONNECTION, .score = 0.9F};
    return YES;
}

/* RFC 7617: base64 of user:password. */
static bool is_basic(struct str value)
{
    char plain[FINDER_HOLD_MAX];
    struct str login = {plain, secret_unbase64(value, plain, sizeof plain)};
    size_t colon = str_find_byte(login, ':');
    for (size_t i = 0; i < login.len; i++) {
        if ((unsigned char)plain[i] < ' ') {
            return false;
        }
    }
    return colon != SIZE_MAX &&
           secret_is_password(str_cut(login, colon + 1, login.len), str_cut(login, 0, colon));
}

static bool behind_says(const struct secret_here *here, struct str word)
{
    size_t from = here->at > LOOK_BACK_MAX ? here->at - LOOK_BACK_MAX : 0;
    return str_find(str_cut(here->text, from, here->at), word) != SIZE_MAX;
}

static float login_score(const struct secret_here *here, const struct secret_row *row,
                         struct str value, bool quoted)
{
    size_t colon = str_find_byte(value, ':');
    switch (row->check) {
    case BASIC:
        return is_basic(value) ? 0.9F : 0;
    case BEARER:
        return secret_value_score(value, SENSE_SECRET, true) > 0 ? 0.85F : 0;
    case CURL:
        return behind_says(here, STR("curl")) && colon != SIZE_MAX &&
                       secret_is_password(str_cut(value, colon + 1, value.len),
                                          str_cut(value, 0, colon))
                   ? 0.8F
                   : 0;
    case NETRC: /* of SQL, macros and .netrc */
        return quoted ? secret_value_score(value, SENSE_PASSWORD, true)
               : behind_says(here, STR("login ")) && !secret_is_placeholder(value) ? 0.8F
                                                                                   : 0;
    default:
        return secret_value_score(value, SENSE_PASSWORD, quoted || row->check == FLAG);
    }
}

enum secret_match secret_login_here(const struct secret_here *here, const struct secret_row *row,
                                    struct span *span)
{
    struct str text = here->text;
    size_t from = here->at + row->prefix.len;
    if (from == text.len) {
        return here->final ? NO : MORE;
    }
    char quote = (char)(strchr("\"'`", text.at[from]) != NULL ? text.at[from] : '\0');
    from += quote != '\0' ? 1 : 0;
    size_t len = secret_run(text, from, row->alphabet, text.len);
    if (!secret_ends(here, from + len)) {
        return MORE;
    }
    while (len > 0 && from + len < here->at + FINDER_HOLD_MAX &&
           strchr(".,:)", text.at[from + len - 1]) != NULL) {
        len--;
    }
    float score = len < row->least
                      ? 0
                      : login_score(here, row, str_cut(text, from, from + len), quote != '\0');
    *span = (struct span){.start = from, .end = from + len, .score = score};
    return score > 0 ? YES : NO;
}
