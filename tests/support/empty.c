/* SPDX-License-Identifier: Apache-2.0
 * empty.c - keeps the library non-empty. */
typedef int support_is_never_empty;
