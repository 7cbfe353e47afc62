# SPDX-License-Identifier: Apache-2.0
"""Starts the real binary, as Governor and as provider, and speaks to it over raw sockets.

Nothing here repairs anything: a response that is framed wrongly is an error of the test. Waiting is
polling with an end, never a fixed sleep."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AIRE = os.environ.get("AIRE_BIN", os.path.join(ROOT, "build", "aire"))
# Under sanitizers everything takes longer; only upper bounds are stretched by this.
SLOW = 3 if "asan" in AIRE or "ASAN_OPTIONS" in os.environ else 1
LIMIT_S = 10 * SLOW

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
EMBEDDINGS = "/v1/embeddings"
JSON = "application/json"


def until(condition, limit_s=LIMIT_S):
    """The first true value of condition(), or its last value when the time is over."""
    end = time.monotonic() + limit_s
    value = condition()
    while not value and time.monotonic() < end:
        time.sleep(0.005)
        value = condition()
    return value


class Closed(Exception):
    """The other side closed the connection before what was waited for."""


# ---- messages ----


class Response:
    def __init__(self, status, fields, minor):
        self.status = status
        self.fields = fields
        self.minor = minor
        self.body = b""
        self.ended = True  # False: the body broke off

    def header(self, name, default=None):
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name} occurs {len(values)} times"
        return values[0] if values else default

    def json(self):
        return json.loads(self.body)

    def error(self):
        return self.json()["error"]

    def events(self):
        return parse_events(self.body)

    def text(self):
        return text_of(self)

    def __repr__(self):
        return f"<{self.status} {dict(self.fields)} {self.body[:300]!r}>"


def parse_events(body):
    """[(event name or None, data)] of an event stream; nothing but whole events is accepted."""
    assert body.endswith(b"\n\n") or not body, body[-80:]
    found = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, data = None, []
        for line in block.split(b"\n"):
            key, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if key == b"event":
                name = value.decode()
            elif key == b"data":
                data.append(value)
        if data:
            found.append((name, b"\n".join(data).decode()))
    return found


def text_of(response):
    """The words of an answer of any dialect, plain or streamed."""
    if "event-stream" not in response.header("content-type", ""):
        body = response.json()
        if "choices" in body:
            return body["choices"][0]["message"]["content"]
        if "output" in body:
            return "".join(part["text"] for item in body["output"] if item["type"] == "message"
                           for part in item["content"] if part["type"] == "output_text")
        return "".join(part["text"] for part in body["content"] if part["type"] == "text")
    words = []
    for _, data in response.events():
        if data == "[DONE]":
            continue
        event = json.loads(data)
        for choice in event.get("choices", []):
            words.append(choice["delta"].get("content") or "")
        if event.get("type") == "response.output_text.delta":
            words.append(event["delta"])
        if event.get("type") == "content_block_delta":
            words.append(event["delta"].get("text", ""))
    return "".join(words)


def request(path, body=b"", headers=(), method="POST", host="127.0.0.1", version="1.1"):
    """One request as bytes. A dict or list becomes JSON; content-type is JSON where none is given."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    fields = list(headers.items()) if isinstance(headers, dict) else list(headers)
    names = {name.lower() for name, _ in fields}
    if "host" not in names and host is not None:
        fields.insert(0, ("Host", host))
    if body and "content-type" not in names:
        fields.append(("Content-Type", JSON))
    if (body or method == "POST") and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    head = f"{method} {path} HTTP/{version}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode("latin-1") + b"\r\n" + body


