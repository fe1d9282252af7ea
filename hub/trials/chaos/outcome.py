"""What a chaos trial is asked to do, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hub.trials.chaos.checker.evidence import Finding
from hub.trials.chaos.faults import KINDS

RECOVER_SECONDS_MAX = 600.0
"""Far beyond what is meant to be: the report says how long it took."""

QUIET_SECONDS_MAX = 600.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be done.

    Attributes:
        persons: Size of the sample's population; 0: so many that it lasts.
        kinds: Faults to deal.
        module: Module of the workers; ``{stage}`` is replaced.
        cut_every: A cut is closed before every so manieth fault.
        audits: Of how many of these cuts the audit is asked, the last one apart.
        strict: A hub that does not recover ends the trial; else the next fault follows.
        recover_seconds: How long it may take.
        quiet_seconds: How long receipts, and then the last release, may take.
    """

    cycles: int
    seed: int
    persons: int = 0
    kinds: Sequence[str] = tuple(KINDS)
    module: str = "agents.{stage}"
    cut_every: int = 10
    audits: int = 2
    pieces_per_second: float = 2.0
    strict: bool = True
    recover_seconds: float = RECOVER_SECONDS_MAX
    quiet_seconds: float = QUIET_SECONDS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One fault and what followed.

    Attributes:
        seconds: How long the fault lasted.
        recover_seconds: From its end until everything moved again; None: it did not.
    """

    kind: str
    target: str
    seconds: float
    recover_seconds: float | None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a trial came to.

    Attributes:
        unreceipted: Batches without a final receipt at the end.
        released: Whether the last cut was released whole.
        audits: Verdicts of the audit; the last one is of the last cut.
        restarts: How often the supervisor started a worker again.
    """

    trial: Trial
    volume: str
    cycles: list[Cycle] = field(default_factory=list)
    cuts: int = 0
    finding: Finding | None = None
    audits: list[str] = field(default_factory=list)
    unreceipted: int = 0
    released: bool = False
    restarts: int = 0
    rss_bytes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled or left behind."""
        return (
            self.finding is not None
            and self.finding.clean
            and set(self.audits) == {"equal"}
            and self.unreceipted == 0
            and all(one.recover_seconds is not None for one in self.cycles)
        )
