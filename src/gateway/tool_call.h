/* SPDX-License-Identifier: Apache-2.0
 * tool_call.h - one call of a tool: what is called, under which key, and whether it may be repeated
 * (standard R3; RFC 9110, section 9.2.2).
 *
 * Idempotency keys. After tool_call_read, x->tool.key is the client's own where the action says to
 * look for one, else "". A stage may set it to a key of its own before upstream_begin; where the
 * action declares a place and it is still empty, the first attempt makes a random one. All attempts
 * of an exchange carry the same. A stage's key of an action that declares no place goes as
 * Idempotency-Key, unless the client sent a field of that name.
 */
#ifndef AIRE_GATEWAY_TOOL_CALL_H
#define AIRE_GATEWAY_TOOL_CALL_H

#include "gateway/stage.h"

#define TOOL_KEY_BYTES_MAX 256 /* of a client's own key; a longer one is refused */

/* The interpret stage of a tool: finds tool and action at the head; the body, once it is there, as
 * JSON where it is JSON. */
enum flow tool_call_read(struct exchange *x);
/* The key for this attempt is in x->tool.key, and as an edit in a JSON body. */
void tool_call_key(struct exchange *x, struct json_edit *edit);
/* The header field that carries it; "": none does. */
struct str tool_call_key_field(const struct exchange *x);
/* May the call be sent again after x->failed.kind? */
bool tool_call_repeats(const struct exchange *x);
/* Is it unknown whether a call that does something has happened? */
bool tool_call_in_doubt(const struct exchange *x);

#endif
