"""What a publication came to, in rows.

Rules (design: conservation):

- published = accepted + duplicates + quarantined + refused + waiting, always; with
  every receipt there, the last two are zero.
- Rows refused at the source are in no batch: they are counted beside, with their file.
- The counts of a quiet dataflow are for the ministry's own eyes: whoever shows or
  stores a summary leaves them out when `quiet` is set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.messages import Receipt, decode_as
from hub.publisher import ledger
from hub.publisher.entries import Item, Publication, State
from hub.publisher.sources.rows import Dialect
from hub.publisher.spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What reading a file gave, beside the batches.

    Attributes:
        rejected: Rows refused at the source.
        rejected_file: Where they are listed, None if there are none.
        emptied: Values set to null because the mapping said so, by field.
        deviations: From the source's standard, by kind and by whose they are.
        notes: What a person should know about the source.
    """

    rejected: int = 0
    rejected_file: Path | None = None
    emptied: Mapping[str, int] = field(default_factory=dict)
    dialect: Dialect | None = None
    deviations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One publication; counts are rows unless they say otherwise.

    Attributes:
        published: Rows put in batches, each time they were sent.
        duplicates: Rows of batches that were sent again.
        quarantined: By reason.
        refused: Rows of batches refused as a whole.
        waiting: Rows of batches without a final receipt.
        known: The file was published before, and nothing was done.
        notes: What a person should know.
    """

    dataflow: str
    name: str
    quiet: bool
    published: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0
    waiting: int = 0
    batches: int = 0
    known: bool = False
    source: Source = field(default_factory=Source)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every batch was taken."""
        return not (self.waiting or self.refused)


def of(
    spool: Spool,
    publication: Publication,
    *,
    quiet: bool,
    source: Source,
    notes: tuple[str, ...] = (),
) -> Summary:
    """What a publication came to so far."""
    total: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    for item in ledger.items(spool, file=publication.id):
        if item.state == State.REPLACED:
            continue
        total["batches"] += 1
        for name, rows, reasons in _shares(item):
            total[name] += rows
            quarantined.update(reasons)
    parts = ("accepted", "duplicates", "refused", "waiting")
    return Summary(
        dataflow=publication.dataflow,
        name=publication.name,
        quiet=quiet,
        published=sum(total[part] for part in parts) + quarantined.total(),
        accepted=total["accepted"],
        duplicates=total["duplicates"],
        quarantined=dict(quarantined),
        refused=total["refused"],
        waiting=total["waiting"],
        batches=total["batches"],
        known=publication.finished_ms is not None,
        source=source,
        notes=(*source.notes, *notes),
    )


def _shares(item: Item) -> list[tuple[str, int, dict[str, int]]]:
    """Where the rows of one batch went: (field, rows, quarantined by reason)."""
    if item.state == State.REFUSED:
        return [("refused", item.rows, {})]
    if item.state != State.FINAL or item.receipt is None:
        return [("waiting", item.rows, {})]
    receipt = decode_as(Receipt, item.receipt)
    # The hub may answer twice to one copy; no more copies count than were sent.
    copies = max(min(item.answers, item.sends) - 1, 0)
    return [
        ("accepted", receipt.accepted, dict(receipt.refused)),
        ("duplicates", item.rows * copies, {}),
    ]
