/* SPDX-License-Identifier: Apache-2.0
 * limits.c - what each subject may still do, and what it has spent.
 *
 * Invariants: time in periods never goes back (a clock that does is held at the last day seen); the
 * sum of what is held in a period is the sum of its unsettled reservations; a reservation of a past
 * period touches nothing in memory, since the counters it was held in are gone.
 */
#include "security/limits.h"

#include "base/map.h"
#include "base/must.h"
#include "sys/thread.h"

#include <stdlib.h>

#define DAY_US     (INT64_C(86400) * US_PER_S)
#define LONGEST_MS (UINT64_C(400) * 86400 * 1000) /* of a rate's period */

/* Spent and held within one day or one month; all zero when the period changes. */
struct spend {
    int64_t period;
    int64_t microusd;
    int64_t held_microusd;
    uint64_t tokens;
    uint64_t held_tokens;
};

struct subject {
    uint64_t arrival_ns; /* GCRA: theoretical arrival time of the next event */
    struct spend day;
    struct spend month;
};

struct limits {
    struct mutex mutex;
    struct map *subjects;
    int64_t day; /* the latest seen */
    int64_t month;
    int64_t swept_month; /* idle subjects were looked for in this one */
};

const char *limit_kind_name(enum limit_kind kind)
{
    static const char *const names[] = {"none",       "rate",         "day_money", "month_money",
                                        "day_tokens", "month_tokens", "subjects"};
    must((unsigned)kind < sizeof names / sizeof names[0]);
    return names[kind];
}

struct limits *limits_new(const uint64_t seed[2])
{
    struct limits *limits = must_have(calloc(1, sizeof *limits));
    mutex_init(&limits->mutex);
    limits->subjects = map_new(seed, LIMIT_SUBJECTS_MAX);
    return limits;
}

void limits_free(struct limits *limits)
{
    if (limits == NULL) {
        return;
    }
    size_t at = 0;
    struct str name;
    void *subject = NULL;
    while (map_next(limits->subjects, &at, &name, &subject)) {
        free(subject);
    }
    map_free(limits->subjects);
    mutex_end(&limits->mutex);
    free(limits);
}

/* ---- subjects ---- */

/* Counters of a past period are worth nothing: spend that arrives late goes to its own durable row.
 */
static void spend_roll(struct spend *spend, int64_t period)
{
    if (spend->period != period) {
        *spend = (struct spend){.period = period};
    }
}

/* Once a month at most: nothing becomes idle in between. */
static void drop_idle(struct limits *limits, struct instant now)
{
    if (limits->swept_month == limits->month) {
        return;
    }
    limits->swept_month = limits->month;
    size_t at = 0;
    struct str name;
    void *value = NULL;
    while (map_next(limits->subjects, &at, &name, &value)) {
        struct subject *subject = value;
        if (subject->month.period < limits->month && subject->arrival_ns <= now.ns) {
            (void)map_remove(limits->subjects, name);
            free(subject);
        }
    }
}

/* NULL: it is new and the table is full. */
static struct subject *subject_of(struct limits *limits, struct str name, struct instant now)
{
    struct subject *subject = map_get(limits->subjects, name);
    if (subject == NULL) {
        if (map_count(limits->subjects) >= LIMIT_SUBJECTS_MAX) {
            drop_idle(limits, now);
        }
        subject = must_have(calloc(1, sizeof *subject));
        if (map_put(limits->subjects, name, subject) != ERR_OK) {
            free(subject);
            return NULL;
        }
    }
    spend_roll(&subject->day, limits->day);
    spend_roll(&subject->month, limits->month);
    return subject;
}

/* Looked at by every caller, so that all subjects are in the same period at any moment. */
static void advance(struct limits *limits, struct wall wall)
{
    int64_t day = wall_day(wall);
    if (day > limits->day) {
        limits->day = day;
        limits->month = wall_month(wall);
    }
}

/* ---- checks: nothing is taken here ---- */

