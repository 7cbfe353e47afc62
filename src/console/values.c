/* SPDX-License-Identifier: Apache-2.0
 * values.c - path, query and body into one array of typed values.
 *
 * Invariant: values[i] belongs to the route's parameter i. What the table does not declare is
 * refused, never ignored. */
#include "console/values.h"

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "console/routes.h"

#include <string.h>

static size_t index_of(const struct api_route *route, struct str name, enum api_place place)
{
    for (size_t i = 0; route->parameters[i].name != NULL; i++) {
        must(i < API_PARAMETERS_MAX);
        if (route->parameters[i].place == place &&
            str_equal(str_of(route->parameters[i].name), name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Percent-decoded, in the arena; false when it is malformed. */
static bool decode(struct asked *asked, struct str text, struct str *decoded)
{
    struct buf plain;
    buf_init(&plain, text.len + 1);
    bool fine = text_unpercent(&plain, text) == ERR_OK;
    *decoded = fine ? arena_str(asked->arena, buf_str(&plain)) : STR("");
    buf_end(&plain);
    return fine;
}

static bool take_path(struct asked *asked)
{
    for (size_t i = 0; asked->route->parameters[i].name != NULL; i++) {
        if (asked->route->parameters[i].place != API_PATH) {
            continue;
        }
        struct api_value *value = &asked->values[i];
        struct str name = str_of(asked->route->parameters[i].name);
        struct str raw = routes_capture(asked->route, http_call_path(asked->call), name);
        value->given = true;
        if (!decode(asked, raw, &value->text)) {
            asked_refuse(asked, 400, "bad_path", "the path is not percent-encoded");
            return false;
        }
        if (asked->route->parameters[i].type == API_COUNT &&
            num_u64(value->text, &value->count) != ERR_OK) {
            asked_refuse(asked, 400, "bad_path", "'" STR_FMT "' in the path is not a whole number",
                         STR_ARG(name));
            return false;
        }
    }
    return true;
}

/* One name=value of the query. */
static bool take_pair(struct asked *asked, struct str pair)
{
    struct str name;
    struct str text;
    size_t equals = str_find_byte(pair, '=');
    bool split = decode(asked, str_cut(pair, 0, equals), &name) &&
                 decode(asked, equals == SIZE_MAX ? STR("") : str_cut(pair, equals + 1, pair.len),
                        &text);
    if (!split) {
        asked_refuse(asked, 400, "bad_query", "the query is not percent-encoded");
        return false;
    }
    size_t i = index_of(asked->route, name, API_QUERY);
    if (i == SIZE_MAX || asked->values[i].given) {
        asked_refuse(asked, 400, "bad_query", "parameter '" STR_FMT "' is %s",
                     STR_ARG(str_cut(name, 0, 64)),
                     i == SIZE_MAX ? "not known here" : "given twice");
        return false;
    }
    struct api_value *value = &asked->values[i];
    value->given = true;
    value->text = text;
    if (asked->route->parameters[i].type == API_COUNT && num_u64(text, &value->count) != ERR_OK) {
        asked_refuse(asked, 400, "bad_query", "parameter '" STR_FMT "' is not a whole number",
                     STR_ARG(name));
        return false;
    }
    return true;
}

static bool take_query(struct asked *asked)
{
    struct str rest = http_call_query(asked->call);
    struct str pair;
    while (str_split(&rest, '&', &pair)) {
        if (pair.len > 0 && !take_pair(asked, pair)) {
            return false;
        }
    }
    return true;
}

static bool take_member(struct asked *asked, const struct json *json, uint32_t key)
{
    struct str name = json_string(json, key, asked->arena);
    size_t i = index_of(asked->route, name, API_BODY);
    if (i == SIZE_MAX) {
        asked_refuse(asked, 422, "unknown_member", "member '" STR_FMT "' is not known here",
                     STR_ARG(str_cut(name, 0, 64)));
        return false;
    }
    uint32_t node = key + 1;
    struct api_value *value = &asked->values[i];
    if (json_is(json, node, JSON_NULL) && asked->route->parameters[i].type != API_JSON) {
        return true; /* as if it were not there */
    }
    static const char *const wanted[] = {[API_TEXT] = "a string",
                                         [API_COUNT] = "a whole number",
                                         [API_FLAG] = "true or false",
                                         [API_JSON] = "any value"};
    enum api_type type = asked->route->parameters[i].type;
    bool fits = type == API_JSON   ? true
                : type == API_TEXT ? json_is(json, node, JSON_STRING)
                : type == API_COUNT
                    ? json_u64(json, node, &value->count)
                    : json_is(json, node, JSON_TRUE) || json_is(json, node, JSON_FALSE);
    if (!fits) {
        asked_refuse(asked, 422, "wrong_type", "member '" STR_FMT "' must be %s", STR_ARG(name),
                     wanted[type]);
        return false;
    }
    value->given = true;
    value->text = type == API_JSON ? json_raw(json, node) : json_string(json, node, asked->arena);
    value->flag = json_bool(json, node, false);
    return true;
}

/* An empty body is an empty object. */
static bool take_body(struct asked *asked)
{
    struct json json;
    struct json_problem problem;
    struct str body = str_trim(http_call_body(asked->call));
    if (body.len > API_BODY_BYTES_MAX) {
        asked_refuse(asked, 413, "body_too_large", "a body here has at most 1 MiB");
        return false;
    }
    if (body.len == 0) {
        return true;
    }
    body = http_call_body(asked->call); /* untrimmed, so that offsets are the client's */
    if (json_parse(&json, body, NULL, asked->arena, &problem) != ERR_OK) {
        asked_refuse(asked, 400, "bad_json", "invalid JSON at byte %zu: %s", problem.offset,
                     problem.what);
        return false;
    }
    size_t whole = index_of(asked->route, STR("value"), API_VALUE);
    if (whole != SIZE_MAX) {
        asked->values[whole] = (struct api_value){.given = true, .text = body};
        return true;
    }
    if (!json_is(&json, JSON_ROOT, JSON_OBJECT) || json_duplicate(&json, JSON_ROOT) != JSON_NONE) {
        asked_refuse(asked, 400, "bad_json", "the body must be an object without repeated members");
        return false;
    }
    for (uint32_t key = json_first(&json, JSON_ROOT); key != JSON_NONE;
         key = json_after(&json, JSON_ROOT, key)) {
        if (!take_member(asked, &json, key)) {
            return false;
        }
    }
    return true;
}

bool values_take(struct asked *asked)
{
    bool post = strcmp(asked->route->method, "POST") == 0;
    if (!take_path(asked) || !take_query(asked) || (post && !take_body(asked))) {
        return false;
    }
    for (size_t i = 0; asked->route->parameters[i].name != NULL; i++) {
        if (asked->route->parameters[i].required && !asked->values[i].given) {
            asked_refuse(asked, 422, "missing_member", "member '%s' is missing",
                         asked->route->parameters[i].name);
            return false;
        }
    }
    return true;
}

const struct api_value *asked_value(const struct asked *asked, const char *name)
{
    size_t i = 0;
    while (asked->route->parameters[i].name != NULL &&
           strcmp(asked->route->parameters[i].name, name) != 0) {
        i++;
    }
    must(asked->route->parameters[i].name != NULL); /* handlers ask for what they declare */
    return &asked->values[i];
}

bool asked_tenant(struct asked *asked, struct str *tenant)
{
    struct str given = asked_text(asked, "tenant");
    if (given.len > 0 && asked->tenant.len > 0 && !str_equal(given, asked->tenant)) {
        asked_refuse(asked, 403, "foreign_tenant", "this key belongs to another tenant");
        return false;
    }
    *tenant = given.len > 0 ? given : asked->tenant.len > 0 ? asked->tenant : STR("default");
    return true;
}

struct str asked_text(const struct asked *asked, const char *name)
{
    return asked_value(asked, name)->text;
}
