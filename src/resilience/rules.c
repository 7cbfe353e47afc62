/* SPDX-License-Identifier: Apache-2.0
 * rules.c - rules files: compiled once a configuration generation, asked from all loops.
 *
 * Invariants: a loaded rule's template names only groups of its own pattern; nothing of `struct
 * rules` changes after rules_load, so loops share it without a lock.
 */
#include "resilience/rules.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "resilience/failure.h"
#include "text/regex.h"

_Static_assert(RULES_PATTERN_MAX == REGEX_PATTERN_MAX, "one limit");

struct piece {
    struct str text;
    uint32_t group; /* 0: literal text */
};

struct rule {
    struct str name;
    const struct regex *message; /* NULL: any */
    struct str tool;             /* empty: any */
    struct settings_texts errors;
    struct piece *pieces;
    size_t piece_count;
    double confidence;
};

struct rules {
    struct rule *items;
    size_t count;
    uint32_t groups_max;
};

struct file_settings {
    uint64_t version;
    const struct yaml *rules;
};

struct when_settings {
    struct str message;
    struct str tool;
    struct settings_texts errors;
};

struct rule_settings {
    struct str name;
    struct when_settings when;
    struct str answer;
    double confidence;
};

#define COUNT(array)     (sizeof(array) / sizeof(array)[0])
#define AT(type, member) .offset = offsetof(struct type, member)

static const struct setting file_rows[] = {
    {"version", SETTING_U64, AT(file_settings, version), "1", 1, 1,
     .help = "form of this file; 1 is the only one"},
    {"rules", SETTING_TREE, AT(file_settings, rules), .required = true, .standard = "R5",
     .help = "list of rules; the first one whose conditions all hold answers"},
};
static const struct section file_section = {"rules file", file_rows, COUNT(file_rows),
                                            sizeof(struct file_settings),
                                            "the tier 'rules' of a route"};

static const struct setting when_rows[] = {
    {"message", SETTING_TEXT, AT(when_settings, message),
     .help = "PCRE2 pattern on the last user message"},
    {"tool", SETTING_TEXT, AT(when_settings, tool),
     .help = "name of a tool that the request offers"},
    {"error", SETTING_TEXT_LIST, AT(when_settings, errors),
     .help = "classes of the failure above this tier; left out: any"},
};
static const struct section when_section = {"rules[].when", when_rows, COUNT(when_rows),
                                            sizeof(struct when_settings),
                                            "conditions; all must hold, none means always"};

static const struct setting rule_rows[] = {
    {"name", SETTING_TEXT, AT(rule_settings, name), .required = true,
     .help = "unique within the file"},
    {"when", SETTING_SECTION, AT(rule_settings, when), .section = &when_section,
     .help = "conditions"},
    {"answer", SETTING_TEXT, AT(rule_settings, answer), .required = true,
     .help = "text; ${name} is a named capture of the message pattern"},
    {"confidence", SETTING_DOUBLE, AT(rule_settings, confidence), "0.5", 0, 1, .standard = "R5",
     .help = "confidence that the answer is marked with"},
};
static const struct section rule_section = {"rules[]", rule_rows, COUNT(rule_rows),
                                            sizeof(struct rule_settings), "one rule"};

/* ---- loading ---- */

static enum err compile_message(const struct settings_load *load, const struct yaml *node,
                                struct str pattern, struct rule *rule)
{
    struct fault inner = {0};
    enum err err = regex_new(pattern, REGEX_SEARCH, load->arena, &rule->message, &inner);
    return err == ERR_OK ? err : yaml_fault(load->fault, node, err, "%.200s", inner.words);
}

static enum err add_reference(const struct settings_load *load, const struct yaml *node,
                              struct str name, struct rule *rule)
{
    /* 0: the pattern has no such group (or none that is the only one of its name). */
    uint32_t group = rule->message == NULL ? 0 : regex_group(rule->message, name);
    if (group == 0) {
        return yaml_fault(load->fault, node, ERR_INVALID,
                          "answer: ${" STR_FMT "} is no named group of when.message",
                          STR_ARG(str_cut(name, 0, 64)));
    }
    rule->pieces[rule->piece_count++] = (struct piece){.group = group};
    return ERR_OK;
}

