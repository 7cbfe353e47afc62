/* SPDX-License-Identifier: Apache-2.0
 * pii_net.c - addresses of the network: e-mail (RFC 5321, IDN), personal web sites, IPv6, MAC.
 *
 * An e-mail address needs a domain with a dot and a top-level domain of letters; user@localhost,
 * scoped packages and file names with an at sign are none. */
#include "security/pii_scan.h"

#include <string.h>

enum { LOCAL_MAX = 64, DOMAIN_MAX = 120, LABEL_MAX = 63 };

static bool local_byte(unsigned c)
{
    return pii_alnum(c) || (c != 0 && c < 0x80 && strchr("._%+-", (int)c) != NULL) ||
           (c >= 0x80 && c < 0xE0);
}

/* Files, not domains: logo@2x.png. */
static bool is_file(const unsigned char *tld, size_t len)
{
    static const char *const files[] = {
        "png", "jpg",     "jpeg",   "gif",   "svg",  "webp",  "css",      "js",  "ts",  "tsx",
        "jsx", "json",    "xml",    "html",  "yml",  "yaml",  "map",      "exe", "dll", "txt",
        "pdf", "service", "socket", "class", "java", "local", "internal", "lan"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strlen(files[i]) == len && memcmp(files[i], tld, len) == 0) {
            return true;
        }
    }
    return false;
}

/* The end of a domain with at least one dot that begins at `at`; 0 when there is none. */
static size_t domain_end(struct pii_scan *scan, size_t at)
{
    size_t end = 0;
    size_t label = at;
    bool letters = true; /* of this label only */
    size_t labels = 0;
    for (size_t i = at; i - at <= DOMAIN_MAX; i++) {
        unsigned c = pii_peek(scan, i);
        /* Wide letters make labels of their own; wide punctuation ends the domain. */
        bool wide = c >= 0xE3 && c != 0xEF && (i == label || scan->text[label] >= 0x80);
        if (pii_alnum(c) || (c >= 0x80 && c < 0xE0) || wide || (c == '-' && i > label)) {
            bool puny = i == label + 4 && memcmp(scan->text + label, "xn--", 4) == 0;
            letters = (letters && (pii_letter(c) || c >= 0x80)) || puny ||
                      (i > label + 4 && memcmp(scan->text + label, "xn--", 4) == 0);
            continue;
        }
        size_t len = i - label;
        while (len > 0 && scan->text[label + len - 1] == '-') {
            len--;
        }
        if (len == 0 || len > LABEL_MAX) {
            break;
        }
        bool dashed = label + len < i;
        labels++;
        if (labels > 1 && letters && len >= 2 && !is_file(scan->text + label, len)) {
            end = label + len;
        }
        if (c != '.' || dashed) {
            break;
        }
        label = i + 1;
        letters = true;
    }
    return end;
}

/* user:secret@host is a credential of a URL, not an address. */
static bool in_authority(const struct pii_scan *scan)
{
    size_t limit = scan->start > PII_BEHIND ? scan->start - PII_BEHIND : 0;
    for (size_t at = scan->start; at > limit + 2; at--) {
        unsigned c = scan->text[at - 1];
        if (c <= ' ' || c == '"' || c == '?' || c == '=') {
            return false;
        }
        if (c == '/') {
            return scan->text[at - 2] == '/' && scan->text[at - 3] == ':';
        }
    }
    return false;
}

/* Inside of a longer local part, which was asked already; leading marks belong to none. */
static bool inside_local(const struct pii_scan *scan, bool wide)
{
    size_t back = 1;
    unsigned before = pii_behind(scan, scan->start, back);
    if (wide) {
        return before >= 0x80;
    }
    while (back < 8 && before != 0 && before < 0x80 && strchr("._%+-", (int)before) != NULL) {
        before = pii_behind(scan, scan->start, ++back);
    }
    return pii_alnum(before) || before == '@' || back == 8 || (before >= 0x80 && back > 1);
}

void pii_try_email(struct pii_scan *scan)
{
    size_t at = scan->start;
    bool wide = scan->text[at] >= 0xE0;
    if (inside_local(scan, wide)) {
        return;
    }
    while (at - scan->start <= LOCAL_MAX) {
        unsigned c = pii_peek(scan, at);
        if (wide ? c < 0x80 : !local_byte(c)) {
            break;
        }
        at++;
    }
    if (at == scan->start || at - scan->start > LOCAL_MAX || pii_peek(scan, at) != '@' ||
        scan->text[at - 1] == '.') {
        return;
    }
    size_t end = domain_end(scan, at + 1);
    bool git = at - scan->start == 3 && memcmp(scan->text + scan->start, "git", 3) == 0;
    if (end > 0 && pii_peek(scan, end) != '@' && !in_authority(scan) &&
        !(git && pii_peek(scan, end) == ':')) {
        pii_offer(scan, end, PII_EMAIL, 0.99F);
    }
}

