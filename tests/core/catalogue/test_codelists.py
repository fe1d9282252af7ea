"""Codes as members see them: totals last, labels in three languages."""

from __future__ import annotations

import pytest

from hub.core import codelists
from hub.core.catalogue.model import Catalogue
from hub.edge.files import read_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of this repository."""
    return read_catalogue()


@pytest.mark.parametrize(
    ("table", "dimension", "expected"),
    [
        ("STK_CIT", "KIND", ["TEMPORARY", "PERMANENT", "_U", "_T"]),
        ("XNG_EVT", "DIRECTION", ["ENTRY", "EXIT", "_U", "_T"]),
        ("LAB_WAGE", "DIRECTION", ["IN", "OUT", "_U", "_T"]),
        ("CHD_UASC", "GROUP", ["UNACCOMPANIED", "SEPARATED", "_U", "_T"]),
        ("STK_STLS", "AGE_M", ["Y0T17", "Y_GE18", "_U", "_T"]),
        ("FAM_ATT", "AT_SCHOOL", ["Y", "N", "_U", "_T"]),
        ("LAB_IN_ACT", "ACTIVITY_G",
         ["AGR", "IND", "CON", "TRA", "PRO", "SOC", "_U", "_T"]),
    ],
)  # fmt: skip
def test_codes_that_rows_can_come_to(
    catalogue: Catalogue, table: str, dimension: str, expected: list[str]
) -> None:
    """What `where`, mapping, grouping and bands leave of a codelist."""
    found = catalogue.tables[table]
    one = next(d for d in found.dimensions if d.id == dimension)
    assert expected == codelists.reached(catalogue, found, one)


def test_published_sex_is_the_codelist(catalogue: Catalogue) -> None:
    """F, M, residual and total, in the order in which they are shown."""
    assert tuple(catalogue.codelists[codelists.SEX].codes) == codelists.PUBLISHED_SEX


def test_areas_are_the_country_and_its_parts(catalogue: Catalogue) -> None:
    """Every velayat of the fields is an area of the tables."""
    areas = catalogue.codelists[codelists.AREA].codes
    assert ["TM", *catalogue.codelists["CL_VELAYAT"].codes] == list(areas)


def test_labels_fall_back_to_margins_and_then_to_the_code(catalogue: Catalogue) -> None:
    """A total has a label in every list, an unknown code is its own."""
    said = [
        codelists.label(catalogue, "CL_TRANSPORT", code, language)
        for code, language in (("AIR", "ru"), ("_T", "tk"), ("_U", "en"), ("X9", "en"))
    ]
    assert said == ["Воздушный", "Jemi", "Unknown", "X9"]
