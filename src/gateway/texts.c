/* SPDX-License-Identifier: Apache-2.0
 * texts.c - one pass over the tape with the open containers on a stack.
 *
 * Sources: OpenAI API reference (chat, responses), Anthropic API reference (messages). */
#include "gateway/texts.h"

#include "base/must.h"
#include "security/hierarchy.h"
#include "json/json_writer.h"

#include <string.h>

#define NUMBER_DIGITS_MIN 7 /* fewer digits identify nobody */

enum key_means {
    KEY_TEXT,      /* nothing special */
    KEY_STRUCTURE, /* a word here is no text */
    KEY_NAME,      /* likewise, but of a message it is read by some models */
    KEY_MODEL,     /* likewise, but at the root it is ours alone */
    KEY_BLOB,      /* base64 here is no text, unless it stands for one */
    KEY_URL,       /* a file in a data: address is no text */
    KEY_SCHEMA,    /* below are names that its author made up */
    KEY_LOGPROBS,  /* of an answer: nothing below is text, see texts_drop_logprobs() */
    KEY_SYSTEM,    /* at the root: all below is the system's */
    KEY_TOOLS,     /* at the root: all below is the developer's */
    KEY_MESSAGES,  /* at the root: a list of messages */
    KEY_RESPONSE,  /* at an answer's root: the answer itself, in an event */
    KEY_ARGUMENTS, /* a string here is JSON; an object is of free form */
    KEY_FREE,      /* an object here is of free form; a list at the root is one of messages */
    KEY_NOTES      /* of free form; at an answer's root it repeats what the request said */
};

static const struct {
    struct str key;
    enum key_means means;
} keys[] = {
    {STR_CONST("type"), KEY_STRUCTURE},
    {STR_CONST("role"), KEY_STRUCTURE},
    {STR_CONST("model"), KEY_MODEL},
    {STR_CONST("id"), KEY_STRUCTURE},
    {STR_CONST("name"), KEY_NAME},
    {STR_CONST("object"), KEY_STRUCTURE},
    {STR_CONST("status"), KEY_STRUCTURE},
    {STR_CONST("call_id"), KEY_STRUCTURE},
    {STR_CONST("item_id"), KEY_STRUCTURE},
    {STR_CONST("file_id"), KEY_STRUCTURE},
    {STR_CONST("tool_call_id"), KEY_STRUCTURE},
    {STR_CONST("tool_use_id"), KEY_STRUCTURE},
    {STR_CONST("previous_response_id"), KEY_STRUCTURE},
    {STR_CONST("finish_reason"), KEY_STRUCTURE},
    {STR_CONST("stop_reason"), KEY_STRUCTURE},
    {STR_CONST("media_type"), KEY_STRUCTURE},
    {STR_CONST("detail"), KEY_STRUCTURE},
    {STR_CONST("format"), KEY_STRUCTURE},
    {STR_CONST("required"), KEY_STRUCTURE},
    {STR_CONST("service_tier"), KEY_STRUCTURE},
    {STR_CONST("system_fingerprint"), KEY_STRUCTURE},
    {STR_CONST("encoding_format"), KEY_STRUCTURE},
    {STR_CONST("obfuscation"), KEY_STRUCTURE},
    {STR_CONST("signature"), KEY_BLOB},
    {STR_CONST("encrypted_content"), KEY_BLOB},
    {STR_CONST("encrypted_index"), KEY_BLOB},
    {STR_CONST("data"), KEY_BLOB},
    {STR_CONST("embedding"), KEY_BLOB},
    {STR_CONST("file_data"), KEY_URL},
    {STR_CONST("url"), KEY_URL},
    {STR_CONST("image_url"), KEY_URL},
    {STR_CONST("file_url"), KEY_URL},
    {STR_CONST("parameters"), KEY_SCHEMA},
    {STR_CONST("input_schema"), KEY_SCHEMA},
    {STR_CONST("json_schema"), KEY_SCHEMA},
    {STR_CONST("schema"), KEY_SCHEMA},
    {STR_CONST("logprobs"), KEY_LOGPROBS},
    {STR_CONST("top_logprobs"), KEY_LOGPROBS},
    {STR_CONST("system"), KEY_SYSTEM},
    {STR_CONST("instructions"), KEY_SYSTEM},
    {STR_CONST("tools"), KEY_TOOLS},
    {STR_CONST("functions"), KEY_TOOLS},
    {STR_CONST("messages"), KEY_MESSAGES},
    {STR_CONST("response"), KEY_RESPONSE},
    {STR_CONST("arguments"), KEY_ARGUMENTS},
    {STR_CONST("input"), KEY_FREE},
    {STR_CONST("metadata"), KEY_NOTES},
};

