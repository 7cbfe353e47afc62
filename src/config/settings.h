/* SPDX-License-Identifier: Apache-2.0
 * settings.h - typed settings from their owners' tables: one row gives parser, default, bounds,
 * unit, help, reference page and JSON Schema.
 *
 * A section is a table over a plain struct. Loading fills every member (default or given), or says
 * which line is wrong: unknown keys with the nearest name, wrong types, bounds, features that are
 * not built yet (never accepted and ignored). Tables are code: a default outside its own bounds is
 * must(). Members of a section that is absent get their defaults; its required ones are then not
 * asked for.
 */
#ifndef AIRE_CONFIG_SETTINGS_H
#define AIRE_CONFIG_SETTINGS_H

#include "base/buf.h"
#include "base/num.h"
#include "config/yaml.h"

#include <stdint.h>

enum setting_kind {
    SETTING_BOOL,        /* bool: true, false, on, off */
    SETTING_U64,         /* uint64_t */
    SETTING_DOUBLE,      /* double */
    SETTING_DURATION_MS, /* uint64_t */
    SETTING_SIZE_BYTES,  /* uint64_t */
    SETTING_MONEY,       /* int64_t micro-dollars; -1: not set */
    SETTING_RATE,        /* struct rate; count 0: not set */
    SETTING_PERCENT,     /* double 0..1 */
    SETTING_TEXT,        /* struct str */
    SETTING_CHOICE,      /* uint64_t index into `choices` ("a|b|c") */
    SETTING_TEXT_LIST,   /* struct settings_texts; a single scalar is a list of one */
    SETTING_SECRET_LIST, /* struct settings_texts; ${NAME} and file:PATH resolved; never shown */
    SETTING_SECTION,     /* embedded struct described by `section` */
    SETTING_TREE,        /* const struct yaml *: the owner reads it; `help` documents the form */
    SETTING_LATER        /* refused: `help` says with what it will come; only the value `otherwise`
                            ("off") is taken, when given */
};

struct settings_texts {
    const struct str *items;
    size_t count;
};

struct section;

struct setting {
    const char *key;
    enum setting_kind kind;
    size_t offset;         /* of the member in the section's struct */
    const char *otherwise; /* default, in the configuration's own syntax; NULL: required or unset */
    double min; /* of the number (ms, bytes, microusd, share, a rate's count), the text's bytes or
                   the list's length; both 0: none; max HUGE_VAL: no upper bound */
    double max;
    const char *choices;
    const struct section *section; /* of a SECTION; at a TREE: what each member of the map is, for
                                      the reference and the schema */
    bool required;
    const char *standard; /* ID in docs/standard.md, or NULL */
    const char *help;     /* one line */
};

struct section {
    /* Of the file's part that settings_read is given: "routes.NAME", whose last NAME becomes the
     * map's key in messages; "" is the file itself. Nested sections are named by their keys. */
    const char *name;
    const struct setting *settings;
    size_t count;
    size_t bytes; /* sizeof the struct */
    const char *help;
};

/* Where ${NAME} and file:PATH come from; tests give their own. A missing one is NOT_FOUND. */
struct secret_source {
    const char *(*variable)(void *object, const char *name);
    enum err (*file)(void *object, const char *path,
                     struct buf *to); /* relative to the config file */
    void *object;
};

struct settings_load {
    const struct secret_source *secrets;
    struct arena *arena;
    struct fault
        *fault; /* SYNTAX, RANGE, INVALID, NOT_FOUND, UNSUPPORTED with line, column, words */
};

/* `map` may be NULL (all defaults). */
enum err settings_read(const struct settings_load *load, const struct section *section,
                       const struct yaml *map, void *out) MUST_USE;
/* ${NAME} anywhere, or file:PATH as a whole, in one scalar; the result is one line of text (an
 * ending newline of the file is dropped). Words never hold the value. */
enum err settings_resolve(const struct settings_load *load, const struct yaml *scalar,
                          struct str *text) MUST_USE;
/* "unknown key 'timeout' in routes.support; did you mean 'timeouts'?" */
enum err settings_unknown(struct fault *fault, const struct yaml *node, const char *where,
                          const struct str *known, size_t count);

/* Words start with the place in the file: "routes.support.timeouts.connect: ...". */
#define SETTINGS_SECRET_MAX 65536
/* Names must be [A-Za-z0-9._-]{1,64}. */
bool settings_name_valid(struct str name);

/* Reference page (Markdown) of one section, its subsections included; and its JSON Schema object.
 */
enum err settings_document(const struct section *section, struct buf *to) MUST_USE;
enum err settings_schema(const struct section *section, struct buf *to) MUST_USE;

#endif
