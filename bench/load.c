/* SPDX-License-Identifier: Apache-2.0
 * load.c - the client of a measurement; it checks the status, length and content of every reply.
 *
 * Usage: load MODE HOST:PORT [name=value ...]      (defaults in options_default below)
 *   plain    closed loop: conns connections, each sends the next request when it has its reply;
 *            requests=N replies, or seconds=S
 *   rate     open loop: rate=R a second for seconds=S; latency counts from the due time, so that
 *            a stalled server cannot hide the requests it kept waiting
 *   stream   conns streams of events=N, one each interval=MICROSECONDS, every event counted
 *   idle     conns connections that have had one reply and are kept open
 *   slow     conns streams held open while they are read
 *   deaf     conns streams of which nothing is read
 * The last three print a line when they stand and hold until standard input ends. Every line is
 * one JSON object. A connection that the server ends after a reply that said so is not a failure;
 * a request without its whole and right reply is.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_MAX = 8192, OUT_MAX = 20480, EVENTS_AT_ONCE = 256, LATENCIES_MAX = 1 << 22 };

struct options {
    struct sockaddr_in to;
    uint32_t conns;
    uint32_t requests;
    uint32_t seconds;
    uint32_t rate;
    uint32_t events;
    uint32_t interval;
    uint32_t bytes; /* of a request's body */
    uint32_t steps; /* each connection plays durable runs of so many calls; 0: none */
};

enum part { PART_HEAD, PART_BODY, PART_SIZE, PART_DATA, PART_DATA_END, PART_END };

struct conn {
    int fd; /* -1: not connected */
    bool busy;
    bool last; /* the reply said that the connection ends */
    enum part part;
    size_t in_len;
    size_t chunk_left;
    uint64_t body_bytes; /* of a stream, decoded */
    uint32_t events;
    bool after_newline;
    int64_t due;
    uint32_t requests;
    char tag[TAG_BYTES + 1];
    char in[IN_MAX];
};

struct load {
    struct options options;
    int epoll;
    struct conn *conns;
    struct conn **spare; /* open-loop connections that wait for a request */
    uint32_t spare_count;
    uint64_t next_tag;
    int64_t began;
    uint64_t sent;
    uint64_t good;
    uint64_t bad;
    uint64_t events;
    uint64_t reconnects;
    int64_t stop_at;
    bool streams;
    bool paced;
    uint32_t *latencies; /* microseconds */
    char first_error[256];
};

static const struct options options_default = {.conns = 64,
                                               .requests = 0,
                                               .seconds = 0,
                                               .rate = 1000,
                                               .events = 300,
                                               .interval = 10000,
                                               .bytes = REQUEST_BODY_BYTES};

static uint64_t stream_bytes(const struct options *options)
{
    return (uint64_t)options->events * EVENT_BYTES + strlen(FINISH_EVENT) + strlen(DONE_EVENT);
}

/* ---- connections ---- */

