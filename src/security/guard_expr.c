/* SPDX-License-Identifier: Apache-2.0
 * guard_expr.c - from text to postfix by operator precedence (Dijkstra's shunting yard), typed
 * while it is written, and a stack that judges it.
 *
 * Invariants: what is compiled leaves exactly one truth value; every step fits the stack of
 * EXPR_DEPTH_MAX, which is checked once, when compiling. */
#include "security/guard_expr.h"

#include "base/must.h"
#include "base/text.h"
#include "base/utf8.h"
#include "security/guard_facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum type { BOOLEAN, NUMBER };

enum step_kind {
    STEP_FACT,
    STEP_CONSTANT, /* true, false */
    STEP_NUMBER,
    STEP_SIZE,
    STEP_NOT,
    STEP_AND,
    STEP_OR,
    STEP_EQ,
    STEP_NE,
    STEP_LT,
    STEP_LE,
    STEP_GT,
    STEP_GE,
    STEP_OPEN /* on the yard only */
};

struct step {
    enum step_kind kind;
    int64_t value; /* or the fact */
};

struct expr {
    struct step *steps;
    size_t count;
};

#define EXPRS_MAX 1000

struct exprs {
    struct arena *arena;
    struct facts *facts;
    struct expr items[EXPRS_MAX];
    size_t count;
    size_t owners[EXPR_FACTS_MAX]; /* expression of each fact */
    bool sized;                    /* some expression asks for the size */
};

struct yard_entry {
    enum step_kind kind;
    size_t at; /* byte of the expression */
};

struct compiler {
    struct exprs *exprs;
    struct fault *fault;
    struct str text;
    size_t at;
    struct step steps[EXPR_STEPS_MAX];
    size_t count;
    struct yard_entry yard[EXPR_DEPTH_MAX];
    size_t waiting;
    enum type types[EXPR_DEPTH_MAX]; /* of what the steps so far leave */
    size_t depth;
};

static const struct operator
{
    const char *text;
    enum step_kind kind;
    int rank;
}
operators[] = {
    {"||", STEP_OR, 1}, {"&&", STEP_AND, 2}, {"==", STEP_EQ, 3}, {"!=", STEP_NE, 3},
    {"<=", STEP_LE, 3}, {">=", STEP_GE, 3},  {"<", STEP_LT, 3},  {">", STEP_GT, 3},
};
#define OPERATORS (sizeof operators / sizeof operators[0])

/* ---- faults ---- */

/* Line and column (of code points, from 1) of a byte. */
static enum err fault_at(struct compiler *c, size_t at, enum err code, const char *format, ...)
    PRINTF_LIKE(4, 5);

static enum err fault_at(struct compiler *c, size_t at, enum err code, const char *format, ...)
{
    unsigned line = 1;
    unsigned column = 1;
    for (size_t i = 0; i < at && i < c->text.len; i++) {
        line += c->text.at[i] == '\n';
        column += ((uint8_t)c->text.at[i] & 0xC0) != 0x80;
        column = c->text.at[i] == '\n' ? 1 : column;
    }
    char words[160];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words, sizeof words, format, values);
    va_end(values);
    if (c->fault != NULL) {
        c->fault->line = line;
        c->fault->column = column;
    }
    return fault_set(c->fault, code, "%s", words);
}

/* ---- reading ---- */

static void skip_space(struct compiler *c)
{
    struct str rest = str_cut(c->text, c->at, c->text.len);
    size_t space = 0;
    while (space < rest.len && (rest.at[space] == ' ' || rest.at[space] == '\t' ||
                                rest.at[space] == '\r' || rest.at[space] == '\n')) {
        space++;
    }
    c->at += space;
}

/* NUL behind the end. */
static char byte_at(const struct compiler *c, size_t at)
{
    if (at < c->text.len) {
        return c->text.at[at];
    }
    return '\0';
}

