"""Accountability pages: the record of processing and the impact assessment.

Pure text from the catalogue, so that neither can fall behind what runs. Their shape
follows what data-protection law asks for (record of processing: GDPR, Article 30;
impact assessment: Article 35.7); the law in force is named per dataflow.

Rules:

- A field is *needed* if a table, a rule or the identity of a person rests on it. One
  that nothing rests on is named: collecting it has to be defended, or it goes.
- What the hub does about a risk is said with the page that proves it; what remains is
  said as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from hub.core.catalogue.model import Catalogue, Dataflow, Domain, Field, Role, Table

_NOTE = "Made from the catalogue by `make docs`; do not edit.\n"

_PEOPLE = {
    Domain.MOBILITY: "people who cross borders, hold permits, work or study abroad",
    Domain.PROTECTION: "identified victims of trafficking",
    Domain.HEALTH: "migrants in contact with health and social services",
    Domain.FAMILY: "migrant children, and children of parents abroad",
    Domain.CONSULAR: "citizens in contact with a consulate",
    Domain.NONE: "nobody is linked; figures, institutions or unlinked answers",
}

_ROLES = {
    Role.IDENTIFIER: "identifiers, which end at intake",
    Role.QUASI: "quasi-identifiers, sealed inside the hub",
    Role.SENSITIVE: "sensitive, under the strictest policy",
    Role.DIMENSION: "dimensions of tables",
    Role.MEASURE: "measures",
    Role.DATE: "dates",
    Role.ATTRIBUTE: "attributes of the record",
    Role.KEY: "keys and control",
}

_RISKS = """\
## Risks to people, and what is done
### A person is recognised in a published figure
- done: noise that depends on the set of persons alone, thresholds, changes of fewer
  than three held back, secondary suppression ([disclosure](../disclosure.md))
- remains: several noisy readings of nearly one count; bounded by a fixed catalogue

### Registers are linked against the people in them
- done: a secret for each linkage domain; sensitive flows carry no name and no number
  and are never linked to others ([data path](../data-path.md))
- remains: whoever holds intake's unlocked keys can link; unlocking takes two custodians

### An operator or another ministry reads records
- done: batches are sealed to the hub and signed by the ministry; one process holds the
  keys; every topic is denied unless the catalogue allows it
  ([envelope](../envelope-v1.md), [threat model](../threat-model.md))
- remains: root on the intake host while the keys are unlocked

### The rhythm of a sensitive flow tells of a case
- done: batches of fixed size classes, sent by the clock even when empty; no counts in
  headers, metrics or answers to others ([threat model](../threat-model.md))
- remains: that a ministry takes part at all is public

### Women are hidden, or linked worse than men
- done: sex in every table and never imputed; suppression by sex and linkage by sex are
  measured and published ([disclosure](../disclosure.md))
- remains: small groups of women are suppressed where small groups of men are

### Records are lost, doubled, or outlive their purpose
- done: receipts, an audit that recounts every cell, retention by dataflow, destroyed
  keys that make old batches unreadable ([data path](../data-path.md))
- remains: published vintages stay published; a withdrawal is said, not undone
"""

_WHAT = """\
## What is done
Ministries publish sealed records; the hub pseudonymises them, counts each person once,
and publishes protected figures by sex. Nobody but the publishing ministry ever reads a
record. [The way of one record](../data-path.md).

