/* SPDX-License-Identifier: Apache-2.0
 * pii_place.c - postal addresses. */
#include "security/pii_scan.h"
void pii_try_address_number(struct pii_scan *scan)
{
    (void)scan;
}
void pii_try_address_word(struct pii_scan *scan, uint32_t classes)
{
    (void)scan;
    (void)classes;
}
