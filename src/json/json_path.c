/* SPDX-License-Identifier: Apache-2.0
 * json_path.c - walks a tape along an RFC 6901 pointer.
 *
 * Invariants: an array index is decimal without leading zeros; "-" (the element behind the last) is
 * never there. A token without '~' is looked up where it stands, without a copy.
 */
#include "json/json_path.h"

#include "base/num.h"

#include <stdint.h>
#include <string.h>

static bool is_valid(struct str pointer)
{
    if (pointer.len > 0 && pointer.at[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < pointer.len; i++) {
        if (pointer.at[i] != '~') {
            continue;
        }
        i++;
        if (i == pointer.len || (pointer.at[i] != '0' && pointer.at[i] != '1')) {
            return false;
        }
    }
    return true;
}

/* RFC 6901, section 4: "0", or digits that do not begin with 0. */
static uint32_t element(const struct json *json, uint32_t array, struct str token)
{
    uint64_t index;
    bool zero_first = token.len > 1 && token.at[0] == '0';
    if (zero_first || num_u64(token, &index) != ERR_OK || index >= json_count(json, array)) {
        return JSON_NONE;
    }
    return json_at(json, array, (uint32_t)index);
}

/* "~01" is "~1": each escape is decoded once, from left to right. */
static uint32_t member(const struct json *json, uint32_t object, struct str token)
{
    if (str_find_byte(token, '~') == SIZE_MAX) {
        return json_get(json, object, token);
    }
    struct buf key;
    buf_init(&key, token.len);
    enum err code = ERR_OK;
    for (size_t i = 0; i < token.len && code == ERR_OK; i++) {
        char byte = token.at[i];
        if (byte == '~') {
            i++;
            byte = token.at[i] == '0' ? '~' : '/';
        }
        code = buf_add_byte(&key, byte);
    }
    uint32_t found = code == ERR_OK ? json_get(json, object, buf_str(&key)) : JSON_NONE;
    buf_end(&key);
    return found;
}

uint32_t json_path(const struct json *json, struct str pointer)
{
    if (json->count == 0 || !is_valid(pointer)) {
        return JSON_NONE;
    }
    uint32_t node = JSON_ROOT;
    /* Not str_split: "/a/" ends with an empty token, and that one counts. */
    while (pointer.len > 0 && node != JSON_NONE) {
        pointer = str_cut(pointer, 1, pointer.len);
        size_t slash = str_find_byte(pointer, '/');
        struct str token = str_cut(pointer, 0, slash);
        pointer = str_cut(pointer, token.len, pointer.len);
        node = json_is(json, node, JSON_ARRAY) ? element(json, node, token)
                                               : member(json, node, token);
    }
    return node;
}
