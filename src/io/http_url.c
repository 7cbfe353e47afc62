/* SPDX-License-Identifier: Apache-2.0
 * http_url.c - one pass, front to back. */
#include "io/http_url.h"

#include "sys/net.h"

enum err http_url_read(struct str text, struct http_url *url)
{
    *url = (struct http_url){.secure = str_starts(text, STR("https://"))};
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '?' || byte == '#') {
            return ERR_INVALID; /* nothing that could end the request line it becomes part of */
        }
    }
    struct str scheme = url->secure ? STR("https://") : STR("http://");
    if (!str_starts(text, scheme)) {
        return ERR_INVALID;
    }
    struct str rest = str_cut(text, scheme.len, text.len);
    size_t slash = str_find_byte(rest, '/');
    size_t end = slash == SIZE_MAX ? rest.len : slash;
    url->authority = str_cut(rest, 0, end);
    url->path = str_cut(rest, end, rest.len);
    size_t sign = str_find_byte(url->authority, '@');
    if (sign != SIZE_MAX) {
        url->user = str_cut(url->authority, 0, sign);
        url->authority = str_cut(url->authority, sign + 1, url->authority.len);
    }
    if (url->authority.len == 0 ||
        address_split(url->authority, &url->host, &url->port) != ERR_OK) {
        return ERR_INVALID;
    }
    uint16_t usual = url->secure ? 443 : 80;
    url->port = url->port != 0 ? url->port : usual;
    return ERR_OK;
}
