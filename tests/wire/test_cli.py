# SPDX-License-Identifier: Apache-2.0
"""The command line: what each command prints, and its exit code, with and without a server."""

import json
import os
import re
import shutil
import signal
import socket
import tempfile
import unittest

import rig
from rig import run

OK, FAILED, USAGE, BROKEN = 0, 1, 2, 4


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="aire-cli-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def aire(self, *arguments, code=OK, **options):
        done = run(*arguments, folder=self.folder, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        if code != OK:
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)  # one clear line
        return done

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def serve(self, *arguments, **options):
        process = rig.Process(["serve", "--listen", "127.0.0.1:0", *arguments], self.folder,
                              **options)
        self.addCleanup(process.stop)
        return process


class Usage(Commands):
    def test_every_command_has_help_with_an_example(self):
        listing = self.aire("help").stdout
        commands = [line[2:19].strip() for line in listing.splitlines() if line.startswith("  ")]
        self.assertIn("serve", commands)
        for command in commands:
            shown = self.aire(*command.split(), "--help").stdout
            self.assertIn(f"aire {command}", shown)
            self.assertIn("Example:", shown)
            for option in re.findall(r"\[?(--[a-z-]+)", shown.splitlines()[2]):
                self.assertRegex(shown, rf"(?m)^  {option}\b.*  \S", command)
            self.assertEqual(self.aire("help", *command.split()).stdout, shown)

    def test_mistakes_name_the_nearest(self):
        self.assertIn("'serve'", self.aire("srve", code=USAGE).stderr)
        self.assertIn("'--listen'", self.aire("serve", "--lsten", "x", code=USAGE).stderr)
        self.assertIn("NAME is missing", self.aire("key", "create", code=USAGE).stderr)
        self.assertIn("second word", self.aire("config", code=USAGE).stderr)

    def test_nothing_shows_help_and_fails(self):
        self.assertIn("Commands:", run(folder=self.folder).stdout)
        self.assertEqual(run(folder=self.folder).returncode, USAGE)

    def test_version(self):
        with open(os.path.join(rig.ROOT, "VERSION"), encoding="ascii") as version:
            number = version.read().strip()
        self.assertEqual(self.aire("version").stdout, f"aire {number}\n")
        self.assertEqual(self.aire("--version").stdout, f"aire {number}\n")
        self.assertEqual(json.loads(self.aire("version", "--json").stdout), {"version": number})

    def test_unknown_crash_point(self):
        self.assertIn("crash", self.aire("version", code=USAGE, env={"AIRE_CRASH_AT": "x"}).stderr)
        self.assertIn("store_before_commit", self.aire("doctor", "--crash-points").stdout)


