#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures durable runs: steps a second, what they add, what they keep, what kills do to them.

Speeds depend on how long the disk takes to flush, so its fdatasync is measured in the same rounds.
Kills are real (SIGKILL, at random times) and are judged from outside, by bench/history.py. Other
engines play the same runs in turn with the Governor (bench/peers). See docs/benchmarks.md.
"""
import glob
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import agent
import rig
from history import History
from peers import PEERS, Aire
from rig import ALL_CPUS, Child, free_port, line, rounds_of

SYNC_BYTES = 8192
FAST_DISK_MS = 0.3
STEPS = len(agent.KINDS)
DELAY_MS = 10  # of the counted provider: most kills meet a call under way
LANES = 16     # agents at a time

SPEED_CONFIG = """version: 1
providers:
  up: {{dialect: openai, base_url: "http://127.0.0.1:{upstream}/v1"}}
targets:
  t: {{provider: up}}
routes:
  m: {{path: [t]{guards}}}
runs: {{mask: [/metadata]}}
"""
CRASH_CONFIG = """version: 1
providers:
  up: {{dialect: openai, base_url: "http://127.0.0.1:{port}/v1"}}
targets:
  t: {{provider: up}}
routes:
  m: {{path: [t]}}
  long: {{path: [t], guardrails: off}}
tools:
  shop:
    http: "http://127.0.0.1:{port}"
    rate: 1000000/min
    actions:
      find: {{effect: read}}
      pay: {{effect: keyed, idempotency: {{header: Idempotency-Key}}}}
      refund: {{effect: unsafe}}
