/* SPDX-License-Identifier: Apache-2.0
 * run_seal.c - packing first: what is sealed does not get smaller. */
#include "gateway/run_seal.h"

#include "base/must.h"

struct str run_seal(struct keyring *keyring, struct packer *packer, const struct data_key *key,
                    struct str what, struct str plain, struct arena *arena)
{
    struct buf packed;
    buf_init(&packed, plain.len + 1024);
    enum err code = pack(packer, plain, &packed);
    must(code == ERR_OK);
    struct str sealed = keyring_seal(keyring, key, what, buf_str(&packed), arena);
    buf_end(&packed);
    return sealed;
}

enum err run_unseal(const struct data_key *key, struct str what, struct str sealed, struct buf *to)
{
    struct buf packed;
    buf_init(&packed, sealed.len);
    enum err code = keyring_open(key, what, sealed, &packed);
    code = code == ERR_OK ? unpack(buf_str(&packed), to) : code;
    buf_end(&packed);
    return code == ERR_OK ? ERR_OK : ERR_CORRUPT;
}
