"""Quiet dataflows: one batch a day of one size, at one hour, whether there is anything.

Rules (docs/disclosure.md, "Quiet dataflows"):

- A day has one slot, at a time of day in Asia/Ashgabat. What is published takes the
  next free one: its header bears the slot's time, not that of the publication, and it
  is not sent before. What is more than one batch holds waits for the days after.
- A slot for which nothing came is filled with an empty batch of the same size, also
  those that passed while the service was down; so every lane has one batch a day.
- Declarations take a slot like everything else.
- Who watches the brokers sees one message of one size a day and lane, and nothing in
  the counts, sizes or times of these messages depends on what is in them.

- A spool that has begun with slots keeps its hour: a command by hand that knows of no
  hour, or of another, waits as the service does.

State of the spool: figure ``slot <dataflow>`` → the last slot that was taken.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Catalogue, Dataflow
from hub.core.errors import UsageError
from hub.core.messages import Envelope, EnvelopeHeader, decode, decode_as
from hub.core.period import DAY_MS, OFFSET_MS
from hub.publisher import batches, ledger
from hub.publisher.entries import Parcel, Place
from hub.publisher.sealing import Sealer
from hub.publisher.spool import Spool

VARIABLE = "KERWEN_QUIET_AT"
"""When quiet batches are sent, as HH:MM; unset: at once, one for each publication."""
MISSED_MAX = 31
"""Slots that are filled afterwards at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The slots of a day.

    Attributes:
        offset_ms: Of the slot, after the beginning of a day in Asia/Ashgabat.
    """

    offset_ms: int

    def passed(self, now_ms: int) -> int:
        """The last slot that is not after a moment."""
        return now_ms - (now_ms + OFFSET_MS - self.offset_ms) % DAY_MS

    def following(self, now_ms: int) -> int:
        """The first slot after a moment."""
        return self.passed(now_ms) + DAY_MS


def read(text: str) -> Slots:
    """The slots at a time of day, HH:MM; raises UsageError."""
    try:
        at = dt.time.fromisoformat(text)
    except ValueError as error:
        why = f"{VARIABLE} = {text!r}: expected a time, such as 02:00"
        raise UsageError(why) from error
    return Slots(offset_ms=(at.hour * 60 + at.minute) * 60_000)


def configured() -> Slots | None:
    """The slots that this machine is set to; None: none."""
    text = os.environ.get(VARIABLE, "")
    return read(text) if text else None


def kept(spool: Spool) -> Slots | None:
    """The slots that a spool has begun with; None: it has none."""
    last = ledger.figure(spool, _name(next(iter(hidden(spool)), "")))
    return Slots(offset_ms=(last + OFFSET_MS) % DAY_MS) if last else None


def begun(path: Path) -> bool:
    """Whether there is a spool, and it has slots."""
    if not path.exists():
        return False
    with Spool.open(path, write=False) as spool:
        return kept(spool) is not None


def moment(
    slots: Slots, spool: Spool, now_ms: Callable[[], int]
) -> Callable[[Dataflow], int]:
    """What the next quiet batch is dated: its slot, which is then taken."""

    def taken(flow: Dataflow) -> int:
        last = ledger.figure(spool, _name(flow.id))
        # Slots without a gap: one that passed meanwhile is taken, and sent at once.
        slot = last + DAY_MS if last else slots.following(now_ms())
        ledger.note(spool, _name(flow.id), slot)
        return slot

    return taken


def fill(slots: Slots, spool: Spool, sealer: Sealer, catalogue: Catalogue) -> int:
    """Put an empty batch into every slot that passed with nothing; returns how many."""
    passed, made = slots.passed(sealer.now_ms()), 0
    for name in sealer.member.provides:
        flow = catalogue.dataflows[name]
        if not flow.quiet:
            continue
        last = ledger.figure(spool, _name(name))
        if not last:  # a lane begins with the next slot
            with spool.change():
                ledger.note(spool, _name(name), passed)
            continue
        for slot in range(
            max(last, passed - MISSED_MAX * DAY_MS) + DAY_MS, passed + 1, DAY_MS
        ):
            _empty(flow, spool, sealer, slot)
            made += 1
    return made


def hidden(spool: Spool) -> list[str]:
    """Dataflows that have slots: how many of their batches wait is not told."""
    rows = spool.connection.execute(
        "SELECT name FROM figures WHERE name LIKE ?", (_name("%"),)
    )
    return sorted(name.removeprefix(_name("")) for (name,) in rows)


def dated_ms(envelope: bytes) -> int:
    """When a sealed batch says it was made; of a quiet one, its slot."""
    found = decode(envelope)
    assert isinstance(found, Envelope)  # noqa: S101 - the spool holds nothing else
    return decode_as(EnvelopeHeader, found.header).created_ms


def _empty(flow: Dataflow, spool: Spool, sealer: Sealer, slot: int) -> None:
    """One batch without a row."""
    rows = pl.DataFrame(schema=avro.polars_schema(flow.schema))
    content = batches.records(flow, rows, [], None)
    dated = replace(sealer, moment=lambda _: slot)

    def make(place: Place) -> Parcel:
        ledger.note(spool, _name(flow.id), slot)
        return dated.seal(flow, content, place)

    spool.put(flow.id, sealer.entropy, make)


def _name(dataflow: str) -> str:
    return f"slot {dataflow}"
