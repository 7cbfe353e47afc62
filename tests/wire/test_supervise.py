# SPDX-License-Identifier: Apache-2.0
"""`aire supervise`: an agent that dies starts again as the next try and repeats nothing."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import rig

CONFIG = rig.BASE + """routes:
  plain: {path: [one], retries: {attempts: 1}}
"""

# Ten steps; it tells which it has done, and dies where it was told to.
AGENT = '''
import json, os, signal, sys, urllib.request
def told(line):
    with open(os.environ["TOLD"], "a") as file:
        file.write(line + "\\n")
dies = os.environ.get("DIES", "").split(",")
told("begin %s %s" % (os.environ["AIRE_RUN"], os.environ["AIRE_TRY"]))
for step in range(int(os.environ.get("STEPS", "10"))):
    if dies[:1] == ["%s:%d" % (os.environ["AIRE_TRY"], step)]:
        os.kill(os.getpid(), signal.SIGKILL)
    body = {"model": "plain", "messages": [{"role": "user", "content": "step %d" % step}]}
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        told("%s %d" % ("again" if answer.headers["x-aire-replayed"] else "new", step))
'''


class Supervise(rig.World):
    CONFIG = CONFIG

    def setUp(self):
        super().setUp()
        self.own_folder = tempfile.mkdtemp(prefix="agent-", dir=self.folder)
        self.path = os.path.join(self.own_folder, "told")
        self.agent = os.path.join(self.own_folder, "agent.py")
        with open(self.agent, "w", encoding="utf-8") as file:
            file.write(AGENT)
        self.run_id = self.id().rsplit(".", 1)[1][-60:].strip("_")

    def start(self, *command, options=(), **env):
        return subprocess.Popen(
            [rig.AIRE, "supervise", "--url", self.governor.url + "/", "--data", self.governor.data,
             *options, "--", *command],
            env={**os.environ, "TOLD": self.path, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def supervise(self, *command, options=(), **env):
        process = self.start(*command, options=options, **env)
        out, errors = process.communicate(timeout=60)
        return process.returncode, out, errors

    def agents(self, *options, **env):
        return self.supervise(sys.executable, self.agent,
                              options=("--run", self.run_id, *options), **env)

    def told(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def test_an_agent_that_ends_well_is_one_try(self):
        code, _, errors = self.agents()
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(self.told(), [f"begin {self.run_id} 1"] + [f"new {i}" for i in range(10)])

    def test_killed_at_random_steps_it_goes_on_and_repeats_none(self):
        seed = random.Random(4711)
        for number in range(5):
            self.run_id += "x"
            self.path += "x"
            self.came = self.sim.state()["requests"]
            dies = sorted(seed.sample(range(10), 3))
            # A try dies once; which one it is stands in front.
            process = self.start(sys.executable, "-c", KILLED.format(agent=self.agent, dies=dies),
                                 options=("--run", self.run_id))
            _, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, (number, dies, errors))
            new = [line for line in self.told() if line.startswith("new")]
            self.assertEqual(new, [f"new {i}" for i in range(10)], (number, dies))
            self.assertEqual(self.arrived(), 10)
            self.assertEqual(len([l for l in self.told() if l.startswith("begin")]), 4)

    def test_from_the_kill_to_the_next_new_step_half_a_second(self):
        process = self.start(sys.executable, "-S", "-c", WAITING, options=("--run", self.run_id))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        times = []
        for attempt in range(1, 4):
            self.assertTrue(rig.until(lambda: f"new {attempt}" in self.told()))
            pid = int([l for l in self.told() if l.startswith("pid")][-1].split()[1])
            killed = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            self.assertTrue(rig.until(lambda: f"new {attempt + 1}" in self.told()))
            times.append(time.monotonic() - killed)
        print(f"kill -> next new step: {' '.join(f'{t * 1000:.0f} ms' for t in times)}",
              file=sys.stderr)
        self.assertLess(min(times), 0.5, times)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(rig.LIMIT_S), 128 + signal.SIGTERM)

    def test_the_next_try_follows_the_last_one_of_the_run(self):
        self.agents()
        self.agents()
        self.assertIn(f"begin {self.run_id} 2", self.told())
        self.assertEqual(len([l for l in self.told() if l.startswith("again")]), 10)

    def test_its_exit_status_is_the_last_ones(self):
        code, _, errors = self.supervise("sh", "-c", "exit 7", options=("--tries", "2"))
        self.assertEqual(code, 7)
        self.assertIn("ended with 7; the next one follows", errors)
        self.assertEqual(self.supervise("sh", "-c", "kill -9 $$", options=("--tries", "1"))[0], 137)
        code, _, errors = self.supervise("no-such-program")
        self.assertEqual(code, 127)
        self.assertIn("no-such-program cannot be started", errors)

    def test_output_and_names_are_the_agents(self):
        code, out, _ = self.supervise(
            "sh", "-c", "echo $AIRE_RUN $AIRE_TRY $AIRE_BASE_URL $OPENAI_BASE_URL $ANTHROPIC_BASE_URL",
            options=("--run", "r-1"), OPENAI_BASE_URL="http://elsewhere")
        base = self.governor.url + "/run/r-1/1"
        self.assertEqual((code, out.split()), (0, ["r-1", "1", base, base + "/v1", base]))
        _, out, errors = self.supervise("sh", "-c", "echo $AIRE_RUN")
        self.assertIn(f"this is run {out.strip()}", errors)

    def test_signals_are_the_agents(self):
        script = 'trap "echo usr1" USR1; trap "echo bye; exit 3" TERM; echo ready; ' \
                 'while :; do sleep 0.01; done'
        process = self.start("sh", "-c", script)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.stdout.readline(), "usr1\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual((process.stdout.readline(), process.wait(rig.LIMIT_S)), ("bye\n", 3))
        process.communicate()

    def test_the_agent_does_not_outlive_it(self):
        process = self.start("sh", "-c", "echo $$; exec sleep 1000")
        pid = int(process.stdout.readline())
        process.kill()
        process.communicate()
        self.assertTrue(rig.until(lambda: not os.path.exists(f"/proc/{pid}/cwd")))

    def test_a_run_that_has_ended_is_not_started(self):
        self.agents()
        self.governor.command("runs", "cancel", self.run_id)
        before = self.told()
        code, _, errors = self.agents()
        self.assertEqual((code, self.told()), (1, before))
        self.assertIn(f"the run {self.run_id} is cancelled", errors)

    def test_what_is_asked_wrongly_is_said(self):
        for words, *arguments in (("-- COMMAND is missing",), ("-- COMMAND is missing", "python"),
                                  ("no command behind --", "--"),
                                  ("--run", "--run", "a b", "--", "true"),
                                  ("--url", "--url", "localhost", "--", "true"),
                                  ("--tries", "--tries", "0", "--", "true")):
            done = rig.run("supervise", *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr)


# The first three tries die, each before a step further on.
KILLED = '''
import os, runpy
dies, attempt = {dies}, int(os.environ["AIRE_TRY"])
if attempt <= len(dies):
    os.environ["DIES"] = "%d:%d" % (attempt, dies[attempt - 1])
runpy.run_path("{agent}")
'''

# Each try repeats what was done, makes one new step, and waits to be killed.
WAITING = '''
import http.client, json, os, signal, urllib.parse
url = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
told = open(os.environ["TOLD"], "a", buffering=1)
told.write("pid %d\\n" % os.getpid())
for step in range(1, int(os.environ["AIRE_TRY"]) + 1):
    conn = http.client.HTTPConnection(url.hostname, url.port)
    conn.request("POST", url.path + "/chat/completions", json.dumps(
        {"model": "plain", "messages": [{"role": "user", "content": "step %d" % step}]}),
        {"content-type": "application/json"})
    answer = conn.getresponse()
    told.write("%s %d\\n" % ("again" if answer.headers["x-aire-replayed"] else "new", step))
signal.pause()
'''
