"""Cuts under way: who holds them, since when, and what lets them go.

Shared by ``kerwen status``, which shows all of them, and ``kerwen doctor``, which tells
those that have waited for long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.cli.findings import Finding

CUT_MINUTES = 1
"""A cut that waits longer than that for somebody is told as a fault."""


def lines(said: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
    """Every cut that waits in dedupe: marker, period, vintage, seconds, sources."""
    found: dict[str, dict[str, Any]] = {}
    for process in said.get("workers", ()):
        if process["stage"] != "dedupe":
            continue
        for one in process.get("partitions", ()):
            for cut in one.get("cuts", ()):
                if cut["word"] != "waiting" or not cut["sources"]:
                    continue
                known = found.setdefault(
                    cut["marker"],
                    {
                        "marker": cut["marker"],
                        "period": cut["period"],
                        "vintage": cut["vintage"],
                        "seconds": max(0, now_ms - cut["since_ms"]) // 1000,
                        "sources": [],
                    },
                )
                known["sources"] = sorted({*known["sources"], *cut["sources"]})
    return list(found.values())


def of_cuts(said: Mapping[str, Any], now_ms: int) -> Iterator[Finding]:
    """Cuts that wait for somebody, and cuts that have to be closed again."""
    stages = {"dedupe": _of_cut, "release": _of_turn}
    parts = [
        (stages[process["stage"]], one)
        for process in said.get("workers", ())
        if process["stage"] in stages
        for one in process.get("partitions", ())
    ]
    found: dict[str, Finding] = {}
    for describe, one in parts:
        for cut in one.get("cuts", ()):
            minutes = max(0, now_ms - cut["since_ms"]) // 60_000
            finding = describe(cut, minutes)
            if finding is not None:
                found.setdefault(finding.command + finding.what, finding)
    yield from found.values()


def _of_cut(cut: Mapping[str, Any], minutes: int) -> Finding | None:
    """What dedupe says of a cut."""
    name = f"{cut['period']} {cut['vintage']} ({cut['marker'][:8]})"
    if cut["word"] == "void":
        tables = " ".join(cut["tables"])
        return Finding(
            what="cut void",
            cause=f"the marker of {name} crossed another one: nothing comes of it",
            command=f"kerwen release --period {cut['period']} --vintage "
            f"{cut['vintage']} --tables {tables}",
        )
    if minutes < CUT_MINUTES or not cut["sources"]:
        return None
    first, *more = cut["sources"]
    rest = f" and {len(more)} more" if more else ""
    if cut["word"] == "joining":
        return Finding(
            what="sources wait",
            cause=f"new sources wait for {minutes} min until {first}{rest} came to "
            "their bundle",
            command="kerwen topics bundle --apply",
        )
    return Finding(
        what="cut waits",
        cause=f"the cut {name} waits for {minutes} min for {first}{rest}",
        command=f"kerwen release skip --marker {cut['marker']} --source {first}"
        " --reason TEXT",
    )


def _of_turn(cut: Mapping[str, Any], minutes: int) -> Finding | None:
    """What release says of a cut that dedupe has let go."""
    if minutes < CUT_MINUTES or len(cut["sources"]) == 0:
        return None
    return Finding(
        what="cut under way",
        cause=f"the cut {cut['period']} {cut['vintage']} ({cut['marker'][:8]}) is not "
        f"whole for {minutes} min: {cut['sources'][0]} has not answered",
        command="kerwen status --partitions",
    )
