/* SPDX-License-Identifier: Apache-2.0
 * guard_set.c - from settings to finders. */
#include "security/guard_set.h"

#include "base/must.h"
#include "security/profanity.h"
#include "security/secrets.h"

struct loader {
    const struct guard_sources *sources;
    struct arena *arena;
    struct fault *fault;
    const struct yaml *node; /* the side's part of the file, or NULL */
};

static enum err wrong(const struct loader *l, const char *key, const char *below, enum err code,
                      const char *words, struct str value)
{
    const struct yaml *at = l->node != NULL ? yaml_get(l->node, str_of(key)) : NULL;
    const struct yaml *inner = at != NULL && below != NULL ? yaml_get(at, str_of(below)) : NULL;
    at = inner != NULL ? inner : at;
    if (l->fault != NULL && at != NULL) {
        l->fault->line = at->line;
        l->fault->column = at->column;
    }
    return fault_set(l->fault, code, "%s: '" STR_FMT "'", words, STR_ARG(value));
}

static enum verdict verdict_of(uint64_t action)
{
    static const enum verdict verdicts[] = {VERDICT_NOTE, VERDICT_REDACT, VERDICT_BLOCK};
    return verdicts[action];
}

static void add_probe(struct guard_side *side, const struct guard_probe *probe)
{
    bool acts = probe->mode == MODE_ENFORCE && probe->verdict > VERDICT_NOTE;
    struct guard_probes *probes = acts ? &side->acting : &side->noting;
    must(probes->count < SCREEN_FINDERS_MAX);
    probes->finders[probes->count] = probe->finder;
    probes->items[probes->count++] = *probe;
}

/* ---- pii ---- */

static struct str pii_rule(uint16_t kind)
{
    return pii_entity_name((enum pii_entity)kind);
}

static struct str pii_label_of(uint16_t kind)
{
    return pii_label((enum pii_entity)kind);
}

static uint64_t pii_default(void)
{
    uint64_t entities = 0;
    for (int i = 0; i < PII_ENTITIES; i++) {
        entities |= pii_structured((enum pii_entity)i) ? PII_BIT(i) : 0;
    }
    return entities;
}

/* The list, or everything with a structure that can be checked, sorted by action. */
static enum err sort_entities(struct loader *l, const struct pii_conf *conf, uint64_t by_action[3])
{
    uint64_t wanted = conf->entities.count > 0 ? 0 : pii_default();
    for (size_t i = 0; i < conf->entities.count; i++) {
        enum pii_entity entity = pii_entity_of(conf->entities.items[i]);
        if (entity == PII_ENTITIES) {
            return wrong(l, "pii", "entities", ERR_NOT_FOUND, "no such entity",
                         conf->entities.items[i]);
        }
        wanted |= PII_BIT(entity);
    }
    by_action[conf->action] = wanted;
    const struct yaml *each = yaml_absent(conf->each) ? NULL : conf->each->first;
    for (; each != NULL; each = each->next) {
        static const struct str actions[] = {STR_CONST("note"), STR_CONST("redact"),
                                             STR_CONST("block")};
        enum pii_entity entity = pii_entity_of(each->key);
        size_t action = 0;
        while (action < 3 && !str_equal(actions[action], each->scalar)) {
            action++;
        }
        if (entity == PII_ENTITIES || each->kind != YAML_SCALAR || action == 3) {
            return wrong(l, "pii", "each", ERR_INVALID, "must read ENTITY: note, redact or block",
                         each->key);
        }
        for (size_t i = 0; i < 3; i++) {
            by_action[i] &= ~PII_BIT(entity);
        }
        by_action[action] |= PII_BIT(entity);
    }
    return ERR_OK;
}

