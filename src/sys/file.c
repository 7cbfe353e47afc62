/* SPDX-License-Identifier: Apache-2.0
 * file.c - whole files, folders, locks, standard streams.
 *
 * Invariant: after file_write_atomic returns OK the content survives a power cut; after any other
 * result the old file is untouched.
 */
#include "sys/file.h"

#include "base/must.h"
#include "sys/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_PIECE 65536

/* ---- reading ---- */

static enum err read_all(int fd, struct buf *to)
{
    for (;;) {
        /* One byte beyond the limit tells a file that fits from one that does not. */
        size_t room = to->limit - to->len;
        room = room < READ_PIECE ? room : READ_PIECE;
        enum err err = buf_reserve(to, room);
        if (err != ERR_OK) {
            return err;
        }
        char beyond;
        ssize_t got = room > 0 ? read(fd, to->at + to->len, room) : read(fd, &beyond, 1);
        if (got == 0) {
            return ERR_OK;
        }
        if (got < 0 && errno != EINTR) {
            return os_err(errno);
        }
        if (got > 0 && room == 0) {
            return ERR_LIMIT;
        }
        to->len += got > 0 ? (size_t)got : 0;
    }
}

enum err file_read(const char *path, struct buf *to)
{
    if (strcmp(path, "-") == 0) {
        return read_all(STDIN_FILENO, to);
    }
    /* What is no file (a folder, a pipe nobody writes) must not hold us up. */
    struct stat there;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return os_err(errno);
    }
    bool regular = fstat(fd, &there) == 0 && S_ISREG(there.st_mode);
    enum err err = regular ? read_all(fd, to) : ERR_INVALID;
    (void)close(fd);
    return err;
}

enum err file_input(struct buf *to)
{
    char bytes[65536];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n >= 0) {
            return buf_add(to, (struct str){bytes, (size_t)n});
        }
        if (errno != EINTR) {
            return os_err(errno);
        }
    }
}

/* ---- writing ---- */

/* Makes a new or renamed name durable: names live in the folder, not in the file. */
static enum err sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct str name = slash == NULL   ? STR(".")
                      : slash == path ? STR("/")
                                      : (struct str){path, (size_t)(slash - path)};
    if (!str_copy(name, folder, sizeof folder)) {
        return ERR_LIMIT;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return os_err(errno);
    }
    enum err err = fsync(fd) == 0 ? ERR_OK : os_err(errno);
    (void)close(fd);
    return err;
}

static enum err write_synced(int fd, struct str content, unsigned mode)
{
    enum err err = os_write_all(fd, content);
    /* The caller's mode, whatever the umask: a key file must not be wider, a report not narrower.
     */
    if (err == ERR_OK && fchmod(fd, (mode_t)mode) != 0) {
        err = os_err(errno);
    }
    if (err == ERR_OK && fsync(fd) != 0) {
        err = os_err(errno);
    }
    if (close(fd) != 0 && err == ERR_OK) {
        err = os_err(errno);
    }
    return err;
}

enum err file_write_atomic(const char *path, struct str content, unsigned mode)
{
    char beside[PATH_MAX];
    int len = snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof beside) {
        return ERR_LIMIT;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return os_err(errno);
    }
    enum err err = write_synced(fd, content, mode);
    if (err == ERR_OK && rename(beside, path) != 0) {
        err = os_err(errno);
    }
    if (err != ERR_OK) {
        (void)unlink(beside);
        return err;
    }
    return sync_folder_of(path);
}

/* ---- names ---- */

static enum err make_one(const char *path, unsigned mode)
{
    struct stat there;
    if (mkdir(path, (mode_t)mode) == 0) {
        return ERR_OK;
    }
    int number = errno;
    if (number == EEXIST && stat(path, &there) == 0 && S_ISDIR(there.st_mode)) {
        return ERR_OK;
    }
    return os_err(number);
}

enum err file_make_folder(const char *path, unsigned mode)
{
    char part[PATH_MAX];
    if (!str_copy(str_of(path), part, sizeof part)) {
        return ERR_LIMIT;
    }
    for (char *at = part + 1; part[0] != '\0' && *at != '\0'; at++) {
        if (*at != '/') {
            continue;
        }
        *at = '\0';
        enum err err = make_one(part, mode);
        *at = '/';
        if (err != ERR_OK) {
            return err;
        }
    }
    return make_one(path, mode);
}

bool file_is_private(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && (there.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           (there.st_uid == geteuid() || there.st_uid == 0);
}

bool file_is_secret(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && (there.st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
           (there.st_uid == geteuid() || there.st_uid == 0);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum err file_remove(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT ? ERR_OK : os_err(errno);
}

/* ---- locks ---- */

struct file_lock {
    int fd;
};

enum err file_lock_take(const char *path, struct file_lock **lock)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return os_err(errno);
    }
    /* A lock of the open file, not of the process: it keeps out a second taker in this process too.
     */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        enum err err = errno == EAGAIN || errno == EACCES ? ERR_BUSY : os_err(errno);
        (void)close(fd);
        return err;
    }
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* The number helps people only; the lock itself holds without it. */
    if (ftruncate(fd, 0) == 0) {
        enum err ignored = os_write_all(fd, (struct str){text, (size_t)len});
        (void)ignored;
    }
    *lock = must_have(malloc(sizeof **lock));
    (*lock)->fd = fd;
    return ERR_OK;
}

void file_lock_release(struct file_lock *lock)
{
    if (lock == NULL) {
        return;
    }
    /* The file stays: unlinking it would let two holders lock two files of one name. */
    (void)close(lock->fd);
    free(lock);
}

/* ---- the process ---- */

enum err file_print(struct str text)
{
    return os_write_all(STDOUT_FILENO, text);
}

enum err file_print_error(struct str text)
{
    return os_write_all(STDERR_FILENO, text);
}

bool file_print_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

const char *file_env(const char *name)
{
    return getenv(name);
}

uint64_t file_memory_bytes(void)
{
    /* statm: total, resident, ... in pages. */
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128];
    uint64_t bytes = 0;
    if (file == NULL) {
        return 0;
    }
    if (fgets(line, sizeof line, file) != NULL) {
        char *rest = NULL;
        (void)strtoull(line, &rest, 10);
        bytes = strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    (void)fclose(file);
    return bytes;
}

double file_cpu_s(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) {
        return 0;
    }
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
