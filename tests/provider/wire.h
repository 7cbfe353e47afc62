/* SPDX-License-Identifier: Apache-2.0
 * wire.h - a provider on a real loop and a raw client beside it, for tests that look at bytes.
 *
 * The client is a plain non-blocking socket that knows nothing of the code under test. Everything
 * runs on one thread; waiting is turning the loop.
 */
#ifndef AIRE_TESTS_PROVIDER_WIRE_H
#define AIRE_TESTS_PROVIDER_WIRE_H

#include "provider/provider.h"
#include "sys/net.h"
#include "json/json.h"
#include "json/json_path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_PATIENCE_NS (10 * NS_PER_S) /* a hang fails the test instead of the suite */

struct rig {
    struct env env;
    struct loop *loop;
    struct provider *provider;
    struct arena *arena;
};

struct answered {
    struct str raw;
    unsigned status;
    struct str head; /* with the status line, without the empty line */
    struct str body; /* without chunk framing */
    bool chunked;
    bool framed; /* the body was complete according to its framing */
    int error;   /* errno of the read that ended it, 0: end of stream */
    bool open;   /* nothing came any more, but the connection stands */
};

void rig_start(struct rig *rig, const char *script,
               const char *key); /* fails the test if it cannot */
void rig_end(struct rig *rig);

int wire_open(struct rig *rig);
void wire_send(struct rig *rig, int sock, struct str bytes);
/* Bytes until the end of the stream, an error, or `quiet_ms` without any (0: patience). */
struct answered wire_receive(struct rig *rig, int sock, uint64_t quiet_ms);
struct str wire_field(const struct answered *answered, const char *name);
/* Takes the raw bytes apart; interim answers are skipped. */
void wire_read(struct rig *rig, struct answered *answered);
struct answered wire_ask(struct rig *rig, struct str request, uint64_t quiet_ms);
struct str wire_request(struct rig *rig, const char *line, const char *fields, struct str body);
/* POST, with the connection closed behind the answer. */
struct answered post(struct rig *rig, const char *path, const char *body);
struct answered get(struct rig *rig, const char *path, const char *fields);

/* ---- JSON and events ---- */

struct json json_of(struct rig *rig, struct str text);
/* The raw text at an RFC 6901 pointer, "" when nothing is there. */
struct str at(struct rig *rig, struct str text, const char *pointer);
struct str text_at(struct rig *rig, struct str text, const char *pointer);

#define assert_at(rig, text, pointer, expected)                                                    \
    do {                                                                                           \
        struct str got_ = at((rig), (text), (pointer));                                            \
        if (!str_equal(got_, str_of(expected))) {                                                  \
            fail_msg("%s is " STR_FMT, (pointer), STR_ARG(str_cut(got_, 0, 300)));                 \
        }                                                                                          \
    } while (0)

struct events {
    struct str names[1024];
    struct str data[1024];
    size_t count;
};

/* An event stream with LF line ends, one `event` and one `data` line each at most. */
struct events events_of(struct str body);

#endif