static enum err load_pii(struct loader *l, struct guard_side *side, const struct pii_conf *conf)
{
    enum mode mode = (enum mode)conf->mode;
    side->modes[GUARD_PII] = mode;
    side->restores = mode == MODE_ENFORCE && conf->restore == 0;
    uint64_t by_action[3] = {0};
    enum err code = sort_entities(l, conf, by_action);
    for (uint64_t action = 0; action < 3 && code == ERR_OK && mode != MODE_OFF; action++) {
        if (by_action[action] != 0) {
            struct pii *pii = arena_new_of(l->arena, struct pii);
            pii_init(pii, by_action[action]);
            add_probe(side, &(struct guard_probe){.finder = pii_finder(pii),
                                                  .guard = GUARD_PII,
                                                  .mode = mode,
                                                  .verdict = verdict_of(action),
                                                  .rule = pii_rule,
                                                  .label = pii_label_of});
        }
    }
    return code;
}

/* ---- the others ---- */

static void load_secrets(struct loader *l, struct guard_side *side, const struct secrets_conf *conf)
{
    enum mode mode = (enum mode)conf->mode;
    side->modes[GUARD_SECRETS] = mode;
    if (mode != MODE_OFF) {
        struct secrets *secrets = arena_new_of(l->arena, struct secrets);
        secrets_init(secrets);
        add_probe(side, &(struct guard_probe){.finder = secrets_finder(secrets),
                                              .guard = GUARD_SECRETS,
                                              .mode = mode,
                                              .verdict = verdict_of(conf->action),
                                              .rule = secrets_name,
                                              .label = secrets_label});
    }
}

static struct str profanity_rule(uint16_t kind)
{
    return str_of(profanity_language_name(kind));
}

static struct str profanity_label(uint16_t kind)
{
    (void)kind;
    return STR("WORD");
}

static void free_fold(void *object)
{
    fold_free(object);
}

static const struct fold *make_fold(struct loader *l)
{
    struct fold *fold = fold_new();
    arena_cleanup(l->arena, free_fold, fold);
    return fold;
}

static enum err load_profanity(struct loader *l, struct guard_side *side,
                               const struct profanity_conf *conf)
{
    enum mode mode = (enum mode)conf->mode;
    uint32_t languages = conf->languages.count > 0 ? 0 : PROFANITY_ALL;
    side->modes[GUARD_PROFANITY] = mode;
    for (size_t i = 0; i < conf->languages.count; i++) {
        uint32_t language = profanity_language_bit(conf->languages.items[i]);
        if (language == 0) {
            return wrong(l, "profanity", "languages", ERR_NOT_FOUND, "no word list for",
                         conf->languages.items[i]);
        }
        languages |= language;
    }
    if (mode != MODE_OFF) {
        const struct profanity *profanity = profanity_new(languages, make_fold(l), l->arena);
        add_probe(side, &(struct guard_probe){.finder = profanity_finder(profanity),
                                              .guard = GUARD_PROFANITY,
                                              .mode = mode,
                                              .verdict = verdict_of(conf->action),
                                              .rule = profanity_rule,
                                              .label = profanity_label});
    }
    return ERR_OK;
}

/* Rules that act come first of the finders; under a set that only observes none acts. */
static void add_rule_probes(struct guard_side *side)
{
    struct finder finders[GUARD_RULES_FINDERS];
    enum guard_rule_side which = side->output ? RULE_OUTPUT : RULE_INPUT;
    size_t count = guard_rules_finders(side->rules, which, finders);
    bool acts = false;
    for (size_t i = 0; i < guard_rules_count(side->rules); i++) {
        const struct guard_rule *rule = guard_rules_at(side->rules, i);
        acts = acts || (rule->sides[which] && !rule->whole && rule->mode == MODE_ENFORCE &&
                        rule->action > VERDICT_NOTE);
    }
    for (size_t i = 0; i < count; i++) {
        bool first = i == 0 && acts;
        add_probe(side, &(struct guard_probe){.finder = finders[i],
                                              .guard = GUARD_RULES,
                                              .mode = side->modes[GUARD_RULES],
                                              .verdict = first ? VERDICT_REDACT : VERDICT_NOTE,
                                              .rules = side->rules});
    }
}

