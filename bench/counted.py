#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A provider and a tool in one, which writes down each call on arrival and answers it later.

Usage: counted.py LOG DELAY_MS   (prints its port, serves until standard input ends)

What arrived has happened, whether or not its answer is ever read: the log is what a bank would
know. A line of it is one JSON object: run, step, kind, the idempotency key or null, and when. Each
answer has a number of its own, so that a call made twice cannot look like one that was replayed.
A question that is no step's but words is answered with its first ECHO characters backwards.
"""
import asyncio
import itertools
import json
import sys
import time

KEY = b"\r\nidempotency-key:"
LENGTH = b"\r\ncontent-length:"
ECHO = 1024


def value_of(head, name):
    """The value of a header field, whose name comes in any case; None where there is none."""
    at = head.lower().find(name)
    return None if at < 0 else head[at + len(name):].split(b"\r\n", 1)[0].strip()


def chat_answer(number, words):
    message = {"role": "assistant", "content": words}
    return {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1700000000,
            "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}


class Calls:
    def __init__(self, log, delay_s):
        self.log = log
        self.delay_s = delay_s
        self.numbers = itertools.count(1)

    def arrive(self, head, body):
        """Writes the call down and returns its answer."""
        number = next(self.numbers)
        asked = json.loads(body)
        if "messages" not in asked:
            self.note(head, asked)
            answer = {"number": number}
        elif (said := asked["messages"][-1]["content"]).startswith('{"run"'):
            self.note(head, json.loads(said))
            answer = chat_answer(number, f"answer {number}")
        else:
            answer = chat_answer(number, said[:ECHO][::-1])
        text = json.dumps(answer).encode()
        return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(text)) + text

    def note(self, head, step):
        key = value_of(head, KEY)
        self.log.write(json.dumps(step | {"key": key and key.decode(), "at": time.monotonic()})
                       + "\n")
        self.log.flush()


class Peer(asyncio.Protocol):
    """One connection; its calls come one after the other."""

    def __init__(self, calls):
        self.calls = calls
        self.text = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.text += data
        head, end, body = self.text.partition(b"\r\n\r\n")
        if not end or len(body) < int(value_of(head, LENGTH) or 0):
            return
        self.text = b""
        answer = self.calls.arrive(head, body)
        asyncio.get_running_loop().call_later(self.calls.delay_s, self.transport.write, answer)


async def main(path, delay_ms):
    with open(path, "w", encoding="ascii") as log:
        calls = Calls(log, float(delay_ms) / 1000)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Peer(calls), "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
