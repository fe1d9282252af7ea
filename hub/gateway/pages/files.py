"""Style sheets, scripts and pictures of the pages.

Rules:

- The URL has a hash of the file in it, so it may be kept for ever; with another hash
  there is nothing.
- They are small and our own; each is sent zipped to whoever takes that.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx.refusal import nothing
from hub.gateway import web
from hub.gateway.pages import render

router = APIRouter(include_in_schema=False)


@render.told
async def file(request: Request) -> Response:
    """One file."""
    name, digest = (str(request.path_params[one]) for one in ("name", "digest"))
    found = render.assets().get(name)
    if found is None or found[1] != digest:
        raise nothing("no such file is here; load the page again")
    asked = web.Asked(
        words=("static", name, digest), content_type=render.kind(name), changed_ms=0
    )
    answer = await web.answer(request, asked, found[0].read_bytes)
    if answer is None:
        raise nothing("no such file is here")
    answer.headers["Cache-Control"] = render.FOR_EVER
    return answer


router.add_api_route("/static/{digest}/{name}", file, methods=["GET"])
