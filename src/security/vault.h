/* SPDX-License-Identifier: Apache-2.0
 * vault.h - reversible redaction (standard S7): values of one session and the placeholders that
 * stand for them.
 *
 * A placeholder reads [[LABEL_tag]], where the tag is 50 bits of HMAC-SHA-256 under the session's
 * key over label and value: the same value has the same placeholder in a session, and nobody
 * without the key can forge or guess one. Letters, digits, brackets and an underscore only: safe in
 * JSON, XML and Markdown. It is recognised leniently (any case, one or no brackets, spaces within
 * them, an escaped underscore), since models are careless.
 *
 * Exchanges of one session may run on several threads, so a vault may be used from all of them.
 * Entries stay until it is freed; their values are wiped then.
 */
#ifndef AIRE_SECURITY_VAULT_H
#define AIRE_SECURITY_VAULT_H

#include "base/err.h"
#include "crypto/seal.h"
#include "security/finder.h"

#define VAULT_ENTRIES_MAX     10000
#define VAULT_BYTES_MAX       ((size_t)4 << 20) /* of all values */
#define VAULT_LABEL_MAX       40
#define VAULT_PLACEHOLDER_MAX 96

struct vault;

struct vault *vault_new(const struct seal_key *key);
void vault_free(struct vault *vault); /* NULL is fine */
size_t vault_count(const struct vault *vault);

/* The placeholder of a value, made when it is new; lives as long as the vault. The label is of
 * capital letters and underscores. LIMIT beyond the limits above. */
enum err vault_placeholder(struct vault *vault, struct str label, struct str value,
                           struct str *placeholder) MUST_USE;
/* Finds placeholders of this vault; a span's kind is for vault_value. */
struct finder vault_finder(const struct vault *vault);
struct str vault_value(const struct vault *vault, uint16_t kind);
/* Did its value stand as a bare JSON number? */
bool vault_is_number(const struct vault *vault, uint16_t kind);

/* Finds what looks like a placeholder, of whatever vault: in a user's words it is replaced itself
 * (label TEXT), so that restoring gives back what was written. The other one finds the tags of this
 * vault wherever they stand, for what is hidden beside one may make it look like a placeholder:
 * with it restore(redact(x)) == x for any x. */
extern const struct finder placeholder_finder;
struct finder vault_forgery_finder(const struct vault *vault);

size_t vault_bytes(const struct vault *vault); /* about what it holds in memory */

/* The entries from number `from` on as bytes, `count` is how many entries there were then; and
 * back: what is sealed for the store. Entries that are there already may come again. INVALID: not
 * such bytes. */
enum err vault_save(const struct vault *vault, size_t from, struct buf *to, size_t *count) MUST_USE;
enum err vault_load(struct vault *vault, struct str bytes) MUST_USE;

#endif
