/* SPDX-License-Identifier: Apache-2.0
 * when.c - the proleptic Gregorian calendar in integers, and its text forms.
 *
 * Invariants: no C library calendar and no time zone is consulted; every year is within 0..9999 in
 * text, times outside are shown as the nearest such moment. The day count follows the years-from-
 * March method (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 */
#include "base/when.h"

#include "base/num.h"

#include <stdio.h>

#define DAY_S       86400
#define DAY_US      (DAY_S * US_PER_S)
#define ERA_DAYS    146097                      /* 400 years */
#define EPOCH_DAYS  719468                      /* 0000-03-01 to 1970-01-01 */
#define WALL_MIN_US INT64_C(-62167219200000000) /* 0000-01-01T00:00:00Z */
#define WALL_MAX_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};

struct date {
    int64_t year;
    int64_t month; /* 1..12 */
    int64_t day;   /* 1..31 */
    int64_t hour;
    int64_t minute;
    int64_t second;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t days_of(const struct date *date)
{
    int64_t year = date->year -
                   (date->month <= 2); /* years start in March, the leap day ends them */
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((date->month + 9) % 12) + 2) / 5 + date->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static struct date date_of(struct wall wall)
{
    int64_t seconds = floor_div(wall.us, US_PER_S);
    int64_t days = floor_div(seconds, DAY_S) + EPOCH_DAYS;
    int64_t second = seconds - floor_div(seconds, DAY_S) * DAY_S;
    int64_t era = floor_div(days, ERA_DAYS);
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / 146096) /
                          365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct date){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
    };
}

static struct wall showable(struct wall wall)
{
    int64_t us = wall.us < WALL_MIN_US ? WALL_MIN_US : wall.us;
    return (struct wall){us > WALL_MAX_US ? WALL_MAX_US : us};
}

int64_t wall_day(struct wall wall)
{
    return floor_div(wall.us, DAY_US);
}

int64_t wall_month(struct wall wall)
{
    struct date date = date_of(wall);
    return (date.year - 1970) * 12 + date.month - 1;
}

const char *wall_show(struct wall wall, char to[WHEN_TEXT_BYTES])
{
    wall = showable(wall);
    struct date date = date_of(wall);
    (void)snprintf(to, WHEN_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)date.year,
                   (unsigned)date.month, (unsigned)date.day, (unsigned)date.hour,
                   (unsigned)date.minute, (unsigned)date.second,
                   (unsigned)(wall.us - floor_div(wall.us, US_PER_S) * US_PER_S));
    return to;
}

const char *wall_show_http(struct wall wall, char to[WHEN_TEXT_BYTES])
{
    wall = showable(wall);
    struct date date = date_of(wall);
    /* 1970-01-01 was a Thursday; whole weeks are added to keep the sum positive. */
    size_t weekday = (size_t)((wall_day(wall) + 4 + INT64_C(7) * 200000) % 7);
    (void)snprintf(to, WHEN_TEXT_BYTES, "%.3s, %02u %s %04u %02u:%02u:%02u GMT", day_names[weekday],
                   (unsigned)date.day, month_names[date.month - 1], (unsigned)date.year,
                   (unsigned)date.hour, (unsigned)date.minute, (unsigned)date.second);
    return to;
}

/* Exactly `width` digits from the front of *rest. */
static bool take_number(struct str *rest, size_t width, int64_t *value)
{
    uint64_t number = 0;
    if (rest->len < width || num_u64(str_cut(*rest, 0, width), &number) != ERR_OK) {
        return false;
    }
    *value = (int64_t)number;
    *rest = str_cut(*rest, width, SIZE_MAX);
    return true;
}

static bool take_byte(struct str *rest, char byte)
{
    if (rest->len == 0 || rest->at[0] != byte) {
        return false;
    }
    *rest = str_cut(*rest, 1, SIZE_MAX);
    return true;
}

static bool take_month(struct str *rest, int64_t *month)
{
    for (int64_t i = 0; i < 12; i++) {
        if (str_starts(*rest, str_of(month_names[i]))) {
            *month = i + 1;
            *rest = str_cut(*rest, 3, SIZE_MAX);
            return true;
        }
    }
    return false;
}

/* The weekday says nothing new and is not compared with the date. */
static bool take_weekday(struct str *rest, bool whole)
{
    for (size_t i = 0; i < 7; i++) {
        struct str name = str_cut(str_of(day_names[i]), 0, whole ? SIZE_MAX : 3);
        if (str_starts(*rest, name)) {
            *rest = str_cut(*rest, name.len, SIZE_MAX);
            return true;
        }
    }
    return false;
}

