# SPDX-License-Identifier: Apache-2.0
"""Calls survive a failing provider: which tier answers which fault, after how many attempts, and what
the client sees when it is too late for another."""

import json
import socket
import threading
import time
import unittest

import rig
from rig import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, request

RULES = """version: 1
rules:
  - name: where-is-my-order
    when: {message: '(?i)\\bwhere is (?:my )?order #?(?<order>\\d+)', error: [error, timeout, network, open]}
    answer: "I have noted order ${order}; you will hear from us."
    confidence: 0.5
"""

QUICK = """timeouts: {connect: 1s, head: 300ms, first_token: 300ms, idle: 300ms, idle_reasoning: 900ms, total: 8s}
    retries: {attempts: 2, backoff: 5ms, backoff_max: 1500ms, budget: 100%}
    breaker: {failures: 1000}"""
if rig.SLOW > 1:
    QUICK = QUICK.replace("300ms", "900ms").replace("900ms, total: 8s", "2700ms, total: 24s")

ROUTES = rig.BASE + f"""
routes:
  any:
    path: [one, two, rules, human]
    rules: rules.yaml
    {QUICK}
  claude:
    path: [first, second, rules, human]
    rules: rules.yaml
    {QUICK}
  alone:
    path: [one]
    {QUICK}
  alone-claude:
    path: [first]
    {QUICK}
  filter-falls:
    path: [one, two]
    refusals: fallback
    {QUICK}
"""

DIALECTS = ((CHAT, "any"), (RESPONSES, "any"), (MESSAGES, "claude"))
FIRST_TIER = "path: /east/*", "path: /south/*"  # the rules of a script that break it

# Outcomes. (which target, attempts): the answer came whole from there.
FIRST = ("first", 1)
RETRIED = ("second", 3)  # tried again, then the next tier
LEFT = ("second", 2)     # another try would not help
BROKEN = "broken"        # typed error after the first byte

# (fault, outcome of a plain call, outcome of a stream); None: does not apply. Where one dialect differs,
# a map by path.
FAULTS = (
    # The provider says that it failed.
    ("status: 500", RETRIED, RETRIED),
    ("status: 502", RETRIED, RETRIED),
    ("status: 503", RETRIED, RETRIED),
    ("status: 504", RETRIED, RETRIED),
    ("status: 529", RETRIED, RETRIED),
    ("error: overloaded", RETRIED, RETRIED),
    ("error: rate_limit", RETRIED, RETRIED),
    ("error: conflict", RETRIED, RETRIED),
    ("error: request_timeout", RETRIED, RETRIED),
    ("status: 302", RETRIED, RETRIED),
    ("status: 502, body: '<html>', content_type: text/html", RETRIED, RETRIED),
    # The connection fails.
    ("end: reset, headless: true", RETRIED, RETRIED),
    ("end: cut, headless: true", RETRIED, RETRIED),
    ("end: reset, after: 10", RETRIED, None),
    ("end: cut, after: 10", RETRIED, None),
    ("end: reset, after: 1", None, RETRIED),
    ("end: cut, after: 1", None, RETRIED),
    ("end: reset, after: 6", None, BROKEN),
    ("end: cut, after: 6", None, BROKEN),
    # It is silent.
    ("end: stall, headless: true", RETRIED, RETRIED),
    ("delay: 5s", RETRIED, RETRIED),
    ("first_token: 5s", None, LEFT),
    ("end: stall, after: 1", None, LEFT),
    ("end: stall, after: 10", LEFT, None),
    ("end: stall, after: 6", None, BROKEN),
    ("between: 5s", None, BROKEN),
    # It says what its dialect does not allow.
    ("end: tidy", RETRIED, RETRIED),
    ("end: tidy, after: 1", None, RETRIED),
    ("end: tidy, after: 6", None, BROKEN),
    ("omit: [finish, terminal]", None, BROKEN),
    ("omit: [finish, terminal, tokens]", None, RETRIED),
    ("bad_event: 1", RETRIED, RETRIED),
    ("bad_event: 6", None, BROKEN),
    ("bad_chunk: 1", None, RETRIED),
    ("bad_chunk: 6", None, BROKEN),
    ("error_event: 1, error: overloaded", None, RETRIED),
    ("error_event: 2, error: server", None, RETRIED),
    ("error_event: 7, error: overloaded", None, BROKEN),
    ("error_event: 1, error: rate_limit", None, RETRIED),
    ("content_type: text/html", RETRIED, RETRIED),
    ("body: 'Bad gateway'", RETRIED, RETRIED),
    ("body: '{}'", RETRIED, RETRIED),
    ("body: '[]'", RETRIED, RETRIED),
    ("headers: {content-encoding: gzip}", RETRIED, RETRIED),
    ("framing: both", RETRIED, RETRIED),
    ("framing: short", RETRIED, None),
    ("framing: long", RETRIED, None),
    ("header_pad: 100KiB", LEFT, LEFT),
    ("omit: [event_lines]", None, {CHAT: FIRST, RESPONSES: RETRIED, MESSAGES: RETRIED}),
    ("omit: [terminal]", None, {CHAT: FIRST, RESPONSES: BROKEN, MESSAGES: BROKEN}),
    # Another model may manage what this one cannot.
    ("error: context_length", LEFT, LEFT),
    # No fault at all.
    ("framing: close", FIRST, FIRST),
    ("framing: http10", FIRST, FIRST),
    ("connection: close", FIRST, FIRST),
    ("interim: 103", FIRST, FIRST),
    ("delay: 50ms, first_token: 50ms", FIRST, FIRST),
    ("between: 10ms", FIRST, FIRST),
    ("finish: length", FIRST, FIRST),
    ("finish: content_filter", FIRST, FIRST),
    ("finish: refusal", FIRST, FIRST),
    ("pad: 1MiB", FIRST, FIRST),
)


