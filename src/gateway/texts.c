/* SPDX-License-Identifier: Apache-2.0
 * texts.c - one pass over the tape with the open containers on a stack.
 *
 * Sources: OpenAI API reference (chat, responses), Anthropic API reference (messages). */
#include "gateway/texts.h"

#include "base/must.h"
#include "security/hierarchy.h"

#define NUMBER_DIGITS_MIN 7 /* fewer digits identify nobody */

enum key_means {
    KEY_TEXT,      /* nothing special */
    KEY_STRUCTURE, /* a string here is no text; containers are walked */
    KEY_SKIP,      /* nothing below is text */
    KEY_SYSTEM,    /* all below is the system's */
    KEY_TOOLS,     /* all below is the developer's */
    KEY_ARGUMENTS, /* a string here is JSON; an object is of free form */
    KEY_FREE,      /* an object here is of free form */
    KEY_NOTES,     /* likewise, and an answer repeats what the request said */
    KEY_DATA       /* a string here is text where the object's type is "text" */
};

static const struct {
    struct str key;
    enum key_means means;
} keys[] = {
    {STR_CONST("type"), KEY_STRUCTURE},
    {STR_CONST("role"), KEY_STRUCTURE},
    {STR_CONST("model"), KEY_STRUCTURE},
    {STR_CONST("id"), KEY_STRUCTURE},
    {STR_CONST("name"), KEY_STRUCTURE},
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
    {STR_CONST("service_tier"), KEY_STRUCTURE},
    {STR_CONST("system_fingerprint"), KEY_STRUCTURE},
    {STR_CONST("encoding_format"), KEY_STRUCTURE},
    {STR_CONST("signature"), KEY_SKIP},
    {STR_CONST("encrypted_content"), KEY_SKIP},
    {STR_CONST("file_data"), KEY_SKIP},
    {STR_CONST("input_audio"), KEY_SKIP},
    {STR_CONST("data"), KEY_DATA},
    {STR_CONST("embedding"), KEY_SKIP},
    {STR_CONST("parameters"), KEY_SKIP},
    {STR_CONST("input_schema"), KEY_SKIP},
    {STR_CONST("json_schema"), KEY_SKIP},
    {STR_CONST("schema"), KEY_SKIP},
    {STR_CONST("logprobs"), KEY_SKIP},
    {STR_CONST("usage"), KEY_SKIP},
    {STR_CONST("system"), KEY_SYSTEM},
    {STR_CONST("instructions"), KEY_SYSTEM},
    {STR_CONST("tools"), KEY_TOOLS},
    {STR_CONST("functions"), KEY_TOOLS},
    {STR_CONST("arguments"), KEY_ARGUMENTS},
    {STR_CONST("input"), KEY_FREE},
    {STR_CONST("metadata"), KEY_NOTES},
};

/* An object has the rank of its role and, where that says more, of its type. */
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
    {STR_CONST("web_search_tool_result"), PROVENANCE_RETRIEVED},
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

struct frame {
    uint32_t end; /* node behind the container */
    bool object;
    bool free;
    bool skip;
    bool echo;
    bool tool;
    bool textual; /* its type is "text" */
    bool at_key;  /* of an object: the next child is a key */
    enum provenance provenance;
    enum key_means means; /* of the key that stands before the next child */
};

struct walk {
    const struct json *json;
    struct arena *arena;
    struct texts *texts;
    size_t room;
    bool answer;
    struct hierarchy_order order; /* of the messages */
    struct frame frames[JSON_DEPTH_MAX + 1];
    size_t depth;
};

static enum key_means means_of(struct str key)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (str_equal(keys[i].key, key)) {
            return keys[i].means;
        }
    }
    return KEY_TEXT;
}

static void rank_of(const struct json *json, uint32_t value, const struct rank *ranks, size_t count,
                    enum provenance *provenance)
{
    if (!json_is(json, value, JSON_STRING)) {
        return;
    }
    struct str word = json_inner(json, value);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(ranks[i].word, word)) {
            *provenance = ranks[i].provenance;
        }
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

