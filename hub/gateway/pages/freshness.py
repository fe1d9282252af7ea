"""How fresh the figures are, ministry by ministry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx.query import single
from hub.gateway import web
from hub.gateway.pages import facts, render
from hub.gateway.pages.texts import Words

router = APIRouter(include_in_schema=False)


@router.get("/freshness")
@render.told
async def freshness(request: Request) -> Response:
    """Every member that provides records."""
    gateway = web.gateway_of(request)
    words = Words(render.language(request))
    single(web.pairs(request), frozenset({"lang"}))

    def make() -> Mapping[str, Any]:
        return {
            **render.frame(request, words, "freshness"),
            "fresh": facts.freshness(gateway),
            "day": render.today(),
        }

    return await render.page(
        request,
        "freshness.html",
        make,
        words=words,
        version=gateway.version,
        changed_ms=gateway.changed_ms,
    )
