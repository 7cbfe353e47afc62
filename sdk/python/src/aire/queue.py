# SPDX-License-Identifier: Apache-2.0
"""Runs that wait for a worker, as talks (see talk.py): enqueue, claim, keep, and signals to runs."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass, replace
from typing import Any, Dict, Optional
from urllib.parse import quote

from .errors import Error, Unavailable, Unreachable
from .governor import Governor, Place
from .talk import Talk, ask

CLAIM_HOLD_S = 10.0  # also how long a worker that was told to stop may take to notice


@dataclass(frozen=True)
class Claim:
    place: Place
    input: Any
    lease: float  # seconds


def enqueue(governor: Governor, queue: str, given: Any, id: Optional[str], priority: int,
            not_before: Optional[float], tries: int) -> Talk[str]:
    """The id is made here, so that asking again after a lost answer enqueues nothing twice."""
    body: Dict[str, Any] = {"id": id or f"{queue[:24]}-{uuid.uuid4().hex}", "queue": queue,
                            "priority": priority, "tries_max": tries}
    if given is not None:
        body["input"] = given
    if not_before is not None:
        body["not_before_ms"] = round(not_before * 1000)
    answer = yield from ask(governor, "/api/runs", body)
    return str(answer.document()["run"])


def signal(governor: Governor, run: str, name: str, value: Any) -> Talk[None]:
    """Each call is a signal of its own, so one whose answer was lost is not sent again by itself: Unreachable."""
    path = f"/api/runs/{quote(run, safe=':')}/signals/{quote(name, safe='')}"
    yield from ask(governor, path, value, repeats=False)


def claim(governor: Governor, queue: str, worker: str, lease: float) -> Talk[Optional[Claim]]:
    """None when there was nothing for a while. A claim whose answer is lost runs out by itself."""
    body = {"worker": worker, "lease_ms": round(lease * 1000)}
    path = f"/api/queues/{quote(queue, safe='')}/claim"
    try:
        answer = yield from ask(replace(governor, patience=governor.pause_max), path, body,
                                holds=min(governor.hold, CLAIM_HOLD_S))
    except (Unreachable, Unavailable):
        return None  # it has paused long enough; a worker outlives its Governor
    if answer.status == 204:
        return None
    told = answer.document()
    if not isinstance(told, dict) or "run" not in told or "try" not in told:
        raise Error("a claim's answer names no run and try", status=answer.status)
    place = Place(governor, str(told["run"]), int(told["try"]))
    return Claim(place, told.get("input"), told.get("lease_ms", lease * 1000) / 1000)


def heartbeat(held: Claim, queue: str) -> Talk[None]:
    """Raises Fenced when the run is no longer this worker's."""
    governor = replace(held.place.governor, patience=held.lease / 3)
    yield from ask(governor, f"/api/queues/{quote(queue, safe='')}/heartbeat",
                   {"run": held.place.id, "try": held.place.try_})


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
