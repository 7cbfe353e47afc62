# SPDX-License-Identifier: Apache-2.0
"""Providers behind TLS and behind a proxy: who is trusted, and what each of them gets to see."""

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import rig
from rig import CHAT


def certify(folder):
    """A CA in ca.pem, and what it vouches for: localhost in good.pem, elsewhere.example in other.pem."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    for name, host in (("good", "localhost"), ("other", "elsewhere.example")):
        openssl("req", *key[:-2], "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={host}")
        with open(os.path.join(folder, "ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:{host}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", f"{name}.pem")


class Relay:
    """Passes bytes on to a port; `welcome` turns an accepted socket into what it speaks."""

    def __init__(self, port, welcome):
        self.port_behind, self.welcome = port, welcome
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            client = self.welcome(client)
            behind = socket.create_connection(("127.0.0.1", self.port_behind))
        except OSError:
            client.close()
            return
        back = threading.Thread(target=self.pump, args=(behind, client), daemon=True)
        back.start()
        self.pump(client, behind)

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Proxy(Relay):
    """An HTTP proxy that knows one way: to the port behind it."""

    def __init__(self, port, status=b"200 OK"):
        self.status, self.heads = status, []
        super().__init__(port, self.tunnel)

    def tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        self.heads.append(head.decode())
        client.sendall(b"HTTP/1.1 " + self.status + b"\r\n\r\n")
        if not self.status.startswith(b"200"):
            client.close()
            raise OSError("refused")
        return client


class Tls(rig.World):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = tempfile.mkdtemp(prefix="aire-wire-")
        cls.addClassCleanup(shutil.rmtree, cls.certificates)
        certify(cls.certificates)
        cls.good, cls.other = (cls.relay(name) for name in ("good", "other"))

    @classmethod
    def relay(cls, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(os.path.join(cls.certificates, name + end) for end in (".pem", ".key")))
        relay = Relay(cls.sim.port, lambda client: context.wrap_socket(client, server_side=True))
        cls.addClassCleanup(relay.close)
        return relay

    def through(self, relay, more="", host="localhost", **options):
        ca_file = os.path.join(self.certificates, "ca.pem")
        return self.own(f"""version: 1
providers:
  p: {{dialect: openai, base_url: "https://{host}:{relay.port}/east/v1", ca_file: {ca_file}{more}}}
targets: {{t: {{provider: p}}}}
routes: {{any: {{path: [t], retries: {{attempts: 1}}, timeouts: {{connect: 2s}}}}}}
""", **options)

    def ask(self, governor, stream=False):
        return governor.ask(CHAT, self.body(CHAT, "any", stream))

    def test_a_trusted_provider(self):
        governor = self.through(self.good)
        for stream in (False, True):
            got = self.ask(governor, stream)
            self.assertEqual(got.status, 200, got)
            self.assertIn("order 4711", got.text())

    def test_a_large_body_both_ways(self):
        governor = self.through(self.good)
        self.sim.fault("pad: 4MiB")
        body = self.body(CHAT, "any", question="word " * 1000000 + rig.QUESTION)
        got = governor.ask(CHAT, body)
        self.assertEqual(got.status, 200, got)
        self.assertGreater(len(got.body), 4 << 20)

    def test_a_certificate_for_another_name(self):
        self.assert_error(self.ask(self.through(self.other)), 502)
        self.assertEqual(self.arrived(), 0)

    def test_a_name_that_is_not_in_the_certificate(self):
        self.assert_error(self.ask(self.through(self.good, host="127.0.0.1")), 502)
        self.assertEqual(self.arrived(), 0)

    def test_an_unknown_authority(self):
        governor = self.own(f"""version: 1
providers: {{p: {{dialect: openai, base_url: "https://localhost:{self.good.port}/v1"}}}}
targets: {{t: {{provider: p}}}}
routes: {{any: {{path: [t], retries: {{attempts: 1}}}}}}
""")
        self.assert_error(self.ask(governor), 502)
        self.assertEqual(self.arrived(), 0)
        self.assertRegex(governor.command("status")["targets"][0]["last_error"], "(?i)certificate")

    def test_plain_text_where_tls_is_wanted(self):
        plain = Relay(self.sim.port, lambda client: client)
        self.addCleanup(plain.close)
        self.assert_error(self.ask(self.through(plain)), 502)

    def proxy(self, behind, *status):
        proxy = Proxy(behind.port, *status)
        self.addCleanup(proxy.close)
        return proxy

    @staticmethod
    def environment(proxy, user="", no_proxy=""):
        return {"HTTPS_PROXY": f"http://{user}127.0.0.1:{proxy.port}", "NO_PROXY": no_proxy, "no_proxy": ""}

    def test_a_proxy_sees_where_it_goes_and_nothing_else(self):
        proxy = self.proxy(self.other)
        governor = self.through(self.other, host="elsewhere.example",
                                env=self.environment(proxy, "user:p%40ss@"))
        self.assertEqual(self.ask(governor).status, 200)
        self.assertEqual(self.ask(governor, True).status, 200)
        self.assertEqual(len(set(proxy.heads)), 1)  # a connection a loop
        line, *fields = proxy.heads[0].split("\r\n")
        self.assertEqual(line, f"CONNECT elsewhere.example:{self.other.port} HTTP/1.1")
        self.assertIn("proxy-authorization: Basic dXNlcjpwQHNz", fields)
        self.assertEqual({field.split(":")[0] for field in fields if field},
                         {"host", "proxy-authorization"})
        self.assertNotIn("proxy-authorization", self.sim.last_headers())

    def test_a_proxy_of_the_provider(self):
        proxy = self.proxy(self.good)
        governor = self.through(self.good, f", proxy: 'http://127.0.0.1:{proxy.port}'")
        self.assertEqual(self.ask(governor).status, 200)
        self.assertEqual(len(proxy.heads), 1)

    def test_who_is_reached_without_the_proxy(self):
        proxy = self.proxy(self.good)
        governor = self.through(self.good, env=self.environment(proxy))
        self.assertEqual(self.ask(governor).status, 200)  # it is on this machine
        governor = self.through(self.other, host="elsewhere.example",
                                env=self.environment(proxy, no_proxy="example.org,.example"))
        self.assert_error(self.ask(governor), 502)  # nobody knows that name
        self.assertEqual(proxy.heads, [])

    def test_a_proxy_that_refuses(self):
        proxy = self.proxy(self.other, b"407 Proxy Authentication Required")
        governor = self.through(self.other, host="elsewhere.example", env=self.environment(proxy))
        self.assert_error(self.ask(governor), 502)
        self.assertIn("407", governor.command("status")["targets"][0]["last_error"])


if __name__ == "__main__":
    unittest.main()
