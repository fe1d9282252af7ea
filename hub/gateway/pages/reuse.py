"""Release calendar, news, the yearly report, and forms for other systems.

Rules (docs/dashboard.md, "Reuse"):

- All of it is a function of the catalogue, the calendar and the store.
- The report takes national totals only, of the newest period of the year, as published.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.catalogue.model import Table
from hub.core.sdmx.query import single
from hub.core.sdmx.refusal import nothing, shown, syntax
from hub.gateway import web
from hub.gateway.doors import PUBLIC
from hub.gateway.gateway import Gateway
from hub.gateway.pages import bulk, describe, facts, feeds, render
from hub.gateway.pages.overview import references
from hub.gateway.pages.report import entries, years
from hub.gateway.pages.texts import Words

router = APIRouter(include_in_schema=False)
_LANGUAGE = frozenset({"lang"})
_FRAMES = ("GCM", "SDG", "MGI", "NAP")
COMING_MAX, DONE_MAX = 30, 40


@router.get("/calendar")
@render.told
async def calendar(request: Request) -> Response:
    """What comes when, and what came."""
    gateway, words = _begun(request)
    single(web.pairs(request), _LANGUAGE)

    def make() -> Mapping[str, Any]:
        listed = facts.dues(gateway)
        return {
            **render.frame(request, words, "calendar"),
            "hour": f"{gateway.catalogue.calendar.hour:02}",
            "vintages": gateway.catalogue.codelists["CL_VINTAGE"].codes,
            "coming": [one for one in listed if one.state == "planned"][:COMING_MAX],
            "waiting": _begun_only(gateway, listed)[-COMING_MAX:],
            "markers": bulk.markers(gateway)[:DONE_MAX],
        }

    return await _page(request, "calendar.html", make, gateway, words)


def _begun_only(gateway: Gateway, listed: list[Any]) -> list[Any]:
    """What is due of tables that were ever released."""
    begun = {name for name, state in gateway.states.items() if state.releases}
    return [one for one in listed if one.state == "due" and begun & set(one.tables)]


@router.get("/report")
@render.told
async def report(request: Request) -> Response:
    """Indicators by objective and target, with the figures of a year."""
    gateway, words = _begun(request)
    said = single(web.pairs(request), frozenset({"lang", "year", "frame"}))
    known = years(gateway)
    year = said.get("year") or (known[0] if known else "")
    if year and year not in known:
        raise syntax(f"year={shown(year)}: there are {', '.join(known) or 'none'}")
    frame = said.get("frame") or _FRAMES[0]
    if frame not in _FRAMES:
        raise syntax(f"frame={shown(frame)}: expected one of {', '.join(_FRAMES)}")
    member = web.caller_of(request) != PUBLIC

    def make() -> Mapping[str, Any]:
        wanted = [one for one in references(gateway) if one.split()[0] == frame]
        return {
            **render.frame(request, words, "report"),
            "year": year,
            "years": known,
            "frame": frame,
            "frames": _FRAMES,
            "groups": [
                (one, entries(gateway, one, year, words, member=member))
                for one in wanted
            ],
        }

    return await _page(request, "report.html", make, gateway, words, member=member)


@render.told
async def feed(request: Request) -> Response:
    """News as Atom, dates as iCalendar, everything as DCAT."""
    gateway, words = _begun(request)
    single(web.pairs(request), _LANGUAGE)
    here = str(request.base_url).rstrip("/")
    path = request.url.path
    titles = {
        code: words.of(text)
        for code, text in gateway.catalogue.codelists["CL_VINTAGE"].codes.items()
    }

    def dates() -> bytes:
        listed = facts.dues(gateway)
        coming = [one for one in listed if one.state != "released"]
        hour = gateway.catalogue.calendar.hour
        return feeds.ics(coming, words, here, hour, titles)

    made: dict[str, tuple[str, Callable[[], bytes]]] = {
        "/releases.atom": (
            feeds.ATOM,
            lambda: feeds.atom(
                feeds.news(gateway, words), words, here, gateway.changed_ms
            ),
        ),
        "/releases.ics": (feeds.ICS, dates),
        "/catalog.jsonld": (
            "application/ld+json",
            lambda: json.dumps(
                describe.catalog(gateway, here), ensure_ascii=False
            ).encode(),
        ),
    }
    kind, make = made[path]
    return await _file(request, kind, make, gateway, path[1:], language=words.language)


@render.told
async def release_file(request: Request) -> Response:
    """All figures of a release, with what proves them."""
    gateway = web.gateway_of(request)
    single(web.pairs(request), frozenset())
    marker = str(request.path_params["marker"])
    member = web.caller_of(request) != PUBLIC
    tables = bulk.tables(gateway, marker, member=member)
    if not tables:
        raise nothing(f"no release {shown(marker)} stands; /calendar lists them")
    return await _file(
        request,
        "application/zip",
        lambda: bulk.archive(gateway, marker, tables),
        gateway,
        f"{marker[:12]}.zip",
        is_open=not member,
    )


@render.told
async def values(request: Request) -> Response:
    """The newest figures of a table as a DHIS2 data value set."""
    gateway = web.gateway_of(request)
    table = _table(gateway, str(request.path_params["table"]))
    single(web.pairs(request), frozenset())
    if table.access != "public":
        web.members_only(request)
    return await _file(
        request,
        "application/json",
        lambda: json.dumps(describe.data_values(gateway, table)).encode(),
        gateway,
        f"{table.id}.dhis2.json",
        is_open=table.access == "public",
    )


def _table(gateway: Gateway, name: str) -> Table:
    found = gateway.catalogue.tables.get(name)
    if found is None or found.internal:
        raise nothing(f"no indicator {shown(name)} is published; / lists them")
    return found


def _begun(request: Request) -> tuple[Gateway, Words]:
    return web.gateway_of(request), Words(render.language(request))


async def _page(
    request: Request,
    template: str,
    make: Callable[[], Mapping[str, Any]],
    gateway: Gateway,
    words: Words,
    *,
    member: bool = False,
) -> Response:
    return await render.page(
        request,
        template,
        make,
        words=words,
        version=f"{gateway.version} {member}",
        changed_ms=gateway.changed_ms,
        is_open=not member,
    )


async def _file(
    request: Request,
    kind: str,
    make: Callable[[], bytes],
    gateway: Gateway,
    name: str,
    *,
    language: str = "",
    is_open: bool = True,
) -> Response:
    asked = web.Asked(
        words=(
            *(gateway.version, gateway.catalogue.digest.hex(), str(is_open)),
            *(str(request.url), str(facts.day(gateway)), render.build()),
        ),
        content_type=kind,
        changed_ms=gateway.changed_ms,
        language=language,
        open=is_open,
        filename=name,
    )
    found = await web.answer(request, asked, make)
    if found is None:
        raise nothing("nothing is here")
    return found


for _path in ("/releases.atom", "/releases.ics", "/catalog.jsonld"):
    router.add_api_route(_path, feed, methods=["GET"])
router.add_api_route("/releases/{marker}.zip", release_file, methods=["GET"])
router.add_api_route("/tables/{table}/dhis2.json", values, methods=["GET"])
