"""Release that lost its state says again, to the byte, what it said before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.core.log import Send
from hub.core.state import Memory
from tests.core.facts_log import Message
from tests.core.release import cuts
from tests.core.release.cuts import Apart, close, crossings, manifests, sent

YEAR: dict[str, list[dict[str, Any]]] = {
    "crossing": [*crossings("F", 40), *crossings("M", 30)],
    "declaration": cuts.declarations(),
}
LATER: Message = {"crossing": crossings("F", 2, first=40)}
GONE: Message = {"crossing": [{**one, "sign": -1} for one in crossings("M", 1)]}
MORE: Message = {"crossing": crossings("F", 9, first=50)}
P = close("p", created_ms=1_000)
AGAIN = replace(P, marker=b"x" * 16, created_ms=1_500)
"""Refused, and refused again when it is told once more."""
R = close("r", vintage="R", created_ms=2_000)
F = close("f", vintage="F", created_ms=3_000)
STEPS: list[Message | Apart] = [YEAR, P, LATER, AGAIN, GONE, R, MORE, F]


def test_a_lost_state_gives_the_same_bytes() -> None:
    """Three vintages that hold one another, a refusal; wiped after any of them."""
    log = cuts.cells_log(STEPS)
    memory, results = cuts.step(cuts.release(), log, [1] * len(log))
    expected = sent(results)
    ends = [at + 1 for at, result in enumerate(results) if result.sends]

    assert len(ends) == 4
    assert {one.vintage for one in manifests(expected)} == {"P", "R", "F"}
    for end in ends:
        # The worker dies with its disk behind this message; another begins anew.
        again, told = _folded(log[:end], Memory())
        rest, more = _folded(log[end:], again, first=end)
        assert told + more == expected
        assert rest.entries == memory.entries


def _folded(
    log: list[Send], memory: Memory, first: int = 0
) -> tuple[Memory, list[Send]]:
    """Chunks of another size than before."""
    after, results = cuts.step(
        cuts.release(), log, [5, 3, 11], memory=memory, first=first
    )
    return after, sent(results)


@pytest.mark.parametrize("lost", [b"p", b"s"])
def test_a_part_of_the_state_is_not_made_up(lost: bytes) -> None:
    """The twin: without the ledger, or what stands, other figures would go out."""
    log = cuts.cells_log(STEPS)
    middle = len(log) // 2
    memory, results = cuts.step(cuts.release(), log[:middle])
    before = sent(results)
    torn = Memory({k: v for k, v in memory.entries.items() if k[:1] != lost})
    _, whole = _folded(log[middle:], memory, first=middle)
    _, other = _folded(log[middle:], torn, first=middle)

    assert before
    assert whole != other
