/* SPDX-License-Identifier: Apache-2.0
 * access.c - keys, or the narrow door of keyless loopback. */
#include "gateway/access.h"

#include "sys/net.h"

static void refuse(struct access *access, unsigned status, const char *reason, const char *words)
{
    access->status = status;
    access->reason = reason;
    access->words = words;
}

static struct str presented_key(const struct http_head *head)
{
    struct str key = http_head_get(head, STR("x-aire-key"));
    if (key.at != NULL) {
        return key;
    }
    struct str bearer = http_head_get(head, STR("authorization"));
    if (bearer.len > 7 && str_equal_ci(str_cut(bearer, 0, 7), STR("Bearer "))) {
        key = str_trim(str_cut(bearer, 7, bearer.len));
    }
    struct str api = http_head_get(head, STR("x-api-key"));
    return str_starts(key, STR("aire_")) || api.at == NULL ? key : api;
}

static bool is_loopback_name(struct str authority)
{
    struct str host;
    uint16_t port;
    struct address address;
    if (address_split(authority, &host, &port) != ERR_OK) {
        return false;
    }
    return str_equal_ci(host, STR("localhost")) ||
           (address_of_ip(host, 1, &address) == ERR_OK && address_is_loopback(&address));
}

static bool is_json_type(struct str type)
{
    struct str bare = str_trim(str_cut(type, 0, str_find_byte(type, ';')));
    return str_equal_ci(bare, STR("application/json")) ||
           (str_starts(bare, STR("application/")) && str_ends(bare, STR("+json")));
}

/* "http://localhost:3000" and the like; "null" is what sandboxed pages send and is foreign. */
static bool origin_is_own(struct str origin)
{
    size_t at = str_find(origin, STR("://"));
    return at != SIZE_MAX && is_loopback_name(str_cut(origin, at + 3, origin.len));
}

static void check_loopback(struct http_call *call, struct access *access)
{
    const struct http_head *head = http_call_head(call);
    struct str host = http_head_get(head, STR("host"));
    struct str origin = http_head_get(head, STR("origin"));
    bool has_body = head->chunked || (head->has_length && head->length > 0);
    /* A page's GET comes without Origin; POST and what needs a preflight come with it. */
    bool foreign = !str_equal(head->method, STR("POST")) &&
                   str_equal_ci(http_head_get(head, STR("sec-fetch-site")), STR("cross-site"));
    bool unix_socket = address_is_unix(http_call_peer(call));
    if (!unix_socket && !address_is_loopback(http_call_peer(call))) {
        refuse(access, 401, "key_required", "a key is required from other machines");
    } else if (!unix_socket && host.at != NULL && !is_loopback_name(host)) {
        refuse(access, 403, "foreign_host", "without a key only a loopback Host is served");
    } else if (foreign || (origin.at != NULL && !origin_is_own(origin))) {
        refuse(access, 403, "foreign_origin", "without a key no other origin is served");
    } else if (has_body && !is_json_type(http_head_get(head, STR("content-type")))) {
        refuse(access, 415, "not_json", "without a key only application/json is served");
    } else {
        access->principal = (struct principal){
            .tenant = STR("default"), .name = STR("local"), .may_vouch = true};
    }
}

void access_check(struct commons *commons, const struct generation *generation,
                  struct http_call *call, struct access *access)
{
    *access = (struct access){0};
    struct str key = presented_key(http_call_head(call));
    bool demanded = generation->auth == AUTH_KEYS ||
                    (generation->auth == AUTH_AUTO &&
                     (!atomic_load(&commons->loopback_only) || identity_ever(commons->identity)));
    if (!demanded && !str_starts(key, STR("aire_"))) {
        check_loopback(call, access);
        return;
    }
    if (key.len == 0) {
        refuse(access, 401, "key_required",
               "a key is required: Authorization: Bearer aire_..., x-api-key or x-aire-key");
        return;
    }
    access->key = identity_check(commons->identity, key, env_wall(commons->env));
    if (access->key == NULL) {
        refuse(access, 401, "key_refused", "this key is not known, or no longer valid");
        return;
    }
    access->principal = access->key->principal;
}
