/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tree_proof.c - proofs from outside never break the checks, and none is found that passes.
 *
 * Two sizes in 8 bytes each, then the hashes of the proof.
 */
#include "base/must.h"
#include "crypto/tree.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t numbers[2];
    struct tree_proof proof = {.count = 0};
    struct fault why;
    if (size < sizeof numbers) {
        return 0;
    }
    memcpy(numbers, data, sizeof numbers);
    data += sizeof numbers;
    size -= sizeof numbers;
    for (; size >= DIGEST_BYTES && proof.count < TREE_PROOF_MAX; proof.count++) {
        memcpy(proof.hashes[proof.count].bytes, data, DIGEST_BYTES);
        data += DIGEST_BYTES;
        size -= DIGEST_BYTES;
    }
    /* The roots are none that hashing gives. */
    const struct digest leaf = {{1}};
    const struct tree_head first = {numbers[0], {{2}}};
    const struct tree_head second = {numbers[1], {{3}}};
    must(tree_check_inclusion(&proof, numbers[0], &leaf, &second, &why) != ERR_OK);
    must(tree_check_consistency(&proof, &first, &second, &why) != ERR_OK);
    struct tree tree;
    if (tree_load(&tree, (struct str){(const char *)data, size}) == ERR_OK) {
        must(tree.size <= TREE_SIZE_MAX);
        (void)tree_head(&tree);
    }
    return 0;
}
