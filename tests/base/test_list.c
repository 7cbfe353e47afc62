/* SPDX-License-Identifier: Apache-2.0
 * test_list.c - the ring against its invariants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct link link;
};

static struct item *item_of(struct link *link)
{
    return LIST_OBJECT(link, struct item, link);
}

/* Both directions of the ring read the same `count` numbers. */
static void assert_numbers(const struct link *head, const int *numbers, size_t count)
{
    const struct link *forward = head->next;
    const struct link *back = head->prev;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_not_equal(forward, head);
        assert_int_equal(((const struct item *)(const void *)((const char *)forward -
                                                              offsetof(struct item, link)))
                             ->number,
                         numbers[i]);
        forward = forward->next;
        assert_ptr_not_equal(back, head);
        back = back->prev;
    }
    assert_ptr_equal(forward, head);
    assert_ptr_equal(back, head);
}

static void order_is_that_of_insertion_at_either_end(void **state)
{
    (void)state;
    struct link head;
    struct item items[3] = {{1, {0}}, {2, {0}}, {3, {0}}};
    list_init(&head);
    assert_true(list_empty(&head));
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    assert_false(list_empty(&head));
    assert_numbers(&head, (const int[]){1, 2, 3}, 3);
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct link head;
    struct item items[3] = {{1, {0}}, {2, {0}}, {3, {0}}};
    list_init(&head);
    for (size_t i = 0; i < 3; i++) {
        list_push_back(&head, &items[i].link);
    }
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_true(list_empty(&items[1].link));
    assert_numbers(&head, (const int[]){1, 3}, 2);
}

static void popping_takes_the_oldest_until_nothing_is_left(void **state)
{
    (void)state;
    struct link head;
    struct item items[2] = {{1, {0}}, {2, {0}}};
    list_init(&head);
    list_push_back(&head, &items[0].link);
    list_push_back(&head, &items[1].link);
    assert_int_equal(item_of(list_pop_front(&head))->number, 1);
    assert_int_equal(item_of(list_pop_front(&head))->number, 2);
    assert_null(list_pop_front(&head));
}

static void splicing_moves_all_to_the_end(void **state)
{
    (void)state;
    struct link to;
    struct link from;
    struct item items[4] = {{1, {0}}, {2, {0}}, {3, {0}}, {4, {0}}};
    list_init(&to);
    list_init(&from);
    list_splice_back(&to, &from);
    assert_true(list_empty(&to));
    list_push_back(&to, &items[0].link);
    list_push_back(&to, &items[1].link);
    list_push_back(&from, &items[2].link);
    list_push_back(&from, &items[3].link);
    list_splice_back(&to, &from);
    assert_true(list_empty(&from));
    assert_numbers(&to, (const int[]){1, 2, 3, 4}, 4);
    list_splice_back(&from, &to);
    assert_true(list_empty(&to));
    assert_numbers(&from, (const int[]){1, 2, 3, 4}, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_insertion_at_either_end),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(popping_takes_the_oldest_until_nothing_is_left),
        cmocka_unit_test(splicing_moves_all_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
