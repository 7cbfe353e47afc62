/* SPDX-License-Identifier: Apache-2.0
 * settings_kind.c - parsers and printers of the scalar kinds.
 *
 * Invariant: show() writes a number in the configuration's own syntax, so that a bound in a message
 * can be copied into the file.
 */
#include "config/settings_kind.h"

#include "base/must.h"

#include <math.h>
#include <stdio.h>

static enum err read_bool(struct str text, void *member, double *size)
{
    bool yes = str_equal(text, STR("true")) || str_equal(text, STR("on"));
    bool no = str_equal(text, STR("false")) || str_equal(text, STR("off"));
    *(bool *)member = yes;
    *size = yes;
    return yes || no ? ERR_OK : ERR_SYNTAX;
}

static enum err read_u64(struct str text, void *member, double *size)
{
    enum err err = num_u64(text, member);
    *size = (double)*(uint64_t *)member;
    return err;
}

static enum err read_double(struct str text, void *member, double *size)
{
    enum err err = num_double(text, member);
    *size = *(double *)member;
    return err;
}

static enum err read_duration(struct str text, void *member, double *size)
{
    enum err err = num_duration_ms(text, member);
    *size = (double)*(uint64_t *)member;
    return err;
}

static enum err read_bytes(struct str text, void *member, double *size)
{
    enum err err = num_size_bytes(text, member);
    *size = (double)*(uint64_t *)member;
    return err;
}

static enum err read_money(struct str text, void *member, double *size)
{
    enum err err = num_money_microusd(text, member);
    *size = (double)*(int64_t *)member;
    return err;
}

static enum err read_rate(struct str text, void *member, double *size)
{
    enum err err = num_rate(text, member);
    *size = (double)((struct rate *)member)->count;
    return err;
}

static enum err read_percent(struct str text, void *member, double *size)
{
    enum err err = num_percent(text, member);
    *size = *(double *)member;
    return err;
}

static enum err read_text(struct str text, void *member, double *size)
{
    *(struct str *)member = text;
    *size = (double)text.len;
    return ERR_OK;
}

struct unit {
    const char *name;
    double factor;
};

/* The largest unit that leaves a whole number; `units` go down to factor 1. */
static void show_units(double size, const struct unit *units, char to[KIND_SHOW_BYTES])
{
    while (units->factor > 1 && (size == 0 || fmod(size, units->factor) != 0)) {
        units++;
    }
    (void)snprintf(to, KIND_SHOW_BYTES, "%.0f%s", size / units->factor, units->name);
}

static void show_number(double size, char to[KIND_SHOW_BYTES])
{
    (void)snprintf(to, KIND_SHOW_BYTES, "%.15g", size);
}

static void show_duration(double size, char to[KIND_SHOW_BYTES])
{
    static const struct unit units[] = {
        {"d", 86400e3}, {"h", 3600e3}, {"m", 60e3}, {"s", 1e3}, {"ms", 1}};
    show_units(size, units, to);
}

