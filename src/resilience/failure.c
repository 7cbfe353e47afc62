/* SPDX-License-Identifier: Apache-2.0
 * failure.c - from what the provider said to one class of failure, by tables.
 *
 * Order: words that name one precise cause, then the status (or, inside a stream, a numeric code),
 * then words that name a general kind, then the default. Only the head of a message is read, and
 * only for phrases that providers use where they have no code of their own.
 */
#include "resilience/failure.h"

#include "base/must.h"
#include "base/num.h"

static const struct failure_action actions[] = {
#define FAILURE(name, retry, fallback, breaker, pin, word, help)                                   \
    {#name, retry, fallback, breaker, pin, word, help},
#include "resilience/failure.def"
#undef FAILURE
};

const struct failure_action *failure_action(enum failure failure)
{
    must((unsigned)failure < FAILURE_CLASSES);
    return &actions[failure];
}

enum where { WORD_IS, WORD_STARTS, WORD_ENDS, MESSAGE_HAS };

struct word_row {
    struct str text; /* any case matches */
    enum where where;
    enum failure failure;
};

#define ROW(where, text, class)                                                                    \
    {                                                                                              \
        {text, sizeof(text) - 1}, where, FAILURE_##class                                           \
    }

/* One precise cause each, whatever the status. */
static const struct word_row causes[] = {
    ROW(WORD_IS, "insufficient_quota", exhausted),
    ROW(WORD_IS, "credit_balance_exhausted", exhausted),
    ROW(WORD_IS, "billing_hard_limit_reached", exhausted),
    ROW(WORD_IS, "billing_not_active", exhausted),
    ROW(WORD_IS, "billing_error", exhausted),
    ROW(WORD_ENDS, "_spend_limit_exceeded", exhausted),
    ROW(WORD_STARTS, "usage_limit", exhausted),
    ROW(MESSAGE_HAS, "credit balance is too low", exhausted),
    ROW(MESSAGE_HAS, "api usage limits", exhausted),
    ROW(WORD_IS, "context_length_exceeded", too_long),
    ROW(WORD_IS, "model_context_window_exceeded", too_long),
    ROW(WORD_IS, "content_filter", refused),
    ROW(WORD_IS, "content_policy_violation", refused),
    ROW(WORD_IS, "responsibleaipolicyviolation", refused),
    ROW(WORD_IS, "slow_down", saturated),
    ROW(WORD_IS, "overloaded_error", provider),
    ROW(WORD_IS, "server_is_overloaded", provider),
    ROW(MESSAGE_HAS, "prompt is too long", too_long),
    ROW(MESSAGE_HAS, "maximum context length", too_long),
    ROW(MESSAGE_HAS, "exceed context limit", too_long),
    ROW(MESSAGE_HAS, "exceeds the context window", too_long),
    ROW(MESSAGE_HAS, "exceeds the maximum number of tokens", too_long),
    ROW(MESSAGE_HAS, "responsibleaipolicyviolation", refused),
    ROW(MESSAGE_HAS, "content management policy", refused),
    ROW(MESSAGE_HAS, "content filtering policy", refused),
};

/* General kinds, where no status says more. */
static const struct word_row kinds[] = {
    ROW(WORD_IS, "rate_limit_error", saturated),   ROW(WORD_IS, "rate_limit_exceeded", saturated),
    ROW(WORD_IS, "resource_exhausted", saturated), ROW(WORD_IS, "authentication_error", credential),
    ROW(WORD_IS, "permission_error", credential),  ROW(WORD_IS, "invalid_api_key", credential),
    ROW(WORD_IS, "unauthenticated", credential),   ROW(WORD_IS, "permission_denied", credential),
    ROW(WORD_IS, "timeout_error", provider),       ROW(WORD_IS, "api_error", provider),
    ROW(WORD_IS, "server_error", provider),        ROW(WORD_IS, "internal_server_error", provider),
    ROW(WORD_IS, "conflict_error", conflict),      ROW(WORD_IS, "not_found_error", client),
    ROW(WORD_IS, "request_too_large", client),     ROW(WORD_IS, "invalid_request_error", client),
    ROW(WORD_IS, "invalid_argument", client),
};

/* The first row that covers the status. 408 is the provider's timeout, 425 (RFC 8470) means
 * "again". */
static const struct {
    unsigned from;
    unsigned to;
    enum failure failure;
} statuses[] = {
    {200, 299, FAILURE_none},       {401, 401, FAILURE_credential},   {402, 402, FAILURE_exhausted},
    {403, 403, FAILURE_credential}, {408, 408, FAILURE_timeout_head}, {409, 409, FAILURE_conflict},
    {425, 425, FAILURE_conflict},   {429, 429, FAILURE_saturated},    {400, 499, FAILURE_client},
    {500, 599, FAILURE_provider},
};

/* The cause stands at the beginning; what follows may quote a user. */
#define MESSAGE_READ_MAX 2048

static bool has_ci(struct str text, struct str phrase)
{
    text = str_cut(text, 0, MESSAGE_READ_MAX);
    for (size_t i = 0; i + phrase.len <= text.len; i++) {
        if (str_equal_ci(str_cut(text, i, i + phrase.len), phrase)) {
            return true;
        }
    }
    return false;
}

static bool word_matches(const struct word_row *row, struct str word)
{
    if (word.len < row->text.len) {
        return false;
    }
    switch (row->where) {
    case WORD_IS:
        return str_equal_ci(word, row->text);
    case WORD_STARTS:
        return str_equal_ci(str_cut(word, 0, row->text.len), row->text);
    case WORD_ENDS:
        return str_equal_ci(str_cut(word, word.len - row->text.len, word.len), row->text);
    case MESSAGE_HAS:
        break;
    }
    return false;
}

struct words {
    struct str code;
    struct str type;
    struct str message;
};

/* FAILURE_none: no row speaks of it. */
static enum failure look_up(const struct word_row *rows, size_t count, const struct words *words)
{
    for (size_t i = 0; i < count; i++) {
        const struct word_row *row = &rows[i];
        bool holds = row->where == MESSAGE_HAS
                         ? has_ci(words->message, row->text)
                         : word_matches(row, words->code) || word_matches(row, words->type);
        if (holds) {
            return row->failure;
        }
    }
    return FAILURE_none;
}

#define LOOK_UP(rows, words) look_up(rows, sizeof(rows) / sizeof(rows)[0], words)

/* Outside 200..599 no final answer exists: 1xx never reaches us and redirects are not followed. */
static enum failure of_status_alone(unsigned status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (status >= statuses[i].from && status <= statuses[i].to) {
            return statuses[i].failure;
        }
    }
    return FAILURE_malformed;
}

