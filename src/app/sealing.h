/* SPDX-License-Identifier: Apache-2.0
 * sealing.h - the keyring of a data folder, as the configuration places its master key.
 */
#ifndef AIRE_APP_SEALING_H
#define AIRE_APP_SEALING_H

#include "security/keyring.h"

/* `config` NULL: none. A file that is not there is made when `made` is not NULL, which then says
 * so; otherwise NOT_FOUND. Of a configuration that cannot be read keys.master is all that matters
 * here. */
enum err sealing_open(const struct env *env, const char *config, const char *data, bool *made,
                      struct keyring **keyring, struct fault *fault) MUST_USE;

#endif
