"""Where a member stopped reading, so that it can go on there.

Rules:

- A bookmark is moved by whole releases: what was given out of a release that was not
  given to its end comes again, nothing else does, and nothing is left out.
- It holds offsets and the ids of releases, no figure: it can be kept anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.core.errors import InvalidError
from hub.edge.keyfiles import write_file

_FORM = "kerwen bookmark 1"

Place = tuple[str, str]
"""Table, and marker in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """Offsets to read from, and the releases that were given.

    Attributes:
        positions: Topic → offset.
        gone: Releases of which it was said, or need not be, that they were taken back.
    """

    positions: Mapping[str, int] = field(default_factory=dict)
    given: frozenset[Place] = frozenset()
    gone: frozenset[Place] = frozenset()

    def text(self) -> str:
        """As JSON."""
        content = {
            "form": _FORM,
            "positions": dict(sorted(self.positions.items())),
            "given": sorted("|".join(place) for place in self.given),
            "gone": sorted("|".join(place) for place in self.gone),
        }
        return json.dumps(content, indent=1) + "\n"


BEGINNING = Bookmark()


def parse(text: str) -> Bookmark:
    """The bookmark in its JSON text.

    Raises:
        InvalidError: It is none.
    """
    try:
        content = json.loads(text)
        if content["form"] != _FORM:
            raise InvalidError(f"not of the form {_FORM!r}")
        return Bookmark(
            positions={
                str(topic): _offset(one) for topic, one in content["positions"].items()
            },
            given=frozenset(map(_place, content["given"])),
            gone=frozenset(map(_place, content["gone"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError("the bookmark cannot be read; begin without it") from error


def read(path: Path) -> Bookmark:
    """The bookmark in a file; the beginning where there is none.

    Raises:
        InvalidError: The file is damaged; it is named.
    """
    try:
        return parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return BEGINNING
    except (InvalidError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: {error}") from error


def write(path: Path, bookmark: Bookmark) -> None:
    """Replace the file; a crash leaves the old or the new one."""
    write_file(path, bookmark.text().encode(), 0o600)


def _offset(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _place(text: str) -> Place:
    table, marker = text.split("|")
    return table, marker
