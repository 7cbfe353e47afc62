/* SPDX-License-Identifier: Apache-2.0
 * guard_input.c - each text: sanitised, scored, screened; what changed becomes edits. */
#include "security/guard_input.h"

#include "base/must.h"
#include "security/hierarchy.h"
#include "security/sanitize.h"

/* What one text needs on its way. */
struct judged {
    struct guard_input *input;
    const struct guard_text *text;
    uint32_t number;
    struct view view; /* as the model would get it, before redaction */
    bool sanitised;   /* and it differs */
};

/* ---- edits ---- */

static void add_edit(struct guard_input *input, const struct guard_input_edit *edit)
{
    if (input->edit_count == GUARD_EDITS_MAX) {
        guard_not_evaluated(&input->report, GUARD_PII, MODE_ENFORCE, true, "too_many_edits");
        return;
    }
    if (input->edit_count == input->edit_room) {
        size_t room = input->edit_room == 0 ? 16 : input->edit_room * 2;
        struct guard_input_edit *edits = arena_array_of(input->arena, struct guard_input_edit,
                                                        room);
        for (size_t i = 0; i < input->edit_count; i++) {
            edits[i] = input->edits[i];
        }
        input->edits = edits;
        input->edit_room = room;
    }
    input->edits[input->edit_count++] = *edit;
}

/* ---- guardrails on whole texts ---- */

static void check_length(struct guard_input *input)
{
    enum mode mode = input->side->modes[GUARD_LENGTH];
    uint64_t bytes = 0;
    if (mode == MODE_OFF) {
        return;
    }
    for (size_t i = 0; i < input->count; i++) {
        bytes += input->texts[i].text.len;
    }
    guard_ran(&input->report, GUARD_LENGTH, mode, 0);
    if (bytes > input->side->length_max) {
        const struct guard_finding finding = {.guard = GUARD_LENGTH,
                                              .rule = STR("max"),
                                              .end = bytes,
                                              .score = 1,
                                              .verdict = VERDICT_BLOCK};
        guard_found(&input->report, &finding, mode);
    }
}

static bool is_trusted(enum provenance provenance)
{
    return provenance == PROVENANCE_SYSTEM || provenance == PROVENANCE_DEVELOPER;
}

/* Text that nobody sees is shown to the detector on its own: it is what somebody wanted to hide. */
static void score_injection(struct judged *j, struct str text)
{
    struct guard_input *input = j->input;
    enum mode mode = input->side->modes[GUARD_INJECTION];
    enum provenance from = j->text->provenance;
    if (mode == MODE_OFF || is_trusted(from) || from == PROVENANCE_ASSISTANT || text.len == 0) {
        return;
    }
    struct injection_result result;
    if (input->model == NULL) {
        guard_not_evaluated(&input->report, GUARD_INJECTION, mode, true, "no_model");
        return;
    }
    injection_scan(input->model, text, from, input->arena, &result);
    guard_ran(&input->report, GUARD_INJECTION, mode, result.score);
    if (result.score < input->side->injection_threshold) {
        return;
    }
    struct guard_finding finding = {.guard = GUARD_INJECTION,
                                    .rule = STR("score"),
                                    .text = j->number,
                                    .end = text.len,
                                    .score = result.score,
                                    .verdict = VERDICT_BLOCK};
    const struct injection_span *worst = NULL;
    for (size_t i = 0; i < result.span_count; i++) {
        worst = worst == NULL || result.spans[i].score > worst->score ? &result.spans[i] : worst;
    }
    if (worst != NULL) {
        finding.rule = str_of(worst->view);
        finding.start = worst->start;
        finding.end = worst->end;
    }
    guard_found(&input->report, &finding, mode);
}

static void check_order(struct guard_input *input)
{
    enum mode mode = input->side->modes[GUARD_HIERARCHY];
    if (mode == MODE_OFF) {
        return;
    }
    guard_ran(&input->report, GUARD_HIERARCHY, mode, 0);
    if (input->late) {
        const struct guard_finding finding = {.guard = GUARD_HIERARCHY,
                                              .rule = STR("late_message"),
                                              .score = 1,
                                              .verdict = VERDICT_BLOCK};
        guard_found(&input->report, &finding, mode);
    }
}

static void check_rank(struct judged *j)
{
    enum mode mode = j->input->side->modes[GUARD_HIERARCHY];
    size_t start = 0;
    size_t end = 0;
    struct str rule = mode == MODE_OFF || j->text->form == GUARD_TEXT_NUMBER
                          ? STR("")
                          : hierarchy_text(j->view.text, j->text->provenance, &start, &end);
    if (rule.len > 0) {
        const struct guard_finding finding = {.guard = GUARD_HIERARCHY,
                                              .rule = rule,
                                              .text = j->number,
                                              .start = start,
                                              .end = end,
                                              .score = 1,
                                              .verdict = VERDICT_BLOCK};
        guard_found(&j->input->report, &finding, mode);
    }
}

