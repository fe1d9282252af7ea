"""The canary: synthetic records whose way through the hub is known beforehand.

Rules (docs/adr/0008-canary.md):

- Every record bears a token that stands nowhere else, as its record id, and three
  random numbers. So the sum of a release belongs to one set of records only: a loss, a
  second count and another content all show.
- The short way, every few seconds: adapter, spool, broker, intake (receipt), dedupe and
  aggregate (their sums grow by exactly one). The long way, now and then: a release of
  the table, read and verified as a subscriber does.
- Its tokens may stand in nothing that the hub writes behind intake.
"""

from __future__ import annotations

import csv
import mmap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.books import Books

DATAFLOW = MEMBER = "canary"
TABLE = "CANARY"
CATALOGUE = Path(__file__).with_name("canary_catalogue")
PREFIX = "zz"
"""Tokens begin so; no word does."""
NUMBER_MAX = 1_000_000
_TOKEN_BYTES = 12
_EMPTY = {".index", ".timeindex"}
"""Kafka's: ten megabytes of offsets and zeros each."""
_HEADER = (
    "record_id",
    "revision",
    "action",
    "month",
    "people_f",
    "people_m",
    "people_oun",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bird:
    """One synthetic record: its token and its numbers of women, men and others."""

    token: str
    month: str
    numbers: tuple[int, int, int]

    def row(self) -> tuple[str | int, ...]:
        """As a line of a ministry's file."""
        return (self.token, 0, "NEW", self.month, *self.numbers)


def hatch(month: str, entropy: Callable[[int], bytes]) -> Bird:
    """A record that was never there before."""
    drawn = entropy(_TOKEN_BYTES + 9)
    token, rest = drawn[:_TOKEN_BYTES], drawn[_TOKEN_BYTES:]
    first, second, third = (
        int.from_bytes(rest[at : at + 3], "big") % NUMBER_MAX for at in (0, 3, 6)
    )
    return Bird(token=PREFIX + token.hex(), month=month, numbers=(first, second, third))


def write(path: Path, birds: Iterable[Bird]) -> Path:
    """A file as a ministry has one."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(_HEADER)
        lines.writerows(bird.row() for bird in birds)
    return path


@dataclass(slots=True)
class Tally:
    """What the stages say they have counted of the canary's dataflow.

    Attributes:
        judged: Rows that dedupe judged, since its log began.
        folded: Changes that aggregate folded.
    """

    judged: int = 0
    folded: int = 0

    @classmethod
    def of(cls, books: Books) -> Tally:
        """The sums that workers show."""
        judged = books.total("rows_counted", "dedupe", MEMBER, DATAFLOW) or 0
        folded = books.total("facts_counted", "aggregate", "", DATAFLOW) or 0
        return cls(judged=judged, folded=folded)

    def after(self, before: Tally, sent: int) -> str:
        """``counted`` once, ``open`` (not everywhere yet) or counted ``twice``."""
        grown = (self.judged - before.judged, self.folded - before.folded)
        if max(grown) > sent:
            return "twice"
        return "counted" if grown == (sent, sent) else "open"


@dataclass(slots=True)
class Flock:
    """The records of one month, in the order they were sent."""

    birds: list[Bird] = field(default_factory=list)

    def sums(self) -> Iterator[tuple[int, int, int]]:
        """What a release may show: the sums of the first, the first two and so on."""
        women = men = others = 0
        for bird in self.birds:
            women += bird.numbers[0]
            men += bird.numbers[1]
            others += bird.numbers[2]
            yield women, men, others

    def seen(self, shown: tuple[int, int, int]) -> int:
        """How many records a figure is the sum of; 0: it is the sum of no first ones.

        Numbers are drawn from a million, so what was lost, doubled or changed is taken
        for right once in 10^18 times.
        """
        for number, sums in enumerate(self.sums(), 1):
            if sums == shown:
                return number
        return 0


def leaks(tokens: Iterable[str], folders: Iterable[Path]) -> list[Path]:
    """Files below folders in which a token stands, in any writing of its bytes."""
    words = [form for token in tokens for form in _forms(token)]
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _EMPTY:
                continue
            try:
                if path.is_file() and _holds(path, words):
                    found.append(path)
            except OSError:
                continue  # gone meanwhile
    return found


def _forms(token: str) -> tuple[bytes, ...]:
    plain = token.encode()
    return plain, token.upper().encode(), bytes.fromhex(token.removeprefix(PREFIX))


def _holds(path: Path, words: Iterable[bytes]) -> bool:
    if not path.stat().st_size:
        return False
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return any(content.find(word) >= 0 for word in words)
