"""The cycles of a chaos trial: one fault, the wait until all is whole again, the next.

Rules:

- When a fault is over, a probe goes into every ministry partition. The seconds until
  all of it, and so all that waited before it, is through every partition up to the
  cells are the time to recover. Where release was hit, it has to have read them, too.
- Now and then a cut is closed right before a fault, so that it is under way meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hub.core.catalogue.model import Catalogue
from hub.core.errors import RetriableError
from hub.edge import control
from hub.trials.chaos.faults import KINDS, SHARED, Deck, Dice
from hub.trials.chaos.feeder import Feeder
from hub.trials.chaos.outcome import Cycle, Trial
from hub.trials.chaos.probe import Probe
from hub.trials.chaos.scene import Scene
from hub.trials.chaos.watcher import Watcher

YEAR = 2025
_LOOK_SECONDS = 0.05


@dataclass(slots=True, kw_only=True)
class Cycles:
    """The cycles of one trial; :meth:`run` deals them.

    Attributes:
        cuts: Markers of the cuts that were closed on the way.
    """

    trial: Trial
    scene: Scene
    catalogue: Catalogue
    feeder: Feeder
    watcher: Watcher
    probe: Probe
    cuts: list[bytes]

    def run(self) -> Iterator[Cycle]:
        """Fault after fault.

        Raises:
            RetriableError: The hub does not recover, and the trial is strict.
            HubError: The ministries cannot publish.
        """
        trial = self.trial
        dice = random.Random(trial.seed)  # noqa: S311 - a schedule, no secret
        deck = Deck(dice, tuple(trial.kinds))
        if self._whole(0, release=True) is None:
            raise RetriableError(f"the hub does not begin; see {self._logs}")
        for number in range(1, trial.cycles + 1):
            if trial.cut_every and number % trial.cut_every == 0:
                self._cut(dice)
            one = self._cycle(deck.deal(), dice)
            self.scene.weigh()
            self.feeder.check()
            yield one
            if one.recover_seconds is None and trial.strict:
                raise RetriableError(
                    f"cycle {number}, {one.kind} of {one.target}: not whole after "
                    f"{trial.recover_seconds:.0f} s; see {self._logs}"
                )

    @property
    def _logs(self) -> str:
        return str(self.scene.hub.home.logs)

    def _cycle(self, kind: str, dice: Dice) -> Cycle:
        began = time.monotonic()
        own = random.Random(dice.random())  # noqa: S311 - a schedule, no secret
        target = KINDS[kind](self.scene, own)
        ended, ended_ms = time.monotonic(), time.time_ns() // 1_000_000
        whole = self._whole(ended_ms, release=_hits_release(target))
        return Cycle(
            kind=kind,
            target=target,
            seconds=ended - began,
            recover_seconds=None if whole is None else whole - ended,
        )

    def _whole(self, since_ms: int, *, release: bool) -> float | None:
        """When the hub was whole again after `since_ms`; None: not in time."""
        deadline = time.monotonic() + self.trial.recover_seconds
        acks = cells = None
        while time.monotonic() < deadline:
            if acks is None:
                acks = self.probe.send()
            elif cells is None:
                if self.watcher.passed(acks):
                    cells = self.watcher.cells
            elif not release or self.watcher.released(since_ms) >= cells:
                return time.monotonic()
            time.sleep(_LOOK_SECONDS)
        return None

    def _cut(self, dice: Dice) -> None:
        """Close a month; its release is under way when this returns."""
        period = f"{YEAR}-{dice.randint(1, 12):02d}"
        close = control.close(self.scene.hub.settings, self.catalogue, period=period)
        self.cuts.append(close.marker)


def _hits_release(target: str) -> bool:
    return "release" in target or not any(stage in target for stage in SHARED)
