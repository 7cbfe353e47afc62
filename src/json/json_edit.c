/* SPDX-License-Identifier: Apache-2.0
 * json_edit.c - an ordered list of splices, and members of objects on top of it.
 *
 * Invariants: splices are ordered by place, at one place insertions before the replacement, and do
 * not overlap. Members that follow each other and are removed share one splice, which owns the
 * commas: up to the next remaining member when nothing remains before them, else from the end of
 * the one before. New members stand together behind the opening brace, each with a comma when
 * another member follows.
 *
 * Commas are decided anew after each change from what then remains, never from the history: so
 * members can be set and removed in any order, and removing all of them leaves "{}" or just the new
 * ones. The tape always describes the original text; what has become of a member is read off the
 * splices.
 */
#include "json/json_edit.h"

#include "base/must.h"
#include "json/json_writer.h"

#include <stdint.h>
#include <string.h>

#define SPLICES_FIRST 16

void json_edit_init(struct json_edit *edit, struct str text, struct arena *arena)
{
    must(edit != NULL && arena != NULL);
    *edit = (struct json_edit){.text = text, .arena = arena};
}

/* First byte behind what is replaced. */
static size_t end_of(const struct splice *splice)
{
    return splice->at + splice->len;
}

/* Index at which a splice at `at` belongs: behind the insertions there, before the replacement. By
 * halving, because is_gone() asks for every member. */
