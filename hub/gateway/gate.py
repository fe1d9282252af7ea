"""What every request passes: measure, identity, log, metrics.

Rules (docs/gateway.md, "Access"):

- A target that is too long, a caller that is not let in, and one too many request are
  answered here; nothing behind has to think of them.
- The access log has no person in it: no address, no user agent, no query; what stands
  there is the route, the dataflow, the status, the size, the time, and which member.
- Metrics and probes are answered on the inner listener alone.
- HEAD is GET without its body.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, MutableMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.core.sdmx.refusal import Fault, RefusalError
from hub.gateway import problems
from hub.gateway.doors import PUBLIC, Caller
from hub.gateway.gateway import Gateway

TARGET_BYTES_MAX = 8_192
INNER = frozenset({"/metrics", "/livez", "/readyz"})
FREE = frozenset({*INNER})
"""Paths that nobody's measure is taken for."""
LOG_BYTES_MAX = 32 * 1024 * 1024
LOG_FILES = 4
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
access = logging.getLogger("kerwen.access")


def log_to(path: Path) -> None:
    """Write the access log to a file, set aside when it has grown large."""
    handler = RotatingFileHandler(
        path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    access.handlers[:] = [handler]
    access.setLevel(logging.INFO)
    access.propagate = False


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        path = scope["path"]
        if len(path) > 1 and path.endswith("/"):  # a part left empty is a part left out
            scope = {**scope, "path": path.rstrip("/") or "/"}
        watched = _Watched(send, head=scope["method"] == "HEAD")
        if watched.head:
            kept = [one for one in scope["headers"] if one[0] != b"range"]
            scope = {**scope, "method": "GET", "headers": kept}
        try:
            self._admit(scope)
        except RefusalError as error:
            refusal = problems.answer(Request(scope), error.fault, str(error))
            # Scripts of other origins are told as well; nothing here is a secret.
            refusal.headers["Access-Control-Allow-Origin"] = "*"
            await refusal(scope, receive, watched.send)
        else:
            await self._app(scope, receive, watched.send)
        finally:
            self._note(scope, watched, time.perf_counter() - began)

    def _admit(self, scope: MutableMapping[str, Any]) -> None:
        path = scope["path"]
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if size > TARGET_BYTES_MAX:
            raise RefusalError(
                Fault.TOO_LONG,
                f"the URL is longer than {TARGET_BYTES_MAX} bytes; ask in parts",
            )
        if path in INNER and scope.get("outside", False):
            raise RefusalError(Fault.NOTHING, "nothing is here")
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        doors = self._gateway.doors
        address = str((scope.get("client") or ("", 0))[0])
        try:
            caller = doors.caller(
                None if authorization is None else authorization.decode("latin-1"),
                scope.get("peer"),
            )
        except RefusalError:
            doors.take(PUBLIC, address)  # who tries words out has a measure, too
            raise
        scope["caller"] = caller
        if path not in FREE:
            doors.take(caller, address)

    def _note(
        self, scope: Mapping[str, Any], watched: _Watched, seconds: float
    ) -> None:
        path = scope["path"]
        if path in INNER:
            return
        metrics = self._gateway.metrics
        metrics.count("requests_total", outcome=str(watched.status))
        metrics.time("request_seconds", seconds, outcome=_class(watched.status))
        if not access.handlers:
            return
        route = getattr(scope.get("route"), "path", "-")
        caller = scope.get("caller", PUBLIC)
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "route": route,
            "flow": _flow(scope, self._gateway),
            "status": watched.status,
            "bytes": watched.size,
            "ms": round(seconds * 1000, 1),
            **(_who(caller) if isinstance(caller, Caller) else {}),
        }
        access.info(json.dumps(line))


def _class(status: int) -> str:
    return f"{status // 100}xx"


def _who(caller: Caller) -> dict[str, str]:
    return {"way": caller.way, "member": caller.member}


def _flow(scope: Mapping[str, Any], gateway: Gateway) -> str:
    """The dataflow that was asked for, if it is one of ours; nothing else is text."""
    said = scope.get("path_params") or {}
    for name in ("flow", "id", "table"):
        word = str(said.get(name, "")).split(",")
        for one in word:
            if one in gateway.catalogue.tables:
                return one
    return ""


class _Watched:
    """A `send` that sees what goes out."""

    def __init__(self, send: Send, *, head: bool) -> None:
        self._send = send
        self.head = head
        self.status = 500
        self.size = 0

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            message = {**message, "headers": [*headers, *_SAFE]}
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
            if self.head:
                message = {**message, "body": b""}
        await self._send(message)