/* Two places: the key in aire.yaml, and in the words the one in the rule file. */
static enum err name_rule_file(struct loader *l, struct str file, enum err code)
{
    if (l->fault == NULL) {
        return code;
    }
    char words[sizeof l->fault->words];
    (void)str_copy(str_of(l->fault->words), words, sizeof words);
    struct str place = arena_printf(l->arena, STR_FMT ":%u:%u: %.160s", STR_ARG(file),
                                    l->fault->line, l->fault->column, words);
    return wrong(l, "rules", "file", code, "rule file", place);
}

#define RULES_BYTES_MAX ((size_t)4 << 20)

static enum err load_rules(struct loader *l, struct guard_side *side, const struct rules_conf *conf)
{
    side->modes[GUARD_RULES] = conf->file.len > 0 ? (enum mode)conf->mode : MODE_OFF;
    if (side->modes[GUARD_RULES] == MODE_OFF) {
        return ERR_OK;
    }
    struct buf text;
    buf_init(&text, RULES_BYTES_MAX);
    enum err code = l->sources->read(l->sources->object, conf->file, &text);
    if (code != ERR_OK) {
        buf_end(&text);
        return wrong(l, "rules", "file", code, err_text(code), conf->file);
    }
    const struct guard_rules *rules;
    struct str kept = arena_str(l->arena, buf_str(&text));
    buf_end(&text);
    code = guard_rules_load(kept, make_fold(l), l->arena, &rules, l->fault);
    if (code != ERR_OK) {
        return name_rule_file(l, conf->file, code);
    }
    side->rules = rules;
    add_rule_probes(side);
    return ERR_OK;
}

static void unref_tls(void *object)
{
    tls_client_unref(object);
}

static enum err load_hook(struct loader *l, const char *key, const struct hook_conf *conf,
                          struct guard_hook *hook, enum mode *mode)
{
    hook->conf = *conf;
    *mode = (enum mode)conf->mode;
    if (*mode == MODE_OFF) {
        return ERR_OK;
    }
    if (http_url_read(conf->url, &hook->url) != ERR_OK || hook->url.user.len > 0) {
        return wrong(l, key, "url", ERR_INVALID, "url must read http(s)://host[:port][/path]",
                     conf->url);
    }
    if (!hook->url.secure) {
        return ERR_OK;
    }
    enum err code = tls_client_new(NULL, &hook->tls, l->fault);
    if (code == ERR_OK) {
        arena_cleanup(l->arena, unref_tls, hook->tls);
    }
    return code;
}

static enum err load_input(struct loader *l, const struct guard_input_conf *conf,
                           struct guard_side *side)
{
    side->modes[GUARD_SANITIZE] = (enum mode)conf->sanitize.mode;
    side->modes[GUARD_INJECTION] = (enum mode)conf->injection.mode;
    side->modes[GUARD_HIERARCHY] = (enum mode)conf->hierarchy.mode;
    side->modes[GUARD_LENGTH] = (enum mode)conf->length.mode;
    side->injection_threshold = conf->injection.threshold;
    side->length_max = conf->length.max;
    load_secrets(l, side, &conf->secrets);
    enum err code = load_pii(l, side, &conf->pii);
    code = code == ERR_OK ? load_profanity(l, side, &conf->profanity) : code;
    code = code == ERR_OK ? load_rules(l, side, &conf->rules) : code;
    if (code == ERR_OK) {
        code = load_hook(l, "injection", &conf->injection.second_opinion, &side->opinion,
                         &side->modes[GUARD_SECOND_OPINION]);
    }
    return code == ERR_OK ? load_hook(l, "webhook", &conf->webhook, &side->webhook,
                                      &side->modes[GUARD_WEBHOOK])
                          : code;
}

