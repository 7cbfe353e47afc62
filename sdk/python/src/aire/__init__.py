# SPDX-License-Identifier: Apache-2.0
"""Durable runs for AI agents behind the AIRE Governor.

    with aire.run("refund-4711") as run:
        client = OpenAI(base_url=run.openai_base_url, api_key=run.api_key)
        order = run.step("read the order", lambda: read(4711), effect="read")

`aire.aio` has the same for code that awaits."""

from typing import Any, Optional

from . import aio
from . import queue as _queues
from .blocking import Line as _Line
from .errors import (Busy, ChildFailed, Closed, Conflict, Diverged, Erased, Error, Fenced, Final, Full, InDoubt,
                     NotHeld, NothingDone, Refused, StepFailed, TimedOut, Unavailable, Unreachable)
from .governor import Governor
from .run import Run, run
from .steps import Decision, Step
from .worker import worker

__version__ = "0.1.0"
__all__ = [
    "Busy", "ChildFailed", "Closed", "Conflict", "Decision", "Diverged", "Erased", "Error", "Fenced",
    "Final", "Full", "Governor", "InDoubt", "NotHeld", "NothingDone", "Refused", "Run", "Step", "StepFailed",
    "TimedOut", "Unavailable", "Unreachable", "aio", "enqueue", "run", "signal", "worker",
]


def enqueue(queue: str, input: Any = None, *, id: Optional[str] = None, priority: int = 5,
            not_before: Optional[float] = None, tries: int = 5, governor: Optional[Governor] = None) -> str:
    """Puts a run into a queue and returns its id. With an id of your own, enqueueing it twice is once."""
    where = governor or Governor()
    line = _Line(where.url)
    try:
        return line.drive(_queues.enqueue(where, queue, input, id, priority, not_before, tries))
    finally:
        line.close()


def signal(run: str, name: str, value: Any = None, *, governor: Optional[Governor] = None) -> None:
    """Sends a value to a run; it is kept until the run waits for it."""
    where = governor or Governor()
    line = _Line(where.url)
    try:
        line.drive(_queues.signal(where, run, name, value))
    finally:
        line.close()
