# SPDX-License-Identifier: Apache-2.0
"""Starting, reloading, draining, crashing; what was recorded; metrics."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time
import unittest

import rig
from rig import CHAT, MESSAGES, request

ROUTES = """
routes:
  any: {path: [one, two], retries: {backoff: 5ms}}
  claude: {path: [first]}
  durable: {path: [one], record: before_release}
  people: {path: [human]}
"""
CONFIG = rig.BASE + ROUTES
SWAPPED = CONFIG.replace("path: [one, two]", "path: [two, one]")


class Draining(rig.World):
    CONFIG = CONFIG

    def setUp(self):
        super().setUp()
        self.governor = self.own(CONFIG)

    def test_a_stream_is_finished_and_the_exit_is_0(self):
        self.sim.fault("between: 30ms")
        with self.open(request(CHAT, self.body(CHAT, stream=True))) as conn:
            got = conn.head()
            self.governor.process.send_signal(signal.SIGTERM)
            self.assertTrue(rig.until(lambda: "draining" in self.governor.log()))
            conn.read_body(got)
            self.assertTrue(got.ended)
            self.assertTrue(got.body.endswith(b"data: [DONE]\n\n"))
            self.assertTrue(conn.is_closed())
        self.assertEqual(self.governor.stop(), 0)

    def test_a_request_whose_body_is_on_its_way_is_served(self):
        wire = request(CHAT, self.body(CHAT))
        with self.open(wire[:-5]) as conn:
            self.assertTrue(rig.until(lambda: self.governor.command("status")["connections"] >= 2))
            self.governor.process.send_signal(signal.SIGTERM)
            self.assertTrue(rig.until(lambda: "draining" in self.governor.log()))
            got = conn.send(wire[-5:]).response()
            self.assertEqual((got.status, got.header("connection")), (200, "close"))
        self.assertEqual(self.governor.stop(), 0)

    def test_idle_connections_do_not_hold_it_up(self):
        conns = [self.open() for _ in range(3)]
        conns[0].send(request(CHAT, self.body(CHAT))).response()
        began = time.monotonic()
        self.assertEqual(self.governor.stop(), 0)
        self.assertLess(time.monotonic() - began, 2 * rig.SLOW)
        for conn in conns:
            self.assertTrue(conn.is_closed())

    def test_a_second_signal_ends_it_at_once(self):
        self.sim.fault("delay: 5s")
        with self.open(request(CHAT, self.body(CHAT))):
            self.assertTrue(rig.until(lambda: self.arrived() == 1))
            self.governor.process.send_signal(signal.SIGTERM)
            self.assertTrue(rig.until(lambda: "draining" in self.governor.log()))
            began = time.monotonic()
            self.assertEqual(self.governor.stop(), 0)
            self.assertLess(time.monotonic() - began, 2 * rig.SLOW)

    def test_sigint_drains_as_well(self):
        self.assertEqual(self.governor.stop(signal.SIGINT), 0)

    def test_all_records_are_written(self):
        ids = [self.call(CHAT, "any", i % 2 == 0).header("x-aire-id") for i in range(50)]
        self.assertEqual(self.governor.stop(), 0)
        listed = [row["id"] for row in self.governor.rows("exchanges", "list", "--limit", "100")]
        self.assertEqual(sorted(listed), sorted(ids))


class Reloading(rig.World):
    CONFIG = CONFIG

    def setUp(self):
        super().setUp()
        self.governor = self.own(CONFIG)

    def apply(self):
        return self.governor.run("config", "apply", "--json")

    def target(self):
        return self.call().header("x-aire-target")

    def test_sighup_swaps(self):
        self.assertEqual(self.target(), "one")
        self.governor.configure(self.text(SWAPPED))
        self.governor.process.send_signal(signal.SIGHUP)
        self.assertTrue(rig.until(lambda: self.target() == "two"))

    def test_config_apply_swaps(self):
        self.governor.configure(self.text(SWAPPED))
        self.assertEqual(self.apply().returncode, 0)
        self.assertEqual(self.target(), "two")

    def test_a_running_stream_keeps_its_own(self):
        self.sim.fault("between: 30ms", "stream: true")
        with self.open(request(CHAT, self.body(CHAT, stream=True))) as conn:
            got = conn.head()
            self.governor.configure(self.text(SWAPPED.replace("model-two", "model-three")))
            self.assertEqual(self.apply().returncode, 0)
            self.assertEqual(self.target(), "two")
            conn.read_body(got)
        self.assertEqual((got.header("x-aire-target"), got.ended), ("one", True))
        self.assertTrue(got.body.endswith(b"data: [DONE]\n\n"))

    def test_a_bad_file_changes_nothing_and_says_why(self):
        bad = self.text(SWAPPED).replace("retries: {backoff", "retires: {backoff")
        line = bad[:bad.index("retires")].count("\n") + 1
        self.governor.configure(bad)
        for _ in range(10):
            done = self.apply()
            self.assertEqual(done.returncode, 2, done)
            self.assertRegex(done.stdout + done.stderr, rf"aire\.yaml:{line}:\d+: .*retires.*retries")
        self.assertEqual(self.target(), "one")
        before = self.governor.log().count("retires")
        self.governor.process.send_signal(signal.SIGHUP)
        self.assertTrue(rig.until(lambda: self.governor.log().count("retires") > before))
        self.assertEqual(self.target(), "one")
        os.unlink(self.governor.config)
        self.assertNotEqual(self.apply().returncode, 0)
        self.assertEqual(self.target(), "one")

    def test_reload_under_load_loses_nothing(self):
        stop = threading.Event()
        wrong = []
        counts = [0] * 4

        def load(number):
            with rig.Conn(self.governor.port) as conn:
                while not stop.is_set():
                    try:
                        got = conn.send(request(CHAT, self.body(CHAT, "any", counts[number] % 2 == 1))
                                        ).response()
                        if got.status != 200 or not got.ended or "order 4711" not in got.text():
                            wrong.append(got)
                    except Exception as error:
                        wrong.append(error)
                        return
                    counts[number] += 1
        threads = [threading.Thread(target=load, args=(i,)) for i in range(len(counts))]
        for thread in threads:
            thread.start()
        for i in range(20):
            self.governor.configure(self.text(CONFIG if i % 2 else SWAPPED))
            self.governor.process.send_signal(signal.SIGHUP)
            generations = 2 + i
            self.assertTrue(rig.until(lambda n=generations:
                                      self.governor.log().count("generation") >= n - 1))
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(min(counts), 5)

    def test_breakers_and_switches_outlive_a_reload(self):
        governor = self.governor = self.own(rig.BASE + """
