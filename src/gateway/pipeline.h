/* SPDX-License-Identifier: Apache-2.0
 * pipeline.h - the runner: passes an exchange through the stages of pipeline.def and acts on
 * verdicts at fixed points (before an attempt, before release).
 */
#ifndef AIRE_GATEWAY_PIPELINE_H
#define AIRE_GATEWAY_PIPELINE_H

#include "gateway/stage.h"

/* Bytes of all stages' states together. */
size_t pipeline_state_bytes(void);
/* Asks the stages who judges the answer of x; the number of those that it waits for. */
uint32_t pipeline_judges(struct exchange *x);

/* Runs request stages from x->stage on; then, unless a stage waits or replied, begins upstream. */
void pipeline_request(struct exchange *x);
void pipeline_attempt(struct exchange *x, struct json_edit *edit);
/* False: a judge stopped the answer; so do the other two. */
bool pipeline_delta(struct exchange *x, const struct delta *delta) MUST_USE;
bool pipeline_close(struct exchange *x, uint32_t group) MUST_USE;
bool pipeline_answer(struct exchange *x, const struct json *json, struct json_edit *edit) MUST_USE;
/* Runs answer stages; when all are content, calls upstream_release. */
void pipeline_response(struct exchange *x);
/* Goes on where a stage waited. */
void pipeline_resume(struct exchange *x);
void pipeline_failed(struct exchange *x);
void pipeline_gone(struct exchange *x);
void pipeline_end(struct exchange *x);

/* Tests put a judge of their own at the end of the pipeline; NULL takes it away. Not for serving.
 */
void pipeline_set_extra(const struct stage *stage);

#endif
