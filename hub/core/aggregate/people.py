"""The active facts of persons, kept where all of a person is.

State (delivery, rule 1; keys are the letter and what follows):

- ``f`` dataflow | person (16 bytes) → rows of fixed width, sorted, each record key
  and the fields that some table by person reads;
- ``s`` dataflow → the texts that stand in those rows, by number, append only.

Rules:

- A fact no table by person would count is not kept.
- What is active after a chunk is the set before, plus what joined, minus what left,
  row by row: the order inside the chunk does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
import ormsgpack
import polars as pl

from hub.core.catalogue.model import Field, Kind
from hub.core.indicators.plan import Plan
from hub.core.state import Overlay

FACTS = b"f"
TEXTS = b"s"
KEY_SIZE = 16
_NULL = {"<i4": -(2**31), "<i8": -(2**63), "i1": -1}
_WIDTH = {
    Kind.DATE: "<i4",
    Kind.INT: "<i4",
    Kind.LONG: "<i8",
    Kind.MONEY: "<i8",
    Kind.BOOLEAN: "i1",
}
_WHOLE = {"<i4": pl.Int32(), "<i8": pl.Int64(), "i1": pl.Int8()}
_TYPE = {
    Kind.DATE: pl.Date,
    Kind.INT: pl.Int32,
    Kind.LONG: pl.Int64,
    Kind.MONEY: pl.Int64,
    Kind.BOOLEAN: pl.Boolean,
}


class Shelf:
    """The facts of one dataflow that tables by person read.

    Attributes:
        dataflow: Its id.
        plans: The tables by person of this dataflow.
    """

    def __init__(self, dataflow: str, plans: Sequence[Plan]) -> None:
        self.dataflow = dataflow
        self.plans = tuple(plans)
        known = self.plans[0].fields
        named = {name for plan in self.plans for name in plan.needs}
        self._fields: list[Field] = [f for f in known.values() if f.name in named]
        self._row = np.dtype(
            [
                ("record", f"V{KEY_SIZE}"),
                *((f.name, _WIDTH.get(f.kind, "<u4")) for f in self._fields),
            ]
        )
        self._holds = reduce(lambda a, b: a | b, (plan.holds for plan in self.plans))

    def change(self, overlay: Overlay, facts: pl.DataFrame) -> pl.DataFrame:
        """Fold signed facts into state.

        Returns:
            Facts of the touched persons: what each was with sign −1 and what it is
            with sign +1, `seq` the last change of that person.
        """
        rows = facts.filter(self._holds)
        if not rows.height:
            return self._unpack(rows.select("person", "sign", "seq"), b"", [])
        texts = self._texts(overlay)
        self._learn(rows, texts)
        came = pl.DataFrame(
            {
                "person": rows["person"],
                "row": self._pack(rows, texts),
                "sign": rows["sign"].cast(pl.Int64),
            }
        )
        self._keep(overlay, texts)
        touched = rows.group_by("person").agg(pl.col("seq").max()).sort("person")
        before = self._stored(overlay, touched["person"])
        after = (
            pl.concat([before, came])
            .group_by("person", "row")
            .agg(pl.col("sign").sum())
            .filter(pl.col("sign") > 0)
            .sort("person", "row")
        )
        self._store(overlay, touched["person"], after)
        both = pl.concat([before.with_columns(sign=-pl.col("sign")), after])
        both = both.join(touched, on="person")
        flat = b"".join(both["row"].to_list())
        return self._unpack(both.select("person", "sign", "seq"), flat, texts)

    def _key(self, person: bytes) -> bytes:
        return FACTS + self.dataflow.encode() + b"|" + person

    def _texts(self, overlay: Overlay) -> list[str]:
        stored = overlay.get(TEXTS + self.dataflow.encode())
        return [] if stored is None else list(ormsgpack.unpackb(stored))

    def _learn(self, rows: pl.DataFrame, texts: list[str]) -> None:
        """Append new texts in order of row, then field: the same for any chunks."""
        known = set(texts)
        found: list[tuple[int, int, str]] = []
        for at, field in enumerate(self._fields):
            if field.kind not in _WIDTH:
                column = rows[field.name]
                first = column.arg_unique()
                pairs = zip(first, column.gather(first), strict=True)
                found += [(row, at, text) for row, text in pairs if text is not None]
        texts += dict.fromkeys(t for *_, t in sorted(found) if t not in known)

    def _keep(self, overlay: Overlay, texts: list[str]) -> None:
        key, value = TEXTS + self.dataflow.encode(), ormsgpack.packb(texts)
        if overlay.get(key) != value:
            overlay.put(key, value)

    def _stored(self, overlay: Overlay, people: pl.Series) -> pl.DataFrame:
        size = self._row.itemsize
        values = overlay.get_many([self._key(person) for person in people])
        owners, rows = [], []
        for person, value in zip(people, values, strict=True):
            if value is not None:
                found = [value[at : at + size] for at in range(0, len(value), size)]
                rows += found
                owners += [person] * len(found)
        return pl.DataFrame(
            {"person": owners, "row": rows, "sign": [1] * len(rows)},
            schema={"person": pl.Binary, "row": pl.Binary, "sign": pl.Int64},
        )

    def _store(self, overlay: Overlay, people: pl.Series, rows: pl.DataFrame) -> None:
        kept: dict[bytes, list[bytes]] = {}
        for person, row in rows.select("person", "row").iter_rows():
            kept.setdefault(person, []).append(row)
        for person in people:
            found = kept.get(person)
            if found is None:
                overlay.delete(self._key(person))
            else:
                overlay.put(self._key(person), b"".join(found))

    def _pack(self, rows: pl.DataFrame, texts: list[str]) -> list[bytes]:
        out = np.empty(rows.height, dtype=self._row)
        records = b"".join(rows["record"].to_list())
        out["record"] = np.frombuffer(records, dtype=f"V{KEY_SIZE}")
        for field in self._fields:
            column = rows[field.name]
            width = _WIDTH.get(field.kind)
            if width is None:
                out[field.name] = _numbered(column, texts)
                continue
            numbers = column.cast(_WHOLE[width]).fill_null(_NULL[width])
            out[field.name] = numbers.to_numpy()
        flat, size = out.tobytes(), self._row.itemsize
        return [flat[at : at + size] for at in range(0, len(flat), size)]

    def _unpack(
        self, owners: pl.DataFrame, flat: bytes, texts: list[str]
    ) -> pl.DataFrame:
        rows = np.frombuffer(flat, dtype=self._row)
        text = rows["record"].tobytes()
        records = [text[at : at + KEY_SIZE] for at in range(0, len(text), KEY_SIZE)]
        columns = [pl.Series("record", records, dtype=pl.Binary)]
        words = pl.Series([None, *texts], dtype=pl.String)
        for field in self._fields:
            width = _WIDTH.get(field.kind)
            if width is None:
                column = words.gather(rows[field.name].astype(np.uint32))
            else:
                raw = pl.Series(rows[field.name].astype(width))
                raw = raw.set(raw == _NULL[width], None)
                column = raw.cast(_TYPE[field.kind])
            columns.append(column.alias(field.name))
        return owners.hstack(columns)


def shelves(plans: Sequence[Plan]) -> dict[str, Shelf]:
    """One shelf for each dataflow that feeds a table by person."""
    by_flow: dict[str, list[Plan]] = {}
    for plan in plans:
        if plan.by_person:
            by_flow.setdefault(plan.dataflow, []).append(plan)
    return {flow: Shelf(flow, found) for flow, found in by_flow.items()}


def _numbered(column: pl.Series, texts: list[str]) -> npt.NDArray[np.uint32]:
    """Numbers of texts, 0 for none."""
    numbers = list(range(1, len(texts) + 1))
    return column.replace_strict(
        texts, numbers, default=0, return_dtype=pl.UInt32
    ).to_numpy()
