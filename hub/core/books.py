"""What workers showed of themselves, entered sample by sample.

Rules (design: conservation):

- Places (positions, coverage) only grow, and so do sums: of two workers that speak of
  one partition, because one was stopped and it went on elsewhere, the greater is newer.
- A quiet log has marks in place of offsets: equal where places are equal.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLACE = struct.Struct(">16sq")

Place = tuple[str, str]
"""Origin and the partition that covers it; an input partition alone has ("x/0", "")."""
Sum = tuple[str, str, str, str]
"""Stage, ministry ("" for facts), dataflow, outcome ("" for facts)."""


def mark(log: bytes, offset: int) -> int:
    """A number that is equal for equal places of a log and tells nothing else."""
    packed = _PLACE.pack(log, offset)
    # 48 bits: a sample of Prometheus is a float.
    return int.from_bytes(hashlib.blake2b(packed, digest_size=6).digest(), "big")


@dataclass(slots=True)
class Books:
    """What workers showed, by name of the gauge; fill it with :meth:`enter`."""

    places: dict[str, dict[Place, int]] = field(default_factory=dict)
    sums: dict[str, dict[tuple[Sum, str], int]] = field(default_factory=dict)

    def enter(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """One sample; of two workers that speak of one partition the newer is right."""
        number = int(value)
        if name.endswith(("_offset", "_mark")) or name.startswith(("lane_", "cut_")):
            place = (labels["source"], labels.get("into", ""))
            known = self.places.setdefault(name, {})
            offset = name.endswith("_offset")
            known[place] = max(known.get(place, number), number) if offset else number
            return
        sum_ = (
            labels["stage"],
            labels.get("ministry", ""),
            labels.get("dataflow", ""),
            labels.get("outcome", ""),
        )
        known_sums = self.sums.setdefault(name, {})
        key = (sum_, labels["source"])
        known_sums[key] = max(known_sums.get(key, 0), number)

    def at(self, name: str, source: str, into: str = "") -> int | None:
        """A place, None if nobody shows it."""
        return self.places.get(name, {}).get((source, into))

    def total(self, name: str, stage: str, ministry: str, dataflow: str) -> int | None:
        """A sum over partitions and outcomes, None if nobody shows one."""
        found = [
            value
            for ((where, who, flow, _), _), value in self.sums.get(name, {}).items()
            if (where, who, flow) == (stage, ministry, dataflow)
        ]
        return sum(found) if found else None

    def outcome(
        self,
        stage: str,
        ministry: str,
        dataflow: str,
        outcome: str,
        name: str = "rows_counted",
    ) -> int:
        """Rows of one outcome."""
        return sum(
            value
            for (sum_, _), value in self.sums.get(name, {}).items()
            if sum_ == (stage, ministry, dataflow, outcome)
        )
