/* SPDX-License-Identifier: Apache-2.0
 * grammar.c - a rule is a choice of branches, braces are a choice without a name, a branch is a
 * list of pieces. Parsing keeps the open braces on a stack, expanding what is still to be said.
 *
 * Invariants: after parsing every reference has its rule and every choice a branch; a choice's
 * weight is the sum of its branches' weights, at least 1.
 */
#include "text/grammar.h"

#include "base/map.h"
#include "base/must.h"
#include "base/num.h"
#include "base/utf8.h"

#include <stdint.h>

enum piece_kind { PIECE_TEXT, PIECE_RULE, PIECE_CHOICE, PIECE_ATTACK, PIECE_PEACE };

struct piece {
    enum piece_kind kind;
    struct str text; /* or the rule's name */
    const struct grammar_choice *choice;
    struct piece *next;
};

struct branch {
    struct piece *first;
    struct piece **tail; /* where the next piece goes, while parsing */
    uint32_t weight;
    struct branch *next;
};

struct grammar_choice {
    struct branch *branches;
    struct branch *last;
    uint64_t weight;
};

struct reference {
    struct piece *piece;
    struct reference *next;
};

struct parser {
    struct str text;
    size_t at;
    struct arena *arena;
    struct fault *fault;
    struct grammar *grammar;
    struct map *names;
    struct grammar_choice *rule; /* whose alternatives are read */
    struct grammar_choice *open[GRAMMAR_NESTING + 1];
    size_t opened[GRAMMAR_NESTING + 1]; /* where their braces stand */
    unsigned depth;
    struct reference *references;
};

static enum err wrong_at(const struct parser *p, size_t at, enum err code, const char *what)
{
    (void)fault_set(p->fault, code, "%s", what);
    if (p->fault != NULL) {
        p->fault->line = 1;
        p->fault->column = 1;
        for (size_t i = 0; i < at; i++) {
            bool line = p->text.at[i] == '\n';
            p->fault->line += line;
            p->fault->column = line ? 1 : p->fault->column + 1;
        }
    }
    return code;
}

static enum err wrong(const struct parser *p, const char *what)
{
    return wrong_at(p, p->at, ERR_SYNTAX, what);
}

static char peek(const struct parser *p)
{
    if (p->at == p->text.len) {
        return '\n';
    }
    return p->text.at[p->at];
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str read_name(struct parser *p)
{
    size_t from = p->at;
    while (is_name(peek(p))) {
        p->at++;
    }
    return str_cut(p->text, from, p->at);
}

static void skip_blanks(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t') {
        p->at++;
    }
}

static struct branch *add_branch(struct parser *p, struct grammar_choice *choice, uint32_t weight)
{
    struct branch *branch = arena_new_of(p->arena, struct branch);
    branch->tail = &branch->first;
    branch->weight = weight;
    if (choice->last == NULL) {
        choice->branches = branch;
    } else {
        choice->last->next = branch;
    }
    choice->last = branch;
    choice->weight += weight;
    return branch;
}

static struct piece *add_piece(struct parser *p, enum piece_kind kind, struct str text)
{
    struct piece *piece = arena_new_of(p->arena, struct piece);
    struct branch *branch = p->open[p->depth]->last;
    piece->kind = kind;
    piece->text = text;
    *branch->tail = piece;
    branch->tail = &piece->next;
    return piece;
}

static enum err read_reference(struct parser *p)
{
    p->at++;
    bool bracket = peek(p) == '(';
    p->at += bracket;
    struct str name = read_name(p);
    if (name.len == 0) {
        return wrong(p, "a rule's name is expected after $ (\\$ for the sign itself)");
    }
    if (bracket && peek(p) != ')') {
        return wrong(p, "\")\" is expected after the rule's name");
    }
    p->at += bracket;
    struct reference *reference = arena_new_of(p->arena, struct reference);
    *reference = (struct reference){add_piece(p, PIECE_RULE, name), p->references};
    p->references = reference;
    return ERR_OK;
}

