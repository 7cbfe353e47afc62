/* SPDX-License-Identifier: Apache-2.0
 * master.c - reading and writing master keys.
 *
 * Invariant: every buffer that held a key is wiped before it is freed. */
#include "security/master.h"

#include "base/must.h"
#include "sys/file.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX 1024
#define FILE_NAME      "file:"
#define NEXT           "_NEXT"

struct master master_of(const struct seal_key *key)
{
    struct master master = {.key = *key};
    struct seal_key id = seal_derive(key, STR("aire master key id"));
    (void)sodium_bin2hex(master.id, sizeof master.id, id.bytes, (MASTER_ID_BYTES - 1) / 2);
    seal_key_wipe(&id);
    return master;
}

void masters_wipe(struct masters *masters)
{
    sodium_memzero(masters, sizeof *masters);
}

/* ---- the place ---- */

static bool is_variable_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

static enum err place_file(struct str path, const char *config, struct master_place *place,
                           struct fault *fault)
{
    const char *slash = config != NULL && path.at[0] != '/' ? strrchr(config, '/') : NULL;
    int folder = slash != NULL ? (int)(slash - config) + 1 : 0;
    int length = snprintf(place->name, sizeof place->name, "%.*s" STR_FMT, folder,
                          slash != NULL ? config : "", STR_ARG(path));
    return length > 0 && (size_t)length < sizeof place->name
               ? ERR_OK
               : fault_set(fault, ERR_LIMIT, "keys.master: the path is too long");
}

enum err master_place(struct str setting, const char *config, const char *data,
                      struct master_place *place, struct fault *fault)
{
    *place = (struct master_place){0};
    if (setting.len == 0 && file_env(MASTER_VARIABLE) != NULL) {
        setting = STR("${" MASTER_VARIABLE "}");
    }
    if (setting.len == 0) {
        int length = snprintf(place->name, sizeof place->name, "%s/%s", data, MASTER_FILE);
        return length > 0 && (size_t)length < sizeof place->name
                   ? ERR_OK
                   : fault_set(fault, ERR_LIMIT, "the path of the data folder is too long");
    }
    struct str path = str_cut(setting, sizeof FILE_NAME - 1, setting.len);
    struct str name = str_cut(setting, 2, setting.len - 1);
    if (str_starts(setting, STR(FILE_NAME)) && path.len > 0) {
        return place_file(path, config, place, fault);
    }
    place->variable = true;
    if (str_starts(setting, STR("${")) && str_ends(setting, STR("}")) && is_variable_name(name) &&
        str_copy(name, place->name, sizeof place->name - sizeof NEXT)) {
        return ERR_OK;
    }
    return fault_set(fault, ERR_INVALID,
                     "keys.master must read file:PATH or ${NAME}; the key itself does not "
                     "belong into a configuration");
}

/* ---- reading ---- */

static bool parse(struct str text, struct master *master)
{
    struct seal_key key;
    size_t len = 0;
    const char *end = NULL;
    text = str_trim(text);
    bool fine = text.len == (size_t)2 * SEAL_KEY_BYTES &&
                sodium_hex2bin(key.bytes, sizeof key.bytes, text.at, text.len, NULL, &len, &end) ==
                    0 &&
                len == SEAL_KEY_BYTES && end == text.at + text.len;
    static const int forms[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0] && !fine; i++) {
        fine = text.len > 0 &&
               sodium_base642bin(key.bytes, sizeof key.bytes, text.at, text.len, NULL, &len, &end,
                                 forms[i]) == 0 &&
               len == SEAL_KEY_BYTES && end == text.at + text.len;
    }
    if (fine) {
        *master = master_of(&key);
    }
    seal_key_wipe(&key);
    return fine;
}

static enum err read_variable(const struct master_place *place, const char *ending,
                              struct master *master, struct fault *fault)
{
    char name[MASTER_PATH_BYTES];
    (void)snprintf(name, sizeof name, "%s%s", place->name, ending);
    const char *value = file_env(name);
    if (value == NULL || value[0] == '\0') {
        return fault_set(fault, ERR_NOT_FOUND, "environment variable %.100s is not set", name);
    }
    return parse(str_of(value), master)
               ? ERR_OK
               : fault_set(fault, ERR_INVALID,
                           "environment variable %.100s must hold 32 bytes as 64 hexadecimal "
                           "digits or base64",
                           name);
}

