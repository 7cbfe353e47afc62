/* SPDX-License-Identifier: Apache-2.0
 * check.c - the tree once more, and two bits a place.
 *
 * A record says what is gone of places before its own only, so both bits of a place exist when they
 * are set. */
#include "audit/check.h"

#include "audit/places.h"
#include "base/must.h"
#include "base/num.h"
#include "gateway/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 8 /* of classes in a row's key, see gateway/ledger.h */

void audit_fault(struct audit_report *report, const char *kind, uint64_t place, const char *format,
                 ...)
{
    if (report->fault_count < AUDIT_FAULTS_MAX) {
        struct audit_fault *fault = &report->faults[report->fault_count];
        va_list values;
        va_start(values, format);
        (void)vsnprintf(fault->words, sizeof fault->words, format, values);
        va_end(values);
        fault->kind = kind;
        fault->place = place;
    }
    report->fault_count++;
}

void audit_check_init(struct audit_check *check, struct audit_report *report)
{
    *check = (struct audit_check){.report = report, .next_head = UINT64_MAX};
    tree_init(&check->tree);
}

void audit_check_end(struct audit_check *check)
{
    free(check->missing);
    free(check->pruned);
}

/* ---- heads ---- */

static void meet_heads(struct audit_check *check)
{
    struct tree_head here = tree_head(&check->tree);
    check->next_head = UINT64_MAX;
    for (size_t i = 0; i < check->head_count; i++) {
        struct audit_head *expected = &check->heads[i];
        if (expected->met) {
            continue;
        }
        if (expected->head.size > here.size) {
            check->next_head = num_min(check->next_head, expected->head.size);
            continue;
        }
        expected->met = true;
        if (!digest_equal(&expected->head.root, &here.root)) {
            audit_fault(check->report, "root", AUDIT_NO_PLACE,
                        "the %s signed another root of the first %llu records", expected->whose,
                        (unsigned long long)here.size);
        }
    }
}

void audit_check_expect(struct audit_check *check, const struct tree_head *head, const char *whose)
{
    if (check->head_count == AUDIT_HEADS_MAX) {
        return;
    }
    must(head->size >= check->tree.size);
    check->heads[check->head_count++] = (struct audit_head){*head, whose, false};
    meet_heads(check);
}

/* ---- places ---- */

static void make_room(struct audit_check *check)
{
    size_t room = check->room == 0 ? 4096 : 2 * check->room;
    check->missing = must_have(realloc(check->missing, room));
    check->pruned = must_have(realloc(check->pruned, room));
    memset(check->missing + check->room, 0, room - check->room);
    memset(check->pruned + check->room, 0, room - check->room);
    check->room = room;
}

static void set_bit(uint8_t *bits, uint64_t place)
{
    bits[place / 8] = (uint8_t)(bits[place / 8] | 1U << place % 8);
}

static bool has_bit(const uint8_t *bits, uint64_t place)
{
    return (bits[place / 8] >> place % 8 & 1) != 0;
}

/* Only places before the record that says so. */
static enum err mark_pruned(struct audit_check *check, struct str places)
{
    struct places_run run;
    enum err code;
    while ((code = places_next(&places, &run)) == ERR_OK) {
        if (run.to >= check->tree.size) {
            return ERR_RANGE;
        }
        for (uint64_t place = run.from; place <= run.to; place += run.step) {
            set_bit(check->pruned, place);
        }
    }
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static void read_prunings(struct audit_check *check, const struct leaf *leaf)
{
    struct str facts = leaf->facts;
    struct event_view event;
    while (facts.len > 0) {
        struct str places = STR("");
        enum err code = event_next(&gateway_events, &facts, &event);
        if (code == ERR_OK && event.type == &event_type_records_pruned) {
            (void)event_get_str(&event, "places", &places);
            code = mark_pruned(check, places);
        }
        if (code != ERR_OK) {
            audit_fault(check->report, "unreadable", check->tree.size,
                        "what record %llu says of the history cannot be read",
                        (unsigned long long)check->tree.size);
            return;
        }
    }
}

size_t audit_check_place(struct audit_check *check, const struct leaf *leaf,
                         const struct digest *hash, struct tree_hash stored[TREE_LEVELS])
{
    uint64_t place = check->tree.size;
    if (place / 8 >= check->room) {
        make_room(check);
    }
    if (leaf == NULL) {
        set_bit(check->missing, place);
    } else {
        check->report->records++;
        if (leaf->key % SLOTS == CLASS_HISTORY) {
            read_prunings(check, leaf);
        }
    }
    size_t count = tree_append(&check->tree, hash, stored);
    if (check->tree.size == check->next_head) {
        meet_heads(check);
    }
    return count;
}

void audit_check_close(struct audit_check *check)
{
    struct audit_report *report = check->report;
    report->size = check->tree.size;
    for (uint64_t place = 0; place < check->tree.size; place++) {
        if (!has_bit(check->missing, place)) {
            continue;
        }
        if (has_bit(check->pruned, place)) {
            report->gone++;
        } else {
            audit_fault(report, "removed", place, "record %llu was removed, and nothing says why",
                        (unsigned long long)place);
        }
    }
    for (size_t i = 0; i < check->head_count; i++) {
        if (!check->heads[i].met) {
            audit_fault(report, "cut", AUDIT_NO_PLACE,
                        "the %s signed %llu records, and only %llu are there",
                        check->heads[i].whose, (unsigned long long)check->heads[i].head.size,
                        (unsigned long long)check->tree.size);
        }
    }
}

/* ---- signatures ---- */

enum err audit_open(struct audit_report *report, struct str note, struct str verifier,
                    const struct note_key *key, struct tree_head *head, struct fault *why)
{
    struct note_key along;
    struct note parsed;
    struct checkpoint checkpoint;
    struct buf shown;
    enum err code = ERR_OK;
    report->pinned = key != NULL;
    if (key == NULL) {
        code = note_key_parse(verifier, &along, why);
        key = &along;
    }
    code = code == ERR_OK ? checkpoint_open(note, key, &parsed, &checkpoint, why) : code;
    if (code != ERR_OK) {
        return ERR_INVALID;
    }
    buf_init(&shown, NOTE_KEY_TEXT_MAX - 1);
    must(note_key_write(key, &shown) == ERR_OK &&
         str_copy(buf_str(&shown), report->verifier, sizeof report->verifier));
    buf_end(&shown);
    *head = checkpoint.head;
    return ERR_OK;
}
