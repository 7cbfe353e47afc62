/* SPDX-License-Identifier: Apache-2.0
 * postgres_link.c - see postgres_link.h.
 */
#include "store/postgres_link.h"

#include "base/buf.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define LOCATION_MAX 4096
#define WORDS_MAX    140 /* of the server's words in ours */

static const char *const schemes[] = {"postgres://", "postgresql://"};

bool postgres_is_location(struct str location)
{
    return str_starts(location, str_of(schemes[0])) || str_starts(location, str_of(schemes[1]));
}

struct str postgres_words(const char *message)
{
    struct str text = str_trim(str_of(message));
    size_t end = str_find_byte(text, '\n');
    return str_cut(str_trim(str_cut(text, 0, end)), 0, WORDS_MAX);
}

/* ---- the name ---- */

static const char *option(const PQconninfoOption *options, const char *key)
{
    while (options->keyword != NULL && strcmp(options->keyword, key) != 0) {
        options++;
    }
    return options->keyword != NULL && options->val != NULL ? options->val : "";
}

static enum err put_name(const PQconninfoOption *options, char *name, size_t room)
{
    struct buf to;
    buf_init(&to, room - 1);
    const char *user = option(options, "user");
    const char *port = option(options, "port");
    enum err err = buf_printf(&to, "postgres://%s%s%s%s%s/%s", user, user[0] != '\0' ? "@" : "",
                              option(options, "host"), port[0] != '\0' ? ":" : "", port,
                              option(options, "dbname"));
    must(err != ERR_OK || str_copy(buf_str(&to), name, room));
    buf_end(&to);
    return err;
}

enum err postgres_name(struct str location, char *name, size_t room, struct fault *why)
{
    char url[LOCATION_MAX];
    char *complaint = NULL; /* may repeat the URL, so nobody reads it */
    PQconninfoOption *options = str_copy(location, url, sizeof url)
                                    ? PQconninfoParse(url, &complaint)
                                    : NULL;
    PQfreemem(complaint);
    enum err err = options != NULL ? put_name(options, name, room) : ERR_INVALID;
    PQconninfoFree(options);
    if (err != ERR_OK) {
        return fault_set(why, err,
                         "the store's URL does not read postgres://USER@HOST:PORT/DATABASE?OPTIONS "
                         "or has an option that libpq does not know");
    }
    return ERR_OK;
}

/* ---- connecting ---- */

/* libpq tells the code of a refusal only inside verbose words: "FATAL:  28P01: password ...". */
static struct str code_in(struct str words)
{
    for (size_t at = 0; at + 8 < words.len; at++) {
        struct str code = str_cut(words, at + 2, at + 7);
        bool found = words.at[at] == ' ' && words.at[at + 1] == ' ' && words.at[at + 7] == ':';
        for (size_t i = 0; i < code.len; i++) {
            char byte = code.at[i];
            found = found && ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z'));
        }
        if (found) {
            return code;
        }
    }
    return STR("");
}

/* Tries once more, for words that hold the code. */
static enum err explain(PGconn *link, const char *name, struct fault *why)
{
    static const struct {
        const char *code;
        enum err err;
        const char *what;
    } known[] = {
        {"28P01", ERR_DENIED, "wrong password"},
        {"28", ERR_DENIED, "the server refuses this user (authentication)"},
        {"3D000", ERR_NOT_FOUND, "there is no such database"},
        {"42501", ERR_DENIED, "no permission to connect"},
        {"53300", ERR_BUSY, "the server has no connection free"},
        {"57P03", ERR_BUSY, "the server is starting or stopping"},
    };
    bool asked = PQconnectionNeedsPassword(link) != 0;
    (void)PQsetErrorVerbosity(link, PQERRORS_VERBOSE);
    PQreset(link);
    struct str words = str_of(PQerrorMessage(link));
    struct str code = code_in(words);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_starts(code, str_of(known[i].code))) {
            return fault_set(why, known[i].err, "%s: %s", name, known[i].what);
        }
    }
    if (asked) {
        return fault_set(why, ERR_DENIED, "%s: the server asks for a password and has none from us",
                         name);
    }
    return fault_set(why, ERR_REFUSED, "%s: cannot connect: " STR_FMT, name,
                     STR_ARG(postgres_words(PQerrorMessage(link))));
}

static void ignore_notice(void *object, const char *message)
{
    (void)object;
    (void)message;
}

/* What the URL says wins over what stands before it; UTF-8 is not its choice. */
static PGconn *connect_to(const char *location)
{
    static const char *const keys[] = {
        "connect_timeout",  "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "fallback_application_name",
        "dbname",           "client_encoding",  NULL};
    const char *values[] = {POSTGRES_CONNECT_S, "3",    "1", "3", POSTGRES_SILENT_MS, "aire",
                            location,           "UTF8", NULL};
    PGconn *link = must_have(PQconnectdbParams(keys, values, 1));
    (void)PQsetNoticeProcessor(link, ignore_notice, NULL);
    return link;
}

