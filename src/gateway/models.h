/* SPDX-License-Identifier: Apache-2.0
 * models.h - GET /v1/models: the routes of the configuration, as either family's clients read them.
 */
#ifndef AIRE_GATEWAY_MODELS_H
#define AIRE_GATEWAY_MODELS_H

#include "gateway/exchange.h"

/* Answers from the generation; `anthropic` chooses the shape. */
void models_reply(struct exchange *x, bool anthropic);

#endif
