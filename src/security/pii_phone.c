/* SPDX-License-Identifier: Apache-2.0
 * pii_phone.c - telephone numbers: E.164 with a plus or 00, national shapes, and any group of
 * digits next to a word that says telephone. */
#include "security/pii_number.h"

#include <string.h>

enum { TEXT_MAX = 40, EXTENSION_MAX = 6, DIGITS_MIN = 6 };

/* A number as it is written, separators of Unicode made plain: "+44 20 7946 0958". */
struct written {
    char text[TEXT_MAX + 1];
    uint8_t digits[TEXT_MAX + 1]; /* digits in text[0, i) */
    size_t end[TEXT_MAX + 1];     /* positions in the scan */
    size_t len;
};

static bool is_mark(char c)
{
    return c == ' ' || c == '-' || c == '.' || c == '/';
}

static void put(struct written *written, char c, size_t end)
{
    size_t i = written->len;
    written->text[i] = c;
    written->end[i] = end;
    written->digits[i + 1] = (uint8_t)(written->digits[i] + (pii_digit((unsigned)c) ? 1 : 0));
    written->len = i + 1;
}

static void read_written(struct pii_scan *scan, struct written *written)
{
    size_t at = scan->start;
    bool open = false;
    while (written->len < TEXT_MAX - 1) {
        unsigned c = pii_peek(scan, at);
        char mark = 0;
        size_t len = pii_separator(scan, at, &mark);
        if (pii_digit(c) || (c == '+' && written->len == 0)) {
            put(written, (char)c, ++at);
        } else if (c == '(' && !open && written->digits[written->len] < 4) {
            open = true;
            put(written, '(', ++at);
        } else if (c == ')' && open) {
            open = false;
            put(written, ')', ++at);
            size_t blank = pii_separator(scan, at, &mark);
            if (blank == 0) {
                mark = ' ';
            }
            put(written, mark, at + blank);
            at += blank;
        } else if (len > 0 && written->len > 0 && !is_mark(written->text[written->len - 1]) &&
                   written->text[written->len - 1] != '(') {
            unsigned next = pii_peek(scan, at + len);
            if (!pii_digit(next) && next != '(') {
                break;
            }
            at += len;
            put(written, mark, at);
        } else {
            break;
        }
    }
    while (written->len > 0 &&
           (is_mark(written->text[written->len - 1]) || written->text[written->len - 1] == '(')) {
        written->len--;
    }
}

/* Might there be digits enough among the bytes that a number is written with? Without peeking: what
 * the window does not show may be digits. */
static bool may_have_digits(const struct pii_scan *scan)
{
    size_t longest = scan->start + (size_t)3 * TEXT_MAX; /* bytes a separator */
    size_t end = scan->len < longest ? scan->len : longest;
    size_t digits = 0;
    for (size_t at = scan->start; at < end; at++) {
        unsigned c = scan->text[at];
        bool separates = is_mark((char)c) || c == '(' || c == ')' || c == '+' || c == 0xC2 ||
                         c == 0xE2 || (c >= 0x80 && c < 0xC0);
        digits += pii_digit(c) ? 1 : 0;
        if (digits == DIGITS_MIN || !(pii_digit(c) || separates)) {
            return digits == DIGITS_MIN;
        }
    }
    return end == longest || !scan->final;
}

/* " x123", "x12", " ext. 5": the end of an extension, or `at`. */
static size_t extension_end(struct pii_scan *scan, size_t at)
{
    size_t i = at;
    i += pii_peek(scan, i) == ' ' ? 1 : 0;
    if ((pii_peek(scan, i) | 0x20) == 'e' && (pii_peek(scan, i + 1) | 0x20) == 'x' &&
        (pii_peek(scan, i + 2) | 0x20) == 't') {
        i += 3;
        i += pii_peek(scan, i) == '.' ? 1 : 0;
        i += pii_peek(scan, i) == ' ' ? 1 : 0;
    } else if ((pii_peek(scan, i) | 0x20) == 'x') {
        i++;
    } else {
        return at;
    }
    size_t digits = i;
    while (pii_digit(pii_peek(scan, i)) && i - digits <= EXTENSION_MAX) {
        i++;
    }
    bool good = i > digits && i - digits <= EXTENSION_MAX && !pii_alnum(pii_peek(scan, i));
    return good ? i : at;
}

