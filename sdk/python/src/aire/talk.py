# SPDX-License-Identifier: Apache-2.0
"""The conversation with the Governor, without any input or output of its own.

A talk is a generator: it yields what it wishes (an `Ask`, a `Pause`), is sent what came of it, and
returns its result. `blocking.py` and `asynchronous.py` fulfil the wishes; so every rule of the
protocol stands once."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any, Dict, Generator, Optional, TypeVar, Union

from .errors import InDoubt, Unreachable, from_answer
from .governor import Governor

T = TypeVar("T")
ANSWER_MAX = 16 << 20  # bytes; results are 1 MiB at most, so this is no answer of a Governor


@dataclass(frozen=True)
class Ask:
    """One POST."""

    path: str
    body: bytes
    headers: Dict[str, str]
    timeout: float


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Dict[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    took: float = 0.0  # seconds

    def document(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Broken:
    """No whole answer came; whether the call was served is not known."""

    why: Exception
    connected: bool = True


Talk = Generator[Union[Ask, Pause], Union[Answer, Broken, None], T]


class Patience:
    """Pauses that double, with full jitter, until their sum is used up. A hint of the Governor is a floor."""

    def __init__(self, governor: Governor):
        self.governor = governor
        self.left = governor.patience
        self.next = governor.pause_first

    def pause(self, hint: float = 0.0) -> Optional[Pause]:
        if self.left <= 0:
            return None
        seconds = max(min(hint, self.left), random.uniform(self.next / 2, self.next))
        self.next = min(self.next * 2, self.governor.pause_max)
        self.left -= seconds
        return Pause(seconds)


def ask(
    governor: Governor,
    path: str,
    body: Any,
    *,
    step: Optional[str] = None,
    waits: bool = False,
    holds: Optional[float] = None,
    repeats: bool = True,
) -> Talk[Answer]:
    """Asks until the answer is of success. One that `waits` is asked again for ever when it is told 202; what is
    broken, 429 and 503 as long as patience lasts. `holds`: seconds that the answer may be held back. A call that may
    not be repeated (`repeats` False) is asked again only when it surely was not served."""
    headers = {"content-type": "application/json"}
    if governor.key:
        headers["authorization"] = f"Bearer {governor.key}"
    if step:
        headers["x-aire-step"] = step
    if holds is not None:
        body = {**body, "hold_ms": max(1, round(holds * 1000))}
    wish = Ask(path, encode(body), headers, (holds or 0) + 30)
    patience = Patience(governor)
    while True:
        answer = yield wish
        assert answer is not None
        if isinstance(answer, Broken):
            pause = patience.pause() if repeats or not answer.connected else None
            if pause is None:
                raise Unreachable(f"{governor.url}: {answer.why or type(answer.why).__name__}")
            yield pause
        elif answer.status == 202 and waits:
            patience = Patience(governor)
            pace = min(holds or 1.0, 1.0)
            if answer.took < pace:  # not held: do not spin
                yield Pause(pace - answer.took)
        elif 200 <= answer.status < 300:
            return answer
        else:
            error = from_answer(answer.status, answer.document(), answer.headers.get("x-aire-id"))
            again = answer.status in (429, 503) and not isinstance(error, InDoubt)
            pause = patience.pause(_hint(answer)) if again else None
            if pause is None:
                raise error
            yield pause


def _hint(answer: Answer) -> float:
    """Seconds of Retry-After; its form as a date is not used by the Governor."""
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0


def encode(value: Any) -> bytes:
    """JSON. What JSON cannot say (NaN, sets, objects) is an error here, not at the other end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
