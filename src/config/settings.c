/* SPDX-License-Identifier: Apache-2.0
 * settings.c - fills a struct from a YAML map by its section's table.
 *
 * Invariants: every member is written on success; nothing outside section->bytes is written; a
 * fault has the line and column of the node it speaks of. Nested sections wait in a queue (no
 * recursion).
 */
#include "config/settings.h"

#include "base/must.h"
#include "config/settings_kind.h"

#include <stdio.h>
#include <string.h>

#define SECTIONS_MAX 64 /* in one table, nested ones included */
#define WHERE_BYTES  160

/* A section whose members are still to be read. */
struct pending {
    const struct section *section;
    const struct yaml *map; /* NULL: absent */
    char *out;
    const char *where; /* "routes.support.timeouts", in the arena */
};

struct job {
    const struct settings_load *load;
    struct pending queue[SECTIONS_MAX];
    size_t count;
};

bool settings_name_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!fits) {
            return false;
        }
    }
    return name.len >= 1 && name.len <= 64;
}

/* "tools.NAME.actions.NAME" becomes "tools.NAME.actions.refund" for the map under the key "refund".
 */
static const char *root_where(struct arena *arena, const struct section *section,
                              const struct yaml *map)
{
    struct str name = str_of(section->name);
    struct str mark = STR("NAME");
    size_t at = name.len >= mark.len ? name.len - mark.len : 0;
    while (at > 0 && !str_starts(str_cut(name, at, SIZE_MAX), mark)) {
        at--;
    }
    if (at == 0 || map == NULL || map->key.len == 0) {
        return section->name;
    }
    char key[YAML_SHOW_BYTES];
    return arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(str_cut(name, 0, at)),
                        yaml_show(map->key, key), STR_ARG(str_cut(name, at + mark.len, SIZE_MAX)))
        .at;
}

/* Who is at fault, for the start of a message: "routes.support.timeouts.connect". */
static const char *path(const struct job *job, const struct pending *p,
                        const struct setting *setting)
{
    const char *dot = p->where[0] != '\0' ? "." : "";
    return arena_printf(job->load->arena, "%s%s%s", p->where, dot, setting->key).at;
}

/* The known name that was probably meant, or the empty str. */
static struct str nearest(struct str name, const struct str *known, size_t count)
{
    struct str best = STR("");
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t distance = str_distance(name, known[i]);
        size_t longer = name.len > known[i].len ? name.len : known[i].len;
        if (distance < least && distance * 2 <= longer) {
            least = distance;
            best = known[i];
        }
    }
    return best;
}

enum err settings_unknown(struct fault *fault, const struct yaml *node, const char *where,
                          const struct str *known, size_t count)
{
    char shown[YAML_SHOW_BYTES];
    char in[WHERE_BYTES] = "";
    if (where != NULL && where[0] != '\0') {
        (void)snprintf(in, sizeof in, " in %.150s", where);
    }
    struct str near = nearest(node->key, known, count);
    if (near.len > 0) {
        return yaml_fault(fault, node, ERR_INVALID,
                          "unknown key '%s'%s; did you mean '" STR_FMT "'?",
                          yaml_show(node->key, shown), in, STR_ARG(near));
    }
    struct buf list;
    buf_init(&list, sizeof fault->words);
    enum err full = ERR_OK;
    for (size_t i = 0; i < count && full == ERR_OK; i++) {
        full = buf_printf(&list, "%s" STR_FMT, i > 0 ? ", " : "; known are ", STR_ARG(known[i]));
    }
    enum err err = yaml_fault(fault, node, ERR_INVALID, "unknown key '%s'%s%s",
                              yaml_show(node->key, shown), in, buf_cstr(&list));
    buf_end(&list);
    return err;
}

static enum err check_keys(const struct job *job, const struct pending *p)
{
    const struct section *section = p->section;
    for (const struct yaml *child = p->map->first; child != NULL; child = child->next) {
        size_t i = 0;
        while (i < section->count && !str_equal(str_of(section->settings[i].key), child->key)) {
            i++;
        }
        if (i < section->count) {
            continue;
        }
        struct str *known = arena_array_of(job->load->arena, struct str, section->count);
        for (size_t j = 0; j < section->count; j++) {
            known[j] = str_of(section->settings[j].key);
        }
        return settings_unknown(job->load->fault, child, p->where, known, section->count);
    }
    return ERR_OK;
}

