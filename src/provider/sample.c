/* SPDX-License-Identifier: Apache-2.0
 * sample.c - the smallest value that a JSON Schema admits, without recursion.
 *
 * Invariant: the stack has one frame per open container; at SAMPLE_DEPTH_MAX, and behind
 * SAMPLE_VALUES_MAX values, a schema that goes on for ever gets null.
 */
#include "provider/brain.h"

#include "base/num.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

#define SAMPLE_DEPTH_MAX  24
#define SAMPLE_FOLLOW_MAX 16 /* references and alternatives in a row */
#define SAMPLE_ITEMS_MAX  64
#define SAMPLE_VALUES_MAX 2000 /* nested lists multiply */

struct frame {
    uint32_t schema;
    uint32_t properties; /* of an object; may be JSON_NONE */
    uint32_t key;        /* next property */
    uint64_t items;      /* of an array: still to write */
    bool array;
};

struct sample {
    struct json_writer *w;
    const struct json *json;
    const struct sample_hints *hints;
    struct frame stack[SAMPLE_DEPTH_MAX];
    size_t depth;
    size_t values;
};

static uint32_t get(const struct sample *s, uint32_t schema, const char *key)
{
    return json_get(s->json, schema, str_of(key));
}

/* "#/$defs/name" and "#/definitions/name" of the schema's own root, which is the first frame's. */
static uint32_t follow_reference(const struct sample *s, uint32_t root, uint32_t reference)
{
    struct str path = json_inner(s->json, reference);
    uint32_t node = root;
    struct str step = STR("");
    if (!str_split(&path, '/', &step) || !str_equal(step, STR("#"))) {
        return JSON_NONE;
    }
    while (str_split(&path, '/', &step)) {
        node = json_get(s->json, node, step);
    }
    return node;
}

static uint32_t resolve(const struct sample *s, uint32_t root, uint32_t schema)
{
    static const char *const alternatives[] = {"anyOf", "oneOf", "allOf", NULL};
    for (int i = 0; i < SAMPLE_FOLLOW_MAX; i++) {
        uint32_t next = JSON_NONE;
        uint32_t reference = get(s, schema, "$ref");
        if (reference != JSON_NONE) {
            next = follow_reference(s, root, reference);
        }
        for (size_t k = 0; next == JSON_NONE && alternatives[k] != NULL; k++) {
            next = json_at(s->json, get(s, schema, alternatives[k]), 0);
        }
        if (next == JSON_NONE || get(s, schema, "properties") != JSON_NONE) {
            return schema;
        }
        schema = next;
    }
    return schema;
}

/* What the facts have to say about a member of that name; "" if nothing. */
static struct str hint(const struct sample *s, struct str name)
{
    static const char *const orders[] = {"order_id", "orderId", "order", "id", NULL};
    static const char *const amounts[] = {"amount", "total", "refund_amount", NULL};
    static const char *const reasons[] = {"reason", "note", NULL};
    static const char *const places[] = {"location", "city", "place", NULL};
    const struct facts *facts = s->hints->facts;
    if (facts_one_of(name, orders) && facts->order_count > 0) {
        return facts->orders[0];
    }
    if (facts_one_of(name, amounts)) {
        return facts->amount;
    }
    if (facts_one_of(name, reasons)) {
        return facts->reason.len > 0 ? facts->reason : STR("customer request");
    }
    if (facts_one_of(name, places)) {
        return facts->place;
    }
    return str_equal_ci(name, STR("currency")) ? STR("USD") : STR("");
}

static bool type_is(const struct sample *s, uint32_t schema, const char *name)
{
    uint32_t type = get(s, schema, "type");
    if (json_is(s->json, type, JSON_ARRAY)) {
        type = json_at(s->json, type, 0);
    }
    return json_string_is(s->json, type, str_of(name));
}

static void put_number(struct sample *s, uint32_t schema, struct str name, bool integer)
{
    double value = 0;
    double bound = 0;
    double step = 0;
    struct str hinted = hint(s, name);
    bool known = num_double(hinted, &value) == ERR_OK;
    if (facts_word(name, STR("confidence")) || facts_word(name, STR("score"))) {
        value = s->hints->confidence;
        known = true;
    }
    if (json_double(s->json, get(s, schema, "minimum"), &bound) && value < bound) {
        value = bound;
    }
    if (json_double(s->json, get(s, schema, "exclusiveMinimum"), &bound) && value <= bound) {
        value = bound + (integer ? 1 : 0.5);
    }
    if (json_double(s->json, get(s, schema, "maximum"), &bound) && value > bound) {
        value = bound;
    }
    if (json_double(s->json, get(s, schema, "exclusiveMaximum"), &bound) && value >= bound) {
        value = bound - (integer ? 1 : 0.5);
    }
    if (json_double(s->json, get(s, schema, "multipleOf"), &step) && step > 0 && !known) {
        value = ceil(value / step) * step;
    }
    if (integer && fabs(value) < 9e15) {
        json_put_i64(s->w, (int64_t)value);
    } else {
        json_put_double(s->w, value);
    }
}

