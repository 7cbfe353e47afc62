/* SPDX-License-Identifier: Apache-2.0
 * jansson_opinion.c - the second opinion of the JSON tests. */
#include "support/jansson_opinion.h"

#include <jansson.h>
#include <string.h>

#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

enum opinion jansson_opinion(struct str text)
{
    json_error_t error;
    json_t *root = json_loadb(text.len > 0 ? text.at : "", text.len, FLAGS, &error);
    if (root != NULL) {
        json_decref(root);
        return OPINION_YES;
    }
    bool own_limit = json_error_code(&error) == json_error_numeric_overflow ||
                     strncmp(error.text, "invalid Unicode", 15) == 0;
    return own_limit ? OPINION_NONE : OPINION_NO;
}

bool jansson_equal(struct str a, struct str b)
{
    json_t *left = json_loadb(a.at, a.len, FLAGS, NULL);
    json_t *right = json_loadb(b.at, b.len, FLAGS, NULL);
    bool equal = left != NULL && right != NULL && json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return equal;
}
