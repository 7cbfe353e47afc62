/* SPDX-License-Identifier: Apache-2.0
 * injection_default.c - the model that the program was built with: none before the first training.
 */
#include "security/injection.h"

struct injection_model *injection_model_default(void)
{
    return NULL;
}

size_t injection_explain(const struct injection_model *model, struct str text,
                         enum provenance provenance, struct arena *arena,
                         struct injection_result *result, struct injection_reason *reasons,
                         size_t room)
{
    (void)reasons;
    (void)room;
    if (model != NULL) {
        injection_scan(model, text, provenance, arena, result);
    }
    return 0;
}