static enum err wrong_shape(const struct job *job, const struct pending *p,
                            const struct setting *setting, const struct yaml *node)
{
    return yaml_fault(job->load->fault, node, ERR_INVALID, "%s: must be %s, not %s",
                      path(job, p, setting), settings_kind(setting->kind)->name,
                      yaml_absent(node) ? "empty" : yaml_kind_name(node));
}

static enum err out_of_bounds(const struct job *job, const struct pending *p,
                              const struct setting *setting, const struct yaml *node,
                              const char *value)
{
    char bounds[KIND_BOUNDS_BYTES];
    return yaml_fault(job->load->fault, node, ERR_RANGE, "%s: %s is out of bounds; allowed is %s",
                      path(job, p, setting), value, settings_bounds(setting, bounds));
}

static enum err read_choice(const struct job *job, const struct pending *p,
                            const struct setting *setting, const struct yaml *node)
{
    struct str names[32];
    size_t count = 0;
    struct str rest = str_of(setting->choices);
    while (count < 32 && str_split(&rest, '|', &names[count])) {
        if (str_equal(names[count], node->scalar)) {
            *(uint64_t *)(void *)(p->out + setting->offset) = count;
            return ERR_OK;
        }
        count++;
    }
    char shown[YAML_SHOW_BYTES];
    struct str near = nearest(node->scalar, names, count);
    return yaml_fault(job->load->fault, node, ERR_INVALID,
                      near.len > 0 ? "%s: '%s' is not one of %s; did you mean '" STR_FMT "'?"
                                   : "%s: '%s' is not one of %s" STR_FMT,
                      path(job, p, setting), yaml_show(node->scalar, shown), setting->choices,
                      STR_ARG(near));
}

static enum err read_scalar(const struct job *job, const struct pending *p,
                            const struct setting *setting, const struct yaml *node)
{
    const struct settings_kind *kind = settings_kind(setting->kind);
    if (node->kind != YAML_SCALAR) {
        return wrong_shape(job, p, setting, node);
    }
    if (setting->kind == SETTING_CHOICE) {
        return read_choice(job, p, setting, node);
    }
    must(setting->offset + kind->bytes <= p->section->bytes);
    double size = 0;
    enum err err = kind->read(node->scalar, p->out + setting->offset, &size);
    char shown[YAML_SHOW_BYTES];
    yaml_show(node->scalar, shown);
    if (err == ERR_RANGE) {
        return yaml_fault(job->load->fault, node, err, "%s: '%s' is too large",
                          path(job, p, setting), shown);
    }
    if (err != ERR_OK) {
        return yaml_fault(job->load->fault, node, ERR_SYNTAX, "%s: '%s' is not %s (%s)",
                          path(job, p, setting), shown, kind->name, kind->form);
    }
    if (settings_within(setting, size)) {
        return ERR_OK;
    }
    if (setting->kind == SETTING_TEXT) {
        (void)snprintf(shown, sizeof shown, "a text of %zu bytes", node->scalar.len);
    }
    return out_of_bounds(job, p, setting, node, shown);
}

/* Puts the section before the words of settings_resolve, which knows the node only. */
static enum err read_secret(const struct job *job, const struct pending *p,
                            const struct setting *setting, const struct yaml *node,
                            struct str *text)
{
    struct fault fault = {0};
    struct settings_load load = *job->load;
    load.fault = &fault;
    enum err err = settings_resolve(&load, node, text);
    if (err != ERR_OK) {
        return yaml_fault(job->load->fault, node, err, "%s: %s", path(job, p, setting),
                          fault.words);
    }
    return ERR_OK;
}

static enum err read_list(const struct job *job, const struct pending *p,
                          const struct setting *setting, const struct yaml *node)
{
    if (node->kind == YAML_MAP) {
        return wrong_shape(job, p, setting, node);
    }
    size_t count = node->kind == YAML_LIST ? node->count : 1;
    const struct yaml *item = node->kind == YAML_LIST ? node->first : node;
    char shown[YAML_SHOW_BYTES];
    if (!settings_within(setting, (double)count)) {
        (void)snprintf(shown, sizeof shown, "%zu", count);
        return out_of_bounds(job, p, setting, node, shown);
    }
    struct str *items = arena_array_of(job->load->arena, struct str, count);
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (item->kind != YAML_SCALAR || yaml_absent(item)) {
            return wrong_shape(job, p, setting, item);
        }
        items[i] = item->scalar;
        enum err err = setting->kind == SETTING_SECRET_LIST
                           ? read_secret(job, p, setting, item, &items[i])
                           : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
    }
    *(struct settings_texts *)(void *)(p->out + setting->offset) = (struct settings_texts){items,
                                                                                           count};
    return ERR_OK;
}

