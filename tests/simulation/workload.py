"""What ministries send: batches of every kind, declarations, and markers of cuts.

Rules:

- A workload is a function of its seed. (Envelopes are sealed with fresh randomness, but
  what they say, their order and their append times are not.)
- Persons merge and split: amendments move a record to another's document or number.
- Every entry says what its receipt must say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

from faust.types import TP

from hub.core import topics
from hub.core.messages import Close, encode, sign
from tests.core import ministry
from tests.core.ministry import Lane
from tests.simulation import world

PEOPLE = 6
RECORDS = 14
NAMES = (
    ("Garajaýewa", "Maral", "F"),
    ("Orazow", "Myrat", "M"),
    ("Berdiýewa", "Ogulgerek", "F"),
    ("Nuryýew", "Serdar", "M"),
    ("Ataýewa", "Jeren", "F"),
    ("Hojaýew", "Batyr", "_U"),
)
CITIZENSHIPS = ("UZB", "KAZ", "RUS")
HOUR_MS = 3_600_000
MONTHS = ("2025-07", "2025-08", "2025-09")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message of a ministry partition.

    Attributes:
        rows: Records in it; declarations are none.
        bad: How many of them break a rule.
        outcome: What the receipt must say; "" for control messages.
    """

    tp: TP
    value: bytes
    time_ms: int = 0
    rows: int = 0
    bad: int = 0
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Entries in the order of the brokers, and the markers among them."""

    seed: int
    entries: tuple[Entry, ...]
    closes: tuple[Close, ...]

    @property
    def rows(self) -> int:
        """Records published, copies of batches included."""
        return sum(entry.rows for entry in self.entries)


@cache
def make(seed: int) -> Workload:
    """The workload of a seed."""
    rng = world.chance("workload", seed)
    closes = _closes(rng)
    queues = [
        _Partition(rng, tp).script([encode(close) for close in closes])
        for tp in world.inputs("intake")
    ]
    entries: list[Entry] = []
    clock_ms = ministry.CLOCK_MS
    while queues:
        queue = rng.choice(queues)
        count = rng.randint(1, 3)
        for entry in queue[:count]:
            clock_ms += rng.randrange(HOUR_MS)
            entries.append(replace(entry, time_ms=clock_ms))
        del queue[:count]
        queues = [queue for queue in queues if queue]
    return Workload(seed=seed, entries=tuple(entries), closes=tuple(closes))


def _closes(rng: Random) -> list[Close]:
    """Two or three markers; the last one is final and about everything."""
    found = []
    count = rng.choice([2, 2, 3])
    for number in range(1, count + 1):
        last = number == count
        some = rng.choice([(), ("XNG_EVT", "PRM_NEW"), ("REM_VOL",), ("STK_CIT",)])
        close = Close(
            marker=bytes([number]) * 16,
            vintage="F" if last else "PR"[number > 1],
            tables=() if last else some,
            period="2025" if last else rng.choice(["2025", "2025-Q3", "2025-08"]),
            created_ms=ministry.CLOCK_MS + number,
            key_id="control-1",
        )
        found.append(sign(close, ministry.CONTROL))
    return found


class _Partition:
    """One ministry partition and the lanes in it."""

    def __init__(self, rng: Random, tp: TP) -> None:
        self._rng = rng
        self._tp = tp
        self._member, self._flow = topics.parse_ministry(tp.topic)
        self._lanes = [
            Lane(lane=bytes([number]) * 15 + bytes([2 * number + tp.partition]))
            for number in range(1, rng.randint(1, 2) + 1)
        ]
        self._sent: list[Entry] = []
        self._closed = False

    def script(self, closes: Sequence[bytes]) -> list[Entry]:
        """Segments of batches with the markers between them."""
        found: list[Entry] = []
        for value in (*closes, b""):
            for _ in range(self._rng.choice([0, 1, 1, 2, 3])):
                found += self._turn()
            if value:
                found.append(Entry(tp=self._tp, value=value))
        return found

    def _turn(self) -> list[Entry]:
        """One thing a publisher does."""
        lane = self._rng.choice(self._lanes)
        draw = self._rng.random()
        if draw < 0.3:
            return self._odd(lane)
        if draw < 0.45:
            return [self._declared(lane)]
        return [self._rows(lane, self._rng.randint(1, 6))]

    def _odd(self, lane: Lane) -> list[Entry]:
        """What a publisher should not do, or does when it lost its place."""
        match self._rng.choice(["again", "gap", "empty", "noise", "forged", "broken"]):
            case "again" if self._sent:
                return [replace(self._rng.choice(self._sent), outcome="duplicate")]
            case "gap":
                return self._skipped(lane)
            case "noise":
                value = self._rng.randbytes(self._rng.randint(0, 60))
                return [Entry(tp=self._tp, value=value, outcome="refused")]
            case "forged":
                return [self._forged(lane)]
            case "broken":
                value = self._seal(lane, [], payload=b"no container")
                # Its rows come again later under a new sequence, like any others.
                return [self._keep(Entry(tp=self._tp, value=value, outcome="refused"))]
        return [self._rows(lane, 0)]

    def _skipped(self, lane: Lane) -> list[Entry]:
        """The second of two batches comes first; the sender goes back."""
        first = self._rows(lane, 2)
        second = self._rows(lane, 1)
        early = replace(second, outcome="expected", rows=0, bad=0)
        return [early, first, second]

    def _forged(self, lane: Lane) -> Entry:
        """Signed by somebody else; the lane does not move."""
        before = replace(lane)
        value = self._seal(before, [self._row(0)], key=ministry.OLD_SIGN)
        return Entry(tp=self._tp, value=value, outcome="refused")

    def _declared(self, lane: Lane) -> Entry:
        month = self._rng.choice(MONTHS)
        row = {"period": month, "complete": self._rng.random() < 0.9, "nil": False}
        value = self._seal(lane, [row], schema_of="declaration", kind="declaration")
        return self._keep(Entry(tp=self._tp, value=value, outcome="accepted"))

    def _rows(self, lane: Lane, count: int) -> Entry:
        # A batch that names a record twice is refused for these rows.
        rows = [self._row(record) for record in self._rng.sample(range(RECORDS), count)]
        bad = 0
        for row in rows:
            if self._rng.random() < 0.08:
                bad += 1
                row["action"] = "NOTHING"
        value = self._seal(lane, rows)
        entry = Entry(tp=self._tp, value=value, rows=count, bad=bad, outcome="accepted")
        return self._keep(entry)

    def _keep(self, entry: Entry) -> Entry:
        self._sent.append(entry)
        return entry

    def _seal(
        self,
        lane: Lane,
        rows: Sequence[dict[str, Any]],
        *,
        schema_of: str = "",
        **changes: Any,
    ) -> bytes:
        """An envelope of this partition's member and dataflow."""
        given: dict[str, Any] = {
            "flow": schema_of or self._flow,
            "key": world.SIGNS[self._member],
            "member": world.MEMBERS[self._member],
            "dataflow": self._flow,
            "signer": f"{self._member}-sign",
        }
        return lane.seal(rows, **(given | changes))

    def _row(self, record: int) -> dict[str, Any]:
        """A new record, or one more word about a known one."""
        rng = self._rng
        row = {
            "record_id": f"R-{record}",
            "revision": rng.choice([0, 0, 1, 2, 3]),
            "action": rng.choice(["NEW"] * 6 + ["AMEND"] * 2 + ["CANCEL"]),
        }
        match self._flow:
            case "remittance":
                return row | _transfer(rng)
            case "residence_permit":
                return row | self._person(record) | _permit(rng)
            case _:
                return ministry.crossing(record) | row | self._person(record)

    def _person(self, record: int) -> dict[str, Any]:
        """Who a row is about: mostly the record's person, at times with a wrong key."""
        rng = self._rng
        person = record % PEOPLE if rng.random() < 0.75 else rng.randrange(PEOPLE)
        paper = person if rng.random() < 0.75 else rng.randrange(PEOPLE)
        family, given, sex = NAMES[person]
        return {
            "personal_no": f"77{paper:07d}3" if rng.random() < 0.3 else None,
            "doc_no": f"AB{paper:05d}71",
            "family_name": family,
            "given_name": given,
            "birth_date": dt.date(1980 + person, 3, 7),
            "sex": sex,
            "citizenship": CITIZENSHIPS[person % 3],
            "birth_country": CITIZENSHIPS[person % 3],
        }


