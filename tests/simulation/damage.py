"""What may be after a log was made again, or cut.

Rules (design: delivery, rules 5, 7 and 8):

- No broker does it as it is set up here: it is checked what holds if one does.
- Who stands on a message that is gone stops: at once, if it was handed another one in
  its place or asked for one beyond the end; else at its next assignment.
- Where a log grew past what was read of it before anybody had asked, no offset tells.
  A state is the fold of what it was given then, first of the old log. Either it lacks
  nothing, and everything is as if nothing had happened; or that is seen: a source has a
  gap, a cut waits, what is covered is no longer there, or doctor names the topic. What
  was lost of a source that has sent nothing since, is a gap once it does.
- Who folds such a log from its beginning, where a state lacks nothing, gets the same
  or sees what is lost.
- Nothing else than before is released, whatever else is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faust.types import TP

from hub.cli import groups
from hub.core import coverage, guard
from hub.core.errors import HubError
from hub.core.guard import Position
from hub.core.log import Incoming
from hub.core.messages import Block, BlockHeader, decode, decode_as
from hub.core.standing import JOINING, WAITING, Stands
from hub.core.state import Overlay
from tests.simulation.broker import Log
from tests.simulation.disk import OWN, Entries, Marked
from tests.simulation.folds import Known, fold
from tests.simulation.schedule import Run
from tests.simulation.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A damaged log as its state was given it.

    Attributes:
        log: Its messages, first of the old log.
        kept: How many of the old one.
        crossed: Whether the state holds a message that the log has not.
    """

    log: Log
    kept: int
    crossed: bool


def pasts(run: Run, work: Workload, known: Known | None) -> dict[TP, Past | None]:
    """How every damaged log was read; None: its state is the fold of neither log."""
    return {
        tp: _past(run, work, known, stage, tp)
        for stage, tps in work.world.inputs.items()
        for tp in tps
        if run.broker.logs[tp].before
    }


def _past(
    run: Run, work: Workload, known: Known | None, stage: str, tp: TP
) -> Past | None:
    log, state = run.broker.logs[tp], run.states.get(tp, Entries())
    for kept in range(log.cut, len(log.before) + 1):
        given = [*log.before[:kept], *log.messages[kept:]]
        try:
            done = fold(work.world, stage, tp, given, known)
        except HubError:
            continue
        if alike(state, done.state) is None:
            found = replace(log, messages=given)
            return Past(log=found, kept=kept, crossed=kept > log.cut)
    return None


def alike(state: Entries, folded: Marked) -> bytes | None:
    """The first entry in which a state is not what was folded; None if it is."""
    values = folded.entries
    for key in sorted(state.values.keys() | values.keys()):
        if not key.startswith(OWN) and state.values.get(key) != values.get(key):
            return key
    return None


def went_on(run: Run, work: Workload, read: Mapping[TP, Past | None]) -> Iterator[str]:
    """Partitions that go on although they could know, or that nobody could mend."""
    for tps in work.world.inputs.values():
        for tp in tps:
            name = f"{tp.topic}/{tp.partition}"
            log, position = run.broker.logs[tp], _position(run, tp)
            if position and not _there(log, position):
                yield f"{name} stands on a message that is gone, and goes on"
            if tp not in read:
                continue
            past = read[tp]
            if past is None:
                yield f"{name}: its state is no fold of what it was given"
            elif past.crossed and run.states[tp].met:
                yield f"{name} met another log, and went on"


def anew(
    run: Run, work: Workload, known: Known | None, read: Mapping[TP, Past | None]
) -> Iterator[str]:
    """Logs that would be folded to another state, where nothing shows what is lost."""
    for stage, tps in work.world.inputs.items():
        for tp in tps:
            past = read.get(tp)
            if past and past.crossed and not _told(run, work, known, stage, tp):
                name = f"{tp.topic}/{tp.partition}"
                yield f"{name}: its log, folded anew, is another state, and nobody sees"


def _position(run: Run, tp: TP) -> Position | None:
    state = run.states.get(tp, Entries())
    stored = state.values.get(guard.POSITION_KEY)
    return guard.decode_position(stored) if stored else None


def _there(log: Log, position: Position) -> bool:
    """Whether a log has the message that a position is."""
    at = position.offset
    return at < log.end and guard.digest(log.messages[at]) == position.digest


