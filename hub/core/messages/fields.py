"""Words to write message schemas with: each states the bound the decoder keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def text(name: str, most: int, least: int = 1) -> Schema:
    """Printable ASCII of `least` to `most` characters."""
    return {"name": name, "type": "string", "min": least, "max": most}


def blob(name: str, most: int) -> Schema:
    """At most `most` bytes."""
    return {"name": name, "type": "bytes", "max": most}


def number(name: str, low: int = 0, high: int = 2**31 - 1) -> Schema:
    """An int in a range."""
    return {"name": name, "type": "int", "min": low, "max": high}


def big(name: str, low: int = 0, high: int = 2**63 - 1) -> Schema:
    """A long in a range."""
    return {"name": name, "type": "long", "min": low, "max": high}


def fixed(name: str, kind: str, size: int) -> Schema:
    """Bytes of one length; `kind` names the type for :func:`again`."""
    return {"name": name, "type": {"type": "fixed", "name": kind, "size": size}}


def again(name: str, kind: str) -> Schema:
    """A field of a type named before in the same schema."""
    return {"name": name, "type": kind}


def flag(name: str) -> Schema:
    """True or false."""
    return {"name": name, "type": "boolean"}


def choice(name: str, kind: str, *symbols: str) -> Schema:
    """One of a closed list."""
    return {
        "name": name,
        "type": {"type": "enum", "name": kind, "symbols": list(symbols)},
    }


def optional(name: str, kind: str) -> Schema:
    """A value or null; outside the strict codec, for what members read."""
    return {"name": name, "type": ["null", kind], "default": None}


def many(name: str, items: Schema | str, most: int, **bounds: int) -> Schema:
    """At most `most` items; `bounds` are those of a text."""
    kind = {"type": "array", "items": items}
    return {"name": name, "type": kind, "count_max": most, **bounds}


def row(name: str, *fields: Schema) -> Schema:
    """A record inside another."""
    return {"type": "record", "name": name, "fields": list(fields)}


def record(name: str, doc: str, bytes_max: int, *fields: Schema) -> Schema:
    """A message with its greatest size."""
    return {
        "type": "record",
        "name": name,
        "namespace": "kerwen",
        "doc": doc,
        "bytes_max": bytes_max,
        "fields": list(fields),
    }
