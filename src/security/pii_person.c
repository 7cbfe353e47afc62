/* SPDX-License-Identifier: Apache-2.0
 * pii_person.c - names of people. */
#include "security/pii_scan.h"
void pii_try_person(struct pii_scan *scan, uint32_t classes)
{
    (void)scan;
    (void)classes;
}
void pii_try_wide_person(struct pii_scan *scan)
{
    (void)scan;
}