static enum err read_escape(struct parser *p)
{
    p->at++;
    if (p->at == p->text.len) {
        return wrong(p, "the text ends after a backslash");
    }
    char c = p->text.at[p->at];
    struct str self = str_cut(p->text, p->at, p->at + 1);
    p->at++;
    switch (c) {
    case 'n':
        (void)add_piece(p, PIECE_TEXT, STR("\n"));
        return ERR_OK;
    case 't':
        (void)add_piece(p, PIECE_TEXT, STR("\t"));
        return ERR_OK;
    case 's':
        (void)add_piece(p, PIECE_TEXT, STR(" "));
        return ERR_OK;
    case '[':
        (void)add_piece(p, PIECE_ATTACK, self);
        return ERR_OK;
    case ']':
        (void)add_piece(p, PIECE_PEACE, self);
        return ERR_OK;
    case '\n':
        (void)add_piece(p, PIECE_TEXT, self);
        skip_blanks(p);
        return ERR_OK;
    default:
        if (str_find_byte(STR("{}|$\\%#"), c) == SIZE_MAX) {
            p->at -= 2;
            return wrong(p, "\\ is followed by one of n t s [ ] { } | $ \\ % # or a new line");
        }
        (void)add_piece(p, PIECE_TEXT, self);
        return ERR_OK;
    }
}

static enum err read_open(struct parser *p)
{
    if (p->depth == GRAMMAR_NESTING) {
        return wrong_at(p, p->at, ERR_LIMIT, "braces are nested too deeply");
    }
    struct grammar_choice *choice = arena_new_of(p->arena, struct grammar_choice);
    add_piece(p, PIECE_CHOICE, (struct str){NULL, 0})->choice = choice;
    p->depth++;
    p->open[p->depth] = choice;
    p->opened[p->depth] = p->at++;
    (void)add_branch(p, choice, 1);
    return ERR_OK;
}

/* A sign that means something: not the text between two of them. */
static enum err read_sign(struct parser *p, char c)
{
    if (c == '\\') {
        return read_escape(p);
    }
    if (c == '$') {
        return read_reference(p);
    }
    if (c == '{') {
        return read_open(p);
    }
    if (p->depth == 0) {
        return wrong(p, c == '}' ? "} without {" : "| outside of braces (\\| for the sign itself)");
    }
    p->at++;
    if (c == '|') {
        (void)add_branch(p, p->open[p->depth], 1);
    } else {
        p->depth--;
    }
    return ERR_OK;
}

/* "%3 " at the start of an alternative. */
static enum err read_weight(struct parser *p, uint32_t *weight)
{
    *weight = 1;
    if (peek(p) != '%') {
        return ERR_OK;
    }
    size_t from = ++p->at;
    uint64_t value = 0;
    while (peek(p) >= '0' && peek(p) <= '9') {
        p->at++;
    }
    if (num_u64(str_cut(p->text, from, p->at), &value) != ERR_OK || value == 0 ||
        value > GRAMMAR_WEIGHT_MAX || peek(p) != ' ') {
        p->at = from;
        return wrong(p, "% begins a weight from 1 to 1000 and a space (\\% for the sign itself)");
    }
    *weight = (uint32_t)value;
    skip_blanks(p);
    return ERR_OK;
}

static enum err read_alternative(struct parser *p)
{
    uint32_t weight = 0;
    enum err code = read_weight(p, &weight);
    if (code != ERR_OK) {
        return code;
    }
    p->open[0] = p->rule;
    p->depth = 0;
    (void)add_branch(p, p->rule, weight);
    while (code == ERR_OK && peek(p) != '\n') {
        size_t from = p->at;
        while (str_find_byte(STR("\\${}|\n"), peek(p)) == SIZE_MAX) {
            p->at++;
        }
        struct str run = str_cut(p->text, from, p->at);
        bool last = peek(p) == '\n';
        run = last && str_trim(run).len == 0 ? (struct str){NULL, 0} : run;
        while (last && run.len > 0 && (run.at[run.len - 1] == ' ' || run.at[run.len - 1] == '\r')) {
            run.len--;
        }
        if (run.len > 0) {
            (void)add_piece(p, PIECE_TEXT, run);
        }
        code = last ? ERR_OK : read_sign(p, peek(p));
    }
    if (code == ERR_OK && p->depth > 0) {
        return wrong_at(p, p->opened[p->depth], ERR_SYNTAX, "this { has no } in its line");
    }
    return code;
}

static bool one_of(struct str word, const struct str *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(word, known[i])) {
            return true;
        }
    }
    return false;
}

