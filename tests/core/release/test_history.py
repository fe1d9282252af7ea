"""Figures of earlier years become signed vintages, or say why they cannot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.codelists import published
from hub.core.disclosure.figures import Figure, Place
from hub.core.errors import CatalogueError, InvalidError
from hub.core.log import Send
from hub.core.observation import Codec
from hub.core.release import history, publish
from hub.core.release.history import Fault, Release, Row
from hub.core.topics import VINTAGES, indicator_topic
from hub.edge.files import catalogue_folder, read_catalogue
from tests.core.release.cuts import SIGNER, close

NOW_MS = 1_770_000_000_000
YEARBOOK = "Statistical yearbook 2024, table 7"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue, in which two tables begin with 2025."""
    found = read_catalogue()
    tables = dict(found.tables)
    for name in ("LAB_OUT", "CON_CAS", "LAB_WAGE"):
        tables[name] = replace(tables[name], breaks=("2021", "2025"))
    return replace(found, tables=tables)


@pytest.fixture(scope="module")
def table(catalogue: Catalogue) -> Table:
    """A yearly table of persons with two dimensions."""
    return catalogue.tables["LAB_OUT"]


def rows(catalogue: Catalogue, table: Table, *said: dict[str, Any]) -> list[Row]:
    """Rows of the national totals; each replaces what it says."""
    first = {one.id: "_T" for one in table.dimensions} | {"REF_AREA": "TM"}
    assert all("_T" in published(catalogue, one) for one in table.dimensions)
    return [Row(n, first | one) for n, one in enumerate(said, 2)]


def year(period: str, women: int, men: int, rest: int = 0) -> Iterator[dict[str, Any]]:
    """The four sexes of a period."""
    total = women + men + rest
    for sex, value in (("F", women), ("M", men), ("_OUN", rest), ("_T", total)):
        yield {"TIME_PERIOD": period, "SEX": sex, "OBS_VALUE": str(value)}


def brought(
    catalogue: Catalogue, table: Table, *said: dict[str, Any], source: str = YEARBOOK
) -> tuple[list[Release], list[Fault]]:
    """What an import of these rows comes to."""
    return history.releases(
        catalogue,
        table,
        rows(catalogue, table, *said),
        source=source,
        signer=SIGNER,
        now_ms=NOW_MS,
    )


def test_each_period_is_a_signed_vintage(catalogue: Catalogue, table: Table) -> None:
    """Figures and manifest are those that every reader verifies already."""
    found, faults = brought(
        catalogue, table, *year("2023", 400, 300, 5), *year("2024", 500, 200)
    )

    assert faults == []
    assert [one.manifest.period for one in found] == ["2023", "2024"]
    for release in found:
        sends: list[Send] = release.sends()
        codec = Codec(table)
        assert [one.topic for one in sends] == [
            *[indicator_topic(table.id)] * 4,
            VINTAGES,
        ]
        figures = [codec.decode(one.value or b"") for one in sends[:-1]]
        manifest = observation.decode(sends[-1].value or b"")
        observation.verify(manifest, SIGNER.private.public_key())
        assert observation.use_of(manifest) == "release"
        assert manifest.digest == observation.digest(figures)
        assert manifest.observations == 4
        assert manifest.reason == f"history: {YEARBOOK}"
        assert {one.release for one in figures} == {manifest.marker.hex()}
        assert {(one.status, one.vintage, one.conf) for one in figures} == {
            ("A", "F", "F")
        }


def test_the_same_file_is_the_same_release(catalogue: Catalogue, table: Table) -> None:
    """Order and moment do not matter; a figure, the source and the period do."""
    said = list(year("2023", 400, 300))
    first = brought(catalogue, table, *said)[0][0]
    again = brought(catalogue, table, *reversed(said))[0][0]
    others = [
        brought(catalogue, table, *year("2023", 401, 300))[0][0],
        brought(catalogue, table, *year("2022", 400, 300))[0][0],
        brought(catalogue, table, *said, source="Census")[0][0],
    ]

    assert again == first
    assert len({one.manifest.marker for one in (first, *others)}) == 4


