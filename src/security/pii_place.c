/* SPDX-License-Identifier: Apache-2.0
 * pii_place.c - postal addresses: a house number and a street in the orders of several countries,
 * post-office boxes, and the town and postal code that follow them.
 *
 * "12 High Street, York BO1 2AB", "Hauptstraße 72, 55614 Ulm", "12 Rue de la Paix, 75002 Paris",
 * "Calle Mayor 5", "P.O. Box 101". A street without a number is no address. */
#include "security/pii_scan.h"

#include <string.h>

enum { WORDS_MAX = 5, NUMBER_MAX = 5, TAIL_WORDS = 3 };

/* "72", "12-14", "221B", "12/3": the end, 0 when it is none. */
static size_t house_end(struct pii_scan *scan, size_t at)
{
    size_t digits = 0;
    while (pii_digit(pii_peek(scan, at)) && digits <= NUMBER_MAX) {
        at++;
        digits++;
    }
    if (digits == 0 || digits > NUMBER_MAX) {
        return 0;
    }
    unsigned mark = pii_peek(scan, at);
    if ((mark == '-' || mark == '/') && pii_digit(pii_peek(scan, at + 1))) {
        size_t end = at + 1;
        while (pii_digit(pii_peek(scan, end)) && end - at <= 4) {
            end++;
        }
        at = end;
    }
    at += pii_letter(pii_peek(scan, at)) && !pii_alnum(pii_peek(scan, at + 1)) ? 1 : 0;
    unsigned after = pii_peek(scan, at);
    return pii_alnum(after) || (after >= 0xC3 && after < 0xE0) || after == '_' || after == '%' ? 0
                                                                                               : at;
}

static uint32_t classes_of(const struct pii_scan *scan, size_t at, size_t end)
{
    return pii_classes(scan->pii, scan->text + at, end - at);
}

/* 1998, 2021: a year sooner than a house or a postal code. */
static bool year_like(const unsigned char *four)
{
    return memcmp(four, "19", 2) == 0 || memcmp(four, "20", 2) == 0;
}

/* Four or five digits, "AB1 2CD", "A1A 1A1", "12345-678", "1234 AB": the end, 0 when it is none. */
static size_t postal_end(struct pii_scan *scan, size_t at)
{
    static const char *const shapes[] = {"99999-9999", "99999-999", "99999",   "A99A 9AA",
                                         "AA9A 9AA",   "AA99 9AA",  "AA9 9AA", "A99 9AA",
                                         "A9 9AA",     "A9A 9A9",   "999 99",  "99-999",
                                         "9999 AA",    "9999",      "999999"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t n = 0;
        for (; shapes[i][n] != '\0'; n++) {
            unsigned c = pii_peek(scan, at + n);
            char s = shapes[i][n];
            if (!(s == '9' ? pii_digit(c) : s == 'A' ? pii_upper(c) : c == (unsigned)s)) {
                break;
            }
        }
        unsigned after = pii_peek(scan, at + n);
        if (n == 4 && year_like(scan->text + at)) {
            continue;
        }
        if (shapes[i][n] == '\0' && !pii_alnum(after) && after != '_') {
            return at + n;
        }
    }
    return 0;
}

/* One to three capitalised words of a town; the end, `at` when there is none. */
static size_t town_end(struct pii_scan *scan, size_t at)
{
    size_t end = at;
    for (int words = 0; words < TAIL_WORDS && pii_capital(scan, at); words++) {
        size_t word = pii_word_end(scan, at);
        while (pii_peek(scan, word) == '-' && pii_letter(pii_peek(scan, word + 1))) {
            word = pii_word_end(scan, word + 1);
        }
        if (word - at < 2 || pii_digit(pii_peek(scan, word)) ||
            (classes_of(scan, at, word) & PII_W_GLUE) != 0) {
            break;
        }
        end = word;
        at = word + 1;
        if (pii_peek(scan, word) != ' ') {
            break;
        }
    }
    return end;
}

