/* SPDX-License-Identifier: Apache-2.0
 * principal.c - the rule for names that come from outside. */
#include "domain/principal.h"

#include "base/utf8.h"

bool domain_name_valid(struct str name)
{
    if (name.len == 0 || name.len > DOMAIN_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == 0x7f) {
            return false;
        }
    }
    return utf8_valid(name);
}