class Configuration(Commands):
    def test_starter_file_is_valid_and_never_overwritten(self):
        self.aire("init")
        self.assertEqual(self.aire("config", "check").stdout,
                         "ok; providers: 1, targets: 2, routes: 1, tools: 0, agents: 1\n")
        self.write("aire.yaml", "mine\n")
        self.assertIn("there already", self.aire("init", code=USAGE).stderr)
        with open(os.path.join(self.folder, "aire.yaml"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine\n")

    def test_mistakes_have_a_place_and_a_near_name(self):
        self.write("bad.yaml", "version: 1\nlisten: 127.0.0.1:0\nprovders: {}\n")
        for arguments in (("bad.yaml",), ("--config", "bad.yaml")):
            words = self.aire("config", "check", *arguments, code=USAGE).stderr
            self.assertIn("bad.yaml:3:1", words)
            self.assertIn("providers", words)
        self.aire("config", "check", "absent.yaml", code=USAGE)

    def test_show_has_no_secrets(self):
        self.write("aire.yaml", rig.BASE.replace("SIM", "127.0.0.1:9").replace(
            "south\"}", "south\", keys: [\"${SECRET_KEY}\"]}"))
        env = {"SECRET_KEY": "sk-very-secret"}
        for form in ((), ("--json",)):
            shown = self.aire("config", "show", *form, env=env).stdout
            self.assertNotIn("very-secret", shown)
            self.assertIn("model-one", shown)
        document = json.loads(self.aire("config", "show", "--json", env=env).stdout)
        keys = {provider["name"]: provider["keys"] for provider in document["providers"]}
        self.assertEqual(keys["south"], 1)

    def test_schema_is_a_schema(self):
        schema = json.loads(self.aire("config", "schema").stdout)
        self.assertIn("routes", schema["properties"])

    def test_apply_needs_a_server(self):
        self.assertIn("no server", self.aire("config", "apply", code=BROKEN).stderr)

    def test_reference_pages_are_written_and_stale_ones_found(self):
        self.aire("docs", "reference")
        self.aire("docs", "reference", "--check")
        pages = os.listdir(os.path.join(self.folder, "reference"))
        self.assertEqual(sorted(pages), ["aire.schema.json", "api.md", "commands.md", "events.md",
                                         "metrics.md", "settings.md"])
        self.write("reference/api.md", "old")
        self.assertIn("api.md", self.aire("docs", "reference", "--check", code=FAILED).stderr)


class WithoutServer(Commands):
    def test_keys_are_made_listed_and_revoked(self):
        made = self.aire("key", "create", "bot", "--agent", "a", "--rate", "10/min",
                         "--spend-day", "5", "--expires", "30d")
        self.assertRegex(made.stdout, r"^aire_\w{12}_\w{32}\n$")
        key = json.loads(self.aire("key", "create", "ops", "--admin", "--json").stdout)
        listed = [json.loads(line) for line in
                  self.aire("key", "list", "--json").stdout.splitlines()]
        self.assertEqual([(k["name"], k["admin"], k["agent"]) for k in listed],
                         [("bot", False, "a"), ("ops", True, "")])
        self.assertNotIn(key["key"], self.aire("key", "list").stdout)
        self.aire("key", "revoke", key["entry"]["id"])
        self.assertIn("no such key", self.aire("key", "revoke", "nope", code=FAILED).stderr)
        self.aire("key", "create", "a b", code=USAGE)
        self.aire("key", "create", "x", "--tokens-day", "many", code=USAGE)
        for limit in (("--rate", "0/min"), ("--tokens-day", "0"), ("--spend-day", "0")):
            self.assertIn("above zero", self.aire("key", "create", "x", *limit, code=USAGE).stderr)
        self.assertEqual(os.stat(os.path.join(self.folder, "aire-data")).st_mode & 0o777, 0o700)

    def test_switches_are_there_when_the_server_starts(self):
        self.aire("route", "stop", "default-openai", "--reason", "test")
        status = json.loads(rig.answer(self.serve().port, rig.request(
            "/api/status", method="GET")).body)
        self.assertEqual(status["stops"], [{"kind": "route", "name": "default-openai"}])

    def test_reading_without_a_database(self):
        for command in (("exchanges",), ("reviews",), ("key", "list")):
            self.assertIn("not there", self.aire(*command, code=BROKEN).stderr)
        self.assertIn("no server", self.aire("status", code=BROKEN).stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "aire-data")))

    def test_doctor_is_content_with_an_empty_folder_and_not_with_a_broken_database(self):
        self.assertNotIn("fail", self.aire("doctor").stdout)
        os.mkdir(os.path.join(self.folder, "aire-data"))
        self.write("aire-data/aire.db", "this is no database, it is a letter\n" * 40)
        done = run("doctor", folder=self.folder)
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stdout, "(?m)^fail +database")
        self.assertIn("aire.db", self.aire("key", "create", "x", code=BROKEN).stderr)


