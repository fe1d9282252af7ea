"""Charts as files, as data for a browser's own drawing, and inside other sites.

Rules (docs/dashboard.md, "Charts"):

- A picture has the URL of its view, with ``/chart.svg``, ``/chart.png`` or
  ``/chart.json`` behind the table; so it is as permanent as the view.
- ``size=small`` is for phones. ``v`` is the version of the data that the page knew; it
  changes nothing but what a browser may have kept.
- An embed is the chart with its title and source, and may be framed by anybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx.refusal import nothing, shown, syntax
from hub.gateway import web
from hub.gateway.gateway import Gateway
from hub.gateway.pages import bundle, charts, facts, grid, render
from hub.gateway.pages.charts import Chart, Spec
from hub.gateway.pages.texts import Words
from hub.gateway.pages.view import View, read

router = APIRouter(include_in_schema=False)
SIZES = ("large", "small")
_PICTURE = {"Content-Security-Policy": "default-src 'none'; sandbox"}
_FORMS: Mapping[str, tuple[str, Callable[[Spec], bytes]]] = {
    "svg": (bundle.SVG, bundle.svg),
    "png": (bundle.PNG, bundle.png),
    "json": ("application/json", lambda spec: json.dumps(spec).encode()),
}


def asked(request: Request) -> tuple[Gateway, View]:
    """The view whose figures are wanted; the caller may have them.

    Raises:
        RefusalError: There is no such table or view, or it is for members.
    """
    gateway = web.gateway_of(request)
    name = str(request.path_params["table"])
    table = gateway.catalogue.tables.get(name)
    if table is None or table.internal:
        raise nothing(f"no indicator {shown(name)} is published; / lists them")
    if table.access != "public":
        web.members_only(request)
    pairs = [one for one in web.pairs(request) if one[0] not in {"size", "v"}]
    return gateway, read(gateway, table, pairs, render.language(request))


def drawn(gateway: Gateway, view: View) -> Chart | None:
    """What is drawn of a view."""
    found = grid.rows(gateway, view, view.as_of_ms)
    return charts.chart(gateway.catalogue, view, found, Words(view.language))


def unit(gateway: Gateway, view: View) -> str:
    """Name of the unit."""
    units = gateway.catalogue.codelists["CL_UNIT"].codes
    known = units.get(view.table.unit)
    return Words(view.language).of(known) if known else view.table.unit


@render.told
async def chart_file(request: Request) -> Response:
    """The chart of a view in one of the forms."""
    form = str(request.path_params["form"])
    if form not in _FORMS:
        raise nothing(f"no chart as {shown(form)}; there are {', '.join(_FORMS)}")
    gateway, view = asked(request)
    size = request.query_params.get("size", "large")
    if size not in SIZES:
        raise syntax(f"size={shown(size)}: expected one of {', '.join(SIZES)}")
    kind, write = _FORMS[form]

    def make() -> bytes | None:
        made = drawn(gateway, view)
        if made is None:
            return None
        words, small = Words(view.language), size == "small"
        spec = charts.spec(made, view, words, unit(gateway, view), small=small)
        return write(spec)

    found = await web.answer(
        request,
        web.Asked(
            words=(
                *(view.state.version, gateway.catalogue.digest.hex(), bundle.digest()),
                *(request.url.path, request.url.query, render.build()),
            ),
            content_type=kind,
            changed_ms=view.state.changed_ms,
            language=view.language,
            open=view.table.access == "public",
            filename=f"{view.table.id}.{form}",
        ),
        make,
    )
    if found is None:
        raise nothing("no figure of this choice is shown, so there is nothing to draw")
    found.headers.update(_PICTURE)
    return found


@render.told
async def embed(request: Request) -> Response:
    """The chart of a view for other sites."""
    gateway, view = asked(request)
    words = Words(view.language)

    def make() -> Mapping[str, Any]:
        member = gateway.catalogue.members.get(view.table.custodian)
        return {
            **render.frame(request, words, ""),
            "view": view,
            "table": view.table,
            "chart": drawn(gateway, view),
            "unit": unit(gateway, view),
            "version": view.state.version,
            "custodian": words.of(member.title) if member else view.table.custodian,
            "newest": facts.newest(gateway, view.table.id),
        }

    return await render.page(
        request,
        "embed.html",
        make,
        words=words,
        version=view.state.version,
        changed_ms=view.state.changed_ms,
        is_open=view.table.access == "public",
        headers=render.FRAMED,
    )


async def library(request: Request) -> Response:
    """The chart library."""
    asked_for = web.Asked(
        words=("bundle", bundle.digest()),
        content_type="text/javascript",
        changed_ms=0,
    )
    found = await web.answer(request, asked_for, bundle.script)
    if found is None:
        raise nothing("no such file is here")
    found.headers["Cache-Control"] = render.FOR_EVER
    return found


router.add_api_route("/tables/{table}/chart.{form}", chart_file, methods=["GET"])
router.add_api_route("/tables/{table}/embed", embed, methods=["GET"])
router.add_api_route(bundle.url(), library, methods=["GET"])
