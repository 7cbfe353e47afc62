# SPDX-License-Identifier: Apache-2.0
"""The Python SDK against the real server: each of its operations, and an agent that dies in between."""

import os
import sys
import threading

import rig

sys.path.insert(0, os.path.join(rig.ROOT, "sdk", "python", "src"))
import aire  # noqa: E402


class Died(Exception):
    pass


class Sdk(rig.World):
    CONFIG = rig.BASE + 'routes:\n  "*": {path: [one]}\n'

    def setUp(self):
        super().setUp()
        os.environ["AIRE_URL"] = self.governor.url
        self.addCleanup(os.environ.pop, "AIRE_URL")
        self.made = []

    def decide(self):
        review = rig.until(lambda: self.governor.get("/api/reviews?state=pending")
                           .json()["reviews"])[0]
        self.governor.ask(f"/api/reviews/{review['id']}/decision",
                          {"decision": "edit", "edit": '{"sum": 4}', "reason": "less"})

    def agent(self, run, die_behind=99):
        told = []

        def step(what, value):
            told.append((what, value))
            if len(told) == die_behind:
                raise Died

        step("step", run.step("charge", lambda: self.made.append(1) or {"receipt": 7}, input=[1]))
        run.sleep(0.02)
        step("random", run.random())
        step("signal", run.wait("paid"))
        decision = run.approval("Refund?", details={"order": 7})
        step("approval", (decision.decision, decision.edit, decision.reason, decision.by))
        child = run.child("pay", input=[1], queue="pays")
        step("child", child)
        step("join", run.join(child))
        return told

    def test_an_agent_that_dies_behind_every_step_tells_one_story(self):
        workers = threading.Thread(target=lambda: aire.worker(
            "pays", lambda run: {"paid": run.input}), daemon=True)
        workers.start()
        threading.Thread(target=self.decide).start()
        for death in range(1, 7):
            with self.assertRaises(Died), aire.run("story", try_=death) as run:
                if death == 3:
                    aire.signal("story", "paid", {"sum": 5})
                self.agent(run, death)
        with aire.run("story", try_=7) as run:
            told = dict(self.agent(run))
        told.pop("random")
        self.assertEqual(told, {"step": {"receipt": 7}, "signal": {"sum": 5},
                                "approval": ("edit", {"sum": 4}, "less", "local"),
                                "child": told["child"], "join": {"paid": [1]}})
        self.assertEqual(self.made, [1])
        self.assertEqual(self.governor.get("/api/runs/story").json()["run"]["state"], "done")
