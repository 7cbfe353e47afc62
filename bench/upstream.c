/* SPDX-License-Identifier: Apache-2.0
 * upstream.c - a mock model provider that is never the slow part of a measurement.
 *
 * Usage: upstream   (prints its port, serves until standard input ends)
 * It reads no JSON: the tag in the first bytes of a body says what to answer.
 *   "user":"q0123456789abcde"   a chat completion of ANSWER_BYTES that carries the tag
 *   "user":"s300-10000-"        a stream of 300 events, one each 10,000 microseconds (0: at once)
 * One send() an event, as providers do. A peer that does not read is waited for, not buffered for.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_MAX = 16384, EVENTS_AT_ONCE = 256, CHUNK_MAX = 512 };

struct peer {
    int fd;
    size_t in_len;
    bool streams;
    bool wants_usage;
    bool listed; /* in the list of streams that wait for their time */
    uint32_t left;
    int64_t interval;
    int64_t due;
    struct peer *next;
    struct peer *prev;
    size_t out_at; /* of the chunk that did not go out whole */
    size_t out_len;
    const char *out;
    char in[IN_MAX];
};

struct upstream {
    int epoll;
    struct peer waiting; /* sentinel of a list ordered by time */
    uint32_t started;
    size_t event_len;
    char event[CHUNK_MAX];
};

#define USAGE_EVENT                                                                                \
    EVENT_HEAD                                                                                     \
    "],\"usage\":{\"prompt_tokens\":400,\"completion_tokens\":300,\"total_tokens\":700}}\n\n"

static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static char last_plain[CHUNK_MAX * 2]; /* written once by main: finish, DONE, end of chunks */
static char last_usage[CHUNK_MAX * 2];

static size_t add_chunk(char *to, const char *text, size_t len)
{
    size_t at = (size_t)sprintf(to, "%zx\r\n", len);
    memcpy(to + at, text, len);
    memcpy(to + at + len, "\r\n", 3);
    return at + len + 2;
}

static void fill_last(char *to, bool usage)
{
    size_t at = add_chunk(to, FINISH_EVENT, strlen(FINISH_EVENT));
    if (usage) {
        at += add_chunk(to + at, USAGE_EVENT, strlen(USAGE_EVENT));
    }
    at += add_chunk(to + at, DONE_EVENT, strlen(DONE_EVENT));
    memcpy(to + at, "0\r\n\r\n", 6);
}

static void unlist(struct peer *peer)
{
    if (peer->listed) {
        peer->prev->next = peer->next;
        peer->next->prev = peer->prev;
        peer->listed = false;
    }
}

/* Streams of one run have one interval, so the search from the tail ends at once. */
static void enlist(struct upstream *up, struct peer *peer)
{
    struct peer *before = up->waiting.prev;
    while (before != &up->waiting && before->due > peer->due) {
        before = before->prev;
    }
    peer->prev = before;
    peer->next = before->next;
    before->next->prev = peer;
    before->next = peer;
    peer->listed = true;
}

static void drop(struct peer *peer)
{
    unlist(peer);
    close(peer->fd);
    peer->fd = -1;
}

static void watch(struct upstream *up, struct peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(up->epoll, EPOLL_CTL_MOD, peer->fd, &event) != 0) {
        die("epoll_ctl");
    }
}

/* Sends what is under way; false when the peer does not take it all now (or is gone). */
static bool flush(struct upstream *up, struct peer *peer)
{
    while (peer->out_at < peer->out_len) {
        ssize_t n = send(peer->fd, peer->out + peer->out_at, peer->out_len - peer->out_at,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            unlist(peer);
            watch(up, peer, EPOLLIN | EPOLLOUT);
            return false;
        }
        if (n < 0) {
            drop(peer);
            return false;
        }
        peer->out_at += (size_t)n;
    }
    return true;
}

static bool send_now(struct upstream *up, struct peer *peer, const char *text, size_t len)
{
    peer->out = text;
    peer->out_at = 0;
    peer->out_len = len;
    return flush(up, peer);
}

/* One event, or the end; a stream without an interval goes on until the peer is full. */
static void stream_on(struct upstream *up, struct peer *peer)
{
    do {
        if (peer->left == 0) {
            const char *last = peer->wants_usage ? last_usage : last_plain;
            peer->streams = false;
            unlist(peer);
            (void)send_now(up, peer, last, strlen(last));
            return;
        }
        peer->left--;
        if (!send_now(up, peer, up->event, up->event_len)) {
            return;
        }
    } while (peer->interval == 0);
    unlist(peer);
    peer->due += peer->interval;
    enlist(up, peer);
}