/* Emission interval, rounded up: never more than the rate. */
static uint64_t interval_ns(const struct rate *rate)
{
    uint64_t period = num_min(num_max(rate->period_ms, 1), LONGEST_MS) * NS_PER_MS;
    uint64_t count = num_min(rate->count, period);
    return (period + count - 1) / count;
}

/* How far ahead of now the theoretical arrival may lie: a burst of `count` at once. */
static uint64_t tolerance_ns(const struct rate *rate)
{
    uint64_t interval = interval_ns(rate);
    uint64_t period = num_min(num_max(rate->period_ms, 1), LONGEST_MS) * NS_PER_MS;
    return (num_min(rate->count, period) - 1) * interval;
}

/* Under this rate the arrival is never later than this; under a slower one, before a reload, it may
 * have been, and nobody shall wait out a period that no longer holds. */
static void forget_slower_rate(struct subject *subject, const struct rate *rate, struct instant now)
{
    if (rate->count > 0) {
        uint64_t latest = now.ns + tolerance_ns(rate) + interval_ns(rate);
        subject->arrival_ns = num_min(subject->arrival_ns, latest);
    }
}

static uint64_t rate_wait_ms(const struct subject *subject, const struct rate *rate,
                             struct instant now)
{
    uint64_t latest = now.ns + tolerance_ns(rate);
    return subject->arrival_ns > latest ? (subject->arrival_ns - latest + NS_PER_MS - 1) / NS_PER_MS
                                        : 0;
}

static bool money_fits(const struct spend *spend, int64_t more, int64_t limit)
{
    int64_t sum = 0;
    return limit <= 0 || (!__builtin_add_overflow(spend->microusd, spend->held_microusd, &sum) &&
                          !__builtin_add_overflow(sum, more, &sum) && sum <= limit);
}

static bool tokens_fit(const struct spend *spend, uint64_t more, uint64_t limit)
{
    uint64_t sum = 0;
    return limit == 0 || (num_add_u64(spend->tokens, spend->held_tokens, &sum) &&
                          num_add_u64(sum, more, &sum) && sum <= limit);
}

/* The order is that of the answers a client can do most about. */
static enum limit_kind first_hit(const struct subject *subject, const struct limit_rule *rule,
                                 const struct limit_reservation *r, struct instant now)
{
    if (rule->rate.count > 0 && rate_wait_ms(subject, &rule->rate, now) > 0) {
        return LIMIT_RATE;
    }
    if (!money_fits(&subject->day, r->microusd, rule->day_microusd)) {
        return LIMIT_DAY_MONEY;
    }
    if (!money_fits(&subject->month, r->microusd, rule->month_microusd)) {
        return LIMIT_MONTH_MONEY;
    }
    if (!tokens_fit(&subject->day, r->tokens, rule->day_tokens)) {
        return LIMIT_DAY_TOKENS;
    }
    if (!tokens_fit(&subject->month, r->tokens, rule->month_tokens)) {
        return LIMIT_MONTH_TOKENS;
    }
    return LIMIT_NONE;
}

static bool rule_is_empty(const struct limit_rule *rule)
{
    return rule->rate.count == 0 && rule->day_microusd <= 0 && rule->month_microusd <= 0 &&
           rule->day_tokens == 0 && rule->month_tokens == 0;
}

/* Start of a day, in UTC microseconds. */
static struct wall day_start(int64_t day)
{
    return (struct wall){day * DAY_US};
}

/* Until the next midnight or the next month, both UTC. */
static uint64_t period_left_ms(enum limit_kind kind, struct wall wall)
{
    int64_t day = wall_day(wall);
    int64_t next = day + 1;
    if (kind == LIMIT_MONTH_MONEY || kind == LIMIT_MONTH_TOKENS) {
        while (wall_month(day_start(next)) == wall_month(wall)) {
            next++;
        }
    }
    return (uint64_t)((day_start(next).us - wall.us + 999) / 1000);
}

/* ---- reserve and settle ---- */

static void spend_hold(struct spend *spend, const struct limit_reservation *r)
{
    spend->held_microusd += r->microusd;
    spend->held_tokens += r->tokens;
}

