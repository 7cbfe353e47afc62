# SPDX-License-Identifier: Apache-2.0
"""What a hostile client or provider can send, and what must not come of it (SECURITY.md)."""

import json
import os
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rig import CHAT, Closed, Conn, World, answer, request, until  # noqa: E402

SECRET = "sk-provider-secret-4711"
ANSWER = json.dumps({
    "id": "x", "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")
CONTENT = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def plain(body=ANSWER, fields=b"", status=b"200 OK"):
    return (b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + fields +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Evil:
    """A provider that says exactly what it is told, one request a connection."""

    def __init__(self):
        self.says = plain()  # bytes, or a function of (socket, head)
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn:
            conn.settimeout(10)
            try:
                data = b""
                while b"\r\n\r\n" not in data:
                    piece = conn.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, _, body = data.partition(b"\r\n\r\n")
                length = [int(line[15:]) for line in head.split(b"\r\n")
                          if line.lower().startswith(b"content-length:")]
                while len(body) < sum(length):
                    body += conn.recv(1 << 20) or b"\0" * sum(length)
                self.heads.append(head)
                if callable(self.says):
                    self.says(conn, head)
                else:
                    conn.sendall(self.says)
            except OSError:
                pass


CONFIG = f"""version: 1
providers:
  evil: {{dialect: openai, base_url: "http://EVIL/v1", keys: [{SECRET}]}}
  open: {{dialect: openai, base_url: "http://EVIL/v1", auth: client}}
targets:
  evil: {{provider: evil, price: {{input: $1, output: $1}}}}
  open: {{provider: open}}
routes:
  evil: {{path: [evil], retries: {{attempts: 1}}, breaker: {{failures: 1000}}}}
  open: {{path: [open], retries: {{attempts: 1}}, breaker: {{failures: 1000}}}}
  kept: {{path: [evil, rules], rules: rules.yaml, retries: {{attempts: 1}}, breaker: {{failures: 1000}}}}
agents:
  poor: {{spend: {{day_tokens: 1000}}}}
  free: {{limits: "off", rate: 1/min}}
  run: {{owner: somebody}}
limits: {{buffered: 32MiB}}
"""
RULES = "version: 1\nrules:\n  - {name: tool, when: {tool: none}, answer: tool}\n  - {name: all, answer: sorry}\n"


class Attack(World):
    CONFIG = CONFIG
    FILES = {"rules.yaml": RULES}

    @classmethod
    def setUpClass(cls):
        cls.evil = Evil()
        cls.addClassCleanup(cls.evil.close)
        super().setUpClass()

    @classmethod
    def text(cls, config):
        return super().text(config).replace("EVIL", f"127.0.0.1:{cls.evil.port}")

    def setUp(self):
        super().setUp()
        self.evil.says = plain()
        self.evil.heads.clear()

    def ask(self, body=None, headers=(), **more):
        return self.governor.ask(CHAT, body or self.body(CHAT, **{"model": "evil", **more}), headers)

    def key(self, governor, **wanted):
        made = governor.ask("/api/keys", {"name": "mallory", **wanted})
        self.assertEqual(made.status, 201, made)
        return made.json()["key"]


class Providers(Attack):
    """The upstream connection is hostile."""

    def test_as_many_fields_as_are_read_can_be_answered(self):
        for count in (100, 117, 120, 123, 126):
            self.evil.says = plain(fields=b"".join(b"x-%d: v\r\n" % i for i in range(count)))
            answered = self.ask()
            self.assertEqual(answered.status, 200, count)
            self.assertTrue(answered.header("x-aire-id"))

    def test_no_order_to_browser_or_ingress_passes(self):
        self.evil.says = plain(fields=b"X-Accel-Redirect: /etc/passwd\r\nX-Sendfile: /etc/passwd\r\n"
                                      b"Access-Control-Allow-Credentials: true\r\n"
                                      b"Clear-Site-Data: *\r\nSet-Cookie: a=b\r\n"
                                      b"X-Aire-Tier: mine\r\nx-request-id: seven\r\n")
        answered = self.ask()
        self.assertEqual(answered.header("x-request-id"), "seven")
        self.assertEqual(answered.header("x-aire-tier"), "evil")
        for name in ("x-accel-redirect", "x-sendfile", "access-control-allow-credentials",
                     "clear-site-data", "set-cookie"):
            self.assertIsNone(answered.header(name), name)

    def test_nothing_can_split_or_smuggle_a_response(self):
        for name, says in (
                ("bare CR", plain(fields=b"x-a: b\rset-cookie: c\r\n")),
                ("bare LF", plain(fields=b"x-a: b\nset-cookie: c\r\n")),
                ("fold", plain(fields=b"x-a: b\r\n set-cookie: c\r\n")),
                ("NUL", plain(fields=b"x-a: b\0c\r\n")),
                ("two lengths", plain(fields=b"Content-Length: 1\r\n")),
                ("both framings", plain(fields=b"Transfer-Encoding: chunked\r\n")),
                ("no head", ANSWER),
                ("negative", plain(ANSWER).replace(b"Length: ", b"Length: -")),
                ("interim flood", b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" * 20000 + plain()),
                ("protocol switch", b"HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")):
            self.evil.says = says
            with self.subTest(name):
                self.assertEqual(self.ask().status, 502)

    def test_a_credential_that_is_repeated_stays_here(self):
        def repeat(conn, head):
            field = [line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization")]
            body = json.dumps({"error": {"message": "bad field " + field[0].decode()}}).encode()
            conn.sendall(plain(body, status=b"400 Bad Request"))

        self.evil.says = repeat
        answered = self.ask()
        self.assertEqual(answered.status, 400)
        self.assertNotIn(SECRET.encode(), answered.body)
        self.assertNotIn(SECRET, json.dumps(self.governor.record(answered)))
        self.assertNotIn(SECRET.encode(), self.governor.get("/api/status").body)
        self.assertNotIn(SECRET, self.governor.log())

    def test_pings_before_the_first_word_are_bounded(self):
        self.evil.says = STREAM_HEAD + chunk(b":\n\n" * 400000 + CONTENT + FINISH) + b"0\r\n\r\n"
        self.assertEqual(self.ask(stream=True).status, 502)
        self.evil.says = STREAM_HEAD + chunk(b":\n\n" * 50000 + CONTENT + FINISH) + b"0\r\n\r\n"
        self.assertEqual(self.ask(stream=True).text(), "word")

    def test_the_words_of_an_endless_error_are_cut(self):
        def endless(conn, _):
            conn.sendall(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")
            while True:
                conn.sendall(chunk(b"z" * 16384))

        self.evil.says = endless
        self.assertEqual(self.ask().status, 502)  # not 504: nobody waited for the deadline

    def test_answers_count_as_buffered(self):
        def slow(conn, _):
            conn.sendall(plain(ANSWER + b" " * (9 << 20))[:-1])
            stalled.wait(20)

        stalled = threading.Event()
        self.addCleanup(stalled.set)
        self.evil.says = slow
        held = [self.open(request(CHAT, self.body(CHAT, model="evil"))) for _ in range(6)]
        refused = [conn for conn in held if until(lambda c=conn: self.answered(c), 2)]
        self.assertTrue(refused, "6 x 9 MiB do not fit into 32 MiB")
        stalled.set()

    @staticmethod
    def answered(conn):
        conn.socket.settimeout(0.05)
        try:
            conn.more()
        except TimeoutError:
            return False
        except Closed:
            pass
        return True


class Clients(Attack):
    """The client is hostile."""

    def test_many_values_are_refused_and_their_memory_is_counted(self):
        head = b'{"model":"evil","messages":[{"role":"user","content":"x"}],"z":['
        self.assert_error(self.ask(head + b"0," * (1 << 20) + b"0]}"), 400, code="invalid_json")
        self.assert_error(self.ask(head + b"0," * 900000 + b"0]}"), 503, code="out_of_memory")
        self.assertEqual(self.ask(head + b"0," * 100000 + b"0]}").status, 200)

    def test_a_hundred_thousand_tools_do_not_stop_the_loop(self):
        self.evil.says = plain(b"{}", status=b"500 No")
        tools = [{"type": "function", "function": {"name": "x"}}] * 60000
        body = json.dumps({**self.body(CHAT, model="kept"), "tools": tools}).encode()
        with Conn(self.governor.port, timeout=8) as conn:  # it took 9 s; now milliseconds
            self.assertEqual(conn.send(request(CHAT, body)).response().text(), "sorry")

    def test_no_number_escapes_a_budget(self):
        for more in ({"max_tokens": 2**64 - 1}, {"max_tokens": 2**63, "n": 2},
                     {"max_completion_tokens": 1, "max_tokens": 5000}, {"max_tokens": 2**64 - 20}):
            refused = self.ask(headers={"x-aire-agent": "poor"}, **more)
            self.assert_error(refused, 429, code="budget_exceeded")
        for more in ({"max_tokens": 1e6}, {"max_tokens": "5000"}, {"max_tokens": -1},
                     {"max_completion_tokens": 2**64}, {"n": "5"}, {"n": 1.5}, {"n": 0}):
            refused = self.ask(headers={"x-aire-agent": "poor"}, **more)
            self.assert_error(refused, 400, code="invalid_request")
        self.assertEqual(self.evil.heads, [])
        self.assertEqual(self.ask(headers={"x-aire-agent": "poor"}, max_tokens=5).status, 200)

    def test_a_key_does_not_escape_its_limits_behind_an_agent(self):
        governor = self.own(CONFIG, files=self.FILES)
        own = {"authorization": "Bearer " + self.key(governor, rate="2/min"), "x-aire-agent": "free"}
        asked = [governor.ask(CHAT, self.body(CHAT, model="evil"), own).status for _ in range(4)]
        self.assertEqual(asked, [200, 200, 429, 429])

    def test_keys_of_the_governor_never_go_upstream(self):
        governor = self.own(CONFIG, files=self.FILES)
        key = self.key(governor)
        for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key},
                        {"x-aire-key": key, "authorization": f"bearer  {key}"},
                        {"x-aire-key": key, "api-key": key},
                        {"x-api-key": key, "authorization": "Bearer sk-own"}):
            for model in ("open", "evil"):
                asked = governor.ask(CHAT, self.body(CHAT, model=model), headers)
                self.assertEqual(asked.status, 200, asked)
        self.assertEqual(len(self.evil.heads), 10)
        self.assertNotIn(key.encode(), b"".join(self.evil.heads))
        self.assertIn(b"sk-own", b"".join(self.evil.heads))  # the client's own passes

    def test_leaving_early_does_not_hide_what_was_spent(self):
        came = threading.Event()

        def silent(_, __):
            came.set()
            gone.wait(10)

        gone = threading.Event()
        self.addCleanup(gone.set)
        self.evil.says = silent
        before = self.tokens()
        conn = self.open(request(CHAT, self.body(CHAT, model="evil", question="word " * 2000)))
        self.assertTrue(came.wait(10))
        conn.close()
        self.assertTrue(until(lambda: self.tokens() > before + 2000))

    def tokens(self):
        lines = self.governor.get("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines
                   if line.startswith("aire_tokens_input_total{"))

    def test_a_kill_switch_ends_a_stream_under_way(self):
        def drip(conn, _):
            conn.sendall(STREAM_HEAD)
            while not done.wait(0.02):
                conn.sendall(chunk(CONTENT))

        done = threading.Event()
        self.addCleanup(done.set)
        self.evil.says = drip
        conn = self.open(request(CHAT, self.body(CHAT, model="evil", stream=True),
                                 {"x-aire-agent": "run"}))
        head = conn.head()
        self.assertEqual(head.status, 200)
        stop = answer(self.governor.port, request("/api/agents/run/stop", {}))
        self.assertEqual(stop.status, 200, stop)
        self.addCleanup(answer, self.governor.port, request("/api/agents/run/start", {}))
        last = conn.read_body(head).events()[-1][1]
        self.assertEqual(json.loads(last)["error"]["code"], "stopped")


if __name__ == "__main__":
    unittest.main()
