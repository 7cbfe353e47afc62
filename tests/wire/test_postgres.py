# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL as the store: what it shows, how it refuses, and a server that dies while it is served from."""

import os
import tempfile
import threading
import unittest

import rig
from rig import CHAT, OnPostgres

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
  full: {path: [t], capture: full}
"""


class Shown(OnPostgres, rig.World):
    CONFIG = CONFIG

    def test_status_ready_and_doctor_name_it_without_the_password(self):
        name = f"postgres://aire@127.0.0.1:{self.postgres.port}/"
        durability = "fsync=on, full_page_writes=on, synchronous_commit=on"
        store = self.governor.command("status")["store"]
        self.assertIn(name, store["name"])
        self.assertEqual((store["open"], store["away"], store["durability"]),
                         (True, False, durability))
        self.assertEqual(self.governor.get("/readyz").json()["durability"], durability)
        doctor = self.governor.run("doctor").stdout
        self.assertIn(name, doctor)
        self.assertIn(durability, doctor)
        shown = self.governor.run("config", "show").stdout
        self.assertIn(name, shown)
        for words in (self.governor.run("status").stdout, doctor, shown, self.governor.log()):
            self.assertNotIn("secret", words)

    def test_the_password_may_come_from_the_environment_or_a_file(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        url = self.postgres.url(folder)
        for reference in ("${STORE_URL}", url.replace("secret", "${STORE_PASSWORD}"), "file:url"):
            with self.subTest(reference):
                config = self.text(CONFIG) + f'store: "{reference}"\n'
                env = {"STORE_URL": url, "STORE_PASSWORD": "secret"}
                governor = rig.Governor(folder, config, env=env, files={"url": url + "\n"})
                self.addCleanup(governor.stop)
                self.assertEqual(governor.ask(CHAT, self.body(CHAT, "strict")).status, 200)
                governor.stop()
                listed = rig.run("exchanges", "--config", governor.config, "--json", env=env)
                self.assertEqual(listed.returncode, 0, listed)
                self.assertIn('"answered"', listed.stdout)


class Forgotten(OnPostgres, rig.World):
    CONFIG = CONFIG

    def test_one_user_is_forgotten_and_no_other(self):
        # "aire" is the database's user as well.
        asked = {user: self.governor.ask(CHAT, self.body(CHAT, "full"), {"x-aire-user": user})
                 for user in ("ann", "aire")}

        def words(user):
            return "refund" in str(self.governor.record(asked[user]))
        self.assertTrue(words("ann") and words("aire"))
        done = self.governor.run("keyring", "forget", "--user", "ann")
        self.assertEqual(done.returncode, 0, self.governor.log())
        self.assertEqual((words("ann"), words("aire")), (False, True))
        self.governor.command("keyring", "forget", "--user", "aire")
        self.assertFalse(words("aire"))


class Refused(OnPostgres, rig.World):
    """A start that cannot be: exit 4 and one line."""

    CONFIG = CONFIG

    def start(self, url):
        folder = tempfile.mkdtemp(dir=self.folder)
        path = os.path.join(folder, "aire.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text(CONFIG) + f'store: "{url}"\n')
        done = rig.run("serve", "--config", path, "--data", os.path.join(folder, "data"),
                       "--listen", "127.0.0.1:0", folder=folder)
        self.assertEqual(done.returncode, 4, done)
        self.assertNotIn("secret", done.stderr)
        return done.stderr

    def test_no_server(self):
        self.assertIn("cannot connect", self.start("postgres://aire:secret@127.0.0.1:1/aire"))

    def test_a_wrong_password(self):
        self.assertIn("wrong password", self.start(self.postgres.url("x", "notsecret")))

    def test_no_such_database(self):
        url = self.postgres.url("x").rsplit("/", 1)[0] + "/nowhere"
        self.assertIn("no such database", self.start(url))

    def test_tables_of_another_program(self):
        self.postgres.sql("CREATE TABLE bookmarks (url TEXT)", self.postgres.database("other"))
        self.assertIn("another program", self.start(self.postgres.url("other")))

    def test_a_schema_newer_than_the_program(self):
        governor = self.own(CONFIG)
        database = self.postgres.database(governor.folder)
        governor.stop()
        self.postgres.sql("UPDATE schema_versions SET version = 99 WHERE area = 'exchange'", database)
        self.assertIn("newer version of this program", self.start(self.postgres.url(governor.folder)))


class Dying(OnPostgres, rig.World):
    """kill -9 of the server while it is served from."""

    CONFIG = CONFIG

    def strict(self):
        return self.governor.ask(CHAT, self.body(CHAT, "strict"))

    def kept(self, ids):
        database = self.postgres.database(self.governor.folder)
        there = set(self.postgres.sql("SELECT DISTINCT to_hex(key / 8) FROM exchanges", database))
        return [one for one in ids if one[2:].lstrip("0") not in there]

    def until_ready(self):
        self.assertTrue(rig.until(lambda: self.governor.get("/readyz").status == 200, 60),
                        self.governor.get("/readyz"))

    def tearDown(self):
        self.postgres.start()
        super().tearDown()

    def test_commitments_are_refused_traffic_goes_on_and_it_comes_back(self):
        acknowledged = [self.strict().header("x-aire-id") for _ in range(20)]
        self.postgres.kill()
        refused = self.strict()
        self.assert_error(refused, 503, CHAT, "record_unavailable")
        person = self.governor.ask(CHAT, self.body(CHAT, "person"))
        self.assert_error(person, 503, CHAT, "review_not_stored")
        plain = [self.governor.ask(CHAT, self.body(CHAT, "plain")) for _ in range(5)]
        self.assertEqual([answer.status for answer in plain], [200] * 5)
        ready = self.governor.get("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn("the store is away", str(ready.json()["why"]))
        self.assertTrue(self.governor.command("status")["store"]["away"])
        self.postgres.start()
        self.until_ready()
        acknowledged.append(self.strict().header("x-aire-id"))
        # What waited as a fact has been written as well, and is older than the last commitment.
        acknowledged += [answer.header("x-aire-id") for answer in plain]
        self.assertEqual(self.kept(acknowledged), [])
        self.assertEqual(self.governor.command("status")["store"]["facts_lost"], 0)

    def test_killed_under_load_nothing_acknowledged_is_lost(self):
        # Commits that were under way are in doubt; their clients wait until the server can tell.
        acknowledged, others, stop = [], set(), threading.Event()
        data = rig.request(CHAT, self.body(CHAT, "strict"))

        def client():
            while not stop.is_set():
                with rig.Conn(self.governor.port, timeout=60) as conn:
                    answer = conn.send(data).response()
                if answer.status == 200:
                    acknowledged.append(answer.header("x-aire-id"))
                else:
                    others.add(answer.status)

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                goal = len(acknowledged) + 50
                self.assertTrue(rig.until(lambda g=goal: len(acknowledged) >= g, 60))
                self.postgres.kill()
                self.assertTrue(rig.until(lambda: self.governor.get("/readyz").status == 503, 60))
                self.postgres.start()
                self.until_ready()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertLessEqual(others, {503})
        self.assertEqual(self.kept(acknowledged), [])


if __name__ == "__main__":
    unittest.main()
