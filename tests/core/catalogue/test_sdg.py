"""What a table may say of the SDG indicators, and who may read it."""

from __future__ import annotations

import pytest

from hub.core.catalogue.load import load
from hub.core.errors import CatalogueError
from hub.edge.files import catalogue_folder, read_catalogue, read_files, read_schemas

DET = "tables/HTF_DET.toml"
REFUSED = {
    "series": (DET, "VC_HTF_DETVSX", "VC_NOPE", "sdg.series.SEXUAL"),
    "code": (DET, "SEXUAL =", "SEXAUL =", "did you mean 'SEXUAL'?"),
    "dimension": (DET, 'dimension = "EXPLOIT"', 'dimension = "FORM"', "sdg.dimension"),
    "age": (DET, 'age = "AGE_M"', 'age = "AGE"', "key sdg.age"),
    "composite": (
        "tables/LAB_RCST.toml",
        '"MS_MIGRANT"',
        '"MS_NOBODY"',
        "key sdg.composite: expected a code of CL_SDG_BREAKDOWN",
    ),
    "access": (
        "tables/HTF_MEANS.toml",
        '"members"',
        '"nobody"',
        "key access: expected one of public, members",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_word_is_refused_with_its_place(case: str) -> None:
    """File, key and what was expected."""
    path, old, new, said = REFUSED[case]
    files = read_files(catalogue_folder())
    text = files[path].decode()
    assert old in text

    with pytest.raises(CatalogueError, match=path) as caught:
        load({**files, path: text.replace(old, new, 1).encode()}, read_schemas())
    assert said in str(caught.value)


def test_tables_are_open_unless_they_say_so() -> None:
    """Most are; those that are not say it."""
    access = {one.id: one.access for one in read_catalogue().tables.values()}

    assert access["PRM_NEW"] == "public"
    assert access["HTF_MEANS"] == "members"
