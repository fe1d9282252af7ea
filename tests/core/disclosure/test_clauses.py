"""The page of clauses names code and tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "clauses.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| `([^`]+)` \| `([^`:]+)::(\w+)` \|$")


def test_every_clause_has_its_code_and_its_test() -> None:
    """No name on the page is of something that was renamed or taken out."""
    lines = PAGE.read_text("utf-8").splitlines()
    given = [line for line in lines if line.startswith("| ") and "`hub/" in line]
    rows = [ROW.match(line) for line in given]

    assert len(given) > 25
    assert None not in rows
    for row in rows:
        assert row is not None
        _, _, code, path, test = row.groups()
        assert (ROOT / code).is_file(), code
        assert f"def {test}(" in (ROOT / path).read_text("utf-8"), f"{path}::{test}"


def test_every_policy_has_clauses() -> None:
    """C, E, T, S, R, W, N."""
    found = set(re.findall(r"^\| ([A-Z])\b", PAGE.read_text("utf-8"), re.MULTILINE))

    assert found == set("CETSRWN")
