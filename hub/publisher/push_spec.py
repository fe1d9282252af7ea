"""The OpenAPI document of the push interface, made from the catalogue.

Rules:

- What a row may hold stands there as a JSON schema for each dataflow that is accepted
  by field names; with a mapping, the columns are the ministry's own.
- Every answer that can be given is listed.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from hub.core.catalogue.model import Dataflow, Field, Kind
from hub.publisher.mapping import OPTIONAL, Mapping

TYPES = {
    "application/x-ndjson": "jsonl",
    "text/csv": "csv",
    "application/edifact": "paxlst",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
"""Media types that are taken, and the form each is."""
KEY_MAX = 64

_JSON_TYPES = {
    Kind.INT: "integer",
    Kind.LONG: "integer",
    Kind.MONEY: "integer",
    Kind.BOOLEAN: "boolean",
}
_REFUSALS = {
    "400": "No usable Idempotency-Key, or the body broke off",
    "401": "No token, or an unknown one",
    "403": "The token is not for this dataflow",
    "404": "No such dataflow here",
    "408": "The body took too long",
    "409": "The key came before with another body",
    "413": "The body is too large",
    "415": "The media type is not taken",
    "422": "No row of the body can be read",
    "503": "The spool cannot take rows now; Retry-After says when to come again",
}


def document(
    accept: Dictionary[str, Mapping | None],
    dataflows: Dictionary[str, Dataflow],
    body_bytes_max: int,
) -> dict[str, Any]:
    """The document.

    Args:
        accept: Mappings by dataflow.
        dataflows: Of the catalogue.
        body_bytes_max: Largest body.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kerwen push",
            "version": "1",
            "description": "Rows of a ministry's systems into its spool. 202 means "
            "that they are on its disk, sealed; a lost answer is had again with the "
            "same Idempotency-Key.",
        },
        "security": [{"token": []}],
        "paths": {
            f"/v1/rows/{name}": {
                "post": _post(dataflows[name], mapping, body_bytes_max)
            }
            for name, mapping in accept.items()
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Taken": _TAKEN, "Problem": _PROBLEM},
        },
    }


def _post(
    flow: Dataflow, mapping: Mapping | None, body_bytes_max: int
) -> dict[str, Any]:
    """One path's operation."""
    rows: dict[str, Any] = {"type": "string", "maxLength": body_bytes_max}
    if mapping is None:
        rows["x-row"] = row(flow)
    answers: dict[str, Any] = {
        code: {
            "description": text,
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
        }
        for code, text in _REFUSALS.items()
    }
    answers["202"] = {
        "description": "The rows are in the spool",
        "content": {"application/json": {"schema": _ref("Taken")}},
    }
    return {
        "operationId": f"push_{flow.id}",
        "summary": flow.title.en,
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {
                    "type": "string",
                    "pattern": f"^[\\x21-\\x7e]{{1,{KEY_MAX}}}$",
                },
            }
        ],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": rows} for kind in TYPES},
        },
        "responses": dict(sorted(answers.items())),
    }


def row(flow: Dataflow) -> dict[str, Any]:
    """The JSON schema of one row by field names."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [
            one.name for one in flow.fields if one.required and one.name not in OPTIONAL
        ],
        "properties": {one.name: _value(one) for one in flow.fields},
    }


def _value(one: Field) -> dict[str, Any]:
    """The JSON schema of one value."""
    kind = _JSON_TYPES.get(one.kind, "string")
    found: dict[str, Any] = {"type": kind if one.required else [kind, "null"]}
    if kind == "integer":
        found |= {"minimum": one.low} if one.low is not None else {}
        found |= {"maximum": one.high} if one.high is not None else {}
    elif kind == "string":
        found |= {"maxLength": one.high} if one.high is not None else {}
    if one.kind is Kind.DATE:
        found["format"] = "date"
    if one.codelist:
        found["x-codelist"] = one.codelist
    return found


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_REJECTIONS = {
    "type": "array",
    "description": "Rows that are not in the spool, the first thousand",
    "items": {
        "type": "object",
        "required": ["row", "line", "column", "what", "mend"],
        "properties": {
            "row": {"type": "integer"},
            "line": {"type": "integer"},
            "column": {"type": "string"},
            "what": {"type": "string"},
            "mend": {"type": "string"},
        },
    },
}
_TAKEN = {
    "type": "object",
    "required": ["publication", "batches", "rejections"],
    "properties": {
        "publication": {"type": "integer"},
        "batches": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "rows": {"type": "integer"},
        "rejected": {"type": "integer"},
        "rejections": _REJECTIONS,
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "rejections": _REJECTIONS,
    },
}
