"""Probes and metrics, on the inner listener; and the description of everything."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hub.gateway import web

router = APIRouter(include_in_schema=False)

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}code{background:#eee;padding:0 .2em}"
    "dt{margin-top:1rem;font-weight:bold}td,th{text-align:left;padding:.1rem .8rem"
    " .1rem 0;vertical-align:top}"
)


_TRY = (
    ("A table for a spreadsheet", "/sdmx/2.1/data/{id}/all?format=xlsx"),
    ("As CSV, with names", "/sdmx/2.1/data/{id}/all?format=csv&labels=both"),
    ("Its structure, with all codes", "/sdmx/2.1/dataflow/KERWEN/{id}?references=all"),
    ("All tables", "/sdmx/2.1/dataflow"),
    ("All tables, for catalogues of data", "/catalog.jsonld"),
    ("What there is for programs, as OpenAPI", "/openapi.json"),
)
"""What somebody looks at first; a table stands in for all."""


@router.get("/livez")
async def livez() -> Response:
    """The process answers."""
    return Response('{"ok": true}', media_type="application/json")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Everything that was in the log at the start is in the store."""
    said = web.gateway_of(request).progress.said()
    status = 200 if said["ok"] else 503
    return Response(json.dumps(said), status, media_type="application/json")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus exposition."""
    text = web.gateway_of(request).text()
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The OpenAPI description for people; no script, nothing from elsewhere."""
    description: dict[str, Any] = request.app.openapi()
    parts = [
        f"<h2>{escape(method.upper())} <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation.get('summary', ''))}</p>{_parameters(operation)}"
        f"{_answers(operation)}"
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    tables = web.gateway_of(request).tables()
    first = next((one.id for one in tables if one.access == "public"), "TABLE")
    tried = "".join(
        f'<li>{text}: <a href="{place}"><code>{escape(place)}</code></a></li>'
        for text, place in ((text, place.format(id=first)) for text, place in _TRY)
    )
    title = escape(description["info"]["title"])
    text = escape(description["info"].get("description", ""))
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f'<p><a href="/">Indicators</a></p><h1>{title}</h1><p>{text}</p>'
        f"<h2>To begin with</h2><ul>{tried}</ul>"
        f"<h2>Everything</h2>{''.join(parts)}</html>"
    )


def _parameters(operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", ())
    )
    return f"<table>{rows}</table>" if rows else ""


def _answers(operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(status))}</td><td>{escape(one['description'])}</td></tr>"
        for status, one in operation["responses"].items()
    )
    return f"<table>{rows}</table>"
