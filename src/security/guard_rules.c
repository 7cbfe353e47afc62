/* SPDX-License-Identifier: Apache-2.0
 * guard_rules.c - rule files: read, checked, and gathered into one automaton and one set of
 * patterns for each side and effect.
 *
 * Invariant: a rule has exactly one of pattern, words and expression; rules that are off are
 * compiled like others, so that switching one on cannot fail. */
#include "security/guard_rules.h"

#include "base/must.h"
#include "config/settings.h"
#include "security/cover.h"
#include "security/guard_expr.h"
#include "text/patterns.h"
#include "text/words.h"

_Static_assert(GUARD_RULE_UNJUDGED == COVER_UNJUDGED, "one mark");

enum effect { ENFORCED, WATCHED, EFFECTS };

/* Beside the two sides: rules that are off, which nobody asks. */
enum { OFF_SIDE = 2, SIDES };

/* What one finder asks. */
struct group {
    const struct words *words;
    const struct patterns *patterns;
    struct cover cover;
};

struct kept_rule {
    struct guard_rule rule;
    struct str pattern;
    struct settings_texts words;
    const struct yaml *at;   /* the rule */
    const struct yaml *what; /* its pattern, words or expression */
};

struct guard_rules {
    struct kept_rule *items;
    size_t count;
    uint8_t *strengths;
    struct group groups[SIDES][EFFECTS];
    struct exprs *exprs[SIDES]; /* NULL: none */
    uint16_t *owners[SIDES];    /* rule of each expression */
};

static bool applies(const struct guard_rule *rule, int side)
{
    return rule->mode == MODE_OFF ? side == OFF_SIDE : side < OFF_SIDE && rule->sides[side];
}

/* ---- the file's form ---- */

struct file_settings {
    uint64_t version;
    const struct yaml *rules;
};

struct rule_settings {
    struct str name;
    struct str pattern;
    struct settings_texts words;
    struct str expression;
    uint64_t applies;
    uint64_t action;
    uint64_t mode;
    struct str message;
};

#define COUNT(array)     (sizeof(array) / sizeof(array)[0])
#define AT(type, member) .offset = offsetof(struct type, member)

static const struct setting file_rows[] = {
    {"version", SETTING_U64, AT(file_settings, version), "1", 1, 1,
     .help = "form of this file; 1 is the only one"},
    {"rules", SETTING_TREE, AT(file_settings, rules), .required = true, .standard = "S3",
     .help = "list of rules; each is judged by itself"},
};
static const struct section file_section = {"rule file", file_rows, COUNT(file_rows),
                                            sizeof(struct file_settings), "guardrails of your own"};

static const struct setting rule_rows[] = {
    {"name", SETTING_TEXT, AT(rule_settings, name), .required = true,
     .help = "unique within the file; findings name it"},
    {"pattern", SETTING_TEXT, AT(rule_settings, pattern), .help = "PCRE2 pattern"},
    {"words", SETTING_TEXT_LIST, AT(rule_settings, words),
     .help = "words and phrases; 'begin*' is every word that begins so"},
    {"expression", SETTING_TEXT, AT(rule_settings, expression),
     .help = "condition on the whole text, in a subset of CEL"},
    {"applies", SETTING_CHOICE, AT(rule_settings, applies), "both", .choices = "input|output|both",
     .help = "what goes to the model, what comes from it, or both"},
    {"action", SETTING_CHOICE, AT(rule_settings, action), .required = true,
     .choices = "note|redact|escalate|block", .help = "what happens where it holds"},
    {"mode", SETTING_CHOICE, AT(rule_settings, mode), "enforce", .choices = MODE_CHOICES,
     .help = "off, observe or enforce"},
    {"message", SETTING_TEXT, AT(rule_settings, message), "",
     .help = "what a refused person is told"},
};
static const struct section rule_section = {"rules[]", rule_rows, COUNT(rule_rows),
                                            sizeof(struct rule_settings), "one rule"};

/* ---- reading rules ---- */

