/* SPDX-License-Identifier: Apache-2.0
 * test_endpoint.c - paths and methods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/endpoint.h"

static const struct endpoint *find(const char *method, const char *path)
{
    const struct endpoint *other;
    return endpoint_find(str_of(method), str_of(path), &other);
}

static void test_every_path_has_its_dialect(void **state)
{
    (void)state;
    assert_ptr_equal(find("POST", "/v1/chat/completions")->dialect, &dialect_openai_chat);
    assert_ptr_equal(find("POST", "/v1/responses")->dialect, &dialect_openai_responses);
    assert_ptr_equal(find("POST", "/v1/embeddings")->dialect, &dialect_openai_embeddings);
    assert_ptr_equal(find("POST", "/v1/messages")->dialect, &dialect_anthropic_messages);
    assert_ptr_equal(find("POST", "/v1/messages/count_tokens")->dialect,
                     &dialect_anthropic_count_tokens);
    assert_null(find("GET", "/v1/models")->dialect);
    assert_ptr_equal(find("PROPFIND", "/tools/shop/x")->dialect, &dialect_tool);
    assert_null(find("GET", "/tools"));
}

static void test_head_is_get(void **state)
{
    (void)state;
    assert_ptr_equal(find("HEAD", "/v1/models"), find("GET", "/v1/models"));
    assert_null(find("HEAD", "/v1/messages"));
}

static void test_another_method_is_told_from_no_path(void **state)
{
    const struct endpoint *other;
    (void)state;
    assert_null(endpoint_find(STR("GET"), STR("/v1/messages"), &other));
    assert_ptr_equal(other, find("POST", "/v1/messages"));
    assert_null(endpoint_find(STR("POST"), STR("/v1/nothing"), &other));
    assert_null(other);
}

static void test_paths_are_exact(void **state)
{
    static const char *const near[] = {"/v1/messages/",  "/v1/message", "/V1/messages",
                                       "/v1//messages",  "/v1/",        "",
                                       "/v1/models/gpt", "v1/models",   "/v1/chat/completions/x"};
    (void)state;
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        assert_null(find("POST", near[i]));
        assert_null(find("GET", near[i]));
    }
    assert_null(find("post", "/v1/messages"));
}

static void test_errors_have_the_shape_of_the_paths_family(void **state)
{
    (void)state;
    assert_int_equal(endpoint_family(STR("/v1/messages")), PROVIDER_ANTHROPIC);
    assert_int_equal(endpoint_family(STR("/v1/messages/nothing")), PROVIDER_ANTHROPIC);
    assert_int_equal(endpoint_family(STR("/v1/chat/completions")), PROVIDER_OPENAI);
    assert_int_equal(endpoint_family(STR("")), PROVIDER_OPENAI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path_has_its_dialect),
        cmocka_unit_test(test_head_is_get),
        cmocka_unit_test(test_another_method_is_told_from_no_path),
        cmocka_unit_test(test_paths_are_exact),
        cmocka_unit_test(test_errors_have_the_shape_of_the_paths_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