static struct str formatted(const struct sample *s, uint32_t schema)
{
    static const struct {
        const char *format;
        const char *value;
    } formats[] = {
        {"date-time", "2026-01-01T00:00:00Z"},
        {"date", "2026-01-01"},
        {"time", "00:00:00Z"},
        {"email", "someone@example.com"},
        {"uri", "https://example.com/"},
        {"uuid", "00000000-0000-4000-8000-000000000000"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (json_string_is(s->json, get(s, schema, "format"), str_of(formats[i].format))) {
            return str_of(formats[i].value);
        }
    }
    return STR("");
}

static void put_string(struct sample *s, uint32_t schema, struct str name)
{
    static const char *const sentences[] = {"answer",  "text",    "message", "reply", "response",
                                            "content", "summary", "output",  NULL};
    char filler[256];
    struct str value = formatted(s, schema);
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
    if (value.len == 0) {
        value = facts_one_of(name, sentences) ? s->hints->sentence : hint(s, name);
    }
    if (json_u64(s->json, get(s, schema, "minLength"), &least) && value.len < least) {
        size_t len = (size_t)num_min(least, sizeof filler);
        memset(filler, 'x', len);
        value = (struct str){filler, len};
    }
    if (json_u64(s->json, get(s, schema, "maxLength"), &most)) {
        value = utf8_head(value, (size_t)num_min(most, value.len));
    }
    json_put_str(s->w, value);
}

/* A fixed value, or the listed one that occurs in what is known, else the first. */
static bool put_listed(struct sample *s, uint32_t schema)
{
    uint32_t fixed = get(s, schema, "const");
    uint32_t list = get(s, schema, "enum");
    if (fixed == JSON_NONE) {
        fixed = json_at(s->json, list, 0);
    }
    if (fixed == JSON_NONE) {
        return false;
    }
    for (uint32_t item = json_first(s->json, list); item != JSON_NONE;
         item = json_after(s->json, list, item)) {
        struct str word = json_inner(s->json, item);
        if (word.len > 0 && facts_word(s->hints->sentence, word)) {
            fixed = item;
            break;
        }
    }
    json_put_raw(s->w, json_raw(s->json, fixed));
    return true;
}

static bool open_container(struct sample *s, uint32_t schema)
{
    bool array = type_is(s, schema, "array");
    uint32_t properties = get(s, schema, "properties");
    if (!array && !type_is(s, schema, "object") && properties == JSON_NONE) {
        return false;
    }
    if (s->depth == SAMPLE_DEPTH_MAX || s->values > SAMPLE_VALUES_MAX) {
        json_put_null(s->w);
        return true;
    }
    struct frame *frame = &s->stack[s->depth++];
    *frame = (struct frame){.schema = schema, .properties = JSON_NONE, .key = JSON_NONE};
    frame->array = array;
    if (array) {
        uint64_t items = 0;
        if (json_u64(s->json, get(s, schema, "minItems"), &items)) {
            frame->items = num_min(items, SAMPLE_ITEMS_MAX);
        }
        json_begin_array(s->w);
    } else {
        frame->properties = properties;
        frame->key = json_first(s->json, properties);
        json_begin_object(s->w);
    }
    return true;
}

static void put_value(struct sample *s, uint32_t root, uint32_t schema, struct str name)
{
    s->values++;
    schema = resolve(s, root, schema);
    if (put_listed(s, schema) || open_container(s, schema)) {
        return;
    }
    bool integer = type_is(s, schema, "integer");
    if (integer || type_is(s, schema, "number")) {
        put_number(s, schema, name, integer);
    } else if (type_is(s, schema, "boolean")) {
        json_put_bool(s->w, str_equal_ci(name, STR("valid")) || str_equal_ci(name, STR("ok")));
    } else if (type_is(s, schema, "null")) {
        json_put_null(s->w);
    } else {
        put_string(s, schema, name);
    }
}

/* Required members, and those that carry what a caller of an agent looks for. */
static bool wanted(const struct sample *s, const struct frame *frame)
{
    uint32_t required = get(s, frame->schema, "required");
    struct str name = json_inner(s->json, frame->key);
    for (uint32_t item = json_first(s->json, required); item != JSON_NONE;
         item = json_after(s->json, required, item)) {
        if (str_equal(json_inner(s->json, item), name)) {
            return true;
        }
    }
    return str_equal(name, STR("confidence")) || hint(s, name).len > 0;
}

void sample_write(struct json_writer *w, const struct json *json, uint32_t schema,
                  const struct sample_hints *hints)
{
    struct sample s = {.w = w, .json = json, .hints = hints};
    put_value(&s, schema, schema, STR(""));
    while (s.depth > 0) {
        struct frame *frame = &s.stack[s.depth - 1];
        if (frame->key != JSON_NONE) {
            uint32_t key = frame->key;
            bool now = wanted(&s, frame);
            frame->key = json_after(json, frame->properties, key);
            if (now) {
                struct str name = json_inner(json, key);
                json_key_str(w, name);
                put_value(&s, schema, key + 1, name);
            }
        } else if (frame->items > 0) {
            frame->items--;
            put_value(&s, schema, get(&s, frame->schema, "items"), STR(""));
        } else {
            s.depth--;
            if (frame->array) {
                json_end_array(w);
            } else {
                json_end_object(w);
            }
        }
    }
}
