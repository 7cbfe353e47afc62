/* SPDX-License-Identifier: Apache-2.0
 * profanity.c - the lists of profanity.def in one automaton. */
#include "security/profanity.h"

#include "base/must.h"
#include "security/cover.h"
#include "text/words.h"

struct entry {
    const char *text;
    uint32_t flags;
};

/* A row without text begins a language: rows stand in the order of the file. */
static const struct entry entries[] = {
#define LANGUAGE(id, code) {NULL, 0},
#define WHOLE(text)        {text, WORD_LEET},
#define STEM(text)         {text, WORD_LEET | WORD_STEM},
#include "security/profanity.def"
#undef LANGUAGE
#undef WHOLE
#undef STEM
};
#define ENTRIES (sizeof entries / sizeof entries[0])

static const char *const codes[] = {
#define LANGUAGE(id, code) code,
#define WHOLE(text)
#define STEM(text)
#include "security/profanity.def"
#undef LANGUAGE
#undef WHOLE
#undef STEM
};

struct profanity {
    const struct words *words;
    struct cover cover;
};

uint32_t profanity_language_bit(struct str code)
{
    for (uint32_t i = 0; i < PROFANITY_LANGUAGES; i++) {
        if (str_equal_ci(code, str_of(codes[i]))) {
            return 1U << i;
        }
    }
    return 0;
}

const char *profanity_language_name(uint16_t language)
{
    must(language < PROFANITY_LANGUAGES);
    return codes[language];
}

static size_t find_words(const void *self, struct block *block, struct hits *hits)
{
    return words_find(self, block, hits);
}

const struct profanity *profanity_new(uint32_t languages, const struct fold *fold,
                                      struct arena *arena)
{
    struct profanity *profanity = arena_new_of(arena, struct profanity);
    struct word *words = arena_array_of(arena, struct word, ENTRIES);
    size_t count = 0;
    uint32_t language = UINT32_MAX; /* before the first */
    for (size_t i = 0; i < ENTRIES; i++) {
        language += entries[i].text == NULL;
        if (entries[i].text != NULL && (languages >> language & 1) != 0) {
            words[count++] = (struct word){str_of(entries[i].text), language, entries[i].flags};
        }
    }
    struct fault fault = {0};
    must(words_new(fold, words, count, arena, &profanity->words, &fault) == ERR_OK);
    profanity->cover = (struct cover){.sources = {{find_words, profanity->words}}, .count = 1};
    return profanity;
}

struct finder profanity_finder(const struct profanity *profanity)
{
    return (struct finder){"profanity", cover_find, &profanity->cover};
}
