/* SPDX-License-Identifier: Apache-2.0
 * leak.c - fingerprints of prompts, and the walk over an answer.
 *
 * Invariants: prompts and answers pass through the same walk, so that their words hash alike; a
 * fingerprint is counted once however often it is shown. Lower and upper case of Latin, Greek and
 * Cyrillic letters differ in bit 5 of their last byte, or in the lead byte's last bit: both are
 * dropped, which makes a few other letters equal and none of one alphabet's different. */
#include "security/leak.h"

#include "base/must.h"
#include "crypto/digest.h"

#include <math.h>
#include <string.h>

#define WINDOW       4 /* one of this many neighbouring fingerprints is kept at least */
#define SMALL_MIN    3
#define CANARY_SHOWN 10 /* letters of it that prove it: 60 bits of state, 50 of chance */
#define CANARY_FORMS 7
#define PRIME        UINT64_C(0x9E3779B97F4A7C15)
#define BASE         UINT64_C(0xD6E8FEB86659FD93)
#define LETTER_MASK  ((UINT64_C(1) << (6 * CANARY_SHOWN)) - 1)

struct print {
    uint32_t tag; /* 0: the place is free */
    uint16_t prompt;
    bool shown;
};

/* Open addressing; at most three quarters full: what would come then is left out. */
struct prints {
    struct print *items;
    size_t mask;
    size_t count;
};

struct small {
    uint64_t hash;
    uint8_t words;
    bool shown;
};

struct leak {
    struct prints prints;
    uint64_t *pairs; /* bits: words and neighbours that occur in a prompt */
    uint64_t pair_mask;
    uint32_t totals[LEAK_PROMPTS];
    uint32_t shown[LEAK_PROMPTS];
    struct small smalls[LEAK_PROMPTS];
    size_t small_count;
    double score;
    uint64_t forms[CANARY_FORMS];
    size_t form_count;
    uint64_t form_ends; /* a bit a last letter that some form has */
};

/* ---- bytes ---- */

enum byte_class { BREAK, LETTER, SIGN_LEAD, MARK_LEAD };

/* MARK_LEAD: of U+0080..BF and of U+2000..2FFF. SIGN_LEAD: Han and kana are words by themselves. */
#define IS_ALNUM(b)                                                                                \
    (((b) >= '0' && (b) <= '9') || (((b) | 32) >= 'a' && ((b) | 32) <= 'z' && (b) < 0x80))
#define CLASS(b)                                                                                   \
    (IS_ALNUM(b)                  ? LETTER                                                         \
     : (b) < 0x80                 ? BREAK                                                          \
     : (b) == 0xC2 || (b) == 0xE2 ? MARK_LEAD                                                      \
     : (b) >= 0xE3 && (b) <= 0xE9 ? SIGN_LEAD                                                      \
                                  : LETTER)
#define FOLDED(b)  ((b) < 0x80 ? (b) | ((b) >= 'A' ? 32 : 0) : (b) < 0xC0 ? (b)&0xDF : (b)&0xFE)
#define BYTE(b)    ((uint16_t)(CLASS(b) << 8 | FOLDED(b)))
#define BYTES4(b)  BYTE(b), BYTE((b) + 1), BYTE((b) + 2), BYTE((b) + 3)
#define BYTES16(b) BYTES4(b), BYTES4((b) + 4), BYTES4((b) + 8), BYTES4((b) + 12)
#define BYTES64(b) BYTES16(b), BYTES16((b) + 16), BYTES16((b) + 32), BYTES16((b) + 48)

static const uint16_t bytes_known[256] = {BYTES64(0), BYTES64(64), BYTES64(128), BYTES64(192)};

static enum byte_class class_of(uint8_t byte)
{
    return (enum byte_class)(bytes_known[byte] >> 8);
}

static uint64_t folded(uint8_t byte)
{
    return bytes_known[byte] & 0xFF;
}

static uint64_t spread(uint64_t hash)
{
    hash *= PRIME;
    return hash ^ hash >> 32;
}

/* ---- words ---- */

