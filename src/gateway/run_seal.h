/* SPDX-License-Identifier: Apache-2.0
 * run_seal.h - the bodies of runs as they are kept: packed, then sealed under a run's data key.
 */
#ifndef AIRE_GATEWAY_RUN_SEAL_H
#define AIRE_GATEWAY_RUN_SEAL_H

#include "base/pack.h"
#include "security/keyring.h"

/* What they are, bound to the sealed bytes. */
#define RUN_ANSWER STR("answer of a step")
#define RUN_PART   STR("part of a request")

/* In the arena. Without a packer one is made for it. */
struct str run_seal(struct keyring *keyring, struct packer *packer, const struct data_key *key,
                    struct str what, struct str plain, struct arena *arena);
/* Appends the plain bytes. CORRUPT: they do not open, or are more than the buffer takes. */
enum err run_unseal(const struct data_key *key, struct str what, struct str sealed,
                    struct buf *to) MUST_USE;

#endif
