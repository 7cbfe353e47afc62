/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sse.c - a stream in one piece and cut in two must give the same events. The first byte of a
 * seed chooses where to cut. */
#include "base/must.h"
#include "io/sse.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct sse_reader *reader, struct str part, struct buf *log)
{
    struct sse_event event;
    while (sse_read(reader, &part, &event) == ERR_OK) {
        must(event.raw.len > 0 && event.data.len <= event.raw.len);
        must(buf_printf(log, "<%d%d>", event.comment, event.has_event) == ERR_OK);
        must(buf_add(log, event.event) == ERR_OK && buf_add(log, event.data) == ERR_OK);
    }
}

static void run(struct str first, struct str second, struct buf *log)
{
    struct sse_reader reader;
    sse_reader_init(&reader, 4096);
    read_all(&reader, first, log);
    read_all(&reader, second, log);
    sse_reader_end(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096) { /* within the limit, where all outcomes must agree */
        return 0;
    }
    struct str all = {(const char *)data + 1, size - 1};
    size_t cut = data[0] * all.len / 255;
    struct buf whole;
    struct buf parts;
    buf_init(&whole, 1 << 20);
    buf_init(&parts, 1 << 20);
    run(all, (struct str){"", 0}, &whole);
    run(str_cut(all, 0, cut), str_cut(all, cut, all.len), &parts);
    must(str_equal(buf_str(&whole), buf_str(&parts)));
    buf_end(&whole);
    buf_end(&parts);
    return 0;
}
