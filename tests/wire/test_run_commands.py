# SPDX-License-Identifier: Apache-2.0
"""Durable runs as people see and steer them: the API and `aire runs`."""

import contextlib
import json
import os
import signal
import sqlite3
import tempfile

import rig
import tool_server
from tool_server import HANG, reply

CONFIG = rig.BASE + """routes:
  plain: {path: [one], retries: {attempts: 1}}
agents:
  bot: {owner: team, route: plain}
tools:
  shop:
    http: "http://TOOL"
    rate: 100000/min
    guardrails: off
    timeouts: {connect: 1s, head: 2s, idle: 1s, total: 10s}
    retries: {attempts: 1}
    breaker: {failures: 1000}
    actions:
      find: {effect: read}
      pay: {effect: keyed, idempotency: {header: Idempotency-Key}}
      refund: {effect: unsafe}
  later: {http: "http://LATER", guardrails: off, retries: {attempts: 1},
          actions: {refund: {effect: unsafe}}}
"""


# Rules that came after the run.
RULED = """    guardrails: strict}
guardrails:
  strict:
    input:  {rules: {file: rules.yaml}}
    output: {rules: {file: rules.yaml}}
"""
RULES = """version: 1
rules:
  - {name: word, words: [forbiddenword], applies: input, action: block}
  - {name: colour, words: [blue], applies: output, action: redact}
"""


def chat(text):
    return {"model": "plain", "messages": [{"role": "user", "content": text}]}


class RunCase(tool_server.World):
    CONFIG = CONFIG

    def ask(self, attempt, text="hello", headers=(), run=None):
        return self.governor.ask(f"/run/{run or self.run_id}/{attempt}{rig.CHAT}", chat(text),
                                 headers)

    def use(self, attempt, path, body=b"{}", run=None):
        return self.governor.ask(f"/run/{run or self.run_id}/{attempt}/tools/{path}", body)

    def get(self, path, status=200):
        response = self.governor.get(path)
        self.assertEqual(response.status, status, response)
        return response.json()

    def show(self, run=None):
        return self.get(f"/api/runs/{run or self.run_id}")

    def steps(self, run=None):
        return self.show(run)["steps"]

    def failed(self, code, words, *command):
        done = self.governor.run(*command)
        self.assertEqual(done.returncode, code, done)
        self.assertIn(words, done.stderr)


