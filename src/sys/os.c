/* SPDX-License-Identifier: Apache-2.0
 * os.c - one table from errno to enum err.
 */
#include "sys/os.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static const struct {
    int number;
    enum err err;
} words[] = {
    {0, ERR_OK},
    {EAGAIN, ERR_AGAIN},
    {EINPROGRESS, ERR_AGAIN},
    {ECONNRESET, ERR_RESET},
    {EPIPE, ERR_RESET},
    {ECONNABORTED, ERR_RESET},
    {ENOTCONN, ERR_RESET},
    {ECONNREFUSED, ERR_REFUSED},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENETDOWN, ERR_UNREACHABLE},
    {EADDRNOTAVAIL, ERR_UNREACHABLE},
    {ETIMEDOUT, ERR_TIMEOUT},
    {EMFILE, ERR_LIMIT},
    {ENFILE, ERR_LIMIT},
    {ENOBUFS, ERR_LIMIT},
    {ENOMEM, ERR_LIMIT},
    {ENAMETOOLONG, ERR_LIMIT},
    {ENOENT, ERR_NOT_FOUND},
    {ENOTDIR, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {EACCES, ERR_DENIED},
    {EPERM, ERR_DENIED},
    {EROFS, ERR_DENIED},
    {EADDRINUSE, ERR_BUSY},
    {EBUSY, ERR_BUSY},
    {ENOSPC, ERR_FULL},
    {EDQUOT, ERR_FULL},
    {EINVAL, ERR_INVALID},
    {EISDIR, ERR_INVALID},
    {EAFNOSUPPORT, ERR_UNSUPPORTED},
    {EOPNOTSUPP, ERR_UNSUPPORTED},
};

enum err os_err(int number)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].number == number) {
            return words[i].err;
        }
    }
    return ERR_IO;
}

enum err os_write_all(int descriptor, struct str bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t wrote = write(descriptor, bytes.at + done, bytes.len - done);
        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote < 0 && errno != EINTR) {
            return os_err(errno);
        }
    }
    return ERR_OK;
}
