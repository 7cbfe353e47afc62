/* SPDX-License-Identifier: Apache-2.0
 * guard_output.h - the guardrails of a set on the texts of one answer: each text is a channel that
 * arrives in pieces or at once (standard S4, S7).
 *
 * What a channel has judged lies below its mark; the edits below it come in order, redactions of
 * what must not leave and placeholders that become the user's own values again. Restored words are
 * not judged again. The same text gives the same edits for every cut.
 */
#ifndef AIRE_SECURITY_GUARD_OUTPUT_H
#define AIRE_SECURITY_GUARD_OUTPUT_H

#include "security/guard_set.h"
#include "security/leak.h"
#include "security/vault.h"

#define GUARD_SEEN_MAX 256 /* findings are counted once, however often an answer repeats itself */

struct guard_output {
    const struct guard_side *side;
    struct arena *arena;
    struct vault *vault; /* NULL: nothing is restored */
    struct leak *leak;   /* NULL: no system prompt that could leak */
    struct guard_report report;
    struct finder acting[SCREEN_FINDERS_MAX]; /* the side's, and the vault's as the last */
    size_t acting_count;
    uint64_t text_bytes;
    uint64_t seen[GUARD_SEEN_MAX];
    size_t seen_count;
};

/* All arguments are borrowed. */
void guard_output_init(struct guard_output *output, const struct guard_side *side,
                       struct vault *vault, struct leak *leak, struct arena *arena);

struct guard_edit {
    uint64_t from; /* bytes of the channel's decoded text */
    uint64_t to;
    struct str with; /* decoded; of a JSON channel escaped for the JSON it stands in */
    bool number;     /* stands for a JSON number: where the whole string is replaced, unquote it */
};

struct guard_channel {
    struct guard_output *output;
    struct screen acting;
    struct screen noting;
    uint32_t told_acting; /* finders of the open region that were told, a bit each */
    uint32_t told_noting;
    uint32_t number;
    bool json;  /* the text is JSON: arguments of a tool; must come whole */
    bool leaks; /* it is looked for the system prompt in it */
    struct leak_walk walk;
    uint64_t walk_base; /* bytes of the channel's text in front of the walk's */
};

void guard_channel_init(struct guard_channel *channel, struct guard_output *output,
                        uint32_t number);
void guard_channel_end(struct guard_channel *channel);
/* All edits must have been taken. LIMIT: the piece is too large (nothing more is judged). */
enum err guard_channel_feed(struct guard_channel *channel, struct str piece, bool final) MUST_USE;
bool guard_channel_next(struct guard_channel *channel, struct guard_edit *edit);
/* Bytes of its text that may leave once the edits were taken. */
uint64_t guard_channel_mark(const struct guard_channel *channel);

#endif
