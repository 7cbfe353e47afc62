/* SPDX-License-Identifier: Apache-2.0
 * secrets_scan.h - what the recognisers of credentials share (inside of secrets*.c only).
 *
 * A recogniser looks at a text from one position on and answers NO, YES with the span, or MORE:
 * the text ends before it can tell. Its text reaches FINDER_HOLD_MAX bytes beyond the position, or
 * to the end of what has arrived; `final` says that nothing beyond counts.
 */
#ifndef AIRE_SECURITY_SECRETS_SCAN_H
#define AIRE_SECURITY_SECRETS_SCAN_H

#include "base/str.h"
#include "security/finder.h"

enum secret_match { NO, YES, MORE };

enum secret_alphabet {
    ALNUM,   /* letters and digits */
    WORD,    /* and _ */
    URL,     /* and _ - (base64url) */
    DOTTED,  /* and _ - . */
    UPPER,   /* capitals and digits */
    HEX,     /* of either case */
    LOWHEX,  /* digits and a to f */
    DIGIT,   /* 0 to 9 */
    BASE64,  /* letters, digits, + / = */
    PATH,    /* and _ - / . @ */
    OPAQUE,  /* and + / = _ - . ~ % : what tokens without a known alphabet are made of */
    PRINTED, /* all but spaces, quotes, brackets and what separates */
};

/* What a row of the table asks for behind its prefix. */
enum secret_check {
    RUN,     /* so many bytes of its alphabet */
    CHECKED, /* and a checksum that makes it certain */
    WEB,     /* the rest of a JSON web token */
    PEM,     /* a private key between BEGIN and END */
    PUTTY,   /* a private key up to its MAC */
    BASIC,   /* base64 of user:password */
    BEARER,  /* any random token */
    SAID,    /* a password in prose: "password is ..." */
    NETRC,   /* a password in quotes, or after a login */
    CURL,    /* user:password of an option of curl */
    FLAG,    /* the value of an option whose name says it all */
};

struct secret_row {
    struct str name;
    struct str label;
    struct str prefix;
    enum secret_check check;
    enum secret_alphabet alphabet;
    uint16_t least; /* bytes behind the prefix */
    uint16_t most;  /* 0: unbounded, an open span when it is long */
};

/* Kinds without a prefix; they come behind the rows. */
enum secret_other {
    OTHER_TELEGRAM,
    OTHER_DISCORD,
    OTHER_AZURE, /* client secrets of applications */
    OTHER_CONNECTION,
    OTHER_PASSWORD,
    OTHER_TOKEN,
    OTHERS,
};

struct secret_here {
    struct str text;
    size_t at;
    bool final;
};

bool secret_in(enum secret_alphabet alphabet, char c);
/* Bytes of the alphabet from `from` on, at most `most`. */
size_t secret_run(struct str text, size_t from, enum secret_alphabet alphabet, size_t most);
size_t secret_without_dots(struct str text, size_t from, size_t end); /* of a sentence's end */
/* Decodes base64 of either alphabet, up to `room` bytes; how many there are. */
size_t secret_unbase64(struct str text, char *to, size_t room);
/* True when nothing may follow that could change what ends at `end`. */
static inline bool secret_ends(const struct secret_here *here, size_t end)
{
    return end < here->text.len || here->final;
}

/* The prefix stands at here->at; the rest of it? `span` gets its bounds and its score. */
typedef enum secret_match secret_recogniser(const struct secret_here *here,
                                            const struct secret_row *row, struct span *span);
secret_recogniser secret_token_here;
secret_recogniser secret_web_here;
secret_recogniser secret_key_here;
secret_recogniser secret_login_here;
/* The kind is an enum secret_other. "://" stands at here->at: a user and a password behind it? */
enum secret_match secret_userinfo_here(const struct secret_here *here, struct span *span);
/* A token that is known by its shape: of a Telegram or Discord bot, of an Azure application. */
enum secret_match secret_shape_here(const struct secret_here *here, struct span *span);
/* A sign stands at here->at: is there a secret name in front of it and a value behind it? */
enum secret_match secret_value_here(const struct secret_here *here, struct span *span);

/* What a byte may be, for the quick look that most of them get only. */
enum secret_byte {
    BYTE_WORD = 1,     /* a letter or a digit */
    BYTE_START = 2,    /* may begin a token */
    BYTE_SIGN = 4,     /* may stand between a name and its value */
    BYTE_ESCAPE = 8,   /* begins an escape, and a token may begin behind that */
    BYTE_BETWEEN = 16, /* may stand between a name and its sign */
    BYTE_TAIL = 32,    /* may end a name: digits, quotes, brackets, separators */
    BYTE_SHAPE = 64,   /* may begin a token without a prefix */
};

/* By its last two letters: may a name of the table stand in front of the sign at `at`? */
bool secret_may_name(const uint8_t bytes[256], const uint32_t endings[32], struct str text,
                     size_t at);
void secret_index_names(uint32_t endings[32]);

/* Where an open private key ends. False: not in the text, and up to *end it goes on for certain. */
bool secret_key_end(const struct secret_row *row, struct str text, size_t at, bool final,
                    size_t *end);

#endif
