/* SPDX-License-Identifier: Apache-2.0
 * provider_tools.h - tools on the built-in provider: the order system over plain HTTP and over MCP.
 */
#ifndef AIRE_PROVIDER_PROVIDER_TOOLS_H
#define AIRE_PROVIDER_PROVIDER_TOOLS_H

#include "provider/answer.h"
#include "provider/orders.h"

struct tools_request {
    struct orders *orders;
    const struct http_head *head;
    struct str path;
    const struct json *json; /* NULL: the body is no JSON */
};

/* Does this path belong to the order system: .../lookup, .../refund, .../orders/ID,
 * .../refunds/KEY? */
bool provider_orders_path(struct str path);
void provider_orders_answer(const struct tools_request *request, struct answer *answer);

/* One JSON-RPC message to .../mcp: MCP up to 2025-11-25 (initialize, session) and 2026-07-28
 * (stateless).
 * `?sse` after the path asks for the answer as an event stream. */
void provider_mcp_answer(const struct tools_request *request, struct answer *answer);

#endif
