"""What may come into force while the hub runs (docs/adr/0005-bundle.md).

Rules:

- A change is *live* if every row that the old catalogue took means the same under the
  new one. Then it does not matter at which place of which log a stage goes over to it,
  and an audit may count the whole past under the newest.
- New codes, texts, members, agreements, dataflows, rules of a dataflow, policies: live.
- A new table that looks at a dataflow that has a past, its own or one it is joined with
  or closed by, is live too, but *young*: the partitions that did not count it are
  folded anew (docs/adr/0009-past.md).
- Everything else breaks: it is begun as a new generation beside the old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hub.core.catalogue.growth import MADE, breaks
from hub.core.catalogue.model import Catalogue, Dataflow

_LASTING = ("schema", "person", "unique", "derived", "quiet", "declare", "reserved")
"""What of a dataflow decides about rows that are already in state."""

NAMED_MAX = 5
"""So many new things are named in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one catalogue to the next.

    Attributes:
        breaks: Why it may not come into force, one sentence each.
        young: New tables whose past has to be counted.
        notes: What else changes, one sentence each.
    """

    breaks: tuple[str, ...]
    young: tuple[str, ...]
    notes: tuple[str, ...]


def compare(old: Catalogue, new: Catalogue) -> Change:
    """What `new` would change, and whether it may."""
    return Change(
        breaks=tuple(dict.fromkeys((*breaks(old, new), *_breaks(old, new)))),
        young=young(old, new),
        notes=tuple(sorted(_notes(old, new))),
    )


def young(old: Catalogue, new: Catalogue) -> tuple[str, ...]:
    """Tables that look at dataflows of `old`, and which `old` did not count."""
    return tuple(
        table.id
        for table in new.tables.values()
        if table.id not in old.tables
        and not old.dataflows.keys().isdisjoint(table.flows)
    )


def _breaks(old: Catalogue, new: Catalogue) -> Iterator[str]:
    if old.instance != new.instance:
        yield f"catalogue.toml: instance was {old.instance}; keep it"
    for name, dataflow in old.dataflows.items():
        if name in new.dataflows:
            yield from _dataflow(dataflow, new.dataflows[name])
    for name, member in old.members.items():
        if name in new.members:
            for gone in sorted({*member.provides} - {*new.members[name].provides}):
                yield (
                    f"providers/{name}: no longer provides {gone}, and every cut would"
                    " still wait for it; revoke its signing key instead"
                )
    for name in sorted(old.codelists.keys() & new.codelists.keys() - {*MADE}):
        yield from _groups(name, old, new)
    for name in sorted(old.tables.keys() & new.tables.keys()):
        if old.tables[name].largest != new.tables[name].largest:
            yield f"tables/{name}: largest changed; give the table a new id"


def _dataflow(old: Dataflow, new: Dataflow) -> Iterator[str]:
    for name in _LASTING:
        if getattr(old, name) != getattr(new, name):
            yield f"dataflows/{old.id}: {name} changed; rows in state have the old one"


def _groups(name: str, old: Catalogue, new: Catalogue) -> Iterator[str]:
    """Codes that rows may already have do not enter a group later."""
    before, after = old.codelists[name], new.codelists[name]
    for grouping, known in before.groups.items():
        for code in after.groups.get(grouping, ()):
            if code in before.codes and code not in known:
                yield f"codelists/{name}: {code} enters {grouping}; make a new grouping"


def _notes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    for what, before, after in (
        ("codelist", old.codelists, new.codelists),
        ("dataflow", old.dataflows, new.dataflows),
        ("member", old.members, new.members),
        ("table", old.tables, new.tables),
        ("policy", old.policies, new.policies),
    ):
        yield from _added(f"new {what}", before, after)
    for name in new.codelists.keys() & old.codelists.keys() - {*MADE}:
        codes = old.codelists[name].codes, new.codelists[name].codes
        yield from _added(f"new codes of {name}", *codes)
    for name in new.members.keys() & old.members.keys():
        flows = old.members[name].provides, new.members[name].provides
        yield from _added(f"new agreement of {name}", *flows)
    for name, policy in new.policies.items():
        if name in old.policies and policy.params != old.policies[name].params:
            yield f"policy {name}: other numbers; figures are marked as a break"


def _added(what: str, before: Collection[str], after: Collection[str]) -> Iterator[str]:
    names = [name for name in after if name not in before]
    if names:
        more = len(names) - NAMED_MAX
        rest = f" and {more} more" if more > 0 else ""
        yield f"{what}: {', '.join(names[:NAMED_MAX])}{rest}"
