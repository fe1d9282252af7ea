"""The first page: every indicator by theme, with search and filters.

Rules (docs/dashboard.md, "Overview"):

- It works without a script: search and filters are a form, its URL is a permalink.
- What is for members is listed too, and marked; nobody has to guess what there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.catalogue.model import Table
from hub.core.sdmx.query import single
from hub.core.sdmx.refusal import shown, syntax
from hub.gateway import web
from hub.gateway.gateway import Gateway
from hub.gateway.pages import render
from hub.gateway.pages.search import matching
from hub.gateway.pages.texts import OTHER, Words, theme_of, themes

router = APIRouter(include_in_schema=False)
PARAMETERS = frozenset({"lang", "q", "theme", "ref"})


@router.get("/")
@render.told
async def overview(request: Request) -> Response:
    """Indicators by theme."""
    gateway = web.gateway_of(request)
    words = Words(render.language(request))
    said = single(web.pairs(request), PARAMETERS)
    wanted = said.get("theme", "")
    if wanted not in {"", OTHER, *(one.id for one in themes())}:
        raise syntax(f"theme={shown(wanted)}: there is no such theme")
    reference = said.get("ref", "")
    known = references(gateway)
    if reference and reference not in known:
        raise syntax(f"ref={shown(reference)}: no indicator refers to it")

    def make() -> Mapping[str, Any]:
        tables = matching(gateway.catalogue, gateway.tables(), said.get("q", ""))
        kept = [
            one
            for one in tables
            if (not wanted or theme_of(one.id) == wanted)
            and (not reference or reference in one.references)
        ]
        return {
            **render.frame(request, words, "indicators"),
            "q": said.get("q", ""),
            "wanted": wanted,
            "reference": reference,
            "references": known,
            "themes": themes(),
            "groups": _groups(gateway, words, kept),
            "count": len(kept),
            "filtered": bool(said.keys() - {"lang"}),
        }

    return await render.page(
        request,
        "overview.html",
        make,
        words=words,
        version=gateway.version,
        changed_ms=gateway.changed_ms,
    )


def references(gateway: Gateway) -> list[str]:
    """GCM objectives, MGI domains, SDG targets and others that tables refer to."""
    found = {ref for one in gateway.tables() for ref in one.references}
    return sorted(found, key=_order)


def _order(reference: str) -> tuple[str, list[tuple[int, str]]]:
    """By framework, then by number: 4.1 before 10.7."""
    frame, _, rest = reference.partition(" ")
    parts = [(int(p), "") if p.isdigit() else (999, p) for p in rest.split(".")]
    return frame, parts


def _groups(
    gateway: Gateway, words: Words, tables: list[Table]
) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """Theme, its title, its indicators; empty themes are left out."""
    titles = [(one.id, words.of(one.title)) for one in themes()]
    titles.append((OTHER, words("overview.other")))
    found = []
    for id_, title in titles:
        mine = [_card(gateway, one) for one in tables if theme_of(one.id) == id_]
        if mine:
            found.append((id_, title, mine))
    return found


def _card(gateway: Gateway, table: Table) -> Mapping[str, Any]:
    state = gateway.states[table.id]
    return {
        "table": table,
        "newest": state.periods[-1] if state.periods else "",
        "often": gateway.catalogue.codelists["CL_FREQ"].codes[table.frequency],
    }
