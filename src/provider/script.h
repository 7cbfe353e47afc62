/* SPDX-License-Identifier: Apache-2.0
 * script.h - the faults that the built-in provider plays, as rules of a YAML file
 * (docs/sim-script.md).
 *
 * Invariant: a script is immutable but for its counters; whoever plays one of its acts holds it, so
 * that a new script can come at any time.
 */
#ifndef AIRE_PROVIDER_SCRIPT_H
#define AIRE_PROVIDER_SCRIPT_H

#include "provider/script_do.h"

#define SCRIPT_BYTES_MAX YAML_BYTES_MAX
#define SCRIPT_RULES_MAX 1024

struct script;

/* Parses; `text` may be "" (no rules). The caller holds the result. */
enum err script_new(struct str text, struct script **script, struct fault *fault) MUST_USE;
void script_hold(struct script *script);
void script_drop(struct script *script); /* NULL is fine */
size_t script_count(const struct script *script);

struct script_facts {
    struct str path;
    struct str endpoint; /* "chat", "responses", "messages", ... */
    struct str family;   /* "openai", "anthropic" or "" */
    struct str model;
    bool stream;
    struct str body;
    const struct http_head *head;
    uint64_t age_ms; /* since the script was set */
};

/* The act of the first rule that holds, or script_do_nothing. Counts the request in all rules. */
const struct script_do *script_match(struct script *script, const struct script_facts *facts);

struct script_count {
    unsigned line;
    uint64_t seen;  /* requests that met the rule's conditions on the request itself */
    uint64_t acted; /* times it answered */
};
struct script_count script_counters(const struct script *script, size_t rule);

/* Reference of both sections in Markdown, for docs/sim-script.md. */
enum err script_document(struct buf *to) MUST_USE;

#endif
