"""The page of a table: its data, what it is, how good it is, how it was revised.

Rules (docs/dashboard.md, "Table"):

- Women, men, others and total stand side by side, always; a choice narrows places and
  periods, never sexes.
- A table for members shows everybody what it is, and its figures to members alone.
- Everything on it works without a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.catalogue.model import Measure, Table
from hub.core.sdmx.refusal import nothing, shown
from hub.gateway import web
from hub.gateway.doors import PUBLIC
from hub.gateway.gateway import Gateway
from hub.gateway.pages import (
    bundle,
    changes,
    charts,
    describe,
    facts,
    grid,
    render,
    written,
)
from hub.gateway.pages.grid import Row
from hub.gateway.pages.texts import Words
from hub.gateway.pages.view import View, read

router = APIRouter(include_in_schema=False)
ROWS = 120
"""Of one page; more are on the next."""
_RATES = frozenset({Measure.RATE, Measure.RATIO})


def asked(request: Request) -> tuple[Gateway, View, bool]:
    """The view that a request is for, and whether its figures may be shown.

    Raises:
        RefusalError: There is no such table, or no such view of it.
    """
    gateway = web.gateway_of(request)
    name = str(request.path_params["table"])
    table = gateway.catalogue.tables.get(name)
    if table is None or table.internal:
        raise nothing(f"no indicator {shown(name)} is published; / lists them")
    view = read(gateway, table, web.pairs(request), render.language(request))
    may = table.access == "public" or web.caller_of(request) != PUBLIC
    return gateway, view, may


@render.told
async def table_page(request: Request) -> Response:
    """A table as a page."""
    gateway, view, may = asked(request)
    words = Words(view.language)
    here = str(request.base_url).rstrip("/")

    def make() -> Mapping[str, Any]:
        return {
            **render.frame(request, words, ""),
            **_shared(gateway, view, words),
            "may": may,
            "here": here,
            **(_PARTS[view.tab](gateway, view, words) if may else {}),
            **(_about(gateway, view, words) if not may else {}),
        }

    return await render.page(
        request,
        "table.html",
        make,
        words=words,
        version=f"{gateway.version} {may} {here}",
        changed_ms=view.state.changed_ms,
        is_open=view.table.access == "public",
    )


def _shared(gateway: Gateway, view: View, words: Words) -> Mapping[str, Any]:
    """What every part of the page has."""
    table = view.table
    member = gateway.catalogue.members.get(table.custodian)
    units = gateway.catalogue.codelists["CL_UNIT"].codes
    newest = facts.newest(gateway, table.id)
    return {
        "view": view,
        "table": table,
        "custodian": words.of(member.title) if member else table.custodian,
        "unit": words.of(units[table.unit]) if table.unit in units else table.unit,
        "newest": newest,
        "vintages": gateway.catalogue.codelists["CL_VINTAGE"].codes,
        "moments": changes.moments(view.state),
        "periods": view.state.ever,
        "fixed": [
            (words.of(one.name), words.of(one.codes[view.codes[one.id][0]]))
            for one in view.dimensions
            if len(view.codes[one.id]) == 1
        ],
    }


def noise(gateway: Gateway, table: Table, words: Words) -> str:
    """What noise does to the figures of a table, in a sentence."""
    if table.measure in _RATES and table.policy != "N":
        return words("table.noise_rate")
    bound = grid.bound(gateway.catalogue, table)
    if bound:
        return words("table.noise_count", d=bound)
    scaled = gateway.catalogue.policies[table.policy].params.get("D", 0)
    if scaled:
        return words("table.noise_scaled")
    return words("table.noise_none" if table.policy == "N" else "table.noise_rate")


def _data(gateway: Gateway, view: View, words: Words) -> Mapping[str, Any]:
    found = grid.rows(gateway, view, view.as_of_ms)
    first = (view.page - 1) * ROWS
    some = found[first : first + ROWS]
    compares = grid.compares(gateway.catalogue, view.table)
    gaps = compares and view.view == "gap"
    labels = gateway.catalogue.codelists["CL_VINTAGE"].codes
    return {
        "rows": written.lines(view, words, some, labels),
        "sexes": grid.sexes(view.table, found),
        "compares": compares,
        "gaps": gaps,
        "first": first + 1,
        "last": first + len(some),
        "count": len(found),
        "noise": noise(gateway, view.table, words),
        "inside": facts.entry(gateway, view.table).inside,
        "files": _files(view),
        "chart": charts.chart(gateway.catalogue, view, found, words),
        "version": view.state.version,
        "library": bundle.url(),
    }


def _files(view: View) -> list[tuple[str, str]]:
    """Downloads of what is shown."""
    return [
        ("CSV", view.file("2.1", "csv", labels="both", lang=view.language)),
        ("XLSX", view.file("2.1", "xlsx", lang=view.language)),
        ("SDMX-ML", view.file("2.1", "generic")),
        ("SDMX-JSON", view.file("2.1", "json2", lang=view.language)),
        ("HXL", view.file("2.1", "hxl", lang=view.language)),
        ("Parquet", view.file("2.1", "parquet")),
    ]


def _about(gateway: Gateway, view: View, words: Words) -> Mapping[str, Any]:
    table, catalogue = view.table, gateway.catalogue
    entry = facts.entry(gateway, table)
    concepts = catalogue.codelists["CL_CONCEPT"].codes
    members = (catalogue.members[one].title for one in entry.providers)
    newest = facts.newest(gateway, table.id)
    day = render.moment(newest.released_ms)[:10] if newest else ""
    return {
        "licence": describe.licence(),
        "citation": describe.citation(gateway, table, words, day),
        "providers": [words.of(one) for one in members],
        "often": words.of(catalogue.codelists["CL_FREQ"].codes[table.frequency]),
        "policy": words.of(catalogue.policies[table.policy].title),
        "breakdowns": [words.of(one.name) for one in view.structure.dimensions[1:]],
        "missing": [
            (words.of(concepts[name]) if name in concepts else name, there)
            for name, there in entry.missing.items()
        ],
        "esms": [
            (id_, words.of(concepts[id_]) if id_ in concepts else "", words.of(text))
            for id_, text in table.esms.items()
        ],
    }


def _quality(gateway: Gateway, view: View, words: Words) -> Mapping[str, Any]:
    found = grid.rows(gateway, view, view.as_of_ms)
    cells = [one for row in found for one in row.cells.values()]
    newest = facts.newest(gateway, view.table.id)
    entry = facts.entry(gateway, view.table)
    fresh = [
        one for one in facts.freshness(gateway) if one.member.id in entry.providers
    ]
    return {
        "total": len(cells),
        "hidden": sum(one.hidden for one in cells),
        "absent": sum(one.value is None and not one.hidden for one in cells),
        "costs": facts.cost(gateway, newest) if newest else {},
        "shares": facts.SHARES,
        "noise": noise(gateway, view.table, words),
        "fresh": fresh,
        "due": facts.next_due(gateway, view.table),
        "day": render.today(),
    }


def _revisions(gateway: Gateway, view: View, words: Words) -> Mapping[str, Any]:
    known = changes.moments(view.state)
    against = view.against or (known[-2][0] if len(known) > 1 else "")
    shown_at = view.as_of or (known[-1][0] if known else "")
    found: list[changes.Change] = []
    after: list[Row] = []
    if against:
        earlier = view.url_moment(against)
        before = grid.rows(gateway, view, earlier)
        after = grid.rows(gateway, view, view.as_of_ms)
        found = changes.differing(before, after)
    places = grid.decimals([*after])
    return {
        "releases": facts.releases(gateway, view.table.id),
        "against": against,
        "shown_at": shown_at,
        "all": sum(len(row.cells) for row in after),
        "count": len(found),
        "changes": [
            {
                "names": written.names(view, words, one.place),
                "period": one.period,
                "sex": one.sex,
                "before": written.side(words, one.before, places),
                "after": written.side(words, one.after, places),
                "difference": written.signed(words, one.difference, places),
            }
            for one in found[: changes.SHOWN_MAX]
        ],
    }


_PARTS = {
    "data": _data,
    "about": _about,
    "quality": _quality,
    "revisions": _revisions,
}
router.add_api_route("/tables/{table}", table_page, methods=["GET"])
