/* SPDX-License-Identifier: Apache-2.0
 * os.h - the kernel's error numbers in the project's own words. For files of sys only.
 */
#ifndef AIRE_SYS_OS_H
#define AIRE_SYS_OS_H

#include "base/err.h"
#include "base/str.h"

/* Anything without a word of its own is IO. */
enum err os_err(int number);

/* Writes all of it to a descriptor, over interruptions and short writes. */
enum err os_write_all(int descriptor, struct str bytes) MUST_USE;

#endif
