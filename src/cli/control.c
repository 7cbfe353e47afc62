/* SPDX-License-Identifier: Apache-2.0
 * control.c - a small HTTP exchange on a loop of its own, until the answer is there or time is up.
 */
#include "cli/control.h"

#include "base/must.h"
#include "base/num.h"
#include "cli/standin.h"
#include "cli/where.h"
#include "io/http_client.h"
#include "sys/file.h"
#include "json/json_path.h"

#include <stdio.h>

#define ANSWER_MS      60000
#define BODY_BYTES_MAX ((size_t)1 << 20)
/* A server holds the lock a moment before its socket is there. */
#define AGAIN_MS  50
#define AGAIN_MAX 40

struct request {
    const char *method;
    struct str target;
    struct str body;
    bool needs_server;
    const struct http_field *fields; /* beside content-type */
    size_t count;
};

struct answer {
    unsigned status;
    struct buf *body;
};

struct asking {
    struct loop *loop;
    struct http_client *client;
    struct http_origin *origin;
    struct http_fetch *fetch;
    const struct request *request;
    struct http_field fields[CONTROL_FIELDS_MAX];
    struct answer *answer;
    struct timer limit;
    struct timer again;
    unsigned tries_left;
    enum err result;
};

static void on_head(void *owner, const struct http_head *head)
{
    struct asking *asking = owner;
    asking->answer->status = head->status;
}

static void on_body(void *owner, struct str piece)
{
    struct asking *asking = owner;
    if (buf_add(asking->answer->body, piece) != ERR_OK) {
        asking->result = ERR_LIMIT;
        loop_stop(asking->loop);
    }
}

static void on_done(void *owner, enum err why)
{
    struct asking *asking = owner;
    asking->fetch = NULL;
    if (why != ERR_OK && asking->answer->status == 0 && asking->tries_left > 0) {
        asking->tries_left--;
        timer_arm(asking->loop, &asking->again, AGAIN_MS);
        return;
    }
    asking->result = why;
    loop_stop(asking->loop);
}

static const struct fetch_handler handler = {
    .on_head = on_head, .on_body = on_body, .on_done = on_done};

static void start(struct asking *asking)
{
    const struct request *request = asking->request;
    struct http_field *fields = asking->fields;
    must(request->count < CONTROL_FIELDS_MAX);
    fields[0] = (struct http_field){STR("content-type"), STR("application/json")};
    for (size_t i = 0; i < request->count; i++) {
        fields[i + 1] = request->fields[i];
    }
    const struct fetch_options options = {.origin = asking->origin,
                                          .method = str_of(request->method),
                                          .target = request->target,
                                          .fields = fields,
                                          .count = request->count + 1,
                                          .body = &request->body,
                                          .body_count = request->body.len > 0 ? 1 : 0,
                                          .connect_ms = 5000,
                                          .handler = &handler,
                                          .owner = asking};
    asking->fetch = http_fetch_start(asking->client, &options);
}

static void on_again(struct timer *timer)
{
    start(LIST_OBJECT(timer, struct asking, again));
}

static void on_limit(struct timer *timer)
{
    struct asking *asking = LIST_OBJECT(timer, struct asking, limit);
    asking->result = ERR_TIMEOUT;
    loop_stop(asking->loop);
}

/* `loop` may also carry the one that answers. */
static enum err ask(struct loop *loop, const char *socket, bool patient,
                    const struct request *request, struct answer *answer)
{
    char host[WHERE_BYTES + 8];
    (void)snprintf(host, sizeof host, "unix:%s", socket);
    const struct http_client_options client = {.loop = loop};
    struct asking asking = {.loop = loop,
                            .client = http_client_new(&client),
                            .request = request,
                            .answer = answer,
                            .tries_left = patient ? AGAIN_MAX : 0};
    const struct http_origin_options origin = {.host = str_of(host)};
    asking.origin = http_origin_get(asking.client, &origin);
    timer_init(&asking.limit, on_limit);
    timer_init(&asking.again, on_again);
    timer_arm(loop, &asking.limit, ANSWER_MS);
    start(&asking);
    loop_run(loop);
    timer_disarm(&asking.limit);
    timer_disarm(&asking.again);
    if (asking.fetch != NULL) {
        http_fetch_cancel(asking.fetch);
    }
    http_client_free(asking.client);
    return asking.result;
}

