/* SPDX-License-Identifier: Apache-2.0
 * sample_secrets.h - an environment and files for the sample section's ${NAME} and file:PATH. */
#ifndef AIRE_TESTS_CONFIG_SAMPLE_SECRETS_H
#define AIRE_TESTS_CONFIG_SAMPLE_SECRETS_H

#include "config/settings.h"

#include <string.h>

static inline const char *sample_variable(void *object, const char *name)
{
    (void)object;
    return strcmp(name, "TOKEN") == 0   ? "sk-sample-0123"
           : strcmp(name, "LINES") == 0 ? "a\r\nb"
           : strcmp(name, "EMPTY") == 0 ? ""
                                        : NULL;
}

static inline enum err sample_file(void *object, const char *path, struct buf *to)
{
    static const struct {
        const char *path;
        const char *content;
        enum err code;
    } files[] = {{"one.key", "from-file\n", ERR_OK},
                 {"two.key", "a\nb\n", ERR_OK},
                 {"blank.key", " \n", ERR_OK},
                 {"large.key", "", ERR_LIMIT},
                 {"denied.key", "", ERR_DENIED}};
    (void)object;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(path, files[i].path) == 0) {
            return files[i].code != ERR_OK ? files[i].code : buf_add(to, str_of(files[i].content));
        }
    }
    return ERR_NOT_FOUND;
}

static const struct secret_source sample_secrets = {sample_variable, sample_file, NULL};

#endif
