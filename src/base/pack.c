/* SPDX-License-Identifier: Apache-2.0
 * pack.c - one frame a text; its head says how long it becomes, so that nothing is guessed. */
#include "base/pack.h"

#include "base/must.h"

#include <stdlib.h>
#include <zstd.h>

#define STORED 0
#define ZSTD   1
#define LEVEL  3
/* Below it a frame's head costs more than it saves. */
#define WORTH_BYTES 64

struct packer {
    ZSTD_CCtx *context;
};

struct packer *packer_new(void)
{
    struct packer *packer = must_have(malloc(sizeof *packer));
    packer->context = must_have(ZSTD_createCCtx());
    return packer;
}

void packer_free(struct packer *packer)
{
    if (packer != NULL) {
        ZSTD_freeCCtx(packer->context);
        free(packer);
    }
}

static size_t squeeze(struct packer *packer, struct str bytes, char *to, size_t room)
{
    return packer == NULL
               ? ZSTD_compress(to, room, bytes.at, bytes.len, LEVEL)
               : ZSTD_compressCCtx(packer->context, to, room, bytes.at, bytes.len, LEVEL);
}

static enum err store(struct str bytes, struct buf *to)
{
    enum err code = buf_reserve(to, bytes.len + 1);
    code = code == ERR_OK ? buf_add_byte(to, STORED) : code;
    return code == ERR_OK ? buf_add(to, bytes) : code;
}

enum err pack(struct packer *packer, struct str bytes, struct buf *to)
{
    if (bytes.len < WORTH_BYTES) {
        return store(bytes, to);
    }
    size_t room = ZSTD_compressBound(bytes.len);
    struct buf frame;
    buf_init(&frame, room + 1);
    enum err code = buf_reserve(&frame, room);
    size_t len = code == ERR_OK ? squeeze(packer, bytes, frame.at, room) : 0;
    if (code == ERR_OK && (ZSTD_isError(len) || len >= bytes.len)) {
        code = store(bytes, to);
    } else if (code == ERR_OK) {
        code = buf_reserve(to, len + 1);
        code = code == ERR_OK ? buf_add_byte(to, ZSTD) : code;
        code = code == ERR_OK ? buf_add(to, (struct str){frame.at, len}) : code;
    }
    buf_end(&frame);
    return code;
}

enum err unpack(struct str packed, struct buf *to)
{
    if (packed.len == 0 || (packed.at[0] != STORED && packed.at[0] != ZSTD)) {
        return ERR_CORRUPT;
    }
    struct str rest = str_cut(packed, 1, packed.len);
    if (packed.at[0] == STORED) {
        return buf_add(to, rest);
    }
    unsigned long long len = ZSTD_getFrameContentSize(rest.at, rest.len);
    if (len == ZSTD_CONTENTSIZE_ERROR || len == ZSTD_CONTENTSIZE_UNKNOWN) {
        return ERR_CORRUPT;
    }
    if (len > to->limit) {
        return ERR_LIMIT;
    }
    enum err code = buf_reserve(to, (size_t)len);
    if (code != ERR_OK) {
        return code;
    }
    size_t got = ZSTD_decompress(to->at + to->len, (size_t)len, rest.at, rest.len);
    if (ZSTD_isError(got) || got != len) {
        return ERR_CORRUPT;
    }
    to->len += got;
    return ERR_OK;
}
