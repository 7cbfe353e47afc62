/* SPDX-License-Identifier: Apache-2.0
 * hierarchy.c - a handful of forms, looked for where they can begin. */
#include "security/hierarchy.h"

#include "base/text.h"

#include <stdint.h>

static const struct form {
    struct str rule;
    struct str words; /* lower case; a blank stands for any white space or none */
    bool at_line;     /* only at the beginning of a line */
} forms[] = {
    {STR_CONST("role_message"), STR_CONST("\"role\" : \"system\""), false},
    {STR_CONST("role_message"), STR_CONST("\"role\" : \"developer\""), false},
    {STR_CONST("tool_choice"), STR_CONST("\"tool_choice\" :"), false},
    {STR_CONST("tool_choice"), STR_CONST("\"tools\" : [ {"), false},
    {STR_CONST("answer_form"), STR_CONST("\"response_format\" :"), false},
    {STR_CONST("role_marker"), STR_CONST("system:"), true},
    {STR_CONST("role_marker"), STR_CONST("developer:"), true},
    {STR_CONST("role_marker"), STR_CONST("[system]"), true},
    {STR_CONST("role_marker"), STR_CONST("<system>"), true},
    {STR_CONST("role_marker"), STR_CONST("### system"), true},
    {STR_CONST("role_marker"), STR_CONST("system message:"), true},
    {STR_CONST("role_marker"), STR_CONST("system prompt:"), true},
};

/* Bytes of the text that the form takes from `at` on; 0: it does not stand there. */
static size_t match(struct str text, size_t at, struct str words)
{
    size_t from = at;
    for (size_t i = 0; i < words.len; i++) {
        if (words.at[i] == ' ') {
            while (at < text.len && str_is_blank(text.at[at])) {
                at++;
            }
        } else if (at == text.len || text_lower(text.at[at]) != words.at[i]) {
            return 0;
        } else {
            at++;
        }
    }
    return at - from;
}

/* Where `byte` is next, or the text's end. `known` was found for an earlier place, 0 before. */
static size_t next_of(struct str text, size_t at, char byte, size_t known)
{
    if (known >= at) {
        return known;
    }
    size_t found = str_find_byte(str_cut(text, at, text.len), byte);
    return found == SIZE_MAX ? text.len : at + found;
}

static bool ranks_below(enum provenance provenance)
{
    return provenance == PROVENANCE_USER || provenance >= PROVENANCE_TOOL_RESULT;
}

/* The form that stands at a place, and its bytes; NULL: none. */
static const struct form *form_at(struct str text, size_t at, bool at_line, size_t *bytes)
{
    char byte = text.at[at];
    char next = text_lower(text.at[at + 1 < text.len ? at + 1 : at]);
    /* Of the forms in quotes the first letters are r and t. */
    bool quoted = byte == '"' && (next == 'r' || next == 't');
    bool may_begin = quoted || (at_line && (byte == '[' || byte == '<' || byte == '#' ||
                                            text_lower(byte) == 's' || text_lower(byte) == 'd'));
    for (size_t i = 0; may_begin && i < sizeof forms / sizeof forms[0]; i++) {
        *bytes = forms[i].at_line && !at_line ? 0 : match(text, at, forms[i].words);
        if (*bytes > 0) {
            return &forms[i];
        }
    }
    return NULL;
}

struct str hierarchy_text(struct str text, enum provenance provenance, size_t *start, size_t *end)
{
    bool at_line = true;
    size_t quote = 0;
    size_t line = 0;
    if (!ranks_below(provenance)) {
        return STR("");
    }
    for (size_t at = 0; at < text.len; at++) {
        if (!at_line) { /* nothing else matters in a line */
            quote = next_of(text, at, '"', quote);
            line = next_of(text, at, '\n', line);
            at = quote < line ? quote : line;
        }
        if (at == text.len) {
            break;
        }
        size_t bytes = 0;
        const struct form *form = form_at(text, at, at_line, &bytes);
        if (form != NULL) {
            *start = at;
            *end = at + bytes;
            return form->rule;
        }
        at_line = text.at[at] == '\n' || (at_line && str_is_blank(text.at[at]));
    }
    return STR("");
}

void hierarchy_next(struct hierarchy_order *order, enum provenance provenance)
{
    if (ranks_below(provenance)) {
        order->lower = true;
    } else if (provenance != PROVENANCE_ASSISTANT) {
        order->late = order->late || order->lower;
    }
}