routes:
  any: {path: [one, two], retries: {backoff: 5ms}, breaker: {failures: 2}}
  claude: {path: [first]}
""")
        self.sim.fault("status: 500", "path: /east/*")
        self.call()
        governor.command("route", "stop", "claude")
        self.assertEqual(self.apply().returncode, 0)
        states = {t["name"]: t["breaker"] for t in governor.command("status")["targets"]}
        self.assertEqual(states["one"], "open")
        self.assert_error(self.call(MESSAGES, "claude"), 503, MESSAGES)

    def test_revoked_keys_do_not_wait_for_a_reload(self):
        made = self.governor.command("key", "create", "k")
        self.assertEqual(self.governor.ask(CHAT, self.body(CHAT), {"x-api-key": made["key"]}).status, 200)
        self.governor.command("key", "revoke", made["entry"]["id"])
        self.assertEqual(self.governor.ask(CHAT, self.body(CHAT), {"x-api-key": made["key"]}).status, 401)


class Starting(unittest.TestCase):
    """What keeps it from running: one clear line and the right exit code."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="aire-wire-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")

    def serve(self, config="version: 1\n", *arguments, env=None, code=None):
        path = os.path.join(self.folder, "aire.yaml")
        if config is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(config)
        more = () if "--listen" in arguments else ("--listen", "127.0.0.1:0")
        try:
            done = rig.run("serve", "--config", path, "--data", self.data, *more, *arguments, env=env,
                           folder=self.folder, limit_s=3 * rig.SLOW)
        except subprocess.TimeoutExpired as runs:
            raise AssertionError(f"it runs, though it should not: {runs.cmd}") from runs
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_a_busy_port_is_4(self):
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            said = self.serve("version: 1\n", "--listen", "127.0.0.1:%d" % busy.getsockname()[1], code=4)
        self.assertIn("in use", said)

    def test_an_address_that_is_not_ours_is_4(self):
        self.serve("version: 1\n", "--listen", "192.0.2.1:1234", code=4)

    def test_a_locked_data_folder_is_4(self):
        running = rig.Governor(self.folder, "version: 1\n")
        self.addCleanup(running.stop)
        self.assertIn("another server", self.serve(code=4))
        self.assertEqual(running.get("/healthz").status, 200)

    def test_a_corrupt_database_is_4(self):
        os.mkdir(self.data, 0o700)
        path = os.path.join(self.data, "aire.db")
        with open(path, "wb") as file:
            file.write(b"SQLite format 3\0" + b"garbage" * 1000)
        self.serve(code=4)
        with open(path, "wb") as file:
            file.write(b"this is no database at all, but a text of some length" * 100)
        self.assertIn("aire.db", self.serve(code=4))

    def test_a_database_of_a_later_version_is_4(self):
        rig.Governor(self.folder, "version: 1\n").stop()
        with sqlite3.connect(os.path.join(self.data, "aire.db")) as db:
            db.execute("update schema_versions set version = version + 1000")
        db.close()
        self.serve(code=4)

    def test_a_data_folder_that_cannot_be_made_is_4(self):
        with open(self.data, "w", encoding="utf-8") as file:
            file.write("a file")
        self.serve(code=4)

    def test_a_missing_configuration_is_2(self):
        self.assertIn("aire.yaml", self.serve(None, code=2))

    def test_a_wrong_configuration_is_2_with_its_place(self):
        targets = 'providers:\n  a: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}\n' \
                  "targets:\n  t: {provider: a}\nroutes:\n"
        cases = (
            ("version: 1\nlisten: [\n", r"aire.yaml:\d+:\d+: "),
            ("version: 1\nlissten: x\n", r"aire.yaml:2:1: .*lissten.*'listen'"),
            ("version: 2\n", r"aire.yaml:1:1: .*version"),
            ("listen: 127.0.0.1:0\n", r"aire.yaml:.*version"),
            ("version: 1\nversion: 1\n", r"aire.yaml:2:1: "),
            ("version: 1\nlimits: {body_max: lots}\n", r"aire.yaml:2:\d+: .*body_max"),
            ("version: 1\nlimits: {body_max: 5GiB}\n", r"aire.yaml:2:\d+: .*out of bounds"),
            ("version: 1\n" + targets + "  r: {path: [x]}\n", r"aire.yaml:7:\d+: .*'x'"),
            ("version: 1\n" + targets + "  r: {path: []}\n", r"aire.yaml:7:\d+: "),
            ("version: 1\n" + targets + "  r: {path: [t, human, t]}\n", r"aire.yaml:7:\d+: .*human"),
            ("version: 1\n" + targets + "  r: {path: [t, rules]}\n", r"aire.yaml:7:\d+: .*rules"),
            ("version: 1\n" + targets + "  r: {path: [t], rules: none.yaml}\n",
             r"aire.yaml:7:\d+: .*none.yaml"),
            ("version: 1\n" + targets + "  r: {path: [t], timeouts: {total: 5x}}\n", r"aire.yaml:7:\d+: "),
            ("version: 1\n" + targets + "  r: {path: [t], hedge: p95}\n", r"aire.yaml:7:\d+: .*not built"),
            ("version: 1\ntools:\n  t: {mcp: 'http://x'}\n", r"aire.yaml:3:\d+: .*not built"),
            ("version: 1\nproviders:\n  a: {dialect: gemini, base_url: 'http://x/v1'}\n",
             r"aire.yaml:3:\d+: .*dialect"),
            ("version: 1\nproviders:\n  a: {dialect: openai, base_url: 'ftp://x/v1'}\n",
             r"aire.yaml:3:\d+: .*base_url"),
            ("version: 1\nproviders:\n  a: {dialect: openai, base_url: 'http://x', keys: ['${AIRE_NONE}']}\n",
             r"aire.yaml:3:\d+: .*AIRE_NONE"),
            ("version: 1\nproviders:\n  a: {dialect: openai, base_url: 'http://x', keys: ['file:no']}\n",
             r"aire.yaml:3:\d+: .*no"),
            ("version: 1\nproviders:\n  a: {dialect: openai, base_url: 'https://x', ca_file: no.pem}\n",
             r"aire.yaml:3:\d+: .*no.pem"),
            ("version: 1\nagents:\n  a: {route: none}\n", r"aire.yaml:3:\d+: .*none"),
            ("version: 1\nstore: mysql:x\n", r"mysql"),
        )
        for config, pattern in cases:
            with self.subTest(config):
                self.assertRegex(self.serve(config, code=2), pattern)
                done = rig.run("config", "check", os.path.join(self.folder, "aire.yaml"))
                self.assertEqual(done.returncode, 2, done)
                self.assertRegex(done.stderr + done.stdout, pattern)

    def test_a_wrong_address_is_2(self):
        for address in ("nowhere", "127.0.0.1", "127.0.0.1:99999", "localhost:", ":80:90"):
            self.assertIn(address, self.serve("version: 1\n", "--listen", address, code=2))

    def test_a_secret_is_not_repeated(self):
        with open(os.path.join(self.folder, "key.txt"), "w", encoding="utf-8") as file:
            file.write("sk-very-secret\nsecond line\n")
        said = self.serve("version: 1\nproviders:\n  a: {dialect: openai, base_url: 'http://x',"
                          " keys: ['file:key.txt']}\n", code=2)
        self.assertNotIn("sk-very-secret", said)

    def test_wrong_usage_is_2(self):
        for arguments in (("serve", "--lisen", "x"), ("serve", "--listen"), ("servee",), ("sim",),
                          ("serve", "--threads", "many"), ("serve", "extra"), ("key",)):
            done = rig.run(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertTrue(done.stderr)

    def test_without_a_file_the_built_in_provider_answers(self):
        keys = {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": ""}
        plain = rig.Process(["serve", "--listen", "127.0.0.1:0"], self.folder, env=keys)
        self.addCleanup(plain.stop)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "aire-data", "aire.db")))
        for path in (CHAT, rig.RESPONSES, MESSAGES):
            got = rig.answer(plain.port, request(path, rig.World.body(path, "gpt-whatever")))
            self.assertEqual(got.status, 200, got)
            self.assertIn("order 4711", got.text())

    def test_keys_of_the_environment_name_the_providers(self):
        sim = rig.Sim(self.folder)
        self.addCleanup(sim.stop)
        base = f"http://127.0.0.1:{sim.port}"
        plain = rig.Process(["serve", "--listen", "127.0.0.1:0"], self.folder, env={
            "OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": base + "/o/v1",
            "ANTHROPIC_API_KEY": "sk-a", "ANTHROPIC_BASE_URL": base + "/a"})
        self.addCleanup(plain.stop)
        for path, want in ((CHAT, ("/o" + CHAT, "authorization", "Bearer sk-o")),
                           (MESSAGES, ("/a" + MESSAGES, "x-api-key", "sk-a"))):
            self.assertEqual(rig.answer(plain.port, request(path, rig.World.body(path))).status, 200)
            head = sim.state()["heads"][-1]
            self.assertEqual((head["target"], head["headers"].get(want[1])), (want[0], want[2]))

    def test_folder_and_files_are_the_owners_alone(self):
        running = rig.Governor(self.folder, "version: 1\n")
        self.addCleanup(running.stop)
        self.assertEqual(stat.S_IMODE(os.stat(self.data).st_mode), 0o700)
        for name in os.listdir(self.data):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.data, name)).st_mode) & 0o077, 0, name)
        self.assertIn("aire.sock", os.listdir(self.data))


