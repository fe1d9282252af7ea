"""Conservation while it happens: is everything that came in where it belongs by now?

Rules (design: conservation):

- For every ministry partition: what the log holds = what intake folded = what dedupe
  covers, in the dataflow's domain and in NONE. For every domain: what dedupe folded =
  what aggregate covers = what release covers. Signed sequences without a batch are
  missing from the log.
- For every dataflow that is not quiet: rows intake accepted = rows dedupe judged, by
  ministry; changes dedupe wrote = changes aggregate folded; messages = their outcomes.
- A difference is *late* if it was there a minute ago; younger ones are on their way.
  Workers do not show themselves at one moment, so sums are compared with what they were
  a minute ago, in both directions.
- Of a quiet dataflow nothing is said but whether it is late.

Everything here is computed from what workers show of themselves (:mod:`agents.account`)
and from the ends of the logs. No payload, no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hub.core.books import Books
from hub.core.catalogue.model import Catalogue, Dataflow, Domain
from hub.core.log import PARTITIONS_FACTS
from hub.core.topics import CELLS, facts_topic, parse_ministry, records_topic, sources

SETTLED_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not where it belongs.

    Attributes:
        where: Stage that lacks it; ``log`` for batches that never came; ``cut`` for a
            log that no longer holds what was covered; ``rows``, ``facts`` or
            ``messages`` for sums that disagree.
        source: Where it comes from, as ``topic/partition``; empty for sums.
        into: The partition that does not cover it; empty where there is one only.
        first: First missing offset (``log``: sequence; sums: how many are missing).
        last: Last missing offset.
        late: It was there a minute ago.
    """

    where: str
    source: str = ""
    into: str = ""
    first: int = 0
    last: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One ministry and dataflow, or one domain (then `ministry` is empty).

    Attributes:
        rows: Outcome -> rows, as intake counted them, and ``judged`` by dedupe.
    """

    ministry: str
    dataflow: str
    quiet: bool
    rows: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def state(self) -> str:
        """``equal``, ``open`` (on its way) or ``late``."""
        if any(one.late for one in self.differences):
            return "late"
        return "open" if self.differences and not self.quiet else "equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """End of a ministry partition, as the brokers have it.

    Attributes:
        last: Offset of its last message.
        mark: The same as a mark, of quiet ones.
        since_ms: How long the first message that is not folded has been there.
    """

    last: int
    mark: int = 0
    since_ms: int = 0


Ends = Mapping[str, End]


def reconcile(
    catalogue: Catalogue, books: Books, ends: Ends, now_ms: int
) -> list[Line]:
    """Every equation, ministries first, then domains.

    Args:
        catalogue: Which partitions there are.
        books: What workers show.
        ends: Ends of the ministry partitions; those that are not given are not asked.
        now_ms: The time.
    """
    places: dict[tuple[str, str], list[str]] = {}
    for topic, partition in sources(catalogue, Domain.NONE):
        places.setdefault(parse_ministry(topic), []).append(f"{topic}/{partition}")
    lines = []
    for (ministry, dataflow), names in places.items():
        flow = catalogue.dataflows[dataflow]
        found = list(_transit(flow, books, ends, names, now_ms))
        lines.append(_flow(flow, books, ministry, names, found))
    return lines + [_domain(catalogue, books, domain) for domain in Domain]


def _transit(
    flow: Dataflow, books: Books, ends: Ends, names: Iterable[str], now_ms: int
) -> Iterator[Difference]:
    """What is in the log of a ministry and dataflow, and not further on yet."""
    for name in names:
        if name in ends:
            yield from _log(books, name, ends[name], quiet=flow.quiet)
        yield from _signed(books, name, now_ms)
        for domain in dict.fromkeys((flow.domain, Domain.NONE)):
            into = f"{records_topic(domain)}/0"
            yield from _covered(books, "dedupe", name, into, quiet=flow.quiet)


def _flow(
    flow: Dataflow,
    books: Books,
    ministry: str,
    names: Iterable[str],
    found: list[Difference],
) -> Line:
    """The line of a ministry and dataflow; sums say something when nothing moves."""
    if flow.quiet:
        late = tuple(
            Difference(where=one.where, late=True) for one in found if one.late
        )
        return Line(
            ministry=ministry, dataflow=flow.id, quiet=True, rows={}, differences=late
        )
    rows = {
        outcome: books.outcome("intake", ministry, flow.id, outcome)
        for outcome in ("accepted", "duplicate", "quarantined")
    }
    rows["judged"] = books.total("rows_counted", "dedupe", ministry, flow.id) or 0
    found += _messages(books, names)
    return Line(
        ministry=ministry,
        dataflow=flow.id,
        quiet=False,
        rows=rows,
        differences=_with(found, _rows(books, ministry, flow.id, flow.domain)),
    )


def _with(
    found: Sequence[Difference], sums: Iterable[Difference]
) -> tuple[Difference, ...]:
    """Sums beside places: they differ while something moves, and say nothing then."""
    if any(one.late for one in found):
        return tuple(found)
    return (*found, *(one for one in sums if one.late or not found))


def _domain(catalogue: Catalogue, books: Books, domain: Domain) -> Line:
    flows = [one for one in catalogue.dataflows.values() if one.domain == domain]
    quiet = any(one.quiet for one in flows)
    records = f"{records_topic(domain)}/0"
    facts = [f"{facts_topic(domain)}/{number}" for number in range(PARTITIONS_FACTS)]
    found: list[Difference] = []
    for one in facts:
        found += _covered(books, "aggregate", records, one, quiet=quiet)
        found += _covered(books, "release", one, f"{CELLS}/0", quiet=quiet)
    sums = [one for flow in flows for one in _facts(books, flow.id)]
    every = _with(found, sums)
    late = tuple(Difference(where=one.where, late=True) for one in every if one.late)
    return Line(
        ministry="",
        dataflow=str(domain),
        quiet=quiet,
        rows={},
        differences=late if quiet else every,
    )


def _log(books: Books, name: str, end: End, *, quiet: bool) -> Iterator[Difference]:
    """What the log holds and intake has not folded."""
    late = end.since_ms > SETTLED_MS
    if quiet:
        if books.at("position_mark", name) != end.mark:
            yield Difference(where="intake", source=name, late=late)
        return
    position = books.at("position_offset", name)
    first = 0 if position is None else position + 1
    if first <= end.last:
        yield Difference(
            where="intake", source=name, first=first, last=end.last, late=late
        )


def _signed(books: Books, name: str, now_ms: int) -> Iterator[Difference]:
    """Batches that were signed and never came."""
    number = books.at("lane_missing", name) or 0
    if number:
        first = books.at("lane_expected", name) or 0
        since_ms = 1000 * (books.at("lane_since", name) or 0)
        yield Difference(
            where="log",
            source=name,
            first=first,
            last=first + number - 1,
            late=now_ms - since_ms > SETTLED_MS,
        )


def _covered(
    books: Books, stage: str, source: str, into: str, *, quiet: bool
) -> Iterator[Difference]:
    """What a stage before folded and `stage` does not cover."""
    word = "mark" if quiet else "offset"
    position = books.at(f"position_{word}", source)
    settled = books.at(f"settled_{word}", source)
    covered = books.at(f"covered_{word}", source, into)
    if position is None or position == covered:
        return
    if quiet:
        # Marks have no order: what has not moved for a minute must be covered.
        yield Difference(where=stage, source=source, late=position == settled)
        return
    reached = -1 if covered is None else covered
    if position > reached:
        late = settled is not None and settled > reached
        yield Difference(
            where=stage,
            source=source,
            into=into,
            first=reached + 1,
            last=position,
            late=late,
        )
    else:
        # Sent before it was written; if nothing is written any more, the log lost its
        # tail while the state of its reader was lost.
        yield Difference(
            where="cut",
            source=source,
            into=into,
            first=position + 1,
            last=reached,
            late=position == settled,
        )


def _messages(books: Books, names: Iterable[str]) -> Iterator[Difference]:
    """Every message has an outcome; position and sums are of one batch of the state."""
    counted: dict[str, int] = {}
    for (_, source), value in books.sums.get("messages_counted", {}).items():
        counted[source] = counted.get(source, 0) + value
    for name in names:
        position = books.at("position_offset", name)
        if position is not None and counted.get(name, 0) != position + 1:
            missing = position + 1 - counted.get(name, 0)
            yield Difference(
                where="messages", source=name, first=missing, last=missing, late=True
            )


def _rows(
    books: Books, ministry: str, dataflow: str, domain: Domain
) -> Iterator[Difference]:
    """Rows accepted are rows judged; what a cut holds back is on its way."""
    accepted = books.outcome("intake", ministry, dataflow, "accepted")
    judged = books.total("rows_counted", "dedupe", ministry, dataflow) or 0
    if accepted == judged:
        return
    settled = books.outcome("intake", ministry, dataflow, "accepted", "rows_settled")
    before = books.total("rows_settled", "dedupe", ministry, dataflow) or 0
    held = books.at("cut_held", f"{records_topic(domain)}/0")
    late = (judged < settled and not held) or before > accepted
    missing = accepted - judged
    yield Difference(where="rows", first=missing, last=missing, late=late)


def _facts(books: Books, dataflow: str) -> Iterator[Difference]:
    """Changes that were written are changes that were folded."""
    written = books.total("facts_counted", "dedupe", "", dataflow) or 0
    folded = books.total("facts_counted", "aggregate", "", dataflow) or 0
    if written == folded:
        return
    settled = books.total("facts_settled", "dedupe", "", dataflow) or 0
    before = books.total("facts_settled", "aggregate", "", dataflow) or 0
    late = folded < settled or before > written
    missing = written - folded
    yield Difference(where="facts", first=missing, last=missing, late=late)
