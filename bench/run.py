#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the Governor as ratios against nginx, and its memory. See docs/benchmarks.md.

Ratios come from interleaved rounds: nginx and the Governor take turns (the order reversed every
second round), each round gives one ratio, and the table shows their median with the order-statistic
interval of 95 % or more. An interval that straddles the target decides nothing: INCONCLUSIVE.
Times of one run are never compared. CPU seconds are those of every thread of every process of a
proxy, read from /proc, after the proxy has come to rest (so that a writer's backlog counts).
"""
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import rig
from rig import (ALL_CPUS, CLIENT_CPU, MIB, PROXY_CPU, Child, cpu_seconds, free_port, line,
                 rounds_of, rss_bytes, settle, wait_port)

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
        folder = bench.folder("nginx")
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


class Governor(rig.Governor):
    def __init__(self, bench, record, cpus, threads=None, guards="off"):
        self.values = {"upstream": bench.upstream_port, "guards": guards}
        options = ["--threads", str(threads)] if threads else []
        options += [] if record else ["--no-record"]
        super().__init__(bench.aire, bench.folder("aire"), self.text(""), cpus, options)
        self.stream_port = self.port

    def text(self, more):
        return CONFIG.format(more=more, **self.values)


class Bench(rig.Tools):
    def __init__(self, options):
        self.nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
        if not self.nginx:
            raise SystemExit("bench: nginx is missing (apt-get install nginx-light)")
        super().__init__(options)


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
        server.write_config(server.text("" if reloads % 2 else "  other: {path: [t]}\n"))
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


# ---- the whole ----

def main():
    parser = rig.arguments(__doc__, MEASURES)
    options = parser.parse_args()
    names = rig.chosen(parser, options, MEASURES)
    if not PROXY_CPU <= ALL_CPUS:
        print("bench: one core only: client and proxy share it", file=sys.stderr)
    bench = Bench(options)
    version = subprocess.run([bench.nginx, "-v"], capture_output=True, text=True, check=True)
    about = rig.machine() | {"nginx": version.stderr.strip().rsplit("/", 1)[-1]}
    return rig.tell(bench, options, about, names, MEASURES)


if __name__ == "__main__":
    sys.exit(main())
