/* SPDX-License-Identifier: Apache-2.0
 * buf.c - growing bytes: capacity doubles, up to the limit and one byte for a NUL.
 *
 * Invariant: every function that fails leaves at[0..len) as it was. What is dropped is
 * wiped where that is asked for (base/wipe.h): nothing is left behind `len`.
 */
#include "base/buf.h"

#include "base/must.h"
#include "base/wipe.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 64

void buf_init(struct buf *buf, size_t limit)
{
    /* No object is larger than PTRDIFF_MAX; from here on limit + 1 cannot wrap. */
    *buf = (struct buf){.limit = limit < PTRDIFF_MAX ? limit : PTRDIFF_MAX - 1};
}

void buf_end(struct buf *buf)
{
    buf_clear(buf);
    free(buf->at);
    *buf = (struct buf){.limit = buf->limit};
}

void buf_clear(struct buf *buf)
{
    wipe(buf->at, buf->len);
    buf->len = 0;
}

/* Makes cap at least need + 1 (need <= limit). */
static void grow(struct buf *buf, size_t need)
{
    size_t cap = buf->cap < CAP_FIRST ? CAP_FIRST : buf->cap;
    while (cap <= need) {
        cap *= 2;
    }
    cap = cap <= buf->limit ? cap : buf->limit + 1;
    char *at;
    if (wipe_on() && buf->at != NULL) { /* realloc may leave a copy behind */
        at = must_have(malloc(cap));
        memcpy(at, buf->at, buf->len);
        wipe(buf->at, buf->cap);
        free(buf->at);
    } else {
        at = must_have(realloc(buf->at, cap));
    }
    buf->at = at;
    buf->cap = cap;
}

enum err buf_reserve(struct buf *buf, size_t more)
{
    if (more < buf->cap - buf->len) {
        return ERR_OK;
    }
    if (more > buf->limit - buf->len) {
        return ERR_LIMIT;
    }
    grow(buf, buf->len + more);
    return ERR_OK;
}

enum err buf_add(struct buf *buf, struct str s)
{
    if (s.len == 0) {
        return ERR_OK;
    }
    enum err err = buf_reserve(buf, s.len);
    if (err == ERR_OK) {
        memcpy(buf->at + buf->len, s.at, s.len);
        buf->len += s.len;
    }
    return err;
}

enum err buf_add_byte(struct buf *buf, char byte)
{
    enum err err = buf_reserve(buf, 1);
    if (err == ERR_OK) {
        buf->at[buf->len++] = byte;
    }
    return err;
}

enum err buf_printf(struct buf *buf, const char *format, ...)
{
    /* First into what room there is; only when that was too little once more. */
    size_t room = buf->cap - buf->len;
    va_list values;
    va_start(values, format);
    int length = vsnprintf(room ? buf->at + buf->len : NULL, room, format, values);
    va_end(values);
    must(length >= 0);
    size_t more = (size_t)length;
    if (more >= room) {
        enum err err = buf_reserve(buf, more);
        if (err != ERR_OK) {
            return err;
        }
        va_start(values, format);
        (void)vsnprintf(buf->at + buf->len, more + 1, format, values);
        va_end(values);
    }
    buf->len += more;
    return ERR_OK;
}

enum err buf_add_u64(struct buf *buf, unsigned long long value)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t from = sizeof digits;
    do {
        digits[--from] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return buf_add(buf, (struct str){digits + from, sizeof digits - from});
}

void buf_drop_front(struct buf *buf, size_t bytes)
{
    must(bytes <= buf->len);
    if (bytes == 0) {
        return;
    }
    buf->len -= bytes;
    memmove(buf->at, buf->at + bytes, buf->len);
    wipe(buf->at + buf->len, bytes);
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->at ? buf->at : "", buf->len};
}

const char *buf_cstr(struct buf *buf)
{
    if (buf->at == NULL) {
        return "";
    }
    buf->at[buf->len] = '\0';
    return buf->at;
}

void buf_take(struct buf *from, struct buf *to)
{
    must(from != to && to->len == 0);
    free(to->at);
    *to = *from;
    *from = (struct buf){.limit = from->limit};
}
