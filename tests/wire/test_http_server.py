# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as the Governor serves it: framing, order, limits, refusals. Nothing malformed or ambiguous
ever reaches a provider."""

import json
import socket
import time
import unittest

import rig
from rig import CHAT, MESSAGES, RESPONSES, chunked, request

BODY = json.dumps(rig.World.body(CHAT)).encode()
POST = f"POST {CHAT} HTTP/1.1\r\n".encode()
HOST = b"Host: 127.0.0.1\r\n"
TYPE = b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
WHOLE = POST + HOST + TYPE + LENGTH


class Framing(rig.World):
    def test_connection_is_kept_and_serves_many(self):
        with self.open() as conn:
            for path in (CHAT, MESSAGES, RESPONSES) * 3:
                answered = conn.send(request(path, self.body(path))).response()
                self.assertEqual((answered.status, answered.header("connection")), (200, None))

    def test_connection_close_is_obeyed(self):
        with self.open(request(CHAT, BODY, {"Connection": "close"})) as conn:
            answered = conn.response()
            self.assertEqual((answered.status, answered.header("connection")), (200, "close"))
            self.assertTrue(conn.is_closed())

    def test_pipelined_requests_are_answered_in_order(self):
        self.sim.fault("delay: 200ms", "contains: SLOW")
        paths = (CHAT, MESSAGES, "/v1/models", "/v1/nowhere", RESPONSES)
        slow = self.body(CHAT, question="SLOW one please")
        wire = request(CHAT, slow) + request(MESSAGES, self.body(MESSAGES))
        wire += request("/v1/models", method="GET") + request("/v1/nowhere", method="GET")
        wire += request(RESPONSES, self.body(RESPONSES))
        with self.open(wire) as conn:
            found = [conn.response() for _ in paths]
        self.assertEqual([r.status for r in found], [200, 200, 200, 404, 200])
        self.assertIn("SLOW", found[0].text())
        kinds = [r.json().get("object") or r.json().get("type") for r in found[:3]]
        self.assertEqual(kinds, ["chat.completion", "message", "list"])
        self.assertEqual(found[4].json()["object"], "response")

    def test_pipelined_streams_do_not_mix(self):
        wire = b"".join(request(CHAT, self.body(CHAT, stream=True, question=f"hello number {i}"))
                        for i in range(20))
        with self.open(wire) as conn:
            for i in range(20):
                self.assertIn(f"hello number {i}", conn.response().text().split("You said: ")[1])

    def test_bytes_may_come_one_by_one(self):
        with self.open() as conn:
            for byte in request(CHAT, BODY):
                conn.send(bytes([byte]))
            self.assertEqual(conn.response().status, 200)
        self.assertEqual(self.sim.last(), BODY)

    def test_chunked_request(self):
        for pieces in ([BODY], [BODY[:1], BODY[1:7], BODY[7:]], [bytes([b]) for b in BODY]):
            answered = rig.answer(self.governor.port,
                                  request(CHAT, chunked(*pieces), {"Transfer-Encoding": "chunked"}))
            self.assertEqual(answered.status, 200, answered)
            self.assertEqual(self.sim.last(), BODY)
            # Ours is the framing upstream, and there is only one.
            headers = self.sim.last_headers()
            self.assertEqual((headers.get("content-length"), headers.get("transfer-encoding")),
                             (str(len(BODY)), None))

    def test_trailers_go_nowhere(self):
        wire = request(CHAT, chunked(BODY)[:-2] + b"Authorization: Bearer x\r\nHost: evil\r\n\r\n",
                       {"Transfer-Encoding": "chunked"})
        answered = rig.answer(self.governor.port, wire)
        if answered.status == 200:
            headers = self.sim.last_headers()
            self.assertNotIn("authorization", headers)
            self.assertNotIn("evil", headers["host"])
        else:
            self.assert_error(answered, 400)
            self.assertEqual(self.arrived(), 0)

    def test_answers_are_framed_once(self):
        plain = self.call()
        self.assertEqual((plain.header("content-length"), plain.header("transfer-encoding")),
                         (str(len(plain.body)), None))
        stream = self.call(stream=True)
        self.assertEqual((stream.header("content-length"), stream.header("transfer-encoding")),
                         (None, "chunked"))
        self.assertEqual(stream.header("content-type").split(";")[0], "text/event-stream")
        self.assertEqual(stream.header("cache-control"), "no-cache")
        self.assertEqual(stream.header("x-accel-buffering"), "no")

    def test_stream_leaves_event_by_event(self):
        self.sim.fault("between: 100ms", "stream: true")
        with self.open(request(CHAT, self.body(CHAT, stream=True))) as conn:
            conn.head()
            while b"data: " not in conn.buffer:
                conn.more()
            arrived = [time.monotonic()]
            while b"[DONE]" not in conn.buffer:
                conn.more()
                arrived.append(time.monotonic())
        # 19 tokens, 100 ms apart, are not collected into fewer pieces.
        self.assertGreater(len(arrived), 10)
        self.assertGreater(arrived[-1] - arrived[0], 1)

    def test_expect_continue_is_answered_before_the_body(self):
        with self.open(WHOLE + b"Expect: 100-continue\r\n\r\n") as conn:
            self.assertEqual(conn.head().status, 100)
            self.assertEqual(conn.send(BODY).response().status, 200)

    def test_expect_continue_is_not_needed_with_the_body(self):
        with self.open(WHOLE + b"Expect: 100-continue\r\n\r\n" + BODY) as conn:
            self.assertEqual(conn.response().status, 200)

    def test_expect_continue_is_refused_without_the_body(self):
        wire = request("/v1/nowhere", b"", {"Expect": "100-continue", "Content-Length": "9"})
        with self.open(wire) as conn:
            self.assertEqual(conn.head().status, 404)

    def test_other_expectations_are_417(self):
        self.assertEqual(rig.answer(self.governor.port, WHOLE + b"Expect: tea\r\n\r\n").status, 417)

    def test_http_1_0_client(self):
        for stream in (False, True):
            with self.open(request(CHAT, self.body(CHAT, stream=stream), version="1.0")) as conn:
                answered = conn.response()
                self.assertEqual(answered.status, 200)
                self.assertIsNone(answered.header("transfer-encoding"))
                self.assertIn("refund order 4711", answered.text())
                self.assertTrue(conn.is_closed())

    def test_http_1_0_client_without_host_that_keeps_the_connection(self):
        wire = request(CHAT, BODY, {"Connection": "keep-alive"}, host=None, version="1.0")
        with self.open(wire) as conn:
            answered = conn.response()
            self.assertEqual((answered.status, answered.header("connection")), (200, "keep-alive"))
            self.assertEqual(conn.send(wire).response().status, 200)

    def test_head_is_get_without_a_body(self):
        for path in ("/v1/models", "/healthz"):
            with self.open(request(path, method="GET")) as conn:
                got = conn.response()
                head = conn.send(request(path, method="HEAD")).response("HEAD")
                self.assertEqual(head.status, 200, path)
                self.assertEqual(head.header("content-length"), str(len(got.body)))
                # No byte of a body was sent: the next answer follows at once.
                self.assertEqual(conn.send(request(CHAT, BODY)).response().status, 200)

    def test_options_tells_the_methods(self):
        for path, method in ((CHAT, "POST"), (MESSAGES, "POST"), ("/v1/models", "GET")):
            answered = self.governor.ask(path, b"", method="OPTIONS")
            self.assertIn(answered.status, (200, 204), path)
            self.assertIn(method, answered.header("allow", ""), path)
        self.assertEqual(self.arrived(), 0)

    def test_upgrade_is_ignored(self):
        answered = self.call(headers={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                                      "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"})
        self.assertEqual(answered.status, 200)
        self.assertFalse({"upgrade", "http2-settings"} & set(self.sim.last_headers()))

    def test_absolute_target_is_served(self):
        self.assertEqual(self.governor.ask("http://127.0.0.1" + CHAT, BODY).status, 200)

    def test_query_is_no_part_of_the_path(self):
        self.assertEqual(self.governor.ask(MESSAGES + "?beta=true", self.body(MESSAGES)).status, 200)

    def test_client_that_closes_its_side_early_is_gone(self):
        self.sim.fault("delay: 5s")
        with self.open(request(CHAT, BODY)) as conn:
            self.assertTrue(rig.until(lambda: self.arrived() == 1))
            before = self.sim.state()["aborted"]
            conn.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(rig.until(lambda: self.sim.state()["aborted"] > before, 1 * rig.SLOW))


class Paths(rig.World):
    def test_unknown_path_is_a_typed_404(self):
        for path in ("/v1/nowhere", "/v1/", "/v1/chat", "/v1/files", "/v1/messages/batches"):
            for method in ("GET", "POST"):
                answered = self.governor.ask(path, {} if method == "POST" else b"", method=method)
                self.assert_error(answered, 404, path, "unknown_endpoint")
        self.assertEqual(self.arrived(), 0)

    def test_wrong_method_is_405_with_allow(self):
        for path, method, allowed in ((CHAT, "GET", "POST"), (MESSAGES, "GET", "POST"),
                                      (MESSAGES, "DELETE", "POST"), (RESPONSES, "PUT", "POST"),
                                      ("/v1/models", "POST", "GET")):
            answered = self.governor.ask(path, {} if method in ("PUT", "POST") else b"",
                                         method=method)
            self.assert_error(answered, 405, path, "method_not_allowed")
            self.assertIn(allowed, answered.header("allow", ""), (path, method))
        self.assertEqual(self.arrived(), 0)

    def test_encoded_bodies_are_415(self):
        for path in (CHAT, MESSAGES):
            for coding in ("gzip", "br", "deflate, gzip", "x"):
                answered = self.governor.ask(path, b"\x1f\x8b123", {"Content-Encoding": coding})
                self.assert_error(answered, 415, path, "encoded_body")
        self.assertEqual(self.arrived(), 0)

    def test_identity_coding_is_no_coding(self):
        self.assertEqual(self.call(headers={"Content-Encoding": "identity"}).status, 200)

    def test_models_are_the_providers_where_no_route_is_declared(self):
        listed = self.governor.get("/v1/models")
        self.assertIn("gpt-big", [model["id"] for model in listed.json()["data"]])
        self.assertEqual(listed.header("x-aire-target"), "east")
        listed = self.governor.get("/v1/models", {"anthropic-version": "2023-06-01"})
        self.assertEqual(listed.header("x-aire-target"), "south")

    def test_models_are_the_routes_where_some_are(self):
        routes = "routes: {a: {path: [one]}, b: {path: [first]}, '*': {path: [one]}}\n"
        governor = self.own(self.CONFIG + routes)
        for headers in ({}, {"anthropic-version": "2023-06-01"}):
            listed = governor.get("/v1/models", headers).json()
            self.assertEqual([model["id"] for model in listed["data"]], ["a", "b"])
        self.assertEqual(self.arrived(), 0)

    def test_errors_name_the_exchange_and_stop_retries(self):
        for path in (CHAT, MESSAGES):
            answered = self.governor.ask(path, b"{")
            self.assertEqual(answered.header("x-should-retry"), "false")
            self.assertRegex(answered.header("x-aire-id"), "^ex[0-9a-f]{16}$")
        for answered in (self.governor.get("/v1/nowhere"), self.governor.get(CHAT)):
            self.assertEqual(answered.header("x-should-retry"), "false")


class Json(rig.World):
    """Bodies that are refused before anything is sent."""

    CASES = {
        "no body": b"",
        "not JSON": b"hello",
        "cut": b'{"model":"a","messages":[',
        "text behind it": b'{"model":"a","messages":[]} x',
        "two documents": b'{"model":"a","messages":[]}{}',
        "an array": b"[]",
        "invalid UTF-8": b'{"model":"a","messages":[],"x":"\xff"}',
        "NUL": b'{"model":"a","messages":[],"x":"\0"}',
        "comment": b'{"model":"a",/**/"messages":[]}',
        "trailing comma": b'{"model":"a","messages":[],}',
        "NaN": b'{"model":"a","messages":[],"x":NaN}',
        "byte order mark": b'\xef\xbb\xbf{"model":"a","messages":[]}',
        "no model": b'{"messages":[]}',
        "model is a number": b'{"model":1,"messages":[]}',
        "model is empty": b'{"model":"","messages":[]}',
        "model twice": b'{"model":"a","messages":[],"model":"b"}',
        "model twice, escaped": b'{"model":"a","messages":[],"m\\u006fdel":"b"}',
        "messages twice": b'{"model":"a","messages":[],"messages":[]}',
        "an unknown field twice": b'{"model":"a","messages":[],"x":1,"x":1}',
        "messages is text": b'{"model":"a","messages":"hello"}',
        "no messages": b'{"model":"a"}',
        "stream is text": b'{"model":"a","messages":[],"stream":"yes"}',
        "stream is a number": b'{"model":"a","messages":[],"stream":1}',
        "100,000 open brackets": b'{"model":"a","messages":' + b"[" * 100000,
        "deep and closed": b'{"model":"a","messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
    }

    def test_each_is_400_in_the_dialect_and_goes_nowhere(self):
        for path in (CHAT, MESSAGES):
            for name, body in self.CASES.items():
                with self.subTest(name, path=path):
                    answered = self.governor.ask(path, body, {"Content-Type": rig.JSON})
                    self.assert_error(answered, 400, path)
        self.assertEqual(self.arrived(), 0)

    def test_syntax_errors_name_the_byte(self):
        for body, at in ((b'{"model":"a",}', "13"), (b"[1,2", "4"), (b'{"a":tru}', None)):
            message = self.governor.ask(CHAT, body).error()["message"]
            self.assertIn("at byte", message)
            if at:
                self.assertTrue(message.endswith(f"at byte {at}"), message)


class Hostile(rig.World):
    """What two parsers could read differently is refused, and the connection is closed."""

    SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

    # name: (bytes, statuses that are right). All are followed by a request that must not be served.
    CASES = {
        "length and chunked": (WHOLE + CHUNKED + b"\r\n" + chunked(BODY), {400}),
        "chunked and length": (POST + HOST + TYPE + CHUNKED + LENGTH + b"\r\n" + chunked(BODY), {400}),
        "two lengths": (WHOLE + b"Content-Length: 5\r\n\r\n" + BODY, {400}),
        "the same length twice": (WHOLE + LENGTH + b"\r\n" + BODY, {400}),
        "a list of lengths": (POST + HOST + b"Content-Length: 5, 5\r\n\r\nhello", {400}),
        "length with a sign": (POST + HOST + b"Content-Length: +5\r\n\r\nhello", {400}),
        "negative length": (POST + HOST + b"Content-Length: -5\r\n\r\nhello", {400}),
        "hexadecimal length": (POST + HOST + b"Content-Length: 0x5\r\n\r\nhello", {400}),
        "length with a space": (POST + HOST + b"Content-Length: 1 1\r\n\r\nhello", {400}),
        "empty length": (POST + HOST + b"Content-Length:\r\n\r\nhello", {400}),
        "length over 64 bits": (POST + HOST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
                                {400}),
        "length spelled with _": (WHOLE + b"Content_Length: 5\r\n\r\n" + BODY, {400}),
        "coding spelled with _": (WHOLE + b"Transfer_Encoding: chunked\r\n\r\n" + BODY, {400}),
        "unknown coding": (POST + HOST + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked(BODY), {400}),
        "identity coding": (POST + HOST + b"Transfer-Encoding: identity\r\n\r\n", {400}),
        "gzip below chunked": (POST + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", {400, 501}),
        "chunked below gzip": (POST + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", {400}),
        "chunked twice": (POST + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", {400}),
        "two codings": (POST + HOST + CHUNKED + CHUNKED + b"\r\n" + chunked(BODY), {400}),
        "quoted coding": (POST + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n', {400}),
        "tabbed coding": (POST + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", {400}),
        "coding in HTTP/1.0": (f"POST {CHAT} HTTP/1.0\r\n".encode() + HOST + CHUNKED + b"\r\n"
                               + chunked(BODY), {400}),
        "space before the colon": (POST + HOST + TYPE + b"Content-Length : %d\r\n\r\n" % len(BODY)
                                   + BODY, {400}),
        "folded field": (WHOLE + b"X-A: b\r\n c\r\n\r\n" + BODY, {400}),
        "folded framing": (POST + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked(BODY),
                           {400}),
        "fold at the first field": (POST + b" X: y\r\n" + HOST + LENGTH + b"\r\n" + BODY, {400}),
        "NUL in a value": (WHOLE + b"X-A: b\0c\r\n\r\n" + BODY, {400}),
        "NUL in a name": (WHOLE + b"X\0A: b\r\n\r\n" + BODY, {400}),
        "CR in a value": (WHOLE + b"X-A: b\rc\r\n\r\n" + BODY, {400}),
        "LF ends a field": (WHOLE + b"X-A: b\n\r\n" + BODY, {400}),
        "LF everywhere": (WHOLE.replace(b"\r\n", b"\n") + b"\n" + BODY, {400}),
        "CR ends a field": (WHOLE + b"X-A: b\r\r\n" + BODY, {400}),
        "no name": (WHOLE + b": b\r\n\r\n" + BODY, {400}),
        "name with a space": (WHOLE + b"X A: b\r\n\r\n" + BODY, {400}),
        "name with a bracket": (WHOLE + b"X(A): b\r\n\r\n" + BODY, {400}),
        "name beyond ASCII": (WHOLE + b"X\xc3\xa4: b\r\n\r\n" + BODY, {400}),
        "no colon": (WHOLE + b"X-A\r\n\r\n" + BODY, {400}),
        "no Host": (POST + TYPE + LENGTH + b"\r\n" + BODY, {400}),
        "two Hosts": (WHOLE + HOST + b"\r\n" + BODY, {400}),
        "Host with a path": (POST + b"Host: 127.0.0.1/x\r\n" + LENGTH + b"\r\n" + BODY, {400}),
        "Host with a space": (POST + b"Host: 127.0.0.1 b\r\n" + LENGTH + b"\r\n" + BODY, {400}),
        "Host with a user": (POST + b"Host: a@127.0.0.1\r\n" + LENGTH + b"\r\n" + BODY, {400, 403}),
        "chunk size 0x24": (POST + HOST + TYPE + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n", {400}),
        "chunk size with a sign": (POST + HOST + TYPE + CHUNKED + b"\r\n+5\r\nhello\r\n0\r\n\r\n", {400}),
        "negative chunk size": (POST + HOST + TYPE + CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n", {400}),
        "no chunk size": (POST + HOST + TYPE + CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n", {400}),
        "chunk size is no number": (POST + HOST + TYPE + CHUNKED + b"\r\nxyz\r\nhello\r\n", {400}),
        "chunk size with a space before": (POST + HOST + TYPE + CHUNKED + b"\r\n 5\r\nhello\r\n", {400}),
        "chunk size over 64 bits": (POST + HOST + TYPE + CHUNKED
                                    + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", {400, 413}),
        "chunk too long for its size": (POST + HOST + TYPE + CHUNKED
                                        + b"\r\n5\r\nhello!\r\n0\r\n\r\n", {400}),
        "LF behind a chunk size": (POST + HOST + TYPE + CHUNKED + b"\r\n5\nhello\r\n0\r\n\r\n", {400}),
        "LF behind a chunk": (POST + HOST + TYPE + CHUNKED + b"\r\n5\r\nhello\n0\r\n\r\n", {400}),
        "LF behind an extension": (POST + HOST + TYPE + CHUNKED + b"\r\n5;a=b\nhello\r\n0\r\n\r\n", {400}),
        "CR in an extension": (POST + HOST + TYPE + CHUNKED + b"\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", {400}),
        "two spaces in the request line": (f"POST  {CHAT} HTTP/1.1\r\n".encode() + HOST + LENGTH
                                           + b"\r\n" + BODY, {400}),
        "space behind the version": (f"POST {CHAT} HTTP/1.1 \r\n".encode() + HOST + LENGTH + b"\r\n"
                                     + BODY, {400}),
        "tab in the request line": (f"POST\t{CHAT}\tHTTP/1.1\r\n".encode() + HOST + b"\r\n", {400, 501}),
        "space in the target": (b"GET /v1/mod els HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
        "control byte in the target": (b"GET /v1/mod\x01els HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
        "target without a slash": (b"GET v1/models HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
        "* for GET": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
        "HTTP/1.2": (b"GET /v1/models HTTP/1.2\r\n" + HOST + b"\r\n", {400, 505}),
        "HTTP/1.10": (b"GET /v1/models HTTP/1.10\r\n" + HOST + b"\r\n", {400, 505}),
        "HTTP/2.0": (b"GET /v1/models HTTP/2.0\r\n" + HOST + b"\r\n", {400, 505}),
        "HTTP/0.9": (b"GET /v1/models\r\n\r\n", {400, 505}),
        "http/1.1": (b"GET /v1/models http/1.1\r\n" + HOST + b"\r\n", {400}),
        "h2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 501, 505}),
        "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), {400}),
        "TRACE": (b"TRACE /v1/models HTTP/1.1\r\n" + HOST + b"\r\n", {405, 501}),
        "CONNECT": (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405, 501}),
        "unknown method": (b"BREW /v1/models HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405, 501}),
        "post": (f"post {CHAT} HTTP/1.1\r\n".encode() + HOST + LENGTH + b"\r\n" + BODY, {400, 501}),
        "POST without a length": (POST + HOST + TYPE + b"\r\n", {411}),
    }

    def test_each_is_refused_and_the_connection_closed(self):
        for name, (wire, statuses) in self.CASES.items():
            with self.subTest(name), self.open() as conn:
                conn.send_as_far_as_taken(wire + self.SMUGGLED)
                answered = conn.response()
                self.assertIn(answered.status, statuses, answered)
                self.assert_error(answered, answered.status)
                self.assertTrue(conn.is_closed(), f"left open, or answered twice: {conn.buffer!r}")
        self.assertEqual(self.arrived(), 0)

    def test_the_shape_is_the_dialects(self):
        for line in (b"Content-Length: +5\r\n", LENGTH + CHUNKED, LENGTH + b"X A: b\r\n",
                     CHUNKED + b"\r\nxyz\r\n"):
            wire = f"POST {MESSAGES} HTTP/1.1\r\n".encode() + HOST + TYPE + line + b"\r\n"
            with self.subTest(line), self.open(wire) as conn:
                self.assert_error(conn.response(), 400, MESSAGES)
        self.assertEqual(self.arrived(), 0)

    def test_the_server_lives_on(self):
        self.assertEqual(self.call().status, 200)


class Limits(rig.World):
    CONFIG = rig.BASE + "limits: {body_max: 64KiB, connections: 40}\n"

    def test_declared_body_over_the_limit_is_413_at_once(self):
        for path in (CHAT, MESSAGES):
            wire = request(path, b"", {"Content-Length": str(64 * 1024 + 1)})
            with self.open(wire) as conn:
                self.assert_error(conn.response(), 413, path)
                self.assertTrue(conn.is_closed())

    def test_declared_body_over_the_limit_gets_no_100(self):
        wire = request(CHAT, b"", {"Content-Length": "99999999", "Expect": "100-continue"})
        with self.open(wire) as conn:
            self.assertEqual(conn.head().status, 413)

    def test_chunked_body_over_the_limit_is_413(self):
        with self.open() as conn:
            conn.send_as_far_as_taken(request(CHAT, chunked(*[b" " * 1000] * 66),
                                              {"Transfer-Encoding": "chunked"}))
            self.assert_error(conn.response(), 413)
            self.assertTrue(conn.is_closed())
        self.assertEqual(self.arrived(), 0)

    def test_body_at_the_limit_passes(self):
        body = self.body(CHAT)
        body["x"] = "a" * (64 * 1024 - len(json.dumps({**body, "x": ""})))
        self.assertEqual(len(json.dumps(body)), 64 * 1024)
        self.assertEqual(self.governor.ask(CHAT, body).status, 200)
        body["x"] += "a"
        self.assert_error(self.governor.ask(CHAT, body), 413)

    def test_head_over_64_kib_is_431(self):
        for path in (CHAT, MESSAGES):
            with self.open() as conn:
                conn.send_as_far_as_taken(request(path, BODY, {"X-Pad": "a" * 66000}))
                self.assert_error(conn.response(), 431, path)
                self.assertTrue(conn.is_closed())

    def test_more_than_128_fields_are_431(self):
        fields = [(f"X-{i}", "a") for i in range(127)]
        self.assertEqual(self.governor.get("/healthz", fields).status, 200)  # Host is one more
        self.assert_error(self.governor.get("/healthz", [*fields, ("X-More", "a")]), 431)

    def test_target_over_8_kib_is_414(self):
        with self.open(request(CHAT + "?" + "a" * 8192, BODY)) as conn:
            self.assert_error(conn.response(), 414)
            self.assertTrue(conn.is_closed())

    def test_an_endless_head_does_not_grow(self):
        with self.open(POST + HOST) as conn:
            conn.send_as_far_as_taken(b"X-A: b\r\n" * 200000)
            self.assertEqual(conn.response().status, 431)

    def test_more_than_may_be_buffered_is_503(self):
        governor = self.own(rig.BASE + "limits: {buffered: 1MiB}\n")
        body = self.body(CHAT, question="a" * (3 << 20))
        for path in (CHAT, MESSAGES):
            with rig.Conn(governor.port) as conn:
                conn.send_as_far_as_taken(request(path, body))
                self.assertEqual(conn.response().status, 503)  # there is no memory for words
        self.assertEqual(self.arrived(), 0)
        self.assertEqual(governor.ask(CHAT, self.body(CHAT)).status, 200)

    def test_an_answer_over_the_limit_is_not_buffered(self):
        governor = self.own(rig.BASE + "limits: {answer_max: 64KiB}\n"
                            "routes: {any: {path: [one, two]}, alone: {path: [one]}}\n")
        self.sim.fault("pad: 100KiB", "path: /east/*")
        got = governor.ask(CHAT, self.body(CHAT))
        self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts")),
                         (200, "two", "2"))
        self.assert_error(governor.ask(CHAT, self.body(CHAT, "alone")), 502, CHAT, "answer_too_large")

    def test_connections_over_the_limit_are_503(self):
        def keep():
            conn = self.open(request("/v1/models", method="GET"))
            return conn, conn.response("GET").status
        held = [keep() for _ in range(40)]
        try:
            self.assertEqual({status for _, status in held}, {200})
            with self.open(request("/v1/models", method="GET")) as conn:
                self.assertEqual(conn.response("GET").status, 503)
                self.assertTrue(conn.is_closed())
        finally:
            for conn, _ in held:
                conn.close()
        self.assertTrue(rig.until(lambda: self.governor.get("/v1/models").status == 200))


class Slow(rig.World):
    """Slow senders are closed by deadline and by minimum rate. All of them wait at the same time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.began = time.monotonic()
        cls.slow_head = rig.Conn(cls.governor.port, 20 * rig.SLOW).send(POST + HOST)
        cls.slow_body = rig.Conn(cls.governor.port, 20 * rig.SLOW).send(WHOLE + b"\r\n")
        cls.slow_chunk = rig.Conn(cls.governor.port, 20 * rig.SLOW).send(
            f"POST {MESSAGES} HTTP/1.1\r\n".encode() + HOST + TYPE + CHUNKED + b"\r\n")
        for conn in (cls.slow_head, cls.slow_body, cls.slow_chunk):
            cls.addClassCleanup(conn.close)

    def trickle(self, conn, piece):
        """Sends a piece every 200 ms until the server has answered."""
        conn.socket.settimeout(0.2)
        while time.monotonic() - self.began < 20 * rig.SLOW:
            try:
                conn.more()
                break
            except TimeoutError:
                conn.send_as_far_as_taken(piece)
        conn.socket.settimeout(rig.LIMIT_S)
        return conn.response(), time.monotonic() - self.began

    def test_head_within_ten_seconds(self):
        answered, after = self.trickle(self.slow_head, b"X-A: b\r\n")
        self.assert_error(answered, 408)
        self.assertGreater(after, 9)
        self.assertTrue(self.slow_head.is_closed())

    def test_body_faster_than_1_kib_a_second(self):
        answered, after = self.trickle(self.slow_body, b" ")
        self.assert_error(answered, 408)
        self.assertGreater(after, 4.5)

    def test_chunked_body_as_well(self):
        answered, after = self.trickle(self.slow_chunk, b"1\r\n \r\n")
        self.assert_error(answered, 408, MESSAGES)
        self.assertGreater(after, 4.5)
        self.assertEqual(self.sim.state()["requests"], 0)


if __name__ == "__main__":
    unittest.main()
