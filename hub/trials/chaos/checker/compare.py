"""In against out: rows in receipts, records in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hub.trials.chaos.checker import count, outside, truth
from hub.trials.chaos.checker.count import ALL, COUNTRY, Place, Table
from hub.trials.chaos.checker.evidence import Evidence, Finding, Flow
from hub.trials.chaos.checker.outside import Seen
from hub.trials.chaos.checker.truth import Counts, Truth

Difference = tuple[int, int]
"""Rows lost, rows doubled."""


def check(evidence: Evidence) -> Finding:
    """Read everything and compare."""
    wanted = truth.read(evidence.published, evidence.sample, evidence.catalogue)
    tables = list(count.tables(evidence.catalogue, evidence.schemas, evidence.tables))
    messages = outside.subscribe(
        evidence.bootstrap,
        evidence.pki,
        evidence.subscriber,
        tables,
    )
    seen = outside.read(messages, evidence.schemas, tables, evidence.release)
    receipts = outside.receipts(evidence.spools, evidence.schemas)
    return compare(wanted, receipts, tables, seen, evidence)


def compare(
    wanted: Truth,
    receipts: Mapping[Flow, Counts],
    tables: Sequence[Table],
    seen: Seen,
    evidence: Evidence,
) -> Finding:
    """What the two sides do not agree on."""
    lost, doubled, reasons = _receipts(wanted.counts, receipts)
    wrong: Counter[str] = Counter()
    figures = 0
    for table in tables:
        cells = count.count(
            table, wanted.records.get(table.dataflow, ()), evidence.year
        )
        shown = seen.values[table.id]
        figures += len(cells.keys() | shown.keys())
        wrong[table.id] = sum(
            cells[place] != shown.get(place, 0) for place in cells.keys() | shown.keys()
        )
        less, more = differing(table, cells, shown)
        if not (less or more):
            wrong[table.id] = 0  # noise, said nowhere else
        lost[table.dataflow] = max(lost[table.dataflow], less)
        doubled[table.dataflow] = max(doubled[table.dataflow], more)
    return Finding(
        rows=wanted.rows,
        figures=figures,
        lost=dict(+lost),
        doubled=dict(+doubled),
        tables=dict(+wrong),
        reasons=dict(+reasons),
        conflicts=(*seen.conflicts, *_manifests(tables, seen, evidence.release)),
    )


def differing(
    table: Table, cells: Mapping[Place, int], shown: Mapping[Place, float]
) -> Difference:
    """Rows lost and doubled in one table.

    A row that is lost is missing in its own figure and in every total above it. Noise
    has another draw for each figure, so under a policy with noise a difference counts
    if it stands at a second level of totals too.
    """
    lost: Counter[tuple[bool, ...]] = Counter()
    doubled: Counter[tuple[bool, ...]] = Counter()
    levels = set()
    for place in cells.keys() | shown.keys():
        if table.sex is not None and place.sex == ALL:
            continue  # the sum of the others
        level = (place.area == COUNTRY, *(code == ALL for code in place.codes))
        levels.add(level)
        more = round(shown.get(place, 0)) - cells.get(place, 0)
        doubled[level] += max(0, more)
        lost[level] += max(0, -more)
    return _agreed(table, levels, lost), _agreed(table, levels, doubled)


def _agreed(
    table: Table,
    levels: set[tuple[bool, ...]],
    rows: Counter[tuple[bool, ...]],
) -> int:
    ordered = sorted((rows[level] for level in levels), reverse=True)
    if not ordered:
        return 0
    return ordered[1] if table.noisy and len(ordered) > 1 else ordered[0]


def _receipts(
    wanted: Mapping[Flow, Counts], found: Mapping[Flow, Counts]
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Rows lost, doubled and otherwise refused, by dataflow."""
    lost: Counter[str] = Counter()
    doubled: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for name in wanted.keys() | found.keys():
        here, there = wanted.get(name, Counts()), found.get(name, Counts())
        more = there.sealed - here.sealed
        lost[name[1]] += max(0, -more)
        doubled[name[1]] += max(0, more)
        other = (here.refused - there.refused) + (there.refused - here.refused)
        reasons[name[1]] += other.total()
    return lost, doubled, reasons


def _manifests(tables: Sequence[Table], seen: Seen, release: str) -> list[str]:
    """Releases that are not what their manifest says."""
    names = {table.id for table in tables}
    problems = [
        f"{table}: {seen.observations[table, marker]} figures of {promised} in release"
        f" {marker[:8]}"
        for (table, marker), promised in seen.promised.items()
        if table in names and seen.observations[table, marker] != promised
    ]
    missing = [name for name in names if (name, release) not in seen.promised]
    return problems + [f"{name}: not released" for name in sorted(missing)]
