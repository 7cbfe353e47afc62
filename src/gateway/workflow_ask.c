/* SPDX-License-Identifier: Apache-2.0
 * workflow_ask.c - one table of members, and who takes which. */
#include "gateway/workflow_ask.h"

#include "base/must.h"
#include "base/num.h"
#include "gateway/run_shape.h"
#include "json/json_canon.h"

#include <stddef.h>

/* A canonical form is never longer than this many times its text (see run_shape.c). */
#define GROWTH 6

/* ---- the shape of requests ---- */

static enum err read_object(const struct json *json, struct request_view *view, struct fault *fault)
{
    view->model = JSON_NONE;
    if (!json_is(json, JSON_ROOT, JSON_OBJECT)) {
        return fault_set(fault, ERR_INVALID, "the body must be an object");
    }
    return json_duplicate(json, JSON_ROOT) == JSON_NONE
               ? ERR_OK
               : fault_set(fault, ERR_INVALID, "a member stands in the body twice");
}

static enum err write_error(struct buf *to, const struct error_text *error)
{
    return dialect_write_error(PROVIDER_TOOL, to, error);
}

const struct dialect dialect_workflow = {.name = "workflow",
                                         .provider = PROVIDER_TOOL,
                                         .read_request = read_object,
                                         .write_error = write_error};

const struct route workflow_route = {.name = STR_CONST("workflow"), .limits_mode = MODE_ENFORCE};

static const char *const names[] = {"step",     "report", "sleep", "wait",
                                    "approval", "child",  "join",  "end"};

const char *workflow_name(enum workflow_kind kind)
{
    return names[kind];
}

bool workflow_waits(enum workflow_kind kind)
{
    return kind == WORKFLOW_SLEEP || kind == WORKFLOW_WAIT || kind == WORKFLOW_APPROVAL ||
           kind == WORKFLOW_JOIN;
}

/* ---- members ---- */

enum member_type {
    MEMBER_NAME,   /* printable, WORKFLOW_NAME_BYTES_MAX */
    MEMBER_TEXT,   /* WORKFLOW_TEXT_BYTES_MAX */
    MEMBER_RUN,    /* the name of a run */
    MEMBER_EFFECT, /* read, idempotent, keyed, unsafe */
    MEMBER_MS,     /* up to WORKFLOW_MS_MAX */
    MEMBER_HOLD,   /* up to WORKFLOW_HOLD_MS_MAX */
    MEMBER_STEP,   /* a step's number */
    MEMBER_FLAG,
    MEMBER_ANY,
    MEMBER_ERROR /* an object with a message */
};

#define OF(kind) (1U << WORKFLOW_##kind)
#define WAITERS  (OF(SLEEP) | OF(WAIT) | OF(APPROVAL) | OF(JOIN))

static const struct member {
    struct str name;
    enum member_type type;
    unsigned of; /* which operations know it */
    unsigned needed;
    size_t at; /* in struct workflow_ask */
} members[] = {
    {STR_CONST("name"), MEMBER_NAME, OF(STEP) | OF(SLEEP), OF(STEP),
     offsetof(struct workflow_ask, name)},
    {STR_CONST("name"), MEMBER_RUN, OF(CHILD), OF(CHILD), offsetof(struct workflow_ask, name)},
    {STR_CONST("signal"), MEMBER_NAME, OF(WAIT), OF(WAIT), offsetof(struct workflow_ask, name)},
    {STR_CONST("question"), MEMBER_TEXT, OF(APPROVAL), OF(APPROVAL),
     offsetof(struct workflow_ask, name)},
    {STR_CONST("run"), MEMBER_RUN, OF(JOIN), OF(JOIN), offsetof(struct workflow_ask, name)},
    {STR_CONST("queue"), MEMBER_NAME, OF(CHILD), 0, offsetof(struct workflow_ask, queue)},
    {STR_CONST("effect"), MEMBER_EFFECT, OF(STEP), 0, offsetof(struct workflow_ask, effect)},
    {STR_CONST("input"), MEMBER_ANY, OF(STEP) | OF(CHILD), 0, offsetof(struct workflow_ask, input)},
    {STR_CONST("details"), MEMBER_ANY, OF(APPROVAL), 0, offsetof(struct workflow_ask, input)},
    {STR_CONST("ms"), MEMBER_MS, OF(SLEEP), OF(SLEEP), offsetof(struct workflow_ask, ms)},
    {STR_CONST("timeout_ms"), MEMBER_MS, OF(WAIT) | OF(APPROVAL) | OF(JOIN), 0,
     offsetof(struct workflow_ask, ms)},
    {STR_CONST("hold_ms"), MEMBER_HOLD, WAITERS, 0, offsetof(struct workflow_ask, hold_ms)},
    {STR_CONST("step"), MEMBER_STEP, WAITERS, 0, offsetof(struct workflow_ask, seq)},
    {STR_CONST("result"), MEMBER_ANY, OF(REPORT) | OF(END), 0,
     offsetof(struct workflow_ask, result)},
    {STR_CONST("error"), MEMBER_ERROR, OF(REPORT) | OF(END), 0,
     offsetof(struct workflow_ask, error)},
    {STR_CONST("final"), MEMBER_FLAG, OF(REPORT), 0, offsetof(struct workflow_ask, final)},
    {STR_CONST("retry"), MEMBER_FLAG, OF(END), 0, offsetof(struct workflow_ask, final)},
};
#define MEMBERS (sizeof members / sizeof members[0])

