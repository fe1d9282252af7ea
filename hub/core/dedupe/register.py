"""The register: persons kept up to date while signatures come and go.

State, by kind of entry (keys are the letter and what follows):

- ``S`` signature → what its closure is (1 byte), mark (11), packed keys;
- ``K`` entry → its signatures, at most the cap of them, or, once it is hot, how many;
- ``o`` entry, signature → empty: who holds a hot key, needed when it cools down.

Rules:

- The result is :func:`hub.core.persons.components` of all signatures there are,
  whatever the order they came in.
- Most changes need no closure. A signature that meets nobody is a new person; one that
  meets a single uncontested person, agrees with its number and brings no lesser mark,
  belongs to it. Only the rest is recomputed, closure by closure.
- Holders of one key that is not hot share a closure, so one of them stands for all.

Bound: the cap is one of an entry of kind ``K``; a closure has no bound but what the
keys give. Keys that many different people share do not belong into intake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.core.dedupe.desk import Desk
from hub.core.dedupe.guests import HEAD_SIZE, HOT_SIZE, known, seat
from hub.core.dedupe.newcomers import HOLDERS, SIGNATURES, arrive
from hub.core.persons import (
    CONTESTED,
    NUMBERED,
    PLAIN,
    RULES,
    SIGNATURE_SIZE,
    Forest,
    Rules,
    entries_of,
    fallback,
    person_of,
    placings,
)

CROWDS = b"o"


@dataclass(slots=True, kw_only=True)
class Revision:
    """What a change of the set of signatures did.

    Attributes:
        persons: The person of every signature that was added.
        moved: Older signatures whose person changed: the person before and after.
        counts: Persons created, merged, split and ended; signatures contested; keys
            that became hot.
    """

    persons: dict[bytes, bytes] = field(default_factory=dict)
    moved: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def person_in(entry: bytes) -> bytes:
    """The person in a signature's entry."""
    return person_of(entry[1:HEAD_SIZE])


def revise(
    desk: Desk,
    added: Mapping[bytes, bytes],
    removed: Mapping[bytes, bytes],
    rules: Rules = RULES,
) -> Revision:
    """Bring the register up to date.

    Args:
        desk: Where the state is.
        added: Signature -> packed keys, none of them in the register yet.
        removed: Signature -> its entry in the register.
        rules: Of the domain; always the same for one desk.
    """
    if not added and not removed:
        return Revision()
    return _Revising(desk, added, removed, rules).run()


