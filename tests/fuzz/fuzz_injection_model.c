/* SPDX-License-Identifier: Apache-2.0
 * fuzz_injection_model.c - no bytes but a whole model are one.
 */
#include "base/must.h"
#include "security/injection.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct injection_model *model = NULL;
    struct fault fault = {.code = ERR_OK};
    enum err code = injection_model_read((struct str){(const char *)bytes, len}, &model, &fault);
    must((code == ERR_OK) == (model != NULL));
    must(code == ERR_OK || fault.words[0] != '\0');
    injection_model_free(model);
    return 0;
}
