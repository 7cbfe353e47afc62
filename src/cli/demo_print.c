/* SPDX-License-Identifier: Apache-2.0
 * demo_print.c - what the demonstration shows: a line a conversation, a summary, a comparison; or
 * JSON lines.
 *
 * Invariant: no line is wider than 100 columns; colours only on a terminal.
 */
#include "cli/demo.h"

#include "base/must.h"
#include "base/num.h"
#include "sys/file.h"

#include <stdio.h>
#include <string.h>

#define SAW_COLUMNS 38
#define RULE                                                                                       \
    "--------------------------------------------------"                                           \
    "--------------------------------------------------"

/* ---- words ---- */

enum paint { PAINT_PLAIN, PAINT_GOOD, PAINT_WARN, PAINT_BAD, PAINT_BOLD };

static const char *paint(enum paint paint)
{
    static const char *const codes[] = {"\033[0m", "\033[32m", "\033[33m", "\033[31m", "\033[1m"};
    return file_print_is_terminal() ? codes[paint] : "";
}

static enum paint paint_of(enum demo_outcome outcome)
{
    return outcome == DEMO_ANSWERED ? PAINT_GOOD : outcome < DEMO_CUT ? PAINT_WARN : PAINT_BAD;
}

/* The first clause, on one line, at most so many columns. */
static void clause(const char *words, char *to, size_t columns)
{
    size_t len = strcspn(words, ":\n");
    bool whole = len <= columns;
    size_t take = whole ? len : columns - 2;
    (void)snprintf(to, columns + 1, "%.*s%s", (int)take, words, whole ? "" : "..");
    for (size_t i = 0; to[i] != '\0'; i++) {
        /* A code point may have been cut in two, and columns are counted in bytes. */
        if (to[i] < ' ' || to[i] > '~') {
            to[i] = '?';
        }
    }
}

/* What the agent saw; a prefix that ends in a space is followed by its words. */
static void saw(const struct demo_result *result, bool governed, char to[SAW_COLUMNS + 1])
{
    static const char *const prefixes[2][DEMO_OUTCOMES] = {
        {"answered", "answered", "answered, at its own retry", "LOST: half an answer, unnoticed",
         "LOST: "},
        {"answered: ", "degraded: ", "typed error; its retry was answered", "HALF: ", "FAILED: "},
    };
    const char *prefix = prefixes[governed][result->outcome];
    size_t used = strlen(prefix);
    (void)snprintf(to, SAW_COLUMNS + 1, "%s", prefix);
    if (prefix[used - 1] == ' ') {
        clause(result->words, to + used, SAW_COLUMNS - used);
    }
}

/* "primary" of "primary-claude": a tier, whichever wire format served it. */
static void tier_of(const struct demo_result *result, char to[16])
{
    size_t len = strcspn(result->tier, "-");
    (void)snprintf(to, 16, "%.*s", (int)num_min(len, 15), len > 0 ? result->tier : "-");
}

static void call_of(size_t index, char to[16])
{
    static const char *const names[] = {"chat", "msgs", "resp"};
    const struct demo_scene *scene = &demo_scenes[index];
    (void)snprintf(to, 16, "%s%s", names[scene->api], scene->stream ? " stream" : "");
}

static uint64_t added_us(size_t index, const struct demo_summary *summary)
{
    uint64_t us = summary->with[index].us;
    uint64_t plain = summary->plain_us[index];
    return us > plain ? us - plain : 0;
}

static void show_added(uint64_t us, char to[16])
{
    uint64_t ms = (us + 500) / 1000;
    if (ms < 1000) {
        (void)snprintf(to, 16, "+%u ms", (unsigned)ms);
    } else {
        (void)snprintf(to, 16, "+%.2f s", (double)ms / 1000);
    }
}

/* ---- the story ---- */

void demo_print_title(void)
{
    (void)cli_printf("%sA refund agent, 20 conversations, two model providers, and what can go "
                     "wrong%s\nTools: lookup_order, refund_order. A drill's clock: deadlines are "
                     "10 to 30 times shorter than usual.\n\n",
                     paint(PAINT_BOLD), paint(PAINT_PLAIN));
    (void)cli_printf("%2s  %-11s %-24s %-38s %-7s %4s %7s\n%s\n", "#", "call", "what is broken",
                     "what the agent saw", "by", "try", "added", RULE);
}

void demo_print_scene(size_t index, const struct demo_summary *summary)
{
    const struct demo_result *result = &summary->with[index];
    char call[16];
    char words[SAW_COLUMNS + 1];
    char tier[16];
    char tries[16];
    char added[16];
    call_of(index, call);
    saw(result, true, words);
    tier_of(result, tier);
    show_added(added_us(index, summary), added);
    (void)snprintf(tries, sizeof tries, "%u/%u", result->attempts, result->calls);
    (void)cli_printf("%2zu  %-11s %-24s %s%-38s%s %-7s %4s %7s\n", index + 1, call,
                     demo_scenes[index].broken, paint(paint_of(result->outcome)), words,
                     paint(PAINT_PLAIN), tier, tries, added);
}

