"""What the files say: rows by fate, and the records that count, each once.

Rules:

- The fate of a row is the sample's own truth; a row is looked up by ministry, record id
  and revision, and a row without a record id is refused.
- Of a record the highest revision stands; a cancelled one does not count.
- Of records with the same natural key, complete, one counts.
"""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hub.trials.chaos.checker.evidence import Flow, Published

UNREADABLE = "source"
"""The sample's word for a row that is refused before it is in any batch."""

Row = Mapping[str, str]
Name = tuple[str, str, str]
"""Ministry, dataflow and record id."""


@dataclass(slots=True)
class Counts:
    """Rows of one ministry and dataflow."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def sealed(self) -> int:
        """Rows that were put into batches."""
        return self.accepted + self.refused.total()


@dataclass(slots=True)
class Truth:
    """What must come out.

    Attributes:
        rows: Rows in files.
        counts: What receipts must add up to.
        records: Rows that count, by dataflow.
    """

    rows: int = 0
    counts: dict[Flow, Counts] = field(default_factory=dict)
    records: dict[str, list[Row]] = field(default_factory=dict)


def read(published: Iterable[Published], sample: Path, catalogue: Path) -> Truth:
    """Read the files and count."""
    truth = Truth()
    fates = _fates(sample)
    newest: dict[Name, tuple[int, Row]] = {}
    for file in published:
        counts = truth.counts.setdefault((file.member, file.dataflow), Counts())
        with file.path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                truth.rows += 1
                name = (file.member, file.dataflow, row["record_id"])
                reason = fates.get((*name, row["revision"]), "")
                if reason == UNREADABLE:
                    continue
                if reason:
                    counts.refused[reason] += 1
                    continue
                counts.accepted += 1
                revision = int(row["revision"])
                if name not in newest or newest[name][0] < revision:
                    newest[name] = (revision, row)
    for (_, flow, _), (_, record) in newest.items():
        if record["action"] != "CANCEL":
            truth.records.setdefault(flow, []).append(record)
    for flow, rows in truth.records.items():
        truth.records[flow] = _once(rows, _natural_key(catalogue, flow))
    return truth


def _fates(sample: Path) -> dict[tuple[str, str, str, str], str]:
    """The reason why a row is refused, for those that are."""
    found: dict[tuple[str, str, str, str], str] = {}
    columns = ["member", "record_id", "revision", "fate"]
    for path in (sample / "truth").glob("*.parquet"):
        rows: list[tuple[Any, ...]] = pl.read_parquet(path, columns=columns).rows()
        for member, record, revision, fate in rows:
            if ":" in fate:
                name = (member, path.stem, record or "", revision or "")
                found[name] = fate.partition(":")[2]
    return found


def _natural_key(catalogue: Path, flow: str) -> list[str]:
    text = (catalogue / "dataflows" / f"{flow}.toml").read_text("utf-8")
    return list(tomllib.loads(text).get("unique", []))


def _once(rows: list[Row], key: list[str]) -> list[Row]:
    """One row for every natural key; rows whose key is not complete all count."""
    if not key:
        return rows
    seen: dict[tuple[str, ...], Row] = {}
    others = []
    for row in rows:
        name = tuple(row[part] for part in key)
        if all(name):
            seen.setdefault(name, row)
        else:
            others.append(row)
    return [*seen.values(), *others]
