# SPDX-License-Identifier: Apache-2.0
"""What every measurement is made with: processes, load, rounds in turn, intervals, the table."""
import argparse
import json
import math
import os
import platform
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CLIENT_CPU = {0}
PROXY_CPU = {1}
ALL_CPUS = os.sched_getaffinity(0)
MIB = 1024 * 1024


# ---- the kernel's view of processes ----

def family(pid):
    """The process and its children (nginx's workers)."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [pid] + [int(word) for word in file.read().split()]


def cpu_seconds(pid):
    """CPU time of the process and its children, in schedstat's nanoseconds where there are any."""
    total = 0.0
    for member in family(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            base = f"/proc/{member}/task/{task}"
            try:
                with open(f"{base}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0]) / 1e9
            except FileNotFoundError:
                with open(f"{base}/stat", encoding="ascii") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def rss_bytes(pid):
    total = 0
    for member in family(pid):
        with open(f"/proc/{member}/status", encoding="ascii") as file:
            total += int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024
    return total


def settle(pid, limit_s=15.0):
    """Waits until the process uses less than 3 % of a core."""
    end = time.monotonic() + limit_s
    before = cpu_seconds(pid)
    while time.monotonic() < end:
        time.sleep(0.1)
        now = cpu_seconds(pid)
        if now - before < 0.003:
            return
        before = now


# ---- what is started ----

class Gone(Exception):
    """A process that should have answered did not."""


class Child:
    """A process that is started here, answers with a line, and is ended here."""

    started = []  # those that are not stopped yet

    def __init__(self, command, cpus, log=None, **more):
        self.command = command
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log or subprocess.DEVNULL, text=True, **more,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus & ALL_CPUS or ALL_CPUS))
        self.pid = self.process.pid
        Child.started.append(self)

    def line(self, limit_s=300):
        text = ""
        if select.select([self.process.stdout], [], [], limit_s)[0]:
            text = self.process.stdout.readline()
        if not text:
            raise Gone(f"no answer from {' '.join(self.command)}")
        return text

    def stop(self):
        if self not in Child.started:
            return
        Child.started.remove(self)
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Gone(f"nothing listens on port {port}")