def _permit(rng: Random) -> dict[str, Any]:
    start = dt.date(2025, rng.randint(6, 9), rng.randint(1, 3))
    return {
        "doc_state": "UZB",
        "patronymic": None,
        "sex_source": "DOC",
        "kind": rng.choice(["TEMPORARY", "PERMANENT"]),
        "visa_class": None,
        "reason": "WORK",
        "status": rng.choice(["GRANTED", "RENEWED"]),
        "applied_on": None,
        "decided_on": start,
        "valid_from": start,
        "valid_to": start + dt.timedelta(rng.choice([40, 200])),
        "velayat": rng.choice(["TM-A", "TM-S"]),
        "prev_country": None,
        "family_relation": None,
    }


def _transfer(rng: Random) -> dict[str, Any]:
    largest = rng.randint(100, 900)
    return {
        "kind": "VOLUME",
        "period_month": rng.choice(MONTHS),
        "institution_code": rng.choice(["TDDB", "WU", "RYSGAL"]),
        "corridor_country": rng.choice(["TUR", "RUS"]),
        "direction": rng.choice(["RECEIVED", "RECEIVED", "SENT"]),
        "channel": "BANK",
        "person_sex": rng.choice(["F", "M"]),
        "transfers": 30,
        "persons": rng.randint(5, 20),
        "amount_usd": largest * 9,
        "largest1_usd": largest,
        "largest2_usd": largest // 2,
    }
