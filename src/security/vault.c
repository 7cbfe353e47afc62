/* SPDX-License-Identifier: Apache-2.0
 * vault.c - entries in a list, found by value and by tag; one recogniser for what models make of
 * placeholders.
 *
 * Invariant: an entry's tag is unique in the vault; a long one begins with another's short one. */
#include "security/vault.h"

#include "base/map.h"
#include "base/must.h"
#include "sys/thread.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TAG_SHORT 10 /* five bits a letter */
#define TAG_LONG  20 /* when two values' short ones are equal: one vault in 2^24 */

/* Without i, l, o, u: nothing to confuse, no words. */
static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

struct entry {
    char placeholder[VAULT_PLACEHOLDER_MAX];
    size_t placeholder_len;
    size_t label_len;
    size_t tag_len;
    char *value;
    size_t value_len;
};

struct vault {
    struct mutex *lock; /* guards all that follows the key; apart, for finders are const */
    struct seal_key key;
    struct entry **entries;
    size_t count;
    size_t room;
    size_t bytes;
    struct map *by_mac; /* of label and value, so that no map holds a value */
    struct map *by_tag;
};

struct vault *vault_new(const struct seal_key *key)
{
    struct vault *vault = must_have(calloc(1, sizeof *vault));
    uint64_t seed[2];
    struct seal_key derived = seal_derive(key, STR("vault map"));
    memcpy(seed, derived.bytes, sizeof seed);
    seal_key_wipe(&derived);
    vault->lock = must_have(malloc(sizeof *vault->lock));
    mutex_init(vault->lock);
    vault->key = *key;
    vault->by_mac = map_new(seed, VAULT_ENTRIES_MAX);
    vault->by_tag = map_new(seed, VAULT_ENTRIES_MAX);
    return vault;
}

void vault_free(struct vault *vault)
{
    if (vault == NULL) {
        return;
    }
    for (size_t i = 0; i < vault->count; i++) {
        struct entry *entry = vault->entries[i];
        sodium_memzero(entry->value, entry->value_len);
        free(entry->value);
        sodium_memzero(entry, sizeof *entry);
        free(entry);
    }
    free(vault->entries);
    map_free(vault->by_mac);
    map_free(vault->by_tag);
    mutex_end(vault->lock);
    free(vault->lock);
    seal_key_wipe(&vault->key);
    free(vault);
}

size_t vault_count(const struct vault *vault)
{
    mutex_lock(vault->lock);
    size_t count = vault->count;
    mutex_unlock(vault->lock);
    return count;
}

/* An entry, its two places in maps, its place in the list. */
size_t vault_bytes(const struct vault *vault)
{
    mutex_lock(vault->lock);
    size_t bytes = vault->bytes + vault->count * (sizeof(struct entry) + 256);
    mutex_unlock(vault->lock);
    return bytes;
}

/* ---- making ---- */

static void make_tag(struct str mac, size_t len, char *to)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t next = 0;
    for (size_t i = 0; i < len; i++) {
        if (have < 5) {
            bits = bits << 8 | (uint8_t)mac.at[next++];
            have += 8;
        }
        have -= 5;
        to[i] = letters[bits >> have & 31];
    }
}

static struct str tag_of(const struct entry *entry)
{
    return (struct str){entry->placeholder + 2 + entry->label_len + 1, entry->tag_len};
}

static void write_placeholder(struct entry *entry, struct str label, struct str tag)
{
    const struct str pieces[] = {STR("[["), label, STR("_"), tag, STR("]]")};
    entry->placeholder_len = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        memcpy(entry->placeholder + entry->placeholder_len, pieces[i].at, pieces[i].len);
        entry->placeholder_len += pieces[i].len;
    }
    entry->label_len = label.len;
    entry->tag_len = tag.len;
}

static struct entry *add(struct vault *vault, struct str label, struct str value, struct str mac)
{
    struct entry *entry = must_have(calloc(1, sizeof *entry));
    char tag[TAG_LONG];
    make_tag(mac, TAG_LONG, tag);
    size_t len = map_get(vault->by_tag, (struct str){tag, TAG_SHORT}) == NULL ? TAG_SHORT
                                                                              : TAG_LONG;
    write_placeholder(entry, label, (struct str){tag, len});
    entry->value = must_have(malloc(value.len + 1));
    if (value.len > 0) {
        memcpy(entry->value, value.at, value.len);
    }
    entry->value_len = value.len;
    if (vault->count == vault->room) {
        vault->room = vault->room == 0 ? 16 : vault->room * 2;
        vault->entries = must_have(realloc(vault->entries, vault->room * sizeof(struct entry *)));
    }
    vault->entries[vault->count++] = entry;
    vault->bytes += value.len;
    /* Values of the maps are places in the list, plus one. */
    void *place = (void *)(uintptr_t)vault->count;
    enum err code = map_put(vault->by_mac, mac, place);
    must(code == ERR_OK);
    code = map_put(vault->by_tag, tag_of(entry), place);
    must(code == ERR_OK);
    return entry;
}