static enum err check_name(const struct settings_load *load, const struct yaml *node,
                           const struct guard_rules *rules, struct str name)
{
    if (!settings_name_valid(name)) {
        return yaml_fault(load->fault, node, ERR_INVALID, "'" STR_FMT "' is not a name",
                          STR_ARG(str_cut(name, 0, 64)));
    }
    for (size_t i = 0; i < rules->count; i++) {
        if (str_equal(rules->items[i].rule.name, name)) {
            return yaml_fault(load->fault, node, ERR_EXISTS, "two rules are named '" STR_FMT "'",
                              STR_ARG(name));
        }
    }
    return ERR_OK;
}

/* The one of the three that a rule has. */
static enum err check_what(const struct settings_load *load, const struct yaml *node,
                           const struct yaml **what)
{
    static const char *const keys[] = {"pattern", "words", "expression"};
    *what = NULL;
    for (size_t i = 0; i < COUNT(keys); i++) {
        const struct yaml *found = yaml_get(node, str_of(keys[i]));
        if (yaml_absent(found)) {
            continue;
        }
        if (*what != NULL) {
            return yaml_fault(load->fault, found, ERR_INVALID,
                              "a rule has one of pattern, words and expression");
        }
        *what = found;
    }
    if (*what == NULL) {
        return yaml_fault(load->fault, node, ERR_INVALID,
                          "a rule needs a pattern, words or an expression");
    }
    if ((*what)->kind == YAML_LIST && (*what)->count == 0) {
        return yaml_fault(load->fault, *what, ERR_INVALID, "words must hold at least one word");
    }
    return ERR_OK;
}

static enum err read_rule(const struct settings_load *load, const struct yaml *node,
                          struct guard_rules *rules, struct str *expression)
{
    struct rule_settings settings = {0};
    enum err code = settings_read(load, &rule_section, node, &settings);
    struct kept_rule *kept = &rules->items[rules->count];
    code = code == ERR_OK ? check_name(load, node, rules, settings.name) : code;
    code = code == ERR_OK ? check_what(load, node, &kept->what) : code;
    if (code != ERR_OK) {
        return code;
    }
    kept->at = node;
    kept->pattern = settings.pattern;
    kept->words = settings.words;
    kept->rule = (struct guard_rule){
        .name = settings.name,
        .message = settings.message,
        .action = (enum verdict)(VERDICT_NOTE + settings.action),
        .mode = (enum mode)settings.mode,
        .sides = {settings.applies != RULE_OUTPUT, settings.applies != RULE_INPUT},
        .whole = settings.expression.len > 0,
    };
    *expression = settings.expression;
    if (kept->rule.whole && kept->rule.action == VERDICT_REDACT) {
        return yaml_fault(load->fault, yaml_get(node, STR("action")), ERR_INVALID,
                          "an expression has no place that could be redacted");
    }
    rules->strengths[rules->count++] = (uint8_t)kept->rule.action;
    return ERR_OK;
}

/* ---- expressions ---- */

/* A place within the expression is told in words: YAML may have folded its lines. */
static enum err expression_fault(const struct settings_load *load, const struct yaml *what,
                                 enum err code, const struct fault *inner)
{
    if (inner->line == 0) {
        return yaml_fault(load->fault, what, code, "expression: %.200s", inner->words);
    }
    return yaml_fault(load->fault, what, code, "expression, at %u:%u: %.200s", inner->line,
                      inner->column, inner->words);
}

/* Into the sets of the sides it applies to. */
static enum err add_expression(const struct settings_load *load, const struct fold *fold,
                               struct guard_rules *rules, struct str expression)
{
    struct kept_rule *kept = &rules->items[rules->count - 1];
    struct fault inner = {0};
    enum err code = ERR_OK;
    for (int side = 0; side < SIDES && code == ERR_OK; side++) {
        if (!applies(&kept->rule, side)) {
            continue;
        }
        if (rules->exprs[side] == NULL) {
            rules->exprs[side] = exprs_new(fold, load->arena);
            rules->owners[side] = arena_array_of(load->arena, uint16_t, GUARD_RULES_MAX);
        }
        size_t index = exprs_count(rules->exprs[side]);
        rules->owners[side][index] = (uint16_t)(rules->count - 1);
        code = exprs_add(rules->exprs[side], expression, &inner);
    }
    return code == ERR_OK ? code : expression_fault(load, kept->what, code, &inner);
}

