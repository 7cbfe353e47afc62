/* SPDX-License-Identifier: Apache-2.0
 * run_birth.c - a new run's data key is named after its row. */
#include "gateway/run_birth.h"

void run_birth(struct commons *commons, struct run_birth *birth, struct arena *arena,
               struct store_step steps[RUN_BIRTH_STEPS])
{
    birth->number = commons_number(commons, birth->now);
    struct str key_id = arena_printf(arena, "rn%016llx", (unsigned long long)birth->number);
    birth->key = keyring_make(commons->keyring, KEY_RUN, key_id, &birth->scope, arena, &steps[0]);
    const struct run_row row = {.number = birth->number,
                                .tenant = birth->scope.tenant,
                                .id = birth->id,
                                .agent = birth->agent,
                                .principal = birth->scope.principal,
                                .data_key = key_id,
                                .epoch = 1,
                                .created_us = birth->now.us};
    steps[1] = run_insert(&row, arena);
}
