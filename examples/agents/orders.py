#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tool behind the example agents: a service that looks orders up and refunds them.

    POST /lookup {"order_id": "4711"}                 -> {"order_id", "status", "amount"}
    POST /refund {"order_id": "4711", "amount": 20}   -> {"order_id", "refunded", "refund"}

A refund that comes again under the same Idempotency-Key is answered again, not made again."""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Orders(ThreadingHTTPServer):
    """`calls` holds every request as (path, body, key); `before` sees each before it is answered."""

    daemon_threads = True

    def __init__(self, port=0, before=lambda path, body: None):
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.before = before
        self.calls = []
        self.refunds = {}  # key -> answer

    @property
    def port(self):
        return self.server_address[1]

    def answer(self, path, body, key):
        with self.lock:
            self.calls.append((path, body, key))
        self.before(path, body)
        order = str(body["order_id"])
        if path == "/lookup":
            return {"order_id": order, "status": "delivered", "amount": amount_of(order)}
        with self.lock:
            made = {"order_id": order, "refunded": body["amount"], "refund": len(self.refunds) + 1}
            return self.refunds.setdefault(key or object(), made)


def amount_of(order):
    """Nothing is stored: orders that end in 9 are expensive, all others cost 20."""
    return 1500 if order.endswith("9") else 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path not in ("/lookup", "/refund"):
            self.send_error(404)
            return
        answer = self.server.answer(self.path, body, self.headers["idempotency-key"])
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, default=9200)
    Orders(options.parse_args().port).serve_forever()
