"""Signed skips: what a hub goes on without, by whose reason, since when.

Beside them, in the same way and for the same reason, stand releases that were taken
back: release reads no log but the cells, so the bundle tells it.

Rules (design: delivery, rules 8 and 12):

- A *cut* skip lets one cut go on without one source; its ministry is marked missing.
- A *message* skip sets one message of one log aside: it is accounted for and never
  worked on. It speaks of an offset, so it counts wherever that offset is read, whatever
  bundle is in force there.
- Skips are part of the bundle and so signed by control; they are only ever added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from hub.core.errors import InvalidError

SKIPS_MAX = 10_000
REASON_MAX = 200
MARKER_SIZE = 16
_APPROVED = ("marker", "digest", "signature")
"""The bytes of an approval."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CutSkip:
    """One cut goes on without one source (``topic/partition``)."""

    marker: bytes
    source: str
    reason: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MessageSkip:
    """The message at `offset` of the log with uuid `log` is set aside."""

    source: str
    log: bytes
    offset: int
    reason: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Undone:
    """The release of one table that was taken back: another may take its place."""

    marker: bytes
    table: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Approval:
    """The word of a second person that lets a draft out.

    Attributes:
        marker: Of the draft.
        digest: What was seen; see :func:`hub.core.release.drafts.digest`.
        signature: By a signing key of the member that the calendar names.
    """

    marker: bytes
    digest: bytes
    key_id: str
    created_ms: int
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Skips:
    """All skips of a bundle, releases taken back, and approvals."""

    cuts: tuple[CutSkip, ...] = ()
    messages: tuple[MessageSkip, ...] = ()
    undone: tuple[Undone, ...] = ()
    approved: tuple[Approval, ...] = ()

    def __post_init__(self) -> None:
        """However they came together: what is written can be read again."""
        entries = (self.cuts, self.messages, self.undone, self.approved)
        if sum(map(len, entries)) > SKIPS_MAX:
            raise InvalidError(
                f"more than {SKIPS_MAX} skips: begin a new generation in another home"
            )

    def digest(self) -> bytes:
        """SHA-256 of the canonical text."""
        return hashlib.sha256(self.text().encode()).digest()

    def text(self) -> str:
        """The canonical JSON text: entries in order, one line each."""
        cuts = [_line(one) for one in sorted(self.cuts)]
        messages = [_line(one) for one in sorted(self.messages)]
        text = f'"cuts": [{_lines(cuts)}],\n"messages": [{_lines(messages)}]'
        # What is not there is not written: older bundles keep their digests.
        undone = [_line(one) for one in sorted(self.undone)]
        approved = [_line(one) for one in sorted(self.approved)]
        for name, lines in (("undone", undone), ("approved", approved)):
            if lines:
                text += f',\n"{name}": [{_lines(lines)}]'
        return f"{{{text}}}\n"

    def with_cut(self, skip: CutSkip) -> Skips:
        """These and one more; the first of two about the same thing stays."""
        named = {(one.marker, one.source) for one in self.cuts}
        if (skip.marker, skip.source) in named:
            return self
        return replace(self, cuts=(*self.cuts, checked(skip)))

    def with_message(self, skip: MessageSkip) -> Skips:
        """These and one more; the first of two about the same thing stays."""
        if skip.offset in self.offsets(skip.source, skip.log):
            return self
        return replace(self, messages=(*self.messages, checked(skip)))

    def with_undone(self, found: Iterable[Undone]) -> Skips:
        """These and releases that were taken back."""
        more = {*found} - {*self.undone}
        return replace(self, undone=(*self.undone, *sorted(more)))

    def with_approval(self, approval: Approval) -> Skips:
        """These and one approval; of two about one draft both stay."""
        if approval in self.approved:
            return self
        return replace(self, approved=(*self.approved, approval))

    def of_cuts(self) -> frozenset[tuple[bytes, str]]:
        """(marker, source) of every cut skip."""
        return frozenset((one.marker, one.source) for one in self.cuts)

    def offsets(self, source: str, log: bytes) -> frozenset[int]:
        """Offsets that are set aside in one log."""
        return frozenset(
            one.offset
            for one in self.messages
            if (one.source, one.log) == (source, log)
        )

    def holds(self, earlier: Skips) -> bool:
        """Whether nothing of `earlier` is gone."""
        pairs = (
            (earlier.cuts, self.cuts),
            (earlier.messages, self.messages),
            (earlier.undone, self.undone),
            (earlier.approved, self.approved),
        )
        return all({*old} <= {*new} for old, new in pairs)


Skip = CutSkip | MessageSkip
Entry = Skip | Undone | Approval
S = TypeVar("S", CutSkip, MessageSkip)


def read_skips(text: str) -> Skips:
    """The skips in a text written by :meth:`Skips.text`; raises InvalidError."""
    try:
        content = json.loads(text)
        found = Skips(
            cuts=tuple(
                CutSkip(**_values(one, marker=one["marker"])) for one in content["cuts"]
            ),
            messages=tuple(
                MessageSkip(**_values(one, log=one["log"]))
                for one in content["messages"]
            ),
            undone=tuple(
                Undone(**_values(one, marker=one["marker"]))
                for one in content.get("undone", ())
            ),
            approved=tuple(
                Approval(**_values(one, **{name: one[name] for name in _APPROVED}))
                for one in content.get("approved", ())
            ),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError("the list of skips cannot be read") from error
    for cut in found.cuts:
        checked(cut)
    for message in found.messages:
        checked(message)
    return found


def checked(skip: S) -> S:
    """`skip` itself, once everything in it can stand in a bundle."""
    uuid = skip.marker if isinstance(skip, CutSkip) else skip.log
    if len(uuid) != MARKER_SIZE or "/" not in skip.source:
        raise InvalidError(f"a skip names {skip.source!r}: expected topic/partition")
    if not 0 < len(skip.reason) <= REASON_MAX or not skip.reason.isprintable():
        raise InvalidError(f"a skip needs a reason of 1 to {REASON_MAX} characters")
    if isinstance(skip, MessageSkip) and skip.offset < 1:
        raise InvalidError("a skip of offset 0 would take a log its genesis")
    return skip


def _values(entry: Mapping[str, Any], **uuids: str) -> dict[str, Any]:
    return {**entry, **{name: bytes.fromhex(text) for name, text in uuids.items()}}


def _line(skip: Entry) -> str:
    values = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(skip).items()
    }
    return json.dumps(values, sort_keys=True)


def _lines(lines: list[str]) -> str:
    return ",".join(f"\n {line}" for line in lines)
