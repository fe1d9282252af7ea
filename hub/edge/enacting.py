"""Putting a bundle in force: what is new is signed, stored, and named in every log.

Rules (design: delivery, rule 10; docs/adr/0005-bundle.md):

- In this order: the bundle into the store, topics and permissions it needs, a config
  record into every partition of every ministry. A run that broke off is finished by the
  next one, whatever changed meanwhile: the chain of bundles only grows.
- A change that is not live is refused with its reasons before anything is written; so
  is a new table whose past no log has any more (docs/adr/0009-past.md).
- One at a time in a home: config records and markers of two commands never cross.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hub.core.bundle import Bundle
from hub.core.catalogue.live import Change, compare
from hub.core.catalogue.load import load
from hub.core.catalogue.model import Catalogue
from hub.core.cut import DECLARED
from hub.core.disclosure import rules
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import KeyRegistry
from hub.core.log import PARTITIONS_FACTS
from hub.core.skips import Skips
from hub.core.topics import facts_topic
from hub.edge import bundles, control, files, kafka, keyring, topics
from hub.edge.bundles import Library
from hub.edge.settings import Settings

Skipping = Callable[[Skips], Skips]
Past = Mapping[tuple[str, int], kafka.Extent]
"""Topic and partition of every log in which new tables have a past."""
_NOTHING = Change(breaks=(), young=(), notes=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What putting things in force would do.

    Attributes:
        bundle: What would be in force.
        before: What is now; None in a new hub.
        change: Of the catalogue.
        notes: Everything that changes, one sentence each.
    """

    bundle: Bundle
    before: Bundle | None
    change: Change
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enacted:
    """What was done.

    Attributes:
        changes: In the broker.
        configured: Partitions that got a config record besides new ones.
        past: Logs that are counted anew, for new tables.
    """

    plan: Plan
    changes: topics.Changes
    configured: int
    past: Past = field(default_factory=dict)


def plan(settings: Settings, skipping: Skipping | None = None) -> Plan:
    """What the catalogue, the registry and the skips would change.

    Args:
        settings: Whose home, and which catalogue.
        skipping: Adds to the skips that are in force.
    """
    return _plan(settings, library(settings).newest(), skipping)


def enact(
    settings: Settings,
    *,
    skipping: Skipping | None = None,
    replication: int = -1,
    now_ms: int | None = None,
) -> Enacted:
    """Put the catalogue, the registry and the skips in force.

    Raises:
        InvalidError: The change is not live; the text says why.
        RetriableError: The brokers did not take all of it; the same call goes on.
    """
    key = keyring.control(settings.home.root).control
    store = settings.home.bundles
    with control.alone(settings):
        wanted = plan(settings, skipping)
        found = check(settings, wanted)
        if wanted.before is not None:
            control.finish(settings, wanted.before.catalogue)
        if wanted.before is None and topics.used(settings, wanted.bundle.catalogue):
            raise MachineError(
                f"{store} is empty, but the logs of this hub have bundles in force; "
                "bring them back with `kerwen topics bundle --add FOLDER`"
            )
        given = files.read_sources(settings.catalogue)
        if not library(settings).has(wanted.bundle.digest):
            bundles.write(store, wanted.bundle, *given, key)
        author = topics.Author(
            key=key,
            bundle=wanted.bundle.digest,
            now_ms=time.time_ns() // 1_000_000 if now_ms is None else now_ms,
        )
        catalogue = wanted.bundle.catalogue
        changes = topics.apply(settings, catalogue, author, replication=replication)
        configured = 0
        if bundles.applied(store) != wanted.bundle.digest:
            if wanted.before is not None:
                configured = topics.configure(settings, catalogue, author)
            bundles.set_applied(store, wanted.bundle.digest)
    return Enacted(plan=wanted, changes=changes, configured=configured, past=found)


