/* SPDX-License-Identifier: Apache-2.0
 * http1_check.h - what the fields of a whole head mean for the message, and which heads are refused
 * (RFC 9110, RFC 9112). Pure; used by http1.c alone.
 */
#ifndef AIRE_IO_HTTP1_CHECK_H
#define AIRE_IO_HTTP1_CHECK_H

#include "io/http1.h"

/* Both fill chunked, has_length, length (and expects_continue) from the fields; status 0: all is
 * well. */
struct http1_problem http1_check_request(struct http_head *head);
struct http1_problem http1_check_response(struct http_head *head);

/* RFC 9110, section 5.6.2: at least one tchar and nothing else. */
bool http1_is_token(struct str s);

#endif
