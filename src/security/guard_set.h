/* SPDX-License-Identifier: Apache-2.0
 * guard_set.h - a named set of guardrails, ready to be asked: modes, actions, finders of both
 * sides.
 *
 * Immutable; lives in the arena of its configuration; any thread may read it.
 */
#ifndef AIRE_SECURITY_GUARD_SET_H
#define AIRE_SECURITY_GUARD_SET_H

#include "io/http_url.h"
#include "io/tls.h"
#include "security/guard.h"
#include "security/guard_rules.h"
#include "security/guard_settings.h"
#include "security/pii.h"
#include "security/screen.h"

/* One finder with what follows from its findings. */
struct guard_probe {
    struct finder finder;
    enum guard_id guard;
    enum mode mode;
    enum verdict verdict;               /* NOTE, REDACT or BLOCK */
    struct str (*rule)(uint16_t kind);  /* name in findings */
    struct str (*label)(uint16_t kind); /* in placeholders */
    const struct guard_rules *rules;    /* set: mode, verdict and name are each rule's own */
};

/* Probes that change or stop the text, in front; behind them those that only note. The two never
 * share a region: what is noted must not swallow what is redacted. */
struct guard_probes {
    struct guard_probe items[SCREEN_FINDERS_MAX];
    struct finder finders[SCREEN_FINDERS_MAX];
    size_t count;
};

/* An external judge. */
struct guard_hook {
    struct hook_conf conf;
    struct http_url url;
    struct tls_client *tls; /* NULL: plain http */
};

struct guard_side {
    enum mode modes[GUARDS];
    struct guard_probes acting;
    struct guard_probes noting;
    const struct guard_rules *rules;
    bool output;
    bool restores; /* placeholders become values again on the way to the user */
    double injection_threshold;
    uint64_t length_max;
    double leak_threshold;
    bool canary;
    struct guard_hook opinion;
    struct guard_hook webhook;
};

struct guard_set {
    struct str name;
    struct guard_side input;
    struct guard_side output;
};

struct guard_sources {
    const struct settings_load *settings;
    /* Reads a file named in the configuration, relative to it. */
    enum err (*read)(void *object, struct str path, struct buf *to);
    void *object;
};

/* `node` is the set's part of the file, or NULL: all defaults. Faults name the place. */
enum err guard_set_load(const struct guard_sources *sources, struct str name,
                        const struct yaml *node, struct guard_set **set) MUST_USE;

/* What follows from one of its findings. */
struct guard_consequence {
    enum mode mode;
    enum verdict verdict;
    struct str rule;
    bool unjudged; /* the finder could not tell: as good as a finding that blocks */
};
struct guard_consequence guard_consequence(const struct guard_probe *probe, uint16_t kind);
struct str guard_label(const struct guard_probe *probe, uint16_t kind);
/* The side's rules that are expressions, on a whole text. */
void guard_rules_tell(const struct guard_side *side, struct str text, uint32_t number,
                      struct arena *arena, struct guard_report *report);

/* Does this side change or stop texts? Else it only watches, or does nothing. */
bool guard_side_acts(const struct guard_side *side);
bool guard_side_watches(const struct guard_side *side);

#endif