class WithServer(Commands):
    def setUp(self):
        super().setUp()
        self.server = self.serve()

    def test_standard_output_is_one_line(self):
        self.assertRegex(self.server.url, r"^http://127\.0\.0\.1:\d+$")
        self.assertEqual(self.server.process.poll(), None)
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.stdout.read(), b"")
        self.assertEqual(self.server.stop(), OK)

    def ask(self, **headers):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        return rig.answer(self.server.port, rig.request(rig.CHAT, body, headers))

    def test_records_are_read_while_the_server_writes(self):
        number = self.ask().header("x-aire-id")
        self.assertTrue(rig.until(lambda: number in run("exchanges", folder=self.folder).stdout))
        lines = self.aire("exchanges", "list", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["id"] for line in lines], [number])
        shown = self.aire("exchanges", "show", number)
        self.assertIn("exchange_ended", shown.stdout)
        events = json.loads(self.aire("exchanges", "show", number, "--json").stdout)["events"]
        self.assertEqual(events[-1]["outcome"], "answered")
        self.aire("exchanges", "show", "ex0000000000000001", code=FAILED)
        self.aire("exchanges", "show", "nonsense", code=USAGE)
        self.aire("exchanges", "--before", "x", code=USAGE)

    def test_status_in_both_forms(self):
        self.assertRegex(self.aire("status").stdout, r"(?m)^openai +openai +closed")
        self.assertTrue(json.loads(self.aire("status", "--json").stdout)["store"]["open"])

    def test_commands_reach_the_server(self):
        key = self.aire("key", "create", "bot").stdout.strip()
        self.assertEqual(self.ask().status, 401)
        self.assertEqual(self.ask(Authorization="Bearer " + key).status, 200)
        self.aire("route", "stop", "default-openai")
        self.assertEqual(self.ask(Authorization="Bearer " + key).status, 503)
        self.aire("route", "start", "default-openai")
        self.assertEqual(self.ask(Authorization="Bearer " + key).status, 200)
        self.aire("key", "revoke", key.split("_")[1])
        self.assertEqual(self.ask(Authorization="Bearer " + key).status, 401)
        self.assertIn("generation", self.aire("config", "apply").stdout)
        self.aire("reviews", "approve", "rv1", code=FAILED)
        self.assertIn("a server runs here", self.aire("doctor").stdout)

    def test_a_name_that_nothing_declares_is_done_and_said(self):
        for command in (("agent", "stop", "typo"), ("route", "stop", "typo"), ("tool", "stop", "typo"),
                        ("key", "create", "x", "--agent", "typo")):
            self.assertIn("declares no", self.aire(*command).stderr)
        self.assertEqual(self.aire("route", "stop", "default-openai").stderr, "")

    def test_an_answer_is_listed_at_once(self):
        number = self.ask().header("x-aire-id")
        self.assertIn(number, self.aire("exchanges").stdout)

    def test_second_server_and_busy_port(self):
        self.assertIn("another server", self.aire("serve", "--listen", "127.0.0.1:0", code=BROKEN
                                                  ).stderr)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            words = self.aire("serve", "--listen", f"127.0.0.1:{port}", "--data", "other",
                              code=BROKEN).stderr
            self.assertIn(str(port), words)
            self.aire("sim", "--listen", f"127.0.0.1:{port}", code=BROKEN)

    def test_reload_by_signal_says_one_line(self):
        before = self.server.log().count("\n")
        self.server.process.send_signal(signal.SIGHUP)
        self.assertTrue(rig.until(lambda: "applied" in self.server.log()))
        self.assertEqual(self.server.log().count("\n"), before + 1, self.server.log())


class Sim(Commands):
    def test_stops_on_sigterm_and_demands_its_key(self):
        sim = rig.Process(["sim", "--listen", "127.0.0.1:0", "--key", "k"], self.folder)
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        for fields, status in (({}, 401), ({"Authorization": "Bearer k"}, 200)):
            answer = rig.answer(sim.port, rig.request(rig.CHAT, body, fields))
            self.assertEqual(answer.status, status)
        self.assertEqual(sim.stop(), OK)

    def test_bad_script_and_address(self):
        self.write("script.yaml", "version: 1\nruls: []\n")
        words = self.aire("sim", "--listen", "127.0.0.1:0", "--script", "script.yaml", code=USAGE)
        self.assertIn("script.yaml:2:1", words.stderr)
        self.aire("sim", "--listen", "127.0.0.1:0", "--script", "absent", code=USAGE)
        self.aire("sim", "--listen", "nowhere", code=USAGE)


if __name__ == "__main__":
    unittest.main()
