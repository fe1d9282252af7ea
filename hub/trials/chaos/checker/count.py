"""Counting the figures of a table of events from the records, as its file says.

Rules:

- A table is read from its TOML file; one that asks for more than conditions, codes and
  groups is not counted here.
- A sensitive table that is divided by sex hides figures from which a hidden one could
  be had: it is not counted here either.
- A figure stands at period, area, sex and two codes. Area and codes are summed into
  their totals in every combination; sex is F, M, the rest, and all.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from hub.trials.chaos.checker.truth import Row

ALL, REST, COUNTRY, UNKNOWN = "_T", "_OUN", "TM", "_U"
NOISY = frozenset({"C", "T"})
"""Policies whose figures may be off by one, once in a million."""

_EXACT = frozenset({"N"})
_KNOWN = frozenset(
    [
        "id",
        "measure",
        "dataflow",
        "where",
        "time",
        "frequency",
        "dimensions",
        "area",
        "sex",
        "sex_field",
        "unit",
        "policy",
        "custodian",
        "references",
        "title",
        "definition",
        "population_base",
        "access",
        "esms",
        "sdg",
    ]
)
_KNOWN_DIMENSION = frozenset(
    ["id", "field", "grouping", "mapping", "codelist", "other"]
)


class Place(NamedTuple):
    """Where a figure stands."""

    period: str
    area: str
    sex: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What is needed to count a table.

    Attributes:
        dimensions: Ids of its codes, in order.
        coded: How a row gets each of them.
        noisy: Whether a figure may be off by one.
    """

    id: str
    dataflow: str
    dimensions: tuple[str, ...]
    coded: tuple[Callable[[Row], str], ...]
    where: tuple[Callable[[Row], bool], ...]
    period: Callable[[Row], str]
    area: str | None
    sex: str | None
    noisy: bool


def tables(catalogue: Path, schemas: Path, wanted: Iterable[str]) -> Iterator[Table]:
    """The tables among `wanted` that can be counted here."""
    lists = {
        content["id"]: content
        for content in map(_toml, sorted((catalogue / "codelists").glob("*.toml")))
    }
    for name in wanted:
        content = _toml(catalogue / "tables" / f"{name}.toml")
        if not _is_simple(content):
            continue
        flow = _toml(catalogue / "dataflows" / f"{content['dataflow']}.toml")
        schema = schemas / "provider" / f"{flow['schema']}.avsc"
        fields = {one["name"]: one for one in _json(schema)["fields"]}
        dimensions = content.get("dimensions", [])
        yield Table(
            id=name,
            dataflow=content["dataflow"],
            dimensions=tuple(one["id"] for one in dimensions),
            coded=tuple(_coded(one, fields, lists) for one in dimensions),
            where=tuple(_condition(one) for one in content.get("where", [])),
            period=_period(content["time"], content["frequency"]),
            area=content.get("area"),
            sex=content.get("sex_field", "sex") if content.get("sex", True) else None,
            noisy=content["policy"] in NOISY,
        )


def count(table: Table, rows: Iterable[Row], year: str) -> Counter[Place]:
    """The figures of one year, totals too."""
    cells: Counter[Place] = Counter()
    for row in rows:
        period = table.period(row)
        if not period.startswith(year) or not all(one(row) for one in table.where):
            continue
        sexes = [ALL]
        if table.sex is not None:
            sex = row[table.sex]
            sexes.append(sex if sex in ("F", "M") else REST)
        areas = {COUNTRY}
        if table.area is not None and row[table.area]:
            areas.add(row[table.area])
        codes = [{ALL, code(row)} for code in table.coded]
        for area, sex, chosen in product(areas, sexes, product(*codes)):
            cells[Place(period, area, sex, chosen)] += 1
    return cells


def _is_simple(table: Mapping[str, Any]) -> bool:
    dimensions = table.get("dimensions", [])
    return (
        table["measure"] == "events"
        and table.keys() <= _KNOWN
        and table["policy"] in NOISY | _EXACT
        and all("field" in one and one.keys() <= _KNOWN_DIMENSION for one in dimensions)
        and not (table["policy"] == "T" and table.get("sex", True))
    )


def _coded(
    dimension: Mapping[str, Any],
    fields: Mapping[str, Any],
    lists: Mapping[str, Any],
) -> Callable[[Row], str]:
    name, other = dimension["field"], dimension.get("other", UNKNOWN)
    mapping = dimension.get("mapping")
    if mapping is None and "grouping" in dimension:
        groups = lists[fields[name]["codelist"]]["groups"]
        mapping = groups[dimension["grouping"]]
    if mapping is None:
        return lambda row: row[name] or other
    known: Mapping[str, str] = mapping
    rest = known.get("*", other)
    return lambda row: known.get(row[name], rest if row[name] else other)


def _condition(condition: Mapping[str, Any]) -> Callable[[Row], bool]:
    name, value = condition["field"], condition.get("value")
    listed = {_text(one) for one in (value if isinstance(value, list) else [value])}
    match condition["op"]:
        case "eq" | "in":
            return lambda row: row[name] in listed
        case "ne" | "not_in":
            return lambda row: row[name] not in listed
        case op:
            raise NotImplementedError(op)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _period(name: str, frequency: str) -> Callable[[Row], str]:
    def label(row: Row) -> str:
        text = row[name]
        if frequency == "A" or not text:
            return text[:4]
        if frequency == "M":
            return text[:7]
        return f"{text[:4]}-Q{(int(text[5:7]) + 2) // 3}"

    return label


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))
