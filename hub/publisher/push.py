"""HTTP push: a ministry's system posts rows, and 202 means that they are in the spool.

Rules:

- ``POST /v1/rows/{dataflow}`` with a bearer token and an Idempotency-Key; JSON Lines,
  CSV, a workbook or passenger lists. ``GET /openapi.json`` says all of it.
- Checks come before the body: token, dataflow, type, key, length. The body goes to a
  private file as it comes, within a size and a time.
- 202 comes after the spool has the rows on disk, never before. What cannot be taken now
  is 503 with Retry-After; the same again later is safe.
- On loopback, or with TLS: the plan sees to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import queue
import re
import threading
import uuid
from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.core.catalogue.model import Dataflow
from hub.core.errors import HubError, MachineError
from hub.publisher import push_tokens
from hub.publisher.push_job import Answer, Push, problem
from hub.publisher.push_spec import KEY_MAX, TYPES, document
from hub.publisher.push_tokens import Client
from hub.publisher.sources.rows import Said
from hub.publisher.watch import Job
from hub.publisher.watch_plan import HttpPlan

BODY_SECONDS = 120.0
"""Time in which a body must be here."""
ANSWER_SECONDS = 120.0
"""Time in which the spool must have taken it."""
CONNECTIONS_MAX = 64
RETRY_SECONDS = 10

_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_MAX}}}")
_ALSO = {
    "application/jsonl": "jsonl",
    "application/json-lines": "jsonl",
    "application/jsonlines": "jsonl",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where pushes are taken.

    Attributes:
        tokens: File of tokens.
        folder: Where bodies lie until they are spooled; private.
        jobs: To whoever owns the spool.
        count: Counts an answer by dataflow and status.
    """

    plan: HttpPlan
    dataflows: Dictionary[str, Dataflow]
    tokens: Path
    folder: Path
    jobs: queue.Queue[Job]
    count: Callable[[str, str], None]

    def app(self) -> Starlette:
        """The application."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.folder.iterdir():  # of a service that was killed
            left.unlink(missing_ok=True)
        return Starlette(
            routes=[
                Route("/v1/rows/{dataflow}", self._push, methods=["POST"]),
                Route("/openapi.json", self._spec, methods=["GET"]),
                Route("/livez", _live, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _http_problem},
        )

    async def _spec(self, request: Request) -> Response:
        del request
        plan = self.plan
        return JSONResponse(
            document(plan.accept, self.dataflows, plan.body_bytes_max),
            media_type="application/json",
        )

    async def _push(self, request: Request) -> Response:
        dataflow = str(request.path_params["dataflow"])
        known = dataflow if dataflow in self.plan.accept else ""
        try:
            answer = await self._answer(request, dataflow)
        except HubError:
            text = "the service cannot work now; send the same again later"
            answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, text)
        self.count(known, str(answer.status.value))
        return _response(answer)

    async def _answer(self, request: Request, dataflow: str) -> Answer:
        """Check, receive, hand over, wait."""
        client = self._client(request)
        refusal = self._refusal(request, dataflow, client)
        said = _said(request.headers.get("content-type", ""))
        if refusal is not None or client is None or said is None:
            text = f"Content-Type: one of {', '.join(TYPES)}"
            return refusal or problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
        path = self.folder / f"push-{uuid.uuid4().hex}.{said.form}"
        path.touch(mode=0o600, exist_ok=False)
        body = await self._receive(request, path)
        if isinstance(body, Answer):
            path.unlink(missing_ok=True)
            return body
        job = Push(
            client=client.name,
            key=request.headers["idempotency-key"],
            dataflow=dataflow,
            path=path,
            digest=body,
            said=said,
            mapping=self.plan.accept[dataflow],
        )
        return await self._handed(job)

    def _client(self, request: Request) -> Client | None:
        """Whose token the request bears."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return push_tokens.find(self.tokens, token.strip())

    def _refusal(
        self, request: Request, dataflow: str, client: Client | None
    ) -> Answer | None:
        """Why a request is refused before its body is looked at."""
        if client is None:
            return problem(HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer TOKEN")
        if dataflow not in self.plan.accept:
            known = ", ".join(self.plan.accept)
            return problem(HTTPStatus.NOT_FOUND, f"these are taken here: {known}")
        if not client.may(dataflow):
            return problem(HTTPStatus.FORBIDDEN, "this token is not for this dataflow")
        if not _KEY.fullmatch(request.headers.get("idempotency-key", "")):
            text = f"Idempotency-Key: 1 to {KEY_MAX} printable characters, no blanks"
            return problem(HTTPStatus.BAD_REQUEST, text)
        return None

    async def _receive(self, request: Request, path: Path) -> bytes | Answer:
        """The body into a file; its digest, or why not."""
        limit = self.plan.body_bytes_max
        large = problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"at most {limit:,} bytes; send the rows in several parts",
        )
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            return large
        digest, size = hashlib.sha256(), 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                with path.open("wb") as stream:
                    async for piece in request.stream():
                        size += len(piece)
                        if size > limit:
                            return large
                        digest.update(piece)
                        stream.write(piece)
        except TimeoutError:
            text = f"the body was not here within {BODY_SECONDS:.0f} s"
            return problem(HTTPStatus.REQUEST_TIMEOUT, text)
        except ClientDisconnect:
            return problem(HTTPStatus.BAD_REQUEST, "the body broke off")
        except OSError as error:
            raise MachineError("no room for a body") from error
        return digest.digest()

    async def _handed(self, job: Push) -> Answer:
        """To whoever owns the spool, and back."""
        busy = "too many wait for the spool; send the same again later"
        try:
            self.jobs.put_nowait(job)
        except queue.Full:
            job.path.unlink(missing_ok=True)
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, busy)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(job.answer)
        except TimeoutError:
            # It may still be taken; with the same key that is answered, not doubled.
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, busy)


