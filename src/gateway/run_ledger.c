/* SPDX-License-Identifier: Apache-2.0
 * run_ledger.c - one object for each piece of work: a query or a unit, and who waits for it.
 *
 * A work holds a reference to its run; it frees itself after `done`. */
#include "gateway/run_ledger.h"

#include "base/must.h"
#include "gateway/run_birth.h"
#include "gateway/run_seal.h"
#include "resilience/workflow_store.h"
#include "sys/notify.h"

#include <stdlib.h>

#define FIXED_STEPS 3 /* of a unit that keeps a step, beside its parts */

struct run_work {
    struct store_unit unit;
    struct store_query query;
    struct arena *arena;
    struct exchange *x;
    run_done *done;
    struct run *run;
    struct commons *commons;
    struct packer *packer; /* the loop's */
    struct loop *loop;
    struct value values[RUN_QUERY_VALUES];
    /* loading */
    struct key_scope scope;
    struct str agent;
    struct run_facts facts;
    struct run_file *file;
    struct step *steps;
    size_t count;
    size_t room;
    bool made;
    struct journal_claim claim; /* of an exchange that left its settling behind */
    enum step_state otherwise;
    enum run_state end; /* of the run */
    /* fencing, keeping, answering */
    uint32_t attempt;
    int64_t number;
    uint64_t bytes;
    struct part_id *new_parts;
    size_t new_count;
    struct buf answer;
    unsigned status;
};

static struct run_work *work_new(struct exchange *x, struct run *run, run_done *done)
{
    struct arena *arena = arena_new(2048);
    struct run_work *work = arena_new_of(arena, struct run_work);
    work->arena = arena;
    work->x = x;
    work->run = run;
    work->done = done;
    work->commons = x->gateway->commons;
    work->packer = x->gateway->packer;
    work->loop = x->gateway->loop;
    buf_init(&work->answer, RUN_ANSWER_MAX);
    run_ref(run);
    return work;
}

static void work_free(struct run_work *work)
{
    run_unref(work->run);
    buf_end(&work->answer);
    free(work->steps);
    arena_free(work->arena);
}

static void work_over(struct run_work *work, enum err result)
{
    if (work->x != NULL) {
        work->done(work->x, work, result);
    }
    work_free(work);
}

void run_work_leave(struct run_work *work)
{
    work->x = NULL;
}

void run_work_settles(struct run_work *work, struct journal_claim *claim, enum step_state otherwise)
{
    work->x = NULL;
    work->otherwise = otherwise;
    work->claim = *claim;
    *claim = (struct journal_claim){.run = claim->run, .attempt = claim->attempt};
}

int64_t run_work_number(const struct run_work *work)
{
    return work->number;
}

uint64_t run_work_bytes(const struct run_work *work)
{
    return work->bytes;
}

struct str run_work_answer(const struct run_work *work)
{
    return buf_str(&work->answer);
}

unsigned run_work_status(const struct run_work *work)
{
    return work->status;
}

static bool submit_query(struct run_work *work, const struct statement *statement, size_t rows_max,
                         void (*done)(struct store_query *query))
{
    work->query = (struct store_query){.statement = statement,
                                       .values = work->values,
                                       .rows_max = rows_max,
                                       .home = work->loop,
                                       .done = done};
    return store_submit_query(work->commons->store, &work->query) == ERR_OK;
}

static void unit_done(struct store_unit *unit)
{
    struct run_work *work = LIST_OBJECT(unit, struct run_work, unit);
    work_over(work, unit->result);
}

/* Submits the steps of the unit; NULL and freed when the store takes no more. */
static struct run_work *submit_unit(struct run_work *work, size_t bytes)
{
    work->unit.bytes = bytes + 1024;
    work->unit.home = work->loop;
    work->unit.done = work->unit.done != NULL ? work->unit.done : unit_done;
    if (store_submit(work->commons->store, &work->unit) != ERR_OK) {
        work_free(work);
        return NULL;
    }
    return work;
}

/* ---- loading ---- */

static void end_file(void *object)
{
    struct run_file *file = object;
    seal_key_wipe(&file->key.key);
    seal_key_wipe(&file->digests);
    parts_known_end(&file->parts);
    mutex_end(&file->lock);
    free(file);
}

