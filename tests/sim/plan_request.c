/* SPDX-License-Identifier: Apache-2.0
 * plan_request.c - requests: of every dialect, some of them wrong. */
#include "sim/plan.h"

#include "base/buf.h"
#include "base/must.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What bodies have in common: the model, "stream" or not, and members that nobody knows. */
struct shape {
    const char *path;
    const char *middle; /* behind the common members */
};

static const struct shape shapes[] = {
    {"/v1/chat/completions", "\"messages\": [{\"role\":\"user\",\"content\":\"refund order 1234 "
                             "pl\\u00e9ase\"}], \"max_tokens\":64"},
    {"/v1/chat/completions",
     "\"messages\":[{\"role\":\"system\",\"content\":\"x\"},{\"role\":\"user\",\"content\":["
     "{\"type\":\"text\",\"text\":\"Where is order 77?\"}]}],\"tools\":[{\"type\":\"function\","
     "\"function\":{\"name\":\"lookup_order\",\"parameters\":{\"type\":\"object\"}}}]"},
    {"/v1/chat/completions",
     "\"n\" : 2,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream_options\":{ }"},
    {"/v1/chat/completions",
     "\"messages\":[{\"role\":\"user\",\"content\":\"refund $20\"}],\"stream_options\":"
     "{\"include_usage\":true},\"tool_choice\":\"auto\""},
    {"/v1/chat/completions",
     "\"messages\":[{\"role\":\"user\",\"content\":\"order 5\"}],\"response_format\":{\"type\":"
     "\"json_object\"}"},
    {"/v1/responses", "\"input\":\"refund order 1234\",\"max_output_tokens\":50"},
    {"/v1/responses",
     "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"order 9\"}]}],"
     "\"tools\":[{\"type\":\"function\",\"name\":\"refund_order\",\"parameters\":{}}]"},
    {"/v1/messages", "\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"refund "
                     "order 1234\"}]"},
    {"/v1/messages",
     "\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"order 3\"}]}],\"tools\":[{\"name\":\"lookup_order\",\"input_schema\":{\"type\":"
     "\"object\"}}]"},
    {"/v1/messages/count_tokens", "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"},
    {"/v1/embeddings", "\"input\":\"refund\""},
};

static const char *const mistakes[] = {
    "{\"model\":\"r0\",",
    "{\"model\":\"r0\",\"model\":\"r1\",\"messages\":[]}",
    "{\"model\":\"r0\",\"messages\":3,\"input\":null}",
    "[]",
    "",
    "{\"model\":7}",
};

static struct str make_body(struct rng *rng, struct arena *arena, const struct shape *shape)
{
    static const char *const fillers[] = {"", " ", "\n\t", "\"seed\":12345678901234567890,",
                                          "\"zz\":{\"a\":[1.0e5,{}]}, "};
    if (plan_chance(rng, 40)) {
        return str_of(mistakes[rng_below(rng, COUNT(mistakes))]);
    }
    const char *filler = fillers[rng_below(rng, COUNT(fillers))];
    struct str model = plan_chance(rng, 50)
                           ? STR("gpt-elsewhere")
                           : arena_printf(arena, "r%u", (unsigned)rng_below(rng, PLAN_ROUTES));
    const char *stream = plan_chance(rng, 600) ? "\"stream\":true, " : "";
    uint64_t spaces = plan_chance(rng, 50) ? 70000 : rng_below(rng, 3);
    char *space = arena_alloc(arena, spaces + 1);
    for (uint64_t i = 0; i < spaces; i++) {
        space[i] = ' ';
    }
    space[spaces] = '\0';
    bool before = plan_chance(rng, 500);
    return before ? arena_printf(arena, "{%s\"model\":\"" STR_FMT "\",%s%s%s}", filler,
                                 STR_ARG(model), stream, space, shape->middle)
                  : arena_printf(arena, "%s{%s%s%s, \"model\" : \"" STR_FMT "\"}\n", space, filler,
                                 stream, shape->middle, STR_ARG(model));
}

