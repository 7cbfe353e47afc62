/* SPDX-License-Identifier: Apache-2.0
 * settings_doc.c - the reference page and the JSON Schema of a section, from the table that loads
 * it.
 *
 * Invariant: sections come before their subsections, both in table order; stacks are bounded by the
 * depth that json_writer allows.
 */
#include "base/must.h"
#include "config/settings.h"
#include "config/settings_kind.h"
#include "json/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STACK_MAX   20
#define WHERE_BYTES 160

/* A table cell: '|' would end it. */
static enum err add_cell(struct buf *to, const char *text)
{
    enum err err = ERR_OK;
    for (const char *at = text; *at != '\0' && err == ERR_OK; at++) {
        err = *at == '|' ? buf_add(to, STR("\\|")) : buf_add_byte(to, *at);
    }
    return err;
}

static enum err add_form(struct buf *to, const struct setting *setting)
{
    const char *form = settings_kind(setting->kind)->form;
    if (setting->kind == SETTING_TREE && setting->section != NULL) {
        return buf_add(to, STR("a map of names, see below"));
    }
    if (setting->kind != SETTING_CHOICE) {
        return add_cell(to, form);
    }
    struct str rest = str_of(setting->choices);
    struct str name;
    enum err err = ERR_OK;
    for (bool first = true; err == ERR_OK && str_split(&rest, '|', &name); first = false) {
        err = buf_printf(to, "%s`" STR_FMT "`", first ? "" : ", ", STR_ARG(name));
    }
    return err;
}

static enum err document_setting(const struct setting *setting, struct buf *to)
{
    char bounds[KIND_BOUNDS_BYTES];
    enum err err = buf_printf(to, "| `%s` | ", setting->key);
    err = err != ERR_OK ? err : add_form(to, setting);
    err = err != ERR_OK ? err : buf_add(to, STR(" | "));
    if (setting->required) {
        err = err != ERR_OK ? err : buf_add(to, STR("required"));
    } else if (setting->otherwise != NULL && setting->otherwise[0] != '\0') {
        err = err != ERR_OK ? err : buf_add_byte(to, '`');
        err = err != ERR_OK ? err : add_cell(to, setting->otherwise);
        err = err != ERR_OK ? err : buf_add_byte(to, '`');
    }
    err = err != ERR_OK ? err
                        : buf_printf(to, " | %s | %s | ", settings_bounds(setting, bounds),
                                     setting->standard ? setting->standard : "");
    err = err != ERR_OK ? err : add_cell(to, setting->help);
    return err != ERR_OK ? err : buf_add(to, STR(" |\n"));
}

/* A section and the keys that lead to it. */
struct titled {
    const struct section *section;
    char where[WHERE_BYTES];
};

static enum err document_section(const struct titled *titled, struct buf *to)
{
    const struct section *section = titled->section;
    enum err err = titled->where[0] != '\0' ? buf_printf(to, "## `%s`\n\n", titled->where)
                                            : buf_add(to, STR("## Top level\n\n"));
    err = err != ERR_OK ? err : buf_printf(to, "%s\n\n", section->help ? section->help : "");
    err = err != ERR_OK
              ? err
              : buf_add(to, STR("| Key | Form | Default | Allowed | Standard | Meaning |\n"
                                "|---|---|---|---|---|---|\n"));
    for (size_t i = 0; i < section->count && err == ERR_OK; i++) {
        err = document_setting(&section->settings[i], to);
    }
    return err != ERR_OK ? err : buf_add_byte(to, '\n');
}

enum err settings_document(const struct section *section, struct buf *to)
{
    struct titled stack[STACK_MAX];
    stack[0].section = section;
    (void)str_copy(str_of(section->name), stack[0].where, WHERE_BYTES);
    size_t depth = 1;
    enum err err = ERR_OK;
    while (depth > 0 && err == ERR_OK) {
        struct titled top = stack[--depth];
        err = document_section(&top, to);
        /* Pushed from the last on, so that the first is written first. */
        for (size_t i = top.section->count; i-- > 0;) {
            const struct setting *setting = &top.section->settings[i];
            if (setting->section == NULL) {
                continue;
            }
            must(depth < STACK_MAX);
            stack[depth].section = setting->section;
            (void)snprintf(stack[depth++].where, WHERE_BYTES, "%.100s%s%.40s%s", top.where,
                           top.where[0] != '\0' ? "." : "", setting->key,
                           setting->kind == SETTING_TREE ? ".NAME" : "");
        }
    }
    return err;
}

static void put_choices(struct json_writer *w, const struct setting *setting)
{
    json_key(w, "enum");
    json_begin_array(w);
    struct str rest = str_of(setting->choices);
    struct str name;
    while (str_split(&rest, '|', &name)) {
        json_put_str(w, name);
        /* YAML editors read these two words as booleans. */
        if (str_equal(name, STR("off")) || str_equal(name, STR("on"))) {
            json_put_bool(w, str_equal(name, STR("on")));
        }
    }
    json_end_array(w);
}

