"""What ministries send: batches of every kind, declarations, and markers of cuts.

Rules:

- A workload is made of *turns*, each drawn from (seed, partition, number) alone: one
  that is left out leaves the others as they are. So a failing one can be shortened.
- (Envelopes are sealed with fresh randomness, but what they say, their order and their
  append times are functions of the seed.)
- Every entry says what its receipt must say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from random import Random

from faust.types import TP

from hub.core.envelope import format as layout
from hub.core.errors import EnvelopeError
from hub.core.messages import Close, Envelope, decode_as, encode, sign
from tests.core import ministry
from tests.simulation.draws import chance
from tests.simulation.entry import Entry, Turn
from tests.simulation.lanes import Sender
from tests.simulation.world import WORLDS, World

HOUR_MS = 3_600_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Workload:
    """Entries in the order of the brokers, and the markers among them."""

    world: World
    seed: int
    turns: tuple[Turn, ...]
    closes: tuple[Close, ...]
    entries: tuple[Entry, ...]

    @cached_property
    def rows(self) -> int:
        """Records published, copies of batches included."""
        return sum(entry.rows for entry in self.entries)


@lru_cache(64)
def make(name: str, seed: int, keep: frozenset[Turn] | None = None) -> Workload:
    """The workload of a seed in the world of that name; of the turns in `keep` only."""
    world = WORLDS[name]
    rng = chance("workload", name, seed)
    count = rng.choice([1, 2, 2] if world.partitions < 4 else [2, 2, 3])
    closes = [_close(world, seed, number, count) for number in range(1, count + 1)]
    turns: list[Turn] = [(None, number) for number in range(count)]
    placed: list[tuple[int, Entry]] = []
    for tp in world.inputs["intake"]:
        own, entries = _script(world, seed, tp, closes, keep)
        turns += own
        placed += entries
    kept = tuple(turn for turn in turns if keep is None or turn in keep)
    # Partitions keep their own order: sorting is stable, and times in one only grow.
    ordered = [entry for _, entry in sorted(placed, key=lambda one: one[0])]
    return Workload(
        world=world,
        seed=seed,
        turns=kept,
        closes=tuple(close for at, close in enumerate(closes) if (None, at) in kept),
        entries=tuple(ordered),
    )


def _close(world: World, seed: int, number: int, count: int) -> Close:
    """A marker; the last one is final and about everything."""
    rng = chance("close", world.name, seed, number)
    last = number == count
    some = rng.choice([(), *((table,) for table in world.tables)])
    close = Close(
        marker=bytes([number]) * 16,
        vintage="F" if last else "PR"[number > 1],
        tables=() if last else some,
        period=world.periods[0] if last else rng.choice(world.periods),
        created_ms=ministry.CLOCK_MS + number,
        key_id="control-1",
    )
    return sign(close, ministry.CONTROL)


def _script(
    world: World,
    seed: int,
    tp: TP,
    closes: list[Close],
    keep: Collection[Turn] | None,
) -> tuple[list[Turn], list[tuple[int, Entry]]]:
    """What happens in one partition: its turns, and entries with their times."""
    rng = chance("script", world.name, seed, tp)
    sender = Sender(world, seed, tp)
    turns: list[Turn] = []
    placed: list[tuple[int, Entry]] = []
    clock_ms = ministry.CLOCK_MS

    def happen(turn: Turn, made: list[Entry]) -> None:
        nonlocal clock_ms
        if keep is not None and turn not in keep:
            return
        for entry in made:
            draw = chance("clock", seed, tp, turn, len(placed))
            clock_ms += draw.randrange(1, 9 * HOUR_MS)
            # A new leader's clock may be behind the old one's.
            back = draw.randrange(2 * HOUR_MS) if draw.random() < 0.1 else 0
            stamped = replace(entry, turn=turn, time_ms=clock_ms - back)
            placed.append((clock_ms, stamped))

    for number, close in enumerate([*closes, None]):
        for _ in range(rng.randint(0, world.turns)):
            turn = (tp, len(turns))
            turns.append(turn)
            kept = keep is None or turn in keep
            happen(turn, sender.turn(turn[1]) if kept else [])
        if close is not None:
            marker = Entry(tp=tp, turn=(None, number), value=encode(close))
            happen((None, number), [marker])
    return turns, placed


def shuffled(work: Workload, seed: int) -> Workload:
    """The same lanes in another order; each keeps its own, markers keep their place."""
    rng = chance("shuffle", work.world.name, work.seed, seed)
    queues: dict[TP, list[Entry]] = {}
    for tp in work.world.inputs["intake"]:
        queue = queues[tp] = []
        segment: list[Entry] = []
        for entry in (one for one in work.entries if one.tp == tp):
            if entry.outcome:
                segment.append(entry)
                continue
            queue += [*_mixed(segment, rng), entry]
            segment = []
        queue += _mixed(segment, rng)
    # Each takes the place and the time of another one of its partition.
    entries = [
        replace(queues[slot.tp].pop(0), time_ms=slot.time_ms) for slot in work.entries
    ]
    return replace(work, entries=tuple(entries))


def _mixed(segment: list[Entry], rng: Random) -> list[Entry]:
    """Lanes merged at random; what is in no lane stays first."""
    lanes: dict[bytes, list[Entry]] = {}
    for entry in segment:
        lanes.setdefault(_lane_of(entry.value), []).append(entry)
    found = lanes.pop(b"", [])
    while lanes:
        lane = rng.choice(list(lanes))
        found.append(lanes[lane].pop(0))
        if not lanes[lane]:
            del lanes[lane]
    return found


def _lane_of(value: bytes) -> bytes:
    try:
        return layout.header_of(decode_as(Envelope, value)).lane
    except EnvelopeError:
        return b""
