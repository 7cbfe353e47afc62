/* SPDX-License-Identifier: Apache-2.0
 * script.c - reads rules, finds the one that holds for a request, counts.
 *
 * Invariant: a rule's `seen` counts every request that meets its conditions on the request and its
 * time window, whether or not an earlier rule answers it; so "nth" means the n-th such request.
 */
#include "provider/script.h"

#include "base/must.h"
#include "provider/answer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct script_header {
    struct str name;
    struct str value; /* "": any value */
};

struct script_conditions {
    struct str path;
    struct str dialect;
    struct str model;
    uint64_t stream; /* 0 any, 1 yes, 2 no */
    struct str nth;
    uint64_t nth_first;
    uint64_t nth_last;
    uint64_t every;
    uint64_t from_ms;
    uint64_t until_ms;
    uint64_t up_ms;
    uint64_t down_ms;
    struct script_header header;
    struct str contains;
};

struct script_rule {
    struct script_conditions match;
    struct script_do act;
    uint64_t times;
    unsigned line;
    uint64_t seen;
    uint64_t acted;
};

struct script {
    struct arena *arena;
    struct script_rule *rules;
    size_t count;
    size_t holders;
};

const struct script_do script_do_nothing = {.confidence = -1};

/* ---- the tables ---- */

#define HEADER(member) offsetof(struct script_header, member)
static const struct setting header_settings[] = {
    {.key = "name", .kind = SETTING_TEXT, .offset = HEADER(name), .help = "name of the field"},
    {.key = "value",
     .kind = SETTING_TEXT,
     .offset = HEADER(value),
     .help = "its value; left out: any"},
};
static const struct section header_section = {"rules.match.header", header_settings, 2,
                                              sizeof(struct script_header),
                                              "A request header that must be there."};

#define MATCH(member) offsetof(struct script_conditions, member)
static const struct setting match_settings[] = {
    {.key = "path",
     .kind = SETTING_TEXT,
     .offset = MATCH(path),
     .help = "path of the request; a `*` at its end stands for any rest"},
    {.key = "dialect",
     .kind = SETTING_TEXT,
     .offset = MATCH(dialect),
     .help = "openai, anthropic, or an endpoint: chat, responses, embeddings, models, messages, "
             "count_tokens, mcp, other"},
    {.key = "model",
     .kind = SETTING_TEXT,
     .offset = MATCH(model),
     .help = "model of the request; a `*` at its end stands for any rest"},
    {.key = "stream",
     .kind = SETTING_CHOICE,
     .offset = MATCH(stream),
     .otherwise = "any",
     .choices = "any|true|false",
     .help = "whether a stream is asked for"},
    {.key = "nth",
     .kind = SETTING_TEXT,
     .offset = MATCH(nth),
     .help = "only the n-th matching request, or a range of them: 3, 2-5, 4-"},
    {.key = "every",
     .kind = SETTING_U64,
     .offset = MATCH(every),
     .otherwise = "0",
     .help = "only every n-th matching request"},
    {.key = "from",
     .kind = SETTING_DURATION_MS,
     .offset = MATCH(from_ms),
     .otherwise = "0",
     .help = "not before this long after the script was set"},
    {.key = "until",
     .kind = SETTING_DURATION_MS,
     .offset = MATCH(until_ms),
     .otherwise = "0",
     .help = "not from this long after the script was set; 0: no end"},
    {.key = "up",
     .kind = SETTING_DURATION_MS,
     .offset = MATCH(up_ms),
     .otherwise = "0",
     .help = "flapping: first this long the rule rests ..."},
    {.key = "down",
     .kind = SETTING_DURATION_MS,
     .offset = MATCH(down_ms),
     .otherwise = "0",
     .help = "... then this long it acts, again and again"},
    {.key = "header",
     .kind = SETTING_SECTION,
     .offset = MATCH(header),
     .section = &header_section,
     .help = "a request header"},
    {.key = "contains",
     .kind = SETTING_TEXT,
     .offset = MATCH(contains),
     .help = "bytes that the request's body contains"},
};
static const struct section match_section = {
    "rules.match", match_settings, sizeof match_settings / sizeof match_settings[0],
    sizeof(struct script_conditions), "Which requests a rule is for; all conditions must hold."};

