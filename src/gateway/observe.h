/* SPDX-License-Identifier: Apache-2.0
 * observe.h - the closing event of an exchange. */
#ifndef AIRE_GATEWAY_OBSERVE_H
#define AIRE_GATEWAY_OBSERVE_H

#include "gateway/exchange.h"

/* Appends exchange_ended, and what the route's capture asks for, to the record; once. */
void observe_emit(struct exchange *x);

#endif