## Is it needed
*Tables* rest on the flow. *Idle* fields are those that no table, rule or identity uses;
they are kept by agreement only and are the first to go when an agreement is renewed.
"""

_RIGHTS = """\
## Rights of people
A request goes to the ministry that holds the record: it alone can find it, by its
record id. Its receipts show what was sent and when, a cancellation takes the record out
of every figure of the next vintage, and the signed statement of that cancellation is
the proof. The hub itself cannot look a person up: it holds no name and no number.
"""

_RECORD = """\
What is processed, why, on which ground, for whom, how long. Security measures are the
same for all: [threat model](../threat-model.md).
"""


def pages(catalogue: Catalogue) -> dict[str, str]:
    """File name → Markdown text."""
    return {"processing.md": _processing(catalogue), "dpia.md": _dpia(catalogue)}


def unneeded(catalogue: Catalogue, flow: Dataflow) -> list[str]:
    """Fields that no table, rule, or identity rests on, in the order of the schema."""
    named: set[str] = set(flow.unique) | {flow.event_date}
    for table in catalogue.tables.values():
        named |= _named(table, catalogue, flow)
    for rule in flow.rules:
        named |= set(_texts((rule.when, rule.then)))
    for derived in flow.derived:
        if derived.field.name in named:
            named |= set(derived.of)
    held = {Role.IDENTIFIER, Role.KEY}
    return [
        field.name
        for field in flow.fields
        if field.role not in held and field.name not in named
    ]


def _named(table: Table, catalogue: Catalogue, flow: Dataflow) -> set[str]:
    """Every word of a table that can reach this flow; words of other flows are not."""
    own = catalogue.dataflows.get(table.dataflow or "")
    if own is None or (own.id != flow.id and own.domain != flow.domain):
        return set()
    lists = (catalogue.codelists.get(one.codelist) for one in table.dimensions)
    ages = {"birth_year"} if any(one and one.bands for one in lists) else set()
    sex = {"sex"} if table.sex else set()
    return {*_texts(table)} | sex | ages


def _texts(value: object) -> Iterator[str]:
    """Every text in a value of dataclasses and tuples."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _texts(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))


def _flows(catalogue: Catalogue) -> list[Dataflow]:
    return [flow for flow in catalogue.dataflows.values() if not flow.reserved]


def _tables_of(catalogue: Catalogue, flow: Dataflow) -> list[Table]:
    return [
        table
        for table in catalogue.tables.values()
        if table.dataflow == flow.id and not table.internal
    ]


def _processing(catalogue: Catalogue) -> str:
    activities = (_activity(catalogue, flow) for flow in _flows(catalogue))
    return "\n".join(["# Record of processing", "", _NOTE, _RECORD, *activities])


def _activity(catalogue: Catalogue, flow: Dataflow) -> str:
    givers = [m.title.en for m in catalogue.members.values() if flow.id in m.provides]
    readers = [m.id for m in catalogue.members.values() if m.reads]
    tables = [f"{one.id} ({one.policy})" for one in _tables_of(catalogue, flow)]
    lines = [
        f"## {flow.id}",
        f"{flow.title.en} · {flow.title.ru} · {flow.title.tk}",
        "",
        f"- controllers: {'; '.join(givers) or 'none'}",
        f"- purpose: {flow.purpose.en}",
        f"- legal ground: {flow.legal_basis.en}",
        f"- people: {_PEOPLE[flow.domain]}",
        "- data: " + "; ".join(_categories(flow.fields)),
        "- recipients of records: none beyond the hub's intake",
        f"- recipients of protected figures: {', '.join(readers)}",
        f"- figures made (policy): {', '.join(tables) or 'components of other tables'}",
        (
            f"- sealed log kept {flow.retention_days} days; identifiers in clear only "
            "in memory of intake"
        ),
        f"- transport: {'quiet: fixed sizes, by the clock' if flow.quiet else 'open'}",
        "",
    ]
    return "\n".join(lines)


def _categories(listed: tuple[Field, ...]) -> Iterator[str]:
    for role, text in _ROLES.items():
        names = [field.name for field in listed if field.role == role]
        if names:
            yield f"{text}: {', '.join(names)}"


def _dpia(catalogue: Catalogue) -> str:
    lines = [
        "| dataflow | people | fields | identifiers | sensitive | tables | idle |",
        "|--|--|--|--|--|--|--|",
        *(_need(catalogue, flow) for flow in _flows(catalogue)),
        "",
    ]
    return "\n".join(["# Impact assessment", "", _NOTE, _WHAT, *lines, _RISKS, _RIGHTS])


def _need(catalogue: Catalogue, flow: Dataflow) -> str:
    roles = [field.role for field in flow.fields]
    idle = unneeded(catalogue, flow)
    cells = (
        flow.id,
        _PEOPLE[flow.domain],
        len(roles),
        roles.count(Role.IDENTIFIER),
        roles.count(Role.SENSITIVE),
        len(_tables_of(catalogue, flow)),
        ", ".join(idle) or "none",
    )
    return f"| {' | '.join(map(str, cells))} |"