static bool take(struct compiler *c, const char *mark)
{
    skip_space(c);
    struct str rest = str_cut(c->text, c->at, c->text.len);
    if (!str_starts(rest, str_of(mark))) {
        return false;
    }
    c->at += strlen(mark);
    return true;
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           (byte >= '0' && byte <= '9');
}

/* A name or number; empty when there is none. */
static struct str take_name(struct compiler *c)
{
    skip_space(c);
    size_t from = c->at;
    while (c->at < c->text.len && is_name_byte(c->text.at[c->at])) {
        c->at++;
    }
    return str_cut(c->text, from, c->at);
}

static enum err expect(struct compiler *c, const char *mark, const char *where)
{
    if (take(c, mark)) {
        return ERR_OK;
    }
    return fault_at(c, c->at, ERR_SYNTAX, "expected '%s' %s", mark, where);
}

/* \n \t \r \\ \' \" \xHH \uHHHH; moves *at behind the escape and writes it at *to. */
static bool unescape(struct str text, size_t *at, char **to)
{
    static const char names[] = "ntr\\'\"`?";
    static const char meant[] = "\n\t\r\\'\"`?";
    char name = '\0';
    if (*at < text.len) {
        name = text.at[*at];
    }
    const char *simple = name != '\0' ? strchr(names, name) : NULL;
    ++*at;
    if (simple != NULL) {
        *(*to)++ = meant[simple - names];
        return true;
    }
    size_t digits = name == 'x' || name == 'X' ? 2 : name == 'u' ? 4 : 0;
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++, ++*at) {
        int digit = *at < text.len ? text_hex_digit(text.at[*at]) : -1;
        if (digit < 0) {
            return false;
        }
        code = code * 16 + (uint32_t)digit;
    }
    if (digits > 0) {
        *to += utf8_encode(code, *to);
    }
    return digits > 0;
}

/* 'x', "x", r'x', r"x" */
static enum err take_string(struct compiler *c, struct str *string)
{
    skip_space(c);
    size_t from = c->at;
    struct str rest = str_cut(c->text, from, c->text.len);
    bool raw = rest.len > 1 && (rest.at[0] == 'r' || rest.at[0] == 'R') &&
               (rest.at[1] == '\'' || rest.at[1] == '"');
    size_t at = from + raw;
    char quote = byte_at(c, at);
    if (quote != '\'' && quote != '"') {
        return fault_at(c, from, ERR_SYNTAX, "expected a string in quotes");
    }
    /* An escape is never shorter than what it means. */
    char *bytes = arena_alloc(c->exprs->arena, rest.len + 4);
    char *to = bytes;
    for (at++; at < c->text.len && c->text.at[at] != quote;) {
        char byte = c->text.at[at++];
        if (byte == '\n') {
            break;
        }
        if (byte != '\\' || raw) {
            *to++ = byte;
        } else if (!unescape(c->text, &at, &to)) {
            return fault_at(c, at - 2, ERR_SYNTAX, "unknown escape; r\"...\" takes \\ as it is");
        }
    }
    if (at >= c->text.len || c->text.at[at] != quote) {
        return fault_at(c, from, ERR_SYNTAX, "a string without its closing quote");
    }
    c->at = at + 1;
    *string = (struct str){bytes, (size_t)(to - bytes)};
    return ERR_OK;
}

static enum err take_number(struct compiler *c, int64_t *number)
{
    bool minus = take(c, "-");
    skip_space(c);
    size_t from = c->at;
    struct str digits = take_name(c);
    *number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9' || *number > INT64_C(1) << 40) {
            return fault_at(c, from, ERR_SYNTAX, "not a whole number, or too large");
        }
        *number = *number * 10 + (digits.at[i] - '0');
    }
    if (digits.len == 0) {
        return fault_at(c, from, ERR_SYNTAX, "expected a whole number");
    }
    *number = minus ? -*number : *number;
    return ERR_OK;
}

/* ---- writing ---- */

static bool is_binary(enum step_kind kind)
{
    return kind >= STEP_AND && kind <= STEP_GE;
}