#define DO(member)                 offsetof(struct script_do, member)
#define ROW(name, type, member)    .key = name, .kind = SETTING_##type, .offset = DO(member)
#define NUMBER(name, type, member) ROW(name, type, member), .otherwise = "0"
#define FLAG(name, member)         ROW(name, BOOL, member), .otherwise = "false"
static const struct setting do_settings[] = {
    {NUMBER("status", U64, status), .max = 999,
     .help = "answer with this status and an error body"},
    {ROW("error", TEXT, error),
     .help = "answer with this error (see below), or report it in the stream with error_event"},
    {ROW("message", TEXT, message), .help = "the error's words"},
    {ROW("body", TEXT, body), .help = "answer with exactly this body"},
    {ROW("content_type", TEXT, content_type), .help = "another Content-Type"},
    {ROW("text", TEXT, text), .help = "the answer's text"},
    {ROW("tool", TEXT, tool), .help = "call this tool, offered or not"},
    {ROW("arguments", TEXT, arguments), .help = "with these arguments (JSON, or not)"},
    {ROW("model", TEXT, model), .help = "the model that the answer names"},
    {ROW("confidence", DOUBLE, confidence), .otherwise = "-1", .min = -1, .max = 1,
     .help = "the confidence that the answer states; -1: its own"},
    {ROW("finish", CHOICE, finish), .otherwise = "normal",
     .choices = "normal|stop|length|content_filter|refusal", .help = "why the answer ends"},
    {NUMBER("cached_tokens", U64, cached_tokens), .help = "input tokens reported as cached"},
    {NUMBER("pad", SIZE_BYTES, pad_bytes), .max = 64 << 20,
     .help = "so many bytes more in the text, all in one event"},
    {ROW("headers", TREE, headers_tree),
     .help = "response fields: a map, or a list of \"name: value\" when a name must come twice"},
    {NUMBER("header_pad", SIZE_BYTES, header_pad_bytes), .max = 1 << 20,
     .help = "a response field `x-pad` of so many bytes"},
    {NUMBER("interim", U64, interim), .max = 199,
     .help = "first an interim answer: 100, 102 or 103"},
    {NUMBER("delay", DURATION_MS, delay_ms), .help = "wait before the head"},
    {NUMBER("first_token", DURATION_MS, first_token_ms), .help = "wait before the first token"},
    {NUMBER("between", DURATION_MS, between_ms), .help = "wait before each further token"},
    {ROW("end", CHOICE, end), .otherwise = "normal", .choices = "normal|tidy|cut|reset|stall",
     .help = "how the answer ends early: well framed, by FIN, by RST, or never"},
    {NUMBER("after", U64, after),
     .help = "after so many events of a stream, or bytes of a plain body"},
    {FLAG("headless", headless), .help = "... or before the head already"},
    {ROW("connection", CHOICE, connection), .otherwise = "keep", .choices = "keep|close|drop",
     .help = "behind the answer: kept, closed as announced, closed without a word"},
    {NUMBER("error_event", U64, error_event),
     .help = "the n-th event is `error`, and the stream ends with it"},
    {NUMBER("bad_event", U64, bad_event),
     .help = "the JSON of the n-th event (or the body, 1) is cut"},
    {ROW("omit", TEXT_LIST, omit),
     .help = "leave out: terminal, finish, usage, event_lines, tokens"},
    {ROW("usage_choices", CHOICE, usage_choices), .otherwise = "empty",
     .choices = "empty|null|absent", .help = "`choices` of the usage chunk"},
    {NUMBER("extra_events", U64, extra_events), .help = "an unknown event before every n-th event"},
    {FLAG("extra_fields", extra_fields), .help = "unknown members in every event and body"},
    {ROW("line_end", CHOICE, line_end), .otherwise = "lf", .choices = "lf|crlf|cr",
     .help = "line ends of the event stream"},
    {NUMBER("comments", U64, comments), .help = "a comment before every n-th event"},
    {NUMBER("data_lines", U64, data_lines), .max = 1000,
     .help = "at most so many data lines an event"},
    {FLAG("bom", bom), .help = "a byte order mark at the start of the body"},
    {ROW("framing", CHOICE, framing), .otherwise = "normal",
     .choices = "normal|close|http10|both|short|long", .help = "how the body's length is told"},
    {NUMBER("bad_chunk", U64, bad_chunk), .help = "a malformed chunk size before the n-th event"},
    {NUMBER("chunk", SIZE_BYTES, chunk_bytes), .max = 16 << 20,
     .help = "chunks of so many bytes, wherever that cuts"},
    {NUMBER("write", SIZE_BYTES, write_bytes), .max = 16 << 20,
     .help = "writes of so many bytes, wherever that cuts"},
    {ROW("write_gap", DURATION_MS, write_gap_ms), .otherwise = "1ms",
     .help = "time between writes"},
    {FLAG("split_utf8", split_utf8), .help = "chunks and writes end inside every UTF-8 sequence"},
};
static const struct section do_section = {
    "rules.do", do_settings, sizeof do_settings / sizeof do_settings[0], sizeof(struct script_do),
    "What happens to the answer; left out: the ordinary answer."};

