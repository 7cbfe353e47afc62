/* SPDX-License-Identifier: Apache-2.0
 * state.c - see state.h.
 */
#include "provider/state.h"

#include <stdio.h>
#include <string.h>

void state_init(struct state *state, size_t body_bytes_max)
{
    memset(state, 0, sizeof *state);
    buf_init(&state->last, body_bytes_max);
}

void state_end(struct state *state)
{
    buf_end(&state->last);
}

static void count_name(struct tally *tallies, struct str name)
{
    name = str_cut(name, 0, STATE_NAME_BYTES);
    size_t i = 0;
    while (i < STATE_NAMES_MAX && tallies[i].count > 0 &&
           !str_equal((struct str){tallies[i].name, tallies[i].len}, name)) {
        i++;
    }
    if (tallies[i].count == 0) {
        name = i == STATE_NAMES_MAX ? STR("(other)") : name;
        memcpy(tallies[i].name, name.at == NULL ? "" : name.at, name.len);
        tallies[i].len = name.len;
    }
    tallies[i].count++;
}

static void note_text(struct noted_head *noted, struct str text, char end)
{
    size_t room = STATE_HEAD_BYTES - 1 - noted->len;
    size_t len = text.len < room ? text.len : room;
    if (len > 0) {
        memcpy(noted->text + noted->len, text.at, len);
    }
    noted->len += len;
    if (noted->len < STATE_HEAD_BYTES - 1) {
        noted->text[noted->len++] = end;
    }
}

void state_note(struct state *state, const struct state_request *request)
{
    struct noted_head *noted = &state->heads[state->heads_noted++ % STATE_HEADS_MAX];
    state->requests++;
    count_name(state->paths, request->path);
    if (request->model.len > 0) {
        count_name(state->models, request->model);
    }
    noted->len = 0;
    noted->at_ms = request->at_ms;
    noted->body_bytes = request->body.len;
    note_text(noted, request->head->method, '\n');
    note_text(noted, request->head->target, '\n');
    for (size_t i = 0; i < request->head->count; i++) {
        note_text(noted, request->head->fields[i].name, ':');
        note_text(noted, request->head->fields[i].value, '\n');
    }
    state->last_hash = request->hash;
    buf_clear(&state->last);
    /* Bodies are limited before they come here; without room the last one is empty. */
    (void)!buf_add(&state->last, request->body);
}

static void write_tallies(struct json_writer *w, const char *key, const struct tally *tallies)
{
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i <= STATE_NAMES_MAX && tallies[i].count > 0; i++) {
        json_key_str(w, (struct str){tallies[i].name, tallies[i].len});
        json_put_u64(w, tallies[i].count);
    }
    json_end_object(w);
}

static void write_head(struct json_writer *w, const struct noted_head *noted)
{
    struct str rest = {noted->text, noted->len};
    struct str line = STR("");
    char name[128];
    json_begin_object(w);
    json_member_u64(w, "at_ms", noted->at_ms);
    json_member_u64(w, "body_bytes", noted->body_bytes);
    (void)str_split(&rest, '\n', &line);
    json_member_str(w, "method", line);
    (void)str_split(&rest, '\n', &line);
    json_member_str(w, "target", line);
    json_key(w, "headers");
    json_begin_object(w);
    while (str_split(&rest, '\n', &line)) {
        size_t colon = str_find_byte(line, ':');
        (void)str_copy(str_cut(line, 0, colon), name, sizeof name);
        for (char *c = name; *c != '\0'; c++) {
            if (*c >= 'A' && *c <= 'Z') {
                *c = (char)(*c + ('a' - 'A'));
            }
        }
        json_key(w, name);
        json_put_str(w, colon == SIZE_MAX ? STR("") : str_cut(line, colon + 1, line.len));
    }
    json_end_object(w);
    json_end_object(w);
}

static void write_rules(struct json_writer *w, const struct script *script)
{
    json_key(w, "rules");
    json_begin_array(w);
    for (size_t i = 0; i < script_count(script); i++) {
        struct script_count count = script_counters(script, i);
        json_begin_object(w);
        json_member_u64(w, "line", count.line);
        json_member_u64(w, "seen", count.seen);
        json_member_u64(w, "acted", count.acted);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_last(struct json_writer *w, const struct state *state)
{
    char hash[17];
    (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)state->last_hash);
    json_key(w, "last");
    json_begin_object(w);
    json_member_u64(w, "body_bytes", state->last.len);
    json_member_cstr(w, "hash", hash);
    json_end_object(w);
}

/* in_flight: without the request that asks. */
void state_write(const struct state *state, const struct script *script, uint64_t age_ms,
                 struct json_writer *w)
{
    json_member_u64(w, "script_age_ms", age_ms);
    json_member_u64(w, "requests", state->requests);
    json_member_u64(w, "in_flight", state->in_flight - (state->in_flight > 0));
    json_member_u64(w, "in_flight_max", state->in_flight_max);
    json_member_u64(w, "aborted", state->aborted);
    json_member_u64(w, "connections", state->connections_open);
    json_member_u64(w, "connections_opened", state->connections_opened);
    json_member_u64(w, "bytes_in", state->bytes_in);
    json_member_u64(w, "bytes_out", state->bytes_out);
    write_tallies(w, "paths", state->paths);
    write_tallies(w, "models", state->models);
    write_rules(w, script);
    write_last(w, state);
    json_key(w, "heads");
    json_begin_array(w);
    uint64_t kept = state->heads_noted < STATE_HEADS_MAX ? state->heads_noted : STATE_HEADS_MAX;
    for (uint64_t i = state->heads_noted - kept; i < state->heads_noted; i++) {
        write_head(w, &state->heads[i % STATE_HEADS_MAX]);
    }
    json_end_array(w);
}
