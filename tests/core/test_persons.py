"""Persons: one function of a set, and a register that keeps up with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import persons
from hub.core.dedupe import guests, register
from hub.core.dedupe.desk import Desk
from hub.core.persons import RULES, Rules, components
from hub.core.state import Memory, Overlay

Signatures = Mapping[bytes, bytes]


def entry(tier: int, number: int) -> bytes:
    """One person key."""
    return bytes((tier,)) + number.to_bytes(persons.ENTRY_SIZE - 1, "big")


def keys(*pairs: tuple[int, int]) -> bytes:
    """Packed keys."""
    return b"".join(sorted({entry(*pair) for pair in pairs}))


def signature(packed: bytes) -> bytes:
    """The signature of packed keys."""
    return blake2b(packed, digest_size=persons.SIGNATURE_SIZE).digest()


def people(*packed: bytes, rules: Rules = RULES) -> list[set[int]]:
    """Key-sets (by position) grouped into persons, in order."""
    found = components({signature(one): one for one in packed}, rules)
    groups: dict[bytes, set[int]] = {}
    for place, one in enumerate(packed):
        groups.setdefault(found[signature(one)], set()).add(place)
    return sorted(groups.values(), key=min)


def test_shared_key_joins() -> None:
    """Two key-sets with a common key are one person, also through a third."""
    assert people(keys((1, 1)), keys((2, 5)), keys((1, 1), (2, 5)), keys((1, 9))) == [
        {0, 1, 2},
        {3},
    ]


def test_two_numbers_never_join() -> None:
    """A shared document does not make one person of two personal numbers."""
    assert people(keys((0, 1), (1, 7)), keys((0, 2), (1, 7))) == [{0}, {1}]


def test_stronger_evidence_wins() -> None:
    """A key-set between two numbers goes with the stronger of its keys."""
    first = keys((0, 1), (1, 7))
    second = keys((0, 2), (2, 8))

    assert people(first, second, keys((1, 7), (2, 8))) == [{0, 2}, {1}]


def test_mark_is_the_least_key_of_its_own() -> None:
    """The id comes from the personal number, and else from the least own key."""
    numbered = keys((0, 4), (1, 1))
    plain = keys((1, 3), (2, 2))
    found = components({signature(numbered): numbered, signature(plain): plain})

    assert found[signature(numbered)] == persons.person_of(entry(0, 4))
    assert found[signature(plain)] == persons.person_of(entry(1, 3))


def test_where_numbers_are_not_exclusive_they_join_like_any_key() -> None:
    """The rule that keeps apart is the catalogue's."""
    pair = keys((0, 1), (1, 7)), keys((0, 2), (1, 7))

    assert people(*pair, rules=Rules(exclusive=False)) == [{0, 1}]


def test_hot_key_joins_nobody() -> None:
    """A key over the cap says common, not same."""
    rules = Rules(cap=2)
    crowd = [keys((1, 7), (2, number)) for number in range(3)]

    assert people(*crowd[:2], rules=rules) == [{0, 1}]
    assert people(*crowd, rules=rules) == [{0}, {1}, {2}]


def test_person_without_a_key_of_its_own_is_still_someone() -> None:
    """Key-sets that hold only hot keys are persons by their signature."""
    sets = [keys((1, 1), (1, 2)), keys((1, 1), (1, 3)), keys((1, 2), (1, 3))]

    assert people(*sets, rules=Rules(cap=1)) == [{0}, {1}, {2}]


def test_persons_apart_have_ids_apart() -> None:
    """A key that two persons hold names neither, also if their numbers are hot."""
    crowds = [keys((0, 1), (2, 1)), keys((0, 1), (2, 2))]
    crowds += [keys((0, 2), (2, 3)), keys((0, 2), (2, 4))]
    pair = [keys((0, 1), (1, 7)), keys((0, 2), (1, 7))]

    sets = {signature(one): one for one in (*pair, *crowds)}
    found = components(sets, Rules(cap=2))

    assert {found[signature(one)] for one in pair} == {
        persons.person_of(persons.fallback([signature(one)])) for one in pair
    }


entries = st.one_of(
    st.tuples(st.just(0), st.integers(0, 3)),
    st.tuples(st.integers(1, 2), st.integers(0, 7)),
)
key_sets = st.lists(entries, min_size=1, max_size=3).map(lambda some: keys(*some))