class Table(rig.World):
    CONFIG = ROUTES
    FILES = {"rules.yaml": RULES}

    NAMES = {"first": ("one", "first"), "second": ("two", "second")}

    def run_table(self, stream):
        for do, plain, streamed in FAULTS:
            outcome = streamed if stream else plain
            if outcome is None:
                continue
            self.sim.script("\n".join(f"  - {{match: {{{where}}}, do: {{{do}}}}}" for where in FIRST_TIER))
            # The dialects wait at the same time for what must be waited for.
            answers = in_parallel(*(lambda p=path, m=model: self.call(p, m, stream)
                                    for path, model in DIALECTS))
            for (path, model), got in zip(DIALECTS, answers):
                with self.subTest(do, stream=stream, path=path):
                    self.check(path, got, outcome[path] if isinstance(outcome, dict) else outcome, stream)

    def check(self, path, got, outcome, stream):
        self.assertNotIsInstance(got, Exception)
        if outcome == BROKEN:
            self.check_broken(path, got)
            return
        tier, attempts = outcome
        name = self.NAMES[tier][path == MESSAGES]
        self.assertEqual(got.status, 200, got)
        self.assertTrue(got.ended, "the body broke off")
        self.assertEqual((got.header("x-aire-target"), got.header("x-aire-tier"),
                          got.header("x-aire-attempts")), (name, name, str(attempts)), got)
        self.assertEqual(got.header("x-aire-degraded"), name if tier == "second" else None)
        confidence = got.header("x-aire-confidence")
        if tier == "second":
            self.assertIn("order 4711", got.text())
            self.assertLess(float(confidence), 1)
        if stream:
            self.check_stream(path, got)

    def check_stream(self, path, got):
        """One start, one end, the end last; nothing of a failed attempt before it."""
        events = got.events()
        if path == CHAT:
            self.assertEqual([data for _, data in events].count("[DONE]"), 1)
            self.assertEqual(events[-1][1], "[DONE]")
            chunks = [json.loads(data) for _, data in events[:-1]]
            self.assertEqual(len({chunk["id"] for chunk in chunks}), 1)
            reasons = [c.get("finish_reason") for chunk in chunks for c in chunk["choices"]]
            self.assertEqual(len([reason for reason in reasons if reason]), 1)
            return
        names = [json.loads(data)["type"] for _, data in events]
        start, ends = (("response.created", ("response.completed", "response.incomplete"))
                       if path == RESPONSES else ("message_start", ("message_stop",)))
        self.assertEqual(names.count(start), 1)
        self.assertEqual(names.index(start), 0)
        self.assertIn(names[-1], ends)

    def check_broken(self, path, got):
        self.assertEqual(got.status, 200, got)
        self.assertTrue(got.ended, "not a clean end")
        name, data = got.events()[-1]
        last = json.loads(data)
        if path == CHAT:
            self.assertIsNone(name)
            error = last["error"]
            self.assertIn("code", error)
        elif path == RESPONSES:
            self.assertEqual((name, last["type"]), ("error", "error"))
            numbers = [json.loads(data)["sequence_number"] for _, data in got.events()]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            error = last
        else:
            self.assertEqual((name, last["type"]), ("error", "error"))
            error = last["error"]
            self.assertIn("type", error)
        self.assertTrue(error["message"])
        self.assertNotIn(b"[DONE]", got.body)
        self.assertEqual(got.header("x-aire-attempts"), "1")

    def test_plain(self):
        self.run_table(False)

    def test_streams(self):
        self.run_table(True)

    def test_embeddings_as_well(self):
        for do in ("status: 500", "end: cut, headless: true", "body: '{}'"):
            self.sim.fault(do, FIRST_TIER[0])
            got = self.call(EMBEDDINGS)
            self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts")),
                             (200, "two", "3"), do)

    def test_one_fault_is_repaired_by_one_retry(self):
        for do in ("status: 500", "delay: 5s", "end: tidy", "bad_event: 1"):
            for stream in (False, True):
                self.sim.script(f"  - {{match: {{path: /east/*}}, times: 1, do: {{{do}}}}}")
                got = self.call(CHAT, "any", stream)
                self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts"),
                                  got.header("x-aire-degraded")), (200, "one", "2", None), do)

    def test_a_stale_connection_costs_no_attempt(self):
        self.sim.fault("connection: drop")
        for _ in range(5):
            got = self.call()
            self.assertEqual((got.status, got.header("x-aire-attempts")), (200, "1"))

    def test_pings_are_no_content(self):
        # Comments come all the time, words do not.
        self.sim.fault("first_token: 5s, comments: 1", FIRST_TIER[1])
        got = self.call(MESSAGES, "claude", True)
        self.assertEqual(got.header("x-aire-target"), "second", got)


