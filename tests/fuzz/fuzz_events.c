/* SPDX-License-Identifier: Apache-2.0
 * fuzz_events.c - any bytes decode to JSON objects or are CORRUPT; reading never goes backwards. */
#include "../telemetry/sample.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str encoded = {(const char *)data, size};
    struct buf json;
    buf_init(&json, 1 << 24);
    enum err err = ERR_OK;
    while (encoded.len > 0 && err == ERR_OK) {
        size_t before = encoded.len;
        struct json_writer writer;
        json_writer_init(&writer, &json);
        err = event_decode(&sample_events, &encoded, true, &writer);
        must(json_writer_end(&writer) == ERR_OK);
        must(err == ERR_OK ? encoded.len < before : encoded.len == before);
        buf_clear(&json);
    }
    buf_end(&json);
    return 0;
}
