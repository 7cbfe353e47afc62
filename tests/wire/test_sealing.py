# SPDX-License-Identifier: Apache-2.0
"""What is stored of people's words: sealed, opened with the master key, erased with its data key."""

import json
import os
import unittest

import rig
from test_cli import BROKEN, FAILED, USAGE, Commands

MARK = "zebra-7731-marker"

CONFIGURATION = """version: 1
providers:
  sim: {dialect: openai, base_url: "http://127.0.0.1:%d/v1", keys: [k]}
  none: {dialect: openai, base_url: "http://127.0.0.1:1/v1", keys: [k]}
targets:
  good: {provider: sim, model: m}
  bad: {provider: none, model: m}
routes:
  full: {path: [good], capture: full}
  person: {path: [bad, human], retries: {attempts: 1}}
  ephemeral: {path: [bad, human], ephemeral: true, retries: {attempts: 1}}
"""


class Sealing(Commands):
    def setUp(self):
        super().setUp()
        provider = rig.Sim(self.folder)
        self.addCleanup(provider.stop)
        self.write("aire.yaml", CONFIGURATION % provider.port)
        self.server = self.serve("--threads", "1")  # a loop has its own keys of subjects

    def ask(self, route, session="s-1"):
        body = {"model": route, "messages": [{"role": "user", "content": f"{MARK} {route}"}]}
        answer = rig.answer(self.server.port,
                            rig.request(rig.CHAT, body, {"x-aire-session": session}))
        self.assertEqual(answer.status, 200)

    def listed(self, command):
        lines = self.aire(command, "--json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def shown(self, *command):
        return json.loads(self.aire(*command, "--json").stdout)

    def folder_holds(self, words):
        found = False
        for folder, _, names in os.walk(os.path.join(self.folder, "aire-data")):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        found = found or words.encode() in file.read()
        return found

    def captured(self):
        return next(x["id"] for x in self.listed("exchanges") if x["route"] == "full")

    def review(self, route):
        return next(x["id"] for x in self.listed("reviews") if x["route"] == route)

    def test_no_word_stands_in_the_folder_and_commands_open_them(self):
        for route in ("full", "person", "ephemeral"):
            self.ask(route)
        exchange, review = self.captured(), self.review("person")
        self.assertIn(f"{MARK} full", json.dumps(self.shown("exchanges", "show", exchange)))
        self.assertEqual(self.shown("reviews", "show", review)["question"], f"{MARK} person")
        self.assertEqual(self.shown("reviews", "show", self.review("ephemeral"))["question"], "")
        self.aire("reviews", "edit", review, "--text", f"{MARK} answer")
        self.assertEqual(self.shown("reviews", "show", review)["answer"], f"{MARK} answer")
        self.assertFalse(self.folder_holds(MARK))
        self.assertTrue(self.folder_holds("exchange_ended") or self.folder_holds("ephemeral"))
        self.server.stop()
        self.assertFalse(self.folder_holds(MARK))

    def test_rotation_with_and_without_a_server(self):
        self.ask("full")
        exchange = self.captured()
        first = self.shown("keyring", "status")["master"]
        # The exchange's, the subject's, and the one that the history is signed with.
        self.assertEqual(self.shown("keyring", "rotate")["wrapped"], 3)
        second = self.shown("keyring", "status")["master"]
        self.assertNotEqual(first, second)
        self.ask("full")
        self.assertIn(MARK, json.dumps(self.shown("exchanges", "show", exchange)))
        self.server.stop()
        self.assertEqual(self.shown("keyring", "rotate")["wrapped"], 4)
        self.assertIn(MARK, json.dumps(self.shown("exchanges", "show", exchange)))
        self.assertEqual(self.shown("keyring", "status")["foreign"], 0)

    def test_a_forgotten_session_cannot_be_read(self):
        self.ask("full")
        self.ask("person")
        exchange, review = self.captured(), self.review("person")
        self.aire("keyring", "forget", code=USAGE)
        self.aire("keyring", "forget", "--session", "s-2", code=FAILED)
        self.aire("keyring", "forget", "--session", "s-1")
        self.assertIn("erased", self.shown("exchanges", "show", exchange)["sealed"])
        shown = self.shown("reviews", "show", review)
        self.assertIn("erased", shown["sealed"])
        self.assertIsNone(shown["question"])
        self.aire("reviews", "edit", review, "--text", "x", code=FAILED)

    def test_without_the_master_key_it_says_so(self):
        self.ask("full")
        exchange = self.captured()
        self.server.stop()
        key = os.path.join(self.folder, "aire-data", "master.key")
        os.rename(key, key + ".away")
        self.assertIn("master key", self.shown("exchanges", "show", exchange)["sealed"])
        self.assertEqual(self.shown("keyring", "status")["foreign"], 3)
        os.rename(key + ".away", key)
        os.chmod(key, 0o644)
        self.assertIn("chmod", self.aire("serve", code=BROKEN).stderr)
        os.chmod(key, 0o600)
        self.assertIn(MARK, json.dumps(self.shown("exchanges", "show", exchange)))


if __name__ == "__main__":
    unittest.main()
