/* SPDX-License-Identifier: Apache-2.0
 * note.c - notes as bytes: taken apart, checked, signed.
 *
 * The base64 of a signature is taken in its one canonical form (RFC 4648, section 3.5), so that no
 * byte of a note can change without notice. */
#include "crypto/note.h"

#include "base/must.h"
#include "base/text.h"
#include "base/utf8.h"
#include "crypto/note_impl.h"

#include <string.h>

#define DASH       STR("\xe2\x80\x94 ") /* em dash, U+2014 */
#define ID_BYTES   4
#define TIME_BYTES 8
#define TIME_MAX   (UINT64_C(1) << 63)

/* UTF-8, and of the controls below U+0020 none but the newline. */
static bool is_plain(struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if ((unsigned char)bytes.at[i] < 0x20 && bytes.at[i] != '\n') {
            return false;
        }
    }
    return utf8_valid(bytes);
}

/* ---- reading ---- */

static enum err bad_line(struct fault *why, unsigned line, const char *words)
{
    enum err code = fault_set(why, ERR_SYNTAX, "%s", words);
    if (why != NULL) {
        why->line = line;
    }
    return code;
}

/* The bytes behind base64 in its canonical form, into an empty buf. */
static enum err read_base64(struct str base64, struct buf *bytes)
{
    enum err code = text_unbase64(bytes, base64);
    struct buf again;
    buf_init(&again, base64.len);
    if (code == ERR_OK) {
        code = text_base64(&again, buf_str(bytes));
    }
    if (code != ERR_OK || !str_equal(base64, buf_str(&again))) {
        code = ERR_SYNTAX;
    }
    buf_end(&again);
    return code;
}

static enum err parse_line(struct str line, struct note_line *to)
{
    if (!str_starts(line, DASH)) {
        return ERR_SYNTAX;
    }
    *to = (struct note_line){.base64 = str_cut(line, DASH.len, line.len)};
    if (!str_split(&to->base64, ' ', &to->name) || !note_name_valid(to->name)) {
        return ERR_SYNTAX;
    }
    struct buf bytes;
    buf_init(&bytes, to->base64.len);
    enum err code = read_base64(to->base64, &bytes);
    if (code == ERR_OK && bytes.len > ID_BYTES) {
        to->id = note_id_read(buf_str(&bytes));
    } else {
        code = ERR_SYNTAX;
    }
    buf_end(&bytes);
    return code;
}

/* Where the signatures begin: behind the last empty line; 0 when there is none. */
static size_t signatures_at(struct str bytes)
{
    for (size_t i = bytes.len; i >= 2; i--) {
        if (bytes.at[i - 1] == '\n' && bytes.at[i - 2] == '\n') {
            return i;
        }
    }
    return 0;
}

static unsigned lines_in(struct str text)
{
    unsigned lines = 0;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.at[i] == '\n';
    }
    return lines;
}

enum err note_parse(struct str bytes, struct note *note, struct fault *why)
{
    note->count = 0;
    if (bytes.len > NOTE_BYTES_MAX) {
        return fault_set(why, ERR_LIMIT, "a note of more than %d bytes", NOTE_BYTES_MAX);
    }
    if (!is_plain(bytes)) {
        return bad_line(why, 0, "a note is UTF-8 without control characters");
    }
    size_t at = signatures_at(bytes);
    if (at == 0 || bytes.at[bytes.len - 1] != '\n') {
        return bad_line(why, 0,
                        "a note is a text, an empty line and signatures, each a whole line");
    }
    note->text = str_cut(bytes, 0, at - 1);
    struct str rest = str_cut(bytes, at, bytes.len);
    if (rest.len == 0) {
        return bad_line(why, 0, "a note without signatures");
    }
    unsigned number = lines_in(note->text) + 1;
    for (struct str line; str_split(&rest, '\n', &line);) {
        number++;
        if (note->count == NOTE_SIGNATURES_MAX) {
            return fault_set(why, ERR_LIMIT, "more than %d signatures", NOTE_SIGNATURES_MAX);
        }
        if (parse_line(line, &note->lines[note->count++]) != ERR_OK) {
            return bad_line(why, number, "a signature reads: em dash, space, name, space, base64");
        }
    }
    return ERR_OK;
}

/* ---- what is signed ---- */

