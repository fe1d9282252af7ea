"""Aggregate: facts of resolved persons into cells, and a snapshot at each cut."""

from __future__ import annotations

from hub.core.aggregate.stage import Aggregate

__all__ = ["Aggregate"]
