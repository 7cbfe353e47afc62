/* SPDX-License-Identifier: Apache-2.0
 * checks_end.c - what must be true of a whole run: clients, records, provider, shared state. */
#include "sim/checks.h"

#include "audit/verify.h"

#include <stdlib.h>

/* ---- ends and records ---- */

/* A row must say what was known when it was written: all of it, or for a record that had to be
 * durable before the end, what had happened until then. */
static void check_row(struct world *world, int64_t key, struct str facts)
{
    struct proof *proof = world_find(world, key / 8);
    if (proof == NULL || key % 8 >= EVENT_CLASSES) {
        world_broken(world, "every_admitted_exchange_ends_exactly_once", "a row of no exchange");
        return;
    }
    struct str known = proof->events[key % 8];
    if (proof->durable ? !str_starts(known, facts) : !str_equal(known, facts)) {
        world_broken(world, "every_admitted_exchange_ends_exactly_once",
                     "the store tells another story of exchange %llx",
                     (unsigned long long)proof->number);
    }
    proof->stored = true;
    world->rows += key % 8 == CLASS_INTERACTION ? 1 : 0;
}

static bool may_be_missing(const struct world *world, const struct proof *proof)
{
    return world->store_closed || (world->records_refused > 0 &&
                                   (uint64_t)(proof->number >> 16) % world->records_refused == 0);
}

static const struct statement all_rows = {"SELECT key, facts FROM exchanges", 0};

static void read_rows(struct world *world)
{
    struct store_query query = {.rows_max = 100000};
    if (store_read_now(world->commons.store, &all_rows, NULL, &query) != ERR_OK) {
        world_broken(world, "every_admitted_exchange_ends_exactly_once", "rows cannot be read");
        return;
    }
    for (size_t i = 0; i < query.row_count; i++) {
        check_row(world, query.rows[i * 2].integer, query.rows[i * 2 + 1].bytes);
    }
    store_query_end(&query);
}

void every_admitted_exchange_ends_exactly_once(struct world *world)
{
    uint64_t in_flight = atomic_load(&world->commons.in_flight);
    if (in_flight != 0) {
        world_broken(world, __func__, "%llu are still in flight", (unsigned long long)in_flight);
    }
    uint64_t ended = 0;
    read_rows(world);
    for (const struct proof *proof = world->first_proof; proof != NULL; proof = proof->next) {
        ended++;
        if (proof->ends != 1 || !proof->closed) {
            world_broken(world, __func__, "exchange %llx ended %u times",
                         (unsigned long long)proof->number, proof->ends);
        }
        if (!proof->stored && !may_be_missing(world, proof)) {
            world_broken(world, __func__, "exchange %llx has no record",
                         (unsigned long long)proof->number);
        }
    }
    if (ended != world->begun) {
        world_broken(world, __func__, "%llu began, %llu ended", (unsigned long long)world->begun,
                     (unsigned long long)ended);
    }
}

/* Whatever was refused or broke: no place is empty, every record is as it was signed. */
void the_history_of_records_is_whole(struct world *world)
{
    struct audit_report report;
    const struct audit_verify verify = {.store = world->commons.store};
    if (audit_verify(&verify, &report) != ERR_OK) {
        world_broken(world, __func__, "it cannot be read");
    } else if (report.fault_count > 0) {
        world_broken(world, __func__, "%s", report.faults[0].words);
    } else if (report.records < world->rows) {
        world_broken(world, __func__, "it holds %llu records, of %llu exchanges",
                     (unsigned long long)report.records, (unsigned long long)world->rows);
    }
}

/* ---- clients ---- */

/* Whoever goes on sending behind a refusal may be cut off before it was read (RFC 9112, section
 * 9.6). */
static bool talks_on(const struct sim_client *client)
{
    bool much = false;
    for (size_t i = 0; i <= client->writing && i < client->count; i++) {
        much = much || client->requests[i].plan.bytes.len > 60000;
    }
    return much && client->why == ERR_RESET;
}

void every_request_gets_one_whole_answer_or_a_cut(struct world *world)
{
    for (size_t c = 0; c < world->client_count; c++) {
        const struct sim_client *client = world->clients[c];
        bool closing = client->at > 0 && client->requests[client->at - 1].closing;
        bool served = client->at == client->count || closing;
        bool excused = client->aborted || world->faulty || world->abrupt || world->tight ||
                       talks_on(client);
        if (!served && !excused) {
            world_broken(world, __func__, "client %zu: %zu of %zu answers, then %s", c, client->at,
                         client->count, client->over ? err_text(client->why) : "nothing");
        }
    }
}

