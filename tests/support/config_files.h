/* SPDX-License-Identifier: Apache-2.0
 * config_files.h - example files whose first line says what is wrong: "# expect: LINE:COLUMN
 * words".
 */
#ifndef AIRE_TESTS_SUPPORT_CONFIG_FILES_H
#define AIRE_TESTS_SUPPORT_CONFIG_FILES_H

#include "base/buf.h"
#include "base/err.h"

#define CONFIG_FILE_BYTES 16384

struct config_file {
    char path[512];
    char bytes[CONFIG_FILE_BYTES];
    struct str text;   /* the whole file */
    struct str expect; /* behind "# expect: " */
};

/* Files of `folder` (from the root of the repository) that begin with `prefix`, in order of name.
 */
bool config_files_next(const char *folder, const char *prefix, size_t *at,
                       struct config_file *file);
/* Fails the test unless `err` is an error and the fault is the expected one. */
void config_files_check(const struct config_file *file, enum err err, const struct fault *fault);

/* A file of the shared data (AIRE_SHARED, ../shared, ../../shared); false when there is none. */
bool config_files_shared(const char *name, struct buf *text);

#endif
