/* SPDX-License-Identifier: Apache-2.0
 * sanitize.c - the first step: what cannot be seen.
 *
 * Invariant: whether a point stays depends on the last point that stayed and on a next point of
 * which no rule could drop it; so the result meets the same decisions again and is a fixed point.
 * Sources: Unicode 15.0 (Default_Ignorable_Code_Point; sections 9.2, 13.5, 23.2 to 23.4, 23.9),
 * UTS #51 for sequences of emoji, RFC 5892 appendix A for joiners.
 */
#include "security/sanitize.h"

#include "base/must.h"
#include "base/utf8.h"
#include "security/sanitize_parts.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

const char *sanitize_kind_name(enum sanitize_kind kind)
{
    static const char *const names[SANITIZE_KINDS] = {"ill_formed", "control", "bidi", "invisible",
                                                      "tag",        "token",   "mark"};
    must((size_t)kind < SANITIZE_KINDS);
    return names[kind];
}

struct sanitize_finding *sanitize_found(struct sanitize_result *result,
                                        struct sanitize_finding finding)
{
    result->counts[finding.kind]++;
    if (result->finding_count == SANITIZE_FINDINGS_MAX) {
        return NULL;
    }
    struct sanitize_finding *told = &result->findings[result->finding_count++];
    *told = finding;
    return told;
}

/* ---- sets of code points ---- */

struct range {
    uint32_t from;
    uint32_t to;
};

static bool in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].from && code <= ranges[i].to) {
            return true;
        }
    }
    return false;
}
#define IN(code, ranges) in((code), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

/* Default_Ignorable_Code_Point and the controls of interlinear annotations; tags are apart. */
static const struct range unseen[] = {
    {0x00AD, 0x00AD},   {0x034F, 0x034F},  {0x061C, 0x061C}, {0x115F, 0x1160}, {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},  {0x202A, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},  {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};
static const struct range bidi[] = {{0x202A, 0x202E}, {0x2066, 0x2069}};
static const struct range directions[] = {{0x061C, 0x061C}, {0x200E, 0x200F}};
static const struct range tags[] = {{0xE0000, 0xE0FFF}};
/* Scripts written from right to left, and those whose letters join (Arabic to Myanmar, Khmer,
 * Mongolian, Tai Tham, Phags-pa, Devanagari Extended, and the Indic ones beyond the BMP). */
static const struct range rightward[] = {
    {0x0590, 0x08FF}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFC}, {0x10800, 0x10FFF}, {0x1E800, 0x1EFFF}};
static const struct range joining[] = {{0x0590, 0x109F}, {0x1780, 0x18AF},   {0x1A20, 0x1AAF},
                                       {0xA840, 0xA87F}, {0xA8E0, 0xA8FF},   {0xFB1D, 0xFDFF},
                                       {0xFE70, 0xFEFC}, {0x10A00, 0x11FFF}, {0x1E800, 0x1EFFF}};
static const struct range arabic[] = {{0x0620, 0x06FF}, {0x0750, 0x077F}, {0x08A0, 0x08C9}};
/* Virama asks for a joiner or its absence even at the end of a word (RFC 5892, A.1 and A.2). */
static const struct range virama[] = {
    {0x094D, 0x094D}, {0x09CD, 0x09CD}, {0x0A4D, 0x0A4D}, {0x0ACD, 0x0ACD}, {0x0B4D, 0x0B4D},
    {0x0BCD, 0x0BCD}, {0x0C4D, 0x0C4D}, {0x0CCD, 0x0CCD}, {0x0D3B, 0x0D3C}, {0x0D4D, 0x0D4D},
    {0x0DCA, 0x0DCA}, {0x1039, 0x103A}, {0x17D2, 0x17D2}};
static const struct range emoji[] = {
    {0x00A9, 0x00A9}, {0x00AE, 0x00AE}, {0x203C, 0x203C},  {0x2049, 0x2049}, {0x2122, 0x2122},
    {0x2139, 0x2139}, {0x2194, 0x21AA}, {0x231A, 0x23FF},  {0x24C2, 0x24C2}, {0x25AA, 0x25FE},
    {0x2600, 0x27BF}, {0x2934, 0x2935}, {0x2B05, 0x2B55},  {0x3030, 0x3030}, {0x303D, 0x303D},
    {0x3297, 0x3297}, {0x3299, 0x3299}, {0x1F000, 0x1FAFF}};
