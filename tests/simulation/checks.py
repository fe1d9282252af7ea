"""What has to be true when everything is quiet.

Rules (design: delivery, rules 1, 5, 6, 8 and 13):

- Every state is the fold of its log: the same log folded once more, by one writer that
  nothing happens to, gives the same entries and the same coverage.
- Chains are dense: what a consumer covered of a source is the whole of that source.
- The snapshot of every cut equals a recount from the inbound logs, cell by cell.
- Every envelope has its receipt, the same each time, final or not as it must be, and
  about a place where that envelope stands; the refused rows, no other ones, are back
  with their ministry.
- Rows are conserved, in the sums that states keep: published = accepted + quarantined
  + rows of duplicate batches; accepted = what dedupe decided about.
- Release said the same bytes as an undisturbed run on the same inbound log.
- After a log was made again or cut: what :mod:`tests.simulation.damage` says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from faust.types import TP

from hub.core import avro, coverage, totals
from hub.core.envelope import format as layout
from hub.core.envelope import seal
from hub.core.errors import HubError
from hub.core.log import ROW_LAST, Coordinate
from hub.core.messages import Quarantine, Receipt, Sealed, decode, decode_as
from hub.core.stage import Series
from hub.core.state import Overlay
from hub.core.topics import parse_ministry
from tests.simulation import cuts, damage, rows, world
from tests.simulation.broker import Log
from tests.simulation.disk import Entries, Marked
from tests.simulation.entry import Entry
from tests.simulation.folds import Known, fold
from tests.simulation.schedule import Run
from tests.simulation.workload import Workload
from tests.simulation.world import source_of

Logs = Mapping[TP, Log]
Labels = tuple[str, str]
Place = tuple[str, int, int, int]
"""Topic, partition, offset and append time of a message."""

Sums = Mapping[str, Mapping[Series, int]]
"""What states say was counted since their logs began, by stage."""

Said = Mapping[str, Sequence[bytes]]


def problems(run: Run, work: Workload, known: Known | None, calm: Said) -> list[str]:
    """Everything that is wrong with a finished run; empty if nothing is.

    Args:
        run: As it ended.
        work: What was published.
        known: Steps of the run, to be looked up; None: fold everything anew.
        calm: What an undisturbed run released.
    """
    if run.problems:
        return run.problems
    if run.stopped and run.damaged:
        return [*damage.named(run), *_nothing_else(run, calm)]
    if run.stopped:
        return [
            f"{tp.topic}/{tp.partition} stopped: {e}" for tp, e in run.stopped.items()
        ]
    if not run.damaged:
        return _everything(run, work, known, calm, run.broker.logs)
    read = damage.pasts(run, work, known)
    wrong = [*damage.went_on(run, work, read)]
    if wrong or damage.seen(run, work):
        return [*wrong, *_nothing_else(run, calm)]
    past = {tp: one.log for tp, one in read.items() if one}
    return [
        *damage.anew(run, work, known, read),
        *_everything(run, work, known, calm, run.broker.logs | past),
    ]


def _everything(
    run: Run, work: Workload, known: Known | None, calm: Said, logs: Logs
) -> list[str]:
    """What is wrong where nothing may be missing; `logs` as they were read."""
    cells = logs[work.world.inputs["release"][0]]
    try:
        return [
            *_states(run, work, known, logs),
            *cuts.problems(cells.messages, work),
            *_receipts(run, work),
            *_quarantined(run, work),
            *_released(run, calm),
        ]
    except HubError as error:
        if run.damaged:
            # Nobody stopped: right only if the log went before it left a trace.
            return [*damage.traces(run), *_nothing_else(run, calm)]
        return [f"the log itself: {error}"]


def _states(run: Run, work: Workload, known: Known | None, logs: Logs) -> Iterator[str]:
    """Folds of the same logs: states, chains, statements, rows."""
    whole = work.world
    sums: dict[str, Counter[Series]] = defaultdict(Counter)
    said: dict[str, list[bytes]] = defaultdict(list)
    for stage in world.STAGES:
        for tp in whole.inputs[stage]:
            log = logs[tp].messages
            done = fold(whole, stage, tp, log, known)
            name = f"{tp.topic}/{tp.partition}"
            yield from _chain(name, done.state, logs)
            state = run.states.get(tp, Entries())
            yield from _same(name, state, done.state)
            own = totals.decode(state.values.get(totals.TOTALS_KEY))
            if own != totals.add({}, done.counts):
                yield f"{name}: the sums it keeps are not those of its log"
            sums[stage].update(own)
            for topic, values in done.answers().items():
                said[topic] += values
    yield from _said(run, said)
    yield from _conserved(work, sums)


def _same(name: str, state: Entries, folded: Marked) -> Iterator[str]:
    """The state is the fold of its log."""
    if (key := damage.alike(state, folded)) is not None:
        yield f"{name}: entry {key!r} is not the fold of the log"


def _chain(name: str, state: Marked, logs: Logs) -> Iterator[str]:
    """Every source was covered up to its end."""
    overlay = Overlay(state)
    for key, _ in state.scan(coverage.KIND):
        topic, _, partition = key[1:].decode().rpartition("/")
        tp = TP(topic, int(partition))
        end = Coordinate(offset=logs[tp].end - 1, row=ROW_LAST)
        if (to := coverage.covered(overlay, source_of(tp))) != end:
            yield f"{name}: {topic}/{partition} is covered to {to}, its end is {end}"


@lru_cache(8192)
def _opened(value: bytes) -> bytes:
    """A sealed answer, opened by its ministry."""
    sealed = decode(value)
    assert isinstance(sealed, Sealed)
    return seal.open_sealed(sealed, world.OPENS)


def _values(run: Run, topic: str) -> list[bytes]:
    return [send.value or b"" for send in run.broker.answers.get(topic, [])]


def _answers(run: Run, work: Workload, kind: str) -> list[bytes]:
    """What all ministries were told in one kind of topic."""
    members = work.world.provides
    return [_opened(v) for m in members for v in _values(run, f"{kind}.{m}")]


def _said(run: Run, said: Said) -> Iterator[str]:
    """Statements: nothing more, less or other than one writer says."""
    topics = {*said, *run.broker.answers}
    for topic in sorted(one for one in topics if one.startswith("statements.")):
        # Domains speak to a ministry independently: their order says nothing.
        mine = {_opened(value) for value in _values(run, topic)}
        if mine != {_opened(value) for value in said.get(topic, ())}:
            yield f"{topic}: {len(mine)} statements are not what one writer says"


def _released(run: Run, calm: Said) -> Iterator[str]:
    for topic, values in released(run).items():
        if list(calm.get(topic, ())) != values:
            yield f"{topic}: {len(values)} messages are not those of an undisturbed run"
    if missing := calm.keys() - released(run).keys():
        yield f"nothing was released in {sorted(missing)}"


def _nothing_else(run: Run, calm: Said) -> Iterator[str]:
    """What was released before the stop is what an undisturbed run releases."""
    for topic, values in released(run).items():
        if list(calm.get(topic, ()))[: len(values)] != values:
            yield f"{topic}: something else was released"


def _conserved(work: Workload, sums: Sums) -> Iterator[str]:
    """Rows in = rows out, at intake and at dedupe, by ministry and dataflow."""
    published, judged = Counter[Labels](), Counter[Labels]()
    accepted, decided = Counter[Labels](), Counter[Labels]()
    for entry in work.entries:
        if entry.outcome == "accepted":
            published[parse_ministry(entry.tp.topic)] += entry.rows
    for stage, found in sums.items():
        for (name, labels), amount in found.items():
            named = dict(labels)
            if name != "rows_counted" or named["dataflow"] == "declaration":
                continue
            flow = named["ministry"], named["dataflow"]
            if stage == "dedupe":
                decided[flow] += amount
            else:
                judged[flow] += amount
                accepted[flow] += amount if named["outcome"] == "accepted" else 0
    if +published != +judged:
        yield f"published {dict(published)}, intake judged {dict(judged)}"
    if +accepted != +decided:
        yield f"accepted {dict(accepted)}, dedupe decided about {dict(decided)}"


def _receipts(run: Run, work: Workload) -> Iterator[str]:
    """Each envelope's receipt says what was in it; the same one each time."""
    by_digest: dict[bytes, set[bytes]] = defaultdict(set)
    for plain in _answers(run, work, "receipts"):
        by_digest[_receipt(plain).digest].add(plain)
    firsts: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in work.entries:
        if entry.outcome:
            firsts[layout.digest(entry.value)].append(entry)
    if by_digest.keys() != firsts.keys():
        yield "receipts for other envelopes than were sent"
        return
    for digest, entries in firsts.items():
        # A copy gets the receipt of the first again; what is not final, is said anew.
        told = {
            (one.outcome, one.final, one.accepted, sum(rows for _, rows in one.refused))
            for one in map(_receipt, by_digest[digest])
        }
        meant = {(one.outcome, one.final, *_amounts(one)) for one in entries}
        if told != meant or len(by_digest[digest]) > len(entries):
            yield f"receipts {sorted(told)}, sent {sorted(meant)}"
        about = {_place(one) for one in map(_receipt, by_digest[digest])}
        if not about <= _places(work)[digest]:
            yield f"receipts of an envelope that stands elsewhere: {sorted(about)}"