/* Takes a finished word into the walk; the runs' hash is a polynomial in BASE. */
static void push_word(struct leak_walk *walk, uint64_t drop)
{
    uint64_t *place = &walk->last[walk->count % LEAK_WORDS];
    uint64_t word = spread(walk->word);
    walk->run = (walk->run - *place * drop) * BASE + word;
    *place = word;
    walk->count++;
    walk->in_word = false;
}

static uint64_t power_of_base(unsigned exponent)
{
    uint64_t power = 1;
    while (exponent-- > 0) {
        power *= BASE;
    }
    return power;
}

/* Of the last `words` words. */
static uint64_t hash_of_last(const struct leak_walk *walk, unsigned words)
{
    uint64_t hash = 0;
    for (unsigned i = words; i > 0; i--) {
        hash = hash * BASE + walk->last[(walk->count - i) % LEAK_WORDS];
    }
    return spread(hash);
}

static uint64_t word_before(const struct leak_walk *walk, unsigned back)
{
    return walk->last[(walk->count - back) % LEAK_WORDS];
}

/* At least one byte, and on while there are letters. */
static void take_letters(struct leak_walk *walk, struct str text, size_t *at)
{
    uint64_t word = walk->word;
    size_t i = *at;
    do {
        word = (word << 7 | word >> 57) + folded((uint8_t)text.at[i]) * PRIME;
        i++;
    } while (i < text.len && class_of((uint8_t)text.at[i]) == LETTER);
    walk->word = word;
    *at = i;
}

/* Reads on to the end of a word; true: there is one. Moves *at. */
static bool next_word(struct leak_walk *walk, struct str text, size_t *at, uint64_t drop)
{
    while (*at < text.len) {
        uint8_t byte = (uint8_t)text.at[*at];
        enum byte_class class = class_of(byte);
        if (walk->skip > 0 && byte >= 0x80 && byte < 0xC0) {
            walk->skip--;
            ++*at;
            continue;
        }
        walk->skip = 0;
        if (walk->in_word && class != LETTER) {
            push_word(walk, drop);
            return true;
        }
        if (class == MARK_LEAD) {
            walk->skip = byte == 0xC2 ? 1 : 2;
        } else if (class != BREAK) {
            if (!walk->in_word) {
                walk->in_word = true;
                walk->word = 0;
                walk->word_start = walk->fed + *at;
            }
            take_letters(walk, text, at);
            continue;
        }
        ++*at;
    }
    return false;
}

/* ---- fingerprints ---- */

static void prints_init(struct prints *prints, size_t count, struct arena *arena)
{
    size_t room = 16;
    while (room < count) {
        room *= 2;
    }
    *prints = (struct prints){arena_array_of(arena, struct print, room), room - 1, 0};
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

static struct print *print_at(const struct prints *prints, uint64_t hash)
{
    size_t at = hash >> 1 & prints->mask;
    while (prints->items[at].tag != 0 && prints->items[at].tag != tag_of(hash)) {
        at = (at + 1) & prints->mask;
    }
    return &prints->items[at];
}

static bool has_room(const struct prints *prints)
{
    return prints->count < (prints->mask + 1) / 4 * 3;
}

/* As many as there are in usual prose. */
static size_t words_in(const struct str *texts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += texts[i].len;
    }
    return bytes / 5 < LEAK_WORDS_MAX ? bytes / 5 + 1 : LEAK_WORDS_MAX;
}

/* The runs of public phrases. */
static void allow(struct prints *allowed, const struct leak_asked *asked, struct arena *arena)
{
    prints_init(allowed, 2 * words_in(asked->allowed, asked->allowed_count), arena);
    uint64_t drop = power_of_base(LEAK_WORDS - 1);
    for (size_t i = 0; i < asked->allowed_count; i++) {
        struct leak_walk walk = {0};
        size_t at = 0;
        bool more = true;
        while (more && has_room(allowed)) {
            more = next_word(&walk, asked->allowed[i], &at, drop);
            if (!more && walk.in_word) {
                push_word(&walk, drop);
            }
            if (walk.count >= LEAK_WORDS) {
                struct print *print = print_at(allowed, spread(walk.run));
                allowed->count += print->tag == 0;
                print->tag = tag_of(spread(walk.run));
            }
        }
    }
}