class ClientFaults(rig.World):
    """What the client did wrong is told to it, once, in the provider's words."""

    CONFIG = ROUTES
    FILES = {"rules.yaml": RULES}

    def test_status_and_words_pass_and_nothing_is_tried_again(self):
        cases = (("bad_request", 400), ("not_found", 404), ("too_large", 413), ("unprocessable", 422))
        for error, status in cases:
            for path, model in DIALECTS:
                for stream in (False, True):
                    with self.subTest(error, path=path, stream=stream):
                        self.sim.fault(f"error: {error}, message: 'your very own mistake'")
                        before = self.arrived()
                        got = self.call(path, model, stream)
                        self.assert_error(got, status, path)
                        self.assertIn("your very own mistake", got.error()["message"])
                        self.assertEqual(got.header("x-should-retry"), "false")
                        self.assertEqual(got.header("x-aire-attempts"), "1")
                        self.assertEqual(self.arrived() - before, 1)

    def test_content_filter_is_an_answer(self):
        for path, model in DIALECTS:
            self.sim.fault("error: content_filter, message: 'not with me'")
            got = self.call(path, model)
            self.assert_error(got, 400, path)
            self.assertIn("not with me", got.error()["message"])
            self.assertEqual(got.header("x-aire-attempts"), "1")

    def test_content_filter_falls_back_where_the_route_says_so(self):
        for do in ("error: content_filter", "finish: content_filter"):
            self.sim.fault(do, FIRST_TIER[0])
            got = self.call(CHAT, "filter-falls")
            self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts")),
                             (200, "two", "2"), do)

    def test_context_length_everywhere_is_told_in_the_providers_words(self):
        self.sim.fault("error: context_length, message: 'over 8192 tokens'")
        got = self.call(CHAT, "alone")
        self.assert_error(got, 400, CHAT, "context_length_exceeded")
        self.assertIn("over 8192 tokens", got.error()["message"])