/* What the operator needs below it. */
static bool fits(const struct compiler *c, enum step_kind kind)
{
    size_t needs = is_binary(kind) ? 2 : 1;
    must(c->depth >= needs);
    enum type left = c->types[c->depth - needs];
    enum type right = c->types[c->depth - 1];
    switch (kind) {
    case STEP_NOT:
    case STEP_AND:
    case STEP_OR:
        return left == BOOLEAN && right == BOOLEAN;
    case STEP_EQ:
    case STEP_NE:
        return left == right;
    default:
        return left == NUMBER && right == NUMBER;
    }
}

static enum err write_operand(struct compiler *c, size_t at, struct step step, enum type type)
{
    if (c->count == EXPR_STEPS_MAX || c->depth == EXPR_DEPTH_MAX) {
        return fault_at(c, at, ERR_LIMIT, "more than %d operands and operators, or %d open ones",
                        EXPR_STEPS_MAX, EXPR_DEPTH_MAX);
    }
    c->steps[c->count++] = step;
    c->types[c->depth++] = type;
    return ERR_OK;
}

static enum err write_operator(struct compiler *c, struct yard_entry entry)
{
    if (!fits(c, entry.kind)) {
        bool logic = entry.kind == STEP_NOT || entry.kind == STEP_AND || entry.kind == STEP_OR;
        return fault_at(c, entry.at, ERR_INVALID, "this operator takes %s",
                        logic ? "conditions" : "two numbers");
    }
    if (c->count == EXPR_STEPS_MAX) {
        return fault_at(c, entry.at, ERR_LIMIT, "more than %d operands and operators",
                        EXPR_STEPS_MAX);
    }
    c->steps[c->count++] = (struct step){entry.kind, 0};
    c->depth -= is_binary(entry.kind);
    c->types[c->depth - 1] = BOOLEAN;
    return ERR_OK;
}

static enum err wait_for(struct compiler *c, enum step_kind kind, size_t at)
{
    if (c->waiting == EXPR_DEPTH_MAX) {
        return fault_at(c, at, ERR_LIMIT, "more than %d open parentheses and operators",
                        EXPR_DEPTH_MAX);
    }
    c->yard[c->waiting++] = (struct yard_entry){kind, at};
    return ERR_OK;
}

static int rank_of(enum step_kind kind)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        if (operators[i].kind == kind) {
            return operators[i].rank;
        }
    }
    return kind == STEP_NOT ? 4 : 0;
}

