/* SPDX-License-Identifier: Apache-2.0
 * yaml.h - a YAML file as a tree of nodes with their places (libyaml's parser; types are the
 * settings').
 *
 * Every scalar is text; there is no implicit typing. Refused, with line and column: anchors,
 * aliases, tags, duplicate keys, several documents, keys that are not scalars, NUL inside text,
 * invalid UTF-8, and what is over the limits below. A file without content is one absent scalar.
 */
#ifndef AIRE_CONFIG_YAML_H
#define AIRE_CONFIG_YAML_H

#include "base/arena.h"
#include "base/err.h"

#define YAML_BYTES_MAX 4194304
#define YAML_NODES_MAX 100000
#define YAML_DEPTH_MAX 32

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    struct str key;           /* in a map: its key */
    struct str scalar;        /* SCALAR; "" and `plain` for an empty value */
    bool plain;               /* not quoted: null and ~ count as absent */
    unsigned line;            /* 1-based, of the value; of the key for map members */
    unsigned column;          /* in characters, not bytes */
    const struct yaml *first; /* children in order */
    const struct yaml *next;
    size_t count;
};

/* LIMIT, SYNTAX or UNSUPPORTED with the place in *fault. The tree does not borrow from `text`. */
enum err yaml_parse(struct str text, struct arena *arena, const struct yaml **root,
                    struct fault *fault) MUST_USE;
const struct yaml *yaml_get(const struct yaml *map, struct str key); /* NULL: absent or no map */
bool yaml_absent(const struct yaml *node); /* NULL, or a plain empty, null or ~ */

/* fault_set with the place of a node (NULL: of none). */
enum err yaml_fault(struct fault *fault, const struct yaml *node, enum err code, const char *format,
                    ...) PRINTF_LIKE(4, 5);
/* "text", "a list" or "a map", for messages. */
const char *yaml_kind_name(const struct yaml *node);
/* `text` for a message: cut to a few words' length, control bytes shown as '?'. */
#define YAML_SHOW_BYTES 64
const char *yaml_show(struct str text, char to[YAML_SHOW_BYTES]);

#endif
