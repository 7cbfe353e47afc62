/* SPDX-License-Identifier: Apache-2.0
 * json_path.h - RFC 6901 pointers: "/messages/0/content", "~0" for '~', "~1" for '/'.
 */
#ifndef AIRE_JSON_JSON_PATH_H
#define AIRE_JSON_JSON_PATH_H

#include "json/json.h"

/* JSON_NONE when nothing is there; a malformed pointer (no leading '/', bad escape) is none too. */
uint32_t json_path(const struct json *json, struct str pointer);

#endif
