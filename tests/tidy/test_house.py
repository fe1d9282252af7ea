"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BANNED = {"utils", "util", "common", "helpers", "helper", "types", "base", "manager"}


def tracked(*patterns: str) -> list[Path]:
    """Files git tracks, so that a stray file on one machine decides nothing."""
    listed = subprocess.run(
        ["git", "ls-files", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def lines(path: Path) -> int:
    """Lines that are not blank."""
    return sum(1 for line in path.read_text().splitlines() if line.strip())


def limit(path: Path) -> int:
    """Longest allowed module, by where it lies."""
    room = path.relative_to(ROOT).parts[0]
    if room == "tests":
        return 400
    small = {"intake.py", "dedupe.py", "aggregate.py", "release.py"}
    return 80 if room == "agents" and path.name in small else 300


def test_modules_stay_short() -> None:
    """No module is longer than its room allows."""
    long = {
        str(path.relative_to(ROOT)): lines(path)
        for path in tracked("*.py")
        if lines(path) > limit(path)
    }

    assert long == {}


def test_functions_stay_short() -> None:
    """No function is longer than 70 lines."""
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in tracked("hub/*.py", "agents/*.py", "benchmarks/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno > 70
    ]

    assert long == []


def test_no_room_without_a_name() -> None:
    """Nothing is called utils, common or helpers."""
    named = [str(path) for path in tracked("*.py") if path.stem in BANNED]

    assert named == []


def test_no_registry_host_and_no_machine_path_is_written_down() -> None:
    """No file names a package registry's host or a path of one machine."""
    hosts = re.compile(
        "|".join(
            [
                r"pypi\.(org|python)",
                r"registry\.npm" + "js",
                r"repo1?\.maven",
                r"deb\.debian",
                r"/work/" + "main",
                r"/work/" + "shared",
            ]
        )
    )
    named = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix not in {".png", ".svg"}
        and hosts.search(path.read_text(errors="replace"))
        and path != Path(__file__)
    ]

    assert named == []
