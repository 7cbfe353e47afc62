/* SPDX-License-Identifier: Apache-2.0
 * cut_proxy.h - stands between a client and a PostgreSQL server on loopback and cuts the connection
 * at a COMMIT.
 *
 * One thread, a few connections. TLS is not understood: a loopback server of the tests offers none.
 */
#ifndef AIRE_TESTS_CUT_PROXY_H
#define AIRE_TESTS_CUT_PROXY_H

enum cut {
    CUT_REQUEST,  /* the server never sees the COMMIT */
    CUT_ANSWER,   /* it commits, the client never hears of it */
    CUT_FOR_GOOD, /* likewise, and nobody can connect from then on */
};

struct cut_proxy;

struct cut_proxy *cut_proxy_start(int server_port);
int cut_proxy_port(const struct cut_proxy *proxy);
void cut_proxy_arm(struct cut_proxy *proxy, enum cut cut); /* for the next COMMIT */
int cut_proxy_cuts(struct cut_proxy *proxy);
void cut_proxy_stop(struct cut_proxy *proxy);

#endif
