# SPDX-License-Identifier: Apache-2.0
"""An agent of five steps that knows nothing of crashes: crash_agent.py PORT RUN TRY LOG [MOMENT].

It plays from the top each time it is started, appends what it got to LOG before it goes on, and waits
for a line on standard input where it is told to hold: MOMENT is idle, sent or head, of the step with
the effect under test (which it learns as its last argument). Exit 0 at the end, 3 in doubt."""

import hashlib
import json
import os
import sys

import rig

PLAN = [("plan", rig.CHAT, {"model": "m", "messages": [{"role": "user", "content": "plan"}]}),
        ("find", "/tools/shop/find", {"order": 7}),
        ("effect", None, {"order": 7, "amount": 42}),
        ("put", "/tools/shop/put", {"order": 7, "state": "refunded"}),
        ("tell", rig.CHAT, {"model": "m", "messages": [{"role": "user", "content": "tell"}]})]


def hold(moment, name, wanted):
    if name == "effect" and moment == wanted:
        print(moment, flush=True)
        sys.stdin.readline()


def play(conn, path, body, moment, name):
    conn.send(rig.request(path, json.dumps(body).encode()))
    hold("sent", name, moment)
    response = conn.head()
    hold("head", name, moment)
    conn.read_body(response)
    return response


def main():
    port, run, attempt, log, action, moment = (*sys.argv[1:6], sys.argv[6])
    for name, path, body in PLAN:
        path = path or f"/tools/shop/{action}"
        hold("idle", name, moment)
        with rig.Conn(int(port)) as conn:
            got = play(conn, f"/run/{run}/{attempt}{path}", body, moment, name)
        entry = {"try": int(attempt), "step": name, "status": got.status,
                 "replayed": got.header("x-aire-replayed") == "true",
                 "body": hashlib.sha256(got.body).hexdigest()}
        with open(log, "a", encoding="ascii") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if got.status != 200:
            sys.exit(3 if b"step_in_doubt" in got.body else 4)


if __name__ == "__main__":
    main()
