"""The application: interfaces, pages, the gate around them.

Rules:

- What is served follows from the catalogue and the store; there is no other state.
- Everybody may read from a page of any origin; nothing is ever sent with a cookie.
- The description of the interfaces needs nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from hub.gateway import pages, problems
from hub.gateway.gate import Gate
from hub.gateway.gateway import Gateway
from hub.gateway.routes import live, ops, registry, sdmx2, sdmx3

TITLE = "Kerwen: migration indicators"
TEXT = (
    "Signed, protected, gender-disaggregated indicators over SDMX REST (2.1 and 3.0), "
    "a read-only schema registry for Kafka clients, and a stream of news."
)
EXPOSED = (
    *("ETag", "Last-Modified", "Content-Language", "Content-Disposition"),
    *("Accept-Ranges", "Content-Range", "Retry-After"),
)
TAKEN = (
    *("Accept", "Accept-Language", "Authorization", "If-None-Match"),
    *("Range", "If-Range"),
)


def application(gateway: Gateway) -> FastAPI:
    """The application of one gateway."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        gateway.bus.open(asyncio.get_running_loop())
        watching = asyncio.create_task(gateway.watch())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        gateway.bus.close()

    app = FastAPI(
        title=TITLE,
        description=TEXT,
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.state.gateway = gateway
    app.router.redirect_slashes = False
    for one in (sdmx2, sdmx3, registry, live, ops):
        app.include_router(one.router)
    pages.install(app)
    problems.install(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "OPTIONS"],
        allow_headers=list(TAKEN),
        expose_headers=list(EXPOSED),
    )
    app.add_middleware(Gate, gateway=gateway)
    return app
