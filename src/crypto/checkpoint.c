/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c - three lines and their note. */
#include "crypto/checkpoint.h"

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "crypto/note_impl.h"

#include <string.h>

static enum err bad_line(struct fault *why, enum err code, unsigned line, const char *words)
{
    (void)fault_set(why, code, "%s", words);
    if (why != NULL) {
        why->line = line;
    }
    return code;
}

/* Lines that none of them is empty; their number, or SIZE_MAX. */
static size_t extension_lines(struct str extensions)
{
    size_t count = 0;
    struct str rest = extensions;
    if (extensions.len > 0 && !str_ends(extensions, STR("\n"))) {
        return SIZE_MAX;
    }
    for (struct str line; str_split(&rest, '\n', &line); count++) {
        if (line.len == 0) {
            return SIZE_MAX;
        }
    }
    return count;
}

enum err checkpoint_write(const struct checkpoint *checkpoint, struct buf *to)
{
    if (!note_name_valid(checkpoint->origin) || checkpoint->head.size > TREE_SIZE_MAX ||
        extension_lines(checkpoint->extensions) > CHECKPOINT_EXTENSIONS_MAX) {
        return ERR_INVALID;
    }
    size_t before = to->len;
    enum err code = buf_printf(to, STR_FMT "\n%llu\n", STR_ARG(checkpoint->origin),
                               (unsigned long long)checkpoint->head.size);
    code = code == ERR_OK ? text_base64(to, digest_str(&checkpoint->head.root)) : code;
    code = code == ERR_OK ? buf_add_byte(to, '\n') : code;
    code = code == ERR_OK ? buf_add(to, checkpoint->extensions) : code;
    to->len = code == ERR_OK ? to->len : before;
    return code;
}

/* Decimal without leading zeros. */
static enum err parse_size(struct str text, uint64_t *size, struct fault *why)
{
    enum err code = num_u64(text, size);
    if (code == ERR_SYNTAX || (text.len > 1 && text.at[0] == '0')) {
        return bad_line(why, ERR_SYNTAX, 2, "the size is a decimal number without leading zeros");
    }
    if (code != ERR_OK || *size > TREE_SIZE_MAX) {
        return bad_line(why, ERR_RANGE, 2, "the size is out of range");
    }
    return ERR_OK;
}

static enum err parse_root(struct str text, struct digest *root, struct fault *why)
{
    struct buf bytes;
    struct buf again;
    buf_init(&bytes, DIGEST_BYTES);
    buf_init(&again, text.len);
    bool good = text_unbase64(&bytes, text) == ERR_OK && bytes.len == DIGEST_BYTES &&
                text_base64(&again, buf_str(&bytes)) == ERR_OK && str_equal(text, buf_str(&again));
    if (good) {
        memcpy(root->bytes, bytes.at, DIGEST_BYTES);
    }
    buf_end(&bytes);
    buf_end(&again);
    return good ? ERR_OK : bad_line(why, ERR_SYNTAX, 3, "the root is base64 of 32 bytes");
}

enum err checkpoint_parse(struct str text, struct checkpoint *checkpoint, struct fault *why)
{
    struct str rest = text;
    struct str size;
    struct str root;
    if (!str_ends(text, STR("\n")) || !str_split(&rest, '\n', &checkpoint->origin) ||
        !str_split(&rest, '\n', &size) || !str_split(&rest, '\n', &root)) {
        return bad_line(why, ERR_SYNTAX, 0, "a checkpoint has three lines: origin, size, root");
    }
    if (!note_name_valid(checkpoint->origin)) {
        return bad_line(why, ERR_SYNTAX, 1, "the origin is a name without spaces and '+'");
    }
    enum err code = parse_size(size, &checkpoint->head.size, why);
    code = code == ERR_OK ? parse_root(root, &checkpoint->head.root, why) : code;
    if (code != ERR_OK) {
        return code;
    }
    size_t lines = extension_lines(rest);
    if (lines == SIZE_MAX) {
        return bad_line(why, ERR_SYNTAX, 4, "no line of a checkpoint is empty");
    }
    checkpoint->extensions = rest;
    return lines <= CHECKPOINT_EXTENSIONS_MAX
               ? ERR_OK
               : bad_line(why, ERR_LIMIT, 4, "more extension lines than are read");
}

enum err checkpoint_open(struct str bytes, const struct note_key *log, struct note *note,
                         struct checkpoint *checkpoint, struct fault *why)
{
    enum err code = note_parse(bytes, note, why);
    code = code == ERR_OK ? note_check(note, log, 1, why) : code;
    code = code == ERR_OK ? checkpoint_parse(note->text, checkpoint, why) : code;
    if (code == ERR_OK && !str_equal(checkpoint->origin, str_of(log->name))) {
        return bad_line(why, ERR_DENIED, 1, "the log's key has signed for another origin");
    }
    return code;
}

enum err checkpoint_sign(const struct tree_head *head, const struct note_signer *log,
                         struct buf *to)
{
    must(log->key.type == NOTE_PLAIN);
    const struct checkpoint checkpoint = {str_of(log->key.name), *head, STR("")};
    struct buf text;
    buf_init(&text, NOTE_BYTES_MAX);
    size_t before = to->len;
    enum err code = checkpoint_write(&checkpoint, &text);
    code = code == ERR_OK ? note_begin(buf_str(&text), to) : code;
    code = code == ERR_OK ? note_sign(buf_str(&text), log, 0, to) : code;
    to->len = code == ERR_OK ? to->len : before;
    buf_end(&text);
    return code;
}
