"""Mapping: which column of a ministry's file is which field, as a TOML file.

Rules (docs/data-path.md, publisher):

- A file whose header names the schema's fields needs no mapping.
- Every column of the file is a field, part of the record id, or ignored by name: what
  is not asked for is never read, and a renamed column is found, not lost.
- Every required field has a column, a constant or a default. `revision` and `action`
  may be absent: the spool keeps them.
- A mapping never guesses: a value outside a value map passes through and intake judges
  it, unless `otherwise` says what it becomes.

Example::

    dataflow = "residence_permit"
    delimiter = ";"
    dates = ["%d.%m.%Y"]
    ignore = ["remarks"]
    record_id = ["register", "number"]

    [fields.sex]
    column = "пол"
    values = { "м" = "M", "ж" = "F" }
    otherwise = "_U"
    default = "_U"
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError

DATES = ("%Y-%m-%d", "%d.%m.%Y")
"""Date formats tried, in order, where the mapping names none."""
OPTIONAL = frozenset({"revision", "action"})
"""Control fields that the spool fills where a source has none."""

_KEYS = {
    "dataflow": str,
    "encoding": str,
    "delimiter": str,
    "dates": list,
    "nulls": list,
    "ignore": list,
    "record_id": list,
    "separator": str,
    "fields": dict,
    "sheet": str,
    "header": int,
    "sql": dict,
    "paxlst": dict,
}
_FIELD_KEYS = {
    "column": str,
    "constant": str,
    "default": str,
    "values": dict,
    "otherwise": str,
    "dates": list,
    "decimals": int,
    "unparseable": str,
}
DECIMALS_MAX = 6
HEADER_ROW_MAX = 100
COLUMNS_MAX = 2_000
"""Columns of a file; with more it is not a table of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where the value of one field comes from.

    Attributes:
        columns: Columns of the file; more than one only for the record id.
        separator: Between the values of several columns.
        constant: The value of every row, instead of a column.
        default: The value where the column is empty.
        values: Value in the file -> value in the schema.
        otherwise: The value where `values` does not name it; None: passed on as it is.
        dates: Formats tried in order.
        decimals: Digits after the point of a decimal number that become part of the
            whole number (2: ``12.5`` -> 1250).
        empties: An unreadable value becomes null, instead of refusing the row.
    """

    columns: tuple[str, ...] = ()
    separator: str = "/"
    constant: str | None = None
    default: str | None = None
    values: Dictionary[str, str] | None = None
    otherwise: str | None = None
    dates: tuple[str, ...] = DATES
    decimals: int | None = None
    empties: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A checked mapping for one dataflow.

    Attributes:
        name: File name, for error texts; empty for the mapping by field names.
        text: What it was read from: part of what identifies a publication.
        nulls: Texts that mean "no value", beside the empty one.
        sheet: Of a workbook; None: the only visible one.
        header: Row of a workbook that names the columns.
        tables: ``[sql]`` and ``[paxlst]`` as written; their adapters check them.
    """

    name: str
    text: str = field(repr=False)
    encoding: str | None = None
    delimiter: str | None = None
    nulls: tuple[str, ...] = ()
    ignore: frozenset[str] = frozenset()
    cells: Dictionary[str, Cell] = field(default_factory=dict)
    sheet: str | None = None
    header: int = 1
    tables: Dictionary[str, Dictionary[str, object]] = field(default_factory=dict)

    def columns(self) -> set[str]:
        """Every column that is read."""
        return {column for cell in self.cells.values() for column in cell.columns}


def load(text: str, name: str, dataflow: Dataflow) -> Mapping:
    """A mapping from TOML, checked against the dataflow.

    Raises:
        InvalidError: With file, line, key and how to mend it.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"{name}: not TOML: {error}") from error
    place = _Place(name=name, text=text)
    _keys(raw, _KEYS, place)
    if raw.get("dataflow", dataflow.id) != dataflow.id:
        raise place.error("dataflow", f"is not {dataflow.id}; use its own mapping")
    known = {one.name: one for one in dataflow.fields}
    dates = tuple(raw.get("dates", DATES))
    cells = {}
    for key, entry in raw.get("fields", {}).items():
        if key not in known:
            raise place.error(key, f"is not a field of {dataflow.id}: {_list(known)}")
        if not isinstance(entry, dict):
            raise place.error(key, "must be a table with column or constant")
        cells[key] = _cell(key, entry, dates, place, required=known[key].required)
    if "record_id" in raw:
        cells["record_id"] = Cell(
            columns=tuple(raw["record_id"]), separator=raw.get("separator", "/")
        )
    missing = [
        one.name
        for one in dataflow.fields
        if one.required and one.name not in cells and one.name not in OPTIONAL
    ]
    if missing:
        raise InvalidError(
            f"{name}: required fields without column, constant or default: "
            f"{', '.join(missing)}; add [fields.{missing[0]}]"
        )
    delimiter = raw.get("delimiter")
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii()):
        raise place.error("delimiter", "must be one ASCII character")
    header = raw.get("header", 1)
    if not 1 <= header <= HEADER_ROW_MAX:
        raise place.error("header", f"must lie between 1 and {HEADER_ROW_MAX}")
    return Mapping(
        name=name,
        text=text,
        encoding=raw.get("encoding"),
        delimiter=delimiter,
        nulls=tuple(raw.get("nulls", ())),
        ignore=frozenset(raw.get("ignore", ())),
        cells=cells,
        sheet=raw.get("sheet"),
        header=header,
        tables={name: raw[name] for name in ("sql", "paxlst") if name in raw},
    )


def by_name(dataflow: Dataflow, header: Sequence[str]) -> Mapping:
    """The mapping of a file whose header names the schema's fields."""
    present = set(header)
    cells = {
        one.name: Cell(columns=(one.name,))
        for one in dataflow.fields
        if one.name in present
    }
    return Mapping(name="", text="", cells=cells)


