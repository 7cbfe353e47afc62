/* SPDX-License-Identifier: Apache-2.0
 * spy.c - the one look behind the provider's interface. */
#include "sim/spy.h"

#include "provider/provider_impl.h"

bool spy_look(const struct provider *provider, uint64_t *seen, struct str *head, struct str *body)
{
    const struct state *state = &provider->state;
    bool one = state->heads_noted == *seen + 1;
    *seen = state->heads_noted;
    if (one) {
        const struct noted_head *noted = &state->heads[(*seen - 1) % STATE_HEADS_MAX];
        *head = (struct str){noted->text, noted->len};
        *body = buf_str(&state->last);
    }
    return one;
}
