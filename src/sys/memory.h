/* SPDX-License-Identifier: Apache-2.0
 * memory.h - how the allocator gives memory back to the kernel.
 */
#ifndef AIRE_SYS_MEMORY_H
#define AIRE_SYS_MEMORY_H

/* One arena a thread would keep freed memory apart; few arenas and a low threshold keep the
 * resident set near what is in use. Call before any thread starts. */
void memory_tune(unsigned threads);
/* Returns free pages of all arenas to the kernel; takes milliseconds, never on a loop. */
void memory_trim(void);

#endif
