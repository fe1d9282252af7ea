"""The page of faults names every kind there is, and what puts each in."""

from __future__ import annotations

import re
from pathlib import Path

from hub.cli import kinds

ROOT = Path(__file__).parents[2]
UNTESTED = {"java", "bundles", "adapter"}
"""Kinds that nothing puts in: a part of the installation, or a disk, is gone."""
PAGE = ROOT / "docs" / "faults.md"


def rows() -> list[list[str]]:
    """The cells of every table of named faults."""
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 5 and cells[0] != "name":
            found.append(cells)
    return found


def test_every_kind_is_on_the_page() -> None:
    """Once, and no kind that is none."""
    named = [cells[0] for cells in rows()]
    assert sorted(named) == sorted(kinds.KINDS)


def test_what_puts_a_fault_in_exists() -> None:
    """A test that is renamed takes its row along."""
    for name, where, means, command, tests in rows():
        assert set(where.split()) <= {"S", "D"}, name
        assert means, name
        assert command, name
        for path in re.findall(r"tests/[\w/.]+", tests):
            assert (ROOT / path).exists(), path
    for path in re.findall(r"tests/[\w/.]+", PAGE.read_text("utf-8")):
        assert (ROOT / path.rstrip(".")).exists(), path


def test_what_puts_a_fault_in_speaks_of_it() -> None:
    """A row's test has the kind's name in it; no more rows go without one."""
    assert {name for name, *_, tests in rows() if tests == "—"} == UNTESTED
    for name, *_, tests in rows():
        if name in UNTESTED:
            continue
        paths = re.findall(r"tests/[\w/.]+\.py", tests)
        texts = [(ROOT / path).read_text("utf-8") for path in paths]
        if "tests/faults/test_home.py" in paths:
            texts.append((ROOT / "tests/faults/injected.py").read_text("utf-8"))
        assert any(f'"{name}"' in text for text in texts), name
