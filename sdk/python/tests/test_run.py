# SPDX-License-Identifier: Apache-2.0
"""Runs, blocking and awaiting, against a Governor in memory. A case is written once: `world.run(...)` gives the
blocking run or one that looks blocking over the awaiting one."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import unittest
from typing import Any, Callable, Dict, List, Optional
from unittest import mock

import aire
from aire import aio
from fake import Fake


def governor(fake: Fake, **more: Any) -> aire.Governor:
    return aire.Governor(fake.url, None, **{"hold": 0.05, "patience": 2.0, "pause_first": 0.01, **more})


class Awaited:
    """aio.Run, every verb carried out at once on a loop of its own."""

    def __init__(self, run: aio.Run):
        self.inner = run
        self.loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found
        return lambda *args, **named: self.loop.run_until_complete(found(*args, **named))

    def __enter__(self) -> Awaited:
        return self

    def __exit__(self, *why: Any) -> None:
        self.loop.run_until_complete(self.inner.__aexit__(*why))

    def close(self) -> None:
        self.inner.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


class Case(unittest.TestCase):
    awaits = False

    def setUp(self) -> None:
        self.fake = Fake().start()
        self.addCleanup(self.fake.stop)
        self.made: List[str] = []

    def run_(self, try_: int = 1, id: str = "r", **more: Any) -> Any:
        where = governor(self.fake, **more)
        if self.awaits:
            run = Awaited(aio.run(id, try_=try_, governor=where))
            self.addCleanup(run.close)
            return run
        blocking = aire.run(id, try_=try_, governor=where)
        self.addCleanup(blocking.close)
        return blocking

    def make(self, name: str, result: Any = None) -> Callable[[], Any]:
        def made() -> Any:
            self.made.append(name)
            return result
        return made

    def fails(self, why: Exception) -> Callable[[], Any]:
        def failing() -> Any:
            self.made.append("x")
            raise why
        return failing

    def faults(self, *faults: Any) -> None:
        self.fake.faults = list(faults)


class Steps(Case):
    def test_a_step_is_made_once_for_all_tries(self) -> None:
        for try_ in 1, 2, 3:
            self.assertEqual(self.run_(try_).step("a", self.make("a", {"n": 1})), {"n": 1})
        self.assertEqual(self.made, ["a"])

    def test_the_first_try_gets_what_later_ones_get(self) -> None:
        results = [self.run_(try_).step("a", self.make("a", (1, {2: "ü"}))) for try_ in (1, 2)]
        self.assertEqual(results, [[1, {"2": "ü"}]] * 2)

    def test_equal_steps_are_told_apart_by_place_and_others_by_input(self) -> None:
        for try_ in 1, 2:
            run = self.run_(try_)
            self.assertEqual([run.step("poll", self.make("p", i)) for i in range(3)], [0, 1, 2])
            order = (4, 3) if try_ == 1 else (3, 4)
            self.assertEqual({i: run.step("read", self.make("r", i), input={"id": i}) for i in order},
                             {3: 3, 4: 4})
        self.assertEqual(len(self.made), 5)

    def test_any_name_is_a_name(self) -> None:
        names = ["", "a b", "größe 100%", "x" * 500, "x" * 499 + "y", "#1", "a#2", "🙂" * 60]
        for try_ in 1, 2:
            run = self.run_(try_)
            for name in names:
                self.assertEqual(run.step(name, self.make(name, name)), name)
        self.assertEqual(self.made, names)
        for key in self.fake.runs["r"].steps:
            self.assertRegex(key, r"^[!-~]{1,128}$")

    def test_the_function_may_take_the_step_and_its_key_is_the_same_in_every_try(self) -> None:
        keys: List[str] = []

        def charge(step: aire.Step) -> None:
            keys.append(step.key)
            raise KeyboardInterrupt

        for try_ in 1, 2:
            with self.assertRaises(KeyboardInterrupt):
                self.run_(try_).step("charge", charge, effect="keyed")
        self.assertEqual((len(keys), len(set(keys))), (2, 1))

    def test_an_argument_with_a_default_is_the_functions_own(self) -> None:
        self.assertEqual(self.run_().step("a", lambda n=7: n), 7)

    def test_a_failure_is_given_back_and_made_again(self) -> None:
        with self.assertRaises(OSError):
            self.run_().step("a", self.fails(OSError("no")))
        self.assertEqual(self.run_().step("a", self.make("a", 1)), 1)

    def test_a_final_failure_is_the_same_in_every_try(self) -> None:
        for try_ in 1, 2:
            with self.assertRaises(aire.StepFailed) as caught:
                self.run_(try_).step("a", self.fails(aire.Final("no such order")))
            self.assertEqual(caught.exception.error, {"message": "no such order", "type": "Final"})
        self.assertEqual(self.made, ["x"])

    def test_an_unsafe_step_that_failed_somehow_is_in_doubt(self) -> None:
        with self.assertRaises(OSError):
            self.run_().step("a", self.fails(OSError("reset")), effect="unsafe")
        with self.assertRaises(aire.InDoubt) as caught:
            self.run_(2).step("a", self.make("a"), effect="unsafe")
        self.assertEqual((caught.exception.code, caught.exception.id), ("step_in_doubt", "ex1"))

    def test_an_unsafe_step_that_did_nothing_is_made_again(self) -> None:
        with self.assertRaises(aire.NothingDone):
            self.run_().step("a", self.fails(aire.NothingDone("refused")), effect="unsafe")
        self.assertEqual(self.run_(2).step("a", self.make("a", 1), effect="unsafe"), 1)

    def test_what_is_no_json_is_an_error_here(self) -> None:
        for bad in float("nan"), {1, 2}, object():
            with self.assertRaises((TypeError, ValueError)):
                self.run_().step("a", self.make("a", bad))

    def test_an_unknown_effect(self) -> None:
        with self.assertRaises(ValueError):
            self.run_().step("a", self.make("a"), effect="safe")
        self.assertEqual(self.fake.calls, [])

    def test_time_chance_and_names_are_recorded(self) -> None:
        told = [(run.now(), run.random(), run.uuid()) for run in (self.run_(1), self.run_(2))]
        self.assertEqual(told[0], told[1])
        self.assertAlmostEqual(told[0][0], time.time(), delta=60)


class Failing(Case):
    def test_an_answer_that_is_lost_is_asked_for_again(self) -> None:
        self.faults("", "drop")  # step is served; the report of its result too, but its answer is lost
        self.assertEqual(self.run_().step("a", self.make("a", 1)), 1)
        self.assertEqual(self.made, ["a"])
        run = self.run_(2)
        self.faults("drop")  # the recorded result is lost once
        self.assertEqual((run.step("a", self.make("a", 2)), self.made), (1, ["a"]))

    def test_a_step_that_may_have_been_given_out_is_busy_and_the_next_try_has_it(self) -> None:
        self.faults("drop")
        with self.assertRaises(aire.Busy):
            self.run_().step("a", self.make("a", 1))
        self.assertEqual(self.run_(2).step("a", self.make("a", 2)), 2)

    def test_a_journal_that_fails_is_waited_for(self) -> None:
        self.faults({"status": 503, "code": "journal_unavailable"}, "refuse",
                    {"status": 429, "code": "rate_limit_exceeded", "headers": {"retry-after": "0.01"}}, "",
                    {"status": 503, "code": "journal_unavailable"})
        self.assertEqual(self.run_().step("a", self.make("a", 1)), 1)
        self.assertEqual((self.fake.faults, self.made), ([], ["a"]))

    def test_patience_ends(self) -> None:
        self.faults(*[{"status": 503, "code": "journal_unavailable"}] * 1000)
        with self.assertRaises(aire.Unavailable) as caught:
            self.run_(patience=0.05).step("a", self.make("a"))
        self.assertEqual((caught.exception.code, caught.exception.status), ("journal_unavailable", 503))
        self.assertGreater(len(self.fake.faults), 900)
        self.fake.stop()
        with self.assertRaises(aire.Unreachable):
            self.run_(patience=0.05).step("a", self.make("a"))

    def test_what_retry_after_says_is_kept(self) -> None:
        self.faults({"status": 503, "code": "journal_unavailable", "headers": {"retry-after": "0.3"}})
        start = time.monotonic()
        self.run_().step("a", self.make("a"))
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_every_refusal_has_its_type(self) -> None:
        for status, code, kind in ((409, "try_fenced", aire.Fenced), (409, "run_closed", aire.Closed),
                                   (409, "run_diverged", aire.Diverged), (409, "run_full", aire.Full),
                                   (409, "step_conflict", aire.Conflict), (409, "step_busy", aire.Busy),
                                   (409, "step_not_held", aire.NotHeld), (503, "step_in_doubt", aire.InDoubt),
                                   (410, "run_erased", aire.Erased), (404, "unknown_path", aire.Refused),
                                   (401, "bad_key", aire.Refused), (500, "", aire.Unavailable)):
            with self.subTest(code):
                self.faults({"status": status, "code": code})
                with self.assertRaises(aire.Error) as caught:
                    self.run_().step("a", self.make("a"))
                self.assertIs(type(caught.exception), kind)
                self.assertIn("ex1", str(caught.exception))

    def test_an_older_try_is_fenced(self) -> None:
        self.run_(2).step("a", self.make("a"))
        with self.assertRaises(aire.Fenced):
            self.run_(1).step("b", self.make("b"))
        self.assertEqual(self.made, ["a"])


class Waiting(Case):
    def test_sleep_is_over_at_the_same_time_for_every_try(self) -> None:
        start = time.monotonic()
        self.run_().sleep(0.3)
        self.assertGreaterEqual(time.monotonic() - start, 0.29)
        start = time.monotonic()
        self.run_(2).sleep(0.3)
        self.assertLess(time.monotonic() - start, 0.25)

    def test_a_signal_is_kept_until_it_is_waited_for_and_given_once(self) -> None:
        for value in 1, {"paid": True}:
            aire.signal("r", "paid", value, governor=governor(self.fake))
        for try_ in 1, 2:
            run = self.run_(try_)
            self.assertEqual([run.wait("paid"), run.wait("paid")], [1, {"paid": True}])
            with self.assertRaises(aire.TimedOut):
                run.wait("paid", timeout=0.02)

    def test_a_signal_that_may_have_come_is_not_sent_twice(self) -> None:
        self.faults("drop")
        with self.assertRaises(aire.Unreachable):
            aire.signal("r", "paid", 1, governor=governor(self.fake))
        self.assertEqual(self.fake.runs["r"].signals, {"paid": [1]})

    def test_a_wait_is_asked_again_until_the_signal_comes(self) -> None:
        def send() -> None:
            with self.fake.changed:
                asked = self.fake.changed.wait_for(lambda: len(self.fake.calls) >= 3, 10)
            self.assertTrue(asked)
            aire.signal("r", "go", "now", governor=governor(self.fake))
        sender = threading.Thread(target=send)
        sender.start()
        self.assertEqual(self.run_().wait("go"), "now")
        sender.join()

    def test_an_approval(self) -> None:
        for told, approved in (({"decision": "approve"}, True), ({"decision": "reject", "reason": "no"}, False),
                               ({"decision": "edit", "edit": {"amount": 5}}, True)):
            with self.subTest(told["decision"]):
                decider = threading.Thread(target=self.fake.serve, args=("/fake/decide", {}, told))
                decider.start()
                answers = [self.run_(try_, id=str(told["decision"])).approval("refund?", {"amount": 9})
                           for try_ in (1, 2)]
                decider.join()
                self.assertEqual(answers[0], answers[1])
                self.assertEqual((answers[0].approved, answers[0].by, answers[0].reason, answers[0].edit),
                                 (approved, "ann", told.get("reason"), told.get("edit")))

    def test_an_approval_that_nobody_gives(self) -> None:
        for try_ in 1, 2:
            with self.assertRaises(aire.TimedOut):
                self.run_(try_).approval("refund?", timeout=0.02)

    def test_children(self) -> None:
        child = self.run_().child("audit", {"n": 1})
        parent = self.run_(2)
        self.assertEqual(parent.child("audit", {"n": 1}), child)
        with self.run_(id=child) as run:
            run.end({"ok": True})
        self.assertEqual(parent.join(child), {"ok": True})
        other = parent.child("audit", {"n": 2})
        self.assertNotEqual(other, child)
        self.run_(id=other).fail("broken")
        with self.assertRaises(aire.ChildFailed) as caught:
            parent.join(other)
        self.assertEqual(caught.exception.error["message"], "broken")


class Ending(Case):
    def outcome(self) -> Optional[Dict[str, Any]]:
        return self.fake.runs["r"].outcome if "r" in self.fake.runs else None

    def test_a_block_that_ends_ends_the_run(self) -> None:
        with self.run_() as run:
            run.step("a", self.make("a"))
        self.assertEqual(self.outcome(), {"result": None})
        with self.assertRaises(aire.Closed):
            self.run_(2).step("b", self.make("b"))

    def test_a_result_of_its_own(self) -> None:
        with self.run_() as run:
            run.end({"refunded": 20})
        self.assertEqual(self.outcome(), {"result": {"refunded": 20}})

    def test_a_crash_leaves_the_run_for_the_next_try(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            with self.run_():
                1 / 0
        self.assertIsNone(self.outcome())

    def test_a_final_failure_ends_it(self) -> None:
        with self.assertRaises(aire.StepFailed):
            with self.run_() as run:
                run.step("a", self.fails(aire.Final("never")))
        ended = self.outcome()
        assert ended is not None
        self.assertIn("never", ended["error"]["message"])

    def test_as_a_decorator(self) -> None:
        if self.awaits:
            @aio.run("r", governor=governor(self.fake))
            async def awaiting(run: aio.Run) -> int:
                return await run.step("a", lambda: 5)
            self.assertEqual(asyncio.run(_as_coroutine(awaiting)), 5)
        else:
            @aire.run("r", governor=governor(self.fake))
            def blocking(run: aire.Run) -> int:
                return run.step("a", lambda: 5)
            self.assertEqual(blocking(), 5)
        self.assertEqual(self.outcome(), {"result": 5})


async def _as_coroutine(fn: Callable[[], Any]) -> Any:
    return await fn()


class AwaitedSteps(Steps):
    awaits = True


class AwaitedFailing(Failing):
    awaits = True


class AwaitedWaiting(Waiting):
    awaits = True


class AwaitedEnding(Ending):
    awaits = True


class OnlyAwaited(Case):
    def test_a_function_may_await(self) -> None:
        async def main() -> List[int]:
            async with aio.run("r", governor=governor(self.fake)) as run:
                async def double(n: int) -> int:
                    await asyncio.sleep(0)
                    return n * 2
                return await asyncio.gather(*(run.step("d", lambda n=n: double(n), input=n) for n in range(20)))
        self.assertEqual(asyncio.run(main()), [n * 2 for n in range(20)])

    def test_many_may_wait_at_once(self) -> None:
        async def main() -> List[Any]:
            run = aio.run("r", governor=governor(self.fake, hold=5))
            waits = [asyncio.ensure_future(run.wait(f"s{n}")) for n in range(40)]
            for n in range(40):
                await aio.signal("r", f"s{n}", n, governor=governor(self.fake))
            told = await asyncio.gather(*waits)
            run.close()
            return told
        self.assertEqual(asyncio.run(main()), list(range(40)))


class Threads(Case):
    def test_steps_of_many_threads(self) -> None:
        run = self.run_()
        found: Dict[int, int] = {}

        def one(n: int) -> None:
            found[n] = run.step("t", lambda: n * 2, input=n)
        threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, {n: n * 2 for n in range(20)})


class Places(unittest.TestCase):
    def test_base_urls(self) -> None:
        run = aire.run("refund-1", try_=3, governor=aire.Governor("http://h:1/", "k"))
        self.assertEqual(
            (run.openai_base_url, run.anthropic_base_url, run.tool_url("orders"), run.api_key),
            ("http://h:1/run/refund-1/3/v1", "http://h:1/run/refund-1/3", "http://h:1/run/refund-1/3/tools/orders", "k"))

    def test_the_environment_of_supervise(self) -> None:
        with mock.patch.dict(os.environ, {"AIRE_RUN": "r", "AIRE_TRY": "4", "AIRE_URL": "http://h:2"}):
            self.assertEqual(aire.run().place.url, "http://h:2/run/r/4")
            self.assertEqual(aire.run("r").try_, 4)
            self.assertEqual(aire.run("other").try_, 1)
            self.assertEqual(aire.run(try_=9).try_, 9)

    def test_what_is_no_place(self) -> None:
        with mock.patch.dict(os.environ, {"AIRE_RUN": "", "AIRE_TRY": "x"}):
            for bad in (lambda: aire.run(), lambda: aire.run("r"), lambda: aire.run("a/b", try_=1),
                        lambda: aire.run("x" * 65, try_=1), lambda: aire.run("r", try_=0),
                        lambda: aire.run("r", try_=1_000_001), lambda: aire.Governor("localhost:80"),
                        lambda: aire.Governor("http://h", hold=61)):
                with self.assertRaises(ValueError):
                    bad()


if __name__ == "__main__":
    unittest.main()