/* A web address is personal where somebody calls it theirs. */
void pii_try_site(struct pii_scan *scan)
{
    size_t at = scan->start;
    static const char http[] = "http";
    for (size_t i = 0; i < 4; i++) {
        if ((pii_peek(scan, at + i) | 0x20) != (unsigned)http[i]) {
            return;
        }
    }
    at += 4;
    at += (pii_peek(scan, at) | 0x20) == 's' ? 1 : 0;
    if (pii_peek(scan, at) != ':' || pii_peek(scan, at + 1) != '/' ||
        pii_peek(scan, at + 2) != '/' || (pii_context(scan)->close & PII_W_SITE) == 0 ||
        (pii_context(scan)->close & PII_W_MINE) == 0) {
        return;
    }
    size_t end = domain_end(scan, at + 3);
    if (end == 0) {
        return;
    }
    unsigned c = pii_peek(scan, end);
    while (c > ' ' && c < 0x7F && strchr("\"'<>()[]{},;", (int)c) == NULL &&
           end - scan->start < 200) {
        c = pii_peek(scan, ++end);
    }
    while (strchr(".!?:", scan->text[end - 1]) != NULL) {
        end--;
    }
    pii_offer(scan, end, PII_SITE, 0.8F);
}

static int hex(unsigned c)
{
    return pii_digit(c)            ? (int)(c - '0')
           : (c | 0x20) - 'a' < 6U ? (int)((c | 0x20) - 'a' + 10)
                                   : -1;
}

/* Six pairs with colons or dashes, or three times four with dots; no more of the same around. */
void pii_try_mac(struct pii_scan *scan)
{
    size_t at = scan->start;
    size_t size = scan->run - at;
    unsigned mark = pii_peek(scan, scan->run);
    bool dotted = size == 4 && mark == '.';
    unsigned before = pii_behind(scan, at, 1);
    unsigned all = 0;
    unsigned same = 0xFF;
    if (!(dotted || (size == 2 && (mark == ':' || mark == '-'))) || before == mark ||
        before == '_') {
        return;
    }
    size_t count = dotted ? 3 : 6;
    for (size_t part = 0; part < count; part++) {
        if (part > 0 && pii_peek(scan, at++) != mark) {
            return;
        }
        for (size_t i = 0; i < size; i++) {
            int value = hex(pii_peek(scan, at++));
            if (value < 0) {
                return;
            }
            all |= (unsigned)value;
            same &= (unsigned)value | 0xF0;
        }
    }
    unsigned after = pii_peek(scan, at);
    bool goes_on = after == mark && hex(pii_peek(scan, at + 1)) >= 0;
    if (!goes_on && !pii_alnum(after) && after != '_' && all != 0 && same != 0xFF) {
        pii_offer(scan, at, PII_MAC, 0.97F);
    }
}

/* What the groups of an IPv6 address were so far. */
struct groups {
    size_t count;
    bool gap;       /* "::" was seen */
    bool digits;    /* so it is no C++ name */
    unsigned first; /* value of the first group */
    size_t end;
};

static bool read_groups(struct pii_scan *scan, struct groups *groups)
{
    size_t at = scan->start;
    while (groups->count < 8) {
        size_t size = 0;
        unsigned value = 0;
        for (int digit = hex(pii_peek(scan, at)); digit >= 0 && size <= 4;
             digit = hex(pii_peek(scan, at))) {
            value = value * 16 + (unsigned)digit;
            groups->digits |= pii_digit(scan->text[at]);
            size++;
            at++;
        }
        if (size > 4 || (size == 0 && !groups->gap)) {
            return false;
        }
        if (size > 0) {
            groups->first = groups->count == 0 ? value : groups->first;
            groups->count++;
            groups->end = at;
        }
        if (pii_peek(scan, at) != ':') {
            return true;
        }
        if (pii_peek(scan, at + 1) == ':') {
            if (groups->gap) {
                return false;
            }
            groups->gap = true;
            groups->end = at + 2;
            at += 2;
        } else if (hex(pii_peek(scan, at + 1)) >= 0) {
            at += 1;
        } else {
            return true; /* a colon of the sentence */
        }
    }
    return true;
}

void pii_try_ipv6(struct pii_scan *scan)
{
    unsigned before = pii_behind(scan, scan->start, 1);
    struct groups groups = {0};
    if (scan->run - scan->start > 4 || pii_peek(scan, scan->run) != ':' || before == ':' ||
        before == '.' || before == '_') {
        return;
    }
    if (!read_groups(scan, &groups)) {
        return;
    }
    unsigned after = pii_peek(scan, groups.end);
    bool whole = groups.gap ? groups.count >= 2 && groups.count < 8 : groups.count == 8;
    bool named = groups.digits && (groups.count >= 3 || groups.first >= 0x1000);
    bool bounded = !pii_alnum(after) && after != '_' &&
                   !(after == ':' && pii_alnum(pii_peek(scan, groups.end + 1)));
    bool network = scan->text[groups.end - 1] == ':'; /* a prefix, not a host */
    if (whole && named && bounded && !network && groups.first != 0 && groups.first < 0xFF00) {
        pii_offer(scan, groups.end, PII_IP, 0.95F);
    }
}
