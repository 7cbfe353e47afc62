/* SPDX-License-Identifier: Apache-2.0
 * fold.c - the table is made once, from utf8proc's data and a short list of look-alikes.
 */
#include "text/fold.h"

#include "base/must.h"

#include <stdbool.h>
#include <stdlib.h>
#include <utf8proc.h>

#define PARTS_MAX 32

/* Letters that are drawn like a Latin one, in lower and upper case (upper-case forms are listed
 * because folding them to lower case can lose the likeness: U+0412 looks like B, U+0432 does not).
 */
static const struct alike {
    uint32_t code;
    char as;
} alikes[] = {
    {0x0430, 'a'}, {0x0432, 'b'}, {0x0435, 'e'}, {0x043E, 'o'}, {0x0440, 'p'}, {0x0441, 'c'},
    {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x043A, 'k'},
    {0x043C, 'm'}, {0x043D, 'h'}, {0x0442, 't'}, {0x0501, 'd'}, {0x051B, 'q'}, {0x051D, 'w'},
    {0x04BB, 'h'}, {0x04CF, 'l'}, {0x0475, 'v'}, {0x0410, 'a'}, {0x0412, 'b'}, {0x0415, 'e'},
    {0x041E, 'o'}, {0x0420, 'p'}, {0x0421, 'c'}, {0x0423, 'y'}, {0x0425, 'x'}, {0x0405, 's'},
    {0x0406, 'i'}, {0x0408, 'j'}, {0x041A, 'k'}, {0x041C, 'm'}, {0x041D, 'h'}, {0x0422, 't'},
    {0x0500, 'd'}, {0x051A, 'q'}, {0x051C, 'w'}, {0x04C0, 'i'}, {0x0433, 'r'}, {0x043F, 'n'},
    {0x0448, 'w'}, {0x0501, 'd'}, {0x0261, 'g'}, {0x0251, 'a'}, {0x026A, 'i'}, {0x0131, 'i'},
    {0x03B1, 'a'}, {0x03B5, 'e'}, {0x03B9, 'i'}, {0x03BA, 'k'}, {0x03BD, 'v'}, {0x03BF, 'o'},
    {0x03C1, 'p'}, {0x03C4, 't'}, {0x03C5, 'u'}, {0x03C7, 'x'}, {0x03B3, 'y'}, {0x03C9, 'w'},
    {0x03B7, 'n'}, {0x03C3, 'o'}, {0x03B2, 'b'}, {0x03F2, 'c'}, {0x03F3, 'j'}, {0x0391, 'a'},
    {0x0392, 'b'}, {0x0395, 'e'}, {0x0396, 'z'}, {0x0397, 'h'}, {0x0399, 'i'}, {0x039A, 'k'},
    {0x039C, 'm'}, {0x039D, 'n'}, {0x039F, 'o'}, {0x03A1, 'p'}, {0x03A4, 't'}, {0x03A5, 'y'},
    {0x03A7, 'x'}, {0x0578, 'n'}, {0x057D, 'u'}, {0x0585, 'o'}, {0x0570, 'h'}, {0x0566, 'q'},
    {0x0581, 'g'}, {0x0563, 'q'}, {0x0584, 'f'}, {0x13A0, 'd'}, {0x13A1, 'r'}, {0x13A2, 't'},
    {0x13A5, 'i'}, {0x13A9, 'y'}, {0x13AA, 'a'}, {0x13AC, 'e'}, {0x13B3, 'w'}, {0x13B7, 'm'},
    {0x13BB, 'h'}, {0x13C0, 'g'}, {0x13C2, 'h'}, {0x13C3, 'z'}, {0x13CF, 'b'}, {0x13D2, 'r'},
    {0x13D4, 'w'}, {0x13D5, 's'}, {0x13D9, 'v'}, {0x13DA, 's'}, {0x13DE, 'l'}, {0x13DF, 'c'},
    {0x13E2, 'p'}, {0x13E6, 'k'}, {0x13E7, 'd'}, {0x13F4, 'b'}, {0x1D00, 'a'}, {0x0299, 'b'},
    {0x1D04, 'c'}, {0x1D05, 'd'}, {0x1D07, 'e'}, {0xA730, 'f'}, {0x0262, 'g'}, {0x029C, 'h'},
    {0x1D0A, 'j'}, {0x1D0B, 'k'}, {0x029F, 'l'}, {0x1D0D, 'm'}, {0x0274, 'n'}, {0x1D0F, 'o'},
    {0x1D18, 'p'}, {0x0280, 'r'}, {0xA731, 's'}, {0x1D1B, 't'}, {0x1D1C, 'u'}, {0x1D20, 'v'},
    {0x1D21, 'w'}, {0x028F, 'y'}, {0x1D22, 'z'},
};

/* Scripts written without spaces; Hangul has spaces. */
static bool stands_alone(uint32_t code)
{
    static const uint32_t ranges[][2] = {
        {0x0E00, 0x0EFF}, {0x1000, 0x109F}, {0x1780, 0x17FF},   {0x2E80, 0x2FDF},
        {0x3005, 0x3007}, {0x3040, 0x30FF}, {0x31F0, 0x31FF},   {0x3400, 0x4DBF},
        {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x1B000, 0x1B16F},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i][0] && code <= ranges[i][1]) {
            return true;
        }
    }
    return false;
}

