"""What the OpenAPI description says of parameters and answers.

Rules:

- Parameters are read from the URL by the core, which knows the standard's grammar; here
  stands what a client may be told of them.
- Every status that can come is listed, each with its media types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter

from hub.core.sdmx.ask import DETAILS, KINDS, REFERENCES
from hub.core.sdmx.model import LANGUAGES
from hub.core.sdmx.negotiate import DATA_2, STRUCTURE_2, Format

Described = Mapping[str, Any]

_WORD = {"type": "string", "minLength": 1, "maxLength": 200}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
_MOMENT = {"type": "string", "format": "date-time"}
_PERIOD = {
    "type": "string",
    "pattern": r"^[12][0-9]{3}(-(Q[1-4]|0[1-9]|1[0-2]))?$",
    "examples": ["2025", "2025-Q1", "2025-03"],
}
_FLAG = {"type": "string", "enum": ["true", "false"]}


def _one_of(words: Iterable[str]) -> Described:
    return {"type": "string", "enum": list(words)}


QUERY: Mapping[str, tuple[Described, str]] = {
    "startPeriod": (_PERIOD, "First period"),
    "endPeriod": (_PERIOD, "Last period"),
    "updatedAfter": (_MOMENT, "Only what changed later"),
    "asOf": (_MOMENT, "The data as they were then"),
    "includeHistory": (_FLAG, "Every release by itself"),
    "firstNObservations": (_COUNT, "At most so many of each series, from its start"),
    "lastNObservations": (_COUNT, "At most so many of each series, from its end"),
    "dimensionAtObservation": (
        {"type": "string", "examples": ["TIME_PERIOD", "AllDimensions", "SEX"]},
        "Dimension at the observation",
    ),
    "detail": (
        _one_of(["full", "dataonly", "serieskeysonly", "nodata"]),
        "What of the data",
    ),
    "structureDetail": (_one_of(DETAILS), "What of the structures"),
    "references": (
        {"type": "string", "examples": ["none", "all", "children"]},
        f"What comes with them: {', '.join(REFERENCES)}, or a kind",
    ),
    "explicitMeasure": (_FLAG, "Not built but for false"),
    "mode": (_one_of(["exact", "available"]), "Codes with data, or still to be chosen"),
    "attributes": ({"type": "string"}, "dsd, all, none, series, obs, or ids"),
    "measures": ({"type": "string"}, "all, none or OBS_VALUE"),
    "offset": (
        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
        "Observations to skip",
    ),
    "limit": (_COUNT, "Observations at most"),
    "sort": ({"type": "string"}, "Components with :asc or :desc"),
    "reportingYearStartDay": (_one_of(["--01-01"]), "Calendar years alone"),
    "format": (
        _one_of(one.name for one in DATA_2),
        "Instead of the Accept header",
    ),
    "structureFormat": (
        _one_of(one.name for one in STRUCTURE_2),
        "Instead of the Accept header",
    ),
    "lang": (_one_of(LANGUAGES), "Instead of the Accept-Language header"),
    "labels": (_one_of(["id", "name", "both"]), "What CSV has for codes"),
}
"""Parameters of all interfaces; two have one name and another meaning each."""

_SPELT = {"structureDetail": "detail", "structureFormat": "format"}

FILTERS: Described = {
    "name": "c",
    "in": "query",
    "style": "deepObject",
    "explode": True,
    "description": "Filters, e.g. c[SEX]=F and c[TIME_PERIOD]=ge:2025-Q1",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}

ERROR_TEXTS = {
    400: "The query does not follow the grammar",
    401: "For members: show a token or a certificate",
    403: "What was shown does not count, or not any more",
    404: "Nothing of that name, or nothing that matches",
    406: "None of the accepted formats is offered",
    413: "Too much for one answer",
    414: "The URL is too long",
    422: "The query means nothing here",
    429: "Too many requests",
    500: "The gateway failed",
    501: "A part of the standard that is not built",
    503: "Too busy; ask again",
}
XML_ERROR = ("application/xml",)
JSON_ERROR = ("application/json",)


def parameters(names: Iterable[str], *, filters: bool = False) -> list[Described]:
    """Parameters of a query, as OpenAPI has them."""
    found: list[Described] = []
    for name in names:
        schema, text = QUERY[name]
        spelt = _SPELT.get(name, name)
        found.append(
            {"name": spelt, "in": "query", "schema": schema, "description": text}
        )
    return [*found, FILTERS] if filters else found


def responses(
    formats: Sequence[Format], errors: Sequence[str], *, empty: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Answers and refusals.

    Args:
        formats: Of an answer.
        errors: Media types of a refusal.
        empty: Whether 204 says that there is nothing.
    """
    kinds = {
        one.content_type: {
            "schema": {"type": "object" if one.suffix == "json" else "string"}
        }
        for one in formats
    }
    found: dict[int | str, dict[str, Any]] = {
        200: {"description": "What was asked for", "content": kinds},
        206: {"description": "The part that Range asks for"},
        304: {"description": "What the client has is still so"},
        416: {"description": "There are no such bytes"},
    }
    if empty:
        found[204] = {"description": "Nothing matches"}
    body: dict[str, Any] = {one: {"schema": {}} for one in errors}
    for status, text in ERROR_TEXTS.items():
        found[status] = {"description": text, "content": body}
    return found


def path(name: str, text: str, example: str) -> Described:
    """A part of the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {**_WORD, "examples": [example]},
    }


PATH: Mapping[str, Described] = {
    one["name"]: one
    for one in (
        path("flow", "Dataflow: id, or agency,id,version", "PRM_NEW"),
        path("key", "Codes with dots between; + joins, nothing is any", "all"),
        path("provider", "Who provides", "all"),
        path("component", "A dimension, or all", "all"),
        path("resource", f"Kind of structure: {', '.join(KINDS)}", "dataflow"),
        path("agency", "Who maintains it", "KERWEN"),
        path("id", "Its id", "PRM_NEW"),
        path("version", "Its version", "1.0.0"),
        path("item", "An item of a scheme", "F"),
        path("context", "dataflow or datastructure", "dataflow"),
        path("keys", "Keys with commas between; * is any", "*"),
    )
}


def add(
    router: APIRouter,
    template: Sequence[str],
    least: int,
    endpoint: Callable[..., Any],
    *,
    name: str,
    summary: str,
    query: Sequence[Described],
    answers: dict[int | str, dict[str, Any]],
) -> None:
    """Add a path, and its shorter forms down to `least` parts.

    Args:
        router: Where to.
        template: Parts of the path; those in braces are parameters.
        least: How many parts the shortest form has.
        endpoint: What answers.
        name: Of the operation.
        summary: One line.
        query: Its parameters.
        answers: See :func:`responses`.
    """
    for length in range(len(template), least - 1, -1):
        parts = template[:length]
        named = [part[1:-1] for part in parts if part.startswith("{")]
        router.add_api_route(
            "/" + "/".join(parts),
            endpoint,
            methods=["GET"],
            operation_id=f"{name}_{length}",
            summary=summary,
            responses=answers,
            response_model=None,
            openapi_extra={"parameters": [*(PATH[one] for one in named), *query]},
        )
