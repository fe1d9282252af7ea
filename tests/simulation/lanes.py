"""Publishers of one ministry partition, with what they do right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from faust.types import TP

from hub.core.envelope.recipients import PrivateKey
from hub.core.messages import DIGEST_NONE
from hub.core.topics import parse_ministry
from tests.core import ministry
from tests.core.ministry import Lane
from tests.simulation import rows
from tests.simulation.draws import chance
from tests.simulation.entry import Entry
from tests.simulation.world import HUB_KEYS, MEMBERS, SIGNS, World

YEAR_MS = 365 * 86_400_000
DESTROYED = ("hub-0", PrivateKey(suite=2, seed=b"0" * 32))
"""A sealing key of the hub whose private half is gone."""


@dataclass(slots=True)
class Sender:
    """All lanes of a partition.

    Keys rotate on the way: from some turn on batches are sealed to the hub's next key
    and signed with the ministry's next one, while older ones are still under way.
    """

    world: World
    seed: int
    tp: TP
    sent: list[Entry] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    opened: int = 0

    def turn(self, number: int) -> list[Entry]:
        """One thing a publisher does."""
        rng = chance("turn", self.world.name, self.seed, self.tp, number)
        rotated = int(number >= chance("rotate", self.seed, self.tp).randint(1, 6))
        draw = _Turn(self, rng, rotated)
        return draw.made()

    def lane(self, rng: Random) -> Lane:
        """One of the lanes in use; the second one opens now and then."""
        if not self.lanes or (len(self.lanes) < 2 and rng.random() < 0.3):
            self.open()
        return rng.choice(self.lanes)

    def open(self) -> Lane:
        """A new lane, as after a lost spool."""
        self.opened += 1
        last = bytes([2 * self.opened + self.tp.partition])
        lane = Lane(lane=bytes([self.opened]) * 15 + last)
        self.lanes.append(lane)
        return lane


@dataclass(slots=True)
class _Turn:
    sender: Sender
    rng: Random
    rotated: int

    def made(self) -> list[Entry]:
        draw = self.rng.random()
        if draw < 0.35:
            odd: Sequence[Callable[[], list[Entry]]] = (
                self._again,
                self._gap,
                self._empty,
                self._noise,
                self._forged,
                self._broken,
                self._destroyed,
                self._greatest,
                self._too_great,
                self._forked,
                self._config,
            )
            return self.rng.choice(odd)()
        if draw < 0.5:
            return [self._declared()]
        return [self._batch(self.rng.randint(1, min(6, self.sender.world.records)))]

    # What a publisher does when it lost its place, or somebody else in its stead.

    def _again(self) -> list[Entry]:
        """A batch that was sent before; the original receipt comes again."""
        if not self.sender.sent:
            return self._empty()
        return [replace(self.rng.choice(self.sender.sent), again=True)]

    def _gap(self) -> list[Entry]:
        """The second of two batches comes first; the sender goes back."""
        lane = self.sender.lane(self.rng)
        first, second = self._batch(2, lane), self._batch(1, lane)
        early = replace(
            second, outcome="expected", rows=0, wrong=frozenset(), final=False
        )
        return [early, first, second]

    def _empty(self) -> list[Entry]:
        return [self._batch(0)]

    def _noise(self) -> list[Entry]:
        """No envelope at all."""
        value = self.rng.randbytes(self.rng.randint(0, 60))
        return [self._entry(value, outcome="refused", final=False)]

    def _forged(self) -> list[Entry]:
        """Signed by somebody else; the lane does not move."""
        lane = replace(self.sender.lane(self.rng))
        value = self._seal(lane, [self._row(0)], key=ministry.OLD_SIGN)
        return [self._entry(value, outcome="refused", final=False)]

    def _broken(self) -> list[Entry]:
        """Poisoned content; its rows come again like any others."""
        lane = self.sender.lane(self.rng)
        return [self._refused(self._seal(lane, [], payload=b"no container"))]

    def _destroyed(self) -> list[Entry]:
        """Sealed to a key that is no more."""
        lane = self.sender.lane(self.rng)
        return [self._refused(self._seal(lane, [self._row(0)], recipient=DESTROYED))]

    def _greatest(self) -> list[Entry]:
        """As many rows as a batch may hold."""
        return [self._batch(self.sender.world.rows_max or 6)]

    def _too_great(self) -> list[Entry]:
        """One row more."""
        most = self.sender.world.rows_max
        if not most:
            return self._empty()
        told = [self._row(record) for record in range(most + 1)]
        return [self._refused(self._seal(self.sender.lane(self.rng), told))]

    def _forked(self) -> list[Entry]:
        """A restored spool tells another story; a new lane goes on."""
        lane = self.sender.lane(self.rng)
        if not lane.sequence:
            return self._empty()
        before = lane.sequence - 1
        digest = b"?" * 32 if before else DIGEST_NONE
        old = replace(lane, sequence=before, digest=digest)
        fork = self._refused(self._seal(old, [self._row(1)]))
        self.sender.lanes.remove(lane)
        new = self.sender.open()
        opening = self._seal(new, [], kind="lane")
        return [
            fork,
            self._keep(self._entry(opening, outcome="accepted")),
            self._batch(1, new),
        ]

    def _config(self) -> list[Entry]:
        """The bundle in force, once more."""
        value = ministry.config(self.sender.world.bundles.held()[0])
        return [self._entry(value)]

    # What a publisher does.

    def _declared(self) -> Entry:
        month = self.rng.choice(rows.MONTHS)
        told = {"period": month, "complete": self.rng.random() < 0.9, "nil": False}
        lane = self.sender.lane(self.rng)
        value = self._seal(lane, [told], schema_of="declaration", kind="declaration")
        return self._keep(self._entry(value, outcome="accepted"))

    def _batch(self, count: int, lane: Lane | None = None) -> Entry:
        # A batch that names a record twice is refused for these rows.
        records = self.rng.sample(range(self.sender.world.records), count)
        told = [self._row(record) for record in records]
        wrong = frozenset(
            place for place, row in enumerate(told) if row["action"] == rows.NOTHING
        )
        value = self._seal(lane or self.sender.lane(self.rng), told)
        entry = self._entry(value, outcome="accepted")
        return self._keep(replace(entry, rows=count, wrong=wrong))

    def _row(self, record: int) -> dict[str, Any]:
        _, flow = parse_ministry(self.sender.tp.topic)
        return rows.row(self.sender.world, self.rng, flow, record)

    def _refused(self, value: bytes) -> Entry:
        return self._keep(self._entry(value, outcome="refused"))

    def _keep(self, entry: Entry) -> Entry:
        self.sender.sent.append(entry)
        return entry

    def _entry(self, value: bytes, **told: Any) -> Entry:
        return Entry(tp=self.sender.tp, value=value, **told)

    def _seal(
        self,
        lane: Lane,
        told: Sequence[dict[str, Any]],
        *,
        schema_of: str = "",
        **changes: Any,
    ) -> bytes:
        """An envelope of this partition's member and dataflow."""
        member, flow = parse_ministry(self.sender.tp.topic)
        signer, key = SIGNS[member][self.rotated]
        years = self.rng.choice([0, 0, -10, -1, 1, 30])
        given: dict[str, Any] = {
            "flow": schema_of or flow,
            "key": key,
            "member": MEMBERS[member],
            "dataflow": flow,
            "signer": signer,
            "recipient": list(HUB_KEYS.items())[self.rotated],
            # The ministry's clock is its own affair.
            "created_ms": ministry.CLOCK_MS + years * YEAR_MS,
        }
        return lane.seal(told, **(given | changes))
