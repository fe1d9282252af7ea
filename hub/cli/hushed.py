"""What is shown of logs whose number of messages is a secret: that they are concerned.

Rules (docs/disclosure.md, "Quiet dataflows"):

- Of a quiet log neither number nor offsets are shown; in no sum are they hidden.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from hub.core.shredding import Range
from hub.edge.impact import Place

_COUNTED = ("messages", "first", "last")


def rows(
    found: Iterable[Place | Range], quiet: Collection[str]
) -> list[dict[str, Any]]:
    """Places as they may be shown.

    Args:
        found: Messages by place.
        quiet: Topics of which nothing may be counted.
    """
    blank = dict.fromkeys(_COUNTED)
    return [{**asdict(one), **(blank if one.topic in quiet else {})} for one in found]


def total(shown: Iterable[Mapping[str, Any]]) -> int:
    """Messages of those places of which they are told."""
    return sum(one["messages"] or 0 for one in shown)
