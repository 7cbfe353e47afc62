/* SPDX-License-Identifier: Apache-2.0
 * pii.h - finds personal data (standard S3, S4).
 *
 * Hand-written recognisers over one pass: what begins at a byte is decided from at most
 * FINDER_BEHIND_MAX bytes behind it and FINDER_HOLD_MAX bytes ahead, so a text gives the same spans
 * however it is split. Structured entities are validated (checksums, ranges, lengths); bare numbers
 * count only next to a word that says what they are. Names and addresses come from gazetteers and
 * cues and are never complete. The kind of a span is an enum pii_entity.
 */
#ifndef AIRE_SECURITY_PII_H
#define AIRE_SECURITY_PII_H

#include "base/str.h"
#include "security/finder.h"

#include <stdint.h>

enum pii_entity {
#define ENTITY(id, name, label, group, on) PII_##id,
#include "security/pii.def"
#undef ENTITY
    PII_ENTITIES
};

#define PII_BIT(entity) (UINT64_C(1) << (entity))

enum { PII_INDEX_SLOTS = 8192, PII_WORDS_MAX = 4096 };

/* A word of the lexicon in lower case, and the classes it is in. */
struct pii_word {
    const char *at;
    uint32_t classes;
    uint8_t len;
};

/* About 100 KiB: not for the stack. Immutable after pii_init. */
struct pii {
    uint64_t entities; /* PII_BIT of those looked for */
    uint32_t count;
    uint32_t index[PII_INDEX_SLOTS]; /* 16 bits of a word's hash, its place in `words` plus 1 */
    struct pii_word words[PII_WORDS_MAX];
};

/* The bits of the entities that are on unless said otherwise. */
uint64_t pii_defaults(void);

void pii_init(struct pii *pii, uint64_t entities);
struct finder pii_finder(const struct pii *pii);

struct str pii_entity_name(enum pii_entity entity); /* "email" */
struct str pii_label(enum pii_entity entity);       /* "EMAIL" */
/* True for entities with a shape of their own, false for names and addresses. */
bool pii_structured(enum pii_entity entity);
/* By the name of the configuration; PII_ENTITIES when there is none of that name. */
enum pii_entity pii_entity_of(struct str name);

#endif
