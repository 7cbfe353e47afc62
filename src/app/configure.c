/* SPDX-License-Identifier: Apache-2.0
 * configure.c - finds aire.yaml, its secrets and the files beside it. */
#include "app/configure.h"

#include "base/must.h"
#include "base/wipe.h"
#include "config/settings.h"
#include "sys/file.h"
#include "sys/net.h"

#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX MIB(4)

struct folder {
    char path[1024]; /* of the configuration file; "" is the current one */
};

static void folder_of(const char *path, struct folder *folder)
{
    folder->path[0] = '\0';
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash != NULL) {
        (void)str_copy((struct str){path, (size_t)(slash - path)}, folder->path,
                       sizeof folder->path);
    }
}

static enum err read_beside(void *object, struct str path, struct buf *to)
{
    const struct folder *folder = object;
    char full[2048];
    bool absolute = path.len > 0 && path.at[0] == '/';
    int length = snprintf(full, sizeof full, "%s%s" STR_FMT, absolute ? "" : folder->path,
                          absolute || folder->path[0] == '\0' ? "" : "/", STR_ARG(path));
    return length > 0 && (size_t)length < sizeof full ? file_read(full, to) : ERR_LIMIT;
}

static enum err read_secret(void *object, const char *path, struct buf *to)
{
    return read_beside(object, str_of(path), to);
}

static const char *read_variable(void *object, const char *name)
{
    (void)object;
    return file_env(name);
}

static bool is_set(const char *name)
{
    const char *value = file_env(name);
    return value != NULL && value[0] != '\0';
}

static enum err read_store(const char *path, struct arena *arena, const struct yaml *root,
                           struct configured_store *store, struct fault *fault)
{
    struct folder folder;
    folder_of(path, &folder);
    const struct secret_source secrets = {read_variable, read_secret, &folder};
    const struct settings_load load = {&secrets, arena, fault};
    const struct yaml *location = yaml_get(root, STR("store"));
    const struct yaml *unsafe = yaml_get(root, STR("store_unsafe"));
    store->unsafe = unsafe != NULL && unsafe->kind == YAML_SCALAR &&
                    (str_equal(unsafe->scalar, STR("true")) ||
                     str_equal(unsafe->scalar, STR("on")));
    return location != NULL ? settings_resolve(&load, location, &store->location) : ERR_OK;
}

enum err configure_store(const char *path, struct arena *arena, struct configured_store *store,
                         struct fault *fault)
{
    struct buf text;
    const struct yaml *root;
    struct fault unread;
    *store = (struct configured_store){0};
    buf_init(&text, YAML_BYTES_MAX);
    bool found = path != NULL && file_read(path, &text) == ERR_OK &&
                 yaml_parse(arena_str(arena, buf_str(&text)), arena, &root, &unread) == ERR_OK;
    buf_end(&text);
    return found ? read_store(path, arena, root, store, fault) : ERR_OK;
}

bool configure_needs_builtin(const char *path)
{
    return path == NULL && (!is_set("OPENAI_API_KEY") || !is_set("ANTHROPIC_API_KEY"));
}

/* Without a providers section: the environment's keys, else the built-in provider. */
static enum err write_provider(struct buf *to, const char *name, const char *key,
                               const char *url_variable, const char *url, struct str builtin)
{
    if (is_set(key)) {
        const char *base = is_set(url_variable) ? file_env(url_variable) : url;
        return buf_printf(to, "%s: {dialect: %s, base_url: \"%s\", keys: [\"${%s}\"]}\n", name,
                          name, base, key);
    }
    return builtin.len > 0 ? buf_printf(to, "%s: {dialect: %s, base_url: \"" STR_FMT "\"}\n", name,
                                        name, STR_ARG(builtin))
                           : ERR_OK;
}

static enum err write_providers(const struct configure *c, struct buf *to)
{
    enum err code = write_provider(to, "openai", "OPENAI_API_KEY", "OPENAI_BASE_URL",
                                   "https://api.openai.com/v1", c->builtin_openai);
    if (code == ERR_OK) {
        code = write_provider(to, "anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
                              "https://api.anthropic.com", c->builtin_anthropic);
    }
    return code;
}

