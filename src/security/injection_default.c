/* SPDX-License-Identifier: Apache-2.0
 * injection_default.c - the model that is part of the program: models/injection/model.bin, put into
 * the object file by the assembler. */
#include "security/injection.h"

#include "base/must.h"

__asm__(".section .rodata\n"
        ".balign 64\n"
        ".hidden injection_default_begin\n"
        ".global injection_default_begin\n"
        "injection_default_begin:\n"
        ".incbin \"" AIRE_INJECTION_MODEL "\"\n"
        ".hidden injection_default_end\n"
        ".global injection_default_end\n"
        "injection_default_end:\n"
        ".previous\n");

extern const char injection_default_begin[];
extern const char injection_default_end[];

struct str injection_default_bytes(void)
{
    return (struct str){injection_default_begin,
                        (size_t)(injection_default_end - injection_default_begin)};
}

struct injection_model *injection_model_default(void)
{
    struct injection_model *model = NULL;
    enum err code = injection_model_read(injection_default_bytes(), &model, NULL);
    must(code == ERR_OK); /* tests read it before any release */
    return model;
}