@given(st.sets(key_sets, max_size=12))
def test_two_numbers_are_never_one_person(sets: set[bytes]) -> None:
    """No person holds two personal numbers, unless one key-set itself does."""
    found = components({signature(one): one for one in sets})
    numbers: dict[bytes, set[frozenset[bytes]]] = {}
    for one in sets:
        own = RULES.numbers(persons.entries_of(one))
        numbers.setdefault(found[signature(one)], set()).add(own)

    assert all(
        len(frozenset[bytes]().union(*each)) <= 1 or len(each) == 1
        for each in numbers.values()
    )


class Registered:
    """A register beside the set it should follow."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.memory = Memory()
        self.active: dict[bytes, bytes] = {}
        self.count = 0

    def change(self, added: set[bytes], removed: set[bytes]) -> register.Revision:
        """Change the set and commit."""
        overlay = Overlay(self.memory)
        desk = Desk(overlay)
        came = {signature(one): one for one in sorted(added)}
        came = {sign: one for sign, one in came.items() if sign not in self.active}
        left = [sign for sign in map(signature, removed) if sign in self.active]
        before = components(self.active, self.rules)
        revision = register.revise(desk, came, guests.known(desk, left), self.rules)
        desk.flush()
        self.memory.apply(overlay.pending)
        self.active |= came
        for sign in left:
            del self.active[sign]
        counts = revision.counts
        self.count += counts["created"] + counts["split"]
        self.count -= counts["merged"] + counts["ended"]
        self.check(before, revision)
        return revision

    def check(self, before: Signatures, revision: register.Revision) -> None:
        """State, result and counts must say what the batch function says."""
        expected = components(self.active, self.rules)
        counts = Counter(
            entry for one in self.active.values() for entry in persons.entries_of(one)
        )
        hot = {entry for entry, count in counts.items() if count > self.rules.cap}
        heads = {
            sign: bytes((kind,)) + mark
            for sign, (kind, mark) in persons.placings(
                self.active, hot, self.rules
            ).items()
        }
        stored = Overlay(self.memory).scan(b"S")

        size = guests.HEAD_SIZE
        assert {key[1:]: value[:size] for key, value in stored} == heads
        assert {sign: register.person_in(head) for sign, head in heads.items()} == (
            expected
        )
        assert revision.moved == {
            sign: (before[sign], person)
            for sign, person in expected.items()
            if sign in before and before[sign] != person
        }
        assert revision.persons == {
            sign: person for sign, person in expected.items() if sign not in before
        }
        assert self.count == len(set(expected.values()))


@pytest.mark.parametrize("first", [1, 2])
def test_a_number_of_its_own_is_seen_in_whoever_joins_a_known_person(
    first: int,
) -> None:
    """Also the greater one, which is no lesser mark; drawn sets seldom have it."""
    followed = Registered()
    followed.change({keys((0, first), (1, 7))}, set())
    followed.change({keys((0, 3 - first), (1, 7))}, set())

    assert followed.count == len(followed.active)


changes = st.lists(
    st.tuples(st.sets(key_sets, max_size=5), st.sets(st.integers(0, 30), max_size=3)),
    max_size=8,
)


@pytest.mark.parametrize(
    "rules", [*(Rules(cap=cap) for cap in (1, 2, 3, 64)), Rules(cap=2, exclusive=False)]
)
@settings(max_examples=250, deadline=None)
@given(changes=changes)
def test_register_follows_the_set(
    rules: Rules, changes: list[tuple[set[bytes], set[int]]]
) -> None:
    """Additions and removals in any order give what the whole set gives."""
    followed = Registered(rules)
    for added, places in changes:
        there = sorted(followed.active.values())
        removed = {there[place % len(there)] for place in places if there}
        followed.change(added - removed, removed)


@settings(max_examples=100, deadline=None)
@given(sets=st.lists(key_sets, max_size=10, unique=True), data=st.data())
def test_register_ends_empty(sets: list[bytes], data: st.DataObject) -> None:
    """When every signature has gone, in any order, nothing is left in the state."""
    followed = Registered()
    followed.change(set(sets), set())
    for one in data.draw(st.permutations(sets)):
        followed.change(set(), {one})

    assert followed.memory.entries == {}
