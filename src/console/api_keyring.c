/* SPDX-License-Identifier: Apache-2.0
 * api_keyring.c - the master key is replaced; data keys are destroyed.
 *
 * Invariant: what was forgotten is durable before it is acknowledged, and no session in memory is
 * found under it afterwards. */
#include "console/routes.h"

/* ---- rotate ---- */

static enum err run_rotation(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    return keyring_rotate(commons->keyring, commons->store, asked->state, &asked->fault);
}

static void rotation_told(struct asked *asked)
{
    const struct rotation *rotation = asked->state;
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    json_begin_object(&asked->w);
    json_member_cstr(&asked->w, "master", rotation->master);
    json_member_u64(&asked->w, "wrapped", rotation->wrapped);
    json_member_u64(&asked->w, "unreadable", rotation->unreadable);
    json_member_bool(&asked->w, "old_kept", rotation->old_kept);
    json_member_cstr(&asked->w, "to_do",
                     keyring_place(asked->console->options.commons->keyring)->variable
                         ? "put the new key into the variable itself, and clear NAME_NEXT"
                         : NULL);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static void rotated(struct asked *asked)
{
    const struct rotation *rotation = asked->state;
    if (asked->result != ERR_OK) {
        bool ours = asked->result == ERR_NOT_FOUND || asked->result == ERR_INVALID;
        asked_refuse(asked,
                     asked->result == ERR_BUSY ? 409
                     : ours                    ? 422
                                               : 503,
                     "not_rotated", "%s", asked->fault.words);
        return;
    }
    asked->unit = (struct store_unit){0};
    ASKED_TELL(asked, key_changed, .key = str_of(rotation->master), .change = STR("master rotated"),
               .by = asked->by);
    asked_write(asked, rotation_told);
}

static bool has_keyring(struct asked *asked)
{
    if (asked->console->options.commons->keyring == NULL) {
        asked_refuse(asked, 503, "no_master_key", "there is no master key here");
        return false;
    }
    return true;
}

void api_keyring_rotate(struct asked *asked)
{
    if (has_keyring(asked)) {
        asked->state = arena_new_of(asked->arena, struct rotation);
        asked_work(asked, run_rotation, rotated);
    }
}

/* ---- forget ---- */

static void forgotten(struct asked *asked)
{
    struct commons *commons = asked->console->options.commons;
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 404, "nothing_to_forget", "nothing is stored of this session or user");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    keyring_forgotten(commons->keyring);
    if (commons->sessions != NULL) {
        sessions_forget(commons->sessions, asked->state);
    }
    json_begin_object(&asked->w);
    json_member_bool(&asked->w, "forgotten", true);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_keyring_forget(struct asked *asked)
{
    struct key_scope *scope = arena_new_of(asked->arena, struct key_scope);
    *scope = (struct key_scope){asked_text(asked, "tenant"), asked_text(asked, "principal"),
                                asked_text(asked, "user"), asked_text(asked, "session")};
    if (scope->session.len == 0 && scope->user.len == 0) {
        asked_refuse(asked, 422, "whom", "'session' or 'user' says what to forget");
        return;
    }
    asked->state = scope;
    keyring_forgotten(asked->console->options.commons->keyring);
    keyring_forget_unit(scope, asked->arena, &asked->unit);
    ASKED_TELL(asked, key_changed, .key = STR("data keys"), .principal = scope->principal,
               .change = scope->session.len > 0 ? STR("session forgotten") : STR("user forgotten"),
               .by = asked->by);
    asked_write(asked, forgotten);
}