/* "aire.yaml:3:5: words", the place in front as editors expect it. */
static enum err place(struct fault *fault, const char *path, enum err code)
{
    char words[sizeof fault->words];
    if (fault == NULL) {
        return code;
    }
    (void)str_copy(str_of(fault->words), words, sizeof words);
    const char *file = path != NULL ? path : "(built-in)";
    return fault->line > 0
               ? fault_set(fault, code, "%s:%u:%u: %.180s", file, fault->line, fault->column, words)
               : fault_set(fault, code, "%s: %.200s", file, words);
}

/* Before the first request comes to a route or a tool that keeps nothing. */
static void begin_wiping(const struct generation *g)
{
    for (size_t i = 0; i < g->route_count; i++) {
        if (g->routes[i].ephemeral) {
            wipe_begin();
        }
    }
    for (size_t i = 0; i < g->tool_count; i++) {
        if (g->tools[i].route.ephemeral) {
            wipe_begin();
        }
    }
}

static enum err load(const struct configure *c, struct buf *text, struct buf *providers,
                     struct generation **generation, struct fault *fault)
{
    struct folder folder;
    folder_of(c->path, &folder);
    enum err code = c->path != NULL ? file_read(c->path, text) : buf_add(text, STR("version: 1\n"));
    if (code != ERR_OK) {
        return fault_set(fault, code, "%s", err_text(code));
    }
    code = write_providers(c, providers);
    if (code != ERR_OK) {
        return fault_set(fault, code, "the environment's provider settings are too long");
    }
    const char *proxy = file_env("HTTPS_PROXY");
    proxy = proxy != NULL ? proxy : file_env("https_proxy");
    const char *no_proxy = file_env("NO_PROXY");
    no_proxy = no_proxy != NULL ? no_proxy : file_env("no_proxy");
    const struct secret_source secrets = {read_variable, read_secret, &folder};
    const struct generation_sources sources = {
        .env = c->env,
        .secrets = &secrets,
        .registry = c->registry,
        .read = read_beside,
        .object = &folder,
        .folder = str_of(folder.path),
        .default_providers = buf_str(providers),
        .proxy = str_of(proxy),
        .no_proxy = str_of(no_proxy),
    };
    code = generation_load(&sources, buf_str(text), generation, fault);
    if (code == ERR_OK) {
        begin_wiping(*generation);
    }
    return code;
}

enum err configure_addresses(const struct generation *g, const struct str *listen, size_t count,
                             bool *loopback_only, struct fault *fault)
{
    *loopback_only = true;
    for (size_t i = 0; i < count; i++) {
        struct address address;
        if (address_parse(listen[i], &address) != ERR_OK) {
            return fault_set(fault, ERR_INVALID,
                             "listen: '" STR_FMT "' is not HOST:PORT with a literal address",
                             STR_ARG(listen[i]));
        }
        *loopback_only = *loopback_only && address_is_loopback(&address);
    }
    if (g->auth == AUTH_NONE && !*loopback_only) {
        return fault_set(fault, ERR_INVALID, "auth: none is for loopback addresses only");
    }
    return ERR_OK;
}

enum err configure_load(const struct configure *configure, struct generation **generation,
                        struct fault *fault)
{
    must(fault != NULL);
    struct buf text;
    struct buf providers;
    *fault = (struct fault){0};
    buf_init(&text, FILE_BYTES_MAX);
    buf_init(&providers, KIB(16));
    enum err code = load(configure, &text, &providers, generation, fault);
    if (code == ERR_OK) {
        bool loopback_only;
        const struct settings_texts *listen = &(*generation)->listen;
        code = configure_addresses(*generation, listen->items, listen->count, &loopback_only,
                                   fault);
        if (code != ERR_OK) {
            generation_unref(*generation);
        }
    }
    buf_end(&text);
    buf_end(&providers);
    return code == ERR_OK ? ERR_OK : place(fault, configure->path, code);
}