/* In pieces of up to 500 bytes, and with an extension now and then. */
static struct str chunked(struct rng *rng, struct arena *arena, struct str body)
{
    struct buf text;
    buf_init(&text, body.len * 12 + 100);
    enum err code = ERR_OK;
    while (body.len > 0 && code == ERR_OK) {
        size_t size = 1 + (size_t)rng_below(rng, body.len < 5000 ? body.len : 5000);
        code = buf_printf(&text, "%zX\r\n" STR_FMT "\r\n", size, STR_ARG(str_cut(body, 0, size)));
        body = str_cut(body, size, body.len);
    }
    must(code == ERR_OK && buf_add(&text, STR("0\r\n\r\n")) == ERR_OK);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_end(&text);
    return copy;
}

static struct str make_fields(struct rng *rng, struct arena *arena, struct str key)
{
    static const char *const odd[] = {
        "x-aire-agent: nobody\r\n", "x-aire-confidence: 2\r\n", "content-encoding: gzip\r\n",
        "x-aire-run: 1\r\n",        "x-aire-user: a b\r\n",
    };
    struct str agent = STR("");
    struct str user = STR("");
    if (plan_chance(rng, 500)) {
        agent = arena_printf(arena, "x-aire-agent: a%u\r\n", (unsigned)rng_below(rng, PLAN_AGENTS));
        user = plan_chance(rng, 600) ? arena_printf(arena, "x-aire-user: u%u\r\n",
                                                    (unsigned)rng_below(rng, PLAN_USERS))
                                     : user;
    }
    const char *more = plan_chance(rng, 40)    ? odd[rng_below(rng, COUNT(odd))]
                       : plan_chance(rng, 200) ? "x-aire-confidence: 0.9\r\nCookie: s=1\r\n"
                                               : "";
    struct str auth = key.len == 0 ? STR("")
                                   : arena_printf(arena, "Authorization: Bearer " STR_FMT "%s\r\n",
                                                  STR_ARG(key), plan_chance(rng, 50) ? "x" : "");
    return arena_printf(arena, STR_FMT STR_FMT STR_FMT "%s", STR_ARG(agent), STR_ARG(user),
                        STR_ARG(auth), more);
}

/* What the dialect reads; nothing for bodies that it refuses. */
static void interpret(struct arena *arena, struct plan_request *request)
{
    const struct dialect *dialect = request->endpoint != NULL ? request->endpoint->dialect : NULL;
    struct json json;
    if (dialect == NULL || json_parse(&json, request->body, NULL, arena, NULL) != ERR_OK ||
        dialect->read_request(&json, &request->view, NULL) != ERR_OK) {
        request->view = (struct request_view){.choices = 1};
    }
}

void plan_request(struct rng *rng, struct arena *arena, uint64_t number, struct str key,
                  struct plan_request *request)
{
    const struct shape *shape = &shapes[rng_below(rng, COUNT(shapes))];
    bool listing = plan_chance(rng, 30);
    const char *path = listing ? "/v1/models" : plan_chance(rng, 20) ? "/v1/nothing" : shape->path;
    const char *method = listing || plan_chance(rng, 10) ? "GET" : "POST";
    const struct endpoint *other;
    *request = (struct plan_request){
        .endpoint = endpoint_find(str_of(method), str_of(path), &other)};
    (void)snprintf(request->trace, sizeof request->trace, "%016llx%016llx",
                   (unsigned long long)(rng_next(rng) | 1), (unsigned long long)number);
    bool post = str_equal(str_of(method), STR("POST"));
    request->body = post ? make_body(rng, arena, shape) : STR("");
    bool old = plan_chance(rng, 40); /* HTTP/1.0: the answer ends with the connection */
    bool pieces = post && !old && plan_chance(rng, 200);
    struct str sent = pieces ? chunked(rng, arena, request->body) : request->body;
    struct str length = !post    ? STR("")
                        : pieces ? STR("Transfer-Encoding: chunked\r\n")
                                 : arena_printf(arena, "Content-Length: %zu\r\n", sent.len);
    struct str fields = make_fields(rng, arena, key);
    request->closes = old || plan_chance(rng, 30);
    request->bytes = arena_printf(
        arena,
        "%s %s%s HTTP/1.%d\r\nHost: " PLAN_GATEWAY "\r\nContent-Type: application/json\r\n"
        "traceparent: 00-%s-00000000000000a1-01\r\n%s" STR_FMT STR_FMT "\r\n" STR_FMT,
        method, path, plan_chance(rng, 100) ? "?beta=true" : "", old ? 0 : 1, request->trace,
        request->closes ? "Connection: close\r\n" : "", STR_ARG(fields), STR_ARG(length),
        STR_ARG(sent));
    interpret(arena, request);
}
