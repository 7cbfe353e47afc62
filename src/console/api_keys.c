/* SPDX-License-Identifier: Apache-2.0
 * api_keys.c - keys: listed without what they hide, made and shown once, revoked.
 *
 * Invariant: the registry learns of a new key only after the store has it, and forgets a revoked
 * one only then too: what was acknowledged holds after a crash. */
#include "console/routes.h"
#include "console/views.h"

#include <string.h>

/* ---- list ---- */

static enum err run_list(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    struct arena *arena = arena_new((size_t)64 * 1024);
    struct key_entry *entries = NULL;
    size_t count = 0;
    enum err code = identity_list(commons->store, arena, &entries, &count);
    json_begin_object(&asked->w);
    json_key(&asked->w, "keys");
    json_begin_array(&asked->w);
    for (size_t i = 0; i < count; i++) {
        view_key(&entries[i], env_wall(commons->env), &asked->w);
    }
    json_end_array(&asked->w);
    json_end_object(&asked->w);
    arena_free(arena);
    return code;
}

static void listed(struct asked *asked)
{
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    asked_answer(asked, 200);
}

void api_keys(struct asked *asked)
{
    asked_work(asked, run_list, listed);
}

/* ---- create ---- */

struct making {
    struct key_entry made;
    char text[KEY_TEXT_BYTES];
};

static void created(struct asked *asked)
{
    struct making *making = asked->state;
    struct commons *commons = asked->console->options.commons;
    if (asked->result == ERR_OK) {
        asked->result = identity_add(commons->identity, &making->made);
    }
    if (asked->result != ERR_OK) {
        explicit_bzero(making->text, sizeof making->text);
        asked_refuse_store(asked);
        return;
    }
    json_begin_object(&asked->w);
    json_member_cstr(&asked->w, "key", making->text);
    json_key(&asked->w, "entry");
    view_key(&making->made, env_wall(commons->env), &asked->w);
    if (making->made.principal.agent.len > 0) {
        api_put_declared(asked, STOP_AGENT, making->made.principal.agent);
    }
    json_end_object(&asked->w);
    explicit_bzero(making->text, sizeof making->text);
    asked_answer(asked, 201);
}

/* "$50", or "50" from shells that would take "$5" for themselves. */
static bool take_money(struct asked *asked, const char *name, int64_t *microusd)
{
    const struct api_value *value = asked_value(asked, name);
    if (!value->given) {
        return true;
    }
    bool sign = str_starts(value->text, STR("$"));
    struct str text = sign ? value->text
                           : arena_printf(asked->arena, "$" STR_FMT, STR_ARG(value->text));
    if (num_money_microusd(text, microusd) == ERR_OK && *microusd > 0) {
        return true;
    }
    asked_refuse(asked, 422, "bad_limit", "'%s' is money above zero, like $50 or $0.10", name);
    return false;
}

static bool take_expiry(struct asked *asked, int64_t *expires_us)
{
    const struct api_value *value = asked_value(asked, "expires");
    struct wall now = env_wall(asked->console->options.commons->env);
    struct wall at;
    uint64_t ms;
    if (!value->given) {
        return true;
    }
    if (wall_parse(value->text, &at) != ERR_OK) {
        if (num_duration_ms(value->text, &ms) != ERR_OK || ms > INT64_MAX / 2000) {
            asked_refuse(asked, 422, "bad_expiry",
                         "'expires' is a duration (90d) or a time (2027-01-31T00:00:00Z)");
            return false;
        }
        at.us = now.us + (int64_t)ms * 1000;
    }
    if (at.us <= now.us) {
        asked_refuse(asked, 422, "bad_expiry", "'expires' has passed already");
        return false;
    }
    *expires_us = at.us;
    return true;
}

/* Inside, 0 is no limit: who asks for 0 would get the opposite. */
static bool take_tokens(struct asked *asked, const char *name, uint64_t *tokens)
{
    const struct api_value *value = asked_value(asked, name);
    *tokens = value->count;
    if (value->given && value->count == 0) {
        asked_refuse(asked, 422, "bad_limit", "'%s' is a number of tokens above zero", name);
        return false;
    }
    return true;
}

static bool take_limits(struct asked *asked, struct limit_rule *limits)
{
    const struct api_value *rate = asked_value(asked, "rate");
    if (rate->given && (num_rate(rate->text, &limits->rate) != ERR_OK || limits->rate.count == 0)) {
        asked_refuse(asked, 422, "bad_limit", "'rate' is a rate above zero, like 600/min");
        return false;
    }
    return take_tokens(asked, "tokens_day", &limits->day_tokens) &&
           take_tokens(asked, "tokens_month", &limits->month_tokens) &&
           take_money(asked, "spend_day", &limits->day_microusd) &&
           take_money(asked, "spend_month", &limits->month_microusd);
}

void api_key_create(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    struct str tenant = asked_text(asked, "tenant");
    struct key_entry wanted = {
        .principal = {.tenant = tenant.len > 0 ? tenant : STR("default"),
                      .name = asked_text(asked, "name"),
                      .agent = asked_text(asked, "agent"),
                      .may_vouch = asked_value(asked, "may_vouch")->flag},
        .admin = asked_value(asked, "admin")->flag,
    };
    if (!take_limits(asked, &wanted.limits) || !take_expiry(asked, &wanted.expires_us)) {
        return;
    }
    if (identity_count(commons->identity) >= IDENTITY_KEYS_MAX) {
        asked_refuse(asked, 422, "too_many_keys", "there are %d keys; revoke some",
                     IDENTITY_KEYS_MAX);
        return;
    }
    struct making *making = arena_new_of(asked->arena, struct making);
    asked->state = making;
    if (identity_make(commons->env, &wanted, asked->arena, making->text, &making->made,
                      &asked->unit) != ERR_OK) {
        asked_refuse(asked, 422, "bad_name",
                     "'name', 'tenant' and 'agent' are 1 to %d printable bytes without spaces and "
                     "quotes",
                     DOMAIN_NAME_MAX);
        return;
    }
    ASKED_TELL(asked, key_changed, .key = making->made.id, .principal = making->made.principal.name,
               .change = STR("created"), .by = asked->by);
    asked_write(asked, created);
}

/* ---- revoke ---- */

static void revoked(struct asked *asked)
{
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 404, "unknown_key", "there is no such key, or it was revoked before");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    /* It is not there where nobody loaded it: a command without a server. */
    err_ignore(identity_revoke(asked->console->options.commons->identity, asked_text(asked, "id")));
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "id", asked_text(asked, "id"));
    json_member_cstr(&asked->w, "state", "revoked");
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_key_revoke(struct asked *asked)
{
    identity_revoke_unit(asked_text(asked, "id"), env_wall(asked->console->options.commons->env),
                         asked->arena, &asked->unit);
    ASKED_TELL(asked, key_changed, .key = asked_text(asked, "id"), .principal = STR(""),
               .change = STR("revoked"), .by = asked->by);
    asked_write(asked, revoked);
}
