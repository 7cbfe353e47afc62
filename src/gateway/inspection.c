/* SPDX-License-Identifier: Apache-2.0
 * inspection.c - from bodies of any type to texts, and those to the guardrails. */
#include "gateway/inspection.h"

#include "base/must.h"
#include "base/text.h"
#include "base/utf8.h"
#include "gateway/guarded.h"
#include "gateway/pipeline.h"
#include "io/work.h"

/* Everything that judging needs; on a worker in an arena of its own. */
struct trying {
    struct job job;
    struct exchange *x; /* NULL: it has ended */
    struct inspection *inspection;
    struct generation *generation;
    struct arena *arena;
    struct inspected what;
    struct guard_input input;
    struct guard_text *texts;
    size_t count;
    uint64_t bytes;
    bool overflow;
};

/* ---- texts ---- */

static bool type_says_text(struct str type)
{
    static const struct str words[] = {STR_CONST("text/"),      STR_CONST("json"),
                                       STR_CONST("xml"),        STR_CONST("javascript"),
                                       STR_CONST("urlencoded"), STR_CONST("yaml")};
    bool says = type.len == 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (size_t at = 0; at + words[i].len <= type.len && !says; at++) {
            says = str_equal_ci(str_cut(type, at, at + words[i].len), words[i]);
        }
    }
    return says;
}

/* Bytes that are no UTF-8 become U+FFFD: they must not hide what stands between them. */
static struct str repaired(struct str text, struct arena *arena)
{
    char *out = arena_alloc(arena, 3 * text.len + 1);
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        uint32_t code;
        at += utf8_step(text, at, &code);
        len += utf8_encode(code, &out[len]);
    }
    return (struct str){out, len};
}

/* a=1&b=x+y as its server reads it. */
static struct str form_decoded(struct str text, struct arena *arena)
{
    struct buf plain;
    buf_init(&plain, text.len + 1);
    struct str decoded = text_unpercent(&plain, text) == ERR_OK ? arena_str(arena, buf_str(&plain))
                                                                : text;
    buf_end(&plain);
    return decoded;
}

struct str inspection_text(const struct inspected *what, struct arena *arena)
{
    struct str text = what->body;
    if (str_find(what->type, STR("urlencoded")) != SIZE_MAX) {
        text = form_decoded(text, arena);
    }
    if (utf8_valid(text)) {
        return text;
    }
    return type_says_text(what->type) ? repaired(text, arena) : STR("");
}

static void add(struct trying *t, struct str text, enum guard_text_form form)
{
    if (text.len > 0) {
        t->texts[t->count++] = (struct guard_text){text, t->what.from, form};
        t->bytes += text.len;
    }
}

static bool add_json(struct trying *t)
{
    static const enum guard_text_form forms[] = {GUARD_TEXT, GUARD_TEXT_JSON, GUARD_TEXT_KEY,
                                                 GUARD_TEXT_NUMBER};
    struct json json;
    struct texts texts;
    struct str head = str_trim(str_cut(t->what.body, 0, 64));
    bool likely = head.len > 0 && str_find_byte(STR("{[\""), head.at[0]) != SIZE_MAX;
    if (!likely || json_parse(&json, t->what.body, NULL, t->arena, NULL) != ERR_OK) {
        return false;
    }
    texts_of_tool(&json, t->arena, &texts);
    t->overflow = texts.overflow;
    t->texts = arena_array_of(t->arena, struct guard_text, texts.count + 1);
    add(t, t->what.place, GUARD_TEXT);
    for (size_t i = 0; i < texts.count; i++) {
        const struct text *text = &texts.items[i];
        add(t, text_view(&json, text, t->arena).text, forms[text->form]);
    }
    return true;
}

static void judge(struct trying *t)
{
    if (!add_json(t)) {
        t->texts = arena_array_of(t->arena, struct guard_text, 2);
        add(t, t->what.place, GUARD_TEXT);
        add(t, inspection_text(&t->what, t->arena), GUARD_TEXT);
    }
    t->input.side = t->what.side;
    t->input.arena = t->arena;
    t->input.texts = t->texts;
    t->input.count = t->count;
    guard_input_judge(&t->input);
    if (t->overflow) {
        guard_not_evaluated(&t->input.report, GUARD_LENGTH, MODE_ENFORCE, true, "too_many_texts");
    }
}

/* ---- on the loop, or on a worker ---- */

static void run(struct job *job)
{
    judge(LIST_OBJECT(job, struct trying, job));
}

static void done(struct job *job)
{
    struct trying *t = LIST_OBJECT(job, struct trying, job);
    struct exchange *x = t->x;
    if (x != NULL) {
        t->inspection->report = t->input.report;
        guard_report_move(&t->inspection->report, x->arena);
        t->inspection->bytes = t->bytes;
        t->inspection->trying = NULL;
    }
    generation_unref(t->generation);
    arena_free(t->arena);
    if (x != NULL) {
        pipeline_resume(x);
    }
}

static bool submit(struct exchange *x, const struct inspected *what, struct inspection *inspection)
{
    struct workers *workers = x->gateway->commons->workers;
    if (workers == NULL) {
        return false;
    }
    struct arena *arena = arena_new(KIB(16));
    struct trying *t = arena_new_of(arena, struct trying);
    t->arena = arena;
    t->x = x;
    t->inspection = inspection;
    t->what = *what;
    t->what.type = arena_str(arena, what->type);
    t->what.body = arena_str(arena, what->body);
    t->what.place = arena_str(arena, what->place);
    t->input.model = x->generation->injection;
    t->job.home = x->gateway->loop;
    t->job.run = run;
    t->job.done = done;
    t->generation = generation_ref(x->generation);
    if (workers_submit(workers, &t->job) != ERR_OK) {
        generation_unref(t->generation);
        arena_free(arena);
        return false;
    }
    inspection->trying = t;
    return true;
}

enum flow inspection_begin(struct exchange *x, const struct inspected *what,
                           struct inspection *inspection)
{
    must(what->side != NULL && inspection->trying == NULL);
    if (what->body.len > GUARDED_INLINE_BYTES && submit(x, what, inspection)) {
        return FLOW_WAIT;
    }
    struct instant began = env_instant(loop_env(x->gateway->loop));
    struct trying t = {.arena = x->arena, .what = *what};
    t.input.model = x->generation->injection;
    judge(&t);
    inspection->report = t.input.report;
    inspection->bytes = t.bytes;
    inspection->took = instant_since_us(env_instant(loop_env(x->gateway->loop)), began);
    return FLOW_NEXT;
}

void inspection_end(struct inspection *inspection)
{
    if (inspection->trying != NULL) {
        inspection->trying->x = NULL;
        inspection->trying = NULL;
    }
}
