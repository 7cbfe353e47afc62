/* SPDX-License-Identifier: Apache-2.0
 * test_profanity.c - coarse words are found in every language, decent ones in none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/profanity.h"
#include "support/split.h"

static struct fold *fold;
static struct arena *arena;
static struct finder all;

static int begin(void **state)
{
    (void)state;
    fold = fold_new();
    arena = arena_new(65536);
    all = profanity_finder(profanity_new(PROFANITY_ALL, fold, arena));
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    fold_free(fold);
    return 0;
}

static size_t count_in(const struct finder *finder, const char *text)
{
    struct spans spans = {0};
    finder_find(finder, str_of(text), &spans);
    size_t count = spans.count;
    spans_end(&spans);
    return count;
}

static void each_language_is_known(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "What the fucking hell",
        "So eine Schei\u00DFe!",
        "quelle merde",
        "eres un GILIPOLLAS",
        "che stronzata",
        "que caralho",
        "wat een klootzak",
        "kurwa ma\u0107",
        "иди нахуй",
        "siktir git",
        "sh1t happens",
        "you a$$hole",
        "f\u200Bu\u200Bc\u200Bk this",
        "SON OF   A BITCH",
        "\uFF46\uFF55\uFF43\uFF4B",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (count_in(&all, texts[i]) != 1) {
            fail_msg("%s: %zu", texts[i], count_in(&all, texts[i]));
        }
    }
}

static void decent_words_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "The class assessed Scunthorpe's shiitake and shitake harvest in Penistone.",
        "Assume the bassist passes the cockpit; Dick Cheney ate a cocktail sausage.",
        "Fick's law of diffusion, a 455 cm^3 engine, the A55 road, 5455 items",
        "isotopo dello stronzio; la guerra di Troia; un cono de luz; color negro",
        "une salopette; la tapette \u00E0 mouches; Sie h\u00F6ren auf, hoeren Sie",
        "een huis huren, kankeronderzoek, een eikel van de eik; a pic of the chink in the wall",
        "tombo la ru\u0131na; \u0447\u0443\u0440\u043A\u0430; "
        "\u0441\u0442\u0440\u0430\u0445\u0443\u0439"
        " \u0437\u0434\u043E\u0440\u043E\u0432\u044C\u0435",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct spans spans = {0};
        finder_find(&all, str_of(texts[i]), &spans);
        if (spans.count != 0) {
            struct str bad = str_cut(str_of(texts[i]), spans.items[0].start, spans.items[0].end);
            fail_msg("'" STR_FMT "' in %s", STR_ARG(bad), texts[i]);
        }
        spans_end(&spans);
    }
}

static void only_the_asked_languages_are_looked_for(void **state)
{
    (void)state;
    assert_int_equal(profanity_language_bit(STR("xx")), 0);
    uint32_t german = profanity_language_bit(STR("de"));
    assert_int_equal(german, 1U << PROFANITY_DE);
    struct finder finder = profanity_finder(profanity_new(german, fold, arena));
    struct spans spans = {0};
    finder_find(&finder, STR("merde, so ein Arschloch"), &spans);
    assert_int_equal(spans.count, 1);
    assert_int_equal(spans.items[0].start, 14);
    assert_int_equal(spans.items[0].end, 23);
    assert_string_equal(profanity_language_name(spans.items[0].kind), "de");
    spans_end(&spans);
}

static void no_list_at_all_finds_nothing(void **state)
{
    (void)state;
    struct finder finder = profanity_finder(profanity_new(0, fold, arena));
    assert_int_equal(count_in(&finder, "fuck"), 0);
}

static void splits_do_not_matter(void **state)
{
    (void)state;
    must_split_equally(&all,
                       STR("What the fucking fuck, son of  a\nbitch! bullshitting sh1t a55 "
                           "Schei\u00DFe nahuй \u043D\u0430\u0445\u0443\u0439 @sshole a@sshole "
                           "x@$$hole fu\u0301ck f\u200Bu\u200Bck\u200B s shit\xFF shit\xC3"));
    must_split_equally(&all, STR("fuckaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                                 "shit \u7684shit\u7684 merde merde"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_language_is_known),
        cmocka_unit_test(decent_words_stay),
        cmocka_unit_test(only_the_asked_languages_are_looked_for),
        cmocka_unit_test(no_list_at_all_finds_nothing),
        cmocka_unit_test(splits_do_not_matter),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
