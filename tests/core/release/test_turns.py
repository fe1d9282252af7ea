"""Cuts are released in turn; void ones are forgotten; absent ministries are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hub.core.bundle import NONE
from hub.core.ending import Absent, Ending
from hub.core.log import ROW_LAST, Coordinate, Send
from hub.core.messages import Block, BlockHeader, decode, decode_as
from tests.core.release import cuts
from tests.core.release.cuts import (
    Apart,
    close,
    crossings,
    declarations,
    manifests,
    sent,
)

YEAR: dict[str, list[dict[str, Any]]] = {
    "crossing": [*crossings("F", 40), *crossings("M", 30)],
    "declaration": declarations(),
}
FIRST, SECOND = close("a"), close("b", tables=("VOL",), vintage="R")


def late(sends: Sequence[Send]) -> list[Send]:
    """The same messages, those of MOBILITY after all others."""

    def of_mobility(send: Send) -> bool:
        block = decode(send.value or b"")
        assert isinstance(block, Block)
        topic = decode_as(BlockHeader, block.header).source.topic
        return topic == "hub.facts.MOBILITY"

    return sorted(sends, key=of_mobility)


def released(sends: Sequence[Send]) -> tuple[list[bytes], list[int]]:
    """Markers in the order of release, and after which messages that was."""
    memory, results = cuts.step(cuts.release(), sends, [1] * len(sends))
    order = [one.marker for one in manifests(sent(results))]
    places = [at for at, result in enumerate(results) if result.sends]
    assert not [key for key in memory.entries if key[:1] in b"bmkn"]
    return list(dict.fromkeys(order)), places


def test_a_later_cut_never_overtakes_an_earlier_one() -> None:
    """A cut of one domain waits for the cut of two domains that came before it."""
    sends = late(cuts.cells_log([YEAR, FIRST, SECOND]))
    order, places = released(sends)

    assert order == [FIRST.marker, SECOND.marker]
    # Half of the messages are of NONE, and all that the second cut needs.
    assert min(places) > len(sends) // 2


def test_a_void_marker_lets_the_next_cut_go_on() -> None:
    """Void in one domain and complete in the other, it is released nowhere."""
    whole = Ending(close=FIRST, config=NONE)
    void = replace(whole, void=True)
    for endings in (
        Apart(mobility=void, none=whole),
        Apart(mobility=whole, none=void),
    ):
        sends = cuts.cells_log([YEAR, endings, SECOND])
        assert released(sends)[0] == released(late(sends))[0] == [SECOND.marker]


def test_a_ministry_that_is_left_out_is_missing_and_not_a_fall() -> None:
    """Every period of its dataflow is missing; the other dataflows stand."""
    absent = Absent(
        source="ministry.sms.crossing/0", to=Coordinate(offset=3, row=ROW_LAST)
    )
    whole = Ending(close=FIRST, config=NONE)
    left = replace(whole, absent=(absent,))
    sends = cuts.cells_log([YEAR, Apart(mobility=left, none=whole)])
    _, results = cuts.step(cuts.release(), sends)
    said = sent(results)
    figures = [*cuts.published(said, "EVT").values()]
    stays = [*cuts.published(said, "STK").values()]

    assert {one.status for one in figures} == {"O"}
    assert "O" not in {one.status for one in stays}