/* How a consequence is told that would change the text. */
static enum mode changing(const struct guard_input *input, enum verdict verdict, enum mode mode)
{
    return input->vault == NULL && verdict == VERDICT_REDACT && mode == MODE_ENFORCE ? MODE_OBSERVE
                                                                                     : mode;
}

static void sanitise(struct judged *j)
{
    struct guard_input *input = j->input;
    enum mode mode = input->side->modes[GUARD_SANITIZE];
    j->view = view_of(j->text->text);
    if (mode == MODE_OFF || j->text->form == GUARD_TEXT_NUMBER) {
        return;
    }
    enum mode told = changing(input, VERDICT_REDACT, mode);
    struct sanitize_result result;
    sanitize(j->text->text, is_trusted(j->text->provenance) ? SANITIZE_TRUSTED : SANITIZE_PROMPT,
             input->arena, &result);
    guard_ran(&input->report, GUARD_SANITIZE, mode, 0);
    for (size_t i = 0; i < result.finding_count; i++) {
        const struct sanitize_finding *found = &result.findings[i];
        const struct guard_finding finding = {.guard = GUARD_SANITIZE,
                                              .rule = str_of(sanitize_kind_name(found->kind)),
                                              .text = j->number,
                                              .start = found->start,
                                              .end = found->end,
                                              .score = 1,
                                              .verdict = VERDICT_REDACT};
        guard_found(&input->report, &finding, told);
    }
    if (mode == MODE_ENFORCE && result.changed) {
        j->view = result.view; /* the others judge what a reader sees */
        j->sanitised = told == MODE_ENFORCE;
    }
    score_injection(j, result.hidden);
}

/* ---- personal data, credentials, words ---- */

/* Returns what it asks for, when it is enforced. */
static enum verdict tell(struct judged *j, const struct screen *screen,
                         const struct guard_probe *probe, const struct region *region)
{
    struct guard_consequence what = guard_consequence(probe, region->kind);
    if (what.unjudged) {
        guard_not_evaluated(&j->input->report, probe->guard, what.mode, true, "over_limit");
        return VERDICT_BLOCK;
    }
    what.mode = changing(j->input, what.verdict, what.mode);
    const struct guard_finding finding = {
        .guard = probe->guard,
        .rule = what.rule,
        .text = j->number,
        .start = region->start - screen->base,
        .end = region->end - screen->base,
        .score = (double)region->score,
        .verdict = what.verdict,
    };
    guard_found(&j->input->report, &finding, what.mode);
    return what.mode == MODE_ENFORCE ? what.verdict : VERDICT_ALLOW;
}

/* Does [from, to) of a JSON text stand where only a number can: between ':' ',' '[' and ',' ']'
 * '}'? */
static bool is_bare_number(struct str text, size_t from, size_t to)
{
    while (from > 0 && str_is_blank(text.at[from - 1])) {
        from--;
    }
    while (to < text.len && str_is_blank(text.at[to])) {
        to++;
    }
    bool begins = from == 0 || text.at[from - 1] == ':' || text.at[from - 1] == ',' ||
                  text.at[from - 1] == '[';
    bool ends = to == text.len || text.at[to] == ',' || text.at[to] == ']' || text.at[to] == '}';
    return begins && ends;
}

/* What stands there instead; "" when the vault is full, which then has not evaluated it all. */
static struct str placeholder(struct judged *j, struct str label, struct str words, bool bare)
{
    struct guard_input *input = j->input;
    struct str made;
    bool number = bare || j->text->form == GUARD_TEXT_NUMBER;
    struct arena *arena = input->arena;
    const struct str named[] = {label, STR("_NUMBER")};
    if (vault_placeholder(input->vault, number ? arena_join(arena, named, 2) : label, words,
                          &made) != ERR_OK) {
        guard_not_evaluated(&input->report, GUARD_PII, MODE_ENFORCE, true, "vault_full");
        return STR("");
    }
    const struct str quoted[] = {STR("\""), made, STR("\"")};
    return bare ? arena_join(arena, quoted, 3) : made;
}

static void redact(struct judged *j, const struct screen *screen, const struct region *region,
                   struct str label)
{
    struct str text = j->view.text;
    size_t from = (size_t)(region->start - screen->base);
    size_t to = (size_t)(region->end - screen->base);
    bool bare = j->text->form == GUARD_TEXT_JSON && is_bare_number(text, from, to);
    if (j->text->form == GUARD_TEXT_NUMBER) {
        from = 0;
        to = text.len;
    }
    const struct guard_input_edit edit = {j->number, from, to,
                                          placeholder(j, label, str_cut(text, from, to), bare)};
    add_edit(j->input, &edit);
}