class Looking(RunCase):
    def test_a_run_is_shown_with_its_steps_and_without_their_words(self):
        model = self.ask(1, "zebra-4471-marker", {"x-aire-agent": "bot", "x-aire-step": "greet"})
        tool = self.use(1, "shop/pay")
        shown = self.show()
        run, (first, second) = shown["run"], shown["steps"]
        self.assertEqual({k: run[k] for k in ("id", "tenant", "agent", "principal", "state", "try",
                                              "steps", "divergences", "reason")},
                         {"id": self.run_id, "tenant": "default", "agent": "bot",
                          "principal": "local", "state": "open", "try": 1, "steps": 2,
                          "divergences": 0, "reason": ""})
        self.assertEqual({k: first[k] for k in ("seq", "kind", "name", "effect", "state", "try",
                                                "key", "exchange", "status", "streamed",
                                                "idempotency_key")},
                         {"seq": 1, "kind": "model", "name": "plain", "effect": "read",
                          "state": "done", "try": 1, "key": "greet",
                          "exchange": model.header("x-aire-id"), "status": 200, "streamed": False,
                          "idempotency_key": ""})
        self.assertEqual((second["kind"], second["effect"], second["exchange"]),
                         ("tool", "keyed", tool.header("x-aire-id")))
        self.assertEqual(second["idempotency_key"],
                         self.tool.seen[-1].header("idempotency-key"))
        self.assertEqual(run["bytes"], first["bytes"] + second["bytes"])
        self.assertLessEqual(run["created_at"], first["intent_at"])
        self.assertLessEqual(first["intent_at"], first["done_at"])
        self.assertNotIn("zebra", json.dumps(shown))

    def test_the_command_shows_the_same(self):
        self.ask(1)
        self.use(1, "shop/find")
        self.assertEqual(self.governor.command("runs", "show", self.run_id), self.show())
        done = self.governor.run("runs", "show", self.run_id)
        self.assertEqual(done.returncode, 0, done)
        text = done.stdout
        for word in self.run_id, "model", "plain", "tool", "find", "read":
            self.assertIn(word, text)

    def test_lists_are_newest_first_filtered_and_paged(self):
        names = [f"{self.run_id}-{i}" for i in range(5)]
        for i, name in enumerate(names):
            self.ask(1, run=name, headers={"x-aire-agent": "bot"} if i % 2 else {})
        mine = lambda rows: [r["id"] for r in rows if r["id"].startswith(self.run_id)]
        self.assertEqual(mine(self.get("/api/runs?limit=1000")["runs"]), names[::-1])
        self.assertEqual(mine(self.governor.rows("runs", "list", "--limit", "1000")), names[::-1])
        self.assertEqual(mine(self.get("/api/runs?agent=bot&limit=1000")["runs"]),
                         [names[3], names[1]])
        self.assertEqual(mine(self.governor.rows("runs", "--agent", "bot")), [names[3], names[1]])
        page = self.get("/api/runs?limit=2")
        self.assertEqual(mine(page["runs"]), [names[4], names[3]])
        older = self.get(f"/api/runs?limit=2&before={page['before']}")
        self.assertEqual(mine(older["runs"]), [names[2], names[1]])
        rows = self.governor.rows("runs", "--limit", "2", "--before", page["before"])
        self.assertEqual(mine(rows), [names[2], names[1]])
        self.assertIsNone(self.get("/api/runs?limit=1000")["before"])

    def test_state_and_tenant_narrow(self):
        self.ask(1)
        self.assertIn(self.run_id, [r["id"] for r in self.get("/api/runs?state=open")["runs"]])
        self.assertEqual(self.get("/api/runs?state=cancelled&limit=1000")["runs"], [])
        self.assertEqual(self.get("/api/runs?tenant=nobody")["runs"], [])
        self.get(f"/api/runs/{self.run_id}?tenant=nobody", 404)
        self.failed(1, "tenant 'nobody' has no run", "runs", "show", self.run_id, "--tenant",
                    "nobody")

    def test_what_is_asked_wrongly_is_said(self):
        for query in "state=odd", "limit=0", "limit=1001", "before=ex1", "colour=red":
            self.assertEqual(self.get("/api/runs?" + query, 400)["error"]["code"], "bad_query")
        self.assertEqual(self.get("/api/runs/none", 404)["error"]["code"], "unknown_run")
        self.failed(2, "none of open", "runs", "--state", "odd")
        self.failed(2, "not the number of a run", "runs", "--before", "7")
        self.failed(1, "has no run 'none'", "runs", "show", "none")
        self.failed(2, "no name of a run", "runs", "show", "a b")
        self.failed(2, "ID is missing", "runs", "show")

    def test_help_has_an_example(self):
        for command in ("runs",), ("runs", "list"), ("runs", "show"):
            self.assertIn("aire runs", rig.run(*command, "--help").stdout.split("xample", 1)[1])


class OwnCase(RunCase):
    """A Governor that may be killed, for each test."""

    def setUp(self):
        super().setUp()
        self.mine = rig.Governor(tempfile.mkdtemp(prefix="own-", dir=self.folder),
                                 self.text(self.CONFIG))
        self.shared, self.governor = self.governor, self.mine
        self.addCleanup(lambda: self.governor.stop())

    def again(self):
        self.governor.stop(signal.SIGKILL)
        self.governor = rig.Governor(self.governor.folder, self.text(self.CONFIG))

    def code(self, answer):
        return answer.status, answer.error()["code"]

    def state(self):
        return self.show()["run"]["state"]

    def diverge(self):
        self.use(1, "shop/refund")
        stopped = self.use(2, "shop/refund", b'{"other":1}')
        self.assertEqual(self.code(stopped), (409, "run_diverged"))

    def doubt(self):
        self.doubt_at(1)

    def doubt_at(self, seq):
        self.tool.reset(script=[tool_server.RESET], answer=reply(200, b'{"done":true}'))
        self.assertEqual(self.use(1, "shop/refund").status, 502)
        self.assertTrue(rig.until(lambda: self.steps()[seq - 1]["state"] == "in_doubt"))

    def hang(self, attempt):
        """A refund is under way, and no answer comes."""
        self.tool.reset(script=[HANG])
        conn = rig.Conn(self.governor.port)
        self.addCleanup(conn.close)
        conn.send(rig.request(f"/run/{self.run_id}/{attempt}/tools/shop/refund", b"{}"))
        self.assertTrue(rig.until(lambda: len(self.tool.seen) == 1))


