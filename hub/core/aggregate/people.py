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
from typing import NamedTuple

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
Records = npt.NDArray[np.void]
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


class Held(NamedTuple):
    """Rows of several persons, those of one person together.

    Attributes:
        owner: Whose: an index into a list of persons, rising.
        rows: The rows, as they are stored.
    """

    owner: npt.NDArray[np.int64]
    rows: Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a chunk changes on a shelf.

    Attributes:
        touched: Persons, and the last change of each: person, seq.
        before: Rows of these persons as they were.
        after: As they are.
    """

    touched: pl.DataFrame
    before: Held = field(repr=False)
    after: Held = field(repr=False)


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
        self._head = FACTS + dataflow.encode() + b"|"
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
        chosen = facts.filter(self._holds)
        touched = chosen.group_by("person").agg(pl.col("seq").max()).sort("person")
        texts = self._texts(overlay)
        self._learn(chosen, texts)
        self._keep(overlay, texts)
        # Touched persons are sorted, so a person's place among them is its rank.
        place = pl.col("person").rank("dense").cast(pl.Int64) - 1
        sign = pl.col("sign").cast(pl.Int64)
        fields = (_packed(one, texts) for one in self._fields)
        columns = chosen.select(place.alias("#at"), sign.alias("#sign"), *fields)
        came = Held(columns["#at"].to_numpy(), self._pack(chosen["record"], columns))
        before = self._stored(overlay, touched["person"])
        after = added(before, came, columns["#sign"].to_numpy())
        self._store(overlay, touched["person"], after)
        return Change(touched=touched, before=before, after=after)

    def sides(
        self, overlay: Overlay, change: Change | None, people: pl.DataFrame
    ) -> pl.DataFrame:
        """Facts of whole persons after the chunk was folded.

        Args:
            overlay: State.
            change: What the chunk changed here, if anything.
            people: Columns person and seq, each person once, by person.

        Returns:
            What each was with sign −1 and what it is with sign +1, and `seq`; the rows
            of one person and sign together.
        """
        if change is not None and change.touched is people:
            return self._frame(people, [change.before, change.after], overlay)
        named = people.select("person").with_row_index("at")
        same = named
        past: list[Held] = []
        now: list[Held] = []
        if change is not None:
            where = change.touched.select("person").join(
                named, on="person", how="left", maintain_order="left"
            )
            at = where["at"].cast(pl.Int64).fill_null(-1).to_numpy()
            past.append(_moved(change.before, at))
            now.append(_moved(change.after, at))
            same = named.join(change.touched, on="person", how="anti")
        if same.height:
            kept = _moved(
                self._stored(overlay, same["person"]),
                same["at"].cast(pl.Int64).to_numpy(),
            )
            past.append(kept)
            now.append(kept)
        return self._frame(people, [_together(past), _together(now)], overlay)

    def _frame(
        self, people: pl.DataFrame, sides: Sequence[Held], overlay: Overlay
    ) -> pl.DataFrame:
        """Both sides as one frame."""
        owner = np.concatenate([side.owner for side in sides])
        signs = np.repeat([-1, 1], [len(side.owner) for side in sides])
        owners = people[owner].hstack([pl.Series("sign", signs, dtype=pl.Int64)])
        rows = np.concatenate([side.rows for side in sides])
        return self._unpack(owners, rows, overlay)

    def _texts(self, overlay: Overlay) -> list[str]:
        stored = overlay.get(TEXTS + self.dataflow.encode())
        return [] if stored is None else list(ormsgpack.unpackb(stored))

    def _learn(self, rows: pl.DataFrame, texts: list[str]) -> None:
        """Append new texts in order of row, then field: the same for any chunks."""
        named = [one.name for one in self._fields if one.kind not in _WIDTH]
        if not named:
            return
        first = [pl.col(name).arg_unique().implode() for name in named]
        words = [
            pl.col(name).gather(pl.col(name).arg_unique()).implode().alias(f"#{name}")
            for name in named
        ]
        listed = rows.select(*first, *words).row(0)
        known = set(texts)
        found = [
            (row, at, text)
            for at in range(len(named))
            for row, text in zip(listed[at], listed[at + len(named)], strict=True)
            if text is not None and text not in known
        ]
        texts += dict.fromkeys(text for *_, text in sorted(found))

    def _keep(self, overlay: Overlay, texts: list[str]) -> None:
        key, value = TEXTS + self.dataflow.encode(), ormsgpack.packb(texts)
        if overlay.get(key) != value:
            overlay.put(key, value)

    def _stored(self, overlay: Overlay, people: pl.Series) -> Held:
        """What is kept of these persons; `owner` counts through them."""
        head = self._head
        values = overlay.get_many([head + person for person in people])
        size = self._row.itemsize
        counts = [0 if value is None else len(value) // size for value in values]
        flat = b"".join(value for value in values if value is not None)
        owner = np.repeat(np.arange(len(counts)), counts)
        return Held(owner, np.frombuffer(flat, dtype=self._row))

    def _store(self, overlay: Overlay, people: pl.Series, held: Held) -> None:
        flat, size = held.rows.tobytes(), self._row.itemsize
        ends = np.searchsorted(held.owner, np.arange(people.len()), side="right") * size
        start, pending, head = 0, overlay.pending, self._head
        for person, end in zip(people, ends.tolist(), strict=True):
            pending[head + person] = flat[start:end] if end > start else None
            start = end

    def _pack(self, records: pl.Series, columns: pl.DataFrame) -> Records:
        out = np.empty(columns.height, dtype=self._row)
        flat = b"".join(records.to_list())
        out["record"] = np.frombuffer(flat, dtype=f"V{KEY_SIZE}")
        for one in self._fields:
            out[one.name] = columns[one.name].to_numpy()
        return out

    def _unpack(
        self, owners: pl.DataFrame, rows: Records, overlay: Overlay
    ) -> pl.DataFrame:
        texts = self._texts(overlay)
        text = rows["record"].tobytes()
        records = [text[at : at + KEY_SIZE] for at in range(0, len(text), KEY_SIZE)]
        words = pl.Series("words", [None, *texts], dtype=pl.String)
        stored = [
            pl.Series(one.name, np.ascontiguousarray(rows[one.name]))
            for one in self._fields
        ]
        columns = pl.DataFrame(stored).select(
            _unpacked(one, words) for one in self._fields
        )
        held = pl.Series("record", records, dtype=pl.Binary)
        return owners.hstack([held, *columns])


def added(before: Held, came: Held, signs: npt.NDArray[np.int64]) -> Held:
    """The rows that stand: each of `before`, plus those that joined, less those gone.

    Args:
        before: Rows that stood, by owner and row.
        came: Rows that joined or left, in any order.
        signs: +1 or −1 for each that came.

    Returns:
        Rows by owner and row: the same for any order and any chunks.
    """
    owner = np.concatenate([before.owner, came.owner])
    rows = np.concatenate([before.rows, came.rows])
    sign = np.concatenate([np.ones(len(before.owner), dtype=np.int64), signs])
    first, second = words(rows["record"])
    order = np.lexsort((second, first, owner))
    owner, rows, sign = owner[order], rows[order], sign[order]
    first, second = first[order], second[order]
    same = np.zeros(len(owner), dtype=np.bool_)
    same[1:] = (owner[1:] == owner[:-1]) & (first[1:] == first[:-1])
    same[1:] &= second[1:] == second[:-1]
    if not same.any() and (sign > 0).all():
        return Held(owner, rows)
    # A record that was touched twice or stood before: few, so they are counted by hand.
    several = same | np.append(same[1:], values=False)
    keep = ~several & (sign > 0)
    left: dict[tuple[int, bytes], int] = {}
    for at in np.flatnonzero(several):
        key = (int(owner[at]), rows[at].tobytes())
        left[key] = left.get(key, 0) + int(sign[at])
    kept = sorted(key for key, count in left.items() if count > 0)
    more = np.frombuffer(b"".join(row for _, row in kept), dtype=rows.dtype)
    whose = np.array([at for at, _ in kept], dtype=np.int64)
    owner, rows = (
        np.concatenate([owner[keep], whose]),
        np.concatenate([rows[keep], more]),
    )
    first, second = words(rows["record"])
    # Of one record with two contents, those counted by hand are in order already.
    order = np.lexsort((second, first, owner))
    return Held(owner[order], rows[order])


def words(records: Records) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Record keys as two numbers that sort as the bytes do."""
    pairs = np.frombuffer(records.tobytes(), dtype=">u8").reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)


