# SPDX-License-Identifier: Apache-2.0
"""Where the Governor is and how patient its callers are; where a run stands below it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Optional

_RUN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
TRY_MAX = 1_000_000


def _url() -> str:
    return os.environ.get("AIRE_URL") or "http://127.0.0.1:8080"


def _key() -> Optional[str]:
    return os.environ.get("AIRE_KEY") or None


@dataclass(frozen=True)
class Governor:
    """`url` and `key` come from AIRE_URL and AIRE_KEY where they are not given."""

    url: str = field(default_factory=_url)
    key: Optional[str] = field(default_factory=_key, repr=False)
    hold: float = 20.0
    """Seconds that the Governor holds a waiting call before it is asked again; at most 60."""
    patience: float = 60.0
    """Seconds of pauses between attempts of one call while the Governor is away or cannot commit."""
    pause_first: float = 0.1
    pause_max: float = 5.0

    def __post_init__(self) -> None:
        if not re.match(r"https?://[^/?#]+", self.url):
            raise ValueError(f"not the address of a Governor: {self.url!r}")
        if not 0 < self.hold <= 60:
            raise ValueError("hold is more than 0 and at most 60 seconds")
        object.__setattr__(self, "url", self.url.rstrip("/"))


@dataclass(frozen=True)
class Place:
    """One try of one run, and the base URLs of everything below it."""

    governor: Governor
    id: str
    try_: int

    def __post_init__(self) -> None:
        if not _RUN.fullmatch(self.id):
            raise ValueError(f"a run is named by 1 to 64 of A-Za-z0-9._:-, not by {self.id!r}")
        if not 1 <= self.try_ <= TRY_MAX:
            raise ValueError(f"a try counts from 1 to {TRY_MAX}, not {self.try_}")

    @property
    def path(self) -> str:
        return f"/run/{self.id}/{self.try_}"

    @property
    def url(self) -> str:
        return self.governor.url + self.path


def place(id: Optional[str], try_: Optional[int], governor: Optional[Governor]) -> Place:
    """What is not given comes from AIRE_RUN and AIRE_TRY, which `aire supervise` sets; AIRE_TRY counts for
    the run that AIRE_RUN names and for no other."""
    named = os.environ.get("AIRE_RUN")
    id = id or named
    if not id:
        raise ValueError("a run needs an id: run(id), or AIRE_RUN in the environment")
    if try_ is None:
        told = os.environ.get("AIRE_TRY", "1") if named in (None, "", id) else "1"
        if not told.isdigit():
            raise ValueError(f"AIRE_TRY is no number: {told!r}")
        try_ = int(told)
    return Place(governor or Governor(), id, try_)
