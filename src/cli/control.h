/* SPDX-License-Identifier: Apache-2.0
 * control.h - one request to the management API of a data folder.
 *
 * While a server runs it gets the request over DATA/aire.sock. Without one, a command that may
 * change the store by itself takes DATA/lock and is the server for the length of this request: the
 * API's own code does the work either way.
 */
#ifndef AIRE_CLI_CONTROL_H
#define AIRE_CLI_CONTROL_H

#include "cli/read.h"
#include "io/http1.h"

enum control_kind { CONTROL_TEXT, CONTROL_NUMBER, CONTROL_FLAG };

struct control_member {
    const char *name;
    enum control_kind kind;
    const char *value; /* NULL: left out */
};

struct control_call {
    const char *path; /* of the API; each '%' stands for the next of these names */
    const char *name; /* NULL: the path has none */
    const char *second;
    const char *third;
    const char *value; /* JSON: the body as it is, in place of the members */
    const struct control_member *members;
    size_t count;
    bool needs_server;
};

/* CLI_OK: the answer's JSON is in shown->text. Otherwise an exit code, after having said why: 1 for
 * what is not there or was decided before, 2 for what was asked wrongly, 4 for what could not be
 * done. */
int control_post(const struct cli *cli, const struct control_call *call, struct shown *shown);
int control_get(const struct cli *cli, const char *target, struct shown *shown); /* of a server */

/* One call of the data path over the socket of a running server. CLI_OK whatever the status. */
#define CONTROL_FIELDS_MAX 8
struct control_raw {
    const char *method;
    struct str target;
    struct str body;
    const struct http_field *fields; /* beside content-type; at most CONTROL_FIELDS_MAX - 1 */
    size_t count;
};
int control_raw(const struct cli *cli, const struct control_raw *raw, unsigned *status,
                struct buf *answer);

#endif
