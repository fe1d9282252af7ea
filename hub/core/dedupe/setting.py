"""What a bundle says about one domain, and where that domain stands.

State entry: ``g`` → bundle, generation and clock of the newest block, the sources with
a gap, and where a message stopped that has more to release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import ormsgpack

from hub.core import topics
from hub.core.bundle import NONE, Books, Bundle
from hub.core.catalogue.model import Domain
from hub.core.dedupe.flows import Flow, flows, rules_of
from hub.core.keys import KeyRegistry
from hub.core.markers import Alignment, voided
from hub.core.markers import Rules as MarkerRules
from hub.core.persons import Rules
from hub.core.standing import (
    JOINING,
    VOID,
    WAITING,
    CutStanding,
    Standing,
    of_close,
)
from hub.core.state import Overlay

GENERAL = b"g"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a bundle says about one domain.

    Attributes:
        flows: Dataflows that may come, by id.
        expected: Sources every marker has to come from, as ``topic/partition``.
        quiet: Nothing is counted aloud about persons of this domain.
        rules: How its persons are joined.
        skips: Signed skips: (marker, ``topic/partition``).
        members: X-Road ids of ministries, by short id.
        registry: Public keys.
    """

    flows: Mapping[str, Flow]
    expected: frozenset[str]
    quiet: bool
    rules: Rules
    skips: frozenset[tuple[bytes, str]]
    members: Mapping[str, str] = field(repr=False)
    registry: KeyRegistry = field(repr=False)


def alignment(overlay: Overlay, books: Books[Setting]) -> Alignment:
    """The markers under way in a domain."""
    rules = MarkerRules(
        expected=lambda config: books.of(config).expected, newer=books.newer
    )
    return Alignment(overlay, rules)


def standing(overlay: Overlay, books: Books[Setting]) -> Standing:
    """Where a domain stands: its bundle, and whom its markers wait for."""
    stored = overlay.get(GENERAL)
    cuts = []
    for one in alignment(overlay, books).waiting:
        if one.close is None:
            cut = CutStanding(word=JOINING, since_ms=one.since_ms, sources=one.sources)
        else:
            cut = of_close(
                WAITING, one.close, since_ms=one.since_ms, sources=one.sources
            )
        cuts.append(cut)
    cuts += [of_close(VOID, close) for close in voided(overlay)]
    bundle = ormsgpack.unpackb(stored)[0] if stored else NONE
    return Standing(bundle=bundle, cuts=tuple(cuts))


def setting(domain: Domain, bundle: Bundle) -> Setting:
    """What a bundle says about a domain."""
    catalogue = bundle.catalogue
    own = {id_: flow for id_, flow in flows(catalogue).items() if flow.domain == domain}
    names = (f"{topic}/{part}" for topic, part in topics.sources(catalogue, domain))
    return Setting(
        flows=own,
        expected=frozenset(names),
        quiet=any(flow.quiet for flow in own.values()),
        rules=rules_of(catalogue, domain),
        skips=bundle.skips.of_cuts(),
        members={name: one.member for name, one in catalogue.members.items()},
        registry=bundle.registry,
    )
