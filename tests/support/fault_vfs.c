/* SPDX-License-Identifier: Apache-2.0
 * fault_vfs.c - passes everything to the real file layer but the calls that are to fail.
 */
#include "support/fault_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* right behind this struct */
    const char *name;   /* SQLite's, as long as the file is open; NULL: temporary */
};

static sqlite3_vfs *real_vfs;
static _Atomic int countdown; /* <= 0: not armed */
static _Atomic bool hit;
static _Atomic unsigned syncs;
static enum fault_kind fault_kind;
static bool fault_sticky;
static const char *fault_ending; /* NULL: every file */

static bool concerned(const sqlite3_file *file)
{
    const char *name = ((const struct shim_file *)(const void *)file)->name;
    if (fault_ending == NULL) {
        return true;
    }
    return name != NULL && strlen(name) >= strlen(fault_ending) &&
           strcmp(name + strlen(name) - strlen(fault_ending), fault_ending) == 0;
}

static bool fails(const sqlite3_file *file)
{
    if (!concerned(file)) {
        return false;
    }
    if (fault_sticky && hit) {
        return true;
    }
    if (countdown > 0 && atomic_fetch_sub(&countdown, 1) == 1) {
        hit = true;
        return true;
    }
    return false;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct shim_file *)(void *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *to, int bytes, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), to, bytes, at);
}

static int shim_write(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 at)
{
    if (fails(file)) {
        return fault_kind == FAULT_ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return real_of(file)->pMethods->xWrite(real_of(file), from, bytes, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    atomic_fetch_add(&syncs, 1);
    if (fails(file)) {
        return SQLITE_IOERR_FSYNC;
    }
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int op, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **at)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, at);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct shim_file *shim = (struct shim_file *)(void *)file;
    (void)vfs;
    shim->real = (sqlite3_file *)(void *)(shim + 1);
    shim->base.pMethods = NULL;
    shim->name = name;
    int code = real_vfs->xOpen(real_vfs, name, shim->real, flags, out);
    if (code == SQLITE_OK) {
        shim->base.pMethods = &methods;
    }
    return code;
}

static sqlite3_vfs shim_vfs;

void fault_vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs; /* functions without a file need no shim: they find their own data */
    shim_vfs.zName = "fault";
    shim_vfs.pNext = NULL;
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.xOpen = shim_open;
    fault_vfs_disarm();
    (void)sqlite3_vfs_register(&shim_vfs, 1);
}

void fault_vfs_remove(void)
{
    (void)sqlite3_vfs_unregister(&shim_vfs);
    (void)sqlite3_vfs_register(real_vfs, 1);
}

void fault_vfs_arm(unsigned nth, enum fault_kind kind, bool sticky)
{
    hit = false;
    fault_kind = kind;
    fault_sticky = sticky;
    countdown = (int)nth;
}

void fault_vfs_arm_file(const char *ending, unsigned nth, enum fault_kind kind)
{
    fault_ending = ending;
    fault_vfs_arm(nth, kind, false);
}

void fault_vfs_disarm(void)
{
    countdown = 0;
    fault_ending = NULL;
    hit = false;
    fault_sticky = false;
}

bool fault_vfs_hit(void)
{
    return hit;
}

unsigned fault_vfs_syncs(void)
{
    return syncs;
}
