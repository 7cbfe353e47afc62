# SPDX-License-Identifier: Apache-2.0
"""What can go wrong. `Error` is above all that the Governor says; a step's own function raises `Final` or
`NothingDone` to say more than that it failed."""

from __future__ import annotations

from typing import Any, Dict, Optional, Type


class Error(Exception):
    """`code` and `id` are the Governor's: `aire exchanges show ID` tells the whole story of `id`."""

    def __init__(self, message: str, *, code: str = "", id: Optional[str] = None, status: int = 0):
        super().__init__(message + (f" ({id})" if id else ""))
        self.message = message
        self.code = code
        self.id = id
        self.status = status


class Unreachable(Error):
    """No connection, or no whole answer, for as long as the patience lasts."""


class Unavailable(Error):
    """It answers, but cannot do this now: its journal fails, or it is over a rate. Patience has ended."""


class Refused(Error):
    """The call itself is wrong, or not allowed: 400, 401, 403, 404, 413."""


class Fenced(Error):
    """A newer try of this run has begun. This process must stop: nothing it does counts any more."""


class Closed(Error):
    """The run has ended or was cancelled."""


class Diverged(Error):
    """The run asked for something else than it did the first time, and stands still."""


class Full(Error):
    """The run has as many steps, or bytes, as a run may have."""


class Conflict(Error):
    """A step of this name is recorded with another input."""


class Busy(Error):
    """This try is making the step already."""


class NotHeld(Error):
    """This try does not make the step whose outcome it reports."""


class InDoubt(Error):
    """Whether the step took effect is not known. A person decides (`aire runs`); then the run goes on."""


class Erased(Error):
    """The key of the run was destroyed; its steps cannot be read any more."""


class StepFailed(Error):
    """A final failure of a step, recorded: it is the same in every try. `error` is what was recorded."""

    def __init__(self, message: str, error: Dict[str, Any]):
        super().__init__(message, code="step_failed")
        self.error = error


class ChildFailed(StepFailed):
    """The child run that was joined has failed."""


class TimedOut(Error):
    """The time given to a wait or an approval is over. That is recorded too."""


class Final(Exception):
    """Raised by a step's function: it has failed and trying again will not help. Recorded."""


class NothingDone(Exception):
    """Raised by the function of an unsafe step that surely had no effect: the step may be made again."""


_BY_CODE: Dict[str, Type[Error]] = {
    "try_fenced": Fenced,
    "fenced": Fenced,
    "run_closed": Closed,
    "run_diverged": Diverged,
    "run_full": Full,
    "run_erased": Erased,
    "step_conflict": Conflict,
    "step_busy": Busy,
    "step_not_held": NotHeld,
    "step_in_doubt": InDoubt,
}


def from_answer(status: int, document: Any, id: Optional[str]) -> Error:
    """The exception for an answer that is none of success."""
    told = document.get("error") if isinstance(document, dict) else None
    told = told if isinstance(told, dict) else {}
    code = str(told.get("code") or "")
    message = str(told.get("message") or f"the Governor answered {status}")
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = Unavailable if status >= 500 or status == 429 else Refused
    return kind(message, code=code, id=told.get("id") or id, status=status)
