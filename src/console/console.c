/* SPDX-License-Identifier: Apache-2.0
 * console.c - the way of an API call: route, access, parameters, handler.
 *
 * Invariants: a call is released exactly once: here while its request still arrives, by the answer
 * once its handler has it, by console_free when the loop has stopped in between. Who may ask is
 * decided on the head, before a byte of the body is read. */
#include "console/console.h"

#include "base/must.h"
#include "base/num.h"
#include "console/routes.h"
#include "console/values.h"
#include "gateway/access.h"
#include "sys/file.h"
#include "sys/net.h"

#include <stdlib.h>

/* ---- life ---- */

/* Who we are, as the kernel tells it: the second number of the line "Uid:" (effective). */
static uint32_t own_user(void)
{
    struct buf text;
    uint64_t user = UINT32_MAX;
    buf_init(&text, (size_t)64 * 1024);
    if (file_read("/proc/self/status", &text) == ERR_OK) {
        struct str rest = buf_str(&text);
        size_t at = str_find(rest, STR("\nUid:\t"));
        struct str number;
        rest = at != SIZE_MAX ? str_cut(rest, at + 6, rest.len) : STR("");
        (void)str_split(&rest, '\t', &number);
        if (!str_split(&rest, '\t', &number) || num_u64(number, &user) != ERR_OK) {
            user = UINT32_MAX;
        }
    }
    buf_end(&text);
    return (uint32_t)user;
}

struct console *console_new(const struct console_options *options)
{
    struct console *console = calloc(1, sizeof *console);
    if (console == NULL) {
        must_have_memory();
    }
    must(options->loop != NULL && options->commons != NULL);
    console->options = *options;
    console->owner = own_user();
    list_init(&console->asked);
    return console;
}

void console_free(struct console *console)
{
    if (console == NULL) {
        return;
    }
    while (!list_empty(&console->asked)) {
        asked_end(LIST_OBJECT(console->asked.next, struct asked, link));
    }
    free(console);
}

/* Before there is an `asked`. */
static void refuse_call(struct http_call *call, unsigned status, const char *code,
                        const char *message, const char *allow)
{
    struct buf body;
    buf_init(&body, (size_t)8 * 1024);
    asked_write_error(&body, code, str_of(message));
    const struct http_field fields[] = {{STR("content-type"), STR("application/json")},
                                        {STR("cache-control"), STR("no-store")},
                                        {STR("allow"), str_of(allow)}};
    http_call_reply(call, status, fields, allow != NULL ? 3 : 2, buf_str(&body));
    buf_end(&body);
    http_call_release(call);
}

/* ---- access ---- */

/* The socket in the data folder has mode 0600; its peer is looked at all the same. */
static bool allow_peer(const struct console *console, struct http_call *call, struct str *by)
{
    uint32_t user;
    if (net_peer_user(http_call_sock(call), &user) != ERR_OK ||
        (user != console->owner && user != 0)) {
        return false;
    }
    *by = arena_printf(http_call_arena(call), "uid %u", user);
    return true;
}

/* Names who asks in `asked`. False: it was refused. */
static bool check_access(struct console *console, const struct api_route *route,
                         struct http_call *call, struct asked *asked)
{
    struct access access = {0};
    asked->by = STR("");
    if (route->access == API_OPEN) {
        return true;
    }
    if (address_is_unix(http_call_peer(call))) {
        if (allow_peer(console, call, &asked->by)) {
            return true;
        }
        access.status = 403;
        access.reason = "foreign_user";
        access.words = "this socket serves the user who runs the server";
    } else {
        struct generation *generation = commons_current(console->options.commons);
        access_check(console->options.commons, generation, call, &access);
        generation_unref(generation);
        if (access.status == 0 && route->access == API_ADMIN && access.key != NULL &&
            !access.key->admin) {
            access.status = 403;
            access.reason = "not_admin";
            access.words = "this key may call models; the management API needs an admin key";
        }
    }
    if (access.status != 0) {
        EMIT(&console->options.telemetry, access_denied, .reason = str_of(access.reason),
             .status = access.status);
        refuse_call(call, access.status, access.reason, access.words, NULL);
        return false;
    }
    asked->by = arena_str(asked->arena, access.principal.name);
    if (access.key != NULL && !access.key->admin) {
        asked->tenant = arena_str(asked->arena, access.principal.tenant);
    }
    return true;
}

/* ---- from head to handler ---- */

bool console_serves(struct str path)
{
    return str_equal(path, STR("/")) || str_equal(path, STR("/healthz")) ||
           str_equal(path, STR("/readyz")) || str_equal(path, STR("/metrics")) ||
           str_equal(path, STR("/api")) || str_starts(path, STR("/api/"));
}

static bool is_json(struct str type)
{
    struct str bare = str_trim(str_cut(type, 0, str_find_byte(type, ';')));
    return str_equal_ci(bare, STR("application/json"));
}

static void refuse_route(struct http_call *call, struct str method, struct str path, bool known)
{
    char allow[64];
    routes_allow(path, allow, sizeof allow);
    if (!known) {
        refuse_call(call, 404, "unknown_path", "there is no such path; see /api/openapi.json",
                    NULL);
    } else if (str_equal(method, STR("OPTIONS"))) {
        const struct http_field field = {STR("allow"), str_of(allow)};
        http_call_reply(call, 204, &field, 1, STR(""));
        http_call_release(call);
    } else {
        refuse_call(call, 405, "method_not_allowed", "this path does not know this method", allow);
    }
}

/* What can be refused on the head alone; true: the body may come. */
static bool accept_head(struct console *console, const struct api_route *route,
                        struct http_call *call, struct asked *asked)
{
    const struct http_head *head = http_call_head(call);
    bool post = str_equal(head->method, STR("POST"));
    if (!check_access(console, route, call, asked)) {
        return false;
    }
    if (post && !is_json(http_head_get(head, STR("content-type")))) {
        refuse_call(call, 415, "not_json", "send content-type: application/json", NULL);
        return false;
    }
    if (head->has_length && head->length > API_BODY_BYTES_MAX) {
        refuse_call(call, 413, "body_too_large", "a body here has at most 1 MiB", NULL);
        return false;
    }
    return true;
}

void console_on_head(struct console *console, struct http_call *call)
{
    const struct http_head *head = http_call_head(call);
    struct str path = http_call_path(call);
    bool known;
    const struct api_route *route = routes_find(head->method, path, &known);
    http_call_set_data(call, NULL);
    if (route == NULL) {
        refuse_route(call, head->method, path, known);
        return;
    }
    struct asked *asked = arena_new_of(http_call_arena(call), struct asked);
    asked->arena = http_call_arena(call);
    if (!accept_head(console, route, call, asked)) {
        return;
    }
    asked->console = console;
    asked->call = call;
    asked->route = route;
    buf_init(&asked->out, API_OUT_BYTES_MAX);
    json_writer_init(&asked->w, &asked->out);
    list_push_back(&console->asked, &asked->link);
    http_call_set_data(call, asked);
}

void console_on_request(struct console *console, struct http_call *call)
{
    (void)console;
    struct asked *asked = http_call_data(call);
    must(asked != NULL && !asked->serving);
    asked->serving = true;
    if (values_take(asked)) {
        asked->route->serve(asked);
    }
}

void console_on_gone(struct console *console, struct http_call *call)
{
    (void)console;
    struct asked *asked = http_call_data(call);
    if (asked != NULL && !asked->serving) {
        asked_end(asked);
    }
}