class Waiting(rig.World):
    """Retry-After, budgets, deadlines."""

    CONFIG = ROUTES + """
  frugal: {path: [one], retries: {attempts: 3, backoff: 0ms, budget: 0%}, breaker: {failures: 1000}}
  hasty:
    path: [one, two]
    timeouts: {total: 600ms}
    breaker: {failures: 1000}
"""
    FILES = {"rules.yaml": RULES}

    def timed(self, *arguments, **more):
        began = time.monotonic()
        got = self.call(*arguments, **more)
        return got, time.monotonic() - began

    def once(self, do):
        self.sim.script(f"  - {{match: {{path: /east/*}}, times: 1, do: {{{do}}}}}")

    def test_retry_after_is_waited_for(self):
        self.once('error: rate_limit, headers: {retry-after: "1"}')
        got, took = self.timed()
        self.assertEqual((got.header("x-aire-target"), got.header("x-aire-attempts")), ("one", "2"))
        self.assertGreaterEqual(took, 0.99)
        self.assertLess(took, 1.5 * rig.SLOW)

    def test_retry_after_ms_is_read_first(self):
        self.once('error: rate_limit, headers: {retry-after: "1", retry-after-ms: "200"}')
        got, took = self.timed()
        self.assertEqual((got.header("x-aire-target"), got.header("x-aire-attempts")), ("one", "2"))
        self.assertGreaterEqual(took, 0.19)
        self.assertLess(took, 0.9 * rig.SLOW)

    def test_a_long_retry_after_is_not_waited_for(self):
        self.once('error: rate_limit, headers: {retry-after: "30"}')
        got, took = self.timed()
        self.assertEqual((got.header("x-aire-target"), got.header("x-aire-attempts")), ("two", "2"))
        self.assertLess(took, 0.5 * rig.SLOW)

    def test_retry_after_reaches_the_client_when_nothing_is_left(self):
        self.sim.fault('error: rate_limit, headers: {retry-after: "30"}')
        for path, model in ((CHAT, "alone"), (MESSAGES, "alone-claude")):
            got = self.call(path, model)
            self.assert_error(got, 429, path, "rate_limit_exceeded")
            self.assertEqual((got.header("retry-after"), got.header("x-should-retry")), ("30", "false"))

    def test_an_endless_retry_after_is_capped(self):
        for value in ("99999999999999999999", "-5", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"):
            self.sim.fault(f'error: rate_limit, headers: {{retry-after: "{value}"}}')
            got, took = self.timed(CHAT, "alone")
            self.assert_error(got, 429)
            self.assertLessEqual(int(got.header("retry-after", "0")), 86400, value)
            self.assertLess(took, 1 * rig.SLOW)

    def test_a_budget_bounds_the_retries(self):
        self.sim.fault("status: 500")
        began = time.monotonic()
        for _ in range(60):
            self.assert_error(self.call(CHAT, "frugal"), 502)
        free = 10 * (time.monotonic() - began + 2)
        self.assertLessEqual(self.arrived(), 60 + free)

    def test_total_deadline_ends_everything(self):
        self.sim.fault("delay: 5s")
        got, took = self.timed(CHAT, "hasty")
        self.assert_error(got, 504, CHAT, "deadline_exceeded")
        self.assertGreater(took, 0.55)
        self.assertLess(took, 1.2 * rig.SLOW)

    def test_total_deadline_in_a_stream_is_a_typed_end(self):
        self.sim.fault("between: 100ms")
        got = self.call(CHAT, "hasty", True)
        self.assertTrue(got.ended)
        self.assertIn("error", json.loads(got.events()[-1][1]))


class Down(rig.World):
    """All models are gone."""

    CONFIG = ROUTES + f"""
  people: {{path: [human]}}
  watched:
    path: [one, rules, two]
    rules: rules.yaml
    modes: {{rules: observe}}
    {QUICK}
  unmanned: {{path: [one, human], modes: {{human: observe}}, breaker: {{failures: 1000}}}}
"""
    FILES = {"rules.yaml": RULES}

    def setUp(self):
        super().setUp()
        self.sim.fault("status: 503")

    def test_rules_answer(self):
        for path, model in DIALECTS:
            for stream in (False, True):
                with self.subTest(path, stream=stream):
                    got = self.call(path, model, stream, question="Where is my order #4711?")
                    self.assertEqual(got.status, 200, got)
                    self.assertEqual(got.text(), "I have noted order 4711; you will hear from us.")
                    self.assertEqual((got.header("x-aire-tier"), got.header("x-aire-degraded"),
                                      got.header("x-aire-attempts")), ("rules", "rules", "4"))
                    self.assertEqual(float(got.header("x-aire-confidence")), 0.5)
                    self.assertIsNone(got.header("x-aire-target"))
                    if stream:
                        Table.check_stream(self, path, got)

    def test_a_person_is_asked_where_no_rule_holds(self):
        for path, model in DIALECTS:
            for stream in (False, True):
                with self.subTest(path, stream=stream):
                    got = self.call(path, model, stream, question="hello")
                    self.assertEqual(got.status, 200, got)
                    review = got.header("x-aire-review")
                    self.assertTrue(review)
                    self.assertIn(review, got.text())
                    self.assertEqual((got.header("x-aire-tier"), got.header("x-aire-degraded")),
                                     ("human", "human"))
                    self.assertLess(float(got.header("x-aire-confidence")), 0.5)
                    waiting = self.governor.rows("reviews", "list", "--state", "pending")
                    found = [r for r in waiting if r["id"] == review]
                    self.assertEqual([r["question"] for r in found], ["hello"])

    def test_words_do_not_stand_in_for_a_schema_or_a_tool(self):
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
        demands = (
            (CHAT, "any", {"response_format": {"type": "json_schema", "json_schema": {
                "name": "a", "schema": schema}}}),
            (CHAT, "any", {"response_format": {"type": "json_object"}}),
            (CHAT, "any", {"tools": [tool], "tool_choice": "required"}),
            (RESPONSES, "any", {"text": {"format": {"type": "json_schema", "name": "a",
                                                    "schema": schema}}}),
            (MESSAGES, "claude", {"output_config": {"format": {"type": "json_schema",
                                                               "schema": schema}}}),
            (MESSAGES, "claude", {"tools": [{"name": "f", "input_schema": schema}],
                                  "tool_choice": {"type": "any"}}),
        )
        for path, model, demand in demands:
            for stream in (False, True):
                with self.subTest(demand, stream=stream):
                    got = self.call(path, model, stream, question="where is my order 4711", **demand)
                    self.assert_error(got, 503, path, "review_pending")
                    self.assertTrue(got.header("x-aire-review"))
                    self.assertIn(got.header("x-aire-review"), got.error()["message"])

    def test_a_route_may_lead_to_people_alone(self):
        got = self.call(CHAT, "people")
        self.assertEqual((got.status, got.header("x-aire-tier"), got.header("x-aire-attempts")),
                         (200, "human", "0"))
        self.assertIsNone(got.header("x-aire-degraded"))
        self.assertEqual(self.arrived(), 0)

    def test_observed_tiers_let_pass_and_record(self):
        self.sim.fault("status: 503", FIRST_TIER[0])
        got = self.call(CHAT, "watched", question="where is my order 4711")
        self.assertEqual((got.status, got.header("x-aire-target")), (200, "two"))
        self.assertEqual(self.would_have(got), ["where-is-my-order"])
        got = self.call(CHAT, "unmanned")
        self.assert_error(got, 502)
        self.assertIsNone(got.header("x-aire-review"))
        self.assertEqual(self.would_have(got), ["human"])

    def would_have(self, got):
        return [e["rule"] for e in self.governor.record(got) if e["event"] == "would_have"]

    def test_embeddings_cannot_be_made_up(self):
        self.assertGreaterEqual(self.call(EMBEDDINGS).status, 500)

    def test_without_other_tiers_the_error_is_ours(self):
        self.sim.fault("status: 503, message: 'internal-host-17 is down'")
        for path, model in ((CHAT, "alone"), (RESPONSES, "alone"), (MESSAGES, "alone-claude")):
            for stream in (False, True):
                got = self.call(path, model, stream)
                self.assert_error(got, 502, path)
                self.assertNotIn(b"internal-host-17", got.body)
                self.assertEqual((got.header("x-should-retry"), got.header("x-aire-attempts")),
                                 ("false", "2"))

    def test_deadlines_are_504(self):
        self.sim.fault("end: stall, headless: true")
        self.assert_error(self.call(CHAT, "alone"), 504, CHAT, "provider_timeout")

    def test_a_provider_that_is_not_there(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            config = self.CONFIG.replace("SIM/east", f"127.0.0.1:{unused.getsockname()[1]}")
            governor = self.own(config, files=self.FILES)
        self.sim.script("")
        got = governor.ask(CHAT, self.body(CHAT))
        self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts")),
                         (200, "two", "3"))
        self.assert_error(governor.ask(CHAT, self.body(CHAT, "alone")), 502)


class Breaker(rig.World):
    CONFIG = rig.BASE + """
routes:
  any: {path: [one, two], retries: {attempts: 1}, breaker: {failures: 5, open: 400ms, probes: 3, close: 2}}
  alone: {path: [first], retries: {attempts: 1}, breaker: {failures: 5, open: 400ms, probes: 3, close: 2}}
"""

    def setUp(self):
        super().setUp()
        self.governor = self.own(self.CONFIG)

    def east(self):
        return self.sim.state()["paths"].get("/east/v1/chat/completions", 0)

    def breaker(self, name):
        targets = self.governor.command("status")["targets"]
        return next(target["breaker"] for target in targets if target["name"] == name)

    def test_opens_after_five_failures_and_probes_again(self):
        self.sim.fault("status: 500", FIRST_TIER[0])
        before = self.east()
        for _ in range(5):
            self.assertEqual(self.call().header("x-aire-attempts"), "2")
        self.assertEqual(self.breaker("one"), "open")
        got = self.call()
        self.assertEqual((got.header("x-aire-target"), got.header("x-aire-attempts")), ("two", "1"))
        self.assertEqual(self.east() - before, 5)
        self.sim.script("")
        # Two successes close it.
        self.assertTrue(rig.until(lambda: self.call().header("x-aire-target") == "one", 2 * rig.SLOW))
        self.assertEqual(self.call().header("x-aire-target"), "one")
        self.assertEqual(self.breaker("one"), "closed")

    def test_a_failed_probe_opens_it_for_longer(self):
        self.sim.fault("status: 500", FIRST_TIER[0])
        before = self.east()
        for _ in range(5):
            self.call()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            self.call()
        # Not more than the probes of the moments at which it was half-open.
        self.assertGreater(self.east() - before, 5)
        self.assertLessEqual(self.east() - before, 5 + 3 * 3)

    def test_streams_feed_it(self):
        self.sim.fault("end: cut, after: 6", FIRST_TIER[0])
        for _ in range(5):
            self.assertIn(b'"error"', self.call(CHAT, "any", True).body)
        self.assertEqual(self.breaker("one"), "open")
        self.assertEqual(self.call(CHAT, "any", True).header("x-aire-target"), "two")

    def test_a_success_breaks_the_row(self):
        self.sim.fault("status: 500", "path: /east/*, nth: 1-4")
        for _ in range(5):
            self.call()
        self.sim.fault("status: 500", "path: /east/*, nth: 1-4")
        for _ in range(4):
            self.call()
        self.assertEqual(self.breaker("one"), "closed")

    def test_the_clients_own_faults_do_not_move_it(self):
        for error in ("bad_request", "not_found", "unprocessable", "context_length", "content_filter"):
            self.sim.fault(f"error: {error}")
            for _ in range(6):
                self.call()
        for _ in range(6):  # nor do clients that leave
            self.sim.fault("delay: 1s")
            came = self.arrived()
            with rig.Conn(self.governor.port) as conn:
                conn.send(request(CHAT, self.body(CHAT)))
                self.assertTrue(rig.until(lambda: self.arrived() > came))
        self.assertEqual(self.breaker("one"), "closed")
        self.sim.script("")
        self.assertEqual(self.call().header("x-aire-target"), "one")

    def test_every_target_open_is_503_with_retry_after(self):
        self.sim.fault("status: 500")
        for _ in range(5):
            self.call(MESSAGES, "alone")
        came = self.arrived()
        got = self.call(MESSAGES, "alone")
        self.assert_error(got, 503, MESSAGES, "targets_unavailable")
        self.assertGreaterEqual(int(got.header("retry-after")), 1)
        self.assertEqual(self.arrived(), came)

    def test_moves_are_recorded(self):
        self.sim.fault("status: 500", FIRST_TIER[0])
        for _ in range(5):
            last = self.call()
        moved = [e for e in self.governor.record(last) if e["event"] == "breaker_moved"]
        self.assertEqual([(e["target"], e["from"], e["to"]) for e in moved], [("one", "closed", "open")])


class Keys(rig.World):
    """Credentials of a provider."""

    CONFIG = """version: 1
providers:
  pool: {dialect: openai, base_url: "http://SIM/east/v1", keys: ["file:a.txt", "file:b.txt"]}
  spare: {dialect: openai, base_url: "http://SIM/west/v1"}
targets:
  one: {provider: pool}
  two: {provider: spare}
routes:
  any: {path: [one, two], retries: {backoff: 5ms}}
  alone: {path: [one], retries: {backoff: 5ms}}
"""
    FILES = {"a.txt": "key-a", "b.txt": "key-b\n"}

    def setUp(self):
        super().setUp()
        self.governor = self.own(self.CONFIG, files=self.FILES)

    def refuse(self, key, error):
        self.sim.fault(f"error: {error}", f"header: {{name: authorization, value: 'Bearer {key}'}}")

    def test_a_refused_key_makes_room_for_the_next(self):
        for error in ("auth", "quota", "billing"):
            self.governor = self.own(self.CONFIG, files=self.FILES)
            self.refuse("key-a", error)
            got = self.call()
            self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts")),
                             (200, "one", "2"), error)
            self.assertEqual(self.sim.last_headers()["authorization"], "Bearer key-b")
            # The good one is remembered.
            self.assertEqual(self.call().header("x-aire-attempts"), "1")

    def test_no_good_key_leaves_the_target_at_once(self):
        self.sim.fault("error: auth", "path: /east/*")
        got = self.call()
        self.assertEqual((got.status, got.header("x-aire-target"), got.header("x-aire-attempts")),
                         (200, "two", "3"))
        # And for a while nothing is asked there.
        got = self.call()
        self.assertEqual((got.header("x-aire-target"), got.header("x-aire-attempts")), ("two", "1"))

    def test_our_credentials_trouble_is_not_the_clients(self):
        self.sim.fault("error: auth, message: 'Incorrect API key provided: key-a'")
        got = self.call(CHAT, "alone")
        self.assert_error(got, 502, CHAT, "provider_credential_refused")
        self.assertNotIn(b"key-a", got.body)
        self.assertNotIn("key-a", self.governor.log())

    def test_quota_used_up_is_503(self):
        self.sim.fault("error: quota")
        self.assert_error(self.call(CHAT, "alone"), 503, CHAT, "provider_quota_exhausted")

    def test_keys_are_nowhere_to_be_read(self):
        self.refuse("key-a", "auth")
        got = self.call()
        for text in (self.governor.run("config", "show", "--config", self.governor.config).stdout,
                     self.governor.run("status", "--json").stdout,
                     json.dumps(self.governor.record(got)), self.governor.log(),
                     self.governor.get("/metrics").body.decode()):
            self.assertNotIn("key-a", text)
            self.assertNotIn("key-b", text)


