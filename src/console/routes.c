/* SPDX-License-Identifier: Apache-2.0
 * routes.c - the table of the API: search and description.
 *
 * Invariant: paths are matched segment by segment, so a name that contains '/' must arrive as %2F.
 */
#include "console/routes.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>

/* Each route's parameters, named by its handler and ended by a row without a name. */
#define P(place, name, type, required, help) {#name, API_##place, API_##type, required, help},
#define ROUTE(method, path, handler, access, help, ...)                                            \
    static const struct api_parameter handler##_parameters[] = {                                   \
        __VA_ARGS__{NULL, API_PATH, API_TEXT, false, NULL}};
#include "console/routes.def"
#undef ROUTE
#undef P

const struct api_route api_routes[] = {
#define ROUTE(method, path, handler, access, help, ...)                                            \
    {#method, path, handler, API_##access, help, handler##_parameters},
#include "console/routes.def"
#undef ROUTE
};
const size_t api_route_count = sizeof api_routes / sizeof api_routes[0];

/* ---- search ---- */

static bool is_parameter(struct str segment)
{
    return segment.len > 2 && segment.at[0] == '{';
}

static bool path_matches(const char *template, struct str path)
{
    struct str left = str_of(template);
    struct str right = path;
    struct str want = {0};
    struct str have = {0};
    bool more_left = str_split(&left, '/', &want);
    bool more_right = str_split(&right, '/', &have);
    while (more_left && more_right) {
        if (is_parameter(want) ? have.len == 0 : !str_equal(want, have)) {
            return false;
        }
        more_left = str_split(&left, '/', &want);
        more_right = str_split(&right, '/', &have);
    }
    /* A slash at the end is another path. */
    return more_left == more_right && str_ends(path, STR("/")) == (path.len == 1);
}

const struct api_route *routes_find(struct str method, struct str path, bool *path_known)
{
    struct str wanted = str_equal(method, STR("HEAD")) ? STR("GET") : method;
    *path_known = false;
    for (size_t i = 0; i < api_route_count; i++) {
        if (path_matches(api_routes[i].path, path)) {
            *path_known = true;
            if (str_equal(str_of(api_routes[i].method), wanted)) {
                return &api_routes[i];
            }
        }
    }
    return NULL;
}

void routes_allow(struct str path, char *to, size_t room)
{
    bool get = false;
    bool post = false;
    for (size_t i = 0; i < api_route_count; i++) {
        if (path_matches(api_routes[i].path, path)) {
            get = get || strcmp(api_routes[i].method, "GET") == 0;
            post = post || strcmp(api_routes[i].method, "POST") == 0;
        }
    }
    (void)snprintf(to, room, "%s%sOPTIONS", get ? "GET, HEAD, " : "", post ? "POST, " : "");
}

struct str routes_capture(const struct api_route *route, struct str path, struct str name)
{
    struct str left = str_of(route->path);
    struct str right = path;
    struct str want;
    struct str have;
    while (str_split(&left, '/', &want) && str_split(&right, '/', &have)) {
        if (is_parameter(want) && str_equal(str_cut(want, 1, want.len - 1), name)) {
            return have;
        }
    }
    return STR("");
}

/* ---- description ---- */

static const char *const type_names[] = {
    [API_TEXT] = "string", [API_COUNT] = "integer", [API_FLAG] = "boolean", [API_JSON] = NULL};

static void describe_type(struct json_writer *w, const struct api_parameter *parameter)
{
    json_begin_object(w);
    if (type_names[parameter->type] != NULL) {
        json_member_cstr(w, "type", type_names[parameter->type]);
    }
    if (parameter->type == API_COUNT) {
        json_member_u64(w, "minimum", 0);
    }
    if (parameter->place >= API_BODY) {
        json_member_cstr(w, "description", parameter->help);
    }
    json_end_object(w);
}

static void describe_parameters(struct json_writer *w, const struct api_route *route)
{
    json_key(w, "parameters");
    json_begin_array(w);
    for (const struct api_parameter *p = route->parameters; p->name != NULL; p++) {
        if (p->place >= API_BODY) {
            continue;
        }
        json_begin_object(w);
        json_member_cstr(w, "name", p->name);
        json_member_cstr(w, "in", p->place == API_PATH ? "path" : "query");
        json_member_bool(w, "required", p->required);
        json_member_cstr(w, "description", p->help);
        json_key(w, "schema");
        describe_type(w, p);
        json_end_object(w);
    }
    json_end_array(w);
}

/* Where the whole body is one value its schema says what it is for, else its members. */
static void describe_schema(struct json_writer *w, const struct api_route *route)
{
    for (const struct api_parameter *p = route->parameters; p->name != NULL; p++) {
        if (p->place == API_VALUE) {
            describe_type(w, p);
            return;
        }
    }
    json_begin_object(w);
    json_member_cstr(w, "type", "object");
    json_member_bool(w, "additionalProperties", false);
    json_key(w, "required");
    json_begin_array(w);
    for (const struct api_parameter *p = route->parameters; p->name != NULL; p++) {
        if (p->place == API_BODY && p->required) {
            json_put_cstr(w, p->name);
        }
    }
    json_end_array(w);
    json_key(w, "properties");
    json_begin_object(w);
    for (const struct api_parameter *p = route->parameters; p->name != NULL; p++) {
        if (p->place == API_BODY) {
            json_key(w, p->name);
            describe_type(w, p);
        }
    }
    json_end_object(w);
    json_end_object(w);
}

static void describe_body(struct json_writer *w, const struct api_route *route)
{
    json_key(w, "requestBody");
    json_begin_object(w);
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, "application/json");
    json_begin_object(w);
    json_key(w, "schema");
    describe_schema(w, route);
    for (int i = 0; i < 3; i++) {
        json_end_object(w);
    }
}

