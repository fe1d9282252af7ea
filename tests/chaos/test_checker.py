"""The checker counts as the sample's own truth does, and finds what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hub.core import observation
from hub.core.catalogue.model import Catalogue
from hub.core.observation import Observation, Vintage
from hub.edge.files import schemas_folder
from hub.trials.chaos import variant
from hub.trials.chaos.checker import compare, count, outside, truth
from hub.trials.chaos.checker.count import ALL, COUNTRY, Place, Table
from hub.trials.chaos.checker.evidence import Evidence, Finding, Published
from hub.trials.chaos.checker.outside import Seen
from hub.trials.chaos.checker.truth import Counts, Truth
from hub.trials.sample import write as sample

PERSONS = 400
RELEASE = "ab" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A sample, its truth read by the checker, and outsides that fit."""

    catalogue: Catalogue
    evidence: Evidence
    said: sample.Truth
    truth: Truth
    tables: list[Table]

    def seen(self) -> Seen:
        """What a subscriber has if all is well."""
        found = Seen()
        for table in self.tables:
            found.values[table.id] = dict(self.cells(table))
            found.promised[table.id, RELEASE] = 0
        return found

    def cells(self, table: Table) -> Counter[Place]:
        """The figures of a table."""
        rows = self.truth.records.get(table.dataflow, ())
        return count.count(table, rows, "2025")

    def receipts(self) -> dict[tuple[str, str], Counts]:
        """What receipts say if all is well."""
        return {
            name: Counts(one.accepted, Counter(one.refused))
            for name, one in self.truth.counts.items()
        }

    def table(self, name: str) -> Table:
        """A table by its id."""
        return next(one for one in self.tables if one.id == name)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A small year."""
    root = tmp_path_factory.mktemp("checker")
    catalogue = variant.make(root / "catalogue")
    said = sample.write(root / "sample", catalogue, persons=PERSONS, seed=3)
    published = [
        Published(
            member=one.member,
            dataflow=one.dataflow,
            path=root / "sample" / one.path,
            again=one.again,
        )
        for one in said.files
    ]
    evidence = Evidence(
        published=published,
        sample=root / "sample",
        spools=[],
        catalogue=root / "catalogue",
        schemas=schemas_folder(),
        bootstrap="",
        pki=root,
        subscriber="iom",
        release=RELEASE,
        tables=[one.id for one in catalogue.tables.values() if not one.internal],
        year="2025",
    )
    known = truth.read(published, evidence.sample, evidence.catalogue)
    tables = count.tables(evidence.catalogue, evidence.schemas, evidence.tables)
    return Case(
        catalogue=catalogue,
        evidence=evidence,
        said=said,
        truth=known,
        tables=list(tables),
    )


def compared(case: Case, seen: Seen, receipts: Any = None) -> Finding:
    """What the checker finds."""
    given = case.receipts() if receipts is None else receipts
    return compare.compare(case.truth, given, case.tables, seen, case.evidence)


def test_figures_are_those_of_the_sample(case: Case) -> None:
    """Every table that is counted here has the cells the sample counted itself."""
    said = json.loads((case.evidence.sample / "truth.json").read_text())["tables"]
    figures = 0
    for table in case.tables:
        wanted: Counter[Place] = Counter()
        for period, area, sex, d1, d2, n, _ in said[table.id]["rows"]:
            codes = (d1, d2)[: len(table.dimensions)]
            # Some official figures are totals already: they stand among the totals.
            if period.startswith("2025") and ALL not in codes:
                kept = table.sex is None or sex in ("F", "M")
                wanted[Place(period, area, sex if kept else "_OUN", codes)] += n
        cells = case.cells(table)
        detail = {
            place: number
            for place, number in cells.items()
            if ALL not in place.codes
            and (table.sex is None or place.sex != ALL)
            and (table.area is None or place.area != COUNTRY)
        }
        assert detail == wanted, table.id
        figures += len(detail)

    assert figures > 1_000


def test_every_dataflow_is_counted(case: Case) -> None:
    """Each row of a ministry stands in some figure that is checked."""
    provided = {
        name for one in case.catalogue.members.values() for name in one.provides
    }

    assert {table.dataflow for table in case.tables} == provided


def test_rows_are_those_of_the_sample(case: Case) -> None:
    """Accepted and refused rows by reason, ministry and dataflow."""
    found = {
        name: (one.accepted, dict(one.refused))
        for name, one in case.truth.counts.items()
    }
    wanted = {
        name: (one.accepted, one.quarantined)
        for name, one in case.said.expected.items()
    }

    assert found == wanted


def test_all_well_is_clean(case: Case) -> None:
    """Nothing is found where nothing is wrong."""
    found = compared(case, case.seen())

    assert found.clean
    assert found.figures > 2_000


@pytest.mark.parametrize("name", ["XNG_EVT", "ROWS_REMITTANCE"])
@pytest.mark.parametrize(("more", "side"), [(-1, "lost"), (1, "doubled")])
def test_one_row_too_few_or_too_many_is_found(
    case: Case, name: str, more: int, side: str
) -> None:
    """A row that is lost or doubled is so in its figure and in all its totals."""
    table = case.table(name)
    row = next(
        one for one in case.truth.records[table.dataflow] if table.period(one) >= "2025"
    )
    seen = case.seen()
    for place in count.count(table, [row], "2025"):
        seen.values[name][place] += more
    found = compared(case, seen)

    assert getattr(found, side) == {table.dataflow: 1}
    assert found.lost == {} or found.doubled == {}
    assert list(found.tables) == [name]
    assert not found.clean


def test_noise_of_one_figure_is_no_loss(case: Case) -> None:
    """A figure off by one, no total with it: noise where there is noise, else wrong."""
    for name, clean in (("XNG_EVT", True), ("ROWS_REMITTANCE", False)):
        seen = case.seen()
        sexes = {ALL} if case.table(name).sex is None else {"F", "M"}
        place = next(
            one
            for one in seen.values[name]
            if ALL not in one.codes and one.sex in sexes
        )
        seen.values[name][place] -= 1

        assert compared(case, seen).clean is clean, name


def test_rows_without_a_receipt_are_lost(case: Case) -> None:
    """Receipts that count fewer rows, more rows, or other reasons are found."""
    name = ("sms", "border_crossing")
    fewer, more, other = case.receipts(), case.receipts(), case.receipts()
    fewer[name].accepted -= 8
    more[name].accepted += 8
    (reason, *_) = other[name].refused
    other[name].refused[reason] -= 1
    other[name].refused["rule" if reason != "rule" else "code"] += 1

    assert compared(case, case.seen(), fewer).lost == {"border_crossing": 8}
    assert compared(case, case.seen(), more).doubled == {"border_crossing": 8}
    assert compared(case, case.seen(), other).reasons == {"border_crossing": 2}


def test_a_release_that_is_not_there_is_a_conflict(case: Case) -> None:
    """A missing manifest and a wrong number are named by table."""
    seen = case.seen()
    del seen.promised["XNG_EVT", RELEASE]
    seen.promised["PRM_NEW", RELEASE] = 3

    assert compared(case, seen).conflicts == (
        "PRM_NEW: 0 figures of 3 in release abababab",
        "XNG_EVT: not released",
    )


def test_what_the_hub_encodes_is_decoded(case: Case) -> None:
    """Observations and manifests, from the published schemas alone."""
    table = case.catalogue.tables["XNG_EVT"]
    one = Observation(
        table="XNG_EVT",
        frequency="M",
        area="TM",
        sex="F",
        dimensions=("ENTRY", "UZ"),
        period="2025-03",
        value=12.0,
        status="P",
        conf="F",
        unit="NUMBER",
        vintage="P",
        release=RELEASE,
        released_ms=1,
    )
    other = replace(one, sex="M", value=None, status="Q")
    vintage = Vintage(
        table="XNG_EVT",
        vintage="P",
        marker=bytes.fromhex(RELEASE),
        period="2025",
        catalogue=bytes(32),
        observations=2,
        digest=bytes(32),
        released_ms=1,
        key_id="k",
    )
    codec = observation.Codec(table)
    topic = "indicators.XNG_EVT"
    messages = [
        (topic, codec.encode(one)),
        (topic, codec.encode(other)),
        (topic, codec.encode(one)),
        (outside.VINTAGES, observation.encode(vintage)),
        (outside.VINTAGES, observation.encode(vintage)),
    ]
    tables = [case.table("XNG_EVT")]
    seen = outside.read(messages, schemas_folder(), tables, RELEASE)
    again = codec.encode(replace(one, value=13.0))
    torn = outside.read([*messages, (topic, again)], schemas_folder(), tables, RELEASE)

    assert seen.values["XNG_EVT"] == {Place("2025-03", "TM", "F", ("ENTRY", "UZ")): 12}
    assert seen.observations == {("XNG_EVT", RELEASE): 2}
    assert seen.promised == {("XNG_EVT", RELEASE): 2}
    assert seen.conflicts == []
    assert torn.conflicts == ["XNG_EVT: two figures for one place"]


def test_it_shares_nothing_with_the_hub() -> None:
    """No module of the hub is imported by the checker but its own."""
    folder = Path(compare.__file__).parent
    foreign = [
        f"{path.name}: {line}"
        for path in folder.glob("*.py")
        for line in path.read_text().splitlines()
        if line.startswith(("from hub", "import hub", "from agents"))
        and not line.startswith("from hub.trials.chaos.checker")
    ]

    assert foreign == []