static const struct range ideographs[] = {{0x3400, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};
/* Punctuation with a form for the corner and one for the middle (StandardizedVariants.txt). */
static const struct range placed[] = {{0x3001, 0x3002}, {0xFF01, 0xFF01}, {0xFF0C, 0xFF0C},
                                      {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1B}, {0xFF1F, 0xFF1F}};
static const struct range mongolian[] = {{0x1820, 0x18AA}};

#define ZWNJ       UINT32_C(0x200C)
#define ZWJ        UINT32_C(0x200D)
#define EMOJI_FORM UINT32_C(0xFE0F)
#define KEYCAP     UINT32_C(0x20E3)
#define BLACK_FLAG UINT32_C(0x1F3F4)
#define TAG_LETTER UINT32_C(0xE0000) /* minus the ASCII letter */
#define SELECTOR17 UINT32_C(0xE0100)

/* ---- what stays for sure, in strides ---- */

/* The next byte that is not plain ASCII: beyond it, or a control but tab and line breaks. */
static size_t skip_plain(struct str text, size_t at)
{
#ifdef __SSE2__
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i line = _mm_set1_epi8('\n');
    const __m128i back = _mm_set1_epi8('\r');
    while (text.len - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.at + at));
        /* Signed: what is beyond ASCII is negative. */
        __m128i plain = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)),
                                         _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1F)));
        __m128i breaks = _mm_or_si128(_mm_cmpeq_epi8(bytes, line), _mm_cmpeq_epi8(bytes, back));
        plain = _mm_or_si128(plain, _mm_or_si128(breaks, _mm_cmpeq_epi8(bytes, tab)));
        unsigned odd = (unsigned)_mm_movemask_epi8(plain) ^ 0xFFFFU;
        if (odd != 0) {
            return at + (size_t)__builtin_ctz(odd);
        }
        at += 16;
    }
#endif
    while (at < text.len) {
        unsigned char byte = (unsigned char)text.at[at];
        if (byte >= 0x7F || (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r')) {
            break;
        }
        at++;
    }
    return at;
}

static bool is_tail(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Three bytes, well-formed but for what the second may be after E0 and ED. */
static bool quiet_three(const unsigned char *p)
{
    switch (p[0]) {
    case 0xE0: /* no overlong form */
        return p[1] >= 0xA0;
    case 0xE1: /* U+115F, U+17B4, U+180B */
        return p[1] != 0x85 && p[1] != 0x9E && p[1] != 0xA0;
    case 0xE2: /* U+2000 to U+207F hold most of what is unseen, and the dashes and quotes of prose
                */
        return p[1] > 0x81 || (p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0xA7);
    case 0xE3: /* U+3164 */
        return p[1] != 0x85;
    case 0xED: /* no surrogates */
        return p[1] < 0xA0;
    case 0xEF: /* U+FE00, U+FEFF, U+FFA0, U+FFF0, and U+FFFD */
        return p[1] < 0xB8 || p[1] == 0xB9 || p[1] == 0xBA || p[1] == 0xBC || p[1] == 0xBD;
    default:
        return true;
    }
}

/* Bytes of a well-formed point that no rule could be about; 0: it must be looked at. */
static size_t quiet_bytes(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0];
    if (left < 4 || lead < 0xC2 || !is_tail(p[1])) {
        return 0;
    }
    if (lead < 0xE0) { /* C1 controls, U+00AD, U+034F, U+061C */
        bool suspect = (lead == 0xC2 && (p[1] < 0xA0 || p[1] == 0xAD)) ||
                       (lead == 0xCD && p[1] == 0x8F) || (lead == 0xD8 && p[1] == 0x9C);
        return suspect ? 0 : 2;
    }
    if (!is_tail(p[2])) {
        return 0;
    }
    if (lead < 0xF0) {
        return quiet_three(p) ? 3 : 0;
    }
    /* U+1BCA0 and U+1D173 lie in the first plane; tags in the one of F3; no overlong form. */
    bool first = lead == 0xF0 && p[1] >= 0x90 && p[2] != 0xB2 && p[2] != 0x85;
    return is_tail(p[3]) && (first || lead == 0xF1 || lead == 0xF2) ? 4 : 0;
}

