# SPDX-License-Identifier: Apache-2.0
"""Steps that an agent's own code makes, and what it waits for: below /run/RUN/TRY/workflow/."""

import signal
import tempfile
import threading
import time

import rig

CONFIG = rig.BASE + """routes:
  "*": {path: [one]}
agents:
  clerk: {owner: ops, rate: 1000/min}
"""


class Case(rig.World):
    CONFIG = CONFIG

    def setUp(self):
        super().setUp()
        self.run_id = self.id().rsplit(".", 1)[1][-50:].strip("_")
        self.mine = self.governor

    def ask(self, attempt, what, body=None, headers=(), run=None):
        return self.mine.ask(f"/run/{run or self.run_id}/{attempt}/workflow/{what}",
                             {} if body is None else body, headers)

    def step(self, attempt, name, headers=(), **more):
        return self.ask(attempt, "step", {"name": name, **more}, headers)

    def report(self, attempt, step, **body):
        return self.ask(attempt, f"steps/{step}", body)

    def made(self, attempt, name, result, **more):
        """A step asked for, made, and reported."""
        answer = self.step(attempt, name, **more)
        self.assertEqual(answer.status, 201, answer)
        done = self.report(attempt, answer.json()["step"], result=result)
        self.assertEqual((done.status, done.json()["state"]), (200, "done"), done)
        return answer.json()

    def code(self, answer):
        return answer.status, answer.error()["code"]

    def own_governor(self):
        self.folder = tempfile.mkdtemp(prefix="mine-", dir=type(self).folder)
        self.mine = rig.Governor(self.folder, self.text(self.CONFIG))
        self.addCleanup(lambda: self.mine.stop())

    def again(self, env=None):
        self.mine.stop(signal.SIGKILL)
        self.mine = rig.Governor(self.folder, self.text(self.CONFIG), env=env)

    def dies(self, call):
        with self.assertRaises((rig.Closed, ConnectionError)):
            call()
        self.assertEqual(self.mine.process.wait(rig.LIMIT_S), -signal.SIGKILL)
        self.again()

    def behind(self, call):
        """The call in a thread; its answer is in the list when it has come."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(call()))
        thread.start()
        self.addCleanup(thread.join)
        return thread, answers


class Steps(Case):
    def test_a_step_is_made_once_and_answers_every_later_try(self):
        first = self.made(1, "charge", {"receipt": 7}, input={"amount": 5})
        again = self.step(2, "charge", input={"amount": 5.0})
        self.assertEqual((again.status, again.header("x-aire-replayed")), (200, "true"))
        self.assertEqual(again.json(), {"step": first["step"], "state": "done",
                                        "result": {"receipt": 7}})

    def test_another_input_is_another_step(self):
        self.made(1, "charge", 1, input=1)
        self.assertNotEqual(self.made(1, "charge", 2, input=2)["step"], 1)

    def test_equal_steps_one_after_the_other_are_told_apart(self):
        for i in range(3):
            self.made(1, "poll", i)
        self.assertEqual([self.step(2, "poll").json()["result"] for _ in range(3)], [0, 1, 2])
        self.assertEqual(self.step(2, "poll").status, 201)

    def test_results_come_back_as_they_were(self):
        for i, result in enumerate((None, False, 0, "", [], {}, 2**70, "\u2028é\\u0000", [[1.50]])):
            with self.subTest(result=result):
                self.made(2 * i + 1, f"s{i}", result)
                self.assertEqual(self.step(2 * i + 2, f"s{i}").json()["result"], result)

    def test_a_final_error_is_recorded(self):
        step = self.step(1, "charge").json()["step"]
        told = self.report(1, step, error={"message": "no funds", "code": 4}, final=True)
        self.assertEqual((told.status, told.json()["state"]), (200, "failed"))
        again = self.step(2, "charge").json()
        self.assertEqual(again, {"step": step, "state": "failed",
                                 "error": {"message": "no funds", "code": 4}})

    def test_another_error_gives_the_step_back(self):
        first = self.step(1, "charge").json()
        self.report(1, first["step"], error={"message": "timeout"})
        for attempt in 1, 2:
            again = self.step(attempt, "charge")
            self.assertEqual((again.status, again.json()), (201, first))
            self.report(attempt, first["step"], error={"message": "timeout"})

    def test_a_step_that_is_out_is_busy_for_its_try(self):
        self.step(1, "charge")
        self.assertEqual(self.code(self.step(1, "charge")), (409, "step_busy"))
        self.assertEqual(self.step(1, "other").status, 201)

    def test_names_tell_equal_steps_side_by_side_apart(self):
        a = self.step(1, "charge", {"x-aire-step": "a"}).json()["step"]
        b = self.step(1, "charge", {"x-aire-step": "b"}).json()["step"]
        self.report(1, b, result="b")
        self.report(1, a, result="a")
        self.assertEqual(self.step(2, "charge", {"x-aire-step": "b"}).json()["result"], "b")
        self.assertEqual(self.step(2, "charge", {"x-aire-step": "a"}).json()["result"], "a")

    def test_a_named_step_with_another_input_is_a_conflict(self):
        step = self.step(1, "charge", {"x-aire-step": "a"}, input=1).json()["step"]
        self.report(1, step, result=1)
        other = self.step(2, "charge", {"x-aire-step": "a"}, input=2)
        self.assertEqual(self.code(other), (409, "step_conflict"))

    def test_a_step_whose_agent_died_is_made_again_under_the_same_key(self):
        for effect in "read", "idempotent", "keyed":
            with self.subTest(effect):
                first = self.step(1, effect, effect=effect)
                again = self.step(2, effect, effect=effect)
                self.assertEqual((again.status, again.json()), (201, first.json()))
                self.assertRegex(first.json()["key"], r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
                self.run_id += "x"

    def test_an_unsafe_step_whose_agent_died_is_in_doubt(self):
        self.step(1, "pay", effect="unsafe")
        for attempt in 2, 2, 3:
            self.assertEqual(self.code(self.step(attempt, "pay", effect="unsafe")),
                             (503, "step_in_doubt"))

    def test_a_person_decides_what_is_in_doubt(self):
        self.step(1, "pay", effect="unsafe")
        step = self.step(2, "pay", effect="unsafe").error()["message"].split()[2]
        self.assertEqual(self.mine.ask(f"/api/runs/{self.run_id}/steps/{step}/decision", {
            "decision": "happened", "answer": '{"receipt": 9}'}).status, 200)
        self.assertEqual(self.step(3, "pay", effect="unsafe").json()["result"], {"receipt": 9})

    def test_a_report_is_taken_from_who_holds_the_step(self):
        step = self.step(1, "charge").json()["step"]
        self.assertEqual(self.code(self.report(1, step + 1, result=1)), (409, "step_not_held"))
        self.step(2, "charge")
        self.assertEqual(self.code(self.report(1, step, result=1)), (409, "try_fenced"))
        self.assertEqual(self.report(2, step, result=2).status, 200)
        self.assertEqual(self.step(3, "charge").json()["result"], 2)

    def test_a_report_may_be_sent_twice(self):
        step = self.step(1, "charge").json()["step"]
        self.report(1, step, result=1)
        again = self.report(1, step, result=2)
        self.assertEqual((again.status, again.json()["result"]), (200, 1))

    def test_another_input_than_the_recorded_one_stops_the_run(self):
        self.made(1, "pay", 1, input=1)
        self.assertEqual(self.code(self.step(2, "pay", input=2)), (409, "run_diverged"))

    def test_steps_and_calls_are_numbered_together(self):
        self.mine.ask(f"/run/{self.run_id}/1{rig.CHAT}", self.body(rig.CHAT))
        self.assertEqual(self.step(1, "charge").json()["step"], 2)
        shown = self.mine.get(f"/api/runs/{self.run_id}").json()["steps"]
        self.assertEqual([step["kind"] for step in shown], ["model", "code"])


class BadInput(Case):
    def test_what_cannot_be_read_is_refused_in_words(self):
        for what, body, words in (
                ("step", {}, "'name' is missing"),
                ("step", {"name": ""}, "'name' must be 1 to 64"),
                ("step", {"name": "x" * 65}, "'name' must be 1 to 64"),
                ("step", {"name": "a\n"}, "'name' must be 1 to 64"),
                ("step", {"name": 7}, "'name' must be 1 to 64"),
                ("step", {"name": "a", "effect": "odd"}, "'effect' must be read, idempotent"),
                ("step", {"name": "a", "ms": 1}, "'ms' is not known here"),
                ("step", [], "must be an object"),
                ("steps/1", {}, "either 'result' or 'error'"),
                ("steps/1", {"result": 1, "error": {"message": "x"}}, "either 'result' or 'error'"),
                ("steps/1", {"error": "x"}, "'error' must be an object"),
                ("sleep", {}, "'ms' is missing"),
                ("sleep", {"ms": -1}, "'ms' must be"),
                ("sleep", {"ms": 367 * 86400000}, "'ms' must be"),
                ("sleep", {"ms": 1, "hold_ms": 60001}, "'hold_ms' must be"),
                ("wait", {}, "'signal' is missing"),
                ("approval", {"question": "x" * 16385}, "'question' must be"),
                ("child", {"name": "a b"}, "'name' must be 1 to 64 letters"),
                ("join", {"run": "-"}, "'run' must be"),
                ("end", {}, "either 'result' or 'error'")):
            with self.subTest(what=what, body=str(body)[:60]):
                answer = self.ask(1, what, body)
                self.assertEqual(self.code(answer), (400, "invalid_request"))
                self.assertIn(words, answer.error()["message"])

    def test_no_other_operations(self):
        for what in "", "steps", "steps/0", "steps/x", "steps/10001", "report", "step/1":
            self.assertEqual(self.ask(1, what).status, 404, what)
        self.assertEqual(self.mine.get(f"/run/{self.run_id}/1/workflow/step").status, 405)
        self.assertEqual(self.mine.ask("/workflow/step", {"name": "a"}).status, 404)

    def test_a_body_at_its_limit_and_beyond(self):
        step = self.step(1, "big").json()["step"]
        frame = len('{"result":""}')
        self.assertEqual(self.code(self.ask(1, f"steps/{step}", b'{"result":"%s"}' % (
            b"x" * ((1 << 20) - frame + 1)))), (413, "body_too_large"))
        self.assertEqual(self.ask(1, f"steps/{step}", b'{"result":"%s"}' % (
            b"x" * ((1 << 20) - frame))).status, 200)

    def test_a_stopped_agent_makes_no_steps(self):
        self.mine.ask("/api/agents/clerk/stop", {})
        self.addCleanup(lambda: self.mine.ask("/api/agents/clerk/start", {}))
        answer = self.step(1, "charge", {"x-aire-agent": "clerk"})
        self.assertEqual(self.code(answer), (503, "agent_stopped"))


class Ends(Case):
    def test_a_run_ends_once_and_tells_its_try_again(self):
        self.made(1, "a", 1)
        for _ in range(2):
            ended = self.ask(1, "end", {"result": {"ok": True}})
            self.assertEqual((ended.status, ended.json()),
                             (200, {"run": self.run_id, "state": "done"}))
        self.assertEqual(self.code(self.ask(2, "end", {"result": 1})), (409, "run_closed"))
        self.assertEqual(self.code(self.step(1, "b")), (409, "run_closed"))
        self.assertEqual(self.mine.get(f"/api/runs/{self.run_id}").json()["run"]["state"], "done")

    def test_a_run_that_failed_can_be_resumed(self):
        self.ask(1, "end", {"error": {"message": "no"}})
        self.assertEqual(self.mine.ask(f"/api/runs/{self.run_id}/resume", {}).status, 200)
        self.assertEqual(self.ask(2, "end", {"result": 1}).json()["state"], "done")

    def test_an_older_try_cannot_end_it(self):
        self.step(2, "a")
        self.assertEqual(self.code(self.ask(1, "end", {"result": 1})), (409, "try_fenced"))


class Dying(Case):
    """The Governor is killed at the points where something becomes durable."""

    def setUp(self):
        super().setUp()
        self.own_governor()

    def test_a_result_outlives_it(self):
        self.made(1, "charge", 7)
        self.again()
        self.assertEqual(self.step(2, "charge").json()["result"], 7)

    def test_a_step_that_is_out_can_be_reported_behind_a_restart(self):
        step = self.step(1, "charge").json()["step"]
        self.again()
        self.assertEqual(self.report(1, step, result=7).status, 200)
        self.assertEqual(self.step(2, "charge").json()["result"], 7)

    def test_killed_behind_the_intent(self):
        for effect, expected in (("idempotent", 201), ("keyed", 201), ("read", 201),
                                 ("unsafe", 503)):
            for attempt in 1, 2:
                with self.subTest(effect=effect, attempt=attempt):
                    self.run_id += "x"
                    self.again({"AIRE_CRASH_AT": "step_intended"})
                    self.dies(lambda: self.step(1, "charge", effect=effect))
                    self.assertEqual(self.step(attempt, "charge", effect=effect).status, expected)

    def test_killed_behind_the_result(self):
        step = self.step(1, "charge").json()["step"]
        self.again({"AIRE_CRASH_AT": "step_kept"})
        self.dies(lambda: self.report(1, step, result=7))
        self.assertEqual(self.report(1, step, result=8).json()["result"], 7)
        self.assertEqual(self.step(2, "charge").json()["result"], 7)

    def test_killed_behind_the_end(self):
        self.step(1, "charge")
        self.again({"AIRE_CRASH_AT": "run_ended"})
        self.dies(lambda: self.ask(1, "end", {"result": 1}))
        self.assertEqual(self.ask(1, "end", {"result": 1}).status, 200)
        self.assertEqual(self.code(self.step(2, "b")), (409, "run_closed"))

    def test_no_word_of_a_step_stands_in_clear(self):
        self.made(1, "charge", "zebra-8832-marker", input="panda-8832-marker")
        self.ask(1, "end", {"result": "koala-8832-marker"})
        self.again()
        for name in "aire.db", "aire.db-wal":
            try:
                with open(f"{self.folder}/data/{name}", "rb") as file:
                    self.assertNotIn(b"8832-marker", file.read())
            except FileNotFoundError:
                pass


class Sleeping(Case):
    def test_a_short_sleep_is_slept(self):
        began = time.monotonic()
        answer = self.ask(1, "sleep", {"ms": 150})
        self.assertEqual((answer.status, answer.json()), (200, {"step": 1, "state": "done",
                                                                "result": None}))
        self.assertGreaterEqual(time.monotonic() - began, 0.15)
        again = self.ask(2, "sleep", {"ms": 150})
        self.assertEqual((again.status, again.header("x-aire-replayed")), (200, "true"))

    def test_a_longer_one_is_asked_for_again_until_it_is_due(self):
        body = {"name": "night", "ms": 400, "hold_ms": 0}
        first = self.ask(1, "sleep", body)
        self.assertEqual((first.status, first.json()["state"]), (202, "waiting"))
        due = first.json()["due_ms"]
        again = self.ask(2, "sleep", {**body, "ms": 10**9})
        self.assertEqual((again.status, again.json()), (202, first.json()))
        done = self.ask(2, "sleep", {**body, "step": first.json()["step"], "hold_ms": 60000})
        self.assertEqual(done.status, 200)
        self.assertGreaterEqual(time.time() * 1000, due)

    def test_a_step_named_by_number_is_of_the_same_kind(self):
        step = self.step(1, "a").json()["step"]
        for number in step, 9:
            self.assertEqual(self.code(self.ask(1, "sleep", {"ms": 1, "step": number})),
                             (409, "step_conflict"))

    def test_two_sleeps_side_by_side_are_two_steps(self):
        _, first = self.behind(lambda: self.ask(1, "sleep", {"ms": 300}))
        _, second = self.behind(lambda: self.ask(1, "sleep", {"ms": 300}))
        self.assertTrue(rig.until(lambda: first and second))
        self.assertEqual({first[0].json()["step"], second[0].json()["step"]}, {1, 2})

    def test_a_sleeper_that_hangs_up_may_ask_again(self):
        with rig.Conn(self.mine.port) as conn:
            conn.send(rig.request(f"/run/{self.run_id}/1/workflow/sleep", {"ms": 300}))
            self.assertTrue(rig.until(lambda: self.mine.get(f"/api/runs/{self.run_id}").json()
                                      .get("steps")))
        def noticed():
            listed = self.mine.get("/api/exchanges?limit=1000").json()["exchanges"]
            return [e for e in listed if e["outcome"] == "cancelled"]
        self.assertTrue(rig.until(noticed))
        self.assertEqual(self.ask(1, "sleep", {"ms": 300}).json()["step"], 1)

    def test_it_ends_when_it_was_due_whatever_is_killed(self):
        self.own_governor()
        for point in None, "step_intended", "step_kept":
            with self.subTest(point=point):
                self.run_id += "x"
                body = {"ms": 1000 * rig.SLOW, "hold_ms": 0}
                if point is None:
                    began = self.ask(1, "sleep", body).json()["due_ms"]
                    self.again()
                elif point == "step_intended":
                    self.again({"AIRE_CRASH_AT": point})
                    self.dies(lambda: self.ask(1, "sleep", body))
                else:
                    self.again({"AIRE_CRASH_AT": point})
                    self.dies(lambda: self.ask(1, "sleep", {"ms": 1}))
                    body["ms"] = 10**9
                answer = self.ask(2, "sleep", {**body, "hold_ms": 60000})
                self.assertEqual((answer.status, answer.json()["step"]), (200, 1))
                if point is None:
                    self.assertGreaterEqual(time.time() * 1000, began)

    def test_a_server_that_stops_sends_sleepers_away(self):
        self.own_governor()
        thread, answers = self.behind(lambda: self.ask(1, "sleep", {"ms": 10**6, "hold_ms": 60000}))
        self.assertTrue(rig.until(lambda: self.mine.get(f"/api/runs/{self.run_id}").json()
                                  .get("steps")))
        self.assertEqual(self.mine.stop(), 0)
        thread.join()
        self.assertEqual(answers[0].status, 202)


class Signals(Case):
    def send(self, name, value, query="", run=None):
        return self.mine.ask(f"/api/runs/{run or self.run_id}/signals/{name}{query}",
                             rig.json.dumps(value).encode())

    def wait(self, attempt, name, **more):
        return self.ask(attempt, "wait", {"signal": name, **more})

    def begin(self):
        self.step(1, "begin")

    def test_a_signal_is_kept_until_it_is_waited_for(self):
        self.begin()
        sent = self.send("paid", {"sum": 5})
        self.assertEqual((sent.status, sent.json()), (202, {"run": self.run_id, "signal": "paid"}))
        for attempt in 1, 2:
            got = self.wait(attempt, "paid")
            self.assertEqual((got.status, got.json()["result"]), (200, {"sum": 5}))

    def test_whoever_waits_is_woken(self):
        thread, answers = self.behind(lambda: self.wait(1, "paid", hold_ms=60000))
        self.assertTrue(rig.until(lambda: self.send("paid", 1).status == 202))
        thread.join(rig.LIMIT_S)
        self.assertEqual(answers[0].json()["result"], 1)

    def test_signals_come_in_order_each_once_to_the_same_step(self):
        self.begin()
        for value in "a", "b", "c":
            self.send("item", value)
        self.send("other", "x")
        for attempt in 1, 2:
            got = [self.wait(attempt, "item", hold_ms=0) for _ in range(3)]
            self.assertEqual([answer.json()["result"] for answer in got], ["a", "b", "c"])
        self.assertEqual(self.wait(2, "item", hold_ms=0).status, 202)
        self.assertEqual(self.wait(2, "other").json()["result"], "x")

    def test_waiters_side_by_side_get_different_signals(self):
        waiters = [self.behind(lambda: self.wait(1, "item", hold_ms=60000)) for _ in range(4)]
        self.assertTrue(rig.until(lambda: len(self.mine.get(f"/api/runs/{self.run_id}").json()
                                              .get("steps", [])) == 4))
        for value in range(4):
            self.send("item", value)
        for thread, _ in waiters:
            thread.join(rig.LIMIT_S)
        self.assertEqual(sorted(answers[0].json()["result"] for _, answers in waiters),
                         [0, 1, 2, 3])

    def test_a_time_limit_passes_once_and_for_all(self):
        late = self.wait(1, "paid", timeout_ms=100)
        self.assertEqual((late.status, late.json()), (200, {"step": 1, "state": "timeout"}))
        self.send("paid", 1)
        self.assertEqual(self.wait(2, "paid", timeout_ms=10**6).json()["state"], "timeout")
        self.assertEqual(self.wait(2, "paid").json()["result"], 1)

    def test_a_message_sent_twice_counts_once(self):
        self.begin()
        for _ in range(2):
            self.assertEqual(self.send("paid", 1, "?message=m-1").status, 202)
        self.assertEqual(self.wait(1, "paid").json()["result"], 1)
        self.assertEqual(self.wait(1, "paid", hold_ms=0).status, 202)

    def test_what_cannot_be_sent(self):
        self.begin()
        self.assertEqual(self.code(self.send("paid", 1, run="nobody")), (404, "unknown_run"))
        self.assertEqual(self.code(self.send("paid", "x" * 65535)), (413, "body_too_large"))
        self.assertEqual(self.send("paid", "x" * 65534).status, 202)
        self.assertEqual(self.code(self.send("x" * 65, 1)), (400, "bad_path"))
        self.assertEqual(self.code(self.send("a%0a", 1)), (400, "bad_path"))
        self.assertEqual(self.code(self.send("a", 1, "?message=" + "x" * 129)), (400, "bad_query"))
        self.ask(1, "end", {"result": 1})
        self.assertEqual(self.code(self.send("paid", 1)), (409, "run_closed"))

    def test_a_person_sends_one(self):
        self.begin()
        sent = self.mine.command("runs", "signal", self.run_id, "a name %", "--value", '{"n": 1}')
        self.assertEqual(sent, {"run": self.run_id, "signal": "a name %"})
        self.assertEqual(self.wait(1, "a name %").json()["result"], {"n": 1})
        self.mine.command("runs", "signal", self.run_id, "plain", "--tenant", "default")
        self.assertIsNone(self.wait(1, "plain").json()["result"])
        for status, *words in (1, "nobody", "x"), (2, self.run_id, "x", "--value", "{"):
            self.assertEqual(self.mine.run("runs", "signal", *words).returncode, status)

    def test_as_many_as_may_wait(self):
        self.begin()
        with rig.Conn(self.mine.port) as conn:
            def send():
                conn.send(rig.request(f"/api/runs/{self.run_id}/signals/s", b"1"))
                return conn.response()
            self.assertEqual({send().status for _ in range(1000)}, {202})
            self.assertEqual(self.code(send()), (409, "signals_full"))
            self.wait(1, "s")
            self.assertEqual(send().status, 202)

    def test_a_key_signals_runs_of_its_own_tenant(self):
        mine = self.own(CONFIG)
        ours, theirs = (mine.command("key", "create", name, "--tenant", name)["key"]
                        for name in ("ours", "theirs"))
        def ask(path, body, key):
            return mine.ask(path, body, {"x-aire-key": key})
        ask("/run/r/1/workflow/step", {"name": "a"}, ours)
        self.assertEqual(ask("/api/runs/r/signals/s", b"1", ours).status, 202)
        self.assertEqual(self.code(ask("/api/runs/r/signals/s", b"1", theirs)),
                         (404, "unknown_run"))
        self.assertEqual(self.code(ask("/api/runs/r/signals/s?tenant=ours", b"1", theirs)),
                         (403, "foreign_tenant"))

    def test_killed_at_every_point_a_signal_is_given_once(self):
        self.own_governor()
        for point in "signal_kept", "step_intended", "step_kept":
            with self.subTest(point=point):
                self.run_id += "x"
                self.begin()
                self.again({"AIRE_CRASH_AT": point})
                if point == "signal_kept":
                    self.dies(lambda: self.send("paid", 1))
                else:
                    self.send("paid", 1)
                    self.dies(lambda: self.wait(1, "paid"))
                for attempt in 1, 2:
                    self.assertEqual(self.wait(attempt, "paid").json()["result"], 1)
                self.assertEqual(self.wait(2, "paid", hold_ms=0).status, 202)

    def test_no_word_of_a_signal_stands_in_clear(self):
        self.own_governor()
        self.begin()
        self.send("paid", "zebra-8832-marker")
        self.again()
        with open(f"{self.folder}/data/aire.db", "rb") as file:
            self.assertNotIn(b"8832-marker", file.read())


class Approvals(Case):
    def approval(self, attempt, **more):
        return self.ask(attempt, "approval", {"question": "Refund $500?", **more})

    def pending(self):
        return [r for r in self.mine.get("/api/reviews?state=pending").json()["reviews"]
                if r["question"].startswith("Refund $500?")]

    def decide(self, review, **decision):
        answer = self.mine.ask(f"/api/reviews/{review['id']}/decision", decision)
        self.assertEqual(answer.status, 200, answer)

    def test_a_person_is_asked_once_and_answers_every_try(self):
        thread, answers = self.behind(lambda: self.approval(1, details={"order": 7},
                                                            hold_ms=60000))
        review, = rig.until(self.pending)
        self.assertIn('{"order": 7}', review["question"])
        self.decide(review, decision="approve", reason="it is due")
        thread.join(rig.LIMIT_S)
        expected = {"decision": "approve", "reason": "it is due", "by": "local"}
        self.assertEqual(answers[0].json()["result"], expected)
        self.assertEqual(self.approval(2, details={"order": 7}).json()["result"], expected)
        self.assertEqual(self.pending(), [])

    def test_an_edit_comes_as_json_where_it_is(self):
        for edit, expected in ('{"sum": 4}', {"sum": 4}), ("four", "four"):
            self.run_id += "x"
            self.assertEqual(self.approval(1, hold_ms=0).status, 202)
            self.decide(self.pending()[0], decision="edit", edit=edit)
            self.assertEqual(self.approval(2).json()["result"],
                             {"decision": "edit", "edit": expected, "by": "local"})

    def test_nobody_answers_in_time(self):
        self.assertEqual(self.approval(1, timeout_ms=100).json()["state"], "timeout")
        self.decide(self.pending()[0], decision="reject")
        self.assertEqual(self.approval(2).json()["state"], "timeout")

    def test_another_question_stops_the_run(self):
        self.approval(1, hold_ms=0)
        other = self.ask(2, "approval", {"question": "Refund $5000?", "hold_ms": 0})
        self.assertEqual(self.code(other), (409, "run_diverged"))
        self.decide(self.pending()[0], decision="reject")

    def test_killed_on_the_way_it_is_asked_once(self):
        self.own_governor()
        self.again({"AIRE_CRASH_AT": "step_intended"})
        self.dies(lambda: self.approval(1))
        self.assertEqual(self.approval(2, hold_ms=0).status, 202)
        self.assertEqual(len(self.pending()), 1)
        self.decide(self.pending()[0], decision="reject")
        self.again({"AIRE_CRASH_AT": "step_kept"})
        self.dies(lambda: self.approval(2))
        self.assertEqual(self.approval(3).json()["result"]["decision"], "reject")


class Children(Case):
    def child(self, attempt, name="pay", **more):
        return self.ask(attempt, "child", {"name": name, **more})

    def test_a_child_is_the_same_for_every_try(self):
        first = self.child(1, input=[1]).json()
        self.assertEqual(first, {"step": 1, "state": "done",
                                 "result": {"run": f"{self.run_id}.pay-1"}})
        self.assertEqual(self.child(2, input=[1]).json(), first)
        self.assertNotEqual(self.child(2, "refund", input=[1]).json()["result"], first["result"])

    def test_its_end_is_waited_for(self):
        run = self.child(1).json()["result"]["run"]
        self.assertEqual(self.ask(1, "join", {"run": run, "hold_ms": 0}).status, 202)
        thread, answers = self.behind(lambda: self.ask(1, "join", {"run": run, "hold_ms": 60000}))
        self.ask(1, "step", {"name": "a"}, run=run)
        self.ask(1, "end", {"result": {"receipt": 3}}, run=run)
        thread.join(rig.LIMIT_S)
        self.assertEqual(answers[0].json(), {"step": 2, "state": "done", "result": {"receipt": 3}})
        self.assertEqual(self.ask(2, "join", {"run": run}).json()["result"], {"receipt": 3})

    def test_its_failure_is_told(self):
        run = self.child(1).json()["result"]["run"]
        self.ask(1, "end", {"error": {"message": "no", "code": 1}}, run=run)
        told = self.ask(1, "join", {"run": run}).json()
        self.assertEqual((told["state"], told["error"]), ("failed", {"message": "no", "code": 1}))

    def test_its_end_by_a_person_is_told(self):
        run = self.child(1).json()["result"]["run"]
        thread, answers = self.behind(lambda: self.ask(1, "join", {"run": run, "hold_ms": 60000}))
        self.mine.ask(f"/api/runs/{run}/cancel", {})
        thread.join(rig.LIMIT_S)
        self.assertEqual((answers[0].json()["state"], answers[0].json()["error"]),
                         ("failed", {"message": "the run is cancelled"}))

    def test_a_run_that_is_not_there(self):
        self.assertEqual(self.ask(1, "join", {"run": "nobody"}).status, 404)

    def test_a_name_that_is_taken_or_too_long(self):
        self.ask(1, "step", {"name": "a"}, run=f"{self.run_id}.pay-1")
        self.assertEqual(self.code(self.child(1)), (409, "child_exists"))
        self.assertEqual(self.child(1, "x" * 64).status, 400)

    def test_killed_behind_it_there_is_one(self):
        self.own_governor()
        self.again({"AIRE_CRASH_AT": "step_kept"})
        self.dies(lambda: self.child(1))
        self.assertEqual(self.child(2).json()["result"], {"run": f"{self.run_id}.pay-1"})
        runs = self.mine.get("/api/runs").json()["runs"]
        self.assertEqual(len([run for run in runs if ".pay-" in run["id"]]), 1)
