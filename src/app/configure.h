/* SPDX-License-Identifier: Apache-2.0
 * configure.h - from files and environment to a generation. */
#ifndef AIRE_APP_CONFIGURE_H
#define AIRE_APP_CONFIGURE_H

#include "gateway/generation.h"

struct configure {
    const struct env *env;
    struct registry *registry;
    const char *path;          /* NULL: no file, built-in defaults */
    struct str builtin_openai; /* base URL of the built-in provider where no other is configured */
    struct str builtin_anthropic;
};

/* Words of the fault start with "FILE:LINE:COLUMN: ". */
enum err configure_load(const struct configure *configure, struct generation **generation,
                        struct fault *fault) MUST_USE;
/* Can these be listened on? Off loopback keys are demanded, whatever the file says. */
enum err configure_addresses(const struct generation *g, const struct str *listen, size_t count,
                             bool *loopback_only, struct fault *fault) MUST_USE;
struct configured_store {
    struct str location; /* ${NAME} and file:PATH resolved; "": not configured */
    bool unsafe;
};
/* What the file says of its store, for commands that need nothing else of it. Of a file that cannot
 * be read: not configured. */
enum err configure_store(const char *path, struct arena *arena, struct configured_store *store,
                         struct fault *fault) MUST_USE;
/* Does the configuration leave a dialect to the built-in provider? */
bool configure_needs_builtin(const char *path);

#endif
