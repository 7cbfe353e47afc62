/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pack.c - any bytes are refused or unpacked within the buffer's limit, and what is packed
 * comes back. */
#include "base/must.h"
#include "base/num.h"
#include "base/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct str text)
{
    struct buf packed;
    struct buf back;
    buf_init(&packed, text.len + 1);
    buf_init(&back, text.len);
    must(pack(NULL, text, &packed) == ERR_OK);
    must(unpack(buf_str(&packed), &back) == ERR_OK && str_equal(buf_str(&back), text));
    buf_end(&packed);
    buf_end(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    struct buf to;
    buf_init(&to, KIB(64));
    must(buf_add(&to, STR("<>")) == ERR_OK);
    if (unpack(bytes, &to) == ERR_OK) {
        check_round_trip(buf_str(&to));
    } else {
        must(to.len == 2);
    }
    check_round_trip(bytes);
    buf_end(&to);
    return 0;
}
