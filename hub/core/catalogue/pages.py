"""Reference pages made from the catalogue: what a statistician would look up.

Pure text: the caller writes it to ``docs/reference``; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.core.catalogue import accountability, framework
from hub.core.catalogue.model import Catalogue, Component, Dataflow, Table

_NOTE = "Made from the catalogue by `make docs`; do not edit.\n"


def pages(catalogue: Catalogue) -> dict[str, str]:
    """File name → Markdown text."""
    return {
        "dataflows.md": _dataflows(catalogue),
        "tables.md": _tables(catalogue),
        "members.md": _members(catalogue),
        "gender-framework.md": framework.page(catalogue),
        **accountability.pages(catalogue),
    }


def _dataflows(catalogue: Catalogue) -> str:
    flows = [flow for flow in catalogue.dataflows.values() if not flow.reserved]
    return "\n".join(
        ["# Dataflows", "", _NOTE, *(_dataflow(flow, catalogue) for flow in flows)]
    )


def _dataflow(flow: Dataflow, catalogue: Catalogue) -> str:
    givers = [m.id for m in catalogue.members.values() if flow.id in m.provides]
    lines = [
        f"## {flow.id}",
        f"{flow.title.en} · {flow.title.ru} · {flow.title.tk}",
        "",
        f"- linkage domain {flow.domain}, provided by {', '.join(givers) or 'nobody'}",
        f"- purpose: {flow.purpose.en}",
        f"- legal basis: {flow.legal_basis.en}",
        (
            f"- sealed log kept {flow.retention_days} days; declared by period "
            f"({flow.declare}){'; quiet' if flow.quiet else ''}"
        ),
        f"- natural key: {', '.join(flow.unique) or 'none'}",
        "",
        "| field | kind | role | required | codelist |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {field.name} | {field.kind} | {field.role} "
        f"| {'yes' if field.required else ''} | {field.codelist or ''} |"
        for field in flow.fields
    ]
    lines += ["", *(f"- rule {rule.id}: {rule.text.en}" for rule in flow.rules), ""]
    return "\n".join(lines)


def _tables(catalogue: Catalogue) -> str:
    shown = [table for table in catalogue.tables.values() if not table.internal]
    return "\n".join(["# Tables", "", _NOTE, *(_table(table) for table in shown)])


def _table(table: Table) -> str:
    dimensions = ", ".join(one.id for one in table.dimensions) or "none"
    assigned = f", assigned to the {table.assign} cell" if table.assign else ""
    lines = [
        f"## {table.id}",
        f"{table.title.en} · {table.title.ru} · {table.title.tk}",
        "",
        table.definition.en,
        "",
        f"- measure {table.measure}{assigned}; {table.frequency}; unit {table.unit}",
        f"- dataflow {table.dataflow or 'of its components'}; dimensions {dimensions}",
        *(f"- {term}" for term in _terms(table)),
        f"- policy {table.policy}; custodian {table.custodian}",
        f"- population: {table.population_base.en}",
        f"- references: {', '.join(table.references)}",
        "",
    ]
    return "\n".join(lines)


def _terms(table: Table) -> Iterator[str]:
    """What is particular about how a table counts, a sentence each."""
    if table.residence is not None:
        yield f"residence by rule {table.residence_rule}: {table.residence.event}"
    if table.joined is not None:
        days = table.joined.within_days
        yield f"with a fact of {table.joined.dataflow} within {days} days"
    for flow in dict.fromkeys(one.dataflow for one in table.closes):
        yield f"stays end with facts of {flow}"
    if table.pool > 1:
        yield f"{table.pool} periods together, the named one the last"
    if table.delay_days:
        yield f"dated {table.delay_days} days later"
    if table.control is not None:
        yield f"compared with control totals {table.control}"
    if table.numerator is not None and table.denominator is not None:
        above = _part(table.numerator)
        if table.minus is not None:
            above = f"({above} − {_part(table.minus)})"
        share = f"{above} ÷ {_part(table.denominator)}"
        yield f"1 − {share}" if table.complement else share
    for pair in table.parts:
        yield f"{pair.code}: {_part(pair.numerator)} ÷ {_part(pair.denominator)}"


def _part(one: Component) -> str:
    """A component and the codes that are kept of it."""
    kept = "; ".join(f"{id_} {', '.join(codes)}" for id_, codes in one.where.items())
    return f"{one.table} ({kept})" if kept else one.table


def _members(catalogue: Catalogue) -> str:
    rows = [
        f"| {member.id} | {member.member} | {member.title.en} "
        f"| {', '.join(member.provides)} | {'yes' if member.reads else ''} |"
        for member in catalogue.members.values()
    ]
    return "\n".join(
        [
            "# Members",
            "",
            _NOTE,
            "| id | X-Road id | name | provides | reads indicators |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
