/* SPDX-License-Identifier: Apache-2.0
 * env.c - the real world: two clocks, the kernel's entropy, log lines to standard error.
 */
#include "sys/env.h"

#include "base/must.h"
#include "sys/net.h"
#include "sys/os.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static struct instant real_instant(void *object)
{
    struct timespec now;
    (void)object;
    must(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (struct instant){(uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
}

static struct wall real_wall(void *object)
{
    struct timespec now;
    (void)object;
    must(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (struct wall){(int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000};
}

static void real_entropy(void *object, void *to, size_t bytes)
{
    unsigned char *at = to;
    (void)object;
    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);
        /* Without entropy no key, nonce or hash seed is safe: there is nothing to fall back to. */
        must(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            bytes -= (size_t)got;
        }
    }
}

static void print_log(void *object, struct str line)
{
    (void)object;
    /* A log that nobody can read must not stop the service. */
    enum err ignored = os_write_all(STDERR_FILENO, line);
    (void)ignored;
}

static const struct clock_ops clock_real = {real_instant, real_wall};
static const struct entropy_ops entropy_real = {real_entropy};

void env_init_real(struct env *env)
{
    *env = (struct env){
        .clock = &clock_real,
        .entropy = &entropy_real,
        .net = &net_real,
        .log = {.level = LOG_INFO, .form = LOG_PLAIN, .now = real_wall, .sink = print_log},
    };
}
