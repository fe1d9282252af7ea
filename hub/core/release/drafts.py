"""Drafts: a release that waits for the word of a second person.

Rules (docs/disclosure.md, "Approval"):

- Where the calendar names whose word is needed, a cut is worked out when its turn comes
  and nothing of it is published: the operator is told what would be, and how good.
- An approval is a signature of that member over what was seen: marker, and digest of
  every manifest. It stands in a bundle, so release learns it from the log and the same
  log gives the same bytes.
- Whose word is needed is what the draft's own bundle says. Whether a key was that
  member's is judged by the bundle that brought the approval. A key that is revoked
  later takes back nothing that was said before, so cells that are made anew years
  later let out the same; one that was revoked before says nothing.
- What goes out is what was seen. If something was published meanwhile that the figures
  would have to agree with, they are others: refused, and a new draft is needed.
- A newer draft of the same period, letter and tables takes the place of an older one.
- Whoever hears the notices alone comes to the same drafts (:func:`live`).

State: ``q`` marker → the cut, as it waited, and the digest that was seen; ``c`` → the
newest bundle that was met.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import ormsgpack
from cryptography.exceptions import InvalidSignature

from hub.core import observation
from hub.core.bundle import NONE, Bundle, Bundles
from hub.core.catalogue.model import Catalogue
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.messages import SIGNATURE_NONE, Close, Notice
from hub.core.observation import Vintage
from hub.core.release import collect
from hub.core.release.collect import Waiting
from hub.core.skips import Approval
from hub.core.state import Overlay

REFUSED, DRAFT = "refused", "draft"
"""Kinds of notices."""

KIND, NEWEST = b"q", b"c"
_LABEL = b"kerwen v1 approval\0"
_SEEN = b"kerwen v1 draft\0"


def bare(manifest: Vintage) -> bytes:
    """A manifest of a draft: without a date or a signature it is no release."""
    unsigned = replace(manifest, signature=SIGNATURE_NONE, released_ms=0)
    return observation.encode(unsigned)


def digest(manifests: Iterable[bytes]) -> bytes:
    """What an approval is about: everything that the manifests of a draft say."""
    parts = [hashlib.sha256(one).digest() for one in manifests]
    return hashlib.sha256(_SEEN + b"".join(sorted(parts))).digest()


def signed_bytes(marker: bytes, seen: bytes) -> bytes:
    """What an approval is a signature of."""
    return _LABEL + marker + seen


def keep(overlay: Overlay, waiting: Waiting, seen: bytes) -> None:
    """Let a cut wait for its approval, instead of an older one of the same name."""
    for old, _ in list(waiting_ones(overlay)):
        mine, other = waiting.close, old.close
        if _replaces(mine, mine.tables, other, other.tables):
            drop(overlay, old.close.marker)
    collect.set_aside(overlay, waiting.close.marker)
    packed = ormsgpack.packb((collect.pack(waiting), seen))
    overlay.put(KIND + waiting.close.marker, packed)


def waiting_ones(overlay: Overlay) -> Iterator[tuple[Waiting, bytes]]:
    """The drafts, each with the digest that was seen."""
    for _, value in overlay.scan(KIND):
        stored, seen = ormsgpack.unpackb(value)
        yield collect.unpack(stored), seen


def drop(overlay: Overlay, marker: bytes) -> None:
    """Forget a draft."""
    overlay.delete(KIND + marker)
    collect.finish(overlay, marker)


def approval(
    bundles: Bundles, newest: bytes, waiting: Waiting, seen: bytes
) -> Approval | None:
    """The approval of what was seen that holds; None: not yet.

    Args:
        bundles: The chain, as far as it is held.
        newest: Of the bundles that were met; it names every approval.
        waiting: The draft.
        seen: Its digest.
    """
    last = bundles.get(newest)
    member = approver(bundles.get(waiting.config).catalogue)
    for one in last.skips.approved:
        if (one.marker, one.digest) != (waiting.close.marker, seen):
            continue
        if _holds(_brought(bundles, last, one).registry, member, one):
            return one
    return None


def newest(overlay: Overlay) -> bytes:
    """The newest bundle that was met."""
    return overlay.get(NEWEST) or NONE


def met(overlay: Overlay, config: bytes) -> None:
    """Note down a newer bundle."""
    overlay.put(NEWEST, config)


def approver(catalogue: Catalogue) -> str:
    """The X-Road id of the member whose word is needed; empty: nobody's."""
    member = catalogue.members.get(catalogue.calendar.approval)
    return member.member if member is not None else ""


def tables(draft: Notice) -> tuple[str, ...]:
    """What a draft would publish."""
    return tuple(observation.decode(one).table for one in draft.manifests)


def live(told: Iterable[Notice]) -> list[Notice]:
    """Drafts that were neither refused since nor replaced, in the order of the log.

    Those that were let out are among them: a notice does not tell of that.
    """
    found: dict[bytes, Notice] = {}
    for one in told:
        if one.kind == REFUSED:
            found.pop(one.marker, None)
        elif one.kind == DRAFT:
            mine = tables(one)
            for old in list(found.values()):
                if _replaces(one, mine, old, tables(old)):
                    del found[old.marker]
            found[one.marker] = one
    return list(found.values())


def _replaces(
    newer: Close | Notice,
    mine: Collection[str],
    older: Close | Notice,
    other: Collection[str],
) -> bool:
    same = (newer.period, newer.vintage) == (older.period, older.vintage)
    return same and {*mine} >= {*other}


def _brought(bundles: Bundles, last: Bundle, one: Approval) -> Bundle:
    """The oldest bundle held that has an approval: what was added stays."""
    held = set(bundles.held())
    while last.previous in held:
        before = bundles.get(last.previous)
        if one not in before.skips.approved:
            break
        last = before
    return last


def _holds(registry: KeyRegistry, member: str, one: Approval) -> bool:
    try:
        key = registry.signer(one.key_id, member)
        key.verify(one.signature, signed_bytes(one.marker, one.digest))
    except (EnvelopeError, InvalidSignature):
        return False
    return True
