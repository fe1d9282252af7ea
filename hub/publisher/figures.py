"""What a ministry's machine shows of its spools: waiting, refused, old.

Rules (design: envelope, metrics; quarantine):

- Read-only, at every scrape anew; a spool that cannot be read is itself a figure.
- Of a quiet dataflow no number of rows and no age of its own: its age counts for the
  ministry as a whole, under an empty `dataflow`.
- Time is this machine's clock set right by what the brokers last said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.core.errors import HubError
from hub.edge import declared
from hub.edge.metrics import PREFIX
from hub.publisher import accounts, ledger
from hub.publisher.accounts import Account
from hub.publisher.courier import RECEIPT_SECONDS
from hub.publisher.entries import State
from hub.publisher.spool import Spool

STAGE = "publisher"
MEND_SECONDS_MAX = 7 * 86_400
"""Rows that wait longer to be mended are told to somebody."""

_NAMES = (
    "quarantine_age_seconds",
    "quarantine_rows",
    "receipt_age_seconds",
    "receipts_overdue",
    "spool_batches",
    "clock_ahead_seconds",
    "spool_unreadable",
)
_MORE = {
    "quarantine_age_seconds": ("dataflow",),
    "quarantine_rows": ("dataflow", "outcome"),
    "spool_batches": ("outcome",),
}
"""Labels after stage and ministry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one spool comes to.

    Attributes:
        overdue: Batches without a receipt for longer than :data:`RECEIPT_SECONDS`;
            those of quiet dataflows are one together.
        hushed: Whether there are such.
        receipt_age_seconds: Of the oldest batch without a receipt; 0: there is none.
        ahead_ms: This machine's clock minus the brokers'.
        accounts: Of refused rows.
        now_ms: The brokers' time.
    """

    member: str
    batches: dict[str, int]
    overdue: int
    hushed: bool
    receipt_age_seconds: int
    ahead_ms: int
    accounts: list[Account] = field(default_factory=list)
    now_ms: int

    def age_seconds(self, one: Account) -> int:
        """How long the oldest row of an account has waited; 0: none waits."""
        return max(self.now_ms - one.oldest_ms, 0) // 1000 if one.waiting else 0


def read(path: Path, now_ms: int, quiet: Collection[str] = ()) -> Figures:
    """The figures of a spool.

    Args:
        path: Of the spool.
        now_ms: This machine's clock.
        quiet: Dataflows of which no batch is counted that waits; refused or late, they
            are one together: that there are some has to be seen.

    Raises:
        HubError: It cannot be read.
    """
    with Spool.open(path, write=False) as spool:
        ahead_ms = ledger.figure(spool, ledger.CLOCK_MS)
        _, oldest_ms = ledger.overdue(spool, now_ms, 0)
        after_ms = RECEIPT_SECONDS * 1000
        number, _ = ledger.overdue(spool, now_ms, after_ms)
        told, _ = ledger.overdue(spool, now_ms, after_ms, but=quiet)
        broken = [ledger.count(spool, State.REFUSED, but=but) for but in ((), quiet)]
        return Figures(
            member=path.stem,
            batches={
                State.SPOOLED: ledger.count(spool, State.SPOOLED, but=quiet),
                State.SENT: ledger.count(spool, State.SENT, but=quiet),
                State.REFUSED: broken[1] + (broken[0] > broken[1]),
            },
            overdue=told + (number > told),
            hushed=number > told,
            receipt_age_seconds=oldest_ms // 1000,
            ahead_ms=ahead_ms,
            accounts=accounts.accounts(spool),
            now_ms=now_ms - ahead_ms,
        )


class Spools(Collector):
    """The spools of a folder, as Prometheus reads them."""

    def __init__(
        self, folder: Path, quiet: Collection[str], now_ms: Callable[[], int]
    ) -> None:
        """Look into `folder`; `quiet` are ids of dataflows."""
        self._folder = folder
        self._quiet = quiet
        self._now_ms = now_ms

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every family, also an empty one."""
        made = {
            name: GaugeMetricFamily(
                PREFIX + name,
                declared.metric(name, STAGE).text,
                labels=("stage", "ministry", *_MORE.get(name, ())),
            )
            for name in _NAMES
        }
        for path in sorted(self._folder.glob("*.sqlite")):
            try:
                found = read(path, self._now_ms(), self._quiet)
            except HubError:
                made["spool_unreadable"].add_metric([STAGE, path.stem], 1)
                continue
            for name, labels, value in self._of(found):
                made[name].add_metric([STAGE, found.member, *labels], value)
        return iter(made.values())

    def _of(self, found: Figures) -> Iterator[tuple[str, tuple[str, ...], float]]:
        """Name, labels after stage and ministry, value."""
        hidden = 0
        for one in found.accounts:
            age = found.age_seconds(one)
            if one.dataflow in self._quiet:
                hidden = max(hidden, age)
                continue
            yield "quarantine_age_seconds", (one.dataflow,), age
            for fate in ("open", "mended", "resent", "purged", "absent"):
                rows = getattr(one, fate)
                yield "quarantine_rows", (one.dataflow, fate), rows
        yield "quarantine_age_seconds", ("",), hidden
        yield "receipt_age_seconds", (), found.receipt_age_seconds
        yield "receipts_overdue", (), found.overdue
        yield "clock_ahead_seconds", (), found.ahead_ms / 1000
        yield "spool_unreadable", (), 0
        for state, number in found.batches.items():
            yield "spool_batches", (state,), number
