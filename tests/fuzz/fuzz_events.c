/* SPDX-License-Identifier: Apache-2.0
 * fuzz_events.c - any bytes decode to JSON objects or are CORRUPT; reading never goes backwards. */
#include "../telemetry/sample.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The second half is what stands apart. */
static void with_texts(struct str bytes)
{
    struct str encoded = str_cut(bytes, 0, bytes.len / 2);
    struct str texts = str_cut(bytes, bytes.len / 2, bytes.len);
    struct buf json;
    enum err err = ERR_OK;
    buf_init(&json, 1 << 24);
    while (encoded.len > 0 && err == ERR_OK) {
        struct str at_event = encoded;
        struct str at_texts = texts;
        struct event_view view;
        struct str user;
        struct json_writer writer;
        json_writer_init(&writer, &json);
        err = event_decode(&sample_events, &encoded, &texts, true, &writer);
        must(json_writer_end(&writer) == ERR_OK);
        if (err == ERR_OK && event_next(&sample_events, &at_event, &view) == ERR_OK) {
            (void)event_get_apart(&view, at_texts, "user", &user);
        }
        buf_clear(&json);
    }
    buf_end(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    with_texts((struct str){(const char *)data, size});
    struct str encoded = {(const char *)data, size};
    struct buf json;
    buf_init(&json, 1 << 24);
    enum err err = ERR_OK;
    while (encoded.len > 0 && err == ERR_OK) {
        size_t before = encoded.len;
        struct json_writer writer;
        json_writer_init(&writer, &json);
        err = event_decode(&sample_events, &encoded, NULL, true, &writer);
        must(json_writer_end(&writer) == ERR_OK);
        must(err == ERR_OK ? encoded.len < before : encoded.len == before);
        buf_clear(&json);
    }
    buf_end(&json);
    return 0;
}