class Crashing(rig.World):
    CONFIG = CONFIG

    POINTS = ("store_before_commit", "store_after_commit", "exchange_before_release",
              "exchange_after_release")

    def again(self, governor):
        again = rig.Governor(governor.folder, self.text(CONFIG))
        self.addCleanup(self.end, again)
        return again

    def mortal(self, env=None):
        """One whose exit code does not matter; it has started before, which writes, too."""
        folder = tempfile.mkdtemp(prefix="crash-", dir=self.folder)
        rig.Governor(folder, self.text(CONFIG)).stop()
        governor = rig.Governor(folder, self.text(CONFIG), env=env)
        self.addCleanup(governor.stop)
        return governor

    def ask(self, governor, model):
        try:
            return governor.ask(CHAT, self.body(CHAT, model))
        except (rig.Closed, ConnectionError):
            return None

    def test_named_points_kill_and_the_next_start_is_well(self):
        for point in self.POINTS:
            for model in ("any", "durable"):
                with self.subTest(point, model=model):
                    governor = self.mortal({"AIRE_CRASH_AT": point})
                    got = self.ask(governor, model)
                    self.assertTrue(rig.until(lambda g=governor: g.process.poll() is not None))
                    self.assertEqual(governor.process.returncode, -signal.SIGKILL)
                    again = self.again(governor)
                    recorded = again.run("exchanges", "list", "--json").stdout.count("\n")
                    if model == "durable" and got is not None:
                        self.assertEqual(recorded, 1, "released before its record was durable")
                    self.assertLessEqual(recorded, 1)
                    self.assertEqual(self.ask(again, model).status, 200)

    def test_a_record_before_release_survives_kill_9(self):
        governor = self.mortal()
        for stream in (False, True):
            got = governor.ask(CHAT, self.body(CHAT, "durable", stream))
            self.assertEqual(got.status, 200)
        # Not even a moment later.
        governor.process.kill()
        governor.process.wait()
        rows = governor.rows("exchanges", "list")
        self.assertEqual(rows[0]["id"], got.header("x-aire-id"))
        self.assertEqual([(row["outcome"], row["status"]) for row in rows], [("answered", 200)] * 2)
        self.assertEqual(self.ask(self.again(governor), "any").status, 200)

    def test_an_acknowledged_key_survives_kill_9(self):
        governor = self.mortal()
        key = governor.command("key", "create", "k")["key"]
        governor.process.kill()
        governor.process.wait()
        got = self.again(governor).ask(CHAT, self.body(CHAT), {"x-api-key": key})
        self.assertEqual(got.status, 200)


