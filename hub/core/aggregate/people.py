"""The active facts of persons, kept where all of a person is.

State (delivery, rule 1; keys are the letter and what follows):

- ``f`` dataflow | person (16 bytes) → rows of fixed width, sorted, each record key
  and the fields that some table of whole persons reads;
- ``s`` dataflow → the texts that stand in those rows, by number, append only.

Rules:

- A fact that no table of whole persons would look at is not kept.
- What is active after a chunk is the set before, plus what joined, minus what left,
  row by row: the order inside the chunk does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt
import ormsgpack
import polars as pl

from hub.core.catalogue.model import Catalogue, Field, Kind
from hub.core.indicators.plan import Needed, Plan, fields_of
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
_NOTHING = pl.DataFrame(
    schema={"person": pl.Binary, "row": pl.Binary, "sign": pl.Int64}
)
_NOBODY = pl.DataFrame(schema={"person": pl.Binary, "seq": pl.Int64})
_WHOLE = {"<i4": pl.Int32(), "<i8": pl.Int64(), "i1": pl.Int8()}
_TYPE = {
    Kind.DATE: pl.Date,
    Kind.INT: pl.Int32,
    Kind.LONG: pl.Int64,
    Kind.MONEY: pl.Int64,
    Kind.BOOLEAN: pl.Boolean,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a chunk changes on a shelf.

    Attributes:
        touched: Persons, and the last change of each: person, seq.
        before: Rows of these persons as they were: person, row, sign.
        after: As they are.
    """

    touched: pl.DataFrame
    before: pl.DataFrame = field(repr=False)
    after: pl.DataFrame = field(repr=False)


class Shelf:
    """The facts of one dataflow that tables of whole persons read.

    Attributes:
        dataflow: Its id.
    """

    def __init__(
        self, dataflow: str, known: Mapping[str, Field], needs: Sequence[Needed]
    ) -> None:
        """Works out what is kept.

        Args:
            dataflow: Its id.
            known: Its fields.
            needs: What tables look at.
        """
        self.dataflow = dataflow
        named = {name for one in needs for name in one.names}
        self._fields = [one for one in known.values() if one.name in named]
        self._row = np.dtype(
            [
                ("record", f"V{KEY_SIZE}"),
                *((f.name, _WIDTH.get(f.kind, "<u4")) for f in self._fields),
            ]
        )
        self._holds = reduce(lambda a, b: a | b, (one.holds for one in needs))

    def change(self, overlay: Overlay, facts: pl.DataFrame) -> Change:
        """Fold signed facts into state."""
        rows = facts.filter(self._holds)
        if not rows.height:
            return Change(touched=_NOBODY, before=_NOTHING, after=_NOTHING)
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
        return Change(touched=touched, before=before, after=after)

    def sides(
        self, overlay: Overlay, change: Change | None, people: pl.DataFrame
    ) -> pl.DataFrame:
        """Facts of whole persons after the chunk was folded.

        Args:
            overlay: State.
            change: What the chunk changed here, if anything.
            people: Columns person and seq, each person once.

        Returns:
            What each was with sign −1 and what it is with sign +1, and `seq`.
        """
        same = people["person"]
        parts = []
        if change is not None:
            parts = [change.before.with_columns(sign=-pl.col("sign")), change.after]
            others = people.join(change.touched, on="person", how="anti")
            same = others["person"]
        if same.len():
            kept = self._stored(overlay, same)
            parts += [kept.with_columns(sign=-pl.col("sign")), kept]
        both = pl.concat([_NOTHING, *parts]).join(
            people, on="person", maintain_order="left"
        )
        if len(parts) > 2:
            both = both.sort("sign", "person", maintain_order=True)
        flat = b"".join(both["row"].to_list())
        texts = self._texts(overlay)
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
        for at, one in enumerate(self._fields):
            if one.kind not in _WIDTH:
                column = rows[one.name]
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
        for one in self._fields:
            column = rows[one.name]
            width = _WIDTH.get(one.kind)
            if width is None:
                out[one.name] = _numbered(column, texts)
                continue
            numbers = column.cast(_WHOLE[width]).fill_null(_NULL[width])
            out[one.name] = numbers.to_numpy()
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
        for one in self._fields:
            width = _WIDTH.get(one.kind)
            if width is None:
                column = words.gather(rows[one.name].astype(np.uint32))
            else:
                raw = pl.Series(rows[one.name].astype(width))
                raw = raw.set(raw == _NULL[width], None)
                column = raw.cast(_TYPE[one.kind])
            columns.append(column.alias(one.name))
        return owners.hstack(columns)


def shelves(catalogue: Catalogue, plans: Sequence[Plan]) -> dict[str, Shelf]:
    """One shelf for each dataflow that tables of whole persons look at."""
    needed: dict[str, list[Needed]] = {}
    for plan in plans:
        for flow, one in plan.needs.items():
            needed.setdefault(flow, []).append(one)
    return {
        flow: Shelf(flow, fields_of(catalogue, flow), found)
        for flow, found in needed.items()
    }


def _numbered(column: pl.Series, texts: list[str]) -> npt.NDArray[np.uint32]:
    """Numbers of texts, 0 for none."""
    numbers = list(range(1, len(texts) + 1))
    return column.replace_strict(
        texts, numbers, default=0, return_dtype=pl.UInt32
    ).to_numpy()