def _told(run: Run, work: Workload, known: Known | None, stage: str, tp: TP) -> bool:
    """Whether who folds a log anew gets the same state, or sees that it cannot."""
    try:
        done = fold(work.world, stage, tp, run.broker.logs[tp].messages, known)
    except HubError:
        return True
    if alike(run.states[tp], done.state) is None:
        return True
    return bool(done.gaps or [*_waiting(work, stage, tp, done.state)])


def seen(run: Run, work: Workload) -> list[str]:
    """What shows that something is missing, as `status`, `doctor` and `audit` do."""
    found = [f"{name} has a gap" for name in sorted(run.gaps)]
    found += [f"{name} is covered beyond its end" for name in lost(run)]
    found += _next(run)
    found += [one.cause for one in groups.of_logs(_parts(run, work), _ids(run))]
    for stage, tps in work.world.inputs.items():
        for tp in tps:
            state = Marked(run.states.get(tp, Entries()))
            found += _waiting(work, stage, tp, state)
    return found


def _next(run: Run) -> Iterator[str]:
    """Sources whose last messages were lost: the next one, as yet to come, is a gap."""
    for tp, state in run.states.items():
        log, overlay = run.broker.logs[tp], Overlay(Marked(state))
        if not log.before or not tp.topic.startswith("hub."):
            continue  # blocks are inside only
        for name in _sources(log.before[log.cut :]) - _sources(log.messages[log.cut :]):
            topic, _, partition = name.rpartition("/")
            end = run.broker.logs[TP(topic, int(partition))].end
            if coverage.place(overlay, name).offset < end - 1:
                yield f"{tp.topic}/{tp.partition} will miss the last of {name}"


def _sources(messages: Sequence[Incoming]) -> set[str]:
    """Whose blocks messages are."""
    blocks = (decode(message.value) for message in messages)
    return {
        decode_as(BlockHeader, block.header).source.name
        for block in blocks
        if isinstance(block, Block)
    }


def _waiting(work: Workload, stage: str, tp: TP, state: Marked) -> Iterator[str]:
    """Cuts that wait for a source: when all is quiet, for ever."""
    made = work.world.stage(stage, (2, 2))
    if isinstance(made, Stands):
        for one in made.standing(tp.topic, state).cuts:
            if one.word in (WAITING, JOINING):
                yield f"{tp.topic}/{tp.partition}: {one.word} for {one.sources}"


def _parts(run: Run, work: Workload) -> Iterator[dict[str, Any]]:
    """Partitions as workers report them."""
    for stage, tps in work.world.inputs.items():
        for tp in tps:
            if position := _position(run, tp):
                yield {
                    "stage": stage,
                    "topic": tp.topic,
                    "partition": tp.partition,
                    "condition": "running",
                    "log": position.log.hex(),
                }


def _ids(run: Run) -> dict[str, bytes]:
    return {tp.topic: log.uuid for tp, log in run.broker.logs.items()}


def lost(run: Run) -> Iterator[str]:
    """Logs that no longer hold what is covered of them: `audit --live` names them."""
    for state in run.states.values():
        for key, entry in Overlay(Marked(state)).scan(coverage.KIND):
            topic, _, partition = key[1:].decode().rpartition("/")
            _, place = coverage.place_in(entry)
            if place.offset >= run.broker.logs[TP(topic, int(partition))].end:
                yield f"{topic}/{partition}"


def traces(run: Run) -> Iterator[str]:
    """States that were made from a log that is no longer there."""
    logs = run.broker.logs
    for tp in logs:
        position = _position(run, tp)
        if position and position.log != logs[tp].uuid:
            yield f"{tp.topic}/{tp.partition} was made again, its own state went on"
    for tp, state in run.states.items():
        for key, entry in Overlay(Marked(state)).scan(coverage.KIND):
            topic, _, partition = key[1:].decode().rpartition("/")
            log, _ = coverage.place_in(entry)
            if log != logs[TP(topic, int(partition))].uuid:
                yield f"{tp.topic}/{tp.partition}: {topic}/{partition} was made again"


def named(run: Run) -> Iterator[str]:
    """A partition that stops says which it is, and with which command it is mended."""
    for tp, error in run.stopped.items():
        if f"{tp.topic}/{tp.partition}" not in error or "`kerwen " not in error:
            yield f"stopped without a way on: {error}"
