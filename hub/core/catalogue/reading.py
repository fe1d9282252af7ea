"""One TOML table with its place, read key by key.

Rules:

- Every complaint names file, key, what was expected, what was found and how to mend it.
- A key that nobody asked for is an error: a misspelt key must not pass in silence.
- Nothing here knows what a dataflow, a table or a codelist is.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from hub.core.catalogue.model import Text
from hub.core.errors import CatalogueError

LANGUAGES = {"en": "English", "ru": "Russian", "tk": "Turkmen"}

_FOUND_LENGTH_MAX = 60  # an error line stays one line


def complain(file: str, key: str, expected: str, found: object, mend: str) -> NoReturn:
    """Raises the one kind of error a catalogue file can have."""
    seen = "nothing" if found is None else _short(found)
    place = file if file.startswith("schemas/") else f"catalogue/{file}"
    message = f"{place}: key {key}: expected {expected}, found {seen}; {mend}"
    raise CatalogueError(message)


def near(word: str, words: Iterable[str]) -> str:
    """Says how to mend a misspelt word: the nearest one, or the list."""
    known = sorted(words)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"known: {listed or 'none'}"


def parse(file: str, content: bytes) -> dict[str, Any]:
    """Reads one TOML file, whose syntax errors carry line and column."""
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        mend = "save the file as UTF-8"
        complain(file, f"byte {error.start}", "UTF-8 text", "other bytes", mend)
    except tomllib.TOMLDecodeError as error:
        complain(file, "(syntax)", "TOML", str(error), "mend the line it names")


class Node:
    """A table being read; `done` refuses the keys that were not."""

    def __init__(self, file: str, data: Mapping[str, Any], key: str = "") -> None:
        """Starts at a table.

        Args:
            file: Path relative to the catalogue folder, e.g. ``tables/XNG_EVT.toml``.
            data: The parsed table.
            key: Its key inside the file, empty for the whole file.
        """
        self.file = file
        self.key = key
        self._data = data
        self._used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def path(self, name: str) -> str:
        """The full key of an entry."""
        return f"{self.key}.{name}" if self.key else name

    def complain(self, name: str, expected: str, found: object, mend: str) -> NoReturn:
        """Raises about one entry."""
        complain(self.file, self.path(name), expected, found, mend)

    def _take(self, name: str, expected: str) -> Any:
        self._used.add(name)
        if name not in self._data:
            close = difflib.get_close_matches(name, self._data, n=1)
            mend = f"rename {close[0]!r}?" if close else f"add {name} = …"
            self.complain(name, expected, None, mend)
        return self._data[name]

    def string(self, name: str, default: str | None = None) -> str:
        """A text of one line; with a default the key may be absent."""
        if default is not None and name not in self._data:
            return default
        value = self._take(name, "a text")
        if not isinstance(value, str) or (not value and default != ""):
            self.complain(name, "a text that is not empty", value, 'write it in "…"')
        return value

    def optional(self, name: str) -> str | None:
        """A text, or None where the key is absent."""
        return self.string(name) if name in self._data else None

    def choice(
        self, name: str, words: Iterable[str], default: str | None = None
    ) -> str:
        """A text out of a closed list."""
        known = list(words)
        value = self.string(name, default)
        if value not in known:
            self.complain(name, f"one of {', '.join(known)}", value, near(value, known))
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; TOML booleans are not numbers."""
        if default is not None and name not in self._data:
            return default
        value = self._take(name, "a whole number")
        if not isinstance(value, int) or isinstance(value, bool):
            self.complain(name, "a whole number", value, "write it without quotes")
        return value

    def boolean(self, name: str, default: bool | None = None) -> bool:
        """A truth value."""
        if default is not None and name not in self._data:
            return default
        value = self._take(name, "true or false")
        if not isinstance(value, bool):
            self.complain(name, "true or false", value, "write it without quotes")
        return value

    def number(self, name: str) -> int | float:
        """A whole or decimal number."""
        value = self._take(name, "a number")
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.complain(name, "a number", value, "write it without quotes")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of texts without repetition; absent means empty."""
        if name not in self._data:
            return ()
        value = self._take(name, "a list of texts")
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.complain(name, "a list of texts", value, 'write ["…", "…"]')
        if len(set(value)) != len(value):
            self.complain(name, "each text once", value, "remove the repetition")
        return tuple(value)

    def literal(self, name: str) -> str | int | bool | tuple[str | int, ...] | None:
        """The value of a condition: text, number, truth value or a list of these."""
        if name not in self._data:
            return None
        value = self._take(name, "a value")
        if isinstance(value, list) and all(isinstance(v, str | int) for v in value):
            return tuple(value)
        if not isinstance(value, str | int):
            expected = "a text, a whole number, true or false, or a list of them"
            self.complain(name, expected, value, "write a simple value")
        return value

    def node(self, name: str) -> Node:
        """A table inside; absent means empty."""
        value = self._take(name, "a table") if name in self._data else {}
        if not isinstance(value, dict):
            self.complain(name, "a table", value, f"write it as [{self.path(name)}]")
        return Node(self.file, value, self.path(name))

    def nodes(self, name: str) -> list[Node]:
        """A list of tables; absent means empty."""
        value = self._take(name, "a list of tables") if name in self._data else []
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            mend = f"write each as [[{self.path(name)}]]"
            self.complain(name, "a list of tables", value, mend)
        return [
            Node(self.file, item, f"{self.path(name)}[{index}]")
            for index, item in enumerate(value)
        ]

    def names(self) -> list[str]:
        """The keys of this table in file order."""
        return list(self._data)

    def text(self, name: str) -> Text:
        """A text in the three languages."""
        node = self.node(name)
        if name not in self._data:
            self.complain(name, "a text in en, ru and tk", None, f"add [{name}]")
        found = {code: node.string(code) for code in LANGUAGES if code in node}
        for code, language in LANGUAGES.items():
            if not found.get(code, "").strip():
                node.complain(code, f"a text in {language}", None, f'add {code} = "…"')
        node.done()
        return Text(**found)

    def texts(self, name: str) -> dict[str, Text]:
        """A table of texts, in file order."""
        node = self.node(name)
        return {code: node.text(code) for code in node.names()}

    def done(self) -> None:
        """Refuses keys that nothing has read."""
        for name in self._data:
            if name not in self._used:
                mend = near(name, self._used) + " (or remove it)"
                self.complain(name, "a known key", name, mend)


def _short(found: object) -> str:
    text = found if isinstance(found, str) else json.dumps(found, default=str)
    text = " ".join(text.split())
    if len(text) > _FOUND_LENGTH_MAX:
        text = text[: _FOUND_LENGTH_MAX - 1] + "…"
    return repr(text) if isinstance(found, str) else text