/* "text ${name} text" becomes pieces: literal, group, literal. */
static enum err compile_answer(const struct settings_load *load, const struct yaml *node,
                               struct str answer, struct rule *rule)
{
    if (answer.len > RULES_ANSWER_MAX) {
        return yaml_fault(load->fault, node, ERR_LIMIT, "answer over %d bytes", RULES_ANSWER_MAX);
    }
    /* Each reference ends at most one literal, and one literal may follow the last. */
    size_t references = 0;
    for (size_t i = 0; i < answer.len; i++) {
        references += answer.at[i] == '$';
    }
    rule->pieces = arena_array_of(load->arena, struct piece, references * 2 + 1);
    while (answer.len > 0) {
        size_t start = str_find(answer, STR("${"));
        struct str literal = str_cut(answer, 0, start);
        if (literal.len > 0) {
            rule->pieces[rule->piece_count++] = (struct piece){
                .text = arena_str(load->arena, literal)};
        }
        if (start == SIZE_MAX) {
            break;
        }
        answer = str_cut(answer, start + 2, answer.len);
        size_t end = str_find_byte(answer, '}');
        if (end == SIZE_MAX) {
            return yaml_fault(load->fault, node, ERR_SYNTAX, "answer: '${' without its '}'");
        }
        enum err err = add_reference(load, node, str_cut(answer, 0, end), rule);
        if (err != ERR_OK) {
            return err;
        }
        answer = str_cut(answer, end + 1, answer.len);
    }
    return ERR_OK;
}

static enum err check_error(const struct settings_load *load, const struct yaml *node)
{
    if (failure_word_valid(node->scalar)) {
        return ERR_OK;
    }
    return yaml_fault(load->fault, node, ERR_INVALID,
                      "'" STR_FMT "' is no class of failure (open, timeout, exhausted, "
                      "saturated, error, network, credential, too_long, ...)",
                      STR_ARG(str_cut(node->scalar, 0, 64)));
}

