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

struct script_file {
    uint64_t version;
    const struct yaml *rules;
};

struct script {
    struct arena *arena;
    struct script_rule *rules;
    size_t count;
    size_t holders;
};

const struct script_do script_do_nothing = {.confidence = -1};

/* ---- the tables ---- */

/* A row of the table of `struct OWNER`. */
#define ROW(name, type, member)                                                                    \
    .key = name, .kind = SETTING_##type, .offset = offsetof(OWNER, member)
#define NUMBER(name, type, member) ROW(name, type, member), .otherwise = "0"
#define FLAG(name, member)         ROW(name, BOOL, member), .otherwise = "false"
#define COUNT(rows)                (sizeof(rows) / sizeof(rows)[0])

#define OWNER struct script_header
static const struct setting header_settings[] = {
    {ROW("name", TEXT, name), .help = "name of the field"},
    {ROW("value", TEXT, value), .help = "its value; left out: any"},
};
static const struct section header_section = {"rules.match.header", header_settings,
                                              COUNT(header_settings), sizeof(OWNER),
                                              "A request header that must be there."};
#undef OWNER

#define OWNER struct script_conditions
static const struct setting match_settings[] = {
    {ROW("path", TEXT, path), .help = "path of the request; a `*` at its end stands for any rest"},
    {ROW("dialect", TEXT, dialect),
     .help = "openai, anthropic, or an endpoint: chat, responses, embeddings, models, messages, "
             "count_tokens, mcp, other"},
    {ROW("model", TEXT, model),
     .help = "model of the request; a `*` at its end stands for any rest"},
    {ROW("stream", CHOICE, stream), .otherwise = "any", .choices = "any|true|false",
     .help = "whether a stream is asked for"},
    {ROW("nth", TEXT, nth),
     .help = "only the n-th matching request, or a range of them: 3, 2-5, 4-"},
    {NUMBER("every", U64, every), .help = "only every n-th matching request"},
    {NUMBER("from", DURATION_MS, from_ms), .help = "not before this long after the script was set"},
    {NUMBER("until", DURATION_MS, until_ms),
     .help = "not from this long after the script was set; 0: no end"},
    {NUMBER("up", DURATION_MS, up_ms), .help = "flapping: first this long the rule rests ..."},
    {NUMBER("down", DURATION_MS, down_ms), .help = "... then this long it acts, again and again"},
    {ROW("header", SECTION, header), .section = &header_section, .help = "a request header"},
    {ROW("contains", TEXT, contains), .help = "bytes that the request's body contains"},
};
static const struct section match_section = {
    "rules.match", match_settings, COUNT(match_settings), sizeof(OWNER),
    "Which requests a rule is for; all conditions must hold."};
#undef OWNER

#define OWNER struct script_do
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
    "rules.do", do_settings, COUNT(do_settings), sizeof(OWNER),
    "What happens to the answer; left out: the ordinary answer."};

#undef OWNER

#define OWNER struct script_rule
static const struct setting rule_settings[] = {
    {ROW("match", SECTION, match), .section = &match_section, .help = "which requests"},
    {ROW("do", SECTION, act), .section = &do_section, .help = "what happens"},
    {NUMBER("times", U64, times), .help = "acts at most so many times; 0: always"},
};
static const struct section rule_section = {
    "rules", rule_settings, COUNT(rule_settings), sizeof(OWNER),
    "An ordered list; the first rule that holds and has not acted `times` times answers."};
#undef OWNER

#define OWNER struct script_file
static const struct setting file_settings[] = {
    {ROW("version", U64, version), .otherwise = "1", .min = 1, .max = 1, .help = "of this form"},
    {ROW("rules", TREE, rules), .help = "see `rules`"},
};
static const struct section file_section = {"", file_settings, COUNT(file_settings), sizeof(OWNER),
                                            "a script"};
#undef OWNER

/* ---- reading ---- */

/* In the order of the bits of enum script_omit. */
static const struct str omit_names[] = {STR_CONST("terminal"), STR_CONST("finish"),
                                        STR_CONST("usage"), STR_CONST("event_lines"),
                                        STR_CONST("tokens")};