static void load_over(struct run_work *work, enum err result)
{
    if (result == ERR_OK) {
        work->file->digests = seal_derive(&work->file->key.key, STR("digests of steps"));
        run_attach(work->run, work->file, end_file);
        work->file = NULL;
    }
    run_loaded(work->run, result, &work->facts, work->steps, work->count);
    if (work->file != NULL) {
        end_file(work->file);
    }
    work_over(work, result);
}

static enum err take_steps(struct run_work *work)
{
    const struct store_query *query = &work->query;
    for (size_t i = 0; i < query->row_count; i++) {
        struct step_row row;
        if (step_read(&query->rows[i * query->columns], query->columns, &row) != ERR_OK) {
            return ERR_CORRUPT;
        }
        if (work->count == work->room) {
            work->room = work->room == 0 ? 64 : work->room * 2;
            work->steps = must_have(realloc(work->steps, work->room * sizeof *work->steps));
        }
        row.step.call.key = arena_str(work->arena, row.step.call.key);
        work->steps[work->count++] = row.step;
    }
    return work->count <= RUN_STEPS_MAX ? ERR_OK : ERR_CORRUPT;
}

static void steps_came(struct store_query *query)
{
    struct run_work *work = LIST_OBJECT(query, struct run_work, query);
    enum err code = query->result == ERR_LIMIT ? ERR_OK : query->result;
    code = code == ERR_OK ? take_steps(work) : code;
    bool more = code == ERR_OK && query->row_count == STEPS_PAGE;
    store_query_end(query);
    if (more) {
        work->values[1] = value_of_i64(work->steps[work->count - 1].seq);
        code = submit_query(work, &step_list, STEPS_PAGE, steps_came) ? ERR_OK : ERR_LIMIT;
    }
    if (!more || code != ERR_OK) {
        load_over(work, code);
    }
}

static struct run_file *new_file(int64_t row, int64_t epoch, const struct data_key *key)
{
    struct run_file *file = must_have(calloc(1, sizeof *file));
    file->row = row;
    file->epoch = epoch;
    file->key = *key;
    bool fits = str_copy(key->id, file->key_id, sizeof file->key_id);
    must(fits);
    file->key.id = str_of(file->key_id);
    mutex_init(&file->lock);
    return file;
}

static void made(struct store_unit *unit);

static enum err make_run(struct run_work *work)
{
    struct commons *commons = work->commons;
    struct store_step *steps = arena_array_of(work->arena, struct store_step, RUN_BIRTH_STEPS);
    struct run_birth birth = {.id = run_id(work->run),
                              .agent = work->agent,
                              .scope = work->scope,
                              .now = loop_wall(work->loop)};
    keyring_begin(commons->keyring);
    run_birth(commons, &birth, work->arena, steps);
    work->made = true;
    work->facts = (struct run_facts){.row = birth.number, .epoch = 1};
    work->file = new_file(birth.number, 1, &birth.key);
    seal_key_wipe(&birth.key.key);
    work->unit = (struct store_unit){
        .steps = steps, .count = RUN_BIRTH_STEPS, .bytes = 1024, .home = work->loop, .done = made};
    enum err code = store_submit(commons->store, &work->unit);
    keyring_commit(commons->keyring);
    return code;
}

static void run_came(struct store_query *query);

/* Whoever lost the race for the row reads the winner's. */
static void made(struct store_unit *unit)
{
    struct run_work *work = LIST_OBJECT(unit, struct run_work, unit);
    if (unit->result == ERR_EXISTS) {
        end_file(work->file);
        work->file = NULL;
        if (submit_query(work, &run_find, 1, run_came)) {
            return;
        }
    }
    load_over(work, unit->result);
}

static enum err take_run(struct run_work *work)
{
    struct run_row row;
    struct data_key key;
    run_read(work->query.rows, &row);
    if (row.wrapped.len == 0) {
        return ERR_DENIED; /* it was erased */
    }
    struct str id = arena_str(work->arena, row.data_key);
    if (keyring_unwrap(work->commons->keyring, id, row.wrapped, &key) != ERR_OK) {
        return ERR_DENIED;
    }
    work->facts = (struct run_facts){.row = row.number,
                                     .epoch = row.epoch,
                                     .attempt = row.attempt,
                                     .divergences = row.divergences,
                                     .state = row.state,
                                     .bytes = row.bytes};
    work->file = new_file(row.number, row.epoch, &key);
    seal_key_wipe(&key.key);
    return ERR_OK;
}