#define RULE(member) offsetof(struct script_rule, member)
static const struct setting rule_settings[] = {
    {.key = "match",
     .kind = SETTING_SECTION,
     .offset = RULE(match),
     .section = &match_section,
     .help = "which requests"},
    {.key = "do",
     .kind = SETTING_SECTION,
     .offset = RULE(act),
     .section = &do_section,
     .help = "what happens"},
    {.key = "times",
     .kind = SETTING_U64,
     .offset = RULE(times),
     .otherwise = "0",
     .help = "acts at most so many times; 0: always"},
};
static const struct section rule_section = {
    "rules", rule_settings, 3, sizeof(struct script_rule),
    "An ordered list; the first rule that holds and has not acted `times` times answers."};

/* ---- reading ---- */

/* STR() is no constant expression. */
#define WORD(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    struct str name;
    unsigned bit;
} omit_names[] = {
    {WORD("terminal"), OMIT_TERMINAL}, {WORD("finish"), OMIT_FINISH},
    {WORD("usage"), OMIT_USAGE},       {WORD("event_lines"), OMIT_EVENT_LINES},
    {WORD("tokens"), OMIT_TOKENS},
};

static enum err at_line(struct fault *fault, unsigned line, const char *words, struct str what)
{
    enum err code = fault_set(fault, ERR_INVALID, "%s '" STR_FMT "'", words,
                              STR_ARG(str_cut(what, 0, 80)));
    if (fault != NULL) {
        fault->line = line;
    }
    return code;
}

static enum err read_omit(struct script_rule *rule, struct fault *fault)
{
    for (size_t i = 0; i < rule->act.omit.count; i++) {
        unsigned bit = 0;
        for (size_t k = 0; k < sizeof omit_names / sizeof omit_names[0]; k++) {
            if (str_equal(rule->act.omit.items[i], omit_names[k].name)) {
                bit = omit_names[k].bit;
            }
        }
        if (bit == 0) {
            return at_line(fault, rule->line, "nothing to omit is called", rule->act.omit.items[i]);
        }
        rule->act.omitted |= bit;
    }
    return ERR_OK;
}

/* "3", "2-5" or "4-". */
static enum err read_nth(struct script_conditions *match)
{
    struct str rest = match->nth;
    struct str first = STR("");
    if (!str_split(&rest, '-', &first)) {
        return ERR_OK;
    }
    bool range = first.len < match->nth.len;
    enum err code = num_u64(str_trim(first), &match->nth_first);
    match->nth_last = range ? UINT64_MAX : match->nth_first;
    if (code == ERR_OK && rest.len > 0) {
        code = num_u64(str_trim(rest), &match->nth_last);
    }
    if (code == ERR_OK && (match->nth_first == 0 || match->nth_last < match->nth_first)) {
        code = ERR_RANGE;
    }
    return code;
}

static bool has_line_end(struct str s)
{
    return str_find_byte(s, '\r') != SIZE_MAX || str_find_byte(s, '\n') != SIZE_MAX;
}

