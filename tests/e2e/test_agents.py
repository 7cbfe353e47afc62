# SPDX-License-Identifier: Apache-2.0
"""The example agents: killed in the middle and started with the next try, they repeat nothing.

The Agents SDKs are unmodified and know nothing of runs; their base URL is all that changes. AIRE_AGENTS_PYTHON
is a Python that has what examples/agents/python/requirements.lock names; the TypeScript agents are
compiled. What is not installed is skipped (tools/check.sh agents installs it)."""

import os
import subprocess
import threading
import unittest

import orders
import rig

AGENTS = os.path.join(rig.ROOT, "examples", "agents")
PYTHON = os.environ.get("AIRE_AGENTS_PYTHON", "")
COMPILED = os.path.join(AGENTS, "typescript", "dist")
QUESTION = "please refund order 4711"
LIMIT_S = 120  # a cold import of these packages takes seconds


def config():
    with open(os.path.join(AGENTS, "aire.yaml"), encoding="utf-8") as file:
        return file.read()


class Killed(rig.World):
    """The built-in provider plays the model: it looks the order up, refunds it, and says so."""

    @classmethod
    def setUpClass(cls):
        cls.orders = orders.Orders(before=lambda path, body: cls.kill(path))
        threading.Thread(target=cls.orders.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.orders.server_close)
        cls.addClassCleanup(cls.orders.shutdown)
        cls.CONFIG = config().replace("127.0.0.1:9200", f"127.0.0.1:{cls.orders.port}") + rig.BASE.split(
            "\n", 1)[1] + 'routes: {"*": {path: [one]}}\n'
        super().setUpClass()

    @classmethod
    def kill(cls, path):
        """The agent dies while its call is under way: the tool has it, the answer has not come."""
        if path == cls.deadly:
            cls.deadly = None
            cls.agent.kill()
            cls.agent.wait()

    def start(self, command, attempt):
        base = f"{self.governor.url}/run/{self.run_id}/{attempt}"
        cls = type(self)
        cls.agent = subprocess.Popen(
            [*command, QUESTION], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OPENAI_BASE_URL": base + "/v1", "OPENAI_API_KEY": "unused"})
        out, errors = cls.agent.communicate(timeout=LIMIT_S)
        return cls.agent.returncode, out, errors

    def goes_on(self, command):
        for deadly in "/lookup", "/refund":
            with self.subTest(killed_at=deadly):
                self.came = self.sim.state()["requests"]
                self.orders.calls.clear()
                type(self).deadly = deadly
                self.run_id = self.id().rsplit(".", 1)[1] + deadly.replace("/", ".")
                code, out, errors = self.start(command, 1)
                self.assertEqual((code, out), (-9, ""), errors)
                code, out, errors = self.start(command, 2)
                self.assertEqual(code, 0, errors)
                self.assertIn("Order 4711 has been refunded", out)
                self.assertEqual([path for path, _, _ in self.orders.calls], ["/lookup", "/refund"])
                self.assertEqual(self.arrived(), 3)

    @unittest.skipUnless(PYTHON, "the packages of the Python agents are not installed")
    def test_openai_agents(self):
        self.goes_on([PYTHON, os.path.join(AGENTS, "python", "openai_agents.py")])

    @unittest.skipUnless(PYTHON, "the packages of the Python agents are not installed")
    def test_langgraph(self):
        self.goes_on([PYTHON, os.path.join(AGENTS, "python", "langgraph_agent.py")])

    @unittest.skipUnless(os.path.exists(os.path.join(COMPILED, "vercel_ai.js")),
                         "the TypeScript agents are not compiled")
    def test_vercel_ai(self):
        self.goes_on(["node", os.path.join(COMPILED, "vercel_ai.js")])


if __name__ == "__main__":
    unittest.main()
