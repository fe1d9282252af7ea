"""The utility report: errors against the truth, what is hidden by sex, its limits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from hub.core.cells import WORD, ZERO, Cell
from hub.core.disclosure import rules
from hub.core.disclosure.figures import SMALL, Figure, Place, shown, suppressed
from hub.core.disclosure.hold import Past
from hub.core.disclosure.protect import protect
from hub.core.release import utility
from hub.core.release.utility import FIGURES_MIN
from tests.core import example

ODD = 0x9E3779B97F4A7C15
CATALOGUE = example.catalogue()
EVT = CATALOGUE.tables["EVT"]
FIRST = CATALOGUE.tables["FIRST"]
RULES = {name: rules.read(one) for name, one in CATALOGUE.policies.items()}
C = RULES["C"]


def place(number: int, sex: str = "F", d1: str = "A", d2: str = "B") -> Place:
    """A place of its own for each number."""
    return Place(period=f"{number:05}", area="TM", sex=sex, d1=d1, d2=d2)


def cell(n: int) -> Cell:
    """A cell of so many."""
    return replace(ZERO, n=n)


def table(
    errors: list[int], sex: str = "F", n: int = 100
) -> tuple[dict[Place, Figure], dict[Place, Cell]]:
    """Figures that miss a truth of `n` by the errors."""
    truth = {place(at, sex): cell(n) for at in range(len(errors))}
    figures = {
        place(at, sex): shown(n + error, truth[place(at, sex)])
        for at, error in enumerate(errors)
    }
    return figures, truth


def test_mean_error_and_share_changed() -> None:
    """A quarter of the figures misses by 2: 0.5 in the mean, 25 per cent changed."""
    figures, truth = table([2, 0, 0, 0] * (FIGURES_MIN // 4))

    found = utility.report(EVT, C, figures, truth)

    assert (found.mean_error, found.changed) == (0.5, 25.0)
    relative = utility.report(EVT, RULES["E"], figures, truth)
    assert relative.mean_error == 1.0  # half of one per cent of 100, rounded half up


def test_one_figure_cannot_be_seen_in_two_reports() -> None:
    """With the fewest figures, the greatest noise of one moves the mean by one step."""
    figures, truth = table([1] * FIGURES_MIN)
    other = dict(figures)
    other[place(0)] = shown(100 - C.d, truth[place(0)])

    before = utility.report(EVT, C, figures, truth)
    after = utility.report(EVT, C, other, truth)

    assert before.mean_error == after.mean_error == 1.0
    assert before.changed == after.changed


@pytest.mark.parametrize("number", [0, 1, FIGURES_MIN - 1])
def test_few_figures_tell_no_error(number: int) -> None:
    """Below the least number nothing that needs the truth is told."""
    found = utility.report(EVT, C, *table([3] * number))

    assert (found.mean_error, found.changed, found.female_share_error) == (None,) * 3


def test_a_sensitive_table_tells_only_what_anybody_counts() -> None:
    """Suppressed shares, and nothing else."""
    figures, truth = table([3] * FIGURES_MIN)
    figures[place(0)] = suppressed(SMALL, truth[place(0)])

    found = utility.report(EVT, RULES["T"], figures, truth)

    assert found == utility.Utility(suppressed_f=0.5)


def test_women_hidden_more_than_men_is_seen() -> None:
    """Two of four women's figures are hidden, none of the men's."""
    figures, truth = table([0] * 4)
    men, true_men = table([0] * 4, sex="M")
    for at in (0, 1):
        figures[place(at)] = suppressed(SMALL, truth[place(at)])

    found = utility.report(EVT, C, figures | men, truth | true_men)

    assert (found.suppressed_f, found.suppressed_m) == (50.0, 0.0)


def test_error_of_the_female_share() -> None:
    """110 of 210 instead of 100 of 200: 2.4 points."""
    women, true_women = table([10] * FIGURES_MIN)
    men, true_men = table([0] * FIGURES_MIN, sex="M")

    found = utility.report(EVT, C, women | men, true_women | true_men)

    assert found.female_share_error == 2.4


def test_a_margin_that_misses_its_parts_by_a_tenth() -> None:
    """Parts of 50 and 60 below a margin of 100."""
    whole = place(0, d1="_T", d2="_T")
    parts = [place(0, d1=code, d2="_T") for code in "AB"]
    figures = {whole: shown(100, cell(100))}
    figures |= {parts[0]: shown(50, cell(50)), parts[1]: shown(60, cell(50))}

    found = utility.report(EVT, C, figures, {p: f.cell for p, f in figures.items()})

    assert found.additivity_gap == 10.0


def test_the_real_noise_has_the_error_of_its_table() -> None:
    """Mean |v| of D5 V3 js2 at large counts is 1.38: the report of 4,000 figures."""
    truth = {
        place(at, sex): Cell(n=500, key=at * (3 if sex == "F" else 5) * ODD % WORD)
        for at in range(1, 2001)
        for sex in ("F", "M")
    }
    truth |= {p._replace(sex="_OUN"): ZERO for p in truth if p.sex == "F"}
    truth |= {p._replace(sex="_T"): ZERO for p in truth if p.sex == "F"}
    figures = protect(FIRST, C, truth, Past(), b"s" * 32)
    one_sex = {p: f for p, f in figures.items() if p.sex in "FM"}
    assert C.noise is not None
    row = [C.noise.at(500, at << 48) for at in range(1 << 16)]
    expected = Fraction(sum(map(abs, row)), len(row))

    found = utility.report(FIRST, C, one_sex, truth)

    assert found.mean_error == pytest.approx(float(expected), abs=0.1)