static enum err read_headers(struct script_rule *rule, struct arena *arena, struct fault *fault)
{
    const struct yaml *tree = rule->act.headers_tree;
    if (yaml_absent(tree)) {
        return ERR_OK;
    }
    if (tree->kind == YAML_SCALAR) {
        return at_line(fault, tree->line, "headers must be a map or a list, not", tree->scalar);
    }
    rule->act.headers = arena_array_of(arena, struct http_field, tree->count);
    for (const struct yaml *node = tree->first; node != NULL; node = node->next) {
        struct str name = node->key;
        struct str value = node->scalar;
        if (tree->kind == YAML_LIST) {
            size_t colon = str_find_byte(node->scalar, ':');
            name = colon == SIZE_MAX ? STR("") : str_trim(str_cut(node->scalar, 0, colon));
            value = colon == SIZE_MAX ? node->scalar
                                      : str_trim(str_cut(node->scalar, colon + 1, SIZE_MAX));
        }
        if (node->kind != YAML_SCALAR || name.len == 0 || has_line_end(name) ||
            has_line_end(value)) {
            return at_line(fault, node->line, "not a header:", name.len > 0 ? name : value);
        }
        rule->act.headers[rule->act.header_count++] = (struct http_field){name, value};
    }
    return ERR_OK;
}

static bool dialect_known(struct str name)
{
    static const struct str known[] = {
        WORD("openai"),     WORD("anthropic"), WORD("chat"),     WORD("responses"),
        WORD("embeddings"), WORD("models"),    WORD("messages"), WORD("count_tokens"),
        WORD("mcp"),        WORD("other"),
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (str_equal(name, known[i])) {
            return true;
        }
    }
    return name.len == 0;
}

static enum err read_rule(const struct settings_load *load, const struct yaml *node,
                          struct script_rule *rule)
{
    enum err code = settings_read(load, &rule_section, node, rule);
    if (code != ERR_OK) {
        return code;
    }
    rule->line = node->line;
    rule->act.headers = NULL;
    rule->act.header_count = 0;
    rule->act.omitted = 0;
    rule->seen = 0;
    rule->acted = 0;
    rule->match.nth_first = 0;
    rule->match.nth_last = 0;
    if (read_nth(&rule->match) != ERR_OK) {
        return at_line(load->fault, rule->line,
                       "nth is neither a number nor a range:", rule->match.nth);
    }
    if (!dialect_known(rule->match.dialect)) {
        return at_line(load->fault, rule->line, "no dialect is called", rule->match.dialect);
    }
    if (rule->act.error.len > 0 && !answer_error_known(rule->act.error)) {
        return at_line(load->fault, rule->line, "no error is called", rule->act.error);
    }
    if (rule->act.status != 0 && rule->act.status < 200) {
        return at_line(load->fault, rule->line, "status must be 200 to 999", STR(""));
    }
    code = read_omit(rule, load->fault);
    return code != ERR_OK ? code : read_headers(rule, load->arena, load->fault);
}

static const char *no_variable(void *object, const char *name)
{
    (void)object;
    (void)name;
    return NULL;
}

static enum err no_file(void *object, const char *path, struct buf *to)
{
    (void)object;
    (void)path;
    (void)to;
    return ERR_NOT_FOUND;
}

static enum err read_rules(struct script *script, const struct yaml *root, struct fault *fault)
{
    static const struct secret_source no_secrets = {no_variable, no_file, NULL};
    static const struct str known[] = {WORD("version"), WORD("rules")};
    struct settings_load load = {&no_secrets, script->arena, fault};
    if (root == NULL || yaml_absent(root)) {
        return ERR_OK;
    }
    if (root->kind != YAML_MAP) {
        return at_line(fault, root->line, "a script is a map with", STR("rules"));
    }
    for (const struct yaml *node = root->first; node != NULL; node = node->next) {
        if (!str_equal(node->key, known[0]) && !str_equal(node->key, known[1])) {
            return settings_unknown(fault, node, "the script", known, 2);
        }
    }
    const struct yaml *rules = yaml_get(root, STR("rules"));
    if (yaml_absent(rules)) {
        return ERR_OK;
    }
    if (rules->kind != YAML_LIST || rules->count > SCRIPT_RULES_MAX) {
        return at_line(fault, rules->line, "a list of at most 1024 rules is expected in",
                       STR("rules"));
    }
    script->rules = arena_array_of(script->arena, struct script_rule, rules->count);
    for (const struct yaml *node = rules->first; node != NULL; node = node->next) {
        enum err code = read_rule(&load, node, &script->rules[script->count]);
        if (code != ERR_OK) {
            return code;
        }
        script->count++;
    }
    return ERR_OK;
}

