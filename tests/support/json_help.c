/* SPDX-License-Identifier: Apache-2.0
 * json_help.c - see json_help.h. */
#include "support/json_help.h"

#include "json/json_writer.h"

#include <string.h>

const struct str json_samples[] = {
    {"{}", 2},
    {"[]", 2},
    {"0", 1},
    {"\"\"", 2},
#define SAMPLE(literal)                                                                            \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
    SAMPLE(" [true , false,null ]\r\n\t"),
    SAMPLE("[0,-0,1,-1,10,1.5,-0.25,1e5,1E+5,2e-7,123456789012345678901234567890]"),
    SAMPLE("[[[[[]]],[{}]],{\"a\":{\"b\":[{\"c\":[]}]}}]"),
    SAMPLE("{\"model\":\"small\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello, how are you "
           "today? A string of more than sixteen bytes.\"}],\"stream\":true,\"temperature\":0.7}"),
    SAMPLE("{ \"a\" : 1 , \"b\" : [ 1 , 2 ] , \"\" : { } , \"a\" : null }"),
    SAMPLE("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD83D\\uDE00\\u0000\"]"),
    SAMPLE("[\"\\ud800\",\"\\udc00x\",\"\\ud800\\n\",\"\\ud800\\ud800\\udc00\"]"),
    SAMPLE("[\"gr\xc3\xbc\xc3\x9f\",\"\xe2\x82\xac \xf0\x9f\x98\x80\",\"\xed\x9f\xbf\xee\x80\x80\","
           "\"\xf4\x8f\xbf\xbf\xe0\xa0\x80\xf0\x90\x80\x80\"]"),
    SAMPLE("{\"k\\u0065y\":\"v\\n\",\"\\ud83d\\ude00\":-1.5e-10}"),
};
const size_t json_samples_count = sizeof json_samples / sizeof json_samples[0];

struct str json_mutate(struct rng *rng, struct str text, struct arena *arena)
{
    static const char bytes[] =
        "{}[]\",:\\ntrufalse0123456789.eE+-/ \t\n\x01\x7f\x80\xbf\xc2\xe0\xed"
        "\xa0\xf0\xf4\xff\xef";
    char *copy = arena_alloc(arena, text.len + 8);
    size_t len = text.len;
    memcpy(copy, text.at, len);
    for (uint64_t turns = 1 + rng_below(rng, 4); turns > 0; turns--) {
        size_t at = (size_t)rng_below(rng, len + 1);
        char byte = bytes[rng_below(rng, sizeof bytes - 1)];
        switch (rng_below(rng, 4)) {
        case 0: /* insert */
            memmove(copy + at + 1, copy + at, len - at);
            copy[at] = byte;
            len++;
            break;
        case 1: /* remove */
            if (at < len) {
                memmove(copy + at, copy + at + 1, len - at - 1);
                len--;
            }
            break;
        case 2: /* cut, rarely */
            len = rng_below(rng, 8) == 0 ? at : len;
            break;
        default: /* replace */
            copy[at < len ? at : 0] = byte;
            break;
        }
    }
    return (struct str){copy, len};
}

static void begin(struct json_writer *w, bool object)
{
    if (object) {
        json_begin_object(w);
    } else {
        json_begin_array(w);
    }
}

static void end(struct json_writer *w, bool object)
{
    if (object) {
        json_end_object(w);
    } else {
        json_end_array(w);
    }
}

enum err json_rewrite(const struct json *json, struct arena *arena, struct buf *to)
{
    struct json_writer w;
    json_writer_init(&w, to);
    uint32_t open[JSON_WRITER_DEPTH_MAX];
    bool key_next[JSON_WRITER_DEPTH_MAX + 1] = {false};
    size_t depth = 0;
    for (uint32_t node = 0; node < json->count; node++) {
        enum json_kind kind = json_kind(json, node);
        if (key_next[depth]) {
            json_key_str(&w, json_string(json, node, arena));
            key_next[depth] = false;
            continue;
        }
        key_next[depth] = depth > 0 && json_is(json, open[depth - 1], JSON_OBJECT);
        if (kind == JSON_STRING) {
            json_put_str(&w, json_string(json, node, arena));
        } else if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
            json_put_raw(&w, json_raw(json, node));
        } else {
            begin(&w, kind == JSON_OBJECT);
            open[depth++] = node;
            key_next[depth] = kind == JSON_OBJECT;
        }
        while (depth > 0 && json->nodes[open[depth - 1]].next == node + 1) {
            depth--;
            end(&w, json_is(json, open[depth], JSON_OBJECT));
        }
    }
    return json_writer_end(&w);
}
