"""Schemas across versions: what a new one may do to an old one."""

from __future__ import annotations

import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue.evolution import breaks
from hub.core.catalogue.schemas import canonical
from hub.edge.files import read_schemas

REGISTERED = Path(__file__).parents[3] / "schemas" / "registered.json"
"""Room → schema id → digest of the text in the form that containers carry."""
FIELD: dict[str, Any] = {
    "name": "sex",
    "type": ["null", "string"],
    "default": None,
    "role": "dimension",
    "kind": "code",
    "required": False,
}


def schema(*fields: dict[str, Any], name: str = "x") -> str:
    """A flat record."""
    return json.dumps(
        {"type": "record", "name": name, "namespace": "kerwen", "fields": fields}
    )


def field(name: str, **changed: Any) -> dict[str, Any]:
    """A field like the others."""
    return {**FIELD, "name": name, **changed}


V1 = schema(field("a"), field("b"))
BREACHES: dict[str, tuple[dict[str, str], str]] = {
    "removed": ({}, "x.v1: removed"),
    "changed in place": ({"x.v1": schema(field("a"))}, "make x.v2"),
    "another type": (
        {"x.v1": V1, "x.v2": schema(field("a", type=["null", "int"]), field("b"))},
        "field a has another type than in x.v1",
    ),
    "another role": (
        {"x.v1": V1, "x.v2": schema(field("a", role="identifier"), field("b"))},
        "field a has another role",
    ),
    "new and required": (
        {"x.v1": V1, "x.v2": schema(field("a"), field("b"), field("c", required=True))},
        "field c is not in x.v1",
    ),
    "new without null": (
        {"x.v1": V1, "x.v2": schema(field("a"), field("b"), field("c", type="string"))},
        "field c is not in x.v1",
    ),
    "not the neighbour's, the one before": (
        {
            "x.v1": V1,
            "x.v2": schema(field("a")),
            "x.v3": schema(field("a"), field("b", kind="string")),
        },
        "schemas/x.v3: field b has another kind than in x.v1",
    ),
    "recursion": (
        {
            "x.v1": V1,
            "y.v1": schema(field("next", type=["null", "y"]), name="y"),
        },
        "y contains itself",
    ),
    "recursion through an array": (
        {
            "x.v1": V1,
            "y.v1": schema(
                field("n", type={"type": "array", "items": ["null", "y"]}), name="y"
            ),
        },
        "y contains itself",
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str) -> None:
    """Schema, field and what is wrong in one sentence."""
    new, text = BREACHES[name]

    assert any(text in one for one in breaks({"x.v1": V1}, new))


def test_what_may_be_absent_comes_and_goes() -> None:
    """Fields are added and left out, versions pile up, other schemas appear."""
    new = {
        "x.v1": V1,
        "x.v2": schema(field("a"), field("b"), field("c")),
        "x.v3": schema(field("c"), field("d")),
        "z.v1": schema(field("q", required=True), name="z"),
    }

    assert breaks({"x.v1": V1}, new) == []


def test_our_own_schemas_hold() -> None:
    """In all three rooms; nothing of ours contains itself."""
    for room in ("provider", "public", "internal"):
        texts = read_schemas(room=room)
        assert texts
        assert breaks(texts, texts) == []


@pytest.mark.parametrize("room", ["provider", "public", "internal"])
def test_what_was_registered_stays_as_it_was(room: str) -> None:
    """Logs carry it for years: a new schema or version adds a line, none changes."""
    registered = json.loads(REGISTERED.read_text("utf-8"))[room]
    found = {
        name: sha256(canonical(text).encode()).hexdigest()
        for name, text in read_schemas(room=room).items()
    }

    assert found == registered


NAMES = st.sampled_from("abcdef")
FIELDS = st.lists(
    st.builds(
        lambda name, kind, required: field(
            name,
            type=kind,
            default="" if kind == "string" else None,
            required=required,
        ),
        NAMES,
        st.sampled_from([["null", "string"], ["null", "int"], "string"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one["name"],
)


@given(st.lists(FIELDS, min_size=2, max_size=3))
def test_what_is_accepted_is_read_by_all(versions: list[list[dict[str, Any]]]) -> None:
    """The Avro library agrees: every version reads what every other wrote."""
    texts = {f"x.v{at}": schema(*one) for at, one in enumerate(versions, 1)}
    if breaks({"x.v1": texts["x.v1"]}, texts):
        return

    made = [parse_schema(json.loads(text)) for text in texts.values()]
    for writer, one in zip(made, versions, strict=True):
        row = {f["name"]: None if "null" in f["type"] else "t" for f in one}
        for reader in made:
            stream = BytesIO()
            schemaless_writer(stream, writer, row)
            stream.seek(0)
            schemaless_reader(stream, writer, reader)
