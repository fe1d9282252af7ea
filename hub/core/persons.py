"""Who is one person: signatures joined by shared keys, as a function of a set.

Rules (design: identity; delivery, rule 9):

- A *signature* is a distinct set of person keys, made at intake; records that agree
  in all keys share one. Its *entries* are tier (1 byte) and key (10 bytes); tier 0 is
  a valid personal number, a higher tier is weaker evidence.
- A key held by more signatures than :attr:`Rules.cap` is *hot* and joins nobody: it
  says "common", not "same".
- Where the catalogue says so, two different keys of tier 0 (personal numbers) are never
  one person, hot or not.
- A *closure* is all that shared keys could join. Inside it keys are taken in the order
  (tier, key) and signatures in their order; a join that would put two personal
  numbers together is refused. So strong evidence wins, and no arrival order shows.
- A person's id is a hash of its *mark*: the least entry that only this person holds.
  If it holds none, the mark is its least signature.

Invariant: every function here depends on the set it is given and on nothing else; two
persons never have the same id, and a closure has an id of its own for each person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

ENTRY_SIZE = 11
SIGNATURE_SIZE = 12
"""Of the 16 bytes intake makes: 96 bits tell a billion key sets apart."""

TIER_NUMBER = 0
TIER_NONE = 254
"""The tier of a mark that is a signature: no key is the person's own."""

PLAIN, NUMBERED, CONTESTED = 0, 1, 2
"""What a closure is: one person without a number, one person whose mark is its number,
anything else. Only the last can hold more than one person."""

Placing = tuple[int, bytes]
"""Where a signature belongs: what its closure is, and the mark of its person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the catalogue decides about joining.

    Attributes:
        cap: More signatures than this on one key make it hot; also what one look-up
            may cost.
        exclusive: Whether different numbers are different persons.
    """

    cap: int = 64
    exclusive: bool = True

    def numbers(self, entries: Iterable[bytes]) -> frozenset[bytes]:
        """The entries that keep persons apart."""
        if not self.exclusive:
            return frozenset()
        return frozenset(entry for entry in entries if entry[0] == TIER_NUMBER)


RULES = Rules()
"""Where nothing is declared: signatures of records that name no person."""


def entries_of(keys: bytes) -> list[bytes]:
    """The entries in packed `keys`, least first."""
    return [keys[at : at + ENTRY_SIZE] for at in range(0, len(keys), ENTRY_SIZE)]


def person_of(mark: bytes) -> bytes:
    """The person's id, 16 bytes, which shows no key."""
    return blake2b(mark, digest_size=16, person=b"kerwen person").digest()


def components(
    signatures: Mapping[bytes, bytes], rules: Rules = RULES
) -> dict[bytes, bytes]:
    """The person of every signature, from all of them and their packed keys."""
    counts: dict[bytes, int] = {}
    for keys in signatures.values():
        for entry in entries_of(keys):
            counts[entry] = counts.get(entry, 0) + 1
    hot = {entry for entry, count in counts.items() if count > rules.cap}
    return {
        signature: person_of(mark)
        for signature, (_, mark) in placings(signatures, hot, rules).items()
    }


def placings(
    signatures: Mapping[bytes, bytes], hot: Collection[bytes], rules: Rules
) -> dict[bytes, Placing]:
    """Where every signature belongs, given whole closures and their hot keys."""
    forest = Forest()
    holders = _holders(signatures, hot)
    for joined in holders.values():
        for signature in joined[1:]:
            forest.join(joined[0], signature)
    closures: dict[bytes, dict[bytes, bytes]] = {}
    for signature in sorted(signatures):
        members = closures.setdefault(forest.root(signature), {})
        members[signature] = signatures[signature]
    placed: dict[bytes, Placing] = {}
    for members in closures.values():
        placed.update(_place(members, hot, rules))
    return placed


def _place(
    members: Mapping[bytes, bytes], hot: Collection[bytes], rules: Rules
) -> dict[bytes, Placing]:
    """The placings in one closure, whose members come in order."""
    entries = {entry for keys in members.values() for entry in entries_of(keys)}
    numbers = rules.numbers(entries)
    if len(numbers) <= 1:
        own = entries.difference(hot)
        mark = min(own, default=fallback(members))
        kind = PLAIN if not numbers else NUMBERED if numbers <= own else CONTESTED
        return dict.fromkeys(members, (kind, mark))
    marks = _divide(members, hot, rules)
    return {signature: (CONTESTED, mark) for signature, mark in marks.items()}


def _divide(
    members: Mapping[bytes, bytes], hot: Collection[bytes], rules: Rules
) -> dict[bytes, bytes]:
    """The marks in a closure that holds several personal numbers."""
    holders = _holders(members, hot)
    forest = Forest()
    numbers = {
        signature: rules.numbers(entries_of(keys))
        for signature, keys in members.items()
    }
    for entry in sorted(holders):
        _join_agreeing(forest, holders[entry], numbers)
    own: dict[bytes, bytes] = {}
    for entry in sorted(holders):
        roots = {forest.root(signature) for signature in holders[entry]}
        if len(roots) == 1:
            own.setdefault(roots.pop(), entry)
    # Members come in order, so the first one met is a root's least.
    return {
        signature: own.setdefault(forest.root(signature), fallback((signature,)))
        for signature in members
    }


def _join_agreeing(
    forest: Forest, holders: list[bytes], numbers: dict[bytes, frozenset[bytes]]
) -> None:
    """Join the holders of one key unless two personal numbers would meet.

    `numbers` is kept for roots. Groups that are left apart refuse each other.
    """
    groups: list[bytes] = []
    for signature in holders:
        root = forest.root(signature)
        if root in groups:
            continue
        for place, other in enumerate(groups):
            both = numbers[root] | numbers[other]
            if len(both) <= 1:
                groups[place] = forest.join(root, other)
                numbers[groups[place]] = both
                break
        else:
            groups.append(root)


def _holders(
    signatures: Mapping[bytes, bytes], hot: Collection[bytes]
) -> dict[bytes, list[bytes]]:
    holders: dict[bytes, list[bytes]] = {}
    for signature, keys in signatures.items():
        for entry in entries_of(keys):
            if entry not in hot:
                holders.setdefault(entry, []).append(signature)
    return holders


def fallback(members: Iterable[bytes]) -> bytes:
    """The mark of a person without a key of its own."""
    return bytes((TIER_NONE,)) + min(members)[: ENTRY_SIZE - 1]


class Forest:
    """Disjoint sets of byte strings; a root is the least member it has met."""

    __slots__ = ("parents",)

    def __init__(self) -> None:
        self.parents: dict[bytes, bytes] = {}

    def root(self, member: bytes) -> bytes:
        """The member that stands for the set of `member`."""
        parents = self.parents
        above = parents.get(member)
        if above is None:
            return member
        root = above
        while (higher := parents.get(root)) is not None:
            root = higher
        while above != root:
            parents[member] = root
            member, above = above, parents[above]
        return root

    def join(self, one: bytes, other: bytes) -> bytes:
        """Make one set of two and return its root."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return one
        low, high = (one, other) if one < other else (other, one)
        self.parents[high] = low
        return low
