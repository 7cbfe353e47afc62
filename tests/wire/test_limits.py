# SPDX-License-Identifier: Apache-2.0
"""Who may ask, for whom, how often and for how much; and the switches that stop an agent or a route."""

import os
import shutil
import tempfile
import threading
import unittest

import rig
from rig import CHAT, MESSAGES, request

CONFIG = rig.BASE + """
routes:
  any: {path: [one]}
  other: {path: [two]}
  claude: {path: [first]}
  watched: {path: [one], modes: {limits: observe}}
  unlimited: {path: [one], modes: {limits: off}}
agents:
  bot: {owner: payments}
  bound: {route: any}
  paced: {rate: 3/min}
  watched: {rate: 3/min}
  unhurried: {rate: 3/min}
  hourly: {rate: 1/h}
  polite: {user_rate: 2/min}
  poor: {spend: {day: $0.001}}
  monthly: {spend: {month: $0.001}}
  frugal: {spend: {day_tokens: 400}}
  shared: {spend: {user_day: $0.001}}
  seen: {rate: 1/min, limits: observe}
  free: {rate: 1/min, limits: off}
"""


class Keyless(rig.World):
    """On loopback, without keys: nothing that a page in a browser could send is served."""

    CONFIG = CONFIG

    def status(self, headers, path=CHAT, method="POST"):
        body = self.body(path) if method == "POST" else b""
        return self.governor.ask(path, body, headers, method)

    def test_loopback_hosts_are_served(self):
        for host in ("127.0.0.1", "localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:9"):
            self.assertEqual(self.status({"Host": host}).status, 200, host)

    def test_foreign_hosts_are_403(self):
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1",
                     "0.0.0.0", "[::2]", "evil.example:127"):
            for path in (CHAT, MESSAGES):
                got = self.status({"Host": host}, path)
                self.assert_error(got, 403, path, "foreign_host")
            self.assert_error(self.status({"Host": host}, "/v1/models", "GET"), 403)
        self.assertEqual(self.arrived(), 0)

    def test_foreign_origins_are_403(self):
        for origin in ("http://evil.example", "null", "http://127.0.0.1.evil.example", "file://",
                       "https://evil.example:443", "http://localhost@evil.example", ""):
            self.assert_error(self.status({"Origin": origin}), 403, CHAT, "foreign_origin")
        self.assertEqual(self.arrived(), 0)

    def test_own_origins_are_served(self):
        for origin in ("http://localhost:3000", "http://127.0.0.1", "https://[::1]:3000"):
            self.assertEqual(self.status({"Origin": origin}).status, 200, origin)

    def test_simple_cross_site_bodies_are_415(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a",
                     "text/plain; a=application/json", ""):
            self.assert_error(self.status({"Content-Type": kind}), 415, CHAT, "not_json")
        self.assertEqual(self.arrived(), 0)

    def test_json_types_are_served(self):
        for kind in ("application/json", "Application/JSON; charset=utf-8", "application/problem+json"):
            self.assertEqual(self.status({"Content-Type": kind}).status, 200, kind)

    def test_management_is_guarded_alike(self):
        for path in ("/api/status", "/api/keys", "/metrics", "/"):
            self.assertEqual(self.governor.get(path, {"Host": "evil.example"}).status, 403, path)
            self.assertEqual(self.governor.get(path, {"Origin": "http://evil.example"}).status, 403, path)
            self.assertEqual(self.governor.get(path).status, 200, path)

    def test_a_refusal_is_given_before_the_body(self):
        wire = request(CHAT, b"", {"Host": "evil.example", "Content-Length": "9999999",
                                   "Content-Type": rig.JSON})
        with self.open(wire) as conn:
            self.assert_error(conn.response(), 403)

    def test_an_unregistered_agent_is_403(self):
        self.assert_error(self.call(headers={"x-aire-agent": "nobody"}), 403, CHAT, "unknown_agent")

    def test_an_agent_keeps_to_its_route(self):
        headers = {"x-aire-agent": "bound"}
        self.assertEqual(self.call(CHAT, "any", headers=headers).status, 200)
        for model in ("other", "gpt-4"):
            self.assert_error(self.call(CHAT, model, headers=headers), 403, CHAT, "route_not_allowed")

    def test_malformed_own_headers_are_400(self):
        for name, value in (("x-aire-agent", ""), ("x-aire-user", "a" * 300), ("x-aire-session", "a\tb"),
                            ("x-aire-confidence", "2"), ("x-aire-confidence", "high"),
                            ("x-aire-confidence", "nan"), ("x-aire-user", "\xe4")):
            self.assert_error(self.call(headers={name: value}), 400, CHAT, "bad_header")

    def test_what_cannot_be_honoured_is_refused_not_ignored(self):
        self.assert_error(self.call(headers={"x-aire-run": "r1"}), 400)
        self.assert_error(self.call(headers={"x-aire-user-assertion": "a.b.c"}), 403)

    def test_a_key_that_is_unknown_is_401_here_too(self):
        got = self.call(headers={"Authorization": "Bearer aire_AAAAAAAAAAAA_" + "A" * 32})
        self.assert_error(got, 401, CHAT, "key_refused")


