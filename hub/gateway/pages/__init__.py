"""Pages for people. :func:`install` is the one door through which they come in.

Everything a page needs is in ``app.state.gateway`` (:mod:`hub.gateway.gateway`):
catalogue, states of tables, the store's reader, news, answers that were made before.
"""

from __future__ import annotations

from fastapi import FastAPI

from hub.gateway.pages import front


def install(app: FastAPI) -> None:
    """Add the pages to the application."""
    app.include_router(front.router)
