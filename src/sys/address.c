/* SPDX-License-Identifier: Apache-2.0
 * address.c - addresses of net.h: text to sockaddr and back.
 *
 * Invariant: `bytes` holds a sockaddr of `len` bytes; all behind it is zero, so that equal
 * addresses are equal bytes.
 */
#include "base/num.h"
#include "sys/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Static_assert(sizeof(struct sockaddr_storage) <= ADDRESS_BYTES, "an address holds any sockaddr");
_Static_assert(_Alignof(struct sockaddr_storage) <= 8, "and is aligned for it");

#define IP_TEXT_BYTES 64 /* longest: IPv4-mapped IPv6 with a zone, which is refused anyway */

static const struct sockaddr *any(const struct address *address)
{
    return (const struct sockaddr *)(const void *)address->bytes;
}

static const struct sockaddr_in *v4(const struct address *address)
{
    return (const struct sockaddr_in *)(const void *)address->bytes;
}

static const struct sockaddr_in6 *v6(const struct address *address)
{
    return (const struct sockaddr_in6 *)(const void *)address->bytes;
}

static const struct sockaddr_un *local(const struct address *address)
{
    return (const struct sockaddr_un *)(const void *)address->bytes;
}

static void set(struct address *address, const void *raw, size_t len)
{
    memset(address, 0, sizeof *address);
    memcpy(address->bytes, raw, len);
    address->len = (uint32_t)len;
}

enum err address_of_ip(struct str ip, uint16_t port, struct address *address)
{
    char text[IP_TEXT_BYTES];
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (str_find_byte(ip, '\0') != SIZE_MAX || !str_copy(ip, text, sizeof text)) {
        return ERR_NOT_FOUND;
    }
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
        set(address, &in4, sizeof in4);
        return ERR_OK;
    }
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        set(address, &in6, sizeof in6);
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

enum err address_unix(struct str path, struct address *address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (path.len == 0 || str_find_byte(path, '\0') != SIZE_MAX) {
        return ERR_SYNTAX;
    }
    if (!str_copy(path, un.sun_path, sizeof un.sun_path)) {
        return ERR_LIMIT;
    }
    set(address, &un, offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return ERR_OK;
}

enum err address_of_sockaddr(const void *raw, size_t len, struct address *address)
{
    sa_family_t family = AF_UNSPEC;
    memcpy(&family, (const char *)raw + offsetof(struct sockaddr, sa_family), sizeof family);
    size_t need = family == AF_INET    ? sizeof(struct sockaddr_in)
                  : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                       : 0;
    if (need == 0 || len < need) {
        return ERR_UNSUPPORTED;
    }
    set(address, raw, need);
    return ERR_OK;
}

void address_set_port(struct address *address, uint16_t port)
{
    /* Both families have it in the same place. */
    _Static_assert(offsetof(struct sockaddr_in, sin_port) ==
                       offsetof(struct sockaddr_in6, sin6_port),
                   "one offset for both");
    uint16_t raw = htons(port);
    if (!address_is_unix(address)) {
        memcpy(address->bytes + offsetof(struct sockaddr_in, sin_port), &raw, sizeof raw);
    }
}

static enum err parse_port(struct str text, uint16_t *port)
{
    uint64_t value = 0;
    enum err err = num_u64(text, &value);
    if (err != ERR_OK) {
        return err;
    }
    if (value > UINT16_MAX) {
        return ERR_RANGE;
    }
    *port = (uint16_t)value;
    return ERR_OK;
}

enum err address_split(struct str text, struct str *host, uint16_t *port)
{
    struct str rest = {NULL, 0};
    *port = 0;
    if (str_starts(text, STR("["))) {
        size_t end = str_find_byte(text, ']');
        if (end == SIZE_MAX) {
            return ERR_SYNTAX;
        }
        *host = str_cut(text, 1, end);
        rest = str_cut(text, end + 1, text.len);
    } else {
        size_t colon = str_find_byte(text, ':');
        size_t end = colon == SIZE_MAX ? text.len : colon;
        *host = str_cut(text, 0, end);
        rest = str_cut(text, end, text.len);
        /* A second colon: a bare IPv6 literal, which cannot carry a port. */
        if (rest.len > 0 && str_find_byte(str_cut(rest, 1, rest.len), ':') != SIZE_MAX) {
            *host = text;
            rest = str_cut(text, text.len, text.len);
        }
    }
    if (host->len == 0) {
        return ERR_SYNTAX;
    }
    if (rest.len == 0) {
        return ERR_OK;
    }
    return rest.at[0] == ':' ? parse_port(str_cut(rest, 1, rest.len), port) : ERR_SYNTAX;
}

enum err address_parse(struct str text, struct address *address)
{
    struct str host = {NULL, 0};
    uint16_t port = 0;
    if (str_starts(text, STR("unix:"))) {
        return address_unix(str_cut(text, 5, text.len), address);
    }
    enum err err = address_split(text, &host, &port);
    if (err == ERR_OK) {
        err = address_of_ip(host, port, address);
    }
    /* A port may not be left to chance unsaid: ":0" says it. */
    bool bare = host.at + host.len + (text.len > 0 && text.at[0] == '[') == text.at + text.len;
    return err == ERR_OK && bare ? ERR_SYNTAX : err;
}

const char *address_show(const struct address *address, char to[ADDRESS_TEXT_BYTES])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (address->len == 0) {
        (void)snprintf(to, ADDRESS_TEXT_BYTES, "?");
        return to;
    }
    switch (any(address)->sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &v4(address)->sin_addr, ip, sizeof ip);
        (void)snprintf(to, ADDRESS_TEXT_BYTES, "%s:%u", ip, address_port(address));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &v6(address)->sin6_addr, ip, sizeof ip);
        (void)snprintf(to, ADDRESS_TEXT_BYTES, "[%s]:%u", ip, address_port(address));
        break;
    case AF_UNIX:
        /* The peer of a Unix socket has no path; the kernel then returns the family alone. */
        (void)snprintf(to, ADDRESS_TEXT_BYTES, "unix:%s", local(address)->sun_path);
        break;
    default:
        (void)snprintf(to, ADDRESS_TEXT_BYTES, "?");
        break;
    }
    return to;
}

uint16_t address_port(const struct address *address)
{
    switch (any(address)->sa_family) {
    case AF_INET:
        return ntohs(v4(address)->sin_port);
    case AF_INET6:
        return ntohs(v6(address)->sin6_port);
    default:
        return 0;
    }
}

bool address_is_unix(const struct address *address)
{
    return any(address)->sa_family == AF_UNIX;
}

bool address_is_loopback(const struct address *address)
{
    switch (any(address)->sa_family) {
    case AF_INET:
        return ntohl(v4(address)->sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&v6(address)->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6(address)->sin6_addr) &&
                v6(address)->sin6_addr.s6_addr[12] == 127);
    case AF_UNIX:
        return true;
    default:
        return false;
    }
}