/* ", " or a line break before the next part of an address; its length, 0 when there is none. */
static size_t comma(struct pii_scan *scan, size_t at)
{
    unsigned c = pii_peek(scan, at);
    unsigned next = pii_peek(scan, at + 1);
    if (c == ',' || c == '\n') {
        return next == ' ' || (c == ',' && next == '\n') ? 2 : 1;
    }
    return 0;
}

/* ", Apt. 4B", " Suite 100", "#5" behind a street. */
static size_t unit_end(struct pii_scan *scan, size_t at)
{
    static const char *const units[] = {"apt",  "apartment", "suite", "unit",
                                        "flat", "ste",       "floor"};
    size_t start = at + comma(scan, at);
    start += start == at && pii_peek(scan, at) == ' ' ? 1 : 0;
    start += start > at && pii_peek(scan, start) == ' ' ? 1 : 0;
    size_t end = pii_word_end(scan, start);
    bool unit = pii_peek(scan, start) == '#';
    end += unit ? 1 : 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && !unit && start > at; i++) {
        size_t n = 0;
        while (units[i][n] != '\0' && (pii_peek(scan, start + n) | 0x20) == (unsigned)units[i][n]) {
            n++;
        }
        unit = units[i][n] == '\0' && start + n == end;
    }
    if (!unit || start == at) {
        return at;
    }
    end += pii_peek(scan, end) == '.' ? 1 : 0;
    end += pii_peek(scan, end) == ' ' ? 1 : 0;
    size_t number = end;
    while (pii_alnum(pii_peek(scan, end)) && end - number < 6) {
        end++;
    }
    return end > number && pii_digit(scan->text[number]) ? end : at;
}

/* What follows a street: unit, town, state, postal code. *whole tells whether a code was there. */
static size_t tail_end(struct pii_scan *scan, size_t street, bool *whole)
{
    size_t end = unit_end(scan, street);
    size_t best = end;
    *whole = false;
    for (int part = 0; part < 3; part++) {
        size_t at = end + comma(scan, end);
        if (at == end && part > 0 && pii_peek(scan, end) == ' ') {
            at = end + 1; /* OR 71519, York BS3 8XN */
        }
        if (at == end) {
            break;
        }
        size_t code = postal_end(scan, at);
        if (code > 0) {
            *whole = true;
            best = code;
            size_t town = pii_peek(scan, code) == ' ' ? town_end(scan, code + 1) : code;
            return part == 0 && town > code + 1 ? town : best;
        }
        size_t town = town_end(scan, at);
        if (town == at) {
            break;
        }
        /* The last words of a town may be the beginning of a code: York BS3. */
        size_t space = pii_peek(scan, town) == ' ' ? postal_end(scan, town + 1) : 0;
        if (space > 0) {
            *whole = true;
            return space;
        }
        end = town;
        best = scan->text[at - 1] == ' ' || part == 0 ? town : best;
    }
    return best;
}

