"""What may leave a machine in a diagnostics bundle: words of ours, and no others.

Rules (operators):

- Nothing is recognised as secret: a name of a person looks like any other word. What
  may pass is recognised instead: words that stand in our own source code, ids of the
  catalogue, names of exceptions, and numbers of at most :data:`DIGITS_MAX` digits.
- Everything else becomes :data:`GONE`: identities, birth dates, keys, tokens, paths;
  names of fields and plain numbers as well as texts.
- Sample data and examples of names are no source of words.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path

from hub.core.catalogue.model import Catalogue

DIGITS_MAX = 5
"""A count or a small offset; numbers of documents and of persons are longer."""

GONE = "…"
_PACKAGE = Path(__file__).resolve().parents[1]
_ROOMS = ("core", "edge", "embedded", "publisher", "gateway", "client", "cli")
_NEAR = ("agents",)
_WORD = re.compile(r"\w+", re.UNICODE)
_ID = re.compile(r"[A-Za-z][A-Za-z_]+")
_CAMEL = re.compile(r"[A-Z][a-z]+")
_NUMBER = re.compile(rf"\d{{1,{DIGITS_MAX}}}")
_DAY = re.compile(r"\b\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b")
_DATE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d{4})?")
_WORD_MAX = 24


@cache
def vocabulary() -> frozenset[str]:
    """Words of the source code, small and as they stand; no digit is in them."""
    texts = [
        path.read_text("utf-8")
        for folder in (
            *(_PACKAGE / room for room in _ROOMS),
            *(_PACKAGE.parent / room for room in _NEAR),
        )
        for path in folder.rglob("*.py")
        if path.parent.name != "identity"  # its examples are names
    ]
    found = {word for text in texts for word in _ID.findall(text)}
    parts = {part for word in found for part in word.split("_")}
    named = {name for name in dir(builtins) if name.endswith(("Error", "Exception"))}
    short = {word for word in found | parts if len(word) <= _WORD_MAX}
    return frozenset({word.lower() for word in short} | named | short)


class Redactor:
    """Lets known words through."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        """Words of the code, and ids of `catalogue`."""
        ids: Iterable[str] = ()
        if catalogue is not None:
            ids = (*catalogue.members, *catalogue.dataflows, *catalogue.tables)
        self._known = vocabulary() | {
            part for name in ids for part in (name, *_WORD.findall(name))
        }

    def text(self, text: str) -> str:
        """The text with what is not known left out."""
        kept: list[str] = []
        end = 0
        for found in _DATE.finditer(text):
            kept += [self._words(text[end : found.start()]), found.group()]
            end = found.end()
        return "".join([*kept, self._words(text[end:])])

    def value(self, value: object, measures: Container[str] = ()) -> object:
        """The same of everything in a value that JSON can hold.

        Args:
            value: What is to leave.
            measures: Names of fields whose numbers may be of any size: our own code
                counts or times something there.
        """
        if isinstance(value, dict):
            kept: dict[str, object] = {}
            for key, one in value.items():
                name = self.text(str(key))
                while name in kept:  # two that are left out are still two
                    name += GONE
                measured = key in measures and type(one) in {int, float}
                kept[name] = one if measured else self.value(one, measures)
            return kept
        if isinstance(value, (list, tuple)):
            return [self.value(one, measures) for one in value]
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        small = isinstance(value, (int, float)) and abs(value) < 10**DIGITS_MAX
        return value if small else GONE

    def _words(self, text: str) -> str:
        parts = (_WORD.sub(self._word, part) for part in _DAY.split(text))
        return GONE.join(parts)

    def _word(self, found: re.Match[str]) -> str:
        word = found.group()
        if word in self._known or word.lower() in self._known:
            return word
        if _NUMBER.fullmatch(word):
            return word
        # Names are made of words: facts_total, border_crossing, KafkaTimeoutError.
        camel = _CAMEL.findall(word)
        parts = camel if "".join(camel) == word else word.split("_")
        if len(parts) > 1 and all(part.lower() in self._known for part in parts):
            return word
        return GONE