static const char *const wanted[] = {
    [MEMBER_NAME] = "1 to 64 printable bytes",
    [MEMBER_TEXT] = "a text of 1 to 16384 bytes",
    [MEMBER_RUN] = "1 to 64 letters, digits, '.', '_', ':', '-', the first a letter or digit",
    [MEMBER_EFFECT] = "read, idempotent, keyed or unsafe",
    [MEMBER_MS] = "milliseconds, at most 366 days",
    [MEMBER_HOLD] = "milliseconds, at most 60000",
    [MEMBER_STEP] = "the number of a step",
    [MEMBER_FLAG] = "true or false",
    [MEMBER_ANY] = "any value",
    [MEMBER_ERROR] = "an object with a text 'message'"};

bool workflow_name_is_valid(struct str text)
{
    bool is = text.len > 0 && text.len <= WORKFLOW_NAME_BYTES_MAX;
    for (size_t i = 0; i < text.len && is; i++) {
        is = text.at[i] >= ' ' && text.at[i] < 0x7f;
    }
    return is;
}

static bool take_text(enum member_type type, struct str text, struct str *to)
{
    *to = text;
    return type == MEMBER_NAME   ? workflow_name_is_valid(text)
           : type == MEMBER_TEXT ? text.len > 0 && text.len <= WORKFLOW_TEXT_BYTES_MAX
                                 : run_id_is_valid(text);
}

static bool take_effect(struct str text, enum step_effect *effect)
{
    for (enum step_effect e = EFFECT_READ; e <= EFFECT_UNSAFE; e++) {
        if (str_equal(text, str_of(step_effect_name(e)))) {
            *effect = e;
            return true;
        }
    }
    return false;
}

static bool take_number(const struct json *json, uint32_t node, enum member_type type, void *to)
{
    uint64_t value;
    uint64_t max = type == MEMBER_MS     ? WORKFLOW_MS_MAX
                   : type == MEMBER_HOLD ? WORKFLOW_HOLD_MS_MAX
                                         : RUN_STEPS_MAX;
    if (!json_u64(json, node, &value) || value > max) {
        return false;
    }
    if (type == MEMBER_STEP) {
        *(uint32_t *)to = (uint32_t)value;
    } else {
        *(uint64_t *)to = value;
    }
    return true;
}

static bool take(const struct member *member, const struct json *json, uint32_t node, void *to,
                 struct arena *arena)
{
    bool flag = json_is(json, node, JSON_TRUE) || json_is(json, node, JSON_FALSE);
    switch (member->type) {
    case MEMBER_NAME:
    case MEMBER_TEXT:
    case MEMBER_RUN:
        return take_text(member->type, json_string(json, node, arena), to);
    case MEMBER_EFFECT:
        return take_effect(json_string(json, node, arena), to);
    case MEMBER_MS:
    case MEMBER_HOLD:
    case MEMBER_STEP:
        return take_number(json, node, member->type, to);
    case MEMBER_FLAG:
        *(bool *)to = json_bool(json, node, false);
        return flag;
    default:
        *(uint32_t *)to = node;
        return member->type == MEMBER_ANY ||
               json_is(json, json_get(json, node, STR("message")), JSON_STRING);
    }
}

static const struct member *find(struct str name, enum workflow_kind kind)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if ((members[i].of >> kind & 1) != 0 && str_equal(members[i].name, name)) {
            return &members[i];
        }
    }
    return NULL;
}

