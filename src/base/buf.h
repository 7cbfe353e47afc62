/* SPDX-License-Identifier: Apache-2.0
 * buf.h - owned, growing bytes with a limit given at birth.
 *
 * Invariant: len <= cap <= limit + 1; when cap > 0 there is room for a NUL that is not counted.
 * Going over `limit` is ERR_LIMIT and leaves the content unchanged.
 */
#ifndef AIRE_BASE_BUF_H
#define AIRE_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *at;
    size_t len;
    size_t cap;
    size_t limit;
};

void buf_init(struct buf *buf, size_t limit); /* allocates nothing yet */
void buf_end(struct buf *buf);                /* frees; the buf is empty again, limit kept */
void buf_clear(struct buf *buf);              /* len = 0, keeps memory */

enum err buf_reserve(struct buf *buf, size_t more) MUST_USE; /* room for `more` bytes after len */
enum err buf_add(struct buf *buf, struct str s) MUST_USE;
enum err buf_add_byte(struct buf *buf, char byte) MUST_USE;
enum err buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;
enum err buf_add_u64(struct buf *buf, unsigned long long value) MUST_USE; /* decimal */

void buf_drop_front(struct buf *buf, size_t bytes); /* memmove of the rest */
struct str buf_str(const struct buf *buf);          /* borrowed until the next change */
const char *buf_cstr(struct buf *buf);              /* NUL-terminated view; "" when empty */
/* Moves content, memory and limit; `to` must be empty, `from` is empty afterwards. */
void buf_take(struct buf *from, struct buf *to);

#endif
