"""A cut becomes whole, is protected, and is published once and for all."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from hub.core import observation
from hub.core.bundle import only
from hub.core.errors import EnvelopeError, InvalidError, LogError
from hub.core.log import Send
from hub.core.messages import Close
from hub.core.release import Release
from hub.core.state import Memory
from hub.core.topics import VINTAGES
from tests.core.facts_log import CATALOGUE, CELLS_KEY
from tests.core.release.cuts import (
    SIGNER,
    cells_log,
    close,
    crossings,
    declarations,
    manifests,
    published,
    release,
    sent,
    step,
)

POPULATION = [
    {"record": f"pop{sex}", "year": "2025", "sex": sex, "value": value, "sign": 1}
    for sex, value in (("F", 2000), ("M", 1000))
]
YEAR: dict[str, list[dict[str, Any]]] = {
    "crossing": [*crossings("F", 40), *crossings("M", 30), *crossings("_U", 3)],
    "population": POPULATION,
    "declaration": declarations(),
}


def values(sends: list[Send], name: str, period: str, codes: str) -> dict[str, Any]:
    """SEX → (value, status) of one place of a table; ``{}`` stands for SEX."""
    found = published(sends, name)
    shown = {}
    for sex in ("F", "M", "_OUN", "_T"):
        one = found.get(f"{codes.format(sex)} {period} P")
        if one is not None:
            shown[sex] = (one.value, one.status, one.conf)
    return shown


def around(number: float, off: float = 5) -> tuple[Any, str, str]:
    """A figure that may be seen, at most `off` from the truth."""
    return (pytest.approx(number, abs=off), "P", "F")


def test_sexes_add_up_and_the_residual_hides_itself() -> None:
    """F and M stand, three unknown are hidden, the total is F + M, everywhere."""
    _, results = step(release(), cells_log([YEAR, close()]))
    sends = sent(results)

    pictures = [
        values(sends, "EVT", "2025-02", codes)
        for codes in ("M.TM.{}.ENTRY.KZ", "M.TM.{}._T._T", "M.TM-A.{}.ENTRY._T")
    ]
    found = pictures[0]
    assert found == {
        "F": around(40),
        "M": around(30),
        "_OUN": (None, "Q", "A"),
        "_T": (found["F"][0] + found["M"][0], "P", "F"),
    }
    # The same persons have the same noise wherever they stand.
    assert pictures == [found] * 3
    assert values(sends, "EVT", "2025-03", "M.TM.{}._T._T")["_T"] == (0.0, "P", "F")


def test_a_failing_sex_leaves_only_the_total() -> None:
    """Ten women are not told by subtraction: no part is shown."""
    year = {**YEAR, "crossing": [*crossings("F", 10), *crossings("M", 30)]}
    _, results = step(release(), cells_log([year, close()]))

    assert values(sent(results), "EVT", "2025-02", "M.TM.{}._T._T") == {
        "F": (None, "Q", "A"),
        "M": (None, "Q", "A"),
        "_OUN": (None, "Q", "A"),
        "_T": around(40),
    }


def test_distinct_persons_decide_and_not_events() -> None:
    """Thirty crossings of one woman are one contributor."""
    rows = [
        row | {"person": "one", "record": f"one{at}"}
        for at, row in enumerate(crossings("F", 30))
    ]
    _, results = step(release(), cells_log([{**YEAR, "crossing": rows}, close()]))

    found = values(sent(results), "EVT", "2025-02", "M.TM.{}._T._T")

    assert {code: status for code, (_, status, _) in found.items()} == dict.fromkeys(
        ("F", "M", "_OUN", "_T"), "Q"
    )


def test_a_rate_comes_from_published_components() -> None:
    """What is published of 40, of 2,000; below 30 or without a whole it is hidden."""
    _, results = step(release(), cells_log([YEAR, close()]))
    sends = sent(results)

    first = values(sends, "FIRST", "2025", "A.TM.{}._T._T")
    f, m, total = (first[sex][0] for sex in ("F", "M", "_T"))
    rate = (pytest.approx(m, abs=0.05), "P", "F") if m >= 30 else (None, "Q", "A")
    assert values(sends, "RATE", "2025", "A.TM.{}") == {
        "F": (pytest.approx(f / 2, abs=0.05), "P", "F"),
        "M": rate,
        "_OUN": (None, "Q", "A"),
        "_T": (pytest.approx(total / 3, abs=0.05), "P", "F"),
    }


def test_an_undeclared_month_is_missing_and_never_a_fall() -> None:
    """Without March's declaration March, its quarter and the year are missing."""
    months = [f"2025-{month:02}" for month in range(1, 13) if month != 3]
    year = {**YEAR, "declaration": declarations("crossing stay", months)}
    _, results = step(release(), cells_log([year, close()]))
    sends = sent(results)

    missing = (None, "O", "F")
    assert set(values(sends, "EVT", "2025-03", "M.TM.{}._T._T").values()) == {missing}
    assert set(values(sends, "STK", "2025-Q1", "Q.TM.{}._T").values()) == {missing}
    assert set(values(sends, "FIRST", "2025", "A.TM.{}._T._T").values()) == {missing}
    assert set(values(sends, "RATE", "2025", "A.TM.{}").values()) == {missing}
    assert values(sends, "EVT", "2025-02", "M.TM.{}._T._T")["F"] == around(40)
    assert not values(sends, "FIRST", "2025", "A.TM.{}.KZ._T")