static void open_conn(struct load *load, struct conn *conn)
{
    int one = 1;
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (const struct sockaddr *)&load->options.to,
                                sizeof load->options.to) != 0) {
        die("connect");
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("fcntl");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static void reopen(struct load *load, struct conn *conn)
{
    close(conn->fd);
    load->reconnects++;
    open_conn(load, conn);
}

static size_t write_request(struct load *load, struct conn *conn, char *out)
{
    char head[256];
    char tag[48];
    if (load->streams) {
        snprintf(tag, sizeof tag, "s%u-%u-", load->options.events, load->options.interval);
    } else {
        snprintf(conn->tag, sizeof conn->tag, "q%015llx", (unsigned long long)load->next_tag++);
        memcpy(tag, conn->tag, sizeof conn->tag);
    }
    char place[64] = "";
    if (load->options.steps > 0) {
        snprintf(place, sizeof place, "/run/%llx-%u-%u/1", (unsigned long long)load->began,
                 (unsigned)(conn - load->conns), conn->requests++ / load->options.steps);
    }
    size_t at = (size_t)sprintf(out,
                                "POST %s/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                                "Content-Type: application/json\r\nAccept: %s\r\n"
                                "User-Agent: load\r\nContent-Length: %d\r\n\r\n",
                                place, ntohs(load->options.to.sin_port),
                                load->streams ? "text/event-stream" : "application/json",
                                (int)load->options.bytes);
    snprintf(head, sizeof head,
             "{\"model\":\"m\",%s" TAG_KEY "%s\",\"messages\":[{\"role\":\"user\",\"content\":\"",
             load->streams ? "\"stream\":true," : "", tag);
    fill_text(out + at, load->options.bytes, head, "\"}]}");
    return at + load->options.bytes;
}

static void send_request(struct load *load, struct conn *conn, int64_t due)
{
    char out[OUT_MAX];
    size_t len = write_request(load, conn, out);
    conn->busy = true;
    conn->last = false;
    conn->part = PART_HEAD;
    conn->in_len = 0;
    conn->body_bytes = 0;
    conn->events = 0;
    conn->after_newline = false;
    conn->due = due;
    load->sent++;
    /* The peer may have ended the connection between two requests: then the reply is missing. */
    if (send(conn->fd, out, len, MSG_NOSIGNAL) != (ssize_t)len && errno != EPIPE &&
        errno != ECONNRESET) {
        die("send");
    }
}

/* ---- replies ---- */

static void note_error(struct load *load, const struct conn *conn, const char *what)
{
    if (load->first_error[0] != '\0') {
        return;
    }
    char text[120];
    size_t n = 0;
    for (size_t i = 0; i < conn->in_len && n < sizeof text - 1; i++) {
        char c = conn->in[i];
        bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\'; /* JSON needs no escape */
        text[n++] = (char)(plain ? c : ' ');
    }
    text[n] = '\0';
    snprintf(load->first_error, sizeof load->first_error, "%s: %s", what, text);
}

static void finish(struct load *load, struct conn *conn, const char *wrong)
{
    conn->busy = false;
    if (wrong != NULL) {
        load->bad++;
        note_error(load, conn, wrong);
        return;
    }
    if (load->good < LATENCIES_MAX) {
        load->latencies[load->good] = (uint32_t)((now_ns() - conn->due) / 1000);
    }
    load->good++;
}

/* Counts the empty lines that end events. */
static void count_events(struct load *load, struct conn *conn, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        const char *at = memchr(text + i, '\n', len - i);
        if (at == NULL) {
            conn->after_newline = false;
            break;
        }
        bool twice = conn->after_newline && at == text + i;
        conn->events += twice ? 1 : 0;
        load->events += twice ? 1 : 0;
        conn->after_newline = !twice;
        i = (size_t)(at - text) + 1;
    }
    conn->body_bytes += len;
}

/* The chunked coding of RFC 9112 section 7.1, without extensions and trailers. */
static void take_chunks(struct load *load, struct conn *conn, const char *text, size_t len)
{
    for (size_t i = 0; i < len && conn->part != PART_END;) {
        if (conn->part == PART_DATA) {
            size_t n = len - i < conn->chunk_left ? len - i : conn->chunk_left;
            count_events(load, conn, text + i, n);
            conn->chunk_left -= n;
            i += n;
            conn->part = conn->chunk_left == 0 ? PART_DATA_END : PART_DATA;
            continue;
        }
        char c = text[i++];
        if (conn->part == PART_DATA_END) {
            conn->part = c == '\n' ? PART_SIZE : PART_DATA_END;
        } else if (c == '\n') {
            conn->part = conn->chunk_left == 0 ? PART_END : PART_DATA;
        } else if (c != '\r') {
            size_t digit = c <= '9' ? (size_t)(c - '0') : (size_t)((c | 32) - 'a') + 10;
            conn->chunk_left = conn->chunk_left * 16 + (digit & 15);
        }
    }
}

static const char *stream_fault(const struct load *load, const struct conn *conn)
{
    if (conn->events != load->options.events + 2) {
        return "a stream with a wrong number of events";
    }
    return conn->body_bytes == stream_bytes(&load->options) ? NULL : "a stream with a wrong length";
}

static void take_stream(struct load *load, struct conn *conn, const char *text, size_t len)
{
    take_chunks(load, conn, text, len);
    if (conn->part == PART_END) {
        finish(load, conn, stream_fault(load, conn));
    }
    conn->in_len = 0;
}

static void take_plain(struct load *load, struct conn *conn, size_t head)
{
    char right[ANSWER_BYTES];
    if (conn->in_len < head + ANSWER_BYTES) {
        return;
    }
    fill_answer(right, conn->tag);
    bool same = conn->in_len == head + ANSWER_BYTES &&
                memcmp(conn->in + head, right, ANSWER_BYTES) == 0;
    finish(load, conn, same ? NULL : "a reply with wrong content");
}

