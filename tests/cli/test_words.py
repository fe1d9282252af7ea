"""What texts tell people to type can be typed."""

from __future__ import annotations

import re
from pathlib import Path

from hub.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`kerwen ([a-z]+)")


def test_every_verb_that_a_text_names_exists() -> None:
    """No error, page or comment names a verb that is not there."""
    texts = [
        path
        for folder in ("hub", "agents", "docs")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".md"}
    ]
    named = {
        verb: path.name
        for path in (*texts, ROOT / "README.md")
        for verb in NAMED.findall(path.read_text("utf-8"))
    }

    assert len(named) > 10
    assert {verb: place for verb, place in named.items() if verb not in VERBS} == {}
