/* SPDX-License-Identifier: Apache-2.0
 * reset.h - makes the coming close of a real socket abortive: the peer sees RST instead of FIN. For
 * the built-in provider's faults.
 */
#ifndef AIRE_SYS_RESET_H
#define AIRE_SYS_RESET_H

#include "sys/env.h"

/* Nothing happens for sockets of another net than the real one. */
void reset_on_close(const struct env *env, int sock);

#endif