static enum fold_script script_of(uint32_t code)
{
    if ((code < 0x250 || (code >= 0x1E00 && code < 0x1F00)) && code != 0) {
        return FOLD_LATIN;
    }
    if (code >= 0x400 && code < 0x530) {
        return FOLD_CYRILLIC;
    }
    return (code >= 0x370 && code < 0x400) || (code >= 0x1F00 && code < 0x2000) ? FOLD_GREEK
                                                                                : FOLD_OTHER;
}

/* The letter below case, width, style and accents. */
static uint32_t base_of(uint32_t code)
{
    utf8proc_int32_t parts[PARTS_MAX];
    int last = 0;
    bool keeps = stands_alone(code) || (code >= 0xAC00 && code < 0xD7B0); /* kana marks, Hangul */
    utf8proc_option_t options = UTF8PROC_CASEFOLD | UTF8PROC_COMPAT;
    if (!keeps) {
        options |= UTF8PROC_DECOMPOSE;
    }
    utf8proc_ssize_t count = keeps ? 0
                                   : utf8proc_decompose_char((utf8proc_int32_t)code, parts,
                                                             PARTS_MAX, options, &last);
    uint32_t first = count > 0 ? (uint32_t)parts[0] : code;
    /* Alef with its carriers, teh marbuta, alef maksura: spellings of one letter. */
    switch (first) {
    case 0x622:
    case 0x623:
    case 0x625:
        return 0x627;
    case 0x649:
        return 0x64A;
    default:
        return first;
    }
}

static enum fold_kind kind_of(uint32_t code, uint32_t base)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)base);
    if (code == '\n' || code == '\r' || code == 0x2028 || code == 0x2029 || code == 0x85) {
        return FOLD_LINE;
    }
    if (code == '\t' || category == UTF8PROC_CATEGORY_ZS) {
        return FOLD_SPACE;
    }
    /* Vowel signs of Indic scripts are parts of words; accents, harakat and tatweel are not. */
    bool accent = (code >= 0x300 && code < 0x370) || (code >= 0x610 && code < 0x61B) ||
                  code == 0x640 || (code >= 0x64B && code < 0x660) || code == 0x670 ||
                  (code >= 0xFE00 && code < 0xFE10) || (code >= 0xFE20 && code < 0xFE30) ||
                  (code >= 0x20D0 && code < 0x2100) || (code >= 0x591 && code < 0x5C8);
    bool filler = code == 0x115F || code == 0x1160 || code == 0x3164 || code == 0xFFA0;
    if (accent || filler) {
        return FOLD_NONE;
    }
    switch (category) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS:
        return FOLD_NONE;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return FOLD_DIGIT;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
        return stands_alone(base) ? FOLD_SIGN : FOLD_LETTER;
    default:
        return FOLD_MARK;
    }
}

static uint32_t entry_of(uint32_t code)
{
    uint32_t base = base_of(code);
    if ((code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
        (code >= 0x1F170 && code <= 0x1F189)) {
        base = 'a' + (code - 0x1F130) % 32; /* letters in squares and discs */
    } else if (code >= 0x1F1E6 && code <= 0x1F1FF) {
        base = 'a' + (code - 0x1F1E6); /* regional indicators */
    }
    /* Enclosed letters decompose to "(a)": the letter is meant. */
    if (code >= 0x249C && code <= 0x24B5) {
        base = 'a' + (code - 0x249C);
    }
    enum fold_kind kind = kind_of(code, base);
    enum fold_script script = kind == FOLD_LETTER ? script_of(base) : FOLD_OTHER;
    return base | (uint32_t)kind << 21 | (uint32_t)script << 24;
}

struct fold *fold_new(void)
{
    struct fold *fold = must_have(malloc(sizeof *fold));
    for (uint32_t code = 0; code < FOLD_POINTS; code++) {
        fold->entries[code] = entry_of(code);
    }
    for (size_t i = 0; i < sizeof alikes / sizeof alikes[0]; i++) {
        fold->entries[alikes[i].code] |= (uint32_t)(alikes[i].as - 'a' + 1) << 26;
    }
    return fold;
}

void fold_free(struct fold *fold)
{
    free(fold);
}

uint32_t fold_beyond(uint32_t code)
{
    if (code >= 0xE0000 && code < 0xE0080) {
        /* A tag that hides no printable character is nothing. */
        return code >= 0xE0020 && code < 0xE007F ? entry_of(code - 0xE0000)
                                                 : (uint32_t)FOLD_NONE << 21;
    }
    if (code >= 0x20000 && code < 0x40000) {
        return code | (uint32_t)FOLD_SIGN << 21; /* Han, extensions */
    }
    return UINT32_C(0xFFFD) | (uint32_t)(code >= 0xE0000 ? FOLD_NONE : FOLD_MARK) << 21;
}
