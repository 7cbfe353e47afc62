# SPDX-License-Identifier: Apache-2.0
"""The history of all records: what was changed, removed, cut off or forked is found, by the program and by a
verifier that shares no code with it."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import rig
from test_cli import BROKEN, FAILED, OK, USAGE, Commands

TOOL = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "audit_verify.py")
RECORDS = 270  # more than a tile
BODY = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}


def ask(server, count=1):
    with rig.Conn(server.port) as conn:
        for _ in range(count):
            answer = conn.send(rig.request(rig.CHAT, BODY, {"x-aire-user": "ann"})).response()
            assert answer.status == 200, answer
    return answer.header("x-aire-id")


class Data:
    """A copy of a data folder."""

    def __init__(self, case, source=None):
        self.case = case
        self.folder = tempfile.mkdtemp(prefix="aire-wire-")
        case.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")
        if source:
            shutil.copytree(source, self.data, ignore=shutil.ignore_patterns("aire.sock", "lock"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def serve(self):
        server = rig.Process(["serve", "--data", self.data, "--listen", "127.0.0.1:0"], self.folder)
        self.case.addCleanup(server.stop)
        return server

    def aire(self, *arguments, code=OK):
        done = rig.run(*arguments, "--data", self.data, folder=self.folder)
        self.case.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def change(self, *statements):
        with sqlite3.connect(os.path.join(self.data, "aire.db")) as database:
            for statement, *values in statements:
                self.case.assertGreater(database.execute(statement, values).rowcount, 0, statement)
        database.close()

    def value(self, statement, *values):
        with sqlite3.connect(os.path.join(self.data, "aire.db")) as database:
            value = database.execute(statement, values).fetchone()[0]
        database.close()
        return value

    def verify(self, *arguments, code=OK):
        return json.loads(self.aire("audit", "verify", "--json", *arguments, code=code).stdout)

    def faults(self, *arguments):
        report = self.verify(*arguments, code=FAILED)
        self.case.assertFalse(report["whole"])
        return [(fault["kind"], fault.get("place")) for fault in report["faults"]]

    def write(self, name, *arguments):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(self.aire(*arguments).stdout)
        return self.path(name)


def tool(*arguments):
    return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True, check=False,
                          timeout=rig.LIMIT_S * 3)


class Audit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="aire-wire-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.source = os.path.join(cls.folder, "data")
        server = rig.Process(["serve", "--data", cls.source, "--listen", "127.0.0.1:0"], cls.folder)
        cls.id = ask(server, RECORDS)
        assert server.stop() == 0

    def copy(self):
        return Data(self, self.source)

    def other(self):
        """Another log."""
        other = Data(self)
        ask(other.serve())
        self.assertTrue(rig.until(lambda: other.value("SELECT count(*) FROM history_head") == 1))
        return other

    def both(self, path, code, *arguments):
        """The program and the tool agree on a document."""
        done = rig.run("audit", "verify", "--file", path, *arguments)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        other = tool(path, *arguments)
        self.assertEqual(other.returncode, code, (other.stdout, other.stderr))
        return done

    # ---- whole ----

    def test_what_was_written_is_whole(self):
        data = self.copy()
        report = data.verify()
        self.assertEqual((report["records"], report["signed"], report["gone"]), (RECORDS, RECORDS, 0))
        self.assertEqual(report["verifier"].split("+")[0], report["verifier"][:21])
        self.assertFalse(report["pinned"])
        self.assertTrue(data.verify("--verifier", report["verifier"])["pinned"])

    def test_it_is_verified_beside_a_server_that_writes(self):
        data = self.copy()
        server = data.serve()
        for _ in range(5):
            ask(server, 20)
            self.assertTrue(data.verify()["whole"])

    def test_privileged_acts_are_records_without_a_server_too(self):
        data = self.copy()
        data.aire("route", "stop", "support", "--reason", "test")
        data.aire("key", "create", "somebody")
        self.assertEqual(data.verify()["signed"], RECORDS + 2)

    def test_another_key_has_not_signed(self):
        verifier = self.other().verify()["verifier"]
        self.assertIn(("signature", None), self.copy().faults("--verifier", verifier))
        self.copy().aire("audit", "verify", "--verifier", "x", code=USAGE)

    # ---- broken ----

    def test_a_changed_byte_is_found_where_it_is(self):
        for column in ("facts", "salt"):
            data = self.copy()
            data.change((f"UPDATE exchanges SET {column} = CAST(substr({column}, 1, 9) || x'58' ||"
                         f" substr({column}, 11) AS BLOB) WHERE place = 41",))
            self.assertEqual(data.faults(), [("changed", 41)])
        data = self.copy()
        data.change(("UPDATE exchanges SET key = key + 1 WHERE place = 41",))
        self.assertEqual(data.faults(), [("changed", 41)])

    def test_a_removed_row_is_found(self):
        data = self.copy()
        data.change(("DELETE FROM exchanges WHERE place = 41",))
        self.assertEqual(data.faults(), [("removed", 41)])

    def test_swapped_rows_are_found(self):
        data = self.copy()
        data.change(("UPDATE exchanges SET place = -1 WHERE place = 41",),
                    ("UPDATE exchanges SET place = 41 WHERE place = 42",),
                    ("UPDATE exchanges SET place = 42 WHERE place = -1",))
        self.assertEqual(data.faults(), [("changed", 41), ("changed", 42)])

    def test_rows_that_were_put_in_are_found(self):
        insert = ("INSERT INTO exchanges(key, facts, salt, place) SELECT key + ?, facts, salt, {} FROM exchanges"
                  " WHERE place = 41")
        for place, kind in (("place", "twice"), (str(RECORDS), "outside"), ("NULL", "outside")):
            data = self.copy()
            data.change((insert.format(place), 80000))
            self.assertEqual([fault[0] for fault in data.faults()], [kind], place)

    def test_a_changed_hash_is_found(self):
        data = self.copy()
        data.change(("UPDATE history_hashes SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB)"
                     " WHERE level = 0 AND first = (SELECT max(first) FROM history_hashes WHERE level = 0)",))
        self.assertIn(("root", None), data.faults())
        data = self.copy()
        data.change(("UPDATE history_hashes SET hashes = zeroblob(length(hashes)) WHERE level = 1",))
        self.assertEqual(data.faults(), [("hashes", None)])
        data = self.copy()
        data.change(("DELETE FROM history_hashes WHERE level = 0 AND first > 100",))
        self.assertIn(("cut", None), data.faults())

    def test_a_rewritten_record_with_its_hash_does_not_lead_to_the_signed_root(self):
        data = self.copy()
        last = RECORDS - 1
        data.change(("UPDATE exchanges SET facts = x'00' WHERE place = ?", last))
        leaf = b"\1" + data.value("SELECT key FROM exchanges WHERE place = ?", last).to_bytes(8, "big")
        leaf += data.value("SELECT salt FROM exchanges WHERE place = ?", last)
        for column in ("data_key", "personal", "facts"):
            value = data.value(f"SELECT CAST({column} AS BLOB) FROM exchanges WHERE place = ?", last)
            leaf += len(value).to_bytes(4, "big") + value
        digest = hashlib.sha256(b"\0" + leaf).digest()
        first = data.value("SELECT max(first) FROM history_hashes WHERE level = 0")
        data.change(("UPDATE history_hashes SET hashes = CAST(substr(hashes, 1, ?) || ? AS BLOB)"
                     " WHERE level = 0 AND first = ?", 32 * (last - first), digest, first))
        self.assertEqual(data.faults(), [("root", None)])

    def test_a_head_that_was_changed_is_found(self):
        for change in ("note = replace(note, '270', '269')", "verifier = 'x'", "note = ''"):
            data = self.copy()
            data.change((f"UPDATE history_head SET {change}",))
            self.assertIn(data.faults()[0][0], ("signature", "unsigned"), change)

    # ---- against a witness ----

    def test_a_tail_that_was_cut_off_is_found_by_a_witness(self):
        data = self.copy()
        witness = data.path("witness")
        old = Data(self, data.data)
        ask(data.serve(), 3)
        rig.until(lambda: data.verify()["signed"] == RECORDS + 3)
        data.aire("audit", "witness", witness)
        self.assertTrue(old.verify()["whole"], "by itself an old copy is whole")
        self.assertEqual(old.faults("--witness", witness), [("cut", None)])
        done = old.aire("audit", "witness", witness, code=FAILED)
        self.assertIn("went back", done.stderr)

    def test_a_forked_history_is_found_by_a_witness(self):
        data, fork = self.copy(), self.copy()
        witness = data.path("witness")
        data.aire("audit", "witness", witness)
        for one in (data, fork):
            server = one.serve()
            ask(server, 3)
            rig.until(lambda one=one: one.verify()["signed"] == RECORDS + 3)
            server.stop()
        self.assertTrue(fork.verify("--witness", witness)["whole"], "it still goes on from there")
        data.aire("audit", "witness", witness)
        self.assertEqual(fork.faults("--witness", witness), [("root", None)])
        done = fork.aire("audit", "witness", witness, code=FAILED)
        self.assertIn("forked", done.stderr)
        ask(fork.serve(), 1)
        rig.until(lambda: fork.verify()["signed"] == RECORDS + 4)
        fork.aire("audit", "witness", witness, code=FAILED)
        fork.aire("audit", "prove", "--from", witness, code=FAILED)

    def test_a_witness_takes_no_other_key_and_no_broken_file(self):
        data, other = self.copy(), self.other()
        witness = data.path("witness")
        data.aire("audit", "witness", witness)
        other.aire("audit", "witness", witness, code=FAILED)
        other.aire("audit", "verify", "--witness", witness, code=FAILED)
        with open(witness, encoding="utf-8") as file:
            text = file.read()
        with open(witness, "w", encoding="utf-8") as file:
            file.write(text.replace("270", "271"))
        data.aire("audit", "witness", witness, code=BROKEN)
        data.aire("audit", "verify", "--witness", witness, code=USAGE)
        self.assertEqual(os.stat(witness + ".key").st_mode & 0o777, 0o600)

    # ---- documents ----

    def test_an_export_is_verified_without_the_database(self):
        data = self.copy()
        export = data.write("export", "audit", "export")
        witness = data.path("witness")
        data.aire("audit", "witness", witness)
        self.assertIn(f"{RECORDS} records", self.both(export, OK).stdout)
        self.both(export, OK, "--witness", witness)
        with open(export, encoding="utf-8") as file:
            lines = file.readlines()
        cases = {
            "a record": lines[:42] + [lines[42].replace("A", "B", 1) if "A" in lines[42] else lines[43]] + lines[43:],
            "the tail": lines[:-1],
            "a record of another place": lines[:42] + [lines[43].replace('"place":42', '"place":41')] + lines[43:],
            "the size": [lines[0].replace("270", "271")] + lines[1:],
        }
        for name, changed in cases.items():
            with self.subTest(name), open(export, "w", encoding="utf-8") as file:
                file.writelines(changed)
            code = rig.run("audit", "verify", "--file", export).returncode
            self.assertIn(code, (FAILED, USAGE), name)
            self.assertEqual(tool(export).returncode, code, name)

    def test_removed_rows_are_missing_from_an_export(self):
        data = self.copy()
        data.change(("DELETE FROM exchanges WHERE place = 41",))
        self.assertIn("record 41 was removed", self.both(data.write("export", "audit", "export"), FAILED).stdout)

    def test_a_proof_of_an_exchange_stands_alone(self):
        data = self.copy()
        proof = data.write("proof", "audit", "prove", self.id)
        self.both(proof, OK)
        with open(proof, encoding="utf-8") as file:
            document = json.load(file)
        record = document["records"][0]
        for change in ({"place": record["place"] - 1}, {"path": record["path"][1:]},
                       {"path": [record["path"][1], *record["path"][1:]]},
                       {"record": record["record"][:20] + "AAAA" + record["record"][24:]}):
            with open(proof, "w", encoding="utf-8") as file:
                json.dump({**document, "records": [{**record, **change}]}, file)
            self.both(proof, FAILED)

    def test_growth_is_proved_from_a_witness(self):
        data = self.copy()
        witness = data.path("witness")
        data.aire("audit", "witness", witness)
        ask(data.serve(), 7)
        rig.until(lambda: data.verify()["signed"] == RECORDS + 7)
        growth = data.write("growth", "audit", "prove", "--from", witness)
        self.both(growth, OK)
        self.both(growth, OK, "--witness", witness)
        with open(growth, encoding="utf-8") as file:
            document = json.load(file)
        for path in (document["path"][1:], document["path"][::-1], []):
            with open(growth, "w", encoding="utf-8") as file:
                json.dump({**document, "path": path}, file)
            self.both(growth, FAILED)

    def test_what_is_no_document_is_named(self):
        data = self.copy()
        path = data.path("document")
        for text in ("", "{}", "[]", "x", '{"format":"aire-audit/1","kind":"other","verifier":"a"}'):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.both(path, USAGE)
        self.assertEqual(rig.run("audit", "verify", "--file", path + ".none").returncode, BROKEN)
        data.aire("audit", "prove", code=USAGE)
        data.aire("audit", "prove", "ex0000000000000000", code=FAILED)
        data.aire("audit", "prove", "nonsense", code=USAGE)

ERASE = """version: 1
providers:
  sim: {dialect: openai, base_url: "http://127.0.0.1:%d/v1", keys: [k]}
  none: {dialect: openai, base_url: "http://127.0.0.1:1/v1", keys: [k]}