static void open_container(struct walk *walk, uint32_t node, const struct frame *parent)
{
    const struct json *json = walk->json;
    struct frame frame = *parent;
    frame.end = json->nodes[node].next;
    frame.object = json_is(json, node, JSON_OBJECT);
    frame.at_key = frame.object;
    if (!parent->free && parent->object) {
        frame.skip = frame.skip || parent->means == KEY_SKIP;
        bool notes = parent->means == KEY_NOTES;
        bool free = notes || parent->means == KEY_ARGUMENTS || parent->means == KEY_FREE;
        frame.free = frame.object && free;
        /* An answer that carries its request (Responses): a list of messages, notes. */
        frame.echo = frame.echo ||
                     (walk->answer && (notes || (parent->means == KEY_FREE && !frame.object)));
        if (parent->means == KEY_SYSTEM || parent->means == KEY_TOOLS) {
            frame.tool = parent->means == KEY_TOOLS;
            frame.provenance = parent->means == KEY_SYSTEM ? PROVENANCE_SYSTEM
                                                           : PROVENANCE_DEVELOPER;
        }
    }
    if (frame.object && !frame.free && frame.provenance != PROVENANCE_SYSTEM) {
        static const struct str names[] = {STR_CONST("role"), STR_CONST("type")};
        uint32_t found[2];
        json_pick(json, node, names, 2, found);
        frame.textual = json_string_is(json, found[1], STR("text"));
        rank_of(json, found[0], roles, COUNT(roles), &frame.provenance);
        rank_of(json, found[1], types, COUNT(types), &frame.provenance);
        if (found[0] != JSON_NONE) {
            hierarchy_next(&walk->order, frame.provenance);
        }
    }
    frame.means = KEY_TEXT;
    must(walk->depth <= JSON_DEPTH_MAX);
    walk->frames[walk->depth++] = frame;
}

static void take_string(struct walk *walk, uint32_t node, const struct frame *frame)
{
    struct frame own = *frame;
    if (frame->free || !frame->object) {
        add(walk, node, &own, TEXT_PLAIN);
        return;
    }
    switch (frame->means) {
    case KEY_STRUCTURE:
    case KEY_SKIP:
        return;
    case KEY_DATA:
        if (frame->textual) {
            add(walk, node, &own, TEXT_PLAIN);
        }
        return;
    case KEY_SYSTEM:
        own.provenance = PROVENANCE_SYSTEM;
        own.echo = walk->answer;
        add(walk, node, &own, TEXT_PLAIN);
        return;
    case KEY_ARGUMENTS:
        add(walk, node, &own, TEXT_JSON);
        return;
    case KEY_TEXT:
    case KEY_TOOLS:
    case KEY_FREE:
    case KEY_NOTES:
        /* Images and files that stand in the text. */
        if (!str_starts(json_inner(walk->json, node), STR("data:"))) {
            add(walk, node, &own, TEXT_PLAIN);
        }
        return;
    }
}

static void take(struct walk *walk, uint32_t node)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    const struct json *json = walk->json;
    enum json_kind kind = json_kind(json, node);
    if (frame->object && frame->at_key) {
        frame->at_key = false;
        if (frame->free && !frame->skip) {
            add(walk, node, frame, TEXT_KEY);
        } else {
            frame->means = means_of(json_inner(json, node));
        }
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

static void walk_all(const struct json *json, struct arena *arena, struct texts *texts, bool answer)
{
    struct walk walk = {.json = json, .arena = arena, .texts = texts, .answer = answer};
    *texts = (struct texts){0};
    walk.frames[0] = (struct frame){.end = json->count,
                                    .provenance = answer ? PROVENANCE_ASSISTANT : PROVENANCE_USER};
    walk.depth = 1;
    for (uint32_t node = 0; node < json->count; node++) {
        while (walk.frames[walk.depth - 1].end <= node) {
            walk.depth--;
        }
        take(&walk, node);
    }
    texts->late = walk.order.late;
}

void texts_of_request(const struct json *json, struct arena *arena, struct texts *texts)
{
    walk_all(json, arena, texts, false);
}

void texts_of_answer(const struct json *json, struct arena *arena, struct texts *texts)
{
    walk_all(json, arena, texts, true);
}
