/* SPDX-License-Identifier: Apache-2.0
 * yaml.c - libyaml's events put together into a tree, with an explicit stack of open nodes.
 *
 * Invariants: levels[0..depth) are the open lists and maps, outermost first; a map level holds a
 * key exactly while its value is awaited; `cursor` never moves backwards, because events come in
 * the order of the text.
 */
#include "config/yaml.h"

#include "base/must.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct level {
    struct yaml *node;
    struct yaml *last; /* youngest child */
    bool has_key;
    struct str key;
    yaml_mark_t key_mark;
};

/* libyaml counts characters, the text is bytes: both, for the place looked at last. */
struct cursor {
    size_t index;
    size_t byte;
};

struct reader {
    struct str text;
    struct arena *arena;
    struct fault *fault;
    struct yaml *root;
    struct cursor cursor;
    size_t nodes;
    size_t depth;
    struct level levels[YAML_DEPTH_MAX];
};

static void place(struct fault *fault, size_t line, size_t column)
{
    if (fault != NULL) {
        fault->line = (unsigned)line;
        fault->column = (unsigned)column;
    }
}

static enum err refuse(struct reader *r, enum err code, yaml_mark_t mark, const char *words)
{
    place(r->fault, mark.line + 1, mark.column + 1);
    return fault_set(r->fault, code, "%s", words);
}

/* Puts the place of a byte into the fault. */
static void place_byte(struct fault *fault, struct str text, size_t byte)
{
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < byte && i < text.len; i++) {
        bool continues = ((unsigned char)text.at[i] & 0xC0) == 0x80;
        column = text.at[i] == '\n' ? 1 : column + !continues;
        line += text.at[i] == '\n';
    }
    place(fault, line, column);
}

/* Whether `byte` stands at a mark. */
static bool has_byte(struct reader *r, yaml_mark_t mark, char byte)
{
    struct cursor *c = &r->cursor;
    while (c->index < mark.index && c->byte < r->text.len) {
        c->byte++;
        while (c->byte < r->text.len && ((unsigned char)r->text.at[c->byte] & 0xC0) == 0x80) {
            c->byte++;
        }
        c->index++;
    }
    return c->byte < r->text.len && r->text.at[c->byte] == byte;
}

static int order_by_key(const void *left, const void *right)
{
    const struct yaml *a = *(const struct yaml *const *)left;
    const struct yaml *b = *(const struct yaml *const *)right;
    int order = str_compare(a->key, b->key);
    if (order != 0) {
        return order;
    }
    /* Twins stay in the order of the file, so that the second one is the offender. */
    return a->line != b->line ? (a->line > b->line) - (a->line < b->line)
                              : (a->column > b->column) - (a->column < b->column);
}

/* Sorting finds twins in n log n steps, whatever the file's author chose. */
static enum err check_keys(struct reader *r, const struct yaml *map)
{
    if (map->count < 2) {
        return ERR_OK;
    }
    const struct yaml **members = must_have(calloc(map->count, sizeof(struct yaml *)));
    size_t count = 0;
    for (const struct yaml *member = map->first; member != NULL; member = member->next) {
        members[count++] = member;
    }
    qsort(members, count, sizeof(struct yaml *), order_by_key);
    enum err err = ERR_OK;
    for (size_t i = 1; i < count && err == ERR_OK; i++) {
        if (str_equal(members[i - 1]->key, members[i]->key)) {
            char shown[YAML_SHOW_BYTES];
            place(r->fault, members[i]->line, members[i]->column);
            err = fault_set(r->fault, ERR_SYNTAX, "duplicate key '%s'; the first is in line %u",
                            yaml_show(members[i]->key, shown), members[i - 1]->line);
        }
    }
    free(members);
    return err;
}

