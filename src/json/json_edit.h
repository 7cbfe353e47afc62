/* SPDX-License-Identifier: Apache-2.0
 * json_edit.h - edits of a text as splices; the text itself never changes.
 *
 * Splices are kept in order of position and must not overlap. Without splices the result is the
 * text. Replacement bytes are borrowed and must outlive the edit; so must the text.
 */
#ifndef AIRE_JSON_JSON_EDIT_H
#define AIRE_JSON_JSON_EDIT_H

#include "base/arena.h"
#include "base/buf.h"
#include "json/json.h"

struct splice {
    size_t at;       /* first byte replaced */
    size_t len;      /* bytes removed; 0: an insertion in front of `at` */
    struct str with; /* what stands there instead */
    bool is_member;  /* a new member; behind `with` stands a comma that its length may include */
};

#define JSON_EDIT_MAX 4096 /* splices; one more is ERR_LIMIT */

struct json_edit {
    struct str text;
    struct arena *arena; /* holds the splice list and results */
    struct splice *splices;
    size_t count;
    size_t room;
};

void json_edit_init(struct json_edit *edit, struct str text, struct arena *arena);

/* INVALID on overlap or out of the text. Insertions at one place keep the order of their adding. */
enum err json_edit_replace(struct json_edit *edit, size_t at, size_t len, struct str with) MUST_USE;

/* Members are set and removed in any order and number, each call judged by the result so far. Whole
 * members and values swallow edits made inside of them; an edit that crosses their border is
 * INVALID, and so is an object that is none. After an error of these two the edit is half done:
 * drop it.
 *
 * Set: the member exists exactly once with this value (JSON text): in place of the last of its
 * name, else in front of the object's own members. */
enum err json_edit_set(struct json_edit *edit, const struct json *json, uint32_t object,
                       struct str key, struct str value) MUST_USE;
/* Remove: all members of that name with their commas; OK when absent. */
enum err json_edit_remove(struct json_edit *edit, const struct json *json, uint32_t object,
                          struct str key) MUST_USE;

size_t json_edit_length(const struct json_edit *edit); /* of the result */
/* Result as slices (untouched parts of the text and replacements), in the arena. */
size_t json_edit_slices(const struct json_edit *edit, struct str **slices);
/* splice(original, edits) in one piece, for checks and small texts. */
enum err json_edit_apply(const struct json_edit *edit, struct buf *to) MUST_USE;

#endif
