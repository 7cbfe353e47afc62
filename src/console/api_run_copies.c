/* SPDX-License-Identifier: Apache-2.0
 * api_run_copies.c - runs that have begun as others did, and what leaves the database.
 *
 * A branch is made of committed rows inside the store: whoever uses the run meanwhile is not in the
 * way. */
#include "console/routes.h"

#include "resilience/run_branch.h"

struct copying {
    struct run_row row; /* strings of the first read are kept */
    struct run_branch branch;
    struct wall now;
};

static void find(struct asked *asked, void (*then)(struct asked *asked))
{
    const struct api_value *tenant = asked_value(asked, "tenant");
    struct value *values = arena_array_of(asked->arena, struct value, 2);
    struct copying *c = arena_new_of(asked->arena, struct copying);
    *c = (struct copying){.now = env_wall(asked->console->options.commons->env)};
    asked->state = c;
    values[0] = value_of_text(tenant->given ? tenant->text : STR("default"));
    values[1] = value_of_text(asked_text(asked, "id"));
    asked_read(asked, &run_find, values, 1, then);
}

static bool found(struct asked *asked)
{
    struct copying *c = asked->state;
    if (asked->query.row_count == 0) {
        asked_refuse(asked, 404, "unknown_run", "there is no such run of this tenant");
        return false;
    }
    run_read(asked->query.rows, &c->row);
    c->row.id = arena_str(asked->arena, c->row.id);
    c->row.tenant = arena_str(asked->arena, c->row.tenant);
    return true;
}

/* ---- branches ---- */

static void branched(struct asked *asked)
{
    const struct copying *c = asked->state;
    if (asked->result == ERR_EXISTS) {
        asked_refuse(asked, 409, "run_exists", "there is a run of this name; name another one");
        return;
    }
    if (asked->result == ERR_NOT_FOUND) {
        asked_refuse(asked, 409, "changed_meanwhile", "the run has changed meanwhile; look again");
        return;
    }
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "id", c->branch.id);
    json_member_str(&asked->w, "tenant", c->row.tenant);
    json_member_str(&asked->w, "from", c->row.id);
    json_member_u64(&asked->w, "at", c->branch.at);
    json_member_cstr(&asked->w, "state", run_state_name(c->branch.state));
    json_member_str(&asked->w, "by", asked->by);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

/* Is the step there, and does every one up to it have a result? False: it was refused. */
static bool check_steps(struct asked *asked, const struct copying *c)
{
    const struct store_query *query = &asked->query;
    uint32_t last = 0;
    for (size_t i = 0; i < query->row_count && last < c->branch.at; i++) {
        struct step_row row;
        if (step_read(query->rows + i * query->columns, query->columns, &row) != ERR_OK) {
            asked_refuse(asked, 503, "damaged", "a step of this run cannot be read");
            return false;
        }
        enum step_kind kind = row.step.call.kind;
        bool waits = kind == STEP_TIMER || kind == STEP_SIGNAL || kind == STEP_APPROVAL ||
                     kind == STEP_JOIN;
        bool open = !waits && (row.step.state == STEP_INTENT || row.step.state == STEP_IN_DOUBT);
        if (open && row.step.seq <= c->branch.at) {
            asked_refuse(asked, 409, "step_open",
                         "step %u may have happened and has no result; decide it first (aire runs "
                         "resolve)",
                         row.step.seq);
            return false;
        }
        last = row.step.seq;
    }
    if (last != c->branch.at) {
        asked_refuse(asked, 404, "unknown_step", "this run has no step %u", c->branch.at);
        return false;
    }
    return true;
}

static void submit_branch(struct asked *asked)
{
    struct copying *c = asked->state;
    struct commons *commons = asked->console->options.commons;
    if (!check_steps(asked, c)) {
        return;
    }
    c->branch.number = commons_number(commons, c->now);
    c->branch.first_step = commons_numbers(commons, c->now, c->branch.at);
    asked->unit = (struct store_unit){
        .steps = arena_array_of(asked->arena, struct store_step, RUN_BRANCH_STEPS),
        .count = RUN_BRANCH_STEPS,
        .bytes = 1024};
    run_branch(&c->branch, c->now, asked->arena, asked->unit.steps);
    ASKED_TELL(asked, run_steered, .run = c->row.id, .tenant = c->row.tenant,
               .change = STR("branch"), .step = c->branch.at, .by = asked->by,
               .reason = asked_text(asked, "reason"), .branch = c->branch.id);
    asked_write(asked, branched);
}

static void read_steps(struct asked *asked)
{
    struct copying *c = asked->state;
    const struct api_value *as = asked_value(asked, "as");
    if (!found(asked)) {
        return;
    }
    c->branch = (struct run_branch){
        .from = c->row.number,
        .epoch = c->row.epoch,
        .at = (uint32_t)asked_value(asked, "at")->count,
        .state = RUN_OPEN,
        .id = as->given ? as->text
                        : arena_printf(asked->arena, STR_FMT "-b%u", STR_ARG(c->row.id),
                                       (unsigned)asked_value(asked, "at")->count)};
    if (!run_id_is_valid(c->branch.id)) {
        asked_refuse(asked, 422, "bad_run",
                     "'as' must be 1 to 64 of A-Z a-z 0-9 . _ : -, the first a letter or digit");
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 3);
    values[0] = value_of_i64(c->row.number);
    values[1] = value_of_i64(0);
    values[2] = value_of_i64(c->branch.at);
    asked_read(asked, &step_list, values, c->branch.at, submit_branch);
}

void api_run_branch(struct asked *asked)
{
    uint64_t at = asked_value(asked, "at")->count;
    if (at < 1 || at > RUN_STEPS_MAX) {
        asked_refuse(asked, 422, "bad_step", "'at' must be from 1 to %d", RUN_STEPS_MAX);
        return;
    }
    find(asked, read_steps);
}

/* ---- export ---- */

static void exported(struct asked *asked)
{
    const struct copying *c = asked->state;
    if (asked->result != ERR_OK) {
        asked_refuse_store(asked);
        return;
    }
    json_begin_object(&asked->w);
    json_member_str(&asked->w, "id", c->row.id);
    json_member_str(&asked->w, "tenant", c->row.tenant);
    json_member_str(&asked->w, "by", asked->by);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

static void tell_export(struct asked *asked)
{
    struct copying *c = asked->state;
    if (!found(asked)) {
        return;
    }
    asked->unit = (struct store_unit){0};
    ASKED_TELL(asked, run_steered, .run = c->row.id, .tenant = c->row.tenant,
               .change = STR("export"), .by = asked->by, .reason = asked_text(asked, "reason"));
    asked_write(asked, exported);
}

void api_run_export(struct asked *asked)
{
    find(asked, tell_export);
}
