# SPDX-License-Identifier: Apache-2.0
"""The OpenAI Agents SDK as it is. What makes it durable is its base URL alone:

    OPENAI_BASE_URL=http://127.0.0.1:8080/run/refund-4711/1/v1 OPENAI_API_KEY=unused \\
        python openai_agents.py "please refund order 4711"

Killed in the middle, it is started with the next try (/run/refund-4711/2/v1) and goes on where it was."""

import json
import os
import sys
import urllib.request

from agents import Agent, Runner, function_tool, set_tracing_disabled

TOOLS = os.environ["OPENAI_BASE_URL"].removesuffix("/v1") + "/tools"


def call(path, body):
    request = urllib.request.Request(
        TOOLS + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


@function_tool
def lookup_order(order_id: str) -> str:
    """Looks an order up."""
    return call("/orders/lookup", {"order_id": order_id})


@function_tool
def refund_order(order_id: str, amount: float) -> str:
    """Refunds an order."""
    return call("/orders/refund", {"order_id": order_id, "amount": amount})


if __name__ == "__main__":
    set_tracing_disabled(True)  # it would send traces to the vendor
    agent = Agent(name="refunds", instructions="You refund orders.", model="any",
                  tools=[lookup_order, refund_order])
    print(Runner.run_sync(agent, sys.argv[1]).final_output)
