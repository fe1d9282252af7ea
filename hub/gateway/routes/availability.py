"""Which data there are: the same answer in either version of the standard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx.ask import Question
from hub.core.sdmx.model import Kind
from hub.core.sdmx.negotiate import Format
from hub.core.sdmx.query import Query
from hub.gateway import web
from hub.gateway.routes.data import available
from hub.gateway.routes.structures import below, structures


async def availability(
    request: Request,
    query: Query,
    component: str,
    said: Mapping[str, str],
    offered: Sequence[Format],
) -> Response:
    """Which codes and periods a data query would give.

    Args:
        request: Whose preferences are looked at.
        query: The selection made so far.
        component: One dimension, or all.
        said: Parameters; ``mode`` and ``references`` are looked at.
        offered: Formats, the default first.

    Raises:
        RefusalError: Not for this caller; or nothing matches.
    """
    gateway = web.gateway_of(request)
    if not gateway.is_open(query.flow):
        web.members_only(request)
    constraint = await asyncio.to_thread(
        available, gateway, query, component, said.get("mode")
    )
    asked = Question(
        kinds=(Kind.CONSTRAINT,),
        agencies=frozenset({constraint.ref.agency}),
        ids=frozenset({constraint.ref.id}),
        versions=frozenset({constraint.ref.version}),
        references=below(said.get("references")),
        detail="referencepartial",
    )
    shelf = web.shelf_of(request).also([constraint])
    return await structures(request, asked, offered, shelf=shelf)
