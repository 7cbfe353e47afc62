/* SPDX-License-Identifier: Apache-2.0
 * hear.h - a stream read by a dialect, in pieces of any size. */
#ifndef AIRE_TESTS_FUZZ_HEAR_H
#define AIRE_TESTS_FUZZ_HEAR_H

#include "base/must.h"
#include "gateway/dialect.h"

struct heard {
    struct answer_view answer;
    uint64_t events;
    uint64_t deltas;
    uint64_t delta_bytes;
    enum failure failure; /* the first one */
};

/* Reads the stream in pieces of `piece` bytes, up to the first failure, as the gateway does. */
static inline struct heard fuzz_hear(const struct dialect *dialect,
                                     const struct request_view *asked, struct str text,
                                     size_t piece)
{
    struct heard heard = {0};
    struct sse_reader reader;
    struct sse_event event;
    enum err code = ERR_AGAIN;
    sse_reader_init(&reader, 0);
    while (text.len > 0 && code == ERR_AGAIN && heard.failure == FAILURE_none) {
        struct str part = str_cut(text, 0, piece);
        text = str_cut(text, piece, text.len);
        while (heard.failure == FAILURE_none &&
               (code = sse_read(&reader, &part, &event)) == ERR_OK) {
            struct arena *scratch = arena_new(1024);
            struct stream_view view = {0};
            if (!event.comment) {
                dialect->read_event(asked, &event, &heard.answer, scratch, &view);
            }
            heard.events++;
            heard.failure = view.failure;
            heard.deltas += view.delta_count;
            must(view.delta_count <= DELTAS_MAX && (view.delta_count == 0 || view.content));
            for (size_t i = 0; i < view.delta_count; i++) {
                heard.delta_bytes += view.deltas[i].text.len;
            }
            heard.answer.finish = STR(""); /* may be of the event's arena */
            arena_free(scratch);
        }
    }
    sse_reader_end(&reader);
    return heard;
}

#endif
