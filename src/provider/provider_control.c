/* SPDX-License-Identifier: Apache-2.0
 * provider_control.c - /sim/...: look at the provider and change its script while it runs.
 * These requests are not counted and never meet the script.
 */
#include "provider/provider_impl.h"

#include "base/when.h"

static void refuse(struct answer *answer, unsigned status, struct str message)
{
    struct answer_problem problem = {STR(""), status, message, STR("")};
    answer_error(answer, &problem, STR("req_sim"));
}

static void put_script(struct provider *provider, struct str text, struct answer *answer)
{
    struct fault fault = {0};
    if (provider_set_script(provider, text, &fault) != ERR_OK) {
        refuse(answer, 400, arena_printf(answer->arena, "line %u: %s", fault.line, fault.words));
        return;
    }
    struct json_writer *w = answer_open(answer);
    json_begin_object(w);
    json_member_u64(w, "rules", script_count(provider->script));
    json_end_object(w);
    answer_close(answer, STR(""), PART_OTHER);
}

static void get_state(struct provider *provider, struct answer *answer)
{
    uint64_t age_us = instant_since_us(loop_now(provider->loop), provider->script_set);
    struct json_writer *w = answer_open(answer);
    json_begin_object(w);
    state_write(&provider->state, provider->script, age_us / 1000, w);
    json_end_object(w);
    answer_close(answer, STR(""), PART_OTHER);
}

void provider_control(struct provider *provider, const struct http_head *head, struct str path,
                      struct str body, struct answer *answer)
{
    bool get = str_equal(head->method, STR("GET"));
    bool put = str_equal(head->method, STR("POST")) || str_equal(head->method, STR("PUT"));
    bool remove = str_equal(head->method, STR("DELETE"));
    if (str_equal(path, STR("/sim/script")) && (put || remove)) {
        put_script(provider, remove ? STR("") : body, answer);
    } else if (str_equal(path, STR("/sim/state")) && get) {
        get_state(provider, answer);
    } else if (str_equal(path, STR("/sim/last")) && get) {
        answer->content_type = STR("application/octet-stream");
        answer_part(answer, STR(""), arena_str(answer->arena, buf_str(&provider->state.last)),
                    PART_OTHER);
    } else {
        refuse(answer, 404,
               STR("GET /sim/state, GET /sim/last, POST /sim/script, DELETE /sim/script"));
    }
}