/* make COUNT LABEL KIND LANGUAGE PROVENANCE RULE */
static enum err read_make(struct parser *p, struct str line)
{
    static const struct str labels[] = {STR_CONST("injection"), STR_CONST("jailbreak"),
                                        STR_CONST("benign")};
    static const struct str provenances[] = {STR_CONST("user"), STR_CONST("tool"),
                                             STR_CONST("retrieved")};
    struct str words[8];
    size_t count = 0;
    struct str word;
    while (count < 8 && str_split(&line, ' ', &word)) {
        words[count] = word;
        count += word.len > 0;
    }
    uint64_t samples = 0;
    if (count != 7) {
        return wrong(p, "make has six words: count label kind language provenance rule");
    }
    if (num_u64(words[1], &samples) != ERR_OK || samples == 0 || samples > GRAMMAR_COUNT_MAX) {
        return wrong(p, "the number of samples is from 1 to 100000");
    }
    if (!one_of(words[2], labels, 3)) {
        return wrong(p, "the label is one of injection, jailbreak, benign");
    }
    if (!one_of(words[5], provenances, 3)) {
        return wrong(p, "the provenance is one of user, tool, retrieved");
    }
    if (p->grammar->make_count == GRAMMAR_MAKES_MAX) {
        return wrong_at(p, p->at, ERR_LIMIT, "too many make lines");
    }
    p->grammar->makes[p->grammar->make_count++] = (struct grammar_make){.count = (uint32_t)samples,
                                                                        .label = words[2],
                                                                        .kind = words[3],
                                                                        .language = words[4],
                                                                        .provenance = words[5],
                                                                        .rule = words[6]};
    return ERR_OK;
}

static enum err begin_rule(struct parser *p)
{
    size_t from = p->at;
    struct str name = read_name(p);
    if (name.len == 0 || peek(p) != ':') {
        return wrong(p, "a line at the margin is a comment (#), a make line, or a rule's name "
                        "(small letters, digits, _) and a colon");
    }
    p->at++;
    skip_blanks(p);
    if (peek(p) != '\n') {
        return wrong(p, "alternatives stand in lines of their own, indented");
    }
    if (p->rule != NULL && p->rule->branches == NULL) {
        return wrong_at(p, from, ERR_SYNTAX, "the rule before this one has no alternative");
    }
    if (map_get(p->names, name) != NULL) {
        return wrong_at(p, from, ERR_EXISTS, "a rule of this name stands above");
    }
    p->rule = arena_new_of(p->arena, struct grammar_choice);
    if (map_put(p->names, name, p->rule) != ERR_OK) {
        return wrong_at(p, from, ERR_LIMIT, "too many rules");
    }
    return ERR_OK;
}

static enum err read_line(struct parser *p)
{
    size_t newline = str_find_byte(str_cut(p->text, p->at, p->text.len), '\n');
    size_t end = newline == SIZE_MAX ? p->text.len : p->at + newline;
    struct str line = str_cut(p->text, p->at, end);
    if (str_trim(line).len == 0 || line.at[0] == '#') {
        p->at = end;
        return ERR_OK;
    }
    if (str_starts(line, STR("make "))) {
        enum err code = read_make(p, str_trim(line));
        p->at = code == ERR_OK ? end : p->at;
        return code;
    }
    if (line.at[0] != ' ' && line.at[0] != '\t') {
        return begin_rule(p);
    }
    skip_blanks(p);
    return p->rule == NULL ? wrong(p, "an alternative before the first rule's name")
                           : read_alternative(p);
}

static enum err resolve(struct parser *p)
{
    for (struct reference *r = p->references; r != NULL; r = r->next) {
        r->piece->choice = map_get(p->names, r->piece->text);
        if (r->piece->choice == NULL) {
            return wrong_at(p, (size_t)(r->piece->text.at - p->text.at), ERR_NOT_FOUND,
                            "no rule has this name");
        }
    }
    for (size_t i = 0; i < p->grammar->make_count; i++) {
        struct str rule = p->grammar->makes[i].rule;
        if (map_get(p->names, rule) == NULL) {
            return wrong_at(p, (size_t)(rule.at - p->text.at), ERR_NOT_FOUND,
                            "no rule has this name");
        }
    }
    return ERR_OK;
}

