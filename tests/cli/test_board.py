"""What is wrong, on a screen: worst first, commands whole, nothing scrolls away."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from hub.cli import board, kinds
from hub.cli.findings import RESTART, Finding

ROOT = Path(__file__).parents[2]
SKIP = (
    "kerwen topics skip --partition ministry.sms.border_crossing/3 --offset 21"
    " --reason TEXT"
)
FOUND = [
    Finding(what="late", cause="3 rows of sms are late", command="kerwen audit"),
    Finding(what="worker down", cause="dedupe-0 hung", command="tail -n 20 a.log"),
    Finding(what="agreement ends", cause="that with sms ends", command="kerwen x"),
    Finding(
        what="message poisoned",
        cause="ministry.sms.border_crossing/3: the worker died 3 times (and began 3 "
        "times) at offset 21: only this partition waits",
        command=SKIP,
    ),
    Finding(what="worker down", cause="intake-0 was killed", command="tail -n 20 b"),
]


POISONED = "ministry.sms.border_crossing/3"
ON_THE_PAGE = [
    Finding(
        what="rows to mend",
        cause="refused rows of border_crossing wait at sms for 11 days",
        command="kerwen quarantine list --member sms",
    ),
    Finding(
        what="worker hangs",
        cause="dedupe-0 lives and does not answer; once it has ended it is started "
        "again, and nothing is lost",
        command="kill -9 6210",
    ),
    Finding(
        what="no receipt",
        cause="4 batches of mfa are unanswered for more than 5 minutes, the first for"
        " 22",
        command="kerwen publish --member mfa",
    ),
    Finding(
        what="message poisoned",
        cause=f"{POISONED}: offset 21 ends whoever reads it; only this partition waits",
        command=f"kerwen topics skip --partition {POISONED} --offset 21 --reason TEXT",
    ),
    *[
        Finding(what="late", cause=f"{rows} rows of sms x are late", command=RESTART)
        for rows in (312, 4)
    ],
]
"""What docs/operations.md shows."""


def shown(width: int, found: list[Finding] = FOUND) -> list[str]:
    """The lines, without colours."""
    return [line.plain for line in board.lines(found, width)]


def test_worst_is_first_and_each_kind_has_one_line() -> None:
    """With the command beside it, where there is room."""
    first, *rest = shown(200)
    cause = (
        "ministry.sms.border_crossing/3: the worker died 3 times (and began 3 times)"
    )
    assert first == f"message poisoned  {cause} at offset 21:…  → {SKIP}"
    assert rest == [
        "worker down       dedupe-0 hung (+1 more)  → tail -n 20 a.log",
        "late              3 rows of sms are late  → kerwen audit",
        "agreement ends    that with sms ends  → kerwen x",
    ]


@pytest.mark.parametrize("width", [40, 80, 100, 120, 160])
def test_a_command_is_never_cut(width: int) -> None:
    """On no screen; a cause is, and no line of one is too wide."""
    lines = shown(width)
    said = "\n".join(lines)
    for one in (SKIP, "tail -n 20 a.log", "kerwen audit", "kerwen x"):
        assert one in said
    assert all(len(line) <= max(width, len(f"→ {SKIP}")) for line in lines)
    assert lines[0].startswith("message poisoned  ministry.sms.bord")
    assert "(+1 more)" in said


def test_nothing_wrong_is_said() -> None:
    """And how much is."""
    assert board.headline([]).plain == "nothing is wrong"
    assert board.headline(FOUND[:1]).plain == "one thing is wrong"
    assert board.headline(FOUND).plain == "5 things are wrong"
    assert shown(80, []) == []


def test_what_is_wrong_never_scrolls_away() -> None:
    """A screen takes what fits, from the top; folded lines count as what they are."""
    text = "\n".join(["top", "x" * 100, *"abcdef"])
    assert list(board.fitting(text, 40, 5)) == ["top", "x" * 100, "a"]
    assert list(board.fitting(text, 200, 99)) == text.splitlines()
    red = Text("r" * 80, style="red")
    painted = Console(file=io.StringIO(), force_terminal=True, width=80)
    with painted.capture() as said:
        painted.print(red)
    assert len(said.get().rstrip()) > 80
    assert len(list(board.fitting(said.get() + "next", 80, 2))) == 2


def test_every_kind_of_finding_has_its_rank() -> None:
    """What a module of the command can find stands in the list, and nothing else."""
    used = {
        word.value.value
        for path in (ROOT / "hub" / "cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
        for word in node.keywords
        if word.arg == "what" and isinstance(word.value, ast.Constant)
    }
    assert used == set(kinds.KINDS)
    assert len(kinds.KINDS) == len(set(kinds.KINDS))


def test_the_page_shows_what_a_screen_shows() -> None:
    """A hundred columns of a hub in trouble."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    lines = shown(100, ON_THE_PAGE)
    title = f"14:48:35  {board.headline(ON_THE_PAGE).plain}"
    assert "\n".join([title, *lines]) in page


def test_a_finding_is_told_once() -> None:
    """Brokers and hub may both know that a stage has no worker."""
    assert len(kinds.worst_first([*FOUND, *FOUND])) == len(FOUND)
