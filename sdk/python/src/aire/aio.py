# SPDX-License-Identifier: Apache-2.0
"""The same for code that awaits: `async with aio.run(id) as run: await run.step(...)`. What each does stands in
run.py and worker.py."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
import uuid
from functools import wraps
from types import TracebackType
from typing import Any, Awaitable, Callable, Optional, Type, TypeVar, Union, overload

from . import queue as queues
from . import steps as protocol
from .asynchronous import Line
from .errors import Closed, Error, Fenced, StepFailed
from .governor import Governor, Place, place
from .queue import Claim
from .run import Placed, apply
from .steps import Decision, Recorded, Steps

T = TypeVar("T")
log = logging.getLogger("aire")


class Run(Placed):
    """See aire.Run. Steps may run at once (asyncio.gather); equal ones are told apart by their order."""

    def __init__(self, where: Place, given: Any = None, line: Optional[Line] = None):
        super().__init__(where, given)
        self._line = line or Line(where.governor.url)
        self._own_line = line is None
        self._steps = Steps(where)
        self.ended = False

    @overload
    async def step(self, name: str, fn: Callable[..., Awaitable[T]], *, effect: str = ...,
                   input: Any = ...) -> T: ...
    @overload
    async def step(self, name: str, fn: Callable[..., T], *, effect: str = ..., input: Any = ...) -> T: ...
    async def step(self, name: str, fn: Callable[..., Any], *, effect: str = "idempotent",
                   input: Any = None) -> Any:
        begun = await self._line.drive(self._steps.begin(name, effect, input))
        if isinstance(begun, Recorded):
            return begun.result
        try:
            value = apply(fn, begun)
            if inspect.isawaitable(value):
                value = await value
            value = protocol.kept(value)
        except Exception as why:
            failure = await self._line.drive(self._steps.failed(begun, why))
            if failure:
                raise failure from why
            raise
        await self._line.drive(self._steps.done(begun, value))
        return value

    async def sleep(self, seconds: float, name: Optional[str] = None) -> None:
        await self._line.drive(self._steps.sleep(seconds, name))

    async def wait(self, signal: str, timeout: Optional[float] = None) -> Any:
        return await self._line.drive(self._steps.wait(signal, timeout))

    async def approval(self, question: str, details: Any = None,
                       timeout: Optional[float] = None) -> Decision:
        return await self._line.drive(self._steps.approval(question, details, timeout))

    async def child(self, name: str, input: Any = None, queue: Optional[str] = None) -> str:
        return await self._line.drive(self._steps.child(name, input, queue))

    async def join(self, run: str) -> Any:
        return await self._line.drive(self._steps.join(run))

    async def now(self) -> float:
        return await self.step("now", time.time, effect="read")

    async def random(self) -> float:
        return await self.step("random", lambda: random.random(), effect="read")

    async def uuid(self) -> str:
        return await self.step("uuid", lambda: str(uuid.uuid4()), effect="read")

    async def end(self, result: Any = None) -> None:
        await self._line.drive(self._steps.end(result))
        self.ended = True

    async def fail(self, why: Union[str, BaseException], retry: bool = False) -> None:
        why = why if isinstance(why, BaseException) else StepFailed(why, {"message": why})
        await self._line.drive(self._steps.fail(why, retry))
        self.ended = True

    def close(self) -> None:
        if self._own_line:
            self._line.close()

    async def __aenter__(self) -> Run:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], why: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        try:
            if not self.ended and why is None:
                await self.end()
            elif not self.ended and why is not None and protocol.is_final(why):
                await self.fail(why)
        finally:
            self.close()

    def __call__(self, fn: Callable[[Run], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        @wraps(fn)
        async def whole() -> T:
            async with Run(self.place, self.input) as run:
                value = await fn(run)
                if not run.ended:
                    await run.end(value)
                return value

        return whole


def run(id: Optional[str] = None, *, try_: Optional[int] = None, governor: Optional[Governor] = None) -> Run:
    return Run(place(id, try_, governor))


async def enqueue(queue: str, input: Any = None, *, id: Optional[str] = None, priority: int = 5,
                  not_before: Optional[float] = None, tries: int = 5,
                  governor: Optional[Governor] = None) -> str:
    where = governor or Governor()
    line = Line(where.url)
    try:
        return await line.drive(queues.enqueue(where, queue, input, id, priority, not_before, tries))
    finally:
        line.close()


async def signal(run: str, name: str, value: Any = None, *, governor: Optional[Governor] = None) -> None:
    where = governor or Governor()
    line = Line(where.url)
    try:
        await line.drive(queues.signal(where, run, name, value))
    finally:
        line.close()


async def worker(queue: str, fn: Callable[[Run], Awaitable[Any]], *, concurrency: int = 1,
                 lease: float = 30.0, stop: Optional[asyncio.Event] = None,
                 governor: Optional[Governor] = None) -> None:
    """See aire.worker. A run that was lost to another try is cancelled at once."""
    where = governor or Governor()
    line = Line(where.url)
    halt = stop or asyncio.Event()

    async def serve() -> None:
        while not halt.is_set():
            held = await line.drive(queues.claim(where, queue, queues.worker_name(), lease))
            if held:
                await _make(line, queue, held, fn)

    servers = [asyncio.ensure_future(serve()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*servers)
    finally:
        for server in servers:
            server.cancel()
        await asyncio.gather(*servers, return_exceptions=True)
        line.close()


async def _make(line: Line, queue: str, held: Claim, fn: Callable[[Run], Awaitable[Any]]) -> None:
    run = Run(held.place, held.input, line)
    making = asyncio.ensure_future(_ended(run, fn))
    keeping = asyncio.ensure_future(_keep(line, queue, held))
    try:
        await asyncio.wait({making, keeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:  # it was lost, or this worker was cancelled
        making.cancel()
        keeping.cancel()
        outcomes = await asyncio.gather(making, keeping, return_exceptions=True)
    lost = isinstance(outcomes[0], asyncio.CancelledError)
    if lost:
        log.warning("run %s, try %d: another try has it now", run.id, run.try_)


async def _ended(run: Run, fn: Callable[[Run], Awaitable[Any]]) -> None:
    try:
        result = await fn(run)
        if not run.ended:
            await run.end(result)
    except (Fenced, Closed) as why:
        log.warning("run %s, try %d: %s", run.id, run.try_, why)
    except Exception as why:
        log.exception("run %s, try %d has failed", run.id, run.try_)
        if not run.ended:
            try:
                await run.fail(why, retry=not protocol.is_final(why))
            except Error:
                log.exception("the end of run %s could not be told", run.id)


async def _keep(line: Line, queue: str, held: Claim) -> None:
    while True:
        await asyncio.sleep(held.lease / 3)
        try:
            await line.drive(queues.heartbeat(held, queue))
        except (Fenced, Closed):
            return
        except Error as why:
            log.warning("heartbeat of run %s: %s", held.place.id, why)
