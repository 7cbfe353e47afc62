/* SPDX-License-Identifier: Apache-2.0
 * alarms.c - a ring of hours. */
#include "security/alarms.h"

#include "base/must.h"
#include "stats/counts.h"
#include "sys/thread.h"

#include <stdlib.h>
#include <string.h>

#define HOURS 25 /* this one and a day before it */

struct alarms {
    struct mutex lock;
    int64_t hour;           /* of the newest count */
    int64_t first_hour;     /* since when it counts */
    uint64_t counts[HOURS]; /* by hour modulo HOURS */
    int64_t day;
    uint64_t attempts; /* of that day */
    int64_t told[3];   /* hour or day in which each kind was last raised, plus one */
};

const char *alarm_name(enum alarm_kind kind)
{
    static const char *const names[] = {"attempts", "leak", "surge"};
    return names[kind];
}

struct alarms *alarms_new(void)
{
    struct alarms *alarms = must_have(calloc(1, sizeof *alarms));
    mutex_init(&alarms->lock);
    return alarms;
}

void alarms_free(struct alarms *alarms)
{
    if (alarms != NULL) {
        mutex_end(&alarms->lock);
        free(alarms);
    }
}

/* Hours that passed without a count are empty; a clock that went back counts for the newest. */
static void advance(struct alarms *a, int64_t hour)
{
    if (a->first_hour == 0) {
        a->first_hour = a->hour = hour;
    }
    if (hour - a->hour >= HOURS) {
        memset(a->counts, 0, sizeof a->counts);
        a->hour = hour;
    }
    while (a->hour < hour) {
        a->hour++;
        a->counts[a->hour % HOURS] = 0;
    }
    int64_t day = a->hour / 24;
    if (day != a->day) {
        a->day = day;
        a->attempts = 0;
    }
}

static bool tell(struct alarms *a, enum alarm_kind kind, int64_t window, struct alarm *alarm,
                 uint64_t count, double expected)
{
    if (a->told[kind] == window + 1) {
        return false;
    }
    a->told[kind] = window + 1;
    *alarm = (struct alarm){kind, count, expected};
    return true;
}

static bool surges(struct alarms *a, struct alarm *alarm)
{
    uint64_t now = a->counts[a->hour % HOURS];
    uint64_t past = 0;
    int64_t hours = a->hour - a->first_hour;
    hours = hours < HOURS - 1 ? hours : HOURS - 1;
    if (hours == 0 || now < ALARM_SURGE_MIN) {
        return false; /* no past to compare with */
    }
    for (int64_t i = 1; i <= hours; i++) {
        past += a->counts[(a->hour - i) % HOURS];
    }
    return counts_tail(now, 1, past, (double)hours) < ALARM_SURGE_RISK &&
           tell(a, ALARM_SURGE, a->hour, alarm, now, (double)past / (double)hours);
}

bool alarms_count(struct alarms *alarms, enum alarm_signal signal, struct wall now,
                  struct alarm *alarm)
{
    mutex_lock(&alarms->lock);
    advance(alarms, now.us / (INT64_C(3600) * 1000000));
    alarms->counts[alarms->hour % HOURS]++;
    alarms->attempts += signal == SIGNAL_ATTEMPT ? 1 : 0;
    bool raised = signal == SIGNAL_LEAK && tell(alarms, ALARM_LEAK, alarms->hour, alarm, 1, 0);
    if (!raised && alarms->attempts > ALARM_ATTEMPTS_MAX) {
        raised = tell(alarms, ALARM_ATTEMPTS, alarms->day, alarm, alarms->attempts,
                      ALARM_ATTEMPTS_MAX);
    }
    raised = raised || surges(alarms, alarm);
    mutex_unlock(&alarms->lock);
    return raised;
}