/* Hangs a new node into the tree. */
static enum err add_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark,
                         struct yaml **node)
{
    if (++r->nodes > YAML_NODES_MAX) {
        return refuse(r, ERR_LIMIT, mark, "over 100000 values in one file");
    }
    struct yaml *made = arena_new_of(r->arena, struct yaml);
    made->kind = kind;
    struct level *parent = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    if (parent != NULL && parent->node->kind == YAML_MAP) {
        if (!parent->has_key) {
            return refuse(r, ERR_SYNTAX, mark, "a key must be text, not a list or a map");
        }
        made->key = parent->key;
        mark = parent->key_mark;
        parent->has_key = false;
    }
    made->line = (unsigned)mark.line + 1;
    made->column = (unsigned)mark.column + 1;
    if (parent == NULL) {
        r->root = made;
    } else if (parent->last == NULL) {
        parent->node->first = made;
    } else {
        parent->last->next = made;
    }
    if (parent != NULL) {
        parent->last = made;
        parent->node->count++;
    }
    *node = made;
    return ERR_OK;
}

static enum err open_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    if (r->depth == YAML_DEPTH_MAX) {
        return refuse(r, ERR_LIMIT, mark, "nested deeper than 32 levels");
    }
    struct yaml *node = NULL;
    enum err err = add_node(r, kind, mark, &node);
    if (err == ERR_OK) {
        r->levels[r->depth++] = (struct level){.node = node};
    }
    return err;
}

static enum err close_node(struct reader *r)
{
    must(r->depth > 0);
    const struct yaml *node = r->levels[--r->depth].node;
    return node->kind == YAML_MAP ? check_keys(r, node) : ERR_OK;
}

static enum err check_properties(struct reader *r, const yaml_char_t *anchor,
                                 const yaml_char_t *tag, yaml_mark_t mark)
{
    if (anchor != NULL) {
        return refuse(r, ERR_UNSUPPORTED, mark, "anchors (&name) are not supported");
    }
    /* libyaml forgets the tag "!" of a scalar; its text still shows it. */
    if (tag != NULL || has_byte(r, mark, '!')) {
        return refuse(r, ERR_UNSUPPORTED, mark, "tags (!name) are not supported");
    }
    return ERR_OK;
}

static enum err take_scalar(struct reader *r, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (str_find_byte(text, '\0') != SIZE_MAX) {
        return refuse(r, ERR_SYNTAX, event->start_mark, "text must not contain NUL");
    }
    text = arena_str(r->arena, text);
    struct level *parent = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    if (parent != NULL && parent->node->kind == YAML_MAP && !parent->has_key) {
        parent->key = text;
        parent->key_mark = event->start_mark;
        parent->has_key = true;
        return ERR_OK;
    }
    struct yaml *node = NULL;
    enum err err = add_node(r, YAML_SCALAR, event->start_mark, &node);
    if (err == ERR_OK) {
        node->scalar = text;
        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    }
    return err;
}

static enum err begin_document(struct reader *r, const yaml_event_t *event)
{
    if (r->root != NULL) {
        return refuse(r, ERR_UNSUPPORTED, event->start_mark, "a second document in the file");
    }
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end) {
        return refuse(r, ERR_UNSUPPORTED, event->start_mark, "tags (%TAG) are not supported");
    }
    return ERR_OK;
}

static enum err take_event(struct reader *r, const yaml_event_t *event)
{
    yaml_mark_t mark = event->start_mark;
    enum err err = ERR_OK;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return begin_document(r, event);
    case YAML_ALIAS_EVENT:
        return refuse(r, ERR_UNSUPPORTED, mark, "aliases (*name) are not supported");
    case YAML_SCALAR_EVENT:
        err = check_properties(r, event->data.scalar.anchor, event->data.scalar.tag, mark);
        return err != ERR_OK ? err : take_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        err = check_properties(r, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                               mark);
        return err != ERR_OK ? err : open_node(r, YAML_LIST, mark);
    case YAML_MAPPING_START_EVENT:
        err = check_properties(r, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                               mark);
        return err != ERR_OK ? err : open_node(r, YAML_MAP, mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_node(r);
    default:
        return ERR_OK; /* stream start and end, document end */
    }
}

