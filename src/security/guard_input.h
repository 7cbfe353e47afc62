/* SPDX-License-Identifier: Apache-2.0
 * guard_input.h - the guardrails of a set on the texts of a request (standard S3, S6, S7).
 *
 * One call judges all texts; it takes time in proportion to their bytes, touches nothing but what
 * it is given, and may run on any thread. The result is a report and edits of the decoded texts, in
 * order: sanitised characters, placeholders for what must not reach the model.
 */
#ifndef AIRE_SECURITY_GUARD_INPUT_H
#define AIRE_SECURITY_GUARD_INPUT_H

#include "security/guard_set.h"
#include "security/injection.h"
#include "security/vault.h"

enum guard_text_form {
    GUARD_TEXT,
    GUARD_TEXT_JSON,  /* JSON in a string: a number that is replaced becomes a string in it */
    GUARD_TEXT_KEY,   /* a member's name */
    GUARD_TEXT_NUMBER /* a bare number; its edit covers all of it and is a JSON string's inside */
};

struct guard_text {
    struct str text; /* decoded */
    enum provenance provenance;
    enum guard_text_form form;
};

struct guard_input_edit {
    uint32_t text; /* number of the text */
    size_t from;   /* bytes of the decoded text */
    size_t to;
    struct str with; /* decoded */
};

#define GUARD_EDITS_MAX                                                                            \
    3000 /* of one request; beyond it the guardrail has not evaluated it all                       \
          */

struct guard_input {
    const struct guard_side *side;
    const struct injection_model *model;
    struct vault *vault; /* of the session, or of the exchange alone; NULL: the texts must not
                            change, and what would be redacted is noted */
    struct arena *arena;
    const struct guard_text *texts;
    size_t count;
    bool late; /* a message of a high rank follows on one of a lower rank */
    /* results */
    struct guard_report report;
    struct guard_input_edit *edits;
    size_t edit_count;
    size_t edit_room;
};

/* What stands above the results is given, the rest is zero. */
void guard_input_judge(struct guard_input *input);

#endif
