/* SPDX-License-Identifier: Apache-2.0
 * hierarchy.h - who may instruct whom (standard S6): system over developer over user over tool
 * result over retrieved text. A lower rank may not change what a higher one set: the roles of the
 * conversation, the tools on offer, the form of the answer.
 *
 * These are violations of form, decided without a model: a message that speaks for a higher rank, a
 * call of a tool that nobody offered. What a text asks for in plain words is the injection
 * guardrail's.
 */
#ifndef AIRE_SECURITY_HIERARCHY_H
#define AIRE_SECURITY_HIERARCHY_H

#include "base/str.h"
#include "domain/provenance.h"

#include <stdbool.h>

/* Does a text of this rank speak for a higher one? The rule it breaks, "" when it breaks none:
 * "role_marker" (a line that begins like a message of another role), "role_message" (a message of a
 * higher role as JSON), "tool_choice" or "answer_form" (a member that only a request's own level
 * may set). `start` and `end` tell where. */
struct str hierarchy_text(struct str text, enum provenance provenance, size_t *start, size_t *end);

/* Texts in order: does a system or developer message follow on one of a lower rank? */
struct hierarchy_order {
    bool lower; /* one of a lower rank has come */
    bool late;  /* and a higher one behind it */
};
void hierarchy_next(struct hierarchy_order *order, enum provenance provenance);

#endif
