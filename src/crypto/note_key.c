/* SPDX-License-Identifier: Apache-2.0
 * note_key.c - keys of notes as text.
 *
 * Strictness comes from writing: a text is taken when writing what was read gives it back. */
#include "crypto/note_impl.h"

#include "base/must.h"
#include "base/text.h"
#include "base/utf8.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PRIVATE   STR("PRIVATE+KEY+")
#define KEY_BYTES (1 + SIGN_SEED_BYTES) /* the type in front; a public key is as long */

/* White space of Unicode 15. */
static bool is_space(uint32_t code)
{
    return code == ' ' || code == 0x85 || code == 0xa0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
           code == 0x202f || code == 0x205f || code == 0x3000;
}

bool note_name_valid(struct str name)
{
    if (name.len == 0 || name.len > NOTE_NAME_MAX || !utf8_valid(name)) {
        return false;
    }
    for (size_t at = 0; at < name.len;) {
        uint32_t code = 0;
        at += utf8_step(name, at, &code);
        if (code < 0x20 || code == 0x7f || code == '+' || is_space(code)) {
            return false;
        }
    }
    return true;
}

/* key ID = SHA-256(key name || 0x0A || signature type || public key)[:4] */
static uint32_t id_of(const struct note_key *key)
{
    const char type = (char)key->type;
    const struct str parts[] = {str_of(key->name),
                                STR("\n"),
                                {&type, 1},
                                {(const char *)key->public.bytes, SIGN_PUBLIC_BYTES}};
    struct digest digest = digest_of_parts(parts, 4);
    return note_id_read((struct str){(const char *)digest.bytes, 4});
}

enum err note_signer_of(struct note_signer *signer, enum note_type type, struct str name,
                        const uint8_t seed[SIGN_SEED_BYTES])
{
    must(type == NOTE_PLAIN || type == NOTE_COSIGNATURE);
    if (!note_name_valid(name)) {
        return ERR_INVALID;
    }
    must(str_copy(name, signer->key.name, sizeof signer->key.name));
    signer->secret = sign_key_of(seed);
    signer->key.public = sign_public_of(&signer->secret);
    signer->key.type = type;
    signer->key.id = id_of(&signer->key);
    return ERR_OK;
}

void note_signer_wipe(struct note_signer *signer)
{
    sodium_memzero(signer, sizeof *signer);
}

/* NAME+ID+BASE64 of the type and 32 bytes: the public key, or the seed of the private one. Room is
 * made once, so that no copy of a secret stays behind where a buffer was. */
static enum err write_key(struct str prefix, const struct note_key *key, struct str bytes,
                          struct buf *to)
{
    char raw[KEY_BYTES] = {(char)key->type};
    memcpy(raw + 1, bytes.at, sizeof raw - 1);
    enum err code = buf_reserve(to, prefix.len + strlen(key->name) + sizeof "+01234567+" + 44);
    if (code == ERR_OK) {
        code = buf_printf(to, STR_FMT "%s+%08x+", STR_ARG(prefix), key->name, key->id);
        must(code == ERR_OK && text_base64(to, (struct str){raw, sizeof raw}) == ERR_OK);
    }
    sodium_memzero(raw, sizeof raw);
    return code;
}

enum err note_key_write(const struct note_key *key, struct buf *to)
{
    struct str bytes = {(const char *)key->public.bytes, SIGN_PUBLIC_BYTES};
    return write_key(STR(""), key, bytes, to);
}

enum err note_signer_write(const struct note_signer *signer, struct buf *to)
{
    return write_key(PRIVATE, &signer->key, sign_seed(&signer->secret), to);
}

/* The parts of either form. */
struct parts {
    struct str name;
    struct str id;
    uint8_t raw[KEY_BYTES];
};

static enum err malformed(struct fault *why)
{
    return fault_set(why, ERR_SYNTAX, "a key reads NAME+ID+BASE64, 33 bytes behind the base64");
}

static enum err read_raw(struct str base64, uint8_t raw[KEY_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, KEY_BYTES);
    enum err code = text_unbase64(&bytes, base64);
    if (code == ERR_OK && bytes.len == KEY_BYTES) {
        memcpy(raw, bytes.at, bytes.len);
    } else {
        code = ERR_SYNTAX;
    }
    if (bytes.cap > 0) {
        sodium_memzero(bytes.at, bytes.cap);
    }
    buf_end(&bytes);
    return code;
}

static enum err read_parts(struct str text, struct parts *parts, struct fault *why)
{
    struct str rest = text;
    if (text.len > NOTE_KEY_TEXT_MAX || !str_split(&rest, '+', &parts->name) ||
        !str_split(&rest, '+', &parts->id) || !note_name_valid(parts->name) ||
        read_raw(rest, parts->raw) != ERR_OK) {
        return malformed(why);
    }
    if (parts->raw[0] != NOTE_PLAIN && parts->raw[0] != NOTE_COSIGNATURE) {
        return fault_set(why, ERR_UNSUPPORTED, "a key of signature type %u", parts->raw[0]);
    }
    return ERR_OK;
}

/* `again` is what was read, written. */
static enum err compare(struct str text, const struct parts *parts, uint32_t id,
                        const struct buf *again, struct fault *why)
{
    char expected[9];
    (void)snprintf(expected, sizeof expected, "%08x", id);
    if (!str_equal(parts->id, str_of(expected))) {
        return fault_set(why, ERR_INVALID, "the id of this name and key is %s", expected);
    }
    return str_equal(text, buf_str(again)) ? ERR_OK : malformed(why);
}

enum err note_key_parse(struct str text, struct note_key *key, struct fault *why)
{
    struct parts parts = {.name = STR("")};
    enum err code = read_parts(text, &parts, why);
    if (code != ERR_OK) {
        return code;
    }
    must(str_copy(parts.name, key->name, sizeof key->name));
    key->type = (enum note_type)parts.raw[0];
    memcpy(key->public.bytes, parts.raw + 1, SIGN_PUBLIC_BYTES);
    key->id = id_of(key);
    struct buf again;
    buf_init(&again, NOTE_KEY_TEXT_MAX);
    must(note_key_write(key, &again) == ERR_OK);
    code = compare(text, &parts, key->id, &again, why);
    buf_end(&again);
    return code;
}

static enum err take_signer(struct str text, const struct parts *parts, struct note_signer *signer,
                            struct fault *why)
{
    must(note_signer_of(signer, (enum note_type)parts->raw[0], parts->name, parts->raw + 1) ==
         ERR_OK);
    struct buf again;
    buf_init(&again, NOTE_KEY_TEXT_MAX);
    must(note_signer_write(signer, &again) == ERR_OK);
    enum err code = compare(text, parts, signer->key.id, &again, why);
    sodium_memzero(again.at, again.cap);
    buf_end(&again);
    if (code != ERR_OK) {
        note_signer_wipe(signer);
    }
    return code;
}

enum err note_signer_parse(struct str text, struct note_signer *signer, struct fault *why)
{
    if (!str_starts(text, PRIVATE)) {
        return malformed(why);
    }
    struct parts parts = {.name = STR("")};
    enum err code = read_parts(str_cut(text, PRIVATE.len, text.len), &parts, why);
    code = code == ERR_OK ? take_signer(text, &parts, signer, why) : code;
    sodium_memzero(&parts, sizeof parts);
    return code;
}
