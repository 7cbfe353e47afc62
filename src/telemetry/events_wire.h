/* SPDX-License-Identifier: Apache-2.0
 * events_wire.h - the stored form of an event, shared by its writer and its reader.
 *
 *   event  = number:varint  at_us:8 bytes, little endian  count:varint  field*count
 *   field  = wire:byte  value      (fields by position; a reader skips those it does not know)
 * Texts that are personal may stand apart, one behind the other as length:varint, bytes, so that
 * they can be sealed by themselves.
 * Varints are little endian groups of 7 bits, the top bit says that more follow; signed numbers are
 * zigzag: 0, -1, 1, -2 become 0, 1, 2, 3.
 */
#ifndef AIRE_TELEMETRY_EVENTS_WIRE_H
#define AIRE_TELEMETRY_EVENTS_WIRE_H

#include "telemetry/events.h"

enum wire {
    WIRE_ZERO,   /* nothing follows: 0, false, "" */
    WIRE_NUMBER, /* varint */
    WIRE_SIGNED, /* zigzag varint */
    WIRE_REAL,   /* 8 bytes of an IEEE double, little endian */
    WIRE_BYTES,  /* length:varint, bytes */
    WIRE_APART,  /* nothing follows: a text, which stands in the personal part */
    WIRE_COUNT
};

/* What a field's kind is stored as, when it is not zero. */
static inline enum wire wire_of(enum field_kind kind)
{
    static const enum wire of[] = {
        [FIELD_str] = WIRE_BYTES,   [FIELD_u64] = WIRE_NUMBER,      [FIELD_i64] = WIRE_SIGNED,
        [FIELD_us] = WIRE_NUMBER,   [FIELD_microusd] = WIRE_SIGNED, [FIELD_real] = WIRE_REAL,
        [FIELD_flag] = WIRE_NUMBER,
    };
    return of[kind];
}

/* Bytes of a member in struct event_NAME; see events.h. */
static inline size_t wire_member_bytes(enum field_kind kind)
{
    return kind == FIELD_str ? sizeof(struct str) : 8;
}
#define WIRE_FIRST_MEMBER 8 /* behind event_begin_ */

#endif
