/* SPDX-License-Identifier: Apache-2.0
 * list.h - intrusive doubly linked ring. The head is a `struct link` that belongs to no object.
 * A link that is in no list points to itself, so unlinking twice is harmless.
 */
#ifndef AIRE_BASE_LIST_H
#define AIRE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next;
    struct link *prev;
};

/* The object that contains `link` as `member`. */
#define LIST_OBJECT(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct link *link)
{
    link->next = link;
    link->prev = link;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct link *where, struct link *link)
{
    link->prev = where->prev;
    link->next = where;
    where->prev->next = link;
    where->prev = link;
}

static inline void list_push_back(struct link *head, struct link *link)
{
    list_insert_before(head, link);
}

static inline void list_push_front(struct link *head, struct link *link)
{
    list_insert_before(head->next, link);
}

static inline void list_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* First link, taken out; NULL when empty. */
static inline struct link *list_pop_front(struct link *head)
{
    struct link *first = head->next;
    if (first == head) {
        return NULL;
    }
    list_remove(first);
    return first;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_splice_back(struct link *to, struct link *from)
{
    if (list_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