def chunked(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


class Conn:
    """One connection, read as strictly as it should have been written."""

    def __init__(self, port, timeout=LIMIT_S, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def send_as_far_as_taken(self, data):
        """The other side may refuse and close in the middle."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass
        return self

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of the connection")
        self.buffer += data
        return data

    def line(self):
        while b"\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        assert line.endswith(b"\r"), line
        return line[:-1]

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def head(self):
        version, status, _ = self.line().split(b" ", 2)
        assert version in (b"HTTP/1.1", b"HTTP/1.0"), version
        fields = []
        while line := self.line():
            name, colon, value = line.decode("latin-1").partition(":")
            assert colon and name and name == name.strip(), line
            fields.append((name.lower(), value.strip()))
        return Response(int(status), fields, int(version[-1:]))

    def read_body(self, response, method="POST"):
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return response
        coding, length = response.header("transfer-encoding"), response.header("content-length")
        assert not (coding and length), "two framings at once"
        if coding:
            assert coding == "chunked"
            while True:
                try:
                    size = int(self.line(), 16)
                    piece = self.take(size)
                    assert self.take(2) == b"\r\n"
                except Closed:
                    response.ended = False
                    return response
                if size == 0:
                    return response
                response.body += piece
        elif length:
            response.body = self.take(int(length))
        else:
            try:
                while True:
                    self.more()
            except Closed:
                response.body, self.buffer = self.buffer, b""
        return response

    def response(self, method="POST"):
        response = self.head()
        while response.status == 100:
            response = self.head()
        return self.read_body(response, method)

    def is_closed(self):
        """Waits for the end of the connection; nothing may come before it."""
        try:
            self.more()
        except Closed:
            return True
        except TimeoutError:
            return False
        return False


def answer(port, data, method="POST"):
    with Conn(port) as conn:
        return conn.send(data).response(method)


# ---- processes ----


class Process:
    """`aire ...` with its standard error in a file; ready once it says where it listens."""

    def __init__(self, arguments, folder, env=None):
        self.folder = folder
        self.errors = os.path.join(folder, f"stderr.{os.path.basename(arguments[0])}")
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([AIRE, *arguments], stdout=subprocess.PIPE,
                                            stderr=errors, stdin=subprocess.DEVNULL,
                                            cwd=folder, env={**os.environ, **(env or {})})
        line = self.process.stdout.readline().decode().strip()
        if not line.startswith("listening on http://"):
            code = self.process.wait(LIMIT_S)
            self.process.stdout.close()
            raise AssertionError(f"{arguments} did not start ({code}): {line!r} {self.log()!r}")
        self.url = line.removeprefix("listening on ")
        self.port = int(self.url.rsplit(":", 1)[1])

    def log(self):
        with open(self.errors, encoding="utf-8", errors="replace") as errors:
            return errors.read()

    def stop(self, with_signal=signal.SIGTERM):
        """Exit code; None when it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdout.close()

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Sim(Process):
    """The built-in provider with its script of faults."""

    def __init__(self, folder, *arguments):
        super().__init__(["sim", "--listen", "127.0.0.1:0", *arguments], folder)

    def script(self, rules):
        """YAML of the list under `rules`; "" heals everything. Answers under way go on."""
        text = f"version: 1\nrules:\n{rules}\n" if rules else ""
        method = "POST" if rules else "DELETE"
        done = answer(self.port, request("/sim/script", text.encode(), method=method), method)
        assert done.status == 200, done

    def fault(self, do, match=""):
        self.script(f"  - {{match: {{{match}}}, do: {{{do}}}}}")

    def state(self):
        return answer(self.port, request("/sim/state", method="GET")).json()

    def last(self):
        return answer(self.port, request("/sim/last", method="GET")).body

    def last_headers(self):
        return self.state()["heads"][-1]["headers"]


class Postgres:
    """A PostgreSQL server of the tests' own (support/postgres.sh), with a database for each folder."""

    SCRIPT = os.path.join(ROOT, "tests", "support", "postgres.sh")
    ONE = None

    @classmethod
    def shared(cls):
        """The one of this process."""
        if cls.ONE is None:
            cls.ONE = cls()
            atexit.register(cls.ONE.remove)
        return cls.ONE

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="aire-pg-")
        self.port = 0
        self.known = {}
        started = self.script("start")
        if started.returncode == 3:
            os.rmdir(self.folder)
            raise unittest.SkipTest("PostgreSQL is not installed")
        assert started.returncode == 0, started.stderr

    def script(self, verb):
        done = subprocess.run([self.SCRIPT, verb, self.folder], capture_output=True, text=True,
                              timeout=LIMIT_S * 6, stdin=subprocess.DEVNULL)
        if verb == "start" and done.returncode == 0:
            self.port = int(done.stdout)
        return done

    def start(self):
        done = self.script("start")
        assert done.returncode == 0, done.stderr

    def kill(self):
        """As the kernel would: nothing is flushed, nobody is told."""
        done = self.script("kill")
        assert done.returncode == 0, done.stderr

    def remove(self):
        self.script("remove")

    def sql(self, words, database="postgres"):
        """Lines of the unaligned answer."""
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p",
                               str(self.port), "-U", "aire", "-d", database, "-c", words],
                              capture_output=True, text=True, timeout=LIMIT_S * 3)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.splitlines()

    def database(self, folder):
        if folder not in self.known:
            self.known[folder] = f"d{len(self.known)}"
            self.sql(f"CREATE DATABASE {self.known[folder]}")
        return self.known[folder]

    def url(self, folder, password="secret"):
        return f"postgres://aire:{password}@127.0.0.1:{self.port}/{self.database(folder)}"


