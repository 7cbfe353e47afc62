/* SPDX-License-Identifier: Apache-2.0
 * api_runs.c - durable runs and their steps, looked at. Bodies stay sealed here. */
#include "console/routes.h"
#include "console/run_views.h"
#include "console/views.h"
#include "resilience/journal.h"

/* ---- list ---- */

static void list(struct asked *asked)
{
    const struct store_query *query = &asked->query;
    const uint64_t *limit = asked->state;
    char last[RUN_NUMBER_BYTES] = "";
    json_begin_object(&asked->w);
    json_key(&asked->w, "runs");
    json_begin_array(&asked->w);
    for (size_t i = 0; i < query->row_count; i++) {
        const struct value *row = query->rows + i * query->columns;
        json_begin_object(&asked->w);
        view_run_members(row, &asked->w);
        json_end_object(&asked->w);
        (void)view_run_number(row[0].integer, last);
    }
    json_end_array(&asked->w);
    bool full = query->row_count == *limit;
    json_member_cstr(&asked->w, "before", full ? last : NULL); /* for the next page */
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

void api_runs(struct asked *asked)
{
    const struct api_value *given = asked_value(asked, "limit");
    const struct api_value *before = asked_value(asked, "before");
    int64_t below = before->given ? view_run_number_of(before->text) : INT64_MAX;
    int state = view_run_state(asked_text(asked, "state"));
    uint64_t *limit = arena_new_of(asked->arena, uint64_t);
    *limit = given->given ? given->count : 50;
    if (state < -1) {
        asked_refuse(asked, 400, "bad_query", "parameter 'state' must be " VIEW_RUN_STATES);
        return;
    }
    if (*limit < 1 || *limit > VIEW_LIST_MAX) {
        asked_refuse(asked, 400, "bad_query", "parameter 'limit' must be from 1 to %llu",
                     (unsigned long long)VIEW_LIST_MAX);
        return;
    }
    if (below < 0) {
        asked_refuse(asked, 400, "bad_query",
                     "parameter 'before' is not the number of a run (rn and 16 digits)");
        return;
    }
    asked->state = limit;
    struct value *values = arena_array_of(asked->arena, struct value, 5);
    values[0] = value_of_text(asked_text(asked, "tenant"));
    values[1] = value_of_i64(state);
    values[2] = value_of_text(asked_text(asked, "agent"));
    values[3] = value_of_i64(below);
    values[4] = value_of_i64((int64_t)*limit);
    asked_read(asked, &run_list, values, (size_t)*limit, list);
}

/* ---- one ---- */

static void show_steps(struct asked *asked)
{
    const struct store_query *query = &asked->query;
    json_key(&asked->w, "steps");
    json_begin_array(&asked->w);
    for (size_t i = 0; i < query->row_count; i++) {
        json_begin_object(&asked->w);
        view_step_members(query->rows + i * query->columns, query->columns, &asked->w);
        json_end_object(&asked->w);
    }
    json_end_array(&asked->w);
    json_end_object(&asked->w);
    asked_answer(asked, 200);
}

/* The run's own members are written before its steps are read. */
static void show(struct asked *asked)
{
    if (asked->query.row_count == 0) {
        asked_refuse(asked, 404, "unknown_run", "there is no such run of this tenant");
        return;
    }
    struct value *values = arena_array_of(asked->arena, struct value, 3);
    values[0] = value_of_i64(asked->query.rows[0].integer);
    values[1] = value_of_i64(0);
    values[2] = value_of_i64(RUN_STEPS_MAX);
    json_begin_object(&asked->w);
    json_key(&asked->w, "run");
    json_begin_object(&asked->w);
    view_run_members(asked->query.rows, &asked->w);
    json_end_object(&asked->w);
    asked_read(asked, &step_list, values, RUN_STEPS_MAX, show_steps);
}

void api_run(struct asked *asked)
{
    const struct api_value *tenant = asked_value(asked, "tenant");
    struct value *values = arena_array_of(asked->arena, struct value, 2);
    values[0] = value_of_text(tenant->given ? tenant->text : STR("default"));
    values[1] = value_of_text(asked_text(asked, "id"));
    asked_read(asked, &run_find, values, 1, show);
}