def _moved(held: Held, places: npt.NDArray[np.int64]) -> Held:
    """The rows under the numbers that owners have elsewhere; −1 is nowhere."""
    owner = places[held.owner]
    there = owner >= 0
    if there.all():
        return Held(owner, held.rows)
    return Held(owner[there], held.rows[there])


def _together(parts: Sequence[Held]) -> Held:
    """Several persons' rows, by owner."""
    if len(parts) == 1:
        return parts[0]
    owner = np.concatenate([part.owner for part in parts])
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(owner, kind="stable")
    return Held(owner[order], rows[order])


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


def _packed(one: Field, texts: list[str]) -> pl.Expr:
    """A field as it is stored; texts by number, 0 for none."""
    column, width = pl.col(one.name), _WIDTH.get(one.kind)
    if width is not None:
        return column.cast(_WHOLE[width]).fill_null(_NULL[width])
    numbers = list(range(1, len(texts) + 1))
    return column.replace_strict(texts, numbers, default=0, return_dtype=pl.UInt32)


def _unpacked(one: Field, words: pl.Series) -> pl.Expr:
    """The inverse of :func:`_packed`; `words` are the texts after a null."""
    column, width = pl.col(one.name), _WIDTH.get(one.kind)
    if width is None:
        return pl.lit(words).gather(column).alias(one.name)
    whole = pl.when(column != _NULL[width]).then(column)
    return whole.cast(_TYPE[one.kind]).alias(one.name)