static size_t place(const struct json_edit *edit, size_t at)
{
    size_t low = 0;
    size_t high = edit->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct splice *splice = &edit->splices[middle];
        if (splice->at < at || (splice->at == at && splice->len == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The old list stays in the arena: doubling wastes at most as much again. */
static void make_room(struct json_edit *edit)
{
    if (edit->count < edit->room) {
        return;
    }
    size_t room = edit->room > 0 ? edit->room * 2 : SPLICES_FIRST;
    struct splice *splices = arena_alloc(edit->arena, sizeof *splices * room);
    if (edit->count > 0) {
        memcpy(splices, edit->splices, sizeof *splices * edit->count);
    }
    edit->splices = splices;
    edit->room = room;
}

/* Puts `splice` in its place. Splices inside of it are dropped, or are an overlap like those that
 * cross its border. */
static enum err put_splice(struct json_edit *edit, struct splice splice, bool swallow)
{
    size_t end = end_of(&splice);
    size_t first = place(edit, splice.at);
    size_t behind = first;
    while (behind < edit->count && edit->splices[behind].at < end) {
        behind++;
    }
    if (first > 0 && end_of(&edit->splices[first - 1]) > splice.at) {
        return ERR_INVALID;
    }
    if (behind > first && (!swallow || end_of(&edit->splices[behind - 1]) > end)) {
        return ERR_INVALID;
    }
    if (edit->count - (behind - first) == JSON_EDIT_MAX) {
        return ERR_LIMIT;
    }
    make_room(edit);
    memmove(&edit->splices[first + 1], &edit->splices[behind],
            sizeof *edit->splices * (edit->count - behind));
    edit->splices[first] = splice;
    edit->count = edit->count - (behind - first) + 1;
    return ERR_OK;
}

enum err json_edit_replace(struct json_edit *edit, size_t at, size_t len, struct str with)
{
    if (at > edit->text.len || len > edit->text.len - at) {
        return ERR_INVALID;
    }
    if (len == 0 && with.len == 0) {
        return ERR_OK;
    }
    return put_splice(edit, (struct splice){.at = at, .len = len, .with = with}, false);
}

struct span {
    size_t from;
    size_t to;
};

/* From the quote of the key to the end of the value, without commas. */
static struct span member_span(const struct json *json, uint32_t key)
{
    struct str name = json_raw(json, key);
    struct str value = json_raw(json, key + 1);
    return (struct span){(size_t)(name.at - json->text.at),
                         (size_t)(value.at - json->text.at) + value.len};
}

/* Removed: a splice covers all of it and puts nothing there. A replacement of it is no removal. */
static bool is_gone(const struct json_edit *edit, struct span member)
{
    size_t index = place(edit, member.from);
    if (index == edit->count || edit->splices[index].at > member.from) {
        if (index == 0) {
            return false;
        }
        index--;
    }
    const struct splice *splice = &edit->splices[index];
    return splice->with.len == 0 && end_of(splice) >= member.to;
}

/* Members that follow each other and are to be gone. 0 as an end of a member: there is none. */
struct run {
    size_t left; /* end of the remaining member before the run */
    struct span span;
    bool touched; /* one of them is to be removed now */
};

/* One splice for the whole run; splices of earlier, shorter runs lie inside and are swallowed.
 * `right`: where the next remaining member begins, 0: there is none. */
static enum err remove_run(struct json_edit *edit, const struct run *run, size_t right)
{
    if (!run->touched) {
        return ERR_OK;
    }
    size_t at = run->left > 0 ? run->left : run->span.from;
    size_t end = run->left == 0 && right > 0 ? right : run->span.to;
    return put_splice(edit, (struct splice){.at = at, .len = end - at}, true);
}

/* One walk removes all members named `key` but `keep`, however many: the cost stays linear. Tells
 * whether any member of the text remains. */
static enum err remove_named(struct json_edit *edit, const struct json *json, uint32_t object,
                             struct str key, uint32_t keep, bool *remains)
{
    struct run run = {.left = 0};
    enum err code = ERR_OK;
    for (uint32_t k = json_first(json, object); k != JSON_NONE && code == ERR_OK;
         k = json_after(json, object, k)) {
        struct span member = member_span(json, k);
        bool named = k != keep && json_string_is(json, k, key);
        if (!named && !is_gone(edit, member)) {
            code = remove_run(edit, &run, member.from);
            run = (struct run){.left = member.to};
            continue;
        }
        run.span.from = run.span.to > 0 ? run.span.from : member.from;
        run.span.to = member.to;
        run.touched = run.touched || named;
    }
    *remains = run.left > 0;
    return code == ERR_OK ? remove_run(edit, &run, 0) : code;
}

/* Where new members stand: right behind the opening brace. */
static size_t inside_of(const struct json *json, uint32_t object)
{
    return json->nodes[object].at + (size_t)1;
}

/* The new member whose text begins with `name` (a key with quotes and colon), or NULL. */
static struct splice *new_member(struct json_edit *edit, size_t at, struct str name)
{
    for (size_t i = place(edit, at); i > 0 && edit->splices[i - 1].at == at; i--) {
        struct splice *splice = &edit->splices[i - 1];
        if (splice->is_member && str_starts(splice->with, name)) {
            return splice;
        }
    }
    return NULL;
}

/* The bytes it pointed to stay in the arena. */
static void drop_splice(struct json_edit *edit, const struct splice *splice)
{
    size_t index = (size_t)(splice - edit->splices);
    edit->count--;
    memmove(&edit->splices[index], &edit->splices[index + 1],
            sizeof *splice * (edit->count - index));
}

/* Every new member has a comma but the last one in front of nothing. A value does not end with a
 * comma, so the last byte tells whether it counts already. */
static void settle_commas(struct json_edit *edit, size_t at, bool remains)
{
    bool follows = remains;
    for (size_t i = place(edit, at); i > 0 && edit->splices[i - 1].at == at; i--) {
        struct splice *splice = &edit->splices[i - 1];
        if (!splice->is_member) {
            continue;
        }
        bool has = splice->with.at[splice->with.len - 1] == ',';
        splice->with.len = splice->with.len - has + follows;
        follows = true;
    }
}

/* "key": as the writer escapes it, so that the same key always has the same bytes. */
static struct str name_text(struct json_edit *edit, struct str key)
{
    struct buf name;
    buf_init(&name, SIZE_MAX / 2);
    enum err code = buf_add_byte(&name, '"');
    code = code == ERR_OK ? json_escape(&name, key) : code;
    code = code == ERR_OK ? buf_add(&name, STR("\":")) : code;
    must(code == ERR_OK);
    struct str text = arena_str(edit->arena, buf_str(&name));
    buf_end(&name);
    return text;
}

/* The text is made with its comma; settle_commas() decides whether it counts. */
static enum err add_member(struct json_edit *edit, size_t at, struct str name, struct str value)
{
    char *text = arena_alloc(edit->arena, name.len + value.len + 1);
    memcpy(text, name.at, name.len);
    memcpy(text + name.len, value.at, value.len);
    text[name.len + value.len] = ',';
    struct str with = {text, name.len + value.len + 1};
    struct splice *present = new_member(edit, at, name);
    if (present != NULL) {
        present->with = with;
        return ERR_OK;
    }
    return put_splice(edit, (struct splice){.at = at, .with = with, .is_member = true}, false);
}

/* Offsets of another text would cut anywhere. */
static void must_be_of(const struct json_edit *edit, const struct json *json)
{
    must(json->text.at == edit->text.at && json->text.len == edit->text.len);
}

/* The last of its name is the one readers see, so its place is kept; the others go, lest a reader
 * that takes the first sees another value than the one set. */
enum err json_edit_set(struct json_edit *edit, const struct json *json, uint32_t object,
                       struct str key, struct str value)
{
    must_be_of(edit, json);
    if (!json_is(json, object, JSON_OBJECT) || value.len == 0) {
        return ERR_INVALID;
    }
    uint32_t last = json_get(json, object, key);
    if (last != JSON_NONE && is_gone(edit, member_span(json, last - 1))) {
        last = JSON_NONE;
    }
    bool remains;
    uint32_t keep = last != JSON_NONE ? last - 1 : JSON_NONE;
    enum err code = remove_named(edit, json, object, key, keep, &remains);
    if (code != ERR_OK) {
        return code;
    }
    if (last != JSON_NONE) {
        struct str old = json_raw(json, last);
        size_t at = (size_t)(old.at - json->text.at);
        code = put_splice(edit, (struct splice){.at = at, .len = old.len, .with = value}, true);
    } else {
        code = add_member(edit, inside_of(json, object), name_text(edit, key), value);
    }
    settle_commas(edit, inside_of(json, object), remains);
    return code;
}

enum err json_edit_remove(struct json_edit *edit, const struct json *json, uint32_t object,
                          struct str key)
{
    must_be_of(edit, json);
    if (!json_is(json, object, JSON_OBJECT)) {
        return ERR_INVALID;
    }
    bool remains;
    enum err code = remove_named(edit, json, object, key, JSON_NONE, &remains);
    size_t at = inside_of(json, object);
    struct splice *added = new_member(edit, at, name_text(edit, key));
    if (added != NULL) {
        drop_splice(edit, added);
    }
    settle_commas(edit, at, remains);
    return code;
}

/* Splices lie inside the text and apart, so the subtraction cannot go below zero. */
size_t json_edit_length(const struct json_edit *edit)
{
    size_t length = edit->text.len;
    for (size_t i = 0; i < edit->count; i++) {
        length = length - edit->splices[i].len + edit->splices[i].with.len;
    }
    return length;
}

/* Between n splices lie at most n + 1 kept parts. */
size_t json_edit_slices(const struct json_edit *edit, struct str **slices)
{
    struct str *list = arena_alloc(edit->arena, sizeof *list * (edit->count * 2 + 1));
    size_t count = 0;
    size_t from = 0;
    for (size_t i = 0; i <= edit->count; i++) {
        bool last = i == edit->count;
        struct str kept = str_cut(edit->text, from, last ? edit->text.len : edit->splices[i].at);
        if (kept.len > 0) {
            list[count++] = kept;
        }
        if (!last && edit->splices[i].with.len > 0) {
            list[count++] = edit->splices[i].with;
        }
        from = last ? from : end_of(&edit->splices[i]);
    }
    *slices = list;
    return count;
}

enum err json_edit_apply(const struct json_edit *edit, struct buf *to)
{
    enum err code = buf_reserve(to, json_edit_length(edit));
    size_t from = 0;
    for (size_t i = 0; i < edit->count && code == ERR_OK; i++) {
        const struct splice *splice = &edit->splices[i];
        code = buf_add(to, str_cut(edit->text, from, splice->at));
        code = code == ERR_OK ? buf_add(to, splice->with) : code;
        from = end_of(splice);
    }
    return code == ERR_OK ? buf_add(to, str_cut(edit->text, from, edit->text.len)) : code;
}
