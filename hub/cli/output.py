"""What the command prints: one JSON object, or lines for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


class Output:
    """The only way a verb prints.

    Attributes:
        as_json: One JSON object on stdout and nothing else there.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, stderr=as_json)

    def say(self, text: str) -> None:
        """One line of progress; with ``--json`` it goes to stderr."""
        self.console.print(text, markup=False, soft_wrap=True)

    def result(self, value: Mapping[str, Any], text: str | None = None) -> None:
        """The verb's answer: the object, or `text` for a person."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        elif text is not None:
            self.say(text)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        right: Sequence[str] = (),
        *,
        frame: bool = True,
    ) -> None:
        """A table for a person, framed or short; nothing with ``--json``."""
        if self.as_json:
            return
        table = Table(title=title, title_justify="left", header_style="bold")
        if not frame:
            table.box = None
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        self.console.print(table)

    def fail(self, error: Exception, code: int) -> int:
        """One line on stderr (and an object with ``--json``); returns `code`."""
        text = " ".join(str(error).split())
        if self.as_json:
            sys.stdout.write(json.dumps({"error": text, "exit": code}) + "\n")
        sys.stderr.write(f"kerwen: {text}\n")
        return code
