# SPDX-License-Identifier: Apache-2.0
"""Runs that wait in a queue: claimed by one worker at a time, given back when it is lost."""

import signal
import time

import rig
from test_workflow import Case

LEASE = 1000  # ms, the shortest


class QueueCase(Case):
    def setUp(self):
        super().setUp()
        self.queue = self.run_id[:40]
        self.run_id = "r-" + self.run_id

    def enqueue(self, id=None, **more):
        return self.mine.ask("/api/runs", {"queue": self.queue, "id": id or self.run_id, **more})

    def claim(self, lease_ms=30000, hold_ms=0, **more):
        return self.mine.ask(f"/api/queues/{self.queue}/claim",
                             {"worker": "w", "lease_ms": lease_ms, "hold_ms": hold_ms, **more})

    def beat(self, attempt, run=None):
        return self.mine.ask(f"/api/queues/{self.queue}/heartbeat",
                             {"run": run or self.run_id, "try": attempt})

    def state(self, run=None):
        return self.mine.get(f"/api/runs/{run or self.run_id}").json()["run"]["state"]

    def got(self, answer):
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["run"], answer.json()["try"]


class Claiming(QueueCase):
    def test_a_run_is_given_to_one_worker_with_its_input(self):
        self.assertEqual((self.enqueue(input={"order": 7}).status, self.claim().json()),
                         (201, {"run": self.run_id, "try": 1, "input": {"order": 7},
                                "lease_ms": 30000}))
        self.assertEqual(self.claim().status, 204)

    def test_an_end_takes_it_out_of_the_queue(self):
        self.enqueue()
        self.claim(lease_ms=LEASE)
        self.assertEqual(self.ask(1, "end", {"result": 1}).json()["state"], "done")
        self.assertEqual(self.code(self.beat(1)), (409, "try_fenced"))
        self.assertEqual(self.claim().status, 204)
        self.assertEqual(self.state(), "done")

    def test_enqueued_twice_it_stands_there_once(self):
        first = self.enqueue(input={"a": 1.0, "b": 2})
        again = self.enqueue(input={"b": 2, "a": 1})
        self.assertEqual((first.status, again.status, again.json()), (201, 200, first.json()))
        self.assertEqual(self.code(self.enqueue(input={"a": 2})), (409, "run_conflict"))
        self.ask(1, "step", {"name": "a"}, run="direct")
        self.assertEqual(self.code(self.enqueue("direct")), (409, "run_conflict"))
        self.claim()
        self.assertEqual(self.claim().status, 204)

    def test_without_a_name_it_gets_one(self):
        run = self.mine.ask("/api/runs", {"queue": self.queue}).json()["run"]
        self.assertEqual(self.got(self.claim()), (run, 1))

    def test_the_highest_priority_first_then_the_oldest(self):
        for i, priority in enumerate((5, 9, 0, 9)):
            self.enqueue(f"{self.run_id}-{i}", priority=priority)
        order = [self.got(self.claim())[0][-1] for _ in range(4)]
        self.assertEqual(order, ["1", "3", "0", "2"])

    def test_not_before_its_time(self):
        self.enqueue(not_before_ms=int(time.time() * 1000) + 700)
        self.assertEqual(self.claim().status, 204)
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 1))

    def test_a_worker_that_waits_is_woken(self):
        thread, answers = self.behind(lambda: self.claim(hold_ms=60000))
        self.assertEqual(self.claim(hold_ms=50).status, 204)
        self.enqueue()
        thread.join(rig.LIMIT_S)
        self.assertEqual(self.got(answers[0]), (self.run_id, 1))

    def test_a_worker_that_hung_up_gets_nothing(self):
        with rig.Conn(self.mine.port) as conn:
            conn.send(rig.request(f"/api/queues/{self.queue}/claim", {"worker": "w"}))
            self.claim(hold_ms=50)
        self.claim(hold_ms=600)
        self.enqueue()
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 1))

    def test_many_workers_share_a_queue_without_giving_a_run_twice(self):
        names = {f"{self.run_id}-{i}" for i in range(40)}
        for name in names:
            self.enqueue(name)
        got = []

        def work():
            while (answer := self.claim(hold_ms=300)).status == 200:
                got.append(answer.json()["run"])
        for thread, _ in [self.behind(work) for _ in range(8)]:
            thread.join(rig.LIMIT_S * 3)
        self.assertEqual(sorted(got), sorted(names))

    def test_a_claim_fences_whoever_had_the_run(self):
        self.enqueue()
        self.step(3, "a")
        self.assertEqual(self.got(self.claim()), (self.run_id, 4))
        self.assertEqual(self.code(self.step(3, "b")), (409, "try_fenced"))
        self.assertEqual(self.step(4, "a").status, 201)

    def test_what_cannot_be_read_is_refused_in_words(self):
        for answer, status, words in (
                (self.enqueue("a b"), 422, "'id'"), (self.enqueue(priority=10), 422, "'priority'"),
                (self.enqueue(tries_max=0), 422, "'tries_max'"),
                (self.enqueue(tries_max=1001), 422, "'tries_max'"),
                (self.enqueue(not_before_ms=2**63), 422, "'not_before_ms'"),
                (self.enqueue(odd=1), 422, "'odd'"),
                (self.mine.ask("/api/runs", {}), 422, "'queue'"),
                (self.claim(lease_ms=999), 422, "'lease_ms'"),
                (self.claim(lease_ms=3600001), 422, "'lease_ms'"),
                (self.claim(hold_ms=60001), 422, "'hold_ms'"),
                (self.claim(worker=""), 422, "'worker'"),
                (self.beat(0), 422, "'try'")):
            self.assertEqual(answer.status, status, answer)
            self.assertIn(words, answer.error()["message"])

    def test_queues_are_told_with_what_waits(self):
        self.enqueue("q-1-" + self.run_id[:50])
        self.enqueue("q-2-" + self.run_id[:50])
        self.claim()
        mine, = [q for q in self.mine.get("/api/queues").json()["queues"]
                 if q["queue"] == self.queue]
        self.assertEqual((mine["ready"], mine["claimed"]), (1, 1))

    def test_a_child_with_a_queue_waits_there(self):
        self.queue = "of-children"
        thread, answers = self.behind(lambda: self.claim(hold_ms=60000))
        child = self.ask(1, "child", {"name": "pay", "input": [1], "queue": self.queue}).json()
        thread.join(rig.LIMIT_S)
        run = child["result"]["run"]
        self.assertEqual((self.got(answers[0]), answers[0].json()["input"]), ((run, 1), [1]))
        self.ask(1, "end", {"result": "paid"}, run=run)
        self.assertEqual(self.ask(1, "join", {"run": run}).json()["result"], "paid")


