"""Avro schemas of rows: provider schemas read, internal ones derived.

Rules:

- A schema travels as its canonical text (:func:`canonical`): the parsed JSON written
  without spaces, keys in the order of the file, letters unescaped. That text stands in
  container headers, so it is compared byte for byte.
- Rows are flat: every field is ``["null", T]`` with default null, on the wire always
  nullable; ``required`` is ours and row validation enforces it.
- Direct identifiers are in provider schemas only. No derived schema names one.

Invariant: the derived schemas depend on the dataflow alone.
"""

from __future__ import annotations

import json
from typing import Any

from hub.core.catalogue.model import Dataflow, Field, Kind, Role
from hub.core.catalogue.reading import complain, near

CONTROL = ("record_id", "revision", "action")

AVRO: dict[Kind, str | dict[str, str]] = {
    Kind.STRING: "string",
    Kind.CODE: "string",
    Kind.PERIOD: "string",
    Kind.INT: "int",
    Kind.LONG: "long",
    Kind.MONEY: "long",
    Kind.DATE: {"type": "int", "logicalType": "date"},
    Kind.BOOLEAN: "boolean",
}

_ATTRIBUTES = {
    "name",
    "type",
    "default",
    "role",
    "kind",
    "codelist",
    "required",
    "low",
    "high",
    "keep",
    "frequency",
}

_PLAIN: dict[type, tuple[str, ...]] = {
    str: ("name", "role", "kind", "codelist", "keep", "frequency"),
    int: ("low", "high"),
    bool: ("required",),
}
"""What the attributes are made of, where they are given."""

_ORIGIN = (("origin_offset", "long"), ("origin_row", "int"), ("clock_ms", "long"))
_RECORDS = (
    *_ORIGIN,
    ("member", "string"),
    ("record", "bytes"),
    ("revision", "int"),
    ("digest", "bytes"),
    ("action", "string"),
    ("nkey", "bytes"),
    ("sig", "bytes"),
    ("keys", "bytes"),
)
_FACTS = (
    *_ORIGIN,
    ("sign", "int"),
    ("person", "bytes"),
    ("member", "string"),
    ("record", "bytes"),
)


def canonical(text: str) -> str:
    """The registered form of a schema text."""
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def provider_fields(name: str, text: str) -> tuple[Field, ...]:
    """The fields of a registered provider schema.

    Args:
        name: Schema id, e.g. ``border_crossing.v1``, for the error text.
        text: Its JSON.

    Raises:
        CatalogueError: A field lacks a role, has an unknown kind, a wrong type…
    """
    file = f"schemas/avro/provider/{name}.avsc"
    try:
        schema = json.loads(text)
    except ValueError as error:
        complain(file, "(syntax)", "JSON", str(error), "mend the place it names")
    if not isinstance(schema, dict) or schema.get("type") != "record":
        complain(file, "type", '"record"', schema, "write an Avro record schema")
    expected = name.partition(".")[0]
    if schema.get("namespace") != "kerwen" or schema.get("name") != expected:
        found = f"{schema.get('namespace')}.{schema.get('name')}"
        complain(file, "name", f"kerwen.{expected}", found, "name it after its file")
    items = schema.get("fields")
    if not isinstance(items, list) or not items:
        complain(file, "fields", "a list of fields", items, "name at least one")
    fields = tuple(
        _field(file, f"fields[{index}]", item) for index, item in enumerate(items)
    )
    names = [field.name for field in fields]
    for index, field in enumerate(fields):
        if field.name in names[:index]:
            mend = "remove the second one"
            complain(file, f"fields[{index}].name", "each name once", field.name, mend)
    return fields


def _attributes_of(file: str, key: str, item: object) -> dict[str, Any]:
    """The attributes of a field, known and of the right type."""
    if not isinstance(item, dict):
        complain(file, key, "a field with name, type and role", item, "write an object")
    for attribute in item:
        if attribute not in _ATTRIBUTES:
            mend = near(attribute, _ATTRIBUTES)
            complain(file, f"{key}.{attribute}", "a known attribute", attribute, mend)
    for kind_of, attributes_ in _PLAIN.items():
        for attribute in attributes_:
            value = item.get(attribute)
            if value is not None and type(value) is not kind_of:
                expected = f"a value of type {kind_of.__name__}"
                complain(file, f"{key}.{attribute}", expected, value, "write it so")
    if not item.get("name"):
        complain(file, f"{key}.name", "a name", item.get("name"), "add it")
    return item


def _field(file: str, key: str, given: object) -> Field:
    """Reads one field with our attributes."""
    item: dict[str, Any] = _attributes_of(file, key, given)
    roles, kinds = [role.value for role in Role], [kind.value for kind in Kind]
    for attribute, words in (("role", roles), ("kind", kinds)):
        found = item.get(attribute)
        if found not in words:
            label = f"one of {', '.join(words)}"
            mend = f"give every field a {attribute}"
            complain(file, f"{key}.{attribute}", label, found, mend)
    kind = Kind(item["kind"])
    wire = ["null", AVRO[kind]]
    if item.get("type") != wire or item.get("default", 0) is not None:
        label = f"{json.dumps(wire)} with default null for kind {kind}"
        complain(file, f"{key}.type", label, item.get("type"), "write that type")
    if not isinstance(item.get("required"), bool):
        mend = "say whether the field may be empty"
        complain(file, f"{key}.required", "true or false", item.get("required"), mend)
    return Field(
        name=item["name"],
        kind=kind,
        role=Role(item["role"]),
        required=item["required"],
        codelist=item.get("codelist"),
        low=item.get("low"),
        high=item.get("high"),
        keep=item.get("keep") or "",
        frequency=item.get("frequency") or "",
    )


def attributes(dataflow: Dataflow) -> tuple[Field, ...]:
    """The fields that go on after intake, in order.

    Control fields and identifiers are left behind; ``birth_date`` leaves its year; the
    derived attributes come last.
    """
    kept: list[Field] = []
    for field in dataflow.fields:
        if field.name == "birth_date":
            kept.append(
                Field(
                    name="birth_year",
                    kind=Kind.INT,
                    role=Role.QUASI,
                    required=field.required,
                )
            )
        elif field.role is not Role.IDENTIFIER and field.name not in CONTROL:
            kept.append(field)
    kept.extend(derived.field for derived in dataflow.derived)
    return tuple(kept)


def records_schema(dataflow: Dataflow) -> str:
    """Rows of ``hub.records.<domain>``: intake to dedupe."""
    return _row_schema("records", _RECORDS, dataflow)


def facts_schema(dataflow: Dataflow) -> str:
    """Rows of ``hub.facts.<domain>``: dedupe to aggregate."""
    return _row_schema("facts", _FACTS, dataflow)


def _row_schema(
    arrow: str, columns: tuple[tuple[str, str], ...], dataflow: Dataflow
) -> str:
    entries: list[tuple[str, str | dict[str, str]]] = [*columns]
    entries += [(field.name, AVRO[field.kind]) for field in attributes(dataflow)]
    schema = {
        "type": "record",
        "name": f"{arrow}_{dataflow.id}",
        "namespace": "kerwen",
        "fields": [
            {"name": name, "type": ["null", kind], "default": None}
            for name, kind in entries
        ],
    }
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