/* Straße and the like are written into the name. */
static bool german_street(const struct pii_scan *scan, size_t at, size_t end)
{
    static const char *const endings[] = {"straße", "strasse", "str",  "allee", "gasse",
                                          "weg",    "platz",   "damm", "ufer",  "straat",
                                          "laan",   "gatan",   "vej",  "gade",  "gata"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t len = strlen(endings[i]);
        if (end - at > len + 1 && memcmp(scan->text + end - len, endings[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* Words that name a street and are ordinary otherwise: "5 Way" needs more. */
static bool weak_street(const struct pii_scan *scan, size_t at, size_t end)
{
    static const char *const weak[] = {"Way",    "Court", "Place", "Park",  "Hill",  "Circle",
                                       "Square", "Walk",  "Row",   "Close", "Drive", "View",
                                       "Green",  "Vale",  "Rise",  "Grove", "Ct",    "Pl",
                                       "Ter",    "Dr",    "St"};
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        if (strlen(weak[i]) == end - at && memcmp(weak[i], scan->text + at, end - at) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_direction(unsigned c)
{
    return c == 'N' || c == 'S' || c == 'E' || c == 'W';
}

/* " NW" behind a street. */
static size_t direction_end(struct pii_scan *scan, size_t street)
{
    size_t at = street;
    if (street > 0 && pii_peek(scan, at++) == ' ') {
        size_t end = at;
        while (end - at < 3 && is_direction(pii_peek(scan, end))) {
            end++;
        }
        if (end > at && end - at < 3 && !pii_letter(pii_peek(scan, end))) {
            return end;
        }
    }
    return street;
}

/* Capitalised words of which the last is Street or the like. The end of that, 0 for none. */
static size_t named_street(struct pii_scan *scan, size_t at, bool *weak)
{
    size_t found = 0;
    for (int words = 0; words < WORDS_MAX; words++) {
        bool ordinal = words == 0 && pii_digit(pii_peek(scan, at));
        size_t start = at;
        while (ordinal && pii_digit(pii_peek(scan, at))) {
            at++;
        }
        if (!ordinal && !pii_capital(scan, at)) {
            break;
        }
        size_t end = pii_word_end(scan, at);
        while (pii_peek(scan, end) == '\'' && pii_letter(pii_peek(scan, end + 1))) {
            end = pii_word_end(scan, end + 1);
        }
        if (end == at) {
            break;
        }
        if (words > 0 && (classes_of(scan, start, end) & PII_W_STREET) != 0) {
            *weak = weak_street(scan, start, end);
            found = pii_peek(scan, end) == '.' && pii_peek(scan, end + 1) == ',' ? end + 1 : end;
        }
        at = end;
        at += pii_peek(scan, at) == '.' && end - start <= 2 ? 1 : 0;
        if (pii_peek(scan, at) != ' ') {
            break;
        }
        at++;
    }
    return direction_end(scan, found);
}

/* Rue de la Paix, Via Roma: the end of the name, 0 for none. */
static size_t way_end(struct pii_scan *scan, size_t at)
{
    size_t end = pii_word_end(scan, at);
    size_t found = 0;
    if (end == at || (classes_of(scan, at, end) & PII_W_WAY) == 0 || !pii_capital(scan, at)) {
        bool small = end > at && !pii_capital(scan, at) && end - at >= 3 && end - at <= 6 &&
                     (memcmp(scan->text + at, "rue", 3) == 0 ||
                      (end - at == 6 && memcmp(scan->text + at, "avenue", 6) == 0));
        if (!small) {
            return 0;
        }
    }
    if (end == at + 1 && pii_peek(scan, end) != '/') {
        return 0; /* C/ Mayor, but C. Mayor is a person */
    }
    end += pii_peek(scan, end) == '.' || pii_peek(scan, end) == '/' ? 1 : 0;
    for (int words = 0; words < WORDS_MAX && pii_peek(scan, end) == ' '; words++) {
        size_t start = end + 1;
        size_t word = pii_word_end(scan, start);
        bool part = word - start <= 3 && word > start &&
                    (classes_of(scan, start, word) & PII_W_PART) != 0;
        while (pii_peek(scan, word) == '\'' || pii_peek(scan, word) == '-') {
            size_t next = pii_word_end(scan, word + 1);
            if (next == word + 1) {
                break;
            }
            word = next;
        }
        if (word == start || !(part || pii_capital(scan, start))) {
            break;
        }
        end = word;
        found = part ? found : word;
    }
    return found;
}

static bool place_begins(const struct pii_scan *scan)
{
    unsigned before = pii_behind(scan, scan->start, 1);
    bool joined = before == '.' || before == ',' || before == '-' || before == '/' || before == ':';
    return before != '_' && before != '$' && before != '#' && before != '@' &&
           !(joined && pii_alnum(pii_behind(scan, scan->start, 2)));
}

void pii_try_address_number(struct pii_scan *scan)
{
    bool weak = false;
    bool whole = false;
    if (!pii_wants(scan, PII_ADDRESS) || !place_begins(scan) ||
        scan->run - scan->start > NUMBER_MAX + 1) {
        return;
    }
    size_t house = house_end(scan, scan->start);
    if (house == 0) {
        return;
    }
    size_t street = house + (pii_peek(scan, house) == ',' ? 1 : 0);
    if (pii_peek(scan, street) != ' ') {
        return;
    }
    size_t end = way_end(scan, street + 1);
    end = end == 0 && street == house ? named_street(scan, street + 1, &weak) : end;
    if (end == 0) {
        return;
    }
    size_t number = pii_peek(scan, end) == ' ' ? house_end(scan, end + 1) : 0;
    size_t tail = tail_end(scan, number > 0 ? number : end, &whole);
    bool year = house >= scan->start + 4 && scan->run == scan->start + 4 && number == 0 &&
                year_like(scan->text + scan->start) && (!whole || house > scan->run);
    if (!year && (whole || !weak || tail > end)) {
        pii_offer(scan, tail, PII_ADDRESS, whole ? 0.95F : 0.75F);
    }
}

/* "P.O. Box 101", "PO Box 7": the end, 0 for none. */
static size_t box_end(struct pii_scan *scan)
{
    static const char letters[] = "pobox";
    size_t at = scan->start;
    for (size_t i = 0; i < 5; i++) {
        while (i > 0 && (pii_peek(scan, at) == '.' || pii_peek(scan, at) == ' ')) {
            if (++at - scan->start > 10) {
                return 0;
            }
        }
        if ((pii_peek(scan, at) | 0x20) != (unsigned)letters[i]) {
            return 0;
        }
        at++;
    }
    return pii_peek(scan, at) == ' ' ? house_end(scan, at + 1) : 0;
}

/* Unit 5906 Box 6078, PSC 1139, Box 7638, with DPO AP 49101 behind it (US forces abroad). */
static size_t forces_end(struct pii_scan *scan)
{
    const unsigned char *text = scan->text + scan->start;
    size_t len = scan->run - scan->start;
    if (!((len == 4 && memcmp(text, "Unit", 4) == 0) ||
          (len == 3 && memcmp(text, "PSC", 3) == 0)) ||
        pii_peek(scan, scan->run) != ' ') {
        return 0;
    }
    size_t at = house_end(scan, scan->run + 1);
    at += at > 0 && pii_peek(scan, at) == ',' ? 1 : 0;
    static const char box[] = " Box ";
    for (size_t i = 0; i < 5 && at > 0; i++, at++) {
        if (pii_peek(scan, at) != (unsigned)box[i]) {
            return 0;
        }
    }
    return at > 0 ? house_end(scan, at) : 0;
}

/* A street and its number where the word names one, 0 for none. */
static size_t street_end(struct pii_scan *scan, bool way)
{
    size_t name = way ? way_end(scan, scan->start) : pii_word_end(scan, scan->start);
    if (name == 0 || !(way || german_street(scan, scan->start, name))) {
        return 0;
    }
    size_t at = name + (pii_peek(scan, name) == '.' ? 1 : 0);
    size_t blank = way && pii_peek(scan, at) == ',' ? 2 : pii_peek(scan, at) == ' ' ? 1 : 0;
    size_t end = blank > 0 ? house_end(scan, at + blank) : 0;
    bool year = end == at + blank + 4 && scan->text[end - 4] <= '2';
    return year ? 0 : end;
}

void pii_try_address_word(struct pii_scan *scan)
{
    unsigned first = scan->text[scan->start];
    size_t behind = scan->run + (pii_peek(scan, scan->run) == '.' ? 2 : 1);
    bool boxed = first == 'P' || first == 'U';
    bool way = (scan->classes & PII_W_WAY) != 0;
    bool whole = false;
    size_t end = 0;
    if (!(boxed || way || pii_digit(pii_peek(scan, behind))) || !pii_wants(scan, PII_ADDRESS) ||
        !place_begins(scan)) {
        return;
    }
    if (boxed) {
        end = box_end(scan);
        end = end == 0 ? forces_end(scan) : end;
    }
    end = end == 0 ? street_end(scan, way) : end;
    if (end > 0) {
        size_t tail = tail_end(scan, end, &whole);
        pii_offer(scan, tail, PII_ADDRESS, whole ? 0.95F : 0.75F);
    }
}