void records_say_what_clients_saw(struct world *world)
{
    for (size_t c = 0; c < world->client_count; c++) {
        for (size_t i = 0; i < world->clients[c]->count; i++) {
            const struct sim_request *request = &world->clients[c]->requests[i];
            if (request->number < 0) {
                continue;
            }
            const struct proof *proof = world_find(world, request->number);
            if (proof == NULL || !str_equal(proof->trace, str_of(request->plan.trace))) {
                world_broken(world, __func__, "%s has another exchange's id", request->plan.trace);
                continue;
            }
            if (proof->durable && !proof->stored) {
                continue; /* the record that could not be written told of the answer */
            }
            bool good = request->status == 200 && !request->error_told;
            if (proof->status != request->status ||
                (request->complete && good != str_equal(proof->outcome, STR("answered")))) {
                world_broken(world, __func__, "%s got %u, recorded is %u " STR_FMT,
                             request->plan.trace, request->status, proof->status,
                             STR_ARG(proof->outcome));
            }
        }
    }
}

void what_is_not_durable_is_not_told(struct world *world)
{
    for (size_t c = 0; c < world->client_count; c++) {
        for (size_t i = 0; i < world->clients[c]->count; i++) {
            const struct sim_request *request = &world->clients[c]->requests[i];
            const struct proof *proof = world_find(world, request->number);
            bool told = request->complete && request->status == 200 && !request->error_told;
            if (proof != NULL && proof->durable && !proof->stored && told) {
                world_broken(world, __func__, "%s was answered without a record",
                             request->plan.trace);
            }
        }
    }
}

/* ---- what the provider received ---- */

/* The splices "at+removed:with" of the event, each behind a space; `with` holds no space here. */
static bool apply(struct str original, struct str edits, struct buf *to)
{
    size_t at = 0;
    struct str one;
    while (str_split(&edits, ' ', &one)) {
        uint64_t from;
        uint64_t removed;
        size_t plus = str_find_byte(one, '+');
        size_t colon = str_find_byte(one, ':');
        if (plus == SIZE_MAX || colon == SIZE_MAX || colon < plus ||
            num_u64(str_cut(one, 0, plus), &from) != ERR_OK ||
            num_u64(str_cut(one, plus + 1, colon), &removed) != ERR_OK || from < at ||
            buf_add(to, str_cut(original, at, from)) != ERR_OK ||
            buf_add(to, str_cut(one, colon + 1, one.len)) != ERR_OK) {
            return false;
        }
        at = from + removed;
    }
    return at <= original.len && buf_add(to, str_cut(original, at, original.len)) == ERR_OK;
}

/* Edits of attempts at that target; "" without such an event. */
static struct str edits_for(const struct proof *proof, unsigned target)
{
    struct str rest = proof->events[CLASS_INTERACTION];
    struct str edits = STR("");
    struct event_view view;
    while (rest.len > 0 && event_next(&gateway_events, &rest, &view) == ERR_OK) {
        struct str name;
        struct str text;
        if (view.type == &event_type_request_edited && event_get_str(&view, "target", &name) &&
            event_get_str(&view, "edits", &text) && name.len == 2 &&
            name.at[1] == (char)('0' + (int)target)) {
            edits = text;
        }
    }
    return edits;
}

static const struct plan_request *request_of(const struct world *world, struct str trace)
{
    for (size_t c = 0; c < world->client_count; c++) {
        for (size_t i = 0; i < world->clients[c]->count; i++) {
            const struct plan_request *plan = &world->clients[c]->requests[i].plan;
            if (str_equal(trace, str_of(plan->trace))) {
                return plan;
            }
        }
    }
    return NULL;
}

void what_is_sent_is_the_original_with_the_recorded_edits(struct world *world)
{
    for (const struct delivery *d = world->deliveries; d != NULL; d = d->next) {
        const struct plan_request *plan = request_of(world, d->trace);
        const struct proof *proof = world_trace(world, d->trace);
        if (plan == NULL || proof == NULL) {
            world_broken(world, __func__, "the provider got what nobody sent: " STR_FMT,
                         STR_ARG(d->trace));
            continue;
        }
        struct buf wanted;
        buf_init(&wanted, plan->body.len + 65536);
        struct str edits = edits_for(proof, d->target);
        if (!apply(plan->body, edits, &wanted) || !str_equal(buf_str(&wanted), d->body) ||
            (d->body.len > 0 && !json_valid(d->body, NULL))) {
            world_broken(world, __func__,
                         "%s at t%u with '" STR_FMT "': sent " STR_FMT " from " STR_FMT,
                         plan->trace, d->target, STR_ARG(edits), STR_ARG(str_cut(d->body, 0, 120)),
                         STR_ARG(str_cut(plan->body, 0, 120)));
        }
        buf_end(&wanted);
    }
}

/* ---- breakers ---- */

struct move {
    int64_t at_us;
    size_t order;
    struct str target;
    struct str from;
    struct str to;
    bool used;
};

