/* SPDX-License-Identifier: Apache-2.0
 * pii_checks.c - checksums and number ranges of identifiers: arithmetic and tables only. */
#include "security/pii_checks.h"

#include <string.h>

/* All digits the same: passes several checksums and belongs to nobody. */
static bool uniform(const uint8_t *digits, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (digits[i] != digits[0]) {
            return false;
        }
    }
    return true;
}

static uint32_t number(const uint8_t *digits, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value * 10 + digits[i];
    }
    return value;
}

/* ISO/IEC 7812-1, annex B. */
bool pii_luhn(const uint8_t *digits, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t digit = digits[count - 1 - i];
        if (i % 2 == 1) {
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        }
        sum += digit;
    }
    return sum % 10 == 0;
}

bool pii_is_card(const uint8_t *digits, size_t count)
{
    static const struct {
        uint32_t from;
        uint32_t to;
        uint8_t prefix;
        uint8_t shortest;
        uint8_t longest;
    } issuers[] = {
#define ISSUER(from, to, prefix, shortest, longest) {from, to, prefix, shortest, longest},
#include "security/pii_cards.def"
#undef ISSUER
    };
    if (count < 12 || count > 19 || uniform(digits, count) || !pii_luhn(digits, count)) {
        return false;
    }
    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
        uint32_t prefix = number(digits, issuers[i].prefix);
        if (prefix >= issuers[i].from && prefix <= issuers[i].to && count >= issuers[i].shortest &&
            count <= issuers[i].longest) {
            return true;
        }
    }
    return false;
}

/* Areas 000, 666 and 900 up were never given out, nor groups 00 or serials 0000. */
bool pii_is_ssn(const uint8_t digits[9])
{
    uint32_t area = number(digits, 3);
    return area != 0 && area != 666 && area < 900 && number(digits + 3, 2) != 0 &&
           number(digits + 5, 4) != 0 && !uniform(digits, 9);
}

/* 9xx with groups 50-65, 70-88, 90-92, 94-99. */
bool pii_is_itin(const uint8_t digits[9])
{
    uint32_t group = number(digits + 3, 2);
    return digits[0] == 9 && ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
                              (group >= 90 && group <= 92) || group >= 94);
}

bool pii_is_aba(const uint8_t digits[9])
{
    uint32_t district = number(digits, 2);
    bool known = district <= 12 || (district >= 21 && district <= 32) ||
                 (district >= 61 && district <= 72) || district == 80;
    static const uint8_t weights[9] = {3, 7, 1, 3, 7, 1, 3, 7, 1};
    uint32_t sum = 0;
    for (size_t i = 0; i < 9; i++) {
        sum += (uint32_t)weights[i] * digits[i];
    }
    return known && sum % 10 == 0 && !uniform(digits, 9);
}

/* No province gives out 0 or 8. */
bool pii_is_sin(const uint8_t digits[9])
{
    return digits[0] != 0 && digits[0] != 8 && !uniform(digits, 9) && pii_luhn(digits, 9);
}

bool pii_is_nhs(const uint8_t digits[10])
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 9; i++) {
        sum += digits[i] * (uint32_t)(10 - i);
    }
    uint32_t check = (11 - sum % 11) % 11;
    return check != 10 && check == digits[9] && !uniform(digits, 10);
}

static uint32_t cpf_check(const uint8_t *digits, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += digits[i] * (uint32_t)(count + 1 - i);
    }
    return sum * 10 % 11 % 10;
}

bool pii_is_cpf(const uint8_t digits[11])
{
    return !uniform(digits, 11) && cpf_check(digits, 9) == digits[9] &&
           cpf_check(digits, 10) == digits[10];
}

/* J. Verhoeff, Error Detecting Decimal Codes (1969): the dihedral group D5. */
bool pii_is_aadhaar(const uint8_t digits[12])
{
    static const uint8_t times[10][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
        {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
        {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
        {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
        {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
    static const uint8_t moved[8][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
        {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
        {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
        {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
    uint8_t check = 0;
    for (size_t i = 0; i < 12; i++) {
        check = times[check][moved[i % 8][digits[11 - i]]];
    }
    return check == 0 && digits[0] >= 2 && !uniform(digits, 12);
}

char pii_dni_letter(const uint8_t digits[8])
{
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number(digits, 8) % 23];
}

/* HMRC, NIM39110. */
bool pii_is_nino_prefix(char first, char second)
{
    static const char never[][3] = {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        if (never[i][0] == first && never[i][1] == second) {
            return false;
        }
    }
    return first >= 'A' && first <= 'Z' && second >= 'A' && second <= 'Z' &&
           strchr("DFIQUV", first) == NULL && strchr("DFIQUVO", second) == NULL;
}

size_t pii_iban_length(char first, char second)
{
    static const struct {
        char code[3];
        uint8_t length;
    } countries[] = {
#define COUNTRY(code, length) {code, length},
#include "security/pii_ibans.def"
#undef COUNTRY
    };
    for (size_t i = 0; i < sizeof countries / sizeof *countries; i++) {
        if (countries[i].code[0] == first && countries[i].code[1] == second) {
            return countries[i].length;
        }
    }
    return 0;
}

bool pii_is_iban(const char *letters, size_t count)
{
    uint32_t rest = 0;
    uint32_t check = (uint32_t)(letters[2] - '0') * 10 + (uint32_t)(letters[3] - '0');
    if (check < 2 || check > 98) {
        return false; /* 98 - x mod 97 gives nothing else */
    }
    for (size_t i = 0; i < count; i++) {
        char c = letters[(i + 4) % count];
        if (c >= '0' && c <= '9') {
            rest = (rest * 10 + (uint32_t)(c - '0')) % 97;
        } else if (c >= 'A' && c <= 'Z') {
            rest = (rest * 100 + (uint32_t)(c - 'A' + 10)) % 97;
        } else {
            return false;
        }
    }
    return rest == 1;
}