static void put_list(struct json_writer *w, const struct setting *setting)
{
    json_member_cstr(w, "$comment", "one text, or a list of them");
    json_key(w, "type");
    json_put_raw(w, STR("[\"string\",\"array\"]"));
    json_key(w, "items");
    json_put_raw(w, STR("{\"type\":\"string\"}"));
    if (settings_bounded(setting)) {
        json_member_u64(w, "minItems", (uint64_t)setting->min);
        if (!isinf(setting->max)) {
            json_member_u64(w, "maxItems", (uint64_t)setting->max);
        }
    }
}

static void put_scalar(struct json_writer *w, const struct setting *setting)
{
    const struct settings_kind *kind = settings_kind(setting->kind);
    json_key(w, "type");
    json_put_raw(w, str_of(kind->type));
    if (kind->regex != NULL) {
        json_member_cstr(w, "pattern", kind->regex);
    }
    bool numeric = setting->kind == SETTING_U64 || setting->kind == SETTING_DOUBLE;
    if (numeric && settings_bounded(setting)) {
        json_member_double(w, "minimum", setting->min);
        if (!isinf(setting->max)) {
            json_member_double(w, "maximum", setting->max);
        }
    }
}

static void put_default(struct json_writer *w, const struct setting *setting)
{
    bool raw = setting->kind == SETTING_U64 || setting->kind == SETTING_DOUBLE;
    if (setting->otherwise != NULL && raw) {
        json_key(w, "default");
        json_put_raw(w, str_of(setting->otherwise));
    } else if (setting->otherwise != NULL && setting->kind != SETTING_TREE) {
        json_member_cstr(w, "default", setting->otherwise);
    }
}

/* One property; a later feature allows its one value only. */
static void put_setting(struct json_writer *w, const struct setting *setting)
{
    json_key(w, setting->key);
    json_begin_object(w);
    json_member_cstr(w, "description", setting->help);
    if (setting->kind == SETTING_LATER) {
        json_key(w, "enum");
        json_begin_array(w);
        json_put_cstr(w, setting->otherwise);
        if (setting->otherwise != NULL && strcmp(setting->otherwise, "off") == 0) {
            json_put_bool(w, false);
        }
        json_end_array(w);
    } else if (setting->kind == SETTING_CHOICE) {
        put_choices(w, setting);
    } else if (settings_is_list(setting)) {
        put_list(w, setting);
    } else if (setting->kind != SETTING_TREE) {
        put_scalar(w, setting);
    }
    put_default(w, setting);
    json_end_object(w);
}

static void begin_section(struct json_writer *w, const struct section *section)
{
    json_begin_object(w);
    json_member_cstr(w, "type", "object");
    json_member_cstr(w, "description", section->help ? section->help : "");
    json_member_bool(w, "additionalProperties", false);
    json_key(w, "required");
    json_begin_array(w);
    for (size_t i = 0; i < section->count; i++) {
        if (section->settings[i].required) {
            json_put_cstr(w, section->settings[i].key);
        }
    }
    json_end_array(w);
    json_key(w, "properties");
    json_begin_object(w);
}

/* A section whose properties are being written. */
struct opened {
    const struct section *section;
    size_t next;  /* setting to be written */
    bool in_tree; /* it describes the members of a map */
};

static struct opened open_setting(struct json_writer *w, const struct setting *setting)
{
    bool in_tree = setting->kind == SETTING_TREE;
    json_key(w, setting->key);
    if (in_tree) {
        json_begin_object(w);
        json_member_cstr(w, "description", setting->help);
        json_member_cstr(w, "type", "object");
        json_key(w, "additionalProperties");
    }
    begin_section(w, setting->section);
    return (struct opened){setting->section, 0, in_tree};
}

enum err settings_schema(const struct section *section, struct buf *to)
{
    _Static_assert(3 * STACK_MAX <= JSON_WRITER_DEPTH_MAX, "a section opens up to three objects");
    struct opened stack[STACK_MAX] = {{section, 0, false}};
    size_t depth = 1;
    struct json_writer w;
    json_writer_init(&w, to);
    begin_section(&w, section);
    while (depth > 0) {
        struct opened *top = &stack[depth - 1];
        if (top->next == top->section->count) {
            json_end_object(&w);
            json_end_object(&w);
            if (top->in_tree) {
                json_end_object(&w);
            }
            depth--;
            continue;
        }
        const struct setting *setting = &top->section->settings[top->next++];
        if (setting->section == NULL) {
            put_setting(&w, setting);
        } else {
            must(depth < STACK_MAX);
            stack[depth++] = open_setting(&w, setting);
        }
    }
    return json_writer_end(&w);
}
