/* SPDX-License-Identifier: Apache-2.0
 * pii_checks.h - checksums and number ranges of identifiers. Digits come as values 0 .. 9 without
 * separators; letters as upper-case ASCII.
 */
#ifndef AIRE_SECURITY_PII_CHECKS_H
#define AIRE_SECURITY_PII_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool pii_luhn(const uint8_t *digits, size_t count);
/* Issuer range, length, Luhn (ISO/IEC 7812). */
bool pii_is_card(const uint8_t *digits, size_t count);
bool pii_is_ssn(const uint8_t digits[9]);
bool pii_is_itin(const uint8_t digits[9]);
bool pii_is_aba(const uint8_t digits[9]);
bool pii_is_sin(const uint8_t digits[9]);
bool pii_is_nhs(const uint8_t digits[10]);
bool pii_is_cpf(const uint8_t digits[11]);
bool pii_is_aadhaar(const uint8_t digits[12]);
/* The letter of eight digits of a Spanish DNI, or of a NIE whose X, Y, Z became 0, 1, 2. */
char pii_dni_letter(const uint8_t digits[8]);
bool pii_is_nino_prefix(char first, char second);
/* Length of a country's IBAN (ISO 13616), 0 when it has none. */
size_t pii_iban_length(char first, char second);
/* ISO 7064 mod 97-10 over the whole, country and check digits first. */
bool pii_is_iban(const char *letters, size_t count);

#endif
