"""Intake: from sealed batches to rows without a name.

Rules (design §3 rules 5, 6, 8, 10, 13; §4; §5):

- Control messages carry the hub's control signature. Genesis and config produce
  nothing, a close marker goes on to every destination, an unbelievable one is counted
  and passed over; only a foreign log or an unknown bundle stops the partition.
- A config record puts a newer bundle in force from its offset on; an older one counts
  as stale and changes nothing.
- What a signed skip sets aside is never opened: its lane goes on, its ministry gets a
  final refusal.
- Every envelope gets a receipt. Rows of many envelopes are decoded one by one, then
  judged and pseudonymised together: nothing a row becomes depends on its neighbours.
- Records go to the dataflow's domain, declarations to NONE; both hear of every chunk.
- What is counted, and how little of a quiet dataflow: :mod:`hub.core.tally`.

Invariant: no direct identifier is in anything a step gives back, except the refused
rows, which are sealed to the ministry they came from.

State entries: lanes (``l``), ``g`` → bundle and generation in force, and those of
:mod:`hub.core.arrears` and :mod:`hub.core.freshness`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import ormsgpack
import polars as pl

from hub.core import arrears, freshness
from hub.core.admission import Batch, admit, set_aside, unbelieved
from hub.core.answers import Desk
from hub.core.arrow import STAGE, Arrow
from hub.core.bundle import NONE, Bundles
from hub.core.errors import EnvelopeError, LogError
from hub.core.identity.pseudonyms import pseudonymise
from hub.core.intake_keys import Keys
from hub.core.lanes import Lanes, Outcome
from hub.core.log import Incoming, Send, Source
from hub.core.messages import (
    Close,
    Config,
    Envelope,
    Genesis,
    Receipt,
    decode,
    decode_as,
    encode,
    verify,
)
from hub.core.reasons import Reason
from hub.core.rulebook import Form, Shelf
from hub.core.stage import Result
from hub.core.standing import Standing
from hub.core.state import Overlay, Reader
from hub.core.tally import Tally
from hub.core.validate import Refused, validate

GENERAL = b"g"
Control = Genesis | Config | Close
ROWS_TOGETHER = 8_000
"""Rows judged at once; bounds the memory of a step, whatever the batches inflate to."""


class Intake:
    """The stage intake, for the ministry topics of a catalogue."""

    name = STAGE

    def __init__(
        self,
        *,
        bundles: Bundles,
        keys: Keys,
        entropy: Callable[[int], bytes],
    ) -> None:
        """Prepare the stage.

        Args:
            bundles: Every bundle this worker holds; the oldest is in force until a
                config record names one.
            keys: Intake's own secrets.
            entropy: Source of nonces.
        """
        self.shelf = Shelf(bundles)
        self.keys = keys
        self.entropy = entropy

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """Fold consecutive messages of one ministry partition into the overlay."""
        step = _Step(self, overlay, source)
        return step.run(messages)

    def standing(self, topic: str, state: Reader) -> Standing:
        """See :class:`hub.core.standing.Stands`."""
        del topic
        (stored,) = state.get_many([GENERAL])
        return Standing(bundle=ormsgpack.unpackb(stored)[0] if stored else NONE)


class _Step:
    """One call of the stage."""

    def __init__(self, stage: Intake, overlay: Overlay, source: Source) -> None:
        self._stage = stage
        self._keys = stage.keys
        self._overlay = overlay
        self._source = source
        self._lanes = Lanes(overlay)
        self._waiting: list[Batch] = []
        self._waiting_rows = 0
        self._blocks: list[Send] = []
        self._answers: list[Send] = []
        stored = overlay.get(GENERAL)
        general: tuple[bytes, int] = ormsgpack.unpackb(stored) if stored else (NONE, 0)
        self._generation = general[1]
        self._tally = Tally()
        self._obey(general[0])

    def run(self, messages: Sequence[Incoming]) -> Result:
        """Fold the messages, in order."""
        self._begin(messages[0])
        for message in messages:
            self._arrow.see(message.time_ms)
            self._take(message)
        self._ship(messages[-1].offset)
        sends = [*self._blocks, *self._answers]
        return Result(sends=sends, counts=dict(self._tally.counts))

    def _begin(self, message: Incoming) -> None:
        """A stretch under the bundle in force begins with `message`."""
        forms = (self._address.records, self._address.declarations)
        self._arrow = Arrow(forms, message.offset)
        self._arrow.see(message.time_ms)

    def _ship(self, offset: int) -> None:
        """The stretch ends with `offset`."""
        self._flush()
        self._arrow.end(offset)
        self._blocks += self._arrow.sends(
            self._source,
            config=self._rulebook.digest,
            generation=self._generation,
            key=self._keys.records,
            entropy=self._stage.entropy,
        )

    def _obey(self, digest: bytes) -> None:
        """Put a bundle in force."""
        topic = self._source.topic
        book = self._stage.shelf.of(digest, topic)
        self._config = digest
        self._rulebook = book
        self._address = self._tally.address = book.address(topic)
        self._desk = Desk.of(
            self._address, self._source, self._keys.receipt, book.registry
        )

    def _take(self, message: Incoming) -> None:
        if message.aside:
            self._set_aside(message)
            return
        try:
            value = decode(message.value)
        except EnvelopeError as error:
            self._wait(unbelieved(message, error.reason))
            return
        match value:
            case Envelope():
                batch = admit(
                    value,
                    message,
                    address=self._address,
                    partition=self._source.partition,
                    rulebook=self._rulebook,
                    lanes=self._lanes,
                    keys=self._keys.hub,
                )
                self._wait(batch)
            case Genesis() | Config() | Close():
                self._take_control(value, message)
            case _:
                self._wait(unbelieved(message, Reason.MALFORMED))

    def _set_aside(self, message: Incoming) -> None:
        """Answer a message that a signed skip sets aside."""
        batch = set_aside(
            message,
            address=self._address,
            partition=self._source.partition,
            rulebook=self._rulebook,
            lanes=self._lanes,
        )
        self._wait(batch)

    def _wait(self, batch: Batch) -> None:
        """Let a batch wait for the others, unless there are enough rows."""
        arrears.follow(self._overlay, batch)
        if batch.outcome is Outcome.DUPLICATE:
            # The receipt it wants may belong to a batch that still waits.
            self._flush()
        self._waiting.append(batch)
        self._waiting_rows += batch.height
        if self._waiting_rows >= ROWS_TOGETHER or batch.outcome is Outcome.DUPLICATE:
            self._flush()

    def _take_control(self, value: Control, message: Incoming) -> None:
        outcome, reason = "accepted", ""
        try:
            verify(value, self._rulebook.registry.authority(value.key_id, "control"))
        except EnvelopeError as error:
            if message.offset == 0:
                raise LogError(
                    f"{self._source.name}: the genesis record is not the control"
                    " key's; create the topic with `kerwen topics apply`"
                ) from error
            outcome, reason = "refused", error.reason
        else:
            outcome = self._follow(value, message)
        self._tally.take("control_total", outcome, reason)

    def _follow(self, value: Control, message: Incoming) -> str:
        """Do what a verified control message says; what became of it."""
        offset = message.offset
        match value:
            case Genesis():
                place = (value.topic, value.partition, value.log)
                source = self._source
                if offset or place != (source.topic, source.partition, source.log):
                    raise LogError(
                        f"{source.name}: the genesis record at offset {offset} is"
                        " another log's; `kerwen doctor` says what to restore"
                    )
                self._generation = value.generation
                self._remember()
            case Config():
                newer = self._stage.shelf.newer(self._config, value.bundle)
                if newer == self._config != value.bundle:
                    return "stale"
                # A block is wholly under one bundle.
                self._ship(offset - 1)
                self._obey(newer)
                self._begin(message)
                self._remember()
            case Close():
                self._flush()
                self._arrow.close(offset, value)
        return "accepted"

    def _remember(self) -> None:
        general = (self._config, self._generation)
        self._overlay.put(GENERAL, ormsgpack.packb(general))

    def _flush(self) -> None:
        """Judge and answer what waits."""
        refused: dict[int, list[Refused]] = {}
        for form in (self._address.records, self._address.declarations):
            refused |= self._judge(form)
        for batch in self._waiting:
            self._answer(batch, refused.get(batch.message.offset, []))
        self._waiting.clear()
        self._waiting_rows = 0

    def _judge(self, form: Form) -> dict[int, list[Refused]]:
        """Validate and pseudonymise the rows of a dataflow; offset -> refused rows."""
        frames = [
            batch.rows.with_columns(
                pl.lit(batch.message.offset, dtype=pl.Int64).alias("origin_offset"),
                pl.int_range(pl.len(), dtype=pl.Int32).alias("origin_row"),
                pl.lit(batch.message.time_ms, dtype=pl.Int64).alias("clock_ms"),
            )
            for batch in self._waiting
            if batch.form is form and batch.rows is not None and batch.height
        ]
        if not frames:
            return {}
        frame = pl.concat(frames).with_columns(
            pl.lit(self._address.member.id).alias("member"),
            pl.lit(self._address.records.flow.id).alias("named"),
        )
        accepted, bad = validate(frame, form.flow, form.checks)
        if not form.flow.quiet and not form.flow.reserved:
            dates = accepted[form.flow.event_date]
            freshness.follow(self._overlay, form.flow.id, dates)
        secret = self._keys.pseudonyms[form.flow.domain]
        made = pseudonymise(accepted, form.flow, form.linkage, secret)
        self._arrow.add(form.flow.id, made)
        refused: dict[int, list[Refused]] = {}
        places = frame.select("origin_offset", "origin_row")[[one.row for one in bad]]
        for one, (offset, row) in zip(bad, places.iter_rows(), strict=True):
            here = Refused(row=row, reason=one.reason, field=one.field)
            refused.setdefault(offset, []).append(here)
        return refused

    def _answer(self, batch: Batch, refused: list[Refused]) -> None:
        """Send receipt and refused rows; count."""
        if self._desk.recipient is None:
            self._tally.take("answers_total", "unsealed")
        if batch.outcome is Outcome.DUPLICATE and batch.header is not None:
            kept = self._lanes.kept(batch.header.lane, batch.header.sequence)
            assert kept is not None  # noqa: S101 - judged a duplicate by it
            self._tally.duplicate(decode_as(Receipt, kept.receipt))
            self._answers += self._desk.send_receipt(kept.receipt)
            return
        receipt = self._desk.receipt(batch, refused)
        value = encode(receipt)
        if batch.outcome is Outcome.NEW:
            self._lanes.keep(receipt.lane, receipt.sequence, batch.digest, value)
        self._answers += self._desk.send_quarantine(batch, refused)
        self._answers += self._desk.send_receipt(value)
        whole = batch.reason.value if batch.reason else ""
        self._tally.take("envelopes_total", receipt.outcome, whole)
        flow = batch.form.flow.id if batch.form else ""
        counted = Counter(one.reason.value for one in refused)
        self._tally.rows("accepted", "", batch.height - len(refused), flow)
        for reason, rows in counted.items():
            self._tally.rows("quarantined", reason, rows, flow)