static uint64_t pair_of(const struct leak_walk *walk)
{
    return spread(word_before(walk, 2) * BASE + word_before(walk, 1));
}

static void set_pair(struct leak *leak, uint64_t hash)
{
    leak->pairs[(hash & leak->pair_mask) >> 6] |= UINT64_C(1) << (hash & 63);
}

static bool has_pair(const struct leak *leak, uint64_t hash)
{
    return (leak->pairs[(hash & leak->pair_mask) >> 6] >> (hash & 63) & 1) != 0;
}

static void keep_print(struct leak *leak, uint64_t hash, size_t prompt,
                       const struct prints *allowed)
{
    struct print *print = print_at(&leak->prints, hash);
    if (print->tag != 0 || !has_room(&leak->prints) ||
        (allowed->count > 0 && print_at(allowed, hash)->tag != 0)) {
        return;
    }
    *print = (struct print){tag_of(hash), (uint16_t)prompt, false};
    leak->prints.count++;
    leak->totals[prompt]++;
}

/* The least of each WINDOW neighbours, the last of equals. */
struct winnow {
    uint64_t hashes[WINDOW];
    uint64_t count;
    uint64_t kept; /* number of the one kept last, from 1 */
};

static void winnow(struct winnow *winnow, uint64_t hash, struct leak *leak, size_t prompt,
                   const struct prints *allowed)
{
    winnow->hashes[winnow->count++ % WINDOW] = hash;
    if (winnow->count < WINDOW) {
        return;
    }
    uint64_t least = winnow->count;
    for (uint64_t i = 1; i < WINDOW; i++) {
        uint64_t number = winnow->count - i;
        if (winnow->hashes[(number - 1) % WINDOW] < winnow->hashes[(least - 1) % WINDOW]) {
            least = number;
        }
    }
    if (least > winnow->kept) {
        winnow->kept = least;
        keep_print(leak, winnow->hashes[(least - 1) % WINDOW], prompt, allowed);
    }
}

/* Returns how many words were read. */
static size_t add_prompt(struct leak *leak, struct str text, size_t prompt, size_t words_max,
                         const struct prints *allowed)
{
    uint64_t drop = power_of_base(LEAK_WORDS - 1);
    struct leak_walk walk = {0};
    struct winnow kept = {0};
    size_t at = 0;
    bool more = true;
    while (more && walk.count < words_max) {
        uint64_t before = walk.count;
        more = next_word(&walk, text, &at, drop);
        if (!more && walk.in_word) {
            push_word(&walk, drop);
        }
        if (walk.count == before) {
            break;
        }
        set_pair(leak, word_before(&walk, 1));
        set_pair(leak, pair_of(&walk));
        if (walk.count >= LEAK_WORDS) {
            winnow(&kept, spread(walk.run), leak, prompt, allowed);
        }
    }
    if (walk.count >= SMALL_MIN && walk.count < LEAK_WORDS && leak->small_count < LEAK_PROMPTS) {
        leak->smalls[leak->small_count++] = (struct small){
            hash_of_last(&walk, (unsigned)walk.count), (uint8_t)walk.count, false};
    } else if (kept.count > 0 && kept.count < WINDOW) { /* too short for a whole window */
        for (uint64_t i = 0; i < kept.count; i++) {
            keep_print(leak, kept.hashes[i], prompt, allowed);
        }
    }
    return (size_t)walk.count;
}

/* ---- the canary ---- */

static const char canary_letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

