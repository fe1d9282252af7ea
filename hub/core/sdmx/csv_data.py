"""Data in SDMX-CSV 1.0 and 2.0: one row an observation, every column named.

Rules (SDMX-CSV field guides; RFC 4180):

- Columns are the structure's components in order; what stands before them says where
  the row belongs and, in 2.0, what it is to its receiver (I, A, R, D).
- ``labels=both`` writes ``CODE: label``; ``labels=name`` (2.0) a column of names beside
  each. In three languages: the one asked for.
- A value that is not there is an empty field; OBS_STATUS says why.
- A field that a spreadsheet would run as a formula cannot occur: codes and labels are
  the catalogue's, whose codes are no formulas.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from hub.core.sdmx.cube import Message, figure, view
from hub.core.sdmx.model import ALL_DIMENSIONS, MEASURE, TIME, Component
from hub.core.sdmx.times import span

ONE, TWO = "1.0.0", "2.0.0"
LABELS = ("id", "name", "both")
KEYS = ("none", "obs", "series", "both")
CHUNK_ROWS = 2_000
_KEYS = {
    "none": (),
    "obs": ("OBS_KEY",),
    "series": ("SERIES_KEY",),
    "both": ("SERIES_KEY", "OBS_KEY"),
}
_KEYED: Mapping[str, Callable[[Sequence[str]], int]] = {
    "SERIES_KEY": lambda at: len(at) - 1,
    "OBS_KEY": len,
}
_ACTIONS = {"Information": "I", "Append": "A", "Replace": "R", "Delete": "D"}


def write(
    message: Message,
    version: str,
    *,
    labels: str = "id",
    language: str = "en",
    normalized: bool = False,
    keys: str = "none",
) -> Iterator[str]:
    """The message as pieces of text.

    Args:
        message: What to write; always flat, whatever it says.
        version: ``1.0.0`` or ``2.0.0``.
        labels: id, name or both.
        language: en, ru or tk: what labels are in.
        normalized: Whether periods are written as the first moment of theirs.
        keys: none, obs, series or both: which keys get a column of their own (2.0).
    """
    cut = view(message.structure, ALL_DIMENSIONS, message.detail)
    measure = [message.structure.measure] if message.detail.measure else []
    columns = [*cut.below, *measure, *cut.point]
    head = ["DATAFLOW"] if version == ONE else ["STRUCTURE", "STRUCTURE_ID", "ACTION"]
    keyed = [] if version == ONE else list(_KEYS[keys])
    head += keyed
    for one in columns:
        head += _heads(one, labels, language)
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(head)
    flow = message.flow_urn.partition("=")[2]
    for dataset in message.sets:
        action = _ACTIONS[dataset.action]
        first = [flow] if version == ONE else ["dataflow", flow, action]
        for group in cut.groups(dataset.series):
            for at, point in enumerate(group.points, 1):
                values: list[str | None] = list(point.at)
                if measure:
                    values.append("" if point.value is None else figure(point.value))
                values += point.attributes
                row = list(first)
                row += [".".join(point.at[: _KEYED[one](point.at)]) for one in keyed]
                for one, value in zip(columns, values, strict=True):
                    row += _cells(one, value, labels, language, normalized=normalized)
                writer.writerow(row)
                if at % CHUNK_ROWS == 0:
                    yield _taken(held)
    yield _taken(held)


def _taken(held: io.StringIO) -> str:
    found = held.getvalue()
    held.seek(0)
    held.truncate()
    return found


def _heads(one: Component, labels: str, language: str) -> Sequence[str]:
    name = getattr(one.name, language)
    if labels == "both":
        return (f"{one.id}: {name}",)
    return (one.id, name) if labels == "name" and one.codes else (one.id,)


def _cells(
    one: Component, value: str | None, labels: str, language: str, *, normalized: bool
) -> Sequence[str]:
    code = value or ""
    if normalized and one.id == TIME:
        return (f"{span(code).start}T00:00:00",)
    if labels == "id" or one.id in {TIME, MEASURE} or not one.codes:
        return (code,)
    text = one.codes.get(code)
    label = "" if text is None else str(getattr(text, language))
    if labels == "name":
        return (code, label)
    return (f"{code}: {label}" if code else "",)