static int ask_server(const struct cli *cli, const char *socket, bool patient,
                      const struct request *request, struct answer *answer)
{
    struct loop *loop = loop_new(cli->env);
    enum err code = ask(loop, socket, patient, request, answer);
    loop_free(loop);
    if (code == ERR_OK) {
        return CLI_OK;
    }
    return patient || code == ERR_TIMEOUT
               ? cli_fail(cli, CLI_BROKEN, "the server on %.200s does not answer: %s",
                          cli_data(cli), err_text(code))
               : cli_fail(cli, CLI_BROKEN, "no server is running on %.200s", cli_data(cli));
}

static int ask_standin(const struct cli *cli, const char *socket, const struct request *request,
                       struct answer *answer)
{
    struct loop *loop = loop_new(cli->env);
    struct standin *standin;
    int exit_code = standin_start(cli, loop, socket, &standin);
    if (exit_code == CLI_OK) {
        enum err code = ask(loop, socket, false, request, answer);
        standin_stop(standin);
        exit_code = code == ERR_OK
                        ? CLI_OK
                        : cli_fail(cli, CLI_BROKEN, "it did not work: %s", err_text(code));
    }
    loop_free(loop);
    return exit_code;
}

static int ask_anybody(const struct cli *cli, const struct request *request, struct answer *answer)
{
    char socket[WHERE_BYTES];
    char lock_path[WHERE_BYTES];
    struct file_lock *lock = NULL;
    if (!where_file(cli, "aire.sock", socket) || !where_file(cli, "lock", lock_path)) {
        return CLI_USAGE;
    }
    if (request->needs_server) {
        return ask_server(cli, socket, false, request, answer);
    }
    enum err code = file_make_folder(cli_data(cli), 0700);
    if (code == ERR_OK) {
        code = file_lock_take(lock_path, &lock);
    }
    if (code == ERR_BUSY) {
        return ask_server(cli, socket, true, request, answer);
    }
    if (code != ERR_OK) {
        return cli_fail(cli, CLI_BROKEN, "%.200s: %s", lock_path, err_text(code));
    }
    int exit_code = ask_standin(cli, socket, request, answer);
    file_lock_release(lock);
    return exit_code;
}

static int say_error(const struct cli *cli, const struct answer *answer)
{
    struct json json;
    struct arena *arena = arena_new(4096);
    struct str words = STR("no reason was given");
    if (json_parse(&json, buf_str(answer->body), NULL, arena, NULL) == ERR_OK) {
        words = json_string(&json, json_path(&json, STR("/error/message")), arena);
    }
    int exit_code = answer->status >= 500                            ? CLI_BROKEN
                    : answer->status == 404 || answer->status == 409 ? CLI_FAILED
                                                                     : CLI_USAGE;
    (void)cli_fail(cli, exit_code, STR_FMT, STR_ARG(words));
    arena_free(arena);
    return exit_code;
}

static int ask_and_judge(const struct cli *cli, const struct request *request, struct shown *shown)
{
    struct answer answer = {0, &shown->text};
    int exit_code = ask_anybody(cli, request, &answer);
    return exit_code == CLI_OK && answer.status >= 400 ? say_error(cli, &answer) : exit_code;
}

/* ---- requests ---- */