void leak_canary(struct str key, char to[LEAK_CANARY])
{
    must(key.len <= 64);
    static const char purpose[] = "aire prompt canary";
    uint8_t inner[64 + sizeof purpose] = {0};
    uint8_t outer[64 + DIGEST_BYTES] = {0};
    for (size_t i = 0; i < 64; i++) {
        uint8_t byte = i < key.len ? (uint8_t)key.at[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5C;
    }
    memcpy(inner + 64, purpose, sizeof purpose);
    struct digest digest = digest_of((struct str){(const char *)inner, sizeof inner});
    memcpy(outer + 64, digest.bytes, DIGEST_BYTES);
    digest = digest_of((struct str){(const char *)outer, sizeof outer});
    for (size_t i = 0; i + 1 < LEAK_CANARY; i++) {
        to[i] = canary_letters[digest.bytes[i] & 31];
    }
    to[LEAK_CANARY - 1] = '\0';
    /* The key must not stay on the stack. */
    explicit_bzero(inner, sizeof inner);
    explicit_bzero(outer, sizeof outer);
}

/* 1 to 36 of letters and digits, case aside; 0: passed over. */
static uint64_t letter_code(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 27U;
    }
    uint8_t lower = byte | 32;
    return lower >= 'a' && lower <= 'z' ? lower - 'a' + 1U : 0;
}

/* The first letters of `text`, as a walk sees them. */
static void add_form(struct leak *leak, const char *text, size_t len)
{
    uint64_t form = 0;
    size_t letters = 0;
    for (size_t i = 0; i < len && letters < CANARY_SHOWN; i++) {
        uint64_t code = letter_code((uint8_t)text[i]);
        if (code != 0) {
            form = form << 6 | code;
            letters++;
        }
    }
    if (letters == CANARY_SHOWN) {
        leak->forms[leak->form_count++] = form;
        leak->form_ends |= UINT64_C(1) << (form & 63);
    }
}

/* What `skip` unknown bytes before the word leave certain of its base64. */
static void add_base64(struct leak *leak, struct str word, size_t skip)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[LEAK_CANARY * 2];
    size_t len = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t first = skip * 8 / 6 + (skip > 0); /* this digit and those behind depend on it alone */
    for (size_t i = 0; i < word.len + skip; i++) {
        bits = bits << 8 | (i < skip ? 0U : (uint8_t)word.at[i - skip]);
        held += 8;
        while (held >= 6) {
            held -= 6;
            text[len++] = digits[bits >> held & 63];
        }
    }
    add_form(leak, text + first, len - first);
}

static void add_canary(struct leak *leak, struct str word)
{
    char text[LEAK_CANARY * 2];
    if (word.len == 0 || word.len >= LEAK_CANARY) {
        return;
    }
    add_form(leak, word.at, word.len);
    for (size_t i = 0; i < word.len; i++) {
        text[i] = word.at[word.len - 1 - i];
    }
    add_form(leak, text, word.len);
    for (size_t i = 0; i < word.len; i++) {
        uint8_t lower = (uint8_t)word.at[i] | 32;
        bool letter = lower >= 'a' && lower <= 'z';
        text[i] = (char)(letter ? 'a' + (lower - 'a' + 13) % 26 : word.at[i]);
    }
    add_form(leak, text, word.len);
    for (size_t i = 0; i < word.len; i++) {
        static const char hex[] = "0123456789abcdef";
        text[2 * i] = hex[(uint8_t)word.at[i] >> 4];
        text[2 * i + 1] = hex[(uint8_t)word.at[i] & 15];
    }
    add_form(leak, text, word.len * 2);
    for (size_t skip = 0; skip < 3; skip++) {
        add_base64(leak, word, skip);
    }
}

static bool is_form(const struct leak *leak, uint64_t letters)
{
    for (size_t i = 0; i < leak->form_count; i++) {
        if (leak->forms[i] == letters) {
            return true;
        }
    }
    return false;
}

static void feed_letters(struct leak *leak, struct leak_walk *walk, struct str text)
{
    uint64_t letters = walk->letters;
    uint64_t count = walk->letter_count;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t code = letter_code((uint8_t)text.at[i]);
        if (code == 0) {
            continue;
        }
        letters = (letters << 6 | code) & LETTER_MASK;
        walk->places[count++ % 16] = walk->fed + i;
        if ((leak->form_ends >> code & 1) != 0 && is_form(leak, letters)) {
            leak->score = 1;
        }
    }
    walk->letters = letters;
    walk->letter_count = count;
}