static void start_stream(struct upstream *up, struct peer *peer, const char *tag, size_t body_len)
{
    char *end;
    peer->streams = true;
    peer->left = (uint32_t)strtoul(tag + 1, &end, 10);
    peer->interval = (int64_t)strtoul(end + 1, NULL, 10) * 1000;
    peer->wants_usage = memmem(tag, body_len, "include_usage", 13) != NULL;
    /* Streams start out of step (golden-ratio sequence), as those of unrelated users are. */
    uint32_t phase = up->started++ * UINT32_C(2654435769);
    peer->due = now_ns() + (int64_t)((double)peer->interval * phase / 4294967296.0);
    if (!send_now(up, peer, stream_head, sizeof stream_head - 1)) {
        return;
    }
    if (peer->interval == 0) {
        stream_on(up, peer);
    } else {
        enlist(up, peer);
    }
}

static void answer(struct upstream *up, struct peer *peer, const char *tag)
{
    static char out[256 + ANSWER_BYTES]; /* sent whole or the peer is broken: answers are small */
    int at = sprintf(out,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n",
                     ANSWER_BYTES);
    fill_answer(out + at, tag);
    if (!send_now(up, peer, out, (size_t)at + ANSWER_BYTES) && peer->fd >= 0) {
        drop(peer);
    }
}

/* Answers the requests that are complete; false ends the connection. */
static bool take_requests(struct upstream *up, struct peer *peer)
{
    size_t head;
    while (peer->fd >= 0 && (head = head_end(peer->in, peer->in_len)) > 0) {
        const char *length = header_value(peer->in, head, "content-length");
        size_t body = length == NULL ? 0 : strtoul(length, NULL, 10);
        if (head + body > IN_MAX) {
            return false;
        }
        if (peer->in_len < head + body) {
            break;
        }
        const char *text = peer->in + head;
        const char *tag = memmem(text, body < TAG_WITHIN ? body : TAG_WITHIN, TAG_KEY,
                                 strlen(TAG_KEY));
        if (tag == NULL) {
            return false;
        }
        tag += strlen(TAG_KEY);
        if (*tag == 's') {
            start_stream(up, peer, tag, (size_t)(text + body - tag));
        } else {
            answer(up, peer, tag);
        }
        peer->in_len -= head + body;
        memmove(peer->in, peer->in + head + body, peer->in_len);
    }
    return peer->in_len < IN_MAX;
}

static void on_peer(struct upstream *up, struct peer *peer, uint32_t events)
{
    if ((events & EPOLLOUT) != 0 && flush(up, peer)) {
        watch(up, peer, EPOLLIN);
        if (peer->streams) {
            stream_on(up, peer);
        }
    }
    if (peer->fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0) {
        ssize_t n = recv(peer->fd, peer->in + peer->in_len, IN_MAX - peer->in_len, 0);
        if (n > 0) {
            peer->in_len += (size_t)n;
        }
        if (n == 0 || (n < 0 && errno != EAGAIN) || !take_requests(up, peer)) {
            if (peer->fd >= 0) {
                drop(peer);
            }
        }
    }
    if (peer->fd < 0) {
        free(peer);
    }
}

static void on_listener(struct upstream *up, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct peer *peer = calloc(1, sizeof *peer);
        if (peer == NULL) {
            die("calloc");
        }
        peer->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        if (epoll_ctl(up->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            die("epoll_ctl");
        }
    }
}

/* Sends what is due and says how long nothing will be. */
static struct timespec *run_streams(struct upstream *up, struct timespec *wait)
{
    int64_t now = now_ns();
    while (up->waiting.next != &up->waiting && up->waiting.next->due <= now) {
        struct peer *peer = up->waiting.next;
        stream_on(up, peer);
        if (peer->fd < 0) {
            free(peer); /* gone: no event of it can be in hand, each batch is done by now */
        }
    }
    if (up->waiting.next == &up->waiting) {
        return NULL;
    }
    int64_t left = up->waiting.next->due - now;
    *wait = (struct timespec){left / 1000000000, left % 1000000000};
    return wait;
}

static int open_listener(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        die("listen");
    }
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void add_plain(struct upstream *up, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(up->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

int main(void)
{
    static struct upstream up;
    static char listener_mark;
    static char stdin_mark;
    char event[EVENT_BYTES];
    prepare_process();
    fill_text(event, sizeof event, EVENT_HEAD "{\"index\":0,\"delta\":{\"content\":\"",
              "\"},\"finish_reason\":null}]}\n\n");
    up.event_len = add_chunk(up.event, event, sizeof event);
    fill_last(last_plain, false);
    fill_last(last_usage, true);
    up.waiting.next = up.waiting.prev = &up.waiting;
    up.epoll = epoll_create1(0);
    int listener = open_listener();
    add_plain(&up, listener, &listener_mark);
    add_plain(&up, STDIN_FILENO, &stdin_mark);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        struct timespec wait;
        int n = epoll_pwait2(up.epoll, events, EVENTS_AT_ONCE, run_streams(&up, &wait), NULL);
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &stdin_mark) {
                return 0;
            }
            if (what == &listener_mark) {
                on_listener(&up, listener);
            } else {
                on_peer(&up, what, events[i].events);
            }
        }
    }
}