enum err script_new(struct str text, struct script **script, struct fault *fault)
{
    *script = NULL;
    if (text.len > SCRIPT_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "a script has at most 4 MiB");
    }
    struct script *made = calloc(1, sizeof *made);
    if (made == NULL) {
        must_have_memory();
    }
    made->arena = arena_new(4096);
    made->holders = 1;
    const struct yaml *root = NULL;
    enum err code = ERR_OK;
    if (str_trim(text).len > 0) {
        code = yaml_parse(arena_str(made->arena, text), made->arena, &root, fault);
    }
    if (code == ERR_OK) {
        code = read_rules(made, root, fault);
    }
    if (code != ERR_OK) {
        script_drop(made);
        return code;
    }
    *script = made;
    return ERR_OK;
}

void script_hold(struct script *script)
{
    script->holders++;
}

void script_drop(struct script *script)
{
    if (script == NULL) {
        return;
    }
    must(script->holders > 0);
    if (--script->holders == 0) {
        arena_free(script->arena);
        free(script);
    }
}

size_t script_count(const struct script *script)
{
    return script->count;
}

struct script_count script_counters(const struct script *script, size_t rule)
{
    must(rule < script->count);
    const struct script_rule *r = &script->rules[rule];
    return (struct script_count){r->line, r->seen, r->acted};
}

/* ---- matching ---- */

static bool like(struct str pattern, struct str value)
{
    if (pattern.len == 0) {
        return true;
    }
    if (pattern.at[pattern.len - 1] == '*') {
        return str_starts(value, str_cut(pattern, 0, pattern.len - 1));
    }
    return str_equal(pattern, value);
}

static bool header_holds(const struct script_header *header, const struct http_head *head)
{
    if (header->name.len == 0) {
        return true;
    }
    return http_head_has(head, header->name) &&
           like(header->value, http_head_get(head, header->name));
}

static bool request_holds(const struct script_conditions *match, const struct script_facts *facts)
{
    bool dialect = match->dialect.len == 0 || str_equal(match->dialect, facts->endpoint) ||
                   str_equal(match->dialect, facts->family);
    return dialect && like(match->path, facts->path) && like(match->model, facts->model) &&
           (match->stream == 0 || (match->stream == 1) == facts->stream) &&
           header_holds(&match->header, facts->head) &&
           (match->contains.len == 0 || str_find(facts->body, match->contains) != SIZE_MAX);
}

static bool time_holds(const struct script_conditions *match, uint64_t age_ms)
{
    if (age_ms < match->from_ms || (match->until_ms > 0 && age_ms >= match->until_ms)) {
        return false;
    }
    uint64_t period = match->up_ms + match->down_ms;
    return period == 0 || (age_ms - match->from_ms) % period >= match->up_ms;
}

static bool turn_holds(const struct script_rule *rule)
{
    const struct script_conditions *match = &rule->match;
    return (rule->times == 0 || rule->acted < rule->times) &&
           (match->every == 0 || rule->seen % match->every == 0) &&
           (match->nth_first == 0 ||
            (rule->seen >= match->nth_first && rule->seen <= match->nth_last));
}

const struct script_do *script_match(struct script *script, const struct script_facts *facts)
{
    struct script_rule *holds = NULL;
    for (size_t i = 0; i < script->count; i++) {
        struct script_rule *rule = &script->rules[i];
        if (!request_holds(&rule->match, facts) || !time_holds(&rule->match, facts->age_ms)) {
            continue;
        }
        rule->seen++;
        if (holds == NULL && turn_holds(rule)) {
            holds = rule;
        }
    }
    if (holds == NULL) {
        return &script_do_nothing;
    }
    holds->acted++;
    return &holds->act;
}

enum err script_document(struct buf *to)
{
    return settings_document(&rule_section, to);
}