static enum err read_later(const struct job *job, const struct pending *p,
                           const struct setting *setting, const struct yaml *node)
{
    if (node->kind == YAML_SCALAR && setting->otherwise != NULL &&
        str_equal(node->scalar, str_of(setting->otherwise))) {
        return ERR_OK;
    }
    return yaml_fault(job->load->fault, node, ERR_UNSUPPORTED, "%s: not available yet: %s",
                      path(job, p, setting), setting->help);
}

/* `node` may be NULL: the section's own defaults. */
static void queue_section(struct job *job, const struct pending *p, const struct setting *setting,
                          const struct yaml *node)
{
    must(setting->section != NULL && job->count < SECTIONS_MAX);
    must(setting->offset + setting->section->bytes <= p->section->bytes);
    job->queue[job->count++] = (struct pending){setting->section, node, p->out + setting->offset,
                                                path(job, p, setting)};
}

static enum err read_value(struct job *job, const struct pending *p, const struct setting *setting,
                           const struct yaml *node)
{
    switch (setting->kind) {
    case SETTING_SECTION:
        if (node->kind != YAML_MAP) {
            return wrong_shape(job, p, setting, node);
        }
        queue_section(job, p, setting, node);
        return ERR_OK;
    case SETTING_TREE:
        *(const struct yaml **)(void *)(p->out + setting->offset) = node;
        return ERR_OK;
    case SETTING_LATER:
        return read_later(job, p, setting, node);
    case SETTING_TEXT_LIST:
    case SETTING_SECRET_LIST:
        return read_list(job, p, setting, node);
    default:
        return read_scalar(job, p, setting, node);
    }
}

/* A default is written in the configuration's syntax, so it goes through the same reader. */
static void read_default(struct job *job, const struct pending *p, const struct setting *setting)
{
    if (setting->kind == SETTING_SECTION) {
        queue_section(job, p, setting, NULL);
        return;
    }
    if (setting->kind == SETTING_MONEY) {
        *(int64_t *)(void *)(p->out + setting->offset) = -1;
    }
    if (setting->kind == SETTING_LATER || setting->otherwise == NULL) {
        return; /* zero is "not set" of the other kinds */
    }
    struct yaml plain = {.kind = YAML_SCALAR, .scalar = str_of(setting->otherwise)};
    const struct yaml *node = &plain;
    if (setting->kind == SETTING_TREE || settings_is_list(setting)) {
        must(yaml_parse(plain.scalar, job->load->arena, &node, NULL) == ERR_OK);
    }
    must(read_value(job, p, setting, node) == ERR_OK);
}

static enum err read_setting(struct job *job, const struct pending *p,
                             const struct setting *setting)
{
    const struct yaml *node = yaml_get(p->map, str_of(setting->key));
    if (!yaml_absent(node)) {
        return read_value(job, p, setting, node);
    }
    bool asked_for = p->map != NULL || p == &job->queue[0];
    if (setting->required && asked_for) {
        bool choice = setting->kind == SETTING_CHOICE;
        const char *in = p->where[0] != '\0' ? " in " : "";
        return yaml_fault(job->load->fault, node != NULL ? node : p->map, ERR_INVALID,
                          "missing key '%s'%s%s; it is %s%s", setting->key, in, p->where,
                          choice ? "one of " : settings_kind(setting->kind)->name,
                          choice ? setting->choices : "");
    }
    read_default(job, p, setting);
    return ERR_OK;
}

enum err settings_read(const struct settings_load *load, const struct section *section,
                       const struct yaml *map, void *out)
{
    must(load->arena != NULL && out != NULL);
    struct job job = {.load = load};
    const char *where = root_where(load->arena, section, map);
    memset(out, 0, section->bytes);
    const struct yaml *given = yaml_absent(map) ? NULL : map;
    if (given != NULL && given->kind != YAML_MAP) {
        return yaml_fault(load->fault, given, ERR_INVALID, "%s must be a map of keys, not %s",
                          where[0] != '\0' ? where : "the file", yaml_kind_name(given));
    }
    job.queue[job.count++] = (struct pending){section, given, out, where};
    for (size_t next = 0; next < job.count; next++) {
        const struct pending *p = &job.queue[next];
        enum err err = p->map != NULL ? check_keys(&job, p) : ERR_OK;
        for (size_t i = 0; i < p->section->count && err == ERR_OK; i++) {
            err = read_setting(&job, p, &p->section->settings[i]);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}
