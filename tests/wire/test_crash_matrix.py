# SPDX-License-Identifier: Apache-2.0
"""Whoever dies, and whenever: a run ends, what was acknowledged stays, an effect happens once or is said
to be in doubt. Judged from outside alone, by what the agent wrote down and what the tool counted.

CRASH_TRIALS=n plays each cell n times; run as a program it prints the matrix (make check-crash)."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import rig
import tool_server

TRIALS = int(os.environ.get("CRASH_TRIALS", "1"))
TRIES_MAX = 6
ACTIONS = ("pay", "refund")  # keyed, unsafe
VICTIMS = ("agent", "governor", "both")
# When the step with the effect is: not begun; intended; at the tool, before and after its effect;
# answered, not durable; durable, not delivered; its head delivered.
MOMENTS = ("idle", "intent", "call", "effect", "answer", "commit", "head")
POINTS = {"intent": "step_intended", "answer": "step_answered", "commit": "step_kept"}
CONFIG = rig.BASE + """
tools:
  shop:
    http: "http://TOOL"
    rate: 100000/min
    guardrails: off
    retries: {attempts: 1}
    breaker: {failures: 1000}
    actions:
      find: {effect: read}
      put: {effect: idempotent}
      pay: {effect: keyed, idempotency: {header: Idempotency-Key}}
      refund: {effect: unsafe}
routes:
  "*": {path: [one]}
