/* SPDX-License-Identifier: Apache-2.0
 * guard_output.c - regions become findings and edits. */
#include "security/guard_output.h"

#include "base/map.h"
#include "base/must.h"
#include "base/num.h"
#include "json/json_writer.h"

void guard_output_init(struct guard_output *output, const struct guard_side *side,
                       struct vault *vault, struct leak *leak, struct arena *arena)
{
    *output = (struct guard_output){.side = side, .vault = vault, .leak = leak, .arena = arena};
    output->report.arena = arena;
    for (size_t i = 0; i < side->acting.count; i++) {
        output->acting[output->acting_count++] = side->acting.finders[i];
    }
    if (vault != NULL) {
        must(output->acting_count < SCREEN_FINDERS_MAX);
        output->acting[output->acting_count++] = vault_finder(vault);
    }
    for (int i = 0; i < GUARDS; i++) {
        bool later = i == GUARD_WEBHOOK || i == GUARD_SECOND_OPINION;
        if (side->modes[i] != MODE_OFF && !later) {
            guard_ran(&output->report, (enum guard_id)i, side->modes[i], 0);
        }
    }
}

void guard_channel_init(struct guard_channel *channel, struct guard_output *output, uint32_t number)
{
    *channel = (struct guard_channel){.output = output, .number = number, .leaks = true};
    screen_init(&channel->acting, output->acting, output->acting_count);
    screen_init(&channel->noting, output->side->noting.finders, output->side->noting.count);
}

void guard_channel_end(struct guard_channel *channel)
{
    screen_end(&channel->acting);
    screen_end(&channel->noting);
}

/* ---- findings ---- */

/* Was the same found before (in a repetition of the text)? By a keyed hash of its words and of what
 * was made of them: two probes of one guardrail may ask for different things. */
static bool seen_before(struct guard_output *output, const struct guard_probe *probe,
                        const struct guard_consequence *what, struct str words)
{
    static const uint64_t seed[2] = {0x6775617264, 0x7365656e}; /* only ever compared */
    uint64_t asked = (uint64_t)probe->guard << 16 | (uint64_t)what->verdict << 8 |
                     (uint64_t)what->mode;
    uint64_t hash = siphash(seed, words) ^ siphash(seed, what->rule) * 3 ^ asked;
    for (size_t i = 0; i < output->seen_count; i++) {
        if (output->seen[i] == hash) {
            return true;
        }
    }
    if (output->seen_count < GUARD_SEEN_MAX) {
        output->seen[output->seen_count++] = hash;
    }
    return false;
}

static void tell(struct guard_channel *channel, const struct screen *screen,
                 const struct guard_probe *probe, const struct region *region)
{
    struct guard_output *output = channel->output;
    struct guard_consequence what = guard_consequence(probe, region->kind);
    if (what.unjudged) {
        guard_not_evaluated(&output->report, probe->guard, what.mode, true, "over_limit");
        return;
    }
    if (region->begins && region->ends &&
        seen_before(output, probe, &what, screen_words(screen, region))) {
        return;
    }
    const struct guard_finding finding = {
        .guard = probe->guard,
        .rule = what.rule,
        .text = channel->number,
        .start = region->start,
        .end = region->end,
        .score = (double)region->score,
        .verdict = what.verdict,
    };
    guard_found(&output->report, &finding, what.mode);
}

/* Each finder of a region once, however many pieces it is told in: another may ask for more than
 * the one that names it. */
static void tell_all(struct guard_channel *channel, const struct screen *screen,
                     const struct guard_probes *probes, const struct region *region, uint32_t *told)
{
    *told = region->begins ? 0 : *told;
    for (size_t i = 0; i < probes->count; i++) {
        uint32_t bit = UINT32_C(1) << i;
        if ((region->finders & bit & ~*told) != 0) {
            struct region own = *region;
            own.kind = i == region->finder ? region->kind : region->kinds[i];
            tell(channel, screen, &probes->items[i], &own);
            *told |= bit;
        }
    }
}

static void note(struct guard_channel *channel)
{
    struct region region;
    while (screen_next(&channel->noting, &region)) {
        tell_all(channel, &channel->noting, &channel->output->side->noting, &region,
                 &channel->told_noting);
    }
}

/* ---- the text goes on ---- */

static void check_length(struct guard_output *output, size_t more)
{
    enum mode mode = output->side->modes[GUARD_LENGTH];
    bool was = output->text_bytes > output->side->length_max;
    output->text_bytes += more;
    if (mode != MODE_OFF && !was && output->text_bytes > output->side->length_max) {
        const struct guard_finding finding = {.guard = GUARD_LENGTH,
                                              .rule = STR("max"),
                                              .end = output->text_bytes,
                                              .score = 1,
                                              .verdict = VERDICT_BLOCK};
        guard_found(&output->report, &finding, mode);
    }
}

