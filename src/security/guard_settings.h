/* SPDX-License-Identifier: Apache-2.0
 * guard_settings.h - `guardrails:` of aire.yaml: named sets of guardrails, each with an input and
 * an output side (standard S3, S4, S6, S7).
 *
 * What a set does not name keeps its default: what only looks or stops is on (sanitize, injection),
 * what edits content observes (pii, secrets, prompt_leak), what needs to be told is off.
 */
#ifndef AIRE_SECURITY_GUARD_SETTINGS_H
#define AIRE_SECURITY_GUARD_SETTINGS_H

#include "config/settings.h"
#include "domain/verdict.h"

enum guard_action { ACTION_NOTE, ACTION_REDACT, ACTION_BLOCK };
#define ACTION_CHOICES "note|redact|block"

struct mode_conf {
    uint64_t mode;
};

struct hook_conf {
    uint64_t mode;
    struct str url;
    uint64_t timeout_ms;
    uint64_t on_error; /* 0 closed: blocks; 1 open: lets pass. Both say not evaluated */
    uint64_t text_max; /* bytes it is shown at most */
};

struct injection_conf {
    uint64_t mode;
    double threshold;
    struct hook_conf second_opinion;
};

struct pii_conf {
    uint64_t mode;
    uint64_t action;
    uint64_t restore; /* 0 user, 1 none */
    struct settings_texts entities;
    const struct yaml *each; /* entity: action */
};

struct secrets_conf {
    uint64_t mode;
    uint64_t action;
};

struct profanity_conf {
    uint64_t mode;
    uint64_t action;
    struct settings_texts languages;
};

struct length_conf {
    uint64_t mode;
    uint64_t max;
};

struct rules_conf {
    uint64_t mode;
    struct str file;
};

struct leak_conf {
    uint64_t mode;
    double threshold;
    bool canary;
};

struct guard_input_conf {
    struct injection_conf injection;
    struct pii_conf pii;
    struct secrets_conf secrets;
    struct mode_conf sanitize;
    struct mode_conf hierarchy;
    struct profanity_conf profanity;
    struct length_conf length;
    struct rules_conf rules;
    struct hook_conf webhook;
};

struct guard_output_conf {
    struct pii_conf pii;
    struct secrets_conf secrets;
    struct leak_conf prompt_leak;
    struct mode_conf hierarchy;
    struct profanity_conf profanity;
    struct length_conf length;
    struct rules_conf rules;
    struct hook_conf webhook;
};

struct guardrails_conf {
    struct guard_input_conf input;
    struct guard_output_conf output;
};

extern const struct section guardrails_section; /* "guardrails.NAME" */

#endif
