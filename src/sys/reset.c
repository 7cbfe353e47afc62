/* SPDX-License-Identifier: Apache-2.0
 * reset.c - SO_LINGER with a zero timeout discards unsent data and resets (tcp(7), socket(7)).
 */
#include "sys/reset.h"

#include "sys/net.h"

#include <sys/socket.h>

void reset_on_close(const struct env *env, int sock)
{
    if (env->net == &net_real) {
        struct linger abortive = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(sock, SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
    }
}
