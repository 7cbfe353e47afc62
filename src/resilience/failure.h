/* SPDX-License-Identifier: Apache-2.0
 * failure.h - what a failed attempt means, and what to do: one table (failure.def).
 *
 * Classes and actions follow the table of statuses common to the providers' documentation (OpenAI
 * error codes, Anthropic errors, RFC 9110 section 15). The client's own faults neither retry nor
 * move a breaker.
 */
#ifndef AIRE_RESILIENCE_FAILURE_H
#define AIRE_RESILIENCE_FAILURE_H

#include "base/err.h"
#include "base/str.h"
#include "resilience/breaker.h"

enum failure_action_retry { RETRY_NO, RETRY_YES, RETRY_AFTER /* honour Retry-After */ };
enum failure_action_fallback { FALLBACK_NO, FALLBACK_YES, FALLBACK_POLICY /* route.refusals */ };

/* FAILURE(name, retry same target, fall back, breaker outcome, pins breaker, rules-file word, help)
 */
enum failure {
#define FAILURE(name, retry, fallback, breaker, pin, word, help) FAILURE_##name,
#include "resilience/failure.def"
#undef FAILURE
    FAILURE_CLASSES
};

struct failure_action {
    const char *name; /* "rate_limited", for records and metrics */
    enum failure_action_retry retry;
    enum failure_action_fallback fallback;
    enum breaker_outcome breaker;
    bool pins;        /* keep the target out until its reset time */
    const char *word; /* as rules files and docs name the class: open timeout exhausted ... */
    const char *help;
};
const struct failure_action *failure_action(enum failure failure);

/* From a response head and the error's own words. `code` and `type` are the fields of the
 * provider's error object ("" when absent), e.g. insufficient_quota, context_length_exceeded,
 * overloaded_error. Words that name one precise cause win over the status; the status wins over
 * general ones. */
enum failure failure_of_status(unsigned status, struct str code, struct str type,
                               struct str message);
/* From an error object inside a 200 stream. */
enum failure failure_of_error(struct str code, struct str type, struct str message);
/* From the transport: DNS REFUSED UNREACHABLE TLS RESET CLOSED SYNTAX LIMIT TIMEOUT (of
 * connecting). */
enum failure failure_of_transport(enum err why);

/* Is it a class that a rules file may name? */
bool failure_word_valid(struct str word);

#endif
