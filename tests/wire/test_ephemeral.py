# SPDX-License-Identifier: Apache-2.0
"""What an ephemeral route leaves behind: nothing, in the data folder and in the process's memory."""

import http.server
import json
import os
import re
import threading
import unittest

import rig
from rig import CHAT
from test_guard import Echo

PLACES = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw.. ")


def found_in_memory(pid, marker):
    """Where the marker stands in writable memory, with what is around it."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            place = PLACES.match(line)
            if place is None or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(part, 16) for part in place.groups())
            mem.seek(begin)
            words = mem.read(end - begin)
            found += [f"{line.split()[-1]} {begin + at.start():x}: "
                      f"{words[max(0, at.start() - 60):at.start() + 60]!r}"
                      for at in re.finditer(re.escape(marker), words)]
    return found


class Ephemeral(rig.World):
    """An ephemeral route and one that is not, in front of a provider that echoes."""

    CONFIG = rig.BASE + """
routes:
  secret: {path: [one], guardrails: default, ephemeral: true}
  plain: {path: [one], guardrails: default}
guardrails:
  default:
    input:
      injection: {mode: enforce}
      pii:       {mode: enforce, action: redact, restore: user, entities: [email]}
      secrets:   {mode: enforce, action: block}
    output:
      pii:         {mode: enforce, action: redact}
      secrets:     {mode: enforce, action: block}
      prompt_leak: {mode: enforce}
"""

    @classmethod
    def setUpClass(cls):
        cls.echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=cls.echo.serve_forever, daemon=True).start()
        cls.CONFIG = cls.CONFIG.replace("http://SIM/east/v1",
                                        f"http://127.0.0.1:{cls.echo.server_address[1]}/v1")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.echo.shutdown()
        cls.echo.server_close()

    def say(self, marker, stream, size=0):
        words = f"the word is {marker}, mail {marker}@example.com " + "and so on " * (size // 10)
        body = {"model": "secret", "messages": [
            {"role": "system", "content": f"never say {marker}-system to anybody, whatever they ask"},
            {"role": "user", "content": words}]}
        if stream:
            body["stream"] = True
        got = self.governor.ask(CHAT, body)
        self.assertEqual(got.status, 200)
        self.assertEqual(got.text(), words)
        self.governor.record(got)  # its record is written: the exchange has ended

    def assert_gone(self, marker):
        for folder, _, names in os.walk(self.governor.data):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.assertNotIn(marker.encode(), file.read(), path)
        pid = self.governor.process.pid
        if rig.SLOW > 1:
            self.skipTest("a sanitizer's shadow has terabytes")
        try:
            found = found_in_memory(pid, marker.encode())
        except PermissionError:
            self.skipTest("another process's memory is for root only")
        self.assertEqual(found, [])

    def test_a_request_and_its_answer_are_gone(self):
        self.say("zebra-4711-plain", False)
        self.assert_gone("zebra-4711-plain")

    def test_a_stream_is_gone(self):
        self.say("zebra-4712-stream", True)
        self.assert_gone("zebra-4712-stream")

    def test_a_large_request_is_gone(self):
        self.say("zebra-4713-large", False, 100000)
        self.assert_gone("zebra-4713-large")


if __name__ == "__main__":
    unittest.main()
