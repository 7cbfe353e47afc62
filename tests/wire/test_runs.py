# SPDX-License-Identifier: Apache-2.0
"""Durable runs: an agent that starts again gets its recorded steps back and makes new ones only."""

import os
import signal
import subprocess
import tempfile

import rig

CONFIG = rig.BASE + """routes:
  plain: {path: [one], retries: {attempts: 1}, timeouts: {total: 20s}}
  claude: {path: [first]}
  secret: {path: [one], ephemeral: true}
  hidden: {path: [one], guardrails: hide}
guardrails:
  hide:
    input: {pii: {mode: enforce, action: redact, restore: user, entities: [email]}}
runs:
  mask: [/metadata, /messages/*/name]
"""


def chat(text, model="plain", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


class RunCase(rig.World):
    CONFIG = CONFIG

    def setUp(self):
        super().setUp()
        self.run_id = self.id().rsplit(".", 1)[1][-60:].strip("_")

    def call(self, attempt, body, path=rig.CHAT, headers=(), run=None):
        return self.governor.ask(f"/run/{run or self.run_id}/{attempt}{path}", body, headers)

    def calls(self):
        return self.sim.state()["requests"] - self.came

    def assertReplayed(self, answer, of):
        self.assertEqual((answer.status, answer.header("x-aire-replayed"), answer.body),
                         (200, "true", of.body))
        self.assertEqual(answer.header("x-aire-attempts"), "0")


class Replaying(RunCase):
    def test_a_later_try_gets_the_recorded_answer(self):
        first = self.call(1, chat("hello"))
        self.assertReplayed(self.call(2, chat("hello")), first)
        self.assertEqual(self.calls(), 1)

    def test_a_stream_comes_back_as_it_was(self):
        first = self.call(1, chat("hello", stream=True))
        again = self.call(2, chat("hello", stream=True))
        self.assertReplayed(again, first)
        self.assertEqual(again.events()[-1][1], "[DONE]")

    def test_every_dialect(self):
        body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
        for stream in False, True:
            first = self.call(1, {**body, "stream": stream}, rig.MESSAGES)
            self.assertReplayed(self.call(2, {**body, "stream": stream}, rig.MESSAGES), first)
            self.run_id += "s"
        for path, body in ((rig.RESPONSES, {"model": "plain", "input": "hi"}),
                           (rig.EMBEDDINGS, {"model": "plain", "input": "hi"})):
            first = self.call(3, body, path)
            self.assertReplayed(self.call(4, body, path), first)
            self.run_id += "s"

    def test_equal_requests_of_a_try_are_steps_of_their_own(self):
        answers = [self.call(1, chat("poll")) for _ in range(3)]
        self.assertEqual(self.calls(), 3)
        for first in answers:
            self.assertReplayed(self.call(2, chat("poll")), first)
        self.assertIsNone(self.call(2, chat("poll")).header("x-aire-replayed"))

    def test_order_does_not_matter(self):
        a, b = self.call(1, chat("a")), self.call(1, chat("b"))
        self.assertReplayed(self.call(2, chat("b")), b)
        self.assertReplayed(self.call(2, chat("a")), a)

    def test_members_in_another_order_and_masked_ones_do_not_matter(self):
        first = self.call(1, {"model": "plain", "metadata": {"trace": "1"}, "temperature": 0.50,
                              "messages": [{"role": "user", "content": "m", "name": "a"}]})
        again = self.call(2, {"messages": [{"name": "b", "content": "m", "role": "user"}],
                              "temperature": 0.5, "model": "plain"})
        self.assertReplayed(again, first)

    def test_another_time_in_the_prompt_is_the_same_question(self):
        first = self.call(1, chat("It is 2026-11-25T08:00:00Z. Sum up order 4711."))
        self.assertReplayed(self.call(2, chat("It is 2026-11-25T09:30:12Z. Sum up order 4711.")),
                            first)

    def test_another_number_in_the_prompt_is_another_question(self):
        self.call(1, chat("Sum up order 4711."))
        self.assertIsNone(self.call(2, chat("Sum up order 4712.")).header("x-aire-replayed"))

    def test_a_failed_call_is_no_step(self):
        self.sim.fault("status: 500")
        self.assertEqual(self.call(1, chat("x")).status, 502)
        self.sim.script("")
        made = self.call(1, chat("x"))
        self.assertIsNone(made.header("x-aire-replayed"))
        self.assertReplayed(self.call(2, chat("x")), made)

    def test_a_named_step_is_known_by_its_name(self):
        first = self.call(1, chat("today is monday"), headers={"x-aire-step": "greet"})
        again = self.call(2, chat("today is sunday"), headers={"x-aire-step": "greet"})
        self.assertReplayed(again, first)
        other = self.call(2, chat("today is sunday"), headers={"x-aire-step": "greet-2"})
        self.assertIsNone(other.header("x-aire-replayed"))

    def test_placeholders_are_restored_for_the_user_again(self):
        body = chat("write to ann.lee@example.com please", "hidden")
        self.sim.fault("text: 'sent to [[EMAIL]]'")
        first = self.call(1, body)
        again = self.call(2, body)
        self.assertReplayed(again, first)

    def test_two_runs_share_nothing(self):
        self.call(1, chat("hello"))
        self.assertIsNone(self.call(1, chat("hello"), run="other").header("x-aire-replayed"))


class Fencing(RunCase):
    def test_an_older_try_is_refused(self):
        self.call(2, chat("hello"))
        late = self.call(1, chat("hello"))
        self.assertEqual((late.status, late.error()["code"]), (409, "try_fenced"))

    def test_calls_that_fit_no_waiting_step_are_counted_and_then_stop_the_run(self):
        self.call(1, chat("first"))
        for i in range(3):
            live = self.call(2, chat(f"something else {i}"))
            self.assertEqual((live.status, live.header("x-aire-replayed")), (200, None))
        stopped = self.call(2, chat("something else again"))
        self.assertEqual((stopped.status, stopped.error()["code"]), (409, "run_diverged"))
        self.assertIn("step 1 waits", stopped.error()["message"])
        self.assertEqual(self.call(3, chat("first")).error()["code"], "run_diverged")

    def test_new_steps_behind_the_recorded_ones_are_no_divergence(self):
        self.call(1, chat("first"))
        self.call(2, chat("first"))
        for i in range(6):
            self.assertEqual(self.call(2, chat(f"next {i}")).status, 200)

    def test_what_is_no_place_of_a_run_is_refused_in_words(self):
        for path in "/run/-x/1", "/run/x", "/run/x/0", "/run/x/01x", "/run/x/1000001", \
                    "/run/" + "a" * 65 + "/1", "/run//1", "/run/a%20b/1":
            answer = self.governor.ask(path + rig.CHAT, chat("x"))
            self.assertEqual((answer.status, answer.error()["code"]), (400, "bad_run"), path)
        unknown = self.governor.ask("/run/x/1/v1/nothing", chat("x"))
        self.assertEqual(unknown.status, 404)

    def test_a_step_needs_a_run_and_a_printable_key(self):
        self.assertEqual(self.governor.ask(rig.CHAT, chat("x"), {"x-aire-step": "a"}).status, 400)
        for key in "a b", "k" * 129, "":
            self.assertEqual(self.call(1, chat("x"), headers={"x-aire-step": key}).status, 400)

    def test_an_ephemeral_route_is_no_place_for_runs(self):
        answer = self.call(1, chat("x", "secret"))
        self.assertEqual((answer.status, answer.error()["code"]), (400, "ephemeral_run"))


class Outliving(RunCase):
    def start(self, attempt, body):
        conn = rig.Conn(self.governor.port)
        conn.send(rig.request(f"/run/{self.run_id}/{attempt}{rig.CHAT}", body))
        self.assertTrue(rig.until(lambda: self.calls() > 0))
        return conn

    def test_a_call_whose_agent_died_is_finished_and_joined(self):
        for stream in False, True:
            with self.subTest(stream=stream):
                self.run_id += "x"
                self.came = self.sim.state()["requests"]
                body = chat("slow", stream=stream)
                self.sim.fault("delay: 400ms")
                self.start(1, body).close()
                again = self.call(2, body)
                self.assertEqual((again.status, again.header("x-aire-replayed")), (200, "true"))
                self.assertEqual(self.calls(), 1)

    def test_the_same_try_may_ask_again_after_it_hung_up(self):
        self.sim.fault("delay: 1s")
        self.start(1, chat("slow")).close()
        # Before its going is noticed, which is another loop's matter, it would be a second equal call.
        self.assertTrue(rig.until(
            lambda: b"\naire_connections_open 1\n" in self.governor.get("/metrics").body))
        again = self.call(1, chat("slow"))
        self.assertEqual((again.status, self.calls()), (200, 1))

    def test_a_call_in_flight_is_joined_by_a_later_try(self):
        self.sim.fault("delay: 400ms")
        with self.start(1, chat("slow")) as conn:
            again = self.call(2, chat("slow"))
            self.assertReplayed(again, conn.response())
        self.assertEqual(self.calls(), 1)

    def test_whoever_joined_makes_the_call_when_its_maker_failed(self):
        self.sim.fault("delay: 400ms, status: 500", "nth: 1")
        with self.start(1, chat("slow")) as conn:
            again = self.call(2, chat("slow"))
            self.assertEqual((conn.response().status, again.status), (502, 200))

    def test_equal_calls_side_by_side_are_two_steps(self):
        self.sim.fault("delay: 300ms")
        with self.start(1, chat("twin")) as conn:
            second = self.call(1, chat("twin"))
            self.assertEqual((conn.response().status, second.status), (200, 200))
        self.assertEqual(self.calls(), 2)


class Dying(RunCase):
    """The Governor is killed; what it had acknowledged stands."""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="killed-", dir=self.folder)
        self.start()

    def start(self, env=None):
        self.governor = rig.Governor(self.folder, self.text(CONFIG), env=env)
        self.addCleanup(self.governor.stop)

    def again(self, env=None):
        self.governor.stop(signal.SIGKILL)
        self.start(env)

    def test_recorded_steps_outlive_it(self):
        answers = [self.call(1, chat(f"step {i}", stream=i % 2 == 1)) for i in range(5)]
        self.again()
        for i, first in enumerate(answers):
            self.assertReplayed(self.call(2, chat(f"step {i}", stream=i % 2 == 1)), first)
        self.assertEqual(self.calls(), 5)

    def test_the_fence_outlives_it(self):
        self.call(7, chat("x"))
        self.again()
        self.assertEqual(self.call(6, chat("x")).error()["code"], "try_fenced")

    def dies_at(self, point):
        self.again({"AIRE_CRASH_AT": point})
        with self.assertRaises((rig.Closed, ConnectionError)):
            self.call(1, chat("fatal"))
        self.assertEqual(self.governor.process.wait(rig.LIMIT_S), -signal.SIGKILL)
        self.start()

    def test_killed_between_result_and_answer_the_step_is_not_repeated(self):
        self.dies_at("step_kept")
        self.assertEqual(self.call(2, chat("fatal")).header("x-aire-replayed"), "true")
        self.assertEqual(self.calls(), 1)

    def test_killed_before_the_call_the_step_is_made(self):
        self.dies_at("step_before_call")
        self.assertEqual(self.call(2, chat("fatal")).status, 200)
        self.assertEqual(self.calls(), 1)

    def test_no_word_of_a_run_stands_in_clear(self):
        self.call(1, chat("zebra-8832-marker", stream=True))
        self.again()
        found = subprocess.run(["grep", "-rlaF", "zebra-8832-marker", self.governor.data],
                               capture_output=True, check=False)
        self.assertEqual(found.stdout, b"")
        self.assertTrue(os.path.exists(os.path.join(self.governor.data, "aire.db")))


del RunCase
