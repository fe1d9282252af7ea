"""SEX adds up, and nothing hidden follows from what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.catalogue.model import Table
from hub.core.cells import Cell, add, negate
from hub.core.disclosure.figures import Figure
from hub.core.disclosure.hold import NOTHING
from hub.core.disclosure.protect import protect
from tests.core import example
from tests.core.disclosure.sets import (
    COUNTS,
    MONEY,
    RULES,
    SECRET,
    TABLES,
    UNIVERSE,
    cell,
    group,
    money,
    place,
    said,
    step,
)

AMOUNTS = [100 + 7 * at for at in range(UNIVERSE)]
KINDS = st.sampled_from(["C", "E", "T", "S", "mean"])
SIZES = st.tuples(st.integers(0, 25), st.integers(0, 25), st.integers(0, 25))


def table_of(kind: str) -> Table:
    """A table for a kind of figure."""
    return {"S": MONEY, "mean": TABLES["WAGE"], "E": TABLES["EVT"]}.get(kind, COUNTS)


def sets(sizes: tuple[int, int, int], shift: int = 0) -> list[list[int]]:
    """Three disjoint sets of ids."""
    found, at = [], shift
    for size in sizes:
        found.append([one % UNIVERSE for one in range(at, at + size)])
        at += size
    return found


def all_of(parts: list[list[int]]) -> list[int]:
    """The union of disjoint sets."""
    return [one for part in parts for one in part]


def figures(kind: str, parts: list[list[int]], whole: list[int]) -> dict[str, Figure]:
    """SEX → figure of disjoint sets and of all."""
    rule = RULES["S" if kind == "mean" else kind]
    made = [money(ids, AMOUNTS) for ids in (*parts, whole)]
    if kind == "E":
        made = [cell(ids, persons=len(ids), top1=1) for ids in (*parts, whole)]
    return group(table_of(kind), rule, made[:3], made[3])


@settings(deadline=None)
@given(KINDS, SIZES, st.integers(0, UNIVERSE))
def test_sexes_always_add_up(kind: str, sizes: tuple[int, int, int], at: int) -> None:
    """With F and M the total is their sum and the residual's; else no part is shown."""
    parts = sets(sizes, at)
    found = figures(kind, parts, all_of(parts))
    values = [found[sex].value for sex in ("F", "M", "_OUN")]

    if found["F"].value is None or found["M"].value is None:
        assert values == [None] * 3
        assert len({found[sex].conf for sex in ("F", "M", "_OUN")}) == 1
    elif kind != "mean":
        assert found["_T"].value == sum(value or 0 for value in values)
    else:
        shown = [value for value in values if value is not None]
        total = found["_T"].value
        assert total is not None
        assert min(shown) <= total <= max(shown)


@settings(deadline=None)
@given(KINDS, SIZES, SIZES, st.integers(0, UNIVERSE), st.integers(0, UNIVERSE))
def test_nothing_hidden_follows_from_the_group(
    kind: str, a: tuple[int, int, int], b: tuple[int, int, int], at: int, shift: int
) -> None:
    """What is shown does not depend on what is hidden, whatever that is.

    Two groups of one whole that both hide F or M look alike; a hidden residual may be
    any other hidden residual.
    """
    parts, others = sets(a, at), sets(b, shift)
    whole = all_of(parts)
    first = figures(kind, parts, whole)
    second = figures(kind, others, whole)
    if first["F"].value is None and second["F"].value is None:
        assert first["_T"].value == second["_T"].value
    mixed = figures(kind, [*parts[:2], others[2]], all_of(others))
    if mixed["_OUN"].value is None and first["_OUN"].value is None:
        assert [said(mixed[s]) for s in ("F", "M")] == [
            said(first[s]) for s in ("F", "M")
        ]
        if first["F"].value is not None:
            assert mixed["_T"].value == first["_T"].value


def test_a_hidden_part_of_a_sum_is_not_told_by_its_code() -> None:
    """One code for all: which of them is small is not said."""
    codes = {
        tuple(said(one) for sex, one in figures("T", sets(sizes), []).items())
        for sizes in ((3, 40, 40), (40, 3, 40), (40, 3, 3), (3, 3, 3))
    }

    assert codes == {("QA", "QA", "QA", "QA")}


