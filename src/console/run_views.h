/* SPDX-License-Identifier: Apache-2.0
 * run_views.h - durable runs and their steps as JSON, without what was asked and answered: the same
 * for the API and for commands that read the database themselves.
 */
#ifndef AIRE_CONSOLE_RUN_VIEWS_H
#define AIRE_CONSOLE_RUN_VIEWS_H

#include "resilience/run_store.h"
#include "json/json_writer.h"

#define RUN_NUMBER_BYTES 19 /* "rn" and 16 hexadecimal digits, ended */

/* A run's number as it is shown, and read back; -1: it is none. */
const char *view_run_number(int64_t number, char to[RUN_NUMBER_BYTES]);
int64_t view_run_number_of(struct str text);

/* Members of the open object. `row` is one of run_list or run_find. */
void view_run_members(const struct value *row, struct json_writer *w);
/* Members of the open object; a row that cannot be read is {"damaged": true}. */
void view_step_members(const struct value *row, size_t columns, struct json_writer *w);

/* The state that a word names: -1 for "all" or "", -2 for no such word. */
int view_run_state(struct str word);
#define VIEW_RUN_STATES "open, done, failed, cancelled, diverged, dead or all"

#endif