class Steering(OwnCase):
    def test_a_cancelled_run_is_refused_and_stays_so(self):
        self.ask(1)
        done = self.governor.command("runs", "cancel", self.run_id, "--reason", "asked twice")
        self.assertEqual((done["id"], done["state"]), (self.run_id, "cancelled"))
        for _ in range(2):
            self.assertEqual(self.code(self.ask(2)), (409, "run_closed"))
            run = self.show()["run"]
            self.assertEqual((run["state"], run["reason"]), ("cancelled", "asked twice"))
            self.again()

    def test_what_ended_cannot_be_cancelled_and_what_is_open_not_resumed(self):
        self.ask(1)
        self.failed(1, "this run is open; it cannot be resumed", "runs", "resume", self.run_id)
        self.governor.command("runs", "cancel", self.run_id)
        self.failed(1, "this run is cancelled; it cannot be cancelled", "runs", "cancel",
                    self.run_id)
        self.failed(1, "no such run", "runs", "cancel", "none")
        self.failed(1, "no such run", "runs", "cancel", self.run_id, "--tenant", "nobody")
        self.failed(1, "no name of a run", "runs", "cancel", "a b")

    def test_a_cancelled_run_is_resumed(self):
        first = self.ask(1)
        self.governor.command("runs", "cancel", self.run_id)
        self.governor.command("runs", "resume", self.run_id)
        self.assertEqual(self.ask(2).body, first.body)

    def test_a_diverged_run_is_resumed_and_its_budget_is_new(self):
        self.diverge()
        self.assertEqual(self.state(), "diverged")
        self.governor.command("runs", "resume", self.run_id, "--reason", "the agent is mended")
        self.assertEqual((self.state(), self.show()["run"]["divergences"]), ("open", 0))
        again = self.use(3, "shop/refund")
        self.assertEqual((again.status, again.header("x-aire-replayed")), (200, "true"))
        self.again()
        self.assertEqual(self.state(), "open")

    def test_who_decided_and_why_is_recorded(self):
        self.ask(1)
        self.governor.command("runs", "cancel", self.run_id, "--reason", "marker-reason-8841")
        with contextlib.closing(sqlite3.connect(self.governor.data + "/aire.db")) as database:
            told = [row[0] for row in database.execute("SELECT facts FROM exchanges")
                    if b"marker-reason-8841" in row[0]]
        self.assertEqual(len(told), 1)
        for word in self.run_id, "default", "cancel", f"uid {os.getuid()}":
            self.assertIn(word.encode(), told[0])

    def test_without_a_server_the_command_decides_by_itself(self):
        self.diverge()
        self.governor.stop()
        self.governor.command("runs", "resume", self.run_id)
        self.assertEqual(self.governor.rows("runs", "--state", "open")[0]["id"], self.run_id)
        self.again()
        self.assertEqual(self.use(3, "shop/refund").status, 200)

    # ---- steps in doubt ----

    def test_it_happened_with_this_answer(self):
        self.doubt()
        path = self.governor.folder + "/answer.json"
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"refunded": "\u00e4"}')
        done = self.governor.command("runs", "resolve", self.run_id, "1", "--happened",
                                     "--answer", path, "--reason", "seen at the bank")
        self.assertEqual((done["step"], done["state"]), (1, "done"))
        for attempt in 2, 3:
            got = self.use(attempt, "shop/refund")
            self.assertEqual((got.status, got.header("x-aire-replayed"), got.body.decode()),
                             (200, "true", '{"refunded": "\u00e4"}'))
            self.assertEqual(got.header("content-type"), "application/json")
            self.again()
        self.assertEqual(len(self.tool.seen), 1)
        step, = self.steps()
        self.assertEqual((step["state"], step["status"]), ("done", 200))

    def test_it_happened_without_an_answer(self):
        self.doubt()
        self.governor.command("runs", "resolve", self.run_id, "1", "--happened")
        got = self.use(2, "shop/refund")
        self.assertEqual((got.status, got.body, len(self.tool.seen)), (200, b"", 1))

    def test_it_is_made_again_under_the_same_key(self):
        for restart in False, True:
            with self.subTest(restart=restart):
                self.run_id += "x"
                self.doubt()
                self.governor.command("runs", "resolve", self.run_id, "1", "--again")
                if restart:
                    self.again()
                got = self.use(2, "shop/refund")
                self.assertEqual((got.status, got.body), (200, b'{"done":true}'))
                self.assertEqual(len(self.tool.seen), 2)
                self.assertEqual(self.steps()[0]["state"], "done")

    def test_made_again_and_killed_it_is_in_doubt_once_more(self):
        self.doubt()
        self.governor.command("runs", "resolve", self.run_id, "1", "--again")
        self.hang(2)
        self.again()
        self.assertEqual(self.code(self.use(3, "shop/refund")), (503, "step_in_doubt"))
        self.assertEqual(len(self.tool.seen), 1)

    def test_it_is_skipped(self):
        self.doubt()
        self.governor.command("runs", "resolve", self.run_id, "1", "--skip")
        for attempt in 2, 3:
            self.assertEqual(self.code(self.use(attempt, "shop/refund")), (409, "step_skipped"))
            self.again()
        self.assertEqual(len(self.tool.seen), 1)

    def test_a_step_being_made_or_done_is_not_decided(self):
        self.use(1, "shop/pay")
        self.failed(1, "has its result", "runs", "resolve", self.run_id, "1", "--again")
        self.hang(1)
        self.failed(1, "just being made", "runs", "resolve", self.run_id, "2", "--skip")

    def test_a_decision_is_for_whoever_killed_the_server_too(self):
        self.hang(1)
        self.governor.stop(signal.SIGKILL)
        self.governor.command("runs", "resolve", self.run_id, "1", "--skip")
        self.again()
        self.assertEqual(self.code(self.use(2, "shop/refund")), (409, "step_skipped"))

    def test_decisions_asked_wrongly_are_refused_in_words(self):
        self.doubt()
        for words, *options in (("say one of",), ("say one of", "--again", "--skip"),
                                ("goes with --happened", "--skip", "--answer", "x")):
            self.failed(2, words, "runs", "resolve", self.run_id, "1", *options)
        self.failed(2, "not the number of a step", "runs", "resolve", self.run_id, "0", "--skip")
        self.failed(1, "no such step", "runs", "resolve", self.run_id, "2", "--skip")
        self.failed(4, "not found", "runs", "resolve", self.run_id, "1", "--happened", "--answer",
                    "/nowhere")
        path = f"/api/runs/{self.run_id}/steps/"
        for step, body, status in (("1", {"decision": "maybe"}, 422), ("x", {"decision": "skip"}, 400),
                                   ("1", {"decision": "skip", "answer": "x"}, 422), ("1", {}, 422),
                                   ("10001", {"decision": "skip"}, 404)):
            answer = self.governor.ask(f"{path}{step}/decision", body)
            self.assertEqual(answer.status, status, answer)