def test_completeness_is_declared_in_time_over_due() -> None:
    """Sms declared one of its two flows for March; late ones do not count."""
    rows = declarations("stay", ["2025-02", "2025-03"])
    rows += declarations("crossing", ["2025-02"])
    rows += [{**row, "late_days": 21} for row in declarations("transfer", ["2025-02"])]
    _, results = step(release(), cells_log([{"declaration": rows}, close()]))
    found = published(sent(results), "CMP")

    assert {
        key: one.value
        for key, one in found.items()
        if key[-9:-2] in {"2025-02", "2025-03"}
    } == {
        "M.TM._T.sms 2025-02 P": 100.0,
        "M.TM._T.sms 2025-03 P": 50.0,
        "M.TM._T.mef 2025-02 P": 0.0,
        "M.TM._T.mef 2025-03 P": 0.0,
        "M.TM._T._T 2025-02 P": 50.0,
        "M.TM._T._T 2025-03 P": 25.0,
    }


def test_stocks_cumulate_from_before_the_year() -> None:
    """A permit of 2023 counts until it ends; one of June from the second quarter."""
    row = {"citizenship": "KAZ", "area": "TM-M", "birth_year": 1990, "sign": 1}
    stays = [
        {**row, "sex": sex, "person": f"{sex}{at}", "record": f"{sex}{at}"}
        | {"since": since, "until": dt.date(2025, 8, 1)}
        for sex, since in (("F", dt.date(2023, 5, 1)), ("M", dt.date(2025, 6, 1)))
        for at in range(20)
    ]
    _, results = step(release(), cells_log([{**YEAR, "stay": stays}, close()]))
    sends = sent(results)

    shown = [
        {s: v[0] for s, v in values(sends, "STK", q, "Q.TM-M.{}.KZ").items()}
        for q in ("2025-Q1", "2025-Q2", "2025-Q3")
    ]
    f, m = shown[0]["F"], shown[1]["M"]
    assert (f, m) == (pytest.approx(20, abs=5), pytest.approx(20, abs=5))
    assert shown == [
        {"F": f, "M": 0.0, "_OUN": 0.0, "_T": f},
        {"F": f, "M": m, "_OUN": 0.0, "_T": f + m},
        {},
    ]
    assert values(sends, "STK", "2025-Q3", "Q.TM.{}._T")["_T"] == (0.0, "P", "F")


def test_a_mean_is_a_mean_of_contributors() -> None:
    """Published sum over published count; the total is made of those of the parts."""
    rows = [
        *(row | {"wage": 100} for row in crossings("F", 20)),
        *(row | {"wage": 400} for row in crossings("M", 40)),
    ]
    _, results = step(release(), cells_log([{**YEAR, "crossing": rows}, close()]))

    found = values(sent(results), "WAGE", "2025", "A.TM.{}")

    assert found == {
        "F": around(100, 40),
        "M": around(400, 75),
        "_OUN": (None, "Q", "A"),
        "_T": around(300, 60),
    }
    assert found["F"][0] < found["_T"][0] < found["M"][0]


@pytest.mark.parametrize("sizes", [[1] * 40, [3, 7, 2], []])
def test_the_same_marker_gives_the_same_bytes(sizes: list[int]) -> None:
    """Messages and state do not depend on chunks."""
    sends = cells_log([YEAR, close()])
    memory, results = step(release(), sends, sizes)
    again, expected = step(release(), sends)

    assert sent(results) == sent(expected)
    assert memory.entries == again.entries


