/* SPDX-License-Identifier: Apache-2.0
 * guarded.c - texts out of the body, through the guardrails, and the edits back into it. */
#include "gateway/guarded.h"

#include "base/must.h"
#include "gateway/pipeline.h"
#include "io/work.h"
#include "security/alarms.h"

#include <string.h>

/* Everything that judging one request needs; on a worker in an arena of its own. */
struct trial {
    struct job job;
    struct exchange *x; /* NULL: it has ended */
    struct guarded *guarded;
    struct arena *arena;
    struct session *session; /* both held on its own where a worker has it */
    struct generation *generation;
    struct json json;
    struct texts texts;
    struct view *views;
    struct guard_input input;
    struct splice *splices;
    size_t splice_count;
    bool readable;
    char canary[LEAK_CANARY]; /* "": none */
    const struct guard_side *output;
    struct leak *leak;        /* NULL: nothing to leak */
    struct arena *leak_arena; /* outlives the trial: the exchange takes it over */
    const struct env *env;
    uint64_t took_us;
};

/* ---- texts ---- */

static enum guard_text_form form_of(enum text_form form)
{
    static const enum guard_text_form forms[] = {GUARD_TEXT, GUARD_TEXT_JSON, GUARD_TEXT_KEY,
                                                 GUARD_TEXT_NUMBER};
    return forms[form];
}

static void read_texts(struct trial *j)
{
    texts_of_request(&j->json, j->arena, &j->texts);
    struct guard_text *texts = arena_array_of(j->arena, struct guard_text, j->texts.count + 1);
    j->views = arena_array_of(j->arena, struct view, j->texts.count + 1);
    for (size_t i = 0; i < j->texts.count; i++) {
        const struct text *text = &j->texts.items[i];
        j->views[i] = text_view(&j->json, text, j->arena);
        texts[i] = (struct guard_text){j->views[i].text, text->provenance, form_of(text->form)};
    }
    j->input.texts = texts;
    j->input.count = j->texts.count;
    j->input.late = j->texts.late;
}

/* ---- edits ---- */

/* A word that nobody could know but from the prompt stands at its end. */
static void add_canary(struct trial *j)
{
    for (size_t i = 0; i < j->texts.count && j->canary[0] != '\0'; i++) {
        const struct text *text = &j->texts.items[i];
        if (text->provenance <= PROVENANCE_DEVELOPER && !text->tool && text->form == TEXT_PLAIN) {
            const struct json_node *node = &j->json.nodes[text->node];
            struct str word = arena_printf(j->arena, "\\n\\n(%s)", j->canary);
            j->splices[j->splice_count++] = (struct splice){node->at + node->len, 0, word, false};
            return;
        }
    }
}

static void make_splices(struct trial *j)
{
    j->splices = arena_array_of(j->arena, struct splice, j->input.edit_count + 2);
    for (size_t i = 0; i < j->input.edit_count; i++) {
        const struct guard_input_edit *edit = &j->input.edits[i];
        const struct text_edit change = {&j->texts.items[edit->text], &j->views[edit->text],
                                         edit->from, edit->to, edit->with};
        j->splices[i] = text_splice(&j->json, &change, j->arena);
    }
    j->splice_count = j->input.edit_count;
    add_canary(j);
}

/* The system's and the developer's own words, for the judge of the answer. */
static void take_prompts(struct trial *t)
{
    struct str prompts[LEAK_PROMPTS];
    size_t count = 0;
    for (size_t i = 0; i < t->texts.count && count < LEAK_PROMPTS; i++) {
        const struct text *text = &t->texts.items[i];
        if (text->provenance <= PROVENANCE_DEVELOPER && !text->tool) {
            prompts[count++] = t->views[i].text;
        }
    }
    if (t->output->modes[GUARD_PROMPT_LEAK] != MODE_OFF && count > 0) {
        const struct leak_asked asked = {
            .prompts = prompts, .prompt_count = count, .canary = str_of(t->canary)};
        t->leak = leak_new(&asked, t->leak_arena);
    }
}