/* Two digits of a year: 70..99 are of the 20th century, 00..69 of the 21st (POSIX); the rule of
 * RFC 9110 needs today's date and gives the same for every date an HTTP program has written. */
static bool take_short_year(struct str *rest, int64_t *year)
{
    if (!take_number(rest, 2, year)) {
        return false;
    }
    *year += *year >= 70 ? 1900 : 2000;
    return true;
}

/* asctime pads the day with a space. */
static bool take_padded_day(struct str *rest, int64_t *day)
{
    return take_byte(rest, ' ') ? take_number(rest, 1, day) : take_number(rest, 2, day);
}

static bool take_field(struct str *rest, char field, struct date *date)
{
    switch (field) {
    case 'a':
        return take_weekday(rest, false);
    case 'A':
        return take_weekday(rest, true);
    case 'b':
        return take_month(rest, &date->month);
    case 'd':
        return take_number(rest, 2, &date->day);
    case 'e':
        return take_padded_day(rest, &date->day);
    case 'm':
        return take_number(rest, 2, &date->month);
    case 'y':
        return take_short_year(rest, &date->year);
    case 'Y':
        return take_number(rest, 4, &date->year);
    case 'H':
        return take_number(rest, 2, &date->hour);
    case 'M':
        return take_number(rest, 2, &date->minute);
    default:
        return field == 'S' && take_number(rest, 2, &date->second);
    }
}

/* Reads *rest by a pattern of '%' fields (letters as strftime has them) and literal bytes. */
static bool take(struct str *rest, const char *pattern, struct date *date)
{
    for (const char *at = pattern; *at != '\0'; at++) {
        bool taken = *at == '%' ? take_field(rest, *++at, date) : take_byte(rest, *at);
        if (!taken) {
            return false;
        }
    }
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* A leap second (60) counts as the first second after it, for UTC microseconds have no other. */
static enum err wall_of(const struct date *date, struct wall *wall)
{
    static const int64_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date->month < 1 || date->month > 12) {
        return ERR_RANGE;
    }
    int64_t last = month_days[date->month - 1] + (date->month == 2 && is_leap(date->year));
    if (date->day < 1 || date->day > last || date->hour > 23 || date->minute > 59 ||
        date->second > 60) {
        return ERR_RANGE;
    }
    int64_t seconds = (date->hour * 60 + date->minute) * 60 + date->second;
    wall->us = (days_of(date) * DAY_S + seconds) * US_PER_S;
    return ERR_OK;
}

/* time-secfrac of RFC 3339: any number of digits, those beyond microseconds are cut off. */
static bool take_fraction(struct str *rest, int64_t *us)
{
    *us = 0;
    if (!take_byte(rest, '.')) {
        return true;
    }
    size_t digits = 0;
    int64_t digit = 0;
    for (int64_t weight = US_PER_S / 10; take_number(rest, 1, &digit); weight /= 10) {
        *us += digit * weight;
        digits++;
    }
    return digits > 0;
}

/* time-offset of RFC 3339, in minutes east of UTC. */
static bool take_offset(struct str *rest, int64_t *minutes)
{
    *minutes = 0;
    if (take_byte(rest, 'Z') || take_byte(rest, 'z')) {
        return true;
    }
    bool west = take_byte(rest, '-');
    struct date offset = {0};
    if ((!west && !take_byte(rest, '+')) || !take(rest, "%H:%M", &offset) || offset.hour > 23 ||
        offset.minute > 59) {
        return false;
    }
    *minutes = (offset.hour * 60 + offset.minute) * (west ? -1 : 1);
    return true;
}

enum err wall_parse(struct str text, struct wall *wall)
{
    struct date date = {0};
    int64_t us = 0;
    int64_t offset = 0;
    /* RFC 3339 section 5.6: T and Z may be written small. */
    if (!take(&text, "%Y-%m-%d", &date) || !(take_byte(&text, 'T') || take_byte(&text, 't')) ||
        !take(&text, "%H:%M:%S", &date) || !take_fraction(&text, &us) ||
        !take_offset(&text, &offset) || text.len > 0) {
        return ERR_SYNTAX;
    }
    struct wall whole;
    enum err err = wall_of(&date, &whole);
    if (err == ERR_OK) {
        wall->us = whole.us + us - offset * 60 * US_PER_S;
    }
    return err;
}

enum err wall_parse_http(struct str text, struct wall *wall)
{
    static const char *const patterns[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
        "%A, %d-%b-%y %H:%M:%S GMT", /* rfc850-date */
        "%a %b %e %H:%M:%S %Y",      /* asctime-date */
    };
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct date date = {0};
        struct str rest = text;
        if (take(&rest, patterns[i], &date) && rest.len == 0) {
            return wall_of(&date, wall);
        }
    }
    return ERR_SYNTAX;
}
