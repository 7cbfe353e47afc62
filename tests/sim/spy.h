/* SPDX-License-Identifier: Apache-2.0
 * spy.h - looks into the built-in provider: what was the last request that reached it?
 *
 * A file of its own, since the provider's struct and the gateway's have one name.
 */
#ifndef AIRE_TESTS_SIM_SPY_H
#define AIRE_TESTS_SIM_SPY_H

#include "provider/provider.h"

/* The last request, if it was one alone since the last look; `seen` counts them. Borrowed until the
 * provider goes on: "METHOD\ntarget\nname:value\n..." and the body. */
bool spy_look(const struct provider *provider, uint64_t *seen, struct str *head, struct str *body);

#endif