/* ---- numbers ---- */

/* The next sample whose line starts with `start` and contains `label`, and its value. */
static bool next_sample(struct str *metrics, const char *start, const char *label, struct str *line,
                        double *value)
{
    while (str_split(metrics, '\n', line)) {
        size_t space = line->len;
        while (space > 0 && line->at[space - 1] != ' ') {
            space--;
        }
        if (str_starts(*line, str_of(start)) && str_find(*line, str_of(label)) != SIZE_MAX &&
            num_double(str_cut(*line, space, line->len), value) == ERR_OK) {
            return true;
        }
    }
    return false;
}

static double sum_of(struct str metrics, const char *start, const char *label)
{
    double sum = 0;
    double value = 0;
    struct str line;
    while (next_sample(&metrics, start, label, &line, &value)) {
        sum += value;
    }
    return sum;
}

/* The bound of the first bucket that holds so many: buckets are cumulative and rise. */
static double bucket_of(struct str metrics, const char *start, double count)
{
    static const struct str mark = STR_CONST("le=\"");
    double value = 0;
    double bound = 0;
    struct str line;
    while (next_sample(&metrics, start, mark.at, &line, &value)) {
        struct str text = str_cut(line, str_find(line, mark) + mark.len, line.len);
        text = str_cut(text, 0, str_find_byte(text, '"'));
        if (value >= count && num_double(text, &bound) == ERR_OK) {
            return bound;
        }
    }
    return 0;
}

void demo_summary_read(struct demo_summary *summary, struct str metrics)
{
    summary->breaker_openings = sum_of(metrics, "aire_breaker_moves_total{", "to=\"open\"");
    summary->incidents = sum_of(metrics, "aire_incident_recovery_seconds_count", "");
    summary->recovery_s = sum_of(metrics, "aire_incident_recovery_seconds_sum", "");
    summary->exchanges = sum_of(metrics, "aire_added_latency_seconds_count", "");
    summary->own_s = bucket_of(metrics, "aire_added_latency_seconds_bucket",
                               summary->exchanges / 2);
}

size_t demo_usable_count(const struct demo_result *results)
{
    size_t count = 0;
    for (size_t i = 0; i < DEMO_SCENES; i++) {
        count += demo_usable(&results[i]);
    }
    return count;
}

struct shares {
    double fallback; /* of model calls */
    double success;  /* of conversations that needed one */
};

static struct shares shares_of(const struct demo_summary *summary)
{
    unsigned calls = 0;
    unsigned degraded = 0;
    unsigned needed = 0;
    unsigned answered = 0;
    for (size_t i = 0; i < DEMO_SCENES; i++) {
        const struct demo_result *result = &summary->with[i];
        calls += result->calls;
        degraded += result->degraded;
        bool fell = result->degraded > 0 || !demo_usable(result);
        needed += fell;
        answered += fell && demo_usable(result);
    }
    return (struct shares){calls > 0 ? (double)degraded / calls : 0,
                           needed > 0 ? (double)answered / needed : 1};
}

static double mean(double sum, double count)
{
    return count > 0 ? sum / count : 0;
}

static void put_row(const char *what, const char *target)
{
    (void)cli_printf("  %-38s%-20s", what, target);
}

void demo_print_summary(const struct demo_summary *summary)
{
    struct shares shares = shares_of(summary);
    (void)cli_printf(
        "%s\ntry: attempts upstream / calls of the agent; added: to the same conversation "
        "where nothing breaks\n\n",
        RULE);
    (void)cli_printf("%sAgainst the standard%s%20s%-20s%s\n", paint(PAINT_BOLD), paint(PAINT_PLAIN),
                     "", "target", "this drill");
    put_row("conversations with a usable answer", "> 99.5 %");
    (void)cli_printf("%zu of %d\n", demo_usable_count(summary->with), DEMO_SCENES);
    put_row("calls answered below the first tier", "< 15 %       R5");
    (void)cli_printf("%.0f %% (expected: this is a drill)\n", 100 * shares.fallback);
    put_row("fallbacks that led to an answer", "> 90 %       R5");
    (void)cli_printf("%.0f %%\n", 100 * shares.success);
    put_row("breaker openings", "< 10 a day   R4");
    (void)cli_printf("%.0f\n", summary->breaker_openings);
    put_row("time to recover", "< 5 min      R6");
    (void)cli_printf("%.2f s (mean of %.0f)\n", mean(summary->recovery_s, summary->incidents),
                     summary->incidents);
    put_row("added by the Governor itself", "< 150 us     M2");
    (void)cli_printf("at most %.0f us (median of %.0f)\n\n", 1e6 * summary->own_s,
                     summary->exchanges);
}

