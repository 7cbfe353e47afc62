# SPDX-License-Identifier: Apache-2.0
"""Workers, blocking and awaiting, against a Governor in memory."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import unittest
from typing import Any, Callable, List

import aire
from aire import aio
from fake import Fake
from test_run import governor

Body = Callable[[str, Any, int], Any]  # (run's id, input, try) -> result, or raises


class Workers(unittest.TestCase):
    awaits = False

    def setUp(self) -> None:
        logging.getLogger("aire").setLevel(logging.CRITICAL)
        self.fake = Fake().start()
        self.addCleanup(self.fake.stop)
        self.where = governor(self.fake)
        self.seen: List[Any] = []

    def enqueue(self, *inputs: Any, **more: Any) -> List[str]:
        return [aire.enqueue("q", given, governor=self.where, **more) for given in inputs]

    def work(self, body: Body, until: Callable[[], bool], **more: Any) -> None:
        """Lets a worker work until `until()`, then stops it and waits for it."""
        def reached() -> bool:
            with self.fake.changed:
                return bool(self.fake.changed.wait_for(until, 10))
        if self.awaits:
            asyncio.run(self.await_work(body, reached, more))
            return
        stop = threading.Event()

        def one(run: aire.Run) -> Any:
            return body(run.id, run.input, run.try_)
        thread = threading.Thread(
            target=lambda: aire.worker("q", one, stop=stop, governor=self.where, **more))
        thread.start()
        came = reached()
        stop.set()
        thread.join(10)
        self.assertTrue(came)
        self.assertFalse(thread.is_alive())

    async def await_work(self, body: Body, reached: Callable[[], bool], more: Any) -> None:
        stop = asyncio.Event()

        async def one(run: aio.Run) -> Any:
            return await asyncio.get_running_loop().run_in_executor(
                None, body, run.id, run.input, run.try_)
        working = asyncio.ensure_future(aio.worker("q", one, stop=stop, governor=self.where, **more))
        came = await asyncio.get_running_loop().run_in_executor(None, reached)
        stop.set()
        await asyncio.wait_for(working, 10)
        self.assertTrue(came)

    def states(self) -> List[str]:
        return [run.state for run in self.fake.runs.values()]

    def all_are(self, state: str) -> Callable[[], bool]:
        return lambda: bool(self.fake.runs) and set(self.states()) == {state}

    def test_each_run_is_made_and_its_result_told(self) -> None:
        ids = self.enqueue(*range(5))
        self.work(lambda id, given, try_: given * 2, self.all_are("done"))
        self.assertEqual([self.fake.runs[id].outcome for id in ids], [{"result": n * 2} for n in range(5)])

    def test_several_at_a_time(self) -> None:
        self.enqueue(1, 2, 3)
        meet = threading.Barrier(3, timeout=10)
        self.work(lambda id, given, try_: meet.wait() * 0, self.all_are("done"), concurrency=3)

    def test_a_run_that_raises_goes_back(self) -> None:
        self.enqueue(0)

        def body(id: str, given: Any, try_: int) -> Any:
            self.seen.append(try_)
            if try_ < 3:
                raise OSError("not yet")
            return "at last"
        self.work(body, self.all_are("done"))
        self.assertEqual(self.seen, [1, 2, 3])

    def test_after_its_last_try_it_is_dead(self) -> None:
        self.enqueue(0, tries=2)

        def body(id: str, given: Any, try_: int) -> Any:
            self.seen.append(try_)
            raise OSError("never")
        self.work(body, self.all_are("dead"))
        self.assertEqual(self.seen, [1, 2])

    def test_a_final_failure_does_not_go_back(self) -> None:
        [id] = self.enqueue(0)

        def body(id: str, given: Any, try_: int) -> Any:
            raise aire.Final("no such order")
        self.work(body, self.all_are("failed"))
        outcome = self.fake.runs[id].outcome
        assert outcome is not None
        self.assertEqual(outcome["error"]["message"], "no such order")

    def test_heartbeats_keep_a_run_that_takes_longer_than_its_lease(self) -> None:
        self.enqueue(0)

        def body(id: str, given: Any, try_: int) -> Any:
            with self.fake.changed:
                self.assertTrue(self.fake.changed.wait_for(lambda: self.fake.calls.count(
                    "/api/queues/q/heartbeat") >= 3, 10))
            self.seen.append(try_)
        self.work(body, self.all_are("done"), lease=0.15)
        self.assertEqual(self.seen, [1])

    def test_a_run_that_was_lost_does_not_end_it(self) -> None:
        [id] = self.enqueue(0)

        def body(id: str, given: Any, try_: int) -> Any:
            if try_ == 1:
                with self.fake.changed:
                    self.fake.runs[id].try_ = 2  # another worker has claimed it
            return try_
        self.work(body, lambda: f"/run/{id}/1/workflow/end" in self.fake.calls)
        self.assertIsNone(self.fake.runs[id].outcome)

    def test_a_worker_outlives_a_governor_that_is_away(self) -> None:
        self.enqueue("late")
        self.fake.faults = ["refuse", {"status": 503, "code": "journal_unavailable"}, "drop"] * 3
        self.work(lambda id, given, try_: given, self.all_are("done"), lease=0.3)

    def test_a_worker_without_a_right_to_the_queue_ends(self) -> None:
        self.fake.faults = [{"status": 403, "code": "forbidden"}]
        with self.assertRaises(aire.Refused):
            if self.awaits:
                async def one(run: aio.Run) -> None:
                    pass
                asyncio.run(aio.worker("q", one, governor=self.where))
            else:
                aire.worker("q", lambda run: None, governor=self.where)

    def test_enqueueing_twice_is_once(self) -> None:
        self.fake.faults = ["drop"]
        ids = self.enqueue(1) + self.enqueue(2, 2, id="mine")
        self.assertEqual(list(self.fake.runs), [ids[0], "mine"])
        with self.assertRaises(aire.Refused):
            self.enqueue(3, id="mine")


class AwaitedWorkers(Workers):
    awaits = True

    def test_a_run_that_was_lost_is_cancelled(self) -> None:
        [id] = self.enqueue(0)
        ended: List[str] = []
        stops: List[asyncio.Event] = []

        async def one(run: aio.Run) -> None:
            with self.fake.changed:
                self.fake.runs[id].try_ = 2
                self.fake.runs[id].state = "claimed"
                self.fake.runs[id].lease_until = time.time() + 100
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("cancelled")
                stops[0].set()

        async def main() -> None:
            stops.append(asyncio.Event())
            await asyncio.wait_for(aio.worker("q", one, lease=0.1, stop=stops[0], governor=self.where), 10)
        asyncio.run(main())
        self.assertEqual(ended, ["cancelled"])


if __name__ == "__main__":
    unittest.main()