class Governor(Child):
    """`aire serve` in a folder: configuration, data, and what it says on standard error."""

    def __init__(self, aire, folder, config, cpus=ALL_CPUS, options=(), port=0):
        self.config = os.path.join(folder, "aire.yaml")
        self.data = os.path.join(folder, "data")
        self.write_config(config)
        command = [aire, "serve", "--config", self.config, "--data", self.data,
                   "--listen", f"127.0.0.1:{port}", *options]
        with open(os.path.join(folder, "stderr"), "a", encoding="ascii") as log:
            super().__init__(command, cpus, log)
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.line())
        if not found:
            raise SystemExit("bench: the Governor did not say where it listens")
        self.port = int(found.group(1))

    def write_config(self, text):
        with open(self.config + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(self.config + ".new", self.config)


class Tools:
    """The Governor's binary, the upstream, and the way to put load on a port."""

    def __init__(self, options):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and everything is stopped
        self.quick = options.quick
        self.rounds = options.rounds
        self.aire = os.path.abspath(options.aire)
        if not os.access(self.aire, os.X_OK):
            raise SystemExit(f"bench: {options.aire} is missing (make build)")
        self.dir = tempfile.mkdtemp(prefix="aire-bench-")
        for name in ("load", "upstream"):
            subprocess.run(
                ["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o",
                 os.path.join(self.dir, name), os.path.join(HERE, name + ".c")], check=True)
        self.upstream = Child([os.path.join(self.dir, "upstream")], CLIENT_CPU)
        self.upstream_port = int(self.upstream.line())

    def close(self):
        for child in reversed(Child.started[:]):
            child.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def folder(self, name):
        return tempfile.mkdtemp(prefix=name + "-", dir=self.dir)

    def start(self, mode, port, cpus=CLIENT_CPU, **options):
        words = [f"{name}={value}" for name, value in options.items()]
        return Child([os.path.join(self.dir, "load"), mode, f"127.0.0.1:{port}"] + words, cpus)

    def load(self, mode, port, cpus=CLIENT_CPU, **options):
        client = self.start(mode, port, cpus, **options)
        report = json.loads(client.line())
        client.stop()
        if report["bad"]:
            raise SystemExit(f"bench: {report['bad']} wrong replies ({report['error']})")
        return report

    def scaled(self, full, quick):
        return quick if self.quick else full

    def rounds_or(self, usual):
        """Many short rounds beat few long ones: neighbours disturb both sides of a pair alike."""
        return self.rounds or self.scaled(usual, 7)


# ---- judging ----

def interval(values):
    """The narrowest order-statistic interval of the median that holds with 95 % or more."""
    n = len(values)
    rank, tail = 0, 0.0
    while rank < n // 2:
        tail += 2.0 * math.comb(n, rank) / 2.0**n
        if tail > 0.05:
            break
        rank += 1
    rank = max(rank, 1)
    ordered = sorted(values)
    return ordered[rank - 1], ordered[n - rank]


def line(name, values, unit, target, at_least=False, note=""):
    low, high = interval(values)
    if target is None:
        verdict = "-"
    elif at_least:
        verdict = "PASS" if low >= target else "FAIL" if high < target else "INCONCLUSIVE"
    else:
        verdict = "PASS" if high <= target else "FAIL" if low > target else "INCONCLUSIVE"
    return {"name": name, "value": statistics.median(values), "low": low, "high": high,
            "unit": unit, "target": target, "at_least": at_least, "verdict": verdict,
            "n": len(values), "note": note}


def rounds_of(count, measures):
    """Runs every measure once a round, in turn; returns a list of results for each name."""
    results = {name: [] for name in measures}
    for number in range(-1, count):
        order = list(measures) if number % 2 else list(reversed(measures))
        for name in order:
            value = measures[name]()
            if number >= 0:  # the first round warms up
                results[name].append(value)
    return results


# ---- the table ----

def machine():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    return {"date": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(),
            "cpu": model.group(1) if model else platform.machine(), "kernel": platform.release(),
            "load_average": round(os.getloadavg()[0], 2)}


def show(item):
    digits = 2 if item["unit"].startswith(("x ", "ms")) else 1
    target = "-"
    if item["target"] is not None:
        target = f"{'>=' if item['at_least'] else '<='} {item['target']:g}"
    spread = f"[{item['low']:.{digits}f}, {item['high']:.{digits}f}]"
    print(f"{item['name']:<49} {item['value']:>8.{digits}f} {spread:<18} {item['unit']:<9} "
          f"{target:<9} {item['verdict']:<13} n={item['n']:<8} {item['note']}", flush=True)


def arguments(about, measures):
    """The options that every measurement has, and the names that were chosen."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter blocks, fewer repetitions")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--gate", action="store_true",
                        help="exit with 1 on FAIL, with 3 on INCONCLUSIVE")
    parser.add_argument("--rounds", type=int, help="pairs for each ratio (at least 7)")
    parser.add_argument("--only", help=f"some of {','.join(measures)}")
    parser.add_argument("--aire", default=os.path.join(ROOT, "build", "aire"))
    return parser


def chosen(parser, options, measures):
    names = options.only.split(",") if options.only else list(measures)
    if not set(names) <= set(measures) or (options.rounds or 7) < 7:
        parser.error("unknown measurement, or fewer than 7 rounds")
    return names


def tell(bench, options, about, names, measures):
    """Measures, prints each line when it is there, stops everything, returns the exit status."""
    try:
        items = told(bench, options, about, names, measures)
    except Gone as error:
        raise SystemExit(f"bench: {error}") from error
    finally:
        bench.close()
    verdicts = {item["verdict"] for item in items}
    if options.gate and verdicts & {"FAIL", "INCONCLUSIVE"}:
        return 1 if "FAIL" in verdicts else 3
    return 0


def told(bench, options, about, names, measures):
    items = []
    if not options.json:
        print(", ".join(f"{name} {value}" for name, value in about.items()))
    for name in names:
        for item in measures[name](bench):
            items.append(item)
            if not options.json:
                show(item)
    if options.json:
        print(json.dumps({"machine": about, "lines": items}, indent=1))
    return items