class Server:
    """The desk behind a port, in a thread of its own."""

    def __init__(self, desk: Desk) -> None:
        plan = desk.plan
        self._server = uvicorn.Server(
            uvicorn.Config(
                desk.app(),
                host=plan.host,
                port=plan.port,
                ssl_certfile=plan.certificate,
                ssl_keyfile=plan.key,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=5,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
            )
        )
        self._thread = threading.Thread(target=self._serve, name="push", daemon=True)

    def start(self) -> int:
        """Listen; returns the port.

        Raises:
            MachineError: The port is taken, or the certificate cannot be used.
        """
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.02)
            if not self._thread.is_alive():
                config = self._server.config
                raise MachineError(
                    f"cannot listen on {config.host}:{config.port}: taken, or the "
                    "certificate cannot be used"
                )
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more, and end."""
        self._server.should_exit = True
        self._thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(SystemExit, OSError, ValueError):  # told by start
            asyncio.run(self._server.serve())


def _said(content_type: str) -> Said | None:
    """How a body is to be read, by its media type."""
    header = Message()
    header["content-type"] = content_type
    form = (TYPES | _ALSO).get(header.get_content_type())
    if form is None:
        return None
    charset = header.get_content_charset()
    return Said(form=form, encoding=charset if form in {"csv", "jsonl"} else None)


def _response(answer: Answer) -> Response:
    accepted = answer.status is HTTPStatus.ACCEPTED
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if answer.status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if answer.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        answer.body,
        answer.status.value,
        headers,
        media_type="application/json" if accepted else "application/problem+json",
    )


async def _live(request: Request) -> Response:
    del request
    return JSONResponse({"ok": True})


async def _http_problem(request: Request, error: Any) -> Response:
    """What Starlette itself refuses, in the same form."""
    del request
    status = HTTPStatus(error.status_code)
    answer = problem(status, "see /openapi.json for what is here")
    response = _response(answer)
    response.headers.update(error.headers or {})
    return response
