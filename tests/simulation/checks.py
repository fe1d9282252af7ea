"""What has to be true when everything is quiet.

Rules (design: delivery, rules 1, 5, 6, 8 and 13):

- Every state is the fold of its log: the same log folded once more, in chunks of
  another size and by nobody's fault, gives the same entries and the same coverage.
- Chains are dense: what a consumer covered of a source is the whole of that source.
- The snapshot of every cut equals a recount from the inbound logs, cell by cell.
- Every envelope has its receipt, and rows are conserved from ministry to dedupe.
- Release said the same bytes as a release of the same log elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

import polars as pl
from faust.types import TP

from hub.core import avro, blocks, cells, coverage, cut, guard
from hub.core.envelope import format as layout
from hub.core.envelope import seal
from hub.core.errors import HubError
from hub.core.log import ROW_LAST, Coordinate, Incoming, Send, Source
from hub.core.messages import (
    Block,
    Close,
    Receipt,
    Sealed,
    Statement,
    decode,
    decode_as,
)
from hub.core.stage import Stage, fold
from hub.core.state import Memory, Overlay
from hub.core.topics import parse_ministry
from hub.trials import recount
from tests.core import ministry
from tests.simulation import workload, world
from tests.simulation.schedule import Run
from tests.simulation.workload import Entry, Workload

Logs = Mapping[TP, Sequence[Incoming]]
Labels = tuple[str, str]


def source_of(tp: TP) -> Source:
    """The source a partition is."""
    return Source(topic=tp.topic, partition=tp.partition, log=world.log_of(tp.topic))


@cache
def _stages() -> dict[str, Stage]:
    return world.stages(bytes)


class Fold:
    """A log folded by one writer that nothing happens to."""

    def __init__(self, stage: str, tp: TP, log: Sequence[Incoming], size: int) -> None:
        self.memory = Memory()
        self.sends: list[Send] = []
        self.counts: Counter[Any] = Counter()
        one = _stages()[stage]
        for at in range(0, len(log), size):
            chunk = log[at : at + size]
            for result in fold(one, self.memory, source_of(tp), chunk):
                self.sends += result.sends
                self.counts.update(result.counts)

    def answers(self) -> dict[str, list[bytes]]:
        """What does not stay inside, by topic."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for send in self.sends:
            if not send.topic.startswith("hub."):
                found[send.topic].append(send.value or b"")
        return found


def problems(run: Run, work: Workload) -> list[str]:
    """Everything that is wrong with a finished run; empty if nothing is."""
    if run.problems:
        return run.problems
    try:
        return [
            *_states(run),
            *_cells(run.broker.logs, work),
            *_receipts(run, work),
        ]
    except HubError as error:
        return [f"the log itself: {error}"]


def _states(run: Run) -> Iterator[str]:
    """Folds of the same logs: states, chains, statements and releases."""
    logs = run.broker.logs
    counted: Counter[Any] = Counter()
    said: dict[str, list[bytes]] = defaultdict(list)
    for stage in world.STAGES[1:]:
        for tp in world.inputs(stage):
            fold = Fold(stage, tp, logs[tp], 16)
            name = f"{tp.topic}/{tp.partition}"
            yield from _chain(name, fold.memory, logs)
            state = run.disks[tp].states[tp]
            yield from _same(name, state, fold.memory.entries)
            for topic, values in fold.answers().items():
                said[topic] += values
            if stage == "dedupe":
                counted += fold.counts
    yield from _said(run, said)
    yield from _conserved(run, counted)


def _same(
    name: str, state: Mapping[bytes, bytes], fold: Mapping[bytes, bytes]
) -> Iterator[str]:
    """The state is the fold of its log."""
    for key in sorted(state.keys() | fold.keys()):
        own = key.startswith(guard.POSITION_KEY)
        if not own and state.get(key) != fold.get(key):
            yield f"{name}: entry {key!r} is not the fold of the log"
            return


