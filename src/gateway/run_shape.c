/* SPDX-License-Identifier: Apache-2.0
 * run_shape.c - three texts, and their keyed digests. */
#include "gateway/run_shape.h"

#include "base/must.h"
#include "crypto/seal.h"
#include "gateway/tool.h"
#include "text/fleeting.h"
#include "json/json_canon.h"

#include <string.h>

/* A canonical form is never longer than this many times its text: an escape of two bytes may become
 * one of six, a digit may gain an exponent. */
#define GROWTH 6

struct run_digest run_shape_digest(const struct seal_key *key, struct str text)
{
    uint8_t mac[32];
    struct run_digest digest;
    seal_mac(key, text, mac);
    memcpy(digest.bytes, mac, sizeof digest.bytes);
    return digest;
}

/* Everything that goes into a digest stands on a line of its own. */
static enum err put_head(const struct exchange *x, struct buf *to)
{
    return buf_printf(to, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n",
                      STR_ARG(http_call_head(x->call)->method), STR_ARG(x->place.rest),
                      STR_ARG(http_call_query(x->call)));
}

/* The tool's place for an idempotency key tells nothing of what is asked. */
static void mask_key(const struct exchange *x, struct json_masks *masks)
{
    *masks = x->generation->runs.masks;
    if (x->tool.tool != NULL && x->tool.action->key_pointer.len > 0) {
        err_ignore(json_masks_add(masks, x->tool.action->key_pointer, x->gateway->scratch));
    }
}

static enum err put_body(const struct exchange *x, const struct json_canon *how, struct buf *to)
{
    if (x->json.count == 0) {
        return buf_add(to, http_call_body(x->call));
    }
    return json_canon(how, &x->json, JSON_ROOT, to);
}

/* What a model answers to: its conversation, and what is said to it beside. */
static enum err put_conversation(const struct exchange *x, const struct json_canon *how,
                                 struct buf *to)
{
    static const struct str names[] = {STR_CONST("messages"), STR_CONST("input"),
                                       STR_CONST("system"), STR_CONST("instructions"),
                                       STR_CONST("prompt")};
    uint32_t found[sizeof names / sizeof names[0]];
    enum err code = ERR_OK;
    json_pick(&x->json, JSON_ROOT, names, sizeof names / sizeof names[0], found);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && code == ERR_OK; i++) {
        code = buf_printf(to, "\n%zu ", i);
        if (code == ERR_OK && found[i] != JSON_NONE) {
            code = json_canon(how, &x->json, found[i], to);
        }
    }
    return code;
}

static enum err put_sort(const struct exchange *x, struct buf *to)
{
    struct str method = http_call_head(x->call)->method;
    if (x->tool.tool != NULL) {
        return buf_printf(to, STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(method),
                          STR_ARG(x->tool.tool->route.name), STR_ARG(x->tool.action->name));
    }
    return buf_printf(to, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n%d", STR_ARG(method),
                      STR_ARG(x->place.rest), STR_ARG(x->view.model_name), x->view.streams);
}

void run_shape(const struct exchange *x, const struct seal_key *key, struct step_call *call)
{
    struct buf text;
    struct json_masks masks;
    mask_key(x, &masks);
    struct json_canon how = {.masks = &masks, .arena = x->gateway->scratch};
    buf_init(&text, GROWTH * http_call_body(x->call).len + KIB(16));
    bool tool = x->tool.tool != NULL;
    *call = (struct step_call){.kind = tool ? STEP_TOOL : STEP_MODEL,
                               .effect = tool ? x->tool.action->effect : EFFECT_READ,
                               .key = x->place.key};
    enum err code = put_sort(x, &text);
    call->sort = run_shape_digest(key, buf_str(&text));
    buf_clear(&text);
    code = code == ERR_OK ? put_head(x, &text) : code;
    code = code == ERR_OK ? put_body(x, &how, &text) : code;
    call->exact = run_shape_digest(key, buf_str(&text));
    how.fold = fleeting_fold;
    buf_clear(&text);
    code = code == ERR_OK ? put_sort(x, &text) : code;
    if (code == ERR_OK) {
        code = call->kind == STEP_MODEL ? put_conversation(x, &how, &text)
                                        : put_body(x, &how, &text);
    }
    must(code == ERR_OK); /* GROWTH */
    if (call->key.len > 0) {
        call->loose = call->exact;
        call->exact = run_shape_digest(key, call->key);
    } else {
        call->loose = run_shape_digest(key, buf_str(&text));
    }
    buf_end(&text);
    arena_reset(x->gateway->scratch);
}

struct str run_shape_name(const struct exchange *x)
{
    if (x->tool.tool != NULL) {
        const struct str parts[] = {x->tool.tool->name, STR("/"), x->tool.action->name};
        bool named = x->tool.action->name.len > 0;
        return named ? arena_join(x->arena, parts, 3) : x->place.rest;
    }
    return x->view.model_name.len > 0 ? x->view.model_name : x->place.rest;
}
