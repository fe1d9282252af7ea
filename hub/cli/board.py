"""What ``kerwen status`` says is wrong: for a person who has ten seconds.

Rules:

- Worst first, one line a kind: what, the first cause, how many more, and the command
  beside it. ``kerwen doctor`` lists them all.
- A command is never cut: it is there to be copied. A cause is cut to what room is left;
  where that is too little, the command has the next line.
- What does not fit on a screen that is watched is left out from below, so what is wrong
  never scrolls away.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from hub.cli.findings import Finding
from hub.cli.kinds import SOON, STOPS, worst_first

CAUSE_MIN = 44
"""Fewer letters of a cause do not say what it is."""

_GAP, _ARROW = 2, "→ "
_HOME, _TO_END_OF_LINE, _TO_END = "\x1b[H", "\x1b[K", "\x1b[J"


def headline(found: Sequence[Finding]) -> Text:
    """How much is wrong, in a colour that is seen from afar."""
    if not found:
        return Text("nothing is wrong", style="bold green")
    number = "one thing is" if len(found) == 1 else f"{len(found)} things are"
    return Text(f"{number} wrong", style=f"bold {_colour(worst_first(found)[0])}")


def lines(found: Iterable[Finding], width: int) -> Iterator[Text]:
    """One line a kind of fault, or two where the screen is narrow."""
    kinds: dict[str, list[Finding]] = {}
    for one in worst_first(found):
        kinds.setdefault(one.what, []).append(one)
    column = max(map(len, kinds), default=0)
    for what, alike in kinds.items():
        first, more = alike[0], len(alike) - 1
        head = Text(f"{what:<{column}}", style=f"bold {_colour(first)}")
        start = column + _GAP
        cause = f"{first.cause} (+{more} more)" if more else first.cause
        # The room for a cause that stands before its command.
        room = width - start - _GAP - len(_ARROW + first.command)
        if room >= min(len(cause), CAUSE_MIN):
            cut = _cut(first.cause, more, room)
            yield head + Text(f"{'':{_GAP}}{cut}{'':{_GAP}}") + _typed(first)
        else:
            cut = _cut(first.cause, more, width - start)
            yield head + Text(f"{'':{_GAP}}{cut}")
            left = max(0, width - len(_ARROW + first.command))
            yield Text(" " * min(start, left)) + _typed(first)


def repaint(console: Console, text: str) -> None:
    """Put `text` on the screen in place, as much of it as there is room for.

    Painting over what is there does not flicker, as clearing first would.
    """
    body = "".join(
        f"{line}{_TO_END_OF_LINE}\n"
        for line in fitting(text, console.width, console.height - 1)
    )
    sys.stdout.write(f"{_HOME}{body}{_TO_END}" if console.is_terminal else text)
    sys.stdout.flush()


def fitting(text: str, width: int, height: int) -> Iterator[str]:
    """The first lines of `text` that a screen has room for, long ones folded by it."""
    left = height
    for line in text.splitlines():
        left -= max(1, -(-Text.from_ansi(line).cell_len // width))
        if left < 0:
            return
        yield line


def clock(now: datetime) -> str:
    """When it was looked at: a screen that stands still is told from a calm one."""
    return f"{now:%H:%M:%S}"


def _cut(cause: str, more: int, room: int) -> str:
    rest = f" (+{more} more)" if more else ""
    if len(cause) + len(rest) <= room:
        return cause + rest
    return f"{cause[: room - len(rest) - 1].rstrip()}…{rest}"


def _typed(one: Finding) -> Text:
    return Text(_ARROW, style="dim") + Text(one.command, style="bold cyan")


def _colour(one: Finding) -> str:
    if one.what in STOPS:
        return "red"
    return "yellow" if one.what not in SOON else "blue"