/* Writes what waits and binds at least as strongly. */
static enum err flush(struct compiler *c, int rank)
{
    while (c->waiting > 0 && c->yard[c->waiting - 1].kind != STEP_OPEN &&
           rank_of(c->yard[c->waiting - 1].kind) >= rank) {
        enum err code = write_operator(c, c->yard[--c->waiting]);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

/* ---- operands ---- */

static enum err write_fact(struct compiler *c, size_t at, enum fact_kind kind,
                           const struct str *texts, size_t count, uint32_t within)
{
    struct exprs *exprs = c->exprs;
    size_t fact = facts_count(exprs->facts);
    if (facts_add(exprs->facts, kind, texts, count, within) != ERR_OK) {
        return fault_at(c, at, ERR_LIMIT, "more than %d conditions or %d words in all expressions",
                        EXPR_FACTS_MAX, EXPR_WORDS_MAX);
    }
    exprs->owners[fact] = exprs->count;
    return write_operand(c, at, (struct step){STEP_FACT, (int64_t)fact}, BOOLEAN);
}

/* ["a", "b"] and the closing parenthesis. */
static enum err take_list(struct compiler *c, size_t at)
{
    enum err code = expect(c, "[", "before the words");
    size_t room = 16;
    size_t count = 0;
    struct str *texts = arena_array_of(c->exprs->arena, struct str, room);
    bool more = true;
    while (code == ERR_OK && more) {
        if (count == room) {
            struct str *larger = arena_array_of(c->exprs->arena, struct str, room * 2);
            memcpy(larger, texts, room * sizeof *texts);
            texts = larger;
            room *= 2;
        }
        code = take_string(c, &texts[count++]);
        more = code == ERR_OK && take(c, ",");
    }
    code = code == ERR_OK ? expect(c, "]", "after the words") : code;
    return code == ERR_OK ? write_fact(c, at, FACT_WORDS, texts, count, 0) : code;
}

static enum err take_near(struct compiler *c, size_t at)
{
    struct str texts[2];
    int64_t within = 0;
    enum err code = take_string(c, &texts[0]);
    code = code == ERR_OK ? expect(c, ",", "between the words") : code;
    code = code == ERR_OK ? take_string(c, &texts[1]) : code;
    code = code == ERR_OK ? expect(c, ",", "before the distance") : code;
    size_t number = c->at;
    code = code == ERR_OK ? take_number(c, &within) : code;
    if (code == ERR_OK && (within < 0 || within > EXPR_NEAR_MAX)) {
        return fault_at(c, number, ERR_RANGE, "the distance must be 0 to %d words", EXPR_NEAR_MAX);
    }
    return code == ERR_OK ? write_fact(c, at, FACT_NEAR, texts, 2, (uint32_t)within) : code;
}

static enum err write_size(struct compiler *c, size_t at)
{
    c->exprs->sized = true;
    return write_operand(c, at, (struct step){STEP_SIZE, 0}, NUMBER);
}

/* Behind "text.": a function and its arguments. */
static enum err take_function(struct compiler *c)
{
    static const struct {
        const char *name;
        enum fact_kind kind;
    } functions[] = {{"contains", FACT_CONTAINS}, {"startsWith", FACT_STARTS},
                     {"endsWith", FACT_ENDS},     {"matches", FACT_MATCHES},
                     {"words", FACT_WORDS},       {"near", FACT_NEAR}};
    skip_space(c);
    size_t at = c->at;
    struct str name = take_name(c);
    enum err code = expect(c, "(", "after the function's name");
    if (code == ERR_OK && str_equal(name, STR("size"))) {
        code = write_size(c, at);
        return code == ERR_OK ? expect(c, ")", "after size(") : code;
    }
    for (size_t i = 0; code == ERR_OK && i < sizeof functions / sizeof functions[0]; i++) {
        if (!str_equal(name, str_of(functions[i].name))) {
            continue;
        }
        struct str text;
        if (functions[i].kind == FACT_WORDS) {
            code = take_list(c, at);
        } else if (functions[i].kind == FACT_NEAR) {
            code = take_near(c, at);
        } else {
            code = take_string(c, &text);
            code = code == ERR_OK ? write_fact(c, at, functions[i].kind, &text, 1, 0) : code;
        }
        return code == ERR_OK ? expect(c, ")", "after the function's arguments") : code;
    }
    return code != ERR_OK ? code
                          : fault_at(c, at, ERR_INVALID,
                                     "no function '" STR_FMT "' (contains, startsWith, endsWith, "
                                     "matches, words, near, size)",
                                     STR_ARG(str_cut(name, 0, 32)));
}

/* text.f(...), text == "x", text != "x" */
static enum err take_text(struct compiler *c, size_t at)
{
    if (take(c, ".")) {
        return take_function(c);
    }
    bool same = take(c, "==");
    if (!same && !take(c, "!=")) {
        return fault_at(c, c->at, ERR_SYNTAX, "expected '.', '==' or '!=' after text");
    }
    struct str text;
    enum err code = take_string(c, &text);
    code = code == ERR_OK ? write_fact(c, at, FACT_EQUALS, &text, 1, 0) : code;
    if (code == ERR_OK && !same) {
        code = write_operator(c, (struct yard_entry){STEP_NOT, at});
    }
    return code;
}

static enum err take_size(struct compiler *c, size_t at)
{
    enum err code = expect(c, "(", "after size");
    if (code == ERR_OK && !str_equal(take_name(c), STR("text"))) {
        return fault_at(c, c->at, ERR_INVALID, "size is that of text: size(text)");
    }
    code = code == ERR_OK ? write_size(c, at) : code;
    return code == ERR_OK ? expect(c, ")", "after size(text") : code;
}

/* One operand with what stands before it. */
static enum err take_operand(struct compiler *c)
{
    enum err code = ERR_OK;
    skip_space(c);
    while (code == ERR_OK && (take(c, "!") || take(c, "("))) {
        size_t at = c->at - 1;
        code = wait_for(c, c->text.at[at] == '!' ? STEP_NOT : STEP_OPEN, at);
        skip_space(c);
    }
    size_t at = c->at;
    char first = byte_at(c, at);
    if (code != ERR_OK) {
        return code;
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        int64_t number = 0;
        code = take_number(c, &number);
        return code == ERR_OK ? write_operand(c, at, (struct step){STEP_NUMBER, number}, NUMBER)
                              : code;
    }
    struct str name = take_name(c);
    if (str_equal(name, STR("text"))) {
        return take_text(c, at);
    }
    if (str_equal(name, STR("size"))) {
        return take_size(c, at);
    }
    bool is_true = str_equal(name, STR("true"));
    if (is_true || str_equal(name, STR("false"))) {
        return write_operand(c, at, (struct step){STEP_CONSTANT, is_true}, BOOLEAN);
    }
    return fault_at(c, at, ERR_SYNTAX,
                    "expected a condition: text.f(...), size(text), a number, "
                    "true, false, '!' or '('");
}

/* Closing parentheses, then an operator (*more) or the end. */
static enum err take_operator(struct compiler *c, bool *more)
{
    enum err code = ERR_OK;
    while (code == ERR_OK && take(c, ")")) {
        code = flush(c, 0);
        if (code == ERR_OK && c->waiting == 0) {
            return fault_at(c, c->at - 1, ERR_SYNTAX, "')' without its '('");
        }
        c->waiting -= code == ERR_OK;
    }
    skip_space(c);
    size_t at = c->at;
    *more = at < c->text.len;
    if (code != ERR_OK || !*more) {
        return code;
    }
    for (size_t i = 0; i < OPERATORS; i++) {
        if (take(c, operators[i].text)) {
            code = flush(c, operators[i].rank);
            return code == ERR_OK ? wait_for(c, operators[i].kind, at) : code;
        }
    }
    return fault_at(c, at, ERR_SYNTAX, "expected an operator (&& || == != < <= > >=) or the end");
}

/* ---- the set ---- */

struct exprs *exprs_new(const struct fold *fold, struct arena *arena)
{
    struct exprs *exprs = arena_new_of(arena, struct exprs);
    exprs->arena = arena;
    exprs->facts = facts_new(fold, arena);
    return exprs;
}

size_t exprs_count(const struct exprs *exprs)
{
    return exprs->count;
}

enum err exprs_add(struct exprs *exprs, struct str text, struct fault *fault)
{
    struct compiler c = {.exprs = exprs, .fault = fault, .text = text};
    if (text.len > EXPR_BYTES_MAX || exprs->count == EXPRS_MAX) {
        return fault_at(&c, 0, ERR_LIMIT, "an expression over %d bytes, or more than %d of them",
                        EXPR_BYTES_MAX, EXPRS_MAX);
    }
    enum err code = ERR_OK;
    bool more = true;
    while (code == ERR_OK && more) {
        code = take_operand(&c);
        code = code == ERR_OK ? take_operator(&c, &more) : code;
    }
    code = code == ERR_OK ? flush(&c, 0) : code;
    if (code != ERR_OK) {
        return code;
    }
    if (c.waiting > 0) {
        return fault_at(&c, c.yard[c.waiting - 1].at, ERR_SYNTAX, "'(' without its ')'");
    }
    must(c.depth == 1);
    if (c.types[0] != BOOLEAN) {
        return fault_at(&c, 0, ERR_INVALID, "a number is no condition");
    }
    struct expr *expr = &exprs->items[exprs->count++];
    expr->steps = arena_array_of(exprs->arena, struct step, c.count);
    memcpy(expr->steps, c.steps, c.count * sizeof *c.steps);
    expr->count = c.count;
    return ERR_OK;
}

enum err exprs_done(struct exprs *exprs, size_t *which, struct fault *fault)
{
    size_t fact = 0;
    enum err code = facts_done(exprs->facts, &fact, fault);
    *which = code != ERR_OK && fact < facts_count(exprs->facts) ? exprs->owners[fact]
                                                                : exprs->count;
    return code;
}

/* ---- judging ---- */

static int64_t code_points(struct str text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((uint8_t)text.at[i] & 0xC0) != 0x80;
    }
    return count;
}

/* CEL: what one side decides does not depend on the other. */
static int64_t logic(enum step_kind kind, int64_t left, int64_t right)
{
    int64_t decides = kind == STEP_AND ? EXPR_NO : EXPR_YES;
    if (left == decides || right == decides) {
        return decides;
    }
    return left == EXPR_UNKNOWN || right == EXPR_UNKNOWN ? EXPR_UNKNOWN : EXPR_YES - decides;
}

static int64_t compare(enum step_kind kind, int64_t left, int64_t right)
{
    switch (kind) {
    case STEP_EQ:
        return left == right;
    case STEP_NE:
        return left != right;
    case STEP_LT:
        return left < right;
    case STEP_LE:
        return left <= right;
    case STEP_GT:
        return left > right;
    default:
        return left >= right;
    }
}

/* Numbers are known; only equality of two conditions can meet an unknown one. */
static int64_t apply(const struct step *step, enum type type, int64_t left, int64_t right)
{
    if (step->kind == STEP_AND || step->kind == STEP_OR) {
        return logic(step->kind, left, right);
    }
    if (type == BOOLEAN && (left == EXPR_UNKNOWN || right == EXPR_UNKNOWN)) {
        return EXPR_UNKNOWN;
    }
    return compare(step->kind, left, right);
}

static enum expr_value judge(const struct expr *expr, const enum expr_value *facts, int64_t size)
{
    int64_t values[EXPR_DEPTH_MAX] = {0};
    enum type types[EXPR_DEPTH_MAX] = {BOOLEAN};
    size_t depth = 0;
    for (size_t i = 0; i < expr->count; i++) {
        const struct step *step = &expr->steps[i];
        if (step->kind == STEP_NOT) {
            int64_t *top = &values[depth - 1];
            *top = *top == EXPR_UNKNOWN ? EXPR_UNKNOWN : EXPR_YES - *top;
        } else if (is_binary(step->kind)) {
            depth--;
            values[depth - 1] = apply(step, types[depth - 1], values[depth - 1], values[depth]);
            types[depth - 1] = BOOLEAN;
        } else {
            bool number = step->kind == STEP_NUMBER || step->kind == STEP_SIZE;
            types[depth] = number ? NUMBER : BOOLEAN;
            values[depth] = step->kind == STEP_FACT   ? (int64_t)facts[step->value]
                            : step->kind == STEP_SIZE ? size
                                                      : step->value;
            depth++;
        }
    }
    must(depth == 1);
    return (enum expr_value)values[0];
}

void exprs_judge(const struct exprs *exprs, struct str text, struct arena *arena,
                 enum expr_value *values)
{
    size_t count = facts_count(exprs->facts);
    enum expr_value *facts = arena_array_of(arena, enum expr_value, count + 1);
    facts_find(exprs->facts, text, arena, facts);
    int64_t size = exprs->sized ? code_points(text) : 0;
    for (size_t i = 0; i < exprs->count; i++) {
        values[i] = judge(&exprs->items[i], facts, size);
    }
}