static void take_head(struct load *load, struct conn *conn)
{
    size_t head = head_end(conn->in, conn->in_len);
    if (head == 0) {
        return;
    }
    const char *connection = header_value(conn->in, head, "connection");
    const char *length = header_value(conn->in, head, "content-length");
    conn->last = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    if (memcmp(conn->in, "HTTP/1.1 200 ", 13) != 0) {
        finish(load, conn, "status");
    } else if (!load->streams) {
        if (length == NULL || strtoul(length, NULL, 10) != ANSWER_BYTES) {
            finish(load, conn, "content-length");
            return;
        }
        take_plain(load, conn, head);
    } else if (header_value(conn->in, head, "transfer-encoding") == NULL) {
        finish(load, conn, "a stream without chunks");
    } else {
        conn->part = PART_SIZE;
        conn->chunk_left = 0;
        take_stream(load, conn, conn->in + head, conn->in_len - head);
    }
}

static bool read_reply(struct load *load, struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->in + conn->in_len, IN_MAX - conn->in_len, 0);
    if (n < 0 && errno == EAGAIN) {
        return true;
    }
    if (n <= 0) {
        if (conn->busy) {
            finish(load, conn, "the connection ended before the reply");
        }
        return false;
    }
    conn->in_len += (size_t)n;
    if (!conn->busy) {
        load->bad++;
        note_error(load, conn, "bytes after the reply");
        return false;
    }
    if (conn->part == PART_HEAD) {
        take_head(load, conn);
    } else {
        take_stream(load, conn, conn->in, conn->in_len);
    }
    return conn->busy || (!conn->last && load->first_error[0] == '\0');
}

/* ---- modes ---- */

/* Waits for replies at most `wait_ns` (below 0: without end); false when standard input ended. */
static bool wait_replies(struct load *load, int64_t wait_ns,
                         void (*on_free)(struct load *, struct conn *))
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
    int n = epoll_pwait2(load->epoll, events, EVENTS_AT_ONCE, wait_ns < 0 ? NULL : &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct conn *conn = events[i].data.ptr;
        if (conn == NULL) {
            return false;
        }
        bool was_busy = conn->busy;
        if (!read_reply(load, conn)) {
            reopen(load, conn);
        }
        if (was_busy && !conn->busy && on_free != NULL) {
            on_free(load, conn);
        }
    }
    return true;
}

static bool may_send(const struct load *load)
{
    const struct options *options = &load->options;
    return (options->requests == 0 || load->sent < options->requests) &&
           (load->stop_at == 0 || now_ns() < load->stop_at);
}

static void send_next(struct load *load, struct conn *conn)
{
    if (may_send(load)) {
        send_request(load, conn, now_ns());
    }
}

static void put_spare(struct load *load, struct conn *conn)
{
    load->spare[load->spare_count++] = conn;
}

static void run_plain(struct load *load)
{
    for (uint32_t i = 0; i < load->options.conns; i++) {
        open_conn(load, &load->conns[i]);
    }
    for (uint32_t i = 0; i < load->options.conns; i++) {
        send_next(load, &load->conns[i]);
    }
    while (load->good + load->bad < load->sent) {
        (void)wait_replies(load, -1, send_next);
    }
}

static void run_rate(struct load *load)
{
    int64_t gap = INT64_C(1000000000) / load->options.rate;
    uint64_t total = (uint64_t)load->options.rate * load->options.seconds;
    for (uint32_t i = 0; i < load->options.conns; i++) {
        open_conn(load, &load->conns[i]);
        put_spare(load, &load->conns[i]);
    }
    int64_t due = now_ns() + gap;
    while (load->good + load->bad < total) {
        int64_t now = now_ns();
        while (load->sent < total && due <= now && load->spare_count > 0) {
            send_request(load, load->spare[--load->spare_count], due);
            due += gap;
        }
        bool waits_for_time = load->sent < total && load->spare_count > 0;
        (void)wait_replies(load, waits_for_time ? (due > now ? due - now : 0) : -1, put_spare);
    }
}

static void run_stream(struct load *load)
{
    load->options.requests = load->options.conns;
    run_plain(load);
}

static void stand(const struct load *load)
{
    printf("{\"stands\": %u, \"events\": %llu, \"bad\": %llu}\n", load->options.conns,
           (unsigned long long)load->events, (unsigned long long)load->bad);
    fflush(stdout);
}

/* Connections are taken one after the other: a proxy's backlog is not what is measured here. */
static void run_idle(struct load *load)
{
    for (uint32_t i = 0; i < load->options.conns; i++) {
        open_conn(load, &load->conns[i]);
        send_request(load, &load->conns[i], now_ns());
        while (load->conns[i].busy) {
            (void)wait_replies(load, -1, NULL);
        }
    }
    stand(load);
    load->reconnects = 0;
    while (wait_replies(load, -1, NULL)) {
    }
}