/* Where a canary may have begun that is not complete. */
static uint64_t canary_start(const struct leak *leak, const struct leak_walk *walk)
{
    for (unsigned letters = CANARY_SHOWN - 1; letters > 0; letters--) {
        uint64_t mask = (UINT64_C(1) << (6 * letters)) - 1;
        for (size_t i = 0; i < leak->form_count && letters <= walk->letter_count; i++) {
            if ((walk->letters & mask) == leak->forms[i] >> (6 * (CANARY_SHOWN - letters))) {
                return walk->places[(walk->letter_count - letters) % 16];
            }
        }
    }
    return walk->fed;
}

/* ---- the answer ---- */

struct leak *leak_new(const struct leak_asked *asked, struct arena *arena)
{
    struct leak *leak = arena_new_of(arena, struct leak);
    struct prints allowed = {0};
    if (asked->allowed_count > 0) {
        allow(&allowed, asked, arena);
    }
    size_t words = words_in(asked->prompts, asked->prompt_count);
    size_t words_max = LEAK_WORDS_MAX;
    prints_init(&leak->prints, words, arena);
    size_t bits = 64;
    while (bits < words * 8) {
        bits *= 2;
    }
    leak->pairs = arena_array_of(arena, uint64_t, bits / 64);
    leak->pair_mask = bits - 1;
    for (size_t i = 0; i < asked->prompt_count && words_max > 0; i++) {
        size_t prompt = i < LEAK_PROMPTS ? i : LEAK_PROMPTS - 1;
        size_t read = add_prompt(leak, asked->prompts[i], prompt, words_max, &allowed);
        words_max -= read < words_max ? read : words_max;
    }
    add_canary(leak, asked->canary);
    return leak;
}

static void show(struct leak *leak, const struct leak_walk *walk)
{
    for (size_t i = 0; i < leak->small_count; i++) {
        struct small *small = &leak->smalls[i];
        if (walk->count >= small->words && hash_of_last(walk, small->words) == small->hash) {
            leak->score = 1;
        }
    }
    if (walk->count < LEAK_WORDS) {
        return;
    }
    struct print *print = print_at(&leak->prints, spread(walk->run));
    if (print->tag == 0 || print->shown) {
        return;
    }
    print->shown = true;
    leak->shown[print->prompt]++;
    double share = (double)leak->shown[print->prompt] / (double)leak->totals[print->prompt];
    leak->score = fmax(leak->score, share);
}

/* Goes on with the run of words that stand so in a prompt, or begins one. */
static void follow_run(struct leak *leak, struct leak_walk *walk)
{
    if (walk->runs && has_pair(leak, pair_of(walk))) {
        return;
    }
    walk->runs = has_pair(leak, word_before(walk, 1));
    walk->run_start = walk->word_start;
}

void leak_restart(struct leak *leak)
{
    for (size_t i = 0; leak->prints.count > 0 && i <= leak->prints.mask; i++) {
        leak->prints.items[i].shown = false;
    }
    memset(leak->shown, 0, sizeof leak->shown);
    leak->score = 0;
}

double leak_feed(struct leak *leak, struct leak_walk *walk, struct str text, bool final)
{
    if (leak->form_count > 0) {
        feed_letters(leak, walk, text);
    }
    if (leak->prints.count > 0 || leak->small_count > 0) {
        uint64_t drop = power_of_base(LEAK_WORDS - 1);
        size_t at = 0;
        bool more = true;
        while (more) {
            more = next_word(walk, text, &at, drop);
            if (!more && final && walk->in_word) {
                push_word(walk, drop);
            } else if (!more) {
                break;
            }
            follow_run(leak, walk);
            show(leak, walk);
        }
    }
    walk->fed += text.len;
    if (final) {
        walk->runs = false;
        walk->letter_count = 0;
    }
    return leak->score;
}

double leak_score(const struct leak *leak)
{
    return leak->score;
}

uint64_t leak_safe(const struct leak *leak, const struct leak_walk *walk)
{
    uint64_t safe = walk->fed;
    if (walk->runs || walk->in_word) {
        safe = walk->runs ? walk->run_start : walk->word_start;
    }
    uint64_t canary = canary_start(leak, walk);
    safe = canary < safe ? canary : safe;
    return walk->fed - safe > LEAK_HOLD_MAX ? walk->fed - LEAK_HOLD_MAX : safe;
}
