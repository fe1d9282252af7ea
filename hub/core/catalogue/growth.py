"""What a new catalogue may not do to an old one (docs/catalogue.md, "Changing").

Rules (every version against every later one):

- Codes are appended: never removed, moved, or put into another group.
- What old rows mean (a field's role and kind, a dataflow's domain) stays; a new field
  of a later schema version is optional.
- What makes a series comparable (measure, clock, dimensions, unit, policy…) changes
  only under a new table id. Texts, references and new things are free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hub.core.catalogue.model import Catalogue, Codelist, Dataflow, Domain, Table
from hub.core.catalogue.tables import MEMBER_FIELD
from hub.core.identity.composites import Linkage
from hub.core.persons import TIER_NONE

MADE = ("CL_MEMBER", "CL_DATAFLOW")
"""Codelists that follow other files; their order carries nothing."""

_SERIES = (
    "measure",
    "dataflow",
    "where",
    "time",
    "until",
    "frequency",
    "assign",
    "dimensions",
    "area",
    "sex",
    "sex_field",
    "value",
    "value_parts",
    "count",
    "numerator",
    "denominator",
    "scale",
    "divisor",
    "unit",
    "policy",
    "residence_rule",
    "columns",
    "pool",
    "delay_days",
    "residence",
    "joined",
    "closes",
    "complement",
    "minus",
    "parts",
)


def breaks(old: Catalogue, new: Catalogue) -> list[str]:
    """Every breach in one sentence each, empty if the new one may replace the old."""
    found = list(_gone("codelists", old.codelists, new.codelists))
    found += _gone("dataflows", old.dataflows, new.dataflows)
    found += _gone("providers", old.members, new.members)
    found += _gone("tables", old.tables, new.tables)
    for id_, codelist in old.codelists.items():
        if id_ in new.codelists and id_ not in MADE:
            found += _codelist(codelist, new.codelists[id_])
    for id_, dataflow in old.dataflows.items():
        if id_ in new.dataflows:
            found += _dataflow(dataflow, new.dataflows[id_])
    for id_, member in old.members.items():
        if id_ in new.members and new.members[id_].member != member.member:
            found.append(f"providers/{id_}: member was {member.member}; keep it")
    for id_, table in old.tables.items():
        if id_ in new.tables:
            found += _table(table, new.tables[id_])
    return found + list(_linkages(old.linkage, new.linkage))


def _gone(
    folder: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterator[str]:
    for id_ in old:
        if id_ not in new:
            yield f"{folder}/{id_}: removed; rows and series still name it"


def _codelist(old: Codelist, new: Codelist) -> Iterator[str]:
    before, after = list(old.codes), list(new.codes)
    if after[: len(before)] != before:
        lost = [code for code in before if code not in after]
        what = f"code {lost[0]} removed" if lost else "codes moved"
        yield f"codelists/{old.id}: {what}; only append"
    for name, groups in old.groups.items():
        for code, group in groups.items():
            other = new.groups.get(name, {}).get(code)
            if other is not None and other != group:
                text = f"{code} moved from {name} {group} to {other}"
                yield f"codelists/{old.id}: {text}; make a new grouping"


def _dataflow(old: Dataflow, new: Dataflow) -> Iterator[str]:
    place = f"dataflows/{old.id}"
    if old.domain is not new.domain:
        yield f"{place}: domain was {old.domain}; another domain is another dataflow"
    if old.schema != new.schema:
        later = {field.name: field for field in new.fields}
        for field in old.fields:
            after = later.get(field.name)
            if after is None or (after.kind, after.role) != (field.kind, field.role):
                yield f"{place}: field {field.name} removed or changed; keep it"
        former = {field.name for field in old.fields}
        for field in new.fields:
            if field.name not in former and field.required:
                yield f"{place}: new field {field.name} is required; old rows lack it"


def _linkages(
    old: Mapping[Domain, Linkage], new: Mapping[Domain, Linkage]
) -> Iterator[str]:
    for domain, linkage in old.items():
        if domain in new:
            yield from _linkage(f"linkage/{domain}", linkage, new[domain])


def _linkage(place: str, old: Linkage, new: Linkage) -> Iterator[str]:
    if old.cap != new.cap:
        yield f"{place}: cap was {old.cap}; keep it"
    later = {one.tier: one for one in new.composites}
    for one in old.composites:
        after = later.pop(one.tier, None)
        if after is None or (after.text, after.exclusive) != (one.text, one.exclusive):
            yield f"{place}: tier {one.tier} removed or changed; append a new one"
    if min(later, default=TIER_NONE) < old.composites[-1].tier:
        yield f"{place}: tier {min(later)} is new below old ones; append it"


def _table(old: Table, new: Table) -> Iterator[str]:
    before, after = _lasting(old), _lasting(new)
    for name in _SERIES:
        if getattr(before, name) != getattr(after, name):
            text = f"{name} changed; give the table a new id"
            yield f"tables/{old.id}: {text}"


def _lasting(table: Table) -> Table:
    """The table without the mapping of members, which grows with them."""
    dimensions = tuple(
        replace(one, mapping=None) if one.field == MEMBER_FIELD else one
        for one in table.dimensions
    )
    return replace(table, dimensions=dimensions)