static void run_slow(struct load *load)
{
    for (uint32_t i = 0; i < load->options.conns; i++) {
        open_conn(load, &load->conns[i]);
        send_request(load, &load->conns[i], now_ns());
        (void)wait_replies(load, 0, NULL);
    }
    while (load->events < load->options.conns * UINT64_C(2)) {
        (void)wait_replies(load, -1, NULL);
    }
    stand(load);
    while (wait_replies(load, -1, NULL)) {
    }
}

static void run_deaf(struct load *load)
{
    for (uint32_t i = 0; i < load->options.conns; i++) {
        open_conn(load, &load->conns[i]);
        send_request(load, &load->conns[i], now_ns());
    }
    stand(load);
    char c;
    while (read(STDIN_FILENO, &c, 1) > 0) {
    }
}

/* ---- the whole ---- */

static const struct mode {
    const char *name;
    void (*run)(struct load *);
    bool streams;
    bool holds;
} modes[] = {
    {"plain", run_plain, false, false},  {"rate", run_rate, false, false},
    {"stream", run_stream, true, false}, {"idle", run_idle, false, true},
    {"slow", run_slow, true, true},      {"deaf", run_deaf, true, true},
};

static int by_value(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void report(struct load *load, int64_t took)
{
    size_t n = load->good < LATENCIES_MAX ? load->good : LATENCIES_MAX;
    qsort(load->latencies, n, sizeof *load->latencies, by_value);
    printf(
        "{\"good\": %llu, \"bad\": %llu, \"events\": %llu, \"reconnects\": %llu, "
        "\"seconds\": %.4f, \"p50_us\": %u, \"p95_us\": %u, \"p99_us\": %u, \"error\": \"%s\"}\n",
        (unsigned long long)load->good, (unsigned long long)load->bad,
        (unsigned long long)load->events, (unsigned long long)load->reconnects, (double)took / 1e9,
        n > 0 ? load->latencies[n / 2] : 0, n > 0 ? load->latencies[n * 95 / 100] : 0,
        n > 0 ? load->latencies[n * 99 / 100] : 0, load->first_error);
}

static bool read_option(struct options *options, const char *text)
{
    static const struct {
        const char *name;
        size_t at;
    } names[] = {
        {"conns=", offsetof(struct options, conns)},
        {"requests=", offsetof(struct options, requests)},
        {"seconds=", offsetof(struct options, seconds)},
        {"rate=", offsetof(struct options, rate)},
        {"events=", offsetof(struct options, events)},
        {"interval=", offsetof(struct options, interval)},
        {"bytes=", offsetof(struct options, bytes)},
        {"steps=", offsetof(struct options, steps)},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i].name);
        if (strncmp(text, names[i].name, len) == 0) {
            uint32_t value = (uint32_t)strtoul(text + len, NULL, 10);
            memcpy((char *)options + names[i].at, &value, sizeof value);
            return true;
        }
    }
    return false;
}

static const struct mode *read_arguments(int count, char **words, struct options *options)
{
    char host[64];
    *options = options_default;
    const char *colon = count < 3 ? NULL : strchr(words[2], ':');
    if (colon == NULL || colon - words[2] >= (ptrdiff_t)sizeof host) {
        return NULL;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - words[2]), words[2]);
    options->to = (struct sockaddr_in){.sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    if (inet_pton(AF_INET, host, &options->to.sin_addr) != 1) {
        return NULL;
    }
    for (int i = 3; i < count; i++) {
        if (!read_option(options, words[i])) {
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(words[1], modes[i].name) == 0) {
            return &modes[i];
        }
    }
    return NULL;
}

int main(int count, char **words)
{
    static struct load load;
    const struct mode *mode = read_arguments(count, words, &load.options);
    if (mode == NULL) {
        fputs("usage: load plain|rate|stream|idle|slow|deaf HOST:PORT [name=value ...]\n", stderr);
        return 2;
    }
    prepare_process();
    load.streams = mode->streams;
    load.conns = calloc(load.options.conns, sizeof *load.conns);
    load.spare = calloc(load.options.conns, sizeof(struct conn *));
    load.latencies = calloc(LATENCIES_MAX, sizeof *load.latencies);
    load.epoll = epoll_create1(0);
    if (load.conns == NULL || load.spare == NULL || load.latencies == NULL || load.epoll < 0) {
        die("load");
    }
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    if (mode->holds && epoll_ctl(load.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) {
        die("epoll_ctl");
    }
    int64_t start = now_ns();
    load.began = start;
    load.stop_at = load.options.seconds == 0 ? 0
                                             : start + load.options.seconds * INT64_C(1000000000);
    mode->run(&load);
    report(&load, now_ns() - start);
    return load.bad == 0 ? 0 : 1;
}