def _place(receipt: Receipt) -> Place:
    return receipt.topic, receipt.partition, receipt.offset, receipt.received_ms


@lru_cache(64)
def _places(work: Workload) -> Mapping[bytes, set[Place]]:
    """Where envelopes stand in the ministries' logs, by digest."""
    found: dict[bytes, set[Place]] = defaultdict(set)
    for tp, messages in cuts.inbound(work).items():
        for one in messages:
            digest = layout.digest(one.value)
            found[digest].add((tp.topic, tp.partition, one.offset, one.time_ms))
    return found


@lru_cache(8192)
def _receipt(plain: bytes) -> Receipt:
    return decode_as(Receipt, plain)


def _amounts(entry: Entry) -> tuple[int, int]:
    if entry.outcome != "accepted":
        return 0, 0
    return entry.rows - entry.bad, entry.bad


def _quarantined(run: Run, work: Workload) -> Iterator[str]:
    """Refused rows are back with their ministry, batch by batch."""
    back: dict[bytes, set[int]] = defaultdict(set)
    for plain in _answers(run, work, "quarantine"):
        told = decode_as(Quarantine, plain)
        places = [one.row for one in told.rows]
        back[told.digest].update(places)
        flow = work.world.catalogue.dataflows[told.dataflow]
        if _actions(told.container, flow.schema) != (rows.NOTHING,) * len(places):
            yield f"rows {places} came back as other ones"
    meant = {layout.digest(one.value): {*one.wrong} for one in work.entries if one.bad}
    if back != meant:
        yield f"rows {[*back.values()]} are back, bad are {[*meant.values()]}"


@lru_cache(8192)
def _actions(container: bytes, schema: str) -> tuple[str, ...]:
    """What the rows of a container are to do."""
    frame = avro.frame(container, schema, rows_max=1 << 20, bytes_max=1 << 30)
    return tuple(frame["action"])


def released(run: Run) -> dict[str, list[bytes]]:
    """What members can read, each message once, in order."""
    return {
        topic: list(dict.fromkeys(_values(run, topic)))
        for topic in sorted(run.broker.answers)
        if topic.startswith("indicators.")
    }