class Leaving(rig.World):
    """Clients that go away, and clients that do not read."""

    CONFIG = rig.BASE + """
routes:
  any: {path: [one, two], timeouts: {first_token: 20s, idle: 20s}, retries: {backoff: 5ms}}
  claude: {path: [first, second], timeouts: {first_token: 20s, idle: 20s}, retries: {backoff: 5ms}}
"""

    def leaves_within_a_second(self, path, model, stream, do, read_first):
        self.sim.fault(do)
        before = self.sim.state()["aborted"]
        came = self.arrived()
        conn = self.open(request(path, self.body(path, model, stream)))
        if read_first:
            self.assertEqual(conn.head().status, 200)
        else:
            self.assertTrue(rig.until(lambda: self.arrived() > came))
        conn.close()
        left = rig.until(lambda: self.sim.state()["aborted"] > before, 1 * rig.SLOW)
        self.assertTrue(left, "the provider was not told")
        self.assertEqual(self.arrived(), came + 1)

    def test_a_client_that_leaves_cancels_the_provider(self):
        for path, model in DIALECTS:
            for stream, do, read_first in ((True, "between: 100ms", True), (True, "delay: 250ms", False),
                                           (False, "delay: 250ms", False),
                                           (True, "end: stall, after: 8", True)):
                with self.subTest(do, path=path, stream=stream):
                    self.leaves_within_a_second(path, model, stream, do, read_first)

    def test_nothing_is_tried_again_for_it(self):
        self.sim.fault('status: 503, headers: {retry-after-ms: "400"}')
        conn = self.open(request(CHAT, self.body(CHAT)))
        self.assertTrue(rig.until(lambda: self.arrived() == 1))
        conn.close()
        self.assertFalse(rig.until(lambda: self.arrived() > 1, 0.8))

    def test_its_record_says_so_with_an_estimate(self):
        self.sim.fault("between: 50ms")
        conn = self.open(request(CHAT, self.body(CHAT, "any", True)))
        head = conn.head()
        conn.more()
        conn.close()
        ended = [e for e in self.governor.record(head) if e["event"] == "exchange_ended"][0]
        self.assertEqual(ended["outcome"], "cancelled")
        self.assertTrue(ended["tokens_estimated"])
        self.assertGreater(ended["tokens_output"], 0)
        self.assertGreater(ended["cost_microusd"], 0)

    def test_a_client_that_does_not_read_holds_the_provider_back(self):
        self.sim.fault("text: '" + "word " * 100000 + "'")  # 29 MB of events
        self.call(CHAT, "any")  # the pool and the caches are warm
        memory = self.governor.resident_bytes()
        conn = self.open(request(CHAT, self.body(CHAT, "any", True)), receive_buffer=8192, timeout=60)
        self.assertEqual(conn.head().status, 200)
        grown = max(self.governor.resident_bytes() for _ in wait(0.7))
        self.assertLess(grown - memory, (4 if rig.SLOW == 1 else 16) << 20)
        # It goes on as soon as the client reads, and nothing is lost.
        conn.socket.settimeout(rig.LIMIT_S)
        got = 0
        while b"[DONE]" not in conn.buffer[-200:]:
            conn.buffer = conn.buffer[-4096:]
            got += len(conn.more())
        self.assertGreater(got, 25 << 20)

    def test_others_are_served_meanwhile(self):
        self.sim.fault("text: '" + "word " * 30000 + "'", "stream: true")
        held = [self.open(request(CHAT, self.body(CHAT, "any", True)), receive_buffer=8192)
                for _ in range(5)]
        for conn in held:
            self.assertEqual(conn.head().status, 200)
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.call().status, 200)
        self.assertLess(time.monotonic() - began, 2 * rig.SLOW)


