/* SPDX-License-Identifier: Apache-2.0
 * sanitize.h - what goes to a model, without what nobody sees and without tokens that only a
 * template may write (standard S6).
 *
 * Ill-formed UTF-8 becomes U+FFFD; controls, bidi controls, zero-width and tag characters are
 * dropped, while joiners of Arabic and Indic scripts and of emoji, flags, and marks of direction
 * beside letters of such scripts stay. Special tokens are broken by a space, never deleted, so that
 * no new one can be formed. sanitize(sanitize(x)) is sanitize(x). Time is linear.
 *
 * Two steps, two views: `seen` of the text (what can be seen), `view` of `seen.text` (tokens
 * broken). Where nothing changed both alias the text. The text is shorter than VIEW_MAX.
 */
#ifndef AIRE_SECURITY_SANITIZE_H
#define AIRE_SECURITY_SANITIZE_H

#include "text/view.h"

#include <stdbool.h>
#include <stdint.h>

/* TRUSTED: operators know their model and its tokens. Of their words only ill-formed bytes,
 * controls and bidi controls go; what else nobody sees stays and is no finding, but `hidden` tells
 * it. */
enum sanitize_slot { SANITIZE_PROMPT, SANITIZE_TRUSTED };

enum sanitize_kind {
    SANITIZE_ILL_FORMED, /* not UTF-8 */
    SANITIZE_CONTROL,    /* C0 and C1 but tab and line breaks */
    SANITIZE_BIDI,       /* overrides and isolates of direction */
    SANITIZE_INVISIBLE,  /* zero width, fillers, stray joiners and selectors */
    SANITIZE_TAG,        /* text hidden in tag characters or selectors */
    SANITIZE_TOKEN,      /* special tokens */
    SANITIZE_MARK /* ### and SYSTEM: before a line: Markdown and logs, alone never an attack */
};
#define SANITIZE_KINDS 7
const char *sanitize_kind_name(enum sanitize_kind kind);

#define SANITIZE_FINDINGS_MAX 16 /* told with their place; all are counted */

/* Each is a place that changed. */
struct sanitize_finding {
    enum sanitize_kind kind;
    const char *family; /* tokens and marks: whose they are, "llama"; else NULL */
    size_t start;       /* bytes of the text */
    size_t end;
};

struct sanitize_result {
    struct view seen;
    struct view view; /* the result is view.text */
    bool changed;
    struct sanitize_finding findings[SANITIZE_FINDINGS_MAX];
    size_t finding_count;
    uint32_t counts[SANITIZE_KINDS]; /* runs of each kind; tokens one by one */
    struct str hidden;               /* what tag characters and selectors spelled out, in UTF-8 */
};

void sanitize(struct str text, enum sanitize_slot slot, struct arena *arena,
              struct sanitize_result *result);

#endif
