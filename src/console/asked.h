/* SPDX-License-Identifier: Apache-2.0
 * asked.h - one call of the API on its way: what a handler sees, and how it answers.
 *
 * A handler gets its parameters checked and typed as its route declares them (routes.def). It
 * answers once, at once or after durable work, a query or a job. The call's memory stays until the
 * answer, also when the client has gone: what was begun is finished, the answer then goes nowhere.
 */
#ifndef AIRE_CONSOLE_ASKED_H
#define AIRE_CONSOLE_ASKED_H

#include "console/console.h"
#include "gateway/events.h"
#include "json/json.h"
#include "json/json_writer.h"

#define API_PARAMETERS_MAX 16
#define API_BODY_BYTES_MAX ((uint64_t)1 << 20)
#define API_OUT_BYTES_MAX  ((size_t)64 << 20)
enum api_place { API_PATH, API_QUERY, API_BODY, API_VALUE }; /* VALUE: the whole body, any JSON */
enum api_type { API_TEXT, API_COUNT, API_FLAG, API_JSON };   /* JSON: `text` has it as it came */
enum api_access {
    API_OPEN,  /* anybody */
    API_KNOWN, /* whoever may call a model */
    API_ADMIN  /* the owner's socket, admin keys, keyless loopback */
};

struct asked;

struct api_parameter {
    const char *name; /* NULL behind the last */
    enum api_place place;
    enum api_type type;
    bool required;
    const char *help;
};

struct api_route {
    const char *method;
    const char *path; /* segments in braces are parameters */
    void (*serve)(struct asked *asked);
    enum api_access access;
    const char *help;
    const struct api_parameter *parameters;
};
extern const struct api_route api_routes[];
extern const size_t api_route_count;

struct api_value {
    bool given;
    bool flag;
    uint64_t count;
    struct str text;
};

struct console {
    struct console_options options;
    struct link asked; /* calls that are being answered */
    uint32_t owner;    /* user of this process */
};

struct asked {
    struct link link;
    struct console *console;
    struct http_call *call;
    struct arena *arena; /* the call's */
    const struct api_route *route;
    struct api_value values[API_PARAMETERS_MAX];
    struct str by;     /* who asks, for audit: a key's name, "local", "uid 1000" */
    struct str tenant; /* that the caller's key belongs to; "": it may say which */
    bool serving;      /* the handler has it: it alone releases the call */
    struct buf out;
    struct json_writer w; /* writes into `out` */
    /* what a handler waits for */
    struct store_unit unit;
    struct store_query query;
    struct job job;
    enum err (*work)(struct asked *asked);
    void (*then)(struct asked *asked);
    enum err result; /* of the unit, query or job */
    struct fault fault;
    void *state;                         /* the handler's own, in the arena */
    void (*ending)(struct asked *asked); /* lets go of what the handler holds; may be NULL */
    const struct event_type *told;       /* privileged event of the unit, or NULL */
    const void *telling;
};

/* ---- parameters, by the names of the route's table ---- */

const struct api_value *asked_value(const struct asked *asked, const char *name);
struct str asked_text(const struct asked *asked, const char *name); /* "" when absent */
/* Of the caller's key, else as parameter `tenant` says, else "default". False: it was refused. */
bool asked_tenant(struct asked *asked, struct str *tenant);

/* ---- waiting: each calls `then` on the loop, with asked->result; without room it refuses ---- */
/* asked->unit is made. What was told goes with it and counts once it is durable. */
void asked_write(struct asked *asked, void (*then)(struct asked *asked));
void asked_tell(struct asked *asked, const struct event_type *type, const void *event,
                size_t bytes);
#define ASKED_TELL(asked, name, ...)                                                               \
    asked_tell((asked), &event_type_##name, &(const struct event_##name){__VA_ARGS__},             \
               sizeof(struct event_##name))
/* Rows are in asked->query until the answer, or the next read. */
void asked_read(struct asked *asked, const struct statement *statement, const struct value *values,
                size_t rows_max, void (*then)(struct asked *asked));
void asked_work(struct asked *asked, enum err (*run)(struct asked *asked),
                void (*then)(struct asked *asked));

/* ---- answering: ends `asked` ---- */

void asked_answer(struct asked *asked, unsigned status); /* what asked->w wrote */
void asked_answer_text(struct asked *asked, struct str type, struct str security); /* `out` as is */
void asked_refuse(struct asked *asked, unsigned status, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);
void asked_refuse_store(struct asked *asked); /* by asked->result */

void asked_end(struct asked *asked); /* for console.c: without an answer, nobody is there */
/* An error's body, for answers without an `asked`. */
void asked_write_error(struct buf *to, const char *code, struct str message);

#endif