class Keys(rig.World):
    CONFIG = CONFIG + "auth: keys\n"

    def key(self, name, *options):
        return self.governor.command("key", "create", name, *options)

    def with_key(self, key, path=CHAT, model="any", **headers):
        return self.call(path, model, headers={"Authorization": f"Bearer {key}", **headers})

    def test_without_a_key_nothing_is_served(self):
        for path in (CHAT, MESSAGES):
            self.assert_error(self.call(path), 401, path, "key_required")
        self.assert_error(self.governor.get("/v1/models"), 401)
        for path in ("/api/status", "/metrics", "/"):
            self.assertEqual(self.governor.get(path).status, 401, path)
        self.assertEqual(self.governor.get("/healthz").status, 200)
        self.assertEqual(self.arrived(), 0)

    def test_a_key_opens_by_each_of_its_headers(self):
        key = self.key("caller")["key"]
        for header, value in (("Authorization", f"Bearer {key}"), ("authorization", f"bearer {key}"),
                              ("x-api-key", key), ("x-aire-key", key)):
            self.assertEqual(self.call(headers={header: value}).status, 200, header)
        self.assertNotIn(key, str(self.sim.state()))

    def test_a_key_needs_no_loopback_host(self):
        key = self.key("remote")["key"]
        self.assertEqual(self.with_key(key, Host="gateway.example", Origin="https://app.example",
                                       **{"Content-Type": "text/plain"}).status, 200)

    def test_wrong_keys_look_alike(self):
        key = self.key("alike")["key"]
        revoked = self.key("gone")
        self.governor.command("key", "revoke", revoked["entry"]["id"])
        bodies = set()
        for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), key + "A", key[:-1], "aire_", "x",
                      "aire_AAAAAAAAAAAA_" + "A" * 32, revoked["key"]):
            got = self.with_key(wrong)
            self.assert_error(got, 401, CHAT, "key_refused")
            bodies.add(got.error()["message"])
        self.assertEqual(len(bodies), 1)
        self.assertEqual(self.arrived(), 0)

    def test_a_revoked_key_ends_at_once_even_on_its_connection(self):
        made = self.key("ending")
        headers = {"Authorization": f"Bearer {made['key']}"}
        with self.open() as conn:
            ask = request(CHAT, self.body(CHAT), headers)
            self.assertEqual(conn.send(ask).response().status, 200)
            self.governor.command("key", "revoke", made["entry"]["id"])
            self.assertEqual(conn.send(ask).response().status, 401)

    def test_an_expired_key_ends(self):
        key = self.key("brief", "--expires", "1s")["key"]
        self.assertEqual(self.with_key(key).status, 200)
        self.assertTrue(rig.until(lambda: self.with_key(key).status == 401, 3))

    def test_only_who_may_vouch_names_users(self):
        self.assert_error(self.with_key(self.key("plain")["key"], **{"x-aire-user": "eve"}), 403, CHAT,
                          "may_not_vouch")
        vouching = self.key("desk", "--may-vouch")["key"]
        self.assertEqual(self.with_key(vouching, **{"x-aire-user": "eve"}).status, 200)

    def test_a_header_that_contradicts_the_key_is_403(self):
        key = self.key("bots", "--agent", "bot")["key"]
        self.assertEqual(self.with_key(key).status, 200)
        self.assertEqual(self.with_key(key, **{"x-aire-agent": "bot"}).status, 200)
        got = self.with_key(key, **{"x-aire-agent": "paced"})
        self.assert_error(got, 403, CHAT, "agent_mismatch")

    def test_management_wants_an_admin(self):
        plain, admin = self.key("clerk")["key"], self.key("chief", "--admin")["key"]
        for path in ("/api/status", "/api/exchanges", "/api/keys"):
            self.assertEqual(self.governor.get(path, {"Authorization": f"Bearer {plain}"}).status, 403)
            self.assertEqual(self.governor.get(path, {"Authorization": f"Bearer {admin}"}).status, 200)
        got = self.governor.ask("/api/keys", {"name": "x"}, {"Authorization": f"Bearer {plain}"})
        self.assertEqual(got.status, 403)

    def test_a_key_is_shown_once(self):
        made = self.key("secret")
        secret = made["key"].rsplit("_", 1)[1]
        self.assertTrue(made["key"].startswith(f"aire_{made['entry']['id']}_"))
        self.with_key(made["key"])
        self.assertNotIn(secret, self.governor.run("key", "list", "--json").stdout)
        self.assertNotIn(secret, self.governor.log())
        for name in os.listdir(self.governor.data):
            if name.startswith("aire.db"):
                with open(os.path.join(self.governor.data, name), "rb") as file:
                    self.assertNotIn(secret.encode(), file.read(), name)

    def test_limits_of_a_key(self):
        key = self.key("slow", "--rate", "2/min")["key"]
        self.assertEqual([self.with_key(key).status for _ in range(3)], [200, 200, 429])
        key = self.key("poor", "--spend-day", "$0.0001")["key"]
        self.assert_error(self.with_key(key), 429, CHAT, "budget_exceeded")
        key = self.key("few", "--tokens-day", "10")["key"]
        self.assert_error(self.with_key(key), 429, CHAT, "budget_exceeded")

    def test_records_name_the_principal(self):
        key = self.key("named", "--tenant", "acme", "--agent", "bot", "--may-vouch")["key"]
        got = self.with_key(key, **{"x-aire-user": "eve", "x-aire-session": "s1"})
        ended = [e for e in self.governor.record(got) if e["event"] == "exchange_ended"][0]
        self.assertEqual([ended[k] for k in ("tenant", "principal", "agent", "user", "session")],
                         ["acme", "named", "bot", "eve", "s1"])

    def test_bad_keys_are_not_made(self):
        for arguments in (("",), ("a b",), ("x" * 200,), ("n", "--rate", "often"), ("n", "--expires", "1x"),
                          ("n", "--spend-day", "much"), ("n", "--expires", "2020-01-01T00:00:00Z")):
            done = self.governor.run("key", "create", *arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertEqual(done.stdout, "")


class AutoAuth(rig.World):
    """auth: auto (the default) demands keys as soon as one exists."""

    CONFIG = CONFIG

    def test_the_first_key_shuts_the_door(self):
        governor = self.own(CONFIG)
        body = self.body(CHAT)
        self.assertEqual(governor.ask(CHAT, body).status, 200)
        made = governor.command("key", "create", "first")
        self.assertEqual(governor.ask(CHAT, body).status, 401)
        self.assertEqual(governor.ask(CHAT, body, {"x-api-key": made["key"]}).status, 200)
        governor.command("key", "revoke", made["entry"]["id"])
        self.assertEqual(governor.ask(CHAT, body, {"x-api-key": made["key"]}).status, 401)

    def test_keys_and_switches_outlive_the_server(self):
        governor = self.own(CONFIG)
        key = governor.command("key", "create", "lasting")["key"]
        governor.command("agent", "stop", "bot")
        self.assertEqual(governor.stop(), 0)
        # Without a server the commands take its place.
        other = governor.command("key", "create", "offline")["key"]
        again = rig.Governor(governor.folder, self.text(CONFIG))
        self.addCleanup(self.end, again)
        for each in (key, other):
            self.assertEqual(again.ask(CHAT, self.body(CHAT), {"x-api-key": each}).status, 200)
        got = again.ask(CHAT, self.body(CHAT), {"x-api-key": key, "x-aire-agent": "bot"})
        self.assert_error(got, 503, CHAT, "agent_stopped")

    def test_other_addresses_demand_keys(self):
        governor = self.own(CONFIG, listen="0.0.0.0:0")
        self.assert_error(governor.ask(CHAT, self.body(CHAT)), 401)

    def test_auth_none_is_for_loopback(self):
        folder = tempfile.mkdtemp(prefix="aire-wire-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "aire.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("version: 1\nauth: none\n")
        done = rig.run("serve", "--config", path, "--data", os.path.join(folder, "d"), "--listen",
                       "0.0.0.0:0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("loopback", done.stderr)


class Limits(rig.World):
    CONFIG = CONFIG

    def ask(self, agent, model="any", user=None, **more):
        headers = {"x-aire-agent": agent, **({"x-aire-user": user} if user else {})}
        return self.call(CHAT, model, headers=headers, max_tokens=10, **more)

    def passed(self, agent, at_most=20, **more):
        """Calls until one is refused."""
        for count in range(at_most):
            got = self.ask(agent, **more)
            if got.status != 200:
                return count, got
        return at_most, None

    def test_rate(self):
        count, refused = self.passed("paced")
        self.assertEqual(count, 3)
        self.assert_error(refused, 429, CHAT, "rate_limit_exceeded")
        self.assertIn(int(refused.header("retry-after")), (19, 20))
        self.assertEqual(refused.header("x-should-retry"), "true")
        self.assertEqual(self.arrived(), 3)
        # In the other dialect it is the same limit in another shape.
        got = self.call(MESSAGES, "claude", headers={"x-aire-agent": "paced"})
        self.assert_error(got, 429, MESSAGES)
        self.assertEqual(got.error()["type"], "rate_limit_error")

    def test_a_long_wait_is_not_the_clients(self):
        count, refused = self.passed("hourly")
        self.assertEqual(count, 1)
        self.assert_error(refused, 429, CHAT, "rate_limit_exceeded")
        self.assertEqual(refused.header("x-should-retry"), "false")

    def test_rate_of_a_user_is_its_own(self):
        self.assertEqual(self.passed("polite", user="ann")[0], 2)
        self.assertEqual(self.passed("polite", user="bob")[0], 2)
        self.assertEqual(self.passed("polite", at_most=4)[0], 4)  # nobody's limit

    def spent(self, agent):
        agents = self.governor.command("status")["agents"]
        return next(a for a in agents if a["name"] == agent)

    def test_money_of_a_day(self):
        count, refused = self.passed("poor")
        self.assertGreater(count, 0)
        self.assert_error(refused, 429, CHAT, "budget_exceeded")
        self.assertGreater(int(refused.header("retry-after")), 0)
        self.assertLessEqual(int(refused.header("retry-after")), 86400)
        self.assertTrue(rig.until(lambda: self.spent("poor")["held_microusd"] == 0))
        spent = self.spent("poor")["day_microusd"]
        self.assertGreater(spent, 0)
        self.assertLessEqual(spent, 1000)
        self.assertEqual(self.arrived(), count)

    def test_money_of_a_month(self):
        count, refused = self.passed("monthly")
        self.assertGreater(count, 0)
        self.assert_error(refused, 429, CHAT, "budget_exceeded")

    def test_tokens_of_a_day(self):
        count, refused = self.passed("frugal")
        self.assertGreater(count, 0)
        self.assert_error(refused, 429, CHAT, "budget_exceeded")
        self.assertLessEqual(self.spent("frugal")["day_tokens"], 400)

    def test_money_of_a_user(self):
        self.assertGreater(self.passed("shared", user="ann")[0], 0)
        self.assert_error(self.ask("shared", user="ann"), 429)
        self.assertEqual(self.ask("shared", user="bob").status, 200)

    def test_parallel_calls_do_not_overshoot_together(self):
        governor = self.own(CONFIG)
        self.sim.fault("delay: 300ms")
        statuses = []

        def ask():
            headers = {"x-aire-agent": "poor"}
            statuses.append(governor.ask(CHAT, self.body(CHAT, max_tokens=10), headers).status)
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(statuses), 12)
        self.assertEqual(set(statuses), {200, 429})
        # What is held counts: an upper bound of one call is a third of the budget.
        self.assertLessEqual(statuses.count(200), 3)

    def test_what_was_held_comes_back(self):
        governor = self.own(CONFIG.replace("poor: {spend: {day: $0.001}}", "poor: {spend: {day: $0.0006}}"))
        headers = {"x-aire-agent": "poor"}
        self.sim.fault("error: bad_request")
        for _ in range(5):  # a failed call costs nothing
            got = governor.ask(CHAT, self.body(CHAT, max_tokens=10), headers)
            self.assert_error(got, 400, CHAT)
        self.sim.script("")
        self.assertEqual(governor.ask(CHAT, self.body(CHAT, max_tokens=10), headers).status, 200)

    def test_spending_outlives_the_server(self):
        governor = self.own(CONFIG)
        headers = {"x-aire-agent": "poor"}
        self.assertEqual(governor.ask(CHAT, self.body(CHAT, max_tokens=10), headers).status, 200)
        self.assertEqual(governor.stop(), 0)
        again = rig.Governor(governor.folder, self.text(CONFIG))
        self.addCleanup(self.end, again)
        agents = again.command("status")["agents"]
        self.assertGreater(next(a for a in agents if a["name"] == "poor")["day_microusd"], 0)

    def test_observed_limits_let_pass_and_are_recorded(self):
        for agent, model in (("seen", "any"), ("watched", "watched")):
            with self.subTest(agent, model=model):
                count, _ = self.passed(agent, at_most=5, model=model)
                self.assertEqual(count, 5)
                hits = [e for e in self.governor.record(self.ask(agent, model))
                        if e["event"] == "limit_hit"]
                self.assertEqual([(e["kind"], e["mode"]) for e in hits], [("rate", "observe")])

    def test_limits_that_are_off_are_off(self):
        self.assertEqual(self.passed("free", at_most=4)[0], 4)
        self.assertEqual(self.passed("unhurried", at_most=6, model="unlimited")[0], 6)


class Switches(rig.World):
    CONFIG = CONFIG

    def test_a_stopped_agent(self):
        headers = {"x-aire-agent": "bot"}
        self.assertEqual(self.call(headers=headers).status, 200)
        self.governor.command("agent", "stop", "bot", "--reason", "loops")
        came = self.arrived()
        for path, model in ((CHAT, "any"), (MESSAGES, "claude")):
            got = self.call(path, model, headers=headers)
            self.assert_error(got, 503, path, "agent_stopped")
            self.assertEqual(got.header("x-should-retry"), "false")
        self.assertEqual(self.arrived(), came)
        self.assertEqual(self.call(headers={"x-aire-agent": "bound"}).status, 200)
        self.assertEqual(self.call().status, 200)
        self.governor.command("agent", "start", "bot")
        self.assertEqual(self.call(headers=headers).status, 200)

    def test_a_stopped_route(self):
        self.governor.command("route", "stop", "other")
        self.assert_error(self.call(CHAT, "other"), 503, CHAT, "route_stopped")
        self.assertEqual(self.call(CHAT, "any").status, 200)
        self.governor.command("route", "start", "other")
        self.assertEqual(self.call(CHAT, "other").status, 200)


if __name__ == "__main__":
    unittest.main()
