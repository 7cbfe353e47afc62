/* SPDX-License-Identifier: Apache-2.0
 * fuzz_http1.c - both directions: bytes in one piece and cut in two must give the same messages.
 * The first byte of a seed chooses the direction (odd: responses), the second where to cut. */
#include "base/must.h"
#include "io/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came out, as bytes: events with the spans they carry. */
static bool read_all(struct http1_parser *parser, struct arena *arena, struct str part,
                     struct buf *log)
{
    enum http1_event event = HTTP1_HEAD;
    while (event != HTTP1_MORE && event != HTTP1_BAD) {
        struct str piece = {NULL, 0};
        event = http1_parse(parser, &part, &piece);
        const struct http_head *head = http1_head(parser);
        must(buf_add(log, piece) == ERR_OK);
        if (event == HTTP1_HEAD) {
            for (size_t i = 0; i < head->count; i++) {
                must(http_field_valid(head->fields[i].name, head->fields[i].value));
                must(buf_add(log, head->fields[i].value) == ERR_OK);
            }
        } else if (event == HTTP1_DONE || event == HTTP1_BAD) {
            must(buf_printf(log, "<%d %u>", (int)event, http1_problem(parser)->status) == ERR_OK);
        }
        if (event == HTTP1_DONE) {
            http1_parser_start(parser, arena, false);
        }
    }
    return event != HTTP1_BAD;
}

static void run(enum http1_kind kind, struct str first, struct str second, struct buf *log)
{
    struct http1_parser *parser = http1_parser_new(kind, NULL);
    struct arena *arena = arena_new(4096);
    http1_parser_start(parser, arena, false);
    if (read_all(parser, arena, first, log) && read_all(parser, arena, second, log)) {
        must(buf_printf(log, "<end %d>", (int)http1_parse_end(parser)) == ERR_OK);
    }
    http1_parser_free(parser);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct str all = {(const char *)data + 2, size - 2};
    size_t cut = size > 2 ? data[1] * all.len / 255 : 0;
    enum http1_kind kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
    struct buf whole;
    struct buf parts;
    buf_init(&whole, 1 << 26);
    buf_init(&parts, 1 << 26);
    run(kind, all, (struct str){"", 0}, &whole);
    run(kind, str_cut(all, 0, cut), str_cut(all, cut, all.len), &parts);
    must(str_equal(buf_str(&whole), buf_str(&parts)));
    buf_end(&whole);
    buf_end(&parts);
    return 0;
}
