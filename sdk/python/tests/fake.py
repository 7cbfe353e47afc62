# SPDX-License-Identifier: Apache-2.0
"""A Governor in memory: the workflow interface and the queue as the SDKs see them, and what can go wrong.

Tests of both SDKs use it, in process or as a program (`python3 fake.py`, prints `listening on URL`). Beside
the interface:

    POST /fake/faults {"faults": [...]}  what happens to the next calls, in order: "" nothing; "drop": served,
                                         the answer is lost; "refuse": not served, the connection breaks; or
                                         {"status", "code", "headers"?}: answered so, not served
    POST /fake/decide {"decision", ...}  answers the oldest open approval
    POST /fake/state {}                  -> {"calls": [path, ...], "runs": {...}}
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple

Told = Tuple[int, Any]  # status, document


class Fault(Exception):
    def __init__(self, status: int, code: str):
        super().__init__(code)
        self.told: Told = (status, {"error": {"type": "x", "code": code, "message": f"so: {code}", "id": "ex1"}})


class Run:
    def __init__(self, id: str, queue: Optional[str] = None, given: Any = None, tries_max: int = 5):
        self.id = id
        self.queue = queue
        self.input = given
        self.try_ = 0
        self.tries_max = tries_max
        self.state = "waiting" if queue else "running"
        self.lease_until = 0.0
        self.steps: Dict[str, Dict[str, Any]] = {}
        self.signals: Dict[str, List[Any]] = {}
        self.outcome: Optional[Dict[str, Any]] = None

    def step(self, name: str, **more: Any) -> Dict[str, Any]:
        if name not in self.steps:
            self.steps[name] = {"step": len(self.steps) + 1, "state": "new", "try": 0, **more}
        return self.steps[name]


class Fake(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.changed = threading.Condition()
        self.runs: Dict[str, Run] = {}
        self.approvals: List[Dict[str, Any]] = []
        self.faults: List[Any] = []
        self.calls: List[str] = []
        self.closed = threading.Event()

    def start(self) -> Fake:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.closed.set()
        self.shutdown()
        self.server_close()

    # ---- the interface: each returns (status, document) under the lock ----

    def serve(self, path: str, headers: Dict[str, str], body: Any) -> Told:
        with self.changed:
            self.calls.append(path)
            try:
                return self.route(path, headers, body)
            except Fault as fault:
                return fault.told
            finally:
                self.changed.notify_all()

    def route(self, path: str, headers: Dict[str, str], body: Any) -> Told:
        if path.startswith("/fake/"):
            return self.named("fake_" + path[6:])(body)
        found = re.fullmatch(r"/run/([^/]+)/(\d+)/workflow/(?:(steps)/(\d+)|(\w+))", path)
        if found:
            run = self.held(found[1], int(found[2]))
            if found[3]:
                return self.report(run, int(found[4]), body)
            return self.named("do_" + found[5])(run, headers.get("x-aire-step", ""), body)
        found = re.fullmatch(r"/api/runs/([^/]+)/signals/([^/]+)", path)
        if found:
            self.run(found[1]).signals.setdefault(found[2], []).append(body)
            return 202, {}
        if path == "/api/runs":
            return self.enqueue(body)
        found = re.fullmatch(r"/api/queues/([^/]+)/(claim|heartbeat)", path)
        if found:
            return self.named(found[2])(found[1], body)
        raise Fault(404, "unknown_path")

    def named(self, name: str) -> Callable[..., Told]:
        serve: Optional[Callable[..., Told]] = getattr(self, name, None)
        if serve is None:
            raise Fault(404, "unknown_path")
        return serve

    def run(self, id: str) -> Run:
        return self.runs.setdefault(id, Run(id))

    def held(self, id: str, try_: int) -> Run:
        run = self.run(id)
        if try_ < run.try_:
            raise Fault(409, "try_fenced")
        run.try_ = try_
        return run

    def wait(self, body: Any, ready: Any) -> Any:
        """Holds the call until ready() or hold_ms are over."""
        return self.changed.wait_for(ready, body.get("hold_ms", 20000) / 1000)

    def do_step(self, run: Run, key: str, body: Any) -> Told:
        self.open(run)
        step = run.step(key, effect=body["effect"], input=body.get("input"),
                        key=str(uuid.uuid4()))
        if step["input"] != body.get("input"):
            raise Fault(409, "step_conflict")
        if step["state"] in ("done", "failed"):
            return 200, {name: step[name] for name in ("step", "state", "result", "error") if name in step}
        if step["state"] == "out" and step["try"] == run.try_:
            raise Fault(409, "step_busy")
        if step["state"] == "out" and step["effect"] == "unsafe":
            raise Fault(503, "step_in_doubt")
        step.update(state="out", **{"try": run.try_})
        return 201, {"step": step["step"], "state": "make", "key": step["key"]}

    def report(self, run: Run, number: int, body: Any) -> Told:
        step = next(s for s in run.steps.values() if s["step"] == number)
        again = "result" in body and step["state"] == "done" and step["result"] == body["result"]
        if step["try"] != run.try_ or step["state"] != "out" and not again:
            raise Fault(409, "step_not_held")
        if "result" in body:
            step.update(state="done", result=body["result"])
        elif body.get("final"):
            step.update(state="failed", error=body["error"])
        else:
            step.update(state="given back")
        return 200, {"step": number, "state": step["state"]}

    def do_sleep(self, run: Run, key: str, body: Any) -> Told:
        self.open(run)
        step = run.step(key, due=time.time() + body["ms"] / 1000)
        if self.wait({"hold_ms": min(body["hold_ms"], max(0, (step["due"] - time.time()) * 1000))},
                     lambda: False) or time.time() >= step["due"]:
            return 200, {"step": step["step"], "state": "done"}
        return 202, {"step": step["step"], "state": "waiting", "due_ms": round(step["due"] * 1000)}

    def settle(self, run: Run, step: Dict[str, Any], body: Any, take: Any) -> Told:
        """take() gives the answer in a tuple once it is there."""
        due = step.setdefault("due", time.time() + body.get("timeout_ms", 1e12) / 1000)
        if "told" not in step:
            taken = self.wait({"hold_ms": min(max(0, (due - time.time()) * 1000), body["hold_ms"])}, take)
            if taken:
                step["told"] = {"state": "done", "result": taken[0]}
            elif time.time() >= due:
                step["told"] = {"state": "timeout"}
            else:
                return 202, {"step": step["step"], "state": "waiting"}
        return 200, {"step": step["step"], **step["told"]}

    def do_wait(self, run: Run, key: str, body: Any) -> Told:
        self.open(run)
        sent = run.signals.setdefault(body["signal"], [])
        return self.settle(run, run.step(key), body, lambda: (sent.pop(0),) if sent else None)

    def do_approval(self, run: Run, key: str, body: Any) -> Told:
        self.open(run)
        step = run.step(key, question=body["question"], details=body.get("details"))
        if "asked" not in step:
            step["asked"] = True
            self.approvals.append(step)
        return self.settle(run, step, body, lambda: (step["answer"],) if "answer" in step else None)

    def do_child(self, run: Run, key: str, body: Any) -> Told:
        self.open(run)
        step = run.step(key)
        id = f"{run.id}.{body['name']}-{step['step']}"
        self.runs.setdefault(id, Run(id, body.get("queue"), body.get("input")))
        return 200, {"step": step["step"], "state": "done", "result": {"run": id}}

    def do_join(self, run: Run, key: str, body: Any) -> Told:
        self.open(run)
        other = self.run(body["run"])
        if not self.wait(body, lambda: other.outcome):
            return 202, {"state": "waiting"}
        assert other.outcome is not None
        return 200, {"state": "done" if "result" in other.outcome else "failed", **other.outcome}

    def do_end(self, run: Run, key: str, body: Any) -> Told:
        if body.get("retry") and run.queue:
            run.state = "waiting" if run.try_ < run.tries_max else "dead"
            run.lease_until = 0.0
        else:
            run.outcome = {name: body[name] for name in ("result", "error") if name in body}
            run.state = "failed" if "error" in body else "done"
        return 200, {}

    def open(self, run: Run) -> None:
        if run.outcome is not None:
            raise Fault(409, "run_closed")

    # ---- the queue ----

    def enqueue(self, body: Any) -> Told:
        old = self.runs.get(body["id"])
        if old:
            if old.input != body.get("input"):
                raise Fault(409, "run_conflict")
            return 200, {"run": old.id}
        self.runs[body["id"]] = Run(body["id"], body["queue"], body.get("input"), body["tries_max"])
        return 201, {"run": body["id"]}

    def claim(self, queue: str, body: Any) -> Told:
        def ready() -> Optional[Run]:
            for run in self.runs.values():
                lost = run.state == "claimed" and time.time() > run.lease_until
                if run.queue == queue and (run.state == "waiting" or lost):
                    return run
            return None
        self.wait(body, ready)
        run = ready()
        if not run:
            return 204, None
        run.try_ += 1
        run.state = "claimed"
        run.lease_until = time.time() + body["lease_ms"] / 1000
        return 200, {"run": run.id, "try": run.try_, "input": run.input, "lease_ms": body["lease_ms"]}

    def heartbeat(self, queue: str, body: Any) -> Told:
        run = self.run(body["run"])
        if body["try"] != run.try_ or run.state != "claimed":
            raise Fault(409, "try_fenced")
        run.lease_until += 1
        return 200, {}

    # ---- what tests steer ----

    def fake_faults(self, body: Any) -> Told:
        self.faults = list(body["faults"])
        return 200, {}

    def fake_decide(self, body: Any) -> Told:
        self.changed.wait_for(lambda: self.approvals, 10)
        self.approvals.pop(0)["answer"] = {"by": "ann", **body}
        return 200, {}

    def fake_state(self, body: Any) -> Told:
        runs = {run.id: {"state": run.state, "try": run.try_, "outcome": run.outcome,
                         "steps": list(run.steps)} for run in self.runs.values()}
        return 200, {"calls": self.calls, "runs": runs}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    server: Fake

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"null")
        fault = self.server.faults.pop(0) if self.server.faults and not self.path.startswith("/fake/") else ""
        if fault == "refuse":
            self.close_connection = True
            return
        headers: Dict[str, str] = {}
        if isinstance(fault, dict):
            told = Fault(fault["status"], fault["code"]).told
            headers = fault.get("headers", {})
        else:
            told = self.server.serve(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        if fault == "drop":
            self.close_connection = True
            return
        text = b"" if told[1] is None else json.dumps(told[1]).encode()
        self.send_response(told[0])
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        if told[0] != 204:
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    fake = Fake()
    print(f"listening on {fake.url}", flush=True)
    fake.serve_forever()
