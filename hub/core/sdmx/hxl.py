"""Data as HXL-tagged CSV: what humanitarian tools read without being told anything.

Rules (HXL 1.1, hashtags and attributes):

- One row a place and period; women, men, other or unknown, and total side by side, so
  that sex is an attribute of the number and not a code to be filtered.
- The second row holds the tags. Codes and names stand in columns of their own.
- People are ``#population``, everything else ``#indicator``; what is not shown is
  empty, and the status beside it says why.
- Only tags of the standard; attributes beyond it are allowed by it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence

from hub.core.sdmx.cube import Message, Observation, figure
from hub.core.sdmx.model import Component, Structure

SEX = "SEX"
AREA = "REF_AREA"
SEXES: Mapping[str, str] = {
    "F": "+f",
    "M": "+m",
    "_OUN": "+other",
    "_T": "+total",
}
"""Published sexes and their attributes; ``+i`` means intersex, which ours is not."""
_COUNTRY, _REGION = "CL_COUNTRY", "CL_WORLD"
CHUNK_ROWS = 2_000

_Place = tuple[tuple[str, ...], str]


def write(message: Message, language: str, *, people: bool) -> Iterator[str]:
    """The message as pieces of text.

    Args:
        message: What to write; sexes are columns, whatever it says.
        language: en, ru or tk: what names are in.
        people: Whether its values count persons.
    """
    structure = message.structure
    at = next((i for i, one in enumerate(structure.dimensions) if one.id == SEX), None)
    rest = [one for i, one in enumerate(structure.dimensions) if i != at]
    rows: dict[_Place, dict[str, Observation]] = {}
    for dataset in message.sets:
        for series in dataset.series:
            sex = "_T" if at is None else series.key[at]
            key = tuple(code for i, code in enumerate(series.key) if i != at)
            for o in series.observations:
                rows.setdefault((key, o.period), {})[sex] = o
    sexes = [sex for sex in SEXES if any(sex in row for row in rows.values())]
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    number = "#population+migrants" if people else "#indicator+num"
    heads, tags = _places(structure, rest, language, {key for key, _ in rows})
    labels = next((one.codes for one in structure.dimensions if one.id == SEX), {})
    for sex in sexes:
        label = labels.get(sex)
        heads += [sex if label is None else getattr(label, language), f"STATUS_{sex}"]
        tags += [f"{number}{SEXES[sex]}", f"#status{SEXES[sex]}"]
    writer.writerow(heads)
    writer.writerow(tags)
    for count, ((key, period), row) in enumerate(rows.items(), 1):
        cells: list[str] = []
        for one, code in zip(rest, key, strict=True):
            label = one.codes.get(code)
            cells += [code, "" if label is None else getattr(label, language)]
        cells.append(period)
        for sex in sexes:
            cells += _figure(structure, row.get(sex))
        writer.writerow(cells)
        if count % CHUNK_ROWS == 0:
            yield held.getvalue()
            held.seek(0)
            held.truncate()
    yield held.getvalue()


def _places(
    structure: Structure,
    rest: Sequence[Component],
    language: str,
    keys: Collection[tuple[str, ...]],
) -> tuple[list[str], list[str]]:
    """Header and tags of the columns that say where a row stands."""
    heads, tags = [], []
    for at, one in enumerate(rest):
        tag = _tag(one, {key[at] for key in keys})
        heads += [one.id, getattr(one.name, language)]
        tags += [f"{tag}+code", f"{tag}+name"]
    heads.append(structure.time.id)
    tags.append("#date+period")
    return heads, tags


def _tag(one: Component, codes: Collection[str]) -> str:
    """The tag of a dimension; its id is an attribute, so that two never look alike."""
    own = f"+{one.id.lower()}"
    codelist = "" if one.codelist is None else one.codelist.id
    if one.id == AREA:
        return "#adm1" if len(codes) > 1 else "#country"
    if codelist.startswith(_COUNTRY):
        return f"#country{own}"
    if codelist.startswith(_REGION):
        return f"#region{own}"
    return f"#meta{own}"


def _figure(structure: Structure, one: Observation | None) -> tuple[str, str]:
    if one is None:
        return "", ""
    status = dict(
        zip((item.id for item in structure.observation), one.attributes, strict=True)
    ).get("OBS_STATUS")
    return "" if one.value is None else figure(one.value), status or ""
