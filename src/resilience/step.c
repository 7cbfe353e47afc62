/* SPDX-License-Identifier: Apache-2.0
 * step.c - names, and which ids are some. */
#include "resilience/step.h"

const char *step_kind_name(enum step_kind kind)
{
    static const char *const names[] = {"model",    "tool", "timer", "signal",
                                        "approval", "code", "child", "join"};
    return names[kind];
}

const char *step_effect_name(enum step_effect effect)
{
    static const char *const names[] = {"read", "idempotent", "keyed", "unsafe"};
    return names[effect];
}

const char *step_state_name(enum step_state state)
{
    static const char *const names[] = {"intent", "done", "in_doubt", "skipped", "failed"};
    return names[state];
}

const char *run_state_name(enum run_state state)
{
    static const char *const names[] = {"open", "done", "failed", "cancelled", "diverged", "dead"};
    return names[state];
}

static bool is_alnum(char byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

bool run_id_is_valid(struct str id)
{
    bool valid = id.len > 0 && id.len <= RUN_ID_BYTES_MAX && is_alnum(id.at[0]);
    for (size_t i = 0; i < id.len && valid; i++) {
        char byte = id.at[i];
        valid = is_alnum(byte) || byte == '.' || byte == '_' || byte == ':' || byte == '-';
    }
    return valid;
}

bool step_key_is_valid(struct str key)
{
    bool valid = key.len > 0 && key.len <= STEP_KEY_BYTES_MAX;
    for (size_t i = 0; i < key.len && valid; i++) {
        valid = key.at[i] > ' ' && key.at[i] < 0x7f;
    }
    return valid;
}