"""


# ---- the disk ----

def syncs_ms(folder, count=200):
    """How long writing a page in place and fdatasync take, each."""
    path = os.path.join(folder, "sync")
    pages = 64
    taken = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.pwrite(file, os.urandom(SYNC_BYTES * pages), 0)
    os.fsync(file)
    page = os.urandom(SYNC_BYTES)
    for i in range(count):
        os.pwrite(file, page, i % pages * SYNC_BYTES)
        began = time.monotonic()
        os.fdatasync(file)
        taken.append((time.monotonic() - began) * 1e3)
    os.close(file)
    os.unlink(path)
    return taken


class Bench(rig.Tools):
    def __init__(self, options):
        super().__init__(options)
        self.peers = options.peers.split(",") if options.peers else []
        os.sched_setaffinity(self.upstream.pid, ALL_CPUS)  # all share all cores, as shipped

    def governor(self, guards=", guardrails: off"):
        config = SPEED_CONFIG.format(upstream=self.upstream_port, guards=guards)
        return rig.Governor(self.aire, self.folder("aire"), config)

    def play(self, port, conns, steps=STEPS):
        """Closed loop for two seconds; the report of bench/load.c."""
        return self.load("plain", port, ALL_CPUS, conns=conns, steps=steps,
                         seconds=self.scaled(2, 1))


# ---- speed ----

def rate(report):
    return report["good"] / report["seconds"]


def measure_speed(bench):
    server, guarded = bench.governor(), bench.governor("")
    measures = {"sync": lambda: sorted(syncs_ms(server.data)),
                "guarded 64": lambda: bench.play(guarded.port, 64)}
    measures |= {conns: lambda conns=conns: bench.play(server.port, conns)
                 for conns in (64, 16, 1)}
    measures |= {"outside": lambda: bench.play(server.port, 16, 0)}
    results = rounds_of(bench.rounds_or(9), measures)
    server.stop()
    guarded.stop()

    def steps_line(key, name, target=None):
        p95 = statistics.median(report["p95_us"] for report in results[key]) / 1e3
        return line(name, [rate(report) for report in results[key]], "steps/s", target, True,
                    note=f"p95 {p95:.2f} ms")

    syncs = [statistics.median(taken) for taken in results["sync"]]
    p95s = [taken[len(taken) * 95 // 100] for taken in results["sync"]]
    sync_ms = statistics.median(syncs)
    is_fast = sync_ms <= FAST_DISK_MS
    added = [(inside["p95_us"] - outside["p95_us"]) / 1e3
             for inside, outside in zip(results[16], results["outside"])]
    bound, note = (4, "") if is_fast else (round(3 * sync_ms, 2), "3 fdatasyncs; ")
    outside = statistics.median(report["p95_us"] for report in results["outside"]) / 1e3
    return [
        line("fdatasync of 8 KiB, median", syncs, "ms", None),
        line("fdatasync of 8 KiB, p95", p95s, "ms", None),
        steps_line(64, "durable steps, 64 at a time", 8000 if is_fast else None),
        steps_line("guarded 64", "the same under the default guardrails"),
        steps_line(16, "durable steps, 16 at a time"),
        steps_line(1, "durable steps, one at a time"),
        line("added p95 a step, 16 at a time", added, "ms", bound,
             note=f"{note}outside of runs p95 {outside:.2f} ms, {rate_note(results['outside'])}")]


def rate_note(reports):
    return f"{statistics.median(rate(report) for report in reports):.0f} calls/s"


# ---- what is kept ----

def prose():
    """The documents of this repository: text as people write it."""
    text = ""
    for name in sorted(glob.glob(os.path.join(rig.ROOT, "docs/**/*.md"), recursive=True)):
        with open(name, encoding="utf-8") as file:
            text += file.read()
    return text


def cut_of(text):
    def cut(rng, size):
        at = rng.randrange(len(text) - size)
        return text[at:at + size]
    return cut


def noise(rng, size):
    """Characters that nothing can pack by much: 6.5 bits in 8 are random."""
    return "".join(map(chr, rng.choices(range(0x23, 0x7f), k=size))).replace("\\", "/")


def kept_bytes(folder):
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())


def converse(bench, text, turns=200):
    """Bytes on disk, and bytes that were new, of a conversation of 1 to 8 KiB a turn."""
    rng = random.Random(turns)
    world = World(bench)
    world.governor.stop()
    empty = kept_bytes(world.governor.data)
    world.start()
    conn = agent.Conn(world.port)
    messages = []
    new = 0
    for turn in range(turns):
        said = text(rng, rng.randrange(1024, 8192))
        messages.append({"role": "user", "content": said})
        body = json.dumps({"model": "long", "messages": messages}).encode()
        status, _, answer = conn.ask("/run/long/1/v1/chat/completions", body)
        if status != 200:
            raise SystemExit(f"bench: turn {turn} of the conversation had {status}: {answer[:200]}")
        told = json.loads(answer)["choices"][0]["message"]
        messages.append(told)
        new += len(said.encode()) + len(told["content"].encode())
    conn.close()
    world.stop()
    return kept_bytes(world.governor.data) - empty, new


def measure_kept(bench):
    items = []
    for name, text in (("prose", cut_of(prose())), ("noise", noise)):
        kept, new = converse(bench, text)
        items.append(line(f"bytes kept for a new byte, {name}", [kept / new], "x new", 1.3,
                          note=f"200 turns, {new / 1024:.0f} KiB new"))
    return items


# ---- kills ----

class World:
    """A Governor whose port stays when it is killed, and a provider that counts."""

    def __init__(self, bench):
        self.bench = bench
        self.folder = bench.folder("crash")
        self.calls = os.path.join(self.folder, "calls")
        self.told = os.path.join(self.folder, "told")
        self.counted = Child([sys.executable, os.path.join(rig.HERE, "counted.py"), self.calls,
                              str(DELAY_MS)], ALL_CPUS)
        self.config = CRASH_CONFIG.format(port=int(self.counted.line()))
        self.port = free_port()
        self.start()

    def start(self):
        self.governor = rig.Governor(self.bench.aire, self.folder, self.config, port=self.port)

    def kill(self):
        self.governor.process.kill()
        self.governor.process.wait()
        self.governor.stop()

    def history(self):
        return History(agent.read_log(self.told), agent.read_log(self.calls))

    def stop(self):
        self.governor.stop()
        self.counted.stop()


def fork(work):
    """The process that does this work and ends with its result as status."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = work()
        finally:
            os._exit(status)
    return pid


def wait_all(pids):
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        if status != 0:
            raise SystemExit(f"bench: an agent ended with {status}")


def killed_agents(world, runs, lane):
    """Plays runs of which each first try, and some later ones, are killed at a random time."""
    rng = random.Random(lane)
    log = agent.open_log(world.told)
    usual_s = STEPS * DELAY_MS / 1e3
    for number in range(runs):
        run = f"agent-{lane}-{number}"
        attempt, kills_left = 0, 1 + (rng.random() < 0.25)
        while True:
            attempt += 1
            pid = fork(lambda: agent.play(world.port, run, attempt, log))
            if kills_left > 0:
                kills_left -= 1
                time.sleep(rng.uniform(0, usual_s))
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            if status == 0:
                break
            if not os.WIFSIGNALED(status):
                return 1
    return 0


def zero(name, wrong, whole, unit, note):
    """A line of something that must not happen; whole is how often it could have."""
    item = line(name, [float(wrong)], unit, 0, note=note)
    return item | {"n": whole}


def share(name, part, whole):
    item = line(name, [100 * part / whole], "%", 100, True)
    return item | {"n": whole}