def _chain(name: str, memory: Memory, logs: Logs) -> Iterator[str]:
    """Every source was covered up to its end."""
    overlay = Overlay(memory)
    for key, _ in memory.scan(coverage.KIND):
        topic, _, partition = key[1:].decode().rpartition("/")
        tp = TP(topic, int(partition))
        end = Coordinate(offset=len(logs[tp]) - 1, row=ROW_LAST)
        if (to := coverage.covered(overlay, source_of(tp))) != end:
            yield f"{name}: {topic}/{partition} is covered to {to}, its end is {end}"


def _opened(values: Sequence[bytes]) -> list[bytes]:
    """Sealed answers, opened by their ministries."""
    found = []
    for value in values:
        sealed = decode(value)
        assert isinstance(sealed, Sealed)
        found.append(seal.open_sealed(sealed, world.OPENS))
    return found


def _values(run: Run, topic: str) -> list[bytes]:
    return [send.value or b"" for send in run.broker.answers.get(topic, [])]


def _said(run: Run, said: Mapping[str, Sequence[bytes]]) -> Iterator[str]:
    """Statements and releases: nothing more, less or other than one writer says."""
    topics = {*said, *(t for t in run.broker.answers if t[:3] in ("sta", "ind"))}
    for topic in sorted(topics):
        mine, other = _values(run, topic), list(said.get(topic, []))
        if topic.startswith("statements."):
            # Domains speak to a ministry independently: their order says nothing.
            mine, other = sorted(_opened(mine)), sorted(_opened(other))
        if list(dict.fromkeys(mine)) != list(dict.fromkeys(other)):
            yield f"{topic}: {len(mine)} messages are not what one writer says"


def _conserved(run: Run, counted: Counter[Any]) -> Iterator[str]:
    """Accepted rows = what dedupe decided, per ministry and dataflow."""
    accepted: Counter[Labels] = Counter()
    for member in world.PROVIDES:
        for receipt in _final(run, member).values():
            _, flow = parse_ministry(receipt.topic)
            accepted[member, flow] += receipt.accepted
    decided: Counter[Labels] = Counter()
    for (metric, labels), amount in counted.items():
        named = dict(labels)
        if metric == "rows_total" and named["dataflow"] != "declaration":
            decided[named["ministry"], named["dataflow"]] += int(amount)
    if +accepted != +decided:
        yield f"accepted {dict(accepted)}, dedupe decided about {dict(decided)}"


def _final(run: Run, member: str) -> dict[tuple[str, int, int], Receipt]:
    """The receipt of every envelope, by its place."""
    found = {}
    for plain in _opened(_values(run, f"receipts.{member}")):
        receipt = decode_as(Receipt, plain)
        found[receipt.topic, receipt.partition, receipt.offset] = receipt
    return found


def _receipts(run: Run, work: Workload) -> Iterator[str]:
    """Each envelope's receipt says what was in it; the same one each time."""
    by_digest: dict[bytes, set[bytes]] = defaultdict(set)
    for member in world.PROVIDES:
        for plain in _opened(_values(run, f"receipts.{member}")):
            by_digest[decode_as(Receipt, plain).digest].add(plain)
    firsts: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in work.entries:
        if entry.outcome:
            firsts[layout.digest(entry.value)].append(entry)
    if by_digest.keys() != firsts.keys():
        yield "receipts for other envelopes than were sent"
        return
    for digest, entries in firsts.items():
        # A copy gets the receipt of the first again; a refusal is said each time anew.
        told = {
            (one.outcome, one.accepted, sum(rows for _, rows in one.refused))
            for one in (decode_as(Receipt, plain) for plain in by_digest[digest])
        }
        meant = {
            (entry.outcome, *_amounts(entry))
            for entry in entries
            if entry.outcome != "duplicate"
        }
        if told != meant or len(by_digest[digest]) > len(entries):
            yield f"receipts {sorted(told)}, sent {sorted(meant)}"