def test_nothing_goes_out_before_the_cut_is_whole() -> None:
    """One partition's "complete" less: no observation, no manifest."""
    sends = cells_log([YEAR, close()])
    memory, results = step(release(), sends[:-1])

    assert sent(results) == []
    assert list(memory.scan(b"n"))
    _, whole = step(release(), sends)
    topics = [send.topic for send in sent(whole)]
    first = topics.index(VINTAGES)
    assert set(topics[first:]) == {VINTAGES}
    assert VINTAGES not in topics[:first]


def test_a_manifest_verifies_what_was_got() -> None:
    """Count, digest and signature hold; one changed figure breaks the digest."""
    _, results = step(release(), cells_log([YEAR, close()]))
    sends = sent(results)
    vintage = next(one for one in manifests(sends) if one.table == "EVT")
    found = list(published(sends, "EVT").values())

    observation.verify(vintage, SIGNER.private.public_key())
    assert vintage.observations == len(found)
    assert vintage.digest == observation.digest(reversed(found))
    assert vintage.digest != observation.digest(found[1:])


def test_later_vintages_see_what_was_published() -> None:
    """A cell that emptied is shown as zero in the next vintage, not left standing."""
    gone = [{**row, "sign": -1} for row in YEAR["crossing"]]
    second = close("n", vintage="F", created_ms=9)
    steps: list[dict[str, list[dict[str, Any]]] | Close] = [
        YEAR,
        close(),
        {"crossing": gone},
        second,
    ]
    _, results = step(release(), cells_log(steps))
    found = published(sent(results), "EVT")

    before = found["M.TM.F.ENTRY.KZ 2025-02 P"]
    after = found["M.TM.F.ENTRY.KZ 2025-02 F"]
    assert before.value == pytest.approx(40, abs=5)
    assert before.status == "P"
    assert (after.value, after.status, after.released_ms) == (0.0, "A", 9)


@pytest.mark.parametrize(("more", "moves"), [(2, False), (3, True)])
def test_a_vintage_moves_with_the_third_record(more: int, moves: bool) -> None:
    """Two late records change nothing that is published; three move what they touch."""
    late = crossings("F", more, first=40)
    second = close("n", vintage="F", created_ms=9)
    steps: list[dict[str, list[dict[str, Any]]] | Close] = [YEAR, close()]
    _, results = step(release(), cells_log([*steps, {"crossing": late}, second]))
    sends = sent(results)
    _, alone = step(
        release(),
        cells_log([{**YEAR, "crossing": YEAR["crossing"] + late}, close()]),
    )

    for name, series in (("EVT", "M.TM.F.ENTRY.KZ 2025-02"), ("FIRST", YEARLY)):
        found, fresh = published(sends, name), published(sent(alone), name)
        told = fresh if moves else found
        assert found[f"{series} F"].value == told[f"{series} P"].value
        assert found[f"{series} F"].status == "A"


YEARLY = "A.TM.F.KZ._T 2025"


def test_a_missing_vintage_does_not_loosen_the_hold() -> None:
    """A declaration withdrawn and given again: the first figure is still what binds."""
    march = [one for one in YEAR["declaration"] if one["period"] == "2025-02"]
    taken = [{**one, "sign": -1} for one in march]
    steps: list[dict[str, list[dict[str, Any]]] | Close] = [
        YEAR,
        close(),
        {"declaration": taken},
        close("n", vintage="R"),
        {"declaration": march, "crossing": crossings("F", 2, first=40)},
        close("o", vintage="F"),
    ]
    _, results = step(release(), cells_log(steps))
    found = published(sent(results), "EVT")
    first, gap, last = (found[f"M.TM.F._T._T 2025-02 {v}"] for v in "PRF")

    assert (gap.value, gap.status) == (None, "O")
    assert last.value is not None
    assert last.value == first.value


def test_a_place_of_zeros_stands_nowhere() -> None:
    """One or two persons published as 0 would show that somebody is there."""
    shown = set()
    for at in range(6):
        row = crossings("F", at + 1, first=at, citizenship="UZB")
        year = {**YEAR, "crossing": [*YEAR["crossing"], *row]}
        _, results = step(release(), cells_log([year, close(tables=("FIRST",))]))
        found = values(sent(results), "FIRST", "2025", "A.TM.{}.UZ.Y_GE18")
        shown.add(found["F"][0] if found else None)

    assert None in shown
    assert not shown & {0.0, 1.0, 2.0}


