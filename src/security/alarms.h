/* SPDX-License-Identifier: Apache-2.0
 * alarms.h - when findings of guardrails call for a person (standard S8): too many attempts a day,
 * a leak at all, a sudden change.
 *
 * One per process and agent-independent; counts by UTC hour and day. Each alarm is raised once in
 * its window: attempts once a day, leaks once an hour, a surge once an hour.
 */
#ifndef AIRE_SECURITY_ALARMS_H
#define AIRE_SECURITY_ALARMS_H

#include "base/when.h"

#include <stdbool.h>
#include <stdint.h>

enum alarm_kind {
    ALARM_ATTEMPTS, /* injections found today: ALARM_ATTEMPTS_MAX is exceeded */
    ALARM_LEAK,     /* an answer held what it must not, and nothing took it out */
    ALARM_SURGE     /* findings this hour, against the 24 hours before it */
};
const char *alarm_name(enum alarm_kind kind);

#define ALARM_ATTEMPTS_MAX 10   /* a day: the standard's own */
#define ALARM_SURGE_RISK   1e-6 /* probability of a false alarm in an hour that is like the past */
#define ALARM_SURGE_MIN    5    /* fewer findings in an hour are no surge */

/* What is counted. */
enum alarm_signal { SIGNAL_ATTEMPT, SIGNAL_LEAK, SIGNAL_OTHER };

struct alarm {
    enum alarm_kind kind;
    uint64_t count;
    double expected; /* for a surge: by the past day; else the limit */
};

struct alarms;
struct alarms *alarms_new(void);
void alarms_free(struct alarms *alarms); /* NULL is fine */
/* Counts one; true when that raises an alarm (the gravest one, by the order of the kinds reversed:
 * leak, then attempts, then surge). Any thread. */
bool alarms_count(struct alarms *alarms, enum alarm_signal signal, struct wall now,
                  struct alarm *alarm);

#endif
