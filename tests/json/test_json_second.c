/* SPDX-License-Identifier: Apache-2.0
 * test_json_second.c - jansson as a second opinion on random mutations of valid texts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/jansson_opinion.h"
#include "support/json_help.h"
#include "json/json.h"
#include "json/json_writer.h"

static void mutations_are_decided_and_understood_alike(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    unsigned accepted = 0;
    for (int turn = 0; turn < 100000; turn++) {
        struct arena *arena = arena_new(4096);
        struct str sample = json_samples[rng_below(&rng, json_samples_count)];
        struct str text = json_mutate(&rng, sample, arena);
        struct json json;
        bool ours = json_parse(&json, text, NULL, arena, NULL) == ERR_OK;
        assert_int_equal(json_valid(text, NULL), ours);
        enum opinion theirs = jansson_opinion(text);
        if (theirs != OPINION_NONE && ours != (theirs == OPINION_YES)) {
            fail_msg("decided differently: " STR_FMT, STR_ARG(text));
        }
        if (ours && theirs == OPINION_YES) {
            struct buf anew;
            buf_init(&anew, 10000);
            assert_int_equal(json_rewrite(&json, arena, &anew), ERR_OK);
            assert_true(jansson_equal(text, buf_str(&anew)));
            buf_end(&anew);
            accepted++;
        }
        arena_free(arena);
    }
    assert_true(accepted > 10000); /* the mutations must not all be rubbish */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutations_are_decided_and_understood_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