/* ---- what was found ---- */

struct found {
    char fsync[16];
    char pages[16];
    char commit[16];
    bool read_only;
};

static enum err failed(PGconn *link, const char *name, struct fault *why)
{
    return fault_set(why, ERR_IO, "%s: " STR_FMT, name,
                     STR_ARG(postgres_words(PQerrorMessage(link))));
}

static enum err command(PGconn *link, const char *sql)
{
    PGresult *result = PQexec(link, sql);
    bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return done ? ERR_OK : ERR_IO;
}

static enum err look(PGconn *link, struct found *found)
{
    PGresult *result = PQexec(link, "SELECT current_setting('fsync'),"
                                    " current_setting('full_page_writes'),"
                                    " current_setting('synchronous_commit'),"
                                    " current_setting('transaction_read_only')");
    bool done = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (done) {
        done = str_copy(str_of(PQgetvalue(result, 0, 0)), found->fsync, sizeof found->fsync) &&
               str_copy(str_of(PQgetvalue(result, 0, 1)), found->pages, sizeof found->pages) &&
               str_copy(str_of(PQgetvalue(result, 0, 2)), found->commit, sizeof found->commit);
        found->read_only = strcmp(PQgetvalue(result, 0, 3), "on") == 0;
    }
    PQclear(result);
    return done ? ERR_OK : ERR_IO;
}

/* remote_apply promises more than on, all others less. */
static enum err raise_commit(PGconn *link, struct found *found)
{
    if (strcmp(found->commit, "on") == 0 || strcmp(found->commit, "remote_apply") == 0) {
        return ERR_OK;
    }
    (void)snprintf(found->commit, sizeof found->commit, "on");
    return command(link, "SET synchronous_commit=on");
}

static enum err set_up_reading(PGconn *link, const struct postgres_link_options *options,
                               struct fault *why)
{
    return command(link, "SET default_transaction_read_only=on") == ERR_OK
               ? ERR_OK
               : failed(link, options->name, why);
}

static enum err set_up_writing(PGconn *link, const struct postgres_link_options *options,
                               const struct found *found, struct fault *why)
{
    char limits[128];
    (void)snprintf(limits, sizeof limits,
                   "SET lock_timeout=%d; SET idle_in_transaction_session_timeout=%d",
                   POSTGRES_LOCK_WAIT_MS, POSTGRES_IDLE_MS);
    if (command(link, limits) != ERR_OK) {
        return failed(link, options->name, why);
    }
    if (found->read_only) {
        return fault_set(why, ERR_DENIED, "%s is read-only: a standby, or set so", options->name);
    }
    bool keeps = strcmp(found->fsync, "on") == 0 && strcmp(found->pages, "on") == 0;
    if (!keeps && !options->unsafe) {
        return fault_set(why, ERR_UNSUPPORTED,
                         "%s does not keep what it acknowledges (fsync=%s, full_page_writes=%s); "
                         "set store_unsafe: true to serve all the same",
                         options->name, found->fsync, found->pages);
    }
    return ERR_OK;
}

static enum err set_up(PGconn *link, const struct postgres_link_options *options, char *durability,
                       struct fault *why)
{
    int version = PQserverVersion(link);
    const char *encoding = PQparameterStatus(link, "server_encoding");
    if (version < POSTGRES_VERSION_MIN) {
        return fault_set(why, ERR_UNSUPPORTED, "%s runs PostgreSQL %d; this program needs %d",
                         options->name, version / 10000, POSTGRES_VERSION_MIN / 10000);
    }
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        return fault_set(why, ERR_INVALID, "%s has the encoding %s; it must be UTF8", options->name,
                         encoding != NULL ? encoding : "unknown");
    }
    struct found found = {0};
    if (look(link, &found) != ERR_OK || raise_commit(link, &found) != ERR_OK) {
        return failed(link, options->name, why);
    }
    (void)snprintf(durability, DATABASE_DURABILITY,
                   "fsync=%s, full_page_writes=%s, synchronous_commit=%s", found.fsync, found.pages,
                   found.commit);
    return options->use == USE_WRITE ? set_up_writing(link, options, &found, why)
                                     : set_up_reading(link, options, why);
}

enum err postgres_link(const struct postgres_link_options *options, PGconn **link, char *durability,
                       struct fault *why)
{
    PGconn *made = connect_to(options->location);
    enum err err = PQstatus(made) == CONNECTION_OK ? set_up(made, options, durability, why)
                                                   : explain(made, options->name, why);
    if (err != ERR_OK) {
        PQfinish(made);
        made = NULL;
    }
    *link = made;
    return err;
}
