/* SPDX-License-Identifier: Apache-2.0
 * identity.h - keys: who holds them, and what they bind (tenant, principal, agent, limits).
 *
 * A key reads aire_ID_SECRET (ID 12 base62 characters, SECRET 32: 190 bits). Only SHA-256 of the
 * whole key is kept; it is shown once. The registry is process-wide and read by all loops: entries
 * are immutable and live until identity_free, so a revoked key stops working at the next look-up
 * while running exchanges keep their entry. That is why revoked ones count against
 * IDENTITY_KEYS_MAX until a restart.
 */
#ifndef AIRE_SECURITY_IDENTITY_H
#define AIRE_SECURITY_IDENTITY_H

#include "base/arena.h"
#include "crypto/digest.h"
#include "domain/principal.h"
#include "security/limits.h"
#include "store/store.h"
#include "sys/env.h"

struct key_entry {
    struct str id;
    struct digest hash;
    struct principal principal;
    struct limit_rule limits; /* of this principal; zero members: not set */
    int64_t created_us;
    int64_t expires_us; /* 0: never */
    bool revoked;
    bool admin; /* may use /api */
};

struct identity;
#define IDENTITY_KEYS_MAX 100000
#define KEY_TEXT_BYTES    64

struct identity *identity_new(const uint64_t seed[2]);
void identity_free(struct identity *identity); /* NULL is fine */

extern const struct schema identity_schema; /* table keys */

/* Reads all keys from the store, before serving; revoked ones are left there. */
enum err identity_load(struct identity *identity, struct store *store) MUST_USE;
/* Makes a new key: `text` receives it (the only time), `unit` the durable step (in `arena`; the
 * caller adds home and done). The registry knows it after identity_add, to be called once the unit
 * is durable. INVALID: a tenant, name or agent that is none. */
enum err identity_make(const struct env *env, const struct key_entry *wanted, struct arena *arena,
                       char text[KEY_TEXT_BYTES], struct key_entry *made,
                       struct store_unit *unit) MUST_USE;
enum err identity_add(struct identity *identity,
                      const struct key_entry *entry) MUST_USE; /* EXISTS */
/* Committing it gives NOT_FOUND when there is no such key or it is revoked already. */
void identity_revoke_unit(struct str id, struct wall now, struct arena *arena,
                          struct store_unit *unit);
enum err identity_revoke(struct identity *identity, struct str id) MUST_USE; /* NOT_FOUND */

/* The entry of a presented key, valid while the identity lives; NULL when unknown, wrong, revoked
 * or expired (the reasons are not told apart to the client). Constant time in the secret. */
const struct key_entry *identity_check(struct identity *identity, struct str key, struct wall now);
size_t identity_count(struct identity *identity);
/* Was a key ever made, revoked ones included? Then keyless service is over: revoking the last key
 * must not open a door. */
bool identity_ever(struct identity *identity); /* keys that are not revoked */

/* For commands: all keys from a store, in an arena, oldest first. */
enum err identity_list(struct store *store, struct arena *arena, struct key_entry **entries,
                       size_t *count) MUST_USE;

#endif
