# SPDX-License-Identifier: Apache-2.0
"""The judge of bench/runs.py sees each fault that it says there is none of."""

import importlib.util
import os
import unittest

import rig

SPEC = importlib.util.spec_from_file_location("history",
                                              os.path.join(rig.ROOT, "bench", "history.py"))
history = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(history)

STEP = ("r", 0)


def call(at, kind="model", key=None):
    return {"run": "r", "step": 0, "kind": kind, "key": key, "at": at}


def answer(at, attempt=1, replayed=False, number=7, status=200, **more):
    return {"run": "r", "step": 0, "try": attempt, "status": status, "replayed": replayed,
            "sum": number, "at": at, **more}


def doubt(at):
    return answer(at, status=503, error="step_in_doubt")


class Faults(unittest.TestCase):
    def judge(self, answers, calls):
        return history.History(answers, calls)

    def test_a_run_without_fault(self):
        seen = self.judge([answer(2), answer(3, 2, replayed=True)], [call(1, "keyed", "k")])
        for name in ("repeated", "repeated_after_answer", "not_replayed", "keyed_twice",
                     "unsafe_twice", "unsafe_unsaid", "in_doubt"):
            self.assertEqual(getattr(seen, name)(), [], name)
        self.assertEqual((len(seen.asked_again()), seen.ended(0)), (1, {"r"}))

    def test_a_call_made_twice(self):
        self.assertEqual(self.judge([], [call(1), call(2)]).repeated(), [STEP])

    def test_a_call_made_again_after_its_answer(self):
        for at, found in (2, [STEP]), (3, []):
            seen = self.judge([answer(at)], [call(1), call(2.5)])
            self.assertEqual(seen.repeated_after_answer(), found)

    def test_an_answer_that_is_no_replay_or_another_one(self):
        for again in answer(3, 2), answer(3, 2, replayed=True, number=8):
            self.assertEqual(self.judge([answer(2), again], [call(1)]).not_replayed(), [again])

    def test_an_acknowledged_step_that_has_an_error_later(self):
        again = doubt(3) | {"try": 2}
        self.assertEqual(self.judge([answer(2), again], [call(1)]).not_replayed(), [again])

    def test_a_keyed_effect_under_two_keys_or_none(self):
        for keys, found in (("a", "b"), [STEP]), ((None,), [STEP]), (("a", "a"), []):
            calls = [call(at, "keyed", key) for at, key in enumerate(keys)]
            self.assertEqual(self.judge([], calls).keyed_twice(), found)

    def test_an_unsafe_effect_made_twice(self):
        seen = self.judge([], [call(1, "unsafe"), call(2, "unsafe")])
        self.assertEqual(seen.unsafe_twice(), [STEP])

    def test_an_unsafe_effect_of_which_nothing_was_said(self):
        self.assertEqual(self.judge([], [call(1, "unsafe")]).unsafe_unsaid(), [STEP])
        for said in answer(2), doubt(2):
            self.assertEqual(self.judge([said], [call(1, "unsafe")]).unsafe_unsaid(), [])

    def test_a_step_whose_agent_was_gone(self):
        seen = self.judge([answer(2, 2, replayed=True)], [call(1)])
        self.assertEqual(seen.made_without_agent(), [STEP])

    def test_a_run_that_did_not_end(self):
        self.assertEqual(self.judge([doubt(2)], [call(1)]).ended(0), set())
