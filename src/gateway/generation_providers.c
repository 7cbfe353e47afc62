/* SPDX-License-Identifier: Apache-2.0
 * generation_providers.c - addresses with their credentials, trust and proxies, and the providers
 * that stand at them. */
#include "gateway/generation_load.h"

#include "base/text.h"
#include "io/http1.h"
#include "io/http_url.h"
#include "sys/net.h"

#include <stdio.h>

enum err loader_wrong(const struct loader *l, const struct yaml *at, enum err code,
                      const char *words, struct str name)
{
    if (l->fault != NULL && at != NULL) {
        l->fault->line = at->line;
        l->fault->column = at->column;
    }
    return fault_set(l->fault, code, "%s: '" STR_FMT "'", words, STR_ARG(name));
}

static bool proxy_wanted(const struct generation_sources *sources, struct str host, bool tls)
{
    struct str rest = sources->no_proxy;
    struct str item;
    if (sources->proxy.len == 0 || !tls || str_equal(host, STR("localhost"))) {
        return false;
    }
    struct address address;
    if (address_of_ip(host, 1, &address) == ERR_OK && address_is_loopback(&address)) {
        return false;
    }
    while (str_split(&rest, ',', &item)) {
        item = str_trim(item);
        if (str_equal(item, STR("*")) || (item.len > 0 && str_ends(host, item))) {
            return false;
        }
    }
    return true;
}

static enum err load_proxy(struct loader *l, const struct address_conf *conf,
                           struct provider *provider, const struct yaml *at)
{
    struct str url = conf->proxy;
    if (url.len == 0 && proxy_wanted(l->sources, provider->host, provider->tls != NULL)) {
        url = l->sources->proxy;
    }
    if (url.len == 0) {
        return ERR_OK;
    }
    struct http_url proxy;
    if (http_url_read(url, &proxy) != ERR_OK || proxy.secure) {
        return loader_wrong(l, at, ERR_INVALID, "proxy must read http://[user:password@]host:port",
                            STR("(not shown)"));
    }
    if (proxy.user.len > 0) {
        struct buf plain;
        struct buf text;
        buf_init(&plain, 4096);
        buf_init(&text, 8192);
        enum err code = text_unpercent(&plain, proxy.user); /* RFC 3986, 3.2.1 */
        code = code == ERR_OK ? text_base64(&text, buf_str(&plain)) : code;
        provider->proxy_auth = arena_printf(l->arena, "Basic " STR_FMT, STR_ARG(buf_str(&text)));
        buf_end(&plain);
        buf_end(&text);
        if (code != ERR_OK) {
            return loader_wrong(l, at, code, "proxy credentials are too long or badly encoded",
                                STR("(not shown)"));
        }
    }
    provider->proxy_host = proxy.host;
    bool written = str_find_byte(proxy.authority, ':') != SIZE_MAX;
    provider->proxy_port = written ? proxy.port : 3128;
    return ERR_OK;
}

static void unref_tls(void *object)
{
    tls_client_unref(object);
}

static enum err load_tls(struct loader *l, const struct address_conf *conf,
                         struct provider *provider, const struct yaml *at)
{
    struct str file = conf->ca_file;
    if (file.len > 0 && file.at[0] != '/' && l->sources->folder.len > 0) {
        file = arena_printf(l->arena, STR_FMT "/" STR_FMT, STR_ARG(l->sources->folder),
                            STR_ARG(conf->ca_file));
    }
    provider->tls_key = file;
    const char *path = file.len > 0 ? arena_cstr(l->arena, file) : NULL;
    enum err code = tls_client_new(path, &provider->tls, l->fault);
    if (code != ERR_OK) {
        if (l->fault != NULL) {
            l->fault->line = at->line;
            l->fault->column = at->column;
        }
        return code;
    }
    arena_cleanup(l->arena, unref_tls, provider->tls);
    return ERR_OK;
}

static enum err load_keys(struct loader *l, const struct yaml *node,
                          const struct address_conf *conf, struct provider *provider)
{
    struct str *credentials = arena_array_of(l->arena, struct str, conf->keys.count + 1);
    for (size_t i = 0; i < conf->keys.count; i++) {
        struct str key = conf->keys.items[i];
        if (!http_field_valid(STR("authorization"), key) || key.len == 0) {
            return loader_wrong(l, yaml_get(node, STR("keys")), ERR_INVALID,
                                "a key is empty or holds a line break", STR("(not shown)"));
        }
        const struct str parts[] = {provider->kind == PROVIDER_ANTHROPIC ? STR("") : STR("Bearer "),
                                    key};
        credentials[i] = arena_join(l->arena, parts, 2);
    }
    provider->keys = conf->keys;
    provider->credentials = credentials;
    return ERR_OK;
}

enum err loader_address(struct loader *l, const struct yaml *node, const struct address_conf *conf,
                        struct provider *provider)
{
    struct http_url url;
    const struct yaml *at = yaml_get(node, str_of(conf->key));
    if (http_url_read(conf->url, &url) != ERR_OK || url.user.len > 0) {
        char words[80];
        (void)snprintf(words, sizeof words, "%s must read http(s)://host[:port][/path]", conf->key);
        return loader_wrong(l, at, ERR_INVALID, words, conf->url);
    }
    provider->auth = (enum provider_auth)conf->auth;
    provider->authority = url.authority;
    while (str_ends(url.path, STR("/"))) {
        url.path.len--; /* what is called, which begins with one, follows */
    }
    provider->path = url.path;
    provider->host = url.host;
    provider->port = url.port;
    enum err code = load_keys(l, node, conf, provider);
    const struct yaml *ca = yaml_get(node, STR("ca_file"));
    const struct yaml *proxy = yaml_get(node, STR("proxy"));
    if (code == ERR_OK && url.secure) {
        code = load_tls(l, conf, provider, ca != NULL ? ca : at);
    }
    return code == ERR_OK ? load_proxy(l, conf, provider, proxy != NULL ? proxy : at) : code;
}

static enum err load_provider(struct loader *l, const struct yaml *node, struct provider *provider)
{
    struct provider_conf conf;
    enum err code = settings_read(&l->settings, &provider_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    provider->name = node->key;
    provider->kind = (enum provider_kind)conf.dialect;
    provider->index = (uint32_t)l->generation->provider_count;
    const struct address_conf address = {"base_url", conf.base_url, conf.keys,
                                         conf.auth,  conf.ca_file,  conf.proxy};
    code = loader_address(l, node, &address, provider);
    return code == ERR_OK
               ? registry_provider(l->sources->registry, provider->name, &provider->state)
               : code;
}

enum err loader_providers(struct loader *l, const struct yaml *map)
{
    struct provider *list = arena_array_of(l->arena, struct provider, map->count + 1);
    struct generation *g = l->generation;
    g->providers = list;
    for (const struct yaml *node = map->first; node != NULL; node = node->next) {
        if (!settings_name_valid(node->key)) {
            return loader_wrong(l, node, ERR_INVALID, "not a name for a provider", node->key);
        }
        enum err code = load_provider(l, node, &list[g->provider_count]);
        if (code != ERR_OK) {
            return code;
        }
        g->provider_count++;
    }
    return ERR_OK;
}
