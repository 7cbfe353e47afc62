/* SPDX-License-Identifier: Apache-2.0
 * subjects.h - the keys of people whom records tell of, as one loop has them at hand.
 *
 * A subject is an end user of a principal, or without one a session of it. What records say of them
 * is sealed under a random key of their own; destroying a subject's keys (keyring_forget_unit)
 * erases it everywhere at once. A subject has a key a loop and a day: no key is ever looked for, a
 * new one is made and stored in the unit that first uses it. A key's step goes into every unit that
 * uses it until one of them is durable, so that nothing is ever sealed under a key that is not
 * there.
 */
#ifndef AIRE_SECURITY_SUBJECTS_H
#define AIRE_SECURITY_SUBJECTS_H

#include "security/keyring.h"

#define SUBJECTS_MAX     4096 /* at hand; then all are dropped, and made anew */
#define SUBJECT_DAY_US   (INT64_C(24) * 3600 * 1000000)
#define SUBJECT_ID_BYTES 35 /* "su", 32 digits, NUL */

struct subjects; /* of one loop */
struct subject;  /* a key; counted */

/* Both are borrowed. */
struct subjects *subjects_new(struct keyring *keyring, const struct env *env);
void subjects_free(struct subjects *subjects); /* NULL is fine */

/* The caller holds it. */
struct subject *subjects_get(struct subjects *subjects, const struct key_scope *scope);
const struct data_key *subject_key(const struct subject *subject);
/* Between keyring_begin and keyring_commit. False: it is stored, no step is needed. */
bool subject_step(struct subjects *subjects, struct subject *subject, struct arena *arena,
                  struct store_step *step);
void subject_stored(struct subject *subject);  /* its step is durable; any thread */
void subject_release(struct subject *subject); /* any thread; NULL is fine */

#endif