/* The text itself, or behind two lines of a cosignature. */
static enum err message_of(const struct note_key *key, struct str text, uint64_t time_s,
                           struct buf *to)
{
    enum err code = ERR_OK;
    if (key->type == NOTE_COSIGNATURE) {
        code = buf_printf(to, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
    }
    return code == ERR_OK ? buf_add(to, text) : code;
}

static void message_init(struct buf *message)
{
    buf_init(message, NOTE_BYTES_MAX + 64);
}

/* ---- checking ---- */

static bool is_by(const struct note_line *line, const struct note_key *key)
{
    return line->id == key->id && str_equal(line->name, str_of(key->name));
}

static bool check_bytes(const struct note *note, struct note_line *line, const struct note_key *key,
                        struct str bytes)
{
    size_t head = key->type == NOTE_COSIGNATURE ? ID_BYTES + TIME_BYTES : ID_BYTES;
    if (bytes.len != head + SIGN_BYTES) {
        return false;
    }
    uint64_t time_s = 0;
    for (size_t i = ID_BYTES; i < head; i++) {
        time_s = time_s << 8 | (unsigned char)bytes.at[i];
    }
    struct signature signature;
    memcpy(signature.bytes, bytes.at + head, SIGN_BYTES);
    struct buf message;
    message_init(&message);
    bool good = time_s < TIME_MAX && message_of(key, note->text, time_s, &message) == ERR_OK &&
                sign_check(&key->public, buf_str(&message), &signature);
    buf_end(&message);
    if (good) {
        line->by = key;
        line->time_s = time_s;
    }
    return good;
}

static bool check_line(const struct note *note, struct note_line *line, const struct note_key *key)
{
    struct buf bytes;
    buf_init(&bytes, line->base64.len);
    bool good = text_unbase64(&bytes, line->base64) == ERR_OK &&
                check_bytes(note, line, key, buf_str(&bytes));
    buf_end(&bytes);
    return good;
}

enum err note_check(struct note *note, const struct note_key *keys, size_t count, struct fault *why)
{
    bool any = false;
    for (size_t i = 0; i < note->count; i++) {
        struct note_line *line = &note->lines[i];
        for (size_t k = 0; k < count; k++) {
            if (!is_by(line, &keys[k])) {
                continue;
            }
            if (!check_line(note, line, &keys[k])) {
                return fault_set(why, ERR_INVALID, "the signature of " STR_FMT "+%08x is wrong",
                                 STR_ARG(line->name), line->id);
            }
            any = true;
        }
    }
    return any ? ERR_OK : fault_set(why, ERR_NOT_FOUND, "no known key has signed this note");
}

/* ---- writing ---- */

enum err note_begin(struct str text, struct buf *to)
{
    if (!str_ends(text, STR("\n")) || !is_plain(text)) {
        return ERR_INVALID;
    }
    size_t before = to->len;
    enum err code = buf_add(to, text);
    code = code == ERR_OK ? buf_add_byte(to, '\n') : code;
    to->len = code == ERR_OK ? to->len : before;
    return code;
}

/* Big-endian. */
static void put(uint8_t *to, size_t bytes, uint64_t value)
{
    for (size_t i = bytes; i-- > 0; value >>= 8) {
        to[i] = (uint8_t)value;
    }
}

enum err note_sign(struct str text, const struct note_signer *signer, uint64_t time_s,
                   struct buf *to)
{
    must(time_s < TIME_MAX);
    const struct note_key *key = &signer->key;
    size_t head = key->type == NOTE_COSIGNATURE ? ID_BYTES + TIME_BYTES : ID_BYTES;
    uint8_t bytes[ID_BYTES + TIME_BYTES + SIGN_BYTES];
    struct buf message;
    message_init(&message);
    size_t before = to->len;
    enum err code = message_of(key, text, time_s, &message);
    if (code == ERR_OK) {
        struct signature signature = sign(&signer->secret, buf_str(&message));
        put(bytes, ID_BYTES, key->id);
        put(bytes + ID_BYTES, head - ID_BYTES, time_s);
        memcpy(bytes + head, signature.bytes, SIGN_BYTES);
        code = buf_printf(to, STR_FMT "%s ", STR_ARG(DASH), key->name);
    }
    struct str signed_bytes = {(const char *)bytes, head + SIGN_BYTES};
    code = code == ERR_OK ? text_base64(to, signed_bytes) : code;
    code = code == ERR_OK ? buf_add_byte(to, '\n') : code;
    to->len = code == ERR_OK ? to->len : before;
    buf_end(&message);
    return code;
}