class Losing(QueueCase):
    def test_a_lease_that_runs_out_gives_the_run_to_another(self):
        self.enqueue()
        self.claim(lease_ms=LEASE)
        step = self.made(1, "charge", 7)
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 2))
        self.assertEqual(self.code(self.beat(1)), (409, "try_fenced"))
        self.assertEqual(self.code(self.step(1, "more")), (409, "try_fenced"))
        self.assertEqual(self.step(2, "charge").json()["step"], step["step"])

    def test_heartbeats_keep_it(self):
        self.enqueue()
        self.claim(lease_ms=LEASE)
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            self.assertEqual(self.beat(1).status, 200)
            self.assertEqual(self.claim(hold_ms=200).status, 204)

    def test_a_try_that_fails_may_be_followed_by_another(self):
        self.enqueue()
        self.claim()
        for _ in range(2):
            told = self.ask(1, "end", {"error": {"message": "later"}, "retry": True})
            self.assertEqual((told.status, told.json()["state"]), (200, "queued"))
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 2))

    def test_when_its_tries_are_used_up_it_is_dead_until_a_person_says_so(self):
        self.enqueue(tries_max=2)
        for attempt in 1, 2:
            self.got(self.claim(hold_ms=30000))
            told = self.ask(attempt, "end", {"error": {"message": "no"}, "retry": True})
        self.assertEqual((told.json()["state"], self.state()), ("dead", "dead"))
        self.assertEqual(self.ask(2, "end", {"error": {"message": "no"}, "retry": True})
                         .json()["state"], "dead")
        self.assertEqual(self.claim().status, 204)
        self.assertIn(self.run_id, [run["id"] for run in
                                    self.mine.get("/api/runs?state=dead").json()["runs"]])
        self.assertEqual(self.mine.ask(f"/api/runs/{self.run_id}/resume", {}).status, 200)
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 3))

    def test_lost_on_its_last_try_it_is_dead_and_whoever_waits_is_told(self):
        self.enqueue(tries_max=1)
        self.claim(lease_ms=LEASE)
        told = self.ask(1, "join", {"run": self.run_id, "hold_ms": 60000}, run="boss")
        self.assertEqual((told.json()["state"], self.state()), ("failed", "dead"))
        self.assertEqual(self.code(self.step(1, "a")), (409, "run_closed"))

    def test_what_a_dead_run_said_last_is_told(self):
        self.enqueue(tries_max=1)
        self.claim()
        self.ask(1, "end", {"error": {"message": "no stock"}, "retry": True})
        told = self.ask(1, "join", {"run": self.run_id}, run="boss-2").json()
        self.assertEqual((told["state"], told["error"]), ("failed", {"message": "no stock"}))

    def test_a_retry_of_a_run_of_no_queue_is_its_end(self):
        self.step(1, "a")
        told = self.ask(1, "end", {"error": {"message": "no"}, "retry": True})
        self.assertEqual((told.json()["state"], self.state()), ("failed", "failed"))

    def test_a_cancelled_run_is_not_claimed_and_a_resumed_one_is(self):
        self.enqueue()
        self.mine.ask(f"/api/runs/{self.run_id}/cancel", {})
        self.assertEqual(self.claim().status, 204)
        self.mine.ask(f"/api/runs/{self.run_id}/resume", {})
        self.assertEqual(self.got(self.claim()), (self.run_id, 1))