static void act(struct judged *j, struct screen *screen)
{
    const struct guard_probes *probes = &j->input->side->acting;
    struct region region;
    while (screen_next(screen, &region)) {
        enum verdict verdict = VERDICT_ALLOW;
        for (size_t i = 0; i < probes->count; i++) {
            if ((region.finders >> i & 1) != 0) {
                struct region own = region;
                own.kind = i == region.finder ? region.kind : region.kinds[i];
                enum verdict asked = tell(j, screen, &probes->items[i], &own);
                verdict = asked > verdict ? asked : verdict;
            }
        }
        /* The last finders are those of words which look like a placeholder of ours. */
        bool forged = region.finder >= probes->count;
        if (forged || verdict == VERDICT_REDACT) {
            redact(j, screen, &region,
                   forged ? STR("TEXT") : guard_label(&probes->items[region.finder], region.kind));
        }
    }
}

static void note(struct judged *j, struct screen *screen)
{
    const struct guard_probes *probes = &j->input->side->noting;
    struct region region;
    while (screen_next(screen, &region)) {
        for (size_t i = 0; i < probes->count; i++) {
            if ((region.finders >> i & 1) != 0) {
                struct region own = region;
                own.kind = i == region.finder ? region.kind : region.kinds[i];
                (void)tell(j, screen, &probes->items[i], &own);
            }
        }
    }
}

/* ---- one text, all texts ---- */

/* A text that was sanitised is replaced as a whole: its edits are joined to it. */
static void join_edits(struct judged *j, size_t first)
{
    struct guard_input *input = j->input;
    struct str text = j->view.text;
    struct buf whole;
    size_t at = 0;
    enum err code = ERR_OK;
    buf_init(&whole, 2 * text.len + GUARD_EDITS_MAX * (size_t)VAULT_PLACEHOLDER_MAX);
    for (size_t i = first; i < input->edit_count && code == ERR_OK; i++) {
        const struct guard_input_edit *edit = &input->edits[i];
        code = buf_add(&whole, str_cut(text, at, edit->from));
        code = code == ERR_OK ? buf_add(&whole, edit->with) : code;
        at = edit->to;
    }
    code = code == ERR_OK ? buf_add(&whole, str_cut(text, at, text.len)) : code;
    must(code == ERR_OK);
    input->edit_count = first;
    const struct guard_input_edit edit = {j->number, 0, j->text->text.len,
                                          arena_str(input->arena, buf_str(&whole))};
    add_edit(input, &edit);
    buf_end(&whole);
}

/* Rules that are expressions look at a text as a whole. */
static void judge_rules(struct judged *j)
{
    const struct guard_side *side = j->input->side;
    if (side->rules != NULL) {
        guard_rules_tell(side, j->view.text, j->number, j->input->arena, &j->input->report);
    }
}

static void judge_text(struct judged *j, struct screen *acting, struct screen *noting)
{
    struct guard_input *input = j->input;
    size_t first = input->edit_count;
    sanitise(j);
    score_injection(j, j->view.text);
    check_rank(j);
    judge_rules(j);
    struct str text = j->view.text;
    if (screen_feed(acting, text, true) != ERR_OK || screen_feed(noting, text, true) != ERR_OK) {
        guard_not_evaluated(&input->report, GUARD_PII, MODE_ENFORCE, true, "too_long");
        return;
    }
    act(j, acting);
    note(j, noting);
    if (acting->overflow || noting->overflow) {
        guard_not_evaluated(&input->report, GUARD_PII, MODE_ENFORCE, true, "too_many");
    }
    if (j->sanitised) {
        join_edits(j, first);
    }
}

void guard_input_judge(struct guard_input *input)
{
    const struct guard_side *side = input->side;
    struct finder finders[SCREEN_FINDERS_MAX];
    struct screen acting;
    struct screen noting;
    size_t count = side->acting.count;
    must(count + 2 <= SCREEN_FINDERS_MAX);
    for (size_t i = 0; i < count; i++) {
        finders[i] = side->acting.finders[i];
        guard_ran(&input->report, side->acting.items[i].guard, side->acting.items[i].mode, 0);
    }
    for (size_t i = 0; i < side->noting.count; i++) {
        guard_ran(&input->report, side->noting.items[i].guard, side->noting.items[i].mode, 0);
    }
    if (side->restores && input->vault != NULL) {
        finders[count++] = placeholder_finder;
        finders[count++] = vault_forgery_finder(input->vault);
    }
    input->report.arena = input->arena;
    check_length(input);
    check_order(input);
    screen_init(&acting, finders, count);
    screen_init(&noting, side->noting.finders, side->noting.count);
    for (size_t i = 0; i < input->count; i++) {
        struct judged judged = {.input = input, .text = &input->texts[i], .number = (uint32_t)i};
        judge_text(&judged, &acting, &noting);
    }
    screen_end(&acting);
    screen_end(&noting);
}