def measure_agents(bench):
    """A thousand runs whose agent is killed while it works."""
    world = World(bench)
    runs = bench.scaled(1000, 160)
    lanes = [fork(lambda lane=lane: killed_agents(world, len(range(lane, runs, LANES)), lane))
             for lane in range(LANES)]
    wait_all(lanes)
    world.stop()
    history = world.history()
    again = history.asked_again()
    return [zero("agents killed: steps made twice", len(history.repeated()), len(history.calls),
                 "steps", f"{len(history.made_without_agent())} of them under way when killed"),
            zero("agents killed: answers not replayed", len(history.not_replayed()), len(again),
                 "answers", "of those that a later try asked for again"),
            share("agents killed: runs that end", len(history.ended(STEPS - 1)), runs)]


def steady_agent(world, lane, stop):
    """Plays runs until `stop` is there; a connection that broke is a next try, doubt a next run."""
    log = agent.open_log(world.told)
    parent, number = os.getppid(), 0
    while not os.path.exists(stop):
        attempt, end = 0, agent.BROKEN
        while end == agent.BROKEN and os.getppid() == parent:
            attempt += 1
            end = agent.play(world.port, f"steady-{lane}-{number}", attempt, log)
            if end == agent.BROKEN:
                time.sleep(0.005)
        number += 1
    return 0


def settle_doubts(world, history):
    """Does as a person does who reads the tool's own books, then lets the agents go on."""
    conn = agent.Conn(world.port)
    log = agent.open_log(world.told)
    for run, step in history.in_doubt():
        decision = "happened" if history.calls.get((run, step)) else "again"
        body = json.dumps({"decision": decision, "reason": "by the tool's books"}).encode()
        shown = json.loads(conn.ask(f"/api/runs/{run}", b"", "GET")[2])
        for seq in (kept["seq"] for kept in shown["steps"] if kept["state"] == "in_doubt"):
            status, _, answer = conn.ask(f"/api/runs/{run}/steps/{seq}/decision", body)
            if status != 200:
                raise SystemExit(f"bench: a decision had {status}: {answer[:200]}")
        agent.play(world.port, run, history.answers[run, step][-1]["try"] + 1, log)
    conn.close()


def recoveries_ms(history, kills):
    """From each kill to the first answer to a new step, on a connection made after it."""
    new = sorted((answer["since"], answer["at"]) for answer in history.acknowledged.values()
                 if not answer["replayed"])
    taken = []
    for began, end in zip(kills, kills[1:] + [float("inf")]):
        after = [at for since, at in new if began < since < end]
        if after:
            taken.append((min(after) - began) * 1e3)
    return taken


def measure_governor(bench):
    """Kills of the Governor at random times while agents work."""
    world = World(bench)
    stop = os.path.join(world.folder, "stop")
    lanes = [fork(lambda lane=lane: steady_agent(world, lane, stop)) for lane in range(LANES)]
    rng = random.Random(4)
    kills = []
    for _ in range(bench.scaled(60, 12)):
        time.sleep(rng.uniform(0.1, 0.4))
        kills.append(time.monotonic())
        world.kill()
        world.start()
    time.sleep(0.3)
    agent.open_log(stop)
    wait_all(lanes)
    before = world.history()
    settle_doubts(world, before)
    world.stop()
    history = world.history()
    again = history.asked_again()
    runs = {run for run, _ in history.answers}
    unsafe = history.of("unsafe")
    note = f"{len(kills)} kills"
    return [zero("Governor killed: acknowledged, made again", len(history.repeated_after_answer()),
                 len(history.acknowledged), "steps", note),
            zero("Governor killed: answers not replayed", len(history.not_replayed()), len(again),
                 "answers", "of those that a later try asked for again"),
            zero("Governor killed: keyed effects twice", len(history.keyed_twice()),
                 len(history.of("keyed")), "effects", sent_again(history)),
            zero("Governor killed: unsafe effects twice", len(history.unsafe_twice()), len(unsafe),
                 "effects", f"{len(before.in_doubt())} said to be in doubt"),
            zero("Governor killed: unsafe, neither told nor in doubt", len(before.unsafe_unsaid()),
                 len(unsafe), "effects", ""),
            share("Governor killed: runs that end", len(history.ended(STEPS - 1)), len(runs)),
            line("Governor killed, restarted, to a new step", recoveries_ms(history, kills), "ms",
                 500)]


def sent_again(history):
    keyed = set(history.of("keyed"))
    again = sum(step in keyed for step in history.repeated())
    return f"{again} of them were sent again"


