"""Texts of the pages: complete in three languages, all there, none for nothing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import hub.gateway.pages
from hub.core.errors import InvalidError
from hub.gateway.pages.render import LEADS
from hub.gateway.pages.texts import OTHER, Words, read_text, texts, theme_of
from tests.core.sdmx.releases import catalogue

ROOM = Path(hub.gateway.pages.__file__).parent
SOURCES = [*ROOM.glob("*.py"), *(ROOM / "templates").iterdir()]
_KEY = re.compile(r"[\"']([a-z]+\.[a-zA-Z_]+)[\"']")
_STEM = re.compile(r"[\"']([a-z]+\.[a-z_]+_|[a-z]+\.)[\"'] ~")


def used() -> tuple[set[str], set[str]]:
    """Keys that pages name, and beginnings of keys that they complete."""
    keys: set[str] = set()
    stems: set[str] = set()
    for path in SOURCES:
        if path.is_file():
            text = path.read_text("utf-8")
            keys |= set(_KEY.findall(text))
            stems |= set(_STEM.findall(text))
    return keys, stems


@pytest.mark.parametrize("path", sorted((ROOM / "texts").iterdir()), ids=str)
def test_every_text_is_in_three_languages(path: Path) -> None:
    """None empty, each with the same places to fill in."""
    for name, said in tomllib.loads(path.read_text("utf-8")).items():
        assert set(said) == {"en", "ru", "tk"}, name
        places = {lang: set(re.findall(r"{\w+}", text)) for lang, text in said.items()}
        assert places["en"] == places["ru"] == places["tk"], name
        assert all(text.strip() for text in said.values()), name


def test_a_text_without_a_language_is_refused() -> None:
    """Where the gateway starts, not where somebody reads."""
    with pytest.raises(InvalidError, match="no text in tk"):
        read_text({"en": "a", "ru": "б"}, "texts/x.toml: y")
    with pytest.raises(InvalidError, match="no text in ru"):
        read_text({"en": "a", "ru": " ", "tk": "a"}, "texts/x.toml: y")


def test_every_text_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    """What a page names exists; what exists is named by a page."""
    keys, stems = used()
    topics = {key.partition(".")[0] for key in texts()}
    asked = {key for key in keys - stems if key.partition(".")[0] in topics}
    files = {
        key for key in asked if key.endswith((".html", ".css", ".js", ".svg", ".toml"))
    }

    assert asked - files - set(texts()) == set()
    left = {k for k in texts() if k not in asked and not k.startswith(tuple(stems))}
    assert left == set()


def test_every_kind_of_refusal_has_its_own_sentence() -> None:
    """A reader who meets a release being taken in did not ask too often."""
    leads = [*LEADS.values()]

    assert {f"shell.error_{one}" for one in leads} <= set(texts())
    assert len(set(leads)) == len(leads) == 6


def test_every_concept_of_the_metadata_has_a_name() -> None:
    """What a table says of itself stands under words, not under codes."""
    concepts = {id_ for one in catalogue().tables.values() for id_ in one.esms}
    known = set(catalogue().codelists["CL_CONCEPT"].codes)
    named = {key.partition(".")[2] for key in texts() if key.startswith("esms.")}

    assert concepts - known == named
    assert Words("en").named("esms.OTHER", "OTHER") == "OTHER"


def test_every_published_table_has_a_theme() -> None:
    """So that nothing of ours stands under "other"."""
    tables = [one.id for one in catalogue().tables.values() if not one.internal]

    assert [one for one in tables if theme_of(one) == OTHER] == []
    assert theme_of("NEW_ONE") == OTHER


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", "−1,234.5"), ("ru", "−1\xa0234,5"), ("tk", "−1\xa0234,5")],
)
def test_numbers_are_written_as_the_language_does(language: str, expected: str) -> None:
    """Thousands, decimal mark, a real minus."""
    assert Words(language).number(-1234.5) == expected
    assert Words(language).number(3.0, 2)[1] == expected[-2]
