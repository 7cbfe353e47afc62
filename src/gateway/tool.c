/* SPDX-License-Identifier: Apache-2.0
 * tool.c - which action is it? Paths are compared segment by segment, decoded, empty ones left out:
 * so does the laxest of servers, and a call must not look safer to us than to it. */
#include "gateway/tool.h"

#include "base/text.h"

static const struct action undeclared_read = {.name = STR_CONST("undeclared"),
                                              .effect = EFFECT_READ};
static const struct action undeclared = {.name = STR_CONST("undeclared"), .effect = EFFECT_UNSAFE};

bool tool_split(struct str path, struct str *name, struct str *tail)
{
    if (!str_starts(path, STR(TOOL_PATH))) {
        return false;
    }
    struct str rest = str_cut(path, sizeof TOOL_PATH - 1, path.len);
    size_t slash = str_find_byte(rest, '/');
    *name = str_cut(rest, 0, slash);
    *tail = slash == SIZE_MAX ? STR("") : str_cut(rest, slash, rest.len);
    return name->len > 0;
}

static bool is_separator(char byte)
{
    return byte == '/' || byte == '\\';
}

/* The next segment that is not empty; "" at the end. */
static struct str next_segment(struct str *rest)
{
    size_t from = 0;
    while (from < rest->len && is_separator(rest->at[from])) {
        from++;
    }
    size_t to = from;
    while (to < rest->len && !is_separator(rest->at[to])) {
        to++;
    }
    struct str segment = str_cut(*rest, from, to);
    *rest = str_cut(*rest, to, rest->len);
    return segment;
}

enum err tool_decode(struct str tail, struct arena *arena, struct str *decoded)
{
    struct buf plain;
    buf_init(&plain, tail.len + 1);
    enum err code = text_unpercent(&plain, tail);
    *decoded = arena_str(arena, buf_str(&plain));
    buf_end(&plain);
    struct str rest = *decoded;
    struct str segment;
    while (code == ERR_OK && (segment = next_segment(&rest)).len > 0) {
        if (str_equal(segment, STR(".")) || str_equal(segment, STR(".."))) {
            code = ERR_INVALID;
        }
    }
    return code == ERR_OK ? ERR_OK : ERR_INVALID;
}

static bool is_variable(struct str segment)
{
    return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

static bool path_matches(struct str pattern, struct str path)
{
    struct str want;
    struct str have;
    do {
        want = next_segment(&pattern);
        have = next_segment(&path);
        if (is_variable(want) ? have.len == 0 : !str_equal(want, have)) {
            return false;
        }
    } while (want.len > 0);
    return true;
}

static bool is_safe(struct str method)
{
    return str_equal(method, STR("GET")) || str_equal(method, STR("HEAD")) ||
           str_equal(method, STR("OPTIONS"));
}

const struct action *tool_action(const struct tool *tool, struct str method, struct str decoded)
{
    struct str rest = decoded;
    struct str first = next_segment(&rest);
    for (size_t i = 0; i < tool->action_count; i++) {
        const struct action *action = &tool->actions[i];
        bool found = action->match.method.len > 0 ? str_equal(action->match.method, method) &&
                                                        path_matches(action->match.path, decoded)
                                                  : str_equal(action->name, first);
        if (found) {
            return action;
        }
    }
    return is_safe(method) ? &undeclared_read : &undeclared;
}

bool action_call_read(struct str text, struct action_call *call)
{
    size_t space = str_find_byte(text, ' ');
    call->method = str_cut(text, 0, space);
    call->path = str_cut(text, space == SIZE_MAX ? text.len : space + 1, text.len);
    bool valid = call->method.len > 0 && call->path.len > 0 && call->path.at[0] == '/';
    for (size_t i = 0; i < call->method.len; i++) {
        valid = valid && call->method.at[i] >= 'A' && call->method.at[i] <= 'Z';
    }
    for (size_t i = 0; i < call->path.len; i++) {
        char c = call->path.at[i];
        valid = valid && c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '%';
    }
    return valid;
}
