/* SPDX-License-Identifier: Apache-2.0
 * probe.c - one small request with one deadline. */
#include "gateway/probe.h"

#include "base/must.h"
#include "gateway/attempt_request.h"
#include "gateway/reply.h"
#include "gateway/tool_answer.h"

#include <stdlib.h>

struct probe {
    struct exchange *x;
    void (*done)(struct exchange *x, enum probe_says says, struct str answer);
    struct http_fetch *fetch; /* NULL once it is over */
    struct timer timer;
    struct tool_answer answer;
    struct buf body;
    struct buf whole;
};

void probe_cancel(struct probe *probe)
{
    if (probe->fetch != NULL) {
        http_fetch_cancel(probe->fetch);
    }
    timer_disarm(&probe->timer);
    buf_end(&probe->body);
    buf_end(&probe->whole);
    free(probe);
}

static void finish(struct probe *probe, enum probe_says says)
{
    struct exchange *x = probe->x;
    void (*done)(struct exchange *, enum probe_says, struct str) = probe->done;
    struct str answer = arena_str(x->arena, buf_str(&probe->whole));
    probe_cancel(probe);
    done(x, says, answer);
}

static void on_head(void *owner, const struct http_head *head)
{
    struct probe *probe = owner;
    struct arena *arena = probe->x->arena;
    probe->answer.status = head->status;
    probe->answer.content_type = arena_str(arena, http_head_get(head, STR("content-type")));
    probe->answer.count = reply_response_fields(arena, head, &probe->answer.fields);
}

static void on_body(void *owner, struct str piece)
{
    struct probe *probe = owner;
    if (buf_add(&probe->body, piece) != ERR_OK) {
        finish(probe, PROBE_NOTHING);
    }
}

static void on_done(void *owner, enum err why)
{
    struct probe *probe = owner;
    unsigned status = probe->answer.status;
    enum probe_says says = PROBE_NOTHING;
    probe->fetch = NULL;
    if (why == ERR_OK && (status == 404 || status == 410)) {
        says = PROBE_NOT;
    } else if (why == ERR_OK && status >= 200 && status < 300) {
        probe->answer.body = buf_str(&probe->body);
        bool whole = tool_answer_write(&probe->answer, &probe->whole) == ERR_OK;
        says = whole ? PROBE_HAPPENED : PROBE_NOTHING;
    }
    finish(probe, says);
}

static const struct fetch_handler handler = {NULL, on_head, on_body, on_done};

static void on_timer(struct timer *timer)
{
    finish(LIST_OBJECT(timer, struct probe, timer), PROBE_NOTHING);
}

/* The declared path with {key} filled in; keys are ours, or printable bytes of a field. */
static struct str target_of(const struct exchange *x, const struct provider *provider)
{
    struct str path = x->tool.action->probe.path;
    const struct str mark = STR("{key}");
    size_t at = str_find(path, mark);
    bool filled = at != SIZE_MAX;
    const struct str parts[] = {provider->path, str_cut(path, 0, filled ? at : path.len),
                                filled ? x->tool.key : STR(""),
                                filled ? str_cut(path, at + mark.len, path.len) : STR("")};
    return arena_join(x->arena, parts, 4);
}

struct probe *probe_ask(struct exchange *x,
                        void (*done)(struct exchange *x, enum probe_says says, struct str answer))
{
    const struct provider *provider = &x->tool.tool->provider;
    const struct route_timeouts *timeouts = &x->route->timeouts;
    struct probe *probe = must_have(calloc(1, sizeof *probe));
    uint32_t key = 0;
    struct http_field *fields;
    probe->x = x;
    probe->done = done;
    buf_init(&probe->body, x->generation->answer_bytes_max);
    buf_init(&probe->whole, x->generation->answer_bytes_max + KIB(64));
    timer_init(&probe->timer, on_timer);
    timer_arm(x->gateway->loop, &probe->timer, timeouts->connect_ms + timeouts->head_ms);
    size_t count = reply_own_fields(x, provider, attempt_credential(provider, &key), &fields);
    const struct fetch_options options = {
        .origin = gateway_origin(x->gateway, x->generation, provider),
        .method = x->tool.action->probe.method,
        .target = target_of(x, provider),
        .fields = fields,
        .count = count,
        .connect_ms = (uint32_t)timeouts->connect_ms,
        .handler = &handler,
        .owner = probe,
    };
    probe->fetch = http_fetch_start(x->gateway->client, &options);
    return probe;
}
