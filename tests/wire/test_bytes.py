# SPDX-License-Identifier: Apache-2.0
"""What is sent equals splice(original, recorded edits); what must not pass does not."""

import json
import unittest

import rig
from rig import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, request

# Anything that a parser and writer between would change: order, numbers, spaces, escapes, repetitions.
ODD = (b'{ "zeta" : 12345678901234567890123, "model":"any",\r\n\t"alpha":1.10,"e":1e400,"E":-0,'
       b'"f":0.1e-5,  "nested":{"twice":1,"twice":2,"":null},"esc":"\\u00e9\\/\\ud83d\\ude00\\n",'
       b'"lone":"\\ud800","raw":"\xc3\xa9\xf0\x9f\x98\x80","list":[1.0,1.00,[],{}],'
       b'"messages":[{"content":"hello order 12","role":"user","x":9007199254740993}], '
       b'"input":"hello" ,"max_tokens":50 }\n')


class Requests(rig.World):
    CONFIG = rig.BASE + """
  plain: {provider: east, model: model-one, inject_usage: false}
  odd: {provider: east, model: 'a"b\\c'}
routes:
  renamed: {path: [one]}
  claude: {path: [first]}
  bare: {path: [plain]}
  odd: {path: [odd]}
"""

    def test_body_arrives_byte_for_byte(self):
        for path in (CHAT, RESPONSES, MESSAGES, EMBEDDINGS):
            with self.subTest(path):
                answered = self.governor.ask(path, ODD)
                self.assertEqual(answered.status, 200, answered)
                self.assertEqual(self.sim.last(), ODD)

    def test_large_body_arrives_byte_for_byte(self):
        body = ODD.replace(b"hello order", b"word " * 400000 + b"hello order")
        self.assertEqual(self.governor.ask(CHAT, body).status, 200)
        self.assertEqual(self.sim.last(), body)

    def test_model_name_is_a_splice(self):
        for path, name, sent in ((CHAT, b"renamed", b"model-one"), (RESPONSES, b"renamed", b"model-one"),
                                 (EMBEDDINGS, b"renamed", b"model-one"),
                                 (MESSAGES, b"claude", b"claude-first")):
            with self.subTest(path):
                body = ODD.replace(b'"any"', b'"%s"' % name)
                answered = self.governor.ask(path, body)
                self.assertEqual(answered.status, 200, answered)
                self.assertEqual(self.sim.last(), ODD.replace(b'"any"', b'"%s"' % sent))

    def test_model_name_is_compared_decoded_and_written_escaped(self):
        body = ODD.replace(b'"any"', b'"renam\\u0065d"')
        self.assertEqual(self.governor.ask(CHAT, body).status, 200)
        self.assertEqual(self.sim.last(), ODD.replace(b'"any"', b'"model-one"'))
        self.assertEqual(self.governor.ask(CHAT, ODD.replace(b'"any"', b'"odd"')).status, 200)
        self.assertEqual(self.sim.last(), ODD.replace(b'"any"', b'"a\\"b\\\\c"'))

    def test_nested_model_fields_stay(self):
        body = b'{"x":{"model":"renamed"},"model":"renamed","messages":[{"model":"renamed"}]}'
        self.governor.ask(CHAT, body)
        self.assertEqual(self.sim.last(), body.replace(b',"model":"renamed"', b',"model":"model-one"', 1))

    def test_usage_is_asked_for_by_one_splice(self):
        body = ODD.replace(b'"model"', b'"stream":true,"model"')
        answered = self.governor.ask(CHAT, body)
        self.assertEqual(answered.status, 200, answered)
        sent = self.sim.last()
        self.assertTrue(json.loads(sent)["stream_options"]["include_usage"])
        self.assertEqual(sent.replace(b'"stream_options":{"include_usage":true},', b"", 1), body)

    def test_usage_is_added_to_options_that_are_there(self):
        options = b'"stream":true,"stream_options": {"include_obfuscation":false , "z":1.0},"model"'
        self.governor.ask(CHAT, ODD.replace(b'"model"', options))
        sent = json.loads(self.sim.last())["stream_options"]
        self.assertEqual(sent, {"include_obfuscation": False, "z": 1.0, "include_usage": True})
        self.assertIn(b'"include_obfuscation":false , "z":1.0', self.sim.last())

    def test_usage_declined_by_the_client_is_asked_for_in_place(self):
        options = b'"stream":true,"stream_options":{"include_usage":false},"model"'
        answered = self.governor.ask(CHAT, ODD.replace(b'"model"', options))
        self.assertEqual(self.sim.last(), ODD.replace(b'"model"', options.replace(b"false", b"true")))
        self.assertNotIn(b'"choices":[]', answered.body)

    def test_usage_chunk_is_hidden_from_a_client_that_did_not_ask(self):
        hidden = self.call(stream=True)
        self.assertNotIn(b'"choices":[]', hidden.body)
        self.assertNotIn(b'"prompt_tokens"', hidden.body)
        self.assertTrue(hidden.body.endswith(b"data: [DONE]\n\n"))
        shown = self.call(stream=True, stream_options={"include_usage": True})
        self.assertIn(b'"choices":[]', shown.body)
        self.assertIn(b'"prompt_tokens"', shown.body)

    def test_usage_chunk_is_hidden_in_each_of_its_forms(self):
        for form in ("empty", "null", "absent"):
            with self.subTest(form):
                self.sim.fault(f"usage_choices: {form}")
                answered = self.call(stream=True)
                self.assertEqual(answered.status, 200)
                self.assertNotIn(b'"prompt_tokens"', answered.body)

    def test_usage_is_not_asked_for_where_the_target_says_so(self):
        body = ODD.replace(b'"any"', b'"bare","stream":true')
        self.assertEqual(self.governor.ask(CHAT, body).status, 200)
        self.assertEqual(self.sim.last(), body.replace(b'"bare"', b'"model-one"'))

    def test_other_dialects_are_asked_for_nothing(self):
        for path in (RESPONSES, MESSAGES):
            body = ODD.replace(b'"model"', b'"stream":true,"model"')
            self.assertEqual(self.governor.ask(path, body).status, 200)
            self.assertEqual(self.sim.last(), body)