"""


class Tool(tool_server.ToolServer):
    """Applies effects; a keyed one once for each key. Holds a call before or after its effect."""

    def __init__(self):
        super().__init__()
        self.answer = self.act
        self.forget()

    def forget(self):
        self.keyed, self.unsafe, self.calls = {}, 0, 0
        self.hold, self.holding, self.go = None, threading.Event(), threading.Event()

    def wait(self, moment):
        if self.hold == moment:
            self.hold = None
            self.holding.set()
            self.go.wait(rig.LIMIT_S)

    def act(self, conn, seen):
        action = seen.target.rsplit("/", 1)[1]
        number = 0
        if action in ACTIONS:
            self.wait("call")
            with self.lock:
                self.calls += 1
                if action == "pay":
                    number = self.keyed.setdefault(seen.header("idempotency-key"), len(self.keyed))
                else:
                    number = self.unsafe
                    self.unsafe += 1
            self.wait("effect")
        conn.sendall(tool_server.reply(200, json.dumps({"done": action, "n": number}).encode()))
        return True


class Trial:
    """One run of which somebody dies once."""

    def __init__(self, world, victim, moment, action, name):
        self.world, self.victim, self.moment, self.action = world, victim, moment, action
        self.run, self.attempt, self.agent = name, 0, None
        self.log = os.path.join(world.mine.folder, f"{name}.log")
        world.tool.forget()

    def start(self, moment="-"):
        self.attempt += 1
        self.agent = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "crash_agent.py"),
             str(self.world.mine.port), self.run, str(self.attempt), self.log, self.action, moment],
            bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def end_agent(self):
        code = self.agent.wait(rig.LIMIT_S)
        self.agent.stdin.close()
        self.agent.stdout.close()
        return code

    def go(self):
        try:
            self.agent.stdin.write(b"\n")
        except BrokenPipeError:
            pass

    def strike(self):
        """Whoever is to die does so in the first try, and the Governor is there again."""
        if self.moment in POINTS and self.victim != "agent":
            self.strike_at_point()
        else:
            self.strike_from_outside()
        self.go()
        self.end_agent()

    def strike_at_point(self):
        self.start("idle")
        self.agent.stdout.readline()
        self.world.again({"AIRE_CRASH_AT": POINTS[self.moment]}, signal.SIGTERM)
        self.go()
        code = self.world.mine.process.wait(rig.LIMIT_S)
        assert code == -signal.SIGKILL, code
        if self.victim == "both":
            self.agent.kill()
        self.world.again()

    def strike_from_outside(self):
        tool = self.world.tool
        tool.hold = self.moment
        self.start({"idle": "idle", "head": "head"}.get(self.moment, "sent"))
        self.agent.stdout.readline()
        if self.moment in ("call", "effect"):
            assert tool.holding.wait(rig.LIMIT_S)
        elif self.moment in ("answer", "commit"):
            assert rig.until(lambda: tool.calls > 0)
        if self.victim != "governor":
            self.agent.kill()
        if self.victim != "agent":
            self.world.again()
        tool.go.set()

    def resume(self):
        """Tries until the run ends or stands in doubt."""
        for _ in range(TRIES_MAX):
            self.start()
            code = self.end_agent()
            if code in (0, 3):
                return code
        return code

    def history(self):
        with open(self.log, encoding="ascii") as file:
            return [json.loads(line) for line in file]


class Matrix(rig.World):
    cells = {}

    @classmethod
    def setUpClass(cls):
        cls.tool = Tool()
        cls.addClassCleanup(cls.tool.end)
        cls.CONFIG = CONFIG.replace("TOOL", f"127.0.0.1:{cls.tool.port}")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.mine = rig.Governor(tempfile.mkdtemp(prefix="matrix-", dir=self.folder),
                                 self.text(self.CONFIG))
        self.addCleanup(lambda: self.mine.stop())

    def again(self, env=None, with_signal=signal.SIGKILL):
        self.mine.stop(with_signal)
        self.mine = rig.Governor(self.mine.folder, self.text(self.CONFIG), env=env,
                                 listen=f"127.0.0.1:{self.mine.port}")

    def judge(self, trial, code):
        """The checker: it knows the agent's log, the tool's counts, and nothing else."""
        acknowledged = {}
        for entry in trial.history():
            if entry["status"] != 200:
                continue
            known = acknowledged.setdefault(entry["step"], entry["body"])
            self.assertEqual(entry["body"], known, "an acknowledged answer changed")
        if trial.action == "pay":
            self.assertEqual(len(self.tool.keyed), 1, "a keyed effect has one key")
        else:
            self.assertLessEqual(self.tool.unsafe, 1, "an unsafe effect was repeated")
        if code == 3:
            self.assertEqual(trial.action, "refund", "only unsafe effects are in doubt")
            self.decide(trial)
            code = trial.resume()
        self.assertEqual(code, 0, "the run did not end")
        self.assertEqual({"plan", "find", "effect", "put", "tell"},
                         {entry["step"] for entry in trial.history() if entry["status"] == 200})

    def decide(self, trial):
        """A person looks at what the tool counted."""
        [step] = [step for step in self.mine.command("runs", "show", trial.run)["steps"]
                  if step["state"] == "in_doubt"]
        said = "--happened" if self.tool.unsafe else "--again"
        done = self.mine.run("runs", "resolve", trial.run, str(step["seq"]), said)
        self.assertEqual(done.returncode, 0, done.stderr)

    def play(self, victim, moment, action):
        told = {"once": 0, "again": 0, "doubt": 0}
        for number in range(TRIALS):
            trial = Trial(self, victim, moment, action, f"{victim}-{moment}-{action}-{number}")
            trial.strike()
            code = trial.resume()
            told["doubt" if code == 3 else "again" if self.tool.calls > 1 else "once"] += 1
            self.judge(trial, code)
        type(self).cells[victim, moment, action] = told


def add_cell(victim, moment, action):
    def test(self):
        self.play(victim, moment, action)
    setattr(Matrix, f"test_{victim}_dies_at_{moment}_of_{action}", test)


for cell in [(v, m, a) for v in VICTIMS for m in MOMENTS for a in ACTIONS]:
    add_cell(*cell)


def show():
    """once: the effect was made once. again: sent again under its key. doubt: left to a person."""
    print(f"\n{'dies':10} {'when':8} {'effect':8} {'once':>6} {'again':>6} {'doubt':>6}")
    for (victim, moment, action), told in sorted(
            Matrix.cells.items(), key=lambda item: (VICTIMS.index(item[0][0]),
                                                    MOMENTS.index(item[0][1]), item[0][2])):
        kind = "keyed" if action == "pay" else "unsafe"
        print(f"{victim:10} {moment:8} {kind:8} {told['once']:6} {told['again']:6} {told['doubt']:6}")


if __name__ == "__main__":
    done = unittest.main(exit=False).result
    show()
    print(f"{done.testsRun} cells of {TRIALS}, {len(done.failures) + len(done.errors)} failed")
    sys.exit(0 if done.wasSuccessful() else 1)