/* One character of a shape, see pii_phone.def. */
static bool matches(char shape, char c)
{
    bool digit = pii_digit((unsigned char)c);
    switch (shape) {
    case 'D':
        return digit;
    case 'N':
        return digit && c >= '2';
    case 'M':
        return digit && c >= '3';
    case ' ':
        return is_mark(c);
    case '_':
        return c == ' ';
    default:
        return c == shape;
    }
}

static bool fits(const char *shape, const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && shape[i] != '\0' && matches(shape[i], text[i])) {
        i++;
    }
    return i == len && shape[i] == '\0';
}

/* 0 none, 1 beside a word that says so, 2 anywhere. */
static int national(const char *text, size_t len)
{
    static const struct {
        const char *shape;
        int where;
    } shapes[] = {
#define SAID                1
#define FREE                2
#define SHAPE(shape, where) {shape, where},
#include "security/pii_phone.def"
#undef SHAPE
#undef FREE
#undef SAID
    };
    int best = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (shapes[i].where > best && fits(shapes[i].shape, text, len)) {
            best = shapes[i].where;
        }
    }
    return best;
}

/* Digits behind a plus or 00: a country code and as many digits as its plan has. */
static bool international(const char *digits, size_t count)
{
    static const struct {
        const char *code;
        uint8_t shortest;
        uint8_t longest;
    } countries[] = {
#define COUNTRY(code, shortest, longest) {code, shortest, longest},
#include "security/pii_phone.def"
#undef COUNTRY
    };
    for (size_t i = 0; i < sizeof countries / sizeof *countries; i++) {
        size_t len = strlen(countries[i].code);
        if (count > len && memcmp(digits, countries[i].code, len) == 0) {
            /* A trunk zero in parentheses, +44 (0) 20, is one digit more. */
            size_t rest = count - len - (digits[len] == '0' ? 1 : 0);
            size_t whole = count - len;
            return (whole >= countries[i].shortest && whole <= countries[i].longest) ||
                   (rest >= countries[i].shortest && rest <= countries[i].longest);
        }
    }
    return false;
}

/* A word such as "mobile" or "fax" behind the number: 0431 35 06 90-Office. */
static bool said_behind(struct pii_scan *scan, size_t at)
{
    unsigned c = pii_peek(scan, at);
    if (c != ' ' && c != '-') {
        return false;
    }
    size_t end = pii_word_end(scan, at + 1);
    unsigned next = pii_peek(scan, end);
    const unsigned char *word = scan->text + at + 1;
    size_t len = end - at - 1;
    return len > 2 && len < 12 && !pii_alnum(next) &&
           ((pii_classes(scan->pii, word, len) & PII_W_PHONE) != 0 ||
            (len == 6 && (memcmp(word, "office", 6) == 0 || memcmp(word, "Office", 6) == 0)));
}

static bool bounded(struct pii_scan *scan, size_t end)
{
    unsigned c = pii_peek(scan, end);
    unsigned next = pii_peek(scan, end + 1);
    if (c == '-' || c == '.' || c == '/' || c == ':' || c == ',') {
        return !pii_digit(next) || c == ',';
    }
    if (c == ' ' && pii_digit(next)) {
        return false;
    }
    return !pii_alnum(c) && c != '_' && c != '%' && c != '@' && !(c >= 0xC3 && c < 0xE0);
}

/* Any grouping will do where a word says that it is a telephone number, none at all right behind
 * that word. */
