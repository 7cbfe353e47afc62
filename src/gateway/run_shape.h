/* SPDX-License-Identifier: Apache-2.0
 * run_shape.h - what a call of a run asks, as digests: by them the journal knows its step again.
 *
 * exact: method, path, query and the canonical body without what the configuration masks. loose:
 * the same call by what decides the answer of a model (its conversation, with fleeting words
 * folded; for other calls the whole body, folded). sort: the kind of call - endpoint, model and
 * whether it streams, or the tool's path. All are keyed with the run's key.
 */
#ifndef AIRE_GATEWAY_RUN_SHAPE_H
#define AIRE_GATEWAY_RUN_SHAPE_H

#include "gateway/exchange.h"
#include "resilience/step.h"

void run_shape(const struct exchange *x, const struct seal_key *key, struct step_call *call);
/* The digest of a text that says a call, for callers who make their own. */
struct run_digest run_shape_digest(const struct seal_key *key, struct str text);
/* What a list of steps shows for it: the model, or the tool's path. */
struct str run_shape_name(const struct exchange *x);

#endif
