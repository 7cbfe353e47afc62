/* SPDX-License-Identifier: Apache-2.0
 * wire.h - what the load client and the mock upstream must agree on, byte by byte.
 *
 * Every answer is derived from the request's tag, so that the client can compare the whole body:
 * a reply that was cut, changed or given to another connection is found. Events have one size.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

enum {
    ANSWER_BYTES = 1126,       /* 1.1 KiB */
    REQUEST_BODY_BYTES = 2048, /* 2 KiB */
    EVENT_BYTES = 252,
    TAG_BYTES = 16,
    TAG_WITHIN = 160, /* the tag is found within this many first bytes of a request's body */
    FILES_WANTED = 65536
};

#define EVENT_HEAD                                                                                 \
    "data: {\"id\":\"chatcmpl-s\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"    \
    "\"model\":\"m\",\"choices\":["
#define FINISH_EVENT EVENT_HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE_EVENT   "data: [DONE]\n\n"
#define TAG_KEY      "\"user\":\""

static inline void die(const char *what)
{
    perror(what);
    exit(4);
}

static inline int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Ten thousand connections need descriptors; exact pacing needs timers without slack. */
static inline void prepare_process(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        die("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        die("setrlimit");
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/* Writes `head`, filler and `tail` so that the whole has exactly `size` bytes. */
static inline void fill_text(char *to, size_t size, const char *head, const char *tail)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog and runs ";
    size_t before = strlen(head);
    size_t after = strlen(tail);
    size_t until = size - after; /* callers' formats are far below the size */
    memcpy(to, head, before);
    for (size_t i = before; i < until; i++) {
        to[i] = words[(i - before) % (sizeof words - 1)];
    }
    memcpy(to + until, tail, after);
}

/* The answer to the plain request with this tag. */
static inline void fill_answer(char to[ANSWER_BYTES], const char *tag)
{
    char head[256];
    snprintf(head, sizeof head,
             "{\"id\":\"chatcmpl-%.*s\",\"object\":\"chat.completion\",\"created\":1700000000,"
             "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"",
             TAG_BYTES, tag);
    fill_text(to, ANSWER_BYTES, head,
              "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":400,"
              "\"completion_tokens\":200,\"total_tokens\":600}}");
}

/* The end of the head (after its empty line), or 0 while it is not complete. */
static inline size_t head_end(const char *text, size_t len)
{
    const char *at = memmem(text, len, "\r\n\r\n", 4);
    return at == NULL ? 0 : (size_t)(at - text) + 4;
}

/* The value of a header field (RFC 9110 section 5.1: names ignore case), or NULL. */
static inline const char *header_value(const char *head, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    const char *end = head + len;
    for (const char *line = head; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (next == NULL) {
            break;
        }
        if ((size_t)(next - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            return value + strspn(value, " ");
        }
        line = next + 1;
    }
    return NULL;
}

#endif