/* Of label, NUL, value. */
static void mac_of(const struct vault *vault, struct str label, struct str value, uint8_t mac[32])
{
    size_t len = label.len + 1 + value.len;
    char *whole = must_have(malloc(len + 1));
    memcpy(whole, label.at, label.len);
    whole[label.len] = '\0';
    if (value.len > 0) {
        memcpy(whole + label.len + 1, value.at, value.len);
    }
    seal_mac(&vault->key, (struct str){whole, len}, mac);
    sodium_memzero(whole, len);
    free(whole);
}

static bool is_label(struct str label)
{
    for (size_t i = 0; i < label.len; i++) {
        if ((label.at[i] < 'A' || label.at[i] > 'Z') && label.at[i] != '_') {
            return false;
        }
    }
    return label.len > 0 && label.len <= VAULT_LABEL_MAX;
}

enum err vault_placeholder(struct vault *vault, struct str label, struct str value,
                           struct str *placeholder)
{
    must(is_label(label));
    if (value.len > VAULT_BYTES_MAX) {
        return ERR_LIMIT;
    }
    uint8_t bytes[32];
    const struct str mac = {(const char *)bytes, sizeof bytes};
    mac_of(vault, label, value, bytes);
    mutex_lock(vault->lock);
    uintptr_t place = (uintptr_t)map_get(vault->by_mac, mac);
    struct entry *entry = place > 0 ? vault->entries[place - 1] : NULL;
    if (entry == NULL && vault->count < VAULT_ENTRIES_MAX &&
        value.len <= VAULT_BYTES_MAX - vault->bytes) {
        entry = add(vault, label, value, mac);
    }
    mutex_unlock(vault->lock);
    if (entry == NULL) {
        return ERR_LIMIT;
    }
    *placeholder = (struct str){entry->placeholder, entry->placeholder_len};
    return ERR_OK;
}

struct str vault_value(const struct vault *vault, uint16_t kind)
{
    mutex_lock(vault->lock);
    must(kind < vault->count);
    const struct entry *entry = vault->entries[kind];
    mutex_unlock(vault->lock);
    return (struct str){entry->value, entry->value_len};
}

bool vault_is_number(const struct vault *vault, uint16_t kind)
{
    mutex_lock(vault->lock);
    must(kind < vault->count);
    const struct entry *entry = vault->entries[kind];
    struct str label = {entry->placeholder + 2, entry->label_len};
    mutex_unlock(vault->lock);
    return str_ends(label, STR("_NUMBER"));
}

/* ---- recognising ---- */

/* What stands at a place of a text, as far as it has come. */
enum match { MATCH_NO, MATCH_YES, MATCH_MORE };

struct seen {
    size_t end;
    char tag[TAG_LONG];
    size_t tag_len;
    size_t brackets; /* in front */
    bool capitals;   /* the label's letters are all capitals */
};

struct cursor {
    struct str text;
    size_t at;
    bool final;
};

static char lower(char byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return (char)((unsigned char)byte | 0x20);
    }
    return byte;
}

static bool is_letter(char byte)
{
    return lower(byte) >= 'a' && lower(byte) <= 'z';
}

static bool is_word(char byte)
{
    return is_letter(byte) || (byte >= '0' && byte <= '9') || byte == '_';
}

static bool is_tag(char byte)
{
    return byte != '\0' && strchr(letters, lower(byte)) != NULL;
}

static bool ended(const struct cursor *c)
{
    return c->at == c->text.len;
}

static void skip_spaces(struct cursor *c)
{
    for (int i = 0; i < 2 && !ended(c) && c->text.at[c->at] == ' '; i++) {
        c->at++;
    }
}

/* [[ or [ or nothing, with spaces. */
static void read_brackets(struct cursor *c, struct seen *seen)
{
    while (!ended(c) && c->text.at[c->at] == '[' && seen->brackets < 2) {
        c->at++;
        seen->brackets++;
        skip_spaces(c);
    }
}

/* The separator between label and tag, or between words of a label: _ or \_ */
static bool read_joint(struct cursor *c)
{
    if (!ended(c) && c->text.at[c->at] == '\\') {
        c->at++;
    }
    if (ended(c) || c->text.at[c->at] != '_') {
        return false;
    }
    c->at++;
    return true;
}