static void describe_route(struct json_writer *w, const struct api_route *route)
{
    bool post = strcmp(route->method, "POST") == 0;
    json_key(w, post ? "post" : "get");
    json_begin_object(w);
    json_member_cstr(w, "summary", route->help);
    describe_parameters(w, route);
    if (post) {
        describe_body(w, route);
    }
    json_key(w, "responses");
    json_put_raw(w, STR("{\"200\":{\"description\":\"the answer\"},\"default\":{\"description\":"
                        "\"an error\",\"content\":{\"application/json\":{\"schema\":"
                        "{\"$ref\":\"#/components/schemas/Error\"}}}}}"));
    if (route->access == API_OPEN) {
        json_key(w, "security");
        json_put_raw(w, STR("[]"));
    }
    json_end_object(w);
}

void routes_describe(struct json_writer *w)
{
    json_begin_object(w);
    json_member_cstr(w, "openapi", "3.1.0");
    json_key(w, "info");
    json_begin_object(w);
    json_member_cstr(w, "title", "AIRE Governor, management API");
    json_member_cstr(w, "version", AIRE_VERSION);
    json_end_object(w);
    json_key(w, "security");
    json_put_raw(w, STR("[{\"key\":[]}]"));
    json_key(w, "components");
    json_put_raw(w, STR("{\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
                        "\"schemas\":{\"Error\":{\"type\":\"object\",\"properties\":{\"error\":"
                        "{\"type\":\"object\",\"properties\":{\"message\":{\"type\":\"string\"},"
                        "\"code\":{\"type\":\"string\"}}}}}}}"));
    json_key(w, "paths");
    json_begin_object(w);
    for (size_t i = 0; i < api_route_count; i++) {
        /* Routes of one path stand next to each other. */
        bool same = i > 0 && strcmp(api_routes[i - 1].path, api_routes[i].path) == 0;
        bool last = i + 1 == api_route_count ||
                    strcmp(api_routes[i + 1].path, api_routes[i].path) != 0;
        if (!same) {
            json_key(w, api_routes[i].path);
            json_begin_object(w);
        }
        describe_route(w, &api_routes[i]);
        if (last) {
            json_end_object(w);
        }
    }
    json_end_object(w);
    json_end_object(w);
}

static enum err document_route(const struct api_route *route, struct buf *to)
{
    static const char *const places[] = {"path", "query", "body", "whole body"};
    static const char *const access[] = {"Open to everybody.",
                                         "Needs a key where keys are demanded.",
                                         "Needs an admin key, the owner's socket, or keyless "
                                         "loopback."};
    enum err code = buf_printf(to, "\n## %s %s\n\n%s%s %s\n", route->method, route->path,
                               route->help, route->help[strlen(route->help) - 1] == '?' ? "" : ".",
                               access[route->access]);
    if (code == ERR_OK && route->parameters->name != NULL) {
        code = buf_add(to, STR("\n| Parameter | In | Type | Required | Meaning |\n"
                               "|---|---|---|---|---|\n"));
    }
    for (const struct api_parameter *p = route->parameters; p->name != NULL && code == ERR_OK;
         p++) {
        code = buf_printf(to, "| `%s` | %s | %s | %s | %s |\n", p->name, places[p->place],
                          type_names[p->type], p->required ? "yes" : "no", p->help);
    }
    return code;
}

enum err routes_document(struct buf *to)
{
    enum err code = buf_add(
        to, STR("# Management API\n\n"
                "JSON in and out. POST needs `content-type: application/json`. Errors are "
                "`{\"error\":{\"message\",\"code\"}}` with 400 (malformed; the byte offset is "
                "named), 401, 403, 404, 405, 409, 413, 415, 422 (not valid) or 503 (the store). "
                "`GET /api/openapi.json` describes the same for programs.\n"));
    for (size_t i = 0; i < api_route_count && code == ERR_OK; i++) {
        code = document_route(&api_routes[i], to);
    }
    return code;
}
