/* SPDX-License-Identifier: Apache-2.0
 * play.c - heads, framing, pauses and ends of answers.
 *
 * Invariant: `wire` holds bytes that are decided but not handed to the connection yet; they are
 * handed over whenever the play waits, and in pieces when the act wants small writes.
 */
#include "provider/play.h"

#include "base/num.h"
#include "provider/bend.h"
#include "sys/reset.h"

#include <string.h>

#define RESET_POLL_MS 2
#define CRLF          STR("\r\n")

static void put(struct play *play, struct str bytes)
{
    /* The wire's limit is far above ANSWER_BYTES_MAX; what does not fit is lost like on a bad line.
     */
    (void)!buf_add(play->wire, bytes);
}

/* ---- the head ---- */

static void put_field(struct play *play, struct str name, struct str value)
{
    put(play, name);
    put(play, STR(": "));
    put(play, value);
    put(play, CRLF);
}

static bool act_sets(const struct script_do *act, struct str name)
{
    for (size_t i = 0; i < act->header_count; i++) {
        if (str_equal_ci(act->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void put_default(struct play *play, struct str name, struct str value)
{
    if (!act_sets(play->act, name)) {
        put_field(play, name, value);
    }
}

static void put_length(struct play *play)
{
    uint64_t length = play->answer->part_count > 0 ? play->answer->parts[0].data.len : 0;
    length += play->act->bom ? 3 : 0;
    if (play->act->end == END_TIDY) {
        length = num_min(length, play->act->after);
    }
    if (play->act->framing == FRAMING_SHORT) {
        length -= length / 2;
    } else if (play->act->framing == FRAMING_LONG) {
        length += 64;
    }
    (void)!buf_printf(play->wire, "content-length: %llu\r\n", (unsigned long long)length);
}

static void put_framing(struct play *play)
{
    bool open_end = play->act->framing == FRAMING_CLOSE || play->act->framing == FRAMING_HTTP10;
    bool pieces = play->answer->stream || play->act->chunk_bytes > 0 || play->act->split_utf8 ||
                  play->act->bad_chunk > 0;
    play->chunked = pieces && !open_end && !play->http10;
    if (play->act->framing == FRAMING_BOTH) {
        put_length(play);
        play->chunked = true;
    }
    if (play->chunked) {
        put_field(play, STR("transfer-encoding"), STR("chunked"));
    } else if (!open_end && !play->answer->stream) {
        if (play->act->framing != FRAMING_BOTH) {
            put_length(play);
        }
        play->keep = play->keep && play->act->framing != FRAMING_LONG;
    } else {
        play->keep = false;
    }
}

static void put_pad_field(struct play *play)
{
    uint64_t bytes = play->act->header_pad_bytes;
    if (bytes == 0 || buf_reserve(play->wire, bytes + 16) != ERR_OK) {
        return;
    }
    put(play, STR("x-pad: "));
    memset(play->wire->at + play->wire->len, 'p', bytes);
    play->wire->len += bytes;
    put(play, CRLF);
}

static void put_interim(struct play *play)
{
    unsigned interim = (unsigned)play->act->interim;
    if (interim >= 100) {
        (void)!buf_printf(play->wire, "HTTP/1.1 %u %s\r\n", interim, http_status_text(interim));
        if (interim == 103) {
            put_field(play, STR("link"), STR("</style.css>; rel=preload"));
        }
        put(play, CRLF);
    }
}

static void put_head(struct play *play)
{
    const struct answer *answer = play->answer;
    int minor = play->act->framing == FRAMING_HTTP10 ? 0 : 1;
    put_interim(play);
    (void)!buf_printf(play->wire, "HTTP/1.%d %u %s\r\n", minor, answer->status,
                      http_status_text(answer->status));
    put_default(play, STR("content-type"), answer->content_type);
    if (answer->stream) {
        put_default(play, STR("cache-control"), STR("no-cache"));
    }
    for (size_t i = 0; i < answer->field_count; i++) {
        put_default(play, answer->fields[i].name, answer->fields[i].value);
    }
    for (size_t i = 0; i < play->act->header_count; i++) {
        put_field(play, play->act->headers[i].name, play->act->headers[i].value);
    }
    put_pad_field(play);
    put_framing(play);
    if (play->act->connection == CONNECTION_CLOSE || (!play->keep && minor == 1)) {
        put_field(play, STR("connection"), STR("close"));
    } else if (play->http10) {
        put_field(play, STR("connection"), STR("keep-alive"));
    }
    put(play, CRLF);
}

/* ---- the body ---- */

/* Where the piece that starts at `from` ends: after `most` bytes or inside the next code point. */
static size_t piece_end(struct str bytes, size_t from, uint64_t most, bool split_utf8)
{
    size_t to = most == 0 ? bytes.len : (size_t)num_min(bytes.len, from + most);
    for (size_t i = from + 1; split_utf8 && i < to; i++) {
        if (((unsigned char)bytes.at[i] & 0xC0) == 0x80) {
            return i;
        }
    }
    return to;
}

static void put_chunk(struct play *play, struct str bytes)
{
    (void)!buf_printf(play->wire, "%zx\r\n", bytes.len);
    put(play, bytes);
    put(play, CRLF);
}

static void put_payload(struct play *play, struct str payload)
{
    if (!play->chunked) {
        put(play, payload);
        return;
    }
    for (size_t from = 0; from < payload.len;) {
        size_t to = piece_end(payload, from, play->act->chunk_bytes, play->act->split_utf8);
        put_chunk(play, str_cut(payload, from, to));
        from = to;
    }
}

static void put_event(struct play *play, const struct part *part, size_t number)
{
    static const char *const line_ends[] = {
        [LINE_LF] = "\n", [LINE_CRLF] = "\r\n", [LINE_CR] = "\r"};
    const struct script_do *act = play->act;
    struct str line_end = str_of(line_ends[act->line_end]);
    struct buf *payload = play->answer->scratch;
    buf_clear(payload);
    if (act->bom && number == 1) {
        err_ignore(buf_add(payload, STR("\xEF\xBB\xBF")));
    }
    if (act->comments > 0 && number % act->comments == 0) {
        err_ignore(buf_printf(payload, ": PROCESSING" STR_FMT STR_FMT, STR_ARG(line_end),
                              STR_ARG(line_end)));
    }
    if (part->event.len > 0) {
        err_ignore(buf_printf(payload, "event: " STR_FMT STR_FMT, STR_ARG(part->event),
                              STR_ARG(line_end)));
    }
    bend_data_lines(payload, part->data, act->data_lines, line_end);
    err_ignore(buf_add(payload, line_end));
    put_payload(play, buf_str(payload));
}

static void put_body(struct play *play, struct str body)
{
    if (play->act->bom) {
        put_payload(play, STR("\xEF\xBB\xBF"));
    }
    if (play->act->end != END_NORMAL) {
        body = str_cut(body, 0, (size_t)num_min(play->act->after, body.len));
    }
    put_payload(play, body);
}

static void put_part(struct play *play, size_t index)
{
    const struct part *part = &play->answer->parts[index];
    if (play->chunked && play->act->bad_chunk == index + 1) {
        put(play, STR("zz-not-hex\r\n"));
    }
    if (play->answer->stream) {
        put_event(play, part, index + 1);
    } else {
        put_body(play, part->data);
    }
}

/* ---- time ---- */

static bool paced(const struct play *play)
{
    return play->act->write_bytes > 0 || play->act->split_utf8;
}

/* Hands over what is on the wire; false when more writes must follow later. */
static bool flush(struct play *play)
{
    struct str bytes = str_cut(buf_str(play->wire), play->sent, play->wire->len);
    if (paced(play)) {
        size_t to = piece_end(bytes, 0, play->act->write_bytes, play->act->split_utf8);
        bytes = str_cut(bytes, 0, to);
    }
    if (bytes.len > 0) {
        (void)!conn_write(play->conn, bytes); /* no cap: there is always memory */
        play->bytes += bytes.len;
        play->sent += bytes.len;
    }
    if (play->sent < play->wire->len) {
        return false;
    }
    buf_clear(play->wire);
    play->sent = 0;
    return true;
}

static uint64_t pause_before(const struct play *play)
{
    if (play->step == 0) {
        return play->act->delay_ms;
    }
    size_t index = play->step - 1;
    if (!play->answer->stream || index >= play->answer->part_count ||
        play->answer->parts[index].kind != PART_TOKEN) {
        return 0;
    }
    return play->tokens_begun ? play->act->between_ms : play->act->first_token_ms;
}

/* The act ends the answer before this step. */
static bool ends_here(const struct play *play)
{
    if (play->act->end == END_NORMAL) {
        return false;
    }
    if (play->step == 0) {
        return play->act->headless;
    }
    return play->answer->stream ? play->step - 1 >= play->act->after : play->step > 1;
}

static bool take_step(struct play *play)
{
    size_t parts = play->bodyless ? 0 : play->answer->part_count;
    if (play->step > parts || ends_here(play)) {
        return false;
    }
    if (play->step == 0) {
        put_head(play);
    } else {
        put_part(play, play->step - 1);
        play->tokens_begun = play->tokens_begun ||
                             play->answer->parts[play->step - 1].kind == PART_TOKEN;
    }
    play->step++;
    play->waited = false;
    return true;
}

static enum play_outcome outcome_of(const struct play *play)
{
    if (play->act->end == END_RESET) {
        return PLAY_RESET;
    }
    bool ended = play->step == 0 || play->act->end == END_CUT; /* no answer, or half of one */
    return play->keep && !ended && play->act->connection == CONNECTION_KEEP ? PLAY_KEEP
                                                                            : PLAY_CLOSE;
}

static enum play_outcome wait_ms(struct play *play, uint64_t ms)
{
    timer_arm(conn_loop(play->conn), &play->timer, ms);
    return PLAY_RUNNING;
}

static enum play_outcome finish(struct play *play)
{
    if (play->act->end == END_STALL) {
        return PLAY_RUNNING; /* until the client gives up */
    }
    if (play->act->end == END_RESET && conn_queued(play->conn) > 0) {
        return wait_ms(play, RESET_POLL_MS); /* a reset would discard what has not left */
    }
    enum play_outcome outcome = outcome_of(play);
    play_stop(play);
    return outcome;
}

static enum play_outcome run(struct play *play)
{
    bool more = true;
    while (more) {
        if (paced(play) && !flush(play)) {
            return wait_ms(play, play->act->write_gap_ms);
        }
        uint64_t pause = play->waited ? 0 : pause_before(play);
        if (pause > 0 && (play->step == 0 || !ends_here(play))) {
            (void)flush(play);
            play->waited = true;
            return wait_ms(play, pause);
        }
        more = take_step(play);
        bool whole = play->act->end == END_NORMAL || play->act->end == END_TIDY;
        if (!more && play->chunked && whole && !play->bodyless) {
            put(play, STR("0\r\n\r\n"));
            play->chunked = false; /* the terminal chunk comes once */
        }
    }
    if (!flush(play)) {
        return wait_ms(play, play->act->write_gap_ms);
    }
    return finish(play);
}

static void on_timer(struct timer *timer)
{
    struct play *play = LIST_OBJECT(timer, struct play, timer);
    enum play_outcome outcome = run(play);
    if (outcome != PLAY_RUNNING) {
        play->done(play, outcome);
    }
}

enum play_outcome play_start(struct play *play, const struct play_options *options)
{
    buf_clear(options->wire);
    *play = (struct play){.conn = options->conn,
                          .script = options->script,
                          .act = options->act,
                          .answer = options->answer,
                          .wire = options->wire,
                          .http10 = options->http10,
                          .bodyless = options->bodyless,
                          .keep = options->keep_alive,
                          .done = options->done};
    timer_init(&play->timer, on_timer);
    if (play->script != NULL) {
        script_hold(play->script);
    }
    return run(play);
}

void play_stop(struct play *play)
{
    if (play->conn != NULL) {
        timer_disarm(&play->timer);
        script_drop(play->script);
        play->script = NULL;
        play->conn = NULL;
    }
}
