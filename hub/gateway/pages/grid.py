"""Figures of a view as rows for people: women, men, others and total side by side.

Rules (docs/dashboard.md, "Table"):

- A row is a place at a period; its columns are the sexes, all that are published.
- What is not shown is said in words, with its reason; a blank cell does not exist.
- Share of women, gap and parity are those of :mod:`hub.core.gender`, with the bounds
  that the policy of the table leaves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.core import gender
from hub.core.catalogue.framework import entries
from hub.core.catalogue.model import Catalogue, Measure, Table
from hub.core.codelists import PUBLISHED_SEX
from hub.core.observation import Observation
from hub.core.sdmx.cube import Series
from hub.gateway import answers
from hub.gateway.gateway import Gateway
from hub.gateway.pages.texts import Words
from hub.gateway.pages.view import View

_SEX = 2
"""Place of SEX in a key."""
_SCALED = frozenset({"E", "S"})
"""Policies whose noise is in proportion to the largest contribution."""
_COUNTED = frozenset({Measure.EVENTS, Measure.PERSONS, Measure.STOCK, Measure.SUM})
REASONS = {"A": "table.too_few", "O": "table.dominance", "N": "table.negative"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure.

    Attributes:
        value: None where it is not shown; `status` and `conf` say why.
    """

    value: float | None
    status: str
    conf: str
    vintage: str

    @property
    def hidden(self) -> bool:
        """Whether it is suppressed, which is not the same as missing."""
        return self.value is None and self.status == "Q"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One place at one period.

    Attributes:
        place: Codes of the dimensions without frequency and sex, in order.
        cells: By sex.
        derived: Derived measures by name; empty where there are none.
    """

    place: tuple[str, ...]
    period: str
    cells: Mapping[str, Cell]
    derived: Mapping[str, gender.Derived]


def rows(gateway: Gateway, view: View, as_of_ms: int | None) -> list[Row]:
    """The rows of a view at a moment: by place, the newest period first.

    Raises:
        RefusalError: There are more than one answer may hold.
    """
    if not view.start:
        return []
    query = view.query(gateway, as_of_ms)
    found = answers.message(gateway, query, "page")
    series = [] if found is None else [one for s in found.sets for one in s.series]
    places: dict[tuple[tuple[str, ...], str], dict[str, Cell]] = {}
    for one in series:
        place = (*one.key[1:_SEX], *one.key[_SEX + 1 :])
        for o in one.observations:
            status, conf, vintage = (str(text or "") for text in o.attributes[:3])
            places.setdefault((place, o.period), {})[one.key[_SEX]] = Cell(
                value=o.value, status=status, conf=conf, vintage=vintage
            )
    derived = _derived(gateway.catalogue, view.table, series)
    order = _order(view)
    listed = sorted(places, key=lambda at: at[1], reverse=True)
    listed.sort(key=lambda at: [order[n][code] for n, code in enumerate(at[0])])
    return [
        Row(
            place=place,
            period=period,
            cells=places[place, period],
            derived=derived.get((place, period), {}),
        )
        for place, period in listed
    ]


def _order(view: View) -> list[dict[str, int]]:
    return [{code: at for at, code in enumerate(one.codes)} for one in view.dimensions]


def bound(catalogue: Catalogue, table: Table) -> int | None:
    """How far noise can move one figure, in its units; None: that is not a number."""
    if table.policy in _SCALED or table.measure not in _COUNTED:
        return None
    return int(catalogue.policies[table.policy].params.get("D", 0))


def compares(catalogue: Catalogue, table: Table) -> bool:
    """Whether share of women, gap and parity are derived from a table."""
    return any(one.derived for one in entries(catalogue) if one.table.id == table.id)


def _derived(
    catalogue: Catalogue, table: Table, series: Iterable[Series]
) -> dict[tuple[tuple[str, ...], str], dict[str, gender.Derived]]:
    if not table.sex or table.measure not in _COUNTED:
        return {}
    listed = [
        Observation(
            table=table.id,
            frequency=one.key[0],
            area=one.key[1],
            sex=one.key[_SEX],
            dimensions=one.key[_SEX + 1 :],
            period=o.period,
            value=o.value,
            status=str(o.attributes[0]),
            conf=str(o.attributes[1]),
            unit=table.unit,
            vintage="",
            release="",
            released_ms=0,
        )
        for one in series
        for o in one.observations
    ]
    noise = gender.reach(catalogue.policies[table.policy])
    found: dict[tuple[tuple[str, ...], str], dict[str, gender.Derived]] = {}
    for one in gender.derived(listed, noise=noise):
        place = ((one.of.area, *one.of.dimensions), one.of.period)
        found.setdefault(place, {})[one.measure] = one
    return found


def sexes(table: Table, found: Sequence[Row]) -> list[str]:
    """The columns: all that are published, or the total alone."""
    if not table.sex:
        return ["_T"]
    occurring = {sex for row in found for sex in row.cells}
    return [one for one in PUBLISHED_SEX if one in occurring or one != "_OUN"]


def reason(words: Words, cell: Cell) -> str:
    """Why a figure is not shown, or what is particular about it; mostly empty."""
    if cell.hidden:
        return words(REASONS.get(cell.conf, "table.withheld"))
    if cell.value is None:
        return words("table.undeclared")
    return {"B": words("table.break"), "D": words("table.differs")}.get(cell.status, "")


def shown_as(words: Words, cell: Cell | None, decimals: int | None) -> str:
    """A figure as it stands in its cell."""
    if cell is None:
        return words("table.missing")
    if cell.value is None:
        return words("table.suppressed" if cell.hidden else "table.missing")
    return words.number(cell.value, decimals)


def decimals(found: Iterable[Row]) -> int:
    """Decimals that all figures of a table are written with."""
    values = [c.value for row in found for c in row.cells.values()]
    places = [
        len(f"{value!r}".partition(".")[2])
        for value in values
        if value is not None and not value.is_integer()
    ]
    return min(max(places, default=0), 2)
