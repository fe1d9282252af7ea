"""A trial as one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hub.trials.chaos.outcome import Outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    """What a trial came to; `lost` and `doubled` are rows."""
    finding = outcome.finding
    recovered = [
        one.recover_seconds for one in outcome.cycles if one.recover_seconds is not None
    ]
    by_kind: dict[str, list[float]] = {}
    for one in outcome.cycles:
        if one.recover_seconds is not None:
            by_kind.setdefault(one.kind, []).append(one.recover_seconds)
    return {
        "cycles": len(outcome.cycles),
        "seed": outcome.trial.seed,
        "lost": sum(finding.lost.values()) if finding else None,
        "doubled": sum(finding.doubled.values()) if finding else None,
        "records": finding.rows if finding else 0,
        "figures": finding.figures if finding else 0,
        "different": sum(finding.tables.values()) if finding else None,
        "conflicts": list(finding.conflicts) if finding else [],
        "reasons": sum(finding.reasons.values()) if finding else None,
        "unreceipted": outcome.unreceipted,
        "audit": _verdict(outcome.audits),
        "cuts": outcome.cuts,
        "audits": len(outcome.audits),
        "faults": dict(sorted(Counter(one.kind for one in outcome.cycles).items())),
        "recover_seconds": percentiles(recovered),
        "recover_by_fault": {
            kind: percentiles(by_kind[kind]) for kind in sorted(by_kind)
        },
        "unrecovered": len(outcome.cycles) - len(recovered),
        "restarts": outcome.restarts,
        "rss_mb_max": {
            stage: size >> 20 for stage, size in sorted(outcome.rss_bytes.items())
        },
        "disk": outcome.volume,
        "clean": outcome.clean,
        "notes": outcome.notes[:20],
        "seconds": round(outcome.seconds, 1),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """The middle, the 99th of a hundred and the worst; empty without any."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    return {
        "p50": round(_nearest(ordered, 0.50), 2),
        "p99": round(_nearest(ordered, 0.99), 2),
        "max": round(ordered[-1], 2),
    }


def _nearest(ordered: Sequence[float], share: float) -> float:
    """The least value that at least this share does not exceed."""
    place = -(-len(ordered) * share // 1)
    return ordered[max(0, int(place) - 1)]


def _verdict(audits: Sequence[str]) -> str:
    """``equal`` only if every audit was."""
    if not audits:
        return "none"
    others = [one for one in audits if one != "equal"]
    return others[0] if others else "equal"
