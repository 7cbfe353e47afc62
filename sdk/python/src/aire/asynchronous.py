# SPDX-License-Identifier: Apache-2.0
"""Carries talks out on an event loop: HTTP/1.1 over asyncio streams, as much of it as a Governor speaks."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Dict, List, Tuple, Union
from urllib.parse import urlsplit

from .blocking import IDLE_MAX, IDLE_S
from .talk import ANSWER_MAX, Answer, Ask, Broken, Pause, T, Talk

Streams = Tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """The connections to one Governor, all on one event loop."""

    def __init__(self, url: str):
        self.parts = urlsplit(url)
        self.idle: List[Tuple[float, Streams]] = []

    async def drive(self, talk: Talk[T]) -> T:
        try:
            wish = next(talk)
            while True:
                wish = talk.send(await self._fulfil(wish))
        except StopIteration as end:
            value: T = end.value
            return value

    async def _fulfil(self, wish: Union[Ask, Pause]) -> Union[Answer, Broken, None]:
        if isinstance(wish, Pause):
            await asyncio.sleep(wish.seconds)
            return None
        start = time.monotonic()
        try:
            streams = self._kept()
            if streams is None:
                streams = await asyncio.wait_for(self._connect(), wish.timeout)
        except (OSError, asyncio.TimeoutError) as error:
            return Broken(error, connected=False)
        keep = False
        try:
            status, headers, body = await asyncio.wait_for(self._post(streams, wish), wish.timeout)
            keep = headers.get("connection", "").lower() != "close"
            return Answer(status, headers, body, time.monotonic() - start)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError) as error:
            return Broken(error)
        finally:  # also when this was cancelled: what comes late on the connection is nobody's answer
            if keep and len(self.idle) < IDLE_MAX:
                self.idle.append((time.monotonic(), streams))
            else:
                streams[1].close()

    def _kept(self) -> Union[Streams, None]:
        while self.idle:
            since, streams = self.idle.pop()
            if time.monotonic() - since <= IDLE_S and not streams[0].at_eof():
                return streams
            streams[1].close()
        return None

    async def _connect(self) -> Streams:
        secure = ssl.create_default_context() if self.parts.scheme == "https" else None
        port = self.parts.port or (443 if secure else 80)
        return await asyncio.open_connection(self.parts.hostname, port, ssl=secure)

    async def _post(self, streams: Streams, wish: Ask) -> Tuple[int, Dict[str, str], bytes]:
        reader, writer = streams
        fields = {"host": self.parts.netloc.rpartition("@")[2], **wish.headers,
                  "content-length": str(len(wish.body))}
        head = f"POST {self.parts.path}{wish.path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(head.encode("latin-1") + b"\r\n" + wish.body)
        await writer.drain()
        status = 100
        while 100 <= status < 200:
            status, headers = await _head(reader)
        if status == 204:
            return status, headers, b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return status, headers, await _chunks(reader)
        length = int(headers["content-length"]) if "content-length" in headers else -1
        if not 0 <= length <= ANSWER_MAX:
            raise ValueError("an answer that is no Governor's: without a length, or too large")
        return status, headers, await reader.readexactly(length)

    def close(self) -> None:
        while self.idle:
            self.idle.pop()[1][1].close()


async def _head(reader: asyncio.StreamReader) -> Tuple[int, Dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP/1.1: {lines[0]!r}")
    headers = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(rest[:3]), headers


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if size < 0 or len(body) + size > ANSWER_MAX:
            raise ValueError("an answer that is no Governor's: too large")
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return body
        body += (await reader.readexactly(size + 2))[:-2]
