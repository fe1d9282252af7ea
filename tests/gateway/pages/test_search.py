"""Search in three languages, on any keyboard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.gateway.pages.search import fold, matching, words
from tests.core.sdmx.releases import catalogue

TABLES = [one for one in catalogue().tables.values() if not one.internal]


def found(query: str) -> list[str]:
    """Ids, in order."""
    return [one.id for one in matching(catalogue(), TABLES, query)]


@pytest.mark.parametrize(
    ("query", "table"),
    [
        ("residence permits", "PRM_NEW"),
        ("первичные разрешения", "PRM_NEW"),
        ("ýaşaýyş rugsatnamalary", "PRM_NEW"),
        ("yasayys rugsatnamalary", "PRM_NEW"),
        ("YASAYYS", "PRM_NEW"),
        ("prm_new", "PRM_NEW"),
        ("SDG 10.c.1", "REM_COST"),
        ("велаят", "STK_VEL"),
    ],
)
def test_a_table_is_found(query: str, table: str) -> None:
    """In any of the languages, with or without the letters of one."""
    assert table in found(query)


def test_titles_come_before_descriptions() -> None:
    """What somebody most likely means stands first."""
    listed = found("velayat")
    titles = (catalogue().tables[one].title for one in listed)
    near = ["velayat" in fold(f"{one.en} {one.ru} {one.tk}") for one in titles]
    titled = [one for one, is_near in zip(listed, near, strict=True) if is_near]

    assert len(listed) > len(titled) > 0
    assert listed[: len(titled)] == titled


def test_no_words_find_all_and_wrong_ones_nothing() -> None:
    """An empty search is no search."""
    assert len(found("  ")) == len(TABLES)
    assert found("permits xyzzy") == []


@given(st.text(max_size=300))
def test_any_query_is_answered(query: str) -> None:
    """Whatever is typed; folding twice is folding once."""
    assert len(words(query)) <= 12
    assert fold(fold(query)) == fold(query)
