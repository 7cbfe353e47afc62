/* SPDX-License-Identifier: Apache-2.0
 * signing.h - what the store's history is signed with: an Ed25519 key whose seed is a data key of
 * the keyring, so that rotating the master key wraps it anew like all others.
 *
 * Its name, which is the origin of the checkpoints (crypto/checkpoint.h), is the data key's id:
 * "aire/" and 16 random digits, so that no two logs share one.
 */
#ifndef AIRE_APP_SIGNING_H
#define AIRE_APP_SIGNING_H

#include "security/keyring.h"

/* Finds the key or makes the first one; the store signs from then on. Blocks. NOT_FOUND: the key is
 * under a master key that is not here. */
enum err signing_open(struct keyring *keyring, struct store *store, const struct env *env,
                      struct fault *fault) MUST_USE;

#endif