class Copying(OwnCase):
    """Branches, and what is taken out."""

    def export(self, *options, run=None):
        done = self.governor.run("runs", "export", run or self.run_id, *options)
        self.assertEqual(done.returncode, 0, done)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_an_export_has_what_was_asked_and_answered(self):
        body = {"model": "plain", "messages": [{"role": "user", "content": "one\u00e4"}]}
        plain = self.ask(1, "one\u00e4")
        longer = {**body, "messages": body["messages"] + [{"role": "user", "content": "two"}],
                  "stream": True}
        stream = self.governor.ask(f"/run/{self.run_id}/1{rig.CHAT}", longer)
        self.tool.reset(reply(200, b"no json \xff", [("Content-Type", "text/x-odd")]))
        self.use(1, "shop/pay", b'{"amount":\n 7}')
        first, second, third = self.export()
        self.assertEqual((first["run"], first["seq"], first["request"], first["answer"]),
                         (self.run_id, 1, body, plain.json()))
        self.assertEqual((second["request"], second["answer"][:200], second["answer"][-8:]),
                         (longer, stream.body.decode()[:200], "[DONE]\n\n"))
        self.assertEqual((third["request"], third["answer"], third["content_type"], third["effect"]),
                         ({"amount": 7}, {"base64": "bm8ganNvbiD/"}, "text/x-odd", "keyed"))

    def test_who_exported_and_why_is_recorded_first(self):
        self.ask(1)
        self.export("--reason", "marker-reason-8842")
        self.governor.stop()
        self.export("--reason", "marker-reason-8842")
        with contextlib.closing(sqlite3.connect(self.governor.data + "/aire.db")) as database:
            told = [row[0] for row in database.execute("SELECT facts FROM exchanges")
                    if b"marker-reason-8842" in row[0]]
        self.assertEqual([b"export" in facts for facts in told], [True, True])

    def test_what_has_gone_is_said_to_be_missing(self):
        self.ask(1)
        with contextlib.closing(sqlite3.connect(self.governor.data + "/aire.db")) as database:
            database.execute("UPDATE steps SET answer = NULL")
            database.execute("DELETE FROM run_parts")
            database.commit()
        step, = self.export()
        self.assertEqual((step["request"], step["answer"]), ({"missing": "expired"},) * 2)

    def test_an_erased_run_is_not_exported(self):
        self.ask(1, headers={"x-aire-session": "s-1"})
        self.governor.command("keyring", "forget", "--session", "s-1")
        self.failed(1, "what it held was erased", "runs", "export", self.run_id)

    def test_an_export_of_no_run_is_refused(self):
        self.failed(1, "has no run 'none'", "runs", "export", "none")

    # ---- replays ----

    def replay(self, code=0):
        done = self.governor.run("runs", "replay", self.run_id, "--json")
        self.assertEqual(done.returncode, code, done)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_replay_under_the_same_rules_differs_nowhere_and_asks_nobody(self):
        self.ask(1, "one", {"x-aire-session": "s-1", "x-aire-agent": "bot"})
        self.ask(1, "two", {"x-aire-step": "named"})
        for _ in range(2):
            self.governor.ask(f"/run/{self.run_id}/1{rig.CHAT}", {**chat("one"), "stream": True})
        self.use(1, "shop/pay", b'{"n":1}')
        asked, used = self.arrived(), len(self.tool.seen)
        rows = self.replay()
        self.assertEqual([(r["seq"], r["result"], r["status"]) for r in rows],
                         [(i, "same", 200) for i in range(1, 6)])
        self.assertEqual((self.arrived(), len(self.tool.seen)), (asked, used))
        run = self.show()["run"]
        self.assertEqual((run["try"], run["steps"], run["state"]), (1, 5, "open"))

    def test_a_replay_says_what_todays_rules_would_change(self):
        self.ask(1, "harmless")
        self.ask(1, "say forbiddenword please")
        self.sim.fault("text: 'the sky is blue today'")
        self.ask(1, "colours")
        self.governor.ask(f"/run/{self.run_id}/1{rig.CHAT}", {**chat("colours"), "stream": True})
        text = self.text(self.CONFIG).replace("retries: {attempts: 1}}\n",
                                              "retries: {attempts: 1},\n" + RULED, 1)
        self.governor.stop()
        self.governor = rig.Governor(self.governor.folder, text, files={"rules.yaml": RULES})
        rows = self.replay(code=1)
        self.assertEqual([r["result"] for r in rows], ["same", "refused", "differs", "differs"])
        self.assertEqual((rows[1]["status"], rows[2]["status"]), (403, 200))
        self.assertTrue(rows[1]["why"])
        table = self.governor.run("runs", "replay", self.run_id)
        self.assertEqual(table.returncode, 1)
        self.assertIn("refused", table.stdout)

    def test_what_has_no_answer_or_is_asked_otherwise_is_left_out(self):
        self.ask(1)
        self.doubt_at(2)
        self.governor.stop()
        self.governor = rig.Governor(self.governor.folder,
                                     self.text(self.CONFIG) + "runs: {mask: [/messages]}\n")
        rows = self.replay()
        self.assertEqual([r["result"] for r in rows], ["left out", "left out"])
        self.assertIn("masked", rows[0]["why"])

    def test_a_replay_needs_a_server(self):
        self.ask(1)
        self.governor.stop()
        self.failed(4, "no server is running", "runs", "replay", self.run_id)

    def test_a_rehearsal_makes_nothing(self):
        self.ask(1)
        before = self.show()
        for step, body, code in (("2", chat("hello"), "nothing_recorded"),
                                 ("1", chat("else"), "asked_otherwise")):
            answer = self.governor.ask(f"/run/{self.run_id}/9{rig.CHAT}", body,
                                       {"x-aire-rehearse": step})
            self.assertEqual(self.code(answer), (409, code))
        for step in "0", "x", "10001":
            answer = self.governor.ask(f"/run/{self.run_id}/9{rig.CHAT}", chat("hello"),
                                       {"x-aire-rehearse": step})
            self.assertEqual(answer.status, 400)
        self.assertEqual((self.show(), self.arrived()), (before, 1))

    # ---- branches ----

    def branch(self, at, *options):
        return self.governor.command("runs", "branch", self.run_id, "--at", str(at), *options)

    def test_a_branch_has_the_steps_up_to_one(self):
        texts = ["one", "two", "three"]
        answers = [self.ask(1, text) for text in texts]
        made = self.branch(2, "--as", self.run_id + "-2")
        self.assertEqual((made["id"], made["from"], made["at"], made["state"]),
                         (self.run_id + "-2", self.run_id, 2, "open"))
        for restart in range(2):
            for i, text in enumerate(texts[:2]):
                got = self.ask(restart + 1, text, run=made["id"])
                self.assertEqual((got.header("x-aire-replayed"), got.body),
                                 ("true", answers[i].body))
            self.again()
        self.assertIsNone(self.ask(3, "three", run=made["id"]).header("x-aire-replayed"))
        self.assertEqual(self.ask(2, "three").body, answers[2].body)
        self.assertEqual([s["seq"] for s in self.steps(made["id"])], [1, 2, 3])
        self.assertEqual([s["try"] for s in self.steps(made["id"])], [0, 0, 3])
        self.assertEqual([s["request"] for s in self.export(run=made["id"])][:2],
                         [chat("one"), chat("two")])

    def test_its_effects_have_keys_of_their_own(self):
        self.use(1, "shop/pay", b'{"n":1}')
        self.use(1, "shop/pay", b'{"n":2}')
        branch = self.branch(1)["id"]
        self.assertEqual(branch, self.run_id + "-b1")
        self.assertEqual(self.use(1, "shop/pay", b'{"n":1}', run=branch).header("x-aire-replayed"),
                         "true")
        self.use(1, "shop/pay", b'{"n":2}', run=branch)
        keys = [seen.header("idempotency-key") for seen in self.tool.seen]
        self.assertEqual((len(keys), len(set(keys))), (3, 3))

    def test_a_step_without_result_is_decided_first(self):
        self.doubt()
        self.failed(1, "step 1 may have happened", "runs", "branch", self.run_id, "--at", "1")
        self.governor.command("runs", "resolve", self.run_id, "1", "--happened")
        self.assertEqual(self.use(1, "shop/refund", run=self.branch(1)["id"]).status, 200)

    def test_a_diverged_run_goes_on_in_a_branch(self):
        self.ask(1)
        self.diverge()
        branch = self.branch(1)["id"]
        self.assertEqual(self.ask(1, run=branch).header("x-aire-replayed"), "true")
        self.assertEqual(self.use(1, "shop/refund", b'{"other":1}', run=branch).status, 200)

    def test_what_is_forgotten_is_forgotten_in_branches(self):
        self.ask(1, headers={"x-aire-session": "s-2"})
        branch = self.branch(1)["id"]
        self.governor.command("keyring", "forget", "--session", "s-2")
        self.again()
        self.assertEqual(self.code(self.ask(1, run=branch)), (410, "run_erased"))

    def test_branches_asked_wrongly_are_refused_in_words(self):
        self.ask(1)
        self.branch(1)
        for code, words, *options in ((1, "there is a run of this name", "1"),
                                      (1, "has no step 2", "2"), (2, "from 1 to 10000", "0"),
                                      (2, "from 1 to 10000", "10001"), (2, "whole number", "x"),
                                      (2, "'as' must be", "1", "--as", "a b")):
            self.failed(code, words, "runs", "branch", self.run_id, "--at", *options)
        self.failed(2, "--at is missing", "runs", "branch", self.run_id)
        self.failed(1, "no such run", "runs", "branch", "none", "--at", "1")


class WithoutServer(RunCase):
    def test_runs_are_read_when_no_server_runs(self):
        governor = rig.Governor(tempfile.mkdtemp(prefix="own-", dir=self.folder),
                                self.text(self.CONFIG))
        governor.ask(f"/run/{self.run_id}/1{rig.CHAT}", chat("hello"))
        governor.stop(signal.SIGKILL)
        self.assertEqual([r["id"] for r in governor.rows("runs")], [self.run_id])
        self.assertEqual(len(governor.command("runs", "show", self.run_id)["steps"]), 1)


del RunCase, OwnCase