/* A message has the rank of its role, or of its type where it has none (Responses). Anywhere else
 * the two may only lower the rank: who writes a part of a message does not choose who said it. */
struct rank {
    struct str word;
    enum provenance provenance;
};
static const struct rank roles[] = {
    {STR_CONST("system"), PROVENANCE_SYSTEM},    {STR_CONST("developer"), PROVENANCE_DEVELOPER},
    {STR_CONST("user"), PROVENANCE_USER},        {STR_CONST("assistant"), PROVENANCE_ASSISTANT},
    {STR_CONST("tool"), PROVENANCE_TOOL_RESULT}, {STR_CONST("function"), PROVENANCE_TOOL_RESULT},
};
static const struct rank types[] = {
    {STR_CONST("tool_result"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("function_call_output"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("custom_tool_call_output"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("computer_call_output"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("local_shell_call_output"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("mcp_call"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("mcp_tool_result"), PROVENANCE_TOOL_RESULT},
    {STR_CONST("web_search_tool_result"), PROVENANCE_RETRIEVED},
    {STR_CONST("web_fetch_tool_result"), PROVENANCE_RETRIEVED},
    {STR_CONST("document"), PROVENANCE_RETRIEVED},
    {STR_CONST("search_result"), PROVENANCE_RETRIEVED},
    {STR_CONST("input_file"), PROVENANCE_RETRIEVED},
    {STR_CONST("file"), PROVENANCE_RETRIEVED},
    {STR_CONST("function_call"), PROVENANCE_ASSISTANT},
    {STR_CONST("custom_tool_call"), PROVENANCE_ASSISTANT},
    {STR_CONST("tool_use"), PROVENANCE_ASSISTANT},
    {STR_CONST("reasoning"), PROVENANCE_ASSISTANT},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum place { PLACE_INNER, PLACE_ROOT, PLACE_LIST, PLACE_MESSAGE };

struct frame {
    uint32_t end; /* node behind the container */
    enum place place;
    bool object;
    bool free;
    bool schema;
    bool skip;
    bool echo;
    bool tool;
    bool items;   /* a list of messages that may be told by their type alone */
    bool spoken;  /* a message with a role */
    bool textual; /* its type, or its media type, is text */
    bool at_key;  /* of an object: the next child is a key */
    enum provenance provenance;
    enum key_means means; /* of the key that stands before the next child */
};

struct walk {
    const struct json *json;
    struct arena *arena;
    struct texts *texts;
    struct json_edit *strip; /* of token probabilities; NULL: they stay */
    enum err stripped;
    size_t room;
    bool answer;
    bool tool;                    /* arguments or an answer of one */
    struct hierarchy_order order; /* of the messages */
    struct frame frames[JSON_DEPTH_MAX + 1];
    size_t depth;
};

/* Names are compared as a provider reads them: decoded. */
static enum key_means means_of(const struct json *json, uint32_t key)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (json_string_is(json, key, keys[i].key)) {
            return keys[i].means;
        }
    }
    return KEY_TEXT;
}

static bool is_alnum(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* What a string of structure looks like: an id, a type, the name of a tool. Prose does not. */
#define WORD_MAX 256
static bool is_word(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (!is_alnum(byte) && (byte == '\0' || strchr("_-.:/+=#$", byte) == NULL)) {
            return false;
        }
    }
    return text.len <= WORD_MAX;
}

/* Both alphabets of RFC 4648, broken into lines or not, as it stands in JSON (`\/`, `\n`, `\r`). */
static bool is_base64(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (byte == '\\' && i + 1 < text.len && strchr("/nr", text.at[i + 1]) != NULL) {
            i++;
        } else if (!is_alnum(byte) && (byte == '\0' || strchr("+/-_=", byte) == NULL)) {
            return false;
        }
    }
    return true;
}

/* data:TYPE;base64,... (RFC 2397) to the end; a text in this dress is a text. */
static bool is_file(struct str text)
{
    size_t comma = str_find_byte(text, ',');
    struct str head = str_cut(text, 0, comma == SIZE_MAX ? 0 : comma);
    return str_starts(head, STR("data:")) && str_ends(head, STR(";base64")) &&
           head.len <= WORD_MAX && !str_starts(head, STR("data:text")) &&
           str_find_byte(head, ' ') == SIZE_MAX && is_base64(str_cut(text, comma + 1, text.len));
}

static bool find_rank(const struct json *json, uint32_t value, const struct rank *ranks,
                      size_t count, enum provenance *provenance)
{
    for (size_t i = 0; i < count; i++) {
        if (json_string_is(json, value, ranks[i].word)) {
            *provenance = ranks[i].provenance;
            return true;
        }
    }
    return false;
}

/* Never to the assistant, whose words are not judged. */
static void lower(enum provenance *provenance, enum provenance to)
{
    if (to > *provenance && to != PROVENANCE_ASSISTANT) {
        *provenance = to;
    }
}

/* Said twice, two readers could see two ranks: the lowest of all. */
static void rank_object(struct walk *walk, uint32_t node, struct frame *frame, bool by_type)
{
    const struct json *json = walk->json;
    unsigned role_count = 0;
    unsigned type_count = 0;
    enum provenance role = frame->provenance;
    enum provenance type = PROVENANCE_SYSTEM;
    bool typed = false;
    bool message = frame->place == PLACE_MESSAGE;
    for (uint32_t k = json_first(json, node); k != JSON_NONE; k = json_after(json, node, k)) {
        if (json_string_is(json, k, STR("role"))) {
            role_count++;
            (void)find_rank(json, k + 1, roles, COUNT(roles), &role);
            if (message) {
                hierarchy_next(&walk->order, role);
            }
        } else if (json_string_is(json, k, STR("type"))) {
            type_count++;
            typed = find_rank(json, k + 1, types, COUNT(types), &type);
            frame->textual = frame->textual || json_string_is(json, k + 1, STR("text"));
        } else if (json_string_is(json, k, STR("media_type"))) {
            frame->textual = frame->textual || str_starts(json_inner(json, k + 1), STR("text"));
        }
    }
    frame->spoken = message && role_count > 0;
    if (role_count > 1 || type_count > 1) {
        frame->provenance = PROVENANCE_UNKNOWN;
    } else if (message && role_count == 1) {
        frame->provenance = role;
        lower(&frame->provenance, type);
    } else if (message && by_type && typed) {
        frame->provenance = type;
    } else {
        lower(&frame->provenance, role);
        lower(&frame->provenance, type);
    }
}

static void add(struct walk *walk, uint32_t node, const struct frame *frame, enum text_form form)
{
    struct texts *texts = walk->texts;
    size_t len = walk->json->nodes[node].len;
    if (len == 0) {
        return;
    }
    if (texts->count == TEXTS_MAX) {
        texts->overflow = true;
        return;
    }
    if (texts->count == walk->room) {
        size_t room = walk->room == 0 ? 32 : walk->room * 2;
        struct text *items = arena_array_of(walk->arena, struct text, room);
        for (size_t i = 0; i < texts->count; i++) {
            items[i] = texts->items[i];
        }
        texts->items = items;
        walk->room = room;
    }
    texts->items[texts->count++] = (struct text){node, frame->provenance, form, frame->echo,
                                                 frame->tool};
    texts->bytes += len;
}

static enum place place_of(const struct walk *walk, const struct frame *parent, bool object)
{
    switch (parent->place) {
    case PLACE_ROOT:
        if (walk->answer && object && parent->means == KEY_RESPONSE) {
            return PLACE_ROOT;
        }
        return !object && (parent->means == KEY_MESSAGES || parent->means == KEY_FREE)
                   ? PLACE_LIST
                   : PLACE_INNER;
    case PLACE_LIST:
        return object ? PLACE_MESSAGE : PLACE_INNER;
    case PLACE_MESSAGE:
    case PLACE_INNER:
        break;
    }
    return walk->depth == 1 ? PLACE_ROOT : PLACE_INNER;
}

/* What the key in front of it says of a container. */
static void apply_key(const struct walk *walk, const struct frame *parent, struct frame *frame)
{
    bool root = parent->place == PLACE_ROOT;
    bool notes = parent->means == KEY_NOTES;
    bool list = parent->means == KEY_FREE && !frame->object;
    frame->skip = frame->skip || (walk->answer && parent->means == KEY_LOGPROBS);
    frame->schema = frame->schema || parent->means == KEY_SCHEMA;
    frame->items = root && list;
    if (!frame->schema) {
        frame->free = frame->object &&
                      (notes || parent->means == KEY_ARGUMENTS || parent->means == KEY_FREE);
    }
    /* An answer that carries its request (Responses): a list of messages, notes. */
    frame->echo = frame->echo || (walk->answer && root && (notes || list));
    if (root && (parent->means == KEY_SYSTEM || parent->means == KEY_TOOLS)) {
        frame->tool = parent->means == KEY_TOOLS;
        frame->provenance = parent->means == KEY_SYSTEM ? PROVENANCE_SYSTEM : PROVENANCE_DEVELOPER;
    }
}

static void drop_logprobs(struct walk *walk, uint32_t node)
{
    const struct json *json = walk->json;
    if (walk->strip != NULL && json_count(json, node) > 0 && walk->stripped == ERR_OK) {
        struct str none = json_is(json, node, JSON_ARRAY) ? STR("[]") : STR("null");
        const struct json_node *all = &json->nodes[node];
        walk->stripped = json_edit_replace(walk->strip, all->at, all->len, none);
    }
}

static void open_container(struct walk *walk, uint32_t node, const struct frame *parent)
{
    struct frame frame = *parent;
    frame.end = walk->json->nodes[node].next;
    frame.object = json_is(walk->json, node, JSON_OBJECT);
    frame.at_key = frame.object;
    frame.place = place_of(walk, parent, frame.object);
    frame.textual = false;
    frame.spoken = false;
    if (!parent->free && parent->object) {
        apply_key(walk, parent, &frame);
        if (frame.skip && !parent->skip) {
            drop_logprobs(walk, node);
        }
    }
    if (frame.object && !frame.free) {
        rank_object(walk, node, &frame, parent->items);
    }
    /* A list of strings is what its key says of one. */
    frame.means = !frame.object && parent->object && parent->means == KEY_STRUCTURE ? KEY_STRUCTURE
                                                                                    : KEY_TEXT;
    must(walk->depth <= JSON_DEPTH_MAX);
    walk->frames[walk->depth++] = frame;
}

static bool is_structure(const struct walk *walk, uint32_t node, const struct frame *frame)
{
    struct str inner = json_inner(walk->json, node);
    switch (frame->means) {
    case KEY_NAME:
        return !frame->spoken && is_word(inner);
    case KEY_MODEL:
        return frame->place == PLACE_ROOT || is_word(inner);
    case KEY_STRUCTURE:
        return is_word(inner);
    case KEY_BLOB:
        return !frame->textual && !frame->schema && is_base64(inner);
    case KEY_URL:
        return is_file(inner);
    case KEY_TEXT:
    case KEY_SCHEMA:
    case KEY_LOGPROBS:
    case KEY_SYSTEM:
    case KEY_TOOLS:
    case KEY_MESSAGES:
    case KEY_RESPONSE:
    case KEY_ARGUMENTS:
    case KEY_FREE:
    case KEY_NOTES:
        break;
    }
    return false;
}

static void take_string(struct walk *walk, uint32_t node, const struct frame *frame)
{
    struct frame own = *frame;
    if (frame->free) {
        add(walk, node, &own, TEXT_PLAIN);
        return;
    }
    if (is_structure(walk, node, frame)) {
        return;
    }
    if (frame->means == KEY_SYSTEM && frame->place == PLACE_ROOT) {
        own.provenance = PROVENANCE_SYSTEM;
        own.echo = walk->answer;
    }
    bool json = frame->means == KEY_ARGUMENTS && !frame->schema;
    add(walk, node, &own, json ? TEXT_JSON : TEXT_PLAIN);
}

static void take_key(struct walk *walk, uint32_t node, struct frame *frame)
{
    frame->at_key = false;
    if (frame->skip) {
        return;
    }
    frame->means = frame->free ? KEY_TEXT : means_of(walk->json, node);
    if (frame->free || (frame->schema && !is_word(json_inner(walk->json, node)))) {
        add(walk, node, frame, TEXT_KEY);
    }
}

static void take(struct walk *walk, uint32_t node)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    const struct json *json = walk->json;
    enum json_kind kind = json_kind(json, node);
    if (frame->object && frame->at_key) {
        take_key(walk, node, frame);
        return;
    }
    frame->at_key = frame->object;
    if (kind == JSON_ARRAY || kind == JSON_OBJECT) {
        struct frame parent = *frame;
        open_container(walk, node, &parent);
    } else if (frame->skip) {
        return;
    } else if (kind == JSON_STRING) {
        take_string(walk, node, frame);
    } else if (kind == JSON_NUMBER && frame->free && json->nodes[node].len >= NUMBER_DIGITS_MIN) {
        add(walk, node, frame, TEXT_NUMBER);
    }
}

static void walk_all(struct walk *walk)
{
    const struct json *json = walk->json;
    *walk->texts = (struct texts){0};
    walk->frames[0] = (struct frame){.end = json->count,
                                     .free = walk->tool,
                                     .provenance = walk->answer ? PROVENANCE_ASSISTANT
                                                                : PROVENANCE_USER};
    walk->depth = 1;
    for (uint32_t node = 0; node < json->count; node++) {
        while (walk->frames[walk->depth - 1].end <= node) {
            walk->depth--;
        }
        take(walk, node);
    }
    walk->texts->late = walk->order.late;
}

void texts_of_request(const struct json *json, struct arena *arena, struct texts *texts)
{
    struct walk walk = {.json = json, .arena = arena, .texts = texts};
    walk_all(&walk);
}

void texts_of_tool(const struct json *json, struct arena *arena, struct texts *texts)
{
    struct walk walk = {.json = json, .arena = arena, .texts = texts, .tool = true};
    walk_all(&walk);
}

void texts_of_answer(const struct json *json, struct arena *arena, struct texts *texts)
{
    struct walk walk = {.json = json, .arena = arena, .texts = texts, .answer = true};
    walk_all(&walk);
}

enum err texts_drop_logprobs(const struct json *json, struct arena *arena, struct json_edit *edit)
{
    struct texts texts;
    struct walk walk = {
        .json = json, .arena = arena, .texts = &texts, .strip = edit, .answer = true};
    walk_all(&walk);
    return walk.stripped;
}

/* ---- the way back ---- */

struct view text_view(const struct json *json, const struct text *text, struct arena *arena)
{
    const struct json_node *node = &json->nodes[text->node];
    struct str inner = str_cut(json->text, node->at, node->at + node->len);
    return node->escaped ? view_unescape(inner, arena) : view_of(inner);
}

struct splice text_splice(const struct json *json, const struct text_edit *edit,
                          struct arena *arena)
{
    const struct json_node *node = &json->nodes[edit->text->node];
    if (edit->text->form == TEXT_NUMBER) {
        const struct str quoted[] = {STR("\""), edit->with, STR("\"")};
        return (struct splice){node->at, node->len, arena_join(arena, quoted, 3), false};
    }
    size_t from;
    size_t to;
    struct buf with;
    buf_init(&with, 6 * edit->with.len + 1);
    enum err code = json_escape(&with, edit->with);
    must(code == ERR_OK);
    view_span(edit->view, edit->from, edit->to, &from, &to);
    const struct splice splice = {node->at + from, to - from, arena_str(arena, buf_str(&with)),
                                  false};
    buf_end(&with);
    return splice;
}
