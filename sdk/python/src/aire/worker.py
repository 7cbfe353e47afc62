# SPDX-License-Identifier: Apache-2.0
"""A worker that blocks: claims runs of a queue, keeps them while they are made, and says how they ended."""

from __future__ import annotations

import logging
import threading
from typing import Any, Callable, Optional

from . import queue as protocol
from .blocking import Line
from .errors import Closed, Error, Fenced
from .governor import Governor
from .queue import Claim
from .run import Run
from .steps import is_final

log = logging.getLogger("aire")


def worker(queue: str, fn: Callable[[Run], Any], *, concurrency: int = 1, lease: float = 30.0,
           stop: Optional[threading.Event] = None, governor: Optional[Governor] = None) -> None:
    """Claims runs of `queue` until `stop` is set and calls `fn(run)` for each, `concurrency` at a time. What `fn`
    returns is the run's result. When it raises, the run goes back to the queue with a growing pause;
    `Final`, or a step's recorded failure, fails it for good. Returns when all its runs have ended."""
    where = governor or Governor()
    line = Line(where.url)
    halt = stop or threading.Event()
    failures = []

    def serve() -> None:
        mine = Line(where.url, wake=halt)
        try:
            while not halt.is_set():
                held = mine.drive(protocol.claim(where, queue, protocol.worker_name(), lease))
                if held:
                    _make(line, queue, held, fn)
        except BaseException as why:  # one thread's end is the worker's: it is not to limp
            failures.append(why)
            halt.set()
        finally:
            mine.close()

    threads = [threading.Thread(target=serve, name=f"aire-{queue}-{i}", daemon=True)
               for i in range(concurrency)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:  # ctrl-C while it joins: the threads end with their runs, or with the process
        halt.set()
        line.close()
    if failures:
        raise failures[0]


def _make(line: Line, queue: str, held: Claim, fn: Callable[[Run], Any]) -> None:
    run = Run(held.place, held.input, line)
    ended = threading.Event()
    beat = threading.Thread(target=_keep, args=(queue, held, ended), daemon=True)
    beat.start()
    try:
        result = fn(run)
        if not run.ended:
            run.end(result)
    except (Fenced, Closed) as why:
        log.warning("run %s, try %d: %s", run.id, run.try_, why)
    except Exception as why:
        log.exception("run %s, try %d has failed", run.id, run.try_)
        if not run.ended:
            _tell(run, why)
    finally:
        ended.set()
        beat.join()


def _tell(run: Run, why: Exception) -> None:
    """When even this cannot be said, the lease runs out and the run is claimed again."""
    try:
        run.fail(why, retry=not is_final(why))
    except Error:
        log.exception("the end of run %s could not be told", run.id)


def _keep(queue: str, held: Claim, ended: threading.Event) -> None:
    """Heartbeats on connections of its own, at a third of the lease, until the run has ended or is lost."""
    line = Line(held.place.governor.url, wake=ended)
    try:
        while not ended.wait(held.lease / 3):
            try:
                line.drive(protocol.heartbeat(held, queue))
            except (Fenced, Closed):
                return  # the run's next call is told so
            except Error as why:
                log.warning("heartbeat of run %s: %s", held.place.id, why)
    finally:
        line.close()
