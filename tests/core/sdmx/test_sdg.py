"""Tables as SDG indicators: the custodians' structure, our figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.core.sdmx import sdg
from hub.core.sdmx.cube import Series
from hub.core.sdmx.model import Structure
from tests.core.sdmx.messages import release_of
from tests.core.sdmx.releases import catalogue

KEY = (
    "FREQ.REPORTING_TYPE.SERIES.REF_AREA.SEX.AGE.URBANISATION.INCOME_WEALTH_QUANTILE."
    "EDUCATION_LEV.OCCUPATION.CUST_BREAKDOWN.COMPOSITE_BREAKDOWN.DISABILITY_STATUS."
    "ACTIVITY.PRODUCT"
)


@pytest.fixture(scope="module")
def structure() -> Structure:
    """The data structure."""
    [found] = [one for one in sdg.artefacts(catalogue()) if isinstance(one, Structure)]
    return found


def mapped(name: str) -> list[Series]:
    """A release of a table, mapped."""
    table = catalogue().tables[name]
    return list(sdg.series(catalogue(), table, release_of(name)))


def test_the_structure_is_that_of_the_custodians(structure: Structure) -> None:
    """Fifteen places in their order, under their name and version."""
    assert structure.ref.short == "IAEG-SDGs:SDG(1.14)"
    assert ".".join(one.id for one in structure.dimensions) == KEY
    mandatory = {one.id for one in structure.attributes if one.mandatory}
    assert mandatory == {"UNIT_MEASURE", "OBS_STATUS", "UNIT_MULT"}


@pytest.mark.parametrize("name", [one.id for one in sdg.tables(catalogue())])
def test_every_key_and_attribute_is_in_the_structure(
    structure: Structure, name: str
) -> None:
    """A code that the structure does not have never comes out."""
    found = mapped(name)

    assert found
    assert len({one.key for one in found}) == len(found)
    own = catalogue().tables[name].sdg
    assert own is not None
    assert {one.key[2] for one in found} <= set(own.series.values())
    for one in found:
        for code, dimension in zip(one.key, structure.dimensions, strict=True):
            assert code in dimension.codes, dimension.id
        for value, item in zip(one.attributes, structure.series, strict=True):
            assert value is not None or not item.mandatory
        for o in one.observations:
            for value, item in zip(o.attributes, structure.observation, strict=True):
                assert value is not None or not item.mandatory
                assert value is None or not item.codes or value in item.codes


def test_a_breakdown_chooses_its_series() -> None:
    """Victims by form of exploitation are four series, all of them a fifth."""
    table = catalogue().tables["HTF_DET"]
    assert table.sdg is not None
    series = {one.key[2] for one in mapped("HTF_DET")}

    assert series <= set(table.sdg.series.values())
    assert "VC_HTF_DETV" in series
    ages = {one.key[5] for one in mapped("HTF_DET")}
    assert ages <= {"Y0T17", "Y_GE18", "_U", "_T"}


def test_values_pass_as_they_are() -> None:
    """The national total of remittance costs is the series, corridors are not."""
    [found] = mapped("REM_COST")
    [mine] = [one for one in release_of("REM_COST") if one.key[3] == "_T"]

    assert found.key[3] == "795"
    assert [(o.period, o.value) for o in found.observations] == [
        (o.period, o.value) for o in mine.observations
    ]


def test_another_definition_is_marked() -> None:
    """But what is missing or suppressed stays so; only the total is that series."""
    found = mapped("CON_DTH")
    statuses = {o.attributes[0] for one in found for o in one.observations}

    assert {one.key[4] for one in found} == {"_T"}
    assert statuses <= {"D", "O", "Q"}


def test_a_catalogue_without_them_has_no_such_dataflow() -> None:
    """Nothing is served that is empty by declaration."""
    plain = {name: replace(one, sdg=None) for name, one in catalogue().tables.items()}

    assert sdg.artefacts(replace(catalogue(), tables=plain)) == []