static enum err take_members(const struct json *json, struct arena *arena, struct workflow_ask *ask,
                             struct fault *fault)
{
    for (uint32_t key = json_first(json, JSON_ROOT); key != JSON_NONE;
         key = json_after(json, JSON_ROOT, key)) {
        struct str name = json_string(json, key, arena);
        const struct member *member = find(name, ask->kind);
        if (member == NULL) {
            return fault_set(fault, ERR_INVALID, "member '%.64s' is not known here",
                             arena_cstr(arena, name));
        }
        if (!take(member, json, key + 1, (char *)ask + member->at, arena)) {
            return fault_set(fault, ERR_INVALID, "member '" STR_FMT "' must be %s", STR_ARG(name),
                             wanted[member->type]);
        }
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        if ((members[i].needed >> ask->kind & 1) != 0 &&
            json_get(json, JSON_ROOT, members[i].name) == JSON_NONE) {
            return fault_set(fault, ERR_INVALID, "member '" STR_FMT "' is missing",
                             STR_ARG(members[i].name));
        }
    }
    bool tells = ask->kind == WORKFLOW_REPORT || ask->kind == WORKFLOW_END;
    if (tells && (ask->result == JSON_NONE) == (ask->error == JSON_NONE)) {
        return fault_set(fault, ERR_INVALID, "either 'result' or 'error' is needed");
    }
    return ERR_OK;
}

/* "steps/7" */
static bool is_report(struct str tail, uint32_t *seq)
{
    uint64_t number;
    if (!str_starts(tail, STR("steps/")) ||
        num_u64(str_cut(tail, 6, tail.len), &number) != ERR_OK || number < 1 ||
        number > RUN_STEPS_MAX) {
        return false;
    }
    *seq = (uint32_t)number;
    return true;
}

static bool find_kind(struct str tail, enum workflow_kind *kind)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (i != WORKFLOW_REPORT && str_equal(tail, str_of(names[i]))) {
            *kind = (enum workflow_kind)i;
            return true;
        }
    }
    return false;
}

enum err workflow_read(struct str tail, const struct json *json, struct arena *arena,
                       struct workflow_ask *ask, struct fault *fault)
{
    *ask = (struct workflow_ask){.kind = WORKFLOW_REPORT,
                                 .effect = EFFECT_IDEMPOTENT,
                                 .input = JSON_NONE,
                                 .result = JSON_NONE,
                                 .error = JSON_NONE,
                                 .ms = UINT64_MAX,
                                 .hold_ms = WORKFLOW_HOLD_MS};
    if (!is_report(tail, &ask->seq) && !find_kind(tail, &ask->kind)) {
        return fault_set(fault, ERR_NOT_FOUND,
                         "there is step, steps/N, sleep, wait, approval, child, join, end");
    }
    return take_members(json, arena, ask, fault);
}

/* ---- identity ---- */

static enum step_kind kind_of(enum workflow_kind kind)
{
    static const enum step_kind kinds[] = {
        [WORKFLOW_STEP] = STEP_CODE,   [WORKFLOW_SLEEP] = STEP_TIMER,
        [WORKFLOW_WAIT] = STEP_SIGNAL, [WORKFLOW_APPROVAL] = STEP_APPROVAL,
        [WORKFLOW_CHILD] = STEP_CHILD, [WORKFLOW_JOIN] = STEP_JOIN,
    };
    return kinds[kind];
}

/* Asking a person twice, or for a child twice, is not what an agent that changed its mind wants: it
 * diverges as an effect does. Waiting changes nothing. */
static enum step_effect effect_of(const struct workflow_ask *ask)
{
    return ask->kind == WORKFLOW_STEP                                      ? ask->effect
           : ask->kind == WORKFLOW_CHILD || ask->kind == WORKFLOW_APPROVAL ? EFFECT_IDEMPOTENT
                                                                           : EFFECT_READ;
}

void workflow_shape(const struct workflow_ask *ask, const struct json *json,
                    const struct seal_key *key, struct str step_key, struct step_call *call)
{
    struct buf text;
    struct arena *scratch = arena_new(KIB(4));
    const struct json_canon how = {.arena = scratch};
    size_t input = ask->input != JSON_NONE ? json_raw(json, ask->input).len : 0;
    buf_init(&text, GROWTH * input + WORKFLOW_TEXT_BYTES_MAX + 256);
    *call = (struct step_call){
        .kind = kind_of(ask->kind), .effect = effect_of(ask), .key = step_key};
    bool asks = ask->kind == WORKFLOW_APPROVAL; /* all questions are of one sort */
    enum err code = buf_printf(&text, "%s\n" STR_FMT "\n", names[ask->kind],
                               STR_ARG(asks ? STR("") : ask->name));
    call->sort = run_shape_digest(key, buf_str(&text));
    code = code == ERR_OK ? buf_printf(&text, STR_FMT "\n%zu\n", STR_ARG(ask->queue), ask->name.len)
                          : code;
    code = code == ERR_OK && asks ? buf_add(&text, ask->name) : code;
    if (code == ERR_OK && ask->input != JSON_NONE) {
        code = json_canon(&how, json, ask->input, &text);
    }
    must(code == ERR_OK); /* GROWTH */
    call->exact = run_shape_digest(key, buf_str(&text));
    call->loose = call->exact;
    if (step_key.len > 0) {
        call->exact = run_shape_digest(key, step_key);
    }
    buf_end(&text);
    arena_free(scratch);
}