static enum err finish_expressions(const struct settings_load *load, struct guard_rules *rules)
{
    for (int side = 0; side < SIDES; side++) {
        if (rules->exprs[side] == NULL) {
            continue;
        }
        struct fault inner = {0};
        size_t which = 0;
        enum err code = exprs_done(rules->exprs[side], &which, &inner);
        if (code != ERR_OK) {
            bool known = which < exprs_count(rules->exprs[side]);
            const struct yaml *at = known ? rules->items[rules->owners[side][which]].what : NULL;
            inner.line = 0;
            return expression_fault(load, at, code, &inner);
        }
    }
    return ERR_OK;
}

/* ---- spans ---- */

static size_t find_words(const void *self, struct block *block, struct hits *hits)
{
    return words_find(self, block, hits);
}

static size_t find_patterns(const void *self, struct block *block, struct hits *hits)
{
    return patterns_find(self, block, hits);
}

static bool belongs(const struct guard_rule *rule, int side, int effect)
{
    bool enforced = rule->mode == MODE_ENFORCE && rule->action > VERDICT_NOTE;
    return !rule->whole && applies(rule, side) && enforced == (effect == ENFORCED);
}

/* The node of one word of a rule, which may be written as a single scalar. */
static const struct yaml *word_node(const struct yaml *what, size_t index)
{
    const struct yaml *node = what->kind == YAML_LIST ? what->first : what;
    while (index-- > 0 && node != NULL) {
        node = node->next;
    }
    return node;
}

/* Everything that was gathered for one group. */
struct gathered {
    struct word *words;
    const struct yaml **word_nodes;
    size_t word_count;
    struct pattern *patterns;
    size_t pattern_count;
};

static enum err gather(const struct settings_load *load, const struct guard_rules *rules, int side,
                       int effect, struct gathered *to)
{
    size_t words = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < rules->count; i++) {
        words += rules->items[i].words.count;
        bytes += rules->items[i].pattern.len;
        if (words > GUARD_RULES_WORDS_MAX || bytes > GUARD_RULES_PATTERN_MAX) {
            return yaml_fault(load->fault, rules->items[i].at, ERR_LIMIT,
                              "more than %d words, or patterns of more than %d bytes, in all rules",
                              GUARD_RULES_WORDS_MAX, GUARD_RULES_PATTERN_MAX);
        }
    }
    to->words = arena_array_of(load->arena, struct word, words + 1);
    to->word_nodes = arena_array_of(load->arena, const struct yaml *, words + 1);
    to->patterns = arena_array_of(load->arena, struct pattern, rules->count + 1);
    for (size_t i = 0; i < rules->count; i++) {
        const struct kept_rule *kept = &rules->items[i];
        if (!belongs(&kept->rule, side, effect)) {
            continue;
        }
        if (kept->words.count == 0) {
            to->patterns[to->pattern_count++] = (struct pattern){kept->pattern, (uint32_t)i};
        }
        for (size_t n = 0; n < kept->words.count; n++) {
            to->word_nodes[to->word_count] = word_node(kept->what, n);
            to->words[to->word_count++] = word_written(kept->words.items[n], (uint32_t)i);
        }
    }
    return ERR_OK;
}

static enum err make_group(const struct settings_load *load, const struct fold *fold,
                           struct guard_rules *rules, int side, int effect)
{
    struct gathered all = {0};
    struct group *group = &rules->groups[side][effect];
    struct fault inner = {0};
    enum err code = gather(load, rules, side, effect, &all);
    if (code != ERR_OK) {
        return code;
    }
    group->cover.strengths = rules->strengths;
    if (all.word_count > 0) {
        code = words_new(fold, all.words, all.word_count, load->arena, &group->words, &inner);
        if (code != ERR_OK) {
            const struct yaml *at = inner.line > 0 ? all.word_nodes[inner.line - 1] : NULL;
            return yaml_fault(load->fault, at, code, "words: %.200s", inner.words);
        }
        group->cover.sources[group->cover.count++] = (struct cover_source){find_words,
                                                                           group->words};
    }
    if (all.pattern_count > 0) {
        code = patterns_new(all.patterns, all.pattern_count, REGEX_AT, load->arena,
                            &group->patterns, &inner);
        if (code != ERR_OK) {
            uint32_t rule = inner.line > 0 ? all.patterns[inner.line - 1].id : 0;
            return yaml_fault(load->fault, rules->items[rule].what, code, "%.200s", inner.words);
        }
        group->cover.sources[group->cover.count++] = (struct cover_source){find_patterns,
                                                                           group->patterns};
    }
    return ERR_OK;
}