static void spend_settle(struct spend *spend, int64_t period, const struct limit_reservation *r,
                         uint64_t tokens, int64_t microusd)
{
    if (spend->period != period) {
        return;
    }
    must(spend->held_microusd >= r->microusd && spend->held_tokens >= r->tokens);
    spend->held_microusd -= r->microusd;
    spend->held_tokens -= r->tokens;
    if (__builtin_add_overflow(spend->microusd, microusd, &spend->microusd)) {
        spend->microusd = INT64_MAX;
    }
    if (!num_add_u64(spend->tokens, tokens, &spend->tokens)) {
        spend->tokens = UINT64_MAX;
    }
}

/* Of one reservation, beyond any sane limit: half a million of them at once still add up. */
#define AMOUNT_MAX (INT64_C(1) << 44)

static void clamp(struct limit_reservation *r)
{
    r->tokens = num_min(r->tokens, (uint64_t)AMOUNT_MAX);
    r->microusd = r->microusd < 0 ? 0 : r->microusd;
    r->microusd = r->microusd > AMOUNT_MAX ? AMOUNT_MAX : r->microusd;
}

#define REFUSED (1u << LIMIT_CLAIMS_MAX)

/* Finds every subject and the first limit in the way, an enforced one before an observed one; takes
 * nothing. A bit for each claim that was hit, and REFUSED when one of them is enforced. */
static unsigned look_at_claims(struct limits *limits, const struct limit_reservation *r,
                               struct instant now, struct wall wall,
                               struct subject *subjects[LIMIT_CLAIMS_MAX],
                               struct limit_answer *answer)
{
    unsigned hits = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct limit_rule *rule = &r->claims[i].rule;
        subjects[i] = subject_of(limits, r->claims[i].subject, now);
        enum limit_kind hit = LIMIT_NONE;
        if (subjects[i] != NULL) {
            forget_slower_rate(subjects[i], &rule->rate, now);
            hit = first_hit(subjects[i], rule, r, now);
        } else if (!rule_is_empty(rule)) {
            hit = LIMIT_SUBJECTS;
        }
        if (hit == LIMIT_NONE) {
            continue;
        }
        bool enforced = !r->observe && !r->claims[i].observe;
        bool known = (hits & REFUSED) != 0 || (hits != 0 && !enforced);
        hits |= 1u << i | (enforced ? REFUSED : 0);
        if (known) {
            continue;
        }
        *answer = (struct limit_answer){.hit = hit, .claim = i};
        if (hit == LIMIT_RATE) {
            answer->retry_after_ms = rate_wait_ms(subjects[i], &rule->rate, now);
        } else if (hit != LIMIT_SUBJECTS) {
            answer->retry_after_ms = period_left_ms(hit, wall);
        }
    }
    return hits;
}

/* What enforcing would have refused does not count as an event: a refused one never does. */
static void take_claims(struct limit_reservation *r, struct subject *subjects[LIMIT_CLAIMS_MAX],
                        unsigned hits, struct instant now)
{
    for (size_t i = 0; i < r->count; i++) {
        struct subject *subject = subjects[i];
        if (subject == NULL) {
            continue;
        }
        const struct rate *rate = &r->claims[i].rule.rate;
        bool counts = hits == 0 || (!r->observe && (hits >> i & 1) == 0);
        if (counts && rate->count > 0) {
            subject->arrival_ns = num_max(subject->arrival_ns, now.ns) + interval_ns(rate);
        }
        spend_hold(&subject->day, r);
        spend_hold(&subject->month, r);
        r->taken |= 1u << i;
    }
}

bool limits_reserve(struct limits *limits, struct limit_reservation *reservation,
                    struct instant now, struct wall wall, struct limit_answer *answer)
{
    must(reservation->count <= LIMIT_CLAIMS_MAX && !reservation->held);
    struct subject *subjects[LIMIT_CLAIMS_MAX] = {0};
    *answer = (struct limit_answer){0};
    clamp(reservation);
    reservation->taken = 0;
    mutex_lock(&limits->mutex);
    advance(limits, wall);
    reservation->day = limits->day;
    reservation->month = limits->month;
    unsigned hits = look_at_claims(limits, reservation, now, wall, subjects, answer);
    reservation->held = (hits & REFUSED) == 0;
    if (reservation->held) {
        take_claims(reservation, subjects, hits, now);
    }
    mutex_unlock(&limits->mutex);
    return reservation->held;
}

