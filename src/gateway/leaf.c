/* SPDX-License-Identifier: Apache-2.0
 * leaf.c - the parts of a leaf: hashed where they stand, or written one behind the other. */
#include "gateway/leaf.h"

#include "base/must.h"

#include <string.h>

#define LEAF_VERSION 1
#define KEY_BYTES    8
#define LENGTH_BYTES 4
#define LEAF_TEXTS   3
#define LEAF_PARTS   (2 + 2 * LEAF_TEXTS) /* head, salt, the texts with their lengths */

struct parts {
    char head[1 + KEY_BYTES];
    char lengths[LEAF_TEXTS][LENGTH_BYTES];
    struct str at[LEAF_PARTS];
};

static void put(char *to, size_t bytes, uint64_t value)
{
    for (size_t i = bytes; i-- > 0; value >>= 8) {
        to[i] = (char)(unsigned char)value;
    }
}

static void parts_of(const struct leaf *leaf, struct parts *parts)
{
    const struct str texts[LEAF_TEXTS] = {leaf->data_key, leaf->personal, leaf->facts};
    must(leaf->salt.len == LEAF_SALT_BYTES);
    parts->head[0] = LEAF_VERSION;
    put(parts->head + 1, KEY_BYTES, (uint64_t)leaf->key);
    parts->at[0] = (struct str){parts->head, sizeof parts->head};
    parts->at[1] = leaf->salt;
    for (size_t i = 0; i < LEAF_TEXTS; i++) {
        must(texts[i].len <= LEAF_TEXTS_MAX);
        put(parts->lengths[i], LENGTH_BYTES, texts[i].len);
        parts->at[2 + 2 * i] = (struct str){parts->lengths[i], LENGTH_BYTES};
        parts->at[3 + 2 * i] = texts[i];
    }
}

struct digest leaf_hash(const struct leaf *leaf)
{
    struct parts parts;
    struct str all[1 + LEAF_PARTS] = {{"\0", 1}}; /* of a leaf, never of a node (crypto/tree.h) */
    parts_of(leaf, &parts);
    memcpy(all + 1, parts.at, sizeof parts.at);
    return digest_of_parts(all, 1 + LEAF_PARTS);
}

enum err leaf_write(const struct leaf *leaf, struct buf *to)
{
    struct parts parts;
    size_t before = to->len;
    enum err code = ERR_OK;
    parts_of(leaf, &parts);
    for (size_t i = 0; i < LEAF_PARTS && code == ERR_OK; i++) {
        code = buf_add(to, parts.at[i]);
    }
    to->len = code == ERR_OK ? to->len : before;
    return code;
}

static bool take(struct str *rest, size_t bytes, struct str *taken)
{
    if (rest->len < bytes) {
        return false;
    }
    *taken = str_cut(*rest, 0, bytes);
    *rest = str_cut(*rest, bytes, rest->len);
    return true;
}

static bool take_number(struct str *rest, size_t bytes, uint64_t *number)
{
    struct str taken;
    if (!take(rest, bytes, &taken)) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < bytes; i++) {
        *number = *number << 8 | (unsigned char)taken.at[i];
    }
    return true;
}

static bool take_text(struct str *rest, struct str *text)
{
    uint64_t length;
    return take_number(rest, LENGTH_BYTES, &length) && take(rest, length, text);
}

enum err leaf_read(struct str bytes, struct leaf *leaf)
{
    uint64_t version;
    uint64_t key;
    struct str rest = bytes;
    bool good = take_number(&rest, 1, &version) && version == LEAF_VERSION &&
                take_number(&rest, KEY_BYTES, &key) && take(&rest, LEAF_SALT_BYTES, &leaf->salt) &&
                take_text(&rest, &leaf->data_key) && take_text(&rest, &leaf->personal) &&
                take_text(&rest, &leaf->facts) && rest.len == 0;
    if (!good) {
        return ERR_CORRUPT;
    }
    leaf->key = (int64_t)key;
    return ERR_OK;
}
