/* SPDX-License-Identifier: Apache-2.0
 * provenance.h - where a text came from, in falling rank: what a lower one says may not overrule
 * what a higher one set (instruction hierarchy, standard S6).
 */
#ifndef AIRE_DOMAIN_PROVENANCE_H
#define AIRE_DOMAIN_PROVENANCE_H

enum provenance {
    PROVENANCE_SYSTEM,
    PROVENANCE_DEVELOPER,
    PROVENANCE_USER,
    PROVENANCE_ASSISTANT, /* what the model said before: of no rank of its own */
    PROVENANCE_TOOL_RESULT,
    PROVENANCE_RETRIEVED,
    PROVENANCE_UNKNOWN
};
#define PROVENANCES 7

static inline const char *provenance_name(enum provenance provenance)
{
    static const char *const names[] = {"system",      "developer", "user",   "assistant",
                                        "tool_result", "retrieved", "unknown"};
    return names[provenance];
}

#endif