class Dying(QueueCase):
    def setUp(self):
        super().setUp()
        self.own_governor()

    def test_killed_behind_enqueueing_it_stands_there_once(self):
        self.again({"AIRE_CRASH_AT": "job_enqueued"})
        self.dies(lambda: self.enqueue(input=1))
        self.assertEqual(self.enqueue(input=1).status, 200)
        self.assertEqual(self.got(self.claim()), (self.run_id, 1))
        self.assertEqual(self.claim().status, 204)

    def test_killed_behind_a_claim_the_lease_runs_out(self):
        self.enqueue()
        self.again({"AIRE_CRASH_AT": "job_claimed"})
        self.dies(lambda: self.claim(lease_ms=LEASE))
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 2))

    def test_killed_behind_a_retry_it_is_queued_once(self):
        self.enqueue()
        self.claim()
        self.again({"AIRE_CRASH_AT": "run_ended"})
        word = {"error": {"message": "later"}, "retry": True}
        self.dies(lambda: self.ask(1, "end", word))
        self.assertEqual(self.ask(1, "end", word).json()["state"], "queued")
        self.assertEqual(self.got(self.claim(hold_ms=30000)), (self.run_id, 2))

    def test_a_claimed_run_goes_on_behind_a_restart(self):
        self.enqueue()
        self.claim()
        self.made(1, "charge", 7)
        self.mine.stop(signal.SIGKILL)
        self.again()
        self.assertEqual(self.beat(1).status, 200)
        self.assertEqual(self.ask(1, "end", {"result": 1}).status, 200)

    def test_no_word_of_an_input_stands_in_clear(self):
        self.enqueue(input="zebra-8832-marker")
        self.again()
        with open(f"{self.folder}/data/aire.db", "rb") as file:
            self.assertNotIn(b"8832-marker", file.read())

    def test_a_server_that_stops_sends_workers_away(self):
        thread, answers = self.behind(lambda: self.claim(hold_ms=60000))
        self.claim(hold_ms=50)
        self.assertEqual(self.mine.stop(), 0)
        thread.join(rig.LIMIT_S)
        self.assertEqual(answers[0].status, 204)
