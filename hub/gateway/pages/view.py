"""What a page of a table shows, read from its URL and written back into one.

Rules (docs/dashboard.md, "Permalinks"):

- The URL is the whole view: whoever opens it sees the same, at a past moment too.
- A parameter, code or period that is not there is refused with a sentence; nothing is
  passed over in silence.
- Without a choice the first breakdown is opened and every other one stands at its
  total; a table by area opens its areas. Women and men are never a choice: both show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from hub.core.catalogue.model import Table
from hub.core.codelists import TOTAL
from hub.core.sdmx.model import TIME, Component, Structure
from hub.core.sdmx.query import Query
from hub.core.sdmx.refusal import shown, syntax
from hub.core.sdmx.select import Selection, between
from hub.core.sdmx.shelf import flow_ref
from hub.core.sdmx.times import moment
from hub.gateway.gateway import Gateway
from hub.gateway.lookup import State

TABS = ("data", "about", "quality", "revisions")
VIEWS = ("figures", "gap")
CHARTS = ("line", "bar", "pyramid", "map", "flow")
PERIODS = 8
"""Shown without a choice: the newest ones."""
_FREQ, _AREA, _SEX = "FREQ", "REF_AREA", "SEX"
_WORDS = ("lang", "tab", "view", "chart", "from", "to", "asOf", "against", "page")
_PAGE_DIGITS = 6
HOME = "TM"

Offer = tuple[Component, tuple[str, ...]]
"""A dimension and codes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view of one table.

    Attributes:
        chosen: Parameters as they were given, but for the language's default.
        codes: Dimension id → codes that are shown; frequency and sex are not in it.
        offered: Dimensions but those two, with the codes that could be chosen.
        start: First period; empty where there are no figures.
        end: Last period.
        as_of: As given; empty: now.
        against: The earlier moment that revisions are compared with.
    """

    table: Table
    structure: Structure = field(repr=False)
    state: State = field(repr=False)
    language: str
    chosen: tuple[tuple[str, str], ...]
    codes: Mapping[str, tuple[str, ...]]
    offered: tuple[Offer, ...] = field(repr=False)
    start: str
    end: str
    tab: str = "data"
    view: str = "figures"
    chart: str = ""
    as_of: str = ""
    against: str = ""
    page: int = 1

    @property
    def as_of_ms(self) -> int | None:
        """The moment, None for now."""
        return self.url_moment(self.as_of) if self.as_of else None

    def url_moment(self, text: str) -> int:
        """A moment as it stands in a URL, in milliseconds."""
        return moment(text, "asOf")

    @property
    def varying(self) -> list[Component]:
        """Dimensions of which more than one code is shown, in order."""
        return [one for one in self.dimensions if len(self.codes[one.id]) > 1]

    @property
    def dimensions(self) -> list[Component]:
        """Dimensions of a place: all but frequency and sex, in order."""
        return [one for one, _ in self.offered]

    def url(self, *, to: str = "", **changes: str) -> str:
        """The URL of this view with other values; an empty one is left out.

        Args:
            to: What comes behind the table's id, such as ``/chart.svg``.
            changes: Parameters by name.
        """
        kept = [pair for pair in self.chosen if pair[0] not in changes]
        pairs = [*kept, *((name, value) for name, value in changes.items() if value)]
        query = f"?{urlencode(pairs)}" if pairs else ""
        return f"/tables/{self.table.id}{to}{query}"

    @property
    def key(self) -> str:
        """The selection as a key of the SDMX API."""
        parts = [self.table.frequency]
        for one in self.structure.dimensions[1:]:
            codes = self.codes.get(one.id, ())
            parts.append("" if one.id == _SEX else "+".join(codes))
        return ".".join(parts)

    def file(self, version: str, form: str, **more: str) -> str:
        """The URL of the same data as a file."""
        pairs = [("startPeriod", self.start), ("endPeriod", self.end)]
        pairs += [("asOf", self.as_of), ("format", form), *more.items()]
        said = urlencode([(name, value) for name, value in pairs if value])
        return f"/sdmx/{version}/data/{self.table.id}/{self.key}?{said}"

    def query(self, gateway: Gateway, as_of_ms: int | None) -> Query:
        """The data of this view at a moment."""
        flow = gateway.shelf.flow(flow_ref(self.table.id))
        if flow is None:
            raise KeyError(self.table.id)
        key = [None, *(self._wanted(one.id) for one in self.structure.dimensions[1:])]
        time = between(self.start, self.end) if self.start else None
        return Query(
            flow=flow,
            structure=self.structure,
            selection=Selection(
                keys=(tuple(key),), filters={TIME: time} if time else {}
            ),
            as_of_ms=as_of_ms,
        )

    def _wanted(self, dimension: str) -> frozenset[str] | None:
        return None if dimension == _SEX else frozenset(self.codes[dimension])


def read(
    gateway: Gateway, table: Table, pairs: Iterable[tuple[str, str]], language: str
) -> View:
    """The view that a URL asks for.

    Raises:
        RefusalError: SYNTAX; something in it is not there.
    """
    flow = gateway.shelf.flow(flow_ref(table.id))
    if flow is None:
        raise KeyError(table.id)
    structure, state = gateway.shelf.structure(flow), gateway.states[table.id]
    offered = _offered(structure, state)
    said, picked = _sorted(pairs, [one.id for one, _ in offered])
    codes = {
        one.id: _codes(one, known, picked.get(one.id, [])) for one, known in offered
    }
    if not picked:
        codes = {**codes, **_opened(table, offered)}
    view = View(
        table=table,
        structure=structure,
        state=state,
        language=language,
        chosen=_chosen(said, picked),
        codes=codes,
        offered=offered,
        start="",
        end="",
        tab=_word(said, "tab", TABS) or "data",
        view=_word(said, "view", VIEWS) or "figures",
        chart=_word(said, "chart", CHARTS),
        as_of=_moment(said, "asOf"),
        against=_moment(said, "against"),
        page=_page(said),
    )
    start, end = _range(state, said)
    return replace(view, start=start, end=end)


def _sorted(
    pairs: Iterable[tuple[str, str]], dimensions: list[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Words and codes of a URL, apart."""
    said: dict[str, str] = {}
    picked: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in dimensions:
            if value not in picked.setdefault(name, []):
                picked[name].append(value)
        elif name not in _WORDS:
            listed = ", ".join((*_WORDS, *dimensions))
            raise syntax(f"no parameter {shown(name)} here; there are: {listed}")
        elif name in said:
            raise syntax(f"parameter {shown(name)} stands twice; give it once")
        elif value:
            said[name] = value
    return said, picked


