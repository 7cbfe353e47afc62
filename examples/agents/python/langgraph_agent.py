# SPDX-License-Identifier: Apache-2.0
"""A LangGraph agent as it is, without a checkpointer. What makes it durable is its base URL alone:

    OPENAI_BASE_URL=http://127.0.0.1:8080/run/refund-4711/1/v1 OPENAI_API_KEY=unused \\
        python langgraph_agent.py "please refund order 4711"

Killed in the middle, it is started with the next try (/run/refund-4711/2/v1) and goes on where it was."""

import json
import os
import sys
import urllib.request

from langchain_core.messages import SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

BASE = os.environ["OPENAI_BASE_URL"]
TOOLS = BASE.removesuffix("/v1") + "/tools"


def call(path, body):
    request = urllib.request.Request(
        TOOLS + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


@tool
def lookup_order(order_id: str) -> str:
    """Looks an order up."""
    return call("/orders/lookup", {"order_id": order_id})


@tool
def refund_order(order_id: str, amount: float) -> str:
    """Refunds an order."""
    return call("/orders/refund", {"order_id": order_id, "amount": amount})


def build():
    tools = [lookup_order, refund_order]
    model = ChatOpenAI(model="any", base_url=BASE).bind_tools(tools)

    def think(state: MessagesState):
        return {"messages": [model.invoke([SystemMessage("You refund orders."), *state["messages"]])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile()


if __name__ == "__main__":
    print(build().invoke({"messages": [("user", sys.argv[1])]})["messages"][-1].content)