static enum err read_variables(const struct master_place *place, struct masters *masters,
                               struct fault *fault)
{
    enum err code = read_variable(place, "", &masters->items[0], fault);
    if (code != ERR_OK) {
        return code;
    }
    masters->count = 1;
    code = read_variable(place, NEXT, &masters->items[1], fault);
    masters->count += code == ERR_OK ? 1 : 0;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum err parse_lines(const struct master_place *place, struct str rest,
                            struct masters *masters, struct fault *fault)
{
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        if (str_trim(line).len == 0) {
            continue;
        }
        if (masters->count == MASTER_KEYS_MAX || !parse(line, &masters->items[masters->count])) {
            masters->count = 0;
            break;
        }
        masters->count++;
    }
    return masters->count > 0
               ? ERR_OK
               : fault_set(fault, ERR_INVALID,
                           "%.150s must hold one or two lines, each of 32 bytes as 64 "
                           "hexadecimal digits or base64",
                           place->name);
}

static enum err read_file(const struct master_place *place, struct masters *masters,
                          struct fault *fault)
{
    struct buf text;
    if (!file_exists(place->name)) {
        return fault_set(fault, ERR_NOT_FOUND, "there is no master key %.200s", place->name);
    }
    if (!file_is_secret(place->name)) {
        return fault_set(fault, ERR_DENIED, "others may read or write %.150s, or own it: chmod 600",
                         place->name);
    }
    buf_init(&text, FILE_BYTES_MAX);
    enum err code = file_read(place->name, &text);
    code = code == ERR_OK
               ? parse_lines(place, buf_str(&text), masters, fault)
               : fault_set(fault, code, "cannot read %.180s: %s", place->name, err_text(code));
    if (text.len > 0) {
        sodium_memzero(text.at, text.len);
    }
    buf_end(&text);
    return code;
}

enum err master_read(const struct master_place *place, struct masters *masters, struct fault *fault)
{
    *masters = (struct masters){0};
    enum err code = place->variable ? read_variables(place, masters, fault)
                                    : read_file(place, masters, fault);
    if (code != ERR_OK) {
        masters_wipe(masters);
    }
    return code;
}

/* ---- writing ---- */

enum err master_write(const struct master_place *place, const struct masters *masters,
                      struct fault *fault)
{
    char text[MASTER_KEYS_MAX * ((size_t)2 * SEAL_KEY_BYTES + 1) + 1];
    size_t len = 0;
    must(masters->count > 0 && masters->count <= MASTER_KEYS_MAX);
    if (place->variable) {
        return ERR_OK;
    }
    for (size_t i = 0; i < masters->count; i++) {
        (void)sodium_bin2hex(text + len, sizeof text - len, masters->items[i].key.bytes,
                             SEAL_KEY_BYTES);
        len += (size_t)2 * SEAL_KEY_BYTES;
        text[len++] = '\n';
    }
    enum err code = file_write_atomic(place->name, (struct str){text, len}, 0600);
    sodium_memzero(text, sizeof text);
    return code == ERR_OK
               ? ERR_OK
               : fault_set(fault, code, "cannot write %.180s: %s", place->name, err_text(code));
}

static struct master random_master(const struct env *env)
{
    struct seal_key key;
    env_entropy(env, key.bytes, sizeof key.bytes);
    struct master master = master_of(&key);
    seal_key_wipe(&key);
    return master;
}

enum err master_create(const struct master_place *place, const struct env *env,
                       struct masters *masters, struct fault *fault)
{
    must(!place->variable);
    *masters = (struct masters){.count = 1};
    masters->items[0] = random_master(env);
    return master_write(place, masters, fault);
}

enum err master_next(const struct master_place *place, const struct env *env, struct master *next,
                     struct fault *fault)
{
    if (place->variable) {
        return read_variable(place, NEXT, next, fault);
    }
    *next = random_master(env);
    return ERR_OK;
}
