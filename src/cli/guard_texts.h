/* SPDX-License-Identifier: Apache-2.0
 * guard_texts.h - texts of four kinds to measure guardrails with: prose, code, several languages,
 * attacks. Grammars (text/grammar.h) in the program make them, the same bytes everywhere.
 */
#ifndef AIRE_CLI_GUARD_TEXTS_H
#define AIRE_CLI_GUARD_TEXTS_H

#include "base/buf.h"

enum guard_text_kind { TEXT_PROSE, TEXT_CODE, TEXT_MULTILINGUAL, TEXT_ATTACKS, TEXT_KINDS };
extern const char *const guard_text_names[TEXT_KINDS];

/* Appends whole samples until there are at least so many bytes. LIMIT: the buffer's. */
enum err guard_text_make(enum guard_text_kind kind, size_t bytes, struct buf *to) MUST_USE;

#endif
