# SPDX-License-Identifier: Apache-2.0
"""The management API: who may ask, what is refused with which words, what it changes at once."""

import http.client
import json
import os
import socket
import unittest

import rig
from rig import CHAT, Conn, request

AGENTS = """
routes:
  support: {path: [one]}
  people: {path: [one, human], retries: {attempts: 1}}
agents:
  refund-agent: {owner: payments-team, route: support, spend: {day: $50}}
"""


class Unix(http.client.HTTPConnection):
    """HTTP over DATA/aire.sock."""

    def __init__(self, path):
        super().__init__("localhost", timeout=rig.LIMIT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(rig.LIMIT_S)
        self.sock.connect(self.path)


class Api(rig.World):
    CONFIG = rig.BASE + AGENTS

    def get(self, path, status=200, headers=()):
        response = self.governor.get(path, headers)
        self.assertEqual(response.status, status, response)
        return response.json()

    def post(self, path, body=None, status=200, headers=()):
        data = json.dumps({} if body is None else body).encode()
        fields = {"Content-Type": "application/json", **dict(headers)}
        response = self.governor.ask(path, data, fields)
        self.assertEqual(response.status, status, response)
        return response.json()

    def refused(self, path, body, status, code, **options):
        answer = self.post(path, body, status, **options)
        self.assertEqual(answer["error"]["code"], code, answer)
        return answer["error"]["message"]


class Shape(Api):
    def test_alive_and_ready(self):
        self.assertEqual(self.get("/healthz")["status"], "alive")
        self.assertEqual(self.get("/readyz"), {
            "status": "ready", "why": [], "durability": "journal_mode=wal, synchronous=full"})

    def test_page_has_no_scripts_and_links_that_answer(self):
        page = self.governor.get("/")
        self.assertEqual(page.status, 200)
        self.assertIn("default-src 'none'", page.header("content-security-policy"))
        self.assertNotIn(b"<script", page.body)
        links = [part.split('"')[0] for part in page.body.decode().split('href="')[1:]]
        self.assertIn("/api/status", links)
        for link in links:
            self.assertEqual(self.governor.get(link).status, 200, link)

    def test_description_names_paths_that_exist(self):
        description = self.get("/api/openapi.json")
        self.assertEqual(description["openapi"], "3.1.0")
        for path, methods in description["paths"].items():
            answer = self.governor.ask(path.replace("{", "").replace("}", ""), b"", method="OPTIONS")
            self.assertEqual(answer.status, 204)
            for method in methods:
                self.assertIn(method.upper(), answer.header("allow"))

    def test_metrics_count_what_happened_and_show_every_gauge(self):
        self.assertEqual(self.call(model="support").status, 200)
        text = rig.until(lambda: self.metrics_with('aire_exchanges_total{route="support"'))
        self.assertIn('aire_breaker_open{target="one"} 0', text)
        for gauge in ("exchanges_in_flight", "connections_open", "buffered_bytes",
                      "store_queued_bytes", "store_facts_lost_total", "store_commit_seconds",
                      "resident_memory_bytes", "cpu_seconds_total", "configuration_generation"):
            self.assertRegex(text, rf"(?m)^aire_{gauge} \d")

    def metrics_with(self, words):
        response = self.governor.get("/metrics")
        self.assertIn("version=0.0.4", response.header("content-type"))
        return response.body.decode() if words in response.body.decode() else None

    def test_status_shows_targets_routes_agents(self):
        self.assertEqual(self.call(model="support").status, 200)
        status = self.get("/api/status")
        target = next(t for t in status["targets"] if t["name"] == "one")
        self.assertEqual((target["breaker"], target["provider"]), ("closed", "east"))
        self.assertGreaterEqual(target["attempts"], 1)
        route = next(r for r in status["routes"] if r["name"] == "people")
        self.assertEqual(route["tiers"], ["one", "human"])
        self.assertFalse(route["incidents"]["open"])
        agent = next(a for a in status["agents"] if a["name"] == "refund-agent")
        self.assertEqual(agent["day_microusd_max"], 50_000_000)
        self.assertTrue(status["store"]["open"])
        self.assertEqual(status["stops"], [])

    def test_spend_of_an_agent_is_shown(self):
        before = self.agent()["day_microusd"]
        self.assertEqual(self.call(model="support", headers={"x-aire-agent": "refund-agent"}).status,
                         200)
        self.assertTrue(rig.until(lambda: self.agent()["day_microusd"] > before))

    def agent(self):
        return self.get("/api/status")["agents"][0]


class Refusals(Api):
    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.get("/api/nope", 404)["error"]["code"], "unknown_path")
        self.assertEqual(self.get("/api/keys/", 404)["error"]["code"], "unknown_path")
        answer = self.governor.ask("/api/status", b"", {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.header("allow"), "GET, HEAD, OPTIONS")

    def test_post_without_json_type(self):
        for fields in ({}, {"Content-Type": "text/plain"},
                       {"Content-Type": "application/x-www-form-urlencoded"}):
            answer = self.governor.ask("/api/agents/a/stop", b"", fields)
            self.assertEqual(answer.status, 415, fields)

    def test_bad_json_names_the_byte(self):
        answer = self.governor.ask("/api/keys", b'{"name": "x",, }',
                                   {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 400)
        self.assertIn("byte 13", answer.error()["message"])
        for body in (b"[]", b'{"name":"a","name":"b"}', b'{"name":"a"} x', b'"a"'):
            answer = self.governor.ask("/api/keys", body, {"Content-Type": "application/json"})
            self.assertEqual(answer.status, 400, body)

    def test_members_are_checked_against_the_description(self):
        self.assertIn("'nmae'", self.refused("/api/keys", {"nmae": "x"}, 422, "unknown_member"))
        self.assertIn("'name'", self.refused("/api/keys", {}, 422, "missing_member"))
        self.assertIn("string", self.refused("/api/keys", {"name": 7}, 422, "wrong_type"))
        self.refused("/api/keys", {"name": "x", "admin": "yes"}, 422, "wrong_type")
        self.refused("/api/keys", {"name": "x", "tokens_day": -1}, 422, "wrong_type")
        self.refused("/api/keys", {"name": "a b"}, 422, "bad_name")
        self.refused("/api/keys", {"name": "x", "rate": "fast"}, 422, "bad_limit")
        self.refused("/api/keys", {"name": "x", "spend_day": "$0"}, 422, "bad_limit")
        self.refused("/api/keys", {"name": "x", "expires": "yesterday"}, 422, "bad_expiry")
        self.refused("/api/keys", {"name": "x", "expires": "2020-01-01T00:00:00Z"}, 422, "bad_expiry")

    def test_queries_are_checked(self):
        for query in ("limit=0", "limit=1001", "limit=x", "before=ex1", "lmit=5", "limit=1&limit=2",
                      "limit=%zz"):
            self.assertEqual(self.get("/api/exchanges?" + query, 400)["error"]["code"], "bad_query",
                             query)
        self.get("/api/reviews?state=open", 400)

    def test_large_bodies(self):
        answer = rig.answer(self.governor.port, request(
            "/api/keys", b"", {"Content-Type": "application/json", "Content-Length": "2000000"}))
        self.assertEqual(answer.status, 413)

    def test_foreign_pages_are_refused(self):
        self.get("/api/status", 403, {"Host": "evil.example"})
        self.get("/api/status", 403, {"Origin": "https://evil.example"})
        self.assertEqual(self.get("/healthz", 200, {"Host": "evil.example"})["status"], "alive")

    def test_connection_stays_usable_after_a_refusal(self):
        with Conn(self.governor.port) as conn:
            self.assertEqual(conn.send(request("/api/nope", method="GET")).response().status, 404)
            self.assertEqual(conn.send(request("/healthz", method="GET")).response().status, 200)

    def test_head_has_no_body(self):
        with Conn(self.governor.port) as conn:
            head = conn.send(request("/api/status", method="HEAD")).response("HEAD")
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(conn.send(request("/healthz", method="GET")).response().status, 200)

    def test_client_that_leaves_takes_nothing_with_it(self):
        for _ in range(20):
            with Conn(self.governor.port) as conn:
                conn.send(request("/api/exchanges", method="GET") * 3)
        with Conn(self.governor.port) as conn:
            conn.send(request("/api/keys", b"", {"Content-Type": "application/json",
                                                 "Content-Length": "100"}))
        self.get("/api/status")


class Records(Api):
    def test_exchanges_are_listed_in_pages_and_shown(self):
        ids = [self.call(model="support", headers={"x-aire-user": "ann"}).header("x-aire-id")
               for _ in range(3)]
        self.assertTrue(rig.until(lambda: self.governor.get("/api/exchanges/" + ids[2]).status == 200))
        page = self.get("/api/exchanges?limit=2")
        self.assertEqual([x["id"] for x in page["exchanges"]], [ids[2], ids[1]])
        older = self.get(f"/api/exchanges?limit=1&before={page['before']}")
        self.assertEqual([x["id"] for x in older["exchanges"]], [ids[0]])
        one = self.get("/api/exchanges/" + ids[0])
        self.assertEqual(one["id"], ids[0])
        ended = one["events"][-1]
        self.assertEqual((ended["event"], ended["user"], ended["route"]),
                         ("exchange_ended", "ann", "support"))

    def test_unknown_exchanges(self):
        self.get("/api/exchanges/ex0000000000000001", 404)
        self.get("/api/exchanges/nonsense", 404)

    def test_review_is_decided_once(self):
        self.sim.fault("status: 500")
        asked = self.call(model="people")
        review = asked.header("x-aire-review")
        self.assertTrue(review, asked)
        self.assertIn(review, [r["id"] for r in self.get("/api/reviews?state=pending")["reviews"]])
        path = f"/api/reviews/{review}/decision"
        self.refused(path, {"decision": "maybe"}, 422, "bad_decision")
        self.refused(path, {"decision": "edit"}, 422, "bad_edit")
        self.refused(path, {"decision": "approve", "edit": "x"}, 422, "bad_edit")
        done = self.post(path, {"decision": "edit", "edit": "We refund you.", "reason": "fair"})
        self.assertEqual((done["state"], done["decided_by"]), ("edited", "local"))
        self.refused(path, {"decision": "approve"}, 409, "decided_already")
        shown = self.get("/api/reviews/" + review)
        self.assertEqual((shown["answer"], shown["reason"]), ("We refund you.", "fair"))
        self.assertIn("4711", shown["question"])
        self.assertNotIn(review, [r["id"] for r in self.get("/api/reviews?state=pending")["reviews"]])

    def test_unknown_review(self):
        self.get("/api/reviews/rv1", 404)
        self.refused("/api/reviews/rv1/decision", {"decision": "approve"}, 404, "unknown_review")


class Switches(Api):
    def test_agent_and_route_stop_at_once_and_start_again(self):
        who = {"x-aire-agent": "refund-agent"}
        self.assertEqual(self.call(model="support", headers=who).status, 200)
        for path, headers in (("/api/agents/refund-agent", who), ("/api/routes/support", {})):
            moved = self.post(path + "/stop", {"reason": "it loops"})
            self.assertEqual((moved["stopped"], moved["by"]), (True, "local"))
            refused = self.call(model="support", headers=headers)
            self.assertGreaterEqual(refused.status, 400, refused)
            self.assertEqual(len(self.get("/api/status")["stops"]), 1)
            self.post(path + "/stop")  # stopping twice is fine
            self.post(path + "/start")
            self.assertEqual(self.call(model="support", headers=headers).status, 200)
        self.assertEqual(self.get("/api/status")["stops"], [])

    def test_names_travel_percent_encoded(self):
        moved = self.post("/api/routes/a%2Fb/stop")
        self.assertEqual(moved["name"], "a/b")
        self.post("/api/routes/a%2Fb/start")
        self.refused("/api/routes/a%20b/stop", {}, 422, "bad_name")
        self.refused("/api/routes/a%2/stop", {}, 400, "bad_path")

    def test_configuration_is_applied_whole_or_not_at_all(self):
        governor = self.own(self.CONFIG)
        before = governor.get("/api/status").json()["generation"]
        governor.configure(self.text(self.CONFIG) + "  new-agent: {owner: me}\n")
        fields = {"Content-Type": "application/json"}
        applied = governor.ask("/api/config/apply", b"", fields)
        self.assertEqual((applied.status, applied.json()["generation"]), (200, before + 1), applied)
        governor.configure("version: 1\nlisen: x\n")
        bad = governor.ask("/api/config/apply", b"", fields)
        self.assertEqual(bad.status, 422)
        self.assertIn("aire.yaml:2:1", bad.error()["message"])
        self.assertIn("listen", bad.error()["message"])
        status = governor.get("/api/status").json()
        self.assertEqual(status["generation"], before + 1)
        self.assertIn("new-agent", [agent["name"] for agent in status["agents"]])


class Keys(Api):
    def setUp(self):
        super().setUp()
        self.governor = self.own(self.CONFIG)

    def test_keys_open_and_close_doors(self):
        admin = self.post("/api/keys", {"name": "ops", "admin": True}, 201)["key"]
        self.assertRegex(admin, r"^aire_[0-9A-Za-z]{12}_[0-9A-Za-z]{32}$")
        mine = {"Authorization": "Bearer " + admin}
        self.get("/api/status", 401)
        self.assertEqual(self.call(model="support").status, 401)
        made = self.post("/api/keys", {"name": "bot", "tenant": "acme", "rate": "600/min",
                                       "spend_day": "$5", "expires": "90d"}, 201, mine)
        self.assertEqual(made["entry"]["limits"]["day_microusd"], 5_000_000)
        bot = {"x-api-key": made["key"]}
        self.assertEqual(self.call(model="support", headers=bot).status, 200)
        self.assertEqual(self.get("/api/status", 403, bot)["error"]["code"], "not_admin")
        self.assertEqual(self.governor.get("/metrics", bot).status, 200)
        self.assertEqual(self.governor.get("/metrics").status, 401)
        self.assertEqual(self.governor.get("/healthz").status, 200)
        self.post(f"/api/keys/{made['entry']['id']}/revoke", None, 200, mine)
        self.assertEqual(self.call(model="support", headers=bot).status, 401)
        self.refused(f"/api/keys/{made['entry']['id']}/revoke", {}, 404, "unknown_key", headers=mine)
        listed = self.governor.get("/api/keys", mine)
        self.assertEqual([(k["name"], k["state"]) for k in listed.json()["keys"]],
                         [("ops", "valid"), ("bot", "revoked")])
        for secret in (admin, made["key"]):
            self.assertNotIn(secret[-32:].encode(), listed.body)
            self.assertNotIn(secret[-32:], self.governor.log())

    def test_owner_needs_no_key_over_the_socket(self):
        self.post("/api/keys", {"name": "ops", "admin": True}, 201)
        path = os.path.join(self.governor.data, "aire.sock")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        conn = Unix(path)
        conn.request("POST", "/api/agents/refund-agent/stop", "{}",
                     {"Content-Type": "application/json"})
        answer = json.load(conn.getresponse())
        self.assertEqual(answer["by"], f"uid {os.getuid()}")
        conn.close()


if __name__ == "__main__":
    unittest.main()