/* RFC 3986, section 2.3: what is not unreserved is escaped. */
static struct str escape(const char *name, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    struct str from = str_of(name);
    char *to = arena_alloc(arena, 3 * from.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        char c = from.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            to[len++] = c;
        } else {
            to[len++] = '%';
            to[len++] = digits[(unsigned char)c >> 4];
            to[len++] = digits[(unsigned char)c & 15];
        }
    }
    return (struct str){to, len};
}

static struct str target_of(const struct control_call *call, struct arena *arena)
{
    const char *const names[] = {call->name, call->second, call->third};
    struct str rest = str_of(call->path);
    struct str target = STR("");
    for (size_t i = 0; i < sizeof names / sizeof names[0] && names[i] != NULL; i++) {
        size_t at = str_find_byte(rest, '%');
        if (at == SIZE_MAX) {
            break;
        }
        const struct str parts[] = {target, str_cut(rest, 0, at), escape(names[i], arena)};
        target = arena_join(arena, parts, 3);
        rest = str_cut(rest, at + 1, rest.len);
    }
    const struct str whole[] = {target, rest};
    return arena_join(arena, whole, 2);
}

/* False: a number is none, and that was said. */
static bool write_members(const struct cli *cli, const struct control_call *call, struct buf *to)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_begin_object(&w);
    for (size_t i = 0; i < call->count; i++) {
        const struct control_member *member = &call->members[i];
        uint64_t number;
        if (member->value == NULL) {
            continue;
        }
        if (member->kind == CONTROL_FLAG) {
            json_member_bool(&w, member->name, true);
        } else if (member->kind == CONTROL_TEXT) {
            json_member_cstr(&w, member->name, member->value);
        } else if (num_u64(str_of(member->value), &number) == ERR_OK) {
            json_member_u64(&w, member->name, number);
        } else {
            (void)cli_fail(cli, CLI_USAGE, "'%.40s' is not a whole number", member->value);
            return false;
        }
    }
    json_end_object(&w);
    if (json_writer_end(&w) == ERR_OK) {
        return true;
    }
    (void)cli_fail(cli, CLI_USAGE, "the texts given are too long");
    return false;
}

/* A name with a typo is stored as asked, but stops nobody. */
static void warn_undeclared(const struct cli *cli, const struct shown *shown)
{
    struct json json;
    struct arena *arena = arena_new(4096);
    if (json_parse(&json, buf_str(&shown->text), NULL, arena, NULL) == ERR_OK &&
        json_is(&json, json_path(&json, STR("/declared")), JSON_FALSE)) {
        (void)cli_fail(cli, CLI_OK,
                       "done, but the configuration declares no agent, route or tool of that name");
    }
    arena_free(arena);
}

int control_post(const struct cli *cli, const struct control_call *call, struct shown *shown)
{
    struct buf body;
    buf_init(&body, BODY_BYTES_MAX);
    int exit_code = CLI_USAGE;
    bool is_value = call->value != NULL;
    if (is_value || write_members(cli, call, &body)) {
        const struct request request = {.method = "POST",
                                        .target = target_of(call, shown->arena),
                                        .body = is_value ? str_of(call->value) : buf_str(&body),
                                        .needs_server = call->needs_server};
        exit_code = ask_and_judge(cli, &request, shown);
        if (exit_code == CLI_OK) {
            warn_undeclared(cli, shown);
        }
    }
    buf_end(&body);
    return exit_code;
}

int control_get(const struct cli *cli, const char *target, struct shown *shown)
{
    const struct request request = {
        .method = "GET", .target = str_of(target), .needs_server = true};
    return ask_and_judge(cli, &request, shown);
}

int control_raw(const struct cli *cli, const struct control_raw *raw, unsigned *status,
                struct buf *answer)
{
    struct answer got = {0, answer};
    const struct request request = {.method = raw->method,
                                    .target = raw->target,
                                    .body = raw->body,
                                    .needs_server = true,
                                    .fields = raw->fields,
                                    .count = raw->count};
    int exit_code = ask_anybody(cli, &request, &got);
    *status = got.status;
    return exit_code;
}
