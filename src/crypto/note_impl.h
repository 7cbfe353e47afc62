/* SPDX-License-Identifier: Apache-2.0
 * note_impl.h - what the files of note.h share. */
#ifndef AIRE_CRYPTO_NOTE_IMPL_H
#define AIRE_CRYPTO_NOTE_IMPL_H

#include "crypto/digest.h"
#include "crypto/note.h"

bool note_name_valid(struct str name);

/* Big-endian, of the first four bytes. */
static inline uint32_t note_id_read(struct str bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

#endif
