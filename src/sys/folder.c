/* SPDX-License-Identifier: Apache-2.0
 * folder.c - mkdtemp and nftw in the project's words.
 *
 * Invariant: nothing outside the given folder is touched: no link is followed, no mount crossed.
 */
#include "sys/folder.h"

#include "sys/os.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DESCRIPTORS 8

enum err folder_make_temporary(const char *prefix, char *to, size_t room)
{
    const char *base = getenv("TMPDIR");
    base = base != NULL && base[0] != '\0' ? base : "/tmp";
    int length = snprintf(to, room, "%s/%s-XXXXXX", base, prefix);
    if (length < 0 || (size_t)length >= room) {
        return ERR_LIMIT;
    }
    return mkdtemp(to) != NULL ? ERR_OK : os_err(errno);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

enum err folder_remove(const char *path)
{
    int failed = nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return failed == 0 || errno == ENOENT ? ERR_OK : os_err(errno);
}
