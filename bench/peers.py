# SPDX-License-Identifier: Apache-2.0
"""Other engines of durable runs, each started privately, playing the runs that bench/load.c plays.

Their packages are pinned in bench/peers and installed into build/peers; each is left out with a
word where npm, PostgreSQL or a compiler is missing. All keep their defaults but for what is said.
"""
import filecmp
import glob
import json
import os
import pwd
import shutil
import subprocess

from rig import ALL_CPUS, HERE, ROOT, Child, free_port, wait_port

SOURCES = os.path.join(HERE, "peers")
INSTALLED = os.path.join(ROOT, "build", "peers")


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command[:3])}: {done.stdout.strip()[-300:]}")


def install():
    """The packages of the lock file; what is C++ of them is built with this node's headers."""
    os.makedirs(INSTALLED, exist_ok=True)
    wanted = os.path.join(SOURCES, "package-lock.json")
    present = os.path.join(INSTALLED, "installed-lock.json")
    for file in glob.glob(os.path.join(SOURCES, "*")):
        shutil.copy(file, INSTALLED)
    if os.path.exists(present) and filecmp.cmp(present, wanted, shallow=False):
        return
    print("bench: installing the peers into build/peers", flush=True)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=INSTALLED)
    headers = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("node"))))
    run("npm", "rebuild", "better-sqlite3", cwd=INSTALLED,
        env=os.environ | {"npm_config_build_from_source": "true", "npm_config_nodedir": headers})
    shutil.copy(wanted, present)


def version_of(package):
    with open(os.path.join(INSTALLED, "node_modules", package, "package.json"),
              encoding="utf-8") as file:
        return json.load(file)["version"]


class Engine:
    """A script of bench/peers that plays runs, and the servers that it needs (stopped after it)."""

    def __init__(self, script, *words, servers=()):
        self.servers = servers
        self.child = Child(["node", os.path.join(INSTALLED, script), *map(str, words)], ALL_CPUS,
                           cwd=INSTALLED)
        self.report()

    def report(self):
        while not (text := self.child.line(60)).startswith('{"steps"'):
            pass  # what the engine itself says
        return json.loads(text)

    def steps_per_s(self, conns, seconds):
        self.child.process.stdin.write(json.dumps({"conns": conns, "seconds": seconds}) + "\n")
        self.child.process.stdin.flush()
        report = self.report()
        return report["steps"] / report["seconds"]

    def stop(self):
        for process in (self.child, *self.servers):
            process.stop()


class Aire(Engine):
    """The Governor, asked by the same client as the others' steps."""

    def __init__(self, port):
        install()
        super().__init__("aire.mjs", port)


class Restate(Engine):
    def __init__(self, bench):
        install()
        folder = bench.folder("restate")
        ingress, admin, node = free_port(), free_port(), free_port()
        (binary,) = glob.glob(f"{INSTALLED}/node_modules/@restatedev/*/bin/restate-server")
        settings = {"RESTATE_DISABLE_TELEMETRY": "true", "RESTATE_LOG_FILTER": "error",
                    "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
                    "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{node}",
                    "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
                    "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}"}
        server = Child([binary, "--no-logo", "--listen-mode", "tcp", "--base-dir", folder],
                       ALL_CPUS, env=os.environ | settings)
        wait_port(admin)
        wait_port(ingress)
        super().__init__("restate.mjs", bench.upstream_port, ingress, admin, servers=[server])
        self.about = (f"server {version_of('@restatedev/restate-server')}, "
                      f"SDK {version_of('@restatedev/restate-sdk')}")


class Postgres(Child):
    """A cluster of its own; under root it belongs to the user postgres, as the server demands."""

    def __init__(self, folder):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not found:
            raise OSError("PostgreSQL is missing")
        user = pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else os.geteuid()
        os.chown(folder, user, -1)
        os.chmod(os.path.dirname(folder), 0o711)
        run(f"{found[-1]}/initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust",
            user=user, cwd="/")
        self.port = free_port()
        super().__init__([f"{found[-1]}/postgres", "-D", f"{folder}/data", "-p", str(self.port),
                          "-h", "127.0.0.1", "-k", ""], ALL_CPUS, user=user, cwd="/")
        wait_port(self.port)
        self.version = found[-1].split("/")[-2]


class Dbos(Engine):
    def __init__(self, bench):
        install()
        server = Postgres(bench.folder("postgres"))
        super().__init__("dbos.mjs", bench.upstream_port, server.port, servers=[server])
        self.about = f"SDK {version_of('@dbos-inc/dbos-sdk')}, PostgreSQL {server.version}"


class LangGraph(Engine):
    def __init__(self, bench):
        install()
        super().__init__("langgraph.mjs", bench.upstream_port,
                         os.path.join(bench.folder("langgraph"), "state.db"))
        self.about = (f"{version_of('@langchain/langgraph')}, checkpoints in SQLite "
                      f"{version_of('@langchain/langgraph-checkpoint-sqlite')}, synchronous=FULL")


PEERS = {"restate": Restate, "dbos": Dbos, "langgraph": LangGraph}
