"""The read-only part of Confluent's Schema Registry API, for any Kafka Avro client.

Rules (Confluent Schema Registry API reference):

- A topic has one subject, ``<topic>-value``, with one version: columns of a table never
  change, another shape is another table.
- The id of a schema is the one in the frames of the topic (hub.core.observation).
- Nothing can be written; a schema that is looked up is answered with its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core import observation
from hub.core.catalogue.model import Catalogue
from hub.core.sdmx.refusal import shown
from hub.core.topics import indicator_topic
from hub.gateway import web
from hub.gateway.problems import REGISTRY_TYPE
from hub.gateway.routes import openapi

router = APIRouter(tags=["Schema registry"])

VERSION = 1
BODY_BYTES_MAX = 256 * 1024
_SUBJECT, _VERSION, _SCHEMA, _INVALID = 40401, 40402, 40403, 42201
_LATEST = frozenset({"latest", "-1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The schema of a topic."""

    subject: str
    id: int
    schema: str

    @property
    def said(self) -> dict[str, Any]:
        """As the registry says it."""
        return {
            "subject": self.subject,
            "version": VERSION,
            "id": self.id,
            "schema": self.schema,
        }


def entries(catalogue: Catalogue) -> dict[str, Entry]:
    """Every subject, in catalogue order."""
    found = {}
    for table in catalogue.tables.values():
        if not table.internal:
            subject = f"{indicator_topic(table.id)}-value"
            found[subject] = Entry(
                subject=subject,
                id=observation.schema_id(table),
                schema=observation.schema(table),
            )
    return found


def _entries(request: Request) -> Mapping[str, Entry]:
    return entries(web.gateway_of(request).catalogue)


def _said(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type=REGISTRY_TYPE)


def _error(code: int, text: str) -> Response:
    status = code if code < 1000 else code // 100
    return _said({"error_code": code, "message": text}, status)


def _subject(request: Request) -> Entry | Response:
    subject = request.path_params["subject"]
    found = _entries(request).get(subject)
    if found is None:
        return _error(_SUBJECT, f"Subject {shown(subject)} not found.")
    return found


def _of_version(request: Request) -> Entry | Response:
    found = _subject(request)
    version = request.path_params["version"]
    if isinstance(found, Response) or version in {str(VERSION), *_LATEST}:
        return found
    if not (version.isascii() and version.isdigit()):
        return _error(_INVALID + 1, f"{shown(version)} is no version; there is 1.")
    return _error(_VERSION, f"Version {shown(version)} not found; there is 1.")


def _of_id(request: Request) -> list[Entry] | Response:
    word = request.path_params["id"]
    found = [one for one in _entries(request).values() if str(one.id) == word]
    return found or _error(_SCHEMA, f"Schema {shown(word)} not found")


async def subjects(request: Request) -> Response:
    """All subjects."""
    prefix = request.query_params.get("subjectPrefix", "")
    return _said([name for name in _entries(request) if name.startswith(prefix)])


async def versions(request: Request) -> Response:
    """Versions of a subject."""
    found = _subject(request)
    return found if isinstance(found, Response) else _said([VERSION])


async def version(request: Request) -> Response:
    """One version of a subject."""
    found = _of_version(request)
    return found if isinstance(found, Response) else _said(found.said)


async def version_schema(request: Request) -> Response:
    """The schema alone."""
    found = _of_version(request)
    if isinstance(found, Response):
        return found
    return Response(found.schema, media_type=REGISTRY_TYPE)


async def referenced(request: Request) -> Response:
    """Schemas that refer to this one: none."""
    found = _of_version(request)
    return found if isinstance(found, Response) else _said([])


async def schema(request: Request) -> Response:
    """The schema of an id."""
    found = _of_id(request)
    if isinstance(found, Response):
        return found
    return _said({"schema": found[0].schema})


async def schema_text(request: Request) -> Response:
    """The schema of an id, alone."""
    found = _of_id(request)
    if isinstance(found, Response):
        return found
    return Response(found[0].schema, media_type=REGISTRY_TYPE)


async def schema_subjects(request: Request) -> Response:
    """Subjects with the schema of an id."""
    found = _of_id(request)
    if isinstance(found, Response):
        return found
    return _said([one.subject for one in found])


async def schema_versions(request: Request) -> Response:
    """Subjects and versions with the schema of an id."""
    found = _of_id(request)
    if isinstance(found, Response):
        return found
    return _said([{"subject": one.subject, "version": VERSION} for one in found])


async def types() -> Response:
    """Kinds of schemas."""
    return _said(["AVRO"])


async def level() -> Response:
    """How schemas may change: not at all."""
    return _said({"compatibilityLevel": "FULL_TRANSITIVE"})


async def mode() -> Response:
    """What may be done: reading."""
    return _said({"mode": "READONLY"})


async def contexts() -> Response:
    """The one context."""
    return _said(["."])


async def look_up(request: Request) -> Response:
    """The id of a schema that a client holds."""
    found = _subject(request)
    if isinstance(found, Response):
        return found
    try:
        body = json.loads((await _body(request)).decode())
        same = json.loads(body["schema"]) == json.loads(found.schema)
    except (ValueError, TypeError, KeyError, RecursionError):
        return _error(_INVALID, "expected an object with an Avro schema as text")
    return _said(found.said) if same else _error(_SCHEMA, "Schema not found")


async def _body(request: Request) -> bytes:
    held = b""
    async for chunk in request.stream():
        held += chunk
        if len(held) > BODY_BYTES_MAX:
            raise ValueError(len(held))
    return held


_PATHS: Mapping[str, Callable[..., Any]] = {
    "/subjects": subjects,
    "/subjects/{subject}/versions": versions,
    "/subjects/{subject}/versions/{version}": version,
    "/subjects/{subject}/versions/{version}/schema": version_schema,
    "/subjects/{subject}/versions/{version}/referencedby": referenced,
    "/schemas/ids/{id}": schema,
    "/schemas/ids/{id}/schema": schema_text,
    "/schemas/ids/{id}/subjects": schema_subjects,
    "/schemas/ids/{id}/versions": schema_versions,
    "/schemas/types": types,
    "/config": level,
    "/mode": mode,
    "/contexts": contexts,
}
_EXAMPLES = {
    "subject": openapi.path("subject", "Topic and -value", "indicators.PRM_NEW-value"),
    "version": openapi.path("version", "1 or latest", "latest"),
    "id": openapi.path("id", "Number of a schema", "1"),
}
_BODY: dict[str, Any] = {REGISTRY_TYPE: {"schema": {}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "As Confluent's registry says it", "content": _BODY},
    **{
        status: {"description": openapi.ERROR_TEXTS[status], "content": _BODY}
        for status in (401, 403, 404, 414, 422, 429, 500)
    },
}
for _path, _endpoint in _PATHS.items():
    router.add_api_route(
        _path,
        _endpoint,
        methods=["GET"],
        response_model=None,
        responses=_ANSWERS,
        openapi_extra={
            "parameters": [
                _EXAMPLES[part[1:-1]] for part in _path.split("/") if part[:1] == "{"
            ]
        },
    )
router.add_api_route(
    "/subjects/{subject}",
    look_up,
    methods=["POST"],
    response_model=None,
    responses=_ANSWERS,
    openapi_extra={
        "parameters": [_EXAMPLES["subject"]],
        "requestBody": {
            "required": True,
            "content": {
                REGISTRY_TYPE: {
                    "schema": {
                        "type": "object",
                        "required": ["schema"],
                        "properties": {"schema": {"type": "string"}},
                    }
                }
            },
        },
    },
)