def test_a_break_inside_history_is_marked(catalogue: Catalogue, table: Table) -> None:
    """The period that the catalogue names bears B, unless its row says more."""
    found, _ = brought(
        catalogue,
        table,
        *year("2020", 40, 30),
        *year("2021", 41, 30),
        {"TIME_PERIOD": "2022", "SEX": "_T", "OBS_VALUE": "9", "OBS_STATUS": "D"},
        {"TIME_PERIOD": "2019", "SEX": "_T", "OBS_VALUE": None, "OBS_STATUS": "O"},
        {"TIME_PERIOD": "2018", "SEX": "_T", "OBS_VALUE": None, "OBS_STATUS": "Q"},
    )

    said = {
        one.manifest.period: {(o.status, o.conf) for o in one.observations}
        for one in found
    }
    assert said == {
        "2018": {("Q", "A")},
        "2019": {("O", "F")},
        "2020": {("A", "F")},
        "2021": {("B", "F")},
        "2022": {("D", "F")},
    }


def test_the_first_counted_period_bears_b(catalogue: Catalogue, table: Table) -> None:
    """Release marks the join, whoever imported what; what is missing stays missing."""
    figures = {
        Place("2025", "TM", "F", "_T", "_T"): Figure(value=Fraction(40)),
        Place("2025", "TM", "M", "_T", "_T"): Figure(value=None, status="O"),
        Place("2026", "TM", "F", "_T", "_T"): Figure(value=Fraction(41)),
    }
    for letter, plain in (("P", "P"), ("F", "A")):
        found = publish.observations(
            catalogue, table, close(vintage=letter, tables=(table.id,)), figures
        )
        assert {(one.sex, one.period): one.status for one in found} == {
            ("F", "2025"): "B",
            ("M", "2025"): "O",
            ("F", "2026"): plain,
        }


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no period": ({"TIME_PERIOD": None}, "TIME_PERIOD", "no period"),
    "another clock": ({"TIME_PERIOD": "2023-Q1"}, "TIME_PERIOD", "such as 2019"),
    "a counted period": ({"TIME_PERIOD": "2025"}, "TIME_PERIOD", "before the break"),
    "a later period": ({"TIME_PERIOD": "2031"}, "TIME_PERIOD", "before the break"),
    "no area": ({"REF_AREA": None}, "REF_AREA", "no code"),
    "another area": ({"REF_AREA": "KZ"}, "REF_AREA", "known: TM"),
    "an exact sex": ({"SEX": "_U"}, "SEX", "known: F, M"),
    "no sex": ({"SEX": None}, "SEX", "no code"),
    "an unknown code": ({"DEST_G": "MOON"}, "DEST_G", "no code"),
    "no value": ({"OBS_VALUE": None}, "OBS_VALUE", "no number"),
    "a word": ({"OBS_VALUE": "many"}, "OBS_VALUE", "no number"),
    "infinite": ({"OBS_VALUE": "inf"}, "OBS_VALUE", "no number"),
    "negative": ({"OBS_VALUE": "-1"}, "OBS_VALUE", "not negative"),
    "half a person": ({"OBS_VALUE": "1.5"}, "OBS_VALUE", "whole number"),
    "an unknown status": ({"OBS_STATUS": "X"}, "OBS_STATUS", "no status"),
    "a value that is missing": ({"OBS_STATUS": "O"}, "OBS_VALUE", "although"),
    "a value that is hidden": ({"OBS_STATUS": "Q"}, "OBS_VALUE", "although"),
}
"""One wrong row among good ones: column and words of its fault."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_stops_all(catalogue: Catalogue, table: Table, name: str) -> None:
    """Nothing is signed, and the row is named."""
    changes, column, words = WRONG[name]
    odd = {"TIME_PERIOD": "2022", "SEX": "_T", "OBS_VALUE": "7"} | changes

    found, faults = brought(catalogue, table, *year("2023", 400, 300), odd)

    assert found == []
    assert [(one.row, one.column) for one in faults] == [(6, column)]
    assert words in faults[0].what


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"F": 40, "M": 30, "_T": 71}, "not the sum"),
        ({"F": 40, "M": 30, "_OUN": 2, "_T": 70}, "not the sum"),
        ({"F": 40, "M": 30}, "belong together"),
        ({"F": 40, "_T": 40}, "belong together"),
        ({"_OUN": 1, "_T": 1}, "belong together"),
    ],
)
def test_the_sexes_add_up(
    catalogue: Catalogue, table: Table, values: dict[str, int], words: str
) -> None:
    """Women are never hidden in a total that is not their sum."""
    said = [
        {"TIME_PERIOD": "2023", "SEX": sex, "OBS_VALUE": str(value)}
        for sex, value in values.items()
    ]

    found, faults = brought(catalogue, table, *said)

    assert found == []
    assert words in faults[0].what


def test_a_total_may_stand_alone_and_a_hidden_sex_explains_itself(
    catalogue: Catalogue, table: Table
) -> None:
    """What a yearbook did not divide, or hid, is taken as it is."""
    hidden = {"TIME_PERIOD": "2022", "OBS_VALUE": None, "OBS_STATUS": "Q"}
    found, faults = brought(
        catalogue,
        table,
        {"TIME_PERIOD": "2023", "SEX": "_T", "OBS_VALUE": "70"},
        *(hidden | {"SEX": sex} for sex in ("F", "M")),
        {"TIME_PERIOD": "2022", "SEX": "_T", "OBS_VALUE": "70"},
    )

    assert (len(found), faults) == (2, [])


def test_means_are_no_counts(catalogue: Catalogue) -> None:
    """A wage may have a fraction, and the wages of the sexes do not add up."""
    table = catalogue.tables["LAB_WAGE"]
    said = [
        {"TIME_PERIOD": "2023", "SEX": sex, "OBS_VALUE": value}
        for sex, value in (("F", "310,5"), ("M", "402.25"), ("_T", "380"))
    ]

    found, faults = brought(catalogue, table, *said)

    assert faults == []
    assert sorted(one.value or 0 for one in found[0].observations) == [
        310.5,
        380.0,
        402.25,
    ]


def test_small_counts_of_sensitive_tables_stay_inside(catalogue: Catalogue) -> None:
    """A yearbook that once printed them is no reason to print them again."""
    table = catalogue.tables["CON_CAS"]
    said = {"TIME_PERIOD": "2023", "SEX": "_T"}

    small = brought(catalogue, table, said | {"OBS_VALUE": "10"})[1]
    large = brought(catalogue, table, said | {"OBS_VALUE": "11"})[1]

    assert "below 11" in small[0].what
    assert large == []


def test_a_place_stands_once(catalogue: Catalogue, table: Table) -> None:
    """Two rows for one place contradict each other, even if they agree."""
    one = {"TIME_PERIOD": "2023", "SEX": "_T", "OBS_VALUE": "70"}

    faults = brought(catalogue, table, one, one)[1]

    assert faults == [Fault(3, "(row)", "the same place as row 2")]


def test_a_source_is_needed(catalogue: Catalogue, table: Table) -> None:
    """Figures that nobody vouches for are not signed."""
    for source in ("", "  ", "x" * 201):
        with pytest.raises(InvalidError, match="--reason"):
            brought(catalogue, table, *year("2023", 40, 30), source=source)


def test_a_table_says_where_it_begins(catalogue: Catalogue) -> None:
    """Without a break in its file nothing is taken; internal tables take nothing."""
    plain = next(
        t for t in catalogue.tables.values() if not t.breaks and not t.internal
    )
    hidden = next(t for t in catalogue.tables.values() if t.internal)
    with pytest.raises(InvalidError, match="breaks = "):
        history.table_of(catalogue, plain.id)
    for name in (hidden.id, "NOTHING"):
        with pytest.raises(InvalidError, match="not published"):
            history.table_of(catalogue, name)


def test_breaks_are_periods_of_the_tables_clock(tmp_path: Any) -> None:
    """A catalogue with another is refused, with file and key."""
    folder = tmp_path / "catalogue"
    shutil.copytree(catalogue_folder(), folder)
    path = folder / "tables" / "LAB_OUT.toml"
    text = path.read_text("utf-8")
    for wrong in ("2025-Q1", "next year"):
        path.write_text(f'breaks = ["{wrong}"]\n{text}', "utf-8")
        with pytest.raises(CatalogueError, match=r"LAB_OUT.toml: key breaks"):
            read_catalogue(folder)
    path.write_text(f'breaks = ["2025"]\n{text}', "utf-8")
    assert read_catalogue(folder).tables["LAB_OUT"].breaks == ("2025",)
