"""Cuts that wait: for whom, since when, and what lets them go."""

from __future__ import annotations

from typing import Any

import pytest

from hub.cli import cuts

MARKER = "0123456789abcdef" * 2
NOW_MS = 1_000_000_000


def hub(stage: str, word: str, *, minutes: int, sources: list[str]) -> dict[str, Any]:
    """A hub in which one partition says something of a cut."""
    cut = {
        "marker": MARKER,
        "period": "2025",
        "vintage": "V1",
        "word": word,
        "since_ms": NOW_MS - minutes * 60_000 - 1,
        "sources": sources,
        "tables": ["XNG_EVT", "PRM_NEW"],
    }
    part = {"cuts": [cut]}
    return {"workers": [{"stage": stage, "partitions": [part, part]}]}


SOURCES = ["ministry.sms.x/0", "ministry.mfa.y/1"]
TOLD = {
    "cut void": (
        hub("dedupe", "void", minutes=0, sources=[]),
        "kerwen release --period 2025 --vintage V1 --tables XNG_EVT PRM_NEW",
    ),
    "cut waits": (
        hub("dedupe", "waiting", minutes=3, sources=SOURCES),
        f"kerwen release skip --marker {MARKER} --source {SOURCES[0]} --reason TEXT",
    ),
    "sources wait": (
        hub("dedupe", "joining", minutes=3, sources=SOURCES),
        "kerwen topics bundle --apply",
    ),
    "cut under way": (
        hub("release", "waiting", minutes=3, sources=SOURCES),
        "kerwen status --partitions",
    ),
}


@pytest.mark.parametrize("what", TOLD)
def test_a_cut_that_waits_is_told_once(what: str) -> None:
    """With whom it waits for, and one command; both partitions say the same."""
    said, command = TOLD[what]
    [found] = cuts.of_cuts(said, NOW_MS)
    assert (found.what, found.command) == (what, command)
    if what != "cut void":
        assert "3 min" in found.cause
        assert SOURCES[0] in found.cause


def test_a_young_cut_is_no_fault() -> None:
    """It is shown, and nobody is told to do anything."""
    said = hub("dedupe", "waiting", minutes=0, sources=SOURCES)
    assert list(cuts.of_cuts(said, NOW_MS)) == []
    [line] = cuts.lines(said, NOW_MS)
    assert line["sources"] == sorted(SOURCES)
    assert list(cuts.of_cuts(hub("release", "x", minutes=9, sources=[]), NOW_MS)) == []