@pytest.mark.parametrize(
    ("kind", "sizes", "expected"),
    [
        ("C", (0, 0, 0), "0 0 0 0"),
        ("T", (0, 0, 0), "QA QA QA QA"),
        ("T", (0, 40, 0), "QA QA QA own"),
        ("E", (0, 40, 0), "0 own 0 sum"),
        ("E", (40, 40, 3), "own own QA sum"),
        ("E", (3, 40, 40), "QA QA QA own"),
        ("T", (40, 40, 3), "own own QA sum"),
        ("S", (3, 40, 40), "QA QA QA own"),
        ("S", (40, 40, 3), "own own QA sum"),
        ("S", (0, 40, 0), "0 own 0 sum"),
        ("mean", (40, 40, 0), "own own QA own"),
        ("mean", (0, 40, 40), "QA QA QA own"),
    ],
)
def test_grid(kind: str, sizes: tuple[int, int, int], expected: str) -> None:
    """F, M, _OUN, _T: hidden, zero, a figure of its own, or the sum of the others."""
    parts = sets(sizes)
    found = figures(kind, parts, all_of(parts))

    for sex, word in zip(("F", "M", "_OUN", "_T"), expected.split(), strict=True):
        value = found[sex].value
        match word:
            case "own":
                assert value
            case "sum":
                assert value == sum(
                    found[part].value or 0 for part in ("F", "M", "_OUN")
                )
            case _:
                assert str(said(found[sex])) == word


def test_the_total_of_a_failing_group_has_its_own_noise() -> None:
    """Not the sum of hidden figures: the draw of the whole's key."""
    parts = sets((3, 40, 0))
    whole = cell(all_of(parts))
    found = figures("T", parts, all_of(parts))

    assert found["_T"].value == 43 + step(RULES["T"], 43, whole)


def test_dominance_is_named_only_if_nothing_is_small() -> None:
    """One dominated sex hides all as dominated; one small sex hides all as small."""
    table, rule = TABLES["EVT"], RULES["E"]
    fine = Cell(n=40, key=1, persons=40, top1=1)
    one_has_most = Cell(n=60, key=2, persons=20, top1=30)
    small = Cell(n=5, key=3, persons=5, top1=1)

    first = group(table, rule, [one_has_most, fine, fine], Cell())
    second = group(table, rule, [one_has_most, small, fine], Cell())

    assert [said(first[sex]) for sex in ("F", "M", "_OUN")] == ["QO"] * 3
    assert [said(second[sex]) for sex in ("F", "M", "_OUN")] == ["QA"] * 3


def test_a_fault_is_named_and_hides_its_group() -> None:
    """A negative sex alone bears N; the others are hidden with it."""
    found = group(COUNTS, RULES["C"], [Cell(n=-1), cell(range(40)), Cell()], Cell(n=39))

    assert [said(found[sex]) for sex in ("F", "M", "_OUN")] == ["QN", "QA", "QA"]
    assert found["_T"].value is not None


@given(st.permutations(range(40)), st.integers(1, 12))
def test_order_and_partition_leave_no_trace(order: list[int], partitions: int) -> None:
    """Any order and any number of partitions give the same figure; retraction too."""
    shares = [order[at::partitions] for at in range(partitions)]
    whole = Cell()
    for share in shares:
        whole = add(add(whole, cell(share)), cell([99]))
        whole = add(whole, negate(cell([99])))

    expected = protect(COUNTS, RULES["C"], {place(): cell(range(40))}, NOTHING, SECRET)
    assert protect(COUNTS, RULES["C"], {place(): whole}, NOTHING, SECRET) == expected


def test_the_same_set_has_the_same_figure_in_every_table() -> None:
    """Table, place, period and frequency do not enter the draw."""
    found = set()
    for table, period in ((COUNTS, "2025"), (TABLES["AGED"], "2031")):
        for area in ("TM", "TM-A"):
            at = {place("F", period, area=area): cell(range(33))}
            shown = protect(table, RULES["C"], at, NOTHING, SECRET)
            found.add(shown[place("F", period, area=area)].value)

    assert len(found) == 1


def test_open_policy_shows_everything_but_an_empty_mean() -> None:
    """Prices are no persons; a mean of nothing is missing, not zero."""
    price = example.table(
        "PRICE", measure=TABLES["WAGE"].measure, sex=False, policy="N"
    )
    one = protect(price, RULES["N"], {place(): Cell(n=2, total=7)}, NOTHING, b"")
    none = protect(price, RULES["N"], {place(): Cell()}, NOTHING, b"")

    assert str(one[place()].value) == "7/2"
    assert (none[place()].value, none[place()].status) == (None, "O")