/* The tree is looked at, not the texts read from it, because it knows the place of each word. */
static enum err check_errors(const struct settings_load *load, const struct yaml *errors)
{
    if (yaml_absent(errors)) {
        return ERR_OK;
    }
    if (errors->kind == YAML_SCALAR) {
        return check_error(load, errors);
    }
    for (const struct yaml *node = errors->first; node != NULL; node = node->next) {
        enum err err = check_error(load, node);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err check_name(const struct settings_load *load, const struct yaml *node,
                           const struct rules *rules, struct str name)
{
    if (!settings_name_valid(name)) {
        return yaml_fault(load->fault, node, ERR_INVALID, "'" STR_FMT "' is not a name",
                          STR_ARG(str_cut(name, 0, 64)));
    }
    for (size_t i = 0; i < rules->count; i++) {
        if (str_equal(rules->items[i].name, name)) {
            return yaml_fault(load->fault, node, ERR_EXISTS, "two rules are named '" STR_FMT "'",
                              STR_ARG(name));
        }
    }
    return ERR_OK;
}

static enum err load_rule(const struct settings_load *load, const struct yaml *node,
                          struct rules *rules)
{
    struct rule_settings settings = {0};
    enum err err = settings_read(load, &rule_section, node, &settings);
    if (err == ERR_OK) {
        err = check_name(load, node, rules, settings.name);
    }
    struct rule *rule = &rules->items[rules->count];
    *rule = (struct rule){.name = settings.name,
                          .tool = settings.when.tool,
                          .errors = settings.when.errors,
                          .confidence = settings.confidence};
    const struct yaml *when = yaml_get(node, STR("when"));
    const struct yaml *message = yaml_get(when, STR("message"));
    if (err == ERR_OK) {
        err = check_errors(load, yaml_get(when, STR("error")));
    }
    if (err == ERR_OK && !yaml_absent(message)) {
        err = compile_message(load, message, settings.when.message, rule);
    }
    if (err == ERR_OK) {
        err = compile_answer(load, yaml_get(node, STR("answer")), settings.answer, rule);
    }
    if (err == ERR_OK && rule->message != NULL) {
        uint32_t groups = regex_groups(rule->message);
        rules->groups_max = groups > rules->groups_max ? groups : rules->groups_max;
    }
    rules->count += err == ERR_OK;
    return err;
}

enum err rules_load(const struct settings_load *load, const struct yaml *root,
                    const struct rules **rules)
{
    struct file_settings file = {0};
    enum err err = settings_read(load, &file_section, root, &file);
    if (err != ERR_OK) {
        return err;
    }
    if (file.rules->kind != YAML_LIST || file.rules->count == 0) {
        return yaml_fault(load->fault, file.rules, ERR_INVALID,
                          "rules must be a list of at least one rule");
    }
    if (file.rules->count > RULES_MAX) {
        return yaml_fault(load->fault, file.rules, ERR_LIMIT, "more than %d rules", RULES_MAX);
    }
    struct rules *loaded = arena_new_of(load->arena, struct rules);
    loaded->items = arena_array_of(load->arena, struct rule, file.rules->count);
    for (const struct yaml *node = file.rules->first; node != NULL; node = node->next) {
        err = load_rule(load, node, loaded);
        if (err != ERR_OK) {
            return err;
        }
    }
    *rules = loaded;
    return ERR_OK;
}

/* ---- answering ---- */

static bool contains(const struct str *items, size_t count, struct str wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(items[i], wanted)) {
            return true;
        }
    }
    return false;
}

/* The pattern comes last: it is the only condition that costs. Over its limits it does not hold. */
static bool holds(const struct rule *rule, const struct rules_question *question,
                  struct str message, struct regex_scratch *scratch)
{
    if (rule->errors.count > 0 &&
        !contains(rule->errors.items, rule->errors.count, question->error)) {
        return false;
    }
    if (rule->tool.len > 0 && !contains(question->tools, question->tool_count, rule->tool)) {
        return false;
    }
    return rule->message == NULL || regex_search(rule->message, scratch, message) == REGEX_FOUND;
}

static enum err fill(const struct rule *rule, const struct regex_scratch *scratch,
                     struct str message, struct arena *arena, struct str *text)
{
    struct buf filled;
    buf_init(&filled, RULES_ANSWER_MAX);
    enum err err = ERR_OK;
    for (size_t i = 0; i < rule->piece_count && err == ERR_OK; i++) {
        const struct piece *piece = &rule->pieces[i];
        err = buf_add(&filled, piece->group == 0 ? piece->text
                                                 : regex_captured(scratch, piece->group, message));
    }
    if (err == ERR_OK) {
        *text = arena_str(arena, buf_str(&filled));
    }
    buf_end(&filled);
    return err;
}

enum err rules_answer(const struct rules *rules, const struct rules_question *question,
                      struct arena *arena, struct rules_answer *answer)
{
    struct str message = utf8_head(question->message, RULES_MESSAGE_MAX);
    if (message.at == NULL) {
        message = STR("");
    }
    /* Made for each question: loops ask at the same time. */
    struct regex_scratch *scratch = regex_scratch_new(rules->groups_max);
    enum err err = ERR_NOT_FOUND;
    for (size_t i = 0; i < rules->count && err != ERR_OK; i++) {
        const struct rule *rule = &rules->items[i];
        if (holds(rule, question, message, scratch) &&
            fill(rule, scratch, message, arena, &answer->text) == ERR_OK) {
            answer->rule = rule->name;
            answer->confidence = rule->confidence;
            err = ERR_OK;
        }
    }
    regex_scratch_free(scratch);
    return err;
}