static enum err load_output(struct loader *l, const struct guard_output_conf *conf,
                            struct guard_side *side)
{
    side->output = true;
    side->modes[GUARD_HIERARCHY] = (enum mode)conf->hierarchy.mode;
    side->modes[GUARD_LENGTH] = (enum mode)conf->length.mode;
    side->modes[GUARD_PROMPT_LEAK] = (enum mode)conf->prompt_leak.mode;
    side->length_max = conf->length.max;
    side->leak_threshold = conf->prompt_leak.threshold;
    side->canary = conf->prompt_leak.canary;
    load_secrets(l, side, &conf->secrets);
    enum err code = load_pii(l, side, &conf->pii);
    side->restores = false; /* the input's word decides */
    code = code == ERR_OK ? load_profanity(l, side, &conf->profanity) : code;
    code = code == ERR_OK ? load_rules(l, side, &conf->rules) : code;
    return code == ERR_OK ? load_hook(l, "webhook", &conf->webhook, &side->webhook,
                                      &side->modes[GUARD_WEBHOOK])
                          : code;
}

enum err guard_set_load(const struct guard_sources *sources, struct str name,
                        const struct yaml *node, struct guard_set **set)
{
    struct guardrails_conf conf;
    struct loader l = {
        .sources = sources, .arena = sources->settings->arena, .fault = sources->settings->fault};
    enum err code = settings_read(sources->settings, &guardrails_section, node, &conf);
    if (code != ERR_OK) {
        return code;
    }
    struct guard_set *made = arena_new_of(l.arena, struct guard_set);
    made->name = name;
    l.node = node != NULL ? yaml_get(node, STR("input")) : NULL;
    code = load_input(&l, &conf.input, &made->input);
    if (code == ERR_OK) {
        l.node = node != NULL ? yaml_get(node, STR("output")) : NULL;
        code = load_output(&l, &conf.output, &made->output);
    }
    *set = made;
    return code;
}

struct guard_consequence guard_consequence(const struct guard_probe *probe, uint16_t kind)
{
    struct guard_consequence what = {probe->mode, probe->verdict, STR(""), false};
    if (probe->rules == NULL) {
        must(probe->rule != NULL);
        what.rule = probe->rule(kind);
        return what;
    }
    const struct guard_rule *rule = guard_rules_at(probe->rules, kind & (GUARD_RULE_UNJUDGED - 1U));
    what.mode = rule->mode < probe->mode ? rule->mode : probe->mode;
    what.verdict = rule->action;
    what.rule = rule->name;
    what.unjudged = (kind & GUARD_RULE_UNJUDGED) != 0;
    return what;
}

struct str guard_label(const struct guard_probe *probe, uint16_t kind)
{
    return probe->rules != NULL ? STR("TEXT") : probe->label(kind);
}

void guard_rules_tell(const struct guard_side *side, struct str text, uint32_t number,
                      struct arena *arena, struct guard_report *report)
{
    struct guard_rules_said said;
    const struct guard_probe probe = {
        .guard = GUARD_RULES, .mode = side->modes[GUARD_RULES], .rules = side->rules};
    guard_rules_judge(side->rules, side->output ? RULE_OUTPUT : RULE_INPUT, text, arena, &said);
    guard_ran(report, GUARD_RULES, probe.mode, 0);
    for (size_t i = 0; i < said.count; i++) {
        struct guard_consequence what = guard_consequence(&probe, said.items[i].rule);
        const struct guard_finding finding = {.guard = GUARD_RULES,
                                              .rule = what.rule,
                                              .text = number,
                                              .end = text.len,
                                              .score = 1,
                                              .verdict = what.verdict};
        if (what.mode == MODE_OFF) {
            continue;
        }
        if (said.items[i].unjudged) {
            guard_not_evaluated(report, GUARD_RULES, what.mode, true, "over_limit");
        } else {
            guard_found(report, &finding, what.mode);
        }
    }
}

bool guard_side_acts(const struct guard_side *side)
{
    for (int i = 0; i < GUARDS; i++) {
        if (side->modes[i] == MODE_ENFORCE) {
            return true;
        }
    }
    return false;
}

bool guard_side_watches(const struct guard_side *side)
{
    for (int i = 0; i < GUARDS; i++) {
        if (side->modes[i] != MODE_OFF) {
            return true;
        }
    }
    return false;
}
