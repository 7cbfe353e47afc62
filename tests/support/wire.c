/* SPDX-License-Identifier: Apache-2.0
 * wire.c - the raw client of provider/wire.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "provider/wire.h"

void rig_start(struct rig *rig, const char *script, const char *key)
{
    struct fault fault = {0};
    env_init_real(&rig->env);
    rig->loop = loop_new(&rig->env);
    rig->arena = arena_new(65536);
    struct provider_options options = {
        .loop = rig->loop, .script = str_of(script), .required_key = str_of(key)};
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &options.listen), ERR_OK);
    rig->provider = provider_new(&options, &fault);
    if (rig->provider == NULL) {
        fail_msg("line %u: %s", fault.line, fault.words);
    }
}

void rig_end(struct rig *rig)
{
    provider_free(rig->provider);
    for (int i = 0; i < 10; i++) {
        (void)loop_turn(rig->loop, false); /* connections that linger see our end */
    }
    arena_free(rig->arena);
    loop_free(rig->loop);
}

int wire_open(struct rig *rig)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(address_port(provider_address(rig->provider)))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(sock >= 0);
    assert_int_equal(connect(sock, (struct sockaddr *)&to, sizeof to), 0);
    return sock;
}

void wire_send(struct rig *rig, int sock, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(sock, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return; /* an answer may come before the request has ended */
        }
        bytes = str_cut(bytes, sent > 0 ? (size_t)sent : 0, bytes.len);
        (void)loop_turn(rig->loop, false);
    }
}

/* Bytes until the end of the stream, an error, or `quiet_ms` without any (0: patience). */
struct answered wire_receive(struct rig *rig, int sock, uint64_t quiet_ms)
{
    struct answered answered = {0};
    struct buf all;
    buf_init(&all, (size_t)256 << 20);
    struct instant last = env_instant(&rig->env);
    uint64_t patience = quiet_ms > 0 ? quiet_ms * NS_PER_MS : WIRE_PATIENCE_NS;
    for (;;) {
        (void)loop_turn(rig->loop, false);
        assert_int_equal(buf_reserve(&all, 65536), ERR_OK);
        ssize_t got = recv(sock, all.at + all.len, 65536, MSG_DONTWAIT);
        if (got > 0) {
            all.len += (size_t)got;
            last = env_instant(&rig->env);
        } else if (got == 0 || errno != EAGAIN) {
            answered.error = got == 0 ? 0 : errno;
            break;
        } else if (env_instant(&rig->env).ns - last.ns > patience) {
            answered.open = true;
            break;
        }
    }
    answered.raw = arena_str(rig->arena, buf_str(&all));
    buf_end(&all);
    return answered;
}

struct str wire_field(const struct answered *answered, const char *name)
{
    struct str rest = answered->head;
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        size_t colon = str_find_byte(line, ':');
        if (colon != SIZE_MAX && str_equal_ci(str_cut(line, 0, colon), str_of(name))) {
            return str_trim(str_cut(line, colon + 1, line.len));
        }
    }
    return STR("");
}

static void wire_unchunk(struct rig *rig, struct answered *answered, struct str rest)
{
    char *body = arena_alloc(rig->arena, rest.len + 1);
    size_t len = 0;
    for (;;) {
        size_t end = str_find(rest, STR("\r\n"));
        uint64_t size = 0;
        if (end == SIZE_MAX || num_hex_u64(str_cut(rest, 0, end), &size) != ERR_OK ||
            end + 4 + size > rest.len) {
            break;
        }
        memcpy(body + len, rest.at + end + 2, size);
        len += size;
        rest = str_cut(rest, end + 4 + size, rest.len);
        if (size == 0) {
            answered->framed = true;
            break;
        }
    }
    answered->body = (struct str){body, len};
}

/* Takes the raw bytes apart; interim answers are skipped. */
void wire_read(struct rig *rig, struct answered *answered)
{
    struct str rest = answered->raw;
    while (str_starts(rest, STR("HTTP/1.1 10"))) {
        rest = str_cut(rest, str_find(rest, STR("\r\n\r\n")) + 4, rest.len);
    }
    size_t end = str_find(rest, STR("\r\n\r\n"));
    if (end == SIZE_MAX) {
        return;
    }
    uint64_t number = 0;
    answered->head = str_cut(rest, 0, end);
    assert_int_equal(num_u64(str_cut(rest, 9, 12), &number), ERR_OK);
    answered->status = (unsigned)number;
    rest = str_cut(rest, end + 4, rest.len);
    answered->chunked = wire_field(answered, "transfer-encoding").len > 0;
    if (answered->chunked) {
        wire_unchunk(rig, answered, rest);
        return;
    }
    struct str length = wire_field(answered, "content-length");
    answered->body = rest;
    answered->framed = length.len == 0 ? answered->error == 0
                                       : num_u64(length, &number) == ERR_OK && number == rest.len;
}

struct answered wire_ask(struct rig *rig, struct str request, uint64_t quiet_ms)
{
    int sock = wire_open(rig);
    wire_send(rig, sock, request);
    struct answered answered = wire_receive(rig, sock, quiet_ms);
    close(sock);
    (void)loop_turn(rig->loop, false);
    wire_read(rig, &answered);
    return answered;
}

struct str wire_request(struct rig *rig, const char *line, const char *fields, struct str body)
{
    return arena_printf(rig->arena,
                        "%s HTTP/1.1\r\nHost: sim\r\nContent-Type: application/json\r\n%s"
                        "Content-Length: %zu\r\n\r\n" STR_FMT,
                        line, fields, body.len, STR_ARG(body));
}

/* POST, with the connection closed behind the answer. */
struct answered post(struct rig *rig, const char *path, const char *body)
{
    struct str line = arena_printf(rig->arena, "POST %s", path);
    return wire_ask(rig, wire_request(rig, line.at, "Connection: close\r\n", str_of(body)), 0);
}

struct answered get(struct rig *rig, const char *path, const char *fields)
{
    struct str request = arena_printf(
        rig->arena, "GET %s HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n%s\r\n", path, fields);
    return wire_ask(rig, request, 0);
}

/* ---- JSON and events ---- */

struct json json_of(struct rig *rig, struct str text)
{
    struct json json;
    struct json_problem problem;
    if (json_parse(&json, text, NULL, rig->arena, &problem) != ERR_OK) {
        fail_msg("%s in: " STR_FMT, problem.what, STR_ARG(str_cut(text, 0, 400)));
    }
    return json;
}

/* The raw text at an RFC 6901 pointer, "" when nothing is there. */
struct str at(struct rig *rig, struct str text, const char *pointer)
{
    struct json json = json_of(rig, text);
    uint32_t node = json_path(&json, str_of(pointer));
    return node == JSON_NONE ? STR("") : json_raw(&json, node);
}

struct str text_at(struct rig *rig, struct str text, const char *pointer)
{
    struct json json = json_of(rig, text);
    return arena_str(rig->arena, json_string(&json, json_path(&json, str_of(pointer)), rig->arena));
}

/* An event stream with LF line ends, one `event` and one `data` line each at most. */
struct events events_of(struct str body)
{
    struct events events = {.count = 0};
    struct str name = STR("");
    struct str line;
    while (str_split(&body, '\n', &line)) {
        if (str_starts(line, STR("event: "))) {
            name = str_cut(line, 7, line.len);
        } else if (str_starts(line, STR("data: "))) {
            assert_true(events.count < 1024);
            events.names[events.count] = name;
            events.data[events.count++] = str_cut(line, 6, line.len);
            name = STR("");
        }
    }
    return events;
}
