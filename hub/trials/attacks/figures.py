"""Attacks of a member who keeps every figure of every vintage.

Rules (docs/attacks.md): numbers are those of the list there. A guess is right if it is
the true count, rounded as a person would round it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from hub.core.cells import Cell, changes
from hub.core.disclosure.figures import Figure, Place
from hub.core.indicators.margins import RESIDUAL
from hub.core.indicators.plan import TOTAL
from hub.trials.attacks.outcome import Outcome
from hub.trials.attacks.scene import Scene, Truth, View, Vintage

MEMBER = "a member with every vintage"
SMALL_MOST = 2
SEXES = ("F", "M", RESIDUAL)


def _hit(guess: Fraction, truth: Cell) -> bool:
    return round(guess) == truth.n


def _largest(scene: Scene) -> float:
    """The greatest chance of any one step of noise in a crowded margin."""
    noise = scene.rule.noise
    assert noise is not None  # noqa: S101 - only policies with noise have scenes
    steps = [noise.at(1_000, drawn << 52) for drawn in range(1 << 12)]
    return max(map(steps.count, set(steps))) / len(steps)


def differencing(scene: Scene) -> Outcome:
    """1: a margin minus all the parts but one is the one that is left."""

    def tries(view: View, truth: Truth) -> Iterator[bool]:
        for place, parts in _groups(view):
            values = {part: view[part].value for part in parts}
            total = view[place].value
            known = [value for value in values.values() if value is not None]
            if total is None or len(known) < len(values):
                continue
            for part, value in values.items():
                if 0 < truth[part].n <= SMALL_MOST and value is not None:
                    yield _hit(total - sum(known) + value, truth[part])

    return _both("differencing", scene, tries, _largest(scene))


def averaging(scene: Scene) -> Outcome:
    """2: all readings of one count, weighted by their precision."""

    def tries(view: View, truth: Truth) -> Iterator[bool]:
        for place in view:
            if place.sex not in {"F", "M"} or truth[place].n <= SMALL_MOST:
                continue
            readings = list(_readings(view, place))
            if len(readings) > 1:
                weight = sum((Fraction(1, parts) for parts, _ in readings), Fraction(0))
                mean = sum((v / parts for parts, v in readings), Fraction(0)) / weight
                yield _hit(mean, truth[place])

    # All readings together have at least half of V: within ±1/2 of the truth with at
    # most this chance, V = 3 (normal, standard deviation 1.22).
    return _both("averaging", scene, tries, 0.32)


def change_oracle(scene: Scene) -> Outcome:
    """3 and 12: a figure that moved betrays the one or two records that moved it."""

    def tries(vintages: list[tuple[View, Truth]]) -> Iterator[bool]:
        for at, (old, _) in enumerate(vintages):
            for new, _ in vintages[at + 1 :]:
                for place in old.keys() & new.keys():
                    a, b = old[place], new[place]
                    if 0 < changes(a.cell, b.cell) < 3:
                        yield (a.value, a.status) != (b.value, b.status)

    seen = list(tries([(one.seen, one.truth) for one in scene.vintages]))
    plain = list(tries([(one.plain, one.truth) for one in scene.vintages]))
    moved = sum(
        1
        for at, old in enumerate(scene.vintages)
        for new in scene.vintages[at + 1 :]
        for place in old.truth.keys() & new.truth.keys()
        if 0 < changes(old.truth[place], new.truth[place]) < 3
    )
    return Outcome(
        name="change oracle, vintage difference",
        reader=MEMBER,
        tries=moved,
        hits=sum(seen),
        twin_tries=len(plain),
        twin_hits=sum(plain),
    )


def small_cells(scene: Scene) -> Outcome:
    """8: a one or a two, a negative, a zero that is none, a step that is too far."""
    js, d = scene.rule.js, scene.rule.d

    def tries(view: View, _truth: Truth) -> Iterator[bool]:
        for place, figure in view.items():
            value, n = figure.value, figure.cell.n
            if value is None or place.sex == TOTAL:
                continue
            wrong = value < 0 or 0 < value <= js or (n == 0 and value != 0)
            yield wrong or abs(value - n) > d

    return _both("small and zero cells", scene, tries, 0.0, twin=0.05)


def complement(scene: Scene) -> Outcome:
    """10 and 11: a hidden sex is the total minus the sexes that are shown."""

    def tries(view: View, truth: Truth) -> Iterator[bool]:
        for place, figure in view.items():
            if place.sex == TOTAL or figure.value is not None or not truth[place].n:
                continue
            total = view.get(place._replace(sex=TOTAL))
            others = [
                view[place._replace(sex=sex)].value for sex in SEXES if sex != place.sex
            ]
            known = [value for value in others if value is not None]
            if total is not None and total.value is not None:
                shown = len(known) == len(others)
                yield shown and _hit(total.value - sum(known), truth[place])

    def unprotected(vintage: Vintage) -> View:
        """A threshold alone: what is small is hidden, all else is the truth."""
        least = max(scene.rule.least, 11)
        return {
            place: Figure(value=None, status="Q", cell=figure.cell)
            if place.sex != TOTAL and 0 < figure.cell.n < least
            else figure
            for place, figure in vintage.plain.items()
        }

    seen = [hit for one in scene.vintages for hit in tries(one.seen, one.truth)]
    plain = [
        hit for one in scene.vintages for hit in tries(unprotected(one), one.truth)
    ]
    return Outcome(
        name="complementary suppression, residual sex",
        reader=MEMBER,
        tries=len(seen),
        hits=sum(seen),
        twin_tries=len(plain),
        twin_hits=sum(plain),
        twin_bound=0.1,
    )


def _both(
    name: str, scene: Scene, tries: object, bound: float, twin: float = 0.5
) -> Outcome:
    """An attack on single vintages, on what is seen and on what is plain."""
    assert callable(tries)  # noqa: S101 - a function of this module
    seen = [hit for one in scene.vintages for hit in tries(one.seen, one.truth)]
    plain = [hit for one in scene.vintages for hit in tries(one.plain, one.truth)]
    return Outcome(
        name=name,
        reader=MEMBER,
        tries=len(seen),
        hits=sum(seen),
        twin_tries=len(plain),
        twin_hits=sum(plain),
        bound=bound,
        twin_bound=twin,
    )


def _groups(view: View) -> Iterator[tuple[Place, list[Place]]]:
    """Every margin with the places it is made of, one dimension at a time."""
    parts: dict[Place, list[Place]] = {}
    for place in view:
        if place.sex == TOTAL:
            continue
        for name in ("d1", "d2"):
            if getattr(place, name) != TOTAL:
                whole = place._replace(**{name: TOTAL})
                parts.setdefault(whole, []).append(place)
    yield from ((whole, some) for whole, some in parts.items() if whole in view)


def _readings(view: View, place: Place) -> Iterator[tuple[int, Fraction]]:
    """The figure itself, and the sum of each published partition of its set."""
    figure = view[place].value
    if figure is not None:
        yield 1, figure
    free = [name for name in ("d1", "d2") if getattr(place, name) == TOTAL]
    cuts = [*((name,) for name in free), *([tuple(free)] if len(free) == 2 else [])]
    for names in cuts:
        parts = [
            one
            for one in view
            if (one.period, one.area, one.sex) == (place.period, place.area, place.sex)
            and all(getattr(one, name) != TOTAL for name in names)
            and all(
                getattr(one, name) == getattr(place, name)
                for name in ("d1", "d2")
                if name not in names
            )
        ]
        values = [view[one].value for one in parts]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            yield len(known), sum(known, Fraction(0))
