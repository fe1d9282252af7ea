"""Indicator tables from their files.

Rules:

- A dimension takes its codelist from its field (or its grouping) unless it says
  otherwise, so most need two keys.
- A rate, ratio or completeness table names components; all others name a dataflow.
- ESMS texts are merged: defaults, then policy, then dataflow, then the table's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.core.catalogue.flows import FREQUENCIES
from hub.core.catalogue.lists import identify, stem
from hub.core.catalogue.model import (
    Codelist,
    Dataflow,
    Dimension,
    Field,
    Measure,
    Member,
    Table,
    Text,
)
from hub.core.catalogue.phrases import (
    read_closes,
    read_component,
    read_conditions,
    read_joined,
    read_parts,
    read_residence,
    read_sdg,
    read_texts,
)
from hub.core.catalogue.reading import Node, near
from hub.core.catalogue.schemas import attributes

DERIVED_MEASURES = frozenset(
    {Measure.RATE, Measure.RATIO, Measure.COMPLETENESS, Measure.DISAGGREGATION}
)
ASSIGN = ("first", "last", "main", "multi", "")
ACCESS = ("public", "members")
RESIDENCE_RULES = ("R12", "R6P1")
MEMBER_FIELD = "member"


class Sources:
    """What tables refer to, built before them."""

    def __init__(
        self,
        codelists: Mapping[str, Codelist],
        dataflows: Mapping[str, Dataflow],
        members: Mapping[str, Member],
        esms: Mapping[tuple[str, str], Mapping[str, Text]],
    ) -> None:
        """Keeps the finished parts.

        Args:
            codelists: By id.
            dataflows: By id.
            members: By id.
            esms: (folder, id) → texts; ("", "") holds the defaults.
        """
        self.codelists = codelists
        self.dataflows = dataflows
        self.members = members
        self.esms = esms


def read_table(node: Node, sources: Sources) -> Table:
    """One table file."""
    id_ = identify(node, stem(node.file))
    measure = Measure(node.choice("measure", [measure.value for measure in Measure]))
    dataflow = _dataflow(node, measure, sources)
    fields = _fields(dataflow)
    policy = node.string("policy")
    rule = node.choice("residence_rule", (*RESIDENCE_RULES, ""), "")
    table = Table(
        id=id_,
        title=node.text("title"),
        definition=node.text("definition"),
        measure=measure,
        dataflow=dataflow.id if dataflow else None,
        where=read_conditions(node, "where"),
        time=_field(node, "time", fields),
        until=_field(node, "until", fields),
        frequency=node.choice("frequency", FREQUENCIES),
        assign=node.choice("assign", ASSIGN, ""),
        dimensions=tuple(
            _dimension(item, fields, sources) for item in node.nodes("dimensions")
        ),
        area=_field(node, "area", fields),
        sex=node.boolean("sex", default=True),
        sex_field=node.string("sex_field", "sex"),
        value=_field(node, "value", fields),
        value_parts=_value_parts(node, fields),
        count=_field(node, "count", fields),
        largest=_largest(node, fields),
        numerator=read_component(node, "numerator"),
        denominator=read_component(node, "denominator"),
        scale=node.integer("scale", 1),
        divisor=node.integer("divisor", 1),
        columns=read_texts(node, "columns"),
        pool=node.integer("pool", 1),
        delay_days=node.integer("delay_days", 0),
        residence=read_residence(node),
        joined=read_joined(node),
        closes=read_closes(node),
        complement=node.boolean("complement", default=False),
        minus=read_component(node, "minus"),
        parts=read_parts(node),
        decimals=node.integer("decimals") if "decimals" in node else None,
        control=node.optional("control"),
        access=node.choice("access", ACCESS, "public"),
        margins=node.strings("margins") if "margins" in node else None,
        sdg=read_sdg(node),
        breaks=node.strings("breaks"),
        unit=node.string("unit"),
        internal=node.boolean("internal", default=False),
        policy=policy,
        custodian=node.string("custodian"),
        residence_rule=rule or None,
        population_base=node.text("population_base"),
        references=node.strings("references"),
        esms=_esms(node, policy, dataflow, sources),
    )
    node.done()
    return table


def _dataflow(node: Node, measure: Measure, sources: Sources) -> Dataflow | None:
    if measure in DERIVED_MEASURES:
        if "dataflow" in node:
            expected = f"no dataflow beside measure {measure}"
            mend = "name components instead"
            node.complain("dataflow", expected, node.string("dataflow"), mend)
        return None
    name = node.string("dataflow")
    if name not in sources.dataflows:
        mend = near(name, sources.dataflows)
        node.complain("dataflow", "a dataflow of the catalogue", name, mend)
    return sources.dataflows[name]


def _fields(dataflow: Dataflow | None) -> dict[str, Field]:
    return {field.name: field for field in attributes(dataflow)} if dataflow else {}


def _field(node: Node, name: str, fields: Mapping[str, Field]) -> str | None:
    """A field of the dataflow that survives intake, or None where the key is absent."""
    found = node.optional(name)
    if found is not None and found not in fields:
        node.complain(
            name, "a field that goes on after intake", found, near(found, fields)
        )
    return found


def _dimension(node: Node, fields: Mapping[str, Field], sources: Sources) -> Dimension:
    id_ = node.string("id")
    name = node.optional("field")
    grouping = node.optional("grouping")
    mapping = _mapping(node)
    codelist = node.optional("codelist")
    if name == MEMBER_FIELD:
        mapping = {member.member: member.id for member in sources.members.values()}
        mapping |= {id_: id_ for id_ in sources.members}
        codelist = "CL_MEMBER"
    elif name is not None and fields and name not in fields:
        mend = near(name, fields)
        node.complain("field", "a field that goes on after intake", name, mend)
    elif name is not None and codelist is None:
        codelist = grouping or (fields[name].codelist if name in fields else None)
    if codelist is None:
        node.complain("codelist", "a codelist", None, f"add codelist for {id_}")
    if codelist not in sources.codelists:
        mend = near(codelist, sources.codelists)
        node.complain("codelist", "a codelist of the catalogue", codelist, mend)
    flags = read_texts(node, "flags")
    bands = sources.codelists[codelist].bands if name is None and not flags else {}
    dimension = Dimension(
        id=id_,
        codelist=codelist,
        field=name,
        grouping=grouping,
        mapping=mapping,
        bands=tuple((code, low, high) for code, (low, high) in bands.items()),
        other=node.string("other", "_U"),
        flags=flags,
    )
    node.done()
    return dimension


def _mapping(node: Node) -> dict[str, str] | None:
    if "mapping" not in node:
        return None
    entries = node.node("mapping")
    return {code: entries.string(code) for code in entries.names()}


def _value_parts(
    node: Node, fields: Mapping[str, Field]
) -> tuple[tuple[str, int], ...]:
    parts = []
    for item in node.nodes("value_parts"):
        name = _field(item, "field", fields)
        if name is None:
            item.complain("field", "a field", None, 'add field = "…"')
        parts.append((name, item.integer("weight", 1)))
        item.done()
    return tuple(parts)


def _largest(node: Node, fields: Mapping[str, Field]) -> tuple[str, str] | None:
    names = node.strings("largest")
    if not names:
        return None
    for name in names:
        if name not in fields:
            mend = near(name, fields)
            node.complain("largest", "fields that go on after intake", name, mend)
    if len(names) != 2:
        mend = "name the largest and the second"
        node.complain("largest", "two fields", list(names), mend)
    return (names[0], names[1])


def _esms(
    node: Node, policy: str, dataflow: Dataflow | None, sources: Sources
) -> dict[str, Text]:
    merged: dict[str, Text] = dict(sources.esms[("", "")])
    merged |= sources.esms.get(("policies", policy), {})
    merged |= sources.esms.get(("dataflows", dataflow.id if dataflow else ""), {})
    own = node.texts("esms")
    for concept in own:
        if concept not in merged:
            node.complain(
                f"esms.{concept}", "an ESMS concept", concept, near(concept, merged)
            )
    return merged | own