static void forget_names(void *names)
{
    map_free(names);
}

enum err grammar_parse(struct str text, struct arena *arena, struct grammar *grammar,
                       struct fault *fault)
{
    /* Grammars come from whoever trains: their names need no secret. */
    static const uint64_t seed[2] = {0, 0};
    struct parser p = {.arena = arena, .fault = fault, .grammar = grammar};
    *grammar = (struct grammar){.make_count = 0};
    if (text.len > GRAMMAR_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "a grammar has at most %zu bytes", GRAMMAR_BYTES_MAX);
    }
    p.text = arena_str(arena, text);
    size_t valid = utf8_valid_prefix(p.text);
    if (valid < p.text.len) {
        return wrong_at(&p, valid, ERR_SYNTAX, "not UTF-8");
    }
    p.names = map_new(seed, GRAMMAR_RULES_MAX);
    arena_cleanup(arena, forget_names, p.names);
    enum err code = ERR_OK;
    while (code == ERR_OK && p.at < p.text.len) {
        code = read_line(&p);
        p.at += code == ERR_OK && p.at < p.text.len; /* the new line */
    }
    if (code == ERR_OK && p.rule != NULL && p.rule->branches == NULL) {
        return wrong(&p, "the last rule has no alternative");
    }
    grammar->names = p.names;
    return code == ERR_OK ? resolve(&p) : code;
}

static const struct piece *draw(const struct grammar_choice *choice, struct rng *rng)
{
    must(choice->weight > 0);
    uint64_t drawn = choice->weight > 1 ? rng_below(rng, choice->weight) : 0;
    const struct branch *branch = choice->branches;
    while (drawn >= branch->weight) {
        drawn -= branch->weight;
        branch = branch->next;
    }
    return branch->first;
}

/* One expansion under way. */
struct expanding {
    const struct piece *later[GRAMMAR_DEPTH];
    unsigned depth;
    unsigned steps;
    struct rng *rng;
    struct buf *to;
    size_t begin;
    size_t start; /* of the attack, SIZE_MAX: none yet */
    size_t end;
};

/* Writes a piece; the next one, NULL when what was put off goes on. */
static enum err expand_piece(struct expanding *e, const struct piece **piece)
{
    const struct piece *next = (*piece)->next;
    enum err code = ERR_OK;
    if ((*piece)->kind == PIECE_TEXT) {
        code = buf_add(e->to, (*piece)->text);
    } else if ((*piece)->kind == PIECE_ATTACK) {
        e->start = e->start == SIZE_MAX ? e->to->len - e->begin : e->start;
    } else if ((*piece)->kind == PIECE_PEACE) {
        e->end = e->to->len - e->begin;
    } else {
        /* Nothing is kept for a last piece, so that lists written as rules do not go deep. */
        if ((next != NULL && e->depth == GRAMMAR_DEPTH) || e->steps > GRAMMAR_STEPS) {
            return ERR_LIMIT;
        }
        if (next != NULL) {
            e->later[e->depth++] = next;
        }
        next = draw((*piece)->choice, e->rng);
    }
    *piece = next;
    return code;
}

/* Whole samples only: what does not fit leaves the buffer as it was. */
enum err grammar_expand(const struct grammar *grammar, struct str rule, struct rng *rng,
                        struct buf *to, struct grammar_span *span)
{
    const struct grammar_choice *choice = map_get(grammar->names, rule);
    if (choice == NULL) {
        return ERR_NOT_FOUND;
    }
    struct expanding e = {
        .rng = rng, .to = to, .begin = to->len, .start = SIZE_MAX, .end = SIZE_MAX};
    const struct piece *piece = draw(choice, rng);
    enum err code = ERR_OK;
    for (; code == ERR_OK && (piece != NULL || e.depth > 0); e.steps++) {
        if (piece == NULL) {
            piece = e.later[--e.depth];
        } else {
            code = expand_piece(&e, &piece);
        }
    }
    size_t len = to->len - e.begin;
    to->len = code == ERR_OK ? to->len : e.begin;
    *span = (struct grammar_span){e.start < len ? e.start : 0, e.end <= len ? e.end : len};
    if (span->start >= span->end) {
        *span = (struct grammar_span){0, len};
    }
    return code;
}