class Flapping(rig.World):
    CONFIG = ROUTES
    FILES = {"rules.yaml": RULES}

    def test_every_call_is_answered_by_a_model(self):
        self.sim.script("  - {match: {path: /east/*, up: 50ms, down: 50ms}, do: {status: 503}}\n"
                        "  - {match: {path: /west/*, every: 3}, do: {end: reset, headless: true}}")
        end = time.monotonic() + 1
        count = 0
        while time.monotonic() < end:
            got = self.call(CHAT, "any", count % 2 == 1)
            self.assertEqual((got.status, got.ended), (200, True))
            self.assertIn(got.header("x-aire-target"), ("one", "two"))
            self.assertIn("order 4711", got.text())
            count += 1
        self.assertGreater(count, 10)

    def test_accounts_name_the_model_that_answered(self):
        self.sim.fault("status: 500", FIRST_TIER[0])
        for stream in (False, True):
            got = self.call(CHAT, "any", stream)
            events = self.governor.record(got)
            ended = [e for e in events if e["event"] == "exchange_ended"][0]
            self.assertEqual((ended["target"], ended["tier"], ended["attempts"], ended["degraded"]),
                             ("two", "two", 3, True))
            self.assertFalse(ended["tokens_estimated"])
            self.assertGreater(ended["tokens_input"], 0)
            self.assertGreater(ended["tokens_output"], 0)
            tries = [(e["target"], e["failure"]) for e in events if e["event"] == "attempt_ended"]
            self.assertEqual(tries, [("one", "provider"), ("one", "provider"), ("two", "none")])


def in_parallel(*calls):
    """Results in order; an exception is a result."""
    results = [None] * len(calls)

    def run(i):
        try:
            results[i] = calls[i]()
        except Exception as error:  # reported by the caller, in the test's own thread
            results[i] = error
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def wait(seconds):
    """Ticks for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