def _chosen(
    said: Mapping[str, str], picked: Mapping[str, list[str]]
) -> tuple[tuple[str, str], ...]:
    codes = [(name, code) for name, listed in picked.items() for code in listed]
    return (*said.items(), *codes)


def _offered(structure: Structure, state: State) -> tuple[Offer, ...]:
    """Dimensions with the codes that occur, in the order of their codelists."""
    found = []
    for at, one in enumerate(structure.dimensions):
        if one.id in {_FREQ, _SEX}:
            continue
        occurring = state.codes[at] if at < len(state.codes) else ()
        known = tuple(code for code in one.codes if code in occurring)
        found.append((one, known or _margin(one)))
    return tuple(found)


def _margin(one: Component) -> tuple[str, ...]:
    return (HOME,) if one.id == _AREA else (TOTAL,)


def _codes(
    one: Component, known: tuple[str, ...], wanted: list[str]
) -> tuple[str, ...]:
    """The codes of a dimension that are shown, in their order."""
    for code in wanted:
        if code not in one.codes:
            raise syntax(f"{one.id}={shown(code)}: there is no such code")
    if wanted:
        return tuple(code for code in one.codes if code in wanted)
    margin = _margin(one)
    return margin if margin[0] in known else known


def _opened(table: Table, offered: Iterable[Offer]) -> dict[str, tuple[str, ...]]:
    """The breakdown that is open without a choice."""
    several = [(one.id, known) for one, known in offered if len(known) > 1]
    if table.area is None:
        several = [one for one in several if one[0] != _AREA] or several
    return dict(several[:1])


def _word(said: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = said.get(name, "")
    if value and value not in known:
        raise syntax(f"{name}={shown(value)}: expected one of {', '.join(known)}")
    return value


def _moment(said: Mapping[str, str], name: str) -> str:
    value = said.get(name, "")
    if value:
        moment(value, name)
    return value


def _page(said: Mapping[str, str]) -> int:
    text = said.get("page", "1")
    plain = text.isascii() and text.isdigit() and len(text) <= _PAGE_DIGITS
    if not plain or int(text) < 1:
        raise syntax(f"page={shown(text)}: expected a whole number from 1 on")
    return int(text)


def _range(state: State, said: Mapping[str, str]) -> tuple[str, str]:
    """First and last period."""
    known = state.ever
    for name in ("from", "to"):
        if name in said and said[name] not in known:
            raise syntax(f"{name}={shown(said[name])}: there is no such period")
    if not known:
        return "", ""
    newest = state.periods[-1] if state.periods else known[-1]
    end = said.get("to", newest)
    before = [one for one in known if one <= end]
    start = said.get("from", before[-PERIODS:][0])
    if start > end:
        raise syntax("from is later than to; exchange them")
    return start, end
