/* SPDX-License-Identifier: Apache-2.0
 * test_failure.c - each status and each word of the providers has one meaning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resilience/failure.h"

#include <string.h>

struct row {
    uint64_t status; /* 0: an error object inside a 200 stream */
    const char *code;
    const char *type;
    const char *message;
    enum failure expected;
};

static const struct row rows[] = {
    /* success */
    {200, "", "", "", FAILURE_none},
    {201, "", "", "", FAILURE_none},
    /* the request is at fault */
    {400, "", "invalid_request_error", "messages: field required", FAILURE_client},
    {404, "model_not_found", "invalid_request_error", "no such model", FAILURE_client},
    {404, "", "not_found_error", "", FAILURE_client},
    {413, "", "request_too_large", "Request exceeds the maximum size", FAILURE_client},
    {422, "", "", "", FAILURE_client},
    {405, "", "", "", FAILURE_client},
    {418, "", "", "", FAILURE_client},
    {400, "", "", "", FAILURE_client},
    /* too long */
    {400, "context_length_exceeded", "invalid_request_error", "", FAILURE_too_long},
    {400, "", "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum",
     FAILURE_too_long},
    {400, "", "BadRequestError", "This model's maximum context length is 4096 tokens.",
     FAILURE_too_long},
    {400, "", "", "Your input exceeds the context window of this model.", FAILURE_too_long},
    {400, "", "invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2",
     FAILURE_too_long},
    {200, "", "model_context_window_exceeded", "", FAILURE_too_long},
    {0, "context_length_exceeded", "", "", FAILURE_too_long},
    /* refused by policy */
    {400, "content_filter", "", "The response was filtered", FAILURE_refused},
    {400, "ResponsibleAIPolicyViolation", "", "", FAILURE_refused},
    {400, "", "", "code: ResponsibleAIPolicyViolation", FAILURE_refused},
    {400, "", "invalid_request_error", "Output blocked by content filtering policy",
     FAILURE_refused},
    {400, "content_policy_violation", "", "", FAILURE_refused},
    /* our key */
    {401, "invalid_api_key", "invalid_request_error", "Incorrect API key", FAILURE_credential},
    {401, "", "authentication_error", "", FAILURE_credential},
    {403, "", "permission_error", "", FAILURE_credential},
    {0, "", "authentication_error", "", FAILURE_credential},
    {400, "", "authentication_error", "", FAILURE_credential},
    /* used up */
    {402, "", "", "", FAILURE_exhausted},
    {402, "", "billing_error", "", FAILURE_exhausted},
    {429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota",
     FAILURE_exhausted},
    {429, "credit_balance_exhausted", "", "", FAILURE_exhausted},
    {429, "billing_hard_limit_reached", "", "", FAILURE_exhausted},
    {400, "billing_hard_limit_reached", "invalid_request_error", "", FAILURE_exhausted},
    {429, "project_spend_limit_exceeded", "", "", FAILURE_exhausted},
    {429, "organization_spend_limit_exceeded", "", "", FAILURE_exhausted},
    {429, "usage_limit", "", "", FAILURE_exhausted},
    {429, "", "usage_limit_reached", "", FAILURE_exhausted},
    {400, "", "invalid_request_error", "Your credit balance is too low to access the API",
     FAILURE_exhausted},
    {400, "", "invalid_request_error", "You have reached your specified API usage limits.",
     FAILURE_exhausted},
    {0, "INSUFFICIENT_QUOTA", "", "", FAILURE_exhausted},
    /* try again */
    {408, "", "", "", FAILURE_timeout_head},
    {409, "", "conflict_error", "", FAILURE_conflict},
    {425, "", "", "", FAILURE_conflict},
    /* saturated */
    {429, "rate_limit_exceeded", "requests", "Rate limit reached", FAILURE_saturated},
    {429, "", "rate_limit_error", "", FAILURE_saturated},
    {429, "", "", "", FAILURE_saturated},
    {429, "RESOURCE_EXHAUSTED", "", "", FAILURE_saturated},
    {503, "slow_down", "", "", FAILURE_saturated},
    {0, "", "rate_limit_error", "", FAILURE_saturated},
    {0, "429", "", "", FAILURE_saturated},
    /* the provider */
    {500, "", "server_error", "", FAILURE_provider},
    {500, "", "api_error", "", FAILURE_provider},
    {500, "", "invalid_request_error", "", FAILURE_provider},
    {502, "", "", "", FAILURE_provider},
    {503, "", "", "", FAILURE_provider},
    {504, "", "timeout_error", "", FAILURE_provider},
    {529, "", "overloaded_error", "Overloaded", FAILURE_provider},
    {0, "", "overloaded_error", "Overloaded", FAILURE_provider},
    {0, "", "api_error", "", FAILURE_provider},
    {0, "502", "", "", FAILURE_provider},
    {0, "", "", "", FAILURE_provider},
    {0, "whatever", "unheard_of", "?", FAILURE_provider},
    {0, "", "invalid_request_error", "", FAILURE_client},
    {200, "", "overloaded_error", "", FAILURE_provider},
    /* not an answer */
    {301, "", "", "", FAILURE_malformed},
    {304, "", "", "", FAILURE_malformed},
    {101, "insufficient_quota", "", "", FAILURE_malformed},
    {600, "", "", "", FAILURE_malformed},
    {999, "", "", "", FAILURE_malformed},
    /* near misses stay what the status says */
    {400, "context_length", "", "", FAILURE_client},
    {429, "spend_limit_exceeded_", "", "", FAILURE_saturated},
    {429, "no_usage_limit", "", "", FAILURE_saturated},
};