static void check_leak(struct guard_channel *channel, struct str piece, bool final)
{
    struct guard_output *output = channel->output;
    enum mode mode = output->side->modes[GUARD_PROMPT_LEAK];
    if (output->leak == NULL || !channel->leaks || mode == MODE_OFF) {
        return;
    }
    double score = leak_feed(output->leak, &channel->walk, piece, final);
    guard_ran(&output->report, GUARD_PROMPT_LEAK, mode, score);
    if (score >= output->side->leak_threshold &&
        output->report.states[GUARD_PROMPT_LEAK] != GUARD_FOUND) {
        const struct guard_finding finding = {.guard = GUARD_PROMPT_LEAK,
                                              .rule = STR("repeats"),
                                              .text = channel->number,
                                              .end = channel->walk_base + channel->walk.fed,
                                              .score = score,
                                              .verdict = VERDICT_BLOCK};
        guard_found(&output->report, &finding, mode);
    }
    if (final) {
        channel->walk_base += channel->walk.fed;
        channel->walk = (struct leak_walk){0};
    }
}

enum err guard_channel_feed(struct guard_channel *channel, struct str piece, bool final)
{
    struct guard_output *output = channel->output;
    check_length(output, piece.len);
    check_leak(channel, piece, final);
    enum err code = screen_feed(&channel->acting, piece, final);
    code = code == ERR_OK ? screen_feed(&channel->noting, piece, final) : code;
    if (code != ERR_OK) {
        return code;
    }
    note(channel);
    for (int i = 0; i < GUARDS; i++) {
        enum mode mode = output->side->modes[i];
        bool spans = i == GUARD_PII || i == GUARD_SECRETS || i == GUARD_PROFANITY;
        if (spans && mode != MODE_OFF && (channel->acting.overflow || channel->noting.overflow)) {
            guard_not_evaluated(&output->report, (enum guard_id)i, mode, true, "too_many");
        }
    }
    return ERR_OK;
}

uint64_t guard_channel_mark(const struct guard_channel *channel)
{
    const struct guard_output *output = channel->output;
    uint64_t mark = channel->acting.mark;
    if (output->leak != NULL && channel->leaks &&
        output->side->modes[GUARD_PROMPT_LEAK] == MODE_ENFORCE) {
        mark = num_min(mark, channel->walk_base + leak_safe(output->leak, &channel->walk));
    }
    return mark;
}

/* ---- edits ---- */

static struct str escaped(struct guard_channel *channel, struct str value)
{
    struct buf text;
    buf_init(&text, 6 * value.len + 1);
    enum err code = json_escape(&text, value);
    must(code == ERR_OK);
    struct str kept = arena_str(channel->output->arena, buf_str(&text));
    buf_end(&text);
    return kept;
}

static char byte_at(const struct screen *screen, uint64_t at)
{
    char byte = 0;
    if (at >= screen->base && at < screen->base + screen->text.len) {
        byte = screen->text.at[at - screen->base];
    }
    return byte;
}

/* Is the region all of a JSON string that is a value? Then the quotes around it may go. A quote
 * that closes a string, or is escaped within one, has none of these signs in front of it. */
static bool is_whole_value(const struct screen *screen, const struct region *region)
{
    uint64_t before = region->start - 1;
    uint64_t behind = region->end;
    if (region->start == 0 || byte_at(screen, before) != '"' || byte_at(screen, behind) != '"') {
        return false;
    }
    do {
        before--;
    } while (before + 1 > screen->base && str_is_blank(byte_at(screen, before)));
    do {
        behind++;
    } while (str_is_blank(byte_at(screen, behind)));
    char first = byte_at(screen, before);
    char last = byte_at(screen, behind);
    return (first == ':' || first == ',' || first == '[') &&
           (last == ',' || last == '}' || last == ']');
}

/* A region that is told in pieces becomes its value once. */
static void restore(struct guard_channel *channel, const struct region *region,
                    struct guard_edit *edit)
{
    const struct vault *vault = channel->output->vault;
    if (!region->begins) {
        return;
    }
    edit->with = vault_value(vault, region->kind);
    edit->number = vault_is_number(vault, region->kind);
    if (!channel->json) {
        return;
    }
    if (edit->number && is_whole_value(&channel->acting, region)) {
        edit->from--;
        edit->to++;
    } else {
        edit->with = escaped(channel, edit->with);
    }
}

static struct str label_of(struct guard_channel *channel, const struct guard_probe *probe,
                           uint16_t kind)
{
    struct str label = guard_label(probe, kind);
    const struct str parts[] = {STR("["), label, STR("]")};
    return arena_join(channel->output->arena, parts, 3);
}

bool guard_channel_next(struct guard_channel *channel, struct guard_edit *edit)
{
    const struct guard_output *output = channel->output;
    struct region region;
    while (screen_next(&channel->acting, &region)) {
        *edit = (struct guard_edit){.from = region.start, .to = region.end};
        if (output->vault != NULL && region.finder == output->side->acting.count) {
            restore(channel, &region, edit);
            return true;
        }
        const struct guard_probe *probe = &output->side->acting.items[region.finder];
        if (region.begins) {
            edit->with = label_of(channel, probe, region.kind);
        }
        tell_all(channel, &channel->acting, &output->side->acting, &region, &channel->told_acting);
        return true;
    }
    return false;
}
