/* SPDX-License-Identifier: Apache-2.0
 * http1_write.c - writes heads. Room is reserved once for the whole head; nothing is written when
 * any part of it could break the framing (RFC 9112, section 11.1: response splitting, request
 * smuggling).
 */
#include "io/http1.h"

#include "base/must.h"
#include "io/http1_check.h"

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

const char *http_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } list[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {529, "Overloaded"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (list[i].status == status) {
            return list[i].text;
        }
    }
    return "Status";
}

/* CR, LF or NUL: what would end a field early. Values are looked at twice a request, hence SSE2. */
static bool has_break(struct str s)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i cr = _mm_set1_epi8('\r');
    const __m128i lf = _mm_set1_epi8('\n');
    for (; i + 16 <= s.len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.at + i));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, cr), _mm_cmpeq_epi8(bytes, lf));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
        if (_mm_movemask_epi8(found) != 0) {
            return true;
        }
    }
#endif
    for (; i < s.len; i++) {
        if (s.at[i] == '\r' || s.at[i] == '\n' || s.at[i] == '\0') {
            return true;
        }
    }
    return false;
}

bool http_field_valid(struct str name, struct str value)
{
    return http1_is_token(name) && !has_break(value);
}

/* RFC 9110, section 7.6.1, and what older and other specifications tie to one connection. */
bool http_field_is_hop(struct str name)
{
    static const struct str list[] = {
        {"connection", 10},
        {"content-length", 14},
        {"transfer-encoding", 17},
        {"keep-alive", 10},
        {"te", 2},
        {"trailer", 7},
        {"upgrade", 7},
        {"proxy-connection", 16},
        {"proxy-authorization", 19},
        {"http2-settings", 14},
        {"proxy-authenticate", 18},
        {"proxy-authentication-info", 25},
        {"content_length", 14},
        {"transfer_encoding", 17},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (name.len == list[i].len && str_equal_ci(name, list[i])) {
            return true;
        }
    }
    return false;
}

/* Could this name break the framing? Spaces, controls, ':' and DEL end a name early. That it is a
 * token is the business of whoever made it (the parser, or http_field_valid); here eight bytes
 * count at once. */
static bool name_is_safe(struct str name)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t odd = 0;
    size_t i = 0;
    for (; i + 8 <= name.len; i += 8) {
        uint64_t x;
        memcpy(&x, name.at + i, 8);
        uint64_t colon = x ^ ones * ':';
        odd |= (x - ones * 0x21) | (x + ones) | ((colon - ones) & ~colon);
        odd |= x;
    }
    bool safe = (odd & ones * 0x80) == 0;
    for (; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        safe = safe && c > ' ' && c < 0x7f && c != ':';
    }
    return safe && name.len > 0;
}

/* SIZE_MAX when a field may not be written. */
static size_t fields_bytes(const struct http_field *fields, size_t count)
{
    size_t bytes = 2;
    for (size_t i = 0; i < count; i++) {
        if (!name_is_safe(fields[i].name) || has_break(fields[i].value)) {
            return SIZE_MAX;
        }
        bytes += fields[i].name.len + fields[i].value.len + 4;
    }
    return bytes;
}

static void put(struct buf *to, struct str s)
{
    if (s.len > 0) {
        memcpy(to->at + to->len, s.at, s.len);
        to->len += s.len;
    }
}

/* Room is there. */
static void put_fields(struct buf *to, const struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(to, fields[i].name);
        put(to, STR(": "));
        put(to, fields[i].value);
        put(to, STR("\r\n"));
    }
    put(to, STR("\r\n"));
}

static bool target_valid(struct str target)
{
    for (size_t i = 0; i < target.len; i++) {
        if ((unsigned char)target.at[i] <= ' ' || (unsigned char)target.at[i] >= 0x7f) {
            return false;
        }
    }
    return target.len > 0;
}

enum err http1_write_request(struct buf *to, struct str method, struct str target,
                             const struct http_field *fields, size_t count)
{
    size_t bytes = fields_bytes(fields, count);
    if (bytes == SIZE_MAX || !http1_is_token(method) || !target_valid(target)) {
        return ERR_INVALID;
    }
    struct str version = STR(" HTTP/1.1\r\n");
    enum err err = buf_reserve(to, method.len + 1 + target.len + version.len + bytes);
    if (err != ERR_OK) {
        return err;
    }
    put(to, method);
    put(to, STR(" "));
    put(to, target);
    put(to, version);
    put_fields(to, fields, count);
    return ERR_OK;
}

enum err http1_write_response(struct buf *to, unsigned status, const struct http_field *fields,
                              size_t count)
{
    must(status >= 100 && status <= 999);
    size_t bytes = fields_bytes(fields, count);
    if (bytes == SIZE_MAX) {
        return ERR_INVALID;
    }
    struct str text = str_of(http_status_text(status));
    char line[] = "HTTP/1.1 000 ";
    line[9] = (char)('0' + status / 100);
    line[10] = (char)('0' + status / 10 % 10);
    line[11] = (char)('0' + status % 10);
    enum err err = buf_reserve(to, sizeof line - 1 + text.len + 2 + bytes);
    if (err != ERR_OK) {
        return err;
    }
    put(to, (struct str){line, sizeof line - 1});
    put(to, text);
    put(to, STR("\r\n"));
    put_fields(to, fields, count);
    return ERR_OK;
}
