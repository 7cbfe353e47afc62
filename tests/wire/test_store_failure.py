# SPDX-License-Identifier: Apache-2.0
"""A store that fails while serving: traffic goes on, commitments are refused, nothing acknowledged is lost."""
import resource
import unittest

import rig
from rig import CHAT

CONFIG = """version: 1
auth: none
providers:
  sim: {dialect: openai, base_url: "http://SIM/v1"}
targets:
  t: {provider: sim}
routes:
  plain: {path: [t]}
  strict: {path: [t], record: before_release}
  person: {path: [human]}
"""


class StoreFailure(rig.World):
    CONFIG = CONFIG

    def fill(self, governor):
        """No file of the process may grow beyond 64 KiB; the next commits find that out."""
        resource.prlimit(governor.process.pid, resource.RLIMIT_FSIZE,
                         (65536, resource.RLIM_INFINITY))

        def closed():
            self.assertEqual(governor.ask(CHAT, self.body(CHAT, "plain")).status, 200)
            return governor.get("/readyz").status == 503
        self.assertTrue(rig.until(closed, 20), "the store never noticed")

    def test_a_full_store_closes_and_traffic_goes_on(self):
        governor = self.own(CONFIG)
        self.fill(governor)
        self.assertIn("store", str(governor.get("/readyz").json()["why"]))
        self.assertEqual(governor.get("/healthz").status, 200)
        for stream in (False, True):
            answer = governor.ask(CHAT, self.body(CHAT, "plain", stream))
            self.assertEqual(answer.status, 200, answer)

    def test_what_must_be_durable_is_refused(self):
        governor = self.own(CONFIG)
        self.fill(governor)
        strict = governor.ask(CHAT, self.body(CHAT, "strict"))
        self.assert_error(strict, 503, CHAT, "record_unavailable")
        person = governor.ask(CHAT, self.body(CHAT, "person"))
        self.assert_error(person, 503, CHAT, "review_not_stored")
        self.assertIsNone(person.header("x-aire-review"))

    def test_only_a_restart_opens_it_again(self):
        governor = self.own(CONFIG)
        kept = governor.ask(CHAT, self.body(CHAT, "strict"))
        self.assertEqual(kept.status, 200, kept)
        self.fill(governor)
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(governor.process.pid, resource.RLIMIT_FSIZE, unlimited)
        self.assertEqual(governor.get("/readyz").status, 503)
        self.assertEqual(governor.ask(CHAT, self.body(CHAT, "strict")).status, 503)
        self.assertEqual(governor.stop(), 0)
        again = rig.Governor(governor.folder, self.text(CONFIG))
        self.addCleanup(self.end, again)
        self.assertEqual(again.get("/readyz").status, 200)
        self.assertEqual(again.get("/api/exchanges/" + kept.header("x-aire-id")).status, 200)


if __name__ == "__main__":
    unittest.main()
