/* SPDX-License-Identifier: Apache-2.0
 * test_routes.c - the table of the API: found, refused, described. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "console/routes.h"
#include "json/json_path.h"

#include <stdio.h>
#include <string.h>

static const struct api_route *find(const char *method, const char *path, bool *known)
{
    return routes_find(str_of(method), str_of(path), known);
}

static void a_route_is_found_by_method_and_path(void **state)
{
    (void)state;
    bool known;
    assert_ptr_equal(find("GET", "/api/keys", &known)->serve, api_keys);
    assert_ptr_equal(find("POST", "/api/keys", &known)->serve, api_key_create);
    assert_ptr_equal(find("HEAD", "/healthz", &known)->serve, api_healthz);
    assert_ptr_equal(find("GET", "/", &known)->serve, api_page);
    assert_ptr_equal(find("POST", "/api/routes/a%2Fb/stop", &known)->serve, api_route_stop);
}

static void a_known_path_with_another_method_is_told_from_an_unknown_one(void **state)
{
    (void)state;
    bool known;
    assert_null(find("DELETE", "/api/keys", &known));
    assert_true(known);
    assert_null(find("GET", "/api/keys/x/y/z", &known));
    assert_false(known);
    assert_null(find("GET", "/api", &known));
    assert_false(known);
    assert_null(find("POST", "/api/routes//stop", &known)); /* a name is never empty */
    assert_false(known);
    assert_null(find("GET", "/api/keys/", &known));
    assert_false(known);
}

static void allow_names_the_methods_of_a_path(void **state)
{
    (void)state;
    char allow[64];
    routes_allow(STR("/api/keys"), allow, sizeof allow);
    assert_string_equal(allow, "GET, HEAD, POST, OPTIONS");
    routes_allow(STR("/api/config/apply"), allow, sizeof allow);
    assert_string_equal(allow, "POST, OPTIONS");
}

static void a_parameter_is_captured_from_its_segment(void **state)
{
    (void)state;
    bool known;
    const struct api_route *route = find("POST", "/api/reviews/rv1/decision", &known);
    struct str path = STR("/api/reviews/rv1/decision");
    assert_true(str_equal(routes_capture(route, path, STR("id")), STR("rv1")));
    assert_int_equal(routes_capture(route, path, STR("name")).len, 0);
}

/* Handlers trust this: every {name} is declared, every declared path parameter is in the path. */
/* These are served within the tenant of the caller's key. */
static bool is_for_agents(const struct api_route *route)
{
    static const char *const paths[] = {"/api/runs", "/api/runs/{id}/signals/{name}",
                                        "/api/queues/{name}/claim", "/api/queues/{name}/heartbeat"};
    bool is = false;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        is = is || strcmp(route->path, paths[i]) == 0;
    }
    return is && strcmp(route->method, "POST") == 0;
}

static void templates_and_parameters_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        size_t declared = 0;
        size_t count = 0;
        for (const struct api_parameter *p = route->parameters; p->name != NULL; p++) {
            char braced[64];
            (void)snprintf(braced, sizeof braced, "{%s}", p->name);
            if (p->place == API_PATH) {
                declared++;
                assert_true(p->required);
                assert_non_null(strstr(route->path, braced));
            }
            assert_true(p->place != API_BODY || strcmp(route->method, "POST") == 0);
            count++;
        }
        assert_true(count <= API_PARAMETERS_MAX);
        size_t braces = 0;
        for (const char *at = route->path; (at = strchr(at, '{')) != NULL; at++) {
            braces++;
        }
        assert_int_equal(braces, declared);
        /* Only health is open; what agents say of their own runs takes their keys; the rest of the
         * API is for admins. */
        assert_true(route->access != API_OPEN || strcmp(route->path, "/healthz") == 0 ||
                    strcmp(route->path, "/readyz") == 0);
        assert_true(strncmp(route->path, "/api/", 5) != 0 || route->access == API_ADMIN ||
                    is_for_agents(route));
    }
}

static void the_description_is_json_and_names_every_route(void **state)
{
    (void)state;
    struct buf text;
    struct json_writer w;
    struct json json;
    struct arena *arena = arena_new(64 * 1024);
    buf_init(&text, 1 << 20);
    json_writer_init(&w, &text);
    routes_describe(&w);
    assert_int_equal(json_writer_end(&w), ERR_OK);
    assert_int_equal(json_parse(&json, buf_str(&text), NULL, arena, NULL), ERR_OK);
    uint32_t paths = json_path(&json, STR("/paths"));
    for (size_t i = 0; i < api_route_count; i++) {
        uint32_t path = json_get(&json, paths, str_of(api_routes[i].path));
        bool post = strcmp(api_routes[i].method, "POST") == 0;
        uint32_t route = json_get(&json, path, post ? STR("post") : STR("get"));
        assert_true(json_string_is(&json, json_get(&json, route, STR("summary")),
                                   str_of(api_routes[i].help)));
    }
    assert_int_equal(json_duplicate(&json, paths), JSON_NONE);
    buf_end(&text);
    arena_free(arena);
}

static void the_reference_page_has_each_parameter(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(routes_document(&text), ERR_OK);
    assert_non_null(strstr(buf_cstr(&text), "## POST /api/reviews/{id}/decision"));
    assert_non_null(strstr(buf_cstr(&text), "| `decision` | body | string | yes |"));
    buf_end(&text);
}

static void the_console_serves_its_paths_only(void **state)
{
    (void)state;
    assert_true(console_serves(STR("/")));
    assert_true(console_serves(STR("/api/anything")));
    assert_true(console_serves(STR("/metrics")));
    assert_false(console_serves(STR("/apix")));
    assert_false(console_serves(STR("/v1/models")));
    assert_false(console_serves(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_found_by_method_and_path),
        cmocka_unit_test(a_known_path_with_another_method_is_told_from_an_unknown_one),
        cmocka_unit_test(allow_names_the_methods_of_a_path),
        cmocka_unit_test(a_parameter_is_captured_from_its_segment),
        cmocka_unit_test(templates_and_parameters_agree),
        cmocka_unit_test(the_description_is_json_and_names_every_route),
        cmocka_unit_test(the_reference_page_has_each_parameter),
        cmocka_unit_test(the_console_serves_its_paths_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