void limits_settle(struct limits *limits, struct limit_reservation *reservation, uint64_t tokens,
                   int64_t microusd)
{
    if (!reservation->held) {
        return;
    }
    must(microusd >= 0);
    mutex_lock(&limits->mutex);
    for (size_t i = 0; i < reservation->count; i++) {
        struct subject *subject = map_get(limits->subjects, reservation->claims[i].subject);
        if ((reservation->taken & 1u << i) == 0 || subject == NULL) {
            continue;
        }
        spend_settle(&subject->day, reservation->day, reservation, tokens, microusd);
        spend_settle(&subject->month, reservation->month, reservation, tokens, microusd);
    }
    mutex_unlock(&limits->mutex);
    reservation->held = false;
}

/* ---- durable spend ---- */

static const struct migration migrations[] = {
    {1, "CREATE TABLE spend (subject TEXT NOT NULL, period TEXT NOT NULL,"
        " tokens BIGINT NOT NULL, microusd BIGINT NOT NULL,"
        " PRIMARY KEY (subject, period));"
        "CREATE INDEX spend_period ON spend (period, subject);"},
};
const struct schema limits_schema = {"limits", migrations, 1};

static const struct statement add_spend = {
    "INSERT INTO spend (subject, period, tokens, microusd) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (subject, period) DO UPDATE SET tokens = spend.tokens + excluded.tokens,"
    " microusd = spend.microusd + excluded.microusd",
    4};
/* One page behind the last row seen: a whole table may be larger than one query may return. */
#define PAGE_ROWS 1000
static const struct statement read_spend = {
    "SELECT subject, period, tokens, microusd FROM spend"
    " WHERE period = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3",
    3};

/* "2026-11-25" */
static struct str day_text(int64_t day, char to[WHEN_TEXT_BYTES])
{
    return str_cut(str_of(wall_show(day_start(day), to)), 0, 10);
}

/* "2026-11"; `day` is any of the month. */
static struct str month_text(int64_t day, char to[WHEN_TEXT_BYTES])
{
    return str_cut(str_of(wall_show(day_start(day), to)), 0, 7);
}

static void fill_step(struct store_step *step, struct str subject, struct str period,
                      const struct value amounts[2], struct arena *arena)
{
    struct value *values = arena_array_of(arena, struct value, 4);
    values[0] = value_of_text(subject);
    values[1] = value_of_text(period);
    values[2] = amounts[0];
    values[3] = amounts[1];
    *step = (struct store_step){.statement = &add_spend, .values = values};
}

/* Subjects of users end with " user:NAME" and begin with the tenant; see gateway/stages/limit.c. */
static const struct statement forget_spend = {
    "DELETE FROM spend WHERE substr(subject, length(subject) - length(?2) + 1) = ?2"
    " AND (?1 = '' OR substr(subject, 1, length(?1) + 1) = ?1 || ' ')",
    2};

void limits_forget_step(struct str tenant, struct str user, struct arena *arena,
                        struct store_step *step)
{
    struct value *values = arena_array_of(arena, struct value, 2);
    values[0] = value_of_text(arena_str(arena, tenant));
    values[1] = value_of_text(arena_printf(arena, " user:" STR_FMT, STR_ARG(user)));
    *step = (struct store_step){&forget_spend, values, false};
}