def _amounts(entry: Entry) -> tuple[int, int]:
    return (
        (entry.rows - entry.bad, entry.bad) if entry.outcome == "accepted" else (0, 0)
    )


def _cells(logs: Logs, work: Workload) -> Iterator[str]:
    """Every cut is complete and equals the recount."""
    held, cuts = snapshots(logs[world.inputs("release")[0]])
    if held:
        yield f"snapshots of nobody's cut: {sorted(held)}"
    for number, close in enumerate(work.closes):
        found = cuts.get(close.marker, {})
        needed = len(cut.sources(world.catalogue(), close))
        if len(found) < needed:
            yield f"cut {number}: {len(found)} of {needed} partitions"
            continue
        agents = recount.merged(world.catalogue(), pl.concat(found.values()))
        difference = recount.compare(truth(work.seed)[number], agents)
        if not difference.equal:
            yield (
                f"cut {number}: {difference.rows.height} of {difference.cells} cells"
                f" differ: {difference.rows.head(3).rows()}"
            )


def snapshots(
    log: Sequence[Incoming],
) -> tuple[dict[str, list[pl.DataFrame]], dict[bytes, dict[str, pl.DataFrame]]]:
    """Rows without a "complete", and the complete snapshots by marker and source."""
    overlay = Overlay(Memory())
    empty = pl.DataFrame(schema=avro.polars_schema(cells.SCHEMA))
    held: dict[str, list[pl.DataFrame]] = {}
    cuts: dict[bytes, dict[str, pl.DataFrame]] = defaultdict(dict)
    for message in log:
        block = decode(message.value)
        if not isinstance(block, Block):
            continue
        header, sections = blocks.open(block, world.CELLS)
        verdict = coverage.admit(overlay, header)
        if verdict.action != "apply":
            continue
        coverage.advance(overlay, header)
        name = header.source.name
        for section in sections:
            if section.name == "snapshot":
                rows = blocks.rows(section, cells.SCHEMA)
                held.setdefault(name, []).append(coverage.unseen(rows, verdict.after))
        if header.kind == "complete":
            ending = blocks.ending_of(header, sections)
            close = ending.close
            if ending.void:
                continue
            cuts[close.marker][name] = pl.concat([empty, *held.pop(name, [])])
    return held, cuts


@cache
def truth(seed: int) -> list[pl.DataFrame]:
    """The recounted cells of every cut of a workload."""
    work = workload.make(seed)
    return [_recount(work, close) for close in work.closes]


def inbound(work: Workload) -> dict[TP, list[Incoming]]:
    """The ministries' logs as they stand in the end."""
    logs: dict[TP, list[Incoming]] = {}
    for born in world.births():
        if born.tp in world.inputs("intake"):
            logs[born.tp] = [Incoming(offset=0, time_ms=0, value=born.value)]
    for entry in work.entries:
        log = logs[entry.tp]
        log.append(Incoming(offset=len(log), time_ms=entry.time_ms, value=entry.value))
    return logs


def _recount(work: Workload, close: Close) -> pl.DataFrame:
    catalogue = world.catalogue()
    reader = recount.Reader(catalogue, world.bundles(), cast("Any", ministry.Keys()))
    for tp, messages in inbound(work).items():
        reader.read(source_of(tp), recount.closing(messages, close.marker))
    active = recount.facts(catalogue, reader.inbound)
    return recount.expected(catalogue, active, close)


def released(run: Run) -> dict[str, list[bytes]]:
    """What members can read, each message once, in order."""
    return {
        topic: list(dict.fromkeys(_values(run, topic)))
        for topic in sorted(run.broker.answers)
        if topic.startswith("indicators.")
    }


def statements(values: Sequence[bytes]) -> list[Statement]:
    """Opened statements."""
    return [decode_as(Statement, plain) for plain in _opened(values)]