def check_header(
    mapping: Mapping, dataflow: Dataflow, header: Sequence[str], path: str
) -> None:
    """Refuse a header that the mapping does not fit.

    Raises:
        InvalidError: Duplicate, missing or unknown columns, with the mend.
    """
    if len(header) > COLUMNS_MAX:
        raise InvalidError(
            f"{path}: line 1: {len(header):,} columns, at most {COLUMNS_MAX:,} are "
            "read; publish only the columns that are asked for"
        )
    twice = [name or "(no name)" for name, n in Counter(header).items() if n > 1]
    if twice:
        raise InvalidError(
            f"{path}: line 1: column {_list(twice)} stands twice; rename or remove one"
        )
    present = set(header)
    missing = sorted(mapping.columns() - present)
    if not mapping.name:
        missing = [
            one.name
            for one in dataflow.fields
            if one.required and one.name not in present | OPTIONAL
        ]
    if missing:
        mend = (
            f"the mapping {mapping.name} asks for it"
            if mapping.name
            else "add the column or publish with --mapping"
        )
        raise InvalidError(
            f"{path}: line 1: column {_list(missing)} is missing (found: "
            f"{_list(header)}); {mend}"
        )
    unknown = [name for name in header if name not in mapping.columns()]
    unknown = [name for name in unknown if name not in mapping.ignore]
    if unknown:
        listed = ", ".join(f'"{name}"' for name in unknown)
        raise InvalidError(
            f"{path}: line 1: column {_list(unknown)} is no field of {dataflow.id}; "
            f"remove it, or ignore it in a mapping with: ignore = [{listed}]"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A mapping file, to say where in it something is wrong."""

    name: str
    text: str

    def error(self, key: str, what: str) -> InvalidError:
        """An error that names file, line and key."""
        for number, line in enumerate(self.text.splitlines(), 1):
            bare = line.strip().strip("[]").removeprefix("fields.")
            if bare.split("=")[0].strip().strip('"') == key:
                return InvalidError(f"{self.name}: line {number}: {key} {what}")
        return InvalidError(f"{self.name}: {key} {what}")


def _keys(
    raw: dict[str, object], allowed: Dictionary[str, type], place: _Place
) -> None:
    """Refuse unknown keys and values of the wrong kind."""
    for key, value in raw.items():
        if key not in allowed:
            raise place.error(key, f"is not a key here; known: {_list(allowed)}")
        if not isinstance(value, allowed[key]) or isinstance(value, bool):
            raise place.error(key, f"must be a {allowed[key].__name__}")
        if isinstance(value, list) and not all(isinstance(one, str) for one in value):
            raise place.error(key, "must be a list of texts")
        if key == "values" and not all(isinstance(v, str) for v in value.values()):  # type: ignore[attr-defined] # it is a dict, by the check above
            raise place.error(key, "must map texts to texts")


def _cell(
    key: str,
    entry: dict[str, object],
    dates: tuple[str, ...],
    place: _Place,
    *,
    required: bool,
) -> Cell:
    """One field's entry."""
    _keys(entry, _FIELD_KEYS, place)
    if ("column" in entry) == ("constant" in entry):
        raise place.error(key, "needs either column or constant")
    empties = entry.get("unparseable", "reject")
    if empties not in ("reject", "empty"):
        raise place.error(key, 'unparseable must be "reject" or "empty"')
    if empties == "empty" and required:
        raise place.error(key, 'is required: unparseable = "empty" would falsify it')
    decimals = entry.get("decimals")
    if isinstance(decimals, int) and not 0 <= decimals <= DECIMALS_MAX:
        raise place.error(key, f"decimals must lie between 0 and {DECIMALS_MAX}")
    given: dict[str, object] = {
        name: entry[name]
        for name in ("constant", "default", "values", "otherwise", "decimals")
        if name in entry
    }
    given["columns"] = (entry["column"],) if "column" in entry else ()
    listed = entry.get("dates")
    given["dates"] = tuple(listed) if isinstance(listed, list) else dates
    return Cell(**given, empties=empties == "empty")  # type: ignore[arg-type] # kinds were checked against _FIELD_KEYS


def _list(names: object) -> str:
    """Names for a sentence."""
    return ", ".join(str(name) for name in names)  # type: ignore[attr-defined] # any iterable
