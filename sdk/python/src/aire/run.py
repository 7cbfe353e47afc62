# SPDX-License-Identifier: Apache-2.0
"""A durable run, for code that blocks. `aio.py` is the same for code that awaits."""

from __future__ import annotations

import inspect
import random
import time
import uuid
from functools import wraps
from types import TracebackType
from typing import Any, Callable, Optional, Type, TypeVar, Union

from . import steps as protocol
from .blocking import Line
from .errors import StepFailed
from .governor import Governor, Place, place
from .steps import Decision, Recorded, Step, Steps

T = TypeVar("T")


class Placed:
    """What every run can say about itself without asking."""

    def __init__(self, where: Place, given: Any = None):
        self.place = where
        self.input = given
        """What the run was enqueued with."""

    @property
    def id(self) -> str:
        return self.place.id

    @property
    def try_(self) -> int:
        return self.place.try_

    @property
    def openai_base_url(self) -> str:
        return self.place.url + "/v1"

    @property
    def anthropic_base_url(self) -> str:
        return self.place.url

    @property
    def api_key(self) -> str:
        """For clients of models, which insist on one."""
        return self.place.governor.key or "unused"

    def tool_url(self, tool: str) -> str:
        return f"{self.place.url}/tools/{tool}"


class Run(Placed):
    """As a context, the run is ended when the block ends, and failed for good when it raises `Final` or a recorded
    failure. Any other exception leaves it as it is: the next try goes on."""

    def __init__(self, where: Place, given: Any = None, line: Optional[Line] = None):
        super().__init__(where, given)
        self._line = line or Line(where.governor.url)
        self._own_line = line is None
        self._steps = Steps(where)
        self.ended = False

    def step(self, name: str, fn: Callable[..., T], *, effect: str = "idempotent", input: Any = None) -> T:
        """Runs `fn` once for all tries and returns its result, which must be JSON. `fn` may take the `Step`, for its
        idempotency key. `effect` says what happens when the agent dies within: `read`, `idempotent` and
        `keyed` are made again, `unsafe` is in doubt until a person decides. `input` tells steps of one
        name apart."""
        begun = self._line.drive(self._steps.begin(name, effect, input))
        if isinstance(begun, Recorded):
            recorded: T = begun.result
            return recorded
        try:
            value: T = protocol.kept(apply(fn, begun))
        except Exception as why:
            failure = self._line.drive(self._steps.failed(begun, why))
            if failure:
                raise failure from why
            raise
        self._line.drive(self._steps.done(begun, value))
        return value

    def sleep(self, seconds: float, name: Optional[str] = None) -> None:
        """Until `seconds` after the first try came here."""
        self._line.drive(self._steps.sleep(seconds, name))

    def wait(self, signal: str, timeout: Optional[float] = None) -> Any:
        """The next value of the signal; raises TimedOut."""
        return self._line.drive(self._steps.wait(signal, timeout))

    def approval(self, question: str, details: Any = None, timeout: Optional[float] = None) -> Decision:
        """Asks a person; raises TimedOut."""
        return self._line.drive(self._steps.approval(question, details, timeout))

    def child(self, name: str, input: Any = None, queue: Optional[str] = None) -> str:
        """The id of a run below this one, the same in every try; with a queue, a worker takes it."""
        return self._line.drive(self._steps.child(name, input, queue))

    def join(self, run: str) -> Any:
        """The result of another run, once it has ended; raises ChildFailed."""
        return self._line.drive(self._steps.join(run))

    def now(self) -> float:
        """The time, in seconds since 1970: the same in every try."""
        return self.step("now", time.time, effect="read")

    def random(self) -> float:
        """From 0 to 1: the same in every try."""
        return self.step("random", lambda: random.random(), effect="read")

    def uuid(self) -> str:
        return self.step("uuid", lambda: str(uuid.uuid4()), effect="read")

    def end(self, result: Any = None) -> None:
        self._line.drive(self._steps.end(result))
        self.ended = True

    def fail(self, why: Union[str, BaseException], retry: bool = False) -> None:
        """The run has failed; with `retry` and a queue it is tried again later."""
        why = why if isinstance(why, BaseException) else StepFailed(why, {"message": why})
        self._line.drive(self._steps.fail(why, retry))
        self.ended = True

    def close(self) -> None:
        if self._own_line:
            self._line.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], why: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        try:
            if not self.ended and why is None:
                self.end()
            elif not self.ended and why is not None and protocol.is_final(why):
                self.fail(why)
        finally:
            self.close()

    def __call__(self, fn: Callable[[Run], T]) -> Callable[[], T]:
        """As a decorator: the run ends with what the function returns."""

        @wraps(fn)
        def whole() -> T:
            with Run(self.place, self.input) as run:
                value = fn(run)
                if not run.ended:
                    run.end(value)
                return value

        return whole


def run(id: Optional[str] = None, *, try_: Optional[int] = None, governor: Optional[Governor] = None) -> Run:
    """A run to use as a context or a decorator. Without an id or a try: AIRE_RUN and AIRE_TRY, which
    `aire supervise` sets. Nothing is asked of the Governor yet."""
    return Run(place(id, try_, governor))


def apply(fn: Callable[..., T], step: Step) -> T:
    """Calls a step's function: with the step where it insists on an argument; one with a default is its own."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except ValueError:  # some that are written in C tell nothing
        parameters = []
    takes = parameters and parameters[0].default is parameters[0].empty and (
        parameters[0].kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD))
    return fn(step) if takes else fn()
