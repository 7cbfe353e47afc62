/* SPDX-License-Identifier: Apache-2.0
 * fleeting.h - words of a text that change from one run of the same program to the next: dates and
 * times of day, moments as counts of seconds or milliseconds since 1970, UUIDs, addresses of
 * memory.
 *
 * Two texts that differ in such words only have the same folded form: each becomes one mark.
 * Recognised: 2026-11-25, with or without T or space and 08:30:00(.123)(Z, +01:00); 08:30:00; 25
 * Nov 2026, November 25, 2026; 10 or 13 digits that begin with 1; UUIDs in their 8-4-4-4-12 form;
 * 0x and 6 to 16 hexadecimal digits. Other numbers stay: an amount is no fleeting word.
 */
#ifndef AIRE_TEXT_FLEETING_H
#define AIRE_TEXT_FLEETING_H

#include "base/arena.h"

#define FLEETING_MARK "\x01" /* stands in no text that a person wrote */

/* The text itself where nothing is fleeting, else a copy in the arena. */
struct str fleeting_fold(struct str text, struct arena *arena);

#endif
