#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the Governor as ratios against nginx, and its memory. See docs/benchmarks.md.

Ratios come from interleaved rounds: nginx and the Governor take turns (the order reversed every
second round), each round gives one ratio, and the table shows their median with the order-statistic
interval of 95 % or more. An interval that straddles the target decides nothing: INCONCLUSIVE.
Times of one run are never compared. CPU seconds are those of every thread of every process of a
proxy, read from /proc, after the proxy has come to rest (so that a writer's backlog counts).
"""
import argparse
import json
import math
import os
import platform
import re
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

class Child:
    """A process that is started here, answers with a line, and is ended here."""

    def __init__(self, command, cpus, log=None):
        self.command = command
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log or subprocess.DEVNULL, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus & ALL_CPUS or ALL_CPUS))
        self.pid = self.process.pid

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: no answer from {' '.join(self.command)}")
        return line

    def stop(self):
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
    raise SystemExit(f"bench: nothing listens on port {port}")


NGINX_CONF = """
daemon off; user root; worker_processes {workers}; worker_rlimit_nofile 65536;
pid {dir}/nginx.pid; error_log {dir}/nginx.err warn;
events {{ worker_connections 32768; }}
http {{
  access_log off; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests 100000000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 600s;
  server {{ listen 127.0.0.1:{plain} {reuseport}; location / {{ proxy_pass http://up; }} }}
  server {{ listen 127.0.0.1:{stream} {reuseport};
            location / {{ proxy_pass http://up; proxy_buffering off; }} }}
}}
"""


class Nginx(Child):
    def __init__(self, bench, workers, cpus):
        folder = tempfile.mkdtemp(prefix="nginx-", dir=bench.dir)
        self.port = free_port()
        self.stream_port = free_port()
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(NGINX_CONF.format(
                workers=workers, dir=folder, upstream=bench.upstream_port, plain=self.port,
                stream=self.stream_port, reuseport="reuseport" if workers > 1 else ""))
        super().__init__([bench.nginx, "-c", conf, "-p", folder, "-e", folder + "/early"], cpus)
        wait_port(self.port)
        wait_port(self.stream_port)


CONFIG = """version: 1
providers:
  up: {{dialect: openai, base_url: "http://127.0.0.1:{upstream}/v1"}}
targets:
  t: {{provider: up}}
routes:
  m: {{path: [t], guardrails: {guards}}}
guardrails:
  all:
    input:
      injection: {{mode: enforce}}
      pii: {{mode: enforce}}
      secrets: {{mode: enforce}}
      sanitize: {{mode: enforce}}
      hierarchy: {{mode: enforce}}
      profanity: {{mode: enforce}}
      length: {{mode: enforce, max: 10MiB}}
    output:
      pii: {{mode: enforce}}
      secrets: {{mode: enforce}}
      prompt_leak: {{mode: enforce}}
      hierarchy: {{mode: enforce}}
      length: {{mode: enforce, max: 10MiB}}
{more}"""


class Governor(Child):
    def __init__(self, bench, record, cpus, threads=None, guards="off"):
        folder = tempfile.mkdtemp(prefix="aire-", dir=bench.dir)
        self.config = os.path.join(folder, "aire.yaml")
        self.upstream_port = bench.upstream_port
        self.guards = guards
        self.write_config("")
        command = [bench.aire, "serve", "--config", self.config, "--data",
                   os.path.join(folder, "data"), "--listen", "127.0.0.1:0"]
        command += ["--threads", str(threads)] if threads else []
        command += [] if record else ["--no-record"]
        with open(os.path.join(folder, "stderr"), "w", encoding="ascii") as log:
            super().__init__(command, cpus, log)
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.line())
        if not found:
            raise SystemExit("bench: the Governor did not say where it listens")
        self.port = self.stream_port = int(found.group(1))

    def write_config(self, more):
        with open(self.config + ".new", "w", encoding="ascii") as file:
            file.write(CONFIG.format(upstream=self.upstream_port, guards=self.guards,
                                     more=more))
        os.replace(self.config + ".new", self.config)


class Bench:
    """The tools, the upstream, and the way to put load on a port."""

    def __init__(self, options):
        self.quick = options.quick
        self.aire = os.path.abspath(options.aire)
        self.nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
        if not self.nginx:
            raise SystemExit("bench: nginx is missing (apt-get install nginx-light)")
        if not os.access(self.aire, os.X_OK):
            raise SystemExit(f"bench: {options.aire} is missing (make build)")
        self.rounds = options.rounds
        self.dir = tempfile.mkdtemp(prefix="aire-bench-")
        for name in ("load", "upstream"):
            subprocess.run(
                ["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o",
                 os.path.join(self.dir, name), os.path.join(HERE, name + ".c")], check=True)
        self.upstream = Child([os.path.join(self.dir, "upstream")], CLIENT_CPU)
        self.upstream_port = int(self.upstream.line())

    def close(self):
        self.upstream.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

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


def ratios(results, name, base="nginx"):
    return [value / other for value, other in zip(results[name], results[base])]


# ---- measurements ----

def cpu_of(bench, server, mode, unit_of, **options):
    """CPU seconds a unit of work (a request, an event), the backlog included."""
    port = server.stream_port if mode == "stream" else server.port

    def measure():
        settle(server.pid)
        before = cpu_seconds(server.pid)
        report = bench.load(mode, port, **options)
        settle(server.pid)
        return (cpu_seconds(server.pid) - before) / report[unit_of]

    return measure


def one_core(bench, rounds, mode, unit_of, **options):
    servers = {"nginx": Nginx(bench, 1, PROXY_CPU),
               "off": Governor(bench, False, PROXY_CPU, 1),
               "on": Governor(bench, True, PROXY_CPU, 1)}
    results = rounds_of(bench.rounds_or(rounds),
                        {name: cpu_of(bench, server, mode, unit_of, **options)
                         for name, server in servers.items()})
    for server in servers.values():
        server.stop()
    return results


def absolute(results, unit, scale):
    return ", ".join(f"{name} {statistics.median(values) * scale:.2f}"
                     for name, values in results.items()) + f" {unit}"


def measure_plain(bench):
    results = one_core(bench, 21, "plain", "good", conns=64,
                       requests=bench.scaled(12000, 8000))
    note = absolute(results, "CPU s/10k requests", 1e4)
    return [line("CPU a plain request, recording off", ratios(results, "off"), "x nginx", 1.0,
                 note=note),
            line("CPU a plain request, recording on", ratios(results, "on"), "x nginx", 1.3,
                 note="the writer's thread included")]


def measure_stream(bench):
    results = one_core(bench, 15, "stream", "events", conns=64,
                       events=bench.scaled(250, 100), interval=10000)
    note = absolute(results, "CPU s/100k events", 1e5)
    return [line("CPU a paced stream event, recording off", ratios(results, "off"), "x nginx", 1.0,
                 note=note),
            line("CPU a paced stream event, recording on", ratios(results, "on"), "x nginx", 1.0)]


def measure_two_threads(bench):
    """Throughput with nothing pinned; client and upstream share the cores with the proxy."""
    os.sched_setaffinity(bench.upstream.pid, ALL_CPUS)
    servers = {"nginx": Nginx(bench, 2, ALL_CPUS), "off": Governor(bench, False, ALL_CPUS, 2),
               "on": Governor(bench, True, ALL_CPUS, 2)}

    def throughput(server):
        def measure():
            settle(server.pid)
            report = bench.load("plain", server.port, ALL_CPUS, conns=64,
                                requests=bench.scaled(20000, 12000))
            return report["good"] / report["seconds"]
        return measure

    results = rounds_of(bench.rounds_or(15),
                        {name: throughput(server) for name, server in servers.items()})
    for server in servers.values():
        server.stop()
    os.sched_setaffinity(bench.upstream.pid, CLIENT_CPU & ALL_CPUS)
    note = absolute(results, "k requests/s", 1e-3)
    return [line("throughput on two threads, recording off", ratios(results, "off"), "x nginx", 1.0,
                 True, note=note),
            line("throughput on two threads, recording on", ratios(results, "on"), "x nginx", None,
                 True)]


def measure_latency(bench):
    servers = {"nginx": Nginx(bench, 1, PROXY_CPU),
               "off": Governor(bench, False, PROXY_CPU, 1),
               "on": Governor(bench, True, PROXY_CPU, 1)}
    ports = {name: server.port for name, server in servers.items()}
    ports["direct"] = bench.upstream_port

    def latency(port):
        return lambda: bench.load("rate", port, conns=256, rate=1000,
                                  seconds=bench.scaled(2, 1))

    results = rounds_of(bench.rounds_or(9), {name: latency(port) for name, port in ports.items()})
    for server in servers.values():
        server.stop()

    def added(name):
        return [float(a["p50_us"] - b["p50_us"])
                for a, b in zip(results[name], results["direct"])]

    def note(name):
        p99 = statistics.median(report["p99_us"] for report in results[name])
        return f"p99 {p99:.0f} µs"

    p50 = statistics.median(report["p50_us"] for report in results["direct"])
    return [line("added p50 at 1,000/s, recording off", added("off"), "µs", 150, note=note("off")),
            line("added p50 at 1,000/s, recording on", added("on"), "µs", 150, note=note("on")),
            line("added p50 at 1,000/s, nginx", added("nginx"), "µs", None,
                 note=f"{note('nginx')}; direct p50 {p50:.0f} µs, {note('direct')}")]


def hold(bench, server, mode, ready_s, **options):
    """Puts a standing load on the server and returns the bytes it then has resident."""
    client = bench.start(mode, server.stream_port, **options)
    stands = json.loads(client.line())
    if stands["bad"]:
        raise SystemExit(f"bench: {mode}: {stands['bad']} wrong replies")
    time.sleep(ready_s)
    resident = rss_bytes(server.pid)
    client.process.stdin.close()
    report = json.loads(client.line())
    client.process.wait()
    client.process.stdout.close()
    if report["bad"] or report["reconnects"]:
        raise SystemExit(f"bench: {mode}: a held connection ended ({report['error']})")
    return resident


def measure_load_memory(bench):
    idle, after = [], []
    for _ in range(bench.scaled(3, 1)):
        server = Governor(bench, True, PROXY_CPU)
        time.sleep(1.0)
        idle.append(rss_bytes(server.pid))
        bench.load("plain", server.port, conns=256, requests=bench.scaled(60000, 20000))
        bench.load("stream", server.port, conns=256, events=50, interval=10000)
        settle(server.pid)
        time.sleep(2.0)
        after.append(rss_bytes(server.pid))
        server.stop()
    target = 1.5 * statistics.median(idle) / MIB + 8
    return [line("idle RSS", [value / MIB for value in idle], "MiB", 16),
            line("RSS after load", [value / MIB for value in after], "MiB", round(target, 1),
                 note="target: 1.5 x idle + 8 MiB")]


def measure_held(bench, name, target, mode, **options):
    values = []
    for _ in range(bench.scaled(3, 1)):
        server = Governor(bench, True, PROXY_CPU)
        values.append(hold(bench, server, mode, 3.0, **options) / MIB)
        server.stop()
    rival = Nginx(bench, 1, PROXY_CPU)
    note = f"nginx {hold(bench, rival, mode, 3.0, **options) / MIB:.1f} MiB"
    rival.stop()
    return [line(name, values, "MiB", target, note=note)]


def measure_slow(bench):
    return measure_held(bench, "2,000 slow streams, RSS", 48, "slow", conns=2000, events=1000000,
                        interval=1000000)


def measure_idle(bench):
    return measure_held(bench, "10,000 idle keep-alive connections, RSS", 120, "idle", conns=10000)


def measure_deaf(bench):
    """Many readers at once, so that the cost of one is told from the noise of pages."""
    readers = 64
    values = []
    for _ in range(bench.scaled(3, 1)):
        server = Governor(bench, True, PROXY_CPU)
        bench.load("stream", server.port, conns=readers, events=50, interval=1000)
        settle(server.pid)
        before = rss_bytes(server.pid)
        grown = hold(bench, server, "deaf", 3.0, conns=readers, events=100000000, interval=0)
        values.append((grown - before) / readers / 1024)
        server.stop()
    return [line("a stream reader that never reads", values, "KiB", 512,
                 note=f"growth over {readers} such readers, each")]


def measure_reload(bench):
    """Failed requests while the configuration alternates under plain load and streams."""
    server = Governor(bench, True, PROXY_CPU, 1)
    seconds = bench.scaled(10, 3)
    plain = bench.start("plain", server.port, conns=64, seconds=seconds)
    streams = bench.start("stream", server.port, conns=64, events=seconds * 100 - 50,
                          interval=10000)
    end = time.monotonic() + seconds - 0.3
    reloads = 0
    while time.monotonic() < end:
        server.write_config("" if reloads % 2 else "  other: {path: [t]}\n")
        os.kill(server.pid, signal.SIGHUP)
        reloads += 1
        time.sleep(0.1)
    reports = [json.loads(client.line()) for client in (plain, streams)]
    for client in (plain, streams, server):
        client.stop()
    failed = sum(report["bad"] for report in reports)
    done = sum(report["good"] for report in reports)
    error = next((report["error"] for report in reports if report["error"]), "")
    result = line("failed requests under reload", [float(failed)], "requests", 0,
                  note=f"{reloads} reloads, {done} good replies {error}".strip())
    result["n"] = done + failed
    return [result]


def guard_cost(bench, mode, unit_of, **options):
    """What all guardrails of a route cost over none: CPU seconds a unit, paired and interleaved."""
    servers = {guards: Governor(bench, False, PROXY_CPU, 1, guards) for guards in ("off", "all")}
    results = rounds_of(bench.rounds_or(15), {name: cpu_of(bench, server, mode, unit_of, **options)
                                              for name, server in servers.items()})
    for server in servers.values():
        server.stop()
    return [on - off for on, off in zip(results["all"], results["off"])]


def measure_guard(bench):
    """The numbers of the guardrails: 8 KiB and 2 KiB of chat, an event of a stream."""
    items = []
    for size, target in ((8192, 200), (2048, 50)):
        extra = guard_cost(bench, "plain", "good", conns=16, bytes=size,
                           requests=bench.scaled(3000, 1000))
        items.append(line(f"guardrails on a request of {size // 1024} KiB",
                          [value * 1e6 for value in extra], "us CPU", target))
    extra = guard_cost(bench, "stream", "events", conns=64, events=bench.scaled(250, 100),
                       interval=10000)
    items.append(line("guardrails on a streamed event", [value * 1e6 for value in extra], "us CPU",
                      1.5, note="judging, holding back and sending anew, not judging alone"))
    return items


MEASURES = {"plain": measure_plain, "stream": measure_stream, "threads": measure_two_threads,
            "latency": measure_latency, "memory": measure_load_memory, "slow": measure_slow,
            "idle": measure_idle, "deaf": measure_deaf, "reload": measure_reload,
            "guard": measure_guard}


# ---- the table ----

def machine(bench):
    version = subprocess.run([bench.nginx, "-v"], capture_output=True, text=True, check=True)
    with open("/proc/cpuinfo", encoding="ascii") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    return {"date": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(),
            "cpu": model.group(1) if model else platform.machine(), "kernel": platform.release(),
            "nginx": version.stderr.strip().rsplit("/", 1)[-1],
            "load_average": round(os.getloadavg()[0], 2)}


def show(item):
    digits = 2 if item["unit"] == "x nginx" else 1
    target = "-"
    if item["target"] is not None:
        target = f"{'>=' if item['at_least'] else '<='} {item['target']:g}"
    spread = f"[{item['low']:.{digits}f}, {item['high']:.{digits}f}]"
    print(f"{item['name']:<42} {item['value']:>8.{digits}f} {spread:<18} {item['unit']:<9} "
          f"{target:<9} {item['verdict']:<13} n={item['n']:<8} {item['note']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter blocks, memory once")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--gate", action="store_true",
                        help="exit with 1 on FAIL, with 3 on INCONCLUSIVE")
    parser.add_argument("--rounds", type=int, help="pairs for each ratio (at least 7)")
    parser.add_argument("--only", help=f"some of {','.join(MEASURES)}")
    parser.add_argument("--aire", default=os.path.join(ROOT, "build", "aire"))
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(MEASURES)
    if not set(chosen) <= set(MEASURES) or (options.rounds or 7) < 7:
        parser.error("unknown measurement, or fewer than 7 rounds")
    if not PROXY_CPU <= ALL_CPUS:
        print("bench: one core only: client and proxy share it", file=sys.stderr)
    bench = Bench(options)
    items = []
    try:
        about = machine(bench)
        if not options.json:
            print(", ".join(f"{name} {value}" for name, value in about.items()))
        for name in chosen:
            for item in MEASURES[name](bench):
                items.append(item)
                if not options.json:
                    show(item)
    finally:
        bench.close()
    if options.json:
        print(json.dumps({"machine": about, "lines": items}, indent=1))
    verdicts = {item["verdict"] for item in items}
    if options.gate and verdicts & {"FAIL", "INCONCLUSIVE"}:
        return 1 if "FAIL" in verdicts else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