/* Letters and digits up to something else. */
static struct str read_word(struct cursor *c)
{
    size_t from = c->at;
    while (!ended(c) && is_word(c->text.at[c->at]) && c->text.at[c->at] != '_') {
        c->at++;
    }
    return str_cut(c->text, from, c->at);
}

/* Labels are of letters. */
static bool take_label(struct str word, struct seen *seen)
{
    for (size_t i = 0; i < word.len; i++) {
        seen->capitals = seen->capitals && word.at[i] >= 'A' && word.at[i] <= 'Z';
        if (!is_letter(word.at[i])) {
            return false;
        }
    }
    return true;
}

static bool take_tag(struct str word, struct seen *seen)
{
    seen->tag_len = word.len;
    bool fits = word.len == TAG_SHORT || word.len == TAG_LONG;
    for (size_t i = 0; fits && i < word.len; i++) {
        seen->tag[i] = lower(word.at[i]);
        fits = is_tag(word.at[i]);
    }
    return fits;
}

/* LABEL_tag: words joined, of which the last is the tag. */
static enum match read_name(struct cursor *c, struct seen *seen)
{
    size_t joints = 0;
    size_t from = c->at;
    seen->capitals = true;
    for (;;) {
        struct str word = read_word(c);
        size_t behind = c->at;
        if (c->at - from > VAULT_PLACEHOLDER_MAX || (word.len == 0 && !ended(c))) {
            return MATCH_NO;
        }
        if (ended(c) && !c->final) {
            return MATCH_MORE;
        }
        if (!read_joint(c)) {
            if (ended(c) && !c->final && c->at > behind) {
                return MATCH_MORE; /* after a backslash */
            }
            c->at = behind;
            return joints > 0 && take_tag(word, seen) ? MATCH_YES : MATCH_NO;
        }
        joints++;
        if (!take_label(word, seen)) {
            return MATCH_NO;
        }
    }
}

/* As many closing brackets as were opened, at most; spaces count only in front of one. */
static enum match close_brackets(struct cursor *c, struct seen *seen)
{
    seen->end = c->at;
    for (size_t i = 0; i < seen->brackets; i++) {
        skip_spaces(c);
        if (ended(c)) {
            return c->final ? MATCH_YES : MATCH_MORE;
        }
        if (c->text.at[c->at] != ']') {
            return MATCH_YES;
        }
        seen->end = ++c->at;
    }
    return MATCH_YES;
}

static enum match read_placeholder(const struct window *window, size_t at, struct seen *seen)
{
    struct cursor c = {window->text, at, window->final};
    *seen = (struct seen){0};
    read_brackets(&c, seen);
    if (ended(&c)) {
        return window->final ? MATCH_NO : MATCH_MORE;
    }
    enum match match = read_name(&c, seen);
    return match == MATCH_YES ? close_brackets(&c, seen) : match;
}

/* A placeholder begins at a bracket or where a word begins; behind an opening bracket the bracket
 * was tried already. */
static bool may_begin(struct str text, size_t at)
{
    if (text.at[at] == '[') {
        return true;
    }
    return is_letter(text.at[at]) &&
           (at == 0 || (!is_word(text.at[at - 1]) && text.at[at - 1] != '\\'));
}

/* A placeholder's tag begins within so many bytes: brackets, spaces, a label. */
#define AHEAD (VAULT_PLACEHOLDER_MAX + 8)

static size_t next_joint(struct str text, size_t at)
{
    size_t found = str_find_byte(str_cut(text, at, text.len), '_');
    return found == SIZE_MAX ? SIZE_MAX : at + found;
}

/* The next underscore that a tag could follow by its length, or the text's end, where one could
 * still come. Programs are full of the others. */
static size_t next_tag(struct str text, size_t at)
{
    for (at = next_joint(text, at); at < text.len; at = next_joint(text, at + 1)) {
        size_t len = 0;
        while (len <= TAG_LONG && at + 1 + len < text.len && is_word(text.at[at + 1 + len]) &&
               text.at[at + 1 + len] != '_') {
            len++;
        }
        if (len == TAG_SHORT || len == TAG_LONG) {
            return at;
        }
    }
    return text.len;
}

/* Where the next one could begin, seeing that `tag` is the next tag's underscore. */
static size_t skip_to(size_t at, size_t tag)
{
    return tag > at + AHEAD ? tag - AHEAD : at;
}

static size_t find(const struct window *window, struct spans *found,
                   bool (*counts)(const void *self, const struct seen *seen, uint16_t *kind),
                   const void *self)
{
    struct str text = window->text;
    size_t at = window->from;
    size_t tag = next_tag(text, at);
    while (at < text.len) {
        struct seen seen;
        uint16_t kind = 0;
        if (tag < at) {
            tag = next_tag(text, at);
        }
        at = skip_to(at, tag);
        if (!may_begin(text, at)) {
            at++;
            continue;
        }
        enum match match = read_placeholder(window, at, &seen);
        if (match == MATCH_MORE) {
            return at;
        }
        if (match == MATCH_YES && counts(self, &seen, &kind)) {
            spans_add(found, (struct span){at, seen.end, kind, 0, 1.0F});
            at = seen.end;
        } else {
            at++;
        }
    }
    return text.len;
}

