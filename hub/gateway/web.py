"""What answers have in common: conditions, encodings, languages, headers.

Rules (RFC 9110, 9111):

- Entity tags are strong, and follow from the version of the data and from what was
  asked; so "not modified" is said before anything is made.
- Nobody may keep an answer without asking again; what is for members stays private.
- What is sent depends on Accept, Accept-Language and Accept-Encoding, and says so.
- A part is given to whoever asks for one (``Range``), as data frames do that read from
  an address: of the plain bytes, and only of those that the client has begun with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx.refusal import Fault, RefusalError
from hub.core.sdmx.shelf import Shelf
from hub.gateway.answers import identity
from hub.gateway.doors import PUBLIC, Caller
from hub.gateway.gateway import Gateway

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
VARY = "Accept, Accept-Language, Accept-Encoding, Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer depends on, beside what makes it.

    Attributes:
        words: Everything that makes it this answer and no other.
        content_type: Of the answer.
        changed_ms: When its content last changed.
        language: It is in; empty: in none.
        open: Whether it is for everybody.
        filename: Offered to whoever saves it; empty: none.
    """

    words: tuple[str, ...]
    content_type: str
    changed_ms: int
    language: str = ""
    open: bool = True
    filename: str = ""


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves a request."""
    found: Any = request.app.state.gateway
    if not isinstance(found, Gateway):
        raise TypeError(found)
    return found


def caller_of(request: Request) -> Caller:
    """Who asks; the gate has found out."""
    found: Any = request.scope.get("caller", PUBLIC)
    if not isinstance(found, Caller):
        raise TypeError(found)
    return found


def shelf_of(request: Request) -> Shelf:
    """The structures that a caller may see."""
    gateway = gateway_of(request)
    return gateway.open_shelf if caller_of(request) == PUBLIC else gateway.shelf


def members_only(request: Request) -> None:
    """Refuse whoever is not a member.

    Raises:
        RefusalError: CREDENTIALS.
    """
    if caller_of(request) == PUBLIC:
        raise RefusalError(
            Fault.CREDENTIALS,
            "this table is for members: show a token or a certificate",
        )


async def answer(
    request: Request, asked: Asked, make: Callable[[], bytes | None]
) -> Response | None:
    """An answer with all its headers; None where `make` finds nothing.

    Args:
        request: Its conditions and encodings are looked at.
        asked: See there.
        make: Makes the bytes, if they are not held; in another thread.
    """
    tag = identity(*asked.words, asked.content_type, asked.language)
    wanted = _range(request, tag)
    zipped = not wanted and _takes_gzip(request)
    headers = _headers(asked, tag)
    if _unchanged(request, tag, asked.changed_ms):
        return Response(None, 304, headers)
    gateway = gateway_of(request)
    outcome = "held" if gateway.cache.holds(tag) else "made"
    gateway.metrics.count("answers_total", outcome=outcome)
    found = await gateway.cache.get(tag, make, zipped=zipped)
    if found is None:
        return None
    body, encoded = found
    if encoded:
        headers["Content-Encoding"] = "gzip"
        headers["ETag"] = f'"{tag}-gz"'
    headers["Content-Type"] = asked.content_type
    return _part(body, wanted, headers) if wanted else Response(body, 200, headers)


def _headers(asked: Asked, tag: str) -> dict[str, str]:
    headers = {
        "ETag": f'"{tag}"',
        "Vary": VARY,
        "Cache-Control": f"{'public' if asked.open else 'private'}, no-cache",
        "Accept-Ranges": "bytes",
        "Last-Modified": formatdate(asked.changed_ms // 1000, usegmt=True),
    }
    if asked.language:
        headers["Content-Language"] = asked.language
    if asked.filename:
        headers["Content-Disposition"] = f'inline; filename="{asked.filename}"'
    return headers


def _range(request: Request, tag: str) -> tuple[str, str] | None:
    """First and last byte that are asked for, as written; None: all, or many parts."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    begun = request.headers.get("if-range", f'"{tag}"')
    if found is None or not any(found.groups()) or begun != f'"{tag}"':
        return None
    first, last = found.groups()
    backwards = first and last and int(last) < int(first)
    return None if backwards else (first, last)


def _part(body: bytes, wanted: tuple[str, str], headers: dict[str, str]) -> Response:
    """Some of an answer; 416 where it has no such bytes."""
    size, (first, last) = len(body), wanted
    if first:
        start, end = int(first), min(int(last or size), size - 1)
    else:
        start, end = max(0, size - int(last)), size - 1
    if start > end:
        return Response(None, 416, {**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Response(body[start : end + 1], 206, headers)


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "*"} and weight.replace(" ", "") not in {
            "q=0",
            "q=0.0",
        }:
            return True
    return False


def _unchanged(request: Request, tag: str, changed_ms: int) -> bool:
    """Whether the client has this answer already."""
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        tags = {one.strip().removeprefix("W/").strip('"') for one in wanted.split(",")}
        return bool(tags & {tag, f"{tag}-gz"})
    since = request.headers.get("if-modified-since")
    if since is None or changed_ms == 0:
        return False
    try:
        return changed_ms // 1000 <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False


def pairs(request: Request) -> list[tuple[str, str]]:
    """Parameters as they stand in the URL."""
    return list(request.query_params.multi_items())
