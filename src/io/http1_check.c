/* SPDX-License-Identifier: Apache-2.0
 * http1_check.c - the rules over a whole head that a tokenizer does not know.
 *
 * Each rule refuses an ambiguity on which two HTTP implementations could disagree about where a
 * message ends or whom it is for; none of them repairs anything.
 */
#include "io/http1_check.h"

#include "base/num.h"

/* Are all bytes in a set of ASCII codes (one bit a code)? */
static bool all_of(struct str s, const uint64_t set[2])
{
    uint64_t outside = 0; /* no branch a byte: names and hosts are short and nearly always right */
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        outside |= (~set[c >> 6 & 1] >> (c & 63)) | c >> 7;
    }
    return (outside & 1) == 0;
}

/* ---- the fields that decide framing and routing ---- */

enum known { HOST, LENGTH, CODING, EXPECT, DISGUISED, NAMELESS, KNOWN };

/* An intermediary or a CGI-like backend may read '_' as '-': those names are refused, not passed.
 */
static const struct {
    struct str name;
    enum known known;
} known_fields[] = {
    {{"host", 4}, HOST},
    {{"content-length", 14}, LENGTH},
    {{"transfer-encoding", 17}, CODING},
    {{"expect", 6}, EXPECT},
    {{"content_length", 14}, DISGUISED},
    {{"transfer_encoding", 17}, DISGUISED},
    {{"", 0}, NAMELESS}, /* llhttp lets it pass */
};

struct seen {
    size_t count[KNOWN];
    struct str value[KNOWN];
};

static struct seen look(const struct http_head *head)
{
    struct seen seen = {0};
    for (size_t i = 0; i < head->count; i++) {
        struct str name = head->fields[i].name;
        for (size_t k = 0; k < sizeof known_fields / sizeof known_fields[0]; k++) {
            if (name.len == known_fields[k].name.len && str_equal_ci(name, known_fields[k].name)) {
                seen.count[known_fields[k].known]++;
                seen.value[known_fields[k].known] = head->fields[i].value;
                break;
            }
        }
    }
    return seen;
}

static struct http1_problem refuse(unsigned status, const char *what)
{
    return (struct http1_problem){status, what};
}

static const struct http1_problem fine = {0, NULL};

/* ---- framing, RFC 9112 section 6 ---- */

/* Only digits: a sign, a space or a list is how two parsers come to different lengths. */
static struct http1_problem check_length(struct http_head *head, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            return refuse(400, "Content-Length is not a number");
        }
    }
    if (num_u64(value, &head->length) != ERR_OK) {
        return refuse(400, "Content-Length is empty or too large");
    }
    head->has_length = true;
    return fine;
}

/* RFC 9112, section 6.1 and 6.3: where chunked is not last the end of a request is unknown (400);
 * an unknown coding below a final chunked is merely not implemented (501). */
static struct http1_problem check_coding(struct http_head *head, const struct seen *seen)
{
    struct str value = seen->value[CODING];
    if (head->minor == 0) {
        return refuse(400, "Transfer-Encoding in an HTTP/1.0 message");
    }
    if (seen->count[CODING] > 1) {
        return refuse(400, "several Transfer-Encoding fields");
    }
    if (str_equal_ci(value, STR("chunked"))) {
        head->chunked = true;
        return fine;
    }
    struct str last = {NULL, 0};
    size_t chunked = 0;
    while (str_split(&value, ',', &last)) {
        last = str_trim(last);
        chunked += str_equal_ci(last, STR("chunked"));
    }
    if (chunked == 1 && str_equal_ci(last, STR("chunked"))) {
        return refuse(501, "transfer coding other than chunked");
    }
    return refuse(400, "Transfer-Encoding does not end with chunked");
}

static struct http1_problem check_framing(struct http_head *head, const struct seen *seen)
{
    if (seen->count[DISGUISED] > 0) {
        return refuse(400, "a framing field spelled with '_'");
    }
    if (seen->count[NAMELESS] > 0) {
        return refuse(400, "a field without a name");
    }
    if (seen->count[LENGTH] > 0 && seen->count[CODING] > 0) {
        return refuse(400, "Content-Length with Transfer-Encoding");
    }
    if (seen->count[LENGTH] > 1) {
        return refuse(400, "several Content-Length fields");
    }
    if (seen->count[LENGTH] == 1) {
        return check_length(head, seen->value[LENGTH]);
    }
    if (seen->count[CODING] > 0) {
        return check_coding(head, seen);
    }
    return fine;
}

/* ---- requests ---- */

/* RFC 3986, section 3.2.2: what may stand in uri-host and port. */
static const uint64_t host_set[2] = {UINT64_C(0x2fff6ff200000000), UINT64_C(0x47fffffeaffffffe)};

/* RFC 9112, section 3.2: one Host in HTTP/1.1, at most one in 1.0, and nothing but a host in it. */
static struct http1_problem check_host(const struct http_head *head, const struct seen *seen)
{
    if (seen->count[HOST] > 1) {
        return refuse(400, "several Host fields");
    }
    if (seen->count[HOST] == 0) {
        return head->minor == 0 ? fine : refuse(400, "no Host field");
    }
    return all_of(seen->value[HOST], host_set) ? fine : refuse(400, "malformed Host field");
}

static bool starts_ci(struct str s, struct str prefix)
{
    return str_equal_ci(str_cut(s, 0, prefix.len), prefix);
}

/* RFC 9112, section 3.2: origin-form, absolute-form, and '*' for OPTIONS alone. */
static bool target_fits(const struct http_head *head)
{
    struct str target = head->target;
    if (str_starts(target, STR("/"))) {
        return true;
    }
    if (str_equal(target, STR("*"))) {
        return str_equal(head->method, STR("OPTIONS"));
    }
    return starts_ci(target, STR("http://")) || starts_ci(target, STR("https://"));
}

static bool needs_length(struct str method)
{
    return str_equal(method, STR("POST")) || str_equal(method, STR("PUT")) ||
           str_equal(method, STR("PATCH"));
}

struct http1_problem http1_check_request(struct http_head *head)
{
    if (str_equal(head->method, STR("TRACE")) || str_equal(head->method, STR("CONNECT"))) {
        return refuse(501, "method not implemented");
    }
    struct seen seen = look(head);
    struct http1_problem problem = check_framing(head, &seen);
    if (problem.status == 0) {
        problem = check_host(head, &seen);
    }
    if (problem.status != 0) {
        return problem;
    }
    if (!target_fits(head)) {
        return refuse(400, "malformed request target");
    }
    if (seen.count[EXPECT] > 0 && head->minor > 0) {
        if (seen.count[EXPECT] > 1 || !str_equal_ci(seen.value[EXPECT], STR("100-continue"))) {
            return refuse(417, "expectation other than 100-continue");
        }
        head->expects_continue = true;
    }
    if (!head->has_length && !head->chunked && needs_length(head->method)) {
        return refuse(411, "neither Content-Length nor Transfer-Encoding");
    }
    return fine;
}

struct http1_problem http1_check_response(struct http_head *head)
{
    struct seen seen = look(head);
    return check_framing(head, &seen);
}

/* ---- characters ---- */

/* RFC 9110, section 5.6.2: !#$%&'*+-.^_`|~, digits and letters; one bit a code. */
static const uint64_t token_set[2] = {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe)};

bool http1_is_token(struct str s)
{
    return s.len > 0 && all_of(s, token_set);
}
