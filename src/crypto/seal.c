/* SPDX-License-Identifier: Apache-2.0
 * seal.c - libsodium, with a version in front. */
#include "crypto/seal.h"

#include <sodium.h>

#define VERSION 1

void seal_key_wipe(struct seal_key *key)
{
    sodium_memzero(key, sizeof *key);
}

enum err seal(const struct seal_key *key, const uint8_t nonce[SEAL_NONCE_BYTES],
              struct str associated, struct str plain, struct buf *to)
{
    enum err code = buf_reserve(to, plain.len + SEAL_EXTRA_BYTES);
    if (code != ERR_OK) {
        return code;
    }
    code = buf_add_byte(to, VERSION);
    code = code == ERR_OK ? buf_add(to, (struct str){(const char *)nonce, SEAL_NONCE_BYTES}) : code;
    if (code != ERR_OK) {
        return code;
    }
    unsigned long long len = 0;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        (unsigned char *)to->at + to->len, &len, (const unsigned char *)plain.at, plain.len,
        (const unsigned char *)associated.at, associated.len, NULL, nonce, key->bytes);
    to->len += (size_t)len;
    return ERR_OK;
}

enum err seal_open(const struct seal_key *key, struct str associated, struct str sealed,
                   struct buf *to)
{
    if (sealed.len < SEAL_EXTRA_BYTES || sealed.at[0] != VERSION) {
        return ERR_INVALID;
    }
    enum err code = buf_reserve(to, sealed.len);
    if (code != ERR_OK) {
        return code;
    }
    const unsigned char *nonce = (const unsigned char *)sealed.at + 1;
    const unsigned char *cipher = nonce + SEAL_NONCE_BYTES;
    unsigned long long len = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)to->at + to->len, &len, NULL,
                                                   cipher, sealed.len - 1 - SEAL_NONCE_BYTES,
                                                   (const unsigned char *)associated.at,
                                                   associated.len, nonce, key->bytes) != 0) {
        return ERR_INVALID;
    }
    to->len += (size_t)len;
    return ERR_OK;
}

void seal_mac(const struct seal_key *key, struct str bytes, uint8_t mac[32])
{
    (void)crypto_auth_hmacsha256(mac, (const unsigned char *)bytes.at, bytes.len, key->bytes);
}

struct seal_key seal_derive(const struct seal_key *key, struct str purpose)
{
    struct seal_key made;
    seal_mac(key, purpose, made.bytes);
    return made;
}