size_t limits_steps(const struct limit_reservation *reservation, uint64_t tokens, int64_t microusd,
                    struct arena *arena, struct store_step steps[LIMIT_STEPS_MAX])
{
    must(reservation->count <= LIMIT_CLAIMS_MAX && microusd >= 0);
    if (reservation->count == 0 || (tokens == 0 && microusd == 0)) {
        return 0;
    }
    char text[WHEN_TEXT_BYTES];
    struct str day = arena_str(arena, day_text(reservation->day, text));
    struct str month = arena_str(arena, month_text(reservation->day, text));
    const struct value amounts[2] = {value_of_i64((int64_t)num_min(tokens, INT64_MAX)),
                                     value_of_i64(microusd)};
    size_t count = 0;
    for (size_t i = 0; i < reservation->count; i++) {
        struct str subject = arena_str(arena, reservation->claims[i].subject);
        fill_step(&steps[count++], subject, day, amounts, arena);
        fill_step(&steps[count++], subject, month, amounts, arena);
    }
    return count;
}

static bool row_is_sound(const struct value row[4])
{
    return row[0].kind == VALUE_TEXT && row[2].kind == VALUE_INTEGER && row[2].integer >= 0 &&
           row[3].kind == VALUE_INTEGER && row[3].integer >= 0;
}

static enum err load_row(struct limits *limits, const struct value row[4], bool is_day)
{
    if (!row_is_sound(row)) {
        return ERR_CORRUPT;
    }
    struct subject *subject = subject_of(limits, row[0].bytes, (struct instant){0});
    if (subject == NULL) {
        return ERR_OK; /* as while serving: it is unknown, and refused where it has a limit */
    }
    struct spend *spend = is_day ? &subject->day : &subject->month;
    spend->tokens = (uint64_t)row[2].integer;
    spend->microusd = row[3].integer;
    return ERR_OK;
}

static enum err load_period(struct limits *limits, struct store *store, struct str period,
                            bool is_day)
{
    struct arena *arena = arena_new(1024); /* holds the last subject of each page */
    struct value last[3] = {value_of_text(period), value_of_text(STR("")), value_of_i64(PAGE_ROWS)};
    enum err err = ERR_OK;
    size_t rows = PAGE_ROWS;
    while (err == ERR_OK && rows == PAGE_ROWS) {
        struct store_query query = {.rows_max = PAGE_ROWS};
        err = store_read_now(store, &read_spend, last, &query);
        rows = query.row_count;
        for (size_t i = 0; i < rows && err == ERR_OK; i++) {
            err = load_row(limits, &query.rows[i * query.columns], is_day);
        }
        if (err == ERR_OK && rows > 0) {
            struct str subject = query.rows[(rows - 1) * query.columns].bytes;
            last[1] = value_of_text(arena_str(arena, subject));
        }
        store_query_end(&query);
    }
    arena_free(arena);
    return err;
}

enum err limits_load(struct limits *limits, struct store *store, struct wall now)
{
    char day[WHEN_TEXT_BYTES];
    char month[WHEN_TEXT_BYTES];
    mutex_lock(&limits->mutex);
    advance(limits, now);
    enum err err = load_period(limits, store, day_text(limits->day, day), true);
    if (err == ERR_OK) {
        err = load_period(limits, store, month_text(limits->day, month), false);
    }
    mutex_unlock(&limits->mutex);
    return err;
}

/* ---- looking ---- */

bool limits_look(struct limits *limits, struct str subject, struct wall now,
                 struct limit_view *view)
{
    *view = (struct limit_view){0};
    mutex_lock(&limits->mutex);
    advance(limits, now);
    struct subject *found = map_get(limits->subjects, subject);
    if (found != NULL) {
        spend_roll(&found->day, limits->day);
        spend_roll(&found->month, limits->month);
        *view = (struct limit_view){.day_microusd = found->day.microusd,
                                    .month_microusd = found->month.microusd,
                                    .day_tokens = found->day.tokens,
                                    .month_tokens = found->month.tokens,
                                    .held_microusd = found->month.held_microusd,
                                    .held_tokens = found->month.held_tokens};
    }
    mutex_unlock(&limits->mutex);
    return found != NULL;
}

size_t limits_count(struct limits *limits)
{
    mutex_lock(&limits->mutex);
    size_t count = map_count(limits->subjects);
    mutex_unlock(&limits->mutex);
    return count;
}
