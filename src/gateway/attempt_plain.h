/* SPDX-License-Identifier: Apache-2.0
 * attempt_plain.h - the end of an attempt whose answer is no stream.
 *
 * Inside the gateway only, for attempt.c.
 */
#ifndef AIRE_GATEWAY_ATTEMPT_PLAIN_H
#define AIRE_GATEWAY_ATTEMPT_PLAIN_H

#include "gateway/attempt.h"
#include "json/json_edit.h"

/* The body is there: it answers, or the attempt has failed. */
void attempt_finish_plain(struct attempt *attempt);
/* A tool's answer is its own, whatever it says, unless the tool itself failed. */
bool attempt_is_answer(const struct attempt *attempt);
/* Judges a whole JSON document of the answer; false: it was stopped. */
bool attempt_judge_document(struct exchange *x, const struct json *json, struct json_edit *edit);

#endif
