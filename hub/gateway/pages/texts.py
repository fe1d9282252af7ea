"""Texts of the pages in English, Russian and Turkmen.

Rules (docs/dashboard.md, "Texts"):

- Every text stands in ``texts/<topic>.toml`` with all three languages; one that lacks a
  language ends the start of the gateway, not the visit of a reader.
- A text is asked for as ``topic.name``; what stands in braces is filled in.
- Labels of tables, dimensions and codes are the catalogue's, never repeated here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.core.catalogue.model import Text
from hub.core.errors import InvalidError
from hub.core.sdmx.model import LANGUAGES

FOLDER = Path(__file__).parent
_SPACE = "\N{NO-BREAK SPACE}"
_COMMAS = {"en": (",", "."), "ru": (_SPACE, ","), "tk": (_SPACE, ",")}


def read_text(value: object, where: str) -> Text:
    """A text with its three languages.

    Raises:
        InvalidError: A language is missing or empty.
    """
    given = value if isinstance(value, Mapping) else {}
    for language in LANGUAGES:
        if not isinstance(given.get(language), str) or not given[language].strip():
            raise InvalidError(f"{where}: no text in {language}; write one")
    return Text(en=given["en"], ru=given["ru"], tk=given["tk"])


@cache
def texts() -> Mapping[str, Text]:
    """Every text, by ``topic.name``.

    Raises:
        InvalidError: A text lacks a language.
    """
    found = {}
    for path in sorted((FOLDER / "texts").glob("*.toml")):
        said = tomllib.loads(path.read_text("utf-8"))
        for name, value in said.items():
            key = f"{path.stem}.{name}"
            found[key] = read_text(value, f"texts/{path.name}: {name}")
    return found


@dataclass(frozen=True, slots=True)
class Words:
    """The texts in one language: ``words("table.from")``."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """A text with its values filled in; one that is not there is a KeyError."""
        found = str(getattr(texts()[key], self.language))
        return found.format(**values) if values else found

    def named(self, key: str, name: str) -> str:
        """A text that a catalogue of another country may not have; then the name."""
        return self(key) if key in texts() else name

    def of(self, text: Text) -> str:
        """A text of the catalogue."""
        return str(getattr(text, self.language))

    def number(self, value: float, decimals: int | None = None) -> str:
        """A number as readers of the language write it.

        Args:
            value: What to write.
            decimals: How many; None: as many as it has.
        """
        if decimals is None:
            whole = float(value).is_integer()
            text = f"{int(value):,}" if whole else f"{value:,}"
        else:
            text = f"{value:,.{decimals}f}"
        thousands, point = _COMMAS[self.language]
        swapped = text.translate({ord(","): thousands, ord("."): point})
        return swapped.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A theme of the first page."""

    id: str
    title: Text
    prefixes: tuple[str, ...]


OTHER = "other"


@cache
def themes() -> tuple[Theme, ...]:
    """Themes in their order."""
    said = tomllib.loads((FOLDER / "themes.toml").read_text("utf-8"))
    return tuple(
        Theme(
            id=one["id"],
            title=read_text(one["title"], f"themes.toml: {one['id']}"),
            prefixes=tuple(one["prefixes"]),
        )
        for one in said["themes"]
    )


def theme_of(table: str, among: Iterable[Theme] | None = None) -> str:
    """The theme of a table; :data:`OTHER` where no prefix fits."""
    for one in themes() if among is None else among:
        if table.startswith(one.prefixes):
            return one.id
    return OTHER