class _Revising:
    """One call of :func:`revise`."""

    def __init__(
        self,
        desk: Desk,
        added: Mapping[bytes, bytes],
        removed: Mapping[bytes, bytes],
        rules: Rules,
    ) -> None:
        arrival = arrive(desk, added, rules)
        self.result = Revision(persons=dict(arrival.persons))
        self.result.counts["created"] = len(arrival.persons)
        if not removed:
            self.result.persons |= seat(desk, arrival, rules)
        self.desk = desk
        self.rules = rules
        self.full = rules.cap * SIGNATURE_SIZE
        self.added = {sign: entries_of(keys) for sign, keys in arrival.others.items()}
        self.packed = arrival.others
        self.removed = removed
        self.lists = arrival.lists
        self.forest = Forest()
        self.met: set[bytes] = set()
        self.seeds: set[bytes] = set()
        self.heads: dict[bytes, bytes] = {}
        self.joined: set[bytes] = set()
        self.kept: set[bytes] = set()

    def run(self) -> Revision:
        """Newcomers first, then lists, then the quick cases, then closures."""
        if self.added or self.removed:
            self._revise()
        return self.result

    def _revise(self) -> None:
        leaving = {
            sign: entries_of(entry[HEAD_SIZE:]) for sign, entry in self.removed.items()
        }
        self._load(entry for keys in leaving.values() for entry in keys)
        for signature, entries in leaving.items():
            self._withdraw(signature, entries)
        for signature, entries in self.added.items():
            self._enter(signature, entries)
        put = self.desk.pending
        for entry, holders in self.lists.items():
            put[HOLDERS + entry] = holders or None
        self._place_quickly()
        old = self._recompute() if self.seeds else {}
        for signature, head in self.heads.items():
            put[SIGNATURES + signature] = head + self.packed[signature]
            self.result.persons[signature] = person_in(head)
            if signature in self.joined:
                self.kept.add(self.result.persons[signature])
        self._count(old)
        # A guest of this batch whose person got another mark was never anybody else.
        for signature in self.result.persons.keys() & self.result.moved.keys():
            self.result.persons[signature] = self.result.moved.pop(signature)[1]

    def _load(self, entries: Iterable[bytes]) -> None:
        lists = self.lists
        asked = sorted(entry for entry in set(entries) if entry not in lists)
        found = self.desk.get_many([HOLDERS + entry for entry in asked])
        for entry, holders in zip(asked, found, strict=True):
            lists[entry] = holders or b""

    def _withdraw(self, signature: bytes, entries: list[bytes]) -> None:
        self.desk.delete(SIGNATURES + signature)
        for entry in entries:
            holders = self.lists[entry]
            if len(holders) == HOT_SIZE:
                self.desk.leave(CROWDS + entry, signature)
                count = int.from_bytes(holders, "big") - 1
                self.lists[entry] = holders = (
                    count.to_bytes(HOT_SIZE, "big")
                    if count > self.rules.cap
                    else self._cool_down(entry)
                )
                if count > self.rules.cap:
                    continue
            else:
                left = [one for one in _split(holders) if one != signature]
                self.lists[entry] = holders = b"".join(left)
            if holders:
                self.seeds.add(holders[:SIGNATURE_SIZE])

    def _cool_down(self, entry: bytes) -> bytes:
        members = self.desk.members(CROWDS + entry)
        for member in members:
            self.desk.leave(CROWDS + entry, member)
        return b"".join(members)

    def _enter(self, signature: bytes, entries: list[bytes]) -> None:
        lists, added = self.lists, self.added
        for entry in entries:
            holders = lists[entry]
            if not holders:
                lists[entry] = signature
            elif len(holders) == HOT_SIZE:
                self.desk.enter(CROWDS + entry, signature)
                count = int.from_bytes(holders, "big") + 1
                lists[entry] = count.to_bytes(HOT_SIZE, "big")
            elif len(holders) == self.full:
                self._heat_up(entry, [*_split(holders), signature])
            else:
                first = holders[:SIGNATURE_SIZE]
                if first not in added:
                    self.met.add(first)
                self.forest.join(signature, first)
                lists[entry] = holders + signature

    def _heat_up(self, entry: bytes, members: list[bytes]) -> None:
        # What the key held together may fall apart: every holder starts a closure.
        for member in members:
            self.desk.enter(CROWDS + entry, member)
        self.lists[entry] = len(members).to_bytes(HOT_SIZE, "big")
        self.seeds.update(members)
        self.result.counts["hot"] += 1

    def _place_quickly(self) -> None:
        root = self.forest.root
        groups: dict[bytes, list[bytes]] = {}
        for signature in self.added:
            groups.setdefault(root(signature), []).append(signature)
        heads: dict[bytes, set[bytes]] = {}
        for signature, entry in known(self.desk, self.met).items():
            heads.setdefault(root(signature), set()).add(entry[:HEAD_SIZE])
        for group, members in groups.items():
            head = self._quick(members, heads.get(group))
            if head is None:
                self.seeds.update(members)
            else:
                self.heads.update(dict.fromkeys(members, head))
                if group in heads:
                    self.joined.update(members)

    def _quick(self, members: list[bytes], heads: set[bytes] | None) -> bytes | None:
        """The head that new members of a group get, None if it takes a closure."""
        lists = self.lists
        keys = [entry for member in members for entry in self.added[member]]
        own = [entry for entry in keys if len(lists[entry]) != HOT_SIZE]
        numbers = self.rules.numbers(keys)
        if len(numbers) > 1 or not numbers.issubset(own):
            return None
        mark = min(own, default=fallback(members))
        if heads is None:
            return bytes((NUMBERED if numbers else PLAIN,)) + mark
        if len(heads) > 1:
            return None
        (head,) = heads
        if head[0] == CONTESTED or mark < head[1:]:
            return None
        if head[0] == NUMBERED and not numbers.issubset((head[1:],)):
            return None
        return head

    def _recompute(self) -> dict[bytes, bytes]:
        """Place whole closures; the marks that their older signatures had."""
        closure, old = self._closure()
        hot = {entry for entry, to in self.lists.items() if len(to) == HOT_SIZE}
        for signature, (kind, mark) in placings(closure, hot, self.rules).items():
            head = bytes((kind,)) + mark
            before = old.get(signature)
            if before is None:
                self.heads[signature] = head
                self.joined.discard(signature)
            elif before != head:
                self.desk.pending[SIGNATURES + signature] = head + closure[signature]
                if before[1:] != mark:
                    self.result.moved[signature] = person_in(before), person_of(mark)
            if kind == CONTESTED and (before is None or before[0] != CONTESTED):
                self.result.counts["contested"] += 1
        return {signature: before[1:] for signature, before in old.items()}

    def _closure(self) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """All that the seeds reach: packed keys, and heads of older signatures."""
        closure: dict[bytes, bytes] = {}
        old: dict[bytes, bytes] = {}
        reached = set(self.seeds)
        frontier = reached
        seen: set[bytes] = set()
        while frontier:
            for signature in frontier.intersection(self.added):
                closure[signature] = self.packed[signature]
            for signature, entry in known(
                self.desk, frontier.difference(self.added)
            ).items():
                closure[signature] = entry[HEAD_SIZE:]
                old[signature] = entry[:HEAD_SIZE]
            entries = {
                entry
                for signature in frontier
                for entry in entries_of(closure.get(signature, b""))
            }.difference(seen)
            seen |= entries
            self._load(entries)
            frontier = {
                signature
                for entry in entries
                if len(self.lists[entry]) != HOT_SIZE
                for signature in _split(self.lists[entry])
            }.difference(reached)
            reached |= frontier
        return closure, old

    def _count(self, old: Mapping[bytes, bytes]) -> None:
        """Persons now = persons before + created + split - merged - ended."""
        counts, moved = self.result.counts, self.result.moved
        ids = {mark: person_of(mark) for mark in old.values()}
        pairs = set()
        for signature, mark in old.items():
            pairs.add(moved.get(signature, (ids[mark], ids[mark])))
        before = {person for person, _ in pairs}
        after = {person for _, person in pairs}
        counts["merged"] += len(pairs) - len(after)
        counts["split"] += len(pairs) - len(before)
        ended = {person_in(entry) for entry in self.removed.values()}
        counts["ended"] += len(ended - before)
        mine = {self.result.persons[signature] for signature in self.heads}
        counts["created"] += len(mine - after - self.kept)


def _split(holders: bytes) -> list[bytes]:
    return [
        holders[at : at + SIGNATURE_SIZE]
        for at in range(0, len(holders), SIGNATURE_SIZE)
    ]
