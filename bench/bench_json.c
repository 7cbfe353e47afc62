/* SPDX-License-Identifier: Apache-2.0
 * bench_json.c - time of reading chat bodies, beside jansson. By hand, never in the checks:
 *
 *   cc -std=c17 -D_GNU_SOURCE -O2 -fno-strict-aliasing -fvisibility=hidden -Isrc -Itests
 *       bench/bench_json.c src/json/json*.c src/base/[a-z]*.c tests/support/jansson_opinion.c
 *       -ljansson -lm
 *
 * Each line is the best of 15 rounds: what the machine can do, not what it was disturbed by.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "support/jansson_opinion.h"
#include "json/json.h"
#include "json/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 15

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* A chat body of about `bytes` with `messages` messages made of `sentence`. */
static struct buf chat(size_t bytes, size_t messages, const char *sentence)
{
    struct buf body;
    buf_init(&body, bytes * 2 + 4096);
    struct buf content;
    buf_init(&content, bytes * 2 + 4096);
    struct str piece = str_of(sentence);
    while (content.len < bytes / messages && buf_add(&content, piece) == ERR_OK) {
    }
    struct json_writer w;
    json_writer_init(&w, &body);
    json_begin_object(&w);
    json_member_cstr(&w, "model", "small-1");
    json_member_double(&w, "temperature", 0.2);
    json_member_bool(&w, "stream", true);
    json_key(&w, "messages");
    json_begin_array(&w);
    for (size_t i = 0; i < messages; i++) {
        json_begin_object(&w);
        json_member_cstr(&w, "role", i % 2 ? "assistant" : "user");
        json_member_str(&w, "content", buf_str(&content));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    if (json_writer_end(&w) != ERR_OK) {
        abort();
    }
    buf_end(&content);
    return body;
}

static void run_parse(struct str text)
{
    struct arena *arena = arena_new(16384);
    struct json json;
    if (json_parse(&json, text, NULL, arena, NULL) != ERR_OK) {
        abort();
    }
    arena_free(arena);
}

static void run_valid(struct str text)
{
    if (!json_valid(text, NULL)) {
        abort();
    }
}

static void run_jansson(struct str text)
{
    if (jansson_opinion(text) != OPINION_YES) {
        abort();
    }
}

static void measure(const char *body, const char *what, void (*run)(struct str), struct str text)
{
    double best = 1e18;
    size_t turns = 20000000 / text.len / 10 + 1;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (size_t i = 0; i < turns; i++) {
            run(text);
        }
        double each = (now_ns() - start) / (double)turns;
        best = each < best ? each : best;
    }
    printf("%-22s %-10s %10.0f ns/op %9.0f MB/s\n", body, what, best,
           (double)text.len * 1e3 / best);
}

int main(void)
{
    static const char plain[] = "The quick brown fox jumps over the lazy dog, twice a day. ";
    static const char lines[] = "for i in range(10):\n\tprint(\"line\", i)\n";
    static const char chinese[] = "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c";
    const struct {
        const char *name;
        size_t bytes;
        size_t messages;
        const char *sentence;
    } bodies[] = {{"8 KB, 8 messages", 7800, 8, plain},
                  {"8 KB, 40 messages", 6400, 40, plain},
                  {"8 KB of source code", 6000, 8, lines},
                  {"8 KB of Chinese", 7800, 8, chinese},
                  {"1 MB, 100 messages", 1000000, 100, plain}};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct buf body = chat(bodies[i].bytes, bodies[i].messages, bodies[i].sentence);
        struct str text = buf_str(&body);
        printf("-- %zu bytes\n", text.len);
        measure(bodies[i].name, "json_parse", run_parse, text);
        measure(bodies[i].name, "json_valid", run_valid, text);
        measure(bodies[i].name, "jansson", run_jansson, text);
        buf_end(&body);
    }
    return 0;
}