#ifdef __SSE2__
static unsigned bytes_between(__m128i bytes, int low, int high)
{
    /* Unsigned: x is in [low, high] where it is its own maximum with low and minimum with high. */
    __m128i above = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8((char)low)), bytes);
    __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8((char)high)), bytes);
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(above, below));
}

/* Bytes of these sixteen, from the first on, that are printable ASCII or well-formed points of two
 * bytes (Latin, Greek, Cyrillic, Hebrew, Arabic) and stay. */
static size_t quiet_pairs(__m128i bytes)
{
    unsigned leads = bytes_between(bytes, 0xC2, 0xDF);
    unsigned tails = bytes_between(bytes, 0x80, 0xBF);
    unsigned plain = bytes_between(bytes, 0x20, 0x7E) | bytes_between(bytes, '\n', '\n');
    unsigned suspect = bytes_between(bytes, 0xC2, 0xC2) << 1 &
                       (bytes_between(bytes, 0x80, 0x9F) | bytes_between(bytes, 0xAD, 0xAD));
    suspect |= bytes_between(bytes, 0xCD, 0xCD) << 1 & bytes_between(bytes, 0x8F, 0x8F);
    suspect |= bytes_between(bytes, 0xD8, 0xD8) << 1 & bytes_between(bytes, 0x9C, 0x9C);
    tails &= leads << 1 & ~suspect;
    leads &= tails >> 1;
    return (size_t)__builtin_ctz(~(plain | leads | tails));
}
#endif

static size_t skip_pairs(struct str text, size_t at)
{
#ifdef __SSE2__
    while (text.len - at >= 16) {
        size_t bytes = quiet_pairs(_mm_loadu_si128((const __m128i *)(const void *)(text.at + at)));
        at += bytes;
        if (bytes < 15) { /* a pair may be cut behind the fifteenth */
            break;
        }
    }
#else
    (void)text;
#endif
    return at;
}

/* The next place where a rule could have a say. */
static size_t skip_quiet(struct str text, size_t at)
{
    size_t from;
    do {
        at = skip_plain(text, at);
        from = at;
        at = skip_pairs(text, at);
        size_t bytes = 1;
        while (at < text.len && (unsigned char)text.at[at] >= 0x80 && bytes > 0) {
            bytes = quiet_bytes((const unsigned char *)text.at + at, text.len - at);
            at += bytes;
        }
        if (bytes == 0) {
            break;
        }
    } while (at > from);
    return at;
}

/* ---- one point ---- */

struct seeing {
    struct str text;
    enum sanitize_slot slot;
    size_t at;
    uint32_t before; /* the last point that stayed */
    struct arena *arena;
    struct sanitize_result *result;
    struct view_writer writer;
    bool writing;
    size_t drop_from; /* what goes next, not yet written */
    size_t drop_to;
    struct sanitize_finding *run; /* the last finding, when it was told */
    enum sanitize_kind run_kind;
    size_t run_end;
    struct buf hidden;
};

static uint32_t peek(const struct seeing *s, size_t at)
{
    uint32_t code = 0;
    if (at < s->text.len) {
        (void)utf8_step(s->text, at, &code);
    }
    return code;
}

static bool joiner_stays(uint32_t before, uint32_t code, uint32_t next)
{
    if (IN(before, virama) || (IN(before, joining) && IN(next, joining))) {
        return true;
    }
    /* A joiner behind an Arabic letter shows its form within a word; emoji are joined to one. */
    return code == ZWJ &&
           (IN(before, arabic) || ((before == EMOJI_FORM || IN(before, emoji)) && IN(next, emoji)));
}