class Records(rig.World):
    CONFIG = CONFIG + """
  full: {path: [one], capture: full}
  meta: {path: [one], capture: meta}
  secret: {path: [human], ephemeral: true}
agents: {bot: {owner: x}}
"""

    def ended(self, got):
        return [e for e in self.governor.record(got) if e["event"] == "exchange_ended"][0]

    def test_an_exchange_leaves_its_record(self):
        for path, model, target, endpoint in ((CHAT, "any", "one", "chat"),
                                              (MESSAGES, "claude", "first", "messages")):
            for stream in (False, True):
                got = self.call(path, model, stream, headers={
                    "x-aire-agent": "bot", "x-aire-user": "ann", "x-aire-session": "s-1"})
                ended = self.ended(got)
                want = {"id": got.header("x-aire-id"), "tenant": "default", "agent": "bot",
                        "user": "ann", "session": "s-1", "route": model, "endpoint": endpoint,
                        "model": model, "target": target, "tier": target, "outcome": "answered",
                        "status": 200, "attempts": 1, "streamed": stream, "degraded": False,
                        "tokens_estimated": False}
                self.assertEqual({key: ended[key] for key in want}, want)
                self.assertGreater(ended["total_us"], 0)
                self.assertGreater(ended["tokens_input"], 0)
                self.assertGreater(ended["cost_microusd"], 0)
                self.assertEqual(ended["response_bytes"], len(got.body))

    def test_cost_is_by_the_price_table(self):
        ended = self.ended(self.call())
        cost = (ended["tokens_input"] * 2.5 + ended["tokens_output"] * 10.0)
        self.assertAlmostEqual(ended["cost_microusd"], cost, delta=1)
        self.sim.fault("cached_tokens: 8")
        ended = self.ended(self.call())
        self.assertEqual(ended["tokens_cached"], 8)
        cost = (ended["tokens_input"] - 8) * 2.5 + 8 * 1.25 + ended["tokens_output"] * 10.0
        self.assertAlmostEqual(ended["cost_microusd"], cost, delta=1)

    def test_usage_that_nobody_told_is_estimated(self):
        self.sim.fault("omit: [usage]")
        ended = self.ended(self.call(stream=True))
        self.assertTrue(ended["tokens_estimated"])
        self.assertGreater(ended["tokens_output"], 0)

    def test_refusals_are_recorded(self):
        for body, status in ((b"{", 400), (b"[]", 400)):
            got = self.governor.ask(CHAT, body)
            ended = self.ended(got)
            self.assertEqual((ended["outcome"], ended["status"]), ("refused", status))

    def test_a_broken_stream_is_recorded_as_broken(self):
        self.sim.fault("end: cut, after: 6")
        self.assertEqual(self.ended(self.call(stream=True))["outcome"], "broken")

    def test_bodies_are_kept_only_where_the_route_says_so(self):
        word = "pomegranate"
        for model, kept in (("any", False), ("meta", False), ("full", True)):
            events = self.governor.record(self.call(CHAT, model, question=word))
            self.assertEqual(word in json.dumps(events), kept, model)
        got = self.call(CHAT, "secret", question=word)
        self.assertEqual(got.status, 200)
        self.assertNotIn(word, self.governor.run("reviews", "list", "--json").stdout)

    def test_edits_are_recorded(self):
        edits = [e for e in self.governor.record(self.call()) if e["event"] == "request_edited"]
        self.assertEqual(len(edits), 1)
        self.assertIn("model-one", edits[0]["edits"])

    def test_the_trace_is_recorded(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        got = self.call(headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        self.assertEqual(self.ended(got)["trace"], trace)

    def test_lists_go_back_in_pages(self):
        ids = [self.call().header("x-aire-id") for _ in range(5)]
        self.ended(self.call())
        page = self.governor.rows("exchanges", "list", "--limit", "3", "--before", ids[4])
        self.assertEqual([row["id"] for row in page], ids[3:0:-1])

    def test_a_review_is_decided_once(self):
        got = self.call(CHAT, "people", question="may I?")
        review = got.header("x-aire-review")
        self.assertEqual(self.governor.run("reviews", "approve", review, "--reason", "yes").returncode, 0)
        self.assertNotEqual(self.governor.run("reviews", "reject", review).returncode, 0)
        shown = self.governor.command("reviews", "show", review)
        self.assertEqual((shown["state"], shown["reason"], shown["question"], shown["exchange"]),
                         ("approved", "yes", "may I?", got.header("x-aire-id")))


class Metrics(rig.World):
    CONFIG = CONFIG

    SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (-?[0-9.e+-]+|[+-]Inf|NaN)$')
    LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')

    def scrape(self):
        """{family: {"type", "help", samples: {(name, labels): value}}} of a well-formed answer."""
        got = self.governor.get("/metrics")
        self.assertEqual(got.status, 200)
        self.assertTrue(got.header("content-type").startswith("text/plain; version=0.0.4"))
        text = got.body.decode()
        self.assertTrue(text.endswith("\n"))
        families, current = {}, None
        for line in text.splitlines():
            if line.startswith("# "):
                _, kind, name, rest = (line + " ").split(" ", 3)
                self.assertIn(kind, ("HELP", "TYPE", "UNIT"))
                if name not in families:
                    families[name] = {"samples": {}}
                current = name
                self.assertFalse(families[name]["samples"], "a family is told in one piece")
                self.assertNotIn(kind, families[name], line)
                families[name][kind] = rest.strip()
                continue
            name, labels, value = self.SAMPLE.match(line).groups()
            self.assertTrue(name.startswith(current), line)
            found = tuple(self.LABEL.findall(labels or ""))
            self.assertEqual(",".join(f'{k}="{v}"' for k, v in found), (labels or "{}")[1:-1])
            key = (name, found)
            self.assertNotIn(key, families[current]["samples"], line)
            families[current]["samples"][key] = float(value)
        return families

    def total(self, name, **labels):
        for family in self.scrape().values():
            found = [value for (sample, pairs), value in family["samples"].items()
                     if sample == name and set(labels.items()) <= set(pairs)]
            if found:
                return sum(found)
        return 0

    def test_the_text_is_well_formed(self):
        self.call()
        self.call(stream=True)
        families = self.scrape()
        self.assertGreater(len(families), 10)
        for name, family in families.items():
            self.assertTrue(name.startswith("aire_"), name)
            self.assertTrue(family.get("HELP"), name)
            self.assertIn(family.get("TYPE"), ("counter", "gauge", "histogram"), name)
            if family["TYPE"] == "histogram":
                self.check_histogram(name, family["samples"])

    def check_histogram(self, name, samples):
        series = {}
        for (sample, labels), value in samples.items():
            rest = tuple(pair for pair in labels if pair[0] != "le")
            entry = series.setdefault(rest, {"buckets": []})
            if sample == name + "_bucket":
                entry["buckets"].append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
            else:
                entry[sample.removeprefix(name)] = value
        for entry in series.values():
            bounds = [bound for bound, _ in entry["buckets"]]
            counts = [count for _, count in entry["buckets"]]
            self.assertEqual(bounds, sorted(bounds))
            self.assertEqual(counts, sorted(counts))
            self.assertEqual((bounds[-1], counts[-1]), (float("inf"), entry["_count"]))
            self.assertIn("_sum", entry)

    def test_counters_count(self):
        name = "aire_exchanges_total"
        before = self.total(name, route="any", outcome="answered")
        for stream in (False, True, True):
            self.call(CHAT, "any", stream)
        self.assertTrue(rig.until(lambda: self.total(name, route="any", outcome="answered") == before + 3))
        before = self.total("aire_attempts_total", target="one", failure="provider")
        self.sim.fault("status: 500", "path: /east/*")
        self.call()
        self.assertTrue(rig.until(lambda: self.total("aire_attempts_total", target="one",
                                                     failure="provider") == before + 2))
        self.assertGreater(self.total("aire_fallbacks_total", route="any"), 0)

    def test_names_of_clients_are_no_labels(self):
        for i in range(30):
            self.call(CHAT, f"model-of-client-{i}")
            self.call(CHAT, "any", headers={"x-aire-user": f"user-{i}", "x-aire-session": f"s-{i}"})
        text = self.governor.get("/metrics").body.decode()
        self.assertNotIn("model-of-client", text)
        self.assertNotIn("user-", text)

    def test_health(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.governor.get(path).status, 200)
        for path in ("/api/nothing", "/nothing"):
            self.assertEqual(self.governor.get(path).status, 404)
        got = self.governor.ask("/healthz", b"", method="DELETE")
        self.assertEqual(got.status, 405)
        self.assertIn("GET", got.header("allow"))

    def test_openapi_names_what_is_there(self):
        described = self.governor.get("/api/openapi.json").json()
        self.assertTrue(described["openapi"].startswith("3.1"))
        for path in ("/api/status", "/api/exchanges", "/api/keys", "/metrics"):
            self.assertIn(path, described["paths"])


if __name__ == "__main__":
    unittest.main()
