/* SPDX-License-Identifier: Apache-2.0
 * fuzz_retry.c - Retry-After in any form is within its cap, and any error's words have a class. */
#include "base/must.h"
#include "resilience/failure.h"
#include "resilience/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str parts[3] = {{0}};
    for (size_t i = 0; i < 3; i++) {
        (void)str_split(&rest, '\n', &parts[i]);
    }
    struct wall now = {784111777 * US_PER_S};
    must(retry_after_ms(parts[0], parts[1], now) <= RETRY_AFTER_MAX_MS);
    must(failure_of_error(parts[0], parts[1], parts[2]) < FAILURE_CLASSES);
    must(failure_of_status(400, parts[0], parts[1], parts[2]) != FAILURE_none);
    return 0;
}