def refuse(wanted: Plan) -> None:
    """Raise InvalidError if a change may not come into force."""
    if wanted.change.breaks:
        first, *more = wanted.change.breaks
        rest = f" (and {len(more)} more)" if more else ""
        raise InvalidError(
            f"this catalogue cannot replace the one in force: {first}{rest}; take it"
            " back, or begin a new generation with it in another KERWEN_HOME"
        )
    # Every cut looks at what was declared; without these tables it would stop the hub.
    missing = set(DECLARED.values()) - wanted.bundle.catalogue.tables.keys()
    if missing:
        raise InvalidError(
            f"this catalogue lacks the tables {', '.join(sorted(missing))}, of which"
            " every cut takes what was declared; copy their files from the packaged one"
        )
    for table in wanted.bundle.catalogue.tables.values():
        rules.check(table, rules.read(wanted.bundle.catalogue.policies[table.policy]))


def check(settings: Settings, wanted: Plan) -> Past:
    """Raise InvalidError if a change may not come into force, as the logs are now."""
    refuse(wanted)
    found = past(settings, wanted)
    for line in lost(found):
        raise InvalidError(line)
    return found


def past(settings: Settings, wanted: Plan) -> Past:
    """The logs in which new tables have a past; asks no broker where there are none."""
    catalogue = wanted.bundle.catalogue
    domains = {
        str(catalogue.dataflows[flow].domain)
        for name in wanted.change.young
        for flow in catalogue.tables[name].flows
    }
    places = [
        (facts_topic(domain), number)
        for domain in sorted(domains)
        for number in range(PARTITIONS_FACTS)
    ]
    if not places:
        return {}
    with kafka.consumer(settings, "admin") as client:
        # A run that broke off may not have made the topic of a new domain yet.
        present = client.topics()
        return kafka.extents(client, [one for one in places if one[0] in present])


def lost(found: Past) -> list[str]:
    """Why the past of new tables cannot be counted, if it cannot."""
    return [
        f"{topic}/{partition} begins at offset {one.start}, so the past of new"
        " tables is gone; take them back, or begin a new generation in another home"
        for (topic, partition), one in found.items()
        if one.start
    ]


def in_force(settings: Settings) -> Catalogue:
    """The catalogue that is in force in this home, or would be in a new one."""
    store = settings.home.bundles
    newest = library(settings).newest() if store.is_dir() else None
    if newest is None:
        return load(*files.read_sources(settings.catalogue))
    return newest.catalogue


def library(settings: Settings) -> Library:
    """The bundles in a home."""
    return Library(settings.home.bundles, keyring.registry(settings.home.root))


def _plan(settings: Settings, before: Bundle | None, skipping: Skipping | None) -> Plan:
    catalogue = load(*files.read_sources(settings.catalogue))
    registry = keyring.registry(settings.home.root)
    skips = before.skips if before else Skips()
    if skipping is not None:
        skips = skipping(skips)
    if before is None:
        first = Bundle(catalogue=catalogue, registry=registry, skips=skips)
        return Plan(bundle=first, before=None, change=_NOTHING, notes=("all of it",))
    change = compare(before.catalogue, catalogue)
    after = before.successor(catalogue, registry, skips)
    notes = [*change.notes, *_notes(before, after, catalogue)]
    return Plan(bundle=after, before=before, change=change, notes=tuple(notes))


def _notes(before: Bundle, after: Bundle, catalogue: Catalogue) -> Iterator[str]:
    """What changes besides the catalogue's content."""
    yield from _key_notes(before.registry, after.registry)
    for cut in after.skips.cuts:
        if cut not in before.skips.cuts:
            yield f"cut {cut.marker.hex()} goes on without {cut.source}: {cut.reason}"
    for message in after.skips.messages:
        if message not in before.skips.messages:
            place = f"{message.source} offset {message.offset}"
            yield f"{place} is set aside: {message.reason}"
    for gone in after.skips.undone:
        if gone not in before.skips.undone:
            yield f"release {gone.marker.hex()[:8]} of {gone.table} was taken back"
    for word in after.skips.approved:
        if word not in before.skips.approved:
            yield f"draft {word.marker.hex()[:8]} is approved by {word.key_id}"
    if catalogue.digest != before.catalogue.digest:
        yield "texts or rules of the catalogue"


def _key_notes(before: KeyRegistry, after: KeyRegistry) -> Iterator[str]:
    for key_id, key in after.keys.items():
        known = before.keys.get(key_id)
        if known is None:
            yield f"new key: {key_id}"
        elif known != key:
            yield f"key {key_id}: {key.status}"
    for key_id in before.keys:
        if key_id not in after.keys:
            yield f"key {key_id}: gone"
