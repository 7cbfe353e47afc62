#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent as it is measured: ten calls one after the other, and a log of every answer it got.

Usage: agent.py LOG   (one try, of the run and at the address that `aire supervise` names)

It keeps no state: a new try asks everything again from the top. A line of the log is written whole
or not at all, before the next call, so that what stands there was acknowledged.
"""
import json
import os
import socket
import sys
import time
import zlib

KINDS = ("model", "read", "model", "keyed", "model", "unsafe", "model", "keyed", "model", "unsafe")
PATHS = {"model": "/v1/chat/completions", "read": "/tools/shop/find", "keyed": "/tools/shop/pay",
         "unsafe": "/tools/shop/refund"}
LIMIT_S = 30
DONE, BROKEN, STOPPED = 0, 1, 2  # how a try ends: all steps, no connection, another answer than 200


class Conn:
    """One kept connection; ask() raises ConnectionError where the answer is not whole."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the connection ended before the answer")
        return data

    def ask(self, path, body, method="POST"):
        """Status, header fields (names in lower case) and body."""
        head = (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
                f"\r\nContent-Length: {len(body)}\r\n\r\n")
        self.socket.sendall(head.encode() + body)
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.more()
        head, _, answer = text.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in lines)}
        while len(answer) < int(fields["content-length"]):
            answer += self.more()
        return int(status.split()[1]), fields, answer

    def close(self):
        self.socket.close()


def question(run, step, kind):
    asked = {"run": run, "step": step, "kind": kind}
    if kind == "model":
        asked = {"model": "m", "messages": [{"role": "user", "content": json.dumps(asked)}]}
    return json.dumps(asked).encode()


def play(port, run, attempt, log):
    """One try of a run; log is a descriptor that appends."""
    since = time.monotonic()
    try:
        conn = Conn(port)
        for step, kind in enumerate(KINDS):
            status, fields, answer = conn.ask(f"/run/{run}/{attempt}{PATHS[kind]}",
                                              question(run, step, kind))
            seen = {"run": run, "try": attempt, "step": step, "kind": kind, "status": status,
                    "replayed": fields.get("x-aire-replayed") == "true", "since": since,
                    "at": time.monotonic(), "pid": os.getpid(),
                    "sum": zlib.crc32(answer)}
            if status != 200:
                seen["error"] = json.loads(answer)["error"]["code"]
            os.write(log, (json.dumps(seen) + "\n").encode())
            if status != 200:
                return STOPPED
        conn.close()
        return DONE
    except ConnectionError:
        return BROKEN


def open_log(path):
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def read_log(path):
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]


if __name__ == "__main__":
    _, _, address, _, RUN, TRY = os.environ["AIRE_BASE_URL"].split("/")
    sys.exit(play(int(address.rsplit(":", 1)[1]), RUN, int(TRY), open_log(sys.argv[1])))