/* ---- the comparison ---- */

void demo_print_without_title(void)
{
    (void)cli_printf("%sThe same agent and the same faults, past the Governor%s\n\n"
                     "%2s  %-11s %-24s %-20s %s\n%s\n",
                     paint(PAINT_BOLD), paint(PAINT_PLAIN), "#", "call", "what is broken",
                     "with the Governor", "without it", RULE);
}

void demo_print_without(size_t index, const struct demo_summary *summary)
{
    const struct demo_result *with = &summary->with[index];
    const struct demo_result *without = &summary->without[index];
    char call[16];
    char words[SAW_COLUMNS + 1];
    call_of(index, call);
    saw(without, false, words);
    (void)cli_printf("%2zu  %-11s %-24s %s%-20s%s %s%s%s\n", index + 1, call,
                     demo_scenes[index].broken, paint(paint_of(with->outcome)),
                     demo_outcome_name(with->outcome), paint(PAINT_PLAIN),
                     paint(paint_of(without->outcome)), words, paint(PAINT_PLAIN));
}

void demo_print_end(const struct demo_summary *summary)
{
    (void)cli_printf("%s\n%2s  %-11s %s%-24s %2zu/%-17d %2zu/%d%s\n", RULE, "", "",
                     paint(PAINT_BOLD), "usable answers", demo_usable_count(summary->with),
                     DEMO_SCENES, demo_usable_count(summary->without), DEMO_SCENES,
                     paint(PAINT_PLAIN));
}

/* ---- JSON ---- */

static void put_result(struct json_writer *w, const struct demo_result *result)
{
    json_member_cstr(w, "outcome", demo_outcome_name(result->outcome));
    json_member_bool(w, "usable", demo_usable(result));
    json_member_u64(w, "calls", result->calls);
    json_member_u64(w, "retries", result->retries);
    json_member_cstr(w, "words", result->words);
    json_member_u64(w, "total_us", result->us);
}

static void put_scene(struct json_writer *w, size_t index, const struct demo_summary *summary)
{
    const struct demo_scene *scene = &demo_scenes[index];
    const struct demo_result *with = &summary->with[index];
    json_begin_object(w);
    json_member_u64(w, "number", index + 1);
    json_member_cstr(w, "api", demo_api_name(scene->api));
    json_member_bool(w, "stream", scene->stream);
    json_member_cstr(w, "broken", scene->broken);
    put_result(w, with);
    json_member_cstr(w, "tier", with->tier);
    json_member_u64(w, "degraded_calls", with->degraded);
    json_member_u64(w, "attempts", with->attempts);
    json_member_u64(w, "added_us", added_us(index, summary));
    json_member_cstr(w, "review", with->review[0] != '\0' ? with->review : NULL);
    json_key(w, "without");
    json_begin_object(w);
    put_result(w, &summary->without[index]);
    json_end_object(w);
    json_end_object(w);
}

static void put_summary(struct json_writer *w, const struct demo_summary *summary)
{
    struct shares shares = shares_of(summary);
    json_begin_object(w);
    json_key(w, "summary");
    json_begin_object(w);
    json_member_u64(w, "conversations", DEMO_SCENES);
    json_member_u64(w, "usable_with", demo_usable_count(summary->with));
    json_member_u64(w, "usable_without", demo_usable_count(summary->without));
    json_member_double(w, "fallback_share", shares.fallback);
    json_member_double(w, "fallback_success", shares.success);
    json_member_double(w, "breaker_openings", summary->breaker_openings);
    json_member_double(w, "incidents", summary->incidents);
    json_member_double(w, "mttr_s", mean(summary->recovery_s, summary->incidents));
    json_member_double(w, "governor_us_median_at_most", 1e6 * summary->own_s);
    json_member_u64(w, "total_us", summary->us);
    json_end_object(w);
    json_end_object(w);
}

void demo_print_json(const struct demo_summary *summary)
{
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    for (size_t i = 0; i <= DEMO_SCENES; i++) {
        struct json_writer w;
        json_writer_init(&w, &text);
        if (i < DEMO_SCENES) {
            put_scene(&w, i, summary);
        } else {
            put_summary(&w, summary);
        }
        enum err code = json_writer_end(&w);
        code = code == ERR_OK ? buf_add_byte(&text, '\n') : code;
        must(code == ERR_OK); /* bounded by the fields of a result */
    }
    (void)cli_print(buf_str(&text));
    buf_end(&text);
}
