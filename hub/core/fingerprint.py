"""CRC-64-AVRO fingerprints of schemas in parsing canonical form (Avro 1.11)."""

from __future__ import annotations

import json
from typing import Any

_EMPTY = 0xC15D213AA4D7A795
_KEEP = ("name", "type", "fields", "symbols", "items", "values", "size")
_PRIMITIVE = frozenset(
    ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
)


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        row = byte
        for _ in range(8):
            row = (row >> 1) ^ (_EMPTY & -(row & 1))
        rows.append(row)
    return tuple(rows)


_TABLE = _table()


def fingerprint(schema: str) -> bytes:
    """The fingerprint of a schema's JSON text, 8 bytes little-endian."""
    text = canonical(schema).encode()
    state = _EMPTY
    for byte in text:
        state = (state >> 8) ^ _TABLE[(state ^ byte) & 0xFF]
    return state.to_bytes(8, "little")


def canonical(schema: str) -> str:
    """The parsing canonical form: names in full, attributes stripped and ordered."""
    form = _form(json.loads(schema), "")
    return json.dumps(form, separators=(",", ":"), ensure_ascii=False)


def _form(schema: Any, space: str) -> Any:
    if isinstance(schema, str):
        return schema if schema in _PRIMITIVE else _full(schema, space)
    if isinstance(schema, list):
        return [_form(branch, space) for branch in schema]
    if schema["type"] in _PRIMITIVE:
        return schema["type"]
    named = "name" in schema
    if named:
        space = schema.get("namespace", space)
    out: dict[str, Any] = {}
    for key in _KEEP:
        if key not in schema:
            continue
        value = schema[key]
        if key == "name":
            out[key] = _full(value, space)
        elif key == "fields":
            out[key] = [
                {"name": one["name"], "type": _form(one["type"], space)}
                for one in value
            ]
        elif key in ("items", "values"):
            out[key] = _form(value, space)
        else:
            out[key] = value
    return out


def _full(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"
