/* SPDX-License-Identifier: Apache-2.0
 * yaml.h - a YAML file as a tree of nodes with their places (libyaml's parser; types are the settings').
 *
 * Every scalar is text; there is no implicit typing. Refused, with line and column: anchors, aliases,
 * tags, duplicate keys, several documents, keys that are not scalars, depth over 32, over 100,000 nodes,
 * files over 4 MiB, invalid UTF-8.
 */
#ifndef AIRE_CONFIG_YAML_H
#define AIRE_CONFIG_YAML_H

#include "base/arena.h"
#include "base/err.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    struct str key;    /* in a map: its key */
    struct str scalar; /* SCALAR; "" and `plain` for an empty value */
    bool plain;        /* not quoted: null and ~ count as absent */
    unsigned line;     /* 1-based, of the value; of the key for map members */
    unsigned column;
    const struct yaml *first; /* children in order */
    const struct yaml *next;
    size_t count;
};

enum err yaml_parse(struct str text, struct arena *arena, const struct yaml **root,
                    struct fault *fault) MUST_USE;
const struct yaml *yaml_get(const struct yaml *map, struct str key); /* NULL: absent or no map */
bool yaml_absent(const struct yaml *node); /* NULL, or a plain empty, null or ~ */

#endif
