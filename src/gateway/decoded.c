/* SPDX-License-Identifier: Apache-2.0
 * decoded.c - a list of escapes, in order. */
#include "gateway/decoded.h"

#include "base/must.h"
#include "base/num.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

static void remember(struct decoded *decoded, const struct escape *escape)
{
    if (decoded->first == decoded->count) {
        decoded->first = decoded->count = 0;
    }
    if (decoded->count == decoded->room) {
        size_t room = decoded->room == 0 ? 16 : decoded->room * 2;
        decoded->escapes = must_have(realloc(decoded->escapes, room * sizeof *decoded->escapes));
        decoded->room = room;
    }
    decoded->escapes[decoded->count++] = *escape;
}

enum err decoded_add(struct decoded *decoded, struct str piece, struct buf *to)
{
    enum err code = ERR_OK;
    while (piece.len > 0 && code == ERR_OK) {
        size_t plain = num_min(str_find_byte(piece, '\\'), piece.len);
        code = buf_add(to, str_cut(piece, 0, plain));
        decoded->raw += plain;
        decoded->text += plain;
        piece = str_cut(piece, plain, piece.len);
        if (piece.len == 0 || code != ERR_OK) {
            break;
        }
        char one[4];
        size_t len;
        size_t bytes = json_unescape_one(piece, one, &len);
        code = buf_add(to, (struct str){one, len});
        if (code != ERR_OK) {
            break;
        }
        const struct escape escape = {decoded->raw, decoded->text, (uint32_t)bytes, (uint32_t)len};
        remember(decoded, &escape);
        decoded->raw += bytes;
        decoded->text += len;
        piece = str_cut(piece, bytes, piece.len);
    }
    return code;
}

/* The last escape that begins at or before `text`: found by halving. */
static const struct escape *escape_at(const struct decoded *decoded, uint64_t text)
{
    size_t low = decoded->first;
    size_t high = decoded->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (decoded->escapes[middle].text <= text) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > decoded->first ? &decoded->escapes[low - 1] : &decoded->before;
}

uint64_t decoded_raw(const struct decoded *decoded, uint64_t text, bool end)
{
    must(text <= decoded->text && text >= decoded->before.text);
    const struct escape *escape = escape_at(decoded, text);
    uint64_t into = text - escape->text;
    if (into >= escape->text_len) {
        return escape->raw + escape->raw_len + (into - escape->text_len);
    }
    return into > 0 && end ? escape->raw + escape->raw_len : escape->raw;
}

void decoded_forget(struct decoded *decoded, uint64_t text)
{
    while (decoded->first < decoded->count &&
           decoded->escapes[decoded->first].text + decoded->escapes[decoded->first].text_len <=
               text) {
        decoded->before = decoded->escapes[decoded->first++];
    }
    if (decoded->first > decoded->count / 2) { /* what is moved is paid by what is forgotten */
        decoded->count -= decoded->first;
        memmove(decoded->escapes, decoded->escapes + decoded->first,
                decoded->count * sizeof *decoded->escapes);
        decoded->first = 0;
    }
}

void decoded_end(struct decoded *decoded)
{
    free(decoded->escapes);
    *decoded = (struct decoded){0};
}
