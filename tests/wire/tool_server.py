# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP tool that answers what a test wants and keeps what it was sent, byte for byte."""

import socket
import struct
import threading

import rig


class Seen:
    """One request as it came."""

    def __init__(self, method, target, fields, body):
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body

    def header(self, name):
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None


def reply(status=200, body=b"", headers=(("Content-Type", "application/json"),), framing=True):
    """A whole answer as bytes."""
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    head += f"Content-Length: {len(body)}\r\n" if framing else ""
    return head.encode("latin-1") + b"\r\n" + body


RESET = object()  # the connection is reset once the request was read
HANG = object()  # nothing comes


class ToolServer:
    """Answers of `script` are used up in order, then `answer` for all. Each is bytes, RESET, HANG or a
    function (socket, seen). An answer closes its connection where it says so."""

    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.seen = []
        self.accepted = 0
        self.script = []
        self.answer = reply(200, b'{"ok":true}')
        self.slams = False  # connections are reset when the first byte is there, unread
        self.ended = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def end(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)  # else a waiting accept() takes one more
        self.listener.close()

    def reset(self, answer=None, script=()):
        with self.lock:
            self.seen = []
            self.accepted = 0
            self.script = list(script)
            self.slams = False
            self.answer = answer if answer is not None else reply(200, b'{"ok":true}')

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn:
            try:
                if self.slams:
                    conn.recv(1, socket.MSG_PEEK)
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                while self.one(conn):
                    pass
            except (OSError, ValueError):
                pass

    def one(self, conn):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = conn.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = [(name.lower(), value.strip()) for name, _, value in
                  (line.partition(":") for line in lines[1:])]
        seen = Seen(method, target, fields, body)
        assert seen.header("transfer-encoding") is None
        length = int(seen.header("content-length") or 0)
        while len(seen.body) < length:
            piece = conn.recv(1 << 20)
            if not piece:
                return False
            seen.body += piece
        with self.lock:
            self.seen.append(seen)
            answer = self.script.pop(0) if self.script else self.answer
        if answer is RESET:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if answer is HANG:
            self.ended.wait(30)
            return False
        if callable(answer):
            return bool(answer(conn, seen))
        conn.sendall(answer)
        return b"connection: close" not in answer.partition(b"\r\n\r\n")[0].lower()


class World(rig.World):
    """A tool beside the provider, and a run named after the test. In CONFIG, TOOL stands for the tool's
    address and LATER for one where nobody listens yet."""

    @classmethod
    def setUpClass(cls):
        cls.tool = ToolServer()
        cls.addClassCleanup(cls.tool.end)
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            cls.later = nobody.getsockname()[1]
        cls.CONFIG = cls.CONFIG.replace("TOOL", f"127.0.0.1:{cls.tool.port}").replace(
            "LATER", f"127.0.0.1:{cls.later}")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.count_all()
        self.run_id = self.id().rsplit(".", 1)[1][-60:].strip("_")

    def count_all(self):
        """From now on the tool answers each call with its number."""
        self.tool.reset(answer=lambda conn, seen: conn.sendall(
            reply(200, b'{"n":%d}' % len(self.tool.seen))) or True)
