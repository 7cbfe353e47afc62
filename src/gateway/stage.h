/* SPDX-License-Identifier: Apache-2.0
 * stage.h - the shape of every step that an exchange passes.
 *
 * A stage translates between the exchange and one pillar function. It judges by raising the
 * verdict; only sources (replay, cache, rules, people, refusals of identity and form) reply. The
 * runner alone acts on verdicts. Callbacks are optional. `state` is `state_size` zeroed bytes of
 * the exchange.
 */
#ifndef AIRE_GATEWAY_STAGE_H
#define AIRE_GATEWAY_STAGE_H

#include "gateway/exchange.h"

enum flow {
    FLOW_NEXT, /* go on */
    FLOW_WAIT, /* something is under way; pipeline_resume calls the same callback again */
    FLOW_REPLY /* the exchange has been answered (or refused) */
};

/* Does a stage judge the texts of this exchange's stream? Holding: they wait for stream_clear. */
enum judging { JUDGES_NOT, JUDGES_WATCHING, JUDGES_HOLDING };
#define JUDGE_WATCHES UINT32_MAX /* the number of a judge that holds nothing */

struct stage {
    const char *name;
    size_t state_size;
    enum flow (*on_request)(struct exchange *x, void *state);
    /* Before an attempt at x->target: may add edits to its request. */
    void (*on_attempt)(struct exchange *x, void *state, struct json_edit *edit);
    /* Asked once, when the path begins; NULL with on_delta: it holds. */
    enum judging (*judges)(struct exchange *x, void *state);
    /* A judge of the answer's text: sees each delta of a stream (still escaped) in order, edits it
     * with stream_edit and clears what may leave with stream_clear(&x->stream, judge, key, bytes).
     */
    void (*on_delta)(struct exchange *x, void *state, uint32_t judge, uint64_t key,
                     const struct delta *delta);
    /* All channels of a group (GROUPS_ALL: of all) are complete: nothing may be held any longer. */
    void (*on_close)(struct exchange *x, void *state, uint32_t judge, uint32_t group);
    /* A whole JSON document of the answer: a plain body, or an event that says whole texts. May add
     * edits, whose bytes live in the exchange's arena. */
    void (*on_answer)(struct exchange *x, void *state, const struct json *json,
                      struct json_edit *edit);
    /* The answer is complete and nothing of its end has left. */
    enum flow (*on_response)(struct exchange *x, void *state);
    /* There will be no answer: before the client is told, who may come again on another loop at
     * once. */
    void (*on_failed)(struct exchange *x, void *state);
    void (*on_gone)(struct exchange *x, void *state); /* the client left, the exchange goes on */
    void (*on_end)(struct exchange *x, void *state);  /* exactly once */
};

/* Key of a delta's channel in the stream. */
static inline uint64_t delta_channel(const struct delta *delta)
{
    return ((uint64_t)delta->kind << 32) | delta->index;
}

#endif
