/* SPDX-License-Identifier: Apache-2.0
 * file.h - whole files, folders, locks. Everything here may block: never on a loop while serving.
 */
#ifndef AIRE_SYS_FILE_H
#define AIRE_SYS_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* Reads a whole file; LIMIT when it is larger than to->limit, NOT_FOUND, DENIED, IO. "-" is stdin.
 */
enum err file_read(const char *path, struct buf *to) MUST_USE;
/* Writes beside the file, syncs, renames over it, syncs the folder: it is there whole or not at
 * all. */
enum err file_write_atomic(const char *path, struct str content, unsigned mode) MUST_USE;
enum err file_make_folder(const char *path, unsigned mode) MUST_USE; /* with parents; OK if there */
bool file_exists(const char *path);
/* Ours or root's, and nobody else may write into it. */
bool file_is_private(const char *path);
/* Ours or root's, and nobody else may do anything with it. */
bool file_is_secret(const char *path);
enum err file_remove(const char *path) MUST_USE; /* OK when absent */

struct file_lock;
/* Exclusive and held until released or the process ends; BUSY when another process has it. The
 * holder's process id is written into the file for people; 0600. */
enum err file_lock_take(const char *path, struct file_lock **lock) MUST_USE;
void file_lock_release(struct file_lock *lock); /* NULL is fine */

/* Standard streams. */
/* Appends what standard input has next, waiting for it; nothing was appended: its end. */
enum err file_input(struct buf *to) MUST_USE;
enum err file_print(struct str text) MUST_USE;       /* standard output, all of it */
enum err file_print_error(struct str text) MUST_USE; /* standard error */
bool file_print_is_terminal(void);

const char *file_env(const char *name); /* environment variable or NULL */
uint64_t file_memory_bytes(void);       /* resident memory of this process */
double file_cpu_s(void);                /* processor seconds of this process, all threads */

#endif