static void run_came(struct store_query *query)
{
    struct run_work *work = LIST_OBJECT(query, struct run_work, query);
    enum err code = query->result;
    bool found = code == ERR_OK && query->row_count > 0;
    code = found ? take_run(work) : code;
    store_query_end(query);
    if (code == ERR_OK && found) {
        work->values[0] = value_of_i64(work->facts.row);
        work->values[1] = value_of_i64(0);
        work->values[2] = value_of_i64(STEPS_PAGE);
        code = submit_query(work, &step_list, STEPS_PAGE, steps_came) ? ERR_OK : ERR_LIMIT;
    } else if (code == ERR_OK) {
        code = make_run(work);
    }
    if (code != ERR_OK) {
        load_over(work, code);
    }
}

struct run_work *run_open(struct exchange *x, struct run *run, run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    work->scope = (struct key_scope){
        arena_str(work->arena, x->principal.tenant), arena_str(work->arena, x->principal.name),
        arena_str(work->arena, x->user), arena_str(work->arena, x->session)};
    work->agent = arena_str(work->arena, x->agent != NULL ? x->agent->name : STR(""));
    work->values[0] = value_of_text(run_tenant(run));
    work->values[1] = value_of_text(run_id(run));
    if (!submit_query(work, &run_find, 1, run_came)) {
        run_loaded(run, ERR_LIMIT, &work->facts, NULL, 0);
        work_free(work);
        return NULL;
    }
    return work;
}

/* ---- keeping ---- */

static void add_part(struct run_work *work, struct run_file *file, const struct body_part *part)
{
    mutex_lock(&file->lock);
    bool known = parts_known_has(&file->parts, &part->id);
    mutex_unlock(&file->lock);
    if (known) {
        return;
    }
    struct str sealed = run_seal(work->commons->keyring, work->packer, &file->key, RUN_PART,
                                 part->bytes, work->arena);
    struct part_id *ids = arena_array_of(work->arena, struct part_id, 2);
    ids[0] = part->id;
    ids[1] = part->parent;
    work->unit.steps[work->unit.count++] = part_insert(file->row, &ids[0], &ids[1], sealed,
                                                       work->arena);
    work->new_parts[work->new_count++] = part->id;
    work->unit.bytes += sealed.len + 128;
    work->bytes += part->bytes.len;
}

static struct value copy_value(struct run_work *work, struct value value)
{
    if (value.kind == VALUE_TEXT || value.kind == VALUE_BLOB) {
        value.bytes = arena_str(work->arena, value.bytes);
        work->unit.bytes += value.bytes.len;
    }
    return value;
}

/* It lives as long as the unit, whoever asked for it. */
static void add_copy(struct run_work *work, const struct store_step *step)
{
    size_t count = step->statement->parameters;
    struct value *values = arena_array_of(work->arena, struct value, count);
    for (size_t i = 0; i < count; i++) {
        values[i] = copy_value(work, step->values[i]);
    }
    work->unit.steps[work->unit.count++] = (struct store_step){step->statement, values,
                                                               step->must_change};
}

/* The last turn that is known ends the walk: those before it stand there, too. */
static void add_request(struct run_work *work, struct run_file *file, const struct run_body *body,
                        size_t room)
{
    size_t first = body->turn_count;
    mutex_lock(&file->lock);
    while (first > 0 && !parts_known_has(&file->parts, &body->turns[first - 1].id)) {
        first--;
    }
    mutex_unlock(&file->lock);
    size_t count = body->turn_count - first + 1;
    work->new_parts = arena_array_of(work->arena, struct part_id, count);
    work->unit.steps = arena_array_of(work->arena, struct store_step, count + room);
    add_part(work, file, &body->rest);
    for (size_t i = first; i < body->turn_count; i++) {
        add_part(work, file, &body->turns[i]);
    }
}

