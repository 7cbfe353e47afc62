/* SPDX-License-Identifier: Apache-2.0
 * settings_secret.c - ${NAME} and file:PATH in a scalar.
 *
 * Invariant: no message holds any part of a secret: variables and files are named, contents never.
 */
#include "config/settings.h"

#include "base/must.h"

#include <string.h>

#define VARIABLE_NAME_MAX 128

static enum err refuse(const struct settings_load *load, const struct yaml *node, enum err code,
                       const char *noun, struct str name, const char *rest)
{
    char shown[YAML_SHOW_BYTES];
    return yaml_fault(load->fault, node, code, "%s%s%s", noun, yaml_show(name, shown), rest);
}

/* Keys travel in header lines: a line break inside one would smuggle a second header. */
static bool one_line(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7F) {
            return false;
        }
    }
    return true;
}

static enum err from_file(const struct settings_load *load, const struct yaml *node,
                          struct str *text)
{
    struct str path = str_cut(node->scalar, STR("file:").len, SIZE_MAX);
    struct buf content;
    buf_init(&content, SETTINGS_SECRET_MAX);
    enum err err = load->secrets->file(load->secrets->object, arena_cstr(load->arena, path),
                                       &content);
    struct str line = str_trim(buf_str(&content));
    if (err == ERR_NOT_FOUND) {
        err = refuse(load, node, err, "the file '", path, "' does not exist");
    } else if (err == ERR_LIMIT) {
        err = refuse(load, node, err, "the file '", path, "' is over 64 KiB");
    } else if (err != ERR_OK) {
        err = refuse(load, node, err, "the file '", path, "' cannot be read");
    } else if (line.len == 0) {
        err = refuse(load, node, ERR_NOT_FOUND, "the file '", path, "' is empty");
    } else if (!one_line(line)) {
        err = refuse(load, node, ERR_INVALID, "the file '", path, "' is not one line of text");
    } else {
        *text = arena_str(load->arena, line);
    }
    if (content.at != NULL) {
        explicit_bzero(content.at, content.cap);
    }
    buf_end(&content);
    return err;
}

static bool is_variable_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= VARIABLE_NAME_MAX;
}

/* Appends the value of the variable whose "${" stands at *rest, and moves behind its "}". */
static enum err add_variable(const struct settings_load *load, const struct yaml *node,
                             struct str *rest, struct buf *to)
{
    size_t end = str_find_byte(*rest, '}');
    struct str name = str_cut(*rest, 2, end);
    if (end == SIZE_MAX || !is_variable_name(name)) {
        return refuse(load, node, ERR_SYNTAX, "'${", name, "' is not of the form ${NAME}");
    }
    const char *value = load->secrets->variable(load->secrets->object,
                                                arena_cstr(load->arena, name));
    if (value == NULL || value[0] == '\0') {
        return refuse(load, node, ERR_NOT_FOUND, "the environment variable ", name, " is not set");
    }
    if (!one_line(str_of(value))) {
        return refuse(load, node, ERR_INVALID, "the environment variable ", name,
                      " is not one line of text");
    }
    *rest = str_cut(*rest, end + 1, SIZE_MAX);
    if (buf_add(to, str_of(value)) != ERR_OK) {
        return refuse(load, node, ERR_LIMIT, "with ${", name, "} the text is over 64 KiB");
    }
    return ERR_OK;
}

static enum err expand(const struct settings_load *load, const struct yaml *node, struct buf *to)
{
    struct str rest = node->scalar;
    enum err err = ERR_OK;
    while (rest.len > 0 && err == ERR_OK) {
        size_t plain = num_min(str_find(rest, STR("${")), rest.len);
        if (plain == 0) {
            err = add_variable(load, node, &rest, to);
        } else if (buf_add(to, str_cut(rest, 0, plain)) != ERR_OK) {
            err = refuse(load, node, ERR_LIMIT, "the text is over 64 KiB", STR(""), "");
        } else {
            rest = str_cut(rest, plain, SIZE_MAX);
        }
    }
    return err;
}

enum err settings_resolve(const struct settings_load *load, const struct yaml *scalar,
                          struct str *text)
{
    must(load->arena != NULL && load->secrets != NULL);
    if (scalar->kind != YAML_SCALAR) {
        return refuse(load, scalar, ERR_INVALID, "must be text, not ",
                      str_of(yaml_kind_name(scalar)), "");
    }
    if (str_starts(scalar->scalar, STR("file:"))) {
        return from_file(load, scalar, text);
    }
    struct buf result;
    buf_init(&result, SETTINGS_SECRET_MAX);
    enum err err = expand(load, scalar, &result);
    if (err == ERR_OK) {
        *text = arena_str(load->arena, buf_str(&result));
    }
    if (result.at != NULL) {
        explicit_bzero(result.at, result.cap);
    }
    buf_end(&result);
    return err;
}