class Governor(Process):
    POSTGRES = None  # the server that holds the databases, where the tests are about one

    def __init__(self, folder, config, *arguments, env=None, files=None, listen="127.0.0.1:0"):
        self.data = os.path.join(folder, "data")
        config = self.with_store(folder, config)
        self.config = os.path.join(folder, "aire.yaml")
        for name, text in {"aire.yaml": config, **(files or {})}.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        super().__init__(["serve", "--config", self.config, "--data", self.data, "--listen", listen,
                          *arguments], folder, env)

    @classmethod
    def with_store(cls, folder, config):
        if cls.POSTGRES is None or "\nstore:" in config:
            return config
        return f"{config}\nstore: {cls.POSTGRES.url(folder)}\n"

    def configure(self, config):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.with_store(self.folder, config))

    def ask(self, path, body, headers=(), method="POST"):
        return answer(self.port, request(path, body, headers, method), method)

    def get(self, path, headers=()):
        return self.ask(path, b"", headers, "GET")

    def run(self, *arguments):
        talks = arguments[0] == "status" or arguments[:2] == ("config", "apply")
        return run(*arguments, *(() if talks else ("--config", self.config)), "--data", self.data)

    def command(self, *arguments):
        """A command about this server; its --json output."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, (arguments, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def rows(self, *arguments):
        """The same of a command that lists: a document a line."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, (arguments, done.returncode, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def record(self, response):
        """All events of the exchange that gave this response."""
        found = until(lambda: self.run("exchanges", "show", response.header("x-aire-id"), "--json"
                                       ).returncode == 0)
        assert found, response
        return self.command("exchanges", "show", response.header("x-aire-id"))["events"]


def run(*arguments, folder=None, env=None, limit_s=LIMIT_S * 3):
    return subprocess.run([AIRE, *arguments], capture_output=True, text=True, timeout=limit_s,
                          stdin=subprocess.DEVNULL, cwd=folder, env={**os.environ, **(env or {})})


# ---- a world for a class of tests ----

# One provider process stands for several: its answers do not depend on the path before /v1.
BASE = """version: 1
providers:
  east: {dialect: openai, base_url: "http://SIM/east/v1"}
  west: {dialect: openai, base_url: "http://SIM/west/v1"}
  south: {dialect: anthropic, base_url: "http://SIM/south"}
  north: {dialect: anthropic, base_url: "http://SIM/north"}
targets:
  one: {provider: east, model: model-one, price: {input: $2.50, cached: $1.25, output: $10.00}}
  two: {provider: west, model: model-two, price: {input: $0.15, output: $0.60}}
  first: {provider: south, model: claude-first, price: {input: $3.00, output: $15.00}}
  second: {provider: north, model: claude-second}
"""

QUESTION = "where is my order #4711? I want a refund"


class World(unittest.TestCase):
    """One provider and one Governor a class. CONFIG is aire.yaml, with SIM for the provider's address."""

    CONFIG = BASE
    FILES = {}
    ARGUMENTS = ()
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="aire-wire-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.sim = Sim(cls.folder)
        cls.addClassCleanup(cls.end, cls.sim)
        cls.governor = Governor(cls.folder, cls.text(cls.CONFIG), *cls.ARGUMENTS, files=cls.FILES)
        cls.addClassCleanup(cls.end, cls.governor)

    @classmethod
    def text(cls, config):
        return config.replace("SIM", f"127.0.0.1:{cls.sim.port}")

    @staticmethod
    def end(process):
        code = process.stop()
        assert code == 0, f"{process.process.args[1]} ended with {code}: {process.log()[-4000:]}"

    def setUp(self):
        self.sim.script("")
        self.came = self.sim.state()["requests"]

    def arrived(self):
        """Requests that have reached the provider since the test began."""
        return self.sim.state()["requests"] - self.came

    def own(self, config, *arguments, **options):
        """Another Governor, for this test alone, with the class's provider behind it."""
        folder = tempfile.mkdtemp(prefix="own-", dir=self.folder)
        governor = Governor(folder, self.text(config), *arguments, **options)
        self.addCleanup(self.end, governor)
        return governor

    @staticmethod
    def body(path, model="any", stream=False, **more):
        messages = [{"role": "user", "content": more.pop("question", QUESTION)}]
        body = {"model": model}
        if path == EMBEDDINGS:
            body["input"] = "some words"
        else:
            body["input" if path == RESPONSES else "messages"] = messages
        if path == MESSAGES:
            body["max_tokens"] = 200
        if stream:
            body["stream"] = True
        return {**body, **more}

    def call(self, path=CHAT, model="any", stream=False, headers=(), **more):
        return self.governor.ask(path, self.body(path, model, stream, **more), headers)

    def open(self, data=b"", **options):
        conn = Conn(self.governor.port, **options)
        self.addCleanup(conn.close)
        return conn.send(data)

    def assert_error(self, response, status, path=CHAT, code=None):
        """An error in the shape of the dialect that was called."""
        self.assertEqual(response.status, status, response)
        self.assertIn(JSON, response.header("content-type"))
        body = response.json()
        self.assertIsInstance(body["error"]["message"], str)
        self.assertTrue(body["error"]["message"], response)
        self.assertIsInstance(body["error"]["type"], str)
        if path.startswith(MESSAGES):
            self.assertEqual(body["type"], "error")
        else:
            self.assertNotIn("type", body)
            self.assertIn("code", body["error"])
            self.assertIn("param", body["error"])
        if code and not path.startswith(MESSAGES):
            self.assertEqual(body["error"]["code"], code)


class OnPostgres:
    """Mixed into a World: all its Governors keep their state in databases of one server."""

    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres.shared()
        cls.addClassCleanup(setattr, Governor, "POSTGRES", None)
        Governor.POSTGRES = cls.postgres
        super().setUpClass()