static bool is_ours(const void *self, const struct seen *seen, uint16_t *kind)
{
    const struct vault *vault = self;
    mutex_lock(vault->lock);
    uintptr_t place = (uintptr_t)map_get(vault->by_tag, (struct str){seen->tag, seen->tag_len});
    mutex_unlock(vault->lock);
    *kind = (uint16_t)(place - 1);
    return place > 0;
}

static size_t find_ours(const void *self, const struct window *window, struct finder_state *state,
                        struct spans *found)
{
    const struct vault *vault = self;
    (void)state;
    return vault_count(vault) == 0 ? window->text.len : find(window, found, is_ours, self);
}

struct finder vault_finder(const struct vault *vault)
{
    return (struct finder){"vault", find_ours, vault};
}

/* Without brackets only in capitals: the names of a program are no placeholders. */
static bool looks_like_one(const void *self, const struct seen *seen, uint16_t *kind)
{
    (void)self;
    *kind = 0;
    return seen->brackets > 0 || seen->capitals;
}

static size_t find_any(const void *self, const struct window *window, struct finder_state *state,
                       struct spans *found)
{
    (void)state;
    return find(window, found, looks_like_one, self);
}

const struct finder placeholder_finder = {"placeholder", find_any, NULL};

/* An underscore and a tag of ours; nothing else can be taken for a placeholder later. */
static size_t find_tags(const void *self, const struct window *window, struct finder_state *state,
                        struct spans *found)
{
    const struct vault *vault = self;
    struct str text = window->text;
    (void)state;
    for (size_t at = next_joint(text, window->from); at < text.len; at = next_joint(text, at + 1)) {
        struct seen seen = {.tag_len = TAG_SHORT};
        size_t len = 0;
        uint16_t kind;
        while (len < TAG_SHORT && at + 1 + len < text.len && is_tag(text.at[at + 1 + len])) {
            seen.tag[len] = lower(text.at[at + 1 + len]);
            len++;
        }
        if (len < TAG_SHORT && at + 1 + len == text.len && !window->final) {
            return at;
        }
        if (len == TAG_SHORT && is_ours(vault, &seen, &kind)) {
            spans_add(found, (struct span){at, at + 1 + TAG_SHORT, 0, 0, 1.0F});
        }
    }
    return text.len;
}

struct finder vault_forgery_finder(const struct vault *vault)
{
    return (struct finder){"placeholder", find_tags, vault};
}

/* ---- for the store: label, value, each with its length in front, 4 bytes, least first ---- */

static enum err put_field(struct buf *to, struct str bytes)
{
    enum err code = ERR_OK;
    for (int i = 0; i < 4 && code == ERR_OK; i++) {
        code = buf_add_byte(to, (char)(bytes.len >> (8 * i) & 255));
    }
    return code == ERR_OK ? buf_add(to, bytes) : code;
}

static bool take_field(struct str *rest, struct str *field)
{
    uint32_t len = 0;
    if (rest->len < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        len |= (uint32_t)(unsigned char)rest->at[i] << (8 * i);
    }
    *rest = str_cut(*rest, 4, rest->len);
    if (len > rest->len) {
        return false;
    }
    *field = str_cut(*rest, 0, len);
    *rest = str_cut(*rest, len, rest->len);
    return true;
}

enum err vault_save(const struct vault *vault, size_t from, struct buf *to, size_t *count)
{
    enum err code = ERR_OK;
    mutex_lock(vault->lock);
    *count = vault->count;
    for (size_t i = from; i < vault->count && code == ERR_OK; i++) {
        const struct entry *entry = vault->entries[i];
        code = put_field(to, (struct str){entry->placeholder + 2, entry->label_len});
        code = code == ERR_OK ? put_field(to, (struct str){entry->value, entry->value_len}) : code;
    }
    mutex_unlock(vault->lock);
    return code;
}

enum err vault_load(struct vault *vault, struct str bytes)
{
    enum err code = ERR_OK;
    while (bytes.len > 0 && code == ERR_OK) {
        struct str label;
        struct str value;
        struct str placeholder;
        if (!take_field(&bytes, &label) || !take_field(&bytes, &value) || !is_label(label)) {
            return ERR_INVALID;
        }
        code = vault_placeholder(vault, label, value, &placeholder);
    }
    return code;
}