static bool selector_stays(uint32_t before, uint32_t code, uint32_t next)
{
    if (code >= 0xFE0E) { /* text or emoji form */
        bool key = (before >= '0' && before <= '9') || before == '#' || before == '*';
        return IN(before, emoji) || (key && code == EMOJI_FORM && next == KEYCAP);
    }
    return code <= 0xFE02 && (IN(before, ideographs) || IN(before, placed));
}

/* Joiners, selectors and marks of direction have their place; anywhere else nobody sees them.
 * Neighbours that are unseen themselves do not count: `next` may yet go. */
static bool has_its_place(uint32_t before, uint32_t code, uint32_t next)
{
    next = IN(next, unseen) ? 0 : next;
    before = IN(before, unseen) && before != EMOJI_FORM ? 0 : before;
    if (code == ZWJ || code == ZWNJ) {
        return joiner_stays(before, code, next);
    }
    if (IN(code, directions)) {
        return IN(before, rightward) || IN(next, rightward);
    }
    if (code >= 0xFE00 && code <= EMOJI_FORM) {
        return selector_stays(before, code, next);
    }
    if (code >= SELECTOR17 && code < SELECTOR17 + 240) {
        return IN(before, ideographs);
    }
    return code >= 0x180B && code <= 0x180F && IN(before, mongolian);
}

/* Bytes of the tags here if they make the black flag before them one of the three flags that
 * Unicode recommends (emoji-tag-sequences); any other would be a place to hide words. */
static size_t flag_bytes(const struct seeing *s)
{
    static const char flags[][7] = {"gbeng\x7F", "gbsct\x7F", "gbwls\x7F"};
    for (size_t i = 0; s->before == BLACK_FLAG && i < sizeof flags / sizeof flags[0]; i++) {
        size_t letters = 0;
        while (letters < 6 &&
               peek(s, s->at + 4 * letters) == TAG_LETTER + (unsigned char)flags[i][letters]) {
            letters++;
        }
        if (letters == 6) {
            return 4 * letters;
        }
    }
    return 0;
}

/* Tags are ASCII, selectors 17 to 256 the bytes from 16 on; selector 11 is the line break among
 * them. Beyond the limit nothing more is told. */
static void surface(struct seeing *s, uint32_t code)
{
    uint32_t byte = 0;
    if (code < TAG_LETTER + 0x80 && code > TAG_LETTER) {
        byte = code - TAG_LETTER;
    } else if (code >= SELECTOR17 && code < SELECTOR17 + 240) {
        byte = code - SELECTOR17 + 16;
    } else if (code == 0xFE0A && s->hidden.len > 0) {
        byte = '\n';
    }
    if ((byte >= ' ' && byte != 0x7F) || byte == '\n') {
        err_ignore(buf_add_byte(&s->hidden, (char)(unsigned char)byte));
    }
}

/* Does the point stay? If not, `kind` says as what it goes. */
static bool stays(const struct seeing *s, uint32_t code, size_t bytes, enum sanitize_kind *kind)
{
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
        *kind = SANITIZE_CONTROL;
        return code == '\t' || code == '\n' || code == '\r';
    }
    if (!IN(code, unseen)) {
        return true;
    }
    *kind = IN(code, bidi) ? SANITIZE_BIDI : IN(code, tags) ? SANITIZE_TAG : SANITIZE_INVISIBLE;
    return *kind != SANITIZE_BIDI && has_its_place(s->before, code, peek(s, s->at + bytes));
}

/* ---- the whole text ---- */

static void start_writing(struct seeing *s)
{
    if (!s->writing) {
        view_begin(&s->writer, s->text, s->arena);
        s->writing = true;
    }
}

/* Writes what stayed, then drops what goes. */
static void flush(struct seeing *s)
{
    if (s->drop_to > s->drop_from) {
        start_writing(s);
        view_copy(&s->writer, s->drop_from - s->writer.taken);
        view_replace(&s->writer, s->drop_to - s->drop_from, STR(""));
    }
    s->drop_from = s->drop_to;
}

