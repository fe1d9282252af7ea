"""Publish a file, declare a period, come back later: one session of a ministry.

Rules (design: publisher):

- A file is read, sealed and spooled in batches; then sent; then its receipts are
  awaited. Brokers that are away stop the second and third step, never the first.
- What was sent in an earlier session and never answered is sent again on the way.
- Publishing the same file again does nothing and says so; ``again`` makes new batches
  of it, ``resend`` sends the same sealed batches twice.
- A publication that was interrupted goes on after the last row in the spool.
- Batches of quiet dataflows wait for their slot, where there are slots; nobody waits
  for their receipts before.
- Nothing is printed here; a callback is told how far it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from hub.core import period
from hub.core.catalogue.model import Catalogue, Dataflow
from hub.core.errors import InvalidError, MachineError, RetriableError
from hub.edge import keyring
from hub.edge.settings import Settings
from hub.publisher import accounts, batches, ledger, quiet, summary
from hub.publisher.answers import Answers
from hub.publisher.broker import Broker, KafkaBroker
from hub.publisher.courier import Courier, Tell
from hub.publisher.entries import Publication
from hub.publisher.filling import Filler
from hub.publisher.mapping import Mapping
from hub.publisher.quarantine import Shelf
from hub.publisher.quiet import Slots
from hub.publisher.sealing import (
    DECLARATION,
    Sealer,
    sealer,
)
from hub.publisher.sources.rows import NOTHING_SAID, Said
from hub.publisher.spool import Spool
from hub.publisher.summary import Source, Summary

BATCH_ROWS = 8_000
"""Rows in a batch; a batch of this size is some hundred kilobytes."""
LOOK_SECONDS = 0.2
"""Pause between two looks at the receipts."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True, kw_only=True)
class Session:
    """A ministry at its spool; use as a context manager."""

    catalogue: Catalogue
    sealer: Sealer
    spool: Spool
    courier: Courier
    broker: Broker
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    batch_rows: int = BATCH_ROWS
    slots: Slots | None = None
    _read: dict[int, Source] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        settings: Settings,
        catalogue: Catalogue,
        member: str,
        *,
        batch_rows: int = BATCH_ROWS,
        broker: Broker | None = None,
        slots: Slots | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> Self:
        """A session of `member` with the keys and the spool of a home.

        Args:
            settings: Whose home, and which brokers.
            catalogue: What it may publish.
            member: Its short id.
            batch_rows: Rows in a batch.
            broker: Another way to the logs than Kafka.
            slots: When batches of quiet dataflows are sent; None: as the spool has
                begun, and at once where it has not.
            now_ms: This machine's clock.

        Raises:
            InvalidError: There is no such member, or it publishes nothing.
            EnvelopeError: A key is missing or revoked.
            MachineError: Another session writes to the spool, or keys are not there.
        """
        known = catalogue.members.get(member)
        if known is None or not known.provides:
            raise InvalidError(f"{member!r} is no member that publishes")
        keys = keyring.ministry(settings.home.root, member)
        registry = keyring.registry(settings.home.root)
        made = sealer(
            known,
            keys.sign,
            keys.seals,
            registry,
            entropy=os.urandom,
            now_ms=now_ms,
        )
        spool = Spool.open(settings.home.spool / f"{member}.sqlite")
        slots = quiet.kept(spool) or slots
        if slots is not None:
            quiet.fill(slots, spool, made, catalogue)
            made = replace(made, moment=quiet.moment(slots, spool, now_ms))
        way = broker or KafkaBroker(settings, member)
        return cls(
            catalogue=catalogue,
            sealer=made,
            spool=spool,
            broker=way,
            courier=Courier(
                catalogue=catalogue,
                sealer=made,
                registry=registry,
                spool=spool,
                broker=way,
                fresh=lambda: (
                    keyring.registry(settings.home.root),
                    keyring.ministry(settings.home.root, member).seals,
                ),
            ),
            batch_rows=batch_rows,
            slots=slots,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.close()
        self.spool.close()

    def publish(
        self,
        dataflow: str,
        path: Path,
        *,
        mapping: Mapping | None = None,
        said: Said = NOTHING_SAID,
        again: bool = False,
        resend: bool = False,
        wait_seconds: float = 60.0,
        tell: Tell | None = None,
    ) -> Summary:
        """Spool a file, send it, wait for its receipts.

        Args:
            dataflow: Its id.
            path: A file in one of the forms that have an adapter.
            mapping: None where the header names the schema's fields.
            said: What is declared about the file.
            again: New batches of a file that was published before: the hub sees its
                rows a second time and counts them as replays.
            resend: Send every sealed batch twice: the hub sees duplicate batches.
            wait_seconds: How long to wait for receipts.
            tell: Progress.

        Raises:
            InvalidError: The file, its header or its mapping is unusable.
            MachineError: There is no room for the spool.
        """
        started = self.clock()
        publication = self.add(
            dataflow,
            path,
            mapping=mapping,
            said=said,
            again=again,
            tell=tell,
        )
        notes = self.settle(
            wait_seconds, resend=publication.id if resend else None, tell=tell
        )
        done = self.summary(publication, notes)
        return replace(done, seconds=self.clock() - started)

    def add(
        self,
        dataflow: str,
        path: Path,
        *,
        mapping: Mapping | None = None,
        said: Said = NOTHING_SAID,
        again: bool = False,
        tell: Tell | None = None,
    ) -> Publication:
        """Read and seal a file into the spool; a second time, say what is there."""
        flow = self._dataflow(dataflow)
        publication, source = self.filler.file(
            flow, path, mapping, said, again=again, tell=tell
        )
        self._read[publication.id] = source
        return publication

    def declare(
        self, dataflow: str, label: str, *, complete: bool = True, nil: bool = False
    ) -> None:
        """Spool the declaration of a period; :meth:`settle` sends it.

        Raises:
            InvalidError: The period is not one that this dataflow is declared by.
        """
        flow = self._dataflow(dataflow)
        wanted = period.parse(label)
        if wanted.frequency != flow.declare:
            shape = {"A": "2025", "Q": "2025-Q1", "M": "2025-03"}[flow.declare]
            raise InvalidError(f"{flow.id} is declared by periods such as {shape}")
        declared = self.catalogue.dataflows[DECLARATION]
        content = batches.declaration(declared, label, complete=complete, nil=nil)
        self.spool.put(
            flow.id,
            self.sealer.entropy,
            lambda place: self.sealer.seal(flow, content, place),
        )

    def settle(
        self,
        wait_seconds: float,
        *,
        resend: int | None = None,
        tell: Tell | None = None,
    ) -> tuple[str, ...]:
        """Send what is spooled and wait for receipts; returns notes for a person.

        Args:
            wait_seconds: How long to wait.
            resend: A publication whose batches are sent twice.
            tell: Progress.
        """
        deadline = self.clock() + wait_seconds
        notes: list[str] = []
        if self.slots is not None:
            quiet.fill(self.slots, self.spool, self.sealer, self.catalogue)
        try:
            # Before there are new answers: brokers of an earlier day have fewer of them
            # than were read, which is seen now and not when as many are there again.
            self.courier.collect()
            self.shelf.resume(self.broker)
            self.courier.remind()
            self.courier.send(tell)
            if resend is not None:
                self.courier.repeat(ledger.items(self.spool, file=resend))
            total = self._left(resend)
            while left := self._left(resend):
                noted = self.courier.collect()
                self.courier.remind()
                self.courier.send()
                if tell is not None:
                    tell("receipts", max(total - left, 0), total)
                if self.clock() > deadline:
                    break
                if not noted:
                    self.pause(LOOK_SECONDS)
            if next(accounts.absent(self.spool), None) is not None:
                self.shelf.collect(self.broker)
        except (RetriableError, MachineError) as error:
            notes.append(f"{error}; the batches wait in the spool, publish again later")
        if resend is not None and ledger.unrepeated(self.spool, resend):
            notes.append("batches with a final receipt or a slot were not sent twice")
        notes += [*self.courier.notes, self.courier.clock()]
        self.courier.notes.clear()
        return tuple(filter(None, notes))

    @property
    def waiting(self) -> int:
        """Batches whose receipts are waited for now."""
        courier = self.courier
        return ledger.waiting(self.spool, courier.stopped, courier.resting)

    def _left(self, resent: int | None) -> int:
        """Answers that are still awaited."""
        stopped = self.courier.stopped
        waiting = self.waiting
        if resent is None:
            return waiting
        return max(waiting, ledger.unanswered(self.spool, resent, stopped))

    @property
    def filler(self) -> Filler:
        """Puts what is read into the spool."""
        return Filler(sealer=self.sealer, spool=self.spool, batch_rows=self.batch_rows)

    def summary(self, publication: Publication, notes: tuple[str, ...] = ()) -> Summary:
        """What a publication came to so far."""
        return summary.of(
            self.spool,
            publication,
            quiet=self.catalogue.dataflows[publication.dataflow].quiet,
            source=self._read.get(publication.id, Source()),
            notes=notes,
        )

    def answers(self) -> Answers:
        """What the hub sent back beside receipts."""
        return Answers(
            sealer=self.sealer,
            registry=self.courier.registry,
            spool=self.spool,
            broker=self.broker,
        )

    @property
    def shelf(self) -> Shelf:
        """Its refused rows."""
        return Shelf(catalogue=self.catalogue, sealer=self.sealer, spool=self.spool)

    def _dataflow(self, dataflow: str) -> Dataflow:
        """A dataflow that this ministry provides."""
        provides = self.sealer.member.provides
        if dataflow not in provides:
            raise InvalidError(
                f"{self.sealer.member.id} does not provide {dataflow!r}; it provides "
                f"{', '.join(provides)}"
            )
        return self.catalogue.dataflows[dataflow]