def test_another_secret_or_other_numbers_break_the_series() -> None:
    """The next vintage and the next year are marked; the one after that is not."""
    memory, _ = step(release(), cells_log([YEAR, close()]))
    bundles = only(CATALOGUE)
    other = Release(bundles, cells_key=CELLS_KEY, secret=b"t" * 32, signer=SIGNER)
    # The same places of the log are new messages to a state that has seen none of them.
    kept = Memory({k: v for k, v in memory.entries.items() if k[:1] == b"p"})
    marked = close("n", vintage="R")
    kept, results = step(other, cells_log([YEAR, marked]), memory=kept)
    again = Memory({k: v for k, v in kept.entries.items() if k[:1] == b"p"})
    _, later = step(other, cells_log([YEAR, close("o", vintage="F")]), memory=again)

    found = published(sent(results), "EVT")
    assert found["M.TM.F._T._T 2025-02 R"].status == "B"
    assert found["M.TM._OUN._T._T 2025-02 R"].status == "Q"
    assert published(sent(results), "RATE")["A.TM.F 2025 R"].status == "B"
    assert published(sent(results), "CMP")["M.TM._T.sms 2025-02 R"].status == "P"
    assert published(sent(later), "EVT")["M.TM.F._T._T 2025-02 F"].status == "A"


def test_impossible_numbers_stop_release_at_its_start() -> None:
    """A policy that cannot keep its promise publishes nothing."""
    wrong = {**CATALOGUE.policies}
    wrong["C"] = replace(wrong["C"], params={**wrong["C"].params, "hold": 4})

    with pytest.raises(InvalidError, match="policy C: hold = 4"):
        release(replace(CATALOGUE, policies=wrong))


def test_a_released_marker_is_not_released_again() -> None:
    """The same marker once more changes nothing."""
    once, _ = step(release(), cells_log([YEAR, close()]))
    _, results = step(release(), cells_log([YEAR, close(), close()]))

    assert len(manifests(sent(results))) == len({t.id for t in public()})
    assert not list(once.scan(b"m"))


def test_only_the_marker_s_tables_are_published() -> None:
    """A rate alone brings its components' cells, not their figures."""
    marker = close(tables=("RATE",))
    _, results = step(release(), cells_log([YEAR, marker]))
    sends = sent(results)

    assert {send.topic for send in sends} == {"indicators.RATE", VINTAGES}
    assert values(sends, "RATE", "2025", "A.TM.{}")["F"] == around(20, 2.5)


def test_sensitive_tables_show_every_place() -> None:
    """An empty place and a small one look alike."""
    _, results = step(release(), cells_log([YEAR, close()]))
    found = published(sent(results), "CHILDREN")

    series = {key.split()[0] for key in found}
    assert series == {
        f"M.TM.{sex}.{code}"
        for sex in ("F", "M", "_OUN", "_T")
        for code in ("Y0T4", "Y5T17", "_U", "_T")
    }


def test_lost_snapshot_rows_stop_the_partition() -> None:
    """A snapshot with fewer rows than it says is a fault of the log."""
    sends = cells_log([YEAR, close()])
    stage, memory, at = release(), Memory(), 0
    while not list(memory.scan(b"b")):
        step(stage, sends[at : at + 1], memory=memory, first=at)
        at += 1
    key, value = next(iter(memory.scan(b"b")))
    memory.entries[key] = bytes(4) + value[4:]

    with pytest.raises(LogError, match="snapshot rows"):
        step(stage, sends[at:], memory=memory, first=at)


def test_another_key_does_not_verify() -> None:
    """A manifest changed after signing is refused."""
    _, results = step(release(), cells_log([YEAR, close()]))
    vintage = manifests(sent(results))[0]
    other = observation.sign(vintage, SIGNER.private)
    forged = observation.Vintage(
        **{name: getattr(other, name) for name in other.__slots__ if name != "period"},
        period="2024",
    )

    with pytest.raises(EnvelopeError, match="not signed"):
        observation.verify(forged, SIGNER.private.public_key())


def public() -> list[Any]:
    """Tables that are published."""
    return [table for table in CATALOGUE.tables.values() if not table.internal]
