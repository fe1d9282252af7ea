"""Where a partition stands: the bundle in force, and the cuts under way.

What ``kerwen status`` shows of a state; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hub.core.messages import Close
from hub.core.state import Reader

WAITING, JOINING, VOID = "waiting", "joining", "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutStanding:
    """A cut that is not done.

    Attributes:
        word: WAITING for `sources`; JOINING: new sources wait until `sources` have come
            to their bundle; VOID: it crossed another marker and has to be issued again.
        marker: In hex; empty for a joining.
        since_ms: Since when.
        sources: Whom it waits for, as ``topic/partition``.
    """

    word: str
    marker: str = ""
    period: str = ""
    vintage: str = ""
    tables: tuple[str, ...] = ()
    since_ms: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one partition stands.

    Attributes:
        bundle: Digest of the bundle in force; zeros before the first.
    """

    bundle: bytes
    cuts: tuple[CutStanding, ...] = ()


@runtime_checkable
class Stands(Protocol):
    """A stage that can say where a partition stands."""

    def standing(self, topic: str, state: Reader) -> Standing:
        """Where the partition of `topic` with this state stands."""


def of_close(
    word: str, close: Close, *, since_ms: int = 0, sources: tuple[str, ...] = ()
) -> CutStanding:
    """The standing of a marker."""
    return CutStanding(
        word=word,
        marker=close.marker.hex(),
        period=close.period,
        vintage=close.vintage,
        tables=close.tables,
        since_ms=since_ms or close.created_ms,
        sources=sources,
    )
