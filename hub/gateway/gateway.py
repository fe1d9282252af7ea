"""What the gateway holds while it runs: catalogue, store, news, doors, answers.

Rules:

- What there is of each table is known in short and in memory; it is read again when
  the store has changed, and the constraints of structures with it.
- What data a table for members has is for members as well: how many figures, which
  codes and periods. Others get the same structures without it.
- Everything a request needs is here; requests share nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hub.core.catalogue.model import Catalogue, Table
from hub.core.sdmx import sdg
from hub.core.sdmx.model import Constraint, Flow, Structure
from hub.core.sdmx.shelf import Shelf, constraint_ref, flow_ref, shelf
from hub.core.sdmx.times import span
from hub.edge.metrics import Metrics
from hub.gateway.bus import Bus
from hub.gateway.cache import Cache
from hub.gateway.doors import LOOK_SECONDS, Doors
from hub.gateway.lookup import Lookup, State
from hub.gateway.settings import GatewaySettings
from hub.gateway.store import Change

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """How far the reader is; for readiness and metrics.

    Attributes:
        caught_up: Everything that was in the log at the start was read.
        lag: Messages that wait.
        problem: Why nothing is read now; empty: something is.
    """

    caught_up: bool = False
    lag: int = 0
    problem: str = ""

    def said(self) -> dict[str, Any]:
        """What a probe is told: ready once all that was in the log is in the store."""
        return {
            "ok": self.caught_up,
            "assigned": True,
            "opening": [] if self.caught_up else ["the log"],
            "lag": self.lag,
            "problem": self.problem,
        }


@dataclass(slots=True)
class Gateway:
    """One gateway; see the module."""

    catalogue: Catalogue
    lookup: Lookup
    doors: Doors
    settings: GatewaySettings
    metrics: Metrics
    bus: Bus = field(default_factory=Bus)
    cache: Cache = field(default_factory=Cache)
    progress: Progress = field(default_factory=Progress)
    states: dict[str, State] = field(default_factory=dict)
    shelf: Shelf = field(init=False)
    open_shelf: Shelf = field(init=False)
    revoked: asyncio.Event = field(default_factory=asyncio.Event)
    _plain: Shelf = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._plain = shelf(self.catalogue).also(sdg.artefacts(self.catalogue))
        self.shelf = self.open_shelf = self._plain
        self.refresh(one.id for one in self.tables())

    def tables(self) -> list[Table]:
        """Published tables, in catalogue order."""
        return [one for one in self.catalogue.tables.values() if not one.internal]

    def refresh(self, tables: Iterable[str]) -> None:
        """Read again what there is of these tables; from any thread."""
        with self._lock:
            for name in tables:
                if name in self.catalogue.tables:
                    self.states[name] = self.lookup.state(name)
            found = [_constraint(self._plain, one) for one in self.states.values()]
            self.shelf = self._plain.also(found)
            self.open_shelf = self._plain.also(
                one for one in found if self._is_public(one.flow.id)
            )

    def changed(self, changes: Iterable[Change]) -> None:
        """Take note of what the store took in, and tell everybody."""
        listed = list(changes)
        self.refresh({one.table for one in listed})
        for one in listed:
            outcome = "refused" if one.refused else one.action
            self.metrics.count("releases_total", outcome=outcome)
            if one.refused:
                _log.error("release of %s refused: %s", one.table, one.refused)
            self.bus.publish(one)

    def text(self) -> bytes:
        """The exposition of all its series; from any thread."""
        self.metrics.gauge("lag_messages", self.progress.lag)
        self.metrics.gauge("streams", self.bus.listeners)
        self.metrics.gauge("cache_bytes", self.cache.size)
        return self.metrics.text()

    def is_open(self, flow: Flow) -> bool:
        """Whether a dataflow is for everybody."""
        return self._is_public(flow.ref.id)

    def _is_public(self, name: str) -> bool:
        table = self.catalogue.tables.get(name)
        return table is None or table.access == "public"

    @property
    def changed_ms(self) -> int:
        """When anything last changed."""
        return max((one.changed_ms for one in self.states.values()), default=0)

    @property
    def version(self) -> str:
        """Changes whenever anything does."""
        return "".join(one.version for one in self.states.values())

    async def watch(self) -> None:
        """Look at tokens and revocations, for ever; run it as a task."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(self.doors.look):
                # Whoever streams wakes up and asks whether it may go on.
                self.revoked.set()
                self.revoked = asyncio.Event()


def _constraint(plain: Shelf, state: State) -> Constraint:
    """What data a table has, as a structure."""
    flow = plain.flow(flow_ref(state.table))
    if flow is None:
        raise KeyError(state.table)
    structure = plain.structure(flow)
    return Constraint(
        ref=constraint_ref(flow.ref),
        name=flow.name,
        flow=flow.ref,
        values=_values(structure, state),
        start=str(span(state.periods[0]).start) if state.periods else None,
        end=str(span(state.periods[-1]).end) if state.periods else None,
        series=state.series,
        observations=state.observations,
    )


def _values(structure: Structure, state: State) -> dict[str, tuple[str, ...]]:
    """Codes that occur, in the order of their codelists."""
    found = {}
    for one, codes in zip(structure.dimensions, state.codes, strict=False):
        known = [code for code in one.codes if code in codes]
        found[one.id] = tuple(known) or codes
    return found
