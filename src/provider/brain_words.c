/* SPDX-License-Identifier: Apache-2.0
 * brain_words.c - facts in plain words: order numbers, amounts, reasons, intentions.
 *
 * Invariant: a fact is a span of the text; nothing is guessed.
 */
#include "provider/brain.h"

#include "base/num.h"

#include <string.h>

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_digit(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (is_digit(s.at[i])) {
            return true;
        }
    }
    return false;
}

struct words {
    struct str text;
    size_t at;
    struct str word;
    char before; /* the byte before the word: '$' and '#' matter */
};

static bool next_word(struct words *words)
{
    while (words->at < words->text.len && !is_word_byte(words->text.at[words->at])) {
        words->at++;
    }
    size_t from = words->at;
    while (words->at < words->text.len && is_word_byte(words->text.at[words->at])) {
        words->at++;
    }
    words->word = str_cut(words->text, from, words->at);
    words->before = '\0';
    if (from > 0) {
        words->before = words->text.at[from - 1];
    }
    return words->word.len > 0;
}

bool facts_one_of(struct str word, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (str_equal_ci(word, str_of(*list))) {
            return true;
        }
    }
    return false;
}

bool facts_word(struct str text, struct str word)
{
    struct words words = {.text = text};
    while (next_word(&words)) {
        if (str_equal_ci(words.word, word)) {
            return true;
        }
    }
    return false;
}

static void add_order(struct facts *facts, struct str order)
{
    for (size_t i = 0; i < facts->order_count; i++) {
        if (str_equal(facts->orders[i], order)) {
            return;
        }
    }
    if (facts->order_count < BRAIN_ORDERS_MAX && order.len <= 32) {
        facts->orders[facts->order_count++] = order;
    }
}

/* The number that starts at `from`, with its decimals. */
static struct str number_at(struct str text, size_t from)
{
    size_t to = from;
    while (to < text.len && (is_digit(text.at[to]) || (text.at[to] == '.' && to + 1 < text.len &&
                                                       is_digit(text.at[to + 1])))) {
        to++;
    }
    return str_cut(text, from, to);
}

static struct str tail_of_sentence(struct str text, size_t from)
{
    size_t to = from;
    while (to < text.len && strchr(".!?\n", text.at[to]) == NULL) {
        to++;
    }
    return str_trim(str_cut(text, from, to));
}

/* A word that may stand between "order" and its number, or between two numbers. */
static bool links(struct str word)
{
    static const char *const linking[] = {"number", "numbers", "no", "id",
                                          "ids",    "and",     "or", NULL};
    return facts_one_of(word, linking);
}

static void read_place(struct facts *facts, struct words words)
{
    if (facts->place.len == 0 && next_word(&words) && words.word.at[0] >= 'A' &&
        words.word.at[0] <= 'Z') {
        facts->place = words.word;
    }
}

static void read_intent(struct facts *facts, const struct words *words)
{
    static const char *const refunds[] = {"refund",    "refunds",   "refunded",
                                          "reimburse", "moneyback", NULL};
    static const char *const hedges[] = {"maybe", "unsure", "unclear", "perhaps", "possibly", NULL};
    struct str word = words->word;
    facts->refund = facts->refund || facts_one_of(word, refunds);
    facts->unsure = facts->unsure || facts_one_of(word, hedges);
    if (facts->reason.len == 0 && str_equal_ci(word, STR("because"))) {
        facts->reason = tail_of_sentence(words->text, words->at);
    }
    if (str_equal_ci(word, STR("in"))) {
        read_place(facts, *words);
    }
}

static bool read_confidence(struct facts *facts, const struct words *words, bool expected)
{
    double value = -1;
    size_t from = (size_t)(words->word.at - words->text.at);
    if (expected && num_double(number_at(words->text, from), &value) == ERR_OK && value >= 0 &&
        value <= 1) {
        facts->confidence = value;
        return true;
    }
    return false;
}

void facts_read(struct str text, struct facts *facts)
{
    static const char *const orders[] = {"order", "orders", NULL};
    static const char *const money[] = {"dollars", "dollar", "usd", "eur", "euros", NULL};
    *facts = (struct facts){.confidence = -1};
    struct words words = {.text = str_cut(text, 0, (size_t)64 * 1024)};
    struct str number_before = STR("");
    bool expecting = false;
    bool confidence = false;
    while (next_word(&words)) {
        size_t from = (size_t)(words.word.at - words.text.at);
        bool number = is_digit(words.word.at[0]);
        if (words.before == '$' && number) {
            facts->amount = facts->amount.len > 0 ? facts->amount : number_at(words.text, from);
            expecting = false;
        } else if (read_confidence(facts, &words, confidence)) {
            words.at = from + number_at(words.text, from).len;
        } else if (has_digit(words.word) && (words.before == '#' || expecting)) {
            add_order(facts, words.word);
            expecting = true;
        } else if (number_before.len > 0 && facts->amount.len == 0 &&
                   facts_one_of(words.word, money)) {
            facts->amount = number_before;
        } else {
            expecting = facts_one_of(words.word, orders) || (expecting && links(words.word));
        }
        confidence = str_equal_ci(words.word, STR("confidence"));
        number_before = number ? number_at(words.text, from) : STR("");
        if (number_before.len > words.word.len) {
            words.at = from + number_before.len;
        }
        read_intent(facts, &words);
    }
}