enum failure failure_of_status(unsigned status, struct str code, struct str type,
                               struct str message)
{
    struct words words = {code, type, message};
    enum failure by_status = of_status_alone(status);
    if (by_status == FAILURE_malformed) {
        return by_status;
    }
    if (by_status == FAILURE_none) {
        return code.len > 0 || type.len > 0 ? failure_of_error(code, type, message) : by_status;
    }
    enum failure cause = LOOK_UP(causes, &words);
    if (cause != FAILURE_none) {
        return cause;
    }
    /* A bare 4xx says little: servers that imitate an API send 400 with the right type. */
    enum failure kind = by_status == FAILURE_client ? LOOK_UP(kinds, &words) : FAILURE_none;
    return kind != FAILURE_none ? kind : by_status;
}

enum failure failure_of_error(struct str code, struct str type, struct str message)
{
    struct words words = {code, type, message};
    enum failure cause = LOOK_UP(causes, &words);
    if (cause != FAILURE_none) {
        return cause;
    }
    uint64_t number = 0;
    if (num_u64(code, &number) == ERR_OK && number >= 400 && number <= 599) {
        return of_status_alone((unsigned)number);
    }
    enum failure kind = LOOK_UP(kinds, &words);
    return kind != FAILURE_none ? kind : FAILURE_provider;
}

enum failure failure_of_transport(enum err why)
{
    switch (why) {
    case ERR_OK:
        return FAILURE_none;
    case ERR_DNS:
    case ERR_REFUSED:
    case ERR_UNREACHABLE:
    case ERR_TLS:
        return FAILURE_connect;
    case ERR_TIMEOUT:
        return FAILURE_timeout_connect;
    case ERR_SYNTAX:
        return FAILURE_malformed;
    case ERR_LIMIT:
        return FAILURE_too_large;
    case ERR_CANCELLED:
        return FAILURE_cancelled;
    default: /* RESET, CLOSED, IO and whatever else ends a connection */
        return FAILURE_network;
    }
}

bool failure_word_valid(struct str word)
{
    for (size_t i = FAILURE_none + 1; i < FAILURE_CLASSES; i++) {
        if (str_equal(word, str_of(actions[i].word))) {
            return true;
        }
    }
    return false;
}
