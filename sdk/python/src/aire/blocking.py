# SPDX-License-Identifier: Apache-2.0
"""Carries talks out with sockets that block. Connections are kept and shared by all threads."""

from __future__ import annotations

import http.client
import select
import threading
import time
from typing import Dict, List, Optional, Tuple, Union
from urllib.parse import urlsplit

from .talk import ANSWER_MAX, Answer, Ask, Broken, Pause, T, Talk

IDLE_MAX = 8  # connections kept
IDLE_S = 4.0  # shorter than any server keeps them


class Line:
    """The connections to one Governor."""

    def __init__(self, url: str, wake: Optional[threading.Event] = None):
        self.parts = urlsplit(url)
        self.wake = wake  # ends a pause early
        self.lock = threading.Lock()
        self.idle: List[Tuple[float, http.client.HTTPConnection]] = []

    def drive(self, talk: Talk[T]) -> T:
        try:
            wish = next(talk)
            while True:
                wish = talk.send(self._fulfil(wish))
        except StopIteration as end:
            value: T = end.value
            return value

    def _fulfil(self, wish: Union[Ask, Pause]) -> Union[Answer, Broken, None]:
        if isinstance(wish, Ask):
            return self._post(wish)
        if self.wake is None:
            time.sleep(wish.seconds)
        else:
            self.wake.wait(wish.seconds)
        return None

    def _post(self, wish: Ask) -> Union[Answer, Broken]:
        start = time.monotonic()
        connection = self._take(wish.timeout)
        try:
            if connection.sock is None:
                connection.connect()
        except OSError as error:
            connection.close()
            return Broken(error, connected=False)
        try:
            connection.request("POST", self.parts.path + wish.path, wish.body, wish.headers)
            response = connection.getresponse()
            body = response.read(ANSWER_MAX + 1)
            if len(body) > ANSWER_MAX:
                raise OSError("an answer that is no Governor's: too large")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Broken(error)
        headers: Dict[str, str] = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            connection.close()
        else:
            self._give_back(connection)
        return Answer(response.status, headers, body, time.monotonic() - start)

    def _take(self, timeout: float) -> http.client.HTTPConnection:
        while True:
            with self.lock:
                since, connection = self.idle.pop() if self.idle else (0.0, None)
            if connection is None:
                return self._new(timeout)
            # One that is readable was closed by the other side: nothing has been asked on it.
            closed = not connection.sock or select.select([connection.sock], [], [], 0)[0]
            if closed or time.monotonic() - since > IDLE_S:
                connection.close()
                continue
            connection.sock.settimeout(timeout)
            return connection

    def _new(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.parts.scheme == "https" else http.client.HTTPConnection
        return kind(self.parts.hostname or "", self.parts.port, timeout=timeout)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self.lock:
            if len(self.idle) < IDLE_MAX:
                self.idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        with self.lock:
            idle, self.idle = self.idle, []
        for _, connection in idle:
            connection.close()
