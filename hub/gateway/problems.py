"""Errors as the standards spell them: never a stack trace, always a sentence.

Rules (SDMX REST, "Error handling"; Confluent Schema Registry API):

- Below ``/sdmx/2.1`` an SDMX-ML error message, in the registry its own object, anywhere
  else the errors of SDMX-JSON.
- Whoever names HTML among what it takes, as browsers do and programs do not, gets a
  page with the same sentence, wherever it asked.
- What is not foreseen is one sentence and status 500; the log has the place, and
  neither has anything of the request.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hub.core.sdmx import ml, negotiate
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.gateway.pages import render

XML_ROOT = "/sdmx/2.1"
REGISTRY_ROOTS = ("/subjects", "/schemas", "/config", "/mode", "/contexts")
REGISTRY_TYPE = "application/vnd.schemaregistry.v1+json"
TITLES = {
    Fault.SYNTAX: "Syntax error",
    Fault.CREDENTIALS: "Unauthorized",
    Fault.FORBIDDEN: "Forbidden",
    Fault.NOTHING: "No results found",
    Fault.METHOD: "Method not allowed",
    Fault.FORMAT: "Not acceptable",
    Fault.TOO_MUCH: "Response too large",
    Fault.TOO_LONG: "URI too long",
    Fault.MEANING: "Semantic error",
    Fault.TOO_OFTEN: "Too many requests",
    Fault.FAILED: "Internal server error",
    Fault.NOT_BUILT: "Not implemented",
    Fault.AWAY: "Service unavailable",
}
_BY_STATUS = {fault.status: fault for fault in Fault}
_NOT_THERE = "nothing is here; /docs lists what there is"
_log = logging.getLogger(__name__)


def answer(request: Request, fault: Fault, sentence: str) -> Response:
    """The answer to a request that is refused, for a person or for a program."""
    if negotiate.page(request.headers.get("accept")):
        return render.refused(request, RefusalError(fault, sentence))
    found = response(request.url.path, fault, sentence)
    found.headers["Vary"] = "Accept"
    return found


def response(path: str, fault: Fault, sentence: str) -> Response:
    """The same in the words of the interface that a path belongs to."""
    headers = dict(_headers(fault))
    if path.startswith(XML_ROOT):
        body = ml.error(fault.code, sentence)
        return Response(body, fault.status, headers, "application/xml")
    if path.startswith(REGISTRY_ROOTS):
        said = {"error_code": fault.status, "message": sentence}
        return Response(json.dumps(said), fault.status, headers, REGISTRY_TYPE)
    error = {
        "code": fault.code,
        "titles": {"en": TITLES[fault]},
        "detail": sentence,
    }
    text = json.dumps({"errors": [error]}, ensure_ascii=False)
    return Response(text, fault.status, headers, "application/json")


def _headers(fault: Fault) -> Mapping[str, str]:
    if fault is Fault.CREDENTIALS:
        return {"WWW-Authenticate": 'Bearer realm="kerwen"'}
    if fault in {Fault.TOO_OFTEN, Fault.AWAY}:
        return {"Retry-After": "1"}
    return {}


def install(app: FastAPI) -> None:
    """Let every error of `app` be one of these."""
    app.add_exception_handler(RefusalError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusalError):
        raise TypeError(error)
    return answer(request, error.fault, str(error))


async def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses: an unknown path, a method that is not there."""
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    fault = _BY_STATUS.get(error.status_code, Fault.SYNTAX)
    sentence = _NOT_THERE if fault is Fault.NOTHING else TITLES[fault].lower()
    found = answer(request, fault, sentence)
    found.headers.update(error.headers or {})
    return found


async def _invalid(request: Request, error: Exception) -> Response:
    del error
    return answer(request, Fault.SYNTAX, "the request is not as /docs describes it")


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return answer(request, Fault.FAILED, "the gateway failed; its operators see why")
