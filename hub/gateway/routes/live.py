"""News as they come: server-sent events, one a release or withdrawal.

Rules (HTML standard, server-sent events; docs/gateway.md, "Live"):

- An event says that there is something new, never the figures: they are asked for, and
  the answer comes from the cache for everybody at once.
- Of tables for members only members hear.
- A comment every few seconds keeps connections open, and finds the dead ones.
- A stream ends at once when its member is revoked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hub.core.sdmx.query import single
from hub.core.sdmx.refusal import Fault, RefusalError, shown, syntax
from hub.core.sdmx.times import iso
from hub.gateway import web
from hub.gateway.bus import News
from hub.gateway.doors import PUBLIC, Caller
from hub.gateway.gateway import Gateway
from hub.gateway.routes import openapi
from hub.gateway.store import Change

router = APIRouter(tags=["Live"])

BEAT_SECONDS = 10.0
STREAMS_MAX = 1_000
_EVENTS = "text/event-stream"


async def live(request: Request) -> Response:
    """A stream of events from now on."""
    gateway = web.gateway_of(request)
    caller = web.caller_of(request)
    asked = single(web.pairs(request), frozenset({"tables"}))
    tables = frozenset(one for one in asked.get("tables", "").split(",") if one)
    known = {one.id for one in gateway.tables()}
    for one in tables - known:
        raise syntax(f"tables: {shown(one)} is not published")
    if gateway.bus.listeners >= STREAMS_MAX:
        raise RefusalError(Fault.AWAY, "too many streams; ask again soon")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(gateway, caller, tables or frozenset(known)),
        headers=headers,
        media_type=_EVENTS,
    )


async def _stream(
    gateway: Gateway, caller: Caller, tables: frozenset[str]
) -> AsyncIterator[str]:
    with gateway.bus.listen() as queue:
        yield "retry: 2000\n: the gateway says what is new\n\n"
        while True:
            news, heard = await _next(gateway, queue)
            if gateway.doors.problem(caller) is not None:
                return
            if not heard:
                yield ": still here\n\n"
            elif news is None:
                return
            elif news.table in tables and _may_hear(gateway, caller, news):
                yield _event(news)


async def _next(gateway: Gateway, queue: asyncio.Queue[News]) -> tuple[News, bool]:
    """The next news; False where there is none, but a look is due."""
    news = asyncio.ensure_future(queue.get())
    revoked = asyncio.ensure_future(gateway.revoked.wait())
    try:
        done, _ = await asyncio.wait(
            {news, revoked},
            timeout=BEAT_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        return (news.result(), True) if news in done else (None, False)
    finally:
        for task in (news, revoked):
            task.cancel()


def _may_hear(gateway: Gateway, caller: Caller, news: Change) -> bool:
    table = gateway.catalogue.tables.get(news.table)
    if news.refused or table is None:
        return False
    return table.access == "public" or caller != PUBLIC


def said(news: Change) -> dict[str, object]:
    """What is told of a change: never the figures."""
    return {
        "table": news.table,
        "action": news.action,
        "release": news.marker,
        "vintage": news.vintage,
        "period": news.period,
        "released": iso(news.released_ms),
        "seen": iso(news.seen_ms),
        "observations": news.observations,
    }


def _event(news: Change) -> str:
    data = json.dumps(said(news))
    return f"event: {news.action}\nid: {news.marker}\ndata: {data}\n\n"


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events, until the client leaves", "content": {_EVENTS: {}}},
    **{
        status: {
            "description": openapi.ERROR_TEXTS[status],
            "content": {"application/json": {"schema": {}}},
        }
        for status in (400, 401, 403, 414, 429, 500, 503)
    },
}
router.add_api_route(
    "/live",
    live,
    methods=["GET"],
    response_model=None,
    responses=_ANSWERS,
    openapi_extra={
        "parameters": [
            {
                "name": "tables",
                "in": "query",
                "description": "Ids with commas between; all without",
                "schema": {"type": "string", "examples": ["PRM_NEW"]},
            }
        ]
    },
)
