"""Signatures that meet nobody: most of those that are new, placed in columns.

Rules:

- A newcomer shares no key with any signature there is nor with another that comes with
  it, and holds at most one personal number. It is a person of its own, and its mark is
  its least key: what the register would find, without a closure.
- Keys are asked for in one sorted look-up for all that come. What was found is handed
  on, so that nothing is asked twice.
- To be doubted costs speed only: whoever may be no newcomer goes the long way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hub.core.dedupe.desk import Desk
from hub.core.persons import (
    ENTRY_SIZE,
    NUMBERED,
    PLAIN,
    TIER_NUMBER,
    Rules,
    person_of,
)

SIGNATURES, HOLDERS = b"S", b"K"
KEY_SIZE = 1 + ENTRY_SIZE
_SORTED_BYTES = 8
assert _SORTED_BYTES < ENTRY_SIZE  # noqa: S101 - the first bytes of an entry sort it


@dataclass(slots=True, kw_only=True)
class Arrival:
    """What became of signatures that came.

    Attributes:
        persons: Newcomers and their persons; they are in the register now.
        others: The rest, with their packed keys.
        together: Those of the rest that may share a key with another one, or may hold
            two numbers.
        lists: What was found at every key of the rest, b"" for nothing.
    """

    persons: dict[bytes, bytes] = field(default_factory=dict)
    others: dict[bytes, bytes] = field(default_factory=dict)
    together: set[bytes] = field(default_factory=set)
    lists: dict[bytes, bytes] = field(default_factory=dict)


def arrive(desk: Desk, added: Mapping[bytes, bytes], rules: Rules) -> Arrival:
    """Place the newcomers among `added`: signature -> packed keys."""
    if not added:
        return Arrival()
    packed = list(added.values())
    sizes = np.array([len(keys) // ENTRY_SIZE for keys in packed])
    owners = np.repeat(np.arange(len(packed)), sizes)
    table = np.empty((len(owners), KEY_SIZE), np.uint8)
    table[:, 0] = HOLDERS[0]
    table[:, 1:] = np.frombuffer(b"".join(packed), np.uint8).reshape(-1, ENTRY_SIZE)
    order, shared = _sorted(table)
    owners = owners[order]
    text = table[order].tobytes()
    keys = [text[at : at + KEY_SIZE] for at in range(0, len(text), KEY_SIZE)]
    found = desk.get_many(keys)

    together = np.zeros(len(packed), bool)
    together[owners[shared]] = True
    if rules.exclusive:
        together |= [keys[::ENTRY_SIZE].count(TIER_NUMBER) > 1 for keys in packed]
    doubted = together.copy()
    held = [place for place, holders in enumerate(found) if holders is not None]
    doubted[owners[held]] = True
    signatures = list(added)
    arrival = _place(desk, signatures, packed, doubted, rules)
    arrival.together.update(signatures[at] for at in np.flatnonzero(together).tolist())
    _write(desk, keys, signatures, owners, doubted)
    for place in np.flatnonzero(doubted[owners]).tolist():
        arrival.lists[keys[place][1:]] = found[place] or b""
    return arrival


def _sorted(
    table: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The order of the keys, and places in it whose key may stand there twice."""
    first = np.ascontiguousarray(table[:, 1 : 1 + _SORTED_BYTES]).view(">u8").ravel()
    ranks = first.astype(np.uint64)
    order = np.argsort(ranks)
    again = np.flatnonzero(np.diff(ranks[order]) == 0)
    return order, np.concatenate((again, again + 1))


def _place(
    desk: Desk,
    signatures: list[bytes],
    packed: list[bytes],
    doubted: npt.NDArray[np.bool_],
    rules: Rules,
) -> Arrival:
    """Newcomers get their head; the rest is handed on."""
    arrival = Arrival()
    put, persons = desk.pending, arrival.persons
    plain, numbered = bytes((PLAIN,)), bytes((NUMBERED,))
    for signature, keys, other in zip(
        signatures, packed, doubted.tolist(), strict=True
    ):
        if other:
            arrival.others[signature] = keys
            continue
        mark = keys[:ENTRY_SIZE]
        strict = rules.exclusive and mark[0] == TIER_NUMBER
        put[SIGNATURES + signature] = (numbered if strict else plain) + mark + keys
        persons[signature] = person_of(mark)
    return arrival


def _write(
    desk: Desk,
    keys: list[bytes],
    signatures: list[bytes],
    owners: npt.NDArray[np.int64],
    doubted: npt.NDArray[np.bool_],
) -> None:
    """Newcomers hold their keys."""
    whose = np.array(signatures, object)[owners].tolist()
    if doubted.any():
        sure = np.flatnonzero(~doubted[owners]).tolist()
        desk.pending.update((keys[at], whose[at]) for at in sure)
    else:
        desk.pending.update(zip(keys, whose, strict=True))
