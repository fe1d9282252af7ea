"""Dataflows from their files and registered schemas.

Rules:

- Fields come from the provider schema, everything else from the TOML file.
- Derived attributes are declared here, computed by intake.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.core.catalogue.lists import identify, stem
from hub.core.catalogue.model import (
    Dataflow,
    Derived,
    Domain,
    Field,
    Kind,
    Role,
    Rule,
)
from hub.core.catalogue.phrases import read_conditions
from hub.core.catalogue.reading import Node, near
from hub.core.catalogue.schemas import canonical, provider_fields

DERIVATIONS = {"ratio": 2, "dataflow": 0, "clock": 0, "lag": 1}
FREQUENCIES = ("M", "Q", "A")
PERSONS = ("P", "U", "")


def _read_rule(node: Node) -> Rule:
    rule = Rule(
        id=node.string("id"),
        when=read_conditions(node, "when"),
        then=read_conditions(node, "then"),
        text=node.text("text"),
    )
    if not rule.then:
        node.complain("then", "at least one condition", None, "add then = [{ … }]")
    node.done()
    return rule


def _read_derived(node: Node) -> Derived:
    rule = node.choice("rule", DERIVATIONS)
    of = node.strings("of")
    if len(of) != DERIVATIONS[rule]:
        expected = f"{DERIVATIONS[rule]} field name(s) for {rule}"
        node.complain("of", expected, list(of), "name them")
    derived = Derived(
        field=Field(
            name=node.string("name"),
            kind=Kind(node.choice("kind", [kind.value for kind in Kind])),
            role=Role(node.choice("role", [role.value for role in Role])),
            required=False,
            codelist=node.optional("codelist"),
        ),
        rule=rule,
        of=of,
        scale=node.integer("scale", 1),
    )
    node.done()
    return derived


def read_dataflow(node: Node, schemas: Mapping[str, str]) -> Dataflow:
    """One dataflow file with its registered schema."""
    id_ = identify(node, stem(node.file))
    name = node.string("schema")
    if name not in schemas:
        expected = "a file in schemas/avro/provider"
        node.complain("schema", expected, name, near(name, schemas))
    if not name.startswith(f"{id_}."):
        node.complain("schema", f"a version of {id_}", name, f'write "{id_}.v1"')
    fields = provider_fields(name, schemas[name])
    dataflow = Dataflow(
        id=id_,
        title=node.text("title"),
        domain=Domain(node.choice("domain", [domain.value for domain in Domain])),
        person=node.choice("person", PERSONS, ""),
        quiet=node.boolean("quiet", default=False),
        schema=canonical(schemas[name]),
        fields=fields,
        rules=tuple(_read_rule(rule) for rule in node.nodes("rules")),
        unique=node.strings("unique"),
        event_date=node.string("event_date"),
        declare=node.choice("declare", FREQUENCIES),
        legal_basis=node.text("legal_basis"),
        purpose=node.text("purpose"),
        retention_days=node.integer("retention_days"),
        derived=tuple(_read_derived(item) for item in node.nodes("derived")),
        reserved=node.boolean("reserved", default=False),
        probe=node.boolean("probe", default=False),
    )
    node.texts("esms")
    node.done()
    return dataflow
