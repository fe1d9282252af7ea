"""Signatures that join one known person: found without a closure.

Rules:

- A guest shares its keys with signatures of one uncontested person and with none that
  comes with it, agrees with that person's number, brings no lesser mark, and finds no
  key hot or full. Then it belongs to that person, and nobody else changes: what the
  register would find the long way.
- Nothing may be leaving at the same time: holders that go change what a key says.
- To be doubted costs speed only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hub.core.dedupe.desk import Desk
from hub.core.dedupe.entries import in_order
from hub.core.dedupe.newcomers import HOLDERS, SIGNATURES, Arrival
from hub.core.persons import (
    CONTESTED,
    ENTRY_SIZE,
    NUMBERED,
    SIGNATURE_SIZE,
    TIER_NUMBER,
    Rules,
    entries_of,
    person_of,
)

HEAD_SIZE = 1 + ENTRY_SIZE
HOT_SIZE = 5
assert HOT_SIZE % SIGNATURE_SIZE  # noqa: S101 - a count never looks like a list


@dataclass(slots=True, kw_only=True)
class _Guest:
    """One signature, its keys, and the signatures that hold some of them."""

    signature: bytes
    keys: bytes
    entries: list[bytes]
    hosts: set[bytes]


def known(desk: Desk, signatures: Iterable[bytes]) -> dict[bytes, bytes]:
    """The entries of those of `signatures` that are in the register."""
    some = list(signatures)
    asked = [some[place] for place in in_order(some)]
    found = desk.get_many([SIGNATURES + signature for signature in asked])
    return {
        signature: entry
        for signature, entry in zip(asked, found, strict=True)
        if entry is not None
    }


def seat(desk: Desk, arrival: Arrival, rules: Rules) -> dict[bytes, bytes]:
    """Place the guests among `arrival.others`; they and their persons.

    They and their keys are taken out of the arrival.
    """
    full = rules.cap * SIGNATURE_SIZE
    asked = (
        _guest(signature, keys, arrival.lists, full)
        for signature, keys in arrival.others.items()
        if signature not in arrival.together
    )
    guests = [guest for guest in asked if guest is not None]
    if not guests:
        return {}
    hosts = known(desk, set().union(*(guest.hosts for guest in guests)))
    seated: dict[bytes, bytes] = {}
    for guest in guests:
        head = _head(guest, hosts, rules)
        if head is not None:
            _write(desk, guest, head, arrival.lists)
            seated[guest.signature] = person_of(head[1:])
            del arrival.others[guest.signature]
    return seated


def _guest(
    signature: bytes, keys: bytes, lists: Mapping[bytes, bytes], full: int
) -> _Guest | None:
    """The signature with its hosts, None if a key is hot or full."""
    entries = entries_of(keys)
    hosts = set()
    for entry in entries:
        holders = lists[entry]
        if holders:
            if len(holders) == HOT_SIZE or len(holders) == full:
                return None
            hosts.add(holders[:SIGNATURE_SIZE])
    return _Guest(signature=signature, keys=keys, entries=entries, hosts=hosts)


def _head(guest: _Guest, hosts: Mapping[bytes, bytes], rules: Rules) -> bytes | None:
    """The head of the one person that the hosts are, None if it takes a closure."""
    heads = {hosts[host][:HEAD_SIZE] for host in guest.hosts}
    if len(heads) != 1:
        return None
    (head,) = heads
    keys, mark = guest.keys, head[1:]
    if head[0] == CONTESTED or keys[:ENTRY_SIZE] < mark:
        return None
    numbered = rules.exclusive and keys[0] == TIER_NUMBER
    # A number that is not its person's mark is another number.
    if numbered and (head[0] != NUMBERED or keys[:ENTRY_SIZE] != mark):
        return None
    return head


def _write(desk: Desk, guest: _Guest, head: bytes, lists: dict[bytes, bytes]) -> None:
    """The guest holds its keys and has its person's head."""
    put, signature = desk.pending, guest.signature
    for entry in guest.entries:
        put[HOLDERS + entry] = lists.pop(entry) + signature
    put[SIGNATURES + signature] = head + guest.keys