static void every_row_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct str code = str_of(row->code);
        struct str type = str_of(row->type);
        struct str message = str_of(row->message);
        enum failure got = row->status == 0
                               ? failure_of_error(code, type, message)
                               : failure_of_status((unsigned)row->status, code, type, message);
        if (got != row->expected) {
            fail_msg("%llu '%s' '%s' '%s': %s, expected %s", (unsigned long long)row->status,
                     row->code, row->type, row->message, failure_action(got)->name,
                     failure_action(row->expected)->name);
        }
    }
}

struct action_row {
    enum failure failure;
    enum failure_action_retry retry;
    enum failure_action_fallback fallback;
    enum breaker_outcome breaker;
    bool pins;
};

/* What to do, as the table of the providers' documents has it. */
static const struct action_row action_rows[] = {
    {FAILURE_client, RETRY_NO, FALLBACK_NO, BREAKER_NEUTRAL, false},
    {FAILURE_too_long, RETRY_NO, FALLBACK_YES, BREAKER_NEUTRAL, false},
    {FAILURE_refused, RETRY_NO, FALLBACK_POLICY, BREAKER_NEUTRAL, false},
    {FAILURE_credential, RETRY_NO, FALLBACK_YES, BREAKER_NEUTRAL, true},
    {FAILURE_exhausted, RETRY_NO, FALLBACK_YES, BREAKER_NEUTRAL, true},
    {FAILURE_timeout_head, RETRY_YES, FALLBACK_YES, BREAKER_FAILURE, false},
    {FAILURE_conflict, RETRY_YES, FALLBACK_YES, BREAKER_NEUTRAL, false},
    {FAILURE_saturated, RETRY_AFTER, FALLBACK_YES, BREAKER_NEUTRAL, false},
    {FAILURE_provider, RETRY_YES, FALLBACK_YES, BREAKER_FAILURE, false},
    {FAILURE_connect, RETRY_YES, FALLBACK_YES, BREAKER_FAILURE, false},
    {FAILURE_network, RETRY_YES, FALLBACK_YES, BREAKER_FAILURE, false},
    {FAILURE_truncated, RETRY_YES, FALLBACK_YES, BREAKER_FAILURE, false},
};

static void every_class_has_its_actions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof action_rows / sizeof action_rows[0]; i++) {
        const struct action_row *row = &action_rows[i];
        const struct failure_action *action = failure_action(row->failure);
        assert_int_equal(action->retry, row->retry);
        assert_int_equal(action->fallback, row->fallback);
        assert_int_equal(action->breaker, row->breaker);
        assert_int_equal(action->pins, row->pins);
    }
}

static void names_are_unique(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAILURE_CLASSES; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(failure_action((enum failure)i)->name,
                                    failure_action((enum failure)j)->name);
        }
    }
}

static void transport_errors_have_classes(void **state)
{
    (void)state;
    assert_int_equal(failure_of_transport(ERR_OK), FAILURE_none);
    assert_int_equal(failure_of_transport(ERR_DNS), FAILURE_connect);
    assert_int_equal(failure_of_transport(ERR_REFUSED), FAILURE_connect);
    assert_int_equal(failure_of_transport(ERR_UNREACHABLE), FAILURE_connect);
    assert_int_equal(failure_of_transport(ERR_TLS), FAILURE_connect);
    assert_int_equal(failure_of_transport(ERR_RESET), FAILURE_network);
    assert_int_equal(failure_of_transport(ERR_CLOSED), FAILURE_network);
    assert_int_equal(failure_of_transport(ERR_SYNTAX), FAILURE_malformed);
    assert_int_equal(failure_of_transport(ERR_LIMIT), FAILURE_too_large);
    assert_int_equal(failure_of_transport(ERR_TIMEOUT), FAILURE_timeout_connect);
}

static void only_failures_are_rules_words(void **state)
{
    (void)state;
    assert_true(failure_word_valid(STR("open")));
    assert_true(failure_word_valid(STR("timeout")));
    assert_true(failure_word_valid(STR("exhausted")));
    assert_false(failure_word_valid(STR("none")));
    assert_false(failure_word_valid(STR("Timeout")));
    assert_false(failure_word_valid(STR("")));
}

static void only_the_head_of_a_message_is_read(void **state)
{
    (void)state;
    static char message[4096];
    memset(message, ' ', sizeof message);
    memcpy(message + 3000, "prompt is too long", 18);
    struct str long_one = {message, sizeof message};
    assert_int_equal(failure_of_status(400, STR(""), STR(""), long_one), FAILURE_client);
    memcpy(message + 2048 - 18, "prompt is too long", 18);
    assert_int_equal(failure_of_status(400, STR(""), STR(""), long_one), FAILURE_too_long);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_class),
        cmocka_unit_test(every_class_has_its_actions),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(transport_errors_have_classes),
        cmocka_unit_test(only_failures_are_rules_words),
        cmocka_unit_test(only_the_head_of_a_message_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