targets:
  good: {provider: sim, model: m}
  bad: {provider: none, model: m}
routes:
  full: {path: [good], capture: full}
  person: {path: [bad, human], retries: {attempts: 1}}
agents:
  helper: {spend: {user_day: $9}}
"""


class Erasing(Commands):
    """Names that stand nowhere else, so that the whole data folder can be searched for them."""

    def setUp(self):
        super().setUp()
        provider = rig.Sim(self.folder)
        self.addCleanup(provider.stop)
        self.write("aire.yaml", ERASE % provider.port)
        self.server = self.serve()

    def ask(self, user, route="full", session="s-1"):
        body = {"model": route, "messages": [{"role": "user", "content": f"words of {user}"}]}
        answer = rig.answer(self.server.port, rig.request(
            rig.CHAT, body, {"x-aire-user": user, "x-aire-session": session, "x-aire-agent": "helper"}))
        self.assertEqual(answer.status, 200, answer)
        return answer.header("x-aire-id")

    def shown(self, *command, code=OK):
        return json.loads(self.aire(*command, "--json", code=code).stdout)

    def recorded(self, exchange):
        self.assertTrue(rig.until(lambda: rig.run("exchanges", "show", exchange, "--json",
                                                  folder=self.folder).returncode == 0))
        return self.shown("exchanges", "show", exchange)

    def holding(self, words):
        """Files of the data folder that hold these words."""
        found = []
        for folder, _, names in os.walk(os.path.join(self.folder, "aire-data")):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        found += [name] if words.encode() in file.read() else []
        return found

    def ended(self, exchange):
        return next(event for event in self.recorded(exchange)["events"] if event["event"] == "exchange_ended")

    def test_who_asked_stands_in_no_record_in_clear(self):
        exchange = self.ask("annabel-4711", session="session-4711")
        ended = self.ended(exchange)
        self.assertEqual((ended["user"], ended["session"]), ("annabel-4711", "session-4711"))
        self.server.stop()
        with sqlite3.connect(os.path.join(self.folder, "aire-data", "aire.db")) as database:
            rows = database.execute("SELECT facts, personal FROM exchanges").fetchall()
        database.close()
        for row in rows:
            for cell in row:
                self.assertNotIn(b"4711", cell or b"")

    def test_a_subject_is_erased_everywhere_and_the_history_stays_whole(self):
        mine = [self.ask("annabel-4711"), self.ask("annabel-4711", "person"), self.ask("annabel-4711")]
        other = self.ask("berthold-17")
        for exchange in (*mine, other):
            self.recorded(exchange)
        erased = self.shown("audit", "erase", "--subject", "annabel-4711", "--reason", "request 9")
        self.assertTrue(erased["proved"])
        self.assertEqual(erased["keys_left"], 0)
        self.assertGreaterEqual(erased["keys"], 4)  # of what was captured, the review, and records
        self.assertGreaterEqual(erased["unreadable"], 3)
        for exchange in mine:
            self.assertIsNone(self.ended(exchange)["user"])
            self.assertIn("erased", self.recorded(exchange)["sealed"])
        self.assertEqual(self.ended(other)["user"], "berthold-17")
        self.assertIn("words of berthold-17", json.dumps(self.recorded(other)))
        report = self.shown("audit", "verify")
        self.assertTrue(report["whole"])
        self.server.stop()  # the write-ahead log goes into the database
        self.assertEqual(self.holding("annabel-4711"), [])
        self.assertNotEqual(self.holding("berthold-17"), [])
        self.assertTrue(self.shown("audit", "verify")["whole"])

    def test_the_record_of_an_erasure_names_nobody(self):
        self.recorded(self.ask("annabel-4711"))
        erased = self.shown("audit", "erase", "--subject", "annabel-4711", "--reason", "request 9")
        event = self.shown("exchanges", "show", erased["record"])["events"][0]
        self.assertEqual((event["event"], event["keys"], event["reason"]), ("subject_erased", erased["keys"], "request 9"))
        self.assertRegex(event["record_keys"], "^su[0-9a-f]{32}( su[0-9a-f]{32})*$")
        self.assertNotIn("annabel", json.dumps(event))

    def test_who_comes_back_has_a_new_key(self):
        self.recorded(self.ask("annabel-4711"))
        self.shown("audit", "erase", "--subject", "annabel-4711")
        again = self.ask("annabel-4711")
        self.assertEqual(self.ended(again)["user"], "annabel-4711")
        self.assertNotIn("sealed", self.recorded(again))

    def test_it_works_without_a_server(self):
        exchange = self.ask("annabel-4711")
        self.recorded(exchange)
        self.server.stop()
        erased = self.shown("audit", "erase", "--subject", "annabel-4711")
        self.assertTrue(erased["proved"])
        self.assertIsNone(self.ended(exchange)["user"])
        self.assertEqual(self.holding("annabel-4711"), [])

    def test_nobody_is_erased_by_mistake(self):
        self.recorded(self.ask("annabel-4711"))
        self.aire("audit", "erase", code=USAGE)
        self.aire("audit", "erase", "--subject", "", code=USAGE)
        self.aire("audit", "erase", "--subject", "annabel", code=FAILED)
        self.aire("audit", "erase", "--subject", "annabel-4711", "--tenant", "other", code=FAILED)
        self.assertNotEqual(self.holding("annabel-4711"), [])


if __name__ == "__main__":
    unittest.main()