def supervised_ms(world, run, before):
    """Kills the agent of a run once so many steps are acknowledged; to the next try's new step."""
    child = Child([world.bench.aire, "supervise", "--run", run, "--url",
                   f"http://127.0.0.1:{world.port}", "--config", world.governor.config, "--data",
                   world.governor.data, "--", sys.executable, "-S", "-E",
                   os.path.join(rig.HERE, "agent.py"), world.told], ALL_CPUS)
    while len(told := [answer for answer in agent.read_log(world.told)
                       if answer["run"] == run]) < before:
        time.sleep(0.001)
    os.kill(told[-1]["pid"], signal.SIGKILL)
    killed = time.monotonic()
    if child.process.wait(agent.LIMIT_S) != 0:
        raise rig.Gone(f"aire supervise ended with {child.process.returncode}")
    child.stop()
    return min((answer["at"] - killed) * 1e3 for answer in agent.read_log(world.told)
               if answer["run"] == run and answer["try"] == 2 and not answer["replayed"])


def measure_supervised(bench):
    """An agent is killed and `aire supervise` starts it again: until a step that was not there."""
    world = World(bench)
    os.close(agent.open_log(world.told))
    rng = random.Random(5)
    taken = [supervised_ms(world, f"supervised-{i}", rng.randrange(1, STEPS - 1))
             for i in range(bench.scaled(31, 7))]
    world.stop()
    return [line("agent killed, supervised, to a new step", taken, "ms", 500,
                 note=f"slowest {max(taken):.0f} ms; 50 ms of it are the supervisor's pause")]


# ---- other engines ----

def left_out(name, start):
    """The engine, or None where it cannot be had, which is said."""
    try:
        return start()
    except (OSError, rig.Gone) as error:
        print(f"bench: {name} is left out: {error}", file=sys.stderr)
        return None


def measure_peers(bench):
    """The same runs on other engines, in turn with the Governor; ratios are to the best of them."""
    server = bench.governor()
    rivals = {name: left_out(name, lambda name=name: PEERS[name](bench)) for name in bench.peers}
    rivals = {name: rival for name, rival in rivals.items() if rival}
    ours = left_out("the Governor's own client", lambda: Aire(server.port)) if rivals else None
    items = []
    for conns in (64, 16) if ours else ():
        measures = {"ours, C client": lambda: rate(bench.play(server.port, conns))}
        measures |= {name: lambda engine=engine: engine.steps_per_s(conns, bench.scaled(3, 2))
                     for name, engine in ({"ours, node client": ours} | rivals).items()}
        results = rounds_of(bench.rounds or 7, measures)
        items += [line(f"{name}, {conns} runs at a time", results[name], "steps/s", None,
                       note=getattr(rivals.get(name), "about", "")) for name in measures]
        best = max(rivals, key=lambda name: statistics.median(results[name]))
        items += [line(f"{name}, to the best, {conns} at a time",
                       [our / other for our, other in zip(results[name], results[best])],
                       f"x {best}", 3, True) for name in list(measures)[:2]]
    for process in (server, ours, *rivals.values()):
        if process:
            process.stop()
    return items


# ---- the history ----

def measure_history(bench):
    """What it costs that a row is a record, and how fast all records are verified."""
    program = os.path.join(os.path.dirname(bench.aire), "bench_history")
    if not os.access(program, os.X_OK):
        raise SystemExit(f"bench: {program} is missing (tools/build.sh release bench_history)")
    appended, alone, verified = [], [], []
    for _ in range(bench.rounds_or(9)):
        with tempfile.TemporaryDirectory(dir=bench.dir) as folder:
            said = subprocess.run([program, folder], check=True, capture_output=True,
                                  text=True).stdout
        more = re.findall(r"difference +(-?[0-9.]+) us", said)
        appended.append(float(more[0]))
        alone.append(float(more[1]))
        verified.append(float(re.findall(r": ([0-9]+) a second", said)[-1]) / 1e3)
    return [line("history: a record, beside the commit", appended, "us", 1.5),
            line("history: a head signed, a lone commit", alone, "us", None),
            line("history: records verified", verified, "1000/s", 200, True)]


MEASURES = {"speed": measure_speed, "kept": measure_kept, "history": measure_history, "agents": measure_agents,
            "governor": measure_governor, "supervised": measure_supervised,
            "peers": measure_peers}


def main():
    parser = rig.arguments(__doc__, MEASURES)
    parser.add_argument("--peers", default=",".join(PEERS),
                        help=f"some of {','.join(PEERS)}, or nothing")
    options = parser.parse_args()
    names = rig.chosen(parser, options, MEASURES)
    if options.peers and not set(options.peers.split(",")) <= set(PEERS):
        parser.error("unknown peer")
    return rig.tell(Bench(options), options, rig.machine(), names, MEASURES)


if __name__ == "__main__":
    sys.exit(main())