static void judge(struct trial *j)
{
    struct instant began = env_instant(j->env);
    read_texts(j);
    j->input.arena = j->arena;
    j->input.vault = session_vault(j->session);
    guard_input_judge(&j->input);
    if (j->texts.overflow) {
        guard_not_evaluated(&j->input.report, GUARD_INJECTION, MODE_ENFORCE, true,
                            "too_many_texts");
    }
    make_splices(j);
    take_prompts(j);
    j->took_us = instant_since_us(env_instant(j->env), began);
}

/* ---- on the loop, or on a worker ---- */

static void take_result(struct guarded *g, const struct trial *j, struct arena *arena)
{
    g->input = j->input.report;
    g->text_bytes = j->texts.bytes;
    g->judged = true;
    g->judged_us = j->took_us;
    g->leak = j->leak;
    if (arena == j->arena) {
        g->splices = j->splices;
        g->splice_count = j->splice_count;
        return;
    }
    /* The worker's arena goes: copies. */
    struct splice *splices = arena_array_of(arena, struct splice, j->splice_count + 1);
    for (size_t i = 0; i < j->splice_count; i++) {
        splices[i] = j->splices[i];
        splices[i].with = arena_str(arena, j->splices[i].with);
    }
    g->splices = splices;
    g->splice_count = j->splice_count;
    guard_report_move(&g->input, arena);
}