/* Words and place of libyaml's own complaint. */
static enum err explain(struct reader *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        must_have_memory();
    }
    const char *problem = parser->problem ? parser->problem : "malformed YAML";
    if (parser->error == YAML_READER_ERROR) {
        place_byte(r->fault, r->text, parser->problem_offset);
        return fault_set(r->fault, ERR_SYNTAX, "%s", problem);
    }
    place(r->fault, parser->problem_mark.line + 1, parser->problem_mark.column + 1);
    if (parser->context == NULL) {
        return fault_set(r->fault, ERR_SYNTAX, "%s", problem);
    }
    return fault_set(r->fault, ERR_SYNTAX, "%s %s (from line %zu)", problem, parser->context,
                     parser->context_mark.line + 1);
}

static enum err read_all(struct reader *r, yaml_parser_t *parser)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return explain(r, parser);
        }
        done = event.type == YAML_STREAM_END_EVENT;
        enum err err = take_event(r, &event);
        yaml_event_delete(&event);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (r->root == NULL) {
        r->root = arena_new_of(r->arena, struct yaml);
        *r->root = (struct yaml){.kind = YAML_SCALAR, .plain = true, .line = 1, .column = 1};
    }
    return ERR_OK;
}

enum err yaml_parse(struct str text, struct arena *arena, const struct yaml **root,
                    struct fault *fault)
{
    if (text.len > YAML_BYTES_MAX) {
        place(fault, 0, 0);
        return fault_set(fault, ERR_LIMIT, "the file is over 4 MiB");
    }
    size_t valid = utf8_valid_prefix(text);
    if (valid < text.len) {
        place_byte(fault, text, valid);
        return fault_set(fault, ERR_SYNTAX, "not valid UTF-8");
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        must_have_memory();
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    const char *bytes = text.len > 0 ? text.at : "";
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, text.len);
    struct reader reader = {.text = text, .arena = arena, .fault = fault};
    enum err err = read_all(&reader, &parser);
    yaml_parser_delete(&parser);
    if (err == ERR_OK) {
        *root = reader.root;
    }
    return err;
}

const struct yaml *yaml_get(const struct yaml *map, struct str key)
{
    if (map == NULL || map->kind != YAML_MAP) {
        return NULL;
    }
    const struct yaml *member = map->first;
    while (member != NULL && !str_equal(member->key, key)) {
        member = member->next;
    }
    return member;
}

bool yaml_absent(const struct yaml *node)
{
    if (node == NULL) {
        return true;
    }
    return node->kind == YAML_SCALAR && node->plain &&
           (node->scalar.len == 0 || str_equal(node->scalar, STR("~")) ||
            str_equal(node->scalar, STR("null")));
}

enum err yaml_fault(struct fault *fault, const struct yaml *node, enum err code, const char *format,
                    ...)
{
    char words[sizeof fault->words] = "";
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words, sizeof words, format, values);
    va_end(values);
    place(fault, node != NULL ? node->line : 0, node != NULL ? node->column : 0);
    return fault_set(fault, code, "%s", words);
}

const char *yaml_kind_name(const struct yaml *node)
{
    static const char *const names[] = {
        [YAML_SCALAR] = "text", [YAML_LIST] = "a list", [YAML_MAP] = "a map"};
    return names[node->kind];
}

const char *yaml_show(struct str text, char to[YAML_SHOW_BYTES])
{
    static const char more[] = "...";
    struct str head = utf8_head(text, YAML_SHOW_BYTES - sizeof more);
    for (size_t i = 0; i < head.len; i++) {
        unsigned char byte = (unsigned char)head.at[i];
        to[i] = head.at[i];
        if (byte < 0x20 || byte == 0x7F) {
            to[i] = '?';
        }
    }
    (void)str_copy(head.len < text.len ? str_of(more) : STR(""), to + head.len, sizeof more);
    return to;
}