static size_t gather_moves(const struct world *world, struct move *moves, size_t room)
{
    size_t count = 0;
    for (const struct proof *proof = world->first_proof; proof != NULL; proof = proof->next) {
        struct str rest = proof->events[CLASS_INTERACTION];
        struct event_view view;
        while (rest.len > 0 && event_next(&gateway_events, &rest, &view) == ERR_OK) {
            if (view.type == &event_type_breaker_moved && count < room) {
                struct move *move = &moves[count];
                *move = (struct move){.at_us = view.at_us, .order = count};
                count += event_get_str(&view, "target", &move->target) &&
                                 event_get_str(&view, "from", &move->from) &&
                                 event_get_str(&view, "to", &move->to)
                             ? 1
                             : 0;
            }
        }
    }
    return count;
}

static int earlier(const void *a, const void *b)
{
    const struct move *x = a;
    const struct move *y = b;
    if (x->at_us != y->at_us) {
        return x->at_us < y->at_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

static bool legal(const struct move *move)
{
    static const char *const steps[][2] = {
        {"closed", "open"}, {"open", "half_open"}, {"half_open", "open"}, {"half_open", "closed"}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (str_equal(move->from, str_of(steps[i][0])) &&
            str_equal(move->to, str_of(steps[i][1]))) {
            return true;
        }
    }
    return false;
}

/* The next move of a target that fits its state; moves of one moment may stand in any order. */
static struct move *next_move(struct move *moves, size_t count, struct str target, struct str state)
{
    struct move *first = NULL;
    for (size_t i = 0; i < count; i++) {
        struct move *move = &moves[i];
        if (move->used || !str_equal(move->target, target)) {
            continue;
        }
        first = first != NULL ? first : move;
        if (move->at_us != first->at_us) {
            break;
        }
        if (str_equal(move->from, state)) {
            return move;
        }
    }
    return first;
}

void breakers_move_by_legal_steps_only(struct world *world)
{
    static struct move moves[4096];
    size_t count = gather_moves(world, moves, sizeof moves / sizeof moves[0]);
    qsort(moves, count, sizeof moves[0], earlier);
    for (size_t i = 0; i < count; i++) {
        struct str state = STR("closed");
        struct move *move;
        while ((move = next_move(moves, count, moves[i].target, state)) != NULL) {
            if (!legal(move) || !str_equal(move->from, state)) {
                world_broken(
                    world, __func__, STR_FMT " was " STR_FMT ", moved from " STR_FMT " to " STR_FMT,
                    STR_ARG(move->target), STR_ARG(state), STR_ARG(move->from), STR_ARG(move->to));
            }
            move->used = true;
            state = move->to;
        }
    }
}

/* ---- shared state ---- */

/* 1 when it is known. */
static size_t check_subject(struct world *world, struct str subject)
{
    struct limit_view view;
    if (!limits_look(world->commons.limits, subject, env_wall(world->commons.env), &view)) {
        return 0;
    }
    if (view.held_tokens != 0 || view.held_microusd != 0) {
        world_broken(world, "reservations_return_exactly_once",
                     STR_FMT " holds %llu tokens, %lld microdollars", STR_ARG(subject),
                     (unsigned long long)view.held_tokens, (long long)view.held_microusd);
    }
    return 1;
}

void reservations_return_exactly_once(struct world *world)
{
    static const char *const holders[][2] = {{"default", "local"}, {"firm", "service"}};
    size_t known = 0;
    for (size_t h = 0; h < 2; h++) {
        const char *tenant = holders[h][0];
        struct arena *arena = world->arena;
        known += check_subject(world, arena_printf(arena, "%s %s", tenant, holders[h][1]));
        for (unsigned a = 0; a < PLAN_AGENTS; a++) {
            known += check_subject(
                world, arena_printf(arena, "%s %s agent:a%u", tenant, holders[h][1], a));
            for (unsigned u = 0; u < PLAN_USERS; u++) {
                known += check_subject(world,
                                       arena_printf(arena, "%s agent:a%u user:u%u", tenant, a, u));
            }
        }
    }
    size_t all = limits_count(world->commons.limits);
    if (known != all) {
        world_broken(world, __func__, "of %zu subjects %zu were looked at", all, known);
    }
}

void all_memory_returns(struct world *world)
{
    size_t used = cap_used(&world->commons.memory);
    size_t connections = cap_used(&world->commons.connections);
    size_t sockets = sim_env_sockets(world->sim);
    if (used != 0 || connections != 0 || sockets != 0) {
        world_broken(world, __func__, "%zu bytes, %zu connections, %zu sockets are still there",
                     used, connections, sockets);
    }
}

void configurations_end_with_their_last_exchange(struct world *world)
{
    for (size_t i = 0; i < world->generation_count; i++) {
        struct generation *generation = world->generations[i];
        uint32_t ours = generation == world->commons.current ? 2 : 1;
        uint32_t held = atomic_load(&generation->references);
        if (held != ours) {
            world_broken(world, __func__, "generation %u is held %u times", generation->number,
                         held - ours);
        }
    }
}