static void kept_over(struct store_unit *unit)
{
    struct run_work *work = LIST_OBJECT(unit, struct run_work, unit);
    struct run_file *file = run_attached(work->run);
    if (unit->result == ERR_OK) {
        mutex_lock(&file->lock);
        for (size_t i = 0; i < work->new_count; i++) {
            parts_known_add(&file->parts, &work->new_parts[i]);
        }
        mutex_unlock(&file->lock);
    }
    if (work->claim.making) {
        bool kept = unit->result == ERR_OK;
        journal_settle(&work->claim, kept ? STEP_DONE : work->otherwise, work->number,
                       kept ? work->bytes : 0, loop_wall(work->loop));
    }
    work_over(work, unit->result);
}

static struct step_row *row_of(struct run_work *work, struct exchange *x,
                               const struct run_file *file, const struct kept_step *kept)
{
    struct arena *arena = work->arena;
    struct step_row *row = arena_new_of(arena, struct step_row);
    *row = (struct step_row){.step = *kept->step,
                             .run = file->row,
                             .epoch = file->epoch,
                             .name = arena_str(arena, kept->name),
                             .exchange = arena_str(arena, str_of(x->id)),
                             .idem = arena_str(arena, kept->idem),
                             .status = kept->status,
                             .streamed = kept->streamed};
    row->step.state = kept->state;
    row->step.attempt = x->place.attempt;
    row->step.call.key = arena_str(arena, kept->step->call.key);
    if (kept->state == STEP_DONE) {
        row->step.done_at = loop_wall(work->loop);
        row->answer = run_seal(work->commons->keyring, work->packer, &file->key, RUN_ANSWER,
                               kept->answer, work->arena);
        work->bytes += kept->answer.len;
    }
    return row;
}

struct run_work *run_keep(struct exchange *x, struct run *run, const struct kept_step *kept,
                          run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    struct run_file *file = run_attached(run);
    struct run_body body;
    bool is_new = kept->step->number == 0;
    size_t room = FIXED_STEPS + kept->beside_count;
    struct step_row *row = row_of(work, x, file, kept);
    if (is_new) {
        const struct json *json = x->json.count > 0 ? &x->json : NULL;
        run_body_split(&file->digests, http_call_body(x->call), json, work->arena, &body);
        add_request(work, file, &body, room);
        row->rest = body.rest.id;
        row->head = body.turn_count > 0 ? body.turns[body.turn_count - 1].id
                                        : (struct part_id){{0}};
        row->step.number = commons_number(work->commons, loop_wall(work->loop));
    } else {
        work->unit.steps = arena_array_of(work->arena, struct store_step, room);
    }
    row->bytes = work->bytes;
    work->number = row->step.number;
    work->unit.steps[work->unit.count++] = is_new ? step_insert(row, work->arena)
                                                  : step_finish(row, work->arena);
    work->unit.steps[work->unit.count++] = step_count(row, work->arena);
    for (size_t i = 0; i < kept->beside_count; i++) {
        add_copy(work, &kept->beside[i]);
    }
    work->unit.done = kept_over;
    return submit_unit(work, work->unit.bytes + row->answer.len);
}

static struct run_work *submit_one(struct run_work *work, struct store_step step)
{
    work->unit.steps = arena_array_of(work->arena, struct store_step, 1);
    work->unit.steps[work->unit.count++] = step;
    return submit_unit(work, 0);
}

static void fenced(struct store_unit *unit)
{
    struct run_work *work = LIST_OBJECT(unit, struct run_work, unit);
    if (unit->result == ERR_OK) {
        run_fenced(work->run, work->attempt);
    }
    work_over(work, unit->result);
}

struct run_work *run_fence(struct exchange *x, struct run *run, uint32_t attempt, run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    const struct run_file *file = run_attached(run);
    work->attempt = attempt;
    work->unit.done = fenced;
    return submit_one(
        work, run_raise(file->row, file->epoch, attempt, loop_wall(work->loop), work->arena));
}

struct run_work *run_moved(struct exchange *x, struct run *run, struct str reason, run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    const struct run_file *file = run_attached(run);
    struct run_facts facts;
    run_facts(run, &facts);
    const struct run_row row = {.number = file->row,
                                .epoch = file->epoch,
                                .state = facts.state,
                                .divergences = facts.divergences,
                                .reason = arena_str(work->arena, reason)};
    return submit_one(work, run_move(&row, loop_wall(work->loop), work->arena));
}