static void run(struct job *job)
{
    struct trial *j = LIST_OBJECT(job, struct trial, job);
    j->readable = json_parse(&j->json, j->json.text, NULL, j->arena, NULL) == ERR_OK;
    if (j->readable) {
        judge(j);
    }
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

static void done(struct job *job)
{
    struct trial *j = LIST_OBJECT(job, struct trial, job);
    struct exchange *x = j->x;
    if (x != NULL) {
        must(j->readable); /* as the loop found it to be */
        take_result(j->guarded, j, x->arena);
        arena_cleanup(x->arena, free_arena, j->leak_arena);
        j->guarded->trial = NULL;
    } else {
        session_release(j->session);
        arena_free(j->leak_arena);
    }
    generation_unref(j->generation);
    arena_free(j->arena);
    if (x != NULL) {
        pipeline_resume(x);
    }
}

static bool submit(struct exchange *x, struct guarded *g)
{
    struct workers *workers = x->gateway->commons->workers;
    if (workers == NULL) {
        return false;
    }
    struct arena *arena = arena_new(KIB(16));
    struct trial *j = arena_new_of(arena, struct trial);
    j->arena = arena;
    j->x = x;
    j->guarded = g;
    j->leak_arena = arena_new(KIB(4));
    j->env = loop_env(x->gateway->loop);
    j->output = &g->set->output;
    j->session = g->session;
    memcpy(j->canary, g->canary, sizeof j->canary);
    j->json.text = arena_str(arena, x->json.text);
    j->input.side = &g->set->input;
    j->input.model = x->generation->injection;
    j->job.home = x->gateway->loop;
    j->job.run = run;
    j->job.done = done;
    j->generation = generation_ref(x->generation);
    if (workers_submit(workers, &j->job) != ERR_OK) {
        generation_unref(j->generation);
        arena_free(j->leak_arena);
        arena_free(arena);
        return false;
    }
    g->trial = j;
    return true;
}

enum flow guarded_judge(struct exchange *x, struct guarded *g)
{
    if (x->json.text.len > GUARDED_INLINE_BYTES && submit(x, g)) {
        return FLOW_WAIT;
    }
    struct trial j = {.guarded = g,
                      .arena = x->arena,
                      .leak_arena = x->arena,
                      .env = loop_env(x->gateway->loop),
                      .output = &g->set->output,
                      .session = g->session,
                      .json = x->json};
    memcpy(j.canary, g->canary, sizeof j.canary);
    j.input.side = &g->set->input;
    j.input.model = x->generation->injection;
    judge(&j);
    take_result(g, &j, x->arena);
    return FLOW_NEXT;
}

enum err guarded_edited(struct exchange *x, struct json *json)
{
    const struct guarded *g = x->guarded;
    struct arena *arena = x->gateway->scratch;
    struct json_edit edit;
    struct str *slices;
    json_edit_init(&edit, x->json.text, arena);
    for (size_t i = 0; i < g->splice_count; i++) {
        const struct splice *splice = &g->splices[i];
        enum err code = json_edit_replace(&edit, splice->at, splice->len, splice->with);
        must(code == ERR_OK);
    }
    size_t count = json_edit_slices(&edit, &slices);
    return json_parse(json, arena_join(arena, slices, count), NULL, arena, NULL);
}

void guarded_hook_said(struct guard_report *report, const struct guard_side *side,
                       enum guard_id guard, const struct hook_answer *answer)
{
    enum mode mode = side->modes[guard];
    const struct guard_hook *hook = guard == GUARD_WEBHOOK ? &side->webhook : &side->opinion;
    if (answer->why != NULL) {
        guard_not_evaluated(report, guard, mode, hook->conf.on_error == 0, answer->why);
        return;
    }
    guard_ran(report, guard, mode, answer->score);
    if (answer->verdict > VERDICT_ALLOW) {
        const struct guard_finding finding = {.guard = guard,
                                              .rule = answer->rule,
                                              .score = answer->score,
                                              .verdict = answer->verdict};
        guard_found(report, &finding, mode);
    }
}

/* ---- telling ---- */

/* A leak is what was found in an answer and left all the same. */
static enum alarm_signal signal_of(const struct guard_finding *finding, bool output)
{
    bool personal = finding->guard == GUARD_PII || finding->guard == GUARD_SECRETS ||
                    finding->guard == GUARD_PROMPT_LEAK;
    if (finding->guard == GUARD_INJECTION) {
        return SIGNAL_ATTEMPT;
    }
    return output && personal && finding->observed && finding->verdict > VERDICT_NOTE
               ? SIGNAL_LEAK
               : SIGNAL_OTHER;
}

static void sound_alarm(struct exchange *x, const struct guard_finding *finding, bool output)
{
    struct alarm alarm;
    struct wall now = loop_wall(x->gateway->loop);
    struct alarms *alarms = x->gateway->commons->alarms;
    if (alarms == NULL || !alarms_count(alarms, signal_of(finding, output), now, &alarm)) {
        return;
    }
    RECORD(&x->record, now, security_alarm, .kind = str_of(alarm_name(alarm.kind)),
           .count = alarm.count, .expected = alarm.expected);
    log_say(x->gateway->telemetry.log, LOG_WARN, "security",
            "alarm: %s, %llu where %.1f are expected; see %s", alarm_name(alarm.kind),
            (unsigned long long)alarm.count, alarm.expected, x->id);
}

void guarded_tell(struct exchange *x, struct str direction, const struct guard_report *report,
                  uint64_t bytes, uint64_t took)
{
    struct wall now = loop_wall(x->gateway->loop);
    bool output = str_equal(direction, STR("output"));
    for (size_t i = 0; i < report->count; i++) {
        const struct guard_finding *f = &report->findings[i];
        RECORD(&x->record, now, guard_found, .direction = direction,
               .guardrail = guard_name(f->guard), .rule = f->rule,
               .verdict = str_of(verdict_name(f->verdict)),
               .mode = str_of(mode_name(f->observed ? MODE_OBSERVE : MODE_ENFORCE)),
               .text = f->text, .start = f->start, .end = f->end, .score = f->score);
        sound_alarm(x, f, output);
    }
    RECORD(&x->record, now, guards_judged, .direction = direction, .set = x->route->guards->name,
           .summary = guard_summary(report, x->arena),
           .verdict = str_of(verdict_name(report->verdict)),
           .would = str_of(verdict_name(report->would)), .findings = report->total,
           .injection = report->scores[GUARD_INJECTION], .bytes = bytes, .took = took);
}

void guarded_end(struct guarded *g)
{
    if (g->trial != NULL) {
        g->trial->x = NULL; /* the session is the worker's to release now */
        g->trial = NULL;
    } else if (g->session != NULL) {
        session_release(g->session);
    }
}