/* A run of one kind is one finding. */
static void tell(struct seeing *s, enum sanitize_kind kind, size_t bytes)
{
    size_t end = s->at + bytes;
    if (s->run_end == s->at && s->run_kind == kind && s->result->counts[kind] > 0) {
        if (s->run != NULL) {
            s->run->end = end;
        }
    } else {
        s->run = sanitize_found(s->result, (struct sanitize_finding){kind, NULL, s->at, end});
    }
    s->run_kind = kind;
    s->run_end = end;
}

static void replace_damage(struct seeing *s, size_t bytes)
{
    flush(s);
    start_writing(s);
    view_copy(&s->writer, s->at - s->writer.taken);
    view_replace(&s->writer, bytes, STR("\xEF\xBF\xBD"));
    tell(s, SANITIZE_ILL_FORMED, bytes);
    s->before = UTF8_REPLACEMENT;
}

static size_t see_point(struct seeing *s)
{
    uint32_t code;
    enum sanitize_kind kind = SANITIZE_CONTROL;
    size_t bytes = utf8_step(s->text, s->at, &code);
    bool itself = str_starts(str_cut(s->text, s->at, s->text.len), STR("\xEF\xBF\xBD"));
    if (code == UTF8_REPLACEMENT && !itself) {
        replace_damage(s, bytes);
        return bytes;
    }
    size_t flag = IN(code, tags) ? flag_bytes(s) : 0;
    if (flag > 0 || stays(s, code, bytes, &kind)) {
        s->before = flag > 0 ? TAG_LETTER + 0x7F : code;
        return flag > 0 ? flag : bytes;
    }
    surface(s, code);
    if (s->slot == SANITIZE_TRUSTED && (kind == SANITIZE_INVISIBLE || kind == SANITIZE_TAG)) {
        s->before = code;
        return bytes;
    }
    tell(s, kind, bytes);
    if (s->drop_to != s->at) {
        flush(s);
        s->drop_from = s->at;
    }
    s->drop_to = s->at + bytes;
    return bytes;
}

/* The point that ends at `at`, in well-formed text. */
static uint32_t point_before(struct str text, size_t at)
{
    uint32_t code;
    do {
        at--;
    } while (is_tail((unsigned char)text.at[at]));
    (void)utf8_step(text, at, &code);
    return code;
}

/* Selectors can spell any bytes: of those that are not UTF-8 the ASCII is told. */
static struct str hidden_text(struct buf *hidden, struct arena *arena)
{
    struct str text = buf_str(hidden);
    if (!utf8_valid(text)) {
        size_t len = 0;
        for (size_t i = 0; i < text.len; i++) {
            if ((unsigned char)hidden->at[i] < 0x80) {
                hidden->at[len++] = hidden->at[i];
            }
        }
        text.len = len;
    }
    return text.len > 0 ? arena_str(arena, text) : text;
}

#define HIDDEN_MAX ((size_t)64 << 10)

static void drop_unseen(struct str text, enum sanitize_slot slot, struct arena *arena,
                        struct sanitize_result *result)
{
    struct seeing s = {.text = text, .slot = slot, .arena = arena, .result = result};
    buf_init(&s.hidden, HIDDEN_MAX);
    for (;;) {
        size_t quiet = skip_quiet(text, s.at);
        if (quiet == text.len) {
            break;
        }
        if (quiet > s.at) {
            s.before = point_before(text, quiet);
        }
        s.at = quiet;
        s.at += see_point(&s);
    }
    flush(&s);
    result->seen = view_of(text);
    if (s.writing) {
        view_copy(&s.writer, text.len - s.writer.taken);
        result->seen = view_done(&s.writer);
    }
    result->hidden = hidden_text(&s.hidden, arena);
    buf_end(&s.hidden);
}

void sanitize(struct str text, enum sanitize_slot slot, struct arena *arena,
              struct sanitize_result *result)
{
    *result = (struct sanitize_result){0};
    drop_unseen(text, slot, arena, result);
    result->view = view_of(result->seen.text);
    if (slot == SANITIZE_PROMPT) {
        sanitize_tokens(arena, result);
    }
    result->changed = result->seen.count > 0 || result->view.count > 0;
}