struct run_work *run_step_moved(struct exchange *x, struct run *run, int64_t number,
                                enum step_state state, run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    const struct run_file *file = run_attached(run);
    return submit_one(work, step_move(number, file->row, file->epoch, state, work->arena));
}

/* ---- the end of a run ---- */

static void ended(struct store_unit *unit)
{
    struct run_work *work = LIST_OBJECT(unit, struct run_work, unit);
    if (unit->result == ERR_OK) {
        crash_at(CRASH_POINT(run_ended));
    }
    if (unit->result == ERR_OK && work->end != RUN_OPEN) {
        run_set_state(work->run, work->end);
        waiting_wake(work->commons->waiting,
                     waiting_end(run_tenant(work->run), run_id(work->run), work->arena));
    }
    work_over(work, unit->result);
}

struct run_work *run_end(struct exchange *x, struct run *run, const struct run_ending *ending,
                         run_done *done)
{
    static const char *const reasons[RUN_STATES] = {
        [RUN_FAILED] = "its agent said so", [RUN_DEAD] = "its tries are used up"};
    struct run_work *work = work_new(x, run, done);
    const struct run_file *file = run_attached(run);
    struct run_facts facts;
    run_facts(run, &facts);
    const struct run_row row = {.number = file->row,
                                .epoch = file->epoch,
                                .state = ending->state,
                                .divergences = facts.divergences,
                                .reason = str_of(reasons[ending->state])};
    struct str sealed = run_seal(work->commons->keyring, work->packer, &file->key, RUN_ANSWER,
                                 ending->answer, work->arena);
    work->end = ending->state;
    work->unit.done = ended;
    work->unit.steps = arena_array_of(work->arena, struct store_step, 3);
    work->unit.steps[0] = run_move(&row, loop_wall(work->loop), work->arena);
    work->unit.steps[1] = end_insert(file->row, sealed, work->arena);
    work->unit.count = 2;
    add_copy(work, &ending->beside);
    return submit_unit(work, work->unit.bytes + sealed.len);
}

/* ---- answering ---- */

static void rows_came(struct store_query *query)
{
    struct run_work *work = LIST_OBJECT(query, struct run_work, query);
    if (work->x != NULL) {
        /* More rows than the first are of no interest. */
        work->done(work->x, work, query->result == ERR_LIMIT ? ERR_OK : query->result);
    }
    store_query_end(query);
    work_free(work);
}

const struct store_query *run_work_rows(const struct run_work *work)
{
    return &work->query;
}

struct run_work *run_query(struct exchange *x, struct run *run, const struct statement *statement,
                           const struct value *values, run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    must(statement->parameters <= RUN_QUERY_VALUES);
    for (size_t i = 0; i < statement->parameters; i++) {
        work->values[i] = copy_value(work, values[i]);
    }
    if (!submit_query(work, statement, 1, rows_came)) {
        work_free(work);
        return NULL;
    }
    return work;
}

static enum err open_answer(struct run_work *work, struct str sealed)
{
    const struct run_file *file = run_attached(work->run);
    return run_unseal(&file->key, RUN_ANSWER, sealed, &work->answer);
}

static void answer_came(struct store_query *query)
{
    struct run_work *work = LIST_OBJECT(query, struct run_work, query);
    enum err code = query->result;
    struct step_row row;
    if (code == ERR_OK && query->row_count == 0) {
        code = ERR_NOT_FOUND;
    }
    code = code == ERR_OK ? step_read(query->rows, query->columns, &row) : code;
    if (code == ERR_OK) {
        work->status = row.status;
        code = row.answer.len == 0 ? ERR_NOT_FOUND : open_answer(work, row.answer);
    }
    store_query_end(query);
    work_over(work, code);
}

struct run_work *run_answer(struct exchange *x, struct run *run, int64_t number, run_done *done)
{
    struct run_work *work = work_new(x, run, done);
    work->values[0] = value_of_i64(number);
    if (!submit_query(work, &step_answer, 1, answer_came)) {
        work_free(work);
        return NULL;
    }
    return work;
}