static const struct str dialect_names[] = {
    STR_CONST("openai"),    STR_CONST("anthropic"),    STR_CONST("chat"),
    STR_CONST("responses"), STR_CONST("embeddings"),   STR_CONST("models"),
    STR_CONST("messages"),  STR_CONST("count_tokens"), STR_CONST("mcp"),
    STR_CONST("other"),
};

/* `count` when it is none of them. */
static size_t index_of(struct str name, const struct str *names, size_t count)
{
    size_t i = 0;
    while (i < count && !str_equal(names[i], name)) {
        i++;
    }
    return i;
}

static enum err wrong(struct fault *fault, const struct yaml *node, const char *words,
                      struct str what)
{
    return yaml_fault(fault, node, ERR_INVALID, "%s '" STR_FMT "'", words,
                      STR_ARG(str_cut(what, 0, 80)));
}

static enum err read_omit(struct script_rule *rule, const struct yaml *node, struct fault *fault)
{
    for (size_t i = 0; i < rule->act.omit.count; i++) {
        struct str name = rule->act.omit.items[i];
        size_t bit = index_of(name, omit_names, COUNT(omit_names));
        if (bit == COUNT(omit_names)) {
            return wrong(fault, node, "nothing to omit is called", name);
        }
        rule->act.omitted |= 1u << bit;
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
        return wrong(fault, tree, "headers must be a map or a list, not", tree->scalar);
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
            return wrong(fault, node, "not a header:", name.len > 0 ? name : value);
        }
        rule->act.headers[rule->act.header_count++] = (struct http_field){name, value};
    }
    return ERR_OK;
}

static enum err read_rule(const struct settings_load *load, const struct yaml *node,
                          struct script_rule *rule)
{
    enum err code = settings_read(load, &rule_section, node, rule);
    if (code != ERR_OK) {
        return code;
    }
    rule->line = node->line;
    if (read_nth(&rule->match) != ERR_OK) {
        return wrong(load->fault, node, "nth is neither a number nor a range:", rule->match.nth);
    }
    struct str dialect = rule->match.dialect;
    if (dialect.len > 0 &&
        index_of(dialect, dialect_names, COUNT(dialect_names)) == COUNT(dialect_names)) {
        return wrong(load->fault, node, "no dialect is called", dialect);
    }
    if (rule->act.error.len > 0 && !answer_error_known(rule->act.error)) {
        return wrong(load->fault, node, "no error is called", rule->act.error);
    }
    if (rule->act.status != 0 && rule->act.status < 200) {
        return wrong(load->fault, node, "status must be 200 to 999", STR(""));
    }
    code = read_omit(rule, node, load->fault);
    return code != ERR_OK ? code : read_headers(rule, load->arena, load->fault);
}

static enum err read_rules(struct script *script, const struct yaml *root, struct fault *fault)
{
    struct settings_load load = {NULL, script->arena, fault};
    struct script_file file;
    enum err code = settings_read(&load, &file_section, root, &file);
    if (code != ERR_OK || yaml_absent(file.rules)) {
        return code;
    }
    if (file.rules->kind != YAML_LIST || file.rules->count > SCRIPT_RULES_MAX) {
        return wrong(fault, file.rules, "a list of at most 1024 rules is expected in",
                     STR("rules"));
    }
    script->rules = arena_array_of(script->arena, struct script_rule, file.rules->count);
    const struct yaml *node = file.rules->first;
    for (; node != NULL && code == ERR_OK; node = node->next) {
        code = read_rule(&load, node, &script->rules[script->count++]);
    }
    return code;
}

enum err script_new(struct str text, struct script **script, struct fault *fault)
{
    *script = NULL;
    struct script *made = must_have(calloc(1, sizeof *made));
    made->arena = arena_new(4096);
    made->holders = 1;
    const struct yaml *root = NULL;
    enum err code = yaml_parse(text, made->arena, &root, fault);
    code = code != ERR_OK ? code : read_rules(made, root, fault);
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
