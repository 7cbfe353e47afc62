/* SPDX-License-Identifier: Apache-2.0
 * run_place.c - three segments of a path. */
#include "gateway/run_place.h"

#include "base/num.h"

#define PREFIX STR("/run/")

enum err run_place_of(struct str path, struct run_place *place)
{
    *place = (struct run_place){.rest = path};
    if (!str_starts(path, PREFIX)) {
        return ERR_OK;
    }
    struct str rest = str_cut(path, PREFIX.len, path.len);
    struct str run;
    struct str attempt;
    uint64_t number;
    if (!str_split(&rest, '/', &run) || !run_id_is_valid(run) || !str_split(&rest, '/', &attempt) ||
        num_u64(attempt, &number) != ERR_OK || number < 1 || number > RUN_TRY_MAX) {
        return ERR_INVALID;
    }
    /* With the slash in front of it. */
    size_t used = PREFIX.len + run.len + 1 + attempt.len;
    *place = (struct run_place){
        .run = run, .attempt = (uint32_t)number, .rest = str_cut(path, used, path.len)};
    return ERR_OK;
}
