/* SPDX-License-Identifier: Apache-2.0
 * test_pii_split.c - what is found in a text does not depend on how the text arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"
#include "security/pii.h"
#include "support/split.h"

#include <stdlib.h>
#include <string.h>

static struct pii *pii;

static int setup(void **state)
{
    (void)state;
    pii = must_have(malloc(sizeof *pii));
    pii_init(pii, pii_defaults());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(pii);
    return 0;
}

/* One or more of each entity, with text behind them that could have changed the answer. */
static const char *const texts[] = {
    "Write to mary.smith+news@mail.example.co.uk, or to j\xC3\xBCrgen@b\xC3\xBC"
    "cher.example today.",
    "email me:foo.bar@sub.dept.example.edu.",
    "\xE7\x94\xA8\xE6\x88\xB7@\xE4\xBE\x8B\xE5\xAD\x90.\xE5\xB9\xBF\xE5\x91\x8A and user@localhost",
    "My card 4111 1111 1111 1111 12/27 was stolen; the other is 378282246310005.",
    "4111111111111111",
    "41111111111111112222 is too long, 4111-1111-1111-1111 is not",
    "SSN 536-90-4399, or 536904399 without dashes. ITIN: 912-70-1234",
    "IBAN DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432 and de89370400440532013000",
    "DE00 1234 5678 9012 3456 77 is none",
    "Routing number 021000021. NHS 943 476 5919. Aadhaar 2345 6789 0124, CPF 529.982.247-25",
    "SIN 046 454 286 DNI 12345678Z NIE X1234567L NINO AB 12 34 56 C",
    "Passport no. K9FP12XXL, driver's license number is U62928788557186, plate B-MW 1234.",
    "MRN-2660804; medical record number: 88120034",
    "from 10.137.82.51, 2001:db8::828b:1bce:b739:c599 and fe80::1ff:fe23:4567:890a%eth0 v1.2.3.4",
    "mac 6c:68:08:23:89:d2 or 6C-68-08-23-89-D2 or 6c68.0823.89d2 but not 6c:68:08:23:89:d2:00",
    "Born 14 January 1999, DOB: 05/22/1994; date of birth: August 17, 1985; "
    "\xE5\x87\xBA\xE7\x94\x9F: 1985\xE5\xB9\xB4"
    "8\xE6\x9C\x88"
    "17\xE6\x97\xA5",
    "Call +44 20 7946 0958, (415) 555-2671 x123, 0170 1234567, tel. 481 7531 or 0431 35 06 "
    "90-Office",
    "001-432-815-4117 and +91 79220 49096, 07401 824872",
    "My website is https://www.TuxService.example.se/path?x=1.",
    "My name is Mary Carver. Dear Mr. Jonathan O'Brien, ship to Zo\xC3\xA9 Lef\xC3\xA8vre-Smith, "
    "11 High Street, York BS3 8XN.",
    "\xE6\x9D\x8E\xE4\xBC\x9F lives at Hauptstra\xC3\x9F"
    "e 72, 55614 Ulm; P.O. Box 101, "
    "4184 Maple Ave, Dayton, OR 71519",
    "{\"name\": \"\xC3\x8D\xC3\xB1igo Ib\xC3\xA1\xC3\xB1"
    "ez\", \"phone_number\":\"5551234567\", "
    "\"dateOfBirth\":\"1980-01-13\"}",
    "name,email,phone\nPriya McAllister,priya@corp.example.co.uk,+1-668-337-8010\n",
};

static void every_split_finds_the_same(void **state)
{
    (void)state;
    const struct finder finder = pii_finder(pii);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        must_split_equally(&finder, str_of(texts[i]));
    }
}

static void all_in_one_text_split_the_same(void **state)
{
    (void)state;
    const struct finder finder = pii_finder(pii);
    char whole[8192];
    size_t len = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t n = strlen(texts[i]);
        memcpy(whole + len, texts[i], n);
        len += n;
        whole[len++] = i % 3 == 0 ? '\n' : ' ';
    }
    must_split_equally(&finder, (struct str){whole, len});
}

static void long_runs_are_not_held(void **state)
{
    (void)state;
    const struct finder finder = pii_finder(pii);
    static const char pieces[][8] = {"1",        "a",  "1 ", "1.",           "a.",
                                     "@",        "1-", "a:", "\xE6\x9D\x8E", "Mary ",
                                     "\xC3\xA9", "(",  "+1", "A b ",         "Rd "};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char text[1200];
        size_t len = 0;
        size_t size = strlen(pieces[i]);
        while (len + size <= sizeof text) {
            memcpy(text + len, pieces[i], size);
            len += size;
        }
        must_split_equally(&finder, (struct str){text, len});
    }
}

/* A generator of its own: the same texts everywhere. */
static size_t next_random(uint32_t *seed, size_t below)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 16) % below;
}

static void any_bytes_split_the_same(void **state)
{
    (void)state;
    const struct finder finder = pii_finder(pii);
    static const char alphabet[] =
        "0123456789 -./()+:@aAbMr.,\n\xC3\xA9\xE6\x9D\x8E\xE5\xC2\xA0_\xB1\xF0\xFF\xF8";
    uint32_t seed = 7;
    for (int round = 0; round < 80; round++) {
        char text[160];
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = alphabet[next_random(&seed, sizeof alphabet - 1)];
        }
        must_split_equally(&finder, (struct str){text, sizeof text});
    }
}

/* What candidates are made of, in any order. */
static const char *const pieces[] = {
    "ssn ",    "536",      "-",    "90",    "-4399", " born ",  "Mr. ", "Mary ",     "O'Brien",
    " Street", ", ",       "10 ",  "@",     "x.y",   "example", ".com", "DE89",      " 3704",
    " 0044",   "4111 ",    "1111", " 1111", "card ", "tel ",    "+44 ", "(0)",       "20 ",
    "7946",    " 0958",    "10.1", ".2.3",  "fe80",  "::",      "1:2",  "\n",        "Main ",
    "van ",    "My name ", "is ",  "no. ",  "A",     "B",       "123",  "passport ", "K9F",
    "Müller ", "Straße ",  "李",   "伟",    "May ",  "1999",    " x12", "Box "};

static void any_pieces_split_the_same(void **state)
{
    (void)state;
    const struct finder finder = pii_finder(pii);
    uint32_t seed = 11;
    for (int round = 0; round < 80; round++) {
        char text[320];
        size_t len = 0;
        for (;;) {
            const char *piece = pieces[next_random(&seed, sizeof pieces / sizeof *pieces)];
            size_t size = strlen(piece);
            if (len + size > sizeof text) {
                break;
            }
            for (size_t i = 0; i < size; i++) {
                text[len++] = piece[i];
            }
        }
        must_split_equally(&finder, (struct str){text, len});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_finds_the_same),
        cmocka_unit_test(all_in_one_text_split_the_same),
        cmocka_unit_test(long_runs_are_not_held),
        cmocka_unit_test(any_bytes_split_the_same),
        cmocka_unit_test(any_pieces_split_the_same),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