static void show_bytes(double size, char to[KIND_SHOW_BYTES])
{
    static const struct unit units[] = {
        {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};
    show_units(size, units, to);
}

static void show_money(double size, char to[KIND_SHOW_BYTES])
{
    bool cents = fmod(size, 1e4) == 0;
    (void)snprintf(to, KIND_SHOW_BYTES, "$%.*f", cents ? 2 : 6, size / 1e6);
}

static void show_percent(double size, char to[KIND_SHOW_BYTES])
{
    (void)snprintf(to, KIND_SHOW_BYTES, "%.10g%%", size * 100);
}

static const struct settings_kind kinds[] = {
    [SETTING_BOOL] = {"true or false", "true, false, on, off", sizeof(bool),
                      "[\"boolean\",\"string\"]", "^(true|false|on|off)$", read_bool, show_number,
                      NULL},
    [SETTING_U64] = {"a whole number", "0, 1, 2 ...", sizeof(uint64_t), "\"integer\"", NULL,
                     read_u64, show_number, NULL},
    [SETTING_DOUBLE] = {"a number", "0.5, 2, 1e3", sizeof(double), "\"number\"", NULL, read_double,
                        show_number, NULL},
    [SETTING_DURATION_MS] = {"a duration", "250ms, 5s, 2m, 24h, 7d", sizeof(uint64_t),
                             "[\"string\",\"integer\"]", "^(0|[0-9]+(ms|s|m|h|d))$", read_duration,
                             show_duration, NULL},
    [SETTING_SIZE_BYTES] = {"a size", "512B, 64KiB, 32MiB, 1GiB", sizeof(uint64_t),
                            "[\"string\",\"integer\"]", "^[0-9]+(B|KiB|MiB|GiB)?$", read_bytes,
                            show_bytes, NULL},
    [SETTING_MONEY] = {"an amount of money", "$0.10, $50", sizeof(int64_t), "\"string\"",
                       "^\\$[0-9]+(\\.[0-9]{1,6})?$", read_money, show_money, NULL},
    [SETTING_RATE] = {"a rate", "5/s, 10/min, 100/h, 1000/d", sizeof(struct rate), "\"string\"",
                      "^[0-9]+/(s|min|h|d)$", read_rate, show_number, " a period"},
    [SETTING_PERCENT] = {"a percentage", "20%, 0.5%", sizeof(double), "\"string\"",
                         "^[0-9]+(\\.[0-9]+)?%$", read_percent, show_percent, NULL},
    [SETTING_TEXT] = {"text", "text", sizeof(struct str), "[\"string\",\"number\",\"boolean\"]",
                      NULL, read_text, show_number, " bytes"},
    [SETTING_CHOICE] = {"a choice", NULL, sizeof(uint64_t), NULL, NULL, NULL, NULL, NULL},
    [SETTING_TEXT_LIST] = {"a list of texts", "text, or [text, text]",
                           sizeof(struct settings_texts), NULL, NULL, NULL, show_number,
                           " entries"},
    [SETTING_SECRET_LIST] = {"a list of secrets", "${NAME}, file:PATH, or a list of them",
                             sizeof(struct settings_texts), NULL, NULL, NULL, show_number,
                             " entries"},
    [SETTING_SECTION] = {"a map of keys", "a map, see below", 0, NULL, NULL, NULL, NULL, NULL},
    [SETTING_TREE] = {"a list or a map", "see the meaning", sizeof(const struct yaml *), NULL, NULL,
                      NULL, NULL, NULL},
    [SETTING_LATER] = {"a later feature", "not available yet", 0, NULL, NULL, NULL, NULL, NULL},
};

const struct settings_kind *settings_kind(enum setting_kind kind)
{
    must((size_t)kind < sizeof kinds / sizeof kinds[0]);
    return &kinds[kind];
}

bool settings_is_list(const struct setting *setting)
{
    return setting->kind == SETTING_TEXT_LIST || setting->kind == SETTING_SECRET_LIST;
}

bool settings_bounded(const struct setting *setting)
{
    return setting->min != 0 || setting->max != 0;
}

const char *settings_bounds(const struct setting *setting, char to[KIND_BOUNDS_BYTES])
{
    const struct settings_kind *kind = settings_kind(setting->kind);
    to[0] = '\0';
    if (!settings_bounded(setting) || kind->show == NULL) {
        return to;
    }
    const char *unit = kind->unit != NULL ? kind->unit : "";
    char min[KIND_SHOW_BYTES];
    kind->show(setting->min, min);
    if (setting->min == setting->max) {
        (void)snprintf(to, KIND_BOUNDS_BYTES, "%s%s", min, unit);
    } else if (isinf(setting->max)) {
        (void)snprintf(to, KIND_BOUNDS_BYTES, "at least %s%s", min, unit);
    } else {
        char max[KIND_SHOW_BYTES];
        kind->show(setting->max, max);
        (void)snprintf(to, KIND_BOUNDS_BYTES, "%s to %s%s", min, max, unit);
    }
    return to;
}

bool settings_within(const struct setting *setting, double size)
{
    return !settings_bounded(setting) || (size >= setting->min && size <= setting->max);
}
