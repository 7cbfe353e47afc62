/* SPDX-License-Identifier: Apache-2.0
 * places.c - runs of equal steps: greedy, from the front. */
#include "audit/places.h"

#include "base/must.h"
#include "base/num.h"

/* How many from the front rise by one step; at least 1. */
static size_t run_length(const uint64_t *places, size_t count)
{
    size_t length = count < 2 ? count : 2;
    while (length < count && places[length] - places[length - 1] == places[1] - places[0]) {
        length++;
    }
    return length;
}

static enum err write_run(const uint64_t *places, size_t length, struct buf *to)
{
    unsigned long long from = places[0];
    unsigned long long last = places[length - 1];
    unsigned long long step = length > 1 ? places[1] - places[0] : 1;
    if (length == 1) {
        return buf_printf(to, "%llu", from);
    }
    return step == 1 ? buf_printf(to, "%llu-%llu", from, last)
                     : buf_printf(to, "%llu-%llu/%llu", from, last, step);
}

enum err places_write(const uint64_t *places, size_t count, struct buf *to)
{
    enum err code = ERR_OK;
    for (size_t at = 0; at < count && code == ERR_OK;) {
        size_t length = run_length(places + at, count - at);
        must(length == 1 || places[at] < places[at + 1]);
        length = length == 2 && places[at + 1] - places[at] > 1 ? 1 : length;
        code = at > 0 ? buf_add_byte(to, ' ') : ERR_OK;
        code = code == ERR_OK ? write_run(places + at, length, to) : code;
        at += length;
    }
    return code;
}

enum err places_next(struct str *text, struct places_run *run)
{
    struct str word;
    if (!str_split(text, ' ', &word)) {
        return ERR_NOT_FOUND;
    }
    size_t dash = str_find_byte(word, '-');
    size_t slash = str_find_byte(word, '/');
    bool good = num_u64(str_cut(word, 0, dash), &run->from) == ERR_OK;
    run->to = run->from;
    run->step = 1;
    if (good && dash != SIZE_MAX) {
        good = num_u64(str_cut(word, dash + 1, slash), &run->to) == ERR_OK;
    }
    if (good && slash != SIZE_MAX) {
        good = dash < slash && num_u64(str_cut(word, slash + 1, word.len), &run->step) == ERR_OK;
    }
    good = good && run->from <= run->to &&
           (run->step == 1 || (run->step > 1 && run->step <= run->to - run->from)) &&
           (run->to - run->from) % run->step == 0;
    return good ? ERR_OK : ERR_SYNTAX;
}