class Headers(rig.World):
    CONFIG = """version: 1
providers:
  stored: {dialect: openai, base_url: "http://SIM/v1", keys: ["file:key.txt"]}
  stored_a: {dialect: anthropic, base_url: "http://SIM", keys: ["file:key.txt"]}
  own: {dialect: openai, base_url: "http://SIM/v1", auth: client}
  own_a: {dialect: anthropic, base_url: "http://SIM", auth: client}
targets:
  stored: {provider: stored}
  stored_a: {provider: stored_a}
  own: {provider: own}
  own_a: {provider: own_a}
routes:
  stored: {path: [stored]}
  stored_a: {path: [stored_a]}
  own: {path: [own]}
  own_a: {path: [own_a]}
"""
    FILES = {"key.txt": "provider-secret\n"}

    PASS = {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b-2", "openai-beta": "assistants=v2",
            "openai-organization": "org", "x-stainless-lang": "js", "user-agent": "test/1",
            "accept": "application/json", "x-request-id": "abc", "idempotency-key": "k"}
    DROP = {"cookie": "a=b", "x-api-key": "client-secret", "x-aire-agent": None, "x-aire-session": "s-1",
            "x-aire-user": "u-1", "x-aire-confidence": "0.5", "x-aire-unknown": "1",
            "proxy-authorization": "Basic eA==", "proxy-connection": "keep-alive", "te": "trailers",
            "trailer": "X-T", "keep-alive": "timeout=5", "upgrade": "h2c", "x-forwarded-for": "1.2.3.4",
            "x-forwarded-host": "evil", "forwarded": "for=1.2.3.4", "x-named": "hop",
            "connection": "keep-alive, X-Named", "with_underscore": "1", "http2-settings": "AAMA",
            "via": "1.1 x", "referer": "http://127.0.0.1/"}

    def sent(self, path, model, **more):
        fields = {**self.PASS, **{k: v for k, v in self.DROP.items() if v}, **more}
        answered = self.call(path, model, headers=fields)
        self.assertEqual(answered.status, 200, answered)
        return self.sim.last_headers()

    def test_what_the_provider_gets(self):
        for path, model in ((CHAT, "stored"), (RESPONSES, "stored"), (MESSAGES, "stored_a")):
            with self.subTest(path):
                got = self.sent(path, model, authorization="Bearer client-secret")
                self.assertEqual({k: got.get(k) for k in self.PASS}, self.PASS)
                self.assertEqual(set(self.DROP) & set(got) - {"x-api-key"}, set())
                self.assertNotIn("client-secret", str(got))
                self.assertEqual(got["host"], f"127.0.0.1:{self.sim.port}")
                self.assertEqual(got["accept-encoding"], "identity")

    def test_stored_credential_of_each_dialect(self):
        got = self.sent(CHAT, "stored")
        self.assertEqual((got.get("authorization"), got.get("x-api-key")), ("Bearer provider-secret", None))
        got = self.sent(MESSAGES, "stored_a")
        self.assertEqual((got.get("authorization"), got.get("x-api-key")), (None, "provider-secret"))

    def test_clients_own_credential_where_the_provider_wants_it(self):
        got = self.sent(CHAT, "own", authorization="Bearer mine")
        self.assertEqual(got.get("authorization"), "Bearer mine")
        got = self.sent(MESSAGES, "own_a")
        self.assertEqual(got.get("x-api-key"), "client-secret")

    def test_connection_cannot_remove_what_is_ours(self):
        got = self.sent(CHAT, "stored", connection="authorization, content-length, host, traceparent")
        self.assertEqual(got.get("authorization"), "Bearer provider-secret")
        self.assertTrue(got.get("content-length") and got.get("host") and got.get("traceparent"))

    def test_version_headers_are_never_invented(self):
        self.call(MESSAGES, "stored_a")
        self.assertNotIn("anthropic-version", self.sim.last_headers())

    def test_query_reaches_the_provider(self):
        self.governor.ask(MESSAGES + "?beta=true", self.body(MESSAGES, "stored_a"))
        self.assertEqual(self.sim.state()["heads"][-1]["target"], "/v1/messages?beta=true")

    def test_trace_is_continued(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        got = self.sent(CHAT, "stored", traceparent=f"00-{trace}-b7ad6b7169203331-01", tracestate="a=1")
        version, sent, parent, flags = got["traceparent"].split("-")
        self.assertEqual((version, sent, flags), ("00", trace, "01"))
        self.assertNotEqual(parent, "b7ad6b7169203331")
        self.assertEqual(got.get("tracestate"), "a=1")

    def test_a_malformed_trace_begins_anew(self):
        for bad in ("x", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "ff-0-0-0"):
            got = self.sent(CHAT, "stored", traceparent=bad)
            self.assertRegex(got["traceparent"], "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$")
            self.assertNotIn(bad, got["traceparent"])

    def test_what_the_client_gets(self):
        fields = ('[ "Set-Cookie: a=b", "Alt-Svc: h3=x", "Server: big", "X-Aire-Tier: fake", '
                  '"X-Aire-Degraded: fake", "Strict-Transport-Security: a", "Connection: X-Hop", '
                  '"X-Hop: 1", "Proxy-Authenticate: Basic", "X-Should-Retry: true", '
                  '"X-RateLimit-Remaining-Tokens: 7", "Request-Id: r-1" ]')
        self.sim.fault(f"headers: {fields}")
        for stream in (False, True):
            got = self.call(CHAT, "stored", stream)
            self.assertEqual(got.status, 200, got)
            for name in ("set-cookie", "alt-svc", "server", "strict-transport-security", "x-hop",
                         "proxy-authenticate", "x-should-retry", "x-aire-degraded"):
                self.assertIsNone(got.header(name), name)
            self.assertEqual(got.header("x-aire-tier"), "stored")
            self.assertEqual((got.header("x-ratelimit-remaining-tokens"), got.header("request-id")),
                             ("7", "r-1"))

    def test_responses_of_any_framing_are_framed_anew(self):
        for framing in ("close", "http10", "normal"):
            self.sim.fault(f"framing: {framing}")
            with self.open() as conn:
                for stream in (False, True, False):
                    got = conn.send(request(CHAT, self.body(CHAT, "stored", stream))).response()
                    self.assertEqual((got.status, got.ended), (200, True), framing)
                    self.assertIn("order 4711", got.text())


class Answers(rig.World):
    """The answer's bytes are the provider's, whatever they were cut into on the way."""

    def direct(self, path, body):
        # What the provider says to the very bytes that the Governor sends.
        prefix = "/south" if path == MESSAGES else "/east"
        return rig.answer(self.sim.port, request(prefix + path, body))

    def test_plain_answer_is_byte_for_byte(self):
        for path in (CHAT, RESPONSES, MESSAGES, EMBEDDINGS):
            with self.subTest(path):
                through = self.governor.ask(path, ODD)
                self.assertEqual(through.body, self.direct(path, ODD).body)

    def test_odd_plain_answer_is_byte_for_byte(self):
        self.sim.fault("extra_fields: true, pad: 3MiB")
        through = self.governor.ask(CHAT, ODD)
        self.assertGreater(len(through.body), 3 << 20)
        self.assertEqual(through.body, self.direct(CHAT, ODD).body)

    def test_stream_is_byte_for_byte(self):
        for path in (RESPONSES, MESSAGES, CHAT):
            body = ODD.replace(b'"model"', b'"stream":true,"stream_options":{"include_usage":true},"model"')
            with self.subTest(path):
                through = self.governor.ask(path, body)
                self.assertEqual(through.body, self.direct(path, body).body)

    def test_streams_survive_any_way_of_cutting_and_writing(self):
        forms = ("line_end: crlf", "line_end: cr", "comments: 2", "data_lines: 4", "bom: true",
                 "extra_events: 3", "extra_fields: true", "split_utf8: true", "chunk: 3B",
                 "write: 61B", "chunk: 1B", "pad: 2MiB", "line_end: crlf, write: 67B",
                 "framing: close", "interim: 103", "header_pad: 8KiB")
        question = "Grüße 😀 an order #12"
        for path in (CHAT, RESPONSES, MESSAGES):
            clean = self.call(path, stream=True, question=question).text()
            self.assertIn(question, clean)
            for form in forms:
                with self.subTest(form, path=path):
                    self.sim.fault(form)
                    got = self.call(path, stream=True, question=question)
                    self.assertEqual((got.status, got.header("x-aire-attempts")), (200, "1"), got)
                    text = got.text() if "end: cr" not in form else self.text_any(got)
                    self.assertTrue(text.startswith(clean) if "pad: 2" in form else text == clean,
                                    text[:500])
            self.sim.script("")

    @staticmethod
    def text_any(got):
        got.body = got.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return got.text()

    def test_embeddings_keep_the_format_that_was_asked(self):
        plain = self.call(EMBEDDINGS).json()["data"][0]["embedding"]
        packed = self.call(EMBEDDINGS, encoding_format="base64").json()["data"][0]["embedding"]
        self.assertIsInstance(plain, list)
        self.assertIsInstance(packed, str)

    def test_tools_and_structure_pass(self):
        tools = [{"type": "function", "function": {"name": "lookup_order", "parameters": {
            "type": "object", "properties": {"order_id": {"type": "string"}}}}}]
        for stream in (False, True):
            got = self.call(CHAT, stream=stream, tools=tools, question="look up order 4711")
            self.assertEqual(got.status, 200)
            self.assertIn(b"lookup_order", got.body)
            self.assertIn(b'"finish_reason":"tool_calls"', got.body)


if __name__ == "__main__":
    unittest.main()
