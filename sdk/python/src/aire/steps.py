# SPDX-License-Identifier: Apache-2.0
"""The steps of one try as talks: what a run does, without how it is carried out (see talk.py)."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Union
from urllib.parse import quote

from .errors import ChildFailed, Error, Final, NothingDone, StepFailed, TimedOut
from .governor import Place
from .talk import Talk, ask, encode

EFFECTS = ("read", "idempotent", "keyed", "unsafe")
LABEL_MAX = 80  # x-aire-step holds 128; this leaves room for kind, digest and place


@dataclass(frozen=True)
class Step:
    """A step that is to be made now, as its function sees it."""

    number: int
    name: str
    key: str
    """The idempotency key: the same in every try. What the step calls should be given it."""
    effect: str


@dataclass(frozen=True)
class Recorded:
    result: Any


@dataclass(frozen=True)
class Decision:
    """What a reviewer answered. `edit` is what they put in the place of what was asked for."""

    decision: str
    by: str = ""
    reason: Optional[str] = None
    edit: Any = None

    @property
    def approved(self) -> bool:
        return self.decision in ("approve", "edit")


class Steps:
    """Names each step by kind, name, input and its place among equals of this try, so that it is known again
    in the next try, and also when an answer was lost and the same call is made once more."""

    def __init__(self, place: Place):
        self.place = place
        self.lock = threading.Lock()
        self.seen: Dict[Tuple[str, str], int] = {}

    def key(self, kind: str, name: str, given: Any = None) -> str:
        label = quote(name, safe="!$&'()*+,/:;=@")
        if len(label) > LABEL_MAX:
            label = label[: LABEL_MAX - 13].rsplit("%", 1)[0] + "~" + _digest(name)
        if given is not None:
            label += "-" + _digest(given)
        with self.lock:
            nth = self.seen[kind, label] = self.seen.get((kind, label), 0) + 1
        return f"{kind}:{label}" + (f"#{nth}" if nth > 1 else "")

    def call(self, path: str, body: Dict[str, Any], step: Optional[str] = None,
             holds: bool = False) -> Talk[Dict[str, Any]]:
        governor = self.place.governor
        answer = yield from ask(governor, f"{self.place.path}/workflow/{path}", body, step=step,
                                waits=step is not None, holds=governor.hold if holds else None)
        document = answer.document()
        if not isinstance(document, dict):
            raise Error("the Governor's answer is no JSON object", status=answer.status)
        return document

    # ---- code of the agent's own ----

    def begin(self, name: str, effect: str, given: Any) -> Talk[Union[Step, Recorded]]:
        if effect not in EFFECTS:
            raise ValueError(f"an effect is one of {', '.join(EFFECTS)}, not {effect!r}")
        body: Dict[str, Any] = {"name": name, "effect": effect}
        if given is not None:
            body["input"] = given
        told = yield from self.call("step", body, self.key("step", name, given))
        if told.get("state") == "make":
            return Step(int(told["step"]), name, str(told.get("key", "")), effect)
        return Recorded(_settled(told, StepFailed, f"step {name!r}"))

    def done(self, step: Step, value: Any) -> Talk[None]:
        yield from self.call(f"steps/{step.number}", {"result": value})

    def failed(self, step: Step, why: Exception) -> Talk[Optional[StepFailed]]:
        """Reports a failure. An unsafe step that failed in an unknown way is not given back: it stays in doubt,
        because it may have had its effect. Returns what to raise in the place of a final failure."""
        final = isinstance(why, (Final, StepFailed))
        if step.effect == "unsafe" and not final and not isinstance(why, NothingDone):
            return None
        error = {"message": str(why) or type(why).__name__, "type": type(why).__name__}
        yield from self.call(f"steps/{step.number}", {"error": error, "final": final})
        return StepFailed(f"step {step.name!r} failed: {error['message']}", error) if final else None

    # ---- waiting ----

    def sleep(self, seconds: float, name: Optional[str]) -> Talk[None]:
        if seconds < 0:
            raise ValueError("a sleep is not negative")
        body: Dict[str, Any] = {"ms": round(seconds * 1000)}
        if name is not None:
            body["name"] = name
        yield from self.call("sleep", body, self.key("sleep", name or ""), holds=True)

    def wait(self, signal: str, timeout: Optional[float]) -> Talk[Any]:
        body = _timed({"signal": signal}, timeout)
        told = yield from self.call("wait", body, self.key("wait", signal), holds=True)
        return _settled(told, StepFailed, f"signal {signal!r}")

    def approval(self, question: str, details: Any, timeout: Optional[float]) -> Talk[Decision]:
        body = _timed({"question": question}, timeout)
        if details is not None:
            body["details"] = details
        told = yield from self.call("approval", body, self.key("approval", question), holds=True)
        answer = _settled(told, StepFailed, "approval")
        return Decision(str(answer.get("decision")), str(answer.get("by", "")), answer.get("reason"),
                        answer.get("edit"))

    # ---- other runs ----

    def child(self, name: str, given: Any, queue: Optional[str]) -> Talk[str]:
        body: Dict[str, Any] = {"name": name}
        if given is not None:
            body["input"] = given
        if queue is not None:
            body["queue"] = queue
        told = yield from self.call("child", body, self.key("child", name, given))
        return str(_settled(told, StepFailed, f"child {name!r}")["run"])

    def join(self, run: str) -> Talk[Any]:
        told = yield from self.call("join", {"run": run}, self.key("join", run), holds=True)
        return _settled(told, ChildFailed, f"run {run}")

    def end(self, result: Any) -> Talk[None]:
        yield from self.call("end", {"result": result})

    def fail(self, why: BaseException, retry: bool) -> Talk[None]:
        error = {"message": str(why) or type(why).__name__, "type": type(why).__name__}
        yield from self.call("end", {"error": error, "retry": retry})


def kept(value: Any) -> Any:
    """A result as the next try will get it, so that this one goes on with the same: a tuple is a list now."""
    return json.loads(encode(value))


def is_final(why: BaseException) -> bool:
    """A run that ends so would end so again."""
    return isinstance(why, (Final, StepFailed))


def _settled(told: Dict[str, Any], failure: type[StepFailed], what: str) -> Any:
    state = told.get("state")
    if state == "done":
        return told.get("result")
    if state == "timeout":
        raise TimedOut(f"{what}: the time is over", code="timeout")
    if state == "failed":
        error = told.get("error")
        error = error if isinstance(error, dict) else {"message": str(error)}
        raise failure(f"{what} failed: {error.get('message')}", error)
    raise Error(f"{what}: the Governor answers a state that this version does not know: {state!r}")


def _timed(body: Dict[str, Any], timeout: Optional[float]) -> Dict[str, Any]:
    return body if timeout is None else {**body, "timeout_ms": round(timeout * 1000)}


def _digest(value: Any) -> str:
    """Twelve digits that tell inputs of one name apart, the same for every order of members."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
