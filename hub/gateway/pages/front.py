"""The first page: what is here and where."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hub.gateway import web

router = APIRouter(include_in_schema=False)


@router.get("/")
async def front(request: Request) -> HTMLResponse:
    """Tables, with their data as files, and the interfaces."""
    gateway = web.gateway_of(request)
    rows = "".join(
        f'<tr><td>{escape(one.id)}</td><td>{escape(one.title.en)}</td><td><a href="'
        f'/sdmx/2.1/data/{escape(one.id)}/all?format=csv&amp;labels=both">CSV</a> '
        f'<a href="/sdmx/2.1/data/{escape(one.id)}/all?format=xlsx">XLSX</a></td></tr>'
        for one in gateway.tables()
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Kerwen</title>'
        '<meta name="viewport" content="width=device-width">'
        "<h1>Kerwen: migration indicators</h1>"
        '<p><a href="/docs">Interfaces</a></p>'
        f"<table><tr><th>Table</th><th>Title</th><th>Data</th></tr>{rows}</table>"
    )