static bool loose(const struct written *written, size_t len, bool glued)
{
    size_t digits = written->digits[len];
    size_t groups = 1;
    for (size_t i = 0; i < len; i++) {
        groups += is_mark(written->text[i]) ? 1 : 0;
    }
    bool years = fits("1DDD 1DDD", written->text, len) || fits("1DDD 2DDD", written->text, len) ||
                 fits("2DDD 2DDD", written->text, len);
    bool dated = years || fits("DDDD DD DD", written->text, len) ||
                 fits("DD DD DDDD", written->text, len);
    return digits >= 6 && digits <= 13 && groups <= 6 && !dated &&
           (groups > 2 || (groups > 1 && digits >= 7) || (glued && digits >= 7));
}

/* A plus or two zeros before a country code: how sure that makes, 0 where there is none. */
static float abroad(const char *text, size_t len)
{
    bool plus = text[0] == '+';
    bool zeros = text[0] == '0' && text[1] == '0' && !is_mark(text[2]);
    char digits[TEXT_MAX];
    size_t count = 0;
    bool grouped = false;
    for (size_t i = plus ? 1 : 2; i < len; i++) {
        grouped |= is_mark(text[i]);
        if (pii_digit((unsigned char)text[i])) {
            digits[count++] = text[i];
        }
    }
    if (!(plus || (zeros && grouped)) || !international(digits, count)) {
        return 0;
    }
    return plus ? 0.97F : 0.9F;
}

static float score_of(struct pii_scan *scan, const struct written *written, size_t len)
{
    const char *text = written->text;
    float score = abroad(text, len);
    if (score > 0 || (text[0] == '+' && written->digits[len] < 7)) {
        return score;
    }
    const struct pii_context *context = pii_context(scan);
    bool said = (context->nearest & PII_W_PHONE) != 0;
    bool refused = (context->nearest & ~(uint32_t)(PII_W_PHONE | PII_W_CARD)) != 0;
    int where = national(text, len);
    /* 252.227-7013 is a clause of a law sooner than a telephone. */
    bool mixed = memchr(text, '.', len) != NULL && memchr(text, '-', len) != NULL;
    where = mixed && where == 2 ? 1 : where;
    if (where == 2 && !refused) {
        return said ? 0.95F : 0.8F;
    }
    if (where == 1 && said) {
        return 0.9F;
    }
    bool right_behind = (context->glued & PII_W_PHONE) != 0 || len > 9;
    if (loose(written, len, right_behind) &&
        (said || (!refused && said_behind(scan, written->end[len - 1])))) {
        return 0.7F;
    }
    return 0;
}

void pii_try_phone(struct pii_scan *scan)
{
    unsigned first = scan->text[scan->start];
    if (!pii_wants(scan, PII_PHONE) || (!pii_number_begins(scan) && first != '(') ||
        pii_behind(scan, scan->start, 1) == '+' || pii_word_before(scan, scan->start)) {
        return;
    }
    unsigned next = pii_peek(scan, scan->start + 1);
    if (first != '(' ? first == '+' && !pii_digit(next) && next != '(' : !pii_digit(next)) {
        return;
    }
    if (!may_have_digits(scan)) {
        return;
    }
    struct written written;
    written.len = 0;
    written.digits[0] = 0;
    read_written(scan, &written);
    for (size_t len = written.len; len > 0 && written.digits[len] >= DIGITS_MIN; len--) {
        bool whole = len == written.len || is_mark(written.text[len]);
        bool digit = pii_digit((unsigned char)written.text[len - 1]);
        if (!whole || !digit || is_mark(written.text[len - 2])) {
            continue;
        }
        size_t end = written.end[len - 1];
        size_t extended = extension_end(scan, end);
        if (extended == end && !bounded(scan, end) && len == written.len) {
            continue;
        }
        if (len < written.len && scan->text[end] != ' ' && scan->text[end] < 0x80) {
            continue;
        }
        bool plain = first != '+' && first != '(';
        if (plain && pii_number_continues(scan, memchr(written.text, ' ', len) != NULL)) {
            return;
        }
        float score = score_of(scan, &written, len);
        if (score > 0) {
            pii_offer(scan, extended, PII_PHONE, score);
            return;
        }
    }
}
