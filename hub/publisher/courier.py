"""The courier: batches from the spool to the brokers, receipts back.

Rules (design: lane machine):

- A lane is sent in order, on its own partition. What was not acknowledged is sent
  again: the same sealed bytes, so the hub knows it.
- Gap: go back to the expected sequence. Fork, or an expected batch that is no longer
  here: a new lane, in which the rows that have no final receipt are sealed again.
  Stale: the rows go under a new sequence. Nothing else is decided here: a refused
  batch waits for a person, and nothing is sent in circles.
- What has no receipt after :data:`RECEIPT_SECONDS` is sent again.
- Receipts are noted before their position moves, so a kill costs a second look.

Bound: at most :data:`WINDOW_BYTES`, or one batch, of what waits is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.core.catalogue.model import Catalogue
from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.lanes import partition_of
from hub.core.log import Incoming, Send
from hub.core.messages import Receipt, encode
from hub.core.topics import ministry_topic, receipts_topic
from hub.publisher import ledger, quiet
from hub.publisher.broker import Broker
from hub.publisher.entries import Item, Parcel, Place, State
from hub.publisher.receipts import Verdict, note, open_receipt
from hub.publisher.sealing import DECLARATION, Content, Sealer, listing
from hub.publisher.spool import Spool

WINDOW = 16
"""Batches sent between two looks at the acknowledgements."""
WINDOW_BYTES = 16 << 20
"""Bytes of them."""
RECEIPT_SECONDS = 300
"""After so long without a receipt a batch is sent again, and somebody is told."""
CLOCK_SECONDS_MAX = 300
"""A clock that is further off than this is told to be set."""
LATER = 2**63 - 1
"""An offset after every other."""
RETURNS_MAX = 20
"""Times a lane may be told to go back without a final receipt in between."""

Keys = tuple[KeyRegistry, Mapping[str, PrivateKey]]
"""Everyone's public keys, and a ministry's private sealing keys."""

Tell = Callable[[str, int, int], None]
"""Progress: what (``sent`` or ``receipts``), how many are done, of how many."""


@dataclass(slots=True, kw_only=True)
class Courier:
    """Carries for one ministry.

    Attributes:
        notes: What a person should know, in sentences.
        fresh: Reads the hub's public keys and the ministry's own again: they may be
            rotated while a session lasts.
        stopped: Lanes that wait for a person; nothing more is sent in them.
        resting: Lanes whose next batch waits for its slot (:mod:`hub.publisher.quiet`).
    """

    catalogue: Catalogue
    sealer: Sealer
    registry: KeyRegistry
    spool: Spool
    broker: Broker
    fresh: Callable[[], Keys] | None = None
    notes: list[str] = field(default_factory=list)
    stopped: set[bytes] = field(default_factory=set)
    resting: set[bytes] = field(default_factory=set)
    _returns: dict[bytes, int] = field(default_factory=dict)

    def send(self, tell: Tell | None = None) -> int:
        """Send what is spooled; returns how many batches were acknowledged.

        Raises:
            RetriableError: The brokers are away; the spool keeps what is left.
        """
        total = ledger.count(self.spool, State.SPOOLED) if tell else 0
        done = 0
        self.resting.clear()
        # A batch that goes again goes in its lane's order, not the spool's.
        for lane in ledger.lanes(self.spool):
            after = 0
            while lane not in self.stopped | self.resting:
                window = ledger.window(
                    self.spool,
                    lane,
                    after,
                    batches_max=WINDOW,
                    bytes_max=WINDOW_BYTES,
                )
                window = self._ready(window)
                if not window:
                    break
                self._carry(window)
                after = window[-1].sequence
                done += len(window)
                if tell is not None:
                    tell("sent", min(done, total), total)
        return done

    def _ready(self, window: list[Item]) -> list[Item]:
        """The batches of a window whose slot has come; the lane rests behind them."""
        for at, item in enumerate(window):
            if not self.slotted(item):
                continue
            envelope = ledger.content(self.spool, item, "envelope")
            if quiet.dated_ms(envelope) > self.sealer.now_ms():
                self.resting.add(item.lane)
                return window[:at]
        return window

    def slotted(self, item: Item) -> bool:
        """Whether a batch has a slot: then it is sent in it, and once."""
        quiet_one = self.catalogue.dataflows[item.dataflow].quiet
        return quiet_one and self.sealer.moment is not None

    def repeat(self, items: Sequence[Item]) -> None:
        """Send batches once more as they are, as after an unsure acknowledgement.

        Those with a slot are left out: a second message would show that one was not
        empty.
        """
        states = (State.SPOOLED, State.SENT)
        items = [
            item for item in items if item.state in states and not self.slotted(item)
        ]
        for start in range(0, len(items), WINDOW):
            self._carry(items[start : start + WINDOW])

    def _carry(self, items: Sequence[Item]) -> None:
        sends = [
            Send(
                topic=ministry_topic(self.sealer.member.id, item.dataflow),
                partition=partition_of(item.lane),
                key=None,
                value=ledger.content(self.spool, item, "envelope"),
            )
            for item in items
        ]
        acks = self.broker.send(sends)
        ledger.sent(self.spool, items, acks, self.sealer.now_ms())

    def collect(self) -> int:
        """Read and note the receipts that are there; returns how many.

        Raises:
            RetriableError: The brokers are away.
        """
        topic = receipts_topic(self.sealer.member.id)
        start = ledger.position(self.spool, topic)
        noted = 0
        for message in self.broker.read(topic, start):
            noted += self._read(message)
            ledger.move(self.spool, topic, message.offset + 1)
        return noted

    def _read(self, message: Incoming) -> bool:
        """Note the receipt in a message; one that cannot be trusted is only told."""
        if not message.value:
            return False
        try:
            receipt = self._open(message.value)
            if receipt is not None:
                self._take(receipt)
        except EnvelopeError as error:
            self.notes.append(
                f"an answer at offset {message.offset} of the receipts cannot be "
                f"trusted and was passed over: {error}"
            )
            return False
        return receipt is not None

    def _open(self, value: bytes) -> Receipt | None:
        """The receipt in a message; by keys that are newer than the session, too."""
        try:
            return open_receipt(value, self.sealer.seals, self.registry)
        except EnvelopeError:
            if self.fresh is None:
                raise
        self.registry, seals = self.fresh()
        return open_receipt(value, seals, self.registry)

    def _take(self, receipt: Receipt) -> None:
        verdict, item = note(self.spool, receipt, encode(receipt), self.sealer.member)
        if item is None or item.state == State.REPLACED:
            return
        name = f"{item.dataflow}, batch {item.sequence}"
        reason = receipt.refused[0][0] if receipt.refused else ""
        if verdict is Verdict.FINAL:
            self._returns.pop(item.lane, None)
        elif verdict is Verdict.GAP:
            self._go_back(item, receipt)
        elif verdict is Verdict.FORK:
            self.notes.append(
                f"{name}: the hub knows another batch in its place (a restored or "
                "copied spool); the lane was replaced and the rows are sent again"
            )
            self.renew(item.lane)
        elif verdict is Verdict.STALE:
            self.spool.reopen([item], self.sealer.entropy, self.again, new_lane=False)
        elif verdict is Verdict.REFUSED:
            self.notes.append(
                f"{name}: refused as a whole ({reason}); mend the cause, "
                "then publish with --retry"
            )
        elif verdict is Verdict.UNBELIEVED:
            self.stopped.add(item.lane)
            ledger.back(self.spool, item.lane, item.sequence, LATER)
            self.notes.append(
                f"{name}: the hub did not believe it ({reason}): is this signing key "
                "in the hub's registry? Nothing was lost; publish again when it is"
            )

    def _go_back(self, item: Item, receipt: Receipt) -> None:
        """The hub waits for an earlier batch of the lane."""
        if item.lane in self.stopped:
            return
        place = item.lane, receipt.expected, receipt.offset
        if not ledger.back(self.spool, *place, early=item.id):
            self.notes.append(
                f"{item.dataflow}: the hub waits for batch {receipt.expected}, which "
                "is no longer here; the lane was replaced"
            )
            self.renew(item.lane)
            return
        self._returns[item.lane] = self._returns.get(item.lane, 0) + 1
        if self._returns[item.lane] > RETURNS_MAX * WINDOW:
            self.stopped.add(item.lane)
            self.notes.append(f"{item.dataflow}: the hub keeps asking for one batch")

    def renew(self, lane: bytes) -> None:
        """Close a lane and seal what has no final receipt again in a new one."""
        items = ledger.items(
            self.spool, State.SPOOLED, State.SENT, State.REFUSED, lane=lane
        )
        items.sort(key=lambda one: one.sequence)
        self.spool.reopen(items, self.sealer.entropy, self.again, new_lane=True)

    def remind(self, seconds: float = RECEIPT_SECONDS) -> None:
        """Let what has had no receipt for so long go again with the next sending."""
        now_ms = self.sealer.now_ms()
        if ledger.remind(self.spool, now_ms, round(seconds * 1000)):
            flows = self.catalogue.dataflows.values()
            hushed = {one.id for one in flows if one.quiet}
            number, longest_ms = ledger.overdue(self.spool, now_ms, 0)
            told, _ = ledger.overdue(self.spool, now_ms, 0, but=hushed)
            some = "batches" if number > told else f"{number} batches"
            self.notes.append(
                f"{some} are without a receipt, the first for "
                f"{longest_ms // 60_000} minutes; they go again: does the hub run?"
            )

    def clock(self) -> str:
        """What to say of this machine's clock; empty if it is right."""
        return clock_note(ledger.figure(self.spool, ledger.CLOCK_MS))

    def retry(self) -> int:
        """Seal everything without a receipt again, with the keys and schemas of now.

        A lane in which batches still wait is replaced: what is sealed cannot change
        its place. Returns how many batches were sealed.
        """
        waiting = ledger.items(self.spool, State.SPOOLED, State.SENT)
        refused = ledger.items(self.spool, State.REFUSED)
        held = {item.lane for item in waiting}
        for lane in held:
            self.renew(lane)
        for item in refused:
            if item.lane not in held:
                self.spool.reopen(
                    [item], self.sealer.entropy, self.again, new_lane=False
                )
        self.stopped.clear()
        return len(waiting) + len(refused)

    def again(self, item: Item, place: Place) -> Parcel:
        """A batch of the spool for another place in a lane."""
        flow = self.catalogue.dataflows[item.dataflow]
        declared = item.kind == DECLARATION
        schema = (
            self.catalogue.dataflows[DECLARATION].schema if declared else flow.schema
        )
        container = self.sealer.uncopy(ledger.content(self.spool, item, "copy"))
        records, numbers = listing(ledger.content(self.spool, item, "listing"))
        content = Content(
            kind=item.kind,
            schema=schema,
            container=container,
            rows=item.rows,
            records=tuple(records),
            numbers=tuple(numbers),
            file=item.file,
        )
        return self.sealer.seal(flow, content, place)


def clock_note(ahead_ms: int) -> str:
    """What to say of a clock that is so far ahead of the brokers'; empty if right."""
    seconds = abs(ahead_ms) // 1000
    if seconds <= CLOCK_SECONDS_MAX:
        return ""
    days, rest = divmod(seconds, 86_400)
    far = f"{days:,} days" if days else f"{rest // 60} minutes"
    way = "ahead of" if ahead_ms > 0 else "behind"
    return (
        f"this machine's clock is {far} {way} the brokers'; batches are taken all the "
        "same and dated by the hub's receipt, but set the clock"
    )
