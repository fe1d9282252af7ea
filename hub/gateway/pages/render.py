"""From templates to answers: languages, headers, errors, files.

Rules (docs/dashboard.md, "Pages"):

- Templates escape everything; a name that is not given is an error, not a blank.
- No page has a script or a style inside, and the browser is told to take none: what is
  not from here is not loaded. Only embeds may be framed.
- A page is a function of the store, the URL, the language and the day, so it is held
  and compared as any answer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hub.core.period import OFFSET_MS, start_ms
from hub.core.sdmx import negotiate
from hub.core.sdmx.model import LANGUAGES
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.gateway import web
from hub.gateway.pages import facts
from hub.gateway.pages.texts import FOLDER, Words

HTML = "text/html; charset=utf-8"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
CLOSED = {"Content-Security-Policy": _POLICY + "'none'"}
FRAMED = {"Content-Security-Policy": _POLICY + "*"}
NAMES = {"en": "English", "ru": "Русский", "tk": "Türkmençe"}
STATIC = FOLDER / "static"
FOR_EVER = "public, max-age=31536000, immutable"
_TIME = dt.timezone(dt.timedelta(milliseconds=OFFSET_MS))
LEADS = {
    Fault.CREDENTIALS: "members",
    Fault.FORBIDDEN: "revoked",
    Fault.NOTHING: "gone",
    Fault.TOO_OFTEN: "often",
    Fault.FAILED: "failed",
    Fault.AWAY: "away",
}
"""What a reader is told first, in the language of the page."""

Page = Callable[[Request], Awaitable[Response]]


@cache
def environment() -> Environment:
    """Where templates are; everything in them is escaped."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset
    made.globals["moment"] = moment
    made.globals["names"] = NAMES
    return made


@cache
def assets() -> Mapping[str, tuple[Path, str]]:
    """Files of the pages by name, with a short hash of what they hold."""
    return {
        path.name: (path, hashlib.sha256(path.read_bytes()).hexdigest()[:12])
        for path in sorted(STATIC.iterdir())
        if path.is_file()
    }


def asset(name: str) -> str:
    """The URL of a file; another one when it changes, so it may be kept for ever."""
    return f"/static/{assets()[name][1]}/{name}"


def kind(name: str) -> str:
    """The media type of a file."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def today() -> dt.date:
    """The day in Ashgabat."""
    return dt.datetime.now(_TIME).date()


def moment(moment_ms: int) -> str:
    """A moment as readers see it, Ashgabat time."""
    return f"{dt.datetime.fromtimestamp(moment_ms / 1000, _TIME):%Y-%m-%d %H:%M}"


def language(request: Request) -> str:
    """The language that is asked for, or preferred."""
    return negotiate.language(
        request.headers.get("accept-language"), request.query_params.get("lang")
    )


def frame(request: Request, words: Words, page: str) -> dict[str, Any]:
    """What every template needs.

    Args:
        request: Asked.
        words: In the language of the page.
        page: Which part of the main menu it belongs to.
    """
    kept = [pair for pair in web.pairs(request) if pair[0] != "lang"]
    path = request.url.path
    return {
        "t": words,
        "page": page,
        "lang": words.language,
        "languages": [
            (one, f"{path}?{urlencode([*kept, ('lang', one)])}") for one in LANGUAGES
        ],
        "tail": f"?lang={words.language}" if "lang" in request.query_params else "",
        "explicit": "lang" in request.query_params,
    }


async def page(
    request: Request,
    template: str,
    make: Callable[[], Mapping[str, Any]],
    *,
    words: Words,
    version: str,
    changed_ms: int,
    is_open: bool = True,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page with its headers.

    Args:
        request: Its path and query are what the page depends on.
        template: Name of the file.
        make: What the template is filled with; in another thread.
        words: In the language of the page.
        version: Of the data it shows.
        changed_ms: When they last changed.
        is_open: Whether it is for everybody.
        headers: Instead of those of a page that is not framed.
    """
    gateway = web.gateway_of(request)
    since_ms = max(_day_ms(), facts.hour_ms(gateway))
    asked = web.Asked(
        words=(
            *(version, gateway.catalogue.digest.hex(), template, str(since_ms)),
            *(request.url.path, request.url.query, build()),
        ),
        content_type=HTML,
        changed_ms=0 if changed_ms == 0 else max(changed_ms, since_ms),
        language=words.language,
        open=is_open,
    )

    def body() -> bytes:
        return environment().get_template(template).render(make()).encode()

    found = await web.answer(request, asked, body)
    if found is None:
        raise RefusalError(Fault.NOTHING, "nothing is here")
    found.headers.update(headers or CLOSED)
    return found


def _day_ms() -> int:
    """When the day began: pages say how long ago something was."""
    return start_ms(today())


@cache
def build() -> str:
    """Changes with everything a page is made of."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def told(answer: Page) -> Page:
    """Let what is refused be a page with a sentence, unless a program asks."""

    @wraps(answer)
    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except RefusalError as error:
            if negotiate.page(request.headers.get("accept")) is False:
                raise
            return refused(request, error)

    return answered


def refused(request: Request, error: RefusalError) -> Response:
    """The page of an error."""
    header = request.headers.get("accept-language")
    wanted = request.query_params.get("lang")
    words = Words(negotiate.language(header, wanted if wanted in LANGUAGES else None))
    data = frame(request, words, "")
    if wanted not in LANGUAGES:
        data["tail"] = ""
    body = (
        environment()
        .get_template("error.html")
        .render({**data, "error": error, "lead": LEADS.get(error.fault, "")})
    )
    vary = "Accept, Accept-Language"
    extra = {"Cache-Control": "no-store", "Vary": vary, **CLOSED}
    if error.fault is Fault.CREDENTIALS:
        extra["WWW-Authenticate"] = 'Bearer realm="kerwen"'
    if error.fault in {Fault.TOO_OFTEN, Fault.AWAY}:
        extra["Retry-After"] = "1"
    return HTMLResponse(body, error.fault.status, extra)
