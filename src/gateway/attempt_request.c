/* SPDX-License-Identifier: Apache-2.0
 * attempt_request.c - each attempt derives from the original request, never from an earlier one. */
#include "gateway/attempt_request.h"

#include "base/must.h"
#include "gateway/pipeline.h"
#include "gateway/reply.h"
#include "gateway/tool_call.h"

static void record_edits(struct exchange *x, const struct json_edit *edit)
{
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < edit->count; i++) {
        const struct splice *s = &edit->splices[i];
        if (buf_printf(&text, "%s%zu+%zu:" STR_FMT, i > 0 ? " " : "", s->at, s->len,
                       STR_ARG(s->with)) != ERR_OK) {
            break;
        }
    }
    RECORD(&x->record, loop_wall(x->gateway->loop), request_edited, .target = x->target->name,
           .edits = buf_str(&text));
    buf_end(&text);
}

/* splice(original, edits): the model's name, what the dialect needs, what stages ask for. A stage
 * that cannot have its edits made raises the verdict. */
static size_t derive_body(struct exchange *x, struct str **slices)
{
    struct json_edit edit;
    json_edit_init(&edit, http_call_body(x->call), x->arena);
    struct str model = x->target->model;
    enum err code = ERR_OK;
    if (model.len > 0 && !str_equal(model, x->view.model_name)) {
        struct buf text;
        buf_init(&text, 4096);
        code = buf_add_byte(&text, '"');
        code = code == ERR_OK ? json_escape(&text, model) : code;
        code = code == ERR_OK ? buf_add_byte(&text, '"') : code;
        struct str raw = json_raw(&x->json, x->view.model);
        if (code == ERR_OK) {
            code = json_edit_replace(&edit, (size_t)(raw.at - x->json.text.at), raw.len,
                                     arena_str(x->arena, buf_str(&text)));
        }
        buf_end(&text);
    }
    if (code == ERR_OK && x->dialect->edit != NULL) {
        code = x->dialect->edit(&x->json, &x->view, x->target, &edit);
    }
    must(code == ERR_OK); /* a handful of splices at places the tape told us */
    if (x->tool.tool != NULL) {
        tool_call_key(x, &edit);
    }
    pipeline_attempt(x, &edit);
    if (edit.count > 0) {
        record_edits(x, &edit);
    }
    return json_edit_slices(&edit, slices);
}

struct str attempt_credential(const struct provider *provider, uint32_t *index)
{
    if (provider->keys.count == 0) {
        return STR("");
    }
    uint32_t at = atomic_load_explicit(&provider->state->key_at, memory_order_relaxed);
    *index = at;
    return provider->credentials[at % provider->keys.count];
}

/* Behind the provider's base path. */
static struct str target_of(const struct exchange *x, const struct provider *provider)
{
    bool tool = x->tool.tool != NULL;
    struct str query = http_call_query(x->call);
    struct str path = tool ? x->tool.tail : x->dialect->path;
    path = provider->path.len + path.len == 0 ? STR("/") : path;
    const struct str parts[] = {provider->path, path, STR("?"), query};
    return arena_join(x->arena, parts, query.len > 0 ? 4 : 2);
}

void attempt_request(struct attempt *a, struct fetch_options *options)
{
    struct exchange *x = a->x;
    const struct provider *provider = a->target->provider;
    struct http_field *fields;
    struct str *slices;
    struct str credential = attempt_credential(provider, &a->key);
    size_t slice_count = derive_body(x, &slices);
    size_t count = reply_request_fields(x, provider, credential, &fields);
    bool tool = x->tool.tool != NULL;
    *options = (struct fetch_options){
        .origin = gateway_origin(x->gateway, x->generation, provider),
        .method = tool ? http_call_head(x->call)->method : x->endpoint->method,
        .target = target_of(x, provider),
        .fields = fields,
        .count = count,
        .body = slices,
        .body_count = slice_count,
        .connect_ms = (uint32_t)x->route->timeouts.connect_ms,
        .once = tool && x->tool.action->effect == EFFECT_UNSAFE,
    };
}

/* ---- the credential ---- */

bool attempt_tells_credential(const struct attempt *a, struct str text)
{
    static const struct str names[] = {STR_CONST("authorization"), STR_CONST("x-api-key"),
                                       STR_CONST("api-key")};
    if (a->target == NULL) {
        return false; /* of a replay: nothing went upstream */
    }
    const struct provider *provider = a->target->provider;
    if (provider->auth == AUTH_STORED) {
        return provider->keys.count > 0 &&
               str_find(text, provider->keys.items[a->key % provider->keys.count]) != SIZE_MAX;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct str bare = http_head_get(http_call_head(a->x->call), names[i]);
        size_t space = str_find_byte(bare, ' '); /* behind the scheme */
        bare = str_trim(str_cut(bare, space == SIZE_MAX ? 0 : space, bare.len));
        if (bare.len > 0 && str_find(text, bare) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

bool attempt_answer_tells(const struct attempt *a)
{
    bool tells = attempt_tells_credential(a, buf_str(&a->body));
    for (size_t i = 0; i < a->field_count; i++) {
        tells = tells || attempt_tells_credential(a, a->fields[i].value);
    }
    return tells && a->target != NULL && a->target->provider->auth == AUTH_STORED;
}
