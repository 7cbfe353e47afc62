/* SPDX-License-Identifier: Apache-2.0
 * fault_vfs.h - SQLite's file layer, failing on the n-th write or sync.
 *
 * Process-wide, as SQLite's list of file layers is. Counting covers every file that is opened while
 * the shim is installed. A failing sync comes after the data has been written: a commit that fails
 * so may be found after a restart, as on a real disk.
 */
#ifndef AIRE_TESTS_FAULT_VFS_H
#define AIRE_TESTS_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind { FAULT_EIO, FAULT_ENOSPC };

void fault_vfs_install(void);
void fault_vfs_remove(void);

/* The nth (1, 2, ...) write or sync from now on fails; `sticky`: and all that follow. */
void fault_vfs_arm(unsigned nth, enum fault_kind kind, bool sticky);
/* The same, counting files only whose name ends with `ending`. */
void fault_vfs_arm_file(const char *ending, unsigned nth, enum fault_kind kind);
void fault_vfs_disarm(void);
bool fault_vfs_hit(void);       /* has a call failed since it was armed? */
unsigned fault_vfs_syncs(void); /* so far, of all files */

#endif
