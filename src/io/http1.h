/* SPDX-License-Identifier: Apache-2.0
 * http1.h - strict HTTP/1.1 messages (RFC 9112), over llhttp in its strict build plus our own
 * checks.
 *
 * Refused beyond llhttp: no or several Host, obs-fold, NUL or bare CR in a head, Content-Length
 * with Transfer-Encoding, repeated or listed Content-Length, any Transfer-Encoding other than
 * exactly "chunked", Transfer-Encoding on HTTP/1.0, fields with '_' that look like framing fields,
 * versions other than 1.0 and 1.1, heads over the limits; in requests also TRACE, CONNECT, methods
 * that llhttp does not know, and POST, PUT or PATCH without a length. One http1_parser reads one
 * direction of one connection. The outcome does not depend on how the bytes were cut into pieces.
 */
#ifndef AIRE_IO_HTTP1_H
#define AIRE_IO_HTTP1_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct http_field {
    struct str name; /* as sent; compare with str_equal_ci */
    struct str value;
};

#define HTTP_FIELDS_MAX     128
#define HTTP_HEAD_BYTES_MAX 65536
#define HTTP_TARGET_MAX     8192

/* Memory of one message on either side: blocks of a pool per server and client. */
#define HTTP_ARENA_BYTES  4096
#define HTTP_ARENAS_SPARE 128

struct http_head {
    struct str method; /* request: a token, upper case as sent */
    struct str target; /* request: origin-form, or absolute-form as sent */
    unsigned status;   /* response */
    unsigned minor;    /* HTTP/1.minor: 0 or 1 */
    const struct http_field *fields;
    size_t count;
    bool keep_alive; /* after Connection and version */
    bool chunked;
    bool has_length;
    bool expects_continue;
    uint64_t length;
};

/* First field of that name; at == NULL when there is none (a present empty value has an address).
 */
struct str http_head_get(const struct http_head *head, struct str name);
bool http_head_has(const struct http_head *head, struct str name);
/* Is `token` in the comma-separated list of all fields of that name? Case-insensitive. */
bool http_head_lists(const struct http_head *head, struct str name, struct str token);

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

struct http1_limits {
    uint32_t head_bytes_max; /* 0: HTTP_HEAD_BYTES_MAX */
    uint32_t fields_max;     /* 0: HTTP_FIELDS_MAX */
    uint32_t target_max;     /* 0: HTTP_TARGET_MAX */
};

enum http1_event {
    HTTP1_MORE, /* all input used, nothing complete */
    HTTP1_HEAD, /* parser's head is valid until the message ends */
    HTTP1_BODY, /* *body is a piece of the body, aliasing the input */
    HTTP1_DONE, /* the message is complete; what follows belongs to the next */
    HTTP1_BAD   /* see http1_problem; the parser stays bad */
};

struct http1_problem {
    unsigned status;  /* what to answer: 400, 411, 414, 417, 431, 501, 505; 0: no problem */
    const char *what; /* "two Content-Length fields" */
};

struct http1_parser;
struct http1_parser *http1_parser_new(enum http1_kind kind, const struct http1_limits *limits);
void http1_parser_free(struct http1_parser *parser);

/* Head spans of the next message are copied into `arena`; set before its first byte and again after
 * each DONE. For a response to HEAD set `bodyless`. */
void http1_parser_start(struct http1_parser *parser, struct arena *arena, bool bodyless);
/* Consumes from *input; call again while it does not answer MORE or BAD. */
enum http1_event http1_parse(struct http1_parser *parser, struct str *input, struct str *body);
/* End of the connection: DONE when that ends a message (response without length), else BAD or MORE
 * (between messages). */
enum http1_event http1_parse_end(struct http1_parser *parser);
const struct http_head *http1_head(const struct http1_parser *parser);
const struct http1_problem *http1_problem(const struct http1_parser *parser);

/* ---- writing ---- */

const char *http_status_text(unsigned status);
/* INVALID: a method, target or field that would break the framing; `to` is then unchanged. */
enum err http1_write_request(struct buf *to, struct str method, struct str target,
                             const struct http_field *fields, size_t count) MUST_USE;
enum err http1_write_response(struct buf *to, unsigned status, const struct http_field *fields,
                              size_t count) MUST_USE;     /* both end with the empty line */
bool http_field_valid(struct str name, struct str value); /* token; no CR, LF, NUL */
/* Does the field describe this connection or this message's framing (connection, keep-alive, te,
 * trailer, transfer-encoding, content-length, upgrade, proxy-*, http2-settings)? Such are never
 * forwarded. */
bool http_field_is_hop(struct str name);

#endif
