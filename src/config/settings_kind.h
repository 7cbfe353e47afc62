/* SPDX-License-Identifier: Apache-2.0
 * settings_kind.h - what differs between the kinds of scalar settings, as one table.
 *
 * Loading, the reference page and the JSON Schema all read this table, so they cannot disagree.
 */
#ifndef AIRE_CONFIG_SETTINGS_KIND_H
#define AIRE_CONFIG_SETTINGS_KIND_H

#include "config/settings.h"

#define KIND_SHOW_BYTES   48
#define KIND_BOUNDS_BYTES 128

struct settings_kind {
    const char *name;  /* with its article, for messages: "a duration" */
    const char *form;  /* examples for a person: "250ms, 5s, 2m, 24h, 7d" */
    size_t bytes;      /* of the member */
    const char *type;  /* JSON Schema's "type", as JSON */
    const char *regex; /* JSON Schema's "pattern", or NULL */
    /* Writes the member and the number that bounds apply to. NULL: no scalar kind. */
    enum err (*read)(struct str text, void *member, double *size);
    void (*show)(double size, char to[KIND_SHOW_BYTES]);
    const char *unit; /* behind a bound, when show() has none: " bytes"; or NULL */
};

const struct settings_kind *settings_kind(enum setting_kind kind);
bool settings_is_list(const struct setting *setting);
bool settings_bounded(const struct setting *setting);
/* "1ms to 10m", "at least 1", or "" without bounds. */
const char *settings_bounds(const struct setting *setting, char to[KIND_BOUNDS_BYTES]);
bool settings_within(const struct setting *setting, double size);

#endif
