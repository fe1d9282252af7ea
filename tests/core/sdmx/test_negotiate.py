"""Which format and language a request gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.sdmx.negotiate import (
    DATA_2,
    DATA_3,
    STRUCTURE_2,
    STRUCTURE_3,
    Format,
    choose,
    language,
    page,
)
from hub.core.sdmx.refusal import Fault, RefusalError

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ACCEPTED = [
    (None, "generic", "json2"),
    ("", "generic", "json2"),
    ("*/*", "generic", "json2"),
    ("application/xml", "generic", "xml3"),
    ("text/xml", "generic", "xml3"),
    ("application/json", "json1", "json2"),
    ("text/csv", "csv1", "csv2"),
    (BROWSER, "generic", "xml3"),
    ("application/vnd.sdmx.data+json", "json1", "json2"),
    ("application/vnd.sdmx.data+json;version=1.0.0-wd", "json-draft", "json-draft"),
    ("application/vnd.sdmx.draft-sdmx-json+json", "json-draft", "json-draft"),
    ("application/vnd.sdmx.data+json; version=2.0", "json2", "json2"),
    ("application/vnd.sdmx.data+json;version=2.0.0+", "json2", "json2"),
    ("application/vnd.sdmx.data+csv;version=2.0.0", "csv2", "csv2"),
    (
        "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
        "specific",
        "specific",
    ),
    ("application/vnd.sdmx.genericdata+xml", "generic", "generic"),
    ("text/csv;profile=hxl", "hxl", "hxl"),
    ("application/vnd.apache.parquet", "parquet", "parquet"),
    ("application/json;q=0.1, text/csv;q=0.9", "csv1", "csv2"),
    ("image/png, text/csv;q=0", None, None),
    ("image/png", None, None),
    ("application/vnd.sdmx.data+json;version=7.0.0", None, None),
    ("nonsense", None, None),
    (";;;q=x,,", None, None),
]


def got(offered: tuple[Format, ...], accept: str | None) -> str | None:
    """The name of the format, None where nothing is acceptable."""
    try:
        return choose(offered, accept, None).format.name
    except RefusalError as error:
        return None if error.fault is Fault.FORMAT else error.fault.name


@pytest.mark.parametrize(("accept", "in_2", "in_3"), ACCEPTED)
def test_each_api_has_its_own_default(
    accept: str | None, in_2: str | None, in_3: str | None
) -> None:
    """The same header may mean two generations."""
    assert (got(DATA_2, accept), got(DATA_3, accept)) == (in_2, in_3)


def test_the_parameter_beats_the_header() -> None:
    """For whoever cannot set one; other services' words are understood."""
    for wanted, name in (("xlsx", "xlsx"), ("CSV", "csv1"), ("jsondata", "json1")):
        assert choose(DATA_2, "application/xml", wanted).format.name == name
    with pytest.raises(RefusalError, match="expected one of generic"):
        choose(DATA_2, None, "pdf")


def test_parameters_of_a_media_type_go_with_it() -> None:
    """SDMX-CSV has some."""
    found = choose(DATA_3, 'text/csv;labels="both";timeFormat=normalized', None)

    assert dict(found.parameters) == {"labels": "both", "timeformat": "normalized"}


@given(st.text(max_size=60))
def test_no_header_breaks_it(accept: str) -> None:
    """A format or a refusal, whatever is sent."""
    for offered in (DATA_2, DATA_3, STRUCTURE_2, STRUCTURE_3):
        got(offered, accept)
    assert language(accept, None) in {"en", "ru", "tk"}


def test_languages() -> None:
    """Preferred, regional, unknown."""
    assert language("fr, ru-RU;q=0.8, tk;q=0.9", None) == "tk"
    assert language("de", None) == "en"
    assert language("de", "ru") == "ru"
    with pytest.raises(RefusalError, match="lang="):
        language(None, "de")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, True),
        ("application/json, TEXT/HTML;q=0.1", True),
        ("text/html;q=0, application/json", False),
        ("application/json", False),
        ("application/json, */*;q=0.1", None),
        ("*/*", None),
        ("", None),
        (None, None),
    ],
)
def test_errors_are_pages_for_browsers(
    accept: str | None, *, expected: bool | None
) -> None:
    """Who says nothing of it gets them as they come."""
    assert page(accept) is expected
