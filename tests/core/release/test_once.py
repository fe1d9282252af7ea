"""What release refuses by itself, with the reason, and of which nothing goes out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from functools import cache
from typing import Any

import polars as pl
import pytest

from hub.core import avro, bundle, cells
from hub.core.bundle import Bundle, Held
from hub.core.catalogue.model import Catalogue
from hub.core.disclosure.figures import INTERNAL
from hub.core.ending import Ending
from hub.core.errors import InvalidError
from hub.core.keys import KeyRegistry
from hub.core.log import Send
from hub.core.messages import Close, Notice, decode, verify
from hub.core.release import Release
from hub.core.skips import Approval, Skips, Undone, read_skips
from hub.core.state import Memory
from hub.core.topics import NOTICES
from tests.core.facts_log import CATALOGUE, CELLS_KEY, Message
from tests.core.release import cuts
from tests.core.release.cuts import close, crossings, manifests, published, sent

YEAR: dict[str, list[dict[str, Any]]] = {
    "crossing": [*crossings("F", 40), *crossings("M", 30)],
    "declaration": cuts.declarations(),
}
MORE: Message = {"crossing": crossings("F", 9, first=40)}
FIRST = close("a", created_ms=1_000)


def after_first(
    second: Close, *between: Message, stage: Release | None = None
) -> tuple[Memory, list[Send]]:
    """What a cut sends after one of the whole year under P."""
    whole = cuts.cells_log([YEAR, FIRST, *between, second])
    stage = stage or cuts.release()
    memory, results = cuts.step(stage, whole)
    return memory, sent(results)[sends_of_first() :]


@cache
def sends_of_first() -> int:
    """How many messages the first cut sends."""
    _, results = cuts.step(cuts.release(), cuts.cells_log([YEAR, FIRST]))
    return len(sent(results))


def notices(sends: list[Send]) -> list[Notice]:
    """What the operator is told, each verified."""
    found = [decode(one.value or b"") for one in sends if one.topic == NOTICES]
    told = [one for one in found if isinstance(one, Notice)]
    for one in told:
        verify(one, cuts.SIGNER.private.public_key())
    return told


def refused(sends: list[Send]) -> str:
    """The reason of a cut of which nothing else went out."""
    [notice] = notices(sends)
    assert len(sends) == 1
    assert (notice.kind, notice.manifests) == ("refused", ())
    return notice.reason.decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "vintage P of .*2025.*release 61616161.* stands; withdraw it"),
        ({"period": "2025-02"}, "vintage P of EVT, 2025-02"),
        ({"tables": ("RATE", "EVT")}, "vintage P of .* stands"),
        ({"vintage": "R", "created_ms": 999}, "dated 1970.*clock.*went back"),
    ],
)
def test_a_second_release_is_refused_whole(changes: dict[str, Any], why: str) -> None:
    """Other figures under a letter that stands, or an earlier date."""
    second = close("b", **{"created_ms": 2_000, **changes})
    memory, sends = after_first(second, MORE)

    assert not [key for key in memory.entries if key[:1] in b"bmkn"]
    found = refused(sends)
    assert re.search(why, found), found


def test_an_earlier_letter_does_not_follow_a_later_one() -> None:
    """P after F would say that final figures were not final."""
    last, early = close("a", vintage="F"), close("b", created_ms=10**15)
    log = cuts.cells_log([YEAR, last, MORE, early])
    _, results = cuts.step(cuts.release(), log)

    [notice] = notices(sent(results))
    assert "P comes before F" in notice.reason.decode()


def test_what_is_refused_leaves_no_trace_in_what_follows() -> None:
    """The next vintage is, to the byte, what it would have been."""
    third = close("c", vintage="R", created_ms=3_000)
    with_refusal = cuts.cells_log([YEAR, FIRST, MORE, close("b"), third])
    without = cuts.cells_log([YEAR, FIRST, MORE, third])
    _, one = cuts.step(cuts.release(), with_refusal)
    _, other = cuts.step(cuts.release(), without)

    assert [s for s in sent(one) if s.topic != NOTICES] == sent(other)
    assert len(notices(sent(one))) == 1


def undone(tables: list[str]) -> Held:
    """Bundles of which the second takes the first release back."""
    first = Bundle(catalogue=CATALOGUE, registry=KeyRegistry(keys={}))
    gone = [Undone(marker=FIRST.marker, table=name) for name in tables]
    skips = Skips().with_undone(gone)
    return Held([first, first.successor(CATALOGUE, KeyRegistry(keys={}), skips)])


def test_what_was_taken_back_may_be_released_again() -> None:
    """The withdrawal stands in the bundle of the cut, table by table."""
    bundles = undone(["EVT"])
    config = bundles.held()[-1]
    for tables, goes in ((("EVT",), True), (("EVT", "FIRST"), False)):
        second = Ending(
            close=close("b", tables=tables, created_ms=2_000), config=config
        )
        stage = Release(
            bundles, cells_key=CELLS_KEY, secret=b"s" * 32, signer=cuts.SIGNER
        )
        both = cuts.Apart(mobility=second, none=second)
        _, results = cuts.step(
            stage, cuts.cells_log([YEAR, FIRST, MORE, both], bundles)
        )
        again = [one for one in manifests(sent(results)) if one.marker == b"b" * 16]
        assert [one.table for one in again] == (["EVT"] if goes else [])
        assert bool(notices(sent(results))) is not goes


def test_a_table_that_repeats_is_not_asked() -> None:
    """Trials close one month many times."""
    dates = replace(CATALOGUE.calendar, repeated=frozenset({"*"}))
    stage = cuts.release(replace(CATALOGUE, calendar=dates))
    _, sends = after_first(close("b", created_ms=2_000), MORE, stage=stage)

    assert manifests(sends)


def negated(memory: Memory) -> None:
    """Every stock in the snapshot rows that are held, with the other sign."""
    for kind in (b"b", b"m"):
        for key, value in list(memory.scan(kind)):
            frame = avro.frame(
                value[4:], cells.SCHEMA, rows_max=10_000, bytes_max=1 << 24
            )
            n = pl.when(pl.col("table") == "STK").then(-pl.col("n"))
            frame = frame.with_columns(n.otherwise(pl.col("n")).alias("n"))
            memory.entries[key] = value[:4] + avro.container(frame, cells.SCHEMA)


def test_a_negative_stock_is_a_fault_and_not_a_figure() -> None:
    """Fewer than nobody: hidden with the reason N; every other table stands."""
    row = {"citizenship": "KAZ", "area": "TM-M", "birth_year": 1990, "sign": 1}
    since = {"since": dt.date(2025, 2, 1), "until": dt.date(2027, 1, 1)}
    stays = [
        {**row, **since, "sex": sex, "person": f"{sex}{at}", "record": f"{sex}{at}"}
        for sex in "FM"
        for at in range(20)
    ]
    sends = cuts.cells_log([{**YEAR, "stay": stays}, FIRST])
    stage = cuts.release()
    memory, _ = cuts.step(stage, sends[:-1])
    negated(memory)
    _, results = cuts.step(stage, sends[-1:], memory=memory, first=len(sends) - 1)

    found = published(sent(results), "STK").values()
    assert {(one.value, one.status) for one in found if one.conf == INTERNAL} == {
        (None, "Q")
    }
    assert not [one for one in found if (one.value or 0) != 0]
    assert published(sent(results), "EVT")["M.TM.F._T._T 2025-02 P"].value


def wrong(**params: float) -> Catalogue:
    """The catalogue with other numbers of policy C."""
    policy = CATALOGUE.policies["C"]
    changed = replace(policy, params={**policy.params, **params})
    return replace(CATALOGUE, policies={**CATALOGUE.policies, "C": changed})


@pytest.mark.parametrize(
    ("catalogue", "why"),
    [
        (wrong(V=0), "policy C: V = 0: a variance above 0"),
        (wrong(D=1, js=5), "policy C"),
        (wrong(hold=0), "policy C: hold = 0"),
        (
            replace(
                CATALOGUE,
                policies={k: v for k, v in CATALOGUE.policies.items() if k != "E"},
            ),
            "table EVT: its policy 'E' is not in the catalogue",
        ),
        (
            replace(CATALOGUE, calendar=replace(CATALOGUE.calendar, approval="nobody")),
            "approval = 'nobody' is no member",
        ),
    ],
)
def test_what_cannot_be_kept_stops_release_at_its_start(
    catalogue: Catalogue, why: str
) -> None:
    """Impossible numbers, a missing policy, an approver that is not there."""
    with pytest.raises(InvalidError, match=why):
        cuts.release(catalogue)


def test_nothing_is_in_force_before_a_bundle() -> None:
    """The name of no bundle is older than every other."""
    assert undone(["EVT"]).get(bundle.NONE).number == 1


def test_words_about_releases_stand_in_the_list_of_skips() -> None:
    """They come back whole; a list without them has the digest that it had before."""
    plain = Skips()
    gone = Undone(marker=b"m" * 16, table="EVT")
    word = Approval(
        marker=b"m" * 16,
        digest=b"d" * 32,
        key_id="stat-1",
        created_ms=7,
        signature=b"s" * 64,
    )
    full = plain.with_undone([gone, gone]).with_approval(word).with_approval(word)

    assert plain.text() == '{"cuts": [],\n"messages": []}\n'
    assert read_skips(full.text()) == full
    assert (full.undone, full.approved) == ((gone,), (word,))
    assert full.holds(plain)
    assert not plain.holds(full)
