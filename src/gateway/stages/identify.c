/* SPDX-License-Identifier: Apache-2.0
 * identify.c - who asks, and for whom (standard S1, S3; design section 6).
 *
 * Keyless service exists on loopback only, and there only for a loopback Host, no foreign Origin
 * and JSON bodies: a page in a browser must not be able to spend through it (DNS rebinding, simple
 * cross-site requests). */
#include "gateway/stage.h"

#include "gateway/access.h"

static bool take_name(struct exchange *x, struct str header, struct str *name)
{
    const struct http_head *head = http_call_head(x->call);
    struct str given = http_head_get(head, header);
    if (given.at == NULL) {
        return true;
    }
    if (!domain_name_valid(given)) {
        exchange_refuse(x, 400, "bad_header", STR_FMT " must be 1 to %d printable bytes",
                        STR_ARG(header), DOMAIN_NAME_MAX);
        return false;
    }
    *name = given;
    return true;
}

static bool take_user(struct exchange *x)
{
    struct str user = {0};
    if (http_head_has(http_call_head(x->call), STR("x-aire-user-assertion"))) {
        exchange_refuse(x, 403, "assertion_unconfigured",
                        "no issuer of user assertions is configured");
        return false;
    }
    if (!take_name(x, STR("x-aire-user"), &user)) {
        return false;
    }
    if (user.len > 0 && !x->principal.may_vouch) {
        exchange_refuse(x, 403, "may_not_vouch", "this key may not name end users (x-aire-user)");
        return false;
    }
    x->user = user;
    return true;
}

static bool take_agent(struct exchange *x)
{
    struct str name = x->principal.agent;
    struct str given = {0};
    if (!take_name(x, STR("x-aire-agent"), &given)) {
        return false;
    }
    if (given.len > 0 && name.len > 0 && !str_equal(given, name)) {
        exchange_refuse(x, 403, "agent_mismatch", "x-aire-agent contradicts the key's agent");
        return false;
    }
    name = given.len > 0 ? given : name;
    x->agent = name.len > 0 ? generation_agent(x->generation, name) : NULL;
    if (name.len > 0 && x->agent == NULL) {
        exchange_refuse(x, 403, "unknown_agent", "agent '" STR_FMT "' is not registered",
                        STR_ARG(name));
        return false;
    }
    return true;
}

/* x-aire-rehearse: a recorded step is answered under today's rules, and nothing is made. */
static bool take_rehearsal(struct exchange *x)
{
    struct str text = http_head_get(http_call_head(x->call), STR("x-aire-rehearse"));
    uint64_t seq = 0;
    if (text.at == NULL) {
        return true;
    }
    if (x->place.run.len == 0 || num_u64(text, &seq) != ERR_OK || seq < 1 || seq > RUN_STEPS_MAX) {
        exchange_refuse(x, 400, "bad_header",
                        "x-aire-rehearse is the number of a recorded step of a run");
        return false;
    }
    x->place.rehearses = (uint32_t)seq;
    return true;
}

/* x-aire-run says again what the path says; x-aire-step names the step. */
static bool take_step(struct exchange *x)
{
    const struct http_head *head = http_call_head(x->call);
    struct str run = http_head_get(head, STR("x-aire-run"));
    struct str key = http_head_get(head, STR("x-aire-step"));
    if (run.at != NULL && !str_equal(run, x->place.run)) {
        exchange_refuse(
            x, 400, "bad_header",
            "a run is named by the path, /run/RUN/TRY/...; x-aire-run may only repeat it");
        return false;
    }
    if (key.at != NULL && (x->place.run.len == 0 || !step_key_is_valid(key))) {
        exchange_refuse(x, 400, "bad_header",
                        "x-aire-step names a step of a run: 1 to %d printable bytes without spaces",
                        STEP_KEY_BYTES_MAX);
        return false;
    }
    x->place.key = key.at != NULL ? key : STR("");
    return take_rehearsal(x);
}

static bool take_rest(struct exchange *x)
{
    const struct http_head *head = http_call_head(x->call);
    if (!take_step(x)) {
        return false;
    }
    struct str text = http_head_get(head, STR("x-aire-confidence"));
    if (text.at != NULL &&
        (num_double(text, &x->confidence) != ERR_OK || x->confidence < 0 || x->confidence > 1)) {
        exchange_refuse(x, 400, "bad_header", "x-aire-confidence must be a number from 0 to 1");
        return false;
    }
    return take_name(x, STR("x-aire-session"), &x->session);
}

static enum flow on_request(struct exchange *x, void *state)
{
    (void)state;
    struct access access;
    access_check(x->gateway->commons, x->generation, x->call, &access);
    if (access.status != 0) {
        exchange_refuse(x, access.status, access.reason, "%s", access.words);
        return FLOW_REPLY;
    }
    x->principal = access.principal;
    if (access.key != NULL) {
        x->claims[0].rule = access.key->limits;
    }
    return take_agent(x) && take_user(x) && take_rest(x) ? FLOW_NEXT : FLOW_REPLY;
}

const struct stage stage_identify = {.name = "identify", .on_request = on_request};
