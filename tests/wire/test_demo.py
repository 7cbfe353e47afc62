# SPDX-License-Identifier: Apache-2.0
"""`aire demo`: every conversation is answered, the output is for people or for programs, and nothing
stays behind."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AIRE = os.environ.get("AIRE_BIN", os.path.join(ROOT, "build", "aire"))
CONFIG = os.path.join(ROOT, "examples", "refund-agent", "aire.yaml")
LIMIT_S = 60


def children_of(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue  # gone meanwhile
        if int(fields[1]) == pid:
            found.append(int(entry))
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, limit_s):
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


class Demo(unittest.TestCase):
    def start(self, temporary, *arguments):
        process = subprocess.Popen(
            [AIRE, "demo", "--config", CONFIG, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": temporary})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def test_every_conversation_is_answered(self):
        with tempfile.TemporaryDirectory() as temporary:
            # Both forms are played at once: they mostly wait.
            machine = self.start(temporary, "--json")
            person = self.start(temporary)
            machine_out, machine_err = machine.communicate(timeout=LIMIT_S)
            person_out, person_err = person.communicate(timeout=LIMIT_S)
            self.assertEqual(os.listdir(temporary), [], "the temporary folder was left behind")
        self.assertEqual(machine.returncode, 0, machine_out + machine_err)
        self.assertEqual(person.returncode, 0, person_out + person_err)
        self.assertEqual(machine_err + person_err, "")
        self.check_json(machine_out)
        self.check_text(person_out)

    def check_json(self, output):
        lines = [json.loads(line) for line in output.splitlines()]
        scenes, summary = lines[:-1], lines[-1]["summary"]
        self.assertEqual([scene["number"] for scene in scenes], list(range(1, 21)))
        for scene in scenes:
            self.assertTrue(scene["usable"], scene)
            self.assertGreater(len(scene["words"]), 20, scene)
            self.assertLessEqual(scene["calls"] - scene["retries"], 3, scene)
        self.assertEqual({scene["api"] for scene in scenes}, {"chat", "messages", "responses"})
        self.assertEqual([scene["stream"] for scene in scenes], [False, True] * 10)
        by_number = {scene["number"]: scene for scene in scenes}
        self.assertEqual(by_number[10]["outcome"], "retried")  # stalled after its first words
        self.assertEqual(by_number[14]["without"]["outcome"], "cut")  # nobody noticed
        self.assertEqual(by_number[15]["tier"], "backup")
        self.assertEqual(by_number[17]["tier"], "rules")
        self.assertEqual(by_number[18]["tier"], "human")
        self.assertTrue(by_number[18]["review"].startswith("rv"))
        self.assertEqual(by_number[19]["tier"], "primary")  # the breaker let it back in
        self.assertEqual(summary["usable_with"], 20)
        self.assertLess(summary["usable_without"], 12)
        self.assertGreaterEqual(summary["breaker_openings"], 1)
        self.assertGreaterEqual(summary["incidents"], 1)
        self.assertLess(summary["mttr_s"], 300)
        self.assertGreater(summary["governor_us_median_at_most"], 0)
        self.assertLess(summary["total_us"], LIMIT_S * 1_000_000)

    def check_text(self, output):
        for line in output.splitlines():
            self.assertLessEqual(len(line), 100, line)
            self.assertNotIn("\033", line)
            self.assertEqual(line, line.rstrip())
        self.assertIn("20/20", output)
        self.assertEqual(output.count("typed error; its retry was answered"), 3)

    def test_a_signal_ends_it_with_all_it_started(self):
        with tempfile.TemporaryDirectory() as temporary:
            process = self.start(temporary)
            self.assertTrue(wait_until(lambda: len(children_of(process.pid)) == 3, 20))
            started = children_of(process.pid)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, 4)
            self.assertFalse(any(alive(pid) for pid in started))
            self.assertEqual(os.listdir(temporary), [])

    def test_its_children_do_not_outlive_it(self):
        with tempfile.TemporaryDirectory() as temporary:
            process = self.start(temporary)
            self.assertTrue(wait_until(lambda: len(children_of(process.pid)) == 3, 20))
            started = children_of(process.pid)
            process.kill()
            process.wait()
            self.assertTrue(wait_until(lambda: not any(alive(pid) for pid in started), 5))

    def test_a_missing_story_is_said_in_one_line(self):
        process = subprocess.run([AIRE, "demo", "--config", "/nonexistent/aire.yaml"],
                                 capture_output=True, text=True, timeout=20)
        self.assertEqual(process.returncode, 2)
        self.assertIn("/nonexistent/", process.stderr)
        self.assertEqual(len(process.stderr.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