/* ---- loading ---- */

static enum err read_rules(const struct settings_load *load, const struct fold *fold,
                           const struct yaml *list, struct guard_rules *rules)
{
    for (const struct yaml *node = list->first; node != NULL; node = node->next) {
        struct str expression = STR("");
        enum err code = read_rule(load, node, rules, &expression);
        if (code == ERR_OK && expression.len > 0) {
            code = add_expression(load, fold, rules, expression);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err load_tree(const struct settings_load *load, const struct fold *fold,
                          const struct yaml *root, const struct guard_rules **made)
{
    struct file_settings file = {0};
    enum err code = settings_read(load, &file_section, root, &file);
    if (code != ERR_OK) {
        return code;
    }
    if (file.rules->kind != YAML_LIST || file.rules->count == 0) {
        return yaml_fault(load->fault, file.rules, ERR_INVALID,
                          "rules must be a list of at least one rule");
    }
    if (file.rules->count > GUARD_RULES_MAX) {
        return yaml_fault(load->fault, file.rules, ERR_LIMIT, "more than %d rules",
                          GUARD_RULES_MAX);
    }
    struct guard_rules *rules = arena_new_of(load->arena, struct guard_rules);
    rules->items = arena_array_of(load->arena, struct kept_rule, file.rules->count);
    rules->strengths = arena_array_of(load->arena, uint8_t, file.rules->count);
    code = read_rules(load, fold, file.rules, rules);
    code = code == ERR_OK ? finish_expressions(load, rules) : code;
    for (int group = 0; group < SIDES * EFFECTS && code == ERR_OK; group++) {
        code = make_group(load, fold, rules, group / EFFECTS, group % EFFECTS);
    }
    *made = rules;
    return code;
}

enum err guard_rules_load(struct str text, const struct fold *fold, struct arena *arena,
                          const struct guard_rules **rules, struct fault *fault)
{
    const struct yaml *root = NULL;
    struct settings_load load = {.arena = arena, .fault = fault};
    enum err code = yaml_parse(text, arena, &root, fault);
    return code == ERR_OK ? load_tree(&load, fold, root, rules) : code;
}

/* ---- asking ---- */

size_t guard_rules_count(const struct guard_rules *rules)
{
    return rules->count;
}

const struct guard_rule *guard_rules_at(const struct guard_rules *rules, size_t index)
{
    must(index < rules->count);
    return &rules->items[index].rule;
}

size_t guard_rules_finders(const struct guard_rules *rules, enum guard_rule_side side,
                           struct finder to[GUARD_RULES_FINDERS])
{
    size_t count = 0;
    for (int effect = 0; effect < EFFECTS; effect++) {
        const struct group *group = &rules->groups[side][effect];
        if (group->cover.count > 0) {
            to[count++] = (struct finder){"rules", cover_find, &group->cover};
        }
    }
    return count;
}

bool guard_rules_need_whole(const struct guard_rules *rules, enum guard_rule_side side)
{
    return rules->exprs[side] != NULL;
}

void guard_rules_judge(const struct guard_rules *rules, enum guard_rule_side side, struct str text,
                       struct arena *arena, struct guard_rules_said *said)
{
    *said = (struct guard_rules_said){0};
    const struct exprs *exprs = rules->exprs[side];
    if (exprs == NULL) {
        return;
    }
    size_t count = exprs_count(exprs);
    enum expr_value *values = arena_array_of(arena, enum expr_value, count);
    said->items = arena_array_of(arena, struct guard_rule_said, count);
    exprs_judge(exprs, text, arena, values);
    for (size_t i = 0; i < count; i++) {
        if (values[i] != EXPR_NO) {
            said->items[said->count++] = (struct guard_rule_said){rules->owners[side][i],
                                                                  values[i] == EXPR_UNKNOWN};
        }
    }
}
