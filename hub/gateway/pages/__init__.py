"""Pages for people. :func:`install` is the one door through which they come in.

Everything a page needs is in ``app.state.gateway`` (:mod:`hub.gateway.gateway`):
catalogue, states of tables, the store's reader, news, answers that were made before.
"""

from __future__ import annotations

from fastapi import FastAPI

from hub.gateway.pages import (
    describe,
    files,
    freshness,
    overview,
    pictures,
    reuse,
    table,
)
from hub.gateway.pages.render import environment
from hub.gateway.pages.texts import texts, themes


def install(app: FastAPI) -> None:
    """Add the pages to the application.

    Raises:
        InvalidError: A text lacks a language.
    """
    texts()
    themes()
    describe.licence()
    environment()
    for one in (overview, table, pictures, freshness, reuse, files):
        app.include_router(one.router)
